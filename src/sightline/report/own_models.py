"""The report's section on classifiers trained elsewhere: what each is, what its check found, warnings first."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.counts import counted
from sightline.model_check.description import methods_words, model_words
from sightline.model_check.findings import Finding, conclusion, findings, is_ready
from sightline.report.contents import Study
from sightline.report.html import bullets, details_html, finding, paragraph, part, table
from sightline.report.words import Metrics, listed
from sightline.study.models import OwnModel

TEXT = ("Result", "What was seen")
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


def failing(study: Study, model: str) -> list[str]:
    """What the model's row of the first screen says of a check that fails; nothing where it does not."""
    check = study.checks.get(model)
    return [f"its check: {conclusion(check)}"] if check and not is_ready(check) else []


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
    rows = [[entry.name, STATUS[entry.status], f"{entry.words} {entry.remedy}".strip()] for entry in found]
    looked = counted(check["films"]["checked"], "labelled film")
    caption = f"What `sightline model check` looks at, on {looked} outside the training set of this study."
    return [
        bullets([f"{STATUS[entry.status].capitalize()}: {entry.words} {entry.remedy}" for entry in _problems(found)]),
        paragraph(" ".join(model_words(check))),
        paragraph(" ".join(methods_words(check))),
        details_html("All checks", table(["Check", "Result", "What was seen"], rows, caption, text_columns=TEXT)),
    ]


def _problems(found: Sequence[Finding]) -> list[Finding]:
    """What fails, then what warns, each in the order of the checks."""
    return [entry for status in ("fails", "warning") for entry in found if entry.status == status]
