"""Annotations made in other tools -> the folder that the pipeline reads, under pseudonyms; all or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from sightline.experts.annotation_reader import has_aspect
from sightline.experts.annotation_writer import Row, write_folder
from sightline.formats.chexlocalize import read_chexlocalize
from sightline.formats.coco import read_coco
from sightline.formats.cvat import read_cvat
from sightline.formats.label_studio import read_label_studio
from sightline.formats.shapes import Drawn, Found, Wanted, nearest_name
from sightline.study.errors import StudyError

FORMATS: dict[str, Callable[[Path, Wanted], Found]] = {
    "label-studio": read_label_studio,
    "cvat": read_cvat,
    "coco": read_coco,
    "chexlocalize": read_chexlocalize,
}


def import_file(
    format: str,
    path: str | Path,
    to: str | Path,
    *,
    known_images: Collection[str] | Mapping[str, tuple[int, int]] | None = None,
    labels: Collection[str] | None = None,
    annotator: str | None = None,
    profession: str = "",
    replace: bool = False,
) -> dict[str, int]:
    """Writes what the file at `path` holds into the folder `to`; returns how many of what.

    Counted are annotations, images, annotators, annotations `without a region`, and those `skipped`: left out since
    their annotator skipped or cancelled them.

    `format` is a key of FORMATS. `known_images` are the stems that may be annotated (None: any); with their (rows,
    columns) as values, sizes are checked and annotations without a region have one. `labels` are those that count
    (None: all; cheXlocalize: the findings, at least one). `annotator` is who drew where the file names no one;
    `profession` goes into every row that has none of its own. StudyError with all that is wrong; then nothing has
    been written.
    """
    path = Path(path)
    if format not in FORMATS:
        raise StudyError(f"format {format!r} is none that can be imported{nearest_name(format, FORMATS)}")
    if isinstance(labels, str):
        labels = [labels]
    wanted = Wanted(images=known_images, labels=labels, annotator=(annotator or "").strip() or None)
    found = FORMATS[format](path, wanted)
    problems = found.problems + _problems(found, wanted)
    if problems:
        raise StudyError(
            f"{path}: {len(problems)} problems; mend them in the file or in the tool it came from", problems
        )
    if not found.drawings:
        raise StudyError(f"{path}: holds no annotation that counts")
    names = pseudonyms(drawing.annotator for drawing in found.drawings)
    empty: list[str] = []
    write_folder(to, _rows(found.drawings, names, profession, empty), replace=replace)
    return {
        "annotations": len(found.drawings),
        "images": len({drawing.image for drawing in found.drawings}),
        "annotators": len(names),
        "without a region": len(empty),
        "skipped": found.num_skipped,
    }


def pseudonyms(names: Iterable[str]) -> dict[str, str]:
    """annotator01, annotator02, ... for the names in sorted order, as many digits as the last one needs.

    No file that is written holds the names: who needs to know keeps the order.
    """
    ordered = sorted(set(names))
    digits = max(2, len(str(len(ordered))))
    return {name: f"annotator{number:0{digits}}" for number, name in enumerate(ordered, start=1)}


def _problems(found: Found, wanted: Wanted) -> list[str]:
    """What is wrong with the drawings as a whole: unknown images, sizes that differ, labels and names that lack."""
    problems = []
    if found.num_nameless:
        problems.append(f"{found.num_nameless} annotations are by no one; say by whom with --annotator")
    for label in sorted(set(wanted.labels or ()) - found.labels):
        problems.append(f"label {label!r} is nowhere in the file{nearest_name(label, found.labels)}")
    sizes: dict[str, tuple[tuple[int, int], str]] = {}
    for drawing in found.drawings:
        where, image = drawing.source, drawing.image
        if not image:
            problems.append(f"{where}: its image has no name")
        elif wanted.images is not None and image not in wanted.images:
            problems.append(f"{where}: image {image!r} is not among the study's images")
        size, first = sizes.setdefault(image, (drawing.size, where))
        if size != drawing.size:
            problems.append(f"{where}: image {image!r} has {_by(drawing.size)} here and {_by(size)} in {first}")
        known = wanted.size_of(image)
        if known is not None and first == where and not has_aspect(drawing.size, [known]):
            problems.append(f"{where}: image {image!r} has {_by(drawing.size)} here, the study's has {_by(known)}")
    return problems


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} (rows x columns)"


def _rows(drawings: list[Drawn], names: dict[str, str], profession: str, empty: list[str]) -> Iterator[Row]:
    """A row for each drawing, its mask unpacked only now; `empty` takes the names of those without a pixel.

    Named <image>-<pseudonym>, and -2, -3, ... for an annotator's further drawings of an image.
    """
    repeats: Counter[tuple[str, str]] = Counter()
    for drawing in drawings:
        who = names[drawing.annotator]
        repeats[drawing.image, who] += 1
        count = repeats[drawing.image, who]
        name = f"{drawing.image}-{who}" + (f"-{count}" if count > 1 else "")
        mask_HW = drawing.mask
        if not mask_HW.any():
            empty.append(name)
        yield Row(
            annotation=name,
            image=drawing.image,
            annotator=who,
            profession=drawing.profession or profession,
            created_at=drawing.created_at,
            mask=mask_HW,
        )
