"""PNG and JPEG of any mode, depth and orientation as 8-bit arrays of the study's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from sightline.images.decode import decoded


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
