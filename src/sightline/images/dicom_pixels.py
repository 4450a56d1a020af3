"""Stored values of a DICOM film to gray: modality LUT, VOI, inversion, padding, in this order (PS3.4 N.2).

All steps act on values, not on places, so they are applied to the table of all values that a pixel can hold, 2^bits
of them, and the film is looked up in it: exact, and far faster than arithmetic on each pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from pydicom import Dataset

Voi = Literal["first", "second", "window", "none"]

# The attributes that the pixels are made of.
PIXEL_TAGS = (
    "SOPClassUID", "Modality", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration",
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "ModalityLUTSequence", "RescaleSlope", "RescaleIntercept", "VOILUTSequence",
    "WindowCenter", "WindowWidth", "VOILUTFunction", "PresentationLUTShape", "LossyImageCompression",
    "PixelData", "FloatPixelData", "DoubleFloatPixelData",
)  # fmt: skip
STRIP = 64  # rows looked up at once: their indices stay in the cache, which halves the time (benchmarks/NOTES.md)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A film's stored values and how to read them."""

    patterns_HW: np.ndarray
    """Unsigned integers: the bits of each pixel, as in the file."""
    bits: int
    """BitsStored, 1 to 16."""
    shift: int
    """How many bits below the stored ones are not in use: HighBit + 1 - BitsStored, 0 in nearly all files."""
    is_signed: bool

    @property
    def values_V(self) -> np.ndarray:
        """int64, 2^bits: the value that each pattern of bits means; pattern p stands at place p."""
        values = np.arange(2**self.bits)
        return np.where(values >= 2 ** (self.bits - 1), values - 2**self.bits, values) if self.is_signed else values

    def places_HW(self) -> np.ndarray:
        """Each pixel's place in tables of 2^bits values. What lies above the stored bits, such as overlays, is cut."""
        places = self.patterns_HW >> self.shift if self.shift else self.patterns_HW
        if self.bits < 8 * places.dtype.itemsize and (self.is_signed or places.max(initial=0) >= 2**self.bits):
            places = places & places.dtype.type(2**self.bits - 1)
        return places


def gray_table(header: Dataset, stored: Stored, places_HW: np.ndarray, voi: Voi) -> np.ndarray:
    """float64, 2^bits values in [0, 1]: what each stored value is shown as, 0 black and 1 white.

    Modality LUT (sequence, else rescale); then `voi`: `first` is the first VOI LUT or, without one, the first window;
    `second` the second of those, or the first where it is the only one; `window` the first window even beside a LUT;
    `none`, and films without any, use the range of the film's own values, padding left out. Then values are inverted
    once if the film is MONOCHROME1 or its PresentationLUTShape is INVERSE: both say the same. Padding becomes black
    last, so that inversion does not make it white. Raises ValueError, naming the attribute, where one makes no sense.
    """
    is_padding_V = padding(header, stored)
    values_V = modality_values(header, stored.values_V)
    gray_V = _voi(header, values_V, voi)
    if gray_V is None:
        is_present_V = np.zeros(len(values_V), bool)
        is_present_V[places_HW] = True
        present = values_V[is_present_V & ~is_padding_V]
        low, high = (present.min(), present.max()) if len(present) else (0.0, 0.0)
        gray_V = ((values_V - low) / (high - low or 1.0)).clip(0, 1)
    if is_inverse(header):
        gray_V = 1 - gray_V
    return np.where(is_padding_V, 0.0, gray_V)


def modality_values(header: Dataset, values_V: np.ndarray) -> np.ndarray:
    """Stored values through the modality LUT: a sequence's entries, else slope and intercept, else as they are."""
    items = header.get("ModalityLUTSequence")
    if items:
        lut, first, _ = _lut(items[0], "ModalityLUTSequence", values_V)
        return lut[np.clip(values_V - first, 0, len(lut) - 1)]
    slope, intercept = _numbers(header, "RescaleSlope"), _numbers(header, "RescaleIntercept")
    if not slope and not intercept:
        return values_V
    if slope and slope[0] == 0:
        raise ValueError("RescaleSlope is 0")
    return values_V * (slope[0] if slope else 1.0) + (intercept[0] if intercept else 0.0)


