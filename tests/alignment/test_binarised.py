"""Binary maps: thresholds against loops over them, boundaries against SimpleITK, cross-fitting against its promise."""

from __future__ import annotations

import time

import numpy as np
import pytest

from sightline.alignment.binarised import PAIRS, binarised, binary_scores, crossfit_threshold, inner_boundary
from sightline.alignment.iou_and_pointing import threshold_counts
from sightline.maps import scaled_maps
from sightline.statistics.otsu import otsu_thresholds


def random_maps(seed: int, num_maps: int = 5, height: int = 30, width: int = 41) -> np.ndarray:
    """Scaled maps, of which the last is flat and the one before it has ties."""
    raw = np.random.default_rng(seed).normal(size=(num_maps, 7, 7))
    maps = scaled_maps(raw, height, width)
    maps[-2] = np.round(maps[-2] * 4) / 4
    maps[-1] = 0
    return maps


def random_regions(seed: int, number: int, height: int = 32, width: int = 45) -> np.ndarray:
    """Ragged regions with holes, some of which touch the image's edge."""
    maps = scaled_maps(np.random.default_rng(seed).normal(size=(number, 6, 6)), height, width)
    return maps > 0.45


# --------------------------------------------------------------------------------------------------------- thresholds


def test_fixed_is_the_comparison_of_threshold_counts():
    maps = random_maps(0)
    maps[0, 0, :4] = [0.25, 0.3, 0.7, 1.0]  # float32's 0.7 is below 0.7
    masks = np.ones(maps.shape, bool)
    for threshold in (0.25, 0.3, 0.7, 1.0):
        binary = binarised(maps, "fixed", threshold=threshold)
        np.testing.assert_array_equal(binary, maps >= threshold)
        np.testing.assert_array_equal(binary.sum(axis=(1, 2)), threshold_counts(maps, masks, [threshold])[0][:, 0])


def naive_otsu(values: np.ndarray) -> np.ndarray:
    """Every cut between 256 bins tried in turn; above the centre of the best one's bin."""
    low, high = values.min(), values.max()
    edges = np.linspace(low, high, 257)
    counts, _ = np.histogram(values, edges)
    centres = (edges[1:] + edges[:-1]) / 2
    best, best_variance = 0, -1.0
    for cut in range(255):
        below, above = counts[: cut + 1], counts[cut + 1 :]
        gap = np.average(centres[: cut + 1], weights=below) - np.average(centres[cut + 1 :], weights=above)
        variance = below.sum() * above.sum() * gap**2
        if variance > best_variance * (1 + 1e-12):  # equal but for the order of summation is a tie: the lowest
            best, best_variance = cut, variance
    return values > centres[best]


@pytest.mark.parametrize("seed", range(5))
def test_otsu_equals_a_loop_over_cuts(seed):
    maps = random_maps(seed)
    maps[0] = np.random.default_rng(seed).beta(0.3, 0.5, size=maps[0].shape)  # does not reach 0 and 1
    binary = binarised(maps, "otsu")
    for values, found in zip(maps[:-1].astype(float), binary, strict=False):
        np.testing.assert_array_equal(found, naive_otsu(values))
    assert not binary[-1].any()


@pytest.mark.parametrize("seed", range(5))
def test_otsu_equals_scikit_image(seed):
    filters = pytest.importorskip("skimage.filters")
    maps = random_maps(seed, height=120, width=90)
    for values, threshold in zip(maps[:-1].astype(float), otsu_thresholds(maps), strict=False):
        assert threshold == pytest.approx(filters.threshold_otsu(values, nbins=256), abs=1e-6)


def test_otsu_by_hand():
    two_values = np.zeros((1, 4, 4), np.float32)
    two_values[0, 1, 1:3] = 1
    np.testing.assert_array_equal(binarised(two_values, "otsu"), two_values == 1)
    assert otsu_thresholds(np.full((1, 2, 2), 0.7))[0] == np.inf
    in_one_bin = np.array([[[0, 0.5 / 256, 0.9 / 256, 1]]])  # cut at the first bin's centre, strictly
    assert binarised(in_one_bin, "otsu").tolist() == [[[False, False, True, True]]]


