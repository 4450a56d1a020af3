"""Aspects of masks, maps and films: as displayed, squashed, exchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dicom_films import film as film_of
from dicom_films import written
from sightline.aspect import has_aspect, looks_turned, misfit, turned_map
from sightline.images.film_size import film_size


def photo(path: Path, rows: int, columns: int, orientation: int) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("L", (columns, rows)).save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_film_has_its_size_as_displayed(tmp_path: Path, orientation: int) -> None:
    expected = (60, 100) if orientation <= 4 else (100, 60)
    assert film_size(photo(tmp_path / "x.jpg", 60, 100, orientation)) == expected
    assert film_size(photo(tmp_path / "x.png", 60, 100, orientation)) == expected


def test_exif_behind_the_pixels_of_a_png_counts(tmp_path: Path) -> None:
    path = photo(tmp_path / "x.png", 60, 100, 6)
    content = path.read_bytes()
    start = content.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], "big")
    last = content.index(b"IEND") - 4
    path.write_bytes(content[:start] + content[end:last] + content[start:end] + content[last:])
    assert film_size(path) == (100, 60)
    path.write_bytes(content[:start] + content[end:])
    assert film_size(path) == (60, 100)


def test_what_is_no_image_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no picture")
    assert film_size(tmp_path / "x.png") is None
    assert film_size("phantom:0") is None


def test_a_mask_fits_its_film_or_the_grid(tmp_path: Path) -> None:
    film = photo(tmp_path / "x.jpg", 200, 300, 1)
    for size in ((200, 300), (400, 600), (64, 64), (224, 224), (1001, 1500)):
        assert misfit(size, (64, 64), film) == ""
    told = misfit((300, 200), (64, 64), film)
    assert told.startswith("300 x 200 (rows x columns) does not have the aspect of its image, 200 x 300 or 64 x 64")
    assert told.endswith(
        "; it looks turned by 90 degrees: turn it, or exchange its rows and columns, to fit the film as displayed"
    )
    assert "turned" not in misfit((100, 400), (64, 64), film)
    assert (
        misfit((200, 300), (64, 64), None)
        == "200 x 300 (rows x columns) does not have the aspect of its image, 64 x 64"
    )


def test_a_mask_of_the_raw_pixels_of_a_turned_photograph_is_told_so(tmp_path: Path) -> None:
    film = photo(tmp_path / "x.jpg", 60, 100, 6)  # shown 100 x 60
    assert misfit((100, 60), (64, 64), film) == ""
    assert "EXIF orientation" in misfit((60, 100), (64, 64), film)


def test_maps_of_coarse_grids_look_turned_only_where_the_other_way_is_clearly_nearer() -> None:
    film, square = (200, 300), (64, 64)
    assert looks_turned((10, 7), [film, square])
    for size in ((7, 10), (7, 7), (14, 14), (4, 5), (1, 1)):
        assert not looks_turned(size, [film, square])
    assert not looks_turned((10, 7), [square])  # of a square film nothing can be told
    assert has_aspect((99, 100), [square])
    assert not has_aspect((97, 100), [square])


def test_a_map_is_told_with_its_film_and_the_fix(tmp_path: Path) -> None:
    film = photo(tmp_path / "x.jpg", 200, 300, 1)
    told = turned_map((10, 7), (64, 64), film)
    assert told.startswith(
        "10 x 7 (rows x columns) on an image of 200 x 300 or 64 x 64 looks turned by 90 degrees: turn"
    )
    assert turned_map((7, 10), (64, 64), film) == turned_map((10, 7), (64, 64), None) == ""


def test_a_dicom_film_has_the_size_of_its_header(tmp_path: Path) -> None:
    path = written(tmp_path / "x.dcm", film_of(np.zeros((20, 30), np.uint16)))
    assert misfit((40, 60), (64, 64), path) == ""
    assert "20 x 30 or 64 x 64; it looks turned" in misfit((60, 40), (64, 64), path)
