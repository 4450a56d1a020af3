"""Holm's adjustment: by hand, against statsmodels, and the family-wise error it promises."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.stats import binom, norm

from sightline.statistics.holm import holm


def test_by_hand():
    # 0.01 * 4; then 0.02 * 3 = 0.06; 0.03 * 2 = 0.06; 0.5
    assert holm(np.array([0.03, 0.01, 0.5, 0.02])) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm(np.array([0.6, 0.7])).tolist() == [1.0, 1.0]  # never above 1, never falling
    assert holm(np.array([0.2])).tolist() == [0.2]
    assert holm(np.array([])).shape == (0,)


def test_nan_is_kept_and_not_counted():
    adjusted = holm(np.array([np.nan, 0.02, np.nan, 0.03]))
    assert np.isnan(adjusted[[0, 2]]).all()
    assert adjusted[[1, 3]] == pytest.approx([0.04, 0.04])
    assert np.isnan(holm(np.array([np.nan]))).all()


def test_shape_is_kept():
    p_values = np.random.default_rng(0).random((3, 4))
    assert np.array_equal(holm(p_values).ravel(), holm(p_values.ravel()))


def test_what_is_no_p_value_is_refused():
    with pytest.raises(ValueError, match="expected numbers in"):
        holm(np.array([0.5, 1.1]))


@pytest.fixture
def frozen() -> Iterator[None]:
    """statsmodels collects garbage at each call: 0.9 s among the modules of all tests, unless they are frozen."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.usefixtures("frozen")
def test_against_statsmodels_with_ties(seed):
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    p_values = np.random.default_rng(seed).choice([0.001, 0.004, 0.01, 0.03, 0.03, 0.2, 0.9], 1 + seed)
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_family_wise_error(correlation):
    """Of 12 true nulls any is rejected in at most 5% of studies; in nearly 5% when they are independent."""
    generator, trials, tests = np.random.default_rng(1), 10_000, 12
    shared = generator.normal(size=(trials, 1)) * np.sqrt(correlation)
    scores = shared + generator.normal(size=(trials, tests)) * np.sqrt(1 - correlation)
    rejected = sum(bool((holm(p_values) <= 0.05).any()) for p_values in norm.sf(scores))
    assert rejected <= binom.isf(1e-3, trials, 0.05)
    if not correlation:
        assert rejected >= binom.ppf(1e-3, trials, 1 - (1 - 0.05 / tests) ** tests)