@pytest.mark.parametrize("share", [0.001, 0.1, 0.333, 1.0])
def test_top_share_takes_exactly_so_many_and_ties_in_raster_order(share):
    maps = random_maps(6)
    binary = binarised(maps, "top_share", share=share)
    count = int(np.floor(share * 30 * 41 + 0.5))
    for values, found in zip(maps[:-1], binary, strict=False):
        expected = np.zeros(values.size, bool)
        expected[np.argsort(-values.ravel(), kind="stable")[:count]] = True
        np.testing.assert_array_equal(found.ravel(), expected)
    assert not binary[-1].any()


def test_area_matched_takes_as_many_as_its_mask():
    maps = random_maps(7)
    masks = np.random.default_rng(7).random(maps.shape) < np.array([0.1, 0.5, 0.0, 0.2, 0.3])[:, None, None]
    masks[1] = True
    binary = binarised(maps, "area_matched", masks_MHW=masks)
    np.testing.assert_array_equal(binary.sum(axis=(1, 2)), [masks[0].sum(), 30 * 41, 0, masks[3].sum(), 0])
    for row in (0, 3):
        one = binarised(maps[row : row + 1], "area_matched", masks_MHW=masks[row : row + 1])
        np.testing.assert_array_equal(one[0], binary[row])
        assert maps[row][binary[row]].min() >= maps[row][~binary[row]].max()


def test_refusals_of_rules():
    maps = random_maps(8)
    with pytest.raises(ValueError, match=r"threshold: expected .* got None"):
        binarised(maps, "fixed")
    with pytest.raises(ValueError, match=r"threshold: expected .* got 0"):
        binarised(maps, "fixed", threshold=0)
    with pytest.raises(ValueError, match=r"share: expected .* got 1\.5"):
        binarised(maps, "top_share", share=1.5)
    with pytest.raises(ValueError, match="area_matched: expected masks"):
        binarised(maps, "area_matched", masks_MHW=np.ones((1, 30, 41), bool))
    with pytest.raises(ValueError, match="rule: expected fixed"):
        binarised(maps, "best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NaN in maps"):
        binarised(np.full((1, 2, 2), np.nan), "otsu")


# --------------------------------------------------------------------------------------------------------- boundaries


def test_boundary_by_hand():
    drawn = ["######", "#.####", "######", "######", "......"]
    mask = np.array([[cell == "#" for cell in row] for row in drawn])
    expected = ["######", "#.#..#", "##...#", "######", "......"]
    np.testing.assert_array_equal(inner_boundary(mask[None])[0], [[cell == "#" for cell in row] for row in expected])


def test_boundary_scores_by_hand():
    binary, mask = np.zeros((1, 9, 20), bool), np.zeros((1, 9, 20), bool)
    binary[0, 3, 2], mask[0, 3, 5:7] = True, True  # one pixel; two, 3 and 4 to its right
    found = {metric: value[0, 0] for metric, value in binary_scores(binary, mask, tolerance=3).items()}
    assert (found["iou"], found["dice"]) == (0, 0)
    assert found["hd95"] == pytest.approx(3 + 0.95)  # 3 there; 3 and 4 back, between which 95% lies
    assert found["assd"] == pytest.approx((3 + 3 + 4) / 3)
    assert found["nsd"] == pytest.approx(2 / 3)  # 3 is within 3
    same = binary_scores(mask, mask, tolerance=0)
    assert [same[metric][0, 0] for metric in ("iou", "dice", "hd95", "assd", "nsd")] == [1, 1, 0, 0, 1]


