"""Which films take part: from those listed over those left out to those scored, as boxes in order of the study's steps.

A list in HTML, so that a screen reader and a phone have it too; the arrows are drawn by the style.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sightline.counts import counted
from sightline.report.contents import Study
from sightline.report.html import details_html, escaped, paragraph, table
from sightline.report.words import number_at

SPLITS = {"train": "training", "val": "validation", "test": "test", "external": "external"}
CLASSES = {0: "negative", 1: "positive"}
Step = tuple[
    Sequence[tuple[float, str, str]], str
]  # number, what it counts and a line below; beside it, what is left out


def flowchart(study: Study) -> list[str]:
    """The chart, warnings about films and, folded, what is left out, by split and class; nothing without films."""
    if study.index.empty:
        return []
    steps = "".join(_step(boxes, beside) for boxes, beside in _steps(study))
    return [f'<ol class="flow">{steps}</ol>', *_warnings(study), *_left_out(study)]


def _steps(study: Study) -> list[Step]:
    excluded = study.exclusions.get("excluded", [])
    num_out = sum(row["films"] for row in excluded)
    listed = number_at(study.exclusions, "listed")
    listed = len(study.index) + num_out if math.isnan(listed) else listed
    verb = "drawn" if study.is_phantom else "listed"
    steps: list[Step] = [([(listed, f"films {verb}", "")], _reasons(excluded))]
    steps.append(([_split(study, split) for split in SPLITS if (study.index["split"] == split).any()], ""))
    read, consensus, scored = (
        number_at(study.consensus, "test_images"),
        number_at(study.consensus, "nonempty_consensus"),
        number_at(study.verdict, "images"),
    )
    if not read > 0:
        return [*steps, ([(_positives(study), "positive test films", "")], "none was read by experts")]
    is_drawn = not math.isnan(number_at(study.consensus, "annotations"))
    words = f"test films read by the {study.experts}" if is_drawn else "test films with a finished mask"
    steps.append(([(read, words, _classes_read(study))], ""))
    empty = f"{counted(read - consensus, 'film')} without one" if read > consensus else ""
    steps.append(([(consensus, "with a consensus" if is_drawn else "with a region", "")], empty))
    if scored > 0:
        steps.append(([(scored, "scored", "")], ""))
    return steps


def _split(study: Study, split: str) -> tuple[float, str, str]:
    own = study.index[study.index["split"] == split]
    classes = ", ".join(f"{int((own['label'] == label).sum()):,} {words}" for label, words in CLASSES.items())
    return len(own), SPLITS[split], f"{classes}; {counted(own['patient'].nunique(), 'patient')}"


def _positives(study: Study) -> int:
    return int(((study.index["split"] == "test") & (study.index["label"] == 1)).sum())


def _classes_read(study: Study) -> str:
    """The films read by class, the positive ones among how many: 7 negative, 8 of 8 positive."""
    label_of = dict(zip(study.index["image"], study.index["label"], strict=True))
    labels = [label_of.get(image) for image in study.agreement["image"]]
    return f"{labels.count(0):,} negative, {labels.count(1):,} of {_positives(study):,} positive"


def _reasons(excluded: Sequence[dict[str, Any]]) -> str:
    """What is left out and why, in a line; empty where nothing is."""
    by_reason: dict[str, int] = {}
    for row in excluded:
        by_reason[row["reason"]] = by_reason.get(row["reason"], 0) + row["films"]
    reasons = "; ".join(f"{films:,} {reason}" for reason, films in by_reason.items())
    return f"{counted(sum(by_reason.values()), 'film')} left out: {reasons}" if reasons else ""


def _warnings(study: Study) -> list[str]:
    found = [f"{row['warning']} ({counted(row['films'], 'film')})" for row in study.exclusions.get("warnings", [])]
    return [paragraph(f"Warnings when films were read: {'; '.join(found)}.")] if found else []


def _left_out(study: Study) -> list[str]:
    rows = [
        [row["reason"], SPLITS.get(row["split"], "–"), CLASSES.get(row["label"], "–"), f"{row['films']:,}"]
        for row in study.exclusions.get("excluded", [])
    ]
    if not rows:
        return []
    header = ["Reason", "Split", "Class", "Films"]
    inside = table(header, rows, "Films left out. A dash: not stated.", text_columns=header[1:3])
    return [details_html("Films left out, by reason, split and class", inside)]


def _step(boxes: Sequence[tuple[float, str, str]], beside: str) -> str:
    inside = "".join(
        f'<span class="box"><strong>{number:,.0f}</strong> {escaped(words)}'
        + (f"<small>{escaped(below)}</small>" if below else "")
        + "</span>"
        for number, words, below in boxes
    )
    return f"<li>{inside}{f'<em class=aside>{escaped(beside)}</em>' if beside else ''}</li>"
