"""Everything that a report shows, as one value, and the paper's tables made from it.

A new section that needs another file of metrics gets a field of `Study` here, which the stage fills.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sightline.report import families, tables
from sightline.report.viewer import Viewer
from sightline.report.words import number_at
from sightline.study.errors import StudyError
from sightline.study.models import Classifying, Entry

Tile = tuple[str, str, str]  # data URI, alternative text, caption
# The files below metrics/, and fields of Study, that may be missing
EVIDENCE = (
    *("ladder", "verdict", "subgroups", "comparisons", "families", "population", "reliability", "shortcut"),
    "multiverse",
)
Printed = tuple[list[str], list[list[str]], str]  # header, rows, caption


@dataclass(frozen=True, kw_only=True)
class Strip:
    """The films of the first screen as data URIs, one per image in the order of `images`."""

    images: Sequence[str]
    regions: Sequence[str]
    """The films with their regions."""
    maps: Mapping[str, Sequence[str]]
    """By model the same with its maps."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """Everything that the page shows, as the stages wrote it; metrics are nested JSON, null where undefined.

    The fields with a default are empty where their stage has not run.
    """

    title: str
    threshold: float
    models: Mapping[str, Entry]
    params: Mapping[str, Any]
    """The whole of params.yaml."""
    paper: tables.Metrics
    """The paper's numbers."""
    is_compared: bool
    """Whether the paper's numbers stand beside ours; in the phantom's Table 1 they always do."""
    index: pd.DataFrame
    """image, split, label, patient"""
    index_sha256: str
    consensus: tables.Metrics
    alignment: tables.Metrics
    intervals: tables.Metrics
    classification: tables.Metrics
    threshold_sweep: pd.DataFrame
    """model, method, threshold, iou"""
    calibration: pd.DataFrame
    """model, probability, share, low, high; a row for each bin"""
    agreement: pd.DataFrame
    """image, annotations, iou, random_iou"""
    professions: pd.DataFrame
    """profession, annotators, annotations, pairs, iou"""
    histories: Mapping[str, pd.DataFrame]
    """Per network: epoch, train_loss, val_loss"""
    gallery: Sequence[tuple[str, Sequence[Tile]]]
    """A few films and their tiles, for print and for browsers without scripts."""
    random_pair: Sequence[Tile]
    """An annotation and a random mask; empty without annotations."""
    versions: Mapping[str, str]
    films: Viewer | None = None
    """The films of the viewer; None without one."""
    ladder: tables.Metrics = field(default_factory=dict)
    """metrics/ladder.json: baselines, lifts and the human scale; also empty without a consensus"""
    verdict: tables.Metrics = field(default_factory=dict)
    """metrics/verdict.json; also empty without a consensus"""
    reliability: tables.Metrics = field(default_factory=dict)
    """metrics/reliability.json; also empty without two annotations"""
    subgroups: tables.Metrics = field(default_factory=dict)
    """metrics/subgroups.json; also empty where the index has no column that makes subgroups"""
    exclusions: tables.Metrics = field(default_factory=dict)
    """data/prepared/exclusions.json: how many films the source lists, and those left out"""
    shortcut: tables.Metrics = field(default_factory=dict)
    """metrics/shortcut.json"""
    comparisons: tables.Metrics = field(default_factory=dict)
    """metrics/comparisons.json: pairs of models"""
    families: tables.Metrics = field(default_factory=dict)
    """metrics/families.json: networks with several seeds; also empty where there are none"""
    population: tables.Metrics = field(default_factory=dict)
    """metrics/population.json: accuracy against contrast over architectures; also empty with fewer than five"""
    multiverse: tables.Metrics = field(default_factory=dict)
    """metrics/multiverse.json"""
    specifications: pd.DataFrame = field(default_factory=pd.DataFrame)
    """plots/multiverse.csv, the specification curve"""
    faithfulness: Mapping[str, tables.Metrics] = field(default_factory=dict)
    """Per network: metrics/faithfulness/<model>.json"""
    regions: Mapping[str, tables.Metrics] = field(default_factory=dict)
    """Per network: metrics/regions/<model>.json; also empty without a consensus"""
    consistency: Mapping[str, tables.Metrics] = field(default_factory=dict)
    """Per network: metrics/consistency/<model>.json; empty where it is not enabled"""
    checks: Mapping[str, tables.Metrics] = field(default_factory=dict)
    """Per classifier trained elsewhere: metrics/models/<model>.json"""
    made: Mapping[str, tables.Metrics] = field(default_factory=dict)
    """Per classifier: data/models/<model>.made.json, the machine and the versions of its training or prediction"""
    strip: Strip | None = None
    """The films of the first screen; None where no image was scored"""

    @property
    def is_phantom(self) -> bool:
        return bool(self.params.get("data", {}).get("source") == "phantom")

    @property
    def experts(self) -> str:
        """Who marked the regions."""
        return "simulated readers" if self.is_phantom else "experts"

    @property
    def expert(self) -> str:
        """One of them."""
        return "a reader" if self.is_phantom else "an expert"


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The paper's tables as numbers."""

    table1: pd.DataFrame
    table2: pd.DataFrame
    table3: pd.DataFrame
    table4: pd.DataFrame


