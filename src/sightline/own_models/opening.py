"""A classifier trained elsewhere, opened: loaded, its evidence found on a few images, and its exactness measured."""

from __future__ import annotations

import torch
from torch import Tensor

from sightline.own_models.evidence import Place, find_place
from sightline.own_models.exactness import exactness
from sightline.own_models.loading import load_parts
from sightline.own_models.network import OwnNetwork
from sightline.own_models.parts import Parts
from sightline.saliency.cam import replaced_output
from sightline.study.errors import StudyError
from sightline.study.models import OwnModel

PROBES = 3  # images that the evidence is found on: a number that no axis of a feature map is likely to have
BYPASS = 1e-3  # of the differences between the images' logits; float32 rounding is some 1e-6 of the logits themselves
# Parts.gradients -> why no map at a feature map can be made
NO_FEATURES = {
    "input": "TorchScript lets nothing see its feature maps; export the network by torch.export, as .pt2",
    "none": "an ONNX file gives neither feature maps nor gradients; export the network by torch.export, as .pt2",
}


def open_own(entry: OwnModel, images_B3HW: Tensor) -> OwnNetwork:
    """The classifier of `entry`, ready for maps; see `opened`. StudyError also where its files cannot be loaded."""
    return opened(load_parts(entry), images_B3HW)


def opened(parts: Parts, images_B3HW: Tensor) -> OwnNetwork:
    """The classifier with its evidence found on `images_B3HW`, float32 in [0, 1]: at least one, and three suffice.

    In eval mode on the CPU. Without gradients within (ONNX, TorchScript) it has no evidence, and says why. StudyError
    where the evidence cannot be told, where the logit does not come from it alone (tokens and a declared module
    excepted), and where the gradient at a declared module is exactly zero; an exported program then has no evidence.
    """
    size = (images_B3HW.shape[2], images_B3HW.shape[3])
    no_gradient = _no_gradient(parts)
    if parts.gradients != "features":
        return OwnNetwork(parts, None, size, NO_FEATURES[parts.gradients], no_gradient)
    probes = _probes(images_B3HW)
    try:
        return _with_evidence(parts, probes, no_gradient)
    except RuntimeError as error:  # torch's, of a network that takes other images
        shape = "x".join(map(str, parts.to_input(probes).shape[1:]))
        raise StudyError(
            f"the network fails on images of {shape} ({(str(error).splitlines() or ['no reason'])[0]}); declare the "
            "size and channels that it was trained on"
        ) from error
    except StudyError as error:
        if parts.facts.get("kind") != "pt2":
            raise
        # a card cannot declare evidence, and the methods that need none work
        return OwnNetwork(parts, None, size, str(error).splitlines()[0], no_gradient)


def _with_evidence(parts: Parts, probes_B3HW: Tensor, no_gradient: str) -> OwnNetwork:
    with torch.no_grad():
        inputs = parts.to_input(probes_B3HW)
    place = find_place(parts.network, inputs, parts.to_logit, parts.evidence, parts.tokens)
    own = OwnNetwork(parts, place, (probes_B3HW.shape[2], probes_B3HW.shape[3]), no_gradient=no_gradient)
    own.exactness = exactness(own, probes_B3HW)
    if place.is_declared and own.exactness.largest_gradient == 0:
        raise StudyError(
            f"evidence: the logit's gradient at the output of {place.module} is exactly zero; where the logit reads a "
            "class token, declare a module before the last attention, or leave evidence out and it is found"
        )
    # a logit that the evidence adds up to, with one b for all images, comes from nothing else
    if not (place.has_tokens or place.is_declared or own.exactness.is_linear):
        _refuse_bypass(own, place, probes_B3HW)
    return own


def _no_gradient(parts: Parts) -> str:
    if parts.gradients == "none":
        return NO_FEATURES["none"]
    if not parts.is_differentiable:
        return (
            "no gradient passes its `preprocess`, which takes whole numbers; declare size, channels, mean, std and "
            "value_range in its place"
        )
    return ""


def _probes(images_B3HW: Tensor) -> Tensor:
    """PROBES different images: the first ones, and mirrored copies where there are too few."""
    images = [*images_B3HW[:PROBES]]
    while len(images) < PROBES:
        images.append(images[len(images) - 1].flip(2 if len(images) % 2 else 1))
    return torch.stack(images)


def _refuse_bypass(own: OwnNetwork, place: Place, probes_B3HW: Tensor) -> None:
    """StudyError where the logit depends on more than the evidence: with the next image's it must be the next one's."""
    with torch.no_grad():
        logits_B = own(probes_B3HW)
        with replaced_output(own.backbone, lambda features: features.roll(1, 0)):
            rolled_B = own(probes_B3HW)
    expected_B = logits_B.roll(1)
    allowed = BYPASS * (expected_B - logits_B).abs().max() + 1e-5 * logits_B.abs().max()
    if (rolled_B - expected_B).abs().max() > allowed:
        pooled = [
            f"{part.module or 'the network'}: {part.channels} x {part.grid[0]} x {part.grid[1]}, {part.function}"
            for part in place.candidates
        ]
        raise StudyError(
            "no evidence: the logit does not come from the last pooled feature map alone; declare "
            'evidence = "<module>" in the code file, the module whose output the maps are to read. Pooled are',
            pooled,
        )
