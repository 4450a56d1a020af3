"""Hierarchical bootstrap: by hand, against scipy, against its own definition written as loops, and its coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, bootstrap, norm, t

from sightline.statistics.means import weighted_means
from sightline.statistics.reader_draws import crossed_means, hierarchical_means, reader_means
from sightline.statistics.resampling import (
    hierarchical_weights,
    interval,
    paired_difference,
    resample_patient_counts,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


PATIENTS = np.array(["a", "b", "a", "c", "d", "d", "d", "e"])


# ------------------------------------------------------------------------------------------------------- the weights


def test_weights_keep_each_patients_size():
    """A patient with n images drawn k times has k * n images in the resample, however they fall."""
    weights = hierarchical_weights(PATIENTS, 500, rng())
    assert weights.shape == (500, 8)
    assert np.issubdtype(weights.dtype, np.integer)
    draws = 0
    for patient in "abcde":
        of_patient = weights[:, patient == PATIENTS]
        times, rest = np.divmod(of_patient.sum(axis=1), of_patient.shape[1])
        assert not rest.any()
        draws += times
    assert (draws == 5).all()


def test_weights_have_the_moments_of_two_stage_draws():
    """For patients of n images among G: mean 1, and the variance and covariance that the two draws give.

    k ~ Binomial(G, 1/G); given k an image has Binomial(k n, 1/n), so that var = E[k](1 - 1/n) + var k = 1 - 1/n + v
    and cov of two images of one patient = v - 1/n, with v = 1 - 1/G.
    """
    patients = np.repeat(np.arange(6), [1, 1, 2, 2, 3, 3])
    weights = hierarchical_weights(patients, 200_000, rng(1)).astype(float)
    sizes = np.bincount(patients)[patients]
    covariance = np.cov(weights.T)
    v = 1 - 1 / 6
    expected = np.where(patients[:, None] == patients, v - 1 / sizes, -1 / 6)
    np.fill_diagonal(expected, 1 - 1 / sizes + v)
    assert np.allclose(weights.mean(axis=0), 1, atol=0.015)
    assert np.allclose(covariance, expected, atol=0.03)


def test_one_image_a_patient_is_the_ordinary_bootstrap():
    patients = rng(2).permutation(30)
    assert np.array_equal(hierarchical_weights(patients, 50, rng(3)), resample_patient_counts(patients, 50, rng(3)))


def test_deepest_patients_is_the_patient_bootstrap():
    drawn = hierarchical_weights(PATIENTS, 50, rng(3), deepest="patients")
    assert np.array_equal(drawn, resample_patient_counts(PATIENTS, 50, rng(3)))


def test_no_image_and_one_image():
    assert hierarchical_weights(np.array([]), 5, rng()).shape == (5, 0)
    assert (hierarchical_weights(np.array(["a"]), 5, rng()) == 1).all()
    assert (hierarchical_weights(np.array(["a", "a"]), 50, rng()).sum(axis=1) == 2).all()


def test_labels_do_not_matter_but_for_their_order():
    names = np.array([f"patient {number:02d}" for number in np.unique(PATIENTS, return_inverse=True)[1]])
    assert np.array_equal(hierarchical_weights(PATIENTS, 20, rng(4)), hierarchical_weights(names, 20, rng(4)))


def test_same_generator_same_weights():
    assert np.array_equal(hierarchical_weights(PATIENTS, 20, rng(4)), hierarchical_weights(PATIENTS, 20, rng(4)))


# ----------------------------------------------------------------------------------------------- means over readers


def by_loops(values_by_image, patients, num_resamples, generator):
    """The definition: draw patients, images of each, readers of each; average readers, then images."""
    labels = np.unique(patients)
    means = []
    for _ in range(num_resamples):
        drawn = []
        for patient in generator.choice(labels, len(labels)):
            own = np.flatnonzero(patients == patient)
            for image in generator.choice(own, len(own)):
                values = values_by_image[image]
                drawn.append(values[:, generator.integers(0, values.shape[1], values.shape[1])].mean(axis=1))
        means.append(np.mean(drawn, axis=0))
    return np.array(means)


def test_means_are_distributed_as_the_loops_say():
    generator = rng(5)
    patients = np.repeat(np.arange(7), [1, 2, 1, 3, 1, 1, 2])
    values = [generator.normal(patient, 1, (2, 1 + patient % 4)) for patient in patients]
    ours = hierarchical_means(values, patients, 40_000, rng(6))
    theirs = by_loops(values, patients, 4_000, rng(7))
    assert np.allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=0.06)
    assert np.allclose(np.cov(ours.T), np.cov(theirs.T), rtol=0.09)
    assert np.allclose(np.quantile(ours, [0.025, 0.5, 0.975], axis=0), np.quantile(theirs, [0.025, 0.5, 0.975], axis=0),
                       atol=0.13)  # fmt: skip


def test_one_reader_is_the_weighted_mean_of_images():
    values = rng(8).random(8)
    means = hierarchical_means([np.full((1, 1), value) for value in values], PATIENTS, 50, rng(9))
    weights = hierarchical_weights(PATIENTS, 50, rng(9))
    assert np.allclose(means, weighted_means(values[None], weights), atol=1e-12)


def test_readers_who_say_the_same_change_nothing():
    values = rng(8).random(8)
    readers = [np.full((1, 1 + image % 3), value) for image, value in enumerate(values)]
    means = hierarchical_means(readers, PATIENTS, 50, rng(9), deepest="images")
    weights = hierarchical_weights(PATIENTS, 50, rng(9))
    assert np.allclose(means, weighted_means(values[None], weights), atol=1e-12)
    deepest = hierarchical_means(readers, PATIENTS, 50, rng(9), deepest="patients")
    drawn = hierarchical_weights(PATIENTS, 50, rng(9), deepest="patients")
    assert np.allclose(deepest, weighted_means(values[None], drawn), atol=1e-12)


def test_candidates_are_drawn_alike():
    """A candidate that is another plus 0.25 stays so in each resample: the difference has no spread."""
    values = [rng(10 + image).random((1, 2 + image % 3)) for image in range(8)]
    both = [np.concatenate([one, one + 0.25, 2 * one]) for one in values]
    means = hierarchical_means(both, PATIENTS, 200, rng(11))
    assert np.allclose(means[:, 1] - means[:, 0], 0.25, atol=1e-12)
    assert np.allclose(means[:, 2], 2 * means[:, 0], atol=1e-12)


def test_nan_readings_are_left_out_for_all_candidates():
    nan = np.nan
    values = [np.array([[1, nan, 3], [4, 5, 6.0]]), np.array([[nan], [1.0]]), np.array([[5.0, 7.0], [0, 2.0]])]
    assert np.array_equal(reader_means(values), [[2, nan, 6], [5, nan, 1]], equal_nan=True)
    left = [values[0][:, [0, 2]], values[2]]
    means = hierarchical_means(values, np.array(["a", "b", "c"]), 100, rng(12))
    assert np.array_equal(means, hierarchical_means(left, np.array(["a", "c"]), 100, rng(12)))


def test_a_candidate_of_nan_takes_nothing_from_the_others():
    values = [rng(image).random((1, 3)) for image in range(8)]
    with_nan = [np.concatenate([one, np.full((1, 3), np.nan)]) for one in values]
    means = hierarchical_means(with_nan, PATIENTS, 30, rng(13))
    assert np.array_equal(means[:, :1], hierarchical_means(values, PATIENTS, 30, rng(13)))
    assert np.isnan(means[:, 1]).all()
    assert np.isnan(reader_means(with_nan)[1]).all()
    nothing = hierarchical_means([np.full((2, 1), np.nan), np.zeros((2, 0))], np.array(["a", "b"]), 4, rng())
    assert nothing.shape == (4, 2)
    assert np.isnan(nothing).all()
    with pytest.raises(ValueError, match="expected at least one image, got none"):
        hierarchical_means([], np.array([]), 4, rng())


# ------------------------------------------------------------------------------------------------------- the intervals


def test_interval_is_scipys_percentile_bootstrap_of_the_same_resamples():
    values = rng(14).normal(0, 1, 25)
    theirs = bootstrap((values,), np.mean, n_resamples=999, method="percentile", rng=rng(15), confidence_level=0.9)
    low, high = interval(theirs.bootstrap_distribution[:, None], 0.9)
    assert low[0] == pytest.approx(theirs.confidence_interval.low, abs=1e-12)
    assert high[0] == pytest.approx(theirs.confidence_interval.high, abs=1e-12)


def test_interval_leaves_nan_out():
    column = np.r_[np.nan, np.arange(101.0)]
    low, high = interval(np.stack([column, np.full(102, np.nan)], axis=1), 0.9)
    assert (low[0], high[0]) == pytest.approx((5, 95))
    assert np.isnan(low[1])
    assert np.isnan(high[1])


def test_the_expanded_interval_of_a_normal_distribution_is_students():
    """Resamples spread as the bootstrap's (variance over G, not G - 1): the ends are mean -+ t s / sqrt(G)."""
    values = rng(16).normal(0, 1, 12)
    quantiles = norm.ppf((np.arange(200_001) + 0.5) / 200_001)
    low, high = interval((values.mean() + values.std(ddof=0) / np.sqrt(12) * quantiles)[:, None], 0.95, num_patients=12)
    expected = t.interval(0.95, 11, values.mean(), values.std(ddof=1) / np.sqrt(12))
    assert (low[0], high[0]) == pytest.approx(expected, abs=1e-3)
    assert interval(np.arange(5.0)[:, None], 0.95, num_patients=1) == (0, 4)


