"""DICOM segmentations of a radiograph, written with pydicom, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
SOURCE = "1.2.826.0.1.3680043.10.543.7"
CREATOR = "Reader^Zelda"


def segmentation(
    masks: Sequence[np.ndarray],
    labels: Sequence[str] = ("opacity", "mass"),
    segments: Sequence[int] | None = None,
    fractional: int = 0,
    **fields: Any,
) -> Dataset:
    """A segmentation with one frame for each mask, of segment 1, 2, ... unless `segments` says which.

    BINARY, or with `fractional` FRACTIONAL with that maximum: `masks` are then the stored values. `fields` replace
    elements of the header.
    """
    rows, cols = masks[0].shape
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = SEGMENTATION
    header.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.10.543.9"
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID = SEGMENTATION
    header.SOPInstanceUID = "1.2.826.0.1.3680043.10.543.9"
    header.Modality = "SEG"
    header.PatientName, header.PatientID = "Invented^Patient", "P-0815"
    header.ContentDate, header.ContentCreatorName = "20260102", CREATOR
    header.Rows, header.Columns, header.NumberOfFrames = rows, cols, len(masks)
    header.SamplesPerPixel, header.PhotometricInterpretation, header.PixelRepresentation = 1, "MONOCHROME2", 0
    header.SegmentSequence = [item(SegmentNumber=n, SegmentLabel=label) for n, label in enumerate(labels, start=1)]
    source = item(ReferencedSOPInstanceUID=SOURCE)
    header.ReferencedSeriesSequence = [item(ReferencedInstanceSequence=[source])]
    header.PerFrameFunctionalGroupsSequence = [
        item(
            SegmentIdentificationSequence=[item(ReferencedSegmentNumber=number)],
            DerivationImageSequence=[item(SourceImageSequence=[source])],
        )
        for number in segments or range(1, len(masks) + 1)
    ]
    stacked = np.stack(masks)
    if fractional:
        header.SegmentationType, header.MaximumFractionalValue = "FRACTIONAL", fractional
        header.BitsAllocated, header.BitsStored, header.HighBit = 8, 8, 7
        pixels = stacked.astype(np.uint8).tobytes()
    else:
        header.SegmentationType = "BINARY"
        header.BitsAllocated, header.BitsStored, header.HighBit = 1, 1, 0
        pixels = np.packbits(stacked.astype(bool).ravel(), bitorder="little").tobytes()
    header.PixelData = pixels + b"\0" * (len(pixels) % 2)
    for key, value in fields.items():
        setattr(header, key, value)
    return header


def item(**elements: Any) -> Dataset:
    """An item of a sequence."""
    dataset = Dataset()
    for key, value in elements.items():
        setattr(dataset, key, value)
    return dataset


def stored(header: Dataset) -> bytes:
    """The bytes of its file."""
    file = BytesIO()
    header.save_as(file, enforce_file_format=True)
    return file.getvalue()
