"""Resamples in batches: the numbers of the plain definitions by the same draws, and memory that is bounded."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from sightline.alignment.pooled_precision import BINS, binned_average_precision, resampled_precision
from sightline.statistics import bootstrap_t as t_module
from sightline.statistics import exact_tests, patient_draws, reader_draws
from sightline.statistics.bootstrap_t import Gaps, bootstrap_t, bootstrap_ts
from sightline.statistics.means import weighted_means
from sightline.statistics.patient_draws import PatientDraws
from sightline.statistics.reader_draws import crossed_means, hierarchical_means
from sightline.statistics.resampling import (
    hierarchical_weights,
    interval_with_width,
    paired_difference,
    resample_counts,
    resample_patient_counts,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def drawn_patients(num_images: int, seed: int) -> np.ndarray:
    """Labels out of order; patients have one image or several."""
    return np.array([f"p{number:05d}" for number in rng(seed).integers(0, num_images * 2 // 3, num_images)])


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that studies of a few images need many."""
    monkeypatch.setattr(patient_draws, "CELLS", 100)
    monkeypatch.setattr(t_module, "CELLS", 2_000)
    monkeypatch.setattr(t_module, "BLOCK", 100)
    monkeypatch.setattr(reader_draws, "PART_CELLS", 256 * 10)


@pytest.mark.usefixtures("small_batches")
def test_batches_are_the_draws_of_one_call() -> None:
    patients = drawn_patients(30, 1)
    draws = PatientDraws(patients, 57, lambda: rng(2))
    expected = resample_patient_counts(patients, 57, rng(2))
    for found in (draws.batches(), draws.batches(), draws.compact_batches(250)):
        rows = [counts_bG[:, draws.by_patient.patient_M] for _, counts_bG in found]  # copies
        assert len(rows) > 3
        assert np.array_equal(np.concatenate(rows), expected)


@pytest.mark.usefixtures("small_batches")
def test_means_of_all_rows_are_paired_differences() -> None:
    values, patients = rng(3).random((6, 40)), drawn_patients(40, 4)
    values[1, :20] = values[2, 3] = values[3] = np.nan
    values[5] = 0.25
    weights = hierarchical_weights(patients, 300, rng(5), deepest="patients")
    draws = PatientDraws(patients, 300, lambda: rng(5))
    expected = paired_difference(values, np.zeros(40), weights, 0.9, len(np.unique(patients)))
    np.testing.assert_allclose(draws.means(values), weighted_means(values, weights), rtol=0, atol=1e-13)
    found = draws.mean_differences([values[:4], values[4:]], 0.9)
    np.testing.assert_allclose(np.array(found), np.array(expected), rtol=0, atol=1e-12)
    assert np.isnan([found.low[5], found.high[5], found.estimate[3]]).all()


@pytest.mark.usefixtures("small_batches")
def test_bootstrap_t_of_many_questions_is_that_of_each() -> None:
    patients = drawn_patients(25, 6)
    rows = [rng(seed).exponential(size=(num, 25)) for seed, num in ((7, 3), (8, 1), (9, 5), (10, 2))]
    rows[0][1, :9] = rows[2][4] = np.nan
    rows[2][0] = 2.0
    asked = [Gaps(values, (0.95, 0.8), 200 + 50 * place) for place, values in enumerate(rows)]
    found = list(bootstrap_ts(asked, patients, rng(11)))
    for values, question, (wide, narrow) in zip(rows, asked, found, strict=True):
        for level, part in ((0.95, wide), (0.8, narrow)):
            expected = bootstrap_t(values, patients, level, question.resamples, rng(11))
            np.testing.assert_allclose(np.array(part), np.array(expected), rtol=0, atol=1e-12)
    assert np.isnan(found[2][0].low[[0, 4]]).all()


def image_by_image(values, patients, names, num_resamples, generator):  # type: ignore[no-untyped-def]
    """`crossed_means` as it reads: image after image, for values without NaN."""
    labels = sorted({name for own in names for name in own})
    patients_BM = resample_patient_counts(patients, num_resamples, generator)
    readers_BR = resample_counts(len(labels), num_resamples, generator)
    sums, weights = np.zeros((num_resamples, len(values[0]))), np.zeros(num_resamples)
    for image, values_AR in enumerate(values):
        readers_Br = readers_BR[:, [labels.index(name) for name in names[image]]]
        drawn = readers_Br.sum(axis=1)
        times = np.where(drawn > 0, patients_BM[:, image], 0)
        sums += (times / np.maximum(drawn, 1))[:, None] * (readers_Br @ values_AR.T)
        weights += times
    return np.divide(sums, weights[:, None], out=np.full(sums.shape, np.nan), where=weights[:, None] > 0)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("num_readers", [3, 9])
