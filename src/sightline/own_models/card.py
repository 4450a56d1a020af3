"""The card of an exported classifier: six lines of YAML that say what the file itself does not.

size: 224               # rows and columns that the network takes, or [rows, columns]
channels: 3             # 1 (gray) or 3
mean: [0.485, 0.456, 0.406]  # subtracted, in units of value_range; one number, or one per channel
std: [0.229, 0.224, 0.225]   # divides after that
value_range: [0, 1]     # what black and white become before mean and std
output: logit           # logit, probability or softmax
label: 1                # column of the positive class, from 0; only where there are several columns
labels: [normal, pneumonia]  # optional: names of the columns, so that label may be a name
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from torch import Tensor

from sightline.own_models.declared import DECLARED, DeclaredInput, declared_input
from sightline.own_models.outputs import described
from sightline.study.errors import StudyError

OUTPUTS = ("logit", "probability", "softmax")
KEYS = (*DECLARED, "output", "label", "labels")
REQUIRED = (*DECLARED, "output")
CLIP = torch.finfo(torch.float32).eps  # probabilities nearer to 0 or 1 than this become a logit of +-15.9


@dataclass(frozen=True, kw_only=True)
class Card:
    """What an exported network takes in and returns."""

    path: str
    input: DeclaredInput
    output: str
    """logit; probability: of the label; softmax: logits of classes that exclude each other."""
    label: int | None
    """The column of the positive class; None where there is one column."""
    labels: tuple[str, ...]
    """Names of all columns, or none."""

    @property
    def facts(self) -> dict[str, Any]:
        """What the card says, for JSON."""
        return {**self.input.facts, "output": self.output, "label": self.label}

    @property
    def to_logit(self) -> Callable[[Any], Tensor]:
        """The network's output -> the logit of the positive class, float32 B; see `card_logits`."""
        return lambda output: card_logits(self, output)


def read_card(path: str | Path) -> Card:
    """The card at `path`; all wrong, missing and unknown keys at once, with the nearest right names."""
    try:
        values = YAML(typ="safe").load(Path(path))
    except FileNotFoundError:
        raise StudyError(f"{path}: not there; `sightline model new NAME --export` writes a card to fill in") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise StudyError(f"{path}: could not be read ({' '.join(str(error).split())})") from None
    except YAMLError as error:
        raise StudyError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise StudyError(f"{path}: expected a mapping of {', '.join(REQUIRED)}")
    problems = [f"{name}: unknown{_nearest(str(name), KEYS)}" for name in values if name not in KEYS]
    problems += [f"{name}: missing" for name in REQUIRED if name not in values]
    neutral = {"size": 1, "channels": 1, "mean": 0.0, "std": 1.0, "value_range": (0, 1)}
    given = {name: values[name] for name in DECLARED if name in values}
    if "channels" not in values:  # then lists of either length may be right
        neutral["channels"] = max((len(part) for part in given.values() if isinstance(part, list)), default=1)
    declared = declared_input({**neutral, **given}, problems)
    output = values.get("output")
    if "output" in values and output not in OUTPUTS:
        near = _nearest(str(output), OUTPUTS)
        problems.append(f"output: expected one of {', '.join(OUTPUTS)}, got {output!r}{near}")
    labels = values.get("labels", [])
    if (
        not isinstance(labels, list)
        or not all(isinstance(name, str) for name in labels)
        or len(set(labels)) < len(labels)
    ):
        problems.append(f"labels: expected a list of different names, got {labels!r}")
        labels = []
    label = _column(values["label"], labels, problems) if "label" in values else None
    if problems or declared is None:
        raise StudyError(f"{path}: {len(problems)} wrong {'key' if len(problems) == 1 else 'keys'}", problems)
    return Card(path=str(path), input=declared, output=str(output), label=label, labels=tuple(labels))


def card_logits(card: Card, output: Any) -> Tensor:
    """The logit of the positive class, float32 B, of an exported network's output.

    logit: the label's column. probability: log(p / (1 - p)) of the label's column, p clipped to [1.2e-7, 1 - 1.2e-7] so
    that it stays finite; values outside [0, 1] are a StudyError. softmax: y_label - logsumexp of the other columns, the
    logit of the label's probability. StudyError: several columns and no label, a label that is no column, outputs that
    are no tensor B or B x columns. One output in a tuple or list stands for itself.
    """
    if isinstance(output, list | tuple | Mapping) and len(output) == 1:
        output = next(iter(output.values())) if isinstance(output, Mapping) else output[0]
    if not isinstance(output, Tensor) or not output.is_floating_point() or output.ndim > 2:
        raise StudyError(
            f"{card.path}: the exported network returns {described(output)}, expected a float tensor of one row per "
            "image; export a network that returns its logits alone"
        )
    columns = output.reshape(-1, 1) if output.ndim < 2 else output
    num_columns = columns.shape[1]
    label = _checked_label(card, num_columns)
    values = columns.float()
    if card.output == "softmax":
        others = [column for column in range(num_columns) if column != label]
        if not others:
            raise StudyError(f"{card.path}: output: softmax needs several columns, the network returns one; use logit")
        return values[:, label] - values[:, others].logsumexp(1)
    value = values[:, label]
    if card.output == "logit":
        return value
    low, high = float(value.detach().min()), float(value.detach().max())
    if low < 0 or high > 1:
        raise StudyError(
            f"{card.path}: output: probability, but the network returns values from {low:.4g} to {high:.4g}; use "
            "logit, or softmax for classes that exclude each other"
        )
    clipped = value.clamp(CLIP, 1 - CLIP)
    return clipped.log() - (-clipped).log1p()


def _checked_label(card: Card, num_columns: int) -> int:
    if card.labels and len(card.labels) != num_columns:
        raise StudyError(
            f"{card.path}: labels: has {len(card.labels)} names, the network returns {num_columns} columns"
        )
    if card.label is None and num_columns > 1:
        raise StudyError(
            f"{card.path}: label: missing; the network returns {num_columns} columns, "
            f"give the positive class as a number from 0 to {num_columns - 1}"
        )
    label = card.label or 0
    if label >= num_columns:
        columns = "one column, 0" if num_columns == 1 else f"{num_columns} columns, 0 to {num_columns - 1}"
        raise StudyError(f"{card.path}: label: {label}, but the network returns {columns}")
    return label


def _column(label: Any, labels: list[str], problems: list[str]) -> int | None:
    if isinstance(label, str) and label in labels:
        return labels.index(label)
    if isinstance(label, str) and labels:
        problems.append(f"label: {label!r} is not among labels{_nearest(label, labels)}; they are {', '.join(labels)}")
    elif isinstance(label, str):
        problems.append(f"label: {label!r} is a name; give the column's number, or all names in order as labels: [...]")
    elif type(label) is not int or label < 0:
        problems.append(f"label: expected a column's number, from 0, got {label!r}")
    else:
        return label
    return None


def _nearest(name: str, names: Any) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else ""
