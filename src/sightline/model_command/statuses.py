"""What the numbers of a check mean: ok, warning, fails or unknown, one per check.

fails: the predictions or the maps of this model are not what they are taken for. warning: they may be, or something is
lost. unknown: the numbers do not exist, mostly because another check fails.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sightline.model_check.sentences import Status

# Shares of the largest logit by size. Float32 sums of another order differ by some 1e-6; a batch that matters, or
# dropout that is on, by more than a hundredth.
LEAST_ALONE, LEAST_REPEAT = 1e-4, 1e-5
CONSTANT = 1e-5
"""As a share of the largest logit: outputs that differ by less are the same."""
NEARLY_CONSTANT = 0.01
"""In logits: a probability moves by at most a quarter of a percentage point."""
WIDE = 0.5
"""Outputs in [0, 1] that differ by more are probabilities; logits of a useful network spread below 0 and above 1."""


def statuses(measured: Mapping[str, Any]) -> dict[str, Status]:
    """The status of each check, from `checking.measured`; the keys are those of `model_check.findings.CHECKS`."""
    outputs, evidence, found = measured["outputs"], measured["evidence"], measured["classification"]
    repeat, constant = _repeat(outputs), _constant(outputs)
    return {
        "finite": "fails" if outputs["not_finite"] else "ok",
        "repeat": repeat,
        "alone": _alone(outputs) if repeat == "ok" else "unknown",
        "logit": _logit(outputs) if constant in ("ok", "warning") else "unknown",
        "constant": constant,
        "evidence": _evidence(evidence),
        "exact": _exact(evidence),
        "flow": _flow(evidence),
        "sign": _sign(found["auroc"]),
        "accuracy": _worse(found["majority"], found["accuracy"]["low"]),
        "calibration": _worse(found["brier"], found["brier_prevalence"]),
        "size": _size(measured["input"]["shape"], measured["films"]["grid"]),
    }


def _repeat(outputs: Mapping[str, Any]) -> Status:
    if math.isnan(outputs["repeat"]):
        return "unknown"
    return "fails" if outputs["repeat"] > LEAST_REPEAT else "ok"


def _alone(outputs: Mapping[str, Any]) -> Status:
    if outputs["alone_error"]:
        return "fails"
    if math.isnan(outputs["alone"]):
        return "unknown"
    return "fails" if outputs["alone"] > LEAST_ALONE else "ok"


def _constant(outputs: Mapping[str, Any]) -> Status:
    spread = outputs["spread"]
    if math.isnan(spread):
        return "unknown"
    if spread <= CONSTANT * max(abs(outputs["least"]), abs(outputs["greatest"])):
        return "fails"
    return "warning" if spread < NEARLY_CONSTANT else "ok"


def _logit(outputs: Mapping[str, Any]) -> Status:
    if outputs["least"] < 0 or outputs["greatest"] > 1:
        return "ok"
    return "fails" if outputs["spread"] > WIDE else "warning"


def _evidence(evidence: Mapping[str, Any]) -> Status:
    if not evidence["grid"]:
        return "fails" if evidence["is_refused"] else "warning"
    return "fails" if math.prod(evidence["grid"]) == 1 else "ok"


def _exact(evidence: Mapping[str, Any]) -> Status:
    if evidence["reaches_logit"] is None:
        return "unknown"
    return "ok" if evidence["reaches_logit"] else "fails"


def _flow(evidence: Mapping[str, Any]) -> Status:
    return "ok" if evidence["reaches_image"] else "warning"


def _sign(auroc: Mapping[str, float]) -> Status:
    value, low, high = (auroc[name] for name in ("value", "low", "high"))
    if math.isnan(value):
        return "unknown"
    if math.isnan(low):  # too few patients for an interval
        return "ok" if value > 0.5 else "warning"
    if high < 0.5:
        return "fails"
    return "ok" if low > 0.5 else "warning"


def _worse(value: float, bound: float) -> Status:
    """A warning where a value that should lie below its bound does not."""
    if math.isnan(value) or math.isnan(bound):
        return "unknown"
    return "ok" if value < bound else "warning"


def _size(shape: list[int], grid: list[int]) -> Status:
    if len(shape) != 3:
        return "unknown"
    return "warning" if any(own > study for own, study in zip(shape[1:], grid, strict=True)) else "ok"
