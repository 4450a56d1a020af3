"""The command `sightline annotate import`: other tools' files of annotations -> the study's folder.

sightline annotate import [FORMAT] FILE ... [--finding NAME ...] [--apart] [--reader NAME] [--image-size SIZE] [...]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sightline.annotate.images import Params, Pictures, study_index
from sightline.annotate.imports import import_files
from sightline.counts import counted
from sightline.formats.annotations import ImportOptions
from sightline.formats.fields import size_of
from sightline.formats.readers import FORMATS
from sightline.images.film_files import film_sizes
from sightline.inputs import INDEX
from sightline.study.errors import StudyError
from sightline.study.parameters import read_params


def add_import(parser: argparse.ArgumentParser, folder: str, next_steps: str) -> None:
    """Adds the command's arguments; `next_steps`: printed at the end, with the folder in it."""
    parser.set_defaults(next_steps=next_steps)
    add = parser.add_argument
    add(
        "files",
        nargs="+",
        metavar="[FORMAT] FILE",
        help=f"files or folders, of any of these formats: {', '.join(FORMATS)} (docs/formats.md)",
    )
    add("--format", choices=sorted(FORMATS), metavar="FORMAT", help="format of all files (default: each is recognised)")
    add("--to", default=folder, help=f"folder to add to (default {folder})")
    add(
        *("--finding", "--labels"), nargs="+", action="extend", metavar="NAME",
        help="findings, labels or categories to take (default: all)",
    )  # fmt: skip
    add(
        "--apart", action="store_true",
        help="keep the findings apart, each with annotations of its own (column finding), in place of uniting them",
    )  # fmt: skip
    add(
        *("--reader", "--annotator"), metavar="NAME",
        help="who drew, where the file does not say; or a reader of the folder, to whom the drawings belong",
    )  # fmt: skip
    add("--profession", default="", help="the readers' profession, where the file states none")
    add(
        "--image-size", metavar="ROWSxCOLS",
        help="rows x columns (height x width) in which a file without sizes counts",
    )  # fmt: skip
    add("--images", type=Path, metavar="FOLDER", help="image files, from which sizes are taken")
    add("--known-only", action="store_true", help="leave out images that are not the study's, in place of refusing")
    add("--replace", action="store_true", help="replace the annotations in the folder")


def import_(arguments: argparse.Namespace) -> None:
    """Adds the regions of other tools' files to the study's annotations, and prints what was added."""
    format, paths = arguments.format, arguments.files
    if format is None and paths[0] in FORMATS and len(paths) > 1:
        format, paths = paths[0], paths[1:]
    try:
        size = size_of(arguments.image_size) if arguments.image_size else None
    except ValueError as error:
        raise StudyError(f"--image-size: {error}") from None
    options = ImportOptions(
        images=_known_images(arguments.images),
        labels=arguments.finding,
        annotator=(arguments.reader or "").strip() or None,
        size=size,
    )
    done = import_files(
        [Path(path) for path in paths],
        arguments.to,
        options,
        format=format,
        profession=arguments.profession,
        replace=arguments.replace,
        known_only=arguments.known_only,
        apart=arguments.apart,
    )
    for note in done.notes:
        print(f"note: {note}")
    print(f"{arguments.to}: {summary_line(done.counts)}")
    print(f"readers, in the order of their names in the file: {', '.join(done.readers)}")
    print(arguments.next_steps.format(folder=arguments.to))


def summary_line(counts: dict[str, int]) -> str:
    """What an import added, in words, from its counts by name."""
    nouns = [counted(counts[f"{noun}s"], noun) for noun in ("annotation", "image", "annotator")]
    return ", ".join([*nouns, *(f"{counts[name]:,} {name}" for name in ("without a region", "skipped"))])


def _known_images(folder: Path | None) -> dict[str, tuple[int, int]] | None:
    """(rows, columns) of the study's test images, else of the image files in `folder`, by name; None without either."""
    if INDEX.exists():
        index = study_index()
        pictures = Pictures(read_params(Params).data, index)
        return {image: pictures.size(image) for image in index.image[index.split == "test"]}
    return None if folder is None else film_sizes(folder)
