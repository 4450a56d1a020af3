"""Maps from elsewhere join by name in either Unicode form; a map that lies on its side is refused."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
from PIL import Image

from bug_inputs import bug_input
from studies import change, stage, study

ACCENTED = "im_\u00e9"


def prepared(folder: Path, rows: int, columns: int, orientation: int = 1) -> Path:
    """A study of two films of that size as stored, `one` and an accented name; returns the folder of its maps."""
    study(folder, data__source="folder", data__root="raw")
    change(folder, models={"peer": {"maps": "ext", "method": "saliency"}})
    exif = Image.Exif()
    exif[0x0112] = orientation
    place = folder / "raw/test/PNEUMONIA"
    place.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (rows, columns), dtype=np.uint8)
    for name in ("one", ACCENTED):
        Image.fromarray(pixels).save(place / f"{name}.png", exif=exif)
    done = stage("prepare", folder)
    assert done.returncode == 0, done.stderr
    (folder / "ext").mkdir()
    return folder / "ext"


def test_names_match_in_either_unicode_form(tmp_path: Path) -> None:
    maps = prepared(tmp_path, 80, 80)
    np.save(maps / f"{unicodedata.normalize('NFD', ACCENTED)}.npy", np.eye(7))
    done = stage("import_maps", tmp_path, "peer")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "data/saliency/peer.npz") as stored:
        assert stored["images"].tolist() == [ACCENTED]
    np.save(maps / f"{ACCENTED}.npy", np.eye(7))
    done = stage("import_maps", tmp_path, "peer")
    assert done.returncode == 1
    assert f"a second map of {ACCENTED}" in done.stderr


def test_the_shared_maps_belong_to_their_films(tmp_path: Path) -> None:
    """`import-maps` said of the accented one: in no split of the study."""
    shared = bug_input("nfd-name", tmp_path / "shared")
    maps = prepared(tmp_path, 80, 80)
    (accented,) = (path for path in (shared / "maps").iterdir() if len(path.stem) > 3)
    np.save(maps / unicodedata.normalize("NFD", accented.name), np.load(accented))
    done = stage("import_maps", tmp_path, "peer")
    assert done.returncode == 0, done.stderr


def test_a_map_on_its_side_is_refused_with_the_fix(tmp_path: Path) -> None:
    maps = prepared(tmp_path, 60, 90)
    np.save(maps / "one.npy", np.random.default_rng(1).random((9, 6)))
    done = stage("import_maps", tmp_path, "peer")
    assert done.returncode == 1
    assert "one.npy: 9 x 6 (rows x columns) on an image of 60 x 90 or 64 x 64 looks turned by 90 degrees" in done.stderr
    assert not (tmp_path / "data/saliency/peer.npz").exists()
    for size in ((6, 9), (7, 7), (60, 90), (64, 64)):
        np.save(maps / "one.npy", np.random.default_rng(1).random(size))
        assert stage("import_maps", tmp_path, "peer").returncode == 0


def test_a_map_of_the_raw_pixels_of_a_turned_photograph_is_refused(tmp_path: Path) -> None:
    maps = prepared(tmp_path, 60, 90, orientation=6)
    np.save(maps / "one.npy", np.random.default_rng(1).random((60, 90)))
    done = stage("import_maps", tmp_path, "peer")
    assert done.returncode == 1
    assert "EXIF orientation" in done.stderr
    np.save(maps / "one.npy", np.random.default_rng(1).random((90, 60)))
    assert stage("import_maps", tmp_path, "peer").returncode == 0
