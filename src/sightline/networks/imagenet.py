"""ImageNet weights: torchvision's files, hash-checked, from a folder, the local cache, or the network."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor
from torchvision.models import AlexNet_Weights, GoogLeNet_Weights, ResNet50_Weights, VGG16_Weights

from sightline.study.errors import StudyError
from sightline.study.files import sha256_of

# ResNet-50 has two sets; V1 is the recipe of the architecture's paper, as with the other three
URLS = {
    "alexnet": AlexNet_Weights.IMAGENET1K_V1.url,
    "vgg16": VGG16_Weights.IMAGENET1K_V1.url,
    "googlenet": GoogLeNet_Weights.IMAGENET1K_V1.url,
    "resnet50": ResNet50_Weights.IMAGENET1K_V1.url,
}


def imagenet_weights(arch: str) -> dict[str, Tensor]:
    """torchvision's state dictionary of `arch`, float32, on the CPU.

    Looked for in the folder that SIGHTLINE_WEIGHTS names, if set, and there only; else in PyTorch's cache, into
    which it is downloaded. The file's SHA-256 must begin with the digits in its name. Absent and offline, or with
    another hash, is a StudyError that says which file to put where.
    """
    url = URLS[arch]
    name = url.rsplit("/", 1)[1]
    named = os.environ.get("SIGHTLINE_WEIGHTS")
    folder = Path(named) if named else Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / name
    digits = re.search(r"-([0-9a-f]{8,})\.", name)
    assert digits, name
    if not path.exists():
        if named:
            raise StudyError(f"SIGHTLINE_WEIGHTS: no {name} in {folder}; download {url} and put it there")
        _download(url, path, digits[1], arch)
    found = sha256_of(path)
    if not found.startswith(digits[1]):
        raise StudyError(f"{path}: its SHA-256 begins with {found[:8]}, not {digits[1]}; download {url} again")
    return torch.load(path, map_location="cpu", weights_only=True)


def _download(url: str, path: Path, digits: str, arch: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), hash_prefix=digits)
    except (URLError, OSError, RuntimeError) as error:
        raise StudyError(
            f"ImageNet weights of {arch} are not here and could not be downloaded ({error}); put {path.name} from "
            f"{url} into {path.parent}, or into a folder that SIGHTLINE_WEIGHTS names"
        ) from None
