"""The paper's Tables 1 to 4 from this study's metrics, beside the paper's own numbers, and their LaTeX."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sightline.report.words import Metrics, method_words, number_at, sees, shown
from sightline.study.models import Classifying, Entry, Network

Cells = tuple[list[str], list[list[str]]]  # header and rows as printed; a cell may have several lines

# Weights of each variant with one logit and no auxiliary heads; tests hold it against the networks themselves.
# Paper: section on models; it counts GoogLeNet from scratch with its auxiliary heads (12M), which we never build.
NUM_PARAMETERS = {
    ("alexnet", "fc"): 57_007_937,
    ("alexnet", "gap"): 2_469_953,
    ("vgg16", "fc"): 134_264_641,
    ("vgg16", "gap"): 14_715_201,
    ("googlenet", "gap"): 5_600_929,
    ("resnet50", "gap"): 23_510_081,
    ("resnet18", "gap"): 11_177_025,
    ("squeezenet1_1", "gap"): 723_009,
}

# key in metrics/consensus.json, words, decimals
TABLE_1_ROWS = (
    ("test_images", "Images given to the annotators", 0),
    ("annotations", "Annotations", 0),
    ("valid_annotations", "Valid annotations", 0),
    ("annotations_per_image", "Valid annotations per image", 2),
    ("annotators", "Annotators", 0),
    ("nonempty_consensus", "Images with a non-empty consensus", 0),
    ("active_pixels_percent", "Active pixels of an annotation (%)", 2),
    ("consensus_pixels_percent", "Active pixels of a consensus (%)", 2),
    ("expert_expert_iou_percent", "IoU of two annotators (%)", 2),
    ("expert_random_iou_percent", "IoU of an annotator and a random mask (%)", 2),
    ("p_value_published", "p, Mann-Whitney U, as published", -1),
    ("p_value_permutation", "p, permutation", -1),
)
TABLE_2_METRICS = ("accuracy", "f1", "auroc", "specificity")
TABLE_4_METRICS = ("accuracy", "f1", "auroc", "specificity", "recall", "precision")
METRIC_WORDS = {
    "accuracy": "Accuracy", "f1": "F1", "auroc": "AUROC",
    "specificity": "Specificity", "recall": "Recall", "precision": "Precision",
}  # fmt: skip
CLASSIFICATION_KEYS = ("model", "arch", "init", "head", "parameters", "outside_paper")
ALIGNMENT_COLUMNS = (
    "model", "method", "threshold", "images", "flat_maps",
    "iou", "iou_low", "iou_high", "chance_iou", "random_iou", "p_iou_published",
    "pointing", "pointing_low", "pointing_high", "chance_pointing", "random_pointing", "p_pointing_published",
    "p_pointing_exact", "paper_iou", "paper_p_iou", "paper_pointing", "paper_p_pointing",
)  # fmt: skip
PERCENT_COLUMNS = (
    "iou", "iou_low", "iou_high", "chance_iou", "random_iou", "pointing", "pointing_low", "pointing_high",
    "chance_pointing", "random_pointing",
)  # fmt: skip


def annotation_table(consensus: Metrics, paper: Metrics | None) -> pd.DataFrame:
    """Table 1: `statistic`, `ours` and, with the paper's numbers, `paper`; one row per statistic, NaN where unknown.

    The paper prints its p-value as an upper bound: 0.001 stands for "< 0.001".
    """
    rows = []
    for key, words, _ in TABLE_1_ROWS:
        row: dict[str, Any] = {"statistic": words, "ours": number_at(consensus, key)}
        if paper is not None:
            row["paper"] = number_at(paper["table1_annotations"], {"p_value_published": "p_value_below"}.get(key, key))
        rows.append(row)
    return pd.DataFrame(rows)


def classification_table(
    classification: Metrics,
    models: Mapping[str, Entry],
    metrics: Sequence[str],
    paper: Metrics | None,
    parameters: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Tables 2 and 4: one row per classifier, every metric in percent.

    `<metric>`, `<metric>_low`, `<metric>_high` are the value on the test set and its interval. With the paper's
    numbers, `<metric>_paper` is its bootstrap mean, `<metric>_paper_half` half the width of its interval, and
    `outside_paper` names the metrics whose value lies further from the mean than that; all empty for a variant
    that the paper does not have. A classifier trained elsewhere has no architecture, init and head that are known here,
    and the number of parameters that `parameters` says. Models without predictions (external maps) have no row. `input`
    says what each network sees, film or lungs, where one of them does not see the whole film.
    """
    published = {} if paper is None else {
        (row["arch"], row["head"], row["init"]): row for row in paper["table4_classification_percent"]
    }  # fmt: skip
    has_input = any(sees(entry) for entry in models.values())
    rows = []
    for model, entry in models.items():
        if not isinstance(entry, Classifying) or model not in classification:
            continue
        kind = (entry.arch, entry.init, entry.head) if isinstance(entry, Network) else ("own model", "elsewhere", "own")
        row: dict[str, Any] = {"model": model, **dict(zip(("arch", "init", "head"), kind, strict=True))}
        if has_input:
            row["input"] = entry.input
        row["parameters"] = (parameters or {}).get(model, NUM_PARAMETERS.get((kind[0], kind[2])))  # None: not known
        theirs = published.get((kind[0], kind[2], kind[1]), {})
        outside = []
        for metric in metrics:
            value = 100 * number_at(classification, model, metric, "value")
            row[metric] = value
            row[f"{metric}_low"] = 100 * number_at(classification, model, metric, "low")
            row[f"{metric}_high"] = 100 * number_at(classification, model, metric, "high")
            if paper is not None:
                mean, half = theirs.get(metric, (math.nan, math.nan))
                row[f"{metric}_paper"], row[f"{metric}_paper_half"] = mean, half
                if abs(value - mean) > half:
                    outside.append(METRIC_WORDS[metric])
        if paper is not None:
            row["outside_paper"] = ", ".join(outside)
        rows.append(row)
    parts = ("", "_low", "_high") if paper is None else ("", "_low", "_high", "_paper", "_paper_half")
    keys = [*CLASSIFICATION_KEYS[:4], *(["input"] if has_input else []), CLASSIFICATION_KEYS[4]]
    columns = [*keys, *(metric + part for metric in metrics for part in parts)]
    frame = pd.DataFrame(rows, columns=columns if paper is None else [*columns, "outside_paper"])
    return frame.astype({"parameters": "Int64"})  # whole numbers beside a missing one


