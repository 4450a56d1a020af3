"""Means that leave NaN out, against loops over the known values."""

from __future__ import annotations

import warnings

import numpy as np

from sightline.statistics.means import group_means, mean_known, means_along, weighted_means

NAN = float("nan")


def scores(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Random numbers with a third of them NaN."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < 1 / 3, NAN, rng.normal(size=shape))


def test_mean_known() -> None:
    assert mean_known(np.array([1.0, NAN, 2.0])) == 1.5
    assert mean_known([1, 2]) == 1.5
    assert mean_known(np.array([[1.0, NAN], [NAN, 3.0]])) == 2
    assert np.isnan(mean_known(np.array([NAN])))
    assert np.isnan(mean_known(np.zeros(0)))


def test_means_along_an_axis() -> None:
    values = scores((5, 4, 3))
    for axis in (0, 1, -1):
        expected = np.apply_along_axis(mean_known, axis, values)
        np.testing.assert_allclose(means_along(values, axis), expected, rtol=1e-14)
    np.testing.assert_array_equal(means_along(np.array([[NAN, NAN], [1, 3]]), 1), [NAN, 2])
    np.testing.assert_array_equal(means_along(np.zeros((0, 2)), 0), [NAN, NAN])


def test_group_means() -> None:
    values = scores((3, 10), seed=1)
    starts = np.array([0, 1, 4])
    groups = [slice(0, 1), slice(1, 4), slice(4, 10)]
    expected = np.stack([means_along(values[:, group], 1) for group in groups], axis=1)
    np.testing.assert_allclose(group_means(values, starts, 1), expected, rtol=1e-14)
    np.testing.assert_allclose(group_means(values.T, starts, 0), expected.T, rtol=1e-14)
    np.testing.assert_array_equal(group_means(np.array([NAN, NAN, 1.0]), np.array([0, 2]), 0), [NAN, 1])


def test_weighted_means_are_means_of_repeated_values() -> None:
    values = scores((2, 6), seed=2)
    weights = np.random.default_rng(3).integers(0, 3, size=(40, 6))
    expected = [[mean_known(np.repeat(row, counts)) for row in values] for counts in weights]
    np.testing.assert_allclose(weighted_means(values, weights), expected, rtol=1e-14)
    weights = np.array([[1, 1, 1], [2, 0, 1], [0, 3, 0]])
    np.testing.assert_array_equal(weighted_means(np.array([[1.0, NAN, 4.0]]), weights)[:, 0], [2.5, 2, NAN])
    assert weighted_means(np.zeros((2, 0)), np.zeros((3, 0))).shape == (3, 2)


def test_no_mean_warns_of_an_empty_slice() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nothing = np.full((2, 3), NAN)
        assert np.isnan(mean_known(nothing))
        for means in (means_along(nothing, 1), group_means(nothing, np.array([0, 2]), 1)):
            assert np.isnan(means).all()
        assert np.isnan(weighted_means(nothing, np.ones((4, 3)))).all()
