"""Each verdict in one sentence, with its evidence and, where there is none, what would give it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sightline.alignment.metrics import METRICS

MINUS = "\N{MINUS SIGN}"
FEW_READERS = 4  # or less: too few to show how readers differ (docs/error-rates.md#few-readers)


def sentence(
    name: str,
    entry: Mapping[str, Any],
    primary: str,
    has_experts: bool,
    margin: float,
    is_family: bool,
    anatomy: str,
    readers: int,
) -> str:
    """`entry`: a candidate of `results.verdicts`, without its sentence; `anatomy`: lungs, or estimated body.

    `readers`: of the leave-one-out consensuses.
    """
    what = f"{name}, over its seeds," if is_family else name
    scale = "a left-out expert" if has_experts else "the region itself"
    own = entry["contrast"][primary]
    others = (own["row"] + own["col"]) / 2
    evidence = (
        f"{METRICS[primary].words} {share(own['own'])} on its own patient's region and {share(others)} on other "
        f"patients' (contrast {points(own)}; {scale} through the same grid: {points(_positive(entry, has_experts))})"
    )
    needed = images_words(entry["images_needed"])
    return {
        "as_expert": f"{what} looks where the experts look, as well as an expert: {evidence}.{_few(readers)}",
        "looks": f"{what} looks where the experts look{_place(entry, scale)}: {evidence}.{_unknown_anatomy(entry)}",
        "prior": f"{what} looks where disease usually is, not where it is in this patient: {evidence}.",
        "elsewhere": f"{what} looks elsewhere: {evidence}; its own region is not found to get more than chance.",
        "undecided": f"Undecided about {what}: {_undecided(entry, margin, scale, anatomy)}{evidence}.{needed}",
        "cannot_tell": f"This study cannot tell about {what}: {_unable(entry, has_experts, anatomy)}.{needed}",
    }[entry["verdict"]]


def images_words(images_needed: int | None) -> str:
    """ " About 140 images would decide." or nothing."""
    return "" if images_needed is None else f" About {images_needed:,} images would decide."


def _few(readers: int) -> str:
    """What few readers cannot show, or nothing."""
    if readers > FEW_READERS:
        return ""
    return f" That is beside these {readers} readers: so few cannot show how far other experts would differ."


def share(value: float) -> str:
    """A score in [0, 1] in percent."""
    return "–" if math.isnan(value) else f"{100 * value:.0f}%"


def points(mean: Mapping[str, float]) -> str:
    """A contrast in percentage points with its interval: 12 [8, 16], or below 2 points 0.4 [-0.1, 0.9]."""
    if math.isnan(mean["value"]):
        return "not known"
    numbers = [100 * mean[end] for end in ("value", "low", "high")]
    decimals = 0 if max(abs(number) for number in numbers if number == number) >= 2 else 1
    value, low, high = (_plain(number, decimals) for number in numbers)
    ends = "" if math.isnan(mean["low"]) or math.isnan(mean["high"]) else f" [{low}, {high}]"
    return f"{value}{ends} points"


def _plain(number: float, decimals: int) -> str:
    """With a true minus, and none before a zero."""
    text = f"{number:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", MINUS)


def _place(entry: Mapping[str, Any], scale: str) -> str:
    return "" if math.isnan(entry["place"]) else f", with {share(entry['place'])} of the contrast of {scale}"


def _positive(entry: Mapping[str, Any], has_experts: bool) -> Mapping[str, float]:
    positive: Mapping[str, float] = entry["expert" if has_experts else "ceiling"]
    return positive


def _grid(entry: Mapping[str, Any]) -> str:
    grid = entry["grid"]
    return "on the image's own grid" if grid == "image" else f"through {grid.replace('x', ' x ')} cells"


def _unknown_anatomy(entry: Mapping[str, Any]) -> str:
    if not math.isnan(entry["over_anatomy"]["value"]):
        return ""
    return " No lungs and no films were given: that it follows the patient's own anatomy alone is not excluded."


def _undecided(entry: Mapping[str, Any], margin: float, scale: str, anatomy: str) -> str:
    if entry["reason"] == "own_anatomy":
        return (
            f"it knows the patient, but no better than the patient's own {anatomy} {_do(anatomy)} "
            f"(difference {points(entry['over_anatomy'])}); "
        )
    return f"neither above 0 nor below {share(margin)} of {scale}; "


def _do(anatomy: str) -> str:
    return "do" if anatomy.endswith("s") else "does"


def _unable(entry: Mapping[str, Any], has_experts: bool, anatomy: str) -> str:
    control = "a left-out expert's drawing" if has_experts else "the experts' region itself"
    if entry["reason"] == "too_few":
        return "it needs regions of two patients or more that differ, and a map for each"
    if entry["reason"] == "control_fails":
        return (
            f"{control}, seen {_grid(entry)}, is not found either "
            f"(contrast {points(_positive(entry, has_experts))}; the ceiling of this grid: {points(entry['ceiling'])})"
        )
    if entry["reason"] == "control_is_anatomy":
        return (
            f"{control}, seen {_grid(entry)}, cannot be told from the patient's own {anatomy} "
            f"(contrast {points(_positive(entry, has_experts))}, of the anatomy {points(entry['anatomy'])}; "
            f"the ceiling of this grid: {points(entry['ceiling'])})"
        )
    half = "an expert" if has_experts else "the region itself"
    return (
        f"seen {_grid(entry)}, a map half as good as {half} would be found in only {share(entry['power'])} of such "
        f"studies (contrast of {control} {points(_positive(entry, has_experts))}; the ceiling of this grid: "
        f"{points(entry['ceiling'])})"
    )
