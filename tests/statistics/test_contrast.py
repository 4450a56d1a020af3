"""The contrast against double loops, what all images share, and the coverage of its interval."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, t

from sightline.statistics.blocks import complete_blocks, image_weights
from sightline.statistics.contrast import contrast, contrast_interval, patient_blocks


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def looped(scores: np.ndarray, patients: np.ndarray, counts: np.ndarray, weigh: str) -> tuple[float, float, float]:
    """Mean own, row and column score, image by image, where `counts` says how often each image is there."""
    images = range(len(patients))
    sums, total = np.zeros(3), 0.0
    for i in images:
        others = [j for j in images if patients[j] != patients[i]]
        num = sum(counts[j] for j in others)
        if not counts[i]:
            continue
        row = sum(counts[j] * scores[i, j] for j in others) / num
        col = sum(counts[j] * scores[j, i] for j in others) / num
        weight = counts[i] / (sum(patients == patients[i]) if weigh == "patients" else 1)
        sums += weight * np.array([scores[i, i], row, col])
        total += weight
    own, row, col = (sums / total).tolist()
    return own, row, col


@pytest.mark.parametrize("weigh", ["patients", "images"])
def test_the_contrast_is_that_of_double_loops(weigh):
    patients, scores = np.array(list("abacddb")), rng(1).random((7, 7))
    found = contrast([np.arange(7)], [scores], patients, weigh)
    own, row, col = looped(scores, patients, np.ones(7), weigh)
    assert (found.own, found.row, found.col) == pytest.approx((own, row, col), abs=1e-12)
    assert found.value == pytest.approx(own - (row + col) / 2, abs=1e-12)
    assert found.d_M == pytest.approx(found.own_M - (found.row_M + found.col_M) / 2, abs=1e-15)
    assert found.row_M[0] == pytest.approx(scores[0, [1, 3, 4, 5, 6]].mean(), abs=1e-12)
    assert found.col_M[0] == pytest.approx(scores[[1, 3, 4, 5, 6], 0].mean(), abs=1e-12)


def test_two_patients_by_hand():
    found = contrast([np.arange(2)], [np.array([[0.9, 0.1], [0.3, 0.5]])], np.arange(2))
    assert found.d_M == pytest.approx([0.9 - 0.2, 0.5 - 0.2])
    assert found.value == pytest.approx(0.5)


def test_what_is_the_same_on_every_image_has_a_contrast_of_0():
    region_height = rng(2).random(20)
    scores, patients = np.tile(region_height, (20, 1)), np.arange(20)
    found = contrast([np.arange(20)], [scores], patients)
    assert found.value == pytest.approx(0, abs=1e-15)
    low, high = contrast_interval([np.arange(20)], [scores], patients, 0.95)
    assert low == pytest.approx(-high, abs=1e-12)
    assert high < 0.1 * 2 * found.d_M.std() / np.sqrt(20)  # far shorter than the d_i, taken as independent, would give


def test_order_of_images_does_not_matter():
    patients, scores, order = rng(3).integers(0, 9, 20), rng(4).random((20, 20)), rng(5).permutation(20)
    turned = contrast([np.arange(20)], [scores[np.ix_(order, order)]], patients[order])
    found = contrast([np.arange(20)], [scores], patients)
    assert turned.d_M == pytest.approx(found.d_M[order], abs=1e-14)
    ends = [
        contrast_interval([np.arange(20)], [s], p, 0.95)
        for s, p in ((scores, patients), (scores[np.ix_(order, order)], patients[order]))
    ]
    assert ends[0] == pytest.approx(ends[1], abs=1e-12)


def test_an_image_without_its_own_score_is_left_out_with_row_and_column():
    patients, scores, left = np.arange(8), rng(7).random((8, 8)), np.array([0, 1, 3, 4, 5, 6, 7])
    without = scores.copy()
    without[2, 2] = np.nan
    found = contrast([np.arange(8)], [without], patients)
    expected = contrast([np.arange(7)], [scores[np.ix_(left, left)]], np.arange(7))
    assert np.isnan(found.d_M[2])
    assert found.d_M[left] == pytest.approx(expected.d_M, abs=1e-14)
    assert found.value == pytest.approx(expected.value, abs=1e-14)
    assert contrast_interval([np.arange(8)], [without], patients, 0.9) == pytest.approx(
        contrast_interval([np.arange(7)], [scores[np.ix_(left, left)]], np.arange(7), 0.9), abs=1e-12
    )


def test_a_missing_score_of_two_patients_takes_its_maps_mean():
    scores = rng(9).random((5, 5))
    scores[1, 3] = np.nan
    (block,) = complete_blocks([np.arange(5)], [scores], np.arange(5))
    assert block.scores_kmm[0, 1, 3] == pytest.approx(scores[1, [0, 2, 4]].mean())
    scores[1, [0, 2, 4]] = np.nan  # a map that can be compared with no other patient
    (block,) = complete_blocks([np.arange(5)], [scores], np.arange(5))
    assert block.images_m.tolist() == [0, 2, 3, 4]


@pytest.mark.parametrize("score", [0.0, 0.3, 1.0])
def test_the_same_scores_everywhere_bound_nothing(score):
    patients, scores = np.repeat(np.arange(6), 2), np.full((12, 12), score)
    assert contrast([np.arange(12)], [scores], patients).value == pytest.approx(0, abs=1e-12)
    assert np.isnan(contrast_interval([np.arange(12)], [scores], patients, 0.95)).all()


@pytest.mark.parametrize("patients", [[], [4], [4, 4, 4]])
def test_fewer_than_two_patients_have_no_contrast(patients):
    scores = np.ones((len(patients), len(patients)))
    blocks = patient_blocks(np.array(patients), rng())
    found = contrast(blocks, [scores] * len(blocks), np.array(patients))
    assert np.isnan([found.value, found.own, found.row, found.col, *found.d_M]).all()
    assert np.isnan(contrast_interval(blocks, [scores] * len(blocks), np.array(patients), 0.95)).all()


def test_blocks_keep_patients_together_and_are_even():
    patients = rng(10).integers(0, 300, 700)
    num_patients = len(np.unique(patients))
    blocks = patient_blocks(patients, rng(1))
    assert np.sort(np.concatenate(blocks)).tolist() == list(range(700))
    sizes = [len(np.unique(patients[block])) for block in blocks]
    assert len(blocks) == num_patients // 65
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 65
    assert sum(sizes) == num_patients  # nobody is in two blocks
    assert [len(patient_blocks(np.arange(n), rng())) for n in (1, 64, 129, 130, 195)] == [1, 1, 1, 2, 3]
    order = rng(11).permutation(700)
    turned = patient_blocks(patients[order], rng(1))
    assert [sorted(order[block].tolist()) for block in turned] == [block.tolist() for block in blocks]


def test_blocks_are_added_up_by_patient():
    patients, scores = np.arange(10), rng(12).random((10, 10))
    blocks = [np.array([0, 2, 4, 6]), np.array([1, 3, 5, 7, 8, 9])]
    parts = [scores[np.ix_(block, block)] for block in blocks]
    found = contrast(blocks, parts, patients)
    single = [contrast([np.arange(len(b))], [part], b) for b, part in zip(blocks, parts, strict=True)]
    assert found.value == pytest.approx((4 * single[0].value + 6 * single[1].value) / 10, abs=1e-14)


def test_wrong_shapes_and_words_are_refused():
    with pytest.raises(ValueError, match=r"scores: expected 3 x 3 for a block, got \(3, 2\)"):
        contrast([np.arange(3)], [np.ones((3, 2))], np.arange(3))
    with pytest.raises(ValueError, match="weigh: expected patients or images, got 'readers'"):
        image_weights(np.arange(3), "readers")


@pytest.mark.parametrize("weigh", ["patients", "images"])
def test_the_interval_rests_on_how_d_changes_with_each_patients_weight(weigh):
    patients, scores, step = np.array([0, 0, 1, 2, 3, 3, 3, 4]), rng(13).random((8, 8)), 1e-5

    def value(counts: np.ndarray) -> float:
        own, row, col = looped(scores, patients, counts, weigh)
        return own - (row + col) / 2

    slopes = [(value(1 + step * (patients == g)) - value(1 - step * (patients == g))) / (2 * step) for g in range(5)]
    error = np.sqrt((np.array(slopes) ** 2).sum() * 5 / 4)
    low, high = contrast_interval([np.arange(8)], [scores], patients, 0.95, weigh)
    reach = t.ppf(0.975, 4) * error
    assert (low, high) == pytest.approx((value(np.ones(8)) - reach, value(np.ones(8)) + reach), rel=1e-7)


def simulated(num_patients: int, several: bool, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Patients, scores, and the D of their population: places on a ring, maps near them or anywhere, skewed scores."""
    patients = np.repeat(np.arange(num_patients), generator.integers(1, 4, num_patients) if several else 1)
    place_G, other_G = generator.random((2, num_patients))
    knows_G = generator.random(num_patients) < 0.5
    region = place_G[patients] + generator.normal(0, 0.03, len(patients))
    seen = np.where(knows_G, place_G, other_G)[patients] + generator.normal(0, 0.03, len(patients))
    gap = np.abs((seen[:, None] - region + 0.5) % 1 - 0.5)
    width = 0.1
    # mean of exp(-gap / width) over a ring, and over the gap of a map that knows: a folded normal with sd 0.0424
    blind = 2 * width * (1 - np.exp(-0.5 / width))
    sd = 0.03 * np.sqrt(2)
    at = np.linspace(0, 0.5, 20_001)
    density = 2 * np.exp(-(at**2) / 2 / sd**2) / np.sqrt(2 * np.pi) / sd
    knowing = float(np.trapezoid(density * np.exp(-at / width), at))
    return patients, np.exp(-gap / width), (knowing - blind) / 2


def covered(num_patients: int, several: bool, studies: int, seed: int) -> int:
    generator, count = rng(seed), 0
    for _ in range(studies):
        patients, scores, truth = simulated(num_patients, several, generator)
        low, high = contrast_interval([np.arange(len(patients))], [scores], patients, 0.95)
        count += low <= truth <= high
    return count


def test_the_interval_covers():
    studies = 400
    assert binom.ppf(0.001, studies, 0.93) <= covered(21, False, studies, 1) <= binom.ppf(0.999, studies, 0.97)


@pytest.mark.slow  # 12,000 studies
@pytest.mark.parametrize(("num_patients", "several"), [*product((16, 21, 50), (False, True))])
def test_the_interval_covers_93_to_97_percent(num_patients, several):
    studies = 2000
    count = covered(num_patients, several, studies, 2)
    assert binom.ppf(0.01, studies, 0.93) <= count <= binom.ppf(0.99, studies, 0.97)
