"""The body's outline on phantoms whose outline is known, on bad images, and regions made wider."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sightline.alignment.outside_lungs import widened
from sightline.images.phantom import _body_coordinates, phantom_image
from sightline.lungs import _block_means, _closed, _filled, _without_holes, estimated_body
from sightline.statistics.streams import stream


def true_body(seed: int, number: int, height: int, width: int) -> np.ndarray:
    """The phantom's body and neck, drawn again from its stream of random numbers (`phantom._draw_chest`)."""
    rng = stream(seed, "phantom", "anatomy", number)
    u, v = _body_coordinates(rng, height, width)
    shoulder = -0.40 + rng.uniform(-0.02, 0.02) + 0.9 * np.maximum(np.abs(u) - 0.13, 0) ** 1.6
    side = 0.455 + rng.uniform(-0.02, 0.02) - 0.05 * np.exp(-((v - 0.12) ** 2) / 0.03)
    return ((v > shoulder) & (np.abs(u) < side)) | (np.abs(u) < 0.11)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 128), (96, 160), (224, 224)])
def test_the_phantoms_body_is_found_with_its_lungs_and_without_the_corners(height: int, width: int) -> None:
    for number in range(20):
        item = phantom_image(3, number, number % 2, height, width, 0.0)
        body, truth = estimated_body(item.image), true_body(3, number, height, width)
        assert body.shape == (height, width)
        assert body.dtype == bool
        assert (body & truth).sum() / (body | truth).sum() > 0.93
        assert (body & item.lungs).sum() > 0.99 * item.lungs.sum()
        assert not body[0, 0]
        assert not body[0, -1]


def test_pneumonia_hardly_moves_the_outline() -> None:
    """A mask of the lungs by their darkness could not promise this."""
    for number in range(20):
        ill, well = (estimated_body(phantom_image(4, number, label, 128, 128, 0.0).image) for label in (1, 0))
        assert (ill & well).sum() / (ill | well).sum() > 0.97


@pytest.mark.parametrize("grey", [0, 7, 255])
def test_a_constant_image_is_all_body(grey: int) -> None:
    assert estimated_body(np.full((50, 70), grey, np.uint8)).all()


def test_a_body_without_a_dark_surround_is_all_body() -> None:
    """Dark lungs and bright middle up to the border: Otsu's cut would separate the lungs from the middle."""
    image = np.full((100, 100), 110, np.uint8)
    image[:, 40:60] = 230
    assert estimated_body(image).all()


def test_dark_lungs_inside_a_brighter_wall_are_filled() -> None:
    image = np.zeros((128, 128), np.uint8)
    image[10:, 14:114] = 120
    image[40:90, 24:60] = image[40:90, 70:104] = 5  # darker than any air of a real film
    body = estimated_body(image)
    assert body[30:, 20:108].all()
    assert not body[:, :10].any()


def test_a_marker_apart_from_the_body_is_not_body() -> None:
    image = np.zeros((128, 128), np.uint8)
    image[40:, 30:98] = 150
    image[4:14, 4:14] = 255
    assert not estimated_body(image)[:20].any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2), (500, 30)])
def test_any_size_gives_a_mask_that_is_not_empty(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    body = estimated_body(image)
    assert body.shape == shape
    assert body.any()


def test_filling_equals_the_cheapest_way_out() -> None:
    """Against Dijkstra's minimax on a random grid."""
    import heapq

    rng = np.random.default_rng(5)
    grey = rng.integers(0, 9, (12, 15)).astype(float)
    height, width = grey.shape
    best = np.full(grey.shape, np.inf)
    border = [(0, col) for col in range(width)] + [(row, col) for row in range(height) for col in (0, width - 1)]
    queue = [(grey[place], place) for place in border]
    heapq.heapify(queue)
    while queue:
        level, (row, col) = heapq.heappop(queue)
        if level >= best[row, col]:
            continue
        best[row, col] = level
        for near in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
            if 0 <= near[0] < height and 0 <= near[1] < width:
                heapq.heappush(queue, (max(level, grey[near]), near))
    np.testing.assert_array_equal(_filled(grey), best)


def test_closing_and_holes_equal_scipys() -> None:
    disc = np.add.outer(np.arange(-7, 8) ** 2, np.arange(-7, 8) ** 2) <= 56
    for seed, shape in enumerate([(64, 64), (64, 40), (5, 64), (1, 1), (30, 7)]):
        mask = np.random.default_rng(seed).random(shape) > 0.9 - 0.1 * seed
        padded = np.pad(mask, 8)
        padded[-8:] = padded[-9]
        closed = ndimage.binary_closing(padded, disc)[8:-8, 8:-8]
        np.testing.assert_array_equal(_closed(mask), closed)
        np.testing.assert_array_equal(_without_holes(mask), ndimage.binary_fill_holes(mask))


def test_block_means_keep_the_mean() -> None:
    values = np.random.default_rng(7).random((150, 97))
    assert _block_means(values).shape == (64, 64)
    assert _block_means(values).mean() == pytest.approx(values.mean())
    np.testing.assert_allclose(_block_means(values[:64, :20]), values[:64, :20])


def test_widened_is_a_dilation_by_a_square() -> None:
    masks = np.random.default_rng(8).random((4, 40, 60)) > 0.99
    masks[1] = False
    wide = widened(masks, 0.05)  # 2 rows, 3 columns
    for mask, got in zip(masks, wide, strict=True):
        np.testing.assert_array_equal(got, ndimage.binary_dilation(mask, np.ones((5, 7))))
    np.testing.assert_array_equal(widened(masks, 0.0), masks)
    assert wide.dtype == bool
