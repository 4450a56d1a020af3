"""Films that are shown beside the study's images, such as an earlier or a lateral one; nobody draws on them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from sightline.annotate.images import Pictures
from sightline.counts import counted
from sightline.images.film_size import film_size
from sightline.images.source import Data
from sightline.study.errors import StudyError
from sightline.study.files import csv_columns, read_csv

KINDS = ("prior", "lateral", "other")


@dataclass(frozen=True)
class Companions:
    """The companion of each image that has one."""

    kinds: dict[str, str]
    """By image, one of KINDS."""
    pictures: Pictures
    """Of the companions, each under the name of the image that it accompanies."""


def read_companions(path: str, data: Data, images: Collection[str]) -> Companions | None:
    """The companions that the CSV at `path` lists: columns image, companion and perhaps kind; None for ''.

    `companion`: a film's file, below the CSV's folder. `images`: the study's; a row about another one is refused.
    StudyError with all problems, by row: unknown images, two rows of one image, kinds other than KINDS, files that are
    missing, no film, or not below the folder.
    """
    if not path:
        return None
    place = Path(path)
    if not place.is_file():
        raise StudyError(f"{place}: not there; see annotate.companions")
    kind = ["kind"] if "kind" in csv_columns(place) else []
    table = read_csv(place, dict.fromkeys(["image", "companion", *kind], str))
    root = place.resolve().parent
    problems: list[str] = []
    kinds: dict[str, str] = {}
    sources: dict[str, str] = {}
    for row, line in enumerate(table.to_dict("records"), start=2):
        image, film, what = line["image"].strip(), line["companion"].strip(), line.get("kind", "").strip().lower()
        wrong = []
        if image not in images:
            wrong.append(f"image {image!r} is not one of the study's")
        if image in kinds:
            wrong.append(f"a second companion of image {image!r}; keep one")
        if what and what not in KINDS:
            wrong.append(f"kind {what!r}, expected {', '.join(KINDS)}")
        file = (root / film).resolve()
        if not film or not file.is_relative_to(root):
            wrong.append(f"companion {film!r} must name a file below {place.parent}")
        elif film_size(file) is None:
            wrong.append(f"companion {film!r} is missing or no film")
        problems += [f"{place}, row {row}: {problem}" for problem in wrong]
        kinds[image], sources[image] = what or "other", str(file)
    if problems:
        raise StudyError(f"{place}: {counted(len(problems), 'problem')} with companions; correct them", problems)
    index = pd.DataFrame({"image": list(sources), "source": list(sources.values()), "sha256": ""})
    return Companions(kinds, Pictures(replace(data, source="folder"), index))
