"""A call's arguments as the request that `sightline score` makes of its own, and its errors in the call's words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from sightline.api.arrays import Names
from sightline.api.expected import names
from sightline.api.written_cases import written_films, written_lungs, written_patients
from sightline.api.written_maps import written_maps
from sightline.api.written_regions import written_regions
from sightline.scoring.request import Request, Settings, one_error, wrong_settings
from sightline.scoring.work import Work
from sightline.study.errors import StudyError

OPTION = re.compile(
    r"--(finding|format|images|image-size|lungs|patients|threshold|primary|margin|frame|grid|size|cleanup|seed)\b"
)


@dataclass(frozen=True, kw_only=True)
class Given:
    """A caller's inputs, as `sightline.score` takes them; its settings are `Settings`."""

    maps: Any
    regions: Any
    images: Any = None
    patients: Any = None
    lungs: Any = None
    names: Sequence[object] | None = None
    finding: str | Sequence[str] | None = None


class Call:
    """The request, and a temporary folder with the caller's arrays that lasts as long as this object."""

    def __init__(self, given: Given, settings: Settings) -> None:
        """StudyError with all that is wrong with the arguments, before any file is read."""
        self.work = Work()
        folder, problems = self.work.folder, list[str]()
        known = Names(given.names, problems)
        maps_of = written_maps(given.maps, known, folder, problems)
        masks = written_regions(given.regions, known, folder, problems)
        films = written_films(given.images, known, folder, problems)
        lungs = written_lungs(given.lungs, known, folder, problems)
        known.check()
        candidates = [f"{name}={path}" if name else str(path) for path, name in maps_of.items()]
        finding = [given.finding] if isinstance(given.finding, str) else given.finding
        if problem := names("finding", finding):
            problems.append(problem)
            finding = None
        self.request = Request(
            maps=candidates[0] if candidates else "",
            also=candidates[1:],
            masks=[str(path) for path in masks],
            images=films,
            lungs=lungs,
            patients=written_patients(given.patients, known, folder, problems),
            finding=None if finding is None else list(finding),
            **{field.name: _own(getattr(settings, field.name)) for field in fields(Settings)},
        )
        problems += [self.in_words(problem) for problem in wrong_settings(self.request)]
        if problems:
            raise one_error(problems, "argument")

    def in_words(self, text: str) -> str:
        """A message of the command with arguments in place of its options and of files in the temporary folder."""
        place = re.escape(str(self.work.folder))
        text = re.sub(rf"{place}/(maps|regions)\d+\.npz", r"\1", text)
        text = re.sub(rf"(--images |--lungs )?{place}/films\b", "images", text)
        text = re.sub(rf"(--images |--lungs )?{place}/lungs\b", "lungs", text)
        text = re.sub(rf"(--patients )?{place}/patients\.csv", "patients", text)
        text = re.sub(rf"{place}/?", "", text)
        text = OPTION.sub(lambda option: option[1].replace("-", "_"), text)
        return re.sub(r"\bMASKS\b", "regions", re.sub(r"\bMAPS\b", "maps", text))

    @contextmanager
    def errors_in_words(self) -> Iterator[None]:
        """Raises a StudyError of the block again, in the call's words."""
        try:
            yield
        except StudyError as error:
            problem = str(error).partition("\n  ")[0] if error.cases else str(error)
            raise StudyError(self.in_words(problem), list(map(self.in_words, error.cases))) from None


def _own(value: Any) -> Any:
    """A number of NumPy's as Python's own, which JSON can hold; also in a list, as a tuple."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    return tuple(map(_own, value)) if isinstance(value, list | tuple) else value


def as_text(given: Given, settings: Settings) -> str:
    """The call for the page: `sightline.score(maps, regions, margin=0.5)`, with what is not as by default."""
    shown = []
    for part, field in [(given, field) for field in fields(Given)[2:]] + [
        (settings, field) for field in fields(Settings)
    ]:
        value = getattr(part, field.name)
        if isinstance(value, str | int | float | tuple):
            shown += [f"{field.name}={value!r}"] if value != field.default else []
        elif value is not None:
            shown.append(f"{field.name}=...")
    first = repr(str(given.maps)) if isinstance(given.maps, str | Path) else "maps"
    return f"sightline.score({', '.join([first, 'regions', *shown])})"
