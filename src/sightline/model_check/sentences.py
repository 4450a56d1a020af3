"""One function per check: what was seen, in a sentence, and what to do where it did not end well.

Each takes the result and the status of its check, and returns two texts; the second is empty where all is well. No
status is decided here: that is `own_models/statuses.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sightline.counts import counted
from sightline.model_check.description import Result, fed_words
from sightline.model_check.numbers import all_films, by_difference, ended, number, percent_with_ends, share, with_ends

Status = Literal["ok", "warning", "fails", "unknown"]


def finite(result: Result, status: Status) -> tuple[str, str]:
    films, broken = result["films"]["checked"], result["outputs"]["not_finite"]
    if status == "ok":
        return f"The output is finite on {all_films(films)}.", ""
    return (
        f"The output is NaN or infinite on {broken:,} of {counted(films, 'film')}.",
        "Look for NaN in the weights file, and for a film that preprocess divides by its own range of 0.",
    )


def repeat(result: Result, status: Status) -> tuple[str, str]:
    if status == "ok":
        return "The same films give the same output twice.", ""
    return (
        f"The same films give another output the second time{by_difference(result['outputs']['repeat'])}.",
        "Something is random when it predicts, such as dropout with training=True. Turn it off in load().",
    )


def alone(result: Result, status: Status) -> tuple[str, str]:
    outputs = result["outputs"]
    if status == "ok":
        return "A film alone gives the same output as in a batch.", ""
    if status == "unknown":
        return "Whether a film's output depends on its batch cannot be told.", "Correct the outputs first."
    remedy = (
        "Batch norm that uses the batch's own statistics does this: keep it in eval mode. So does a preprocess that "
        "normalises over all films at once."
    )
    if outputs["alone_error"]:
        return f"It does not predict one film alone: {outputs['alone_error']}", remedy
    return f"A film alone gives another output than in a batch{by_difference(outputs['alone'])}.", remedy


def logit(result: Result, status: Status) -> tuple[str, str]:
    outputs = result["outputs"]
    span = f"from {number(outputs['least'])} to {number(outputs['greatest'])}"
    if status == "ok":
        return f"The output is a logit: {span}.", ""
    if status == "unknown":
        return "Whether the output is a logit cannot be told.", "Correct the outputs first."
    like = "look like" if status == "fails" else "may be"
    return (
        f"All outputs lie in [0, 1], {span}: they {like} probabilities, and a logit is expected.",
        "Undo the sigmoid: score(output) returns torch.logit(output, eps=1e-6); in a card, output: probability.",
    )


def constant(result: Result, status: Status) -> tuple[str, str]:
    outputs = result["outputs"]
    spread = number(outputs["spread"])
    if status == "ok":
        return f"The outputs differ between films, by {spread} in all.", ""
    if status == "unknown":
        return "Whether the outputs differ between films cannot be told.", "Correct the outputs first."
    words = "All films give the same output" if status == "fails" else f"All outputs lie within {spread}"
    remedy = "Values outside the range that it was trained on do this, and so do weights that were not loaded."
    return f"{words}, about {number(outputs['least'])}.", remedy


def evidence(result: Result, status: Status) -> tuple[str, str]:
    found = result["evidence"]
    if not found["grid"]:
        return ended(found["no_evidence"] or "no evidence"), ""
    others = found["candidates"] - 1
    last = f", the last of {others + 1} places where space is taken away" if others > 0 else ""
    cells = f"{found['grid'][0]} x {found['grid'][1]} cells"
    words = f"Maps come from {_place(found)}: {cells}, {counted(found['channels'], 'channel')}{last}."
    one = "One cell has no place in the image: name an earlier module, evidence = ..., in the model's file."
    return words, one if status == "fails" else ""


def _place(found: Mapping[str, Any]) -> str:
    """The evidence in words: the output of layer4, the input of avgpool."""
    if found["how"] == "output":
        return f"the output of {found['module']}"
    if found["how"] == "operator":
        return f"a result within {found['module']}" if found["module"] else "a result of the forward pass"
    taker = found["module"] or found["function"]
    return f"the input of {taker}" if taker else "the tensor whose space is taken away"


def exact(result: Result, status: Status) -> tuple[str, str]:
    found = result["evidence"]
    if status == "unknown":
        return "Without evidence there is no CAM and no Grad-CAM, exact or not.", ""
    if status == "fails":
        return (
            "The gradient at the evidence is 0: the logit does not depend on it, and Grad-CAM is empty.",
            "A saturated sigmoid does this. So does a class token, past the last attention: leave evidence out, or "
            "name an earlier module.",
        )
    off = f"off by {share(found['residual'])}"
    if not found["is_linear"]:
        return (
            f"Grad-CAM is a local gradient: the layers after the evidence are not linear, so the sum of A * dy/dA is "
            f"not y - b ({off}).",
            "",
        )
    if not found["is_cam_exact"]:
        return (
            f"HiResCAM is exact: the sum of A * dy/dA is y - b ({off}). Grad-CAM is not, as dy/dA varies over space.",
            "",
        )
    return f"CAM and Grad-CAM are exact: the sum of A * dy/dA is y - b ({off}).", ""


def flow(result: Result, status: Status) -> tuple[str, str]:
    if status == "ok":
        return "Gradients reach the image, so methods of the input work too.", ""
    reason = result["evidence"]["no_gradient"]
    if reason and reason == result["evidence"]["no_evidence"]:
        return "No gradient reaches the image, for the same reason.", ""
    if reason:
        return ended(reason), ""
    return "The gradient at the image is 0.", "Saturated outputs do this; so does a sigmoid that score undoes too late."


def sign(result: Result, status: Status) -> tuple[str, str]:
    found = result["classification"]
    if status == "unknown":
        return "AUROC is unknown.", "It needs finite outputs and labelled films of both classes outside train."
    auroc = f"AUROC {with_ends(found['auroc'], 2)}"
    means = f"mean logit {number(found['mean_positive'])} of positive and {number(found['mean_negative'])} of others"
    if status == "ok":
        return f"{auroc}; {means}.", ""
    if status == "fails":
        return (
            f"{auroc}: the outputs are the wrong way round; {means}.",
            "Let score return the other label's output or minus the logit, or correct data.positive and data.negative.",
        )
    return (
        f"{auroc}: it does not tell the classes of these films apart; {means}.",
        "Check value range, normalisation and the label that score picks.",
    )


def accuracy(result: Result, status: Status) -> tuple[str, str]:
    found = result["classification"]
    if status == "unknown":
        return "Accuracy is unknown.", "It needs finite outputs and labelled films outside train."
    accuracy = f"Accuracy {percent_with_ends(found['accuracy'])} at a probability of 0.5"
    majority = f"always answering the more frequent class gives {100 * found['majority']:.0f}%"
    if status == "ok":
        return f"{accuracy}; {majority}.", ""
    if result["status"]["sign"] == "fails" and found["accuracy"]["high"] < 0.5:
        return f"{accuracy} is worse than chance: {majority}.", "That is the label turned round, once more."
    remedy = (
        "It ranks films well, so the value range, the normalisation or the threshold it was used with may differ."
        if result["status"]["sign"] == "ok"
        else "Check value range, normalisation, channels and weights."
    )
    return f"{accuracy} is no better than chance: {majority}.", f"{remedy} {fed_words(result)}"


def calibration(result: Result, status: Status) -> tuple[str, str]:
    found = result["classification"]
    if status == "unknown":
        return "Calibration is unknown.", "It needs finite outputs and labelled films outside train."
    constant = f"always answering the share of positives gives {found['brier_prevalence']:.3f}"
    words = f"Brier score {found['brier']:.3f} ({constant}); calibration error (ECE) {found['ece']:.3f}"
    if status == "ok":
        return f"{words}.", ""
    return (
        f"{words}: the probabilities say less than the share of positives does.",
        "Maps of the logit do not change with it, but probabilities and faithfulness do. Check what score returns.",
    )


def size(result: Result, status: Status) -> tuple[str, str]:
    rows, columns = result["films"]["grid"]
    own = result["input"]["shape"][1:]
    grid = f"the study's films have {rows} x {columns}"
    if status == "unknown" or len(own) != 2:
        return f"The size of its input is unknown; {grid}.", ""
    words = f"It sees {own[0]:g} x {own[1]:g} pixels; {grid}."
    return words, "Detail that the model was trained on is lost: raise data.height and data.width."
