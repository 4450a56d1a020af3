"""The weights that training starts from: random, torchvision's ImageNet files, checked by hash, or a user's file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor
from torchvision.models import get_model_weights

from sightline.networks.state_dict import read_state_dict
from sightline.study.architecture_names import TORCHVISION, init_problem
from sightline.study.errors import StudyError
from sightline.study.files import sha256_of


def _url(arch: str) -> str:
    """The first set of weights, which follows the recipe of the architecture's paper, or that of a new linear layer.

    The largest RegNet and ViT have no set of the first kind.
    """
    sets = get_model_weights(arch).__members__
    return sets.get("IMAGENET1K_V1", sets.get("IMAGENET1K_SWAG_LINEAR_V1")).url


URLS = {arch: _url(arch) for arch in TORCHVISION}


def initial_weights(arch: str, init: str) -> Mapping[str, Tensor] | None:
    """The state dictionary that `init` of an entry of `models` names, or None for `scratch`: random weights.

    `imagenet`: torchvision's. Else the path of a file (`read_state_dict`). A StudyError says what is missing where.
    """
    if init == "scratch":
        return None
    if init != "imagenet":
        return read_state_dict(Path(init))
    if wrong := init_problem(arch, init):
        raise StudyError(f"init: {wrong}")
    return imagenet_weights(arch)


def imagenet_weights(arch: str) -> dict[str, Tensor]:
    """torchvision's state dictionary of `arch`, float32, on the CPU.

    If SIGHTLINE_WEIGHTS names a folder, the file must be there; else it is read from PyTorch's cache, after a download
    if need be. Its SHA-256 must begin with the digits in its name. A file that is missing and cannot be downloaded, or
    that has another hash, is a StudyError that says which file to put where.
    """
    url = URLS[arch]
    name = url.rsplit("/", 1)[1]
    chosen = os.environ.get("SIGHTLINE_WEIGHTS")
    folder = Path(chosen) if chosen else Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / name
    digits = re.search(r"-([0-9a-f]{8,})\.", name)
    assert digits, name
    if not path.exists():
        if chosen:
            raise StudyError(f"SIGHTLINE_WEIGHTS: no {name} in {folder}; download {url} and put it there")
        _download(url, path, digits[1], arch)
    sha256 = sha256_of(path)
    if not sha256.startswith(digits[1]):
        raise StudyError(f"{path}: its SHA-256 begins with {sha256[:8]}, not {digits[1]}; download {url} again")
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
