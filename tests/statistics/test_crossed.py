"""Images and readers resampled crosswise: against loops, against the plain contrast, and what intervals cover."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from sightline.statistics.contrast import contrast, patient_blocks
from sightline.statistics.crossed import crossed_contrast, crossed_draws, crossed_interval


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def readings_of(num_images: int, num_readers: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Image and reader of each reading: some 3 in 5 of all pairs, at least one per image, in no order."""
    pairs = [
        (image, reader)
        for image in range(num_images)
        for reader in range(num_readers)
        if generator.random() < 0.6 or reader == image % num_readers
    ]
    image_N, reader_N = np.array(pairs)[generator.permutation(len(pairs))].T
    return image_N, reader_N


def looped(scores, image_A, reader_A, image_N, reader_N, patients, count_M, count_N, weigh):
    """D by loops over images, readings and maps, as its definition reads; `count_N`: weight of the reading's reader."""
    readings = range(len(image_N))
    weight_of = {i: sum(count_N[n] for n in readings if image_N[n] == i) for i in set(image_N)}
    read = sorted(i for i in weight_of if weight_of[i] > 0)
    images = [i for i in read if count_M[i] > 0]
    top = bottom = 0.0
    for i in images:
        others = [j for j in images if patients[j] != patients[i]]
        num_others = sum(count_M[j] for j in others)
        d_i = 0.0
        for n in readings:
            if image_N[n] != i or not count_N[n]:
                continue
            (own,) = (
                a for a in range(len(image_A)) if image_A[a] == i and (reader_A is None or reader_A[a] == reader_N[n])
            )
            row = col = 0.0
            for j in others:
                of_j = [k for k in readings if image_N[k] == j]
                row += count_M[j] * sum(count_N[k] * scores[own, k] for k in of_j) / weight_of[j]
                maps = [
                    (a, count_N[k])
                    for k in of_j
                    for a in range(len(image_A))
                    if image_A[a] == j and (reader_A is None or reader_A[a] == reader_N[k])
                ]
                col += count_M[j] * sum(w * scores[a, n] for a, w in maps) / sum(w for _, w in maps)
            d_i += count_N[n] / weight_of[i] * (scores[own, n] - (row + col) / num_others / 2)
        weight = count_M[i] / (sum(patients[j] == patients[i] for j in read) if weigh == "patients" else 1)
        top, bottom = top + weight * d_i, bottom + weight
    return top / bottom


@pytest.mark.parametrize("weigh", ["patients", "images"])
@pytest.mark.parametrize("by_reader", [True, False])
def test_the_estimate_and_every_draw_are_those_of_loops(weigh, by_reader):
    generator, patients = rng(1), np.array([0, 0, 1, 2, 3, 3, 4, 5])
    image_N, reader_N = readings_of(8, 4, generator)
    draws = crossed_draws(patients, image_N, reader_N, 12, generator)
    if by_reader:
        order = generator.permutation(len(image_N))
        image_A, reader_A = image_N[order], reader_N[order]
    else:
        image_A, reader_A = generator.permutation(8), None
    scores = generator.random((len(image_A), len(image_N)))
    value, values = crossed_contrast(
        [np.arange(8)], [scores], image_A, reader_A, image_N, reader_N, patients, draws, weigh
    )
    where = (scores, image_A, reader_A, image_N, reader_N, patients)
    assert value == pytest.approx(looped(*where, np.ones(8), np.ones(len(image_N)), weigh), abs=1e-12)
    expected = [looped(*where, *counts, weigh) for counts in zip(draws.image_BM, draws.reader_BN, strict=True)]
    assert values == pytest.approx(np.array(expected), abs=1e-12)


@pytest.mark.parametrize("reader_A", [None, np.zeros(150)])
def test_with_one_reading_per_image_it_is_the_plain_contrast_in_blocks_too(reader_A):
    generator, images = rng(2), np.arange(150)
    blocks = patient_blocks(images, generator)
    assert len(blocks) == 2
    scores = [generator.random((len(block), len(block))) for block in blocks]
    draws = crossed_draws(images, images, np.zeros(150), 3, generator)
    value, values = crossed_contrast(blocks, scores, images, reader_A, images, np.zeros(150), images, draws)
    assert value == pytest.approx(contrast(blocks, scores, images).value, abs=1e-12)
    assert values.std() > 0


def test_draws_give_readers_the_same_weight_on_all_images():
    image_N, reader_N = readings_of(9, 5, rng(3))
    patients = np.array([0, 1, 1, 2, 3, 4, 5, 6, 7, 8])  # the last has no reading
    draws = crossed_draws(patients, image_N, reader_N, 40, rng(4))
    for reader in range(5):
        assert (np.ptp(draws.reader_BN[:, reader_N == reader], axis=1) == 0).all()
    first_N = [np.flatnonzero(reader_N == reader)[0] for reader in range(5)]
    assert (draws.reader_BN[:, first_N].sum(axis=1) == 5).all()
    assert (draws.image_BM[:, 1] == draws.image_BM[:, 2]).all()
    assert (draws.image_BM[:, 9] == 0).all()
    assert (np.delete(draws.image_BM, [2, 9], axis=1).sum(axis=1) == 8).all()