def test_paired_difference_by_hand():
    values = np.array([[1, 2, np.nan, 4], [np.nan, np.nan, np.nan, np.nan]])
    other = np.array([0, 0, 0, 1.0])
    weights = np.array([[1, 1, 1, 1], [4, 0, 0, 0], [0, 0, 4, 0], [0, 0, 0, 4]])
    difference = paired_difference(values, other, weights, 0.5)
    assert difference.estimate[0] == 2  # of 1, 2 and 3
    assert (difference.low[0], difference.high[0]) == (1.5, 2.5)  # quartiles of 2, 1, 3; the third resample has none
    assert np.isnan([difference.estimate[1], difference.low[1], difference.high[1]]).all()


def test_paired_difference_is_scipys_paired_bootstrap_in_law():
    x, y = rng(17).normal(0.3, 1, 40), rng(18).normal(0, 1, 40)
    theirs = bootstrap((x - y,), np.mean, n_resamples=20_000, method="percentile", rng=rng(19)).confidence_interval
    ours = paired_difference(x[None], y, hierarchical_weights(np.arange(40), 20_000, rng(20)), 0.95)
    assert ours.estimate[0] == pytest.approx((x - y).mean())
    assert (ours.low[0], ours.high[0]) == pytest.approx((theirs.low, theirs.high), abs=0.02)


