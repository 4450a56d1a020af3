"""Masks and tables as people write them, through the stage consensus: read rightly or refused, never silently empty."""

from __future__ import annotations

import contextlib
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score

from bug_inputs import bug_input
from sightline.experts.annotation_reader import is_time, read_annotations, read_finished
from sightline.maps import scaled_maps
from sightline.stages import consensus, prepare
from sightline.study.errors import StudyError
from sightline.study.files import read_csv, read_json, write_csv

ROWS, COLUMNS = 32, 48  # of the grid
INDEX = pd.DataFrame({"image": ["one", "two"], "split": "test", "source": ["phantom:0", "phantom:1"]})
FIELDS = ["annotation", "image", "annotator", "profession", "mask", "created_at"]


def box(top: int, left: int, rows: int, columns: int, scale: int = 2) -> np.ndarray:
    mask = np.zeros((scale * ROWS, scale * COLUMNS), bool)
    mask[top : top + rows, left : left + columns] = True
    return mask


def folder_of(place: Path, masks: dict[str, np.ndarray], **columns: list[str]) -> Path:
    """A folder with one annotation of `one` for each mask (bool, or values), by readers r0, r1, ..."""
    (place / "masks").mkdir(parents=True, exist_ok=True)
    for name, mask in masks.items():
        values = np.where(mask, 255, 0).astype(np.uint8) if mask.dtype == bool else mask
        Image.fromarray(values).save(place / "masks" / f"{name}.png")
    number = range(len(masks))
    nothing = ["" for _ in number]
    table = {
        "annotation": list(masks), "image": ["one" for _ in number], "annotator": [f"r{n}" for n in number],
        "profession": nothing, "mask": [f"{name}.png" for name in masks], "created_at": nothing,
    }  # fmt: skip
    write_csv(place / "annotations.csv", pd.DataFrame(table | columns))
    return place


def read(place: Path, cleanup: str = "auto", index: pd.DataFrame = INDEX) -> tuple[pd.DataFrame, np.ndarray]:
    return read_annotations(place, index, (ROWS, COLUMNS), cleanup)  # type: ignore[arg-type]


def refused(place: Path) -> list[str]:
    with pytest.raises(StudyError) as caught:
        read(place)
    return list(caught.value.cases)


def test_auto_takes_regions_as_they_are_and_cleans_up_strokes(tmp_path: Path) -> None:
    ring = box(8, 8, 40, 60)
    ring[12:44, 12:64] = False
    masks = {"region": ring, "stroke": ring, "unsaid": ring}
    place = folder_of(tmp_path, masks, drawn=["Region", "stroke", ""])
    table, masks_AHW = read(place)
    assert table["annotation"].tolist() == ["region", "stroke", "unsaid"]
    as_is, filled = 20 * 30 - 16 * 26, 20 * 30
    assert masks_AHW[0].sum() == as_is
    assert masks_AHW[1:].sum(axis=(1, 2)).tolist() == [filled] * 2
    assert read(place, "none")[1].sum(axis=(1, 2)).tolist() == [as_is] * 3
    assert read(place, "paper")[1].sum(axis=(1, 2)).tolist() == [filled] * 3
    write_csv(place / "annotations.csv", read_csv(place / "annotations.csv", {}).drop(columns="drawn"))
    assert read(place)[1].sum(axis=(1, 2)).tolist() == [filled] * 3  # a file of before, without the column
    folder_of(tmp_path, masks, drawn=["region", "pen", "box"])
    assert [case.partition("row ")[2] for case in refused(place)] == [
        "3: drawn is 'pen', expected region, stroke or nothing",
        "4: drawn is 'box', expected region, stroke or nothing",
    ]


def test_small_regions_stay_and_are_counted(tmp_path: Path) -> None:
    """Nearest neighbour would lose both: no sample falls on them."""
    small = box(21, 31, 1, 1) | box(41, 51, 1, 1)
    large = box(11, 11, 20, 20)
    table, masks_AHW = read(folder_of(tmp_path, {"large": large, "small": small}, drawn=["region"] * 2))
    assert np.argwhere(masks_AHW[1]).tolist() == [[10, 15], [20, 25]]
    assert table["num_saved"].tolist() == [0, 2]
    assert table["num_thin"].tolist() == [0, 0]
    half = masks_AHW[0]  # rows and columns 5.5 to 15.5: halves count, quarters at the corners do not
    assert half.sum() == 11 * 11 - 4
    assert half[5, 6:15].all()
    assert not half[5, 5]


