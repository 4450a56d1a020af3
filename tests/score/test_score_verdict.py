"""The verdict in `sightline score`: the core's numbers under their keys, its options, and the smallest studies."""

from __future__ import annotations

import argparse
import html
import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foreign_maps import COLS, IMAGES, MAPS, MASKS, ROWS, box, map_folder, mask_folder, png, refusal, score
from sightline.alignment.metrics import METRICS
from sightline.alignment.region_scores import SCORES
from sightline.experts.annotation_writer import write_folder
from sightline.experts.consensus import consensus_mask, left_out_consensus, pixel_share
from sightline.formats.annotations import Annotation
from sightline.formats.coco import coco_document
from sightline.judging.films import Films
from sightline.judging.results import verdicts
from sightline.judging.scored import score_films
from sightline.judging.settings import Verdict
from sightline.report.verdict import WORDS
from sightline.report.words import place_words
from sightline.scoring.command import add_arguments
from sightline.scoring.regions_in import Asked, read_regions

READERS = ["r1", "r2", "r3"]
RANK = ("--primary", "rank")
AS_DRAWN = ("--cleanup", "none", *RANK)


def drawn_by(readers: dict[str, dict[str, np.ndarray]]) -> list[Annotation]:
    """`readers`: masks by reader and image."""
    return [
        Annotation(
            annotation=f"{image}-{reader}", image=image, annotator=reader, profession="",
            created_at="2026-01-01T00:00:00Z", mask=mask,
        )
        for reader, masks in readers.items()
        for image, mask in masks.items()
    ]  # fmt: skip


def nearby(num_patients: int) -> dict[str, dict[str, np.ndarray]]:
    """Three readers who draw 3 x 3 boxes at most one pixel apart, elsewhere on each patient's image."""
    rng = np.random.default_rng(4)
    readers: dict[str, dict[str, np.ndarray]] = {reader: {} for reader in READERS}
    for patient in range(num_patients):
        top, left = rng.integers(1, ROWS - 4), rng.integers(1, COLS - 4)
        for reader in READERS:
            down, right = rng.integers(0, 2, 2)
            readers[reader][f"p{patient:02}"] = box(top + down, top + down + 3, left + right, left + right + 3)
    return readers


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, Path, dict[str, dict[str, np.ndarray]]]:
    """Maps of two models, the readers' folder, and what they drew on 20 patients; on the last they do not agree."""
    readers = nearby(20)
    for place, reader in enumerate(READERS):
        readers[reader]["p19"] = box(2 * place, 2 * place + 2, 0, 4)
    write_folder(tmp_path / "drawn", drawn_by(readers))
    knowing = {image: mask + np.random.default_rng(0).random(mask.shape) for image, mask in readers["r1"].items()}
    return map_folder(tmp_path / "knowing", knowing), tmp_path / "drawn", readers


def blind(tmp_path: Path, images: list[str]) -> Path:
    """The same map on every image."""
    return map_folder(tmp_path / "blind", dict.fromkeys(images, np.random.default_rng(1).random((4, 6))))


# ------------------------------------------------------------------------------------------------------------ numbers


def assert_equal(ours: Any, core: Any) -> None:
    """Files round to six digits and write NaN as null."""
    if isinstance(core, dict):
        assert set(ours) == set(core)
        for key in core:
            assert_equal(ours[key], core[key])
    elif isinstance(core, float):
        assert (ours is None) if math.isnan(core) else ours == pytest.approx(core, rel=1e-5, abs=2e-6)
    else:
        assert ours == core


