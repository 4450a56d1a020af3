"""Strict reading of params.yaml: an error names the path, what was expected and the nearest name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from ruamel.yaml import YAML

from sightline.study.errors import StudyError
from sightline.study.models import Entry, ExternalMaps, Network
from sightline.study.parameters import SECTIONS, read_entry, read_params
from studies import ROOT, committed


@dataclass(frozen=True, kw_only=True)
class Section:
    epochs: int
    rate: float
    kind: Literal["a", "b"]
    color: bool

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs: at least 1, got {self.epochs}")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    train: Section
    models: dict[str, Entry]


GOOD = """
seed: 3
train: {epochs: 2, rate: 1e-05, kind: a, color: false}
models:
  n: {arch: alexnet, init: scratch, head: gap}
  e: {maps: folder, method: lime}
"""


def read(tmp_path: Path, text: str) -> Params:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return read_params(Params, path)


def test_values_arrive_typed(tmp_path: Path) -> None:
    params = read(tmp_path, GOOD)
    assert params.seed == 3
    assert params.train == Section(epochs=2, rate=0.00001, kind="a", color=False)
    assert params.models["n"] == Network(arch="alexnet", init="scratch", head="gap")
    assert params.models["e"] == ExternalMaps(maps="folder", method="lime")
    with pytest.raises(dataclasses.FrozenInstanceError):
        params.seed = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed: 3", "sed: 3", r"sed: unknown; did you mean seed\?"),
        ("seed: 3", "", r"seed: missing"),
        ("seed: 3", "seed: '3'", r"seed: expected a whole number, got '3'"),
        ("seed: 3", "seed: 3.5", r"seed: expected a whole number, got 3.5"),
        ("seed: 3", "seed: true", r"seed: expected a whole number, got True"),
        ("epochs: 2", "epoch: 2", r"train.epoch: unknown; did you mean epochs\?"),
        ("epochs: 2", "epochs: 0", r"train.epochs: at least 1, got 0"),
        ("rate: 1e-05", "rate: fast", r"train.rate: expected a number, got 'fast'"),
        ("kind: a", "kind: c", r"train.kind: expected one of a, b, got 'c'"),
        ("color: false", "color: 0", r"train.color: expected true or false, got 0"),
        ("arch: alexnet", "arch: alexnt", r"models.n.arch: expected an architecture of .* did you mean alexnet\?"),
        ("arch: alexnet", "arch: resnet50", None),
        ("arch: alexnet, init: scratch, head: gap", "arch: resnet50, init: scratch, head: fc", "no fc head of its own"),
        ("head: gap", "haed: gap", r"models.n.haed: unknown; did you mean head\?"),
        ("maps: folder, ", "map: folder, ", r"models.e.map: unknown; did you mean maps\?"),
        ("train: {", "train: [1]\nx: {", r"train: expected a mapping"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new)
    if message is None:
        assert read(tmp_path, text).models["n"].arch == "resnet50"  # type: ignore[union-attr]
        return
    with pytest.raises(StudyError, match=message):
        read(tmp_path, text)


def test_all_wrong_keys_at_once(tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        read(tmp_path, GOOD.replace("epochs: 2", "epochs: x").replace("head: gap", "head: cap"))
    assert len(caught.value.cases) == 2


def test_broken_and_absent_files(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="not readable as YAML"):
        read(tmp_path, "seed: [")
    with pytest.raises(StudyError, match="not there"):
        read_params(Params, tmp_path / "other.yaml")


def test_unknown_model_key_names_the_nearest(tmp_path: Path) -> None:
    read(tmp_path, GOOD.replace("  n:", "  alexnet-scratch-gap:"))
    with pytest.raises(StudyError, match=r"models.alexnet-scrath-gap: no such entry; did you mean alexnet-scratch-gap"):
        read_entry(Network, "models", "alexnet-scrath-gap", tmp_path / "params.yaml")


@pytest.mark.parametrize("path", sorted((ROOT / "profiles").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_files_fit_every_stage(path: Path) -> None:
    from sightline.stages import align, augment_preview, bootstrap, consensus, prepare, report, saliency, train

    assert list(YAML(typ="safe").load(path)) == list(SECTIONS)
    for stage in (prepare, augment_preview, train, saliency, consensus, align, bootstrap, report):
        read_params(stage.Params, path)
    for key, entry in read_params(WithModels, path).models.items():
        if path.stem not in ("demo", "population"):
            assert key == f"{entry.arch}-{entry.init}-{entry.head}"  # type: ignore[union-attr]


@dataclass(frozen=True, kw_only=True)
class WithModels:
    models: dict[str, Entry]


def test_the_demonstration_is_what_ships() -> None:
    """params.yaml itself is the user's, who may have chosen another profile."""
    assert committed("params.yaml") == committed("profiles/demo.yaml")


def test_the_paper_profile_is_the_paper() -> None:
    paper = YAML(typ="safe").load(ROOT / "profiles/paper.yaml")
    assert len(paper["models"]) == 12
    train = paper["train"]
    recipe = {"epochs": 10, "batch_size": 64, "learning_rate": 1e-4, "warmup": 0.3, "weight_decay": 1e-4, "beta1": 0.9}
    recipe |= {"beta2": 0.95, "clip_norm": 0.5, "patience": 3, "min_improvement": 0.01}
    assert train == recipe
    assert paper["augment"]["interpolation"] == "nearest"
    assert (paper["data"]["height"], paper["data"]["width"], paper["data"]["val_share"]) == (224, 224, 0.1)
