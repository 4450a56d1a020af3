"""Annotations from other tools -> the folder that the pipeline reads, under pseudonyms; all or nothing.

An import adds to what the folder holds. H W image grid.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path

import numpy as np
import pandas as pd

from sightline.annotate.pseudonyms import named_readers
from sightline.aspect import has_aspect, how_to_turn, looks_turned
from sightline.counts import counted
from sightline.experts.annotation_reader import is_time
from sightline.experts.annotation_writer import append_to_folder, earlier_rows, write_folder
from sightline.formats.annotations import Annotation, Drawing, FileContents, ImportOptions
from sightline.formats.fields import nearest_name
from sightline.formats.mask_png import png_mask
from sightline.formats.readers import read_files
from sightline.formats.rle import counts_of
from sightline.study.errors import StudyError, collapsed
from sightline.study.files import refuse_unwritable

NO_ROWS = pd.DataFrame({name: [] for name in ("annotation", "image", "annotator", "mask", "created_at")}, dtype=str)


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import wrote."""

    counts: dict[str, int]
    """annotations, images, annotators, annotations `without a region`, and those `skipped` by their annotators."""
    readers: list[str]
    """The pseudonyms, in the order of the names in the files; a reader who was there before is among them."""
    notes: list[str]
    """What the readers of the files left out, one line per kind."""


def import_files(
    paths: Sequence[Path],
    to: str | Path,
    options: ImportOptions,
    *,
    format: str | None = None,
    profession: str = "",
    replace: bool = False,
    known_only: bool = False,
    apart: bool = False,
) -> Imported:
    """Adds the annotations of the files at `paths` to the folder `to`, or puts them in the place of its annotations.

    `options.images`: the stems that may be annotated (None: any); with (rows, columns) as values, sizes are checked.
    `known_only`: others are left out and noted, in place of refused. `options.labels`: those that count (None: all).
    `options.annotator`: see `named_readers`. `format`: a key of FORMATS; None: recognised. `profession` is entered
    where a file states none. `apart`: each label is a finding with annotations of its own, rather than all united.
    StudyError with all problems, also where a reader's drawings are in the folder already; nothing has been written
    then.
    """
    to = Path(to)
    refuse_unwritable(to)
    contents = _read_apart(paths, options, format) if apart else read_files(paths, options, format)
    what = str(paths[0]) if len(paths) == 1 else f"{len(paths)} files"
    if known_only and options.images is not None:
        _leave_out_unknown(contents, options)
    problems = contents.problems + _problems(contents, options) + _untimed(contents)
    if problems:
        raise StudyError(
            f"{what}: {counted(len(problems), 'problem')}; fix them in the file or in the tool that wrote it",
            collapsed(problems),
        )
    if not contents.drawings:
        raise StudyError(f"{what}: holds no annotation that counts")
    is_added = (to / "annotations.csv").exists() and not replace
    earlier = earlier_rows(to) if is_added else NO_ROWS
    names = named_readers(
        {drawing.annotator for drawing in contents.drawings}, options.annotator, sorted(set(earlier["annotator"]))
    )
    if is_added:
        _refuse_repeats(what, to, earlier, contents.drawings)
    empty: list[str] = []
    rows = _rows(contents.drawings, names, earlier, profession, empty)
    if replace:
        write_folder(to, rows, replace=True)
    else:
        append_to_folder(to, rows)
    counts = {
        "annotations": len(contents.drawings),
        "images": len({drawing.image for drawing in contents.drawings}),
        "annotators": len(set(names.values())),
        "without a region": len(empty),
        "skipped": contents.num_skipped,
    }
    return Imported(counts=counts, readers=sorted(set(names.values())), notes=contents.notes)


def _read_apart(paths: Sequence[Path], options: ImportOptions, format: str | None) -> FileContents:
    """What the files hold, read once for each label that counts; a reader who drew none of it did not see it."""
    contents = read_files(paths, options, format)
    labels = sorted(contents.labels & set(options.labels)) if options.labels is not None else sorted(contents.labels)
    if not labels and not contents.problems:
        raise StudyError(f"{paths[0]}: names no findings that could be kept apart; leave --apart out")
    contents.drawings = [
        replaced(drawing, finding=label)
        for label in labels
        for drawing in read_files(paths, replaced(options, labels=[label]), format).drawings
    ]
    return contents


def _leave_out_unknown(contents: FileContents, options: ImportOptions) -> None:
    known = options.images or ()
    strangers = {drawing.image for drawing in contents.drawings if drawing.image not in known}
    contents.drawings = [drawing for drawing in contents.drawings if drawing.image in known]
    if strangers:
        contents.notes.append(f"images of the file that are not among yours were left out: {len(strangers):,}")


def _problems(contents: FileContents, options: ImportOptions) -> list[str]:
    """What is wrong with the drawings as a whole: missing names and labels, unknown images, differing sizes."""
    problems = []
    if contents.num_nameless:
        problems.append(f"{counted(contents.num_nameless, 'annotation')} without a reader; name one with --reader")
    for label in sorted(set(options.labels or ()) - contents.labels):
        problems.append(f"label {label!r} is not in the file{nearest_name(label, contents.labels)}")
    sizes: dict[str, tuple[tuple[int, int], str]] = {}
    for drawing in contents.drawings:
        where, image = drawing.source, drawing.image
        if not image:
            problems.append(f"{where}: its image has no name")
        elif options.images is not None and image not in options.images:
            problems.append(f"{where}: image {image!r} is not among the study's images")
        size, first = sizes.setdefault(image, (drawing.size, where))
        if not has_aspect(drawing.size, [size]):
            problems.append(f"{where}: image {image!r} has {_by(drawing.size)} here and {_by(size)} in {first}")
        known = options.size_of(image)
        if known is not None and first == where and not has_aspect(drawing.size, [known]):
            fix = f"; it looks turned by 90 degrees: {how_to_turn(None)}" if looks_turned(drawing.size, [known]) else ""
            told = f"image {image!r} has {_by(drawing.size)} here, the study's has {_by(known)}{fix}"
            problems.append(f"{where}: {told}")
    return problems