def alignment_table(
    alignment: Metrics, intervals: Metrics, models: Mapping[str, Entry], threshold: float, paper: Metrics | None
) -> pd.DataFrame:
    """Table 3: one row per model and method at `threshold` (a share of the map's range); IoU and PG in percent.

    `chance_*` is the closed-form expectation, `random_*` the mean over random maps of the map's own area,
    `p_*_published` the paper's Mann-Whitney U test and `p_pointing_exact` the exact test of hits against each image's
    own chance. A null metric is NaN.
    Paper: Table 3 has one row per architecture; it stands beside our ImageNet model with the gap head only, the
    variant that CAM needs.
    """
    rows = []
    for model, entry in models.items():
        for method, values in sorted(alignment.get(model, {}).items()):
            row: dict[str, Any] = {name: number_at(values, name) for name in ALIGNMENT_COLUMNS[3:]}
            for metric in ("iou", "pointing"):
                row[f"{metric}_low"] = number_at(intervals, model, method, metric, "low")
                row[f"{metric}_high"] = number_at(intervals, model, method, metric, "high")
            row.update({name: 100 * row[name] for name in PERCENT_COLUMNS})
            row.update(model=model, method=method, threshold=threshold)
            theirs: Metrics = {}
            if paper is not None and isinstance(entry, Network) and (entry.init, entry.head) == ("imagenet", "gap"):
                theirs = paper["table3_alignment_percent_at_threshold_0.5"].get(entry.arch, {}).get(method, {})
            row.update(paper_iou=number_at(theirs, "iou"), paper_p_iou=number_at(theirs, "p_iou"))
            row.update(paper_pointing=number_at(theirs, "pg"), paper_p_pointing=number_at(theirs, "p_pg"))
            rows.append(row)
    columns = [name for name in ALIGNMENT_COLUMNS if paper is not None or not name.startswith("paper_")]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"images": "Int64", "flat_maps": "Int64"}) if rows else frame


def shown_interval(value: float, low: float, high: float, decimals: int = 1) -> str:
    """The value, its interval in brackets on the next line if there is one; an en dash without a value."""
    if math.isnan(low) or math.isnan(high) or math.isnan(value):
        return shown(value, decimals)
    return f"{shown(value, decimals)}\n[{shown(low, decimals)}, {shown(high, decimals)}]"


def shown_count(count: float) -> str:
    """A number of parameters in thousands or millions: 2.5M; an en dash where it is not stated."""
    if pd.isna(count):
        return "–"
    return f"{count / 1e6:.1f}M" if count >= 1e6 else f"{count / 1e3:.0f}k"


