"""Tables of boxes: each row a box, or a reader's word that there is nothing; to one drawing per reader and image.

N rows. A row's number in messages is its line in the file, as a spreadsheet shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.fields import MAX_SIDE
from sightline.formats.repeats import Repeats
from sightline.formats.rle import counts_of_boxes
from sightline.formats.shapes import box_pixels, overshoot, within_image
from sightline.names import stem_of
from sightline.study.errors import StudyError
from sightline.study.files import csv_columns, read_csv

if TYPE_CHECKING:  # it loads where a table is read
    import pandas as pd

SIDES = ["x0", "y0", "x1", "y1"]
FrameOf = Callable[[str, tuple[float, float]], tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class BoxTable:
    """The rows of a table of boxes."""

    rows: pd.DataFrame
    """Columns image, annotator, label (text) and x0, y0, x1, y1 (float, pixels); a row without a box has four NaN.

    The index is the row's number in the file, from 0 below the names of the columns.
    """
    frame_of: FrameOf
    """(rows, columns) of an image by its stem and `reach`, the furthest y and x of its boxes; ValueError if unknown."""
    nothing: frozenset[str] = frozenset()
    """Labels of a reader's word that there is nothing to mark."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """A finding's other name -> its name; both count as one."""
    is_complete: bool = True
    """Whether a reader of an image looked for all findings, so that a finding without a box was not there."""


def read_columns(path: Path, text: Iterable[str], numbers: Iterable[str], optional: Iterable[str] = ()) -> pd.DataFrame:
    """The named columns of a CSV, upper and lower case alike; `optional` are text, "" where the file lacks them.

    StudyError as from `study.files.read_csv`.
    """
    spelled = {column.lower(): column for column in csv_columns(path)}
    kinds: dict[str, type] = dict.fromkeys(text, str) | dict.fromkeys(numbers, float)
    kinds |= {name: str for name in optional if name.lower() in spelled}
    columns = {name: spelled.get(name.lower(), name) for name in kinds}
    frame = read_csv(path, {columns[name]: kind for name, kind in kinds.items()})
    chosen = frame[[*columns.values()]].set_axis([*columns], axis=1)
    for name in optional:
        if name not in chosen:
            chosen[name] = ""
    return chosen.reset_index(drop=True)


def drawings_of(table: BoxTable, options: ImportOptions, repeats: Repeats | None = None) -> FileContents:
    """The boxes of each reader and image united, in the order of the file; `repeats`: problems that are known already.

    A reader whose boxes are of other findings has an empty drawing if the table `is_complete`, and none otherwise. An
    image of unknown size that the user did not name is left out, with a note.
    """
    repeats = repeats or Repeats()
    contents = FileContents()
    rows = table.rows.assign(
        where=[f"row {number + 2}" for number in table.rows.index],
        image=_stems(table.rows.image, repeats),
        annotator=table.rows.annotator.str.strip().replace("", options.annotator or ""),
        label=table.rows.label.str.strip(),
    ).reset_index(drop=True)
    says_nothing_N = rows.label.isin(table.nothing).to_numpy()
    is_box_N = _checked_boxes(rows, says_nothing_N, repeats)
    contents.images = set(rows.image)
    contents.labels = set(rows.label[~says_nothing_N])
    counts_N = is_box_N & _is_asked(rows.label, contents.labels, table.aliases, options)
    frames = _frames(rows, is_box_N, table.frame_of, options, contents, repeats)
    pixels_N4 = _pixels(rows, counts_N, frames, repeats)
    empty: dict[tuple[int, int], np.ndarray] = {}
    num_unsaid = 0
    for reading in _readings(rows, says_nothing_N, counts_N, repeats):
        if reading.image not in frames:  # of unknown size, or nameless, which is noted or a problem already
            continue
        size, has_boxes = frames[reading.image], len(reading.boxes) > 0
        if not (has_boxes or table.is_complete or reading.says_nothing):
            num_unsaid += 1
            continue
        if not reading.annotator:
            contents.num_nameless += 1
            continue
        if has_boxes:
            counts = counts_of_boxes(pixels_N4[reading.boxes], size)
        else:  # most readings of most findings: one array of run lengths for all images of a size
            counts = empty.setdefault(size, np.array([size[0] * size[1]], np.int64))
        if has_boxes and len(counts) == 1:
            repeats.add(reading.where, f"image {reading.image!r}: its boxes mark no pixel; remove them")
        fields = {"image": reading.image, "annotator": reading.annotator, "created_at": "", "source": reading.where}
        contents.drawings.append(Drawing(size=size, counts=counts, **fields))
    if num_unsaid:
        contents.notes.append(
            "images with boxes of other findings alone were left out, since the file does not say whether the asked "
            f"finding was looked for there: {num_unsaid:,}"
        )
    contents.problems = repeats.lines()
    return contents


@dataclass(frozen=True, slots=True)
class _Reading:
    """The rows of one reader of one image."""

    image: str
    annotator: str
    where: str
    boxes: np.ndarray
    """int, rows of the N with a box that counts."""
    says_nothing: bool


def _readings(
    rows: pd.DataFrame, says_nothing_N: np.ndarray, counts_N: np.ndarray, repeats: Repeats
) -> Iterator[_Reading]:
    """The readings in the order of the file; one that says both that there is something and nothing is a problem."""
    where, images, annotators = (rows[name].tolist() for name in ("where", "image", "annotator"))
    group_N = rows.groupby(["image", "annotator"], sort=False).ngroup().to_numpy()
    order_N = np.argsort(group_N, kind="stable")
    firsts = order_N[np.flatnonzero(np.diff(group_N[order_N], prepend=-1))].tolist()
    num_nothing = np.bincount(group_N, says_nothing_N, minlength=len(firsts)).tolist()
    num_rows = np.bincount(group_N, minlength=len(firsts)).tolist()
    boxes = order_N[counts_N[order_N]]
    ends = np.cumsum(np.bincount(group_N[boxes], minlength=len(firsts))).tolist()
    for group, first in enumerate(firsts):
        image, chosen = images[first], boxes[ends[group - 1] if group else 0 : ends[group]]
        if 0 < num_nothing[group] < num_rows[group]:
            members = np.flatnonzero(group_N == group)
            other = where[members[~says_nothing_N[members]][0]].removeprefix("row ")
            problem = f"says that image {image!r} has nothing to mark, but row {other} marks a finding; remove one"
            repeats.add(where[members[says_nothing_N[members]][0]], problem)
        else:
            yield _Reading(image, annotators[first], where[first], chosen, num_nothing[group] > 0)


def _stems(names: pd.Series, repeats: Repeats) -> pd.Series:
    """The image's stem for each row; problems where it has no name, or shares it with another image."""
    stem_by_name = {name: stem_of(name) for name in names.unique()}
    spelled: dict[str, str] = {}
    for name, stem in stem_by_name.items():
        if not stem:
            row = int(names.index[(names == name).to_numpy().argmax()])
            repeats.add(f"row {row + 2}", "its image has no name; enter it")
        elif spelled.setdefault(stem, name) != name and spelled[stem].strip() != name.strip():
            problem = f"has the name of {spelled[stem]!r}; names must differ without folder and ending"
            repeats.add(f"image {name!r}", problem)
    return names.map(stem_by_name)


