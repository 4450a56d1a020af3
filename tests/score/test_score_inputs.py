"""What `sightline score` takes: several MASKS of any format, sizes, sides that belong together, patients, names."""

from __future__ import annotations

import argparse
import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bug_inputs import bug_input
from dicom_films import film, written
from foreign_maps import (
    COLS,
    IMAGES,
    MASKS,
    ROWS,
    annotation_rows,
    box,
    map_folder,
    mask_folder,
    png,
    refusal,
    score,
)
from sightline.alignment.ladder import MapsAndRegions, score_images
from sightline.experts.annotation_writer import write_folder
from sightline.formats.coco import coco_document
from sightline.scoring.command import add_arguments
from sightline.scoring.gather import gather
from sightline.scoring.patients import named_patients, warning_of
from sightline.scoring.request import Request
from sightline.scoring.results import Origin
from sightline.study.errors import StudyError
from studies import sightline

PERFECT = {image: mask.astype(float) for image, mask in MASKS.items()}


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    return map_folder(tmp_path / "cam", PERFECT)


def gathered(*words: object) -> tuple[MapsAndRegions, Origin]:
    """What the command reads, without its scores, which cost seconds."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return gather(parser.parse_args([str(word) for word in words]))


def means(study: MapsAndRegions) -> dict[str, float]:
    """The first candidate's mean of each metric."""
    return {metric: float(values[0].mean()) for metric, values in score_images(study, ()).by_metric.items()}


def same_readers(study: MapsAndRegions, other: MapsAndRegions) -> bool:
    """Whether two studies have the same regions, from readers in the same order."""
    assert study.images == other.images
    pairs = zip(study.readers_MRHW, other.readers_MRHW, strict=True)
    return np.array_equal(study.masks_MHW, other.masks_MHW) and all(np.array_equal(one, two) for one, two in pairs)


def by_reader(tmp_path: Path) -> list[Path]:
    """The rows of `annotation_rows` as a COCO file for each reader, which names nobody."""
    paths = []
    for reader in range(3):
        rows = [row for row in annotation_rows() if row.annotation.endswith(f"-{reader}")]
        document = coco_document(rows, "pneumonia")
        for annotation in document["annotations"]:
            del annotation["attributes"]
        document["info"].pop("contributor", None)
        paths.append(tmp_path / f"reader{reader}.json")
        paths[-1].write_text(json.dumps(document))
    return paths


# ------------------------------------------------------------------------------------------------------ several MASKS


def test_files_of_several_readers_are_the_consensus_of_the_folder(tmp_path: Path, maps: Path) -> None:
    write_folder(tmp_path / "drawn", annotation_rows())
    whole, _ = gathered(maps, tmp_path / "drawn", "--cleanup", "none")
    apart, origin = gathered(maps, *by_reader(tmp_path))
    assert origin.is_single
    assert same_readers(apart, whole)
    assert apart.reader_names_MR == [["reader0", "reader1", "reader2"]] * 4


def test_a_png_folder_for_each_reader_and_a_file_beside_the_studys_folder(tmp_path: Path, maps: Path) -> None:
    rows = annotation_rows()
    write_folder(tmp_path / "drawn", rows)
    whole, _ = gathered(maps, tmp_path / "drawn", "--cleanup", "none")
    folders = [
        mask_folder(
            tmp_path / f"r{reader}" / "masks", {row.image: row.mask for row in rows if row.annotator == f"r{reader}"}
        )
        for reader in range(3)
    ]
    apart, _ = gathered(maps, *folders)
    assert same_readers(apart, whole)
    assert apart.reader_names_MR == [[str(folder) for folder in folders]] * 4  # all are called masks
    write_folder(tmp_path / "two", [row for row in rows if row.annotator != "r2"])
    mixed, _ = gathered(maps, tmp_path / "two", by_reader(tmp_path)[2], "--cleanup", "none")
    assert same_readers(mixed, whole)
    assert mixed.reader_names_MR == [["r0", "r1", "reader2"]] * 4


