"""Scores of maps against regions: by hand, against scikit-learn, SciPy, SimpleITK and Quantus, and at the rules.

Random cases are drawn with ties: values are rounded to a few levels. The naive functions below write each definition
out, with loops where the library has none.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import hypergeom, pearsonr
from sklearn.metrics import average_precision_score, roc_auc_score

from sightline.alignment.metrics import METRICS
from sightline.alignment.threshold_free import BY_MASK, BY_SHARE, chance_scores, image_scores

TOLERANCE = 4.0
EXACT = {"rtol": 0, "atol": 1e-9}


def case(
    seed: int, num_maps: int = 6, num_masks: int = 4, height: int = 20, width: int = 27, levels: int = 12
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Maps with ties (the last one binary), masks and shares of one image, and where other patients' regions lie."""
    rng = np.random.default_rng(seed)
    maps = np.round(rng.random((num_maps, height, width)) ** 2 * levels) / levels
    maps[-1] = maps[-1] > 0.5
    votes = rng.random((num_masks, 5, height, width)) < rng.uniform(0.1, 0.6, size=(num_masks, 1, 1, 1))
    shares = votes.mean(axis=1)
    elsewhere = rng.random((height, width)) * (rng.random((height, width)) < 0.3)
    return maps.astype(np.float32), shares >= 0.5, shares, elsewhere


def pairs(case_arrays: tuple[np.ndarray, ...]):
    """Every map and mask of a case, with the share of that mask."""
    maps, masks, shares, _ = case_arrays
    for row in range(len(maps)):
        for col in range(len(masks)):
            yield row, col, maps[row].astype(float), masks[col], shares[col]


def single(map_HW, mask_HW, share_HW=None, elsewhere_HW=None, tolerance: float = TOLERANCE) -> dict[str, float]:
    """The scores of one map against one mask; its share is the mask itself, elsewhere the rest, unless given."""
    mask = np.asarray(mask_HW, bool)
    share = mask.astype(float) if share_HW is None else np.asarray(share_HW, float)
    elsewhere = np.asarray(~mask if elsewhere_HW is None else elsewhere_HW, float)
    scores = image_scores(np.asarray(map_HW, np.float32)[None], mask[None], share[None], elsewhere, tolerance)
    return {metric: float(value[0, 0]) for metric, value in scores.items()}


# ---------------------------------------------------------------------------------------------------------- by hand


def test_a_map_that_one_can_score_on_paper():
    values = np.array([[1.0, 0.5, 0.5, 0.0]], np.float32)
    mask = [[1, 1, 0, 0]]
    share = [[0.75, 0.5, 0.25, 0.0]]
    found = single(values, mask, share, [[0.5, 0, 0, 1.5]])  # a quarter and three quarters of the weight
    # pairs inside x outside: 1.0 beats both, 0.5 ties one and beats one
    assert found["auroc"] == pytest.approx(3.5 / 4)
    # 1.0 ties a quarter and beats the rest; 0.5 loses to a quarter and beats the rest
    assert found["shuffled_auroc"] == pytest.approx((0.125 + 0.75 + 0.75) / 2)
    # at 1.0: precision 1, recall 1/2; at 0.5: precision 2/3, recall 1
    assert found["ap"] == pytest.approx(1 / 2 + 2 / 3 / 2)
    # the two highest: the first, and either of two ties, of which one is inside
    assert found["rank"] == found["dice_area"] == pytest.approx(1.5 / 2)
    assert found["area_iou"] == pytest.approx(1.5 / (4 - 1.5))
    assert found["mass"] == pytest.approx(1.5 / 2)
    assert found["nss"] == pytest.approx((0.75 - 0.5) / np.sqrt(0.125))
    assert found["sim"] == pytest.approx(0.5 + 0.25 + 1 / 6)  # densities 1/2 1/4 1/4 0 and 1/2 1/3 1/6 0
    assert found["kl"] == pytest.approx(np.log(4 / 3) / 3 + np.log(2 / 3) / 6)
    assert found["cc"] == pytest.approx(pearsonr([1, 0.5, 0.5, 0], [0.75, 0.5, 0.25, 0])[0])
    assert (found["pointing"], found["pointing_near"], found["vote"], found["distance"]) == (1, 1, 0.75, 0)


