"""What a classifier trained elsewhere is, in sentences: its files, what it declares, and what it received."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sightline.counts import counted
from sightline.model_check.numbers import capitalised, number, numbers

Result = Mapping[str, Any]
"""metrics/models/<key>.json, as `model_command.checking.checked` returns it."""

KINDS = {
    "code": "a network from code",
    "memory": "a network in memory",
    "pt2": "an exported program (.pt2)",
    "torchscript": "a TorchScript file",
    "onnx": "an ONNX file",
}


def model_words(result: Result) -> list[str]:
    """What the model is: kind, files, parameters; what its input is; which films were looked at."""
    facts, films = result["model"], result["films"]
    kind = KINDS.get(str(facts.get("kind")), str(facts.get("kind")))
    parameters = facts.get("num_parameters")
    size = f", {counted(parameters, 'parameter')}" if parameters else ""
    named = "; ".join(f"{file} (SHA-256 {str(sha256)[:12]})" for file, sha256 in facts.get("files", {}).items())
    looked = counted(films["checked"], "labelled film")
    of = f" of {films['of']:,}" if films["checked"] < films["of"] else ""
    return [
        f"{capitalised(kind)}{size}{': ' if named else ''}{named}.",
        *_load_words(facts),
        input_words(facts),
        f"{fed_words(result)} Looked at {looked}{of}, {films['positives']:,} of them positive.",
    ]


def input_words(facts: Result) -> str:
    """The size, channels and normalisation that a model declares: 320 x 320 pixels, 1 channel, ..."""
    if facts.get("value_range") is None:
        return "Size and normalisation are those of its own preprocess."
    low, high = facts["value_range"]
    values = f"black is {number(low)} and white {number(high)}"
    mean, std = numbers(facts.get("mean")), numbers(facts.get("std"))
    normalised = "" if (mean, std) == ("0", "1") else f", then minus {mean}, divided by {std}"
    return f"It takes {size_words(facts.get('size'))}, {counted(facts['channels'], 'channel')}; {values}{normalised}."


def size_words(size: Any) -> str:
    """320 x 320 pixels, of one number or of rows and columns."""
    rows, columns = (size, size) if isinstance(size, int | float) else size
    return f"{rows:g} x {columns:g} pixels"


def fed_words(result: Result) -> str:
    """What the network received of these films: shape, and least, greatest and mean value per channel."""
    fed = result["input"]
    if not fed["least"]:
        return "What it received is unknown."
    shape = " x ".join(f"{length:g}" for length in fed["shape"])
    ranges = [
        f"{number(low)} to {number(high)}, mean {number(mean)}"
        for low, high, mean in zip(fed["least"], fed["greatest"], fed["mean"], strict=True)
    ]
    if len(set(ranges)) == 1:
        values = f"from {ranges[0]}"
    else:
        values = "; ".join(f"channel {number} from {words}" for number, words in enumerate(ranges, start=1))
    return f"It received {shape}: {values}."


def methods_words(result: Result) -> list[str]:
    """Which saliency methods work, by name, and which do not, with the reason; those of one reason together."""
    evidence = result["evidence"]
    above = {evidence["no_evidence"]: "there is no evidence", evidence["no_gradient"]: "no gradient reaches the image"}
    if len(above) == 1:
        above = dict.fromkeys(above, "there is neither evidence nor a gradient")
    working = [name for name, reason in result["methods"].items() if not reason]
    by_reason: dict[str, list[str]] = {}
    for name, reason in result["methods"].items():
        if reason:
            by_reason.setdefault(above.get(reason, reason), []).append(name)
    lines = [f"Saliency methods that work: {', '.join(working)}."] if working else []
    return [*lines, *(f"Not {', '.join(names)}: {reason}." for reason, names in by_reason.items())]


def _load_words(facts: Result) -> list[str]:
    """What was put right while the model was loaded."""
    done = ["it was in train mode and is now in eval mode"] if facts.get("was_in_train_mode") else []
    if kinds := facts.get("converted_from"):
        done.append(f"its weights were {', '.join(kinds)} and are now float32")
    if wrappers := facts.get("unwrapped"):
        done.append(f"{', '.join(wrappers)} was taken off")
    return [f"Put right at load: {'; '.join(done)}."] if done else []
