"""The table of the first screen: each model's verdict in a row, below them, in grey, the controls on the same axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sightline.report import scale, verdict
from sightline.report.html import escaped
from sightline.report.scale import Axis, Place
from sightline.report.words import Metrics, listed, number_at, percent

ANSWERS = {  # by verdict: how it is marked (scale.MARKS), and the answer in a word
    "as_expert": ("yes", "Yes"),
    "looks": ("yes", "Yes"),
    "prior": ("prior", "No"),
    "elsewhere": ("no", "No"),
    "undecided": ("open", "Undecided"),
    "cannot_tell": ("open", "Cannot tell"),
    "": ("open", "No verdict"),
}
BLIND = "blind to the patient"
NEAR_0 = "control: must stay near 0"
PLACE = ' aria-label="Place on the scale"'  # what the head of the column draws


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model, or the seeds of a family together."""

    name: str
    sees: Sequence[str]
    """What it sees, and how its maps were made: a line each."""
    judged: Metrics
    """Its entry in metrics/verdict.json; {} without a verdict."""
    films: Sequence[tuple[str, str]] = ()
    """Data URI and alternative text of its films."""
    accuracy: Metrics = field(default_factory=dict)
    """value, low and high; {} without predictions."""
    external: Metrics = field(default_factory=dict)
    """The same on external films; {} without any."""
    sign: str = ""
    """What the check of its file, or the shortcut meter, flags, in words, a short one before a colon; else empty."""

    @property
    def falls(self) -> bool:
        """Whether its accuracy on external films lies below that on test films, interval below interval."""
        return number_at(self.external, "high") < number_at(self.accuracy, "low")


@dataclass(frozen=True, kw_only=True)
class Names:
    """What the study calls its people and its external films."""

    experts: str = "experts"
    expert: str = "an expert"
    external: str = "on external films"


def verdict_table(
    subjects: Sequence[Subject], verdicts: Metrics, names: Names, region_films: Sequence[tuple[str, str]]
) -> str:
    """The table as HTML; the arguments are those of `first_screen`."""
    one = names.expert if verdicts.get("readers") or not verdicts else "the region itself"
    controls = _controls(verdicts, names) if verdicts else []
    places = [_place(subject.judged) for subject in subjects]
    axis = scale.axis_of(
        [*places, *(Place.without_ends(place.value) for _, _, own in controls for place in own.values())]
    )
    has_accuracy = any(subject.accuracy for subject in subjects)
    has_films = bool(region_films) or any(subject.films for subject in subjects)
    is_many = len(subjects) > verdict.FEW
    after = f", then {names.external}" if is_many and any(subject.external for subject in subjects) else ""
    heads = [("model", "Model"), ("said", "Verdict")]
    heads += [("place", scale.axis_head(axis, BLIND, one))] if verdicts else []
    heads += [("accuracy", f"Accuracy{after}")] if has_accuracy else []
    heads += [("films", "Where it looks")] if has_films else []
    head = "".join(
        f'<th role="columnheader" scope="col" class="{kind}"{PLACE}>{words}</th>'
        if kind == "place"
        else f'<th role="columnheader" scope="col" class="{kind}">{escaped(words)}</th>'
        for kind, words in heads
    )
    kinds = [kind for kind, _ in heads]
    rows = [
        _row(kinds, _cells(subject, axis, place, one, names, is_many))
        for subject, place in zip(subjects, places, strict=True)
    ]
    for number, (words, must, own) in enumerate(controls):
        above = [name for name, place in own.items() if place.low > 0]
        is_missed = must == NEAR_0 and bool(above)
        missed = f'<span class="why sign">{escaped(_above(above))}</span>' if is_missed else ""
        cells = {
            "model": f"<span>{escaped(words)}</span>",
            "said": f'<span class="why">{escaped(must)}</span>{missed}',
            "place": scale.row(axis, "control", list(own.values()), BLIND, one),
            "films": "" if number or not region_films else _films(region_films),
        }
        rows.append(_row(kinds, cells, "control"))
    size = " many" if is_many else ""
    return (
        f'<table role="table" class="verdicts{size}"><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(rows)}</tbody></table>'
    )


def _row(kinds: Sequence[str], cells: Mapping[str, str], kind: str = "") -> str:
    inside = "".join(
        f'<th role="rowheader" scope="row" class="{name}">{cells.get(name, "")}</th>'
        if name == "model"
        else f'<td role="cell" class="{name}">{cells.get(name, "")}</td>'
        for name in kinds
    )
    return f'<tr role="row" class="{kind}">{inside}</tr>\n'


