"""A DICOM segmentation of one radiograph -> a drawing. Needs pydicom: `pip install 'sightline[dicom]'`.

A radiograph has no frame of reference, so ReferencedSOPInstanceUID alone ties its segmentation to it, and is the
image's name here. It has one frame per segment at most, of the radiograph's rows and columns. Binary frames are packed
bits; fractional ones are inside from half of MaximumFractionalValue on. A segment's label is its finding. A segment
without a frame, or with an empty one, was looked for and not found. ContentCreatorName is the reader: it goes into
`Drawing.annotator`, whence nothing but a pseudonym comes out; no date is read, and nothing else of the header printed.
Format: DICOM PS3.3, C.8.20.
"""

from __future__ import annotations

import logging
import struct
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.fields import shown, size_from
from sightline.formats.gather import Gathering, Patch, cut_out
from sightline.study.errors import StudyError
from sightline.study.extras import missing_package

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
RT_STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
# what pydicom raises where an element or the pixels cannot be decoded, beside its own errors
BROKEN = (AttributeError, IndexError, KeyError, MemoryError, NotImplementedError, OSError, OverflowError, RuntimeError)
BROKEN_TOO = (EOFError, StopIteration, TypeError, ValueError, struct.error)


def read_dicom_seg(path: Path, options: ImportOptions) -> FileContents:
    """The drawing of a segmentation, all segments that count united; what is wrong with it goes into `problems`.

    StudyError for a DICOM file of another kind, or without pydicom.
    """
    try:
        from pydicom import dcmread
        from pydicom.errors import BytesLengthException, InvalidDicomError
    except ImportError:
        raise StudyError(f"{path}: {missing_package('pydicom')}") from None
    broken = (BytesLengthException, InvalidDicomError, *BROKEN, *BROKEN_TOO)
    gathering = Gathering(options)
    with _quiet():
        try:
            header = dcmread(path)
            kind = str(header.get("SOPClassUID", ""))
        except broken:
            raise StudyError(f"{path}: not a DICOM file that can be read") from None
        _refuse_other_kinds(path, kind)
        try:
            _add_segments(header, gathering)
        except _Unfit as error:
            gathering.wrong("segmentation", error)
        except broken as error:
            gathering.wrong(
                "segmentation", f"cannot be decoded ({type(error).__name__}); export it again, uncompressed"
            )
    return gathering.finished()


class _Unfit(ValueError):
    """What is wrong with a segmentation, in words that hold nothing of its header but numbers and labels."""


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings and no log of pydicom: they quote the header, and with it the patient's name."""
    log = logging.getLogger("pydicom")
    was_disabled, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = was_disabled


def _refuse_other_kinds(path: Path, kind: str) -> None:
    """StudyError unless the SOP class is a segmentation's."""
    if kind == RT_STRUCTURES:
        raise StudyError(
            f"{path}: an RTSTRUCT has contours in patient millimetres; a radiograph has no such frame; "
            "export a DICOM segmentation or a PNG mask"
        )
    if kind == LABEL_MAP:
        raise StudyError(f"{path}: a label map; export a binary segmentation, which has a frame per segment")
    if kind != SEGMENTATION:
        raise StudyError(f"{path}: a DICOM file of another kind, not a segmentation; films go to --images")


