"""The report's parts on what the networks' probabilities are worth: three decision thresholds, and calibration."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.report import figures
from sightline.report.contents import Study
from sightline.report.digits import below, with_ends
from sightline.report.html import chart, details_html, paragraph, table
from sightline.report.words import Metrics, listed, number_at, percent, shown

ENDS = ("value", "low", "high")
RATES = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced\naccuracy",
    "ppv": "PPV",
    "npv": "NPV",
}
RECIPE = (
    "The paper has one network per row. In one run of an independent check specificity was 69, 98, 72 and 86% "
    "after four successive epochs, and the paper's values lie within what one more seed of ours could give "
    "(docs/results.md). So a difference from the paper in specificity says little about the recipe."
)


def networks(study: Study, key: str) -> list[str]:
    """The networks whose metrics have the part `key`, in the order of the study."""
    return [model for model in study.models if study.classification.get(model, {}).get(key)]


def decisions(study: Study) -> list[str]:
    """Folded: sensitivity, specificity and the rest at 0.5 and at the two thresholds chosen on validation images."""
    models = networks(study, "decision")
    if not models:
        return []
    sensitivity = number_at(study.params, "classification", "sensitivity")
    rules = {"half": "0.5", "youden": "Youden", "fixed_sensitivity": f"{percent(sensitivity, 0)} sensitivity"}
    rows = []
    for model in models:
        for rule, words in rules.items():
            found = study.classification[model]["decision"].get(rule, {})
            threshold = "0.5" if rule == "half" else shown_ends(found, "threshold", 3)
            rows.append([model, words, threshold, *(shown_ends(found, rate, 1, 100) for rate in RATES)])
    positives, negatives = (
        number_at(study.classification[models[0]], "decision", "youden", "validation", name)
        for name in ("positives", "negatives")
    )
    caption = (
        "Decisions on the test images, % [exact interval], at 0.5 and at two thresholds that each network's validation "
        f"images chose ({shown(positives, 0)} positive, {shown(negatives, 0)} negative): Youden's, with the largest "
        "sum of sensitivity and specificity, and the one of largest specificity that calls at least "
        f"{percent(sensitivity, 0)} of the positive ones positive. In brackets below a threshold: where other "
        "validation patients would have put it. PPV and NPV hold at this prevalence only: "
        f"{prevalence(study)} of the test images are positive."
    )
    header = ["Model", "Decision", "Threshold", *RATES.values()]
    words = paragraph(" ".join(specificity(study, models)))
    printed = table(header, rows, caption, text_columns=("Decision",))
    return [details_html("Other decision thresholds", words + printed)]


def specificity(study: Study, models: Sequence[str]) -> list[str]:
    """How much specificity depends on the threshold, in a sentence; beside the paper, what else it depends on."""
    moved = {model: _between(study.classification[model], "specificity") for model in models}
    moved = {model: ends for model, ends in moved.items() if ends[0] == ends[0]}
    if not moved:
        return ["No threshold could be chosen: the study has no validation images of both classes."]
    most = max(moved, key=lambda model: abs(moved[model][1] - moved[model][0]))
    half, youden = (percent(value) for value in moved[most])
    words = (
        "Specificity is a matter of cut-off, early stopping and luck as well as of the network. At the threshold that "
        f"validation images choose, instead of at 0.5, {most} has a specificity of {youden} instead of {half}"
    )
    sentences = [f"{words}, the largest change of all." if len(moved) > 1 else f"{words}."]
    return [*sentences, *([RECIPE] if study.is_compared else [])]


def accuracy_at_youden(study: Study) -> list[str]:
    """How far accuracy moves when validation images choose the threshold, in a sentence; nothing if none is known."""
    moved = {model: _between(study.classification[model], "accuracy") for model in networks(study, "decision")}
    moved = {model: ends for model, ends in moved.items() if ends[0] == ends[0]}
    if not moved:
        return []
    most = max(moved, key=lambda model: abs(moved[model][1] - moved[model][0]))
    half, youden = (percent(value) for value in moved[most])
    return [
        f"Accuracy is that at a probability of 0.5. At Youden's threshold, chosen on validation images, {most} has "
        f"{youden} instead of {half}" + (", the largest change of all." if len(moved) > 1 else ".")
    ]


def _between(metrics: Metrics, rate: str) -> tuple[float, float]:
    """A rate at 0.5 and at Youden's threshold; NaN twice where one of them is not known."""
    half, youden = (number_at(metrics, "decision", rule, rate, "value") for rule in ("half", "youden"))
    return (half, youden) if half == half and youden == youden else (float("nan"), float("nan"))