def test_parts_of_one_readers_work_are_finished_regions(tmp_path: Path, maps: Path) -> None:
    both = [
        mask_folder(tmp_path / name, {i: MASKS[i] for i in part})
        for name, part in (("x", IMAGES[:2]), ("y", IMAGES[2:]))
    ]
    study, origin = gathered(maps, *both)
    assert not origin.is_single
    assert study.reader_names_MR is None
    assert same_readers(study, gathered(maps, mask_folder(tmp_path / "masks"))[0])


def vindr(path: Path, boxes: dict[tuple[str, str], np.ndarray], scale: int = 10) -> Path:
    """VinDr's table, in pixels of films that are `scale` times the grid; an empty region is a row No finding."""
    lines = ["image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"]
    for (image, reader), mask in boxes.items():
        rows, cols = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        ends = [scale * end for end in (cols[0], rows[0], cols[-1] + 1, rows[-1] + 1)] if mask.any() else [""] * 4
        label = "Lung Opacity,7" if mask.any() else "No finding,14"
        lines.append(f"{image},{label},{reader},{','.join(map(str, ends))}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_vindrs_boxes_take_their_size_from_the_films_or_from_the_user(tmp_path: Path, maps: Path) -> None:
    boxes = {(image, reader): mask for image, mask in MASKS.items() for reader in ("R1", "R2")}
    boxes["c1", "R3"] = box(0, 0, 0, 0)
    boxes["stranger", "R1"] = MASKS["a1"]
    table = vindr(tmp_path / "annotations.csv", boxes)
    for image in IMAGES:
        png(tmp_path / "films" / f"{image}.png", np.full((10 * ROWS, 10 * COLS), 9))
    size = ("--size", ROWS, COLS)
    for words in (["--images", tmp_path / "films"], ["--image-size", f"{10 * ROWS}x{10 * COLS}"]):
        study, origin = gathered(maps, table, *words, *size)
        np.testing.assert_array_equal(study.masks_MHW, list(MASKS.values()))
        assert study.reader_names_MR == [["R1", "R2"]] * 4
        assert origin.left_out["annotations without a region"] == ["c1"]
        assert "stranger" not in study.images
    told = refusal(tmp_path / "x", maps, table)
    assert "image 'a1': the file does not state the image's size; give --images, or --image-size ROWSxCOLS" in told
    assert "stranger" not in told
    assert "--image-size: '80', expected ROWSxCOLS" in refusal(tmp_path / "x", maps, table, "--image-size", "80")


def test_findings_are_taken_together_and_unknown_ones_are_told(tmp_path: Path, maps: Path) -> None:
    """The upper part of each region as one finding, the rest as another."""
    halves = []
    for image, mask in MASKS.items():
        first = np.flatnonzero(mask.any(axis=1))[0]
        upper = mask & (np.arange(ROWS)[:, None] <= first)
        halves += [(image, upper, 1), (image, mask & ~upper, 2)]
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    for number, image in enumerate(IMAGES):
        document["images"].append({"id": number, "file_name": f"{image}.png", "width": COLS, "height": ROWS})
    for number, (image, mask, category) in enumerate(halves):
        if mask.any():
            counts = {
                "size": [ROWS, COLS],
                "counts": np.diff(np.flatnonzero(np.diff(np.r_[2, mask.T.ravel(), 2]))).tolist(),
            }
            counts["counts"] = ([0] if mask[0, 0] else []) + counts["counts"]
            document["annotations"].append(
                {
                    "id": number,
                    "image_id": IMAGES.index(image),
                    "category_id": category,
                    "segmentation": counts,
                    "iscrowd": 1,
                }
            )
    document["categories"] = [{"id": 1, "name": "Opacity"}, {"id": 2, "name": "Edema"}]
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(document))
    assert "say with --finding which to take: Edema, Opacity" in refusal(tmp_path / "x", maps, path)
    told = refusal(tmp_path / "x", maps, path, "--finding", "Opacity", "Edma")
    assert "--finding Edma: is not in the files; did you mean 'Edema'?" in told
    both, _ = gathered(maps, path, "--finding", "Opacity", "Edema")
    np.testing.assert_array_equal(both.masks_MHW, list(MASKS.values()))
    one, _ = gathered(maps, path, "--finding", "Opacity")
    assert np.array([*one.masks_MHW]).any(axis=2).sum(axis=1).tolist() == [1] * 4  # the first row of each region