@pytest.mark.parametrize("axis", [0, 1])
def test_mirrored_masks_give_mirrored_annotations(tmp_path: Path, axis: int) -> None:
    rng = np.random.default_rng(3)
    masks = {f"m{n}": rng.random((75, 113)) < share for n, share in enumerate((0.001, 0.02, 0.4, 0.6))}
    mirrored = {name: np.flip(mask, axis) for name, mask in masks.items()}
    regions = ["region"] * len(masks)
    plain = read(folder_of(tmp_path / "plain", masks, drawn=regions))[1]
    other = read(folder_of(tmp_path / "mirrored", mirrored, drawn=regions))[1]
    np.testing.assert_array_equal(np.flip(plain, axis + 1), other)


@pytest.mark.parametrize(
    ("white", "dtype"),
    [(1, np.uint8), (200, np.uint8), (255, np.uint8), (1, np.uint16), (255, np.uint16), (65535, np.uint16)],
)
def test_white_may_be_1_or_255_or_65535_in_8_and_16_bits(tmp_path: Path, white: int, dtype: type) -> None:
    values = (box(8, 8, 20, 30) * white).astype(dtype)
    for drawn in ("region", "stroke"):
        _, masks_AHW = read(folder_of(tmp_path, {"a": values, "b": values}, drawn=[drawn] * 2))
        assert masks_AHW.sum(axis=(1, 2)).tolist() == [150, 150]
    Image.fromarray(values).save(tmp_path / "masks" / "one.png")
    for name in ("a", "b"):
        (tmp_path / "masks" / f"{name}.png").unlink()
    finished = read_finished(tmp_path / "masks", INDEX, (ROWS, COLUMNS))
    assert finished.masks_CHW.sum() == 150


def test_masks_that_can_mean_two_things_are_refused(tmp_path: Path) -> None:
    first, second = box(4, 4, 20, 20), box(30, 50, 20, 20)
    masks = {
        "a_labels": (first * 1 + second * 2).astype(np.uint8),
        "b_dark": (first * 255 + second * 100).astype(np.uint8),
        "c_inverse": np.where(first, 0, 255).astype(np.uint8),
        "d_one": first.astype(np.uint8),
        "e_white": first,
    }
    told = refused(folder_of(tmp_path, masks))
    assert len(told) == 4
    for name, words in zip(
        masks, ("brightest pixel is 2", "100, 255", "black on white", "brightest pixel is 1"), strict=False
    ):
        assert any(f"{name}.png" in line and words in line for line in told), (name, told)


@pytest.mark.parametrize("name", ["masks-0-1-pipeline", "masks-16-bit-255"])
def test_shared_masks_are_three_regions(tmp_path: Path, name: str) -> None:
    folder = bug_input(name, tmp_path)
    with contextlib.chdir(folder):
        prepare.main()
        consensus.main()
        metrics = read_json("metrics/consensus.json")
    drawn = [np.asarray(Image.open(path)) > 0 for path in sorted((folder / "masks").glob("*.png"))]
    assert metrics["nonempty_consensus"] == metrics["test_images"] == len(drawn) == 3
    assert metrics["consensus_pixels_percent"] == pytest.approx(100 * np.mean(drawn), abs=0.1)


def test_a_spreadsheet_s_dates_are_refused_with_their_rows(tmp_path: Path) -> None:
    mask = box(8, 8, 20, 20)
    times = ["01/12/2026 09:00", "2026-12-01T09:00:00Z", "30.11.2026", "", "46357.375"]
    place = folder_of(tmp_path, {f"a{n}": mask for n in range(5)}, created_at=times)
    told = refused(place)
    assert [case.partition(", ")[2].partition(" is not")[0] for case in told] == [
        "row 2: created_at '01/12/2026 09:00'",
        "row 4: created_at '30.11.2026'",
        "row 6: created_at '46357.375'",
    ]
    good = ["2026-12-01", "2026-12-01 09:00", "2026-12-01T09:00:00.5+01:00", "2026/12/01 09:00", "2026/12/01"]
    assert is_time(pd.Series(good)).all()
    assert len(read(folder_of(tmp_path, {f"a{n}": mask for n in range(5)}, created_at=good))[0]) == 5


