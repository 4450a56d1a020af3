"""Outlines drawn with pens that are thinner than a grid pixel, beside the published path, which loses them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from bug_inputs import bug_input
from sightline.experts.cleanup import clean_annotation
from sightline.experts.outlines import clean_drawing
from sightline.stages import consensus, prepare
from sightline.study.files import read_json

GRID = 224
SIDE = 2000  # of the sheet: a grid pixel is 8.9 of its pixels


def sheet(kind: str, pen: int, end: float = 360) -> np.ndarray:
    """A circle of radius 300 at the middle, up to the angle `end`, or lines, bool SIDE x SIDE."""
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    if kind == "circle":
        cv2.ellipse(drawn, (1000, 1003), (300, 300), 0, 0, end, 255, pen)
    elif kind == "box":
        cv2.rectangle(drawn, (503, 407), (1203, 1307), 255, pen)
    elif kind == "line":
        cv2.line(drawn, (100, 100), (1800, 1500), 255, pen)
    elif kind == "corner":
        cv2.polylines(drawn, [np.array([[500, 500], [500, 1200], [1200, 1200], [1200, 500]])], False, 255, pen)
    return drawn > 0


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize("pen", [1, 2, 3, 4, 5, 6])
def test_a_thin_outline_means_what_a_thick_one_means(pen: int) -> None:
    for kind in ("circle", "box"):
        thick = clean_annotation(sheet(kind, 13), GRID, GRID)
        region, num_lost = clean_drawing(sheet(kind, pen), GRID, GRID)
        assert num_lost == 1
        assert iou(region, thick) > 0.95
        assert iou(clean_annotation(sheet(kind, pen), GRID, GRID), thick) < 0.05  # the published path loses it


def test_small_gaps_close_and_wide_ones_stay_open_as_with_a_thick_pen() -> None:
    for end, is_closed in ((355, True), (345, False), (320, False), (200, False)):
        for pen in (4, 6, 12):
            assert clean_drawing(sheet("circle", pen, end), GRID, GRID)[0].any() == is_closed, (end, pen)


@pytest.mark.parametrize("pen", [3, 5, 12])
def test_lines_that_enclose_nothing_stay_as_published(pen: int) -> None:
    for kind in ("line", "corner", "nothing"):
        region, num_lost = clean_drawing(sheet(kind, pen), GRID, GRID)
        assert num_lost == 0
        np.testing.assert_array_equal(region, clean_annotation(sheet(kind, pen), GRID, GRID))


def test_only_the_lost_outline_is_drawn_again() -> None:
    both = sheet("nothing", 1).astype(np.uint8)
    cv2.circle(both, (1500, 1500), 250, 255, 14)
    thick = both > 0
    cv2.circle(both, (500, 500), 200, 255, 4)
    cv2.line(both, (100, 1900), (900, 1700), 255, 3)  # a slip
    region, num_lost = clean_drawing(both > 0, GRID, GRID)
    assert num_lost == 1
    np.testing.assert_array_equal(region[90:, 90:], clean_annotation(thick, GRID, GRID)[90:, 90:])
    pen9 = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(pen9, (500, 500), 200, 255, 9)
    assert iou(region[:90, :90], clean_annotation(pen9, GRID, GRID)[:90, :90]) > 0.95
    assert not region[90:, :90].any()


@pytest.mark.parametrize("seed", range(6))
def test_pens_as_wide_as_a_grid_pixel_change_nothing(seed: int) -> None:
    """Arcs, open and closed, scribbles and discs: the published result, bit for bit."""
    rng = np.random.default_rng(seed)
    for side in (300, 448, 1000):
        least = int(np.ceil(1.5 * side / GRID))
        drawn = np.zeros((side, side), np.uint8)
        for _ in range(rng.integers(1, 5)):
            pen = int(rng.integers(least, 2 * least + 2))
            centre = tuple(int(place) for place in rng.integers(0, side, 2))
            axes = tuple(int(axis) for axis in rng.integers(5, side // 3, 2))
            kind = rng.integers(3)
            if kind == 0:
                cv2.ellipse(drawn, centre, axes, float(rng.uniform(0, 360)), 0, float(rng.uniform(180, 365)), 255, pen)
            elif kind == 1:
                points = np.cumsum(rng.normal(0, side / 15, (12, 2)), axis=0) + centre
                cv2.polylines(drawn, [points.astype(np.int32)], bool(rng.integers(2)), 255, pen)
            else:
                cv2.circle(drawn, centre, int(rng.integers(1, side // 5)), 255, -1)
        region, num_lost = clean_drawing(drawn > 0, GRID, GRID)
        assert num_lost == 0
        np.testing.assert_array_equal(region, clean_annotation(drawn, GRID, GRID))


def test_a_sheet_of_the_grid_s_size_or_smaller_is_read_as_published() -> None:
    rng = np.random.default_rng(9)
    for size in ((224, 224), (100, 224), (64, 50)):
        drawn = np.zeros(size, np.uint8)
        cv2.circle(drawn, (30, 30), 15, 255, 1)
        drawn[rng.random(size) < 0.02] = 255
        region, num_lost = clean_drawing(drawn > 0, GRID, GRID)
        assert num_lost == 0
        np.testing.assert_array_equal(region, clean_annotation(drawn, GRID, GRID))


def test_the_shared_input_is_a_region_of_about_7_percent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = bug_input("thin-outline", tmp_path)
    with contextlib.chdir(folder):
        prepare.main()
        shares = {}
        for pen in ("thin", "pen9"):
            text = (folder / "params.yaml").read_text()
            (folder / "params.yaml").write_text(text.replace("folder: thin", f"folder: {pen}"))
            consensus.main()
            metrics = read_json("metrics/consensus.json")
            assert metrics["valid_annotations"] == 3
            shares[pen] = metrics["active_pixels_percent"]
    assert shares["thin"] == pytest.approx(shares["pen9"], rel=0.05)
    assert shares["pen9"] == pytest.approx(7.32, abs=0.01)
    assert "3 outlines are thinner than a pixel of the grid" in capsys.readouterr().out