def test_scores_equal_simpleitk():
    """Its contour (4-connected, of an image padded so that the edge is one) and its own distance transform."""
    sitk = pytest.importorskip("SimpleITK")
    binary, masks = random_regions(1, 4), random_regions(2, 3)
    found = binary_scores(binary, masks, tolerance=2)

    def contour_and_distance(mask):
        image = sitk.GetImageFromArray(np.pad(mask, 1).astype(np.uint8))
        contour = sitk.LabelContour(image, fullyConnected=False)
        distance = sitk.SignedMaurerDistanceMap(contour, squaredDistance=False, useImageSpacing=False)
        edge = sitk.GetArrayFromImage(contour).astype(bool)
        return edge, np.where(edge, 0, np.abs(sitk.GetArrayFromImage(distance)))

    for row, one in enumerate(binary):
        for col, other in enumerate(masks):
            (edge_one, to_one), (edge_other, to_other) = contour_and_distance(one), contour_and_distance(other)
            there, back = to_other[edge_one], to_one[edge_other]
            expected = {
                "hd95": max(np.percentile(there, 95), np.percentile(back, 95)),
                "assd": (there.sum() + back.sum()) / (len(there) + len(back)),
                "nsd": ((there <= 2).sum() + (back <= 2).sum()) / (len(there) + len(back)),
            }
            overlap = sitk.LabelOverlapMeasuresImageFilter()
            overlap.Execute(*(sitk.GetImageFromArray(part.astype(np.uint8)) for part in (one, other)))
            expected |= {"iou": overlap.GetJaccardCoefficient(), "dice": overlap.GetDiceCoefficient()}
            for metric, value in expected.items():
                assert found[metric][row, col] == pytest.approx(value, rel=1e-6, abs=1e-6), metric


def test_scores_equal_all_pairs_of_boundary_pixels():
    binary, masks = random_regions(3, 3), random_regions(4, 2)
    found = binary_scores(binary, masks, tolerance=1.5)
    for row, one in enumerate(binary):
        for col, other in enumerate(masks):
            points = [np.argwhere(inner_boundary(part[None])[0]) for part in (one, other)]
            distance = np.sqrt(((points[0][:, None] - points[1][None]) ** 2).sum(axis=2))
            there, back = distance.min(axis=1), distance.min(axis=0)
            both = np.concatenate([there, back])
            assert found["hd95"][row, col] == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
            assert found["assd"][row, col] == pytest.approx(both.mean())
            assert found["nsd"][row, col] == pytest.approx((both <= 1.5).mean())
            assert found["iou"][row, col] == pytest.approx((one & other).sum() / (one | other).sum())
            assert found["dice"][row, col] == pytest.approx(2 * (one & other).sum() / (one.sum() + other.sum()))
    swapped = binary_scores(masks, binary, tolerance=1.5)
    for metric, value in found.items():
        np.testing.assert_allclose(swapped[metric].T, value, rtol=0, atol=1e-12, err_msg=metric)
        one_by_one = binary_scores(binary[1:2], masks[1:2], tolerance=1.5)[metric]
        assert one_by_one[0, 0] == value[1, 1]


def test_long_boundaries_have_the_distances_of_all_pairs():
    """Noise: more pairs than are measured one by one."""
    rng = np.random.default_rng(5)
    binary, mask = rng.random((1, 40, 40)) < 0.4, rng.random((1, 40, 40)) < 0.3
    points = [np.argwhere(inner_boundary(part)[0]) for part in (binary, mask)]
    assert len(points[0]) * len(points[1]) > PAIRS * 40 * 40
    distance = np.sqrt(((points[0][:, None] - points[1][None]) ** 2).sum(axis=2))
    there, back = distance.min(axis=1), distance.min(axis=0)
    found = binary_scores(binary, mask, tolerance=1.5)
    assert found["hd95"][0, 0] == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert found["assd"][0, 0] == pytest.approx(np.concatenate([there, back]).mean())


def test_empty_map_and_empty_mask():
    regions = random_regions(5, 2)
    nothing = np.zeros_like(regions[:1])
    found = binary_scores(np.concatenate([regions, nothing]), np.concatenate([regions[:1], nothing]), tolerance=3)
    for value in found.values():
        assert np.isnan(value[:, 1]).all()  # nothing to find, also where nothing was
        assert np.isfinite(value[:2, 0]).all()
    assert [found[metric][2, 0] for metric in ("iou", "dice", "nsd")] == [0, 0, 0]
    assert np.isnan(found["hd95"][2, 0])
    assert np.isnan(found["assd"][2, 0])
    with pytest.raises(ValueError, match="tolerance: expected at least 0"):
        binary_scores(regions, regions, tolerance=-1)


