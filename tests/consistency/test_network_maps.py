"""Maps of a network under perturbation: batches, an equivariant network, dropout on and off."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import tiny_networks
from sightline.consistency import network_maps
from sightline.consistency.network_maps import dropout_on, gradcam_maps, has_dropout
from sightline.consistency.perturbations import Move, brought_back, moved
from sightline.consistency.repeatability import ranked, repeatability
from sightline.maps import scaled_maps
from sightline.networks.architectures import Classifier, GlobalAveragePool
from sightline.networks.device import saliency_machine

RNG = np.random.default_rng(0)


def equivariant() -> Classifier:
    """A blur and a mean: its Grad-CAM is the blurred image, wherever a thing lies on a dark ground."""
    blur = nn.Conv2d(3, 1, 3, padding=1, bias=False)
    head = nn.Sequential(GlobalAveragePool(), nn.Linear(1, 1))
    with torch.no_grad():
        blur.weight.fill_(1 / 27)
        head[1].weight.fill_(1)
    return Classifier(nn.Sequential(blur), head).eval()


def test_the_maps_of_an_equivariant_network_come_back_exactly() -> None:
    images = np.zeros((3, 24, 24), np.uint8)
    images[:, 7:17, 7:17] = RNG.integers(1, 255, (3, 10, 10))
    network, machine = equivariant(), saliency_machine()
    plain = scaled_maps(gradcam_maps(network, "toy", images, "exact", machine), 24, 24)
    sizes, patients = np.array([20, 30, 40]), ["a", "b", "c"]
    for move in (Move(down=3), Move(right=-2)):
        raw = gradcam_maps(network, "toy", moved(images, move).astype(np.uint8), "exact", machine)
        back = scaled_maps(brought_back(raw, move, 24, 24), 24, 24)
        np.testing.assert_allclose(back, plain, atol=2e-5)
        result = repeatability(ranked(plain), ranked(back), sizes, patients)
        assert (result.correlation_M > 0.999).all()
        assert (result.overlap_M > 0.99).all()
        assert (result.overlap_chance_M < 0.9).all()


def test_the_size_of_batches_changes_no_map(monkeypatch: pytest.MonkeyPatch) -> None:
    images = RNG.integers(0, 256, (5, 32, 32), dtype=np.uint8)
    network, machine = tiny_networks.tiny("gap"), saliency_machine()
    whole = gradcam_maps(network, "tiny", images, "exact", machine)
    monkeypatch.setattr(network_maps, "BATCH", 2)
    np.testing.assert_allclose(gradcam_maps(network, "tiny", images, "exact", machine), whole, rtol=1e-4, atol=1e-6)


def test_dropout_is_drawn_from_its_seed_and_leaves_all_as_it_was() -> None:
    network = tiny_networks.tiny("fc")
    assert not has_dropout(network)
    network.head.insert(4, nn.Dropout(0.5))
    network.eval()
    assert has_dropout(network)
    images, machine = RNG.integers(0, 256, (3, 32, 32), dtype=np.uint8), saliency_machine()

    def maps() -> np.ndarray:
        return gradcam_maps(network, "tiny", images, "exact", machine)

    before, state = maps(), torch.get_rng_state()
    draws = []
    for seed in (1, 1, 2):
        with dropout_on(network, seed):
            draws.append(maps())
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    assert not np.array_equal(draws[0], before)
    assert not any(module.training for module in network.modules())
    with pytest.raises(RuntimeError, match="stop"), dropout_on(network, 3):
        raise RuntimeError("stop")
    np.testing.assert_array_equal(maps(), before)
    assert torch.equal(torch.get_rng_state(), state)
