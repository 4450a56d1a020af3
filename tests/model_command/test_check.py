"""The check of a classifier trained elsewhere: each finding on a network built to show it, none on a sound one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, brier_score_loss, roc_auc_score
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from sightline.model_check.description import methods_words, model_words
from sightline.model_check.findings import CHECKS, conclusion, findings, is_ready
from sightline.model_command.checking import Films, balanced_rows, checked, classification, difference
from sightline.networks.device import Machine
from sightline.networks.training import predicted_logits
from sightline.own_models.network import OwnNetwork
from sightline.own_models.parts import Parts, Tokens
from sightline.statistics.calibration import equal_mass_bins

MACHINE = Machine(torch.device("cpu"), torch.float32, torch.contiguous_format)
SIDE = 32


def films(count: int = 40) -> Films:
    """Dark noise, every second film with a bright square somewhere: label 1."""
    rng = np.random.default_rng(0)
    images = rng.integers(20, 90, (count, SIDE, SIDE), dtype=np.uint8)
    label = np.arange(count) % 2
    for row in np.flatnonzero(label):
        top, left = rng.integers(0, SIDE - 12, 2)
        images[row, top : top + 12, left : left + 12] = rng.integers(180, 250, (12, 12))
    return Films(images_N=images, label_N=label, patients_N=np.arange(count), of=100)


class Sound(nn.Module):
    """Bright pixels count: a logit near -4 without the square and above 4 with it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        self.linear = nn.Linear(2, 1)
        with torch.no_grad():
            self.conv.weight.fill_(1 / 3)
            self.conv.bias.copy_(torch.tensor([-0.5, 0.0]))
            self.linear.weight.copy_(torch.tensor([[200.0, -0.5]]))
            self.linear.bias.fill_(-4)

    def features(self, images: Tensor) -> Tensor:
        return self.conv(images).relu_()

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(self.features(images).mean(dim=(2, 3)))


def parts_of(network: nn.Module, **changes: Any) -> Parts:
    facts = {
        "kind": "code", "files": {"models/ours.py": "0" * 64}, "num_parameters": 11, "size": [SIDE, SIDE],
        "channels": 3, "mean": [0.0], "std": [1.0], "value_range": [0.0, 1.0], "network": "Sound", "unwrapped": [],
        "was_in_train_mode": False, "converted_from": [],
    }  # fmt: skip
    parts = Parts(
        network=network.eval(), to_input=lambda images: images, is_differentiable=True,
        to_logit=lambda output: output[:, 0], gradients="features", facts=facts,
    )  # fmt: skip
    return replace(parts, **changes)


def check(network: nn.Module, looked: Films | None = None, **changes: Any) -> dict[str, Any]:
    looked = looked or films()
    own = OwnNetwork(parts_of(network, **changes), None, (SIDE, SIDE))
    images = torch.from_numpy(looked.images_N)
    logits = predicted_logits(own, images, torch.arange(len(images)), 16, MACHINE)
    return checked(own, looked, logits.numpy(), 5, MACHINE)


def found(result: dict[str, Any]) -> dict[str, str]:
    """What is not ok, by check."""
    return {finding.check: finding.status for finding in findings(result) if finding.status != "ok"}


def words(result: dict[str, Any], name: str) -> str:
    return next(f"{finding.words} {finding.remedy}" for finding in findings(result) if finding.check == name)


def test_nothing_is_found_on_a_sound_network() -> None:
    result = check(Sound())
    assert found(result) == {}
    assert conclusion(result) == "ready"
    assert result["status"].keys() == CHECKS.keys()
    assert result["evidence"]["grid"] == [SIDE, SIDE]
    assert result["evidence"]["is_cam_exact"]
    assert all(not finding.remedy for finding in findings(result))
    json.dumps(result, allow_nan=False)


class BatchNorm(Sound):
    def features(self, images: Tensor) -> Tensor:
        return F.batch_norm(super().features(images), None, None, training=True)


class Dropout(Sound):
    def features(self, images: Tensor) -> Tensor:
        return F.dropout(super().features(images), 0.5, training=True)


class Sigmoid(Sound):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).sigmoid()


