"""Lung masks from a folder: of their film's aspect or the grid's, in any white, under any spelling of their names."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.lungs import read_lungs
from sightline.study.errors import StudyError

GRID = (64, 64)
ACCENTED = "im_\u00e9"


def saved(path: Path, values: np.ndarray, **options: Image.Exif) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)
    return path


def half(rows: int, columns: int, white: int = 255, dtype: type = np.uint8) -> np.ndarray:
    """The left half white."""
    values = np.zeros((rows, columns), dtype)
    values[:, : columns // 2] = white
    return values


def read(folder: Path, images: list[str], films: list[Path]) -> np.ndarray:
    pixels = np.zeros((len(images), *GRID), np.uint8)
    masks, kind = read_lungs(images, pixels, [str(film) for film in films], folder / "lungs", folder / "none.npz")
    assert kind == "masks"
    return masks


def test_a_mask_has_the_aspect_of_its_film_or_of_the_grid(tmp_path: Path) -> None:
    film = saved(tmp_path / "film.png", np.zeros((200, 300), np.uint8))
    for size in ((200, 300), (100, 150), (64, 64), (128, 128)):
        saved(tmp_path / "lungs/a.png", half(*size))
        (mask,) = read(tmp_path, ["a"], [film])
        assert mask[:, :32].all()
        assert not mask[:, 32:].any()
    saved(tmp_path / "lungs/a.png", half(300, 200))
    saved(tmp_path / "lungs/b.png", half(100, 400))
    with pytest.raises(StudyError) as caught:
        read(tmp_path, ["a", "b", "c"], [film] * 3)
    turned, other, missing = caught.value.cases
    assert "a.png: 300 x 200 (rows x columns) does not have the aspect of its image, 200 x 300 or 64 x 64" in turned
    assert "looks turned by 90 degrees" in turned
    assert "b.png: 100 x 400" in other
    assert "turned" not in other
    assert missing.endswith("c.png: missing")


def test_a_photograph_turned_by_exif_counts_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    film = saved(tmp_path / "film.jpg", np.zeros((60, 100), np.uint8), exif=exif)
    saved(tmp_path / "lungs/a.png", half(100, 60))
    assert read(tmp_path, ["a"], [film]).any()
    saved(tmp_path / "lungs/a.png", half(60, 100))
    with pytest.raises(StudyError) as caught:
        read(tmp_path, ["a"], [film])
    assert "EXIF orientation" in caught.value.cases[0]


@pytest.mark.parametrize(("white", "dtype"), [(1, np.uint8), (255, np.uint16), (65535, np.uint16)])
def test_any_white_is_read_and_labels_are_refused(tmp_path: Path, white: int, dtype: type) -> None:
    film = saved(tmp_path / "film.png", np.zeros((64, 64), np.uint8))
    saved(tmp_path / "lungs/a.png", half(64, 64, white, dtype))
    assert read(tmp_path, ["a"], [film]).sum() == 64 * 32
    labels = half(64, 64, 1)
    labels[:, 40:] = 2  # right and left lung
    saved(tmp_path / "lungs/a.png", labels)
    with pytest.raises(StudyError):
        read(tmp_path, ["a"], [film])


def test_a_mask_of_0_and_1_beside_others_is_refused(tmp_path: Path) -> None:
    film = saved(tmp_path / "film.png", np.zeros((64, 64), np.uint8))
    saved(tmp_path / "lungs/a.png", half(64, 64, 1))
    saved(tmp_path / "lungs/b.png", half(64, 64))
    with pytest.raises(StudyError) as caught:
        read(tmp_path, ["a", "b"], [film, film])
    assert len(caught.value.cases) == 1
    assert "a.png: its brightest pixel is 1" in caught.value.cases[0]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_match_in_either_unicode_form(tmp_path: Path, form: str) -> None:
    film = saved(tmp_path / "film.png", np.zeros((64, 64), np.uint8))
    saved(tmp_path / "lungs" / f"{unicodedata.normalize(form, ACCENTED)}.PNG", half(64, 64))
    assert read(tmp_path, [ACCENTED], [film]).any()


def test_masks_move_nowhere_when_they_shrink(tmp_path: Path) -> None:
    """150 to 64 pixels: nearest neighbour would move the mask by half a pixel against its mirror image."""
    film = saved(tmp_path / "film.png", np.zeros((150, 150), np.uint8))
    values = np.zeros((150, 150), np.uint8)
    values[31:90, 40:77] = 255
    saved(tmp_path / "lungs/a.png", values)
    saved(tmp_path / "lungs/b.png", values[::-1, ::-1])
    plain, mirrored = read(tmp_path, ["a", "b"], [film, film])
    np.testing.assert_array_equal(plain[::-1, ::-1], mirrored)
