"""What is asked of a scoring: the inputs by their paths, and the settings; a command asks, or a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import Any, Literal, TypeGuard, get_args

import numpy as np

from sightline.alignment.region_scores import SCORES
from sightline.counts import counted
from sightline.experts.annotation_reader import Cleanup
from sightline.formats.fields import nearest_name
from sightline.formats.readers import FORMATS
from sightline.study.errors import StudyError

Frame = Literal["image", "lungs"]
Primary = Literal["rank", "ap", "auroc", "mass", "pointing"]
SIZE = "rows and columns, whole numbers of 1 or more"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to score: options of `sightline score`, which docs/metrics.md and its help explain, under their names."""

    threshold: float = 0.5
    primary: Primary = "rank"
    margin: float = 0.25
    frame: Frame = "image"
    grid: Sequence[int] | None = None
    """Two numbers, as `size`."""
    format: str | None = None
    seed: int = 0
    size: Sequence[int] | None = None
    image_size: str | None = None
    cleanup: Cleanup = "auto"


@dataclass(frozen=True, kw_only=True)
class Request(Settings):
    """All arguments of `sightline score`: the settings, and the inputs as paths."""

    maps: str
    """[NAME=]PATH."""
    masks: Sequence[str]
    also: Sequence[str] = ()
    finding: list[str] | None = None
    images: Path | None = None
    lungs: Path | None = None
    patients: str = ""
    """A regular expression, a path that ends in .csv, or "": each image is a patient."""


def wrong_settings(request: Request) -> list[str]:
    """What is wrong with the settings, one line each; the inputs are not looked at."""
    problems = []
    for name, value, choices in (
        ("primary", request.primary, SCORES),
        ("frame", request.frame, get_args(Frame)),
        ("cleanup", request.cleanup, get_args(Cleanup)),
        ("format", request.format, sorted(FORMATS)),
    ):
        if value not in choices and not (name == "format" and value is None):
            problems.append(f"--{name} {value!r} is unknown{nearest_name(str(value), choices)}")
    if not (is_number(request.threshold) and 0 < request.threshold <= 1):
        problems.append(f"--threshold: expected a number above 0 and at most 1, got {request.threshold!r}")
    if not (is_number(request.margin) and 0 < request.margin < 1):
        problems.append(f"--margin: expected a number between 0 and 1, got {request.margin!r}")
    if not is_whole_number(request.seed):
        problems.append(f"--seed: expected a whole number, 0 or more, got {request.seed!r}")
    for name, size in (("size", request.size), ("grid", request.grid)):
        if size is not None and not is_size(size):
            problems.append(f"--{name}: expected {SIZE}, got {size!r}")
    if request.frame == "lungs" and not (request.lungs or request.images):
        problems.append("--frame lungs: needs --lungs or, for the body in their place, --images")
    return problems


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number, of NumPy's too; NaN and a truth value are none."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool) and value == value


def is_whole_number(value: Any, least: int = 0) -> bool:
    """Whether it is a whole number of `least` or more, of NumPy's too; a truth value is none, nor is 3.0."""
    try:
        return not isinstance(value, bool) and np.ndim(value) == 0 and index(value) >= least
    except (TypeError, ValueError):  # no whole number, lists of several lengths
        return False


def is_size(value: object) -> bool:
    """Whether it is rows and columns: a list, tuple or column of two whole numbers of 1 or more."""
    lengths = list(np.atleast_1d(value)) if isinstance(value, np.ndarray) else value
    return isinstance(lengths, list | tuple) and len(lengths) == 2 and all(is_whole_number(one, 1) for one in lengths)


def one_error(problems: Sequence[str], what: str) -> StudyError:
    """The problems, of which there is at least one, as one error; `what`: the noun for what is wrong."""
    if len(problems) == 1:
        return StudyError(problems[0])
    return StudyError(f"{counted(len(problems), f'wrong {what}')}; correct them", problems)
