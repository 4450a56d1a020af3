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

import numpy as np
import pandas as pd

from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.fields import MAX_SIDE
from sightline.formats.repeats import Repeats
from sightline.formats.shapes import within_image
from sightline.names import stem_of
from sightline.study.errors import StudyError
from sightline.study.files import csv_columns, read_csv

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
            mask_hw, top, left = _union(chosen[SIDES].to_numpy(float), size)
        except ValueError as error:
            repeats.add(f"reading {reading!r}", f"{error}; correct it")
            continue
        fields = {"image": image, "annotator": reading, "created_at": "", "source": f"reading {reading}"}
        contents.drawings.append(Drawing.at(mask_hw, top, left, size, **fields))
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
        answers = table[name].str.strip().str.lower().map(YES_NO)
        for row in np.flatnonzero(answers.isna()):
            where = f"reading {file.resolve().parent.name!r}, row {row + 2}"
            repeats.add(where, f"{name!r} is {table[name].tolist()[row]!r}, expected True or False")
        table[name] = answers.eq(True)
    return table, findings


def _union(ellipses_N4: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, int, int]:
    """The union of upright ellipses by their extreme points, bool h x w, its top row and left column.

    A pixel belongs to an ellipse if its centre lies in it or on it, as in `shapes.ellipse_mask`. ValueError where an
    ellipse has no area, reaches out of the image or marks no pixel.
    """
    if not len(ellipses_N4):
        return np.zeros((0, 0), bool), 0, 0
    rows, cols = size
    for x0, y0, x1, y1 in ellipses_N4.tolist():
        within_image(np.array([x0, x1]), "an ellipse's x", cols)
        within_image(np.array([y0, y1]), "an ellipse's y", rows)
        if not (x0 < x1 and y0 < y1):
            raise ValueError(f"an ellipse {x1 - x0:g} wide and {y1 - y0:g} high")
    left, top = (max(0, math.floor(side)) for side in ellipses_N4[:, :2].min(axis=0))
    right, bottom = np.minimum(np.ceil(ellipses_N4[:, 2:].max(axis=0)), (cols, rows)).astype(int).tolist()
    mask_hw = np.zeros((max(0, bottom - top), max(0, right - left)), bool)
    y_h, x_w = np.arange(top, bottom)[:, None] + 0.5, np.arange(left, right)[None] + 0.5
    for x0, y0, x1, y1 in ellipses_N4.tolist():
        in_x = ((x_w - (x0 + x1) / 2) / ((x1 - x0) / 2)) ** 2
        mask_hw |= in_x + ((y_h - (y0 + y1) / 2) / ((y1 - y0) / 2)) ** 2 <= 1
    if not mask_hw.any():
        raise ValueError("its ellipses mark no pixel")
    return mask_hw, top, left