def level_table(header: Dataset, stored: Stored) -> np.ndarray:
    """uint16, 2^bits: the place of each stored value in the order from black to white, as it is shown without a window.

    Neighbouring values differ by 1, so that a window is linear in levels where it is linear in values; through a
    modality LUT, levels are its entries, counted from the smallest. Where the film has padding, that alone is level 0.
    """
    values_V = modality_values(header, stored.values_V)
    if is_inverse(header):
        values_V = -values_V
    if header.get("ModalityLUTSequence"):
        levels_V = values_V - values_V.min()
    else:
        levels_V = np.unique(values_V, return_inverse=True)[1]
    is_padding_V = padding(header, stored)
    if is_padding_V.any():
        levels_V = np.where(is_padding_V, 0, levels_V + 1)
    return levels_V.clip(0, 2**16 - 1).astype(np.uint16)


def has_window(header: Dataset, voi: Voi) -> bool:
    """Whether `gray_table` uses a VOI LUT or window of the film, and not the range of its values."""
    if voi == "none":
        return False
    return bool(_numbers(header, "WindowCenter") or (voi != "window" and header.get("VOILUTSequence")))


def is_inverse(header: Dataset) -> bool:
    """Whether the largest value is black. One statement is enough, and two are no double inversion."""
    return (
        header.get("PhotometricInterpretation") == "MONOCHROME1"
        or str(header.get("PresentationLUTShape", "")).strip().upper() == "INVERSE"
    )


def padding(header: Dataset, stored: Stored) -> np.ndarray:
    """bool, 2^bits: the stored values that are padding: PixelPaddingValue, or from it to PixelPaddingRangeLimit."""
    ends = [
        _signed(int(end), stored)
        for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")
        if (end := _one(header, name)) is not None
    ]
    if "PixelPaddingValue" not in header or not ends:
        return np.zeros(2**stored.bits, bool)
    return (stored.values_V >= min(ends)) & (stored.values_V <= max(ends))


def looked_up(table_V: np.ndarray, places_HW: np.ndarray) -> np.ndarray:
    """H x W, of the table's dtype: the table's value at each place."""
    out = np.empty(places_HW.shape, table_V.dtype)
    for top in range(0, len(places_HW), STRIP):
        # mode: take's default, raise, would write to a buffer first; all places lie in the table
        table_V.take(places_HW[top : top + STRIP], out=out[top : top + STRIP], mode="clip")
    return out


