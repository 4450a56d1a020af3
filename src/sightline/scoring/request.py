"""What is asked of a scoring: the inputs by their paths, and the settings; a command asks, or a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from sightline.alignment.region_scores import SCORES
from sightline.counts import counted
from sightline.experts.annotation_reader import Cleanup
from sightline.formats.fields import nearest_name
from sightline.formats.readers import FORMATS
from sightline.study.errors import StudyError

Frame = Literal["image", "lungs"]
Primary = Literal["rank", "ap", "auroc", "mass", "pointing"]


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
    if not (isinstance(request.threshold, float | int) and 0 < request.threshold <= 1):
        problems.append(f"--threshold: expected a number above 0 and at most 1, got {request.threshold!r}")
    if not (isinstance(request.margin, float | int) and 0 < request.margin < 1):
        problems.append(f"--margin: expected a number between 0 and 1, got {request.margin!r}")
    if not (isinstance(request.seed, int) and request.seed >= 0):
        problems.append(f"--seed: expected a whole number, 0 or more, got {request.seed!r}")
    for name, size in (("size", request.size), ("grid", request.grid)):
        if size is not None and not _is_size(size):
            problems.append(f"--{name}: expected rows and columns, whole numbers of 1 or more, got {size!r}")
    if request.frame == "lungs" and not (request.lungs or request.images):
        problems.append("--frame lungs: needs --lungs or, for the body in their place, --images")
    return problems


def _is_size(value: object) -> bool:
    if not isinstance(value, list | tuple):
        return False
    return len(value) == 2 and all(isinstance(length, int) and length >= 1 for length in value)


def one_error(problems: Sequence[str], what: str) -> StudyError:
    """The problems, of which there is at least one, as one error; `what`: the noun for what is wrong."""
    if len(problems) == 1:
        return StudyError(problems[0])
    return StudyError(f"{counted(len(problems), f'wrong {what}')}; correct them", problems)