def require_models(models: Mapping[str, Entry], metrics: Mapping[str, Any], *, is_scored: bool) -> None:
    """Every classifier is in the classification metrics; every model in the alignment, if any image could be scored.

    A StudyError lists all models that are missing.
    """
    cases = [
        f"metrics/classification.json: {model}: missing"
        for model, entry in models.items()
        if isinstance(entry, Classifying) and model not in metrics["classification"]
    ]
    cases += [
        f"metrics/alignment.json: {model}: missing"
        for model in models
        if is_scored and model not in metrics["alignment"]
    ]
    if cases:
        raise StudyError("metrics do not cover the models of params.yaml; run dvc repro", cases)


def study_tables(study: Study) -> Tables:
    """Tables 1 to 4. A phantom's Table 1 always stands beside the paper's, which the phantom is made to imitate."""
    paper = study.paper if study.is_compared else None
    parameters = {model: number_at(check, "model", "num_parameters") for model, check in study.checks.items()}
    parameters = {model: count for model, count in parameters.items() if count == count}

    def classified(metrics: Sequence[str]) -> pd.DataFrame:
        return tables.classification_table(study.classification, study.models, metrics, paper, parameters)

    return Tables(
        table1=tables.annotation_table(study.consensus, study.paper if study.is_phantom else paper),
        table2=classified(tables.TABLE_2_METRICS),
        table3=tables.alignment_table(study.alignment, study.intervals, study.models, study.threshold, paper),
        table4=classified(tables.TABLE_4_METRICS),
    )


def printed_tables(study: Study, numbers: Tables) -> dict[str, Printed]:
    """Header, rows and caption of each table, as both the page and LaTeX print them."""
    compared = (
        " Third line: the paper's bootstrap mean ± half its interval's width; † our value lies outside of that."
        if study.is_compared
        else ""
    )
    header1, rows1 = tables.annotation_cells(numbers.table1)
    header1 = [
        name.replace("Paper", "Paper\n(target of the phantom)") if study.is_phantom else name for name in header1
    ]
    interval = f"[{100 * float(study.params.get('bootstrap', {}).get('level', 0.95)):g}% interval]"
    header2, rows2 = tables.classification_cells(numbers.table2, tables.TABLE_2_METRICS, full=False)
    header3, rows3 = tables.alignment_cells(numbers.table3)
    header4, rows4 = tables.classification_cells(numbers.table4, tables.TABLE_4_METRICS, full=True)
    seeds = families.CAPTION if study.families else ""
    return {
        "table1": (header1, rows1, "Table 1. Annotations and agreement."),
        "table2": (
            header2,
            families.with_classification_rows(header2, rows2, study.families, tables.METRIC_WORDS),
            f"Table 2. Classification of the test images, % {interval}.{compared}{seeds}",
        ),
        "table3": (
            header3,
            families.with_alignment_rows(header3, rows3, study.families, {"iou": "IoU", "pointing": "PG"}),
            f"Table 3. Alignment of maps and consensus at threshold {study.threshold:g}: IoU and Pointing Game (PG), "
            f"% {interval}. Chance: independent regions of the same areas, in closed form. Random: random maps of the "
            "map's own area. Published: Mann-Whitney U. Exact: hits against each image's own chance, by patient, as is "
            "PG's interval. IoU's interval is the percentile one, as published: with 16 patients it covers 90%. Tests "
            "are one-sided, not corrected for the number of rows." + (_PAPER_ROWS if study.is_compared else "") + seeds,
        ),
        "table4": (
            header4,
            families.with_classification_rows(header4, rows4, study.families, tables.METRIC_WORDS),
            f"Table 4. Classification of the test images in full, % {interval}.{compared}{seeds}",
        ),
    }


_PAPER_ROWS = (
    " The paper has one row per architecture; it stands beside the ImageNet network with the gap head, the variant "
    "that CAM needs."
)
