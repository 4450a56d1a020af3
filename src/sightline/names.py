"""Names of images: one spelling of each, so that results join by name."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".dcm", ".dicom"}


def image_name(text: str) -> str:
    """The name in Unicode's composed form (NFC), without blanks around it.

    A name with an accent has two spellings that look the same: macOS writes file names decomposed, others composed.
    """
    return unicodedata.normalize("NFC", text.strip())


def stem_of(name: str) -> str:
    """The image's name in a path or file name: without folders, and without the suffix if it is an image format's."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return image_name(last[: -len(suffix)] if (suffix := PurePosixPath(last).suffix).lower() in SUFFIXES else last)