def test_a_perfect_map():
    mask = np.zeros((9, 9), bool)
    mask[2:5, 3:7] = True
    found = single(mask, mask)
    for metric in ("area_iou", "dice_area", "auroc", "shuffled_auroc", "ap", "mass", "rank", "cc", "sim", "pointing"):
        assert found[metric] == pytest.approx(1, abs=1e-12), metric
    assert found["kl"] == pytest.approx(0, abs=1e-12)
    assert found["distance"] == 0
    q = mask.mean()
    assert found["nss"] == pytest.approx(np.sqrt((1 - q) / q))


def test_the_tolerance_is_strict_and_the_distance_euclidean():
    values, mask = np.zeros((8, 8)), np.zeros((8, 8), bool)
    values[0, 0], mask[3, 4] = 1, True
    assert single(values, mask, tolerance=5)["distance"] == 5
    assert single(values, mask, tolerance=5)["pointing_near"] == 0
    assert single(values, mask, tolerance=5.001)["pointing_near"] == 1


def test_a_tie_at_the_peak_gives_the_mean_over_its_pixels():
    values, mask = np.zeros((1, 10)), np.zeros((1, 10), bool)
    values[0, [0, 4, 9]], mask[0, 3:6] = 1, True
    share = np.linspace(0, 0.9, 10)[None]
    found = single(values, mask, share, tolerance=4)
    assert found["pointing"] == pytest.approx(1 / 3)
    assert found["pointing_near"] == pytest.approx(2 / 3)  # 3, 0 and 4 away
    assert found["distance"] == pytest.approx(7 / 3)
    assert found["vote"] == pytest.approx((0 + 0.4 + 0.9) / 3)


# ------------------------------------------------------------------------------------------------ against definitions


@pytest.mark.parametrize("seed", range(3))
def test_rank_metrics_equal_scikit_learn_and_mann_whitney(seed):
    arrays = case(seed)
    found = image_scores(*arrays, TOLERANCE)
    for row, col, values, mask, _ in pairs(arrays):
        inside, flat = mask.ravel(), values.ravel()
        np.testing.assert_allclose(found["auroc"][row, col], roc_auc_score(inside, flat), **EXACT)
        np.testing.assert_allclose(found["ap"][row, col], average_precision_score(inside, flat), **EXACT)
        below = (values[mask][:, None] > flat) + (values[mask][:, None] == flat) / 2
        weight = arrays[3].ravel() / arrays[3].sum()
        np.testing.assert_allclose(found["shuffled_auroc"][row, col], (below @ weight).mean(), **EXACT)


@pytest.mark.parametrize("seed", range(3))
def test_rank_accuracy_is_the_mean_over_random_tie_breaking(seed):
    """The number of hits at the cut is hypergeometric: its mean gives the rank, and bounds what the IoU leaves out."""
    arrays = case(seed)
    found = image_scores(*arrays, TOLERANCE)
    for row, col, values, mask, _ in pairs(arrays):
        size = mask.sum()
        cut = np.sort(values.ravel())[-size]
        sure, tied = (values > cut), (values == cut)
        draws = hypergeom(tied.sum(), (tied & mask).sum(), size - sure.sum())
        hits = np.arange(size + 1)
        chances = draws.pmf(hits - (sure & mask).sum())
        np.testing.assert_allclose(found["rank"][row, col], (chances * hits).sum() / size, **EXACT)
        expected_iou = (chances * hits / (2 * size - hits)).sum()
        assert 0 <= expected_iou - found["area_iou"][row, col] + 1e-12 <= 1 / (2 * size) + 2e-12


@pytest.mark.parametrize("seed", range(3))
def test_value_metrics_equal_their_definitions(seed):
    arrays = case(seed)
    found = image_scores(*arrays, TOLERANCE)
    epsilon = np.finfo(float).eps
    for row, col, values, mask, share in pairs(arrays):
        density, wanted = values / values.sum(), share / share.sum()
        standard = (values - values.mean()) / values.std()
        expected = {
            "mass": values[mask].sum() / values.sum(),
            "nss": standard[mask].mean(),
            "cc": pearsonr(values.ravel(), share.ravel())[0],
            "sim": np.minimum(density, wanted).sum(),
            "kl": (wanted * np.log(epsilon + wanted / (density + epsilon))).sum(),  # as in the MIT benchmark
        }
        for metric, value in expected.items():
            np.testing.assert_allclose(found[metric][row, col], value, err_msg=metric, **EXACT)


