"""A call's arguments as the request that `sightline score` makes of its own, and its errors in the call's words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sightline.api.arrays import Names
from sightline.api.written_cases import written_films, written_lungs, written_patients
from sightline.api.written_maps import written_maps
from sightline.api.written_regions import written_regions
from sightline.scoring.request import Request, one_error, wrong_settings
from sightline.scoring.work import Work
from sightline.study.errors import StudyError

OPTION = re.compile(
    r"--(finding|format|images|image-size|lungs|patients|threshold|primary|margin|frame|grid|size|cleanup|seed)\b"
)


class Call:
    """The request, and a temporary folder with the caller's arrays that lasts as long as this object."""

    def __init__(
        self,
        maps: Any,
        regions: Any,
        *,
        images: Any,
        patients: Any,
        lungs: Any,
        names: Sequence[object] | None,
        finding: str | Sequence[str] | None,
        settings: Mapping[str, Any],
    ) -> None:
        """StudyError with all that is wrong with the arguments, before any file is read."""
        self.work = Work()
        folder, problems = self.work.folder, list[str]()
        known = Names(names, problems)
        maps_of = written_maps(maps, known, folder, problems)
        masks = written_regions(regions, known, folder, problems)
        films = written_films(images, known, folder, problems)
        lung_masks = written_lungs(lungs, known, folder, problems)
        known.check()
        candidates = [f"{name}={path}" if name else str(path) for path, name in maps_of.items()]
        self.request = Request(
            maps=candidates[0] if candidates else "",
            also=candidates[1:],
            masks=[str(path) for path in masks],
            images=films,
            lungs=lung_masks,
            patients=written_patients(patients, known, folder, problems),
            finding=[finding] if isinstance(finding, str) else None if finding is None else list(finding),
            **settings,
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


def as_text(maps: Any, settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The call for the page: `sightline.score(maps, regions, margin=0.5)`, with what is not as by default."""
    shown = []
    for name, value in settings.items():
        if isinstance(value, str | int | float | tuple):
            shown += [f"{name}={value!r}"] if value != defaults.get(name) else []
        elif value is not None:
            shown.append(f"{name}=...")
    first = repr(str(maps)) if isinstance(maps, str | Path) else "maps"
    return f"sightline.score({', '.join([first, 'regions', *shown])})"
