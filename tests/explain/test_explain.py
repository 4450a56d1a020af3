"""`sightline explain`: the maps of the saliency stage and the network's probabilities, without a study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from foreign_maps import score
from sightline.networks.architectures import build_network
from sightline.networks.weights_file import seen, write_network
from sightline.study.models import Network
from studies import change, sightline, stage, study

ENTRY = Network(arch="squeezenet1_1", init="scratch", head="gap")
NAMES = ["a1", "a2", "b1"]
SIDE = 64
CODE = """
import torch

size, channels, mean, std, value_range = 64, 1, 0.5, 0.25, (0, 1)


def load():
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 4, 5, stride=4), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(4, 1)).eval()
"""


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Three films of 64 x 64 pixels, one of them in a folder within."""
    rng = np.random.default_rng(0)
    for name, path in zip(NAMES, ("films/a1.png", "films/more/a2.png", "films/b1.png"), strict=True):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
        pixels[0, :2] = 0, 255  # the range that a DICOM film without a window is shown in
        Image.fromarray(pixels).save(tmp_path / path)
        assert name in path
    (tmp_path / "films/notes.txt").write_text("no film")
    return tmp_path / "films"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A weights file as training writes it, at the path where the saliency stage looks."""
    path = tmp_path / "data/models/own.safetensors"
    write_network(path, build_network("squeezenet1_1", "gap", 0), ENTRY, {"seen": seen((SIDE, SIDE))})
    return path


def explained(tmp_path: Path, *words: object, out: str = "maps") -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    done = sightline(tmp_path, "explain", *map(str, words), "--out", out)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / out).iterdir()) == ["maps.npz", "predictions.csv"]
    return dict(np.load(tmp_path / out / "maps.npz")), pd.read_csv(tmp_path / out / "predictions.csv")


def test_maps_are_the_saliency_stages_and_score_reads_them(tmp_path: Path, films: Path, weights: Path) -> None:
    maps, predictions = explained(tmp_path, weights, films, "--methods", "gradcam", "cam", "input_gradient")
    assert maps["images"].tolist() == predictions.image.tolist() == NAMES

    pixels_N = np.stack([np.asarray(Image.open(next(films.rglob(f"{name}.png")))) for name in NAMES])
    study(tmp_path, saliency__methods="input_gradient", saliency__target_layer="exact")
    change(tmp_path, models={"own": {"arch": "squeezenet1_1", "init": "scratch", "head": "gap"}})
    (tmp_path / "data/prepared").mkdir()
    np.save(tmp_path / "data/prepared/images.npy", pixels_N)
    index = pd.DataFrame({"image": NAMES, "split": "test", "label": [0, 1, 1], "patient": NAMES})
    index.to_csv(tmp_path / "data/prepared/index.csv", index=False)
    done = stage("saliency", tmp_path, "own")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "data/saliency/own.npz") as stored:
        assert set(stored.files) == set(maps)
        for method in ("gradcam", "cam", "input_gradient"):
            np.testing.assert_allclose(maps[method], stored[method], rtol=1e-5, atol=1e-6 * np.ptp(stored[method]))

    network = build_network("squeezenet1_1", "gap", 0).eval()
    with torch.no_grad():
        logits = network(torch.from_numpy(pixels_N)[:, None].expand(-1, 3, -1, -1) / 255)
    np.testing.assert_allclose(predictions.probability, logits.sigmoid(), rtol=1e-5)

    (tmp_path / "masks").mkdir()
    for name in NAMES:
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[10:30, 20:50] = 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    results, _, _ = score(tmp_path, tmp_path / "maps/maps.npz", tmp_path / "masks")
    assert {"cam", "gradcam", "input_gradient"} <= set(json.dumps(results).replace('"', " ").replace(".", " ").split())


def test_a_code_file_and_the_negative_class(tmp_path: Path, films: Path) -> None:
    (tmp_path / "ours.py").write_text(CODE)
    positive, predicted = explained(tmp_path, "ours.py", films)
    negative, same = explained(tmp_path, "ours.py", films, "--target-class", "negative", out="negative")
    assert np.ptp(positive["gradcam"]) > 0
    np.testing.assert_allclose(negative["gradcam"], -positive["gradcam"])
    assert same.equals(predicted)
    large, _ = explained(tmp_path, "ours.py", films, "--size", "96x128", "--methods", "input_gradient", out="large")
    assert large["input_gradient"].shape == (3, 96, 128)


@pytest.mark.slow  # torch.export takes seconds
def test_an_export_with_its_card_gives_the_maps_of_its_code(tmp_path: Path, films: Path) -> None:
    (tmp_path / "ours.py").write_text(CODE)
    definitions: dict[str, Any] = {}
    exec(CODE, definitions)
    batch = {0: torch.export.Dim("batch")}
    exported = torch.export.export(definitions["load"](), (torch.zeros(2, 1, 64, 64),), dynamic_shapes=(batch,))
    torch.export.save(exported, tmp_path / "ours.pt2")
    card = "size: 64\nchannels: 1\nmean: 0.5\nstd: 0.25\nvalue_range: [0, 1]\noutput: logit\n"
    (tmp_path / "ours.yaml").write_text(card)
    code, probabilities = explained(tmp_path, "ours.py", films)
    export, same = explained(tmp_path, "ours.pt2", films, "--card", "ours.yaml", out="export")
    np.testing.assert_allclose(export["gradcam"], code["gradcam"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(same.probability, probabilities.probability, rtol=1e-5)


def test_a_dicom_film_is_the_png_of_its_pixels(tmp_path: Path, films: Path) -> None:
    dicom_films = pytest.importorskip("dicom_films")
    (tmp_path / "ours.py").write_text(CODE)
    (tmp_path / "dicom").mkdir()
    for path in films.rglob("*.png"):
        film = dicom_films.film(np.asarray(Image.open(path)))
        (tmp_path / "dicom" / f"{path.stem}.dcm").write_bytes(dicom_films.content(film))
    png, _ = explained(tmp_path, "ours.py", films)
    dicom, _ = explained(tmp_path, "ours.py", tmp_path / "dicom", out="dicom_maps")
    assert dicom["images"].tolist() == NAMES
    np.testing.assert_array_equal(dicom["gradcam"], png["gradcam"])


def test_what_is_wrong_is_said_and_nothing_is_written(tmp_path: Path, films: Path, weights: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "bare.py").write_text(CODE.replace("size, channels", "rows, channels"))
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    broken = build_network("squeezenet1_1", "gap", 0)
    torch.nn.init.constant_(broken.last_linear.bias, torch.nan)
    write_network(tmp_path / "nan.safetensors", broken, ENTRY, {})
    (tmp_path / "empty").mkdir()
    (tmp_path / "twice/b").mkdir(parents=True)
    Image.new("L", (64, 64)).save(tmp_path / "twice/x.png")
    Image.new("L", (64, 64)).save(tmp_path / "twice/b/x.png")
    (tmp_path / "twice/y.png").write_bytes(b"no")
    for words, reason in {
        (weights, films, "--out", "there"): "there: is there already; name a new folder",
        (weights, films, "--methods", "gradcamm"): "did you mean gradcam",
        (weights, films, "--size", "64"): "--size 64: expected ROWSxCOLS",
        (weights, tmp_path / "absent"): "absent: no such folder; IMAGES is a folder of",
        (weights, tmp_path / "empty"): "empty: no PNG, JPEG or DICOM film in it",
        (weights, tmp_path / "twice"): "twice: 2 problems",
        ("foreign.safetensors", films): "foreign.safetensors: was not written by Sightline's training",
        ("nan.safetensors", films): "nan.safetensors: does not say which size of films it saw; add --size ROWSxCOLS",
        ("nan.safetensors", films, "--size", "64x64"): "NaN or infinite values; nothing was written",
        ("ours.pt2", films): "ours.pt2: MODEL is a .safetensors file that Sightline trained",
        ("bare.py", films): "size",
    }.items():
        out = [] if "--out" in words else ["--out", "maps"]
        done = sightline(tmp_path, "explain", *map(str, words), *out)
        assert done.returncode == 1, words
        assert reason in done.stderr, (words, done.stderr)
        assert not (tmp_path / "maps").exists()
        assert not list(tmp_path.glob(".*partial*"))