def _cells(subject: Subject, axis: Axis, place: Place, one: str, names: Names, is_many: bool) -> dict[str, str]:
    word = str(subject.judged.get("verdict", ""))
    answer, chip = ANSWERS[word]
    said = [
        f'<span class="chip {answer}"><svg viewBox="-9 -9 18 18" width="18" height="18" aria-hidden="true">'
        f"{scale.MARKS[answer]}</svg>{escaped(chip)}</span>"
    ]
    if why := _why(subject.judged, names, is_many):
        said.append(f'<span class="why">{escaped(why)}</span>')
    if subject.sign:
        words = subject.sign.partition(":")[0] if is_many else subject.sign
        said.append(f'<span class="why sign">{escaped(words)}</span>')
    sees = "".join(f'<span class="sees">{escaped(line)}</span>' for line in subject.sees)
    return {
        "model": f'<span class="name">{escaped(subject.name)}</span>{sees}',
        "said": "".join(said),
        "place": scale.row(axis, answer, [place], BLIND, one),
        "accuracy": _accuracy(subject, "" if is_many else names.external),
        "films": _films(subject.films),
    }


def _why(judged: Metrics, names: Names, is_many: bool) -> str:
    word = str(judged.get("verdict", ""))
    if is_many:
        return {"as_expert": f"as well as {names.expert}", "prior": "the usual place", "elsewhere": word}.get(word, "")
    if word in ("undecided", "cannot_tell"):
        needed = number_at(judged, "images_needed")
        return "" if math.isnan(needed) else f"about {needed:,.0f} images would decide"
    return f"looks {verdict.words_of(word, names.experts)}" if word else ""


def _accuracy(subject: Subject, external: str) -> str:
    if not subject.accuracy:
        return '<span class="why">–</span>'
    words = f'<span class="big">{percent(number_at(subject.accuracy, "value"), 0)}</span>'
    if subject.external:
        kind = "why sign" if subject.falls else "why"
        after = percent(number_at(subject.external, "value"), 0)
        words += f'<span class="{kind}"><b>{after}</b> {escaped(external)}</span>'
    return words


def _films(films: Sequence[tuple[str, str]]) -> str:
    pictures = "".join(f'<img src="{escaped(uri)}" alt="{escaped(alt)}">' for uri, alt in films)
    return f'<span class="strip">{pictures}</span>' if films else ""


def _place(judged: Metrics) -> Place:
    value, low, high = (number_at(judged, name) for name in ("place", "place_low", "place_high"))
    return Place(value=value, low=low, high=high)


def _controls(verdicts: Metrics, names: Names) -> list[tuple[str, str, dict[str, Place]]]:
    """Name, what it must do, and places of each known control: its contrast over that of 1 on the same grid.

    Places are by grid, or by model where each model has its own.
    """
    has_readers = bool(verdicts.get("readers"))
    top = "expert" if has_readers else "region"
    by_grid, candidates = verdicts["controls"], verdicts["candidates"]
    rows = [
        (
            f"{names.expert} left out" if has_readers else "the region itself",
            "control: is 1 by definition",
            {grid: _over(controls.get(top), controls.get(top)) for grid, controls in by_grid.items()},
        ),
        (
            f"the {names.experts}' prior",
            NEAR_0,
            {
                verdict.cells_words(grid): _over(controls.get("experts_prior"), controls.get(top))
                for grid, controls in by_grid.items()
            },
        ),
        (
            "the network untrained",
            NEAR_0,
            {
                name: _over(entry["untrained"], entry.get("expert" if has_readers else "ceiling"))
                for name, entry in candidates.items()
                if entry.get("untrained")
            },
        ),
    ]
    return [row for row in rows if any(place.value == place.value for place in row[2].values())]


def _above(names: Sequence[str]) -> str:
    """Which of a negative control's places lie above 0."""
    return f"above 0: {listed(names) if len(names) <= 2 else f'{len(names)} of them'}"


def _over(control: Any, one: Any) -> Place:
    """A control's contrast with its interval, in units of the contrast that is 1; NaN where that is not above 0."""
    unit = number_at(one or {}, "value")
    numbers = [number_at(control or {}, end) / unit if unit > 0 else math.nan for end in ("value", "low", "high")]
    return Place(value=numbers[0], low=numbers[1], high=numbers[2])
