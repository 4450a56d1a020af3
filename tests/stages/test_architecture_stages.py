"""Other architectures than the paper's through the stages: trained, mapped, tested for faithfulness."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torchvision import models

from studies import change, run, stage, study

pytestmark = pytest.mark.slow  # trains two networks


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = study(
        tmp_path_factory.mktemp("architectures"), train__epochs=1, phantom__train_images=32, phantom__test_images=8,
        phantom__annotated_images=3, saliency__methods="",
    )  # fmt: skip
    run(folder, "prepare")
    return folder


@pytest.mark.parametrize("arch", ["mobilenet_v3_small", "timm:test_vit"])
def test_from_a_file_to_faithfulness(prepared: Path, arch: str) -> None:
    torch.manual_seed(5)
    if arch.startswith("timm:"):
        timm = pytest.importorskip("timm")
        # of another image size, whose positions are interpolated
        whole = timm.create_model(arch.removeprefix("timm:"), num_classes=10)
        first, stored = "patch_embed.proj.weight", "backbone.whole.patch_embed.proj.weight"
    else:
        whole = models.mobilenet_v3_small(weights=None, num_classes=10)
        first, stored = "features.0.0.weight", "backbone.0.0.weight"
    save_file(whole.state_dict(), prepared / "start.safetensors")
    change(prepared, models={"net": {"arch": arch, "init": "start.safetensors", "head": "gap"}})
    run(prepared, "train net", "saliency net")
    with safe_open(prepared / "data/models/net.safetensors", framework="pt") as file:  # type: ignore[no-untyped-call]
        config = json.loads(file.metadata()["config"])
        trained = file.get_tensor(stored)
    assert config["model"] == {"arch": arch, "init": "start.safetensors", "head": "gap"}
    assert config["seen"]["size"] == [64, 64]
    start = whole.state_dict()[first]
    change_of_weights = (trained - start).norm() / start.norm()
    assert 0 < change_of_weights < 0.5  # training went on from the file's weights
    assert pd.read_csv(prepared / "data/models/net.predictions.csv").probability.between(0, 1).all()
    with np.load(prepared / "data/saliency/net.npz") as maps:
        cells = maps["cam"][0].size
        scale = np.abs(maps["cam"]).max()
        np.testing.assert_allclose(maps["cam"] / scale, maps["gradcam"] * cells / scale, atol=2e-5)
    run(prepared, "consensus", "faithfulness net")


def test_a_file_that_does_not_fit_is_one_error(prepared: Path) -> None:
    save_file(models.squeezenet1_1(weights=None).state_dict(), prepared / "other.safetensors")
    change(prepared, models={"net": {"arch": "mobilenet_v3_small", "init": "other.safetensors", "head": "gap"}})
    done = stage("train", prepared, "net")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "error: other.safetensors: its weights do not fit mobilenet_v3_small\n  missing: feat"
    )
