"""DICOM films: single-frame projection X-rays and secondary captures, as gray and a few facts.

Of a header only the attributes named in FACT_TAGS and PIXEL_TAGS are read at all. Errors and warnings never hold a
value of the header: what pydicom says is replaced by our own words.
"""

from __future__ import annotations

import importlib
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from sightline.images.dicom_header import FACT_TAGS, FilmFacts, facts_of
from sightline.images.dicom_pixels import PIXEL_TAGS, Stored, Voi, gray_table
from sightline.study.extras import install_command

if TYPE_CHECKING:
    from pydicom import Dataset

EXTRA = install_command("dicom")
LARGEST = 100_000_000  # pixels; the largest detectors have some 20 million

# SOP classes, and modalities, that are no films, and what to do with them
NO_FILMS = {
    "1.2.840.10008.5.1.4.1.1.481.3": "an RTSTRUCT: its contours are in millimetres of the patient, and a radiograph "
    "has no such frame",
    "1.2.840.10008.5.1.4.1.1.66.4": "a DICOM-SEG, no film: give it to `sightline annotate import` or `sightline score`",
    "1.2.840.10008.5.1.4.1.1.104.1": "an encapsulated PDF, no film",
}  # fmt: skip
OTHER_MODALITIES = {
    "CT": "CT", "MR": "MR", "US": "ultrasound", "NM": "nuclear medicine", "PT": "PET", "RTDOSE": "a dose",
    "RTIMAGE": "a radiotherapy image", "OCT": "OCT", "OPT": "OCT", "ES": "endoscopy", "SM": "slide microscopy",
    "XC": "a photograph", "GM": "microscopy", "ECG": "an ECG", "SR": "a report", "PR": "a presentation state",
    "KO": "a list of key objects", "DOC": "a document",
}  # fmt: skip
FILM_MODALITIES = ("CR", "DX", "RG", "RF", "XA", "MG", "IO", "PX", "OT", "SC", "HC", "")
_ONE_AT_A_TIME = threading.RLock()
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


def is_dicom(content: bytes) -> bool:
    """Whether the file's first bytes are a DICOM file's: its mark, or without one an element of group 2 or 8."""
    return content[128:132] == b"DICM" or content[:2] in (b"\x02\x00", b"\x08\x00")


def read_dicom(content: bytes, voi: Voi, salt: bytes | None) -> tuple[np.ndarray, np.ndarray | None, FilmFacts, int]:
    """A film's places H x W and its table of gray, float64 in [0, 1] (see `gray_table`), its facts and its depth.

    For a colour film: uint8 H x W x 3 and None. The depth is BitsStored. Refused, as a ValueError with the reason:
    several frames, palette colour, no pixel data, other modalities than projection X-rays and secondary captures,
    more than 16 bits, a compression without a decoder, and files that are broken or cut short.
    """
    header = _header(content)
    _refuse_no_film(header)
    facts = facts_of(header, salt)
    pixels = _decoded(header)
    if pixels.ndim == 3:
        return _eight_bits(pixels, header), None, facts, 8
    stored = _stored(header, pixels)
    places_HW = stored.places_HW()
    return places_HW, gray_table(header, stored, places_HW, voi), facts, stored.bits


def gray_film(content: bytes) -> tuple[Dataset, Stored] | None:
    """The header of a gray film, of the named attributes alone, and its stored values; None for a colour film.

    Refuses what `read_dicom` refuses.
    """
    header = _header(content)
    _refuse_no_film(header)
    pixels = _decoded(header)
    return None if pixels.ndim == 3 else (header, _stored(header, pixels))


def dicom_size(path: str | Path) -> tuple[int, int]:
    """(rows, columns); what follows the header is not read. ValueError where the file does not say them."""
    header = _header(path, ("Rows", "Columns"), stop_before_pixels=True)
    with _quiet():
        try:
            rows, columns = int(header.Rows), int(header.Columns)
        except Exception as error:  # missing, or no numbers
            _broken(error, "it has no Rows and Columns")
    return rows, columns


def _header(
    source: bytes | str | Path, keywords: tuple[str, ...] = FACT_TAGS + PIXEL_TAGS, stop_before_pixels: bool = False
) -> Dataset:
    """The attributes of these names, and no others."""
    pydicom = _pydicom()
    with _quiet():
        try:
            return pydicom.dcmread(  # type: ignore[no-any-return]
                BytesIO(source) if isinstance(source, bytes) else source,
                force=True,
                specific_tags=list(keywords),
                stop_before_pixels=stop_before_pixels,
            )
        except Exception as error:  # broken files make pydicom raise errors of any kind, whose words hold values
            _broken(error, "its header cannot be read")