@pytest.mark.parametrize("seed", range(3))
def test_peak_metrics_equal_a_loop_over_peaks(seed):
    arrays = case(seed)
    found = image_scores(*arrays, TOLERANCE)
    for row, col, values, mask, share in pairs(arrays):
        region = np.argwhere(mask)
        peaks = np.argwhere(values == values.max())
        distances = np.array([np.sqrt(((region - peak) ** 2).sum(axis=1)).min() for peak in peaks])
        expected = {
            "pointing": (distances == 0).mean(),
            "pointing_near": (distances**2 < TOLERANCE**2).mean(),
            "vote": np.mean([share[tuple(peak)] for peak in peaks]),
            "distance": distances.mean(),
        }
        for metric, value in expected.items():
            np.testing.assert_allclose(found[metric][row, col], value, err_msg=metric, **EXACT)


@pytest.mark.filterwarnings("ignore")
def test_equals_quantus_where_quantus_is_right():
    quantus = pytest.importorskip("quantus")
    rng = np.random.default_rng(5)
    maps = rng.permuted(np.linspace(0, 1, 31 * 17)[None].repeat(5, 0), axis=1).reshape(5, 17, 31)  # no ties
    masks = rng.random((5, 17, 31)) < 0.2
    found = image_scores(maps, masks, masks.astype(float), np.ones((17, 31)), TOLERANCE)
    attributions, segmentations = maps[:, None], masks[:, None]
    for metric, peer in (
        ("mass", quantus.RelevanceMassAccuracy),
        ("rank", quantus.RelevanceRankAccuracy),
        ("pointing", quantus.PointingGame),
    ):
        theirs = peer(disable_warnings=True).evaluate_batch(a_batch=attributions, s_batch=segmentations)
        np.testing.assert_allclose(np.diag(found[metric]), np.asarray(theirs, float), rtol=0, atol=1e-6, err_msg=metric)


@pytest.mark.filterwarnings("ignore")
def test_where_quantus_is_wrong():
    """Should a release of Quantus mend these, the comments in this test go, and nothing in the library changes.

    PointingGame writes NaN into an array of bool, which makes it True: an image without a region is a hit. Any tied
    peak inside is a hit, so that a flat map always hits. RelevanceRankAccuracy breaks ties by NumPy's argsort.
    """
    quantus = pytest.importorskip("quantus")
    game = quantus.PointingGame(disable_warnings=True)
    values, empty = np.arange(12.0).reshape(1, 1, 3, 4) / 11, np.zeros((1, 1, 3, 4), bool)
    assert game.evaluate_batch(a_batch=values, s_batch=empty)[0] == 1
    assert np.isnan(single(values[0, 0], empty[0, 0])["pointing"])
    corner = empty.copy()
    corner[0, 0, 0, 0] = True
    assert game.evaluate_batch(a_batch=np.ones_like(values), s_batch=corner)[0] == 1
    assert single(np.ones((3, 4)), corner[0, 0])["pointing"] == pytest.approx(1 / 12)


def test_area_matched_overlap_equals_simpleitk():
    sitk = pytest.importorskip("SimpleITK")
    rng = np.random.default_rng(6)
    values, mask = rng.permutation(np.linspace(0, 1, 600)).reshape(20, 30), rng.random((20, 30)) < 0.3
    highest = values >= np.sort(values.ravel())[-mask.sum()]
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*(sitk.GetImageFromArray(part.astype(np.uint8)) for part in (highest, mask)))
    found = single(values, mask)
    assert found["dice_area"] == pytest.approx(overlap.GetDiceCoefficient(), abs=1e-9)
    assert found["area_iou"] == pytest.approx(overlap.GetJaccardCoefficient(), abs=1e-9)


# -------------------------------------------------------------------------------------------------------------- rules


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_flat_map_scores_chance_exactly(value):
    maps, masks, shares, elsewhere = case(7)
    maps[2] = value
    found = image_scores(maps, masks, shares, elsewhere, TOLERANCE)
    chance = chance_scores(masks, shares, TOLERANCE)
    assert set(found) == set(chance) == set(METRICS)
    for metric in METRICS:
        np.testing.assert_array_equal(found[metric][2], chance[metric], err_msg=metric)


