"""load_model and explain: networks in memory and in files, and the maps of the command."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import sightline
from sightline.api.models import explain, load_model

FILMS = sightline.phantom(3, seed=2, size=(64, 64)).images


def network(outputs: int = 1) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.AvgPool2d(4), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, outputs),
    )  # fmt: skip


def cam(net: nn.Module, film: np.ndarray, mean: float, std: float) -> np.ndarray:
    """By hand: the last layer's weights times the feature map, whose mean the network's head takes."""
    pixels = (torch.from_numpy(film)[None, None].float() / 255 - mean) / std
    features = net[:5](pixels)[0]
    return torch.einsum("k,khw->hw", net[7].weight[0], features).detach().numpy()


def test_the_maps_of_a_network_in_memory_are_those_by_hand():
    net = network().train()
    model = load_model(net, channels=1, mean=0.5, std=0.25, size=64)
    maps = explain(model, FILMS, "cam")
    assert list(maps) == list(FILMS)
    for name, film in FILMS.items():
        expected = cam(net, film, 0.5, 0.25)
        found = maps[name]
        assert found.shape == expected.shape == (16, 16)
        assert np.allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert net.training, "the caller's network is as it was"


def test_forms_of_images_and_the_score_of_several_outputs(tmp_path):
    two = network(2)
    one = network(2)
    with torch.no_grad():
        last = nn.Linear(6, 1)
        last.weight.copy_(two[7].weight[1:] - two[7].weight[:1])
        last.bias.copy_(two[7].bias[1:] - two[7].bias[:1])
    one[7] = last
    expected = explain(load_model(one, channels=1, size=64), FILMS)
    model = load_model(two, channels=1, size=64, score=lambda output: output[:, 1] - output[:, 0])
    stack = np.stack(list(FILMS.values()))
    rows = explain(model, stack)
    assert rows.shape == (3, 16, 16)
    for place, name in enumerate(FILMS):
        assert np.allclose(rows[place], expected[name], rtol=1e-3, atol=1e-5)
    assert list(explain(model, torch.from_numpy(stack), names=["c", "a", "b"])) == ["c", "a", "b"]
    assert np.array_equal(explain(model, stack, names=["c", "a", "b"])["c"], rows[0])
    for name, film in FILMS.items():
        Image.fromarray(film).save(tmp_path / f"{name}.png")
    from_files = explain(model, tmp_path)
    assert all(np.array_equal(from_files[name], rows[place]) for place, name in enumerate(FILMS))


def test_maps_go_into_score_as_they_are():
    study = sightline.phantom(3, seed=2, size=(64, 64))
    maps = sightline.explain(sightline.load_model(network(), channels=1), study.images, "gradcam")
    assert sightline.verdict(maps, study.regions, images=study.images)["model"].key == "cannot_tell"


def test_what_is_refused():
    with pytest.raises(sightline.StudyError, match="channels: expected 1 or 3, got 2") as raised:
        load_model(network(), channels=2, std=0.0)
    assert "std: expected numbers above 0" in str(raised.value)
    with pytest.raises(sightline.StudyError, match="not one logit per image"):
        explain(load_model(network(2), channels=1), FILMS)
    with pytest.raises(sightline.StudyError, match="unknown; did you mean gradcam"):
        explain(load_model(network(), channels=1), FILMS, "gradcamm")
    with pytest.raises(sightline.StudyError, match=r"MODEL is a \.safetensors file"):
        load_model("network.bin")
    two_sizes = {"a": np.zeros((64, 64), np.uint8), "b": np.zeros((32, 64), np.uint8)}
    with pytest.raises(sightline.StudyError, match="images: of 2 sizes"):
        explain(load_model(network(), channels=1), two_sizes)
    with pytest.raises(sightline.StudyError, match="images: a: int64"):
        explain(load_model(network(), channels=1), {"a": np.zeros((64, 64), np.int64)})


def test_what_does_not_fit_is_said_in_one_line() -> None:
    film = {"a": np.zeros((8, 8))}
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1))
    words = r"^the network fails on images of 3x8x8 \(.*expected input.*1 channels.*\); declare the size and channels"
    with pytest.raises(sightline.StudyError, match=words):
        sightline.explain(sightline.load_model(network, size=8), film)
    with pytest.raises(sightline.StudyError, match=r"^model: expected a path or a torch.nn.Module, got NoneType$"):
        sightline.load_model(None)  # type: ignore[arg-type]
    with pytest.raises(sightline.StudyError, match=r"^card: belongs to an exported file"):
        sightline.load_model(network, "card.yaml", channels=1)
    for nothing in ({}, []):
        with pytest.raises(sightline.StudyError, match=r"^images: there is none$"):
            sightline.explain(sightline.load_model(network, channels=1, size=8), nothing)
