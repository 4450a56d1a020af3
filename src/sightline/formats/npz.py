"""An NPZ of masks -> drawings: an array per image, named by it, or `images` beside one array of all their masks.

Arrays are rows x columns of bool, 0 and 1, or 0 to 255 (`mask_values.inside`). With `images`, M names, there is one
array of M x rows x columns, under any name, and `readers` may name who drew each mask. Without `readers` nothing names
the reader. An all-black mask is an empty reading. Pickled objects are never loaded.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import numpy as np

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.fields import MAX_SIDE
from sightline.formats.gather import Gathering
from sightline.formats.mask_values import inside, mixed_whites, white_of
from sightline.study.damaged import DAMAGED
from sightline.study.errors import StudyError

LARGEST = 2**33  # bytes of an array: 8,000 masks of 1024 x 1024


def read_npz_masks(path: Path, options: ImportOptions) -> FileContents:
    """One drawing per mask; what is wrong with single masks goes into `problems`. StudyError if it is no such NPZ."""
    arrays = _arrays(path)
    gathering = Gathering(options)
    masks = _stacked(path, arrays) if "images" in arrays else [(name, "", array) for name, array in arrays.items()]
    whites: dict[str, int] = {}
    for name, reader, values in masks:
        where = f"mask {name!r}" + (f" of reader {reader!r}" if reader else "")
        try:
            image = gathering.image(name)
            if max(values.shape, default=0) > MAX_SIDE:
                raise ValueError(f"a mask of {values.shape}, expected sides of {MAX_SIDE} at most")
            mask_HW = inside(values)
            whites[where] = white_of(values)
            gathering.mask(image, reader, where, mask_HW)
        except ValueError as error:
            gathering.wrong(where, error)
    for problem in mixed_whites(whites):
        gathering.wrong(*problem.split(": ", 1))
    return gathering.finished()


def _stacked(path: Path, arrays: dict[str, np.ndarray]) -> list[tuple[str, str, np.ndarray]]:
    """Image, reader and mask of each row; StudyError unless `images`, one array of masks and `readers` fit together."""
    images, readers = arrays.pop("images"), arrays.pop("readers", None)
    stacks = {name: array for name, array in arrays.items() if array.ndim == 3}
    if images.ndim != 1 or images.dtype.kind not in "US":
        raise StudyError(f"{path}: images are {_described(images)}, expected a list of names")
    if len(stacks) != 1:
        found = ", ".join(f"{name} {_described(array)}" for name, array in arrays.items()) or "none"
        raise StudyError(
            f"{path}: expected one array of masks beside images, images x rows x columns; there are {found}"
        )
    ((name, masks_MHW),) = stacks.items()
    if len(masks_MHW) != len(images) or (readers is not None and readers.shape != images.shape):
        beside = f" and {_described(readers)} readers" if readers is not None else ""
        raise StudyError(
            f"{path}: {len(images)} images, {len(masks_MHW)} masks in {name}{beside}; expected as many of each"
        )
    who = [""] * len(images) if readers is None else [_text(reader) for reader in readers]
    return [(_text(image), reader, mask) for image, reader, mask in zip(images, who, masks_MHW, strict=True)]


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays by name; StudyError if they cannot be read, are pickled or larger than LARGEST."""
    try:
        with ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST:
                raise StudyError(f"{path}: its arrays have more than {LARGEST / 2**30:.0f} GB; split it")
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: np.asarray(stored[name]) for name in stored.files}
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file") from None
    except DAMAGED as error:
        reason = " ".join(str(error).split())[:120]
        raise StudyError(f"{path}: not a readable NPZ ({type(error).__name__}: {reason})") from None
    if not arrays:
        raise StudyError(f"{path}: holds no array")
    return arrays


def _text(name: np.generic) -> str:
    """A name out of an array of text or bytes."""
    value = name.item()
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()


def _described(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {array.shape}"
