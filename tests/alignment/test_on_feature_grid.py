"""Shares and peaks from raw maps against those of the maps on the image grid."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.alignment.on_feature_grid import Outside, looks
from sightline.alignment.outside_lungs import near_lungs, relevance_shares, uniform_shares
from sightline.maps import scaled_maps

HEIGHT, WIDTH, IMAGES = 64, 60, 12


@pytest.mark.parametrize("grid", [(7, 7), (14, 5), (1, 1), (2, 3), (16, 15), (64, 60), (50, 40), (90, 7)])
def test_as_on_the_image_grid(grid: tuple[int, int]) -> None:
    """Flat maps, tied peaks, an image without lungs and one that two maps share are among them."""
    rng = np.random.default_rng(0)
    lungs = rng.random((IMAGES, HEIGHT, WIDTH)) < 0.003
    lungs[3] = False
    near = near_lungs(lungs)
    raw = rng.normal(0.3, 1, (IMAGES, *grid)).astype(np.float32)
    raw[1], raw[2], raw[5], raw[6] = 2, -1, np.round(raw[5]), np.round(2 * raw[6])
    raw[7].ravel()[:2] = 5 - 1e-7 * np.arange(2)[: raw[7].size]
    rows = np.arange(IMAGES)
    rows[10] = 11
    uniform = {name: values[rows] for name, values in uniform_shares(near).items()}
    maps = scaled_maps(raw, HEIGHT, WIDTH)
    found = looks(raw, Outside(near), rows, uniform)
    for name, values in relevance_shares(maps, near[rows], uniform).items():
        np.testing.assert_allclose(found.shares[name], values, rtol=0, atol=1e-8)  # float32 rounds each pixel
    for map_HW, peak in zip(maps, found.peaks, strict=True):
        assert peak.tolist() == np.flatnonzero((map_HW == map_HW.max()) & (map_HW > 0)).tolist()


def test_no_map_and_maps_that_are_not_finite() -> None:
    near = np.ones((2, 20, 20), bool)
    uniform, none = uniform_shares(near), uniform_shares(near[:0])
    found = looks(np.zeros((0, 4, 4), np.float32), Outside(near), np.zeros(0, int), none)
    assert found.peaks == []
    assert all(values.shape == (0,) for values in found.shares.values())
    raw = np.ones((2, 4, 4), np.float32)
    raw[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite: 1"):
        looks(raw, Outside(near), np.arange(2), uniform)
