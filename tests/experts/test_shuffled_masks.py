"""Shuffled masks: by hand, against shuffles written as loops, and the level when masks only share the anatomy."""

from __future__ import annotations

from itertools import combinations, permutations, product

import numpy as np
import pytest
from scipy.stats import binom

from sightline.experts.agreement import image_agreement
from sightline.experts.shuffled_masks import shuffled_agreement_p


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def mean_iou(masks, images, annotators):
    """Per image over pairs of distinct annotators with an IoU, then over images."""
    per_image = []
    for image in sorted(set(images)):
        own = [a for a in range(len(images)) if images[a] == image]
        ious = [
            (masks[a] & masks[b]).sum() / (masks[a] | masks[b]).sum()
            for a, b in combinations(own, 2)
            if annotators[a] != annotators[b] and (masks[a] | masks[b]).any()
        ]
        if ious:
            per_image.append(np.mean(ious))
    return np.mean(per_image) if per_image else np.nan


def all_shuffles(masks, images, annotators):
    """The statistic under every way to deal each annotator's masks."""
    names = sorted(set(annotators))
    own = [[a for a in range(len(images)) if annotators[a] == name] for name in names]
    values = []
    for dealt in product(*(permutations(places) for places in own)):
        order = list(range(len(images)))
        for places, chosen in zip(own, dealt, strict=True):
            for place, mask in zip(places, chosen, strict=True):
                order[place] = mask
        values.append(mean_iou(masks[order], images, annotators))
    return np.array(values)


IMAGES = ["i", "i", "i", "j", "j", "k", "k", "k", "i"]
ANNOTATORS = ["x", "y", "z", "x", "y", "x", "y", "z", "z"]  # z twice on image i


def test_against_all_shuffles():
    masks = rng(1).random((9, 4, 4)) < 0.4
    masks[[0, 3]] = rng(2).random((4, 4)) < 0.5
    values = all_shuffles(masks, IMAGES, ANNOTATORS)
    result = shuffled_agreement_p(masks, IMAGES, ANNOTATORS, 20_000, rng(3))
    observed = mean_iou(masks, IMAGES, ANNOTATORS)
    assert result.observed == pytest.approx(observed, abs=1e-12)
    assert result.null_mean == pytest.approx(values.mean(), abs=4 * values.std() / np.sqrt(20_000))
    exact = (values >= observed - 1e-12).mean()
    assert binom.ppf(1e-6, 20_000, exact) <= result.p * 20_001 - 1 <= binom.isf(1e-6, 20_000, exact)


def test_empty_masks_have_no_iou_and_are_left_out():
    masks = rng(4).random((9, 3, 3)) < 0.4
    masks[[0, 1, 4, 7]] = False
    values = all_shuffles(masks, IMAGES, ANNOTATORS)
    result = shuffled_agreement_p(masks, IMAGES, ANNOTATORS, 20_000, rng(5))
    assert result.observed == pytest.approx(mean_iou(masks, IMAGES, ANNOTATORS), abs=1e-12)
    assert result.null_mean == pytest.approx(np.nanmean(values), abs=4 * np.nanstd(values) / np.sqrt(20_000))


def test_two_who_mark_the_same():
    """Three images, two annotators, disjoint masks, full agreement: 1 observed, 1/3 shuffled, 1 of 6 as good."""
    masks = np.eye(9, dtype=bool).reshape(9, 3, 3)[[0, 1, 2, 0, 1, 2]]
    result = shuffled_agreement_p(masks, [0, 1, 2, 0, 1, 2], ["a"] * 3 + ["b"] * 3, 20_000, rng(6))
    assert result.observed == 1
    assert result.null_mean == pytest.approx(1 / 3, abs=0.01)
    assert result.p == pytest.approx(1 / 6, abs=0.01)


