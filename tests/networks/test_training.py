"""The parts of training: batches, steps, learning rate, early stopping and evaluation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from sightline.networks import device
from sightline.networks.architectures import build_network
from sightline.networks.augment import Augment, augmented, augmented_batches, three_channels, unit_images
from sightline.networks.device import Machine
from sightline.networks.training import (
    auroc,
    balanced_batches,
    epochs_without_improvement,
    mean_loss,
    one_cycle_rate,
    predicted_logits,
    set_rate,
    training_step,
)

STRENGTHS = Augment(
    rotation=15, translation=0.1, scale_low=0.9, scale_high=1.1, jitter_low=0.7, jitter_high=1.3, hue=0.1, sharpen=0.5,
    interpolation="bilinear",
)  # fmt: skip
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_batch_is_half_and_half_and_the_minority_is_used_evenly() -> None:
    labels = torch.tensor([0] * 13 + [1] * 87)
    batches = balanced_batches(labels, 10, generator())
    assert batches.shape == (10, 10)
    assert (labels[batches].sum(dim=1) == 5).all()
    uses = torch.bincount(batches.flatten(), minlength=100)
    assert set(uses[:13].tolist()) == {3, 4}  # 50 places over 13 images
    assert set(uses[13:].tolist()) == {0, 1}  # 50 of 87, none twice
    assert torch.equal(batches, balanced_batches(labels, 10, generator()))
    assert not torch.equal(batches, balanced_batches(labels, 10, generator(1)))


def test_fewer_images_than_a_batch_still_make_one() -> None:
    assert balanced_batches(torch.tensor([0, 1, 1]), 8, generator()).shape == (1, 8)


def test_odd_batches_and_absent_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size: must be even"):
        balanced_batches(torch.tensor([0, 1]), 3, generator())
    with pytest.raises(ValueError, match="no training image has label 0"):
        balanced_batches(torch.tensor([1, 1]), 2, generator())


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_inputs_are_the_batches_images_augmented_and_rounded(precision: torch.dtype) -> None:
    images = torch.randint(0, 256, (9, 64, 64), generator=generator(), dtype=torch.uint8)
    batches = torch.tensor([[0, 8], [3, 3], [1, 2]])
    machine = Machine(torch.device("cpu"), precision)
    inputs_of_steps = list(augmented_batches(images, batches, STRENGTHS, generator(4), machine))
    draws = generator(4)
    for inputs, rows in zip(inputs_of_steps, batches, strict=True):
        expected = three_channels(augmented(unit_images(images[rows]), STRENGTHS, draws)).to(precision)
        assert torch.equal(inputs, expected)
        assert inputs.is_contiguous(memory_format=torch.channels_last)


def test_a_step_follows_the_clipped_gradient_of_the_mean_cross_entropy() -> None:
    """Against the plain statements; with SGD, since AdamW turns a rounding error into a large step."""
    machine, inputs = Machine(torch.device("cpu"), torch.float32), torch.rand(6, 3, 64, 64, generator=generator())
    labels = torch.tensor([0.0, 1, 0, 1, 0, 1])
    ours, theirs = (build_network("alexnet", "gap", seed=0).train() for _ in range(2))
    optimizer = torch.optim.SGD(ours.parameters(), lr=1.0)
    set_rate(optimizer, 2.0)
    step = training_step(ours, optimizer, torch.amp.GradScaler("cpu", enabled=False), 0.01, machine)
    for _ in range(2):
        loss = step(inputs, labels)
        expected = torch.nn.BCEWithLogitsLoss()(theirs(inputs), labels)
        theirs.zero_grad()
        expected.backward()
        norm = torch.cat([parameter.grad.flatten() for parameter in theirs.parameters()]).norm()
        assert norm > 0.01  # else nothing is clipped
        with torch.no_grad():
            for parameter in theirs.parameters():
                parameter -= 2 * parameter.grad * 0.01 / (norm + 1e-6)  # as PyTorch clips
        assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    assert not loss.requires_grad
    for one, two in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=0)  # moved by up to 0.02


@gpu
@pytest.mark.parametrize("arch", ["alexnet", "googlenet", "resnet50"])
def test_replayed_steps_are_the_plain_ones(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With dropout, batch norm, a changing learning rate, changing seeds and bfloat16: the same weights bit for bit."""
    monkeypatch.setenv("SIGHTLINE_DEVICE", "cuda")
    machine = device.this_machine()
    assert machine.replays
    inputs = torch.rand(7, 8, 3, 96, 96, generator=generator()).to(machine.device)
    labels = (torch.arange(8, device=machine.device) % 2).float()
    runs = []
    for record_after in (2, 100):
        monkeypatch.setattr(device, "RECORD_AFTER", record_after)
        network = machine.placed(build_network(arch, "gap" if arch != "alexnet" else "fc", seed=0)).train()
        rate = torch.tensor(1.0, device=machine.device)
        optimizer = torch.optim.AdamW(network.parameters(), lr=rate, fused=True, capturable=True)
        step = training_step(network, optimizer, torch.amp.GradScaler("cuda", enabled=False), 0.5, machine)
        losses = []
        for number, batch in enumerate(inputs):
            if number % 3 == 0:
                torch.manual_seed(number)
            set_rate(optimizer, 1e-4 * (number + 1))
            losses.append(step(batch.contiguous(memory_format=torch.channels_last), labels).clone())
        runs.append([*losses, *network.state_dict().values()])
    assert len({value.item() for value in runs[0][:7]}) == 7
    assert all(torch.equal(one, two) for one, two in zip(*runs, strict=True))


