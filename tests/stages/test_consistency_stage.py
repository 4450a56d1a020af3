"""The stage consistency on a tiny phantom: its files, its numbers, off, and a family of seeds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sightline.maps import scaled_maps
from studies import change, run, stage, study

KEY = "alexnet-scratch-gap"
NETWORK = {"arch": "googlenet", "init": "scratch", "head": "gap", "seeds": 2}  # small, and with a dropout
MOVED = {"shift_up", "shift_down", "shift_left", "shift_right", "rotate_left", "rotate_right"}
OTHERS = {"noise", "jpeg", "dropout_1", "dropout_2"}
NUMBERS = {"rank", "flat_maps", "correlation", "correlation_chance", "overlap", "overlap_chance"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of one network, hardly trained, with their maps."""
    folder = study(
        tmp_path_factory.mktemp("consistency"), train__epochs=1, phantom__train_images=16, train__batch_size=8,
        phantom__test_images=16, phantom__annotated_images=6, saliency__methods="", consistency__enabled=True,
        consistency__dropout_draws=2,
    )  # fmt: skip
    change(folder, models={KEY: NETWORK})
    run(folder, "prepare", "consensus")
    for key in (KEY, f"{KEY}-seed2"):
        run(folder, f"train {key}", f"saliency {key}", f"consistency {key}")
    return folder


def metrics(folder: Path, key: str = KEY) -> dict:
    return json.loads((folder / f"metrics/consistency/{key}.json").read_text())


def test_what_is_written(folder: Path) -> None:
    results = metrics(folder)
    stored = dict(np.load(folder / f"data/consistency/{KEY}.npz"))
    assert set(results) == {"model", "method", "images", "rank", "flat_maps", "perturbations", "kinds"}
    assert set(results["perturbations"]) == MOVED | OTHERS
    assert set(results["kinds"]) == {"shift", "rotate", "noise", "jpeg", "dropout"}
    assert all(set(numbers) == NUMBERS for numbers in results["perturbations"].values())
    assert set(stored) == {"images", "cells", "unperturbed"} | MOVED | OTHERS
    count = results["images"]
    assert len(stored["images"]) == count > 1
    for name in MOVED:
        assert stored[name].shape == (count, 64, 64)
        assert stored[name].dtype == np.uint16
    cells = tuple(stored["cells"])
    assert all(stored[name].shape == (count, *cells) for name in OTHERS | {"unperturbed"})


def test_stored_maps_are_those_that_were_scored(folder: Path) -> None:
    """The unperturbed maps are the study's; a perturbed map's score follows from what is stored."""
    stored = dict(np.load(folder / f"data/consistency/{KEY}.npz"))
    saliency, consensus = np.load(folder / f"data/saliency/{KEY}.npz"), np.load(folder / "data/consensus.npz")
    rows = [saliency["images"].tolist().index(image) for image in stored["images"]]
    np.testing.assert_array_equal(stored["unperturbed"], saliency["gradcam"][rows])
    regions = dict(zip(consensus["images"].tolist(), consensus["consensus"], strict=True))
    scores = []
    for image, map_HW in zip(stored["images"], scaled_maps(stored["shift_up"], 64, 64), strict=True):
        region = regions[image].ravel()
        values = map_HW.ravel()
        cut = np.sort(values)[-region.sum()]
        above, tied = values > cut, values == cut
        share = (region.sum() - above.sum()) / tied.sum()
        scores.append(((above & region).sum() + share * (tied & region).sum()) / region.sum())
    assert metrics(folder)["perturbations"]["shift_up"]["rank"] == pytest.approx(np.mean(scores), abs=1e-5)


def test_another_seed_is_compared_with_the_first(folder: Path) -> None:
    assert "seed" not in metrics(folder)["kinds"]
    second = metrics(folder, f"{KEY}-seed2")
    assert set(second["perturbations"]) == MOVED | OTHERS | {"seed"}
    assert second["perturbations"]["seed"]["rank"] == metrics(folder)["rank"]
    assert "seed" not in np.load(folder / f"data/consistency/{KEY}-seed2.npz").files


def test_two_runs_write_the_same_bytes_and_fewer_images_may_be_asked_for(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    run(copy, f"consistency {KEY}")
    for path in (f"metrics/consistency/{KEY}.json", f"data/consistency/{KEY}.npz"):
        assert (copy / path).read_bytes() == (folder / path).read_bytes()
    study(copy, consistency__enabled=True, consistency__images=2, consistency__rotation=0, consistency__jpeg_quality=0)
    change(copy, models={KEY: NETWORK})
    run(copy, f"consistency {KEY}")
    assert metrics(copy)["images"] == 2
    assert set(metrics(copy)["kinds"]) == {"shift", "noise", "dropout"}


def test_off_writes_empty_results_and_reads_nothing(tmp_path: Path) -> None:
    folder = study(tmp_path)  # the smoke profile: off
    run(folder, f"consistency {KEY}")
    assert metrics(folder) == {}
    stored = np.load(folder / f"data/consistency/{KEY}.npz")
    assert stored.files == ["images"]
    assert len(stored["images"]) == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("images", -1, "0 or more"),
        ("shift", 0.5, "a share of the side in"),
        ("rotation", 50.0, "degrees in"),
        ("jpeg_quality", 96, "expected 0 to 95, got 96"),
    ],
)
def test_wrong_parameters_are_refused(tmp_path: Path, name: str, value: float, message: str) -> None:
    done = stage("consistency", study(tmp_path, **{f"consistency__{name}": value}), KEY)
    assert done.returncode == 1
    assert message in done.stderr


def test_an_unknown_model_names_the_nearest(tmp_path: Path) -> None:
    done = stage("consistency", study(tmp_path), "alexnet-scrath-fc")
    assert done.returncode == 1
    assert "did you mean alexnet-scratch-gap" in done.stderr
