"""The size of a film's file, PNG, JPEG or DICOM, without its pixels."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from sightline.images.dicom import dicom_size, is_dicom

EXIF_ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)  # EXIF orientations of films that lie on their side
SIGNATURE = 8  # bytes before the first chunk of a PNG
WITH_EXIF = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # chunks of a PNG that may hold EXIF, or XMP's orientation


def film_size(path: str | Path) -> tuple[int, int] | None:
    """(rows, columns) as the film is shown, with EXIF's orientation; None where there is no readable film."""
    try:
        with open(path, "rb") as file:
            if is_dicom(file.read(132)):
                return dicom_size(path)
        with Image.open(path) as opened:
            width, height = opened.size
            turned = _is_turned(path, opened)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return (width, height) if turned else (height, width)


def is_turned_by_exif(path: str | Path) -> bool:
    """Whether EXIF's orientation exchanges the rows and columns of an image file; False where it has none."""
    try:
        with Image.open(path) as opened:
            return _is_turned(path, opened)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


def _is_turned(path: str | Path, picture: Image.Image) -> bool:
    if picture.format == "PNG":  # Pillow decodes all its pixels to look for EXIF behind them
        with open(path, "rb") as file:
            if not _may_have_exif(file):
                return False
    return picture.getexif().get(EXIF_ORIENTATION) in TURNED


def _may_have_exif(file: BinaryIO) -> bool:
    """Whether a PNG has a chunk of `WITH_EXIF`: the chunks' heads are read and their contents skipped."""
    file.seek(SIGNATURE)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in WITH_EXIF:
            return True
        file.seek(length + 4, 1)  # the chunk and its checksum
    return False