def test_crossed_means_are_those_image_by_image(num_readers: int) -> None:
    generator, patients = rng(12), drawn_patients(35, 13)
    names = [
        [f"r{r}" for r in generator.permutation(num_readers)[: generator.integers(1, 4)].tolist()] for _ in range(35)
    ]
    values = [generator.random((4, len(own))) for own in names]
    expected = image_by_image(values, patients, names, 600, rng(14))
    found = crossed_means(values, patients, names, 600, rng(14))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_more_batches_are_draws_of_the_same_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above CELLS a batch draws its patients, images and readers before the next batch does."""
    generator, patients = rng(15), drawn_patients(20, 16)
    values = [generator.normal(size=(1, 3)) for _ in range(20)]
    names = [["a", "b", "c"]] * 20
    means: list[Callable[[], np.ndarray]] = [
        lambda: hierarchical_means(values, patients, 3000, rng(17)),
        lambda: crossed_means(values, patients, names, 3000, rng(17)),
    ]
    whole = [of() for of in means]
    monkeypatch.setattr(reader_draws, "CELLS", 2000)
    for one, of in zip(whole, means, strict=True):
        several = of()
        assert not np.array_equal(one, several)
        assert several.mean() == pytest.approx(one.mean(), abs=0.03)
        assert several.std() == pytest.approx(one.std(), rel=0.08)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("pixels", [90, 9_000_000])  # whole numbers beyond those that float32 holds
def test_resampled_precision_is_that_of_the_summed_histograms(pixels: int) -> None:
    patients = drawn_patients(30, 18)
    histograms = rng(19).integers(0, pixels, (30, 3, 2, BINS))
    histograms[:, 2, 1] = 0  # nothing inside
    histograms[:, :, :, 40:900] *= rng(20).random((30, 3, 2, 1)) < 0.1
    draws = PatientDraws(patients, 64, lambda: rng(21))
    weights = resample_patient_counts(patients, 64, rng(21)).astype(float)
    value, spread = resampled_precision(histograms, draws)
    assert value == pytest.approx(binned_average_precision(histograms.sum(axis=0)), abs=1e-12, nan_ok=True)
    for place in range(3):
        summed = (weights @ histograms[:, place].reshape(30, -1)).reshape(64, 2, BINS)
        assert spread[:, place] == pytest.approx(binned_average_precision(summed), abs=1e-12, nan_ok=True)
    assert np.isnan(value[2])
    assert np.isnan(interval_with_width(spread, 0.95)[0][2])


def bisected(hits: int, size_G: np.ndarray, tail: float) -> float:
    """`exact_tests._lowest_rate` by halving, with every probability kept."""

    def upper(rate: float) -> float:
        exactly = np.ones(1)
        for size in size_G.tolist():
            exactly = np.convolve(exactly, [1 - rate, *[0.0] * (size - 1), rate])
        return float(exactly[hits:].sum())

    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if upper(middle) >= tail else (middle, high)
    return low


def test_exact_ends_are_those_of_halving() -> None:
    generator = rng(22)
    for _ in range(20):
        size_G = generator.integers(1, 5, generator.integers(2, 25))
        groups = np.repeat(np.arange(len(size_G)), size_G)
        hits = (generator.random(len(groups)) < generator.choice([0.03, 0.4, 0.97])).astype(float)
        low, high = exact_tests.hit_rate_interval(hits, groups, 0.95)
        single = exact_tests.hit_rate_interval(hits, np.arange(len(hits)), 0.95)
        num_hits, num_images = int(hits.sum()), len(hits)
        if num_hits:
            assert low == pytest.approx(min(bisected(num_hits, size_G, 0.025), single[0]), abs=1e-11)
        if num_hits < num_images:
            missed = bisected(num_images - num_hits, size_G, 0.025)
            assert high == pytest.approx(1 - min(missed, 1 - single[1]), abs=1e-11)


def peak_megabytes(call: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_resamples_times_images() -> None:
    """Counts of 3,000 images in all resamples at once, and what they are drawn from, are 350 MB."""
    patients, resamples = drawn_patients(3000, 23), 5000
    values = rng(24).random((6, 3000))
    draws = PatientDraws(patients, resamples, lambda: rng(25))
    assert peak_megabytes(lambda: draws.mean_differences([values], 0.95)) < 100
    assert peak_megabytes(lambda: bootstrap_t(values[:2], patients, 0.95, resamples, rng(26))) < 100
    readings = list(rng(27).random((3000, 2, 3)))
    names = [["a", "b", "c"]] * 3000
    assert peak_megabytes(lambda: crossed_means(readings, patients, names, resamples, rng(28))) < 120


def test_exact_tests_of_a_large_study_take_a_second() -> None:
    """Their distributions are cut to the counts that have any probability: all counts would be 15,000 squared."""
    groups = np.sort(rng(30).integers(0, 10_000, 15_000))
    hits = (rng(31).random(15_000) < 0.4).astype(float)
    low, high = exact_tests.hit_rate_interval(hits, groups, 0.95)
    assert low < hits.mean() < high < low + 0.03
    assert exact_tests.grouped_pointing_p(hits, np.full(15_000, 0.38), groups) < 0.05
