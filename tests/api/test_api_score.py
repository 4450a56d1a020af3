"""sightline.score: the numbers of the command on files, from arrays in every form, and what it returns."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

import sightline
from foreign_maps import IMAGES, MAPS, MASKS, annotation_rows, map_folder, mask_folder, png, score
from sightline.experts.annotation_writer import write_folder
from sightline.report.first_screen import ANSWERS
from sightline.report.verdict import WORDS

CLOSE = 1e-12
STACK = np.stack([MAPS[image] for image in IMAGES])
TRUTH = np.stack([MASKS[image] for image in IMAGES])
READERS = {
    image: {f"r{place}": row.mask for place, row in enumerate(rows)}
    for image in IMAGES
    if (rows := [row for row in annotation_rows() if row.image == image])
}
FILMS = {image: np.random.default_rng(place).integers(0, 256, (16, 24), np.uint8) for place, image in enumerate(IMAGES)}
LUNGS = {image: np.indices((8, 12)).sum(axis=0) % (3 + place) > 0 for place, image in enumerate(IMAGES)}
PATIENTS = {"a1": "a", "a2": "a", "b1": "b", "c1": "c"}

Run = Callable[..., Any]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """What the command writes, before it is rounded."""
    from sightline.scoring import command as module

    written = module.write_tables
    kept: list[Any] = []
    monkeypatch.setattr(module, "write_tables", lambda out, found: (kept.append(found), written(out, found)))

    def run(*words: object) -> Any:
        score(tmp_path, *words)
        return kept[-1]

    return run


def reader_folders(folder: Path) -> list[Path]:
    """A folder of PNG for each reader."""
    readers = sorted({reader for of_image in READERS.values() for reader in of_image})
    return [mask_folder(folder / reader, {image: READERS[image][reader] for image in IMAGES}) for reader in readers]


def png_folder(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    for image, values in arrays.items():
        png(folder / f"{image}.png", values * 255 if values.dtype == bool else values)
    return folder


def assert_equal(found: Any, expected: Any, where: str = "") -> None:
    """Nested numbers to CLOSE, NaN where NaN is; everything else exactly. The call and the maps' name are left out."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key in expected:
            if key not in ("command", "sentence"):
                assert_equal(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_equal(one, other, f"{where}[{number}]")
    elif isinstance(expected, float | np.floating):
        assert found == pytest.approx(expected, abs=CLOSE, rel=CLOSE, nan_ok=True), where
    else:
        assert found == expected, where


def assert_same(found: sightline.Scores, expected: Any) -> None:
    assert_equal(found.results, expected.summary)
    pd.testing.assert_frame_equal(found.to_frame(), expected.table(), rtol=CLOSE, atol=CLOSE)


# ------------------------------------------------------------------------------------------------------------ numbers


def test_arrays_give_the_numbers_of_the_command_on_files(tmp_path, command):
    films, lungs = png_folder(tmp_path / "films", FILMS), png_folder(tmp_path / "lungs", LUNGS)
    (tmp_path / "patients.csv").write_text("image,patient\na1,a\na2,a\nb1,b\nc1,c\n")
    expected = command(
        map_folder(tmp_path / "cam"), *reader_folders(tmp_path), "--images", films, "--lungs", lungs,
        "--patients", tmp_path / "patients.csv", "--threshold", 0.6, "--margin", 0.3, "--frame", "lungs", "--seed", 3,
    )  # fmt: skip
    found = sightline.score(
        {"cam": MAPS}, READERS, images=FILMS, lungs=LUNGS, patients=PATIENTS, primary="mass", threshold=0.6,
        margin=0.3, frame="lungs", seed=3,
    )  # fmt: skip
    assert_same(found, expected)
    assert found.verdict["cam"].sentence == expected.summary["candidates"]["cam"]["sentence"]


def test_finished_regions_of_one_array_give_the_numbers_of_a_folder(tmp_path, command):
    expected = command(map_folder(tmp_path / "cam"), mask_folder(tmp_path / "masks"))
    assert_same(sightline.score({"cam": STACK}, TRUTH, names=IMAGES, primary="mass"), expected)


def test_the_command_itself_says_the_same_in_its_files(tmp_path):
    """As a person sees both: scores.csv as text, the printed table."""
    map_folder(tmp_path / "cam")
    mask_folder(tmp_path / "masks")
    run = [sys.executable, "-m", "sightline.cli", "score", "cam", "masks", "--primary", "mass"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True, env=os.environ)
    scores = sightline.score({"cam": MAPS}, MASKS, primary="mass")
    text = scores.to_frame().to_csv(index=False, float_format="%.6g", lineterminator="\n")
    assert text == (tmp_path / "scores" / "scores.csv").read_text()
    assert repr(scores).split("\nnote: ")[0] == done.stdout.rpartition("\nreport: ")[0]


def test_the_verdict_alone_is_that_of_the_scores():
    scores = sightline.score(MAPS, READERS, images=FILMS)
    assert_equal(
        {name: vars(verdict) for name, verdict in sightline.verdict(MAPS, READERS, images=FILMS).items()},
        {name: vars(verdict) for name, verdict in scores.verdict.items()},
    )


# -------------------------------------------------------------------------------------------------------------- forms


def test_every_form_of_maps_gives_the_same(tmp_path):
    expected = sightline.score(MAPS, MASKS, primary="mass").to_frame()
    halves = np.stack([STACK / 2, STACK / 2], axis=1)  # of eighths: exact
    tensor = torch.from_numpy(STACK).requires_grad_()
    np.savez(tmp_path / "model.npz", **MAPS)
    forms = {
        "N x H x W": STACK,
        "list of H x W": list(STACK),
        "nested lists": STACK.tolist(),
        "N x 1 x H x W": STACK[:, None],
        "N x C x H x W": halves,
        "float32": STACK.astype(np.float32),
        "torch": tensor,
        "torch bfloat16": tensor.bfloat16(),
        "torch N x 1 x H x W": tensor[:, None],
        "by file name": {f"films/{image}.png": values for image, values in MAPS.items()},
        "by image of 1 x H x W": {image: values[None] for image, values in MAPS.items()},
        "in another order": dict(reversed(MAPS.items())),
        "by model": {"model": STACK},
        "by model, by image": {"model": MAPS},
        "folder": map_folder(tmp_path / "model"),
        "NPZ": str(tmp_path / "model.npz"),
        "by model, NPZ": {"model": tmp_path / "model.npz"},
    }
    for form, maps in forms.items():
        found = sightline.score(maps, MASKS, primary="mass", names=IMAGES).to_frame()
        pd.testing.assert_frame_equal(found, expected, obj=form)


def test_several_models_keep_their_names_and_may_have_their_own_grids(tmp_path):
    coarse = STACK[:, ::2, ::2]
    scores = sightline.score(
        {"fine": STACK, "coarse": coarse, "file": map_folder(tmp_path / "cam")}, TRUTH, names=IMAGES
    )
    assert list(scores.verdict) == ["fine", "coarse", "file"]
    table = scores.to_frame().set_index(["candidate", "image"])
    pd.testing.assert_frame_equal(table.loc["fine"], table.loc["file"])
    assert scores.results["candidates"]["coarse"]["grid"] == "4x6"


def test_every_form_of_regions_gives_the_same(tmp_path):
    by_reader = np.stack([np.stack(list(READERS[image].values())) for image in IMAGES])
    folders = reader_folders(tmp_path)
    expected = sightline.score(MAPS, READERS, primary="mass").to_frame()
    write_folder(tmp_path / "annotations", annotation_rows())
    forms = {
        "N x R x H x W": by_reader,
        "0 and 255": 255 * by_reader.astype(np.uint8),
        "torch": torch.from_numpy(by_reader),
        "by image of R x H x W": dict(zip(IMAGES, by_reader, strict=True)),
        "a folder for each reader": folders,
        "as text": list(map(str, folders)),
        "read before": sightline.read_annotations(tmp_path / "annotations"),
        "the page's folder": tmp_path / "annotations",
    }
    for form, regions in forms.items():
        cleanup = "none" if form == "the page's folder" else "auto"
        found = sightline.score(MAPS, regions, primary="mass", names=IMAGES, cleanup=cleanup).to_frame()
        if form != "read before":  # its strokes became regions, which are others
            pd.testing.assert_frame_equal(found, expected, obj=form, rtol=CLOSE, atol=CLOSE)
        assert list(found["image"].unique()) == IMAGES


def test_regions_of_several_sizes_and_readers_of_some_images():
    large = {image: np.kron(mask, np.ones((2, 2), bool)) for image, mask in MASKS.items()}
    small = {
        "a1": {"ann": MASKS["a1"], "bob": large["a1"]},
        "a2": {"ann": large["a2"]},
        "b1": MASKS["b1"],
        "c1": MASKS["c1"],
    }
    found = sightline.score(MAPS, small, size=(8, 12)).to_frame()
    pd.testing.assert_frame_equal(found, sightline.score(MAPS, MASKS, size=(8, 12)).to_frame())


def test_every_form_of_films_and_lungs_gives_the_same(tmp_path):
    expected = sightline.score(MAPS, MASKS, images=FILMS, lungs=LUNGS).to_frame()
    films, lungs = np.stack(list(FILMS.values())), np.stack(list(LUNGS.values()))
    forms = [
        (films, lungs),
        (films[:, None], lungs[:, None]),
        (np.repeat(films[:, None], 3, axis=1), 255 * lungs.astype(np.uint8)),
        (np.repeat(films[..., None], 3, axis=3), lungs.astype(float)),
        (films / 255, torch.from_numpy(lungs)),
        (torch.from_numpy(films), {f"{image}.png": mask for image, mask in LUNGS.items()}),
        (png_folder(tmp_path / "films", FILMS), str(png_folder(tmp_path / "lungs", LUNGS))),
    ]
    for place, (images, masks) in enumerate(forms):
        found = sightline.score(MAPS, MASKS, images=images, lungs=masks, names=IMAGES).to_frame()
        pd.testing.assert_frame_equal(found, expected, obj=str(place))


def test_films_of_sixteen_bits_keep_their_depth():
    """257 times a gray level of 8 bits is the same gray, where the brightest is white; here nothing is resized."""
    small = {
        image: np.maximum(film[:8, :12], 255 * (np.arange(12) == 5)).astype(np.uint8) for image, film in FILMS.items()
    }
    deep = {image: film.astype(np.uint16) * 257 for image, film in small.items()}
    found = sightline.score(MAPS, MASKS, images=deep).to_frame()
    pd.testing.assert_frame_equal(found, sightline.score(MAPS, MASKS, images=small).to_frame())


def test_every_form_of_patients_gives_the_same(tmp_path):
    (tmp_path / "patients.csv").write_text("image,patient\nc1,c\nb1,b\na1,a\na2,a\n")
    forms = {
        "list": list("aabc"),
        "array": np.array(list("aabc")),
        "column": pd.DataFrame({"patient": list("aabc")})["patient"],
        "series by image": pd.Series(PATIENTS)[["c1", "a2", "a1", "b1"]],
        "series of more images": pd.Series({**PATIENTS, "z": "z"}),
        "dictionary": dict(reversed(PATIENTS.items())),
        "pattern": "^([a-z])",
        "table": tmp_path / "patients.csv",
        "table as text": str(tmp_path / "patients.csv"),
    }
    for form, patients in forms.items():
        table = sightline.score(STACK, TRUTH, names=IMAGES, patients=patients).to_frame()
        assert dict(zip(table["image"], table["patient"], strict=True)) == PATIENTS, form
    numbers = sightline.score(STACK, TRUTH, patients=np.array([7, 7, 8, 9])).to_frame()
    assert sorted(numbers["patient"].unique()) == ["7", "8", "9"]
    assert sorted(numbers["image"].unique()) == ["0000", "0001", "0002", "0003"]


# ------------------------------------------------------------------------------------------------------------ results


def test_the_verdict_has_the_commands_words_and_numbers():
    scores = sightline.score({"cam": MAPS, "itself": {image: mask * 1.0 for image, mask in MASKS.items()}}, READERS)
    for name, verdict in scores.verdict.items():
        entry = scores.results["candidates"][name]
        own = entry["contrast"]["rank"]
        assert (verdict.name, verdict.key) == (name, entry["verdict"])
        assert verdict.answer == ANSWERS[verdict.key][1]
        assert str(verdict) == verdict.sentence == entry["sentence"]
        assert verdict.sentence.startswith((name, "Undecided about", "This study cannot tell about"))
        assert (verdict.contrast, verdict.low, verdict.high, verdict.p) == pytest.approx(
            (own["value"], own["low"], own["high"], own["p_holm"]), nan_ok=True
        )
        assert verdict.contrast == pytest.approx(own["own"] - (own["row"] + own["col"]) / 2)
        assert verdict.place == pytest.approx(entry["place"], nan_ok=True)


def test_the_summary_has_means_and_ends_by_model_and_metric():
    scores = sightline.score(MAPS, MASKS, primary="mass")
    summary, rows = scores.summary(), scores.to_frame().query("candidate == 'model'")
    assert list(summary.columns) == ["value", "low", "high"]
    assert list(summary.index.names) == ["candidate", "metric"]  # as the column of `to_frame`
    for metric in ("mass", "rank", "auroc", "fixed_iou", "otsu_dice"):
        assert summary.loc[("model", metric), "value"] == pytest.approx(rows[metric].mean(), abs=CLOSE)
    entry = scores.results["candidates"]["model"]["mass"]
    assert summary.loc[("model", "mass")].tolist() == pytest.approx([entry["value"], entry["low"], entry["high"]])
    assert not summary.index.has_duplicates


def test_figures_the_page_and_the_notebooks_table(tmp_path):
    scores = sightline.score({"<cam>": MAPS}, MASKS, images=FILMS)
    for kind in ("verdict", "ladder"):
        figure = scores.plot(kind)
        assert isinstance(figure, Figure)
        assert "<cam>" in [label.get_text() for label in figure.axes[0].get_yticklabels()]
        figure.savefig(tmp_path / f"{kind}.png")
        assert Image.open(tmp_path / f"{kind}.png").convert("L").getextrema()[0] < 100
    with pytest.raises(ValueError, match="expected verdict or ladder"):
        scores.plot("pie")
    page = scores.report(tmp_path / "pages" / "page.html")
    text = page.read_text()
    assert page == tmp_path / "pages" / "page.html"
    assert "sightline.score(maps, regions, images=...)" in text
    assert "sightline-" not in re.sub(r"data:[^\"]+", "", text), "no path of the temporary folder"
    table = scores._repr_html_()
    assert table.count("<img") == 4, "the films at the quartiles of four, of which two are one; map and region each"
    assert "&lt;cam&gt;" in table
    assert "<cam>" not in table
    assert scores.verdict["<cam>"].answer in table
    assert "<img" not in sightline.score(MAPS, MASKS)._repr_html_()


def test_the_temporary_files_go_with_the_scores(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    scores = sightline.score(MAPS, MASKS, images=FILMS)
    assert list(tmp_path.iterdir())
    del scores
    gc.collect()  # what read the files may still be in circles
    assert not list(tmp_path.iterdir())


def test_what_was_left_out_and_notes_are_in_the_calls_words():
    names = ["p1_1", "p1_2", "p2_1", "p3_1"]
    scores = sightline.score(
        {**dict(zip(names, STACK, strict=True)), "alone": STACK[0]}, dict(zip(names, TRUTH, strict=True))
    )
    assert scores.left_out == {"maps of model without a region": ["alone"]}
    assert len(scores.notes) == 1
    assert "give patients '" in scores.notes[0]
    assert repr(scores).endswith(f"note: {scores.notes[0]}")
    assert "--" not in repr(scores)


def test_a_script_without_a_main_guard_can_score_more_images_than_one_process_reads(tmp_path):
    """The processes that read many films start afresh, and must not start the script again."""
    (tmp_path / "script.py").write_text(
        "import numpy as np, sightline\n"
        "print('started')\n"
        "rng = np.random.default_rng(0)\n"
        "regions = np.zeros((420, 6, 6), bool)\n"
        "for row, mask in enumerate(regions): mask[row % 4 : row % 4 + 2, row % 3 : row % 3 + 2] = True\n"
        "films = rng.integers(0, 256, (420, 6, 6), np.uint8)\n"
        "print(sightline.verdict(rng.random((420, 6, 6)), regions, images=films)['model'].key)\n"
    )
    environment = {**os.environ, "SIGHTLINE_WORKERS": "2"}
    run = [sys.executable, "script.py"]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    started, key = done.stdout.split()
    assert started == "started", "once"
    assert key in WORDS