class Turned(Sound):
    def forward(self, images: Tensor) -> Tensor:
        return -super().forward(images)


class Constant(Sound):
    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.linear.weight)


class Broken(Sound):
    """NaN where a film has a square."""

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        return logits / (logits < 0) * (logits < 0)


@pytest.mark.parametrize(
    ("network", "status"),
    [
        (BatchNorm, {"alone": "fails"}),
        (Dropout, {"repeat": "fails", "alone": "unknown"}),
        (Sigmoid, {"logit": "fails"}),
        (Turned, {"sign": "fails", "accuracy": "warning", "calibration": "warning"}),
        (Broken, dict.fromkeys(("sign", "accuracy", "calibration"), "unknown") | {"finite": "fails"}),
        (Constant, {"constant": "fails", "logit": "unknown", "exact": "fails", "flow": "warning", "sign": "warning"}),
    ],
)  # fmt: skip
def test_each_fault_is_found(network: Callable[[], nn.Module], status: dict[str, str]) -> None:
    result = check(network())
    assert found(result).items() >= status.items()
    assert not is_ready(result)
    assert conclusion(result).startswith("not ready: ")
    json.dumps(result, allow_nan=False)


def test_a_label_turned_round_explains_the_accuracy() -> None:
    assert words(check(Turned()), "accuracy").endswith("That is the label turned round, once more.")


def test_a_wrong_value_range_shows_in_the_accuracy_and_in_what_the_network_received() -> None:
    result = check(Sound(), to_input=lambda images: images / 255)
    assert found(result)["accuracy"] == "warning"
    assert result["classification"]["accuracy"]["value"] == 0.5
    assert max(result["input"]["greatest"]) < 1 / 255
    assert "It received 3 x 32 x 32: from " in words(result, "accuracy")


def test_probabilities_are_told_from_logits_that_happen_to_lie_in_0_1() -> None:
    class Timid(Sound):
        def forward(self, images: Tensor) -> Tensor:
            return 0.5 + super().forward(images) / 1000

    assert found(check(Timid()))["logit"] == "warning"


def test_a_class_token_leaves_no_gradient_at_the_patches_after_the_last_attention() -> None:
    def vit() -> nn.Module:
        torch.manual_seed(0)
        network = VisionTransformer(SIDE, 8, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=1)
        nn.init.normal_(network.heads[0].weight)
        return network

    late = check(vit(), evidence="encoder.layers.encoder_layer_1", tokens=Tokens(prefix=1, grid=(4, 4)))
    assert found(late)["evidence"] == "fails"
    assert "gradient at the output of encoder.layers.encoder_layer_1 is exactly zero" in words(late, "evidence")
    assert "class token" in words(late, "evidence")
    before = check(vit())
    assert "exact" not in found(before)
    assert before["evidence"]["grid"] == [4, 4]
    assert "Grad-CAM is a local gradient" in words(before, "exact")


def test_a_network_that_refuses_one_film_alone() -> None:
    class Picky(Sound):
        def forward(self, images: Tensor) -> Tensor:
            if len(images) < 2:
                raise ValueError("Expected more than 1 value per channel when training")
            return super().forward(images)

    result = check(Picky())
    assert found(result) == {"alone": "fails"}
    assert "Expected more than 1 value per channel" in words(result, "alone")


def test_without_evidence_the_reason_is_said() -> None:
    result = check(Sound(), gradients="none")
    assert found(result).keys() >= {"evidence", "exact"}
    assert is_ready(result)


def test_a_gradient_that_does_not_reach_the_image() -> None:
    result = check(Sound(), to_input=lambda images: images.detach(), is_differentiable=False)
    assert found(result) == {"flow": "warning"}
    assert result["evidence"]["is_cam_exact"]


def test_a_larger_own_size_is_a_warning() -> None:
    result = check(Sound(), to_input=lambda images: F.interpolate(images, (48, 40)))
    assert found(result) == {"size": "warning"}
    assert "It sees 48 x 40 pixels; the study's films have 32 x 32." in words(result, "size")


