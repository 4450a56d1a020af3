"""The study in a handful of numbers, metrics/summary.json, and the lines with which a run ends.

It is the one file that DVC shows and compares, so its keys are few and short: docs/pipeline.md#experiments has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sightline.report.machines import devices_of, versions_of
from sightline.report.verdict import WORDS, of_study
from sightline.report.words import Metrics, number_at
from sightline.study.errors import StudyError
from sightline.study.models import Entry

DIGITS = 3  # of a share: a tenth of a point is less than any interval of a study of this size
STUDY = "study"  # the key beside the models
OPEN = "open plots/report.html"
WITHOUT_VERDICT = "no verdict: no image has a region and a map"


def numbers(models: Mapping[str, Entry], measured: Mapping[str, Metrics]) -> dict[str, dict[str, Any]]:
    """The contents of metrics/summary.json: per model, and under "study" of all; numbers that are missing are left out.

    `measured` has the stages' results by the names of their files: verdict, classification, consensus, made. Of a
    model: `verdict` (a key of `WORDS`), `contrast` by the primary score, its `place`, and of a network `accuracy`,
    `auroc` and, with films of another hospital, `external` (the accuracy on them). Of the study: `images` and
    `patients` that are judged, `readers`, their `agreement` (mean IoU of two readers of an image) and the `power`
    through each grid; where there are several, also on how many `device_kinds` and with how many sets of
    `library_versions` the networks were trained. Shares in [0, 1], to three decimals. StudyError where a model is
    called "study".
    """
    if STUDY in models:
        raise StudyError(f"params.yaml: models.{STUDY}: metrics/summary.json needs this name; rename the model")
    verdict, classification = of_study(measured.get("verdict", {}), models), measured.get("classification", {})
    entries: dict[str, dict[str, Any]] = {}
    for model in models:
        judged, classified = verdict.get("candidates", {}).get(model, {}), classification.get(model, {})
        contrast = judged.get("contrast", {}).get(verdict.get("primary"), {})
        entries[model] = {
            "verdict": judged.get("verdict"),
            "contrast": number_at(contrast, "value"),
            "place": number_at(judged, "place"),
            "accuracy": number_at(classified, "accuracy", "value"),
            "auroc": number_at(classified, "auroc", "value"),
            "external": number_at(classified, "external", "accuracy", "value"),
        }
    agreement = number_at(measured.get("consensus", {}), "place", "iou_percent") / 100
    counts = {name: verdict.get(name) for name in ("images", "patients", "readers")}
    power = {f"power_{grid}": number_at(of_grid, "power") for grid, of_grid in verdict.get("controls", {}).items()}
    made = measured.get("made", {})
    kinds = {"device_kinds": len(devices_of(made, models)), "library_versions": len(versions_of(made, models))}
    several = {name: count for name, count in kinds.items() if count > 1}
    entries[STUDY] = {**counts, "agreement": agreement, **power, **several}
    return {key: _known(entry) for key, entry in entries.items()}


def ending(summary: Mapping[str, Mapping[str, Any]]) -> str:
    """One line per model, name, verdict in words, place and accuracy, then where the report lies."""
    models = {name: entry for name, entry in summary.items() if name != STUDY}
    rows = [(name, _verdict_words(entry), *_measured(entry)) for name, entry in models.items()]
    return "\n".join([*_aligned(rows), OPEN])


def _known(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is missing or NaN, which DVC would not show; shares rounded."""
    known = {name: value for name, value in entry.items() if value is not None and value == value}
    return {name: round(value, DIGITS) + 0.0 if isinstance(value, float) else value for name, value in known.items()}


def _verdict_words(entry: Mapping[str, Any]) -> str:
    if "verdict" not in entry:
        return WITHOUT_VERDICT
    words = WORDS[entry["verdict"]]
    return words if entry["verdict"] in ("undecided", "cannot_tell") else f"looks {words}"


def _measured(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Place and accuracy, each empty where there is none."""
    place = f"place {round(entry['place'], 2) + 0.0:.2f}" if "place" in entry else ""  # + 0.0: no "-0.00"
    accuracy = f"accuracy {entry['accuracy']:.1%}" if "accuracy" in entry else ""
    elsewhere = f", {entry['external']:.1%} on films of another hospital" if "external" in entry else ""
    return place, accuracy + elsewhere


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Cells under one another, two spaces apart."""
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