# ------------------------------------------------------------------------------------------------------- coverage


def covered(num_patients, sizes, patient_sd, image_sd, *, deepest, expanded=False, trials=1500, seed=0):
    """How many of `trials` 95% intervals hold the true mean 0 of patient effects plus image effects."""
    generator = rng(seed)
    patients = np.repeat(np.arange(num_patients), np.resize(sizes, num_patients))
    held = 0
    for _ in range(trials):
        values = generator.normal(0, patient_sd, num_patients)[patients] + generator.normal(0, image_sd, len(patients))
        weights = hierarchical_weights(patients, 999, generator, deepest)
        means = (weights @ values / weights.sum(axis=1))[:, None]
        low, high = interval(means, 0.95, num_patients if expanded else None)
        held += bool(low[0] <= 0 <= high[0])
    return held


def between(held, least, most, trials=1500):
    """The count is one that a coverage somewhere in [least, most] gives; a thousandth of error on each side."""
    return binom.ppf(0.001, trials, least) <= held <= binom.isf(0.001, trials, most)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "patient_sd", "image_sd"), [([1], 1, 0.3), ([2], 1, 1), ([1, 2, 4], 1, 1), ([1, 1, 1, 2], 1, 0.5)]
)
def test_coverage_with_fifty_patients(sizes, patient_sd, image_sd):
    """93% to 97%, whichever levels are drawn."""
    assert between(covered(50, sizes, patient_sd, image_sd, deepest="images"), 0.93, 0.97)
    assert between(covered(50, sizes, patient_sd, image_sd, deepest="patients"), 0.93, 0.97)
    assert between(covered(50, sizes, patient_sd, image_sd, deepest="patients", expanded=True), 0.93, 0.97)