def test_an_undefined_or_missing_map_leaves_its_readings_out():
    generator, patients = rng(5), np.arange(7)
    image_N, reader_N = readings_of(7, 3, generator)
    draws = crossed_draws(patients, image_N, reader_N, 20, generator)
    scores = generator.random((7, len(image_N)))
    scores[2] = np.nan  # a flat map
    kept_N = image_N != 2
    less = replace(draws, place_N=draws.place_N[kept_N])
    fewer = np.delete(np.arange(7), 2)
    blocks = [np.arange(7)]
    expected, expected_B = crossed_contrast(
        blocks, [scores[fewer][:, kept_N]], fewer, None, image_N[kept_N], reader_N[kept_N], patients, less
    )
    for maps, part in ((np.arange(7), scores), (fewer, scores[fewer])):
        value, values = crossed_contrast(blocks, [part], maps, None, image_N, reader_N, patients, draws)
        assert value == pytest.approx(expected, abs=1e-12)
        assert values == pytest.approx(expected_B, abs=1e-12, nan_ok=True)


def test_readers_who_never_meet_and_empty_studies_give_no_error():
    none = crossed_draws(np.zeros(0), np.zeros(0), np.zeros(0), 5, rng())
    value, values = crossed_contrast([], [], np.zeros(0), None, np.zeros(0), np.zeros(0), np.zeros(0), none)
    assert np.isnan([value, *values]).all()
    assert np.isnan(crossed_interval(value, values, 0.95, 0)).all()
    assert np.isnan(crossed_interval(0.0, np.zeros(99), 0.95, 20)).all()  # no spread bounds nothing
    images, scores = np.arange(3), np.full((3, 3), np.nan)  # one reader per image: no consensus without it
    draws = crossed_draws(images, images, np.array(["a", "b", "c"]), 5, rng())
    value, values = crossed_contrast([images], [scores], images, images, images, images, images, draws)
    assert np.isnan([value, *values]).all()


def test_wrong_input_is_refused():
    draws = crossed_draws(np.arange(2), np.arange(2), np.zeros(2), 5, rng())
    with pytest.raises(ValueError, match=r"scores: expected 2 x 2, got \(2, 3\)"):
        crossed_contrast(
            [np.arange(2)], [np.ones((2, 3))], np.arange(2), None, np.arange(2), np.zeros(2), np.arange(2), draws
        )
    with pytest.raises(ValueError, match="maps: expected one per image, or per image and reader; some have two"):
        crossed_contrast(
            [np.arange(2)], [np.ones((2, 2))], np.zeros(2), None, np.arange(2), np.zeros(2), np.arange(2), draws
        )


def simulated(num_images: int, reader_sd: float, generator: np.random.Generator):
    """Readings as in the paper (5.6 of 14 readers per image), scores of model and experts with effects of images and
    of readers; the model's D is 0.2 and the experts' 0.3."""
    chosen = generator.random((num_images, 14)).argsort(axis=1).argsort(axis=1)
    image_N, reader_N = np.nonzero(chosen < generator.integers(5, 7, num_images)[:, None])
    num = len(image_N)
    level_M, model_M = generator.normal(0, 0.2, (2, num_images))
    lenient_R = generator.normal(0, reader_sd, 14)
    experts = 0.2 + 0.3 * lenient_R[reader_N][:, None] + generator.normal(0, 0.15, (num, num))
    experts[range(num), range(num)] += 0.3 + level_M[image_N] + 0.7 * lenient_R[reader_N]
    model = 0.2 + generator.normal(0, 0.15, (num_images, num))
    model[image_N, range(num)] += 0.2 + (0.5 * level_M + 0.87 * model_M)[image_N]
    return image_N, reader_N, model, experts


def covered(num_images: int, reader_sd: float, studies: int, seed: int) -> np.ndarray:
    """How many intervals of D_h, D / D_h and D - 0.75 D_h hold the truth."""
    generator, counts, images = rng(seed), np.zeros(3, dtype=int), np.arange(num_images)
    for _ in range(studies):
        image_N, reader_N, model, experts = simulated(num_images, reader_sd, generator)
        draws = crossed_draws(images, image_N, reader_N, 300, generator)
        human, human_B = crossed_contrast([images], [experts], image_N, reader_N, image_N, reader_N, images, draws)
        value, value_B = crossed_contrast([images], [model], images, None, image_N, reader_N, images, draws)
        pairs = (
            (human, human_B, 0.3),
            (value / human, value_B / human_B, 0.2 / 0.3),
            (value - 0.75 * human, value_B - 0.75 * human_B, 0.2 - 0.75 * 0.3),
        )
        for place, (estimate, draws_B, truth) in enumerate(pairs):
            low, high = crossed_interval(estimate, draws_B, 0.95, num_images)
            counts[place] += low <= truth <= high
    return counts


def test_intervals_cover_in_the_papers_design():
    assert (covered(21, 0.1, 30, 1) >= binom.ppf(0.001, 30, 0.93)).all()


@pytest.mark.slow  # 2,400 studies of 100,000 scores
@pytest.mark.parametrize("reader_sd", [0, 0.05, 0.115])
def test_intervals_cover_93_to_97_percent_in_the_papers_design(reader_sd):
    counts = covered(50, reader_sd, 800, 2)
    assert (counts >= binom.ppf(0.01, 800, 0.93)).all()
    assert (counts <= binom.ppf(0.99, 800, 0.97)).all()
