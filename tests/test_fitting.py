"""Batches, learning rate and evaluation of the training loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from sightline.device import Machine
from sightline.fitting import auroc, balanced_batches, mean_loss, one_cycle_rate, predicted_logits
from sightline.networks import build_network


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


def test_auroc_and_loss_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 2, 200), np.round(rng.normal(size=200), 1)  # rounded: many ties
    found = torch.tensor(logits), torch.tensor(labels)
    assert auroc(*found) == pytest.approx(roc_auc_score(labels, logits), abs=1e-12)
    assert mean_loss(found[0].float(), found[1]) == pytest.approx(log_loss(labels, 1 / (1 + np.exp(-logits))), rel=1e-6)
    assert math.isnan(auroc(torch.tensor([0.1]), torch.tensor([1])))
    assert math.isnan(mean_loss(torch.zeros(0), torch.zeros(0)))


def test_predictions_do_not_depend_on_the_batch() -> None:
    here = Machine(torch.device("cpu"), torch.float32)
    network = build_network("alexnet", "fc", seed=0)
    images = torch.randint(0, 256, (7, 64, 64), generator=generator(), dtype=torch.uint8)
    rows = torch.tensor([6, 0, 3, 3])
    one, two = (predicted_logits(network, images, rows, size, here) for size in (1, 4))
    torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-5)
    assert one[2] == one[3]
    assert not network.training  # dropout would move them
