"""Stage predict and `sightline model check` on a classifier of the user's own: predictions, the check, errors."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from sightline.model_command.checking import checking_machine
from sightline.networks.made_on import made_on
from studies import change, sightline, stage, study

CODE = """
import torch
from torch import nn

size, channels, mean, std, value_range = 64, 1, 0, 1, (0, 255)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.linear = nn.Linear(2, 1)

    def forward(self, images):
        return {logit}


def load():
    torch.manual_seed(1)
    return Network()
"""
LOGIT = "self.linear(self.conv(images).relu().mean(dim=(2, 3)))"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = study(
        tmp_path_factory.mktemp("predict"), phantom__train_images=24, phantom__test_images=16,
        phantom__annotated_images=2, phantom__external_images=8,
    )  # fmt: skip
    assert stage("prepare", folder).returncode == 0
    change(folder, models={"ours": {"code": "models/ours.py"}, "theirs": {"maps": "maps", "method": "lime"}})
    return folder


def write_code(folder: Path, logit: str = LOGIT) -> None:
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models/ours.py").write_text(CODE.replace("{logit}", logit))


def test_predictions_are_the_networks_own_and_the_check_is_stored(prepared: Path) -> None:
    write_code(prepared)
    done = stage("predict", prepared, "ours")
    assert done.returncode == 0, done.stderr
    predictions = pd.read_csv(prepared / "data/models/ours.predictions.csv")
    index = pd.read_csv(prepared / "data/prepared/index.csv")
    others = index[index["split"] != "train"]
    assert list(predictions.columns) == ["image", "split", "label", "probability"]
    assert predictions["image"].tolist() == others["image"].tolist()
    assert set(predictions["split"]) == {"val", "test", "external"}

    network = runpy.run_path(str(prepared / "models/ours.py"))["load"]().eval()
    films = np.load(prepared / "data/prepared/images.npy")[others.index]
    with torch.no_grad():
        expected = network(torch.from_numpy(films)[:, None].float())[:, 0].double().sigmoid()
    assert np.allclose(predictions["probability"], expected, atol=1e-5)

    made = json.loads((prepared / "data/models/ours.made.json").read_text())
    assert made == {"machines": [made_on(checking_machine())]}
    assert made["machines"][0]["device"]["precision"] == "float32"
    check = json.loads((prepared / "metrics/models/ours.json").read_text())
    labelled = int(index["split"].isin(["val", "test"]).sum())
    assert check["films"]["checked"] == check["films"]["of"] == labelled
    assert check["model"]["files"].keys() == {"models/ours.py"}
    assert check["status"]["exact"] == "ok"
    assert done.stdout.startswith("ours: ready")


def test_a_failing_check_does_not_stop_the_stage_but_the_command_ends_with_1(prepared: Path) -> None:
    write_code(prepared, f"torch.sigmoid(10 * torch.dropout({LOGIT}, 0.5, True))")
    done = stage("predict", prepared, "ours")
    assert done.returncode == 0, done.stderr
    assert "ours: not ready: outputs that change from run to run" in done.stdout
    assert "  fails: The same films give another output the second time" in done.stdout
    done = sightline(prepared, "model", "check", "ours")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("not ready: outputs that change from run to run")


def test_the_command_prints_some_25_lines_and_writes_what_out_names_alone(prepared: Path) -> None:
    write_code(prepared)
    before = {path for path in prepared.rglob("*") if "__pycache__" not in path.parts}
    done = sightline(prepared, "model", "check", "ours", "--out", "check.json")
    after = {path for path in prepared.rglob("*") if "__pycache__" not in path.parts}
    assert done.stderr == ""
    assert after - before == {prepared / "check.json"}
    check = json.loads((prepared / "check.json").read_text())
    assert check["films"]["checked"] <= 48
    lines = done.stdout.splitlines()
    assert lines[0] == "ours"
    assert lines[-1].startswith("ready")
    assert len(lines) < 35
    assert max(map(len, lines)) <= 110


def test_films_without_a_prediction_are_named(prepared: Path) -> None:
    write_code(prepared, f"{LOGIT} / (images.mean(dim=(1, 2, 3)) < 0)[:, None]")
    (prepared / "data/models/ours.predictions.csv").unlink(missing_ok=True)
    done = stage("predict", prepared, "ours")
    assert done.returncode == 1
    assert "models.ours: no prediction of " in done.stderr
    assert "phantom" in done.stderr
    assert len(done.stderr.splitlines()) < 10
    assert not (prepared / "data/models/ours.predictions.csv").exists()


def test_what_cannot_be_checked_says_so(prepared: Path, tmp_path: Path) -> None:
    done = sightline(prepared, "model", "check", "theirs")
    assert (done.returncode, done.stderr) == (
        1, "error: models.theirs: a folder of maps, not a classifier; there is nothing to check\n",
    )  # fmt: skip
    done = sightline(prepared, "model", "check", "our")
    assert "did you mean ours?" in done.stderr
    done = stage("predict", prepared)
    assert done.stderr == "error: name one model of params.yaml: python -m sightline.stages.predict <key>\n"
    empty = study(tmp_path / "empty")
    change(empty, models={"ours": {"code": "models/ours.py"}})
    done = sightline(empty, "model", "check", "ours")
    assert done.stderr == "error: data/prepared/index.csv: not there; run `dvc repro prepare`, then check again\n"
    trained = study(tmp_path / "trained")
    key = "alexnet-scratch-gap"
    assert f"models.{key}: a network that this study trains" in sightline(trained, "model", "check", key).stderr
    assert f"models.{key}: is trained by this study" in stage("predict", trained, key).stderr
