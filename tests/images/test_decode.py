"""PNG and JPEG of any mode, depth and orientation as 8-bit arrays of the study's size."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML

from bug_inputs import bug_input
from sightline.images.decode import decoded, read_film
from sightline.images.depth import HighDepth
from studies import change, stage


def test_every_mode_decodes_to_the_same_gray(tmp_path: Path) -> None:
    gray = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    picture = Image.fromarray(gray)
    opaque = Image.new("L", picture.size, 255)
    variants = {
        "gray.png": picture,
        "rgb.png": picture.convert("RGB"),
        "rgba.png": Image.merge("RGBA", (picture, picture, picture, opaque)),
        "la.png": Image.merge("LA", (picture, opaque)),
        "palette.png": picture.convert("P"),
        "sixteen.png": Image.fromarray(gray.astype(np.uint16) * 257),
    }
    for name, variant in variants.items():
        variant.save(tmp_path / name)
        np.testing.assert_array_equal(decoded(tmp_path / name, 64, 64, False, "full"), gray, err_msg=name)
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    picture.convert("1", dither=Image.Dither.NONE).save(tmp_path / "one.png")
    assert np.abs(decoded(tmp_path / "cmyk.jpg", 64, 64, False, "full").astype(int) - gray).max() <= 6
    np.testing.assert_array_equal(decoded(tmp_path / "one.png", 64, 64, False, "full"), np.where(gray > 127, 255, 0))
    assert decoded(tmp_path / "gray.png", 64, 64, True, "full").shape == (64, 64, 3)


def test_a_jpegs_gray_is_the_brightness_it_stores(tmp_path: Path) -> None:
    """Exactly Pillow's gray for a gray picture stored in colour, as the data set's are; to a level for colours."""
    rows, cols = np.mgrid[:64, :80]
    gray = (64 + rows + cols // 2).astype(np.uint8)
    # muted colours: what lies outside the cube of colours is clipped there, and its brightness with it
    for name, pixels, most in (
        ("gray", np.stack([gray, gray, gray], axis=2), 0),
        ("colour", np.stack([gray, 160 - gray // 2, 64 + cols.astype(np.uint8)], axis=2), 1),
    ):
        path = tmp_path / f"{name}.jpeg"
        Image.fromarray(pixels).save(path, quality=95, subsampling=0)
        with Image.open(path) as picture:
            expected = np.asarray(picture.convert("L")).astype(int)
        off = np.abs(decoded(path, 64, 80, False, "full").astype(int) - expected)
        assert off.max() <= most, name


def test_transparency_is_laid_over_black(tmp_path: Path) -> None:
    Image.new("RGBA", (64, 64), (200, 200, 200, 0)).save(tmp_path / "clear.png")
    assert decoded(tmp_path / "clear.png", 64, 64, False, "full").max() == 0


def test_twelve_bits_in_sixteen_use_the_image_range(tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.linspace(0, 4095, 64).astype(np.uint16), (64, 1))).save(tmp_path / "x.png")
    assert decoded(tmp_path / "x.png", 64, 64, False, "full").max() == 16
    assert decoded(tmp_path / "x.png", 64, 64, False, "image").max() == 255


def test_resize_is_antialiased(tmp_path: Path) -> None:
    checker = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checker).save(tmp_path / "x.png")
    small = decoded(tmp_path / "x.png", 64, 64, False, "full")
    assert np.abs(small.astype(int) - 127.5).max() <= 2  # nearest or plain bilinear would keep 0 and 255


def test_averaging_a_large_picture_first_hardly_shows(tmp_path: Path) -> None:
    rows, cols = np.mgrid[:960, :1320]
    noise = np.random.default_rng(0).normal(0, 6, rows.shape)
    picture = Image.fromarray((128 + 90 * np.sin(rows / 40) * np.cos(cols / 30) + noise).clip(0, 255).astype(np.uint8))
    picture.save(tmp_path / "x.png")
    at_once = np.asarray(picture.resize((224, 224), Image.Resampling.BILINEAR)).astype(int)
    difference = decoded(tmp_path / "x.png", 224, 224, False, "full") - at_once
    assert np.abs(difference).max() <= 2
    assert np.sqrt((difference**2).mean()) < 0.6
    assert abs(difference.mean()) < 0.2  # the average of four is rounded too, halves upwards: an eighth


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64), np.uint8)
    pixels[:32] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "x.jpg", exif=exif, quality=95)
    found = decoded(tmp_path / "x.jpg", 64, 64, False, "full")
    assert found[:30].max() < 10
    assert found[34:].min() > 245


def png_of(values: np.ndarray, color_type: int, significant_bits: int = 0) -> bytes:
    """A 16-bit PNG of any colour type, written here by PNG's own rules (filter none), perhaps with an sBIT."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = values.shape[:2]
    rows = values.reshape(height, -1).astype(">u2")
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    channels = rows.shape[1] // width
    stated = chunk(b"sBIT", bytes([significant_bits] * channels)) if significant_bits else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + stated + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("bits", "usual"), [(7, 8), (8, 8), (9, 10), (10, 10), (12, 12), (13, 14), (15, 15), (16, 16)])
