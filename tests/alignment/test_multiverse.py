"""The multiverse: by hand for two models, against scipy and statsmodels, invariances, its picture and its stage."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, rankdata, zscore

from sightline.alignment.binarised import binarised, binary_scores, crossfit_threshold
from sightline.alignment.iou_and_pointing import iou, threshold_counts
from sightline.alignment.multiverse import SWEEP, crossfitted, fixed_rule, image_choices, image_targets
from sightline.alignment.specifications import (
    curve_table,
    family,
    is_same_map,
    repeated_targets,
    specification_means,
    specifications,
    summary,
    weights,
)
from sightline.alignment.threshold_free import image_scores
from sightline.report.choices_figure import specification_figure
from sightline.stages import multiverse as stage
from sightline.statistics.ranking import (
    FACTORS,
    Specification,
    by_margin,
    claim_shares,
    factor_shares,
    ranking_agreement,
    rankings,
    standings,
)
from sightline.study.errors import StudyError
from sightline.study.files import write_csv, write_npz
from sightline.study.models import ExternalMaps, Network

NAN = np.nan


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def random_scores(seed: int, num_models: int = 5) -> tuple[np.ndarray, list[Specification]]:
    """Scores with ties and gaps, S x N, of a small multiverse."""
    specs = specifications([("exact", "cam"), ("paper", "cam")], ["otsu", "crossfit"], ["mean", "union"], ["iou", "ap"])
    score_SN = rng(seed).integers(0, 5, (len(specs), num_models)) / 4
    score_SN[rng(seed + 100).random(score_SN.shape) < 0.1] = NAN
    return score_SN, specs


def test_specifications_by_hand():
    rules = ["fixed_0.5", "area_matched"]
    specs = specifications([("exact", "cam")], rules, ["mean", "union"], ["iou", "dice", "rank", "cc"])
    assert specs == [
        ("exact", "cam", "fixed_0.5", "mean", "iou"),
        ("exact", "cam", "fixed_0.5", "union", "iou"),
        ("exact", "cam", "area_matched", "mean", "iou"),
        ("exact", "cam", "area_matched", "union", "iou"),
        ("exact", "cam", "fixed_0.5", "mean", "dice"),
        ("exact", "cam", "fixed_0.5", "union", "dice"),
        ("exact", "cam", "none", "mean", "rank"),  # Dice of the area-matched map is this, and not listed twice
        ("exact", "cam", "none", "union", "rank"),
        ("exact", "cam", "none", "soft", "cc"),  # merging has no part in the share
    ]
    assert specs[0]._fields == FACTORS
    assert ("exact", "cam", "area_matched", "mean", "dice") in specifications(
        [("exact", "cam")], rules, ["mean"], ["dice", "ap"]
    )


def test_families_weigh_alike_by_hand():
    specs = specifications(
        [("exact", "cam")], ["otsu", "area_matched"], ["mean", "union"], ["iou", "dice", "rank", "ap"]
    )
    score = np.tile([0.2, 0.1], (len(specs), 1))
    names = [family(spec) for spec in specs]
    # overlap: IoU and Dice by Otsu; rank: it, and IoU at equal area, which rises with it; ap by itself
    assert {name: names.count(name) for name in names} == {"overlap": 4, "rank": 4, "ap": 2}
    np.testing.assert_allclose(weights(specs, score), [1 / 6 if name == "ap" else 1 / 12 for name in names])
    score[[name == "ap" for name in names]] = [0.1, 0.2]  # the second leads by a third of the weight
    result = summary(specs, ["a", "b"], score)
    assert (result["pairs"]["a > b"]["share"], result["pairs"]["b > a"]["share"]) == pytest.approx((2 / 3, 1 / 3))
    assert result["pairs"]["a > b"]["n"] == 10
    assert result["models"]["a"]["mean_rank"] == pytest.approx(4 / 3)
    assert result["models"]["b"]["first"] == pytest.approx(1 / 3)
    assert result["families"] == {"overlap": 4, "rank": 4, "ap": 2}
    score[[name == "overlap" for name in names], 1] = NAN  # ranks nothing: the other two families have a half each
    np.testing.assert_allclose(
        np.bincount([("overlap", "rank", "ap").index(n) for n in names], weights(specs, score)), [0, 0.5, 0.5]
    )
    # Dice beside IoU, or more thresholds, change no share where they say what IoU says
    short = specifications([("exact", "cam")], ["otsu"], ["mean"], ["iou", "ap"])
    long = specifications([("exact", "cam")], ["otsu", "fixed_0.5"], ["mean"], ["iou", "dice", "ap"])
    shares = []
    for chosen in (short, long):
        values = np.array([[0.1, 0.2] if spec.metric == "ap" else [0.2, 0.1] for spec in chosen])
        shares.append(summary(chosen, ["a", "b"], values)["pairs"]["a > b"]["share"])
    assert shares == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_repetitions(seed):
    """A specification of weight 3 counts as three of weight 1; None weighs all alike."""
    score, specs = random_scores(seed)
    weight = rng(seed).integers(0, 4, len(specs))
    rows = np.repeat(np.arange(len(specs)), weight)
    repeated, repeated_specs = score[rows], [specs[row] for row in rows]
    np.testing.assert_allclose(claim_shares(score, weight)[0], claim_shares(repeated)[0])
    pooled, by_pair = factor_shares(score, specs, weight)
    expected, expected_by_pair = factor_shares(repeated, repeated_specs)
    assert pooled == pytest.approx(expected)
    np.testing.assert_allclose(by_pair["metric"], expected_by_pair["metric"])
    assert by_margin(score, weight)[1] == by_margin(repeated)[1]
    assert ranking_agreement(score, np.full(len(specs), 2)) == pytest.approx(ranking_agreement(score))
    pairs = [
        (weight[one] * weight[other], tau)
        for one, other in combinations(range(len(specs)), 2)
        if not np.isnan(tau := ranking_agreement(score[[one, other]])) and weight[one] * weight[other]
    ]
    products, taus = zip(*pairs, strict=True)
    assert ranking_agreement(score, weight) == pytest.approx(np.average(taus, weights=products))


def test_maps_are_the_same_up_to_a_positive_factor_where_they_are_positive():
    maps = rng(1).normal(size=(3, 4, 4))
    factors = np.array([0.5, 1, 7])[:, None, None]
    assert is_same_map(maps, maps * factors)
    assert is_same_map(maps, np.where(maps > 0, maps, 9 * maps))  # negatives become 0
    assert is_same_map(np.zeros((3, 4, 4)), -np.ones((3, 4, 4)))  # both flat
    assert not is_same_map(maps, -maps)
    assert not is_same_map(maps, maps + 0.1)
    assert not is_same_map(maps, np.repeat(maps, 2, axis=1))
    moved = maps.copy()
    moved[2].flat[np.argsort(moved[2], axis=None)[-2]] -= 0.01 * moved[2].max()
    assert not is_same_map(maps, moved)


def test_a_target_repeats_another_where_every_model_of_it_has_the_same_map_there():
    one, other = rng(2).normal(size=(2, 3, 4, 4))
    maps = {
        ("gap", "exact", "cam"): 2 * one, ("gap", "exact", "gradcam"): one, ("fc", "exact", "gradcam"): other,
        ("gap", "paper", "gradcam"): one, ("fc", "paper", "gradcam"): one, ("gap", "paper", "cam"): one,
    }  # fmt: skip
    assert repeated_targets(maps) == {("paper", "cam"): ("exact", "gradcam"), ("exact", "cam"): ("exact", "gradcam")}
    maps["peer", "exact", "cam"] = one  # external maps: only here can they be compared with the others
    assert ("exact", "cam") not in repeated_targets(maps)
    assert repeated_targets({("a", "exact", "cam"): one}) == {}


@pytest.fixture
def choices():
    """Maps with ties, flat and not, against random, full and empty regions of one image."""
    maps = (rng(3).integers(0, 9, (6, 12, 10)) / 8).astype(np.float32)
    maps[4] = 0
    maps[5, :] = rng(4).random((12, 10))
    maps[5].flat[[0, 1]] = 0, 1
    masks = rng(5).random((4, 12, 10)) < np.array([0.1, 0.5, 1.1, -1])[:, None, None]
    share = masks.mean(axis=0).astype(np.float32)
    fixed = [0.7, 0.3, 0.5]
    return maps, masks, share, fixed, image_choices(maps, image_targets(masks, share), fixed, 0.1)


def test_binary_choices_are_those_of_the_library(choices):
    maps, masks, _, fixed, (scores, sweep) = choices
    cut = {fixed_rule(value): binarised(maps, "fixed", threshold=value) for value in fixed}
    cut |= {"otsu": binarised(maps, "otsu"), "top_share": binarised(maps, "top_share", share=0.1)}
    for rule, binary in cut.items():
        expected = binary_scores(binary, masks, 1.0)
        for metric in ("iou", "dice"):
            np.testing.assert_allclose(scores[rule, metric], expected[metric], atol=1e-12)
    for row, col in np.ndindex(6, 4):
        map_pixels, shared = threshold_counts(maps[[row]], masks[[col]], SWEEP)
        np.testing.assert_allclose(sweep[row, col], iou(shared[0], map_pixels[0], masks[col].sum()))
    assert np.isnan(sweep[:, 3]).all()
    np.testing.assert_array_equal(sweep[4, :3], 0)  # a flat map is empty at every threshold


def test_choices_without_a_threshold_are_those_of_the_library(choices):
    maps, masks, share, _, (scores, _) = choices
    shares = np.broadcast_to(share, masks.shape)
    expected = image_scores(maps, masks, shares, np.zeros(masks.shape[1:]), 1.0)
    for metric in ("mass", "rank", "ap", "auroc", "pointing", "nss", "cc", "sim", "vote"):
        np.testing.assert_allclose(scores["none", metric], expected[metric], rtol=0, atol=1e-14)  # sums in any order
    np.testing.assert_array_equal(scores["area_matched", "iou"], expected["area_iou"])
    np.testing.assert_allclose(scores["area_matched", "dice"], expected["rank"], atol=1e-12)
    assert np.isnan(scores["none", "mass"][:, 3]).all()  # an empty consensus
    assert not np.isnan(scores["none", "cc"]).any()  # but the share is there


def test_crossfitting_gives_all_candidates_the_same_parts():
    sweep = rng(6).random((9, 2, 3, len(SWEEP)))
    sweep[2, :, 1] = NAN
    sweep[:, 1] = sweep[:, 0]
    patients = np.array(list("aabbccdde"))
    found = crossfitted(sweep, patients, 3, rng(7))
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    for row, col in np.ndindex(2, 3):
        expected = crossfit_threshold(sweep[:, row, col], patients, SWEEP, 3, rng(7))[1]
        np.testing.assert_array_equal(found[:, row, col], expected)


def test_means_leave_out_images_and_models():
    specs = [
        Specification("exact", "cam", "none", "mean", "ap"),
        Specification("exact", "cam", "none", "union", "ap"),
        Specification("paper", "cam", "none", "union", "ap"),
        Specification("exact", "cam", "none", "soft", "cc"),
    ]
    candidates = [("a", "exact", "cam"), ("b", "exact", "cam"), ("a", "paper", "cam")]
    ap = np.array([[[0.2, 0.4], [0.1, NAN], [0.5, 0.6]], [[NAN, 0.8], [NAN, 0.2], [0.7, 0.2]]])  # M x A x R
    cc = np.array([[[0.1, 0.1], [0.3, 0.3], [0.5, 0.5]], [[0.3, 0.3], [0.5, 0.5], [0.7, 0.7]]])
    score, images = specification_means(
        specs, candidates, ["a", "b"], {("none", "ap"): ap, ("none", "cc"): cc}, ["mean", "union"]
    )
    np.testing.assert_allclose(score, [[0.2, 0.1], [0.6, 0.2], [0.4, NAN], [0.2, 0.4]])
    np.testing.assert_array_equal(images, [[1, 1], [2, 1], [2, 0], [2, 2]])


def test_two_models_by_hand():
    # the layer alone decides; then a tie, and a specification that only the first has
    specs = [
        Specification("exact", "cam", "none", "mean", "ap"),
        Specification("exact", "cam", "none", "mean", "mass"),
        Specification("paper", "cam", "none", "mean", "ap"),
        Specification("paper", "cam", "none", "mean", "mass"),
    ]
    score = np.array([[0.4, 0.1], [0.9, 0.8], [0.1, 0.2], [0.3, 0.7]])
    share, number = claim_shares(score)
    np.testing.assert_array_equal(share, [[NAN, 0.5], [0.5, NAN]])
    np.testing.assert_array_equal(number, [[0, 4], [4, 0]])
    np.testing.assert_array_equal(rankings(score), [[1, 2], [1, 2], [2, 1], [2, 1]])
    np.testing.assert_allclose(standings(score), [[1, -1], [1, -1], [-1, 1], [-1, 1]])
    # tau is 1 within a layer (2 pairs), -1 across (4 pairs)
    assert ranking_agreement(score) == pytest.approx(-1 / 3)
    pooled, by_pair = factor_shares(score, specs)
    assert [pooled["layer"], by_pair["layer"][0, 1], by_pair["layer"][1, 0]] == pytest.approx([1, 1, 1])
    assert [pooled["metric"], pooled["method"]] == pytest.approx([0, 0])
    order, leaders = by_margin(score)
    assert leaders == [0, 1]
    np.testing.assert_array_equal(order, [0, 1, 2, 3])
    score[3] = 0.5
    score[2, 1] = NAN
    share, number = claim_shares(score)
    assert share[0, 1] == pytest.approx(2.5 / 3)  # a tie is half
    assert number[0, 1] == 3
    np.testing.assert_array_equal(rankings(score), [[1, 2], [1, 2], [NAN, NAN], [1.5, 1.5]])
    np.testing.assert_array_equal(standings(score)[3], [0, 0])
    np.testing.assert_array_equal(by_margin(score)[0], [0, 1, 3])


def test_rounding_is_a_tie():
    values = np.array([0.1, 0.2, 0.3])
    score = np.array([[values.sum(), values[::-1].sum()]])
    assert score[0, 0] != score[0, 1]
    assert claim_shares(score)[0][0, 1] == 0.5
    np.testing.assert_array_equal(rankings(score), [[1.5, 1.5]])


@pytest.mark.parametrize("seed", range(5))
def test_against_scipy(seed):
    score, _ = random_scores(seed)
    known = ~np.isnan(score)
    for row, found, standing in zip(score, rankings(score), standings(score), strict=True):
        have = ~np.isnan(row)
        np.testing.assert_array_equal(found[have], rankdata(-row[have]))
        np.testing.assert_allclose(standing[have], np.nan_to_num(zscore(row[have])), atol=1e-12)
    taus = []
    for one, other in combinations(range(len(score)), 2):
        both = known[one] & known[other]
        if both.sum() > 1:
            taus.append(kendalltau(score[one, both], score[other, both]).statistic)
    assert ranking_agreement(score) == pytest.approx(np.nanmean(taus), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_factor_shares_are_the_r_squared_of_a_regression(seed):
    ols = pytest.importorskip("statsmodels.formula.api").ols
    score, specs = random_scores(seed, num_models=3)
    standing = standings(score)
    _, by_pair = factor_shares(score, specs)
    frame = pd.DataFrame(specs, columns=list(FACTORS))
    for row, col in combinations(range(3), 2):
        frame["gap"] = standing[:, row] - standing[:, col]
        for factor in ("layer", "threshold_rule", "consensus_rule", "metric"):
            expected = ols(f"gap ~ C({factor})", frame.dropna()).fit().rsquared
            assert by_pair[factor][row, col] == pytest.approx(expected, abs=1e-9)
            assert by_pair[factor][col, row] == by_pair[factor][row, col]


def test_invariances():
    score, specs = random_scores(11)
    share, number = claim_shares(score)
    tau, (pooled, by_pair) = ranking_agreement(score), factor_shares(score, specs)
    np.testing.assert_allclose((share + share.T)[number > 0], 1)
    models, order = rng(1).permutation(5), rng(2).permutation(len(specs))
    turned, turned_specs = score[order][:, models], [specs[row] for row in order]
    np.testing.assert_allclose(claim_shares(turned)[0], share[np.ix_(models, models)])
    assert ranking_agreement(turned) == pytest.approx(tau)
    turned_pooled, turned_by_pair = factor_shares(turned, turned_specs)
    assert turned_pooled == pytest.approx(pooled)
    np.testing.assert_allclose(turned_by_pair["metric"], by_pair["metric"][np.ix_(models, models)])
    # a metric's unit does not matter to standings, nor any monotone scale to claims and rankings
    np.testing.assert_allclose(standings(100 * score - 3), standings(score), atol=1e-9)
    np.testing.assert_array_equal(claim_shares(np.exp(score))[0], share)
    assert ranking_agreement(np.exp(score)) == pytest.approx(tau)


def test_nothing_to_rank():
    score, specs = np.array([[0.5, NAN], [NAN, 0.5]]), [Specification("exact", "cam", "none", "mean", "ap")] * 2
    assert np.isnan(rankings(score)).all()
    assert np.isnan(claim_shares(score)[0]).all()
    assert np.isnan(ranking_agreement(score))
    assert all(np.isnan(value) for value in factor_shares(score, specs)[0].values())
    order, leaders = by_margin(score)
    assert (order.tolist(), leaders) == ([], [])
    assert np.isnan(ranking_agreement(np.zeros((0, 2))))


MODELS = {
    "net": Network(arch="alexnet", init="scratch", head="gap"),
    "resnet": Network(arch="resnet50", init="scratch", head="gap"),
    "peer": ExternalMaps(maps="maps", method="cam"),
}


def parsed(text: str) -> ElementTree.Element:
    """The picture as XML; inline in a page it needs no namespaces."""
    return ElementTree.fromstring(text.replace("xlink:", ""))


def test_the_picture_names_models_choices_and_the_share():
    specs = specifications([("exact", "cam")], ["otsu"], ["mean", "union"], ["iou", "ap"])
    score = np.array([[0.5, 0.4, 0.1], [0.5, 0.4, 0.1], [0.5, 0.4, NAN], [0.4, 0.5, 0.1]])
    curve = pd.DataFrame(curve_table(specs, list(MODELS), score))
    text = specification_figure(curve, MODELS)
    root = parsed(text)
    assert root.get("aria-label", "").startswith("net stands above resnet in 75% of 4 specifications.")
    words = {"".join(part.itertext()).strip() for part in root.iter("text")}
    assert {*MODELS, "net ahead in 75%", "resnet ahead in 25%", "mean", "union", "iou", "ap", "otsu"} <= words
    assert not {"layer", "exact", "method", "cam"} & words  # no alternative
    assert specification_figure(curve, MODELS) == text
    assert specification_figure(curve[curve["model"] == "net"], MODELS) == ""
    assert specification_figure(curve.iloc[:0], MODELS) == ""


PARAMS = """
seed: 0
multiverse:
  thresholds: {thresholds}
  top_share: 0.25
  consensus_rules: {rules}
  metrics: {metrics}
  folds: {folds}
