"""The report's words on presence and place; what is missing is left out or explained."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reports import words_of
from sightline.report.agreement import comparisons, presence_and_place


def estimate(value: float | None, low: float | None, high: float | None, note: str = "") -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "note": note, "over_annotators": True}


PRESENCE = {
    "agreement": estimate(0.893, 0.793, 0.948), "alpha": estimate(-0.032, -0.119, 0.055), "marked_share": 0.943,
    "num_readings": 298, "num_pairs": 820,
}  # fmt: skip
PLACE = {"iou": estimate(0.211, 0.156, 0.279), "num_pairs": 727}


def words(values: dict[str, Any], consensus: dict[str, Any] | None = None) -> str:
    study: Any = SimpleNamespace(reliability=values, consensus=consensus or {})
    return words_of("".join(presence_and_place(study)))


def test_presence_and_place_are_two_numbers_with_intervals() -> None:
    found = words({"presence": PRESENCE, "place": PLACE, "intra_reader": {}}, {"place": {"random_iou_percent": 2.9}})
    for part in (
        "0.89 [0.79, 0.95]", "\N{MINUS SIGN}0.03 [\N{MINUS SIGN}0.12, 0.06]",
        "0.21 [0.16, 0.28]", "a random mask 0.03", "94% mark something",
        "820 pairs", "727 pairs",
    ):  # fmt: skip
        assert part in found, found
    assert "again" not in found


def test_repeats_are_shown_where_there_are_any() -> None:
    again = {"presence": estimate(0.9, 0.8, 0.95), "iou": estimate(0.5, 0.4, 0.6), "repeats": 20, "both_marked": 15}
    found = words({"presence": PRESENCE, "place": PLACE, "intra_reader": again})
    for part in ("same expert again", "0.90 [0.80, 0.95]", "20 repeats", "0.50 [0.40, 0.60]", "15 repeats"):
        assert part in found, found


def test_a_missing_value_or_interval_says_why() -> None:
    lonely = PRESENCE | {
        "agreement": estimate(None, None, None, "no image was read by two readers"),
        "marked_share": None,
    }
    found = words(
        {"presence": lonely, "place": {"iou": estimate(0.3, None, None, "no interval: fewer than 3 patients (2)")}}
    )
    assert "no image was read by two readers" in found
    assert "no interval: fewer than 3 patients (2)" in found
    assert "nan" not in found
    assert words({}) == ""


@pytest.mark.parametrize("note", ["", "no interval: fewer than 3 patients (2)"])
def test_a_comparison_of_professions_prints_its_note(note: str) -> None:
    row = estimate(0.15, None, None, note) | {"difference": 0.15, "p_two_sided": 0.289, "smallest_p": 0.022}
    found = words_of("".join(comparisons({"comparisons": {"physician - student": row | {"num_images": 2}}})))
    assert "0.15" in found
    assert "[" not in found
    assert note in found
