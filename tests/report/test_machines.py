"""What the report and metrics/summary.json say of the machines: a row each, and a sentence where they differ."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reports import EXTERNAL, NETWORKS, OWN, Elements, fabricate, model_check, words_of, written
from sightline.report.machines import CAUSE, apart, devices_of, machines, versions_of
from sightline.report.summary import numbers
from sightline.study.files import write_json
from sightline.study.models import CodeModel, Entry, Network

pytestmark = pytest.mark.usefixtures("plain_figures")
NETWORK = Network(arch="alexnet", init="scratch", head="gap")
MODELS: dict[str, Entry] = {"a": NETWORK, "b": NETWORK, "c": NETWORK, "ours": CodeModel(code="models/ours.py")}
TORCH = {"Python": "3.11.9", "torch": "2.15.0"}
GPU = {"type": "cuda", "name": "NVIDIA H100", "precision": "bfloat16"}
CPU = {"type": "cpu", "name": "Xeon", "precision": "float32", "instructions": "avx512f", "threads": 2}


def made(*devices: dict[str, Any], **versions: str) -> dict[str, Any]:
    return {"machines": [{"device": device, "versions": TORCH | versions} for device in devices]}


def test_networks_of_one_kind_need_no_sentence_and_no_number() -> None:
    """Neither the number of threads nor where a classifier from elsewhere was predicted makes another kind."""
    alike = {"a": made(CPU), "b": made({**CPU, "threads": 4}), "c": made(CPU), "ours": made(GPU, torch="2.14.0")}
    assert apart(alike, MODELS) == []
    assert apart({}, MODELS) == []
    assert numbers(MODELS, {"made": alike}) == {**{name: {} for name in MODELS}, "study": {}}
    assert devices_of(alike, MODELS) == {"Xeon, float32 (avx512f)": ["a", "b", "c"]}


def test_two_kinds_of_device_are_a_sentence_that_names_the_networks() -> None:
    mixed = {"a": made(GPU), "b": made(CPU), "c": made(GPU)}
    assert apart(mixed, MODELS) == [
        "The networks were not all trained on one kind of device and in one precision: a and c on NVIDIA H100, "
        f"bfloat16; b on Xeon, float32 (avx512f). {CAUSE}"
    ]
    assert numbers(MODELS, {"made": mixed})["study"] == {"device_kinds": 2}


@pytest.mark.parametrize("other", [{"precision": "float32"}, {"name": "NVIDIA A100"}])
def test_precision_and_name_make_a_kind(other: dict[str, str]) -> None:
    assert len(devices_of({"a": made(GPU), "b": made({**GPU, **other})}, MODELS)) == 2


def test_other_versions_are_a_sentence_that_names_what_differs_alone() -> None:
    mixed = {"a": made(GPU), "b": made(GPU, torch="2.14.0"), "c": made(GPU, timm="1.0.3")}
    assert apart(mixed, MODELS) == [
        "The networks were not all trained with the same library versions: torch 2.14.0 (b) and torch 2.15.0 (a and "
        f"c); no timm (a and b) and timm 1.0.3 (c). {CAUSE}"
    ]
    assert numbers(MODELS, {"made": mixed})["study"] == {"library_versions": 3}
    assert len(versions_of(mixed, MODELS)) == 3


def test_that_a_processor_has_no_cuda_is_no_other_version() -> None:
    """Two kinds of device, and nothing of versions, unless two GPUs differ."""
    mixed = {"a": made(GPU, cuda="13.0"), "b": made(CPU), "c": made(GPU, cuda="13.0")}
    assert "library versions" not in apart(mixed, MODELS)[0]
    assert numbers(MODELS, {"made": mixed})["study"] == {"device_kinds": 2}
    mixed["c"] = made(GPU, cuda="12.8")
    assert "no cuda (b), cuda 12.8 (c) and cuda 13.0 (a)" in apart(mixed, MODELS)[0]


def test_a_network_whose_training_moved_is_of_both_kinds() -> None:
    moved = {"a": made(GPU, CPU), "b": made(GPU)}
    assert devices_of(moved, MODELS) == {"NVIDIA H100, bfloat16": ["a", "b"], "Xeon, float32 (avx512f)": ["a"]}
    words = words_of("".join(machines(moved, MODELS)))
    assert "a trained NVIDIA H100, bfloat16 then Xeon, float32 (avx512f) Python 3.11.9, torch 2.15.0 then" in words
    assert "c trained not known not known" in words
    assert "ours" not in words


def test_the_page_has_a_row_per_network_and_the_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fabricate(tmp_path, NETWORKS | OWN | EXTERNAL)
    write_json(tmp_path / "metrics/models/ours.json", model_check())
    first, second = NETWORKS
    words = words_of(written(tmp_path, monkeypatch))
    assert "The machine of each network" not in words
    assert "one kind of device" not in words
    for model, device in {first: GPU, second: CPU, "ours": CPU}.items():
        write_json(tmp_path / f"data/models/{model}.made.json", made(device))
    page = written(tmp_path, monkeypatch)
    assert not Elements(page).open
    section = words_of(re.search(r'<section id="made">.*?</section>', page, re.DOTALL)[0])  # type: ignore[index]
    assert f"{first} trained NVIDIA H100, bfloat16 Python 3.11.9, torch 2.15.0" in section
    assert "ours predicted Xeon, float32 (avx512f) Python 3.11.9" in section
    limits = section[section.index("Limits") :]
    assert f"{first} on NVIDIA H100, bfloat16; {second} on Xeon, float32 (avx512f). {CAUSE}" in limits
    assert json.loads((tmp_path / "metrics/summary.json").read_text())["study"]["device_kinds"] == 2
