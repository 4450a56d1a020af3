"""Raw maps to scored maps: against torch's interpolation, by hand, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sightline.maps import bilinear_weights, is_flat, scaled_maps, scaled_of_image, upsampled


@pytest.mark.parametrize(
    ("grid", "image"),
    [((7, 7), (224, 224)), ((6, 13), (97, 31)), ((1, 5), (8, 8)), ((9, 9), (9, 9)), ((20, 16), (7, 5))],
)
def test_upsampling_is_torchs_bilinear_without_aligned_corners(grid, image):
    maps = np.random.default_rng(0).standard_normal((3, *grid))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[:, None], size=image, mode="bilinear", align_corners=False
    )[:, 0]
    np.testing.assert_allclose(upsampled(maps, *image), expected.numpy(), atol=1e-6, rtol=0)


def test_weights_by_hand():
    expected = [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    np.testing.assert_array_equal(bilinear_weights(2, 4), expected)
    np.testing.assert_array_equal(bilinear_weights(5, 5), np.eye(5))
    with pytest.raises(ValueError, match="at least 1, got 0 and 4"):
        bilinear_weights(0, 4)


def test_scaled_map_by_hand():
    raw = np.array([[[-5.0, 1.0, 3.0]]], dtype=np.float32)  # ReLU: 0 1 3; doubled: 0 .25 .75 1.5 2.5 3
    np.testing.assert_array_equal(
        scaled_maps(raw, 1, 6), np.array([[[0, 0.25, 0.75, 1.5, 2.5, 3]]], dtype=np.float32) / np.float32(3)
    )


def test_scaled_maps_span_zero_to_one_whatever_their_range():
    rng = np.random.default_rng(1)
    raw = rng.standard_normal((6, 7, 7)) * np.array([1e-30, 1e-6, 1, 10, 1e6, 1e30])[:, None, None]
    maps = scaled_maps(raw.astype(np.float32), 32, 48)
    assert maps.dtype == np.float32
    assert maps.shape == (6, 32, 48)
    np.testing.assert_array_equal(maps.min(axis=(1, 2)), 0)
    np.testing.assert_array_equal(maps.max(axis=(1, 2)), 1)
    assert not is_flat(maps).any()
    np.testing.assert_array_equal(scaled_maps(4 * raw, 32, 48), scaled_maps(raw, 32, 48))  # 4: exact in binary


def test_constant_and_negative_maps_are_flat_and_all_zero():
    constants = [0.1, 1 / 3, 0.7, 123.456, 1e-20, 0.0, -2.0]
    raw = np.stack([np.full((7, 7), value) for value in constants]).astype(np.float32)
    maps = scaled_maps(raw, 224, 224)
    assert is_flat(maps).all()
    assert not maps.any()


def test_the_smallest_step_of_float32_is_not_flat():
    raw = np.ones((1, 7, 7), dtype=np.float32)
    raw[0, 3, 3] = np.nextafter(np.float32(1), np.float32(2))
    maps = scaled_maps(raw, 224, 224)
    assert not is_flat(maps)[0]
    assert maps.max() == 1


def test_a_map_that_upsampling_makes_constant_is_flat():
    stripes = np.tile(np.array([0.1, 0.3], dtype=np.float32), (1, 14, 7))  # 14 x 14, halved: every pixel is 0.2
    assert is_flat(scaled_maps(stripes, 7, 7)).all()


def test_a_plateau_at_a_clamped_edge_stays_tied():
    raw = np.random.default_rng(2).random((40, 7, 7)).astype(np.float32)
    raw[:, 0, 0] = 2  # the corner cell's own pixels beyond its centre all have its value: 16 x 16 of 224 x 224
    assert ((scaled_maps(raw, 224, 224) == 1).sum(axis=(1, 2)) == 256).all()


def test_a_map_does_not_depend_on_the_others():
    raw = np.random.default_rng(3).standard_normal((11, 13, 13)).astype(np.float32)
    together = scaled_maps(raw, 100, 90)
    alone = np.concatenate([scaled_maps(raw[i : i + 1], 100, 90) for i in range(11)])
    np.testing.assert_array_equal(together, alone)
    order = np.random.default_rng(4).permutation(11)
    np.testing.assert_array_equal(scaled_maps(raw[order], 100, 90), together[order])


def test_maps_that_are_not_finite_are_named():
    raw = np.zeros((5, 2, 2), dtype=np.float32)
    raw[1, 0, 1], raw[4, 1, 1] = np.nan, np.inf
    with pytest.raises(ValueError, match="not finite: 1, 4"):
        scaled_maps(raw, 4, 4)


def test_no_maps_give_no_maps():
    assert scaled_maps(np.zeros((0, 7, 7), dtype=np.float32), 20, 30).shape == (0, 20, 30)


def test_one_image_of_maps_of_any_grid_is_the_same_as_in_its_batch():
    rng = np.random.default_rng(3)
    raws = [rng.normal(size=(4, *grid)).astype(np.float32) for grid in ((7, 7), (3, 5), (7, 7), (20, 24))]
    found = scaled_of_image(raws, 2, 20, 24)
    assert found.dtype == np.float32
    for place, raw in enumerate(raws):
        np.testing.assert_array_equal(found[place], scaled_maps(raw, 20, 24)[2])
    assert scaled_of_image([], 0, 20, 24).shape == (0, 20, 24)
