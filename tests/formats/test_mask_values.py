"""Which pixels of a mask file are inside, by what its values can mean; and the values of PNGs of every depth."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageFilter

from sightline.formats.mask_png import png_values
from sightline.formats.mask_values import inside, mixed_whites, white_of

SIDE = 64


def square(value: float, dtype: type = np.uint8, top: int = 20, side: int = 16) -> np.ndarray:
    values = np.zeros((SIDE, SIDE), dtype)
    values[top : top + side, 10 : 10 + side] = value
    return values


def png(picture: Image.Image, **options: object) -> np.ndarray:
    stored = BytesIO()
    picture.save(stored, "PNG", **options)
    return png_values(stored.getvalue())


SQUARE = square(1) > 0


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (SQUARE, 255),
        (square(1), 1),
        (square(255), 255),
        (square(200), 255),  # dim, but one area, and above half
        (square(1, np.uint16), 1),
        (square(255, np.uint16), 255),  # 16 bits of which 8 are used
        (square(65535, np.uint16), 65535),
        (square(65535, np.int32), 65535),
        (square(1, np.float64), 1),
        (square(255, np.float32), 255),
    ],
)
def test_every_white_is_inside(values: np.ndarray, white: int) -> None:
    mask = inside(values)
    assert mask.dtype == bool
    assert np.array_equal(mask, SQUARE)
    assert white_of(values) == white


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float64])
def test_an_all_black_mask_is_empty(dtype: type) -> None:
    assert not inside(np.zeros((5, 7), dtype)).any()
    assert white_of(np.zeros((5, 7), dtype)) == 0


def two(first: int, second: int, dtype: type = np.uint8) -> np.ndarray:
    values = square(first, dtype)
    values[45:55, 40:50] = second
    return values


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (two(1, 2), "brightest pixel is 2;"),
        (two(255, 128), r"areas of several values \(128, 255\)"),
        (two(255, 200), r"areas of several values \(200, 255\)"),
        (two(255, 1), r"areas of several values \(1, 255\)"),  # 255: a border in label masks
        (two(255, 20), r"areas of several values \(20, 255\)"),
        (two(65535, 100, np.uint16), r"areas of several values \(100, 65535\)"),
        (two(65535, 32768, np.uint16), r"areas of several values \(32768, 65535\)"),
        (square(2), "brightest pixel is 2;"),
        (square(128), "brightest pixel is 128;"),
        (square(4095, np.uint16), "brightest pixel is 4095 of 65535"),
        (square(0.4, np.float64), "brightest pixel is 0.4;"),
        (255 - square(255), r"looks black on white \(94% of the image and 100% of its border"),
        (~SQUARE, "looks black on white"),
        (1 - square(1), "looks black on white"),
        (np.full((9, 9), 255, np.uint8), "looks black on white"),
        (square(-1, np.int16), "values from -1 to 0"),
        (square(np.nan, np.float64), "values from nan"),
        (square(70_000, np.int64), "values from 0 to 70000"),
        (np.zeros((4, 4, 3), np.uint8), r"shape \(4, 4, 3\)"),
        (np.zeros((0, 4), np.uint8), r"shape \(0, 4\)"),
        (np.full((4, 4), "x"), "expected numbers"),
    ],
)
def test_what_can_mean_two_things_is_refused(values: np.ndarray, named: str) -> None:
    with pytest.raises(ValueError, match=named) as refused:
        inside(values)
    assert "\n" not in str(refused.value)


def test_a_dark_second_finding_is_noticed_inside_the_first_beside_it_and_apart_from_it() -> None:
    for place in (np.s_[24:32, 14:22], np.s_[20:36, 26:34], np.s_[50:54, 50:54]):
        values = square(255)
        values[place] = 90
        with pytest.raises(ValueError, match="areas of several values"):
            inside(values)


def test_soft_edges_and_noise_of_jpeg_are_no_second_finding() -> None:
    """Ellipses and boxes at random places, softened and stored in many ways: read by brighter than 128."""
    rng = np.random.default_rng(16)
    y, x = np.mgrid[:SIDE, :SIDE]
    for _ in range(40):
        row, col = rng.uniform(20, 44, 2)
        tall, wide = rng.uniform(7, 18, 2)
        drawn = ((y - row) / tall) ** 2 + ((x - col) / wide) ** 2 <= 1
        if rng.random() < 0.5:
            drawn = (abs(y - row) <= tall) & (abs(x - col) <= wide)
        picture = Image.fromarray(drawn.astype(np.uint8) * 255)
        soft = [picture.filter(ImageFilter.GaussianBlur(radius)) for radius in (0.5, 1, 2)]
        soft += [picture.resize((side, side), how) for side in (31, 150) for how in (Image.Resampling.BILINEAR, 3, 1)]
        for quality in (30, 60, 80, 90, 95):
            stored = BytesIO()
            picture.save(stored, "JPEG", quality=quality)
            soft.append(Image.open(stored))
        for each in soft:
            values = np.asarray(each)
            assert np.array_equal(inside(values), values > 128)


def test_a_mask_may_touch_the_border_and_fill_half_of_the_image() -> None:
    left = np.zeros((20, 20), np.uint8)
    left[:, :11] = 255
    assert inside(left).sum() == 220


def test_masks_of_0_and_1_beside_masks_of_0_and_255_are_named() -> None:
    assert mixed_whites({"a": 1, "b": 1, "c": 0}) == []
    assert mixed_whites({"a": 255, "b": 65535, "c": 0}) == []
    mixed = mixed_whites({"a.png": 1, "b.png": 255, "c.png": 0, "d.png": 1})
    assert [line.split(":")[0] for line in mixed] == ["a.png", "d.png"]
    assert "that of b.png 255; save all masks with 0 and 255" in mixed[0]


def test_a_png_of_any_mode_and_depth_gives_its_values() -> None:
    white = Image.fromarray(square(255))
    palette = Image.fromarray(square(1), "P")
    palette.putpalette([0, 0, 0, 255, 255, 255])
    clear = Image.new("RGBA", (SIDE, SIDE), (255, 255, 255, 0))
    clear.paste((255, 255, 255, 255), (10, 20, 26, 36))
    for picture in (white, white.convert("1"), white.convert("RGB"), white.convert("LA"), palette, clear):
        assert np.array_equal(inside(png(picture)), SQUARE), picture.mode
    for top in (1, 255, 65535):
        values = png(Image.fromarray(square(top, np.uint16)))
        assert values.max() == top
        assert np.array_equal(inside(values), SQUARE)


def test_a_png_whose_marks_pillow_would_lose_is_refused() -> None:
    black = Image.fromarray(square(1), "P")
    black.putpalette([0, 0, 0, 0, 0, 0])
    with pytest.raises(ValueError, match="palette is all black"):
        png(black)
    with pytest.raises(ValueError, match="not a PNG"):
        png_values(b"GIF89a")


def test_a_png_of_16_bit_colours_in_the_lower_8_bits_is_refused() -> None:
    """White is 255 of 65,535 here, and Pillow keeps the upper 8 bits: the mask would be empty."""
    cv2 = pytest.importorskip("cv2")
    for top, is_lost in ((255, True), (65535, False)):
        stored = cv2.imencode(".png", np.repeat(square(top, np.uint16)[:, :, None], 3, axis=2))[1].tobytes()
        if is_lost:
            with pytest.raises(ValueError, match="16-bit colours"):
                png_values(stored)
        else:
            assert np.array_equal(inside(png_values(stored)), SQUARE)
