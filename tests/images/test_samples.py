"""Films at their own depth: their levels, their windows, and that these show what `read_film` prepares."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightline.images.decode import decoded
from sightline.images.samples import Samples, film_samples
from sightline.images.windows import film_windows, linear_window

pytest.importorskip("pydicom")
from dicom_films import content, film, lut


def png(pixels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def through_own(samples: Samples) -> np.ndarray:
    """uint8: the film as the page first shows it, one level at a time."""
    if samples.gray_L is not None:
        return samples.gray_L[samples.samples_HW]
    black, white = samples.windows["own"]
    levels = np.arange(samples.white + 1)
    gray = [min(max((level - black) / (white - black), 0), 1) for level in levels]
    gray[0] = 0.0 if samples.is_padded else gray[0]
    return np.rint(255 * np.array(gray)).astype(np.uint8)[samples.samples_HW]


def test_a_twelve_bit_png_keeps_its_values_and_is_shown_from_the_first_to_the_99th_percentile() -> None:
    values = np.random.default_rng(0).permutation(np.arange(4096, dtype=np.uint16)).reshape(64, 64)
    samples = film_samples(png(values), color=False)
    assert samples is not None
    np.testing.assert_array_equal(samples.samples_HW, values)
    assert samples.samples_HW.dtype == np.uint16
    assert (samples.white, samples.states_window) == (4095, False)
    expected = {"own": (40.0, 4055.0), "lung": (40.0, 2867.0), "bone": (1638.0, 4091.0), "whole": (0.0, 4095.0)}
    assert dict(samples.windows) == expected


@pytest.mark.parametrize("color", [False, True])
def test_what_is_no_deep_gray_film_has_no_samples(color: bool) -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for shallow in (png(gray), png(np.dstack([gray] * 3)), png(gray.astype(np.uint16)), content(film(gray))):
        assert film_samples(shallow, color) is None
    assert film_samples(content(film(np.dstack([gray] * 3))), color) is None
    with pytest.raises(ValueError, match="not an image"):
        film_samples(b"no film", color)
    with pytest.raises(ValueError, match="broken image"):
        film_samples(png(np.full((64, 64), 4000, np.uint16))[:60], color)


def test_floats_and_values_beyond_sixteen_bits_are_scaled_to_all_of_them() -> None:
    buffer = BytesIO()
    Image.fromarray(np.array([[0, 0.25], [0.5, 1]], np.float32)).save(buffer, format="TIFF")
    samples = film_samples(buffer.getvalue(), color=False)
    assert samples is not None
    assert samples.samples_HW.tolist() == [[0, 16384], [32768, 65535]]
    buffer = BytesIO()
    Image.fromarray(np.array([[0, 100_000], [200_000, 50_000]], np.int32)).save(buffer, format="TIFF")
    samples = film_samples(buffer.getvalue(), color=False, high_depth="image")
    assert samples is not None
    assert samples.samples_HW.tolist() == [[0, 32768], [65535, 16384]]


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
@pytest.mark.parametrize(
    ("attributes", "is_window"),
    [
        ({"WindowCenter": 300, "WindowWidth": 900}, True),
        ({"WindowCenter": 300, "WindowWidth": 900, "RescaleSlope": 0.5, "RescaleIntercept": -20}, True),
        ({"WindowCenter": -300, "WindowWidth": 900, "RescaleSlope": -1, "RescaleIntercept": 40}, True),
        ({"WindowCenter": 300, "WindowWidth": 900, "PixelPaddingValue": 7}, True),
        ({"WindowCenter": 300, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"}, False),
        ({"WindowCenter": 300, "WindowWidth": 1}, False),
        ({"VOILUTSequence": [lut(np.sqrt(np.arange(1500) * 900).astype(np.uint16), 0, 12)]}, False),
        ({"WindowCenter": 900, "WindowWidth": 1800, "ModalityLUTSequence": [lut(np.arange(2048) * 3, 0, 16)]}, True),
    ],
)
def test_the_own_look_of_a_dicom_film_is_the_prepared_one(
    attributes: dict[str, Any], is_window: bool, dtype: type, inverse: bool
) -> None:
    values = np.random.default_rng(1).integers(0, 2048, (48, 40)).astype(dtype)
    dataset = film(values, BitsStored=12, PhotometricInterpretation=f"MONOCHROME{1 if inverse else 2}", **attributes)
    samples = film_samples(content(dataset), color=False)
    assert samples is not None
    assert samples.states_window
    assert (samples.gray_L is None) == is_window
    prepared = decoded(content(dataset), 48, 40, color=False)
    np.testing.assert_allclose(through_own(samples).astype(int), prepared.astype(int), atol=1 if is_window else 0)
    assert all(black < white for black, white in samples.windows.values())


def test_levels_of_a_dicom_film_are_light_where_they_are_large_and_padding_is_below_all() -> None:
    values = np.array([[0, 1, 4095], [100, 100, 9]], np.uint16)
    dataset = film(values, BitsStored=12, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=9)
    samples = film_samples(content(dataset), color=False)
    assert samples is not None
    assert samples.samples_HW.tolist() == [[4096, 4095, 1], [3996, 3996, 0]]
    assert (samples.white, samples.states_window, samples.windows["whole"]) == (4096, False, (1.0, 4096.0))
    signed = film(np.array([[-2048, 0], [5, 2047]], np.int16), BitsStored=12)
    samples = film_samples(content(signed), color=False)
    assert samples is not None
    assert samples.samples_HW.tolist() == [[0, 2048], [2053, 4095]]
    windowed = film(values, BitsStored=12, WindowCenter=50, WindowWidth=60)
    chosen = film_samples(content(windowed), color=False, voi="none")
    assert chosen is not None
    assert not chosen.states_window


def test_windows_of_films_without_a_range() -> None:
    for counts in (np.zeros(5, int), np.array([0, 0, 9]), np.array([7])):
        windows = film_windows(counts, None)
        assert all(white == black + 1 for black, white in windows.values())
    assert linear_window(np.array([3, 9]), np.array([1.0, 0.0]))[1] is False
