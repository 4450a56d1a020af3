"""Ellipses of REFLACX: a folder per reading with anomaly_location_ellipses.csv, and metadata_phase_<n>.csv above them.

The ellipses are upright, given by their extreme points in the film's pixels; each has a certainty from 0 to 5, which is
not read, and one column of True or False per finding; the findings differ between phases. The metadata give the film
(dicom_id) and its size by the reading's id. They do not name the reader: an id is P, the phase, the place in the
session (00 in phase 3), R and a random number. So each reading counts as by a reader of its own, whose name is the id;
two readings of a film are by two readers. Eye tracking is not read, so readings whose gaze was discarded count too.
Source: Bigolin Lanfredi et al. 2022 (Scientific Data 9:350), its README and ricbl/eyetracking, create_main_table.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.fields import MAX_SIDE
from sightline.formats.repeats import Repeats
from sightline.formats.rle import counts_of_columns, united_counts
from sightline.formats.shapes import within_image
from sightline.names import stem_of
from sightline.study.errors import StudyError
from sightline.study.files import csv_columns, read_csv

if TYPE_CHECKING:  # it loads where a table is read
    import pandas as pd

FILE = "anomaly_location_ellipses.csv"
METADATA = "metadata_phase_*.csv"
SIDES = ["xmin", "ymin", "xmax", "ymax"]
NOT_FINDINGS = {*SIDES, "certainty"}
BELOW = "main_data"  # the folder of readings in the data set's own folder
YES_NO = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False, "": False}


def read_reflacx(path: Path, options: ImportOptions) -> FileContents:
    """One drawing per reading, the ellipses of the findings that count united; empty where there is none of them.

    What is wrong with single readings goes into `problems`; StudyError without readings or metadata.
    """
    if path.is_file() and path.name != FILE:
        raise StudyError(f"{path}: not {FILE}; name that file, a reading's folder or a folder of readings")
    folders = _of_folder(path, [part.name for part in path.iterdir()]) if path.is_dir() else [path.parent]
    if not folders:
        raise StudyError(f"{path}: no folder with {FILE}")
    films = _films(folders[0])
    contents, repeats = FileContents(), Repeats()
    for folder in sorted(folders):
        reading = folder.resolve().name
        if reading not in films:
            repeats.add(f"reading {reading!r}", f"is not in {METADATA.replace('*', '<n>')}; add its row")
            continue
        image, size = films[reading].image, films[reading].size
        contents.images.add(image)
        ellipses, findings = _ellipses(folder / FILE, repeats)
        contents.labels |= set(findings)
        chosen = ellipses
        if options.labels is not None:
            chosen = ellipses[ellipses[[name for name in findings if name in options.labels]].any(axis=1)]
        try:
            counts = ellipses_counts(chosen[SIDES].to_numpy(float), size)
        except ValueError as error:
            repeats.add(f"reading {reading!r}", f"{error}; correct it")
            continue
        fields = {"image": image, "annotator": reading, "created_at": "", "source": f"reading {reading}"}
        contents.drawings.append(Drawing(size=size, counts=counts, **fields))
    contents.notes.append("REFLACX names no reader: each reading counts as by a reader of its own, named by its id")
    contents.problems = repeats.lines()
    return contents


@dataclass(frozen=True)
class _Film:
    image: str
    size: tuple[int, int]


def _of_folder(path: Path, names: list[str]) -> list[Path]:
    """The folders of readings at a folder with these `names`; [] if there are none."""
    if FILE in names:
        return [path]
    below = [path / name for name in names if (path / name / FILE).is_file()]
    if below or BELOW not in names or not (path / BELOW).is_dir():
        return below
    return [part for part in (path / BELOW).iterdir() if (part / FILE).is_file()]


def _films(folder: Path) -> dict[str, _Film]:
    """The film of each reading by its id, from the metadata beside a reading's files, above them or above that."""
    at = folder.resolve()
    files = next((found for place in (at, *at.parents[:2]) if (found := sorted(place.glob(METADATA)))), [])
    if not files:
        raise StudyError(f"{folder}: {METADATA.replace('*', '<n>')} is missing, which names the film; put it above")
    films: dict[str, _Film] = {}
    wrong = []
    for file in files:
        table = read_csv(file, {"id": str, "dicom_id": str, "image_size_x": int, "image_size_y": int})
        for row, (reading, image, cols, rows) in enumerate(
            zip(table.id, table.dicom_id, table.image_size_x.tolist(), table.image_size_y.tolist(), strict=True)
        ):
            if not (stem_of(image) and 1 <= rows <= MAX_SIDE and 1 <= cols <= MAX_SIDE):
                wrong.append(f"{file}, row {row + 2}: film {image!r} of {rows} x {cols} (rows x columns)")
            films[reading.strip()] = _Film(stem_of(image), (rows, cols))
    if wrong:
        raise StudyError(f"{folder}: films without a name or with an impossible size", wrong)
    return films