def _add_segments(header: Any, gathering: Gathering) -> None:
    """Adds the reading and the shapes of its segments, all or none; _Unfit for what is wrong with the file."""
    sources = sorted(set(_sources(header)))
    if not sources:
        raise _Unfit("names no source image (ReferencedSOPInstanceUID)")
    if len(sources) > 1:
        raise _Unfit(f"has {len(sources)} source images, expected one: a volume's has no place on a radiograph")
    try:
        size = size_from(int(header.Rows), int(header.Columns))
    except ValueError as error:
        raise _Unfit(str(error)) from None
    segments = list(header.get("SegmentSequence") or [])
    labels = {int(segment.SegmentNumber): str(segment.get("SegmentLabel") or "").strip() for segment in segments}
    if not labels:
        raise _Unfit("has no segment")
    frames = _frame_segments(header)
    number, num_most = Counter(frames).most_common(1)[0]
    if num_most > 1:
        raise _Unfit(f"segment {number} has {num_most} frames, expected one: it is a volume")
    if unknown := set(frames) - set(labels):
        raise _Unfit(f"a frame is of segment {min(unknown)}, which the file does not list")
    masks = _masks(header, (len(frames), *size))

    image = gathering.image(sources[0])
    gathering.size(image, size)
    reader = str(header.get("ContentCreatorName") or "").strip(" ^=")
    gathering.reading(image, reader, f"image {image}")
    counting = {number for number, label in labels.items() if gathering.counts([label])}
    for number, mask_HW in zip(frames, masks, strict=True):
        if number in counting and mask_HW.any():
            where = f"image {image}, segment {number} ({shown(labels[number])})"
            gathering.shape(image, reader, where, partial(_as_is, cut_out(mask_HW)))
    automatic = {labels[int(s.SegmentNumber)] for s in segments if s.get("SegmentAlgorithmType") == "AUTOMATIC"}
    if automatic:
        named = ", ".join(map(shown, sorted(automatic)))
        gathering.contents.notes.append(f"an algorithm made these segments, not a reader: {named}")


def _as_is(patch: Patch, _size: tuple[int, int]) -> Patch:
    return patch


def _sources(header: Any) -> Iterator[str]:
    """ReferencedSOPInstanceUID of all source images, wherever the file names them."""
    for series in header.get("ReferencedSeriesSequence") or []:
        for instance in series.get("ReferencedInstanceSequence") or []:
            yield str(instance.ReferencedSOPInstanceUID)
    for holder in (header, *_groups(header)):
        for derivation in (holder, *(holder.get("DerivationImageSequence") or [])):
            for source in derivation.get("SourceImageSequence") or []:
                yield str(source.ReferencedSOPInstanceUID)


def _groups(header: Any) -> list[Any]:
    shared = header.get("SharedFunctionalGroupsSequence") or []
    return [*shared, *(header.get("PerFrameFunctionalGroupsSequence") or [])]


def _frame_segments(header: Any) -> list[int]:
    """The number of each frame's segment; _Unfit unless every frame names one."""
    num_frames = int(header.get("NumberOfFrames") or 1)
    shared: Any = next(iter(header.get("SharedFunctionalGroupsSequence") or []), {})
    per_frame: list[Any] = list(header.get("PerFrameFunctionalGroupsSequence") or [{}] * min(num_frames, 2))
    if len(per_frame) != num_frames:
        raise _Unfit(f"has {num_frames} frames and describes {len(per_frame)}")
    numbers = []
    for frame in per_frame:
        named = frame.get("SegmentIdentificationSequence") or shared.get("SegmentIdentificationSequence")
        if not named:
            raise _Unfit("a frame names no segment")
        numbers.append(int(named[0].ReferencedSegmentNumber))
    return numbers


def _masks(header: Any, shape: tuple[int, int, int]) -> np.ndarray:
    """bool frames x H x W of that `shape`; _Unfit where the pixels are of another kind."""
    from pydicom.pixels import pixel_array

    kind = str(header.get("SegmentationType", ""))
    if kind not in ("BINARY", "FRACTIONAL"):
        raise _Unfit(f"SegmentationType is {shown(kind)}, expected BINARY or FRACTIONAL")
    top = int(header.get("MaximumFractionalValue") or 255)
    if not 1 <= top <= 255:
        raise _Unfit(f"MaximumFractionalValue is {top}, expected 1 to 255")
    is_packed = header.file_meta.TransferSyntaxUID.is_encapsulated
    # of the plugins, GDCM ends the process on some broken pixels
    values = np.asarray(pixel_array(header, decoding_plugin="pydicom" if is_packed else ""))
    if values.size != np.prod(shape):
        raise _Unfit(f"its pixels have the shape {values.shape}, expected {shape}")
    return (values != 0 if kind == "BINARY" else values * 2.0 >= top).reshape(shape)