def test_what_was_put_right_at_load_is_said() -> None:
    facts = parts_of(Sound()).facts | {
        "was_in_train_mode": True, "converted_from": ["float16"], "unwrapped": ["DataParallel"],
    }  # fmt: skip
    text = " ".join(model_words(check(Sound(), facts=facts)))
    assert "it was in train mode and is now in eval mode; its weights were float16 and are now float32; " in text
    assert "DataParallel was taken off" in text


def test_numbers_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    label = np.r_[np.zeros(30, int), np.ones(20, int)]
    logits = (rng.normal(size=50) + label).astype(np.float32).round(1)  # with ties
    probability = 1 / (1 + np.exp(-logits.astype(float)))
    numbers = classification(logits, label, np.arange(50), bins=5)
    assert numbers["auroc"]["value"] == pytest.approx(roc_auc_score(label, logits), abs=1e-12)
    assert numbers["accuracy"]["value"] == pytest.approx(accuracy_score(label, logits >= 0), abs=1e-12)
    assert numbers["brier"] == pytest.approx(brier_score_loss(label, probability), abs=1e-12)
    assert numbers["majority"] == 0.6
    assert numbers["brier_prevalence"] == pytest.approx(0.24)
    bins = equal_mass_bins(probability, 5)
    gaps = [abs(label[bins == b].mean() - probability[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    assert numbers["ece"] == pytest.approx(sum(gaps), abs=1e-12)
    assert numbers["auroc"]["low"] < numbers["auroc"]["value"] < numbers["auroc"]["high"]


def test_without_films_of_one_class_auroc_is_unknown() -> None:
    numbers = classification(np.ones(4, np.float32), np.ones(4, int), np.arange(4), bins=5)
    assert np.isnan(numbers["auroc"]["value"])
    assert np.isnan(numbers["mean_negative"])
    assert numbers["accuracy"]["value"] == 1


def test_the_sample_is_balanced_and_always_the_same() -> None:
    label = np.r_[np.zeros(100, int), np.ones(7, int)]
    rows = balanced_rows(label, 20, seed=3)
    assert np.array_equal(rows, balanced_rows(label, 20, seed=3))
    assert not np.array_equal(rows, balanced_rows(label, 20, seed=4))
    assert (label[rows] == 0).sum() == 10
    assert (label[rows] == 1).sum() == 7
    assert (np.diff(rows) > 0).all()


def test_methods_that_do_not_work_are_named_with_the_reason() -> None:
    class Layered(Sound):
        """A ReLU after the pooling: CAM is not defined."""

        def forward(self, images: Tensor) -> Tensor:
            return self.linear(F.relu(self.features(images).mean(dim=(2, 3)) - 0.01))

    lines = methods_words(check(Layered()))
    assert lines[0].startswith("Saliency methods that work: ")
    assert "gradcam" in lines[0]
    assert lines[1:] == ["Not cam: no linear layer on the means of the channels ends in the logit."]
    lines = methods_words(check(Sound(), gradients="none"))
    assert lines[0] == "Saliency methods that work: occlusion, rise."


def test_an_evidence_name_that_does_not_exist_is_a_finding_and_leaves_the_other_checks() -> None:
    result = check(Sound(), evidence="convv")
    assert found(result) == {"evidence": "fails", "exact": "unknown"}
    assert "did you mean conv?" in words(result, "evidence")
    assert methods_words(result)[0] == (
        "Saliency methods that work: input_gradient, integrated_gradients, smoothgrad, occlusion, rise."
    )


def test_gradients_are_looked_at_on_a_film_of_each_class() -> None:
    looked = films(8)
    label = np.array([1, 1, 1, 1, 0, 1, 0, 0])
    assert replace(looked, label_N=label).probe().tolist() == [0, 4, 1, 6]
    assert replace(looked, label_N=np.ones(8, int)).probe().tolist() == [0, 1]
    assert replace(looked, label_N=label[:0]).probe().tolist() == []


def test_differences_are_shares_of_the_largest_output() -> None:
    assert difference(torch.tensor([1.0, -4.0]), torch.tensor([1.0, -2.0])) == 0.5
    assert difference(torch.tensor([0.0, 1.0]), torch.zeros(2)) == 1
    assert difference(torch.zeros(2), torch.zeros(2)) == 0
    assert np.isnan(difference(torch.tensor([np.nan]), torch.ones(1)))
