"""The entries of `models`: networks to train, and folders of maps made elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Network:
    """One of the paper's networks: architecture, init and head."""

    arch: Literal["alexnet", "vgg16", "googlenet", "resnet50"]
    init: Literal["scratch", "imagenet"]
    head: Literal["fc", "gap"]

    def __post_init__(self) -> None:
        if self.head == "fc" and self.arch in ("googlenet", "resnet50"):
            raise ValueError(f"head: {self.arch} has no fc head of its own; use gap")


@dataclass(frozen=True, kw_only=True)
class ExternalMaps:
    """A folder of saliency maps made elsewhere, PNG or NPY, one per image, named by its stem."""

    maps: str
    method: str


Entry = Network | ExternalMaps
