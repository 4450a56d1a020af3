"""Clean-up against the published procedure written with OpenCV, and against areas known by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage

from sightline.experts.cleanup import (
    _kernel_side,
    clean_annotation,
    contour_area,
    hull_area,
    nearest,
    outer_contours,
)
from sightline.experts.morphology import closed, dilated, ellipse, eroded
from sightline.images.annotators import simulated_annotations
from sightline.images.phantom import phantom_image


def published_clean_up(drawn: np.ndarray, height: int, width: int) -> np.ndarray:
    """The published clean-up in OpenCV, at 224 x 224."""

    def ellipse(side: int) -> np.ndarray:
        return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))

    def contours_of(mask: np.ndarray) -> list:
        return list(cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0])

    small = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_NEAREST)
    _, binary = cv2.threshold(small, 128, 255, cv2.THRESH_BINARY)
    binary = cv2.morphologyEx(binary, cv2.MORPH_CLOSE, ellipse(3))
    region = np.zeros_like(binary)
    for contour in contours_of(binary):
        area = cv2.contourArea(contour)
        if area < 20:
            continue
        hull = cv2.contourArea(cv2.convexHull(contour))
        filled = cv2.drawContours(np.zeros_like(binary), [contour], -1, 255, cv2.FILLED)
        if area / hull < 0.6:
            closed = cv2.morphologyEx(filled, cv2.MORPH_CLOSE, ellipse(7))
            inside = cv2.drawContours(np.zeros_like(binary), contours_of(closed), -1, 255, cv2.FILLED)
            filled = cv2.erode(inside, ellipse(7))
        else:
            filled = cv2.morphologyEx(filled, cv2.MORPH_CLOSE, ellipse(5))
        region |= filled
    return region > 0


def random_strokes(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Scribbles, arcs, discs and specks, many over the border."""
    sheet = np.zeros((height, width), np.uint8)
    side = min(height, width)

    def point() -> tuple[int, int]:
        return int(rng.integers(-20, width + 20)), int(rng.integers(-20, height + 20))

    for _ in range(rng.integers(1, 5)):
        pen = int(rng.integers(1, side // 30))
        kind = rng.integers(4)
        if kind == 0:
            points = np.cumsum(rng.normal(0, side / 15, (12, 2)), axis=0) + point()
            cv2.polylines(sheet, [points.astype(np.int32)], bool(rng.integers(2)), 255, pen)
        elif kind == 1:
            axes = (int(rng.integers(3, side // 3)), int(rng.integers(3, side // 3)))
            cv2.ellipse(sheet, point(), axes, float(rng.uniform(0, 360)), 0, float(rng.uniform(200, 365)), 255, pen)
        elif kind == 2:
            cv2.circle(sheet, point(), int(rng.integers(1, side // 4)), 255, -1)
        else:
            sheet[rng.random(sheet.shape) < 0.01] = 200
    return sheet


@pytest.mark.parametrize("side", [3, 5, 7, 11])
def test_morphology_as_scipy(side: int) -> None:
    rng, kernel = np.random.default_rng(side), ellipse(side)
    for shape in ((40, 30), (5, 60), (1, 1), (3, 3)):
        for share in (0, 0.01, 0.3, 0.9, 1):
            mask = rng.random(shape) < share
            grown = ndimage.binary_dilation(mask, kernel)
            np.testing.assert_array_equal(dilated(mask, kernel), grown)
            np.testing.assert_array_equal(eroded(mask, kernel), ndimage.binary_erosion(mask, kernel, border_value=1))
            np.testing.assert_array_equal(closed(mask, kernel), ndimage.binary_erosion(grown, kernel, border_value=1))


def test_random_strokes_as_opencv() -> None:
    rng = np.random.default_rng(0)
    areas = []
    for number in range(150):
        drawn = random_strokes(rng, *[(224, 224), (448, 448), (512, 640), (231, 190)][number % 4])
        ours = clean_annotation(drawn, 224, 224)
        np.testing.assert_array_equal(ours, published_clean_up(drawn, 224, 224), err_msg=f"drawing {number}")
        areas.append(ours.sum())
    assert np.mean(np.array(areas) > 0) > 0.5  # the comparison is of something


def test_simulated_annotations_as_opencv() -> None:
    phantoms = [phantom_image(3, number, 1, 224, 224, 0.0) for number in range(12)]
    made = simulated_annotations(
        [item.opacities for item in phantoms],
        np.stack([item.lungs for item in phantoms]),
        [str(number) for number in range(12)],
        14,
        5.0,
        3,
    )
    for item in made:
        np.testing.assert_array_equal(clean_annotation(item.mask, 224, 224), published_clean_up(item.mask, 224, 224))


def test_contours_as_opencv() -> None:
    rng = np.random.default_rng(1)
    for share in (0.2, 0.45, 0.6, 0.8):  # speckle: diagonal joins, holes in holes, thin lines, border pixels
        mask = rng.random((40, 50)) < share
        found = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
        ours = outer_contours(mask)
        assert sorted(contour_area(one) for one in ours) == sorted(cv2.contourArea(one) for one in found)
        theirs = sorted(cv2.contourArea(cv2.convexHull(one)) for one in found)
        np.testing.assert_allclose(sorted(hull_area(one) for one in ours), theirs, rtol=1e-6)


def test_areas_by_hand() -> None:
    square = np.zeros((10, 10), bool)
    square[2:6, 3:8] = True  # 4 x 5 pixels: their centres span 3 x 4
    assert contour_area(square) == hull_area(square) == 12
    line = np.zeros((10, 10), bool)
    line[4, 1:9] = True
    assert contour_area(line) == hull_area(line) == 0
    corner = np.zeros((10, 10), bool)
    corner[2:8, 2] = corner[7, 2:8] = True  # an L of one pixel's width: no area but its inner corner's triangle
    assert contour_area(corner) == 0.5
    assert hull_area(corner) == 12.5  # the triangle of legs 5 and 5
    assert contour_area(np.zeros((10, 10), bool)) == hull_area(np.zeros((10, 10), bool)) == 0


@pytest.mark.parametrize("side", [3, 5, 7, 9, 13, 17])
def test_kernel_as_opencv(side: int) -> None:
    np.testing.assert_array_equal(ellipse(side), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)) > 0)


def test_kernels_scale_with_the_grid() -> None:
    assert [_kernel_side(side, 224, 224) for side in (3, 5, 7)] == [3, 5, 7]
    assert [_kernel_side(side, 128, 128) for side in (3, 5, 7)] == [3, 3, 5]
    assert [_kernel_side(side, 64, 64) for side in (3, 5, 7)] == [3, 3, 3]
    assert all(_kernel_side(side, 320, 300) % 2 for side in (3, 5, 7))


@pytest.mark.parametrize("side", [128, 224, 320])
def test_filled_outlined_and_open_outline_mean_the_same_disc(side: int) -> None:
    rows, cols = np.mgrid[: 2 * side, : 2 * side]
    centre, radius, pen = side, side * 0.5, side * 0.04  # on the sheet, which is twice the grid
    far = np.hypot(rows - centre, cols - centre)
    disc, ring = far <= radius, np.abs(far - radius) <= pen / 2
    gap = np.hypot(rows - centre, cols - centre - radius) < side * 0.02  # 4 to 5 pixels of the paper's grid
    true = nearest(disc, side, side)
    for strokes in (disc, ring, ring & ~gap):
        region = clean_annotation(255 * strokes.astype(np.uint8), side, side)
        assert (region & true).sum() / (region | true).sum() > 0.9


def test_an_outline_open_too_wide_encloses_nothing() -> None:
    rows, cols = np.mgrid[:224, :224]
    angle = np.arctan2(rows - 112, cols - 112)
    ring = np.abs(np.hypot(rows - 112, cols - 112) - 50) <= 1.5
    assert clean_annotation(255 * ring.astype(np.uint8), 224, 224).sum() > 7000
    assert not clean_annotation(255 * (ring & (np.abs(angle) > 0.3)).astype(np.uint8), 224, 224).any()


def test_nothing_and_slips_are_empty() -> None:
    drawn = np.zeros((300, 200), np.uint8)
    assert not clean_annotation(drawn, 64, 64).any()
    assert not clean_annotation(np.full((300, 200), 128, np.uint8), 64, 64).any()  # above 128, not at it
    drawn[100:103, 100:103] = 255
    drawn[10, :] = 255
    assert not clean_annotation(drawn, 224, 224).any()


def test_a_full_sheet_stays_full() -> None:
    assert clean_annotation(np.full((99, 77), 255, np.uint8), 50, 64).all()


def test_nearest_as_opencv_but_for_its_rounding() -> None:
    """OpenCV multiplies by a rounded quotient: row 168 of 224 from 300 is 225, which it takes for 224.99..."""
    for old in range(60, 700, 7):
        ramp = np.arange(old, dtype=np.float32)[:, None]
        theirs = cv2.resize(ramp, (1, 224), interpolation=cv2.INTER_NEAREST)[:, 0].astype(int)
        differs = np.flatnonzero(nearest(ramp, 224, 1)[:, 0].astype(int) != theirs)
        assert all(row * old % 224 == 0 and theirs[row] == row * old // 224 - 1 for row in differs)


def test_nearest_takes_the_top_left_pixel() -> None:
    pixels = np.arange(24).reshape(4, 6)
    np.testing.assert_array_equal(nearest(pixels, 2, 3), [[0, 2, 4], [12, 14, 16]])
    np.testing.assert_array_equal(nearest(pixels, 8, 6)[::2], pixels)
