"""The paper's tables from known metrics, LaTeX that nothing can break out of, and the words computed from numbers."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sightline.report import published_answer, tables
from sightline.report.chart import spread
from sightline.report.gallery import edge, spread_images, tile
from sightline.study.models import Entry, ExternalMaps, Network

PAPER = json.loads((Path(tables.__file__).parent / "paper.json").read_text())
RESNET = Network(arch="resnet50", init="imagenet", head="gap")
VGG_FC = Network(arch="vgg16", init="scratch", head="fc")
LIME = ExternalMaps(maps="elsewhere", method="lime")


def classified(**values: float) -> dict[str, Any]:
    """All six metrics at 0.9 [0.85, 0.95], but for those named."""
    names = ("accuracy", "precision", "recall", "f1", "auroc", "specificity")
    return {
        name: {"value": values.get(name, 0.9), "low": values.get(f"{name}_low", 0.85), "high": 0.95} for name in names
    }


def aligned(iou: float, p_exact: float | None, images: int = 50, **others: float) -> dict[str, Any]:
    return {
        "iou": iou, "pointing": 0.4, "chance_iou": 0.05, "chance_pointing": 0.09, "random_iou": 0.06,
        "random_pointing": 0.08, "p_pointing_exact": p_exact, "p_iou_published": 0.2,
        "p_pointing_published": None, "images": images, "flat_maps": 0,
    } | others  # fmt: skip


def test_annotation_table_puts_ours_beside_the_papers() -> None:
    frame = tables.annotation_table(
        {"annotators": 7, "active_pixels_percent": None, "p_value_published": 0.0123}, PAPER
    )
    rows = frame.set_index("statistic")
    assert rows.loc["Annotators"].tolist() == [7, 14]
    assert math.isnan(rows.loc["Active pixels of an annotation (%)", "ours"])
    header, cells = tables.annotation_cells(frame)
    assert header == ["Statistic", "Ours", "Paper"]
    assert ["p, Mann-Whitney U, as published", "0.012", "< 0.001"] in cells
    assert ["Annotations", "–", "318"] in cells
    assert "paper" not in tables.annotation_table({}, None)


def test_a_value_outside_the_papers_interval_is_flagged_and_one_inside_is_not() -> None:
    # Paper, resnet50-imagenet-gap: accuracy 94.87 ± 1.68, F1 96.00 ± 1.39, AUROC 98.24 ± 1.00
    metrics = {"m": classified(accuracy=0.9320, f1=0.9460, auroc=0.99, specificity=0.8886)}
    frame = tables.classification_table(metrics, {"m": RESNET}, tables.TABLE_2_METRICS, PAPER)
    assert frame["outside_paper"].tolist() == ["F1"]
    assert frame.loc[0, "accuracy_paper"] == 94.87
    header, cells = tables.classification_cells(frame, tables.TABLE_2_METRICS, full=False)
    assert header == ["Model", "Accuracy", "F1", "AUROC", "Specificity"]
    assert cells[0][1] == "93.2\n[85.0, 95.0]\n94.87 ± 1.68"
    assert cells[0][2] == "94.6\n[85.0, 95.0]\n96.00 ± 1.39 †"


def test_classification_table_has_networks_only_and_no_paper_when_not_asked() -> None:
    models: dict[str, Entry] = {"b": VGG_FC, "theirs": LIME, "a": RESNET}
    frame = tables.classification_table({"a": classified(), "b": classified()}, models, tables.TABLE_4_METRICS, None)
    assert frame["model"].tolist() == ["b", "a"]
    assert frame["parameters"].tolist() == [134_264_641, 23_510_081]
    assert not [name for name in frame if "paper" in name]
    empty = tables.classification_table({}, {"theirs": LIME}, tables.TABLE_4_METRICS, PAPER)
    assert empty.empty
    assert list(empty.columns) == list(
        tables.classification_table({"a": classified()}, {"a": RESNET}, tables.TABLE_4_METRICS, PAPER).columns
    )


def test_parameter_counts_are_those_of_the_networks() -> None:
    torch = pytest.importorskip("torch")
    networks = pytest.importorskip("sightline.networks.architectures")
    for (arch, head), count in tables.NUM_PARAMETERS.items():
        with torch.device("meta"):
            network = networks.build_network(arch, head, seed=0)
        assert sum(parameter.numel() for parameter in network.parameters()) == count, (arch, head)


def test_alignment_table_in_percent_with_the_paper_beside_its_own_variant_only() -> None:
    models: dict[str, Entry] = {"fc": VGG_FC, "gap": RESNET, "theirs": LIME}
    alignment = {
        "gap": {"gradcam": aligned(0.2, 0.01)},
        "fc": {"gradcam": aligned(0.1, None)},
        "theirs": {"lime": aligned(0.3, 0.0001)},
    }
    ends = {"iou": {"low": 0.18, "high": 0.22}, "pointing": {"low": 0.0, "high": 0.206}}
    intervals = {"gap": {"gradcam": ends}}
    frame = tables.alignment_table(alignment, intervals, models, 0.5, PAPER).set_index("model")
    assert frame.index.tolist() == ["fc", "gap", "theirs"]
    assert frame.loc["gap", ["iou", "iou_low", "iou_high"]].tolist() == pytest.approx([20, 18, 22])
    assert frame.loc["gap", "paper_iou"] == 11.46
    assert frame["paper_iou"].isna().tolist() == [True, False, True]
    assert math.isnan(frame.loc["fc", "p_pointing_exact"])
    assert not {"p_iou", "p_pointing"} & {*frame}
    header, cells = tables.alignment_cells(frame.reset_index())
    assert header[2:] == [
        "IoU",
        "chance",
        "random",
        "p\npublished",
        "PG",
        "chance",
        "random",
        "p\npublished",
        "p\nexact",
    ]
    assert cells[0] == ["fc", "Grad-CAM", "10.0", "5.0", "6.0", "0.200", "40.0", "9.0", "8.0", "–", "–"]
    assert cells[1][2] == "20.0\n[18.0, 22.0]\npaper 11.46"
    assert cells[1][5] == "0.200\npaper < 0.001"
    assert frame.loc["gap", ["pointing_low", "pointing_high"]].tolist() == pytest.approx([0, 20.6])
    assert cells[2][1] == "lime"
    assert [row[-1] for row in cells] == ["–", "0.010", "< 0.001"]


@pytest.mark.parametrize(
    "hostile", [r"a_b & 50% #1 $x^2$ ~ {c} \input{/etc/passwd}", r"\end{tabular}", "<b>\nnew\rline"]
)
def test_latex_prints_any_text_literally_and_stays_balanced(hostile: str) -> None:
    text = tables.latex(["Model", hostile], [[hostile, "1.0\n[0.9, 1.1]"], ["b", "< 0.001 ± –"]], hostile, "tab:x")
    assert text.count(r"\begin{") == text.count(r"\end{") == 2
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 3
    for line in lines:  # one column separator that is not escaped
        assert line.replace(r"\&", "").count("&") == 1
        assert line.replace(r"\$", "").count("$") % 2 == 0
    bare = text.replace(r"\\", "").replace(r"\{", "").replace(r"\}", "")
    depth = 0
    for character in bare:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert r"\input" not in text
    assert r"\shortstack[r]{1.0\\{}[0.9, 1.1]}" in text


def test_latex_without_rows_says_so() -> None:
    assert r"\multicolumn{3}{l}{No rows" in tables.latex(["a", "b", "c"], [], "x", "tab:x")


def said(
    alignment: dict[str, Any], classification: dict[str, Any], consensus: dict[str, Any] | None = None
) -> list[str]:
    models: dict[str, Entry] = dict.fromkeys(alignment, RESNET)
    frame = published_answer.verdicts(alignment, {}, classification, models)
    return published_answer.answer(frame, classification, consensus or {}, "experts")


def test_the_count_needs_the_exact_test_after_holm_and_no_iou() -> None:
    alignment = {
        "good": {"gradcam": aligned(0.1, 0.001)},
        "large": {"gradcam": aligned(0.3, 0.3)},
        "nearly": {"gradcam": aligned(0.2, 0.02)},
        "also": {"gradcam": aligned(0.05, 0.0001)},
        "unknown": {"gradcam": aligned(0.05, None)},
    }
    sentences = said(alignment, {})
    # Holm over the four tests: 0.0001 * 4, 0.001 * 3 < 0.05 but 0.02 * 2 < 0.05 too, 0.3 is not
    assert sentences[0] == "good, nearly and also point where the experts look, more often than a random point would."
    assert "one-sided exact tests by patient, p < 0.05 after Holm's correction for 5 models" in sentences[1]
    assert "IoU is shown without a test" in sentences[1]
    assert "The highest IoU is that of large: its map overlaps the experts' region with an IoU of 0.30" in sentences[2]
    case = "large (Pointing Game 40%, chance 9%, adjusted p = 0.300; IoU 0.30, random 0.06)"
    assert sentences[3].startswith(
        f"With no evidence that the maximum lies in the region more often than a random point: {case}"
    )
    assert "unknown (Pointing Game 40%, chance 9%, adjusted p = –" in sentences[3]
    assert said({"a": alignment["large"], "b": alignment["unknown"]}, {})[0].startswith(
        "No evidence that a or b points where"
    )
    one = said({"a": alignment["nearly"]}, {})
    assert one[0].startswith("a points where")
    assert "Holm" not in " ".join(one)
    assert said({"a": alignment["good"], "b": alignment["also"]}, {})[0].startswith("a and b point where")


def test_grad_cam_is_judged_though_another_method_scores_higher() -> None:
    frame = published_answer.verdicts(
        {"m": {"cam": aligned(0.4, 0.001), "gradcam": aligned(0.1, 0.5)}}, {}, {}, {"m": RESNET}
    )
    assert frame[["method", "iou"]].to_numpy().tolist() == [["gradcam", 0.1]]


def test_networks_that_do_not_classify_are_named() -> None:
    classification = {
        "coin": classified(auroc=0.53, auroc_low=0.47),
        "constant": classified(auroc=0.83, specificity=0.01, recall=1.0),
        "fine": classified(),
    }
    text = " ".join(said({"coin": {"cam": aligned(0.2, 0.01)}}, classification))
    assert "coin (AUROC 0.53 [0.47, 0.95])" in text
    assert "constant (recall 100%, specificity 1%)" in text
    assert "fine" not in text


def test_the_human_scale_and_no_boast_above_it() -> None:
    consensus = {"expert_expert_iou_percent": 23.3, "expert_random_iou_percent": 3.3}
    assert said({"a": {"cam": aligned(0.2, 0.01)}}, {}, consensus)[-1].endswith("a random mask with 0.03.")
    assert "not better than a human" in said({"a": {"cam": aligned(0.3, 0.01)}}, {}, consensus)[-1]


def test_no_scored_image_leaves_the_question_open() -> None:
    sentences = said({"a": {"cam": aligned(0.2, None, images=0)}}, {"a": classified(auroc=0.5, auroc_low=0.4)})
    assert "the question stays open" in sentences[0]
    assert "coin" in sentences[1]


def test_spread_keeps_order_gap_and_bounds_and_leaves_what_is_free() -> None:
    rng = np.random.default_rng(1)
    for wanted in (rng.random(9), np.full(9, 0.97), np.zeros(9), np.linspace(0, 1, 9)):
        placed = spread(wanted.tolist(), 0.1, 0.0, 1.0)
        assert placed.min() >= -1e-12
        assert placed.max() <= 1 + 1e-12
        in_order = placed[np.argsort(wanted, kind="stable")]
        assert all(b - a >= 0.1 - 1e-12 for a, b in pairwise(in_order))
    np.testing.assert_allclose(spread([0.1, 0.9, 0.5], 0.1, 0, 1), [0.1, 0.9, 0.5])
    assert spread([], 0.1, 0, 1).size == 0


def test_spread_images_takes_both_ends_and_the_middle() -> None:
    frame = pd.DataFrame({"image": list("abcdeab"), "iou": [0.1, 0.2, 0.9, 0.4, np.nan, 0.3, 0.0]})
    # Means: a 0.2, b 0.1, c 0.9, d 0.4; e has none
    assert spread_images(frame, 3) == ["c", "a", "b"]
    assert spread_images(frame, 1) == ["c"]
    assert spread_images(frame, 9) == ["c", "d", "a", "b"]
    assert spread_images(frame, 0) == []


def test_edge_is_the_inner_border_and_the_image_border_is_none() -> None:
    mask = np.zeros((6, 6), bool)
    mask[2:5, 2:5] = True
    ring = mask.copy()
    ring[3, 3] = False
    np.testing.assert_array_equal(edge(mask, 1), ring)
    assert not edge(np.ones((4, 4), bool), 2).any()


def test_tile_draws_the_consensus_only_at_its_edge_and_leaves_an_empty_map_gray() -> None:
    image = np.full((352, 176), 100, np.uint8)
    consensus = np.zeros(image.shape, bool)
    consensus[100:200, 40:120] = True
    picture = tile(image, consensus, np.zeros(image.shape, np.float32))
    assert picture.shape == (176, 88, 3)
    assert (picture[:45] == 100).all()
    assert (picture[60:90, 30:50] == 100).all()
    assert (picture[75, 18:26] == (64, 212, 255)).all(axis=-1).any()
