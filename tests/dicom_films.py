"""DICOM films made for tests, with pydicom, one attribute at a time."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.uid import (  # noqa: E402
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)


def film(pixels_HW: np.ndarray, transfer_syntax: str = ExplicitVRLittleEndian, **attributes: Any) -> Dataset:
    """A CR film of these stored values, MONOCHROME2, all bits stored; `attributes` by keyword, None takes one away."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = transfer_syntax
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["film", str(sorted(attributes))])
    dataset.Modality = "CR"
    dataset.Rows, dataset.Columns = pixels_HW.shape[:2]
    dataset.SamplesPerPixel = 1 if pixels_HW.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels_HW.ndim == 2 else "RGB"
    if pixels_HW.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels_HW.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels_HW.dtype.kind == "i")
    dataset.PixelData = pixels_HW.tobytes() + b"\0" * (pixels_HW.nbytes % 2)
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    if "BitsStored" in attributes and "HighBit" not in attributes:
        dataset.HighBit = dataset.BitsStored - 1
    return dataset


def content(dataset: Dataset) -> bytes:
    """The dataset as a file's bytes."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def written(path: Path, dataset: Dataset) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content(dataset))
    return path


def lut(entries: np.ndarray, first: int, bits: int) -> Dataset:
    """An item of a Modality or VOI LUT Sequence."""
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries) % 65536, first, bits])
    item.add_new("LUTData", "US", [int(entry) for entry in entries])
    item.ModalityLUTType = "US"
    return item
