"""Masks on a grid by area: by hand, against averaging a mask that is enlarged to a common multiple, and mirrored."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sightline.experts.masks import overlaps, shares, shrunk, shrunk_and_saved

SIZES = [
    ((20, 30), (5, 6)),
    ((17, 23), (5, 4)),
    ((9, 14), (7, 7)),
    ((6, 5), (8, 11)),
    ((12, 12), (12, 9)),
    ((1, 1), (3, 2)),
]


def random_mask(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Blobs, or specks, or boxes, some of them symmetrical."""
    mask = rng.random(size) < rng.choice([0.02, 0.1, 0.5, 0.9])
    if rng.random() < 0.5:
        mask = ndimage.binary_opening(mask | (rng.random(size) < 0.5))
    if rng.random() < 0.3:
        mask |= mask[::-1]
    if rng.random() < 0.3:
        mask |= mask[:, ::-1]
    return mask


def exact_shares(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Independent: every pixel cut into height x width parts, every grid pixel the sum of its H x W parts."""
    cut = np.kron(mask.astype(int), np.ones((height, width), int))
    return cut.reshape(height, mask.shape[0], width, mask.shape[1]).sum(axis=(1, 3))


@pytest.mark.parametrize(("size", "grid"), SIZES)
def test_shares_are_exact_areas_and_half_is_inside(size: tuple[int, int], grid: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        mask = random_mask(rng, size)
        exact = exact_shares(mask, *grid)
        np.testing.assert_array_equal(shares(mask, *grid), exact)
        half = 2 * exact >= mask.size
        got, saved = shrunk_and_saved(mask, *grid)
        assert got.dtype == bool
        assert not (half & ~got).any()
        assert (got & ~half).any() == bool(saved)
        assert got.any() == mask.any()
        np.testing.assert_array_equal(shrunk(mask, *grid), got)


def test_overlaps_by_hand() -> None:
    np.testing.assert_array_equal(overlaps(3, 2).toarray(), [[2, 1, 0], [0, 1, 2]])
    np.testing.assert_array_equal(overlaps(2, 3).toarray(), [[2, 0], [1, 1], [0, 2]])
    for n_in, n_out in ((2500, 224), (224, 2500), (7, 7), (1, 5)):
        lengths = overlaps(n_in, n_out)
        assert set(np.asarray(lengths.sum(axis=1)).ravel()) == {n_in}
        assert set(np.asarray(lengths.sum(axis=0)).ravel()) == {n_out}


def test_a_box_moves_nowhere() -> None:
    """Nearest neighbour takes row 0 of each two: a box of rows 1 and 2 would lose its first row and gain one below."""
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    expected = np.zeros((4, 4), bool)
    expected[1:3, 1:3] = True
    np.testing.assert_array_equal(shrunk(mask, 4, 4), expected)
    mask = np.zeros((8, 8), bool)
    mask[1:7, 1:7] = True  # half of the outer rows' pixels, a quarter of the corners
    expected = np.ones((4, 4), bool)
    expected[[0, 0, 3, 3], [0, 3, 0, 3]] = False
    np.testing.assert_array_equal(shrunk(mask, 4, 4), expected)


def test_an_exact_multiple_enlarges_as_nearest_neighbour_and_the_same_size_changes_nothing() -> None:
    mask = np.random.default_rng(2).random((5, 7)) < 0.4
    np.testing.assert_array_equal(shrunk(mask, 15, 14), np.kron(mask, np.ones((3, 2), bool)))
    same = shrunk(mask, 5, 7)
    np.testing.assert_array_equal(same, mask)
    assert same is not mask


@pytest.mark.parametrize(("size", "grid"), [*SIZES, ((40, 40), (4, 4)), ((41, 40), (5, 4)), ((30, 30), (3, 3))])
def test_mirrored_and_turned_masks_give_the_mirrored_and_turned_result(
    size: tuple[int, int], grid: tuple[int, int]
) -> None:
    rng = np.random.default_rng(3)
    for number in range(60):
        mask = random_mask(rng, size) if number % 3 else rng.random(size) < 2 / size[0] / size[1]
        got, saved = shrunk_and_saved(mask, *grid)
        for turned, back in (
            (mask[::-1], got[::-1]),
            (mask[:, ::-1], got[:, ::-1]),
            (mask[::-1, ::-1], got[::-1, ::-1]),
        ):
            mirrored = shrunk_and_saved(turned, *grid)
            np.testing.assert_array_equal(mirrored[0], back)
            assert mirrored[1] == saved
        np.testing.assert_array_equal(shrunk(mask.T, grid[1], grid[0]), got.T)


def spot(*rows_cols: tuple[int, int], side: int = 40) -> np.ndarray:
    mask = np.zeros((side, side), bool)
    for row, col in rows_cols:
        mask[row, col] = True
    return mask


def test_a_region_that_would_vanish_keeps_its_best_pixel() -> None:
    """40 x 40 to 4 x 4: cells of 10 x 10."""
    for mask, kept in (
        (spot((13, 27)), [(1, 2)]),
        (spot((9, 9), (9, 10), (9, 11)), [(0, 1)]),  # two of three pixels in the right cell
        # ten pixels each in three cells of a row: the middle one is nearest to the centre of mass
        (spot(*[(5, col) for col in range(30)]), [(0, 1)]),
        (spot((9, 9), (10, 9)), [(1, 0)]),  # half and half: the cell nearer to the image's centre
        (spot((19, 19), (19, 20)), [(1, 1), (1, 2)]),  # half and half about the image's centre: both
        (spot((2, 2), (37, 37)), [(0, 0), (3, 3)]),  # two regions
        (spot((2, 2), (12, 12)), [(1, 1)]),  # closer than a grid pixel: one region
    ):
        got, _ = shrunk_and_saved(mask, 4, 4)
        assert list(zip(*(places.tolist() for places in np.nonzero(got)), strict=True)) == kept
    assert shrunk_and_saved(spot((2, 2), (37, 37)), 4, 4)[1] == 2
    box = spot((39, 39))
    box[:20, :20] = True
    got, saved = shrunk_and_saved(box, 4, 4)
    assert (got.sum(), saved) == (4 + 1, 1)  # the far speck stays beside the box
    box[39, 39], box[22, 22] = False, True  # a speck beside the box belongs to it
    assert shrunk_and_saved(box, 4, 4)[1] == 0


def test_nothing_stays_nothing() -> None:
    got, saved = shrunk_and_saved(np.zeros((30, 20), bool), 4, 5)
    assert got.shape == (4, 5)
    assert not got.any()
    assert saved == 0


def test_a_large_film_is_exact_too() -> None:
    """Areas pass 16 bits, and their squares 64."""
    mask = np.zeros((40_000, 300), bool)
    mask[39_990:] = True
    got, saved = shrunk_and_saved(mask, 20, 3)
    assert saved == 1
    np.testing.assert_array_equal(np.argwhere(got), [[19, 1]])
    mask[:] = True
    assert shrunk(mask, 224, 224).all()
