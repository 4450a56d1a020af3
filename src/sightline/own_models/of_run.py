"""The classifier of a run, trained here or elsewhere, as the stages after training use it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from sightline.networks.architectures import Classifier, build_network, training_seed
from sightline.networks.weights_file import trained_network
from sightline.own_models.network import OwnNetwork, randomised
from sightline.own_models.opening import open_own
from sightline.study.models import Classifying, Network

TargetClass = Literal["positive", "negative"]
FEW = 4  # films on which the evidence of a classifier trained elsewhere is found
Opened = Classifier | OwnNetwork


def network_of_run(
    entry: Classifying, number: int, weights: Path, images_B3HW: Tensor, target_class: TargetClass = "positive"
) -> Opened:
    """The classifier in eval mode on the CPU, with the logit of `target_class`.

    `number`: the seed's, from 1; `weights`: the file that training wrote, if the classifier is trained here;
    `images_B3HW`: a few of its films in [0, 1], on which the evidence of one trained elsewhere is found. The logit of
    the negative class is that of the positive one with its sign turned.
    """
    network: Opened
    if isinstance(entry, Network):
        network = trained_network(weights, entry, number).eval()
    else:
        network = open_own(entry, images_B3HW)
    return network.negated() if target_class == "negative" else network


def untrained_of_run(
    entry: Classifying, number: int, seed: int, size: tuple[int, int], network: Opened, target_class: TargetClass
) -> nn.Module | None:
    """The same classifier with random weights, in eval mode on the CPU: the control that has learnt nothing.

    A network trained here as it was before training, from the study's `seed`. One trained elsewhere with its weights
    replaced by random numbers of the same size (`network.randomised`); None where it has no evidence, and so no map
    from one pass.
    """
    if isinstance(entry, Network):
        untrained = build_network(entry.arch, entry.head, training_seed(seed, number), size=size).eval()
        return untrained.negated() if target_class == "negative" else untrained
    assert isinstance(network, OwnNetwork)
    return randomised(network, seed) if network.has_evidence else None