@pytest.mark.slow
def test_speed_of_24_binary_maps():
    """0.25 s of one core is the aim; the bound leaves room for slower machines."""
    binary, mask = random_regions(6, 24, 224, 224), random_regions(7, 1, 224, 224)
    start = time.process_time()
    binary_scores(binary, mask, tolerance=32)
    assert time.process_time() - start < 1.5


# ------------------------------------------------------------------------------------------------------ cross-fitting


def test_crossfit_by_hand():
    """Two patients, two parts: each patient's images get what is best on the other's."""
    thresholds = np.array([0.6, 0.2, 0.4])  # in any order
    iou = np.array([[0.1, 0.3, 0.2], [0.1, 0.3, 0.2], [0.5, 0.4, 0.5], [np.nan, np.nan, np.nan]])
    groups = np.array(["a", "a", "b", "b"])
    threshold, value = crossfit_threshold(iou, groups, thresholds, 2, np.random.default_rng(0))
    assert threshold.tolist() == [0.4, 0.4, 0.2, 0.2]  # on b, 0.4 and 0.6 tie: the lowest
    np.testing.assert_array_equal(value, [0.2, 0.2, 0.4, np.nan])


def test_crossfit_takes_sums_in_another_order_for_a_tie():
    rng = np.random.default_rng(4)
    iou = rng.permuted(np.repeat(rng.random(25)[:, None], 12, axis=1), axis=0)
    iou = np.tile(iou, (3, 1))  # each patient has the same 25 numbers at every threshold
    threshold, _ = crossfit_threshold(iou, np.repeat([0, 1, 2], 25), np.linspace(0.1, 0.9, 12), 3, rng)
    assert (threshold == 0.1).all()


def test_crossfit_uses_only_other_patients():
    """No image's threshold hangs on its own patient's scores, whatever they become."""
    rng = np.random.default_rng(1)
    groups, thresholds = rng.integers(0, 9, size=40), np.linspace(0.1, 0.9, 9)
    iou = rng.random((40, 9))
    before, value = crossfit_threshold(iou, groups, thresholds, 4, np.random.default_rng(2))
    np.testing.assert_array_equal(value, iou[np.arange(40), np.searchsorted(thresholds, before)])
    for group in range(9):
        changed = iou.copy()
        changed[groups == group] = rng.random(((groups == group).sum(), 9)) * 100
        after, _ = crossfit_threshold(changed, groups, thresholds, 4, np.random.default_rng(2))
        np.testing.assert_array_equal(after[groups == group], before[groups == group])
    order = rng.permutation(40)
    moved, _ = crossfit_threshold(iou[order], groups[order], thresholds, 4, np.random.default_rng(2))
    np.testing.assert_array_equal(moved, before[order])


def test_crossfit_has_no_optimism_where_thresholds_do_not_matter():
    """Scores of pure noise: the best in hindsight looks better than the mean, the cross-fitted one does not.

    The null's standard error is 0.29 / sqrt(4000) = 0.0046; 4 of them.
    """
    rng = np.random.default_rng(3)
    iou, groups = rng.random((4000, 30)), np.arange(4000) // 2
    _, value = crossfit_threshold(iou, groups, np.arange(1, 31) / 31, 5, rng)
    assert abs(value.mean() - 0.5) < 4 * 0.0046
    assert iou.mean(axis=0).max() > 0.5 + 0.0046


def test_crossfit_without_knowledge_elsewhere_and_refusals():
    iou = np.array([[0.1, 0.2], [np.nan, np.nan]])
    groups, thresholds = np.array([0, 1]), np.array([0.3, 0.5])
    threshold, value = crossfit_threshold(iou, groups, thresholds, 2, np.random.default_rng(0))
    np.testing.assert_array_equal(threshold, [np.nan, 0.5])
    assert np.isnan(value).all()
    for folds in (1, 3):
        with pytest.raises(ValueError, match="folds: expected from 2 to the 2 patients"):
            crossfit_threshold(iou, groups, thresholds, folds, np.random.default_rng(0))