def test_the_shared_spreadsheet_s_dates_are_refused(tmp_path: Path) -> None:
    folder = bug_input("csv-excel-dates", tmp_path) / "annotations"
    names = sorted(set(read_csv(folder / "annotations.csv", {"image": str})["image"]))
    index = pd.DataFrame({"image": names, "split": "test", "source": "phantom:0"})
    with pytest.raises(StudyError) as caught:
        read_annotations(folder, index, (48, 64))
    assert len(caught.value.cases) == 6
    assert "row 2: created_at '01/12/2026 09:00' is not an ISO 8601 time" in "".join(caught.value.cases)


def test_the_shared_trailing_commas_change_nothing(tmp_path: Path) -> None:
    folder = bug_input("csv-trailing-comma", tmp_path) / "annotations"
    index = pd.DataFrame({"image": ["im1", "im2", "im3"], "split": "test", "source": "phantom:0"})
    table, masks_AHW = read_annotations(folder, index, (48, 64), "none")
    assert table["annotation"].tolist() == ["im1-A", "im1-B", "im2-A", "im2-B", "im3-A", "im3-B"]
    assert masks_AHW.any(axis=(1, 2)).all()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_match_in_either_unicode_form(tmp_path: Path, form: str) -> None:
    accented = "im_\u00e9"
    name = unicodedata.normalize(form, accented)
    index = INDEX.assign(image=[accented, "two"])
    place = folder_of(tmp_path, {"a": box(8, 8, 20, 20)}, image=[f" {name} "])
    table, _ = read_annotations(place, index, (ROWS, COLUMNS))
    assert table["image"].tolist() == [accented]
    Image.fromarray(np.where(box(8, 8, 20, 20), 255, 0).astype(np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "masks/a.png").rename(tmp_path / f"masks/{name}.png")
    other = unicodedata.normalize("NFD" if form == "NFC" else "NFC", f"{accented}.png")
    table = read_csv(place / "annotations.csv", {"mask": str})
    write_csv(place / "annotations.csv", table.assign(mask=other))
    assert read(place, index=index)[1].any()
    assert read_finished(tmp_path / "masks", index, (ROWS, COLUMNS)).images == [accented]


def test_a_mask_of_the_raw_pixels_of_a_turned_photograph_is_named_with_the_fix(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (100, 60)).save(tmp_path / "one.jpg", exif=exif)  # shown with 100 rows, 60 columns
    index = INDEX.assign(source=str(tmp_path / "one.jpg"))
    raw = np.zeros((60, 100), bool)
    raw[10:20, 10:40] = True
    place = folder_of(tmp_path, {"raw": raw, "shown": np.rot90(raw, -1)})
    with pytest.raises(StudyError) as caught:
        read_annotations(place, index, (64, 64))
    (told,) = caught.value.cases
    assert "raw.png: 60 x 100 (rows x columns) does not have the aspect of its image, 100 x 60 or 64 x 64" in told
    assert "it looks turned by 90 degrees: the film is displayed turned, as its EXIF orientation says" in told


def precision(maps: Path, masks: Path, images: list[str]) -> list[float]:
    """Average precision of each image's map on a grid of 28 x 28, by scikit-learn."""
    index = pd.DataFrame({"image": images, "split": "test", "source": "phantom:0"})
    finished = read_finished(masks, index, (28, 28))
    scaled_MHW = [scaled_maps(np.load(maps / f"{image}.npy")[None], 28, 28)[0] for image in finished.images]
    return [
        average_precision_score(mask_HW.ravel(), map_HW.ravel())
        for mask_HW, map_HW in zip(finished.masks_CHW, scaled_MHW, strict=True)
    ]


def test_maps_and_masks_mirrored_together_score_the_same(tmp_path: Path) -> None:
    folder = bug_input("nearest-mirror", tmp_path)
    images = sorted(path.stem for path in (folder / "plain/masks").iterdir())
    halves = (folder / name for name in ("plain", "mirrored"))
    plain, mirrored = (precision(half / "maps", half / "masks", images) for half in halves)
    np.testing.assert_allclose(plain, mirrored, rtol=1e-9)
