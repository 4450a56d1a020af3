"""Pooled average precision: against scikit-learn, against the published binning, and as weights for resamples."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from sightline.alignment.pooled_precision import binned_average_precision, pooled_average_precision, score_histograms
from sightline.maps import scaled_maps


def smooth_case(seed: int, num_maps: int = 8, size: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Scaled maps as the saliency stage writes them, and discs that they half follow."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(num_maps, 7, 7))
    rows, cols = np.mgrid[:size, :size] / size
    masks = np.zeros((num_maps, size, size), bool)
    for mask, grid in zip(masks, raw, strict=True):
        row, col = rng.integers(1, 6, size=2)
        grid[row, col] += 2
        mask |= (rows - (row + 0.5) / 7) ** 2 + (cols - (col + 0.5) / 7) ** 2 < 0.03
    return scaled_maps(raw, size, size), masks


def published_pxap(maps: np.ndarray, masks: np.ndarray) -> float:
    """Choe et al.'s procedure, written out: histograms with right edges at each 0.001, 1, 2, then the steps' sum."""
    edges = np.append(np.arange(1000) / 1000, [1.0, 2.0, 3.0])
    inside, outside = (np.histogram(maps[part].astype(float), edges)[0][::-1] for part in (masks, ~masks))
    true, false = np.cumsum(inside), np.cumsum(outside)
    some = true + false > 0
    precision, recall = true[some] / (true + false)[some], true[some] / inside.sum()
    return float((precision * np.diff(recall, prepend=0)).sum())


@pytest.mark.parametrize("seed", range(4))
def test_equals_scikit_learn_with_ties_and_weights(seed):
    rng = np.random.default_rng(seed)
    scores, inside = np.round(rng.random(2000), 2), rng.random(2000) < 0.2
    assert pooled_average_precision(scores, inside) == pytest.approx(average_precision_score(inside, scores), abs=1e-12)
    weights = rng.integers(0, 4, size=2000).astype(float)
    weights[scores > 0.95] = 0  # the highest levels weigh nothing
    expected = average_precision_score(inside, scores, sample_weight=weights)
    assert pooled_average_precision(scores, inside, weights) == pytest.approx(expected, abs=1e-12)
    repeated = np.repeat(np.arange(2000), weights.astype(int))
    expected = pooled_average_precision(scores[repeated], inside[repeated])
    assert pooled_average_precision(scores, inside, weights) == pytest.approx(expected, abs=1e-12)


def test_order_is_all_that_matters():
    rng = np.random.default_rng(4)
    scores, inside = np.round(rng.normal(size=500), 1), rng.random(500) < 0.3
    order = rng.permutation(500)
    expected = pooled_average_precision(scores, inside)
    assert pooled_average_precision(scores[order], inside[order]) == pytest.approx(expected, abs=1e-12)
    assert pooled_average_precision(np.exp(scores), inside) == pytest.approx(expected, abs=1e-12)
    assert pooled_average_precision(scores.astype(np.float32).reshape(50, 10), inside.reshape(50, 10)) == expected


def test_edges():
    inside = np.array([True, False, False, True])
    assert pooled_average_precision(np.full(4, 0.3), inside) == 0.5  # flat: the prevalence
    assert pooled_average_precision(np.array([1, 0, 0, 1.0]), inside) == 1
    assert pooled_average_precision(np.array([3, 2, 1, 0.0]), inside) == (1 + 2 / 4) / 2
    assert pooled_average_precision(np.array([np.inf, np.inf, 0, 0]), inside) == pytest.approx(0.5)
    assert np.isnan(pooled_average_precision(np.ones(4), np.zeros(4, bool)))
    assert np.isnan(pooled_average_precision(np.ones(4), inside, np.array([0, 1.0, 1, 0])))
    with pytest.raises(ValueError, match="a score is NaN"):
        pooled_average_precision(np.array([0, np.nan]), np.array([True, False]))
    with pytest.raises(ValueError, match="maps: expected values"):
        score_histograms(np.full((1, 2, 2), 1.5), np.ones((1, 2, 2), bool))


def test_histograms_count_every_pixel_once():
    maps = np.array([[[0.0, 0.0005, 0.001], [0.9995, 1.0, 0.5]]])
    masks = np.array([[[True, False, True], [False, True, False]]])
    counts = score_histograms(maps, masks)
    assert counts.shape == (1, 2, 1001)
    assert counts.sum() == 6
    assert counts[0, 1, [0, 1, 1000]].tolist() == [1, 1, 1]
    assert counts[0, 0, [0, 500, 999]].tolist() == [1, 1, 1]


def test_binned_is_exact_where_bins_hold_one_value():
    rng = np.random.default_rng(5)
    maps = (rng.integers(0, 1000, size=(6, 30, 40)) + 0.5) / 1000
    masks = rng.random(maps.shape) < maps**3
    binned = binned_average_precision(score_histograms(maps, masks).sum(axis=0))
    assert binned == pytest.approx(pooled_average_precision(maps, masks), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_binned_is_the_published_pxap_and_near_the_exact_one(seed):
    maps, masks = smooth_case(seed)
    binned = float(binned_average_precision(score_histograms(maps, masks).sum(axis=0)))
    assert binned == pytest.approx(published_pxap(maps, masks), abs=1e-12)
    assert binned == pytest.approx(pooled_average_precision(maps, masks), abs=1e-3)  # a bin's width


def test_resamples_are_weighted_sums_of_histograms():
    maps, masks = smooth_case(6)
    masks[2] = False  # an image without a region still has pixels that can be wrong
    weights = np.random.default_rng(7).multinomial(8, np.full(8, 1 / 8), size=5)
    counts = score_histograms(maps, masks)
    found = binned_average_precision(np.tensordot(weights, counts, 1))
    levels = np.minimum(np.floor(maps.astype(float) * 1000), 1000)
    for row, value in zip(weights, found, strict=True):
        drawn = np.repeat(np.arange(8), row)
        assert value == pytest.approx(pooled_average_precision(levels[drawn], masks[drawn]), abs=1e-12)
        per_pixel = np.broadcast_to(row[:, None, None], maps.shape)
        assert value == pytest.approx(pooled_average_precision(levels, masks, per_pixel), abs=1e-12)
    assert np.isnan(binned_average_precision(np.zeros((3, 2, 1001)))).all()
