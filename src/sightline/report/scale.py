"""The scale of the first screen as inline SVG: bars with intervals between 0, blind to the patient, and 1, an expert.

Each row of a table has an SVG of its own, as wide as its cell; positions are percentages of the same axis, so that rows
line up and text and marks keep their size on any screen. Nothing is drawn of a number that is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sightline.report import digits
from sightline.report.html import escaped

MARKS = {  # by the answer; colour is never the only difference
    "yes": '<circle r="6"/>',
    "no": '<path d="M-5-5 5 5M-5 5 5-5"/>',
    "prior": '<path d="M0-7 7 0 0 7-7 0z"/>',
    "open": '<circle r="5.2" class="hollow"/>',
    "control": '<circle r="3.4"/>',
}
CUT_LOW, CUT_HIGH = ("0%", "M-7-5-12 0-7 5z"), ("100%", "M7-5 12 0 7 5z")
"""Arrowheads at the ends of the axis, beyond a mark: the interval goes on."""
LEAST, MOST = -0.6, 2.4  # the axis is no wider, whatever the intervals
ROOM = 0.25  # share of the axis beyond 1 that holds the name of 1; where there is less, it stands before 1


@dataclass(frozen=True, kw_only=True)
class Place:
    """A value between 0 and 1, and beyond, with its interval; NaN where unknown."""

    value: float
    low: float
    high: float

    @classmethod
    def without_ends(cls, value: float) -> Place:
        return cls(value=value, low=math.nan, high=math.nan)


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What part of the scale is drawn."""

    low: float
    high: float

    def at(self, value: float) -> str:
        """The position of `value`, at the edge where it lies beyond it: "42.5%"."""
        return f"{100 * (min(max(value, self.low), self.high) - self.low) / (self.high - self.low):.2f}%"


def axis_of(places: Iterable[Place]) -> Axis:
    """The axis that holds 0, 1 and all `places`, as far as LEAST and MOST allow."""
    numbers = [number for place in places for number in (place.value, place.low, place.high) if number == number]
    return Axis(low=max(LEAST, min([-0.1, *numbers]) - 0.03), high=min(MOST, max([1.1, *numbers]) + 0.03))


def axis_head(axis: Axis, blind: str, expert: str) -> str:
    """The names of 0 and 1."""
    return (
        '<svg class="axis" width="100%" height="30" aria-hidden="true">'
        f"{_lines(axis, '62%')}{_ends(axis, blind, expert, True)}</svg>"
    )


def row(axis: Axis, answer: str, places: Sequence[Place], blind: str, expert: str) -> str:
    """One row: a bar from 0 to each place, its interval, its mark (MARKS); the number where there is one place.

    Several places, of one control on several grids, lie one below the other. On a narrow screen, where the head of the
    table is not shown, the row has the names of 0 and 1.
    """
    known = [place for place in places if place.value == place.value]
    drawn = [
        _bar(axis, answer, place, offset, is_numbered=len(known) == 1)
        for place, offset in zip(known, _offsets(len(known)), strict=True)
    ]
    words = ", ".join(number_words(place) for place in known) or "not known"
    label = f"place {words}, on a scale from 0, {blind}, to 1, {expert}"
    nothing = '<text class="number" x="50%" y="4" text-anchor="middle">no scale</text>' if not known else ""
    return (
        f'<svg class="scale {answer}" width="100%" height="100%" role="img" aria-label="{escaped(label)}">'
        f'{_lines(axis, "0%")}<g class="narrow">{_ends(axis, blind, expert, False)}</g>'
        f'<svg y="50%" class="middle" aria-hidden="true">{"".join(drawn)}{nothing}</svg></svg>'
    )


def number_words(place: Place) -> str:
    """0.42 [0.31, 0.55], with the digits that the interval supports."""
    return digits.with_ends(place.value, place.low, place.high, 2)


def _lines(axis: Axis, top: str) -> str:
    zero, one = axis.at(0), axis.at(1)
    return (
        f'<line class="zero" x1="{zero}" x2="{zero}" y1="{top}" y2="100%"/>'
        f'<line class="one" x1="{one}" x2="{one}" y1="{top}" y2="100%"/>'
    )


def _ends(axis: Axis, blind: str, expert: str, is_head: bool) -> str:
    """The names of 0 and 1. Where much lies beyond 1, its name stands there, and in the head that of 0 before 0."""
    is_wide = axis.high - 1 > ROOM * (axis.high - axis.low)
    zero, one = (f'<tspan class="strong">{number}</tspan>' for number in (0, 1))
    before, after = (f"{escaped(blind)} {zero}", f"{zero} {escaped(blind)}")
    names = [_name(axis.at(0), before, "end") if is_wide and is_head else _name(axis.at(0), after, "start")]
    names.append(
        _name(axis.at(1), f"{one} {escaped(expert)}", "start")
        if is_wide
        else _name(axis.at(1), f"{escaped(expert)} {one}", "end")
    )
    return "".join(names)


def _name(at: str, words_html: str, anchor: str) -> str:
    return f'<text x="{at}" y="12" dx="{5 if anchor == "start" else -5}" text-anchor="{anchor}">{words_html}</text>'


def _bar(axis: Axis, answer: str, place: Place, offset: int, is_numbered: bool) -> str:
    left, right = sorted((0.0, place.value))
    width = float(axis.at(right)[:-1]) - float(axis.at(left)[:-1])
    thick = 3 if answer == "control" else 10
    parts = [
        f'<rect class="bar" x="{axis.at(left)}" width="{width:.2f}%" y="{offset - thick / 2:g}" height="{thick}"/>'
    ]
    if not (math.isnan(place.low) or math.isnan(place.high)):
        ends = f'x1="{axis.at(place.low)}" x2="{axis.at(place.high)}" y1="{offset}" y2="{offset}"'
        parts.append(f'<line class="reach" {ends}/>')
        cut = [CUT_LOW] * (place.low < axis.low) + [CUT_HIGH] * (place.high > axis.high)
        parts += [
            f'<svg class="mark" aria-hidden="true" x="{x}" y="{offset}"><path d="{path}"/></svg>' for x, path in cut
        ]
    parts.append(f'<svg class="mark" aria-hidden="true" x="{axis.at(place.value)}" y="{offset}">{MARKS[answer]}</svg>')
    if is_numbered and answer != "control":
        share = float(axis.at(place.value)[:-1])
        anchor = "start" if share < 25 else "end" if share > 80 else "middle"
        words = escaped(number_words(place))
        at = f'x="{axis.at(place.value)}" y="25"' + ' dx="4"' * (anchor == "start")  # beside the line of 0
        parts.append(f'<text class="number" {at} text-anchor="{anchor}">{words}</text>')
    return "".join(parts)


def _offsets(count: int) -> list[int]:
    """Pixels below the middle of the row, 5 apart up to five places; more of them share these lines."""
    lines = min(count, 5)
    return [round(5 * (number % lines - (lines - 1) / 2)) for number in range(count)] if count else []
