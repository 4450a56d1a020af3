"""A study of classifiers trained elsewhere: a code file and a TorchScript file, from their files to the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from sightline.own_models.of_run import network_of_run
from sightline.study.models import CodeModel
from studies import change, run, stage, study

CODE = """
from torch import nn

from sightline.own_models.weights import load_weights

size, channels, mean, std, value_range = 64, 1, 0.5, 0.25, (0, 1)


def load():
    layers = [nn.Conv2d(1, 6, 7, stride=4, padding=3), nn.ReLU(inplace=True), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    load_weights(network, "models/ours.safetensors")
    return network


def score(output):
    return output[:, 1] - output[:, 0]
"""
CARD = """
size: 64
channels: 1
mean: 0.5
std: 0.25
value_range: [0, 1]
output: softmax
label: 1
"""


def plain_network() -> nn.Sequential:
    """The network that the code file describes, with random weights, as its own training script would hold it."""
    torch.manual_seed(5)
    layers = [nn.Conv2d(1, 6, 7, stride=4, padding=3), nn.ReLU(), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)).eval()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = study(
        tmp_path_factory.mktemp("own"), saliency__methods="layercam occlusion", consistency__enabled=True,
        consistency__images=2, faithfulness__images=2, multiverse__metrics="iou rank",
    )  # fmt: skip
    (folder / "models").mkdir()
    (folder / "models/ours.py").write_text(CODE)
    (folder / "models/vendor.yaml").write_text(CARD)
    save_file(plain_network().state_dict(), folder / "models/ours.safetensors")
    torch.jit.trace(plain_network(), torch.rand(2, 1, 64, 64)).save(str(folder / "models/vendor.ts"))
    models = {
        "ours": {"code": "models/ours.py", "weights": "models/ours.safetensors"},
        "vendor": {"export": "models/vendor.ts", "card": "models/vendor.yaml"},
    }
    change(folder, models=models)
    first, measured = (
        [f"{name} {key}" for key in models for name in names]
        for names in (("predict", "saliency"), ("faithfulness", "regions", "consistency"))
    )
    run(
        folder, "prepare", *first, "lungs", "consensus", "reliability", "align", "bootstrap", "ladder", *measured,
        "verdict", "subgroups", "compare", "families", "population", "shortcut", "multiverse", "augment_preview",
        "report",
    )  # fmt: skip
    return folder


def test_both_files_predict_what_the_plain_network_does(finished: Path) -> None:
    """The log odds of two classes that exclude each other are the difference of their logits."""
    index = pd.read_csv(finished / "data/prepared/index.csv")
    films = np.load(finished / "data/prepared/images.npy")[index["split"] != "train"]
    with torch.no_grad():
        inputs = (torch.from_numpy(films)[:, None].double() / 255 - 0.5) / 0.25
        expected = plain_network().double()(inputs).softmax(dim=1)[:, 1].numpy()
    for key in ("ours", "vendor"):
        predicted = pd.read_csv(finished / f"data/models/{key}.predictions.csv")
        assert predicted["image"].tolist() == index["image"][index["split"] != "train"].tolist()
        np.testing.assert_allclose(predicted["probability"], expected, atol=1e-6)


def test_a_file_whose_features_cannot_be_seen_has_the_maps_that_need_none(finished: Path) -> None:
    with np.load(finished / "data/saliency/ours.npz") as ours, np.load(finished / "data/saliency/vendor.npz") as vendor:
        assert {*ours.files} == {"images", "cam", "gradcam", "layercam", "occlusion"}
        assert {*vendor.files} == {"images", "occlusion"}
        np.testing.assert_allclose(ours["occlusion"], vendor["occlusion"], atol=1e-5)
        np.testing.assert_allclose(ours["cam"], 256 * ours["gradcam"], rtol=1e-4, atol=1e-5)  # 16 x 16 cells
    with np.load(finished / "data/saliency/ours.others.npz") as others:
        assert {"untrained.cam", "untrained.gradcam"} <= {*others.files}
    assert "randomisation" in json.loads((finished / "metrics/faithfulness/ours.json").read_text())
    assert json.loads((finished / "metrics/consistency/ours.json").read_text())["method"] == "gradcam"
    assert json.loads((finished / "metrics/consistency/vendor.json").read_text()) == {}


def test_they_are_judged_and_reported_like_any_other(finished: Path) -> None:
    summary = json.loads((finished / "metrics/summary.json").read_text())
    verdict = json.loads((finished / "metrics/verdict.json").read_text())
    for key in ("ours", "vendor"):
        assert summary[key]["verdict"]
        assert verdict["models"][key]
        assert 0 <= json.loads((finished / "metrics/classification.json").read_text())[key]["auroc"]["value"] <= 1
    page = (finished / "plots/report.html").read_text()
    assert "ours" in page
    assert "vendor" in page


def test_the_negative_class_has_the_opposite_grad_cam(finished: Path) -> None:
    films = torch.rand(3, 1, 64, 64).expand(-1, 3, -1, -1)
    entry = CodeModel(code=str(finished / "models/ours.py"), weights="models/ours.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(finished)
        positive, negative = (network_of_run(entry, 1, Path(), films, name) for name in ("positive", "negative"))
    with torch.no_grad():
        torch.testing.assert_close(positive(films), -negative(films))
    assert positive.cam_weights is not None
    assert negative.cam_weights is not None
    torch.testing.assert_close(positive.cam_weights, -negative.cam_weights)


def test_a_model_without_any_map_says_what_to_add(finished: Path, tmp_path: Path) -> None:
    for name in ("params.yaml", "models", "data"):
        (tmp_path / name).symlink_to(finished / name)
    (tmp_path / "params.yaml").unlink()
    (tmp_path / "params.yaml").write_text(
        (finished / "params.yaml").read_text().replace("layercam occlusion", "layercam")
    )
    done = stage("saliency", tmp_path, "vendor")
    assert done.returncode == 1
    assert "add a method that needs only forward passes, such as rise or occlusion, to saliency.methods" in done.stderr
