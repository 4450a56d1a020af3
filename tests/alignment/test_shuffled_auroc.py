"""Shuffled AUROC: by hand, against pairs of regions one by one, and 0.5 for maps that do not know the patient."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from sightline.alignment.baselines import centred_gaussian
from sightline.alignment.other_patients import OtherPatients
from sightline.alignment.targets import targets_of
from sightline.alignment.threshold_free import image_scores, map_scores

SIDE = 24


def shuffled(maps_MHW: np.ndarray, regions_MHW: np.ndarray, patients: np.ndarray | None = None) -> np.ndarray:
    """The score of each image's map, float64 M; every image is another patient's unless given."""
    shares = regions_MHW.astype(np.float32)
    others = OtherPatients(shares, np.arange(len(regions_MHW)) if patients is None else patients, regions_MHW)
    scores = [
        image_scores(maps_MHW[[row]], regions_MHW[[row]], shares[[row]], others.density(row), 2.0)["shuffled_auroc"]
        for row in range(len(regions_MHW))
    ]
    return np.array(scores)[:, 0, 0]


def pair_by_pair(maps_MHW: np.ndarray, regions_MHW: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """The definition as a double loop: mean over other patients' images with a region, each by Mann-Whitney's U."""
    scores = np.full(len(maps_MHW), np.nan)
    for i, map_HW in enumerate(maps_MHW):
        inside = map_HW[regions_MHW[i]]
        rivals = [regions_MHW[j] for j in range(len(maps_MHW)) if patients[j] != patients[i] and regions_MHW[j].any()]
        if len(inside) and rivals:
            scores[i] = np.mean([
                mannwhitneyu(inside, map_HW[other]).statistic / (len(inside) * other.sum()) for other in rivals
            ])  # fmt: skip
    return scores


def regions(num: int, rng: np.random.Generator, side: int = SIDE) -> np.ndarray:
    """Ellipses in one of two lungs, of many sizes, as the phantom's lesions: bool num x side x side."""
    row, col = np.mgrid[:side, :side] / side
    centre = np.stack([rng.uniform(0.25, 0.8, num), rng.choice([0.28, 0.72], num) + rng.normal(0, 0.05, num)])
    radius = rng.uniform(0.06, 0.25, (2, num))
    return (((row[..., None] - centre[0]) / radius[0]) ** 2 + ((col[..., None] - centre[1]) / radius[1]) ** 2 < 1).T


def two_lungs(shift: float = 0.0) -> np.ndarray:
    row, col = np.mgrid[:SIDE, :SIDE] / SIDE - shift
    return (((row - 0.5) / 0.36) ** 2 + ((abs(col - 0.5) - 0.22) / 0.16) ** 2 < 1).astype(np.float32)


def test_two_other_regions_by_hand() -> None:
    """G is the first pixel, 0.5. One region: 0.5 and 0 (a tie and a win); the other: 1 (a loss). Each weighs half."""
    values = np.zeros((3, 1, 5), np.float32)
    values[0] = [[0.5, 0.5, 0, 1, 1]]
    masks = np.zeros((3, 1, 5), bool)
    masks[0, 0, 0] = masks[1, 0, 1:3] = masks[2, 0, 3] = True
    assert shuffled(values, masks)[0] == pytest.approx(((0.5 + 1) / 2 + 0) / 2)


def test_own_region_stays_among_the_negatives() -> None:
    """The other region is G and a darker pixel: half of the pairs tie. Without G the score would be 1."""
    values = np.array([[[1, 0]]] * 2, np.float32)
    masks = np.array([[[True, False]], [[True, True]]])
    assert shuffled(values, masks)[0] == 0.75


def test_equals_a_double_loop_with_clustered_patients_ties_and_empty_regions() -> None:
    rng = np.random.default_rng(1)
    masks = regions(14, rng)
    masks[[3, 8]] = False
    patients = np.array([0, 0, 0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8])
    maps = (np.round(rng.random(masks.shape) * 6) / 6).astype(np.float32)
    maps[6] = 0  # flat
    np.testing.assert_allclose(shuffled(maps, masks, patients), pair_by_pair(maps, masks, patients), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["lungs", "gaussian", "noise"])