def test_chance_is_its_closed_form_and_the_limit_of_a_flat_map():
    """A flat map but for a speck: what depends on order alone is not near it, all else is."""
    _, masks, shares, elsewhere = case(8, height=60, width=60)
    chance = chance_scores(masks, shares, TOLERANCE)
    q = masks.mean(axis=(1, 2))
    for metric in ("ap", "mass", "rank", "dice_area", "pointing"):
        np.testing.assert_allclose(chance[metric], q, **EXACT)
    np.testing.assert_allclose(chance["area_iou"], q / (2 - q), **EXACT)
    np.testing.assert_allclose(chance["vote"], shares.mean(axis=(1, 2)), **EXACT)
    assert (chance["auroc"] == 0.5).all()
    assert (chance["nss"] == 0).all()
    assert (chance["cc"] == 0).all()
    speck = np.full((1, 60, 60), 0.5)
    speck[0, 0, 0] = np.nextafter(0.5, 1)
    found = image_scores(speck, masks, shares, elsewhere, TOLERANCE)
    for metric in ("auroc", "shuffled_auroc", "ap", "mass", "rank", "area_iou", "sim", "kl"):
        np.testing.assert_allclose(found[metric][0], chance[metric], rtol=0, atol=2e-3, err_msg=metric)
    assert "pointing_near" not in chance_scores(masks, shares)


def test_chance_is_the_mean_over_maps_that_know_nothing():
    """One smooth map, shifted periodically to every place: by exactness for what is linear, else on the stated side."""
    rng = np.random.default_rng(9)
    rows, cols = np.mgrid[:24, :24] / 24 * 2 * np.pi
    blob = np.exp(2 * np.cos(rows) + np.cos(cols) + 0.3 * np.cos(2 * cols + rows)).astype(np.float32)
    blob /= blob.max()
    maps = np.array([np.roll(blob, (row, col), axis=(0, 1)) for row in range(24) for col in range(24)])
    shares = np.zeros((2, 24, 24))
    shares[0, 3:9, 4:15], shares[1] = 0.8, rng.random((24, 24)) * (rng.random((24, 24)) < 0.3)
    masks = shares >= 0.5
    found = image_scores(maps, masks, shares, rng.random((24, 24)), TOLERANCE)
    chance = chance_scores(masks, shares, TOLERANCE)
    linear = [metric for metric in METRICS if metric not in ("ap", "area_iou", "sim", "kl")]
    for metric in linear:
        np.testing.assert_allclose(found[metric].mean(axis=0), chance[metric], rtol=0, atol=1e-6, err_msg=metric)
    for metric, side in (("ap", 1), ("area_iou", 1), ("kl", 1), ("sim", -1)):
        assert (side * (found[metric].mean(axis=0) - chance[metric]) > 0).all(), metric


def test_an_empty_region_is_nan_by_what_is_empty():
    maps, masks, shares, elsewhere = case(10)
    maps[1] = 0  # a flat map finds nothing there either
    masks[0] = False  # no majority, yet some marked it
    masks[1], shares[1] = False, 0
    found = image_scores(maps, masks, shares, elsewhere, TOLERANCE)
    chance = chance_scores(masks, shares, TOLERANCE)
    for metric in BY_MASK:
        assert np.isnan(found[metric][:, :2]).all(), metric
        assert np.isnan(chance[metric][:2]).all(), metric
        assert np.isfinite(found[metric][:, 2:]).all(), metric
    alone = image_scores(maps, masks, shares, np.zeros_like(elsewhere), TOLERANCE)  # no other region, flat map or not
    assert np.isnan(alone["shuffled_auroc"]).all()
    for metric in BY_SHARE:
        assert np.isnan(found[metric][:, 1]).all(), metric
        assert np.isnan(chance[metric][1]), metric
        assert np.isfinite(found[metric][:, [0, 2, 3]]).all(), metric


def test_a_mask_of_the_whole_image_has_no_pixels_outside():
    values, full = np.arange(12.0).reshape(3, 4) / 11, np.ones((3, 4), bool)
    found = single(values, full)
    assert np.isnan(found["auroc"])
    assert np.isnan(found["shuffled_auroc"])  # no other region either
    assert np.isnan(found["cc"])  # the share is constant
    for metric in ("area_iou", "ap", "mass", "rank", "pointing"):
        assert found[metric] == pytest.approx(1), metric
    flat = single(np.zeros((3, 4)), full)
    assert np.isnan(flat["auroc"])
    assert np.isnan(flat["cc"])


