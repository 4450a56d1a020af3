"""Aspects of masks, maps and films: as displayed, squashed, exchanged."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from sightline.aspect import has_aspect, looks_turned, misfit, picture_size


def photo(path: Path, rows: int, columns: int, orientation: int) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("L", (columns, rows)).save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_film_has_its_size_as_displayed(tmp_path: Path, orientation: int) -> None:
    expected = (60, 100) if orientation <= 4 else (100, 60)
    assert picture_size(photo(tmp_path / "x.jpg", 60, 100, orientation)) == expected
    assert picture_size(photo(tmp_path / "x.png", 60, 100, orientation)) == expected


def test_what_is_no_image_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no picture")
    assert picture_size(tmp_path / "x.png") is None
    assert picture_size("phantom:0") is None


def test_a_mask_fits_its_film_or_the_grid(tmp_path: Path) -> None:
    film = photo(tmp_path / "x.jpg", 200, 300, 1)
    for size in ((200, 300), (400, 600), (64, 64), (224, 224), (1001, 1500)):
        assert misfit(size, (64, 64), film) == ""
    told = misfit((300, 200), (64, 64), film)
    assert told.startswith("300 x 200 (rows x columns) does not have the aspect of its image, 200 x 300 or 64 x 64")
    assert told.endswith(
        "; it looks turned by 90 degrees: turn it, or exchange its rows and columns, as its image is shown"
    )
    assert "turned" not in misfit((100, 400), (64, 64), film)
    assert (
        misfit((200, 300), (64, 64), None)
        == "200 x 300 (rows x columns) does not have the aspect of its image, 64 x 64"
    )
    assert misfit((200, 300), (64, 64), "no.dcm", (100, 150)) == ""


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
