"""Perturbations of images, and maps brought back: hand cases, exact inverses, and an independent implementation."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import affine_transform

from sightline.consistency.perturbations import (
    NOISE,
    STILL,
    Move,
    as_grey_levels,
    brought_back,
    moved,
    moves,
    recompressed,
    variants,
)
from sightline.maps import is_flat, scaled_maps

RNG = np.random.default_rng(0)


def test_a_shift_by_hand_and_its_inverse() -> None:
    image = np.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]])
    right = moved(image, Move(right=1))
    np.testing.assert_array_equal(right[0], [[1, 1, 2], [4, 4, 5], [7, 7, 8]])  # the edge's value fills the gap
    np.testing.assert_array_equal(moved(right, Move(right=1).inverse)[0], [[1, 2, 2], [4, 5, 5], [7, 8, 8]])
    np.testing.assert_array_equal(moved(image, Move(down=1))[0], [[1, 2, 3], [1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(moved(image, STILL), image)


def test_a_quarter_turn_is_numpys() -> None:
    image = RNG.random((2, 5, 5))
    for turns in (1, 2, 3):
        expected = np.rot90(image, turns, axes=(1, 2))
        np.testing.assert_allclose(moved(image, Move(degrees=90.0 * turns)), expected, atol=1e-12)


def test_a_rotation_is_scipys_and_its_inverse_brings_a_smooth_image_back() -> None:
    row, col = np.mgrid[:40, :30] / 10
    image = np.sin(row) + np.cos(col)
    angle = np.deg2rad(3)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = (np.array(image.shape) - 1) / 2
    expected = affine_transform(image, matrix, middle - matrix @ middle, order=1, mode="nearest")
    turned = moved(image[None], Move(degrees=3))
    np.testing.assert_allclose(turned[0], expected, atol=1e-9)
    back = moved(turned, Move(degrees=3).inverse)[0]
    np.testing.assert_allclose(back[5:-5, 5:-5], image[5:-5, 5:-5], atol=0.01)


def test_colour_images_move_like_their_channels() -> None:
    image = RNG.random((2, 6, 7, 3))
    move = Move(degrees=2)
    for channel in range(3):
        np.testing.assert_allclose(moved(image, move)[..., channel], moved(image[..., channel], move))


def test_a_move_of_both_kinds_is_refused() -> None:
    with pytest.raises(ValueError, match="a shift or a rotation"):
        Move(down=1, degrees=2.0)


def test_shifts_are_whole_pixels_of_each_side_and_0_leaves_a_kind_out() -> None:
    by_name = moves(0.02, 3.0, 224, 100)
    assert (by_name["shift_up"].down, by_name["shift_right"].right) == (-4, 2)
    assert moves(0.001, 0.0, 64, 64) == {
        "shift_up": Move(down=-1), "shift_down": Move(down=1), "shift_left": Move(right=-1),
        "shift_right": Move(right=1),
    }  # fmt: skip
    assert list(moves(0.0, 3.0, 64, 64)) == ["rotate_left", "rotate_right"]


@pytest.mark.parametrize("shape", [(2, 32, 24), (2, 32, 24, 3)])
def test_variants_are_prepared_images(shape: tuple[int, ...]) -> None:
    images = RNG.integers(30, 220, shape, dtype=np.uint8)
    grain = RNG.standard_normal(shape)
    by_name = {name: perturbed for name, perturbed, _ in variants(images, 0.05, 3.0, 75, grain)}
    assert list(by_name) == [
        "shift_up", "shift_down", "shift_left", "shift_right", "rotate_left", "rotate_right", "noise", "jpeg",
    ]  # fmt: skip
    assert all(perturbed.shape == shape and perturbed.dtype == np.uint8 for perturbed in by_name.values())
    np.testing.assert_array_equal(by_name["shift_up"][:, :-2], images[:, 2:])
    np.testing.assert_array_equal(by_name["noise"], as_grey_levels(images + NOISE * grain))
    assert [name for name, *_ in variants(images, 0.0, 0.0, 0, grain)] == ["noise"]


def test_grey_levels_are_cut_off_and_not_wrapped() -> None:
    np.testing.assert_array_equal(as_grey_levels(np.array([-3.0, 1.4, 1.6, 300.0])), [0, 1, 2, 255])


def test_jpeg_is_pillows_file_of_that_quality() -> None:
    images = RNG.integers(0, 256, (2, 16, 16), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(images[1]).save(file, "JPEG", quality=75)
    np.testing.assert_array_equal(recompressed(images, 75)[1], np.asarray(Image.open(file)))
    change = [np.abs(recompressed(images, quality).astype(int) - images).mean() for quality in (20, 75, 95)]
    assert change[0] > change[1] > change[2] > 0
    flat = np.full((1, 16, 16), 128, np.uint8)
    np.testing.assert_array_equal(recompressed(flat, 75), flat)


def test_maps_of_a_shifted_scene_brought_back_are_the_maps_that_are_scored() -> None:
    """Maps on the image grid move with the image: exact but for the strip that has left it."""
    raw = RNG.random((3, 12, 12)) + 0.1
    raw[:, 5, 5] = 5  # the maximum stays in the image
    raw[:, 6, 6] = 0
    move = Move(right=2)
    back = scaled_maps(brought_back(moved(raw, move), move, 12, 12), 12, 12)
    np.testing.assert_allclose(back[:, :, :-2], scaled_maps(raw, 12, 12)[:, :, :-2], atol=1 / 65535)


def test_without_a_move_maps_stay_on_their_own_grid_and_flat_ones_stay_flat() -> None:
    raw = RNG.standard_normal((2, 3, 3))
    assert brought_back(raw, STILL, 12, 12) is raw
    flat = brought_back(np.full((1, 3, 3), -2.0), Move(down=1), 12, 12)
    assert is_flat(scaled_maps(flat, 12, 12)).all()
