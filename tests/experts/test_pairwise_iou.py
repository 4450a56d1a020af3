"""IoU within random parts of a large study: by hand, against the whole matrix; what alpha and shuffling make of it."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.experts import pairwise_iou
from sightline.experts.agreement import iou_matrix
from sightline.experts.pairwise_iou import PartIou, image_parts, same_image_pairs
from sightline.experts.reliability import alpha_iou
from sightline.experts.shuffled_masks import shuffled_agreement_p


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def study(num_images: int, agree: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three annotators mark each image; with probability `agree` a mark lies where the image's own is."""
    generator = rng(seed)
    images = np.repeat(np.arange(num_images), 3)
    own = np.repeat(generator.integers(0, 12, num_images), 3)
    place = np.where(generator.random(len(images)) < agree, own, generator.integers(0, 12, len(images)))
    masks = np.zeros((len(images), 4, 6), bool)
    for mask, left in zip(masks, place, strict=True):
        mask.ravel()[2 * left : 2 * left + 3] = True
    return masks, images, np.tile(["a", "b", "c"], num_images)


def test_few_images_are_one_part_and_draw_nothing():
    generator = rng()
    assert image_parts(np.repeat(["x", "y"], 3), generator).tolist() == [0] * 6
    assert generator.random() == rng().random()
    assert image_parts(np.zeros(0, int), generator).tolist() == []


def test_many_images_are_parts_of_equal_size_and_an_image_stays_whole():
    images = np.repeat(np.arange(300), 4)
    part = image_parts(images, rng())
    assert [len(np.unique(images[part == number])) for number in range(3)] == [100, 100, 100]
    assert all(len(np.unique(part[images == image])) == 1 for image in range(300))
    assert not np.array_equal(part, image_parts(images, rng(1)))


@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_those_of_the_whole_triangle(seed):
    images = rng(seed).integers(0, 6, 20)
    one, other = np.triu_indices(len(images), 1)
    same = images[one] == images[other]
    found = same_image_pairs(images)
    assert [row.tolist() for row in found] == [one[same].tolist(), other[same].tolist()]
    assert [len(row) for row in same_image_pairs(np.zeros(0, int))] == [0, 0]


def test_values_are_the_matrix_within_a_part():
    masks, _, _ = study(8, 0.5)
    part = rng().integers(0, 3, len(masks))
    whole, iou = iou_matrix(masks, masks), PartIou(masks, part)
    one, other = np.nonzero(part[:, None] == part)
    np.testing.assert_array_equal(iou[one, other], whole[one, other])
    rows = np.concatenate([found for found, _ in iou.parts()])
    assert sorted(rows.tolist()) == list(range(len(masks)))
    for found, values in iou.parts():
        np.testing.assert_array_equal(values, whole[np.ix_(found, found)])
    with pytest.raises(IndexError, match="different parts"):
        iou[np.flatnonzero(part == 0)[:1], np.flatnonzero(part == 1)[:1]]


def test_alpha_in_parts_takes_chance_from_the_parts_alone():
    masks, images, people = study(6, 0.7)
    whole = iou_matrix(masks, masks)
    assert alpha_iou(PartIou(masks, np.zeros(len(masks), int)), images, people) == alpha_iou(whole, images, people)
    part = (images >= 3).astype(int)
    found = alpha_iou(PartIou(masks, part), images, people)
    halves = [
        alpha_iou(whole[np.ix_(rows, rows)], images[rows] % 3, people[rows]) for rows in (images < 3, images >= 3)
    ]
    assert found.observed == pytest.approx(np.mean([half.observed for half in halves]))  # as many annotations in each
    assert found.expected == pytest.approx(np.mean([half.expected for half in halves]))  # as many pairs in each
    assert found.num_judgements == len(masks)


def test_alpha_in_parts_estimates_that_of_all_pairs():
    masks, images, people = study(400, 0.6)
    whole = alpha_iou(iou_matrix(masks, masks), images, people)
    sampled = alpha_iou(PartIou(masks, image_parts(images, rng())), images, people)
    assert sampled.observed == pytest.approx(whole.observed)
    assert sampled.expected == pytest.approx(whole.expected, abs=0.005)


def test_shuffling_within_parts_keeps_the_level_and_sees_agreement(monkeypatch):
    monkeypatch.setattr(pairwise_iou, "IMAGES", 8)
    agreeing = shuffled_agreement_p(*study(30, 0.8), 199, rng(1))
    assert agreeing.p == 1 / 200
    monkeypatch.setattr(pairwise_iou, "IMAGES", 1000)
    at_once = shuffled_agreement_p(*study(30, 0.8), 199, rng(1))
    assert agreeing.observed == pytest.approx(at_once.observed)
    # two masks of one image are dealt to one place again with probability 1 / images of the part: 30 in one, or 7.5
    chance = (at_once.null_mean - at_once.observed / 30) / (1 - 1 / 30)
    expected = chance + (at_once.observed - chance) / 7.5
    assert agreeing.null_mean == pytest.approx(expected, abs=0.015)
    monkeypatch.setattr(pairwise_iou, "IMAGES", 8)
    trials = 200
    rejected = sum(shuffled_agreement_p(*study(20, 0.0, seed), 99, rng(seed)).p <= 0.05 for seed in range(trials))
    assert rejected <= 19  # 5% of 200 or fewer: more than 19 has probability 0.3%