def test_by_default_white_is_the_top_of_the_depth_that_a_film_uses(bits: int, usual: int) -> None:
    """A ramp up to the top of so many bits: white is the top of the next usual depth, and the ramp keeps its levels."""
    ramp = np.linspace(0, 2**bits - 1, 64 * 64).astype(np.uint16).reshape(64, 64)
    film = read_film(png_of(ramp, 0), 64, 64, False)
    assert film.depth == usual
    np.testing.assert_array_equal(film.pixels, np.rint(ramp * (255.0 / (2**usual - 1))))
    assert film.num_levels == len(np.unique(film.pixels)) >= min(2**bits, 128)


def test_twelve_bits_keep_their_levels_where_full_has_seventeen() -> None:
    ramp = np.linspace(0, 4064, 64 * 64).astype(np.uint16).reshape(64, 64)
    levels = {depth: read_film(png_of(ramp, 0), 64, 64, False, depth).num_levels for depth in get_args(HighDepth)}
    assert levels == {"own": 254, "full": 17, "image": 256}


def test_the_stated_depth_of_a_png() -> None:
    """sBIT 12: values of up to 12 bits are 12 bits; larger ones are scaled to 16 bits, as PNG's rule has it."""
    ramp = np.linspace(0, 900, 64 * 64).astype(np.uint16).reshape(64, 64)
    assert read_film(png_of(ramp, 0), 64, 64, False).depth == 10
    assert read_film(png_of(ramp, 0, 12), 64, 64, False).depth == 12
    scaled = np.linspace(0, 4095, 64 * 64).astype(np.uint16).reshape(64, 64) * 16
    film = read_film(png_of(scaled, 0, 12), 64, 64, False)
    assert film.depth == 16
    np.testing.assert_array_equal(film.pixels, np.rint(scaled * (255.0 / 65535)))


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bit_colour_and_transparency_keep_their_levels(channels: int) -> None:
    """RGB, gray with alpha and RGB with alpha of 12 bits, whose upper byte has 16 levels: opaque, as the gray film."""
    ramp = np.linspace(0, 4095, 64 * 64).astype(np.uint16).reshape(64, 64)
    color_type = {2: 4, 3: 2, 4: 6}[channels]
    is_clear = channels in (2, 4)
    parts = [ramp] * (channels - is_clear) + [np.full_like(ramp, 65535)] * is_clear
    film = read_film(png_of(np.stack(parts, axis=2), color_type), 64, 64, False)
    assert film.depth == 12
    np.testing.assert_array_equal(film.pixels, read_film(png_of(ramp, 0), 64, 64, False).pixels)
    assert film.num_levels == 256
    color = read_film(png_of(np.stack(parts, axis=2), color_type), 64, 64, True).pixels
    np.testing.assert_array_equal(color, np.repeat(film.pixels[..., None], 3, axis=2))
    if is_clear:
        parts[-1] = np.full_like(ramp, 32768)  # half opaque over black
        half = read_film(png_of(np.stack(parts, axis=2), color_type), 64, 64, False).pixels
        assert np.abs(half - ramp * (255 / 4095) * (32768 / 65535)).max() <= 0.5001


def test_colours_of_sixteen_bits_become_gray_by_their_brightness() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (64, 80, 3)).astype(np.uint16)
    found = read_film(png_of(values, 2), 64, 80, False).pixels
    assert np.abs(found - values @ [0.299, 0.587, 0.114] * (255 / 65535)).max() <= 0.5001
    np.testing.assert_array_equal(read_film(png_of(values, 2), 64, 80, True).pixels, np.rint(values * (255 / 65535)))