def annotation_cells(frame: pd.DataFrame) -> Cells:
    """Header and rows of Table 1 as printed."""
    header = ["Statistic", "Ours", *(["Paper"] if "paper" in frame else [])]
    rows = []
    for (key, words, decimals), row in zip(TABLE_1_ROWS, frame.to_dict("records"), strict=True):
        cells = [words, shown(row["ours"], decimals)]
        if "paper" in frame:
            cells.append("< 0.001" if key == "p_value_published" else shown(row["paper"], decimals))
        rows.append(cells)
    return header, rows


def classification_cells(frame: pd.DataFrame, metrics: Sequence[str], full: bool) -> Cells:
    """Header and rows of Table 2, or with `full` (init, head, parameters too) Table 4, as printed.

    A cell has up to three lines: value, interval, the paper's mean ± half width with a dagger where our value lies
    outside that.
    """
    has_paper = "outside_paper" in frame
    names = ["Init", "Head", *(["Input"] if "input" in frame else []), "Parameters"]
    header = ["Model", *(names if full else []), *(METRIC_WORDS[metric] for metric in metrics)]
    rows = []
    for row in frame.to_dict("records"):
        cells = [str(row["model"])]
        if full:
            words = [str(row[name.lower()]) for name in names[:-1]]
            cells += [*words, shown_count(row["parameters"])]
        for metric in metrics:
            cell = shown_interval(row[metric], row[f"{metric}_low"], row[f"{metric}_high"])
            if has_paper and not math.isnan(row[f"{metric}_paper"]):
                cell += f"\n{row[f'{metric}_paper']:.2f} ± {row[f'{metric}_paper_half']:.2f}"
                cell += " †" if METRIC_WORDS[metric] in row["outside_paper"].split(", ") else ""
            cells.append(cell)
        rows.append(cells)
    return header, rows


def alignment_cells(frame: pd.DataFrame) -> Cells:
    """Header and rows of Table 3 as printed: per metric the value, what chance gives, the tests; the paper below."""
    header = ["Model", "Method"]
    for words in ("IoU", "PG"):
        header += [words, "chance", "random", "p\npublished"]
    header.append("p\nexact")
    rows = []
    for row in frame.to_dict("records"):
        cells = [str(row["model"]), method_words(str(row["method"]))]
        for metric in ("iou", "pointing"):
            theirs, their_p = row.get(f"paper_{metric}", math.nan), row.get(f"paper_p_{metric}", math.nan)
            cell = shown_interval(row[metric], row[f"{metric}_low"], row[f"{metric}_high"])
            cells.append(cell if math.isnan(theirs) else f"{cell}\npaper {theirs:.2f}")
            cells += [shown(row[f"chance_{metric}"]), shown(row[f"random_{metric}"])]
            published = shown(row[f"p_{metric}_published"], -1)
            cells.append(published if math.isnan(their_p) else f"{published}\npaper {shown(their_p, -1)}")
        rows.append([*cells, shown(row["p_pointing_exact"], -1)])
    return header, rows


def latex(header: Sequence[str], rows: Sequence[Sequence[str]], caption: str, label: str) -> str:
    """A LaTeX table environment with booktabs rules; without rows, one line that says so. Ends with a newline."""
    body = [" & ".join(map(_latex_cell, row)) + r" \\" for row in rows]
    if not rows:
        body = [rf"\multicolumn{{{len(header)}}}{{l}}{{No rows: this study has nothing to put here.}} \\"]
    return "\n".join([
        "% needs \\usepackage{booktabs,graphicx}",
        r"\begin{table}[tbp]", r"\centering", rf"\caption{{{latex_escaped(caption)}}}", rf"\label{{{label}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}", r"\toprule",
        " & ".join(map(_latex_cell, header)) + r" \\", r"\midrule", *body,
        r"\bottomrule", r"\end{tabular}}", r"\end{table}", "",
    ])  # fmt: skip


def _latex_cell(text: str) -> str:
    """Lines stacked; {} after a break keeps LaTeX from reading a bracket that follows as its optional argument."""
    lines = [latex_escaped(line) for line in text.split("\n")]
    stacked = r"\\{}".join(lines)
    return stacked if len(lines) == 1 else rf"\shortstack[r]{{{stacked}}}"


_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "±": r"$\pm$", "–": "--", "†": r"$\dagger$", "\n": " ", "\r": " ",
}  # fmt: skip


def latex_escaped(text: str) -> str:
    """`text` as LaTeX prints it literally; line breaks become spaces."""
    return "".join(_LATEX.get(character, character) for character in text)
