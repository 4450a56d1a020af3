"""The checks by name, what each found, and whether the model is ready.

The check itself (`own_models/checking.py`) stores numbers and a status per check, metrics/models/<key>.json.
"""

from __future__ import annotations

from dataclasses import dataclass

from sightline.counts import counted
from sightline.model_check import sentences
from sightline.model_check.description import Result
from sightline.model_check.sentences import Status

CHECKS = {  # by check, in the order in which they are printed: its name, and what is wrong where it fails
    "finite": ("finite outputs", "outputs that are not finite"),
    "repeat": ("repeatable", "outputs that change from run to run"),
    "alone": ("independent of the batch", "outputs that depend on the batch"),
    "logit": ("logit or probability", "probabilities in place of logits"),
    "constant": ("differs between films", "the same output for all films"),
    "evidence": ("evidence", "no places in the evidence"),
    "exact": ("exact method", "no gradient at the evidence"),
    "flow": ("gradient at the image", "no gradient at the image"),
    "sign": ("sign of the label", "the label turned round"),
    "accuracy": ("accuracy", "accuracy"),
    "calibration": ("calibration", "calibration"),
    "size": ("size", "size"),
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check: how it ended, what was seen, and what to do where it did not end well."""

    check: str
    """A key of CHECKS."""
    status: Status
    words: str
    remedy: str = ""
    """Empty where the status is ok."""

    @property
    def name(self) -> str:
        """The check in a few words."""
        return CHECKS[self.check][0]


def findings(result: Result) -> list[Finding]:
    """One per check, in the order of CHECKS."""
    makers = {
        "finite": sentences.finite, "repeat": sentences.repeat, "alone": sentences.alone, "logit": sentences.logit,
        "constant": sentences.constant, "evidence": sentences.evidence, "exact": sentences.exact,
        "flow": sentences.flow, "sign": sentences.sign, "accuracy": sentences.accuracy,
        "calibration": sentences.calibration, "size": sentences.size,
    }  # fmt: skip
    found = []
    for check in CHECKS:
        status: Status = result["status"][check]
        words, remedy = makers[check](result, status)
        found.append(Finding(check=check, status=status, words=words, remedy=remedy if status != "ok" else ""))
    return found


def conclusion(result: Result) -> str:
    """ready; ready, with 2 warnings; not ready: probabilities in place of logits, accuracy."""
    by_status = {name: [check for check in CHECKS if result["status"][check] == name] for name in ("fails", "warning")}
    if by_status["fails"]:
        return f"not ready: {', '.join(CHECKS[check][1] for check in by_status['fails'])}"
    warnings = len(by_status["warning"])
    return f"ready, with {counted(warnings, 'warning')}" if warnings else "ready"


def is_ready(result: Result) -> bool:
    """Whether no check fails."""
    return "fails" not in result["status"].values()