def averaged(table_V: np.ndarray, places_HW: np.ndarray, step_rows: int, step_columns: int) -> np.ndarray:
    """float32: the means of the table's values over blocks of so many rows and columns, from the top left corner.

    Blocks at the right and lower edge are means of what they hold. The film is looked up and added strip by strip, and
    never lies in memory as floats, which takes more time than all arithmetic.
    """
    table_V = table_V.astype(np.float32)
    height = max(STRIP // step_rows, 1) * step_rows
    means = []
    for top in range(0, len(places_HW), height):
        rows_HW = _means(table_V.take(places_HW[top : top + height], mode="clip"), step_rows)
        means.append(_means(rows_HW.T, step_columns).T)
    return np.concatenate(means)


def _means(values_HW: np.ndarray, step: int) -> np.ndarray:
    """Means over blocks of `step` rows; the last block may have fewer."""
    sums_HW = values_HW[::step].copy()
    for row in range(1, step):
        part_HW = values_HW[row::step]
        sums_HW[: len(part_HW)] += part_HW
    left_over = len(values_HW) % step
    sums_HW[: len(values_HW) // step] /= step
    if left_over:
        sums_HW[-1] /= left_over
    return sums_HW


def _voi(header: Dataset, values_V: np.ndarray, voi: Voi) -> np.ndarray | None:
    """Values in [0, 1] through the VOI LUT or window of this choice; None where there is none."""
    luts = list(header.get("VOILUTSequence") or [])
    centers, widths = _numbers(header, "WindowCenter"), _numbers(header, "WindowWidth")
    if len(centers) != len(widths):
        raise ValueError(f"{len(centers)} WindowCenter and {len(widths)} WindowWidth")
    if voi == "none" or not (luts or centers):
        return None
    if luts and voi != "window":
        lut, first, bits = _lut(luts[min(voi == "second", len(luts) - 1)], "VOILUTSequence", values_V)
        places = np.clip(np.rint(values_V - first), 0, len(lut) - 1).astype(np.int64)
        return (lut[places] / (2.0**bits - 1)).clip(0, 1)
    if not centers:
        return None
    number = min(voi == "second", len(centers) - 1)
    return _window(values_V, centers[number], widths[number], str(header.get("VOILUTFunction") or "LINEAR"))


def _window(values_V: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """Values in [0, 1] through a window, by pydicom's LINEAR, LINEAR_EXACT or SIGMOID (PS3.3 C.11.2.1)."""
    from pydicom import Dataset
    from pydicom.pixels import apply_windowing

    function = function.strip().upper()
    least = 1 if function == "LINEAR" else np.finfo(float).tiny
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        raise ValueError("VOILUTFunction is not LINEAR, LINEAR_EXACT or SIGMOID")
    if not (np.isfinite([center, width]).all() and width >= least):
        raise ValueError("WindowWidth is too small, or no number")
    # a header of the window alone: pydicom derives the range of the result from the others, by a negative slope upside
    # down
    alone = Dataset()
    alone.WindowCenter, alone.WindowWidth, alone.VOILUTFunction = center, width, function
    alone.PhotometricInterpretation, alone.BitsStored, alone.PixelRepresentation = "MONOCHROME2", 16, 0
    with np.errstate(over="ignore"):  # exp(large) is inf, and 1 / inf the black that is meant
        return np.clip(apply_windowing(values_V.astype(np.float64), alone) / 65535, 0, 1)


def _lut(item: Dataset, name: str, values_V: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Entries, the first value that is mapped, and the bits of an entry, of a Modality or VOI LUT."""
    descriptor, data = _numbers(item, "LUTDescriptor"), item.get("LUTData")
    if len(descriptor) != 3 or data is None:
        raise ValueError(f"{name} is incomplete")
    count, first, bits = (int(number) for number in descriptor)
    count = count or 2**16
    if first >= 2**15 and values_V.min() < 0:
        first -= 2**16  # read as unsigned where the pixels are signed
    if isinstance(data, bytes):
        kind = "u1" if len(data) in (count, count + count % 2) and bits <= 8 else "<u2"
        entries = np.frombuffer(data[: len(data) // np.dtype(kind).itemsize * np.dtype(kind).itemsize], kind)
    else:
        entries = np.atleast_1d(np.asarray(data, dtype=np.int64))
    if len(entries) < count or not 8 <= bits <= 16:
        raise ValueError(f"{name} has fewer entries than it says, or entries of other than 8 to 16 bits")
    return entries[:count].astype(np.int64) & 0xFFFF, first, bits


def _signed(value: int, stored: Stored) -> int:
    """A padding value as the pixels' type reads it: in signed files it may be written unsigned."""
    return value - 2**16 if stored.is_signed and value >= 2**15 else value


def _one(header: Dataset, name: str) -> float | None:
    numbers = _numbers(header, name)
    return numbers[0] if numbers else None


def _numbers(header: Dataset, name: str) -> list[float]:
    """The attribute's values; [] where it is missing or empty. ValueError where they are no finite numbers."""
    if name not in header:
        return []
    try:
        value = header[name].value
        if value is None or value == "":
            return []
        many = [value] if not hasattr(value, "__len__") or isinstance(value, str | bytes) else list(value)
        if name.startswith("PixelPadding") and isinstance(value, bytes):
            many = [int.from_bytes(value[:2], "little")]
        numbers = [float(number) for number in many]
    except Exception:  # values of any kind in a broken header make pydicom raise errors of any kind
        raise ValueError(f"{name} is no number") from None
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} is no number")
    return numbers
