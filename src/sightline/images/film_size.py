"""The size of a film's file, PNG, JPEG or DICOM, without its pixels."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from sightline.images.dicom import dicom_size, is_dicom

TURNED = (5, 6, 7, 8)  # EXIF orientations of films that lie on their side


def film_size(path: str | Path) -> tuple[int, int] | None:
    """(rows, columns) as the film is shown, with EXIF's orientation; None where there is no readable film."""
    try:
        with open(path, "rb") as file:
            if is_dicom(file.read(132)):
                return dicom_size(path)
        with Image.open(path) as opened:
            width, height = opened.size
            is_turned = opened.getexif().get(0x0112) in TURNED
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return (width, height) if is_turned else (height, width)
