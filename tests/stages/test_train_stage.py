"""Training as a user runs it: repeated runs are equal bit for bit, runs resume after kill -9, errors are clear."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

from sightline.networks import imagenet, training
from sightline.networks.architectures import build_network
from sightline.networks.checkpoint import load_checkpoint, optimizer_tensors, restore_optimizer, save_checkpoint
from sightline.networks.device import Machine, saliency_machine, this_machine
from sightline.networks.made_on import made_on
from sightline.networks.training import fit
from sightline.stages import train
from sightline.study.errors import StudyError
from sightline.study.parameters import read_params
from studies import ROOT, script, stage, study

KEY = "alexnet-scratch-gap"
FILES = [f"data/models/{KEY}.{kind}" for kind in ("safetensors", "predictions.csv", "history.csv", "made.json")]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared phantom study that trains three epochs in seconds."""
    folder = study(
        tmp_path_factory.mktemp("train"), train__epochs=3, train__patience=3, phantom__train_images=64,
        phantom__test_images=16, phantom__annotated_images=4, train__learning_rate=0.0003,
    )  # fmt: skip
    assert stage("prepare", folder).returncode == 0
    return folder


@pytest.fixture(scope="module")
def trained(prepared: Path) -> dict[str, bytes]:
    """The bytes that an uninterrupted run writes."""
    done = stage("train", prepared, KEY)
    assert done.returncode == 0, done.stderr
    return take(prepared)


def take(folder: Path) -> dict[str, bytes]:
    written = {name: (folder / name).read_bytes() for name in FILES}
    for name in FILES:
        (folder / name).unlink()
    return written


def test_files_hold_weights_config_predictions_and_history(
    prepared: Path, trained: dict[str, bytes], tmp_path: Path
) -> None:
    paths = []
    for name, content in trained.items():
        paths.append(tmp_path / Path(name).name)
        paths[-1].write_bytes(content)
    with safe_open(paths[0], framework="pt") as file:
        config = json.loads(file.metadata()["config"])
        assert "backbone.0.weight" in file.keys()  # noqa: SIM118
    assert config["model"] == {"arch": "alexnet", "init": "scratch", "head": "gap"}
    assert config["num_parameters"] == 2_469_953
    predictions = pd.read_csv(paths[1])
    index = pd.read_csv(prepared / "data/prepared/index.csv")
    expected = index[index.split != "train"]
    assert list(predictions.columns) == ["image", "split", "label", "probability"]
    pd.testing.assert_frame_equal(
        predictions[["image", "split", "label"]], expected[["image", "split", "label"]].reset_index(drop=True)
    )
    assert predictions.probability.between(0, 1).all()
    history = pd.read_csv(paths[2])
    assert history.epoch.tolist() == [1, 2, 3]
    assert np.isfinite(history.to_numpy()).all()
    assert json.loads(paths[3].read_text()) == {"machines": [made_on(this_machine())]}
    assert not (prepared / "data/checkpoints").exists() or not list((prepared / "data/checkpoints").iterdir())


def test_two_runs_give_identical_files(prepared: Path, trained: dict[str, bytes]) -> None:
    """That a process of its own gives the same, the resumed run shows."""
    assert stage("train", prepared, KEY).returncode == 0
    assert take(prepared) == trained