def test_bool_and_whole_maps_are_their_zeros_and_ones():
    maps, masks, shares, elsewhere = case(11)
    binary = maps > 0.4
    expected = image_scores(binary.astype(np.float32), masks, shares, elsewhere, TOLERANCE)
    for dtype in (bool, np.uint8, np.int64, np.float64):
        found = image_scores(binary.astype(dtype), masks, shares, elsewhere, TOLERANCE)
        for metric in METRICS:
            np.testing.assert_array_equal(found[metric], expected[metric], err_msg=f"{metric} {dtype}")


def test_refusals():
    maps, masks, shares, elsewhere = case(12)
    with pytest.raises(ValueError, match=r"maps: expected values in \[0, 1\]"):
        image_scores(maps * 2, masks, shares, elsewhere, TOLERANCE)
    with pytest.raises(ValueError, match=r"maps: .* NaN"):
        image_scores(np.where(maps > 0.9, np.nan, maps), masks, shares, elsewhere, TOLERANCE)
    with pytest.raises(ValueError, match="shares: expected values"):
        image_scores(maps, masks, -shares, elsewhere, TOLERANCE)
    for wrong in (elsewhere[:1], -elsewhere, np.where(elsewhere > 0, np.nan, 0)):
        with pytest.raises(ValueError, match="elsewhere: expected weights"):
            image_scores(maps, masks, shares, wrong, TOLERANCE)
    with pytest.raises(ValueError, match="tolerance: expected above 0"):
        image_scores(maps, masks, shares, elsewhere, 0)


# -------------------------------------------------------------------------------------------------------- invariances


def test_order_of_maps_and_masks_does_not_matter_and_batch_equals_one_by_one():
    maps, masks, shares, elsewhere = arrays = case(13)
    masks[1] = False
    whole = image_scores(*arrays, TOLERANCE)
    rng = np.random.default_rng(0)
    rows, cols = rng.permutation(len(maps)), rng.permutation(len(masks))
    moved = image_scores(maps[rows], masks[cols], shares[cols], elsewhere, TOLERANCE)
    for metric in METRICS:
        np.testing.assert_allclose(moved[metric], whole[metric][np.ix_(rows, cols)], rtol=0, atol=1e-12)
        assert whole[metric].shape == (6, 4)
        assert whole[metric].dtype == np.float64
    for row in range(len(maps)):
        for col in range(len(masks)):
            one = single(maps[row], masks[col], shares[col], elsewhere)
            for metric in METRICS:
                np.testing.assert_allclose(one[metric], whole[metric][row, col], rtol=0, atol=1e-12, err_msg=metric)


def test_moving_pixels_together_changes_only_distances():
    arrays = case(14)
    order = np.random.default_rng(1).permutation(20 * 27)
    mixed = [part.reshape(-1, 20 * 27)[:, order].reshape(part.shape) for part in arrays]
    whole, moved = (image_scores(*parts, TOLERANCE) for parts in (arrays, mixed))
    for metric in set(METRICS) - {"distance", "pointing_near"}:
        np.testing.assert_allclose(moved[metric], whole[metric], rtol=0, atol=1e-12, err_msg=metric)


def test_a_monotone_change_of_the_map_leaves_rank_and_peak_metrics():
    maps, masks, shares, elsewhere = case(15)
    whole, bent = (image_scores(part, masks, shares, elsewhere, TOLERANCE) for part in (maps, np.sqrt(maps)))
    for metric in set(METRICS) - {"mass", "nss", "cc", "sim", "kl"}:
        np.testing.assert_array_equal(bent[metric], whole[metric], err_msg=metric)


def test_no_maps_give_no_rows():
    _, masks, shares, elsewhere = case(16)
    found = image_scores(np.zeros((0, 20, 27), np.float32), masks, shares, elsewhere, TOLERANCE)
    assert all(value.shape == (0, 4) for value in found.values())


@pytest.mark.slow
def test_speed_of_24_maps_and_7_masks():
    """0.15 s of one core is the aim; the bound leaves room for slower machines."""
    rng = np.random.default_rng(17)
    maps, masks, shares, elsewhere = case(17, 24, 7, 224, 224, levels=30_000)
    masks &= rng.random(masks.shape) < 0.4
    image_scores(maps, masks, shares, elsewhere, TOLERANCE)
    start = time.process_time()
    image_scores(maps, masks, shares, elsewhere, TOLERANCE)
    assert time.process_time() - start < 1
