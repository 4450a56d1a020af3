"""The compressions of DICOM films that can be decoded here, and by which packages."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from sightline.doctor.finding import Finding
from sightline.study.extras import install_command

GROUP = "DICOM films"
EXTRA = install_command("dicom")
# transfer syntaxes by the names of docs/dicom.md; high-throughput JPEG 2000 has no decoder among the extra's packages
COMPRESSIONS = {
    "uncompressed": ("1.2.840.10008.1.2.1",),
    "RLE": ("1.2.840.10008.1.2.5",),
    "JPEG baseline": ("1.2.840.10008.1.2.4.50",),
    "JPEG lossless": ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"),
    "JPEG-LS": ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"),
    "JPEG 2000": ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"),
}


def codecs() -> list[Finding]:
    """A finding for each compression; a single one where pydicom is missing."""
    try:
        pixels = importlib.import_module("pydicom.pixels")
    except ImportError:
        return [Finding(group=GROUP, name="pydicom", state="missing", advice=f"needed for any DICOM film: {EXTRA}")]
    return [_of(name, [pixels.get_decoder(uid) for uid in uids]) for name, uids in COMPRESSIONS.items()]


def _of(name: str, decoders: Sequence[Any]) -> Finding:
    """Available where every transfer syntax has a decoder; the plugins are those that decode all of them."""
    if not all(decoder.is_available for decoder in decoders):
        advice = f"films in this compression are refused: {EXTRA}"
        return Finding(group=GROUP, name=name, state="missing", advice=advice)
    plugins = set.intersection(*(set(decoder.available_plugins) for decoder in decoders))
    return Finding(group=GROUP, name=name, found=", ".join(sorted(plugins)) or "pydicom")