def _ellipses(file: Path, repeats: Repeats) -> tuple[pd.DataFrame, list[str]]:
    """The ellipses of a reading with a bool column per finding, and the findings' names."""
    findings = [column for column in csv_columns(file) if column not in NOT_FINDINGS and column]
    table = read_csv(file, dict.fromkeys(SIDES, float) | dict.fromkeys(findings, str))
    for name in findings:
        texts = table[name].tolist()
        answers = [YES_NO.get(text.strip().lower()) for text in texts]
        for row, answer in enumerate(answers):
            if answer is None:
                where = f"reading {file.resolve().parent.name!r}, row {row + 2}"
                repeats.add(where, f"{name!r} is {texts[row]!r}, expected True or False")
        table[name] = np.array([answer is True for answer in answers], bool)
    return table, findings


def ellipses_counts(ellipses_N4: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Run lengths of the union of upright ellipses by their extreme points, cut to the image.

    ValueError where an ellipse has no area or reaches too far out of the image, or where they mark no pixel.
    """
    rows, cols = size
    counts = [np.array([rows * cols], np.int64)]
    for x0, y0, x1, y1 in ellipses_N4.tolist():
        within_image(np.array([x0, x1]), "an ellipse's x", cols)
        within_image(np.array([y0, y1]), "an ellipse's y", rows)
        if not (x0 < x1 and y0 < y1):
            raise ValueError(f"an ellipse {x1 - x0:g} wide and {y1 - y0:g} high")
        counts.append(_ellipse((x0, y0, x1, y1), size))
    union = united_counts(counts)
    if len(ellipses_N4) and len(union) == 1:
        raise ValueError("its ellipses mark no pixel")
    return union


def _ellipse(corners: tuple[float, float, float, float], size: tuple[int, int]) -> np.ndarray:
    """Run lengths of the pixels whose centres lie in an ellipse or on it, as in `shapes.ellipse_mask`."""
    (x0, y0, x1, y1), (rows, cols) = corners, size
    left, right = max(0, math.floor(x0)), min(cols, math.ceil(x1))
    in_x_w = ((np.arange(left, right) + 0.5 - (x0 + x1) / 2) / ((x1 - x0) / 2)) ** 2

    def is_inside(row_w: np.ndarray) -> np.ndarray:
        return np.asarray(in_x_w + ((row_w + 0.5 - (y0 + y1) / 2) / ((y1 - y0) / 2)) ** 2 <= 1)

    half_w = np.sqrt(np.maximum(1 - in_x_w, 0)) * (y1 - y0) / 2
    top_w = np.ceil((y0 + y1) / 2 - half_w - 0.5) - 1
    bottom_w = np.floor((y0 + y1) / 2 + half_w - 0.5) + 1
    for _ in range(2):  # a root may round a pixel in or out; the ellipse's own equation decides
        top_w = np.where(is_inside(top_w), top_w, top_w + 1)
        bottom_w = np.where(is_inside(bottom_w), bottom_w, bottom_w - 1)
    bottom_w = np.where(is_inside(top_w), bottom_w + 1, top_w)
    return counts_of_columns(top_w.clip(0, rows).astype(int), bottom_w.clip(0, rows).astype(int), left, size)