def _untimed(contents: FileContents) -> list[str]:
    """Takes times that are none out of the drawings, with a note; problems where they say which reading was first."""
    at = pd.Series([drawing.created_at for drawing in contents.drawings], dtype=str)
    rows = np.flatnonzero((at != "") & ~is_time(at)).tolist()
    num_readings = Counter((one.image, one.annotator, one.finding) for one in contents.drawings)
    problems = []
    for row in rows:
        drawing = contents.drawings[row]
        if num_readings[drawing.image, drawing.annotator, drawing.finding] > 1:
            several = f"and the reader has several annotations of image {drawing.image!r}"
            problems.append(f"{drawing.source}: time {drawing.created_at!r} is not ISO 8601, {several}")
        contents.drawings[row] = replaced(drawing, created_at="")
    if rows:
        contents.notes.append(f"times that are not written as ISO 8601 were left out: {len(rows):,}")
    return problems


def _by(size: tuple[int, ...]) -> str:
    return f"{size[0]} x {size[1]} (rows x columns)"


def _refuse_repeats(what: str, folder: Path, earlier: pd.DataFrame, drawings: list[Drawing]) -> None:
    """StudyError where drawings do not fit the folder's masks of their image, or a reader's drawings are there already.

    A reader is there already if one reader of the folder has all the drawings, pixel by pixel; times do not count, as
    a tool may write the time of the export. Where all drawings are empty their times have to be the same.
    """
    images = {drawing.image for drawing in drawings}
    there: dict[str, set[tuple[str, bytes]]] = {}
    times: dict[str, set[tuple[str, str]]] = {}
    sizes: dict[str, tuple[int, ...]] = {}
    problems = []
    for row in earlier[earlier["image"].isin(images)].itertuples():
        image, annotator = str(row.image), str(row.annotator)
        try:
            mask_HW, _ = png_mask(folder / "masks" / str(row.mask))
        except ValueError as error:
            problems.append(f"{folder / 'masks' / str(row.mask)}: {error}")
            continue
        sizes.setdefault(image, mask_HW.shape)
        there.setdefault(annotator, set()).add((image, _digest(counts_of(mask_HW))))
        times.setdefault(annotator, set()).add((image, str(row.created_at)))
    by_name: dict[str, list[Drawing]] = {}
    for drawing in drawings:
        by_name.setdefault(drawing.annotator, []).append(drawing)
        known = sizes.get(drawing.image)
        if known is not None and not has_aspect(drawing.size, [(known[0], known[1])]):
            here = f"image {drawing.image!r} has {_by(drawing.size)} here, {_by(known)} there"
            problems.append(f"{drawing.source}: {here}")
    if problems:
        raise StudyError(
            f"{what}: {counted(len(problems), 'problem')} with the annotations in {folder}", collapsed(problems)
        )
    for own in by_name.values():
        drawn = {(drawing.image, _digest(drawing.counts.tolist())) for drawing in own}
        at = {(drawing.image, drawing.created_at) for drawing in own}
        is_marked = any(len(drawing.counts) > 1 for drawing in own)
        is_dated = all(drawing.created_at for drawing in own)
        for reader, drawn_there in there.items():
            if drawn <= drawn_there and (is_marked or (is_dated and at <= times[reader])):
                more = " and others" if len(own) > 1 else ""
                problems.append(
                    f"{counted(len(own), 'drawing')} of one reader, of {own[0].image!r}{more}, are those of {reader}"
                )
                break
    if problems:
        raise StudyError(
            f"{what}: is in {folder} already; import only what is new, or all files at once with --replace", problems
        )


def _digest(counts: Sequence[int]) -> bytes:
    return hashlib.sha256(np.asarray(counts, np.int64).tobytes()).digest()


def _rows(
    drawings: list[Drawing], names: dict[str, str], earlier: pd.DataFrame, profession: str, empty: list[str]
) -> Iterator[Annotation]:
    """One annotation per drawing, its mask unpacked only here; names of those without a pixel are added to `empty`.

    The name is <image>-<pseudonym>, with -2, -3, ... for an annotator's further drawings of the image, also beside
    those that the folder holds.
    """
    repeats = Counter(zip(earlier["image"], earlier["annotator"], strict=True))
    taken = set(earlier["annotation"])
    for drawing in drawings:
        who = names[drawing.annotator]
        repeats[drawing.image, who] += 1
        while (name := _name(drawing.image, who, repeats[drawing.image, who])) in taken:
            repeats[drawing.image, who] += 1
        mask_HW = drawing.mask
        if not mask_HW.any():
            empty.append(name)
        yield Annotation(
            annotation=name,
            image=drawing.image,
            annotator=who,
            profession=drawing.profession or profession,
            created_at=drawing.created_at,
            repeat=int(drawing.repeat) if drawing.repeat else None,
            mask=mask_HW,
            drawn="region",
            finding=drawing.finding,
        )


def _name(image: str, who: str, count: int) -> str:
    return f"{image}-{who}" + (f"-{count}" if count > 1 else "")
