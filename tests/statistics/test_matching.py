"""The test of whether maps know their patient: by hand, by enumeration, what must not matter, level and power."""

from __future__ import annotations

from itertools import permutations, product
from math import factorial

import numpy as np
import pytest
from scipy.stats import binom

from sightline.statistics.contrast import patient_blocks
from sightline.statistics.matching import matching_p


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def one_block(scores: np.ndarray, patients: np.ndarray, permutations_: int, seed: int = 0, weigh: str = "patients"):
    return matching_p([np.arange(len(patients))], [scores], patients, permutations_, rng(seed), weigh)


def test_three_patients_by_hand():
    scores = np.array([[0.9, 0.0, 0.1], [0.2, 0.8, 0.0], [0.0, 0.3, 0.1]])
    # sums of the six orders: own 1.8; 0.9 + 0 + 0.3, 0 + 0.2 + 0.1, 0 + 0 + 0, 0.1 + 0.2 + 0.3, 0.1 + 0.8 + 0
    assert one_block(scores, np.arange(3), 6) == 1 / 6
    assert one_block(scores[:, [1, 0, 2]], np.arange(3), 6) == 5 / 6  # own 0.3, beaten by all but 0
    assert one_block(np.ones((4, 4)), np.arange(4), 24) == 1


def test_few_patients_are_all_orders():
    scores = rng(1).random((6, 6))
    sums = [scores[range(6), order].sum() for order in permutations(range(6))]
    expected = np.mean(np.array(sums) >= np.trace(scores) - 1e-9)
    assert one_block(scores, np.arange(6), factorial(6)) == pytest.approx(expected, abs=1e-12)
    drawn = one_block(scores, np.arange(6), factorial(6) - 1, seed=2)
    assert abs(drawn - expected) < 4 * np.sqrt(expected * (1 - expected) / 719)


@pytest.mark.parametrize("weigh", ["patients", "images"])
def test_patients_with_several_images_are_dealt_as_by_enumeration(weigh):
    patients, scores = np.array([0, 0, 1, 2, 2, 2]), rng(3).random((6, 6))
    weight = {"patients": np.array([1 / 2, 1 / 2, 1, 1 / 3, 1 / 3, 1 / 3]), "images": np.ones(6)}[weigh]
    least, expected = (weight * np.diagonal(scores)).sum() - 1e-9, 0.0
    for order in permutations(range(3)):  # each image takes a region of its dealt patient, all alike
        choices = list(product(*(np.flatnonzero(patients == order[own]) for own in patients)))
        sums = [(weight * scores[range(6), list(choice)]).sum() for choice in choices]
        expected += np.mean(np.array(sums) >= least) / 6
    found = one_block(scores, patients, 40_000, seed=4, weigh=weigh)
    assert abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / 40_000) + 1e-4


def test_blocks_are_permuted_within_themselves():
    scores, blocks = [np.eye(3), np.eye(2)], [np.array([0, 2, 4]), np.array([1, 3])]
    assert matching_p(blocks, scores, np.arange(5), 12, rng()) == pytest.approx(1 / 12)
    drawn = matching_p(blocks, scores, np.arange(5), 11_999, rng(1))  # more orders than permutations only from 12 on
    assert drawn == pytest.approx(1 / 12)
    large = [np.eye(80), np.eye(70)]
    assert matching_p([np.arange(80), np.arange(80, 150)], large, np.arange(150), 999, rng(2)) == 1 / 1000


def test_p_is_never_0_and_the_same_for_the_same_stream():
    assert one_block(np.eye(30), np.arange(30), 999) == 1 / 1000
    scores = rng(5).random((30, 30))
    assert one_block(scores, np.arange(30), 999, 6) == one_block(scores, np.arange(30), 999, 6)


def test_what_is_undefined_left_out_or_refused():
    scores = rng(7).random((6, 6))
    scores[2, 2] = np.nan
    left = np.delete(np.delete(scores, 2, 0), 2, 1)
    assert one_block(scores, np.arange(6), 200) == one_block(left, np.arange(5), 200)
    assert np.isnan(one_block(np.ones((1, 1)), np.arange(1), 9))
    assert np.isnan(one_block(np.ones((3, 3)), np.zeros(3), 9))
    assert np.isnan(matching_p([], [], np.zeros(0), 9, rng()))
    with pytest.raises(ValueError, match="permutations: expected at least 1, got 0"):
        one_block(np.eye(2), np.arange(2), 0)


def skewed_maps(num_patients: int, several: bool, share: float, generator: np.random.Generator):
    """Patients and scores: maps that look at their patient's place in `share` of cases, else at another's."""
    patients = np.repeat(np.arange(num_patients), generator.integers(1, 4, num_patients) if several else 1)
    places_G, others_G = generator.normal(0, 1, (2, num_patients))
    knows_G = generator.random(num_patients) < share
    region = places_G[patients] + generator.normal(0, 0.2, len(patients))
    seen = np.where(knows_G, places_G, others_G)[patients] + generator.normal(0, 0.2, len(patients))
    return patients, np.exp(-3 * np.abs(seen[:, None] - region))


def rejections(num_patients: int, several: bool, share: float, studies: int, seed: int) -> int:
    generator, count = rng(seed), 0
    for _ in range(studies):
        patients, scores = skewed_maps(num_patients, several, share, generator)
        blocks = patient_blocks(patients, generator)
        parts = [scores[np.ix_(block, block)] for block in blocks]
        count += matching_p(blocks, parts, patients, 999, generator) <= 0.05
    return count


def test_level_and_power():
    assert binom.ppf(0.001, 400, 0.05) <= rejections(24, False, 0.0, 400, 1) <= binom.ppf(0.999, 400, 0.05)
    assert rejections(50, False, 0.35, 60, 2) > 40


@pytest.mark.slow  # 14,000 studies
@pytest.mark.parametrize(("num_patients", "several"), [*product((16, 24, 50), (False, True)), (200, False)])
def test_the_level_is_3_to_7_percent(num_patients, several):
    studies = 2000
    count = rejections(num_patients, several, 0.0, studies, 3)
    assert binom.ppf(0.01, studies, 0.03) <= count <= binom.ppf(0.99, studies, 0.07)