def test_observed_is_what_image_agreement_says():
    masks = rng(7).random((9, 5, 5)) < 0.4
    means = [
        image_agreement(masks[own], np.array(ANNOTATORS)[own], 1, rng()).mean_iou
        for own in (np.array(IMAGES) == image for image in "ijk")
    ]
    assert shuffled_agreement_p(masks, IMAGES, ANNOTATORS, 1, rng()).observed == pytest.approx(
        np.mean(means), abs=1e-12
    )


def test_order_of_annotations_does_not_matter_to_what_is_observed():
    masks, order = rng(8).random((9, 5, 5)) < 0.4, rng(9).permutation(9)
    one = shuffled_agreement_p(masks, IMAGES, ANNOTATORS, 9, rng())
    other = shuffled_agreement_p(masks[order], np.array(IMAGES)[order], np.array(ANNOTATORS)[order], 9, rng())
    assert one.observed == pytest.approx(other.observed, abs=1e-12)


def test_blocks_do_not_matter(monkeypatch):
    masks = rng(8).random((9, 5, 5)) < 0.4
    whole = shuffled_agreement_p(masks, IMAGES, ANNOTATORS, 50, rng(1))
    monkeypatch.setattr("sightline.experts.shuffled_masks.BLOCK", 9 * 7)
    assert shuffled_agreement_p(masks, IMAGES, ANNOTATORS, 50, rng(1)) == whole


def test_what_cannot_be_shuffled_or_paired():
    masks = rng(10).random((4, 3, 3)) < 0.5
    alone = shuffled_agreement_p(masks, [0, 0, 1, 1], ["a", "b", "c", "d"], 99, rng())
    assert alone.null_mean == pytest.approx(alone.observed)
    assert alone.p == 1
    assert np.isnan(shuffled_agreement_p(masks, [0, 1, 2, 3], ["a", "b", "c", "d"], 99, rng())).all()
    assert np.isnan(shuffled_agreement_p(masks, [0, 0, 1, 1], ["a"] * 4, 99, rng())).all()
    assert np.isnan(shuffled_agreement_p(masks & False, [0, 0, 1, 1], ["a", "b"] * 2, 99, rng())).all()
    assert np.isnan(shuffled_agreement_p(masks[:0], [], [], 99, rng())).all()
    with pytest.raises(ValueError, match="permutations: expected at least 1, got 0"):
        shuffled_agreement_p(masks, [0, 0, 1, 1], ["a", "b"] * 2, 0, rng())


def study(generator, *, agree: float):
    """12 images, 5 of 8 annotators each, who mark a disc: `agree` of its place is the image's, the rest their own."""
    images = np.repeat(np.arange(12), 5)
    annotators = np.concatenate([generator.choice(8, 5, replace=False) for _ in range(12)])
    lesion = generator.normal(0, 2, (12, 2))
    habit = generator.normal(0, 2, (8, 2))  # a bias of the annotator's own, which all their masks share
    place = 8 + agree * lesion[images] + (1 - agree) * generator.normal(0, 2, (60, 2)) + habit[annotators]
    rows, cols = np.mgrid[:16, :16]
    squared = (rows - place[:, 0, None, None]) ** 2 + (cols - place[:, 1, None, None]) ** 2
    return squared < 9 + annotators[:, None, None], images, annotators


def test_annotators_who_agree_are_found():
    assert shuffled_agreement_p(*study(rng(11), agree=1.0), 999, rng(12)).p == 1 / 1000


@pytest.mark.slow
def test_level_when_only_anatomy_and_habit_are_shared():
    """Masks that know nothing of their image: rejected at 5%, though annotators differ in size and bias."""
    trials, generator = 1500, rng(13)
    rejected = sum(shuffled_agreement_p(*study(generator, agree=0.0), 199, generator).p <= 0.05 for _ in range(trials))
    assert 0.03 <= rejected / trials <= 0.07
    assert binom.ppf(1e-3, trials, 0.05) <= rejected <= binom.isf(1e-3, trials, 0.05)