models:
  net: {{arch: alexnet, init: scratch, head: gap}}
  other: {{arch: resnet50, init: scratch, head: gap}}
  peer: {{maps: elsewhere, method: cam}}
"""


def write_params(
    thresholds: str = "0.5", rules: str = "mean intersection", metrics: str = "iou mass cc", folds: int = 2
) -> None:
    text = PARAMS.format(thresholds=f"'{thresholds}'", rules=f"'{rules}'", metrics=f"'{metrics}'", folds=folds)
    Path("params.yaml").write_text(text)


def write_annotations(order: list[int] | None = None) -> None:
    """8 x 8: two annotators of a (both the left half), two of b (upper and lower half: no intersection)."""
    masks = np.zeros((4, 8, 8), bool)
    masks[:2, :, :4] = masks[2, :4] = masks[3, 4:] = True
    order = order or [0, 1, 2, 3]
    write_npz(
        "data/annotations.npz",
        annotations=np.array(["1", "2", "3", "4"])[order],
        images=np.array(["a", "a", "b", "b"])[order],
        annotators=np.array(["anna", "bruno", "anna", "bruno"])[order],
        professions=np.array(["student"] * 4),
        masks=masks[order],
        others=masks[order],
    )
    write_consensus(["a", "b"], np.stack([masks[0], np.ones((8, 8), bool)]))


def write_consensus(images: list[str], masks: np.ndarray) -> None:
    write_npz("data/consensus.npz", images=np.array(images, str), consensus=masks, share=masks.astype(np.float32))


@pytest.fixture
def study(tmp_path, monkeypatch):
    """The left half found by net, three quarters of it wrongly by other; at the other layer it is the reverse."""
    monkeypatch.chdir(tmp_path)
    write_params()
    write_annotations()
    names = np.array(["b", "a", "z"])
    left = np.zeros((3, 8, 8), np.float32)
    left[:, :, :4] = 2
    right = 2 - left
    right[:, :2] = left[:, :2]
    for key, here, there in (("net", left, right), ("other", right, left)):
        write_npz(f"data/saliency/{key}.npz", images=names, cam=here)
        write_npz(
            f"data/saliency/{key}.others.npz",
            **{"images": names, "layer": np.array("paper"), "paper.cam": there, "untrained.cam": -here},
        )
    write_npz("data/saliency/peer.npz", images=names[[1, 0]], cam=left[:2])
    write_csv("data/prepared/index.csv", pd.DataFrame({"image": ["b", "a", "z"], "patient": ["1", "2", "3"]}))
    return tmp_path


def outputs() -> tuple[bytes, ...]:
    files = ("data/multiverse.csv", "metrics/multiverse.json", "plots/multiverse.csv")
    return tuple(Path(name).read_bytes() for name in files)


def cell(table: pd.DataFrame, model: str, *spec: str) -> tuple[float, int]:
    rows = table[(table[list(FACTORS)] == list(spec)).all(axis=1) & (table["model"] == model)]
    return rows["score"].item(), rows["images"].item()


@pytest.mark.usefixtures("study")
def test_the_stage_by_hand():
    stage.main()
    table = pd.read_csv("data/multiverse.csv")
    assert list(table.columns) == stage.COLUMNS
    # 2 layers x (iou: 5 rules x 2 consensus rules, mass: 2, cc: 1), of 3 models and 2; but cross-fitting has no other
    # patient to choose a threshold from where only a has an intersection
    assert len(table) == 12 * 3 + 12 * 2
    assert set(table["threshold_rule"]) == {"fixed_0.5", "otsu", "top_share", "area_matched", "crossfit", "none"}
    # a: all 32 pixels right, IoU 1; b, every pixel: half of them; the intersection of b is empty
    assert cell(table, "net", "exact", "cam", "fixed_0.5", "mean", "iou") == (0.75, 2)
    assert cell(table, "net", "exact", "cam", "fixed_0.5", "intersection", "iou") == (1, 1)
    assert cell(table, "net", "paper", "cam", "none", "intersection", "mass") == (0.25, 1)
    assert cell(table, "other", "exact", "cam", "none", "intersection", "mass") == (0.25, 1)
    assert cell(table, "peer", "exact", "cam", "none", "mean", "mass") == (1, 2)
    assert cell(table, "net", "exact", "cam", "none", "soft", "cc") == (1, 1)  # b's share is 0.5 everywhere
    assert not len(table[(table["model"] == "peer") & (table["layer"] == "paper")])
    metrics = json.loads(Path("metrics/multiverse.json").read_text())
    assert metrics["specifications"] == 24
    assert metrics["images"] == 2
    assert metrics["empty_consensus"] == {"mean": 0, "intersection": 1}
    assert metrics["flat_maps"] == {"net": 0, "other": 0, "peer": 0}
    claim = metrics["pairs"]["net > other"]
    assert (claim["n"], claim["by"]["layer"]) == (24, {"exact": claim["by"]["layer"]["exact"], "paper": pytest.approx(
        1 - claim["by"]["layer"]["exact"])})  # fmt: skip
    assert claim["share"] == 0.5
    assert metrics["pairs"]["other > net"]["share"] == 0.5
    assert metrics["pairs"]["net > peer"]["share"] == 0.5  # the same maps, at the study's layer
    assert metrics["pairs"]["net > peer"]["n"] == 12
    assert max(metrics["factors"], key=lambda factor: metrics["factors"][factor] or 0) == "layer"
    curve = pd.read_csv("plots/multiverse.csv")
    assert list(curve.columns) == stage.CURVE_COLUMNS
    assert sorted(set(curve["place"])) == list(range(1, 25))
    assert not curve.isna().any().any()
    parsed(specification_figure(curve, {**MODELS, "other": MODELS["resnet"]}))


@pytest.mark.usefixtures("study")
def test_the_order_of_the_files_changes_nothing():
    stage.main()
    before = outputs()
    write_annotations([3, 0, 2, 1])
    stage.main()
    assert outputs() == before


@pytest.mark.usefixtures("study")
def test_finished_masks_are_the_only_rule():
    masks = np.zeros((2, 8, 8), bool)
    masks[0, :, :4] = True
    write_npz("data/annotations.npz", images=np.array([], str), masks=np.zeros((0, 8, 8), bool))
    write_consensus(["a", "b"], masks)
    stage.main()
    table = pd.read_csv("data/multiverse.csv")
    assert set(table["consensus_rule"]) == {"finished"}
    assert set(table["images"]) == {1}  # b's is empty
    assert "crossfit" not in set(table["threshold_rule"])  # one patient
    assert cell(table, "net", "exact", "cam", "none", "finished", "cc") == (1, 1)
    write_consensus(["a", "b"], np.zeros((2, 8, 8), bool))
    stage.main()
    assert Path("data/multiverse.csv").read_text() == ",".join(stage.COLUMNS) + "\n"
    assert Path("plots/multiverse.csv").read_text() == ",".join(stage.CURVE_COLUMNS) + "\n"
    assert json.loads(Path("metrics/multiverse.json").read_text()) == {}


@pytest.mark.usefixtures("study")
def test_one_model_has_no_rival():
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(
        "\n".join(line for line in text.splitlines() if "other:" not in line and "peer" not in line)
    )
    stage.main()
    assert len(pd.read_csv("data/multiverse.csv")) == 24
    metrics = json.loads(Path("metrics/multiverse.json").read_text())
    assert (metrics["specifications"], metrics["pairs"], metrics["ranking_agreement"]) == (0, {}, None)
    assert specification_figure(pd.read_csv("plots/multiverse.csv"), MODELS) == ""


@pytest.mark.usefixtures("study")
def test_external_maps_need_no_image_without_a_consensus():
    write_npz("data/saliency/peer.npz", images=np.array(["a"]), cam=np.ones((1, 8, 8), np.float32))
    with pytest.raises(StudyError) as error:
        stage.main()
    assert error.value.cases == ["data/saliency/peer.npz: peer has no map of b"]
    masks = np.zeros((2, 8, 8), bool)
    masks[0, :, :4] = True
    write_consensus(["a", "b"], masks)
    stage.main()
    assert set(pd.read_csv("data/multiverse.csv")["images"]) == {1}
    assert json.loads(Path("metrics/multiverse.json").read_text())["flat_maps"]["peer"] == 1


@pytest.mark.usefixtures("study")
def test_maps_of_different_layers_are_refused():
    write_npz("data/saliency/net.others.npz", **{
        "images": np.array(["a", "b"]), "layer": np.array("exact"), "exact.cam": np.ones((2, 3, 3), np.float32)
    })  # fmt: skip
    with pytest.raises(StudyError, match="not of the same layers") as error:
        stage.main()
    assert error.value.cases == [
        "data/saliency/net.others.npz: layer exact",
        "data/saliency/other.others.npz: layer paper",
    ]


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"thresholds": "0.5 x"}, "thresholds: expected numbers separated by spaces"),
        ({"thresholds": "0.5 0.50"}, "thresholds: expected different numbers"),
        ({"thresholds": "0 0.5"}, "thresholds: expected different numbers above 0"),
        ({"thresholds": ""}, "thresholds: expected different numbers"),
        ({"rules": "mean most"}, "consensus_rules: expected some of mean, at_least"),
        ({"rules": ""}, "consensus_rules: expected some of"),
        ({"metrics": "iou iou"}, "metrics: expected some of iou, dice.* each once"),
        ({"metrics": "kl"}, "metrics: expected some of"),
        ({"folds": 1}, "folds: expected at least 2, got 1"),
    ],
)
def test_settings_that_are_refused(settings, words):
    write_params(**settings)
    with pytest.raises(StudyError, match=words):
        stage.main()
    assert not Path("data/multiverse.csv").exists()