def test_the_verdict_is_the_cores_on_the_images_with_a_region(tmp_path, study):
    maps, drawn, readers = study
    other = blind(tmp_path, list(readers["r1"]))
    results, table, page = score(tmp_path, maps, drawn, "--also", other, "--margin", "0.3", *AS_DRAWN)
    images = sorted(readers["r1"])[:-1]
    masks = [np.array([readers[reader][image] for reader in READERS]) for image in images]
    films = Films(
        seed=0,
        images=images,
        patients_M=np.array(images),
        masks_MHW=np.array([consensus_mask(masks_RHW) for masks_RHW in masks]),
        shares_MHW=np.array([pixel_share(masks_RHW) for masks_RHW in masks]),
        readers_MRHW=masks,
        others_MRHW=[left_out_consensus(masks_RHW) for masks_RHW in masks],
        reader_names_MR=[READERS] * len(images),
        maps={path.name: [np.load(path / f"{image}.npy") for image in images] for path in (maps, other)},
    )
    chosen = Verdict(
        primary="rank", margin=0.3, weigh="patients", frame="image", level=0.95, power=0.8, resamples=2000,
        permutations=50_000,
    )  # fmt: skip
    core = verdicts(films, score_films(films, chosen), chosen, ["knowing", "blind"])
    for name, entry in core["candidates"].items():
        assert not set(entry) & {*METRICS, "pooled_ap", "flat_maps", "binary"}, "a verdict's key hides a metric"
        assert_equal({key: results["candidates"][name][key] for key in entry}, entry)
        assert entry["sentence"] in html.unescape(page)
    assert_equal(results["controls"], core["controls"])
    assert results["verdict_settings"] == {
        "images": 19, "patients": 19, "readers": 3, "readings": 57, "frame": "image", "weigh": "patients",
        "margin": 0.3, "family": ["knowing", "blind"], "level": 0.95, "power": 0.8, "resamples": 2000,
        "permutations": 50_000,
    }  # fmt: skip
    assert results["candidates"]["knowing"]["verdict"] in ("as_expert", "looks")
    assert results["candidates"]["blind"]["verdict"] in ("prior", "elsewhere")
    assert results["images"] == 20
    assert table[table["image"] == "p19"]["rank"].isna().all()
    long = pd.read_csv(tmp_path / "out" / "verdict.csv")
    means = long.groupby(["candidate", "score"])["d"].mean()
    for name in ("knowing", "blind"):
        for kind in SCORES:
            assert means[name, kind] == pytest.approx(results["candidates"][name]["contrast"][kind]["value"], abs=2e-6)
    own = long[long["score"] == "rank"].set_index(["candidate", "image"])["own"]
    ladder = table[table["kind"] == "model"].set_index(["candidate", "image"])["rank"]
    assert own.to_dict() == pytest.approx(ladder[own.index].to_dict(), abs=1e-5)


def test_other_images_of_the_same_patient_are_no_other_patients(tmp_path):
    maps, masks = map_folder(tmp_path / "cam"), mask_folder(tmp_path / "masks")
    results, _, _ = score(tmp_path, maps, masks, "--patients", "^([a-z])", "--primary", "mass")
    long = pd.read_csv(tmp_path / "out" / "verdict.csv")
    rows = long[long["score"] == "mass"].set_index("image")
    assert rows["patient"].tolist() == ["a", "a", "b", "c"]

    def mass(map_of: str, region_of: str) -> float:
        scaled = MAPS[map_of] - MAPS[map_of].min()
        return float(scaled[MASKS[region_of]].sum() / scaled.sum())

    for image in IMAGES:
        others = [other for other in IMAGES if other[0] != image[0]]
        own, row = mass(image, image), np.mean([mass(image, other) for other in others])
        column = np.mean([mass(other, image) for other in others])
        found = rows.loc[image, ["own", "row", "col", "d"]].tolist()
        assert found == pytest.approx([own, row, column, own - (row + column) / 2], abs=1e-5)
    a1, a2, b1, c1 = rows["d"]
    assert results["candidates"]["cam"]["contrast"]["mass"]["value"] == pytest.approx(
        ((a1 + a2) / 2 + b1 + c1) / 3, abs=1e-5
    )


def test_readers_keep_their_names_across_images(tmp_path, study):
    _, drawn, readers = study
    (tmp_path / "coco.json").write_text(json.dumps(coco_document(drawn_by(readers), "pneumonia")))
    for source in (drawn, tmp_path / "coco.json"):
        regions = read_regions([source], Asked(images=frozenset(readers[READERS[0]]), cleanup="none"), [])
        assert regions.names is not None
        for image, names, masks_RHW in zip(regions.asked, regions.names, regions.readers, strict=True):
            assert sorted(names) == READERS
            np.testing.assert_array_equal(masks_RHW, [readers[reader][image] for reader in names])
    assert read_regions([mask_folder(tmp_path / "masks")], Asked(images=frozenset(IMAGES)), []).names is None
    finished, _, _ = score(tmp_path, map_folder(tmp_path / "cam"), tmp_path / "masks")
    assert finished["verdict_settings"]["readers"] == 0
    assert finished["candidates"]["cam"]["expert"] == {"value": None, "low": None, "high": None}