def calibration(study: Study) -> list[str]:
    """The section: whether the probabilities are as often right as they say; the curves, who is off, a table."""
    models = networks(study, "calibration")
    if not models:
        return [paragraph("Calibration is not known: no model of this study has probabilities.")]
    rows, off = [], []
    for model in models:
        found = study.classification[model]["calibration"]
        expected, most = (number_at(found, "ece_if_calibrated", name) for name in ("value", "high"))
        rows.append([
            model, shown_ends(found, "brier", 3), shown_ends(found, "ece", 3),
            f"{shown(expected, 3)}\nat most {shown(most, 3)}", shown(number_at(found, "p_calibrated"), -1),
            shown_ends(found, "intercept", 2), shown_ends(found, "slope", 2),
        ])  # fmt: skip
        off += [model] if number_at(found, "ece", "low") > 0 else []
    none = shown(number_at(study.classification[models[0]], "calibration", "brier_prevalence"), 3)
    caption = (
        "Calibration on the test images [interval]. Brier: mean squared error of the probability; it is "
        f"{none} if every image gets the share of positive ones as its probability. ECE: mean gap between probability "
        "and share of positive images, in bins of equally many images; with few images it is above 0 for every model. "
        "ECE if calibrated: what a perfectly calibrated model with these probabilities would show, and p of an ECE as "
        "large. Intercept and slope are 0 and 1 where calibrated. Intercept above 0: probabilities are too low. Slope "
        "above 1: too timid; below 1: too extreme."
    )
    sentence = (
        f"More than chance would make a calibrated model's probabilities, those of {listed(off)} are off."
        if off
        else f"There is no evidence that the probabilities of {listed(models, 'or')} are off by more than those of a "
        "calibrated model would be by chance."
    )
    if f"{50:.1f}%" != prevalence(study):
        sentence += (
            f" Training shows both classes equally often, but {prevalence(study)} of the test images are positive. "
            "That alone moves the intercept."
        )
    header = ["Model", "Brier", "ECE", "ECE\nif calibrated", "p", "Intercept", "Slope"]
    sentence += "".join(f" {words}" for words in not_estimable(study, models))
    parts = [paragraph(sentence), details_html("Calibration in numbers", table(header, rows, caption))]
    if len(study.calibration):
        words = (
            "Each point is a bin of test images with its exact interval. On the dotted line a network is calibrated; "
            "above it, more images are positive than it says."
        )
        parts.insert(0, chart(figures.calibration_figure(study.calibration, study.models), words))
    return parts


def not_estimable(study: Study, models: Sequence[str]) -> list[str]:
    """A sentence for each reason why intercepts or slopes are missing, with the models that it holds for."""
    models_by_reason: dict[tuple[str, str], list[str]] = {}
    for model in models:
        for name in ("intercept", "slope"):
            reason = study.classification[model]["calibration"].get(name, {}).get("reason")
            if reason:
                models_by_reason.setdefault((name, reason), []).append(model)
    return [
        f"The {name} of {listed(own)} is not estimable: {reason}." for (name, reason), own in models_by_reason.items()
    ]


def prevalence(study: Study) -> str:
    """The share of positive test images, in percent."""
    return percent(float(study.index.loc[study.index["split"] == "test", "label"].mean()))


def shown_ends(found: Metrics, name: str, most: int, factor: float = 1) -> str:
    """Value and interval below `name`, as printed; an en dash without a value."""
    value, low, high = (number_at(found, name, end) for end in ENDS)
    return below(with_ends(value, low, high, most, factor=factor))
