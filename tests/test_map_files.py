"""One map per file: every mode of a gray PNG gives the same numbers; colours and transparency are refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bug_inputs import bug_input
from sightline.map_files import read_map

GRAY = np.arange(0, 240, 5, dtype=np.uint8).reshape(6, 8)
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def png_bytes(pixels_HWC: np.ndarray, color_type: int, is_interlaced: bool = False) -> bytes:
    """A PNG by its specification, 8 or 16 bits as the array, without filters: Pillow cannot write all of them."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = pixels_HWC.shape[:2]
    depth = 8 * pixels_HWC.dtype.itemsize
    big = pixels_HWC.astype(f">u{pixels_HWC.dtype.itemsize}")
    passes = [big[top::down, left::across] for top, left, down, across in ADAM7] if is_interlaced else [big]
    rows = b"".join(b"\0" + row.tobytes() for part in passes if part.size for row in part)
    head = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, int(is_interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def written(tmp_path: Path, content: Image.Image | bytes) -> Path:
    path = tmp_path / "map.png"
    path.write_bytes(content) if isinstance(content, bytes) else content.save(path)
    return path


def palette_of(colors: np.ndarray) -> Image.Image:
    """A palette PNG whose entry i is colors[i]; pixel p has entry 255 - p."""
    picture = Image.new("P", GRAY.shape[::-1])
    picture.putdata((255 - GRAY).ravel().tolist())
    picture.putpalette(colors.astype(np.uint8).ravel().tolist())
    return picture


def opaque(*channels: np.ndarray) -> np.ndarray:
    top = np.iinfo(channels[0].dtype).max
    return np.dstack([*channels, np.full_like(channels[0], top)])


GRAY16 = GRAY.astype(np.uint16) * 257
GRAYS = {
    "gray": Image.fromarray(GRAY),
    "gray with alpha": Image.fromarray(opaque(GRAY), mode="LA"),
    "RGB": Image.fromarray(np.dstack([GRAY] * 3)),
    "RGBA": Image.fromarray(opaque(*[GRAY] * 3)),
    "palette in reverse": palette_of(np.arange(255, -1, -1)[:, None].repeat(3, axis=1)),
    "16-bit gray": png_bytes(GRAY16[..., None], 0),
    "16-bit gray with alpha": png_bytes(opaque(GRAY16), 4),
    "16-bit RGB": png_bytes(np.dstack([GRAY16] * 3), 2),
    "16-bit RGBA": png_bytes(opaque(*[GRAY16] * 3), 6),
    "interlaced": png_bytes(GRAY[..., None], 0, is_interlaced=True),
    "interlaced, 16-bit gray with alpha": png_bytes(opaque(GRAY16), 4, is_interlaced=True),
}


@pytest.mark.parametrize("name", GRAYS)
def test_a_gray_png_of_any_mode_is_the_same_map(tmp_path: Path, name: str) -> None:
    np.testing.assert_array_equal(read_map(written(tmp_path, GRAYS[name])), GRAY / 255)


def test_one_bit_is_zero_and_one_and_sixteen_bits_keep_all_levels(tmp_path: Path) -> None:
    assert read_map(written(tmp_path, Image.fromarray(GRAY > 100))).tolist() == (GRAY > 100).astype(float).tolist()
    fine = np.array([[0, 1, 256, 65535]], np.uint16)
    for picture in (
        *(Image.fromarray(fine), png_bytes(opaque(fine), 4), png_bytes(np.dstack([fine] * 3), 2)),
        png_bytes(opaque(*[fine] * 3), 6),
    ):
        assert read_map(written(tmp_path, picture)).tolist() == [[0, 1 / 65535, 256 / 65535, 1]]


RAINBOW = np.stack([np.arange(256), np.arange(255, -1, -1), np.full(256, 9)], axis=1)
HALF = np.dstack([GRAY, np.where(GRAY > 100, 255, 128).astype(np.uint8)])
REFUSED = {
    "a palette of colours": (palette_of(RAINBOW), "a coloured PNG"),
    "RGB": (Image.fromarray(np.dstack([GRAY, GRAY, 255 - GRAY])), "a coloured PNG"),
    "one coloured pixel": (Image.fromarray(np.dstack([GRAY, GRAY, GRAY + (GRAY == 5)])), "a coloured PNG"),
    "16-bit RGB, one level apart": (png_bytes(np.dstack([GRAY16, GRAY16, GRAY16 ^ 1]), 2), "a coloured PNG"),
    "half transparent": (Image.fromarray(HALF, mode="LA"), "has transparent pixels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_colours_and_transparency_are_no_map(tmp_path: Path, name: str) -> None:
    picture, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        read_map(written(tmp_path, picture))


def test_a_transparent_gray_level_is_refused_where_a_pixel_has_it(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    Image.fromarray(GRAY).save(path, transparency=3)  # no pixel is 3
    np.testing.assert_array_equal(read_map(path), GRAY / 255)
    Image.fromarray(GRAY).save(path, transparency=5)
    with pytest.raises(ValueError, match="has transparent pixels"):
        read_map(path)


@pytest.mark.parametrize("values", [np.zeros((2, 2, 3)), np.zeros(0), np.zeros((2, 2), complex), np.array([["a"]])])
def test_an_npy_holds_real_numbers_in_two_dimensions(tmp_path: Path, values: np.ndarray) -> None:
    np.save(tmp_path / "map.npy", values)
    with pytest.raises(ValueError, match="expected h x w real numbers"):
        read_map(tmp_path / "map.npy")


def test_files_that_are_no_maps_say_so(tmp_path: Path) -> None:
    for name, message in (("a.npy", "not a readable NPY"), ("a.png", "not a PNG")):
        (tmp_path / name).write_text("no")
        with pytest.raises(ValueError, match=message):
            read_map(tmp_path / name)
    np.save(tmp_path / "b.npy", np.array([[np.nan, 1, np.inf]]))
    with pytest.raises(ValueError, match="2 values that are NaN or infinite"):
        read_map(tmp_path / "b.npy")


def test_the_reported_maps_in_four_modes_are_one_and_the_same(tmp_path: Path) -> None:
    folder = bug_input("map-png-modes", tmp_path)
    for name in ("im0.png", "im1.png", "im2.png"):
        palette, alpha, rgb, bit = (read_map(folder / mode / name) for mode in ("palette", "alpha", "rgb", "bit1"))
        np.testing.assert_array_equal(palette, alpha)
        np.testing.assert_array_equal(rgb, alpha)
        assert set(np.unique(bit)) == {0, 1}
        assert alpha.max() > 0