# ------------------------------------------------------------------------------------------------------------ options


def test_grid_shows_the_controls_through_the_maps_own_cells(tmp_path):
    masks = mask_folder(tmp_path / "masks")
    large = {image: np.kron(values[::4, ::4], np.ones((4, 4))) for image, values in MAPS.items()}
    maps = map_folder(tmp_path / "cam", large)
    plain, _, _ = score(tmp_path, maps, masks, *RANK)
    through, _, page = score(tmp_path, maps, masks, "--grid", "2", "3", *RANK)
    before, after = plain["candidates"]["cam"], through["candidates"]["cam"]
    assert (before["grid"], after["grid"]) == ("image", "2x3")
    assert list(through["controls"]) == ["2x3"]
    assert after["ceiling"]["value"] < before["ceiling"]["value"]
    assert after["contrast"] == before["contrast"], "the maps themselves are scored as they are"
    assert "through 2 x 3 cells" in page
    small = map_folder(tmp_path / "small", {image: values[::4, ::4] for image, values in MAPS.items()})
    text = refusal(tmp_path / "x", maps, masks, "--also", small, "--grid", "3", "3")
    assert "--grid 3 3: the map of small on a1 has fewer cells, 2 x 3" in text
    assert "of cam" not in text


def test_lungs_are_the_patients_own_anatomy_and_may_be_the_frame(tmp_path):
    maps, masks = map_folder(tmp_path / "cam"), mask_folder(tmp_path / "masks")
    for place, image in enumerate(IMAGES):
        png(tmp_path / "lungs" / f"{image}.png", 255 * box(0, 8, place, place + 6))
    bare, _, page = score(tmp_path, maps, masks)
    assert "own_anatomy" not in bare["controls"]["image"]
    lungs = ("--lungs", tmp_path / "lungs")
    image, _, _ = score(tmp_path, maps, masks, *lungs)
    frame, _, page = score(tmp_path, maps, masks, *lungs, "--frame", "lungs")
    assert image["controls"]["image"]["own_anatomy"]["kind"] == "negative"
    assert (image["verdict_settings"]["frame"], frame["verdict_settings"]["frame"]) == ("image", "lungs")
    assert "in the frame of the lungs" in page
    ours, moved = (r["candidates"]["cam"]["contrast"]["mass"] for r in (image, frame))
    assert ours["own"] == moved["own"]
    assert ours["row"] != moved["row"]
    assert "--frame lungs: needs --lungs or" in refusal(tmp_path / "x", maps, masks, "--frame", "lungs")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--margin", "0"), "--margin: expected a number between 0 and 1, got 0.0"),
        (("--margin", "1"), "--margin: expected a number between 0 and 1, got 1.0"),
        (("--grid", "0", "7"), "--grid: expected rows and columns, whole numbers of 1 or more, got [0, 7]"),
    ],
)
def test_refused_options(tmp_path, words, part):
    text = refusal(tmp_path, map_folder(tmp_path / "cam"), mask_folder(tmp_path / "masks"), *words)
    assert part in text
    assert "\n" not in text


def test_primary_is_a_score_of_the_verdict(capsys):
    assert all(METRICS[name].may_be_primary for name in SCORES)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args(["maps", "masks"]).primary == "rank"
    for name in SCORES:
        assert parser.parse_args(["maps", "masks", "--primary", name]).primary == name
    with pytest.raises(SystemExit):
        parser.parse_args(["maps", "masks", "--primary", "distance"])
    assert "invalid choice: 'distance'" in capsys.readouterr().err


def test_the_printed_table_ends_with_verdicts_a_legend_and_the_report(tmp_path, study, capsys):
    maps, drawn, readers = study
    results, _, _ = score(tmp_path, maps, drawn, "--also", blind(tmp_path, list(readers["r1"])), *AS_DRAWN)
    printed = capsys.readouterr().out
    *_, head, first, second, blank, of_score, of_place, report = printed.splitlines()
    assert head.split() == ["verdict", "place"]
    for line, name in ((first, "knowing"), (second, "blind")):
        entry = results["candidates"][name]
        assert line.startswith(name)
        assert WORDS[entry["verdict"]] in line
        assert place_words(*(entry[name] for name in ("place", "place_low", "place_high"))) in line
    assert blank == ""
    assert of_score.startswith("relevance rank: of the map's highest pixels")
    assert of_place.startswith("place: 0 is blind to the patient, 1 is a left-out expert; ")
    assert report.startswith(f"report: {tmp_path / 'out' / 'report.html'}; ")
    assert "%" not in printed