def test_a_sixteen_bit_png_of_every_filter_and_upright(tmp_path: Path) -> None:
    """OpenCV writes it, with filters of its own choice, and a turned one is set upright."""
    cv2 = pytest.importorskip("cv2")
    rows, columns = np.mgrid[:70, :90]
    values = np.stack([500 * rows, 300 * columns, 200 * (rows + columns)], axis=2).astype(np.uint16)
    clear = np.concatenate([values, np.full((70, 90, 1), 65535, np.uint16)], axis=2)
    for pixels in (values, clear):
        cv2.imwrite(str(tmp_path / "x.png"), pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])
        expected = np.rint(values * (255 / 65535))
        np.testing.assert_array_equal(read_film(tmp_path / "x.png", 70, 90, True).pixels, expected)
    exif = Image.Exif()
    exif[0x0112] = 6
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    turned = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
    whole = png_of(values, 2)
    film = read_film(whole[:33] + turned + whole[33:], 90, 70, True)
    np.testing.assert_array_equal(film.pixels, np.rot90(np.rint(values * (255 / 65535)), -1))


@pytest.mark.parametrize(("color_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_a_broken_sixteen_bit_png_is_refused(color_type: int, channels: int) -> None:
    whole = png_of(np.random.default_rng(0).integers(0, 65536, (64, 64, channels)), color_type)
    for end in (30, 70, len(whole) // 2):
        with pytest.raises(ValueError, match=r"broken image|not an image"):
            read_film(whole[:end], 64, 64, False)


def test_files_of_eight_bits_are_as_they_were(tmp_path: Path) -> None:
    """The same pixels for every `high_depth`, and those of Pillow alone."""
    picture = Image.fromarray(np.random.default_rng(4).integers(0, 256, (300, 200), dtype=np.uint8))
    picture.save(tmp_path / "x.png")
    expected = np.asarray(picture.resize((64, 64), Image.Resampling.BILINEAR, reducing_gap=2.0))
    for high_depth in get_args(HighDepth):
        film = read_film(tmp_path / "x.png", 64, 64, False, high_depth)
        np.testing.assert_array_equal(film.pixels, expected)
        assert (film.depth, film.facts) == (8, None)


def test_values_above_sixteen_bits_are_refused_but_for_the_images_own_maximum(tmp_path: Path) -> None:
    Image.fromarray(np.full((64, 64), 70000, np.int32)).save(tmp_path / "x.tiff")
    depths: tuple[Literal["own", "full"], ...] = ("own", "full")
    for high_depth in depths:
        with pytest.raises(ValueError, match=r"above 65535; set data\.high_depth to image"):
            decoded(tmp_path / "x.tiff", 64, 64, False, high_depth)
    assert decoded(tmp_path / "x.tiff", 64, 64, False, "image").min() == 255
    Image.fromarray(np.full((64, 64), np.nan, np.float32)).save(tmp_path / "nan.tiff")
    with pytest.raises(ValueError, match="NaN or infinite"):
        decoded(tmp_path / "nan.tiff", 64, 64, False)


def test_twelve_bits_of_the_shared_input(tmp_path: Path) -> None:
    """Prepared by default, the films of png-12-bit keep more than 200 gray levels; with `full` there is a warning."""
    folder = bug_input("png-12-bit", tmp_path)
    stopped = stage("prepare", folder)
    assert stopped.returncode == 1
    assert re.fullmatch(
        r"error: data\.high_depth: 3 films of 3 \(.*\) would keep fewer than 64 of 256 gray levels; "
        r"set it to own or image, or data\.few_levels to accept if the films are so\n",
        stopped.stderr,
    ), stopped.stderr
    assert not (folder / "data/prepared/index.csv").exists()
    data = YAML().load(folder / "params.yaml")["data"]
    change(folder, data={**data, "few_levels": "accept"})
    assert "warning: fewer than 64 of 256 gray levels; see data.high_depth: 3 films" in stage("prepare", folder).stdout
    change(folder, data={**data, "high_depth": "own"})  # the input states the default of its day, full
    done = stage("prepare", folder)
    assert done.returncode == 0, done.stderr
    images = np.load(folder / "data/prepared/images.npy")
    assert min(len(np.unique(image)) for image in images) > 200
    assert pd.read_csv(folder / "data/prepared/index.csv")["depth"].tolist() == [12, 12, 12]
