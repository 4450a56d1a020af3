"""Weights from files: read without running code, prefixes off, every name that does not fit named."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from sightline.networks.architectures import build_network
from sightline.networks.imagenet import URLS, initial_weights
from sightline.networks.state_dict import load_into, read_state_dict, without_wrappers
from sightline.study.architecture_names import TORCHVISION
from sightline.study.errors import StudyError
from sightline.study.models import Network


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def test_formats_wrappers_and_prefixes_give_the_same_tensors(tmp_path: Path) -> None:
    weights = small().state_dict()
    parallel = {f"module.model.{name}": tensor for name, tensor in weights.items()}
    save_file(weights, tmp_path / "a.safetensors")
    torch.save(weights, tmp_path / "b.pt")
    torch.save({"epoch": 3, "state_dict": parallel, "hyper_parameters": {"rate": 0.1}}, tmp_path / "c.ckpt")
    torch.save({"model": weights, "optimizer": {"step": 1}}, tmp_path / "d.pth")
    for name in ("a.safetensors", "b.pt", "c.ckpt", "d.pth"):
        stored = read_state_dict(tmp_path / name)
        assert set(stored) == set(weights)
        assert all(torch.equal(stored[key], weights[key]) for key in weights)


def test_a_prefix_that_one_name_lacks_stays() -> None:
    one = torch.zeros(1)
    assert set(without_wrappers({"model.a": one, "b": one})) == {"model.a", "b"}


def test_unreadable_files_are_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "objects.pt").write_bytes(pickle.dumps({"x": SimpleNamespace(a=1)}))
    torch.save({"network": SimpleNamespace(a=1)}, tmp_path / "module.pt")
    torch.save({"epoch": 1}, tmp_path / "empty.pt")
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    torch.save({"a": {"x": torch.ones(1)}, "epoch": 1}, tmp_path / "unusual.pt")
    for name, words in {
        "unusual.pt": r"no entry of a usual name.*save it alone: torch\.save\(checkpoint\['a'\], FILE\)",
        "objects.pt": r"needs code to be loaded \(types\.SimpleNamespace\)",
        "module.pt": r"needs code to be loaded[^$]*\n  torch\.save\(checkpoint\[\"network\"\], ",
        "empty.pt": "no weights by name in it; its entries are epoch",
        "broken.safetensors": "neither safetensors nor a file that torch.save wrote",
        "absent.pt": "not there; init is scratch, imagenet or the path of a file of weights",
    }.items():
        with pytest.raises(StudyError, match=rf"{name}: {words}"):
            read_state_dict(tmp_path / name)


def test_all_that_does_not_fit_is_named() -> None:
    network = small()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weights = {name: tensor + 1 for name, tensor in before.items()}
    weights["0.weight"] = torch.zeros(4, 1, 3, 3)
    weights["5.bias"] = weights.pop("0.bias")
    del weights["1.num_batches_tracked"]  # older files lack it
    with pytest.raises(StudyError) as caught:
        load_into(network, weights, ("3.",), "x.pt: its weights do not fit")
    assert str(caught.value).splitlines() == [
        "x.pt: its weights do not fit",
        "  missing: 0.bias",
        "  unknown: 5.bias",
        "  of another shape: 0.weight ((4, 1, 3, 3), expected (4, 3, 3, 3))",
    ]
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_dropped_names_are_left_out_on_both_sides() -> None:
    network = small()
    own = network.state_dict()["3.weight"].clone()
    weights = {name: tensor + 1 for name, tensor in small().state_dict().items() if name != "3.bias"}
    weights["3.weight"] = torch.zeros(1000, 4)
    load_into(network, weights, ("3.",), "")
    assert torch.equal(network.state_dict()["3.weight"], own)
    assert torch.equal(network.state_dict()["0.bias"], small().state_dict()["0.bias"] + 1)


def test_a_file_with_a_classifier_of_other_classes_is_an_init(tmp_path: Path) -> None:
    torch.manual_seed(3)
    arch = "mnasnet0_5"  # which loads nothing without its version
    whole = getattr(models, arch)(weights=None, num_classes=7)
    save_file(whole.state_dict(), tmp_path / "ours.safetensors")
    weights = initial_weights(arch, str(tmp_path / "ours.safetensors"))
    network = build_network(arch, "gap", 0, weights, source="ours.safetensors: its weights")
    first = next(iter(network.backbone.state_dict()))
    stored = whole.state_dict()
    assert torch.equal(network.backbone.state_dict()[first], stored[next(iter(stored))])
    with pytest.raises(
        StudyError, match=r"ours.safetensors: its weights do not fit resnet18\n  missing: conv1.weight, "
    ):
        build_network("resnet18", "gap", 0, weights, source="ours.safetensors: its weights")


def test_inits() -> None:
    assert initial_weights("densenet121", "scratch") is None
    with pytest.raises(StudyError, match="put the weights of timm:resnet18 on disk and name their path as init"):
        initial_weights("timm:resnet18", "imagenet")
    with pytest.raises(ValueError, match="init: imagenet is torchvision's; put the weights of timm:resnet18 on disk"):
        Network(arch="timm:resnet18", init="imagenet", head="gap")  # where it is written, before anything runs
    assert set(URLS) == set(TORCHVISION)
    assert URLS["vit_h_14"] == models.ViT_H_14_Weights.IMAGENET1K_SWAG_LINEAR_V1.url
    assert URLS["densenet121"] == models.DenseNet121_Weights.IMAGENET1K_V1.url
