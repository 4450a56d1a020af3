"""The report's section on classifiers trained elsewhere: what each is, what its check found, warnings first."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.counts import counted
from sightline.model_check.description import methods_words, model_words
from sightline.model_check.findings import Finding, conclusion, findings, is_ready
from sightline.model_check.numbers import capitalised
from sightline.report.contents import Study
from sightline.report.html import bullets, details_html, finding, paragraph, part
from sightline.report.words import Metrics, listed
from sightline.study.models import OwnModel

STATUS = {"ok": "ok", "warning": "warning", "fails": "fails", "unknown": "not known"}


def own_models(study: Study) -> list[str]:
    """The section's parts, one per model, in the order of the study; none without classifiers trained elsewhere."""
    models = [model for model, entry in study.models.items() if isinstance(entry, OwnModel)]
    if not models:
        return []
    return [
        finding(_summary(study, models)),
        *(part(model, *_model(study.checks[model])) for model in models if model in study.checks),
    ]


def failing(study: Study, model: str) -> str:
    """What the model's row of the first screen says of a check that fails; empty where it does not."""
    check = study.checks.get(model)
    return f"check {conclusion(check)}" if check and not is_ready(check) else ""


def _summary(study: Study, models: Sequence[str]) -> list[str]:
    """Which models' maps and predictions are what they are taken for."""
    checked = [model for model in models if model in study.checks]
    broken = [model for model in checked if not is_ready(study.checks[model])]
    doubtful = [model for model in checked if model not in broken and _problems(findings(study.checks[model]))]
    sound = [model for model in checked if model not in broken + doubtful]
    sentences = []
    if broken:
        few = len(broken) == 1
        sentences.append(f"The check of {listed(broken)} fails: do not rely on {'its' if few else 'their'} results.")
    if doubtful:
        sentences.append(f"The check of {listed(doubtful)} warns.")
    if sound:
        sentences.append(f"The check of {listed(sound)} finds nothing wrong.")
    if unchecked := [model for model in models if model not in checked]:
        sentences.append(f"{listed(unchecked)} {'was' if len(unchecked) == 1 else 'were'} not checked.")
    return sentences


def _model(check: Metrics) -> list[str]:
    """One model: its problems, what it is, and all checks folded."""
    found = findings(check)
    looked = counted(check["films"]["checked"], "labelled film")
    return [
        bullets([f"{STATUS[entry.status].capitalize()}: {entry.words} {entry.remedy}" for entry in _problems(found)]),
        paragraph(" ".join(model_words(check))),
        paragraph(" ".join(methods_words(check))),
        details_html(
            f"All checks, on {looked} that are no training films of this study",
            bullets([f"{capitalised(entry.name)}: {STATUS[entry.status]}. {entry.words}" for entry in found]),
        ),
    ]


def _problems(found: Sequence[Finding]) -> list[Finding]:
    """What fails, then what warns, each in the order of the checks."""
    return [entry for status in ("fails", "warning") for entry in found if entry.status == status]