def _checked_boxes(rows: pd.DataFrame, says_nothing_N: np.ndarray, repeats: Repeats) -> np.ndarray:
    """Whether a row has a whole box, bool N; problems where a row is neither a box nor a word of nothing."""
    values_N4, where, labels = rows[SIDES].to_numpy(), rows["where"].tolist(), rows.label.tolist()
    num_N = np.isfinite(values_N4).sum(axis=1)
    is_box_N = num_N == 4
    far_N = is_box_N & (np.abs(np.where(is_box_N[:, None], values_N4, 0)) > MAX_SIDE).any(axis=1)
    with np.errstate(invalid="ignore"):
        wide_N, high_N = values_N4[:, 2] - values_N4[:, 0], values_N4[:, 3] - values_N4[:, 1]
        flat_N = is_box_N & ((wide_N <= 0) | (high_N <= 0))
    infinite_N = np.isinf(values_N4).any(axis=1)
    for row in np.flatnonzero(far_N | infinite_N):
        repeats.add(where[row], f"its box reaches beyond {MAX_SIDE} pixels; correct it")
    for row in np.flatnonzero(flat_N):
        repeats.add(where[row], f"a box {wide_N[row]:g} wide and {high_N[row]:g} high; correct it")
    for row in np.flatnonzero((num_N > 0) & ~is_box_N & ~infinite_N):
        repeats.add(where[row], "its box lacks a number; complete it")
    for row in np.flatnonzero(~says_nothing_N & (num_N == 0) & ~infinite_N):
        repeats.add(where[row], f"{labels[row]!r} without a box; enter the box, or remove the row")
    for row in np.flatnonzero(~says_nothing_N & (rows.label == "").to_numpy()):
        repeats.add(where[row], "its finding has no name; enter it")
    for row in np.flatnonzero(says_nothing_N & (num_N > 0)):
        repeats.add(where[row], "says that there is nothing to mark, yet has a box; correct one of them")
    wrong_N = far_N | flat_N | infinite_N | says_nothing_N
    return is_box_N & ~wrong_N


