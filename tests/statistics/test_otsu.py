"""Otsu's threshold without bins, against a loop over all cuts; the one with bins is tested in test_binarised.py."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.statistics.otsu import BINS, otsu_cut, otsu_threshold, otsu_thresholds


def test_otsu_equals_a_loop_over_all_cuts() -> None:
    rng = np.random.default_rng(6)
    for _ in range(20):
        values = rng.integers(0, 12, 40).astype(float)
        cuts = (np.unique(values)[1:] + np.unique(values)[:-1]) / 2
        between = [
            (values < cut).mean()
            * (values > cut).mean()
            * (values[values < cut].mean() - values[values > cut].mean()) ** 2
            for cut in cuts
        ]
        mine = (values < otsu_cut(values)).mean()
        spread = (
            mine
            * (1 - mine)
            * (values[values < otsu_cut(values)].mean() - values[values > otsu_cut(values)].mean()) ** 2
        )
        assert spread == pytest.approx(max(between))


def test_equal_values_are_their_own_cut() -> None:
    assert otsu_cut(np.full((3, 2), 0.7)) == 0.7
    assert otsu_cut(np.array([2.0])) == 2


def test_both_definitions_separate_the_same_values() -> None:
    """Values on bin borders, so that bins lose nothing: the cuts then lie in the same gap between values."""
    values = np.random.default_rng(1).integers(0, BINS, 200).astype(float)
    values[:2] = 0, BINS
    np.testing.assert_array_equal(values > otsu_cut(values), values > otsu_thresholds(values[None, None])[0])


def test_a_sorted_map_has_the_same_threshold_to_the_last_bit() -> None:
    rng = np.random.default_rng(2)
    maps = [
        *rng.random((20, 30, 30)).astype(np.float32),
        *(rng.integers(0, high, (30, 30)).astype(np.float32) / high for high in range(2, 300, 7)),
        np.full((30, 30), 0.5, np.float32),
    ]
    for map_HW in maps:
        assert otsu_threshold(np.sort(map_HW, axis=None)) == otsu_thresholds(map_HW[None])[0]
