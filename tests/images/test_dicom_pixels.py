"""Stored values of DICOM films to gray, against arithmetic on each pixel that is written here a second time."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from dicom_films import content, film, lut
from sightline.images.decode import decoded, read_film

RNG = np.random.default_rng(16)


def shown(dataset: Any, voi: Any = "first") -> np.ndarray:
    """At its own size."""
    return decoded(content(dataset), int(dataset.Rows), int(dataset.Columns), False, voi=voi)


def window_by_hand(value: float, center: float, width: float, function: str) -> float:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3, its pseudo-code for one value, with an output from 0 to 1."""
    if function == "LINEAR":
        if value <= center - 0.5 - (width - 1) / 2:
            return 0.0
        if value > center - 0.5 + (width - 1) / 2:
            return 1.0
        return (value - (center - 0.5)) / (width - 1) + 0.5
    if function == "LINEAR_EXACT":
        return min(max((value - center) / width + 0.5, 0.0), 1.0)
    return 1 / (1 + np.exp(-4 * (value - center) / width))


def by_hand(
    stored: np.ndarray, rescale: Any, modality_lut: Any, window: Any, voi_lut: Any, inverse: bool, padding: Any
) -> np.ndarray:
    """uint8: each pixel by itself, in floating point; luts are (entries, first, bits)."""
    out = np.zeros(stored.shape, np.uint8)
    is_padding = np.zeros(stored.shape, bool)
    if padding is not None:
        is_padding = (stored >= min(padding)) & (stored <= max(padding))

    def modality(value: int) -> float:
        if modality_lut is not None:
            entries, first, _ = modality_lut
            return float(entries[min(max(value - first, 0), len(entries) - 1)])
        return value * rescale[0] + rescale[1] if rescale else float(value)

    kept = [modality(int(value)) for value in stored[~is_padding]]
    low, high = (min(kept), max(kept)) if kept else (0.0, 0.0)
    for place in np.ndindex(stored.shape):
        if is_padding[place]:
            continue
        value = modality(int(stored[place]))
        if voi_lut is not None:
            entries, first, bits = voi_lut
            gray = entries[min(max(round(value - first), 0), len(entries) - 1)] / (2**bits - 1)
        elif window is not None:
            gray = window_by_hand(value, *window)
        else:
            gray = (value - low) / ((high - low) or 1)
        out[place] = np.rint(255 * (1 - gray if inverse else gray))
    return out


BITS = [(8, False), (10, False), (12, False), (15, False), (16, False), (12, True), (16, True)]
POLARITY = [("MONOCHROME1", None), ("MONOCHROME2", None), ("MONOCHROME2", "INVERSE"), ("MONOCHROME1", "INVERSE"),
            ("MONOCHROME2", "IDENTITY")]  # fmt: skip