@pytest.mark.slow
def test_images_drawn_again_are_too_careful_when_patients_are_alike():
    """Three images per patient and no patient effect: all levels give sqrt(5/3) of the length, 98%; patients 95%."""
    assert covered(50, [3], 0, 1, deepest="images") / 1500 > 0.97
    assert between(covered(50, [3], 0, 1, deepest="patients"), 0.93, 0.97)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[1], [3]])
def test_ten_patients_need_the_expanded_interval(sizes):
    """The plain one falls short of 93%, all levels or not; the expanded one of patients does not."""
    assert covered(10, sizes, 1, 0.5, deepest="images") / 1500 < 0.93
    assert covered(10, sizes, 1, 0.5, deepest="patients") / 1500 < 0.93
    assert between(covered(10, sizes, 1, 0.5, deepest="patients", expanded=True), 0.93, 0.97)


def covered_by_readers(reading_sd, image_sd, leniency_sd, deepest, trials=600, seed=1):
    """How many of `trials` intervals hold the mean 0 over images and readers: 50 images, 6 of 14 readers each."""
    generator = rng(seed)
    held = 0
    for _ in range(trials):
        leniency, image = generator.normal(0, leniency_sd, 14), generator.normal(0, image_sd, 50)
        readers = generator.permuted(np.tile(np.arange(14), (50, 1)), axis=1)[:, :6]
        values = image[:, None] + leniency[readers] + generator.normal(0, reading_sd, (50, 6))
        means = hierarchical_means(list(values[:, None]), np.arange(50), 999, generator, deepest)
        low, high = interval(means, 0.95)
        held += bool(low[0] <= 0 <= high[0])
    return held


@pytest.mark.slow
def test_coverage_with_readers():
    """Readings that vary as much as images: 93% to 97%. More than images: too careful. Lenient readers: too short."""
    assert between(covered_by_readers(1, 1, 0, "readers"), 0.93, 0.97, trials=600)
    assert between(covered_by_readers(1, 1, 0, "images"), 0.93, 0.97, trials=600)
    assert covered_by_readers(2, 0.3, 0, "readers") / 600 > 0.97
    assert covered_by_readers(1, 1, 0.5, "readers") / 600 < 0.93


@pytest.mark.slow
def test_paired_difference_covers():
    """Two models that share their images' difficulty, 30 patients of 1 to 3 images."""
    generator, trials, held = rng(2), 1500, 0
    patients = np.repeat(np.arange(30), np.resize([1, 2, 3], 30))
    for _ in range(trials):
        difficulty = generator.normal(0, 3, len(patients))
        both = (
            difficulty + generator.normal(0, 0.5, (2, 30))[:, patients] + generator.normal(0, 0.5, (2, len(patients)))
        )
        weights = hierarchical_weights(patients, 999, generator, "patients")
        difference = paired_difference(both[:1], both[1], weights, 0.95, num_patients=30)
        held += bool(difference.low[0] <= 0 <= difference.high[0])
    assert between(held, 0.93, 0.97)


# --------------------------------------------------------------------------------------- patients and readers crosswise


def crossed_case(generator: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray, list[list[str]]]:
    """8 images of 5 patients, two candidates, 2 to 4 of 5 readers each."""
    names = [generator.permutation(list("vwxyz"))[: generator.integers(2, 5)].tolist() for _ in range(8)]
    return [generator.normal(size=(2, len(names_R))) for names_R in names], PATIENTS, names


def test_crossed_means_are_weighted_means_written_out():
    """The same draws as loops: a reader's count holds on every image, a patient's images stay together."""
    values, patients, names = crossed_case(rng(20))
    found = crossed_means(values, patients, names, 40, rng(21))
    generator = rng(21)
    times_BM = resample_patient_counts(patients, 40, generator)
    drawn = [np.bincount(row, minlength=5) for row in generator.integers(0, 5, size=(40, 5))]
    for row, times_M, counts in zip(found, times_BM, drawn, strict=True):
        count_of = dict(zip("vwxyz", counts.tolist(), strict=True))
        total, weight = np.zeros(2), 0
        for values_AR, names_R, times in zip(values, names, times_M, strict=True):
            counts_R = np.array([count_of[name] for name in names_R])
            if counts_R.sum():
                total += times * (values_AR * counts_R).sum(axis=1) / counts_R.sum()
                weight += times
        np.testing.assert_allclose(row, total / weight, rtol=0, atol=1e-12)