@gpu
def test_a_gpus_batches_are_augmented_together_and_split() -> None:
    images = torch.randint(0, 256, (9, 64, 64), generator=generator(), dtype=torch.uint8).cuda()
    batches = torch.arange(36, device="cuda").view(18, 2) % 9
    machine = Machine(torch.device("cuda"), torch.bfloat16)
    draws = torch.Generator("cuda").manual_seed(4)
    inputs_of_steps = list(augmented_batches(images, batches, STRENGTHS, draws, machine))
    draws = torch.Generator("cuda").manual_seed(4)
    parts = [augmented(unit_images(images[rows.flatten()]), STRENGTHS, draws) for rows in batches.split(8)]
    assert torch.equal(torch.cat(inputs_of_steps), three_channels(torch.cat(parts)).bfloat16())
    assert all(inputs.is_contiguous(memory_format=torch.channels_last) for inputs in inputs_of_steps)


@pytest.mark.parametrize(("steps", "warmup"), [(10, 0.3), (730, 0.3), (100, 0.5), (7, 0.25)])
def test_learning_rate_is_torchs_one_cycle(steps: int, warmup: float) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1e-4, total_steps=steps, pct_start=warmup, cycle_momentum=False
    )
    for step in range(steps):
        expected = optimizer.param_groups[0]["lr"]
        assert one_cycle_rate(step, steps, 1e-4, warmup) == pytest.approx(expected, rel=1e-9), step
        optimizer.step()
        if step < steps - 1:
            schedule.step()


@pytest.mark.parametrize(
    ("losses", "epochs"),
    [
        ([], 0),
        ([0.7], 0),
        ([0.7, 0.6, 0.65], 1),
        ([0.7, 0.695, 0.691, 0.689], 0),  # slow falls add up
        ([0.7, 0.695, 0.691], 2),
        ([0.7, 0.9, 0.8, 0.5, 0.5], 1),
    ],
)
def test_early_stopping_counts_from_the_last_improvement(losses: list[float], epochs: int) -> None:
    assert epochs_without_improvement(losses, 0.01) == epochs


def test_auroc_and_loss_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 2, 200), np.round(rng.normal(size=200), 1)  # rounded: many ties
    logits_N, labels_N = torch.tensor(logits), torch.tensor(labels)
    assert auroc(logits_N, labels_N) == pytest.approx(roc_auc_score(labels, logits), abs=1e-12)
    assert mean_loss(logits_N.float(), labels_N) == pytest.approx(log_loss(labels, 1 / (1 + np.exp(-logits))), rel=1e-6)
    assert math.isnan(auroc(torch.tensor([0.1]), torch.tensor([1])))
    assert math.isnan(mean_loss(torch.zeros(0), torch.zeros(0)))


def test_predictions_do_not_depend_on_the_batch() -> None:
    machine = Machine(torch.device("cpu"), torch.float32)
    network = build_network("alexnet", "fc", seed=0)
    images = torch.randint(0, 256, (7, 64, 64), generator=generator(), dtype=torch.uint8)
    rows = torch.tensor([6, 0, 3, 3])
    one, two = (predicted_logits(network, images, rows, size, machine) for size in (1, 4))
    torch.testing.assert_close(one, two, atol=1e-6, rtol=0)
    assert one[2] == one[3]
    assert not network.training  # dropout would change them
