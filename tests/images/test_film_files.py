"""The film files of a folder by image name, and their sizes."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from sightline.images.film_files import film_files, film_sizes
from sightline.study.errors import StudyError


def film(path: Path, rows: int = 6, cols: int = 8, orientation: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("L", (cols, rows)).save(path, exif=exif)
    return path


def test_sizes_are_those_of_films_as_shown_in_folders_below_too(tmp_path: Path) -> None:
    film(tmp_path / "a.png")
    film(tmp_path / "deep" / "er" / "b.jpg", orientation=6)
    film(tmp_path / "copy" / "a.jpeg")
    film(tmp_path / unicodedata.normalize("NFD", "é.png"))
    film(tmp_path / ".hidden.png")
    (tmp_path / "notes.txt").write_text("mine")
    assert film_sizes(tmp_path) == {"a": (6, 8), "b": (8, 6), unicodedata.normalize("NFC", "é"): (6, 8)}
    assert film_files(tmp_path)["a"] == [tmp_path / "a.png", tmp_path / "copy" / "a.jpeg"]


def test_all_that_is_no_film_is_told_at_once(tmp_path: Path) -> None:
    film(tmp_path / "a.png")
    film(tmp_path / "a.jpg", rows=9)
    (tmp_path / "b.png").write_text("no")
    (tmp_path / "c.dcm").write_text("no")
    with pytest.raises(StudyError) as told:
        film_sizes(tmp_path)
    assert [case.rpartition("/")[2] for case in told.value.cases] == [
        "a.png: two sizes of image a", "b.png: not a readable image", "c.dcm: not a readable image",
    ]  # fmt: skip
    with pytest.raises(StudyError, match=r"--images .*gone: no such folder"):
        film_sizes(tmp_path / "gone")
