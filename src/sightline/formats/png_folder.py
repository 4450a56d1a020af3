"""A folder of PNG masks, one per image and named by it -> drawings: finished regions, or one reader's.

Which pixels are inside is `mask_values.inside`'s rule. An all-black mask is an empty reading. Nothing in a folder names
the reader.
"""

from __future__ import annotations

from pathlib import Path

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.gather import Gathering
from sightline.formats.mask_png import png_mask
from sightline.formats.mask_values import mixed_whites, white_of
from sightline.study.errors import StudyError


def read_png_folder(path: Path, options: ImportOptions) -> FileContents:
    """One drawing per PNG of a folder, or of one PNG; what is wrong with single masks goes into `problems`.

    Files of other kinds are left out, with a note. StudyError without a PNG.
    """
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
    except OSError as error:
        raise StudyError(f"{path}: could not be read ({error.strerror})") from None
    files = [file for file in files if not file.name.startswith(".")]
    masks = [file for file in files if file.suffix.lower() == ".png"]
    if not masks:
        raise StudyError(f"{path}: holds no .png file; expected masks named by their images")
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
    if len(files) > len(masks):
        gathering.contents.notes.append(
            f"files beside the masks that are no PNG were left out: {len(files) - len(masks):,}"
        )
    return gathering.finished()