@pytest.mark.parametrize("epochs_before", [pytest.param(1, marks=pytest.mark.slow), 2])  # slow: the same code again
def test_killed_and_resumed_equals_uninterrupted(
    prepared: Path, trained: dict[str, bytes], epochs_before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_CHECKPOINT_SECONDS", "0")
    command = [sys.executable, "-u", str(ROOT / "src/train.py"), KEY]
    checkpoint = prepared / f"data/checkpoints/{KEY}.safetensors"
    process = subprocess.Popen(command, cwd=prepared, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    for line in process.stdout:
        if f"epoch {epochs_before} of 3" in line:
            break
    deadline = time.monotonic() + 20
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists()
    assert not any((prepared / name).exists() for name in FILES)
    # a process of its own: the fingerprint covers the code that is loaded, here that of all tests
    done = script("train", prepared, KEY)
    assert done.returncode == 0, done.stderr
    assert f"{KEY}: resumes after epoch" in done.stdout
    assert not checkpoint.exists()
    assert take(prepared) == trained


def test_a_run_that_moves_to_another_machine_names_both(
    prepared: Path, trained: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A requeued job resumes where the scheduler puts it: the weights belong to both machines, in order."""
    elsewhere = {"device": {"type": "cpu", "name": "Another CPU"}, "versions": {"torch": "2.0.0"}}
    save = training.save_run

    class PreemptedError(Exception):
        pass

    def save_and_stop(*arguments: object) -> None:
        save(*arguments)  # type: ignore[arg-type]
        raise PreemptedError

    monkeypatch.setenv("SIGHTLINE_CHECKPOINT_SECONDS", "0")
    with monkeypatch.context() as first:
        first.setattr(training, "made_on", lambda _: elsewhere)
        first.setattr(training, "save_run", save_and_stop)
        with pytest.raises(PreemptedError):
            stage("train", prepared, KEY)
    done = stage("train", prepared, KEY)
    assert done.returncode == 0, done.stderr
    assert f"{KEY}: resumes after epoch 1" in done.stdout
    written = take(prepared)
    made = json.loads(written.pop(FILES[3]))
    assert made == {"machines": [elsewhere, made_on(this_machine())]}
    assert written == {name: content for name, content in trained.items() if name != FILES[3]}


def test_a_checkpoint_of_other_parameters_is_not_used(prepared: Path, tmp_path: Path) -> None:
    folder = study(
        tmp_path / "other", train__epochs=1, phantom__train_images=64, phantom__test_images=16,
        phantom__annotated_images=4,
    )  # fmt: skip
    (folder / "data").mkdir()
    os.symlink(prepared / "data/prepared", folder / "data/prepared")
    path = folder / f"data/checkpoints/{KEY}.safetensors"
    save_checkpoint(path, {"network": {"x": torch.zeros(1)}}, {"epoch": 9}, "another fingerprint")
    done = stage("train", folder, KEY)
    assert done.returncode == 0, done.stderr
    assert "of other parameters, data or code; training starts again" in done.stdout
    path.write_bytes(b"broken")
    done = stage("train", folder, KEY)
    assert done.returncode == 0, done.stderr
    assert "not readable" in done.stdout


def test_checkpoint_round_trip_keeps_memory_layout(tmp_path: Path) -> None:
    def network() -> torch.nn.Module:
        torch.manual_seed(0)
        return torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)

    def step(module: torch.nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
        inputs = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        optimizer.zero_grad()
        module(inputs).square().sum().backward()
        optimizer.step()

    one = network()
    first = torch.optim.AdamW(one.parameters(), fused=True)
    step(one, first, 1)
    save_checkpoint(
        tmp_path / "c", {"network": one.state_dict(), "optimizer": optimizer_tensors(first)}, {"a": 1}, "stamp"
    )
    step(one, first, 2)
    two = network()
    second = torch.optim.AdamW(two.parameters(), fused=True)
    loaded = load_checkpoint(tmp_path / "c", "stamp")
    assert loaded
    groups, state = loaded
    assert state == {"a": 1}
    two.load_state_dict(groups["network"])
    restore_optimizer(second, groups["optimizer"])
    step(two, second, 2)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    assert load_checkpoint(tmp_path / "c", "other") is None
    assert load_checkpoint(tmp_path / "absent", "stamp") is None


def test_imagenet_init_from_a_made_file(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole stage with weights made here, whose hash is checked like that of the real ones."""
    from torchvision.models import alexnet

    from sightline.study.files import sha256_of

    torch.manual_seed(5)
    torch.save(alexnet(weights=None).state_dict(), tmp_path / "made")
    name = f"alexnet-made-{sha256_of(tmp_path / 'made')[:8]}.pth"
    (tmp_path / "made").rename(tmp_path / name)
    folder = study(tmp_path / "study", train__epochs=1)
    text = (folder / "params.yaml").read_text()
    old, new = (f"alexnet-{init}-gap: {{arch: alexnet, init: {init}" for init in ("scratch", "imagenet"))
    assert old in text
    (folder / "params.yaml").write_text(text.replace(old, new))
    (folder / "data").mkdir()
    os.symlink(prepared / "data/prepared", folder / "data/prepared")
    monkeypatch.setitem(imagenet.URLS, "alexnet", f"https://weights.invalid/{name}")
    monkeypatch.setenv("SIGHTLINE_WEIGHTS", str(tmp_path))
    done = stage("train", folder, "alexnet-imagenet-gap")
    assert done.returncode == 0, done.stderr
    assert (folder / "data/models/alexnet-imagenet-gap.safetensors").exists()
    (tmp_path / name).unlink()
    done = stage("train", folder, "alexnet-imagenet-gap")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"error: SIGHTLINE_WEIGHTS: no {name} in {tmp_path}; download https://weights.invalid/{name} and put it there"
    )


def test_unknown_key_and_misspelt_parameter(prepared: Path, tmp_path: Path) -> None:
    done = stage("train", prepared, "alexnet-scratch-gab")
    assert done.returncode == 1
    assert "models.alexnet-scratch-gab: no such entry; did you mean alexnet-scratch-gap?" in done.stderr
    folder = study(tmp_path)
    text = (folder / "params.yaml").read_text().replace("learning_rate:", "learning_rat:")
    (folder / "params.yaml").write_text(text)
    done = stage("train", folder, KEY)
    assert done.returncode == 1
    assert "train.learning_rat: unknown; did you mean learning_rate?" in done.stderr
    assert "train.learning_rate: missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_loss_that_explodes_is_an_error(prepared: Path, tmp_path: Path) -> None:
    folder = study(tmp_path, train__learning_rate=1e30)
    (folder / "data").mkdir()
    os.symlink(prepared / "data/prepared", folder / "data/prepared")
    done = stage("train", folder, KEY)
    assert done.returncode == 1
    assert "is not finite; lower train.learning_rate" in done.stderr
    assert not (folder / "data/models").exists()


# processors without float16 emulate it: 20 s
@pytest.mark.parametrize("precision", [pytest.param("float16", marks=pytest.mark.slow), "float32", "bfloat16"])
def test_every_precision_trains(
    prepared: Path, tmp_path: Path, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = study(tmp_path, train__epochs=1)
    (folder / "data").mkdir()
    os.symlink(prepared / "data/prepared", folder / "data/prepared")
    monkeypatch.setenv("SIGHTLINE_PRECISION", precision)
    done = stage("train", folder, KEY)
    assert done.returncode == 0, done.stderr
    with safe_open(folder / FILES[0], framework="pt") as file:
        assert json.loads(file.metadata()["config"])["precision"] == f"torch.{precision}"


def test_an_unknown_device_is_one_line(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_DEVICE", "gpu9")
    done = stage("train", prepared, KEY)
    assert done.returncode == 1
    assert done.stderr.startswith("error: SIGHTLINE_DEVICE=gpu9: not usable here")


def test_saliency_is_float32_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_DEVICE", "cpu")
    monkeypatch.setenv("SIGHTLINE_PRECISION", "bfloat16")
    monkeypatch.delenv("SIGHTLINE_SALIENCY_PRECISION", raising=False)
    assert this_machine().precision == torch.bfloat16
    assert saliency_machine().precision == torch.float32
    monkeypatch.setenv("SIGHTLINE_SALIENCY_PRECISION", "bfloat16")
    assert saliency_machine().precision == torch.bfloat16
    monkeypatch.setenv("SIGHTLINE_SALIENCY_PRECISION", "half")
    with pytest.raises(StudyError, match="SIGHTLINE_SALIENCY_PRECISION=half: expected one of float32, bfloat16"):
        saliency_machine()


def test_float32_is_no_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    this_machine()
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize(
    ("device", "wish", "layout"),
    [
        ("cuda", "", torch.contiguous_format),
        ("cuda", "bfloat16", torch.channels_last),
        ("cpu", "", torch.channels_last),
        ("cpu", "bfloat16", torch.channels_last),
    ],
)
def test_saliencys_layout(device: str, wish: str, layout: torch.memory_format, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(torch.device(device), torch.bfloat16)
    monkeypatch.setattr("sightline.networks.device.this_machine", lambda: machine)
    monkeypatch.setenv("SIGHTLINE_SALIENCY_PRECISION", wish)
    assert saliency_machine().layout == layout


@pytest.mark.parametrize(
    ("device", "precision", "replays", "batches"),
    [
        ("cpu", torch.float32, False, 1),
        ("cpu", torch.bfloat16, False, 1),
        ("cuda", torch.bfloat16, True, 8),
        ("cuda", torch.float32, True, 8),
        ("cuda", torch.float16, False, 8),  # the loss scaler checks the gradients in each step
    ],
)
def test_only_a_gpu_replays_steps(device: str, precision: torch.dtype, replays: bool, batches: int) -> None:
    machine = Machine(torch.device(device), precision)
    assert (machine.replays, machine.batches_at_once) == (replays, batches)
    if not replays:
        step = torch.neg
        assert machine.repeated(step) is step


@pytest.mark.parametrize(
    ("arch", "device", "precision", "layout"),
    [
        ("vgg16", "cpu", torch.float32, torch.contiguous_format),
        ("vgg16", "cpu", torch.bfloat16, torch.channels_last),
        ("vgg16", "cuda", torch.float32, torch.channels_last),
        ("alexnet", "cpu", torch.float32, torch.channels_last),
        ("googlenet", "cpu", torch.float32, torch.channels_last),
        ("resnet50", "cpu", torch.float32, torch.channels_last),
    ],
)
def test_each_architecture_trains_in_its_layout(
    arch: str, device: str, precision: torch.dtype, layout: torch.memory_format
) -> None:
    machine = Machine(torch.device(device), precision).to_train(arch)
    assert (machine.device.type, machine.precision, machine.layout) == (device, precision, layout)


def test_the_layout_reaches_each_step_and_changes_only_the_rounding(prepared: Path, tmp_path: Path) -> None:
    params = read_params(train.Params, prepared / "params.yaml")
    recipe = replace(params.train, epochs=1, batch_size=4)
    generator = torch.Generator().manual_seed(1)
    images_N = torch.randint(256, (12, 64, 64), generator=generator, dtype=torch.uint8)
    labels_N = torch.arange(12) % 2
    split = {"train": torch.arange(8), "val": torch.arange(8, 12)}
    losses = []
    for layout in (torch.contiguous_format, torch.channels_last):
        machine = Machine(torch.device("cpu"), torch.float32, layout)
        network = machine.placed(build_network("alexnet", "gap", seed=0))
        seen: list[bool] = []

        def look(_module: object, inputs: tuple[torch.Tensor], seen: list[bool] = seen, layout=layout) -> None:
            seen.append(inputs[0].is_contiguous(memory_format=layout))

        network.backbone.register_forward_pre_hook(look)
        network.train()
        _, history = fit(
            "alexnet", network, images_N, labels_N, split, recipe, params.augment, 0, machine, tmp_path / "none", ""
        )
        assert seen[:2] == [True, True]  # the two steps; an evaluation follows
        weight = network.get_submodule("backbone.3").weight
        assert weight.is_contiguous(memory_format=layout)
        assert weight.grad.is_contiguous(memory_format=layout)
        losses.append([history[0][name] for name in ("train_loss", "val_loss")])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0][0] != losses[0][1]