def test_one_map_on_all_images_scores_one_half_exactly(name: str) -> None:
    """Of one image per patient the pairs (i, j) and (j, i) add to 1, whatever the map and the regions."""
    rng = np.random.default_rng(2)
    maps = {"lungs": two_lungs(), "gaussian": centred_gaussian(SIDE, SIDE), "noise": rng.random((SIDE, SIDE))}
    masks = regions(40, rng)
    maps_MHW = np.broadcast_to(maps[name].astype(np.float32), masks.shape)
    assert shuffled(maps_MHW, masks).mean() == pytest.approx(0.5, abs=1e-12)


def test_image_blind_maps_score_one_half_in_expectation() -> None:
    """40 studies: lungs that move from image to image, the atlas of all lesions, clustered patients of a Gaussian."""
    rng = np.random.default_rng(3)
    atlas = regions(2000, rng).mean(axis=0)
    patients = np.repeat(np.arange(6), [1, 1, 1, 2, 2, 5])
    means = []
    for _ in range(40):
        masks = regions(12, rng)
        lungs = np.stack([two_lungs(shift) for shift in rng.normal(0, 0.05, 12)])
        blob = np.broadcast_to(centred_gaussian(SIDE, SIDE).astype(np.float32), masks.shape)
        flat_atlas = np.broadcast_to((atlas / atlas.max()).astype(np.float32), masks.shape)
        means.append([
            shuffled(lungs, masks).mean(), shuffled(flat_atlas, masks).mean(), shuffled(blob, masks, patients).mean()
        ])  # fmt: skip
    error = np.std(means, axis=0) / np.sqrt(len(means))
    assert (np.abs(np.mean(means, axis=0) - 0.5) < 4 * error + 1e-12).all(), (np.mean(means, axis=0), error)
    assert (error < 0.015).all()


def test_without_another_region_it_is_unknown_and_of_equal_regions_one_half() -> None:
    rng = np.random.default_rng(4)
    masks, maps = regions(3, rng), rng.random((3, SIDE, SIDE)).astype(np.float32)
    assert np.isnan(shuffled(maps, masks, np.zeros(3))).all()
    alone = masks & np.array([True, False, False])[:, None, None]
    assert np.isnan(shuffled(maps, alone)).all()  # the first has no rival, the others no region
    same = np.repeat(masks[:1], 3, axis=0)
    np.testing.assert_allclose(shuffled(maps, same), 0.5, rtol=0, atol=1e-12)


def test_the_density_is_that_of_the_other_patients_bit_for_bit_zero_elsewhere() -> None:
    rng = np.random.default_rng(5)
    masks, patients = regions(20, rng), rng.integers(0, 8, 20)
    others = OtherPatients(masks.astype(np.float32), patients, masks)
    for row in range(20):
        of_others = masks[(patients != patients[row]) & masks.any(axis=(1, 2))]
        expected = (of_others / of_others.sum(axis=(1, 2), keepdims=True)).mean(axis=0)
        np.testing.assert_allclose(others.density(row), expected, rtol=0, atol=1e-15)
        np.testing.assert_array_equal(others.density(row) == 0, expected == 0)


def test_rounding_does_not_leave_the_range() -> None:
    """Maps that lie apart from the region, or are the shares themselves; sums of weights round to beyond 0 and 1."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(40):
        masks_1HW = rng.random((1, 50, 60)) < 0.2
        shares_1HW = rng.choice([0, 0.1, 1 / 3, 0.7, 1], masks_1HW.shape).astype(np.float32)
        targets = targets_of(masks_1HW, shares_1HW, rng.random(masks_1HW.shape[1:]) * ~masks_1HW[0])
        apart_1HW = np.where(masks_1HW, 0, rng.uniform(0.1, 1, masks_1HW.shape)).astype(np.float32)
        scores = map_scores(np.concatenate([apart_1HW, ~masks_1HW, masks_1HW, shares_1HW]), targets, 1.0)
        found.append((scores["shuffled_auroc"][:3, 0], scores["cc"][:, 0]))
    shuffled_auroc, correlation = (np.array(values) for values in zip(*found, strict=True))
    assert shuffled_auroc.min() >= 0
    assert shuffled_auroc[:, 0].max() == pytest.approx(0, abs=1e-12)
    assert shuffled_auroc.max() <= 1
    assert correlation[:, 3].min() == pytest.approx(1, abs=1e-12)
    assert np.abs(correlation).max() <= 1
