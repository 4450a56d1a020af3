"""The size of a film's file, PNG, JPEG or DICOM, without its pixels."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from sightline.images.dicom import dicom_size, is_dicom

EXIF_ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)  # EXIF orientations of films that lie on their side


def film_size(path: str | Path) -> tuple[int, int] | None:
    """(rows, columns) as the film is shown, with EXIF's orientation; None where there is no readable film."""
    try:
        with open(path, "rb") as file:
            if is_dicom(file.read(132)):
                return dicom_size(path)
        with Image.open(path) as opened:
            width, height = opened.size
            turned = _is_turned(opened)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return (width, height) if turned else (height, width)


def is_turned_by_exif(path: str | Path) -> bool:
    """Whether EXIF's orientation exchanges the rows and columns of an image file; False where it has none."""
    try:
        with Image.open(path) as opened:
            return _is_turned(opened)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False


def _is_turned(picture: Image.Image) -> bool:
    return picture.getexif().get(EXIF_ORIENTATION) in TURNED