def _refuse_no_film(header: Dataset) -> None:
    with _quiet():
        try:
            modality = str(header.get("Modality") or "").strip().upper()
            reason = NO_FILMS.get(str(header.get("SOPClassUID") or ""))
            frames = int(header.get("NumberOfFrames") or 1)
            photometric = str(header.get("PhotometricInterpretation") or "").strip().upper()
            rows, columns = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
            samples, bits = int(header.get("SamplesPerPixel") or 1), int(header.get("BitsAllocated") or 0)
        except Exception as error:  # as above
            _broken(error, "its header cannot be read")
    if reason is None and modality in ("RTSTRUCT", "SEG"):
        reason = NO_FILMS[f"1.2.840.10008.5.1.4.1.1.{'481.3' if modality == 'RTSTRUCT' else '66.4'}"]
    if reason:
        raise ValueError(reason)
    if modality in OTHER_MODALITIES or modality not in FILM_MODALITIES:
        what = OTHER_MODALITIES.get(modality, "of another modality")
        raise ValueError(f"no projection X-ray but {what}; films are CR, DX and secondary captures")
    if "PixelData" not in header:
        raise ValueError("a DICOM file without pixel data")
    if frames != 1:
        raise ValueError(f"a DICOM file of {frames} frames; films have one")
    if photometric == "PALETTE COLOR":
        raise ValueError("a DICOM file in palette colour, whose values are no gray levels; export it as gray")
    if not (
        (samples == 1 and photometric in ("MONOCHROME1", "MONOCHROME2")) or (samples == 3 and photometric in COLOURS)
    ):
        raise ValueError("a DICOM file that is neither MONOCHROME1, MONOCHROME2 nor RGB")
    if not 0 < rows * columns <= LARGEST:
        raise ValueError(f"a DICOM file of {rows} x {columns} pixels")
    if bits not in (8, 16):
        raise ValueError(f"a DICOM file of {bits} bits per pixel; films have 8 or 16")


def _decoded(header: Dataset) -> np.ndarray:
    """The stored values, H x W, or H x W x 3 in RGB."""
    pixels = importlib.import_module("pydicom.pixels")
    is_gray = str(header.PhotometricInterpretation).startswith("MONOCHROME")
    with _quiet():
        try:
            decoder = pixels.get_decoder(header.file_meta.TransferSyntaxUID)
        except AttributeError:
            raise ValueError("a DICOM file that does not say how its pixels are stored (TransferSyntaxUID)") from None
        except Exception:  # an unknown transfer syntax, whose text would be in the error
            raise ValueError("a DICOM file in a compression that pydicom does not know") from None
        if not decoder.is_available:
            raise ValueError(f"a DICOM file in {decoder.UID.name}, which needs python-gdcm or pyjpegls; {EXTRA}")
        try:
            values, _ = decoder.as_array(header, raw=is_gray, view_only=True, correct_unused_bits=False)
        except MemoryError:
            raise
        except Exception as error:  # as above
            _broken(error, "its pixels cannot be decoded: cut short, or in a form of its compression without a decoder")
    return np.asarray(values)


def _stored(header: Dataset, pixels: np.ndarray) -> Stored:
    with _quiet():
        try:
            bits, high = int(header.BitsStored), int(header.get("HighBit") or header.BitsStored - 1)
            is_signed = int(header.get("PixelRepresentation") or 0) == 1
            is_native = not header.file_meta.TransferSyntaxUID.is_encapsulated
        except Exception as error:  # as above
            _broken(error, "its header cannot be read")
    allocated = 8 * pixels.dtype.itemsize
    shift = high + 1 - bits if is_native else 0  # decoders return the stored bits at the low end
    if not (1 <= bits <= allocated and 0 <= shift <= allocated - bits):
        raise ValueError("a DICOM file whose BitsStored and HighBit do not fit BitsAllocated")
    if pixels.dtype.kind not in "iu" or pixels.ndim != 2:
        raise ValueError("a DICOM file whose pixels are no whole numbers")
    native = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    return Stored(patterns_HW=native.view(f"u{pixels.dtype.itemsize}"), bits=bits, shift=shift, is_signed=is_signed)


def _eight_bits(pixels: np.ndarray, header: Dataset) -> np.ndarray:
    if pixels.dtype != np.uint8 or pixels.shape[2] != 3:
        raise ValueError("a colour DICOM file of other than 8 bits")
    return 255 - pixels if header.get("PresentationLUTShape") == "INVERSE" else pixels


def _pydicom() -> Any:
    try:
        return importlib.import_module("pydicom")
    except ImportError:
        raise ValueError(f"a DICOM file; to read it, {EXTRA}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """pydicom's warnings and log hold values of the header: neither is printed.

    One thread at a time, such as those of the page's server: the filters of warnings are those of the whole process.
    """
    logger = logging.getLogger("pydicom")
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        was_disabled, logger.disabled = logger.disabled, True
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.disabled = was_disabled


def _broken(error: Exception, reason: str) -> NoReturn:
    raise ValueError(f"broken DICOM file: {reason} ({type(error).__name__})") from None