def _is_asked(labels: pd.Series, known: set[str], aliases: Mapping[str, str], options: ImportOptions) -> np.ndarray:
    """Whether a row's finding counts, bool N; a finding that is asked by its other name becomes `known` by it."""
    if options.labels is None:
        return np.ones(len(labels), bool)
    names = {label: aliases.get(label, label) for label in known}
    asked = {aliases.get(label, label) for label in options.labels}
    known |= {label for label in options.labels if aliases.get(label, label) in names.values()}
    return labels.isin([label for label, name in names.items() if name in asked]).to_numpy()


def _frames(
    rows: pd.DataFrame,
    is_box_N: np.ndarray,
    frame_of: FrameOf,
    options: ImportOptions,
    contents: FileContents,
    repeats: Repeats,
) -> dict[str, tuple[int, int]]:
    """(rows, columns) of each image whose size is known, the same for all its readers and findings."""
    reach = rows.loc[is_box_N, ["image", "y1", "x1"]].groupby("image").max()
    reaches = dict(zip(reach.index, reach.to_numpy().tolist(), strict=True))
    frames: dict[str, tuple[int, int]] = {}
    num_unknown = 0
    for image in filter(None, rows.image.unique()):
        try:
            y, x = reaches.get(image, (0.0, 0.0))
            frames[image] = frame_of(image, (y, x))
        except ValueError as error:
            if options.images is not None and image not in options.images:
                num_unknown += 1
            else:
                repeats.add(f"image {image!r}", str(error))
    if num_unknown:
        contents.notes.append(f"images of the file that are not among yours were left out: {num_unknown:,}")
    return frames


def _pixels(
    rows: pd.DataFrame, counts_N: np.ndarray, frames: dict[str, tuple[int, int]], repeats: Repeats
) -> np.ndarray:
    """The pixels of each box that counts, int N4 as from `box_pixels`; problems where one reaches out of its image."""
    where, images = rows["where"].tolist(), rows.image.tolist()
    sizes_N2 = np.array([frames.get(image, (1, 1)) for image in images], float).reshape(-1, 2)
    corners_N4 = np.where(counts_N[:, None], rows[SIDES].to_numpy(float), 0.0)
    most_N4 = (sizes_N2 + overshoot(sizes_N2))[:, [1, 0, 1, 0]]
    least_N4 = -overshoot(sizes_N2)[:, [1, 0, 1, 0]]
    out_N = ((corners_N4 < least_N4) | (corners_N4 > most_N4)).any(axis=1) & rows.image.isin(frames).to_numpy()
    for row in np.flatnonzero(out_N).tolist():
        try:
            for side, what in ((1, "a box's x"), (0, "a box's y")):
                within_image(corners_N4[row, 1 - side :: 2], what, int(sizes_N2[row, side]))
        except ValueError as error:
            repeats.add(where[row], f"image {images[row]!r}: {error}; check the box and the image's size")
    return box_pixels(corners_N4, sizes_N2[:, 0], sizes_N2[:, 1])


def columns_by_position(path: Path, first: tuple[str, ...], num: int) -> list[str]:
    """The first `num` column names of a CSV whose first columns are `first`; StudyError otherwise."""
    columns = csv_columns(path)
    if tuple(columns[: len(first)]) != first or len(columns) < num:
        raise StudyError(f"{path}: expected the columns {', '.join(first)} and {num - len(first)} more")
    return columns[:num]
