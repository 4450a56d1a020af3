"""Tables of public data sets as torchxrayvision packages them; nothing of them is in this repository."""

from __future__ import annotations

import gzip
import zipfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sightline.formats.annotations import ImportOptions
from sightline.formats.readers import format_of, read_files

SPEC = find_spec("torchxrayvision")
DATA = Path(SPEC.origin).parent / "data" if SPEC is not None and SPEC.origin else Path()
pytestmark = pytest.mark.skipif(SPEC is None, reason="torchxrayvision is not installed")


def unpacked(name: str, folder: Path) -> Path:
    """A packaged table as its data set has it, without the compression."""
    path = folder / Path(name).stem
    if name.endswith(".zip"):
        with zipfile.ZipFile(DATA / name) as archive:
            path.write_bytes(archive.read(archive.namelist()[0]))
    else:
        path.write_bytes(gzip.decompress((DATA / name).read_bytes()))
    return path


def test_rsna_has_its_published_numbers_of_patients_and_boxes(tmp_path: Path) -> None:
    path = unpacked("kaggle_stage_2_train_labels.csv.zip", tmp_path)
    assert format_of(path) == "rsna"
    found = read_files([path], ImportOptions(annotator="rsna"))
    assert found.problems == []
    assert len(found.drawings) == len(found.images) == 26_684
    marked = [drawing for drawing in found.drawings if len(drawing.counts) > 1]
    assert len(marked) == 6_012
    table = pd.read_csv(path)
    boxes = table[table.Target == 1].groupby("patientId")
    assert Counter(boxes.size()) == {1: 2_614, 2: 3_266, 3: 119, 4: 13}
    # RSNA's boxes are whole numbers
    for drawing in marked[::500]:
        mask_HW = np.zeros((1024, 1024), bool)
        for x, y, width, height in boxes.get_group(drawing.image)[["x", "y", "width", "height"]].to_numpy(int):
            mask_HW[y : y + height, x : x + width] = True
        assert np.array_equal(drawing.mask, mask_HW)


def test_nih_has_its_984_boxes(tmp_path: Path) -> None:
    path = unpacked("BBox_List_2017.csv.gz", tmp_path)
    assert format_of(path) == "nih"
    found = read_files([path], ImportOptions(annotator="nih"))
    assert found.problems == []
    assert len(found.drawings) == 880
    assert len(pd.read_csv(path)) == 984
    numbers = {
        label: len(read_files([path], ImportOptions(annotator="nih", labels={label})).drawings)
        for label in ("Infiltration", "Infiltrate", "Pneumonia", "Pneumothorax")
    }
    assert numbers == {"Infiltration": 123, "Infiltrate": 123, "Pneumonia": 120, "Pneumothorax": 98}


def test_siim_has_its_films_and_areas(tmp_path: Path) -> None:
    path = unpacked("siim-pneumothorax-train-rle.csv.gz", tmp_path)
    assert format_of(path) == "siim"
    found = read_files([path], ImportOptions(annotator="siim"))
    assert found.problems == []
    table = pd.read_csv(path)
    assert len(table) == 12_954
    assert len(found.drawings) == 12_047
    shares = np.array([drawing.counts[1::2].sum() / 1024**2 for drawing in found.drawings])
    assert (shares == 0).sum() == 9_378
    assert round(100 * shares[shares > 0].mean(), 2) == 1.37
    # the published 1.1% are of a row; by the lengths in the file, since several rows are one drawing
    lengths = [sum(map(int, cell.split()[1::2])) for cell in table[" EncodedPixels"] if cell.strip() != "-1"]
    assert len(lengths) == 3_576
    assert round(100 * np.mean(lengths) / 1024**2, 1) == 1.1


def test_vinbigdata_has_three_readers_on_each_of_15000_films(tmp_path: Path) -> None:
    path = unpacked("vinbigdata-train.csv.gz", tmp_path)
    assert format_of(path) == "vindr"
    found = read_files([path], ImportOptions(is_size_needed=False, labels={"Pneumothorax"}))
    assert found.problems == []
    assert len(pd.read_csv(path)) == 67_914
    assert len(found.images) == 15_000
    assert Counter(Counter(drawing.image for drawing in found.drawings).values()) == {3: 15_000}
    assert len({drawing.annotator for drawing in found.drawings}) == 17
    assert len(found.labels) == 14
