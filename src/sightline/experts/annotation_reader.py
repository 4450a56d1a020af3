"""The readers' files, checked: single annotations or finished consensus masks, white-on-black PNGs of any size.

All problems are reported at once, with file and row. H W image grid, A annotations, C images.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from sightline.experts.cleanup import clean_annotation, nearest
from sightline.study.errors import StudyError
from sightline.study.files import read_csv

Cleanup = Literal["paper", "none"]
ASPECT_TOLERANCE = 0.02  # a sheet's aspect may differ by this much: sides are whole pixels, and pages crop a little
COLUMNS = ("annotation", "image", "annotator", "profession", "mask", "created_at")


def read_annotations(
    folder: Path, index: pd.DataFrame, grid: tuple[int, int], cleanup: Cleanup = "paper"
) -> tuple[pd.DataFrame, np.ndarray]:
    """The A rows of annotations.csv and their clean masks, bool A x H x W, empty ones included.

    `cleanup` paper: `clean_annotation` turns strokes into regions; none: the masks are regions already, brought to
    the grid by nearest neighbour, inside above 128.

    Sorted by image as in `index` (columns image, split, source) and then by annotation, whatever the file's order; an
    empty profession becomes "unstated". A column `is_answer` is added: True for those in readings.csv of the same
    folder, the page's table of answers, where an empty annotation says that there is nothing to mark. Raises
    StudyError with all problems: an image that is not a test image, a mask
    that is missing, broken, of another aspect or named by a path, a repeated annotation, an empty annotator.
    """
    path = folder / "annotations.csv"
    table = read_csv(path, dict.fromkeys(COLUMNS, str))
    if not len(table):
        raise StudyError(
            f"{path}: holds no annotation; annotate images (sightline annotate) or set consensus.source: none"
        )
    test = _test_sources(index)
    problems, masks = [], []
    repeated = table.annotation.duplicated(keep="first")
    columns = (table[name].tolist() for name in ("annotation", "image", "annotator", "mask"))
    for row, (annotation, image, annotator, mask) in enumerate(zip(*columns, strict=True)):
        where = f"{path}, row {row + 2}:"
        named = {"annotation": annotation, "annotator": annotator}
        problems += [f"{where} {name} is empty" for name, value in named.items() if not value.strip()]
        if repeated[row]:
            problems.append(f"{where} annotation {annotation!r} is in an earlier row too")
        stranger = _why_not_test(image, index)
        if stranger:
            problems.append(f"{where} {stranger}")
        if mask in ("", ".", "..") or Path(mask).name != mask or "\\" in mask:
            problems.append(f"{where} mask {mask!r} must be the plain name of a file in {folder / 'masks'}")
            continue
        drawn = _mask_or_problem(folder / "masks" / mask, test.get(image), grid)
        if isinstance(drawn, str):
            problems.append(f"{where} mask {drawn}")
        elif not problems:
            masks.append(clean_annotation(drawn, *grid) if cleanup == "paper" else nearest(drawn, *grid) > 128)
    if problems:
        raise StudyError(f"{path}: {len(problems)} wrong annotations; correct or remove them", problems)
    table["profession"] = table.profession.str.strip().replace("", "unstated")
    answers = folder / "readings.csv"
    table["is_answer"] = table.annotation.isin(
        read_csv(answers, {"annotation": str}).annotation if answers.exists() else []
    )
    place = {image: number for number, image in enumerate(index.image)}
    order = sorted(range(len(table)), key=lambda row: (place[table.image[row]], table.annotation[row]))
    return table.iloc[order].reset_index(drop=True), np.stack(masks)[order]


def read_finished(folder: Path, index: pd.DataFrame, grid: tuple[int, int]) -> tuple[list[str], np.ndarray]:
    """Names and masks, bool C x H x W, of a folder of finished consensus masks, in the index's order.

    A mask is named by its image and brought to the grid by nearest neighbour, inside above 128. Raises StudyError with
    all problems.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise StudyError(f"{folder}: not a readable folder ({error.strerror}); see consensus.folder") from None
    if not paths:
        raise StudyError(f"{folder}: holds no mask; put PNGs there or set consensus.source: none")
    test = _test_sources(index)
    problems, masks = [], {}
    for path in paths:
        if path.suffix.lower() != ".png":
            problems.append(f"{path}: not a .png; the folder holds one mask per image and nothing else")
            continue
        stranger = _why_not_test(path.stem, index)
        if stranger:
            problems.append(f"{path}: {stranger}")
            continue
        if path.stem in masks:
            problems.append(f"{path}: a second mask of image {path.stem!r}")
            continue
        drawn = _mask_or_problem(path, test[path.stem], grid)
        if isinstance(drawn, str):
            problems.append(drawn)
            continue
        masks[path.stem] = nearest(drawn, *grid) > 128
    if problems:
        raise StudyError(f"{folder}: {len(problems)} wrong masks; correct or remove them", problems)
    images = [image for image in test if image in masks]
    return images, np.stack([masks[image] for image in images])


