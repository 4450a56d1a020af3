"""Annotations from other tools -> the folder that the pipeline reads, under pseudonyms; all or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from sightline.experts.annotation_reader import has_aspect
from sightline.experts.annotation_writer import write_folder
from sightline.formats.annotations import Annotation, Drawing, FileContents, ImportOptions
from sightline.formats.chexlocalize import read_chexlocalize
from sightline.formats.coco import read_coco
from sightline.formats.cvat import read_cvat
from sightline.formats.fields import nearest_name
from sightline.formats.label_studio import read_label_studio
from sightline.study.errors import StudyError

FORMATS: dict[str, Callable[[Path, ImportOptions], FileContents]] = {
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
    """Writes the annotations of the file at `path` into the folder `to`; returns counts by name.

    The counts: annotations, images, annotators, annotations `without a region`, and those `skipped`, which are left out
    because their annotator skipped or cancelled them.

    `format` is a key of FORMATS. `known_images` are the stems that may be annotated (None: any); with (rows, columns)
    as values, sizes are checked, and annotations without a region get theirs. `labels` are those that count (None: all;
    cheXlocalize: the findings, at least one). `annotator` made the drawings for which the file names nobody;
    `profession` is entered where the file states none. StudyError with all problems; nothing has been written then.
    """
    path = Path(path)
    if format not in FORMATS:
        raise StudyError(f"format {format!r} cannot be imported{nearest_name(format, FORMATS)}")
    if isinstance(labels, str):
        labels = [labels]
    options = ImportOptions(images=known_images, labels=labels, annotator=(annotator or "").strip() or None)
    contents = FORMATS[format](path, options)
    problems = contents.problems + _problems(contents, options)
    if problems:
        raise StudyError(
            f"{path}: {len(problems)} problems; fix them in the file or in the tool that wrote it", problems
        )
    if not contents.drawings:
        raise StudyError(f"{path}: holds no annotation that counts")
    names = pseudonyms(drawing.annotator for drawing in contents.drawings)
    empty: list[str] = []
    write_folder(to, _rows(contents.drawings, names, profession, empty), replace=replace)
    return {
        "annotations": len(contents.drawings),
        "images": len({drawing.image for drawing in contents.drawings}),
        "annotators": len(names),
        "without a region": len(empty),
        "skipped": contents.num_skipped,
    }


def pseudonyms(names: Iterable[str]) -> dict[str, str]:
    """annotator01, annotator02, ... for the names in sorted order, with as many digits as the last one needs.

    The names are written to no file; they can be matched by their order.
    """
    ordered = sorted(set(names))
    digits = max(2, len(str(len(ordered))))
    return {name: f"annotator{number:0{digits}}" for number, name in enumerate(ordered, start=1)}


def _problems(contents: FileContents, options: ImportOptions) -> list[str]:
    """What is wrong with the drawings as a whole: missing names and labels, unknown images, differing sizes."""
    problems = []
    if contents.num_nameless:
        problems.append(f"{contents.num_nameless} annotations name no annotator; name one with --annotator")
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
        if size != drawing.size:
            problems.append(f"{where}: image {image!r} has {_by(drawing.size)} here and {_by(size)} in {first}")
        known = options.size_of(image)
        if known is not None and first == where and not has_aspect(drawing.size, [known]):
            problems.append(f"{where}: image {image!r} has {_by(drawing.size)} here, the study's has {_by(known)}")
    return problems


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} (rows x columns)"


def _rows(drawings: list[Drawing], names: dict[str, str], profession: str, empty: list[str]) -> Iterator[Annotation]:
    """One annotation per drawing, its mask unpacked only here; names of those without a pixel are added to `empty`.

    The name is <image>-<pseudonym>, with -2, -3, ... for an annotator's further drawings of the image.
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
        yield Annotation(
            annotation=name,
            image=drawing.image,
            annotator=who,
            profession=drawing.profession or profession,
            created_at=drawing.created_at,
            mask=mask_HW,
        )
