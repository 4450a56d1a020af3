"""A folder of PNG masks, one per image and named by it -> drawings: finished regions, or one reader's.

Which pixels are inside is `mask_values.inside`'s rule. An all-black mask is an empty reading. Nothing in a folder names
the reader.
"""

from __future__ import annotations

import struct
from pathlib import Path

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.gather import Gathering
from sightline.formats.mask_png import png_mask
from sightline.formats.mask_values import mixed_whites, white_of
from sightline.study.errors import StudyError

HEADER = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"  # of every PNG; its width and height follow


def read_png_folder(path: Path, options: ImportOptions) -> FileContents:
    """One drawing per PNG of a folder, or of one PNG; what is wrong with single masks goes into `problems`.

    Files of other kinds are left out, with a note. StudyError without a PNG.
    """
    masks, notes = png_files(path)
    gathering = Gathering(options)
    whites: dict[str, int] = {}
    for file in masks:
        try:
            image = gathering.image(file.name)
            mask_HW, values = png_mask(file)
            whites[file.name] = white_of(values)
            gathering.mask(image, "", file.name, mask_HW)
        except ValueError as error:
            gathering.wrong(file.name, error)
    for problem in mixed_whites(whites):
        gathering.wrong(*problem.split(": ", 1))
    gathering.contents.notes += notes
    return gathering.finished()


def png_files(path: Path) -> tuple[list[Path], list[str]]:
    """The PNGs of a folder, sorted by name, or one PNG; and a note if other files lie beside them.

    Hidden files do not count. StudyError without a PNG.
    """
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
    except OSError as error:
        raise StudyError(f"{path}: could not be read ({error.strerror})") from None
    files = [file for file in files if not file.name.startswith(".")]
    masks = [file for file in files if file.suffix.lower() == ".png"]
    if not masks:
        raise StudyError(f"{path}: holds no .png file; expected masks named by their images")
    left_out = len(files) - len(masks)
    return masks, [f"files beside the masks that are no PNG were left out: {left_out:,}"] if left_out else []


def png_size(path: Path) -> tuple[int, int] | None:
    """(rows, columns) by the header of a PNG, as its mask has them; None where it has no such header."""
    try:
        with open(path, "rb") as file:
            head = file.read(len(HEADER) + 8)
    except OSError:
        return None
    if len(head) < len(HEADER) + 8 or not head.startswith(HEADER):
        return None
    columns, rows = struct.unpack(">II", head[len(HEADER) :])
    return rows, columns