# --------------------------------------------------------------------------------------------------- smallest studies

SIX = [f"i{place}" for place in range(6)]
BOXES = {image: box(place, place + 3, place, place + 3) for place, image in enumerate(SIX)}
PERFECT = {image: mask.astype(float) for image, mask in BOXES.items()}


def finished(tmp_path: Path) -> list[object]:
    return [map_folder(tmp_path / "maps", PERFECT), mask_folder(tmp_path / "masks", BOXES)]


def one_image(tmp_path: Path) -> list[object]:
    return [map_folder(tmp_path / "maps", {"i0": PERFECT["i0"]}), mask_folder(tmp_path / "masks", {"i0": BOXES["i0"]})]


def one_patient(tmp_path: Path) -> list[object]:
    return [*finished(tmp_path), "--patients", "^(i)"]


def two_patients(tmp_path: Path) -> list[object]:
    two = {image: BOXES[image] for image in SIX[:2]}
    return [
        map_folder(tmp_path / "maps", {image: PERFECT[image] for image in two}),
        mask_folder(tmp_path / "masks", two),
    ]


def one_shared_box(tmp_path: Path) -> list[object]:
    return [map_folder(tmp_path / "maps", PERFECT), mask_folder(tmp_path / "masks", dict.fromkeys(SIX, BOXES["i2"]))]


def one_reader(tmp_path: Path) -> list[object]:
    few = {image: BOXES[image] for image in SIX[:3]}
    write_folder(tmp_path / "drawn", drawn_by({"r1": few}))
    return [map_folder(tmp_path / "maps", PERFECT), tmp_path / "drawn", "--cleanup", "none"]


def negative_maps(tmp_path: Path) -> list[object]:
    few = {image: BOXES[image] for image in SIX[:3]}
    maps = map_folder(tmp_path / "maps", {image: -PERFECT[image] - 1 for image in few})
    return [maps, mask_folder(tmp_path / "masks", few)]


def two_who_never_overlap(tmp_path: Path) -> list[object]:
    """Half of two readers is one: the consensus is all that either marked."""
    aside = {image: np.roll(mask, 6, axis=1) for image, mask in BOXES.items()}
    write_folder(tmp_path / "drawn", drawn_by({"r1": BOXES, "r2": aside}))
    return [map_folder(tmp_path / "maps", PERFECT), tmp_path / "drawn", "--cleanup", "none"]


def three_who_never_overlap(tmp_path: Path) -> list[object]:
    """No pixel has two of three votes: no consensus region is left in any image."""
    aside = [{image: np.roll(mask, shift, axis=1) for image, mask in BOXES.items()} for shift in (0, 4, 8)]
    write_folder(tmp_path / "drawn", drawn_by(dict(zip(READERS, aside, strict=True))))
    return [map_folder(tmp_path / "maps", PERFECT), tmp_path / "drawn", "--cleanup", "none"]


@pytest.mark.parametrize(
    "inputs",
    [
        one_image, one_patient, two_patients, one_shared_box, one_reader, negative_maps, two_who_never_overlap,
        three_who_never_overlap,
    ],
)  # fmt: skip
def test_the_smallest_studies_cannot_tell_and_have_a_report(tmp_path, inputs, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results, _, page = score(tmp_path, *inputs(tmp_path), *RANK)
    assert results["candidates"]["maps"]["verdict"] == "cannot_tell"
    assert "This study cannot tell about maps" in page
    assert "this study cannot tell" in capsys.readouterr().out
    empty = inputs is three_who_never_overlap
    assert results["verdict_settings"]["images"] == (0 if empty else results["images"])
    assert ("images whose consensus region is empty: scored NaN" in results["left_out"]) == empty


def test_a_study_without_a_region_is_refused_in_one_line(tmp_path):
    maps = map_folder(tmp_path / "maps", PERFECT)
    nothing = dict.fromkeys(SIX, box(0, 0, 0, 0))
    write_folder(tmp_path / "drawn", drawn_by({"r1": nothing, "r2": nothing}))
    for masks in (mask_folder(tmp_path / "masks", nothing), tmp_path / "drawn"):
        assert refusal(tmp_path, maps, masks, "--cleanup", "none") == "no image has a region: nothing to score"