def _test_sources(index: pd.DataFrame) -> dict[str, str]:
    """Source of each test image by its name, in the index's order."""
    test = index[index.split == "test"]
    return dict(zip(test.image, test.source, strict=True))


def _why_not_test(image: str, index: pd.DataFrame) -> str:
    """Why an image cannot be scored, or '' if it is a test image."""
    splits = index.split[index.image == image].tolist()
    if not splits:
        return f"image {image!r} is not in the index of prepared images"
    return "" if "test" in splits else f"image {image!r} is in split {splits[0]}; only test images have a consensus"


def _mask_or_problem(path: Path, source: str | None, grid: tuple[int, int]) -> np.ndarray | str:
    """The mask as drawn, uint8, or the problem with the file.

    Images are squashed to the grid, so a mask may have the aspect of the grid or of the source image.
    """
    try:
        drawn = read_mask(path)
    except ValueError as error:
        return f"{path}: {error}"
    if has_aspect(drawn.shape, [grid]) or source is None:
        return drawn
    original = picture_size(source)
    if original and has_aspect(drawn.shape, [original]):
        return drawn
    sizes = " or ".join(f"{rows} x {cols}" for rows, cols in ([original] if original else []) + [grid])
    return (
        f"{path}: {drawn.shape[0]} x {drawn.shape[1]} (rows x columns) does not have the aspect of its image, {sizes}"
    )


def read_mask(path: str | Path) -> np.ndarray:
    """The PNG's brightness, uint8 rows x columns, at its own size.

    Transparency is laid over black, so a page's transparent sheet counts as black; 16-bit files keep their upper 8
    bits. A file that is missing, broken or not a PNG is a ValueError with the reason.
    """
    try:
        with Image.open(path, formats=["PNG"]) as opened:
            opened.load()
            if opened.mode.startswith("I"):
                return (np.asarray(opened).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
            picture: Image.Image = opened
            if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                rgba = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
            return np.asarray(picture.convert("L"))
    except FileNotFoundError:
        raise ValueError("missing") from None
    except UnidentifiedImageError:
        raise ValueError("not a PNG") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"not readable ({error})") from None


def picture_size(path: str | Path) -> tuple[int, int] | None:
    """(rows, columns) of an image file as displayed, with EXIF's orientation; None where there is no readable image."""
    try:
        with Image.open(path) as opened:
            width, height = opened.size
            if opened.getexif().get(0x0112) in (5, 6, 7, 8):  # turned by 90 degrees
                width, height = height, width
            return height, width
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def has_aspect(shape: tuple[int, ...], sizes: Iterable[tuple[int, int]]) -> bool:
    """Whether rows / columns of `shape` equals that of one of `sizes` (rows, columns) within 2%."""
    own = math.log(shape[0] / shape[1])
    return any(abs(own - math.log(rows / cols)) <= math.log1p(ASPECT_TOLERANCE) for rows, cols in sizes)


def reading_order(table: pd.DataFrame) -> np.ndarray:
    """Row numbers of the table in order of time, int: by created_at (ISO 8601), then by the annotation's name.

    Rows whose created_at is empty or not a time come last.
    """
    at = pd.to_datetime(table.created_at, format="ISO8601", utc=True, errors="coerce")
    order = pd.DataFrame({"at": at.to_numpy(), "annotation": table.annotation.to_numpy()})
    return order.sort_values(["at", "annotation"], kind="stable", na_position="last").index.to_numpy()


def first_readings(table: pd.DataFrame) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Rows of each annotator's first annotation of each image, and pairs of first and later row; both sorted.

    First by `reading_order`; a row is its number in the table, whatever the table's index.
    """
    images, annotators = table.image.tolist(), table.annotator.tolist()
    first: dict[tuple[str, str], int] = {}
    again = []
    for row in reading_order(table).tolist():
        who = (images[row], annotators[row])
        if who in first:
            again.append((first[who], row))
        else:
            first[who] = row
    return np.array(sorted(first.values()), int), sorted(again)
