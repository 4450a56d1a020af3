"""Charts and the scale: what is long or beyond the axis stays on the page and is seen to go on."""

from __future__ import annotations

import re

import pytest

from sightline.report.chart import MOST_LETTERS, WIDTH, label_margin, svg
from sightline.report.scale import Place, axis_of, row
from sightline.report.verdict import contrast_chart
from sightline.study.models import ExternalMaps

LONG = "a_model_with_a_rather_long_name-and_its_marker"
LETTER = 5.2  # units, somewhat more than a letter takes on average


def texts(drawn: str) -> list[tuple[float, str, str]]:
    """x, anchor and words of each text of an SVG."""
    found = re.findall(r"<text ([^>]*)>([^<]*)</text>", drawn)
    return [
        (
            float((re.search(r'x="([-\d.]+)"', head) or re.search(r"translate\(([-\d.]+)", head))[1]),  # type: ignore[index]
            (re.search(r"text-anchor: (\w+)", head) or ["", "start"])[1],
            words,
        )
        for head, words in found
    ]


def chart_of(names: list[str]) -> str:
    entry = {"contrast": {"rank": {"value": 0.2, "low": 0.1, "high": 0.3}}, "expert": {}, "ceiling": {}}
    looks = {name: ExternalMaps(maps="", method="map") for name in names}
    return svg(*contrast_chart(dict.fromkeys(names, entry), "rank", looks))


@pytest.mark.parametrize("names", [["short"], [LONG, "short"], ["x" * 100]])
def test_names_and_the_axis_stay_inside_the_chart(names: list[str]) -> None:
    drawn = texts(chart_of(names))
    for x, anchor, words in drawn:
        width = LETTER * len(words)
        left = {"start": x, "middle": x - width / 2, "end": x - width}[anchor]
        assert left > -3, words
        assert left + width < WIDTH * 72 + 3, words
    assert max(len(words) for _, _, words in drawn if "contrast" not in words) <= MOST_LETTERS


def test_texts_have_the_font_of_the_page() -> None:
    """Whatever the version of matplotlib: the reader's machine need not have matplotlib's font."""
    drawn = chart_of(["short"])
    assert "DejaVu" not in drawn
    assert "system-ui,sans-serif" in drawn


def test_a_long_name_is_parted_after_a_mark_and_a_short_one_is_not() -> None:
    words = [text for _, _, text in texts(chart_of([LONG, "short"]))]
    assert {"a_model_with_a_rather_long_", "name-and_its_marker", "short"} <= set(words)
    assert label_margin([LONG]) == 0.5


def test_an_interval_that_the_axis_cuts_ends_in_an_arrowhead() -> None:
    beyond, within = Place(value=2.4, low=1.7, high=3.6), Place(value=1.1, low=0.9, high=1.3)
    axis = axis_of([beyond, within])
    assert row(axis, "yes", [beyond], "blind", "an expert").count("z") == 1 + row(
        axis, "yes", [within], "blind", "an expert"
    ).count("z")
    low = Place(value=0.0, low=-2.0, high=0.5)
    assert 'd="M-7-5-12 0-7 5z"' in row(axis_of([low]), "open", [low], "blind", "an expert")
    assert "-12 0-7" not in row(axis_of([within]), "yes", [within], "blind", "an expert")