def test_what_the_folder_states_to_be_regions_is_not_cleaned_up_as_strokes(tmp_path: Path) -> None:
    """An outline, one pixel wide: as strokes it stands for what it encloses, as a region for itself."""
    outline = np.zeros((64, 64), bool)
    outline[10:40, 10:40] = True
    outline[12:38, 12:38] = False
    maps = map_folder(tmp_path / "cam", {"a": outline.astype(float), "b": outline[::-1].astype(float)})
    for name, drawn in (("regions", "region"), ("strokes", "")):
        folder = tmp_path / name
        (folder / "masks").mkdir(parents=True)
        lines = ["annotation,image,annotator,profession,mask,created_at,drawn"]
        for image, mask in (("a", outline), ("b", outline[::-1])):
            Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).save(folder / "masks" / f"{image}.png")
            lines.append(f"{image},{image},r1,,{image}.png,,{drawn}")
        (folder / "annotations.csv").write_text("\n".join(lines) + "\n")
    regions, _ = gathered(maps, tmp_path / "regions")
    np.testing.assert_array_equal(regions.masks_MHW, [outline, outline[::-1]])
    strokes, _ = gathered(maps, tmp_path / "strokes")
    assert np.sum([*strokes.masks_MHW]) > 4 * outline.sum()
    forced, _ = gathered(maps, tmp_path / "regions", "--cleanup", "paper")
    np.testing.assert_array_equal(forced.masks_MHW, strokes.masks_MHW)


# ------------------------------------------------------------------------------------------- sides that belong together


def photo(path: Path, rows: int, cols: int, orientation: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.full((rows, cols), 99, np.uint8)).save(path, exif=exif)


def test_masks_of_a_turned_photographs_raw_pixels_are_refused_with_the_fix(tmp_path: Path, maps: Path) -> None:
    """Films shown as 12 x 8 by their EXIF, stored and marked as 8 x 12 (rows x columns); all cases at once."""
    for image in IMAGES:
        photo(tmp_path / "films" / f"{image}.jpg", ROWS, COLS, orientation=6)
    write_folder(tmp_path / "drawn", annotation_rows())
    for masks in (mask_folder(tmp_path / "masks"), tmp_path / "drawn"):
        told = refusal(tmp_path, maps, masks, "--images", tmp_path / "films")
        assert (
            "8 x 12 (rows x columns), the film of a1 is 12 x 8 (rows x columns); it looks turned by 90 degrees" in told
        )
        assert "the film is displayed turned, as its EXIF orientation says" in told
        assert "map of cam on c1: 8 x 12 (rows x columns), its image is 12 x 8" in told


def test_maps_with_rows_and_columns_exchanged_are_refused(tmp_path: Path) -> None:
    masks = mask_folder(tmp_path / "masks")
    turned = map_folder(tmp_path / "cam", {image: values.T for image, values in PERFECT.items()})
    told = refusal(tmp_path, turned, masks)
    assert "4 problems" in told
    assert "map of cam on a1: 12 x 8 (rows x columns), its image is 8 x 12 (rows x columns); exchange rows" in told
    half = map_folder(tmp_path / "half", {image: values[::2, ::2].T for image, values in PERFECT.items()})
    assert "map of half on b1: 6 x 4" in refusal(tmp_path, half, masks)