@pytest.mark.parametrize(("bits", "is_signed"), BITS)
def test_all_steps_in_their_order(bits: int, is_signed: bool) -> None:
    """Every modality step x VOI x polarity x padding, a fifth for each depth; 3 x 4 pixels, extremes among them."""
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
    stored = RNG.integers(low, high + 1, (3, 4))
    stored.flat[:4] = low, high, low + 1, high - 1
    dtype = ("i" if is_signed else "u") + ("1" if bits == 8 else "2")
    span = high - low
    entries = np.sort(RNG.integers(0, 2**12, 200))
    modality_luts = (entries, low + span // 4, 12)
    steps: list[tuple[Any, Any]] = [(None, None), ((0.5, -100.0), None), ((-1.0, 50.0), None), (None, modality_luts)]
    voi_entries = np.sort(RNG.integers(0, 2**10, 300))
    checked = 0
    cases = itertools.product(
        POLARITY, (None, (low,), (low, low + span // 3)), steps, ("none", "LINEAR", "LINEAR_EXACT", "SIGMOID", "lut")
    )
    first = BITS.index((bits, is_signed))
    for number, ((photometric, shape), padding, (rescale, modality_lut), voi) in enumerate(cases):
        if (number + number // 5) % 5 != first % 5:
            continue
        values = entries if modality_lut is not None else stored * (rescale or (1, 0))[0] + (rescale or (1, 0))[1]
        center, width = float(np.median(values)), max(float(np.ptp(values)) / 2, 2.0)
        center, width = round(center, 2), round(width, 2)
        voi_lut = (voi_entries, max(int(np.min(values) + np.ptp(values) // 3), -(2**15)), 10) if voi == "lut" else None
        attributes: dict[str, Any] = {"BitsStored": bits, "PhotometricInterpretation": photometric}
        if shape:
            attributes["PresentationLUTShape"] = shape
        if rescale:
            attributes |= {"RescaleSlope": rescale[0], "RescaleIntercept": rescale[1]}
        dataset = film(stored.astype(dtype), **attributes)
        if modality_lut is not None:
            dataset.ModalityLUTSequence = [lut(*modality_lut)]
        if voi_lut is not None:
            dataset.VOILUTSequence = [lut(*voi_lut)]
        elif voi != "none":
            dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = center, width, voi
        if padding:
            kind = "SS" if is_signed else "US"
            dataset.add_new("PixelPaddingValue", kind, padding[0])
            if len(padding) == 2:
                dataset.add_new("PixelPaddingRangeLimit", kind, padding[1])
        inverse = photometric == "MONOCHROME1" or shape == "INVERSE"
        window = (center, width, voi) if voi_lut is None and voi != "none" else None
        expected = by_hand(stored, rescale, modality_lut, window, voi_lut, inverse, padding)
        found = shown(dataset)
        # a half of a gray level rounds either way, by the last bit of a sum
        difference = np.abs(found.astype(int) - expected)
        case = f"{rescale} {modality_lut is not None} {voi} {photometric} {shape} {padding}"
        assert difference.max() <= 1, case
        assert np.count_nonzero(difference) <= 1, case
        if padding:
            assert not found[stored == padding[0]].any(), case
        checked += 1
    assert checked == 60


def test_a_small_film_by_hand() -> None:
    """4 pixels: 0, 100, 200, 4095 of 12 bits through the window 100 to 200, as positive and as negative."""
    stored = np.array([[0, 100], [150, 4095]], np.uint16)
    window = {"WindowCenter": 150.5, "WindowWidth": 101, "BitsStored": 12}
    np.testing.assert_array_equal(shown(film(stored, **window)), [[0, 0], [128, 255]])  # 127.5, to even
    negative = film(stored, PhotometricInterpretation="MONOCHROME1", **window)
    np.testing.assert_array_equal(shown(negative), [[255, 255], [128, 0]])
    negative.PresentationLUTShape = "INVERSE"
    np.testing.assert_array_equal(shown(negative), [[255, 255], [128, 0]])


def test_padding_is_black_in_a_negative_and_outside_of_the_range() -> None:
    """Without a window the range is the film's, 500 to 600; with the padding, 2,000, it were 15 times as wide."""
    stored = np.array([[2000, 500], [550, 600]], np.uint16)
    dataset = film(stored, PhotometricInterpretation="MONOCHROME1", BitsStored=12)
    dataset.add_new("PixelPaddingValue", "US", 2000)
    np.testing.assert_array_equal(shown(dataset), [[0, 255], [128, 0]])


def test_a_film_of_padding_alone_is_black() -> None:
    dataset = film(np.full((4, 4), 7, np.uint16), PhotometricInterpretation="MONOCHROME1")
    dataset.add_new("PixelPaddingValue", "US", 7)
    assert not shown(dataset).any()


@pytest.mark.parametrize("value", [7, 40000])
def test_a_film_of_one_value_is_black_or_white(value: int) -> None:
    flat = np.full((4, 4), value, np.uint16)
    assert not shown(film(flat)).any()
    assert (shown(film(flat, PhotometricInterpretation="MONOCHROME1")) == 255).all()


def test_high_bit_above_the_stored_bits_and_overlays_in_unused_ones() -> None:
    """12 bits stored in bits 4 to 15; and 12 low bits whose upper neighbours hold an overlay."""
    values = RNG.integers(0, 4096, (6, 6)).astype(np.uint16)
    plain = shown(film(values, BitsStored=12))
    np.testing.assert_array_equal(shown(film(values << 4, BitsStored=12, HighBit=15)), plain)
    with_overlay = values | (RNG.integers(0, 16, (6, 6)).astype(np.uint16) << 12)
    np.testing.assert_array_equal(shown(film(with_overlay, BitsStored=12)), plain)


def test_signed_values_without_their_sign_in_unused_bits() -> None:
    """-5 as 0x0FFB: 12 bits stored, the four above them empty."""
    values = RNG.integers(-2048, 2048, (6, 6)).astype(np.int16)
    plain = shown(film(values, BitsStored=12))
    np.testing.assert_array_equal(shown(film((values & 0x0FFF).astype(np.int16), BitsStored=12)), plain)


def test_which_window_or_lut_is_shown() -> None:
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    dataset = film(stored, WindowCenter=[64, 192], WindowWidth=[128, 64])
    first = shown(film(stored, WindowCenter=64, WindowWidth=128))
    second = shown(film(stored, WindowCenter=192, WindowWidth=64))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(shown(dataset, "first"), first)
    np.testing.assert_array_equal(shown(dataset, "window"), first)
    np.testing.assert_array_equal(shown(dataset, "second"), second)
    np.testing.assert_array_equal(shown(dataset, "none"), stored)
    dataset.VOILUTSequence = [lut(255 - np.arange(256), 0, 8), lut(np.arange(256) // 2, 0, 8)]
    np.testing.assert_array_equal(shown(dataset, "first"), 255 - stored)
    np.testing.assert_array_equal(shown(dataset, "second"), stored // 2)
    np.testing.assert_array_equal(shown(dataset, "window"), first)
    one = film(stored, WindowCenter=64, WindowWidth=128)
    np.testing.assert_array_equal(shown(one, "second"), first)  # the only one


def test_luts_packed_two_entries_to_a_word_are_read() -> None:
    """8-bit entries as OW: 256 bytes, and as 256 words."""
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for data in (bytes(255 - np.arange(256, dtype=np.uint8)), (255 - np.arange(256)).astype("<u2").tobytes()):
        dataset, item = film(stored), lut(np.arange(2), 0, 8)
        item.LUTDescriptor = [256, 0, 8]
        item.add_new("LUTData", "OW", data)
        dataset.VOILUTSequence = [item]
        np.testing.assert_array_equal(shown(dataset), 255 - stored)


def test_depth_is_kept_until_after_the_resizing() -> None:
    """Columns of 100.32 and 100.57 levels: their mean is 100, but 101 if they were rounded to 100 and 101 first."""
    stored = np.tile(np.array([1611, 1615], np.uint16), (256, 128))
    dataset = film(stored, BitsStored=12, WindowCenter=2048, WindowWidth=4096)
    assert (decoded(content(dataset), 64, 64, False) == 100).all()


@pytest.mark.parametrize("size", [(64, 64), (100, 30), (257, 190), (300, 400)])
def test_resizing_agrees_with_pillows_of_floats(size: tuple[int, int]) -> None:
    """Blocks of whole steps and what is left at the edges, against one resize of the whole film in floats."""
    from PIL import Image

    stored = RNG.integers(0, 4096, (257, 190)).astype(np.uint16)
    found = decoded(content(film(stored, BitsStored=12, WindowCenter=2048, WindowWidth=4096)), *size, False)
    floats = Image.fromarray((255 * (stored / 4095)).astype(np.float32))
    expected = np.asarray(floats.resize(size[::-1], Image.Resampling.BILINEAR, reducing_gap=2.0))
    assert np.abs(found - expected).max() <= 0.5001


def test_colour_secondary_captures_are_shown_as_they_are() -> None:
    pixels = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    dataset = film(pixels, Modality="OT", SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    np.testing.assert_array_equal(decoded(content(dataset), 20, 30, True), pixels)
    gray = decoded(content(dataset), 20, 30, False).astype(float)
    assert np.abs(gray - pixels @ [0.299, 0.587, 0.114]).max() <= 1
    assert read_film(content(dataset), 64, 64, True).depth == 8
    planes = film(pixels, PlanarConfiguration=1, Modality="OT")
    planes.PixelData = pixels.transpose(2, 0, 1).tobytes()
    np.testing.assert_array_equal(decoded(content(planes), 20, 30, True), pixels)