def test_crossed_means_of_nothing_of_one_reader_and_without_a_value():
    values, patients, names = crossed_case(rng(22))
    assert np.isnan(crossed_means([part[:, :0] for part in values], patients, [[]] * 8, 9, rng())).all()
    single = [part[:, :1] for part in values]
    found = crossed_means(single, patients, [["only"]] * 8, 30, rng(23))
    plain = weighted_means(np.concatenate(single, axis=1), resample_patient_counts(patients, 30, rng(23)))
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-12)
    values[0][1, 0] = np.nan  # leaves that reading out for both candidates
    fewer = [values[0][:, 1:], *values[1:]]
    np.testing.assert_array_equal(
        crossed_means(values, patients, names, 9, rng(1)),
        crossed_means(fewer, patients, [names[0][1:], *names[1:]], 9, rng(1)),
    )
    with pytest.raises(ValueError, match=r"image 0: \d readings and 1 names of readers"):
        crossed_means(values, patients, [["a"], *names[1:]], 9, rng())


def crossed_coverage(trials: int, reader_spread: float, resamples: int = 400) -> tuple[int, int]:
    """How often 95% intervals hold the mean, crosswise and within images: the paper's 50 images x 5.6 of 14 readers."""
    generator, held = rng(24), [0, 0]
    for _ in range(trials):
        images, readers = generator.normal(0, 0.15, 50), generator.normal(0, reader_spread, 14)
        seen = [generator.permutation(14)[: generator.integers(4, 8)] for _ in range(50)]
        values = [
            (image + readers[who] + generator.normal(0, 0.1, len(who)))[None]
            for image, who in zip(images, seen, strict=True)
        ]
        names = [[str(reader) for reader in who] for who in seen]
        for place, means in enumerate((
            crossed_means(values, np.arange(50), names, resamples, generator),
            hierarchical_means(values, np.arange(50), resamples, generator),
        )):  # fmt: skip
            low, high = interval(means, 0.95, 50)
            held[place] += bool(low[0] <= 0 <= high[0])
    return held[0], held[1]


def test_crosswise_holds_where_readers_differ_and_within_images_does_not():
    """120 studies of readers whose leniency spreads by 0.115; the slow test below has the bounds."""
    crosswise, within = crossed_coverage(120, 0.115, 200)
    assert crosswise > 0.86 * 120
    assert within < 0.8 * 120


@pytest.mark.parametrize(("num_readers", "least", "most"), [(2, 0.55, 0.77), (3, 0.67, 0.88), (10, 0.85, 1.0)])
def test_few_readers_do_not_speak_for_others(num_readers: int, least: float, most: float):
    """120 studies of readers who vary as much as images do; the docstring of `crossed_means` has it of 1,000."""
    generator, held = rng(25), 0
    for _ in range(120):
        readers = generator.normal(0, 0.1, num_readers)
        values = [
            (generator.normal(0, 0.1) + readers + generator.normal(0, 0.05, num_readers))[None] for _ in range(50)
        ]
        names = [[str(reader) for reader in range(num_readers)]] * 50
        low, high = interval(crossed_means(values, np.arange(50), names, 300, generator), 0.95, 50)
        held += bool(low[0] <= 0 <= high[0])
    assert least * 120 < held < most * 120 + 1


@pytest.mark.slow  # 3,000 studies: about a minute and a half
@pytest.mark.parametrize("reader_spread", [0.0, 0.05, 0.115])
def test_coverage_crosswise_in_the_papers_design(reader_spread: float):
    crosswise, within = crossed_coverage(1000, reader_spread)
    print(reader_spread, crosswise, within)
    assert 915 < crosswise < 985  # 93% to 97%, and twice the Monte-Carlo error