@pytest.mark.parametrize("shape", [(7, 7), (3, 4), (8, 12), (4, 6), (1, 1), (5, 20)])
def test_coarse_and_square_grids_of_maps_are_fine(tmp_path: Path, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    grids = map_folder(tmp_path / "cam", {image: rng.random(shape) for image in IMAGES})
    assert gathered(grids, mask_folder(tmp_path / "masks"))[0].images == IMAGES


def test_a_networks_own_grid_on_lying_and_upright_films_is_fine(tmp_path: Path) -> None:
    masks = mask_folder(tmp_path / "masks", MASKS | {"b1": MASKS["b1"].T, "c1": MASKS["c1"].T})
    rng = np.random.default_rng(0)
    grids = map_folder(tmp_path / "cam", {image: rng.random((4, 6)) for image in IMAGES})
    assert gathered(grids, masks)[0].images == IMAGES
    np.save(grids / "a1.npy", rng.random((5, 7)))  # no one grid: then each map has its film's aspect
    assert "map of cam on b1: 4 x 6 (rows x columns), its image is 12 x 8" in refusal(tmp_path / "x", grids, masks)


def test_two_masks_of_one_image_show_the_same_image(tmp_path: Path, maps: Path) -> None:
    first = mask_folder(tmp_path / "r1")
    second = mask_folder(tmp_path / "r2", {image: np.kron(mask, np.ones((3, 3))) for image, mask in MASKS.items()})
    assert gathered(maps, first, second)[1].is_single
    png(second / "a1.png", 255 * MASKS["a1"].T)
    png(second / "b1.png", 255 * MASKS["b1"][:, :9])
    told = refusal(tmp_path / "x", maps, first, second)
    assert "a1.png: 12 x 8 (rows x columns), the first mask of a1 is 8 x 12 (rows x columns); it looks turned" in told
    assert "b1.png: 8 x 9 (rows x columns), the first mask of b1 is 8 x 12 (rows x columns); it does not show" in told


def test_square_masks_of_other_films_count_as_squashed_with_a_note(tmp_path: Path, maps: Path) -> None:
    for image in IMAGES:
        photo(tmp_path / "films" / f"{image}.png", 20, 30)
    squares = {image: np.kron(mask, np.ones((3, 2))) for image, mask in MASKS.items()}
    _, origin = gathered(maps, mask_folder(tmp_path / "masks", squares), "--images", tmp_path / "films")
    assert origin.notes == ["square masks of films that are not square count as squashed, not as cut; such images: 4"]
    cut = mask_folder(tmp_path / "cut", {image: mask[:, :9] for image, mask in MASKS.items()})
    told = refusal(tmp_path / "x", maps, cut, "--images", tmp_path / "films")
    assert "it does not show the whole image: export it for the whole image" in told
    assert gathered(maps, cut, "--images", tmp_path / "films", "--size", 8, 9)[0].grid == (8, 9)


def test_turned_lungs_are_refused(tmp_path: Path, maps: Path) -> None:
    lungs = mask_folder(tmp_path / "lungs", {image: box(0, 8, 0, 6).T for image in IMAGES})
    told = refusal(tmp_path, maps, mask_folder(tmp_path / "masks"), "--lungs", lungs)
    assert "lungs/a1.png: 12 x 8 (rows x columns), the film of a1 is 8 x 12 (rows x columns); it looks turned" in told


def test_the_reported_masks_of_turned_photographs_are_refused(tmp_path: Path) -> None:
    folder = bug_input("mask-turned-photo", tmp_path)
    for words in (["--images", "images"], []):
        done = sightline(folder, "score", "maps", "masks", *words)
        assert done.returncode == 1
        assert "100 x 60 (rows x columns)" in done.stderr
        assert "60 x 100 (rows x columns)" in done.stderr
    assert not (folder / "scores").exists()


def test_dicom_films_give_sizes_and_pixels(tmp_path: Path, maps: Path) -> None:
    """Without a suffix, as archives name them; MONOCHROME1, so that the smallest value is white."""
    ramp = np.tile(np.linspace(0, 4095, 120).astype(np.uint16), (80, 1))
    for image in IMAGES:
        dicom = film(ramp, BitsStored=12, PhotometricInterpretation="MONOCHROME1")
        written(tmp_path / "films" / image, dicom)
    table = vindr(tmp_path / "boxes.csv", {(image, "R1"): mask for image, mask in MASKS.items()})
    study, origin = gathered(maps, table, "--images", tmp_path / "films", "--size", ROWS, COLS)
    np.testing.assert_array_equal(study.masks_MHW, list(MASKS.values()))
    assert origin.anatomy == "body"
    assert study.pixels_MHW is not None
    assert (np.diff(study.pixels_MHW[0][0].astype(int)) < 0).all()
    assert study.pixels_MHW[0][0, 0] > 240
    turned = mask_folder(tmp_path / "masks", {image: mask.T for image, mask in MASKS.items()})
    told = refusal(tmp_path, maps, turned, "--images", tmp_path / "films")
    assert "12 x 8 (rows x columns), the film of a1 is 80 x 120 (rows x columns); it looks turned" in told


# ------------------------------------------------------------------------------------------------- mirrors and names


def test_mirroring_maps_and_masks_together_changes_no_score(tmp_path: Path) -> None:
    """Masks of 101 x 77 brought to 16 x 12: by nearest neighbour they would move against the maps."""
    rng = np.random.default_rng(5)
    masks, values = {}, {}
    for image in IMAGES:
        top, left = rng.integers(0, 60), rng.integers(0, 50)
        masks[image] = np.zeros((101, 77), bool)
        masks[image][top : top + rng.integers(5, 40), left : left + rng.integers(3, 25)] = True
        values[image] = rng.integers(0, 9, (16, 12)) / 8
    found = []
    for name, flip in (("plain", 1), ("mirrored", -1)):
        paths = (
            map_folder(tmp_path / name / "cam", {image: value[:, ::flip] for image, value in values.items()}),
            mask_folder(tmp_path / name / "masks", {image: mask[:, ::flip] for image, mask in masks.items()}),
        )
        found.append(means(gathered(*paths, "--size", 16, 12)[0]))
    assert found[0] == pytest.approx(found[1], abs=1e-9)


def test_the_reported_mirrored_study_scores_the_same(tmp_path: Path) -> None:
    folder = bug_input("nearest-mirror", tmp_path)
    found = []
    for name in ("plain", "mirrored"):
        found.append(means(gathered(folder / name / "maps", folder / name / "masks", "--size", 28, 28)[0]))
    for metric in ("ap", "pointing", "mass"):
        assert found[0][metric] == pytest.approx(found[1][metric], abs=1e-9)
    assert found[0]["pointing"] == 1


@pytest.mark.parametrize("form", ["png", "npz", "images"])
def test_composed_and_decomposed_names_are_one(tmp_path: Path, form: str) -> None:
    names = dict(zip(IMAGES, ["é1", "à2", "ñ", "plain"], strict=True))
    composed = {unicodedata.normalize("NFC", names[image]): mask for image, mask in MASKS.items()}
    decomposed = {unicodedata.normalize("NFD", names[image]): values for image, values in PERFECT.items()}
    place = tmp_path / "maps.npz"
    if form == "png":
        place = map_folder(tmp_path / "maps", decomposed)
    elif form == "npz":
        np.savez(place, **decomposed)
    else:
        np.savez(place, images=np.array(list(decomposed)), cam=np.stack(list(decomposed.values())))
    study, origin = gathered(place, mask_folder(tmp_path / "masks", composed))
    assert origin.left_out == {}
    assert study.images == sorted(composed)


def test_the_reported_decomposed_name_is_scored(tmp_path: Path) -> None:
    folder = bug_input("nfd-name", tmp_path)
    study, origin = gathered(folder / "maps", folder / "masks")
    assert origin.left_out == {}
    assert len(study.images) == len(list((folder / "masks").iterdir()))


# ---------------------------------------------------------------------------------------------------------- patients


def test_patients_from_a_table_group_as_the_pattern_does(tmp_path: Path, maps: Path) -> None:
    masks = mask_folder(tmp_path / "masks")
    table = tmp_path / "patients.csv"
    table.write_text(
        "\ufeffimage;patient;site\r\na1.png;p-a;x\r\na2;p-a;x\r\nfilms/b1.png;p-b;y\r\nc1;p-c;y\r\nmore;p;y\r\n"
    )
    by_table, _ = gathered(maps, masks, "--patients", table)
    by_pattern, _ = gathered(maps, masks, "--patients", "^([a-z])")
    assert by_table.patients_M.tolist() == [f"p-{patient}" for patient in by_pattern.patients_M.tolist()]


def test_a_table_of_patients_that_leaves_doubt_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "patients.csv"
    table.write_text("image,patient\na1,p1\na1.png,p2\nb1,\n")
    with pytest.raises(StudyError, match="3 problems; correct the table") as told:
        named_patients(["a1", "b1"], str(table))
    assert [case.removeprefix(str(table)) for case in told.value.cases] == [
        ", row 3: image a1 has patient p1 in an earlier row", ", row 4: image b1 has no patient",
        ": has no row of image b1",
    ]  # fmt: skip
    with pytest.raises(StudyError, match=r"gone.csv: not there"):
        named_patients(["a1"], "gone.csv")
    table.write_text("name,patient\na1,p1\n")
    with pytest.raises(StudyError, match="lacks columns image"):
        named_patients(["a1"], str(table))


def test_names_of_several_films_of_a_patient_are_noted_with_the_pattern(tmp_path: Path) -> None:
    names = ["00000013_008", "00000013_009", "00000020_000", "00000031_002"]
    renamed = dict(zip(names, MASKS.values(), strict=True))
    words = (
        map_folder(tmp_path / "cam", {name: mask.astype(float) for name, mask in renamed.items()}),
        mask_folder(tmp_path / "masks", renamed),
    )
    results, _, page = score(tmp_path, *words)
    assert results["patients"] == 4
    assert results["notes"] == [warning_of(names)]
    assert "(4 of 4 images, 3 patients)" in warning_of(names)
    assert "--patients '^(.+)[_-]\\d+$'" in warning_of(names)
    assert "look like several films of one patient" in page
    study, origin = gathered(*words, "--patients", r"^(.+)[_-]\d+$")
    assert (len(set(study.patients_M.tolist())), origin.notes) == (3, [])


# ------------------------------------------------------------------------------------------------- reported inputs


def reported(tmp_path: Path, name: str) -> dict[str, Any]:
    """scores.json of a reported input."""
    folder = bug_input(name, tmp_path)
    done = sightline(folder, "score", "maps", "masks")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads((folder / "scores" / "scores.json").read_text())


def test_the_reported_study_without_a_region_is_one_line(tmp_path: Path) -> None:
    folder = bug_input("score-empty-masks", tmp_path)
    done = sightline(folder, "score", "maps", "masks")
    assert (done.returncode, done.stderr) == (1, "error: no image has a region: nothing to score\n")


def test_the_reported_flat_maps_score_chance(tmp_path: Path) -> None:
    results = reported(tmp_path, "score-flat-map")
    found = results["candidates"]["maps"]
    assert found["flat_maps"] == results["images"] == 3
    assert found["auroc"]["value"] == 0.5
    assert found["mass"]["value"] == pytest.approx(results["region_share"], abs=1e-6)
    assert (
        "flat maps of maps, scored at chance: 3" in (tmp_path / "score-flat-map" / "scores" / "report.html").read_text()
    )


def test_the_reported_single_image_is_scored_without_intervals(tmp_path: Path) -> None:
    found = reported(tmp_path, "score-one-image")["candidates"]["maps"]
    assert found["mass"]["value"] > 0
    assert found["mass"]["low"] is None
    assert found["verdict"] == "cannot_tell"


def test_the_reported_shared_box_is_scored(tmp_path: Path) -> None:
    found = reported(tmp_path, "score-one-shared-box")["candidates"]["maps"]
    assert found["mass"]["value"] > 0
    assert found["shuffled_auroc"]["value"] == 0.5  # as its definition says where all regions are equal


@pytest.mark.parametrize("mode", ["bit1", "palette", "alpha", "rgb"])
def test_the_reported_modes_of_gray_maps_are_scored(tmp_path: Path, mode: str) -> None:
    folder = bug_input("map-png-modes", tmp_path)
    assert means(gathered(folder / mode, folder / "masks")[0])["ap"] > 0.5


def test_masks_set_the_grid_however_their_files_are_spelled(tmp_path):
    place = tmp_path / "annotations" / "masks"
    place.mkdir(parents=True)
    rows = ["annotation,image,annotator,profession,mask,created_at,drawn"]
    for name, mask in MASKS.items():
        Image.fromarray(mask.astype(np.uint8) * 255).save(place / f"{name}e\u0301.png")
        rows.append(f"{name},{name},r,,{name}\u00e9.png,,region")
    (tmp_path / "annotations" / "annotations.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    request = Request(maps=str(map_folder(tmp_path / "maps")), masks=[str(tmp_path / "annotations")])
    assert gather(request)[0].grid == (8, 12)
