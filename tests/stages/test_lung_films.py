"""The films of the lungs alone: black outside, as they were inside, and never cut by an estimate of the body."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studies import change, image_tree, stage, study


def test_a_phantoms_films_keep_their_lungs_and_lose_the_marker(tmp_path: Path) -> None:
    study(tmp_path, phantom__shortcut=1.0, phantom__external_images=8)
    assert stage("prepare", tmp_path).returncode == 0
    assert stage("lung_films", tmp_path).returncode == 0
    films = np.load(tmp_path / "data/prepared/images.npy")
    masked = np.load(tmp_path / "data/lung_films.npy")
    with np.load(tmp_path / "data/prepared/lungs.npz") as stored:
        lungs = stored["lungs"]
    assert masked.dtype == np.uint8
    assert lungs.shape == films.shape == masked.shape == (64 + 40 + 8, 64, 64)
    np.testing.assert_array_equal(masked[lungs], films[lungs])
    assert not masked[~lungs].any()
    corner = np.s_[:, 3:9, 4:10]  # where the marker lies
    assert (films[1:104:2][corner] == 255).any(axis=(1, 2)).all()  # on every film with pneumonia
    assert not (films[0:104:2][corner] == 255).any()
    assert not (films[104:][corner] == 255).any()  # and on none of the other hospital's
    assert not masked[corner].any()


@pytest.mark.parametrize("color", [False, True])
def test_given_masks_cut_gray_and_colour_films_and_a_missing_one_is_named(tmp_path: Path, color: bool) -> None:
    study(tmp_path, data__source="folder", data__root="raw", data__color=color)
    image_tree(tmp_path / "raw")
    assert stage("prepare", tmp_path).returncode == 0
    refused = stage("lung_films", tmp_path)
    assert refused.returncode == 1
    assert "need a lung mask of every image; put them into data/lungs" in refused.stderr
    assert not (tmp_path / "data/lung_films.npy").exists()
    folder = tmp_path / "data/lungs"
    folder.mkdir(parents=True)
    mask = np.zeros((128, 128), np.uint8)
    mask[:64] = 255
    names = [path.stem for path in (tmp_path / "raw").rglob("*.png")]
    for name in names[1:]:
        Image.fromarray(mask).save(folder / f"{name}.png")
    refused = stage("lung_films", tmp_path)
    assert refused.returncode == 1
    assert f"{names[0]}.png" in refused.stderr
    Image.fromarray(mask).save(folder / f"{names[0]}.png")
    assert stage("lung_films", tmp_path).returncode == 0
    films, masked = np.load(tmp_path / "data/prepared/images.npy"), np.load(tmp_path / "data/lung_films.npy")
    np.testing.assert_array_equal(masked[:, :32], films[:, :32])
    assert not masked[:, 32:].any()


def test_a_network_trains_and_predicts_on_what_it_sees_with_its_own_values(tmp_path: Path) -> None:
    """Films that are all black outside the lungs: other predictions than on whole films; external films among them."""
    study(tmp_path, phantom__external_images=8)
    kind = {"arch": "squeezenet1_1", "init": "scratch", "head": "gap"}
    change(tmp_path, models={"film": kind, "lungs": {**kind, "input": "lungs", "train": {"epochs": 1}}})
    for name, *arguments in (["prepare"], ["lung_films"], ["train", "film"], ["train", "lungs"]):
        done = stage(name, tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
    history = {key: (tmp_path / f"data/models/{key}.history.csv").read_text() for key in ("film", "lungs")}
    assert [len(text.splitlines()) for text in history.values()] == [3, 2]
    film, lungs = ((tmp_path / f"data/models/{key}.predictions.csv").read_text() for key in ("film", "lungs"))
    assert film != lungs
    assert film.count(",external,") == lungs.count(",external,") == 8
    change(tmp_path, models={"lungs": {**kind, "train": {"epoch": 1}}})
    wrong = stage("train", tmp_path, "lungs")
    assert "models.lungs.train.epoch: unknown; did you mean epochs?" in wrong.stderr
