"""Random streams by name: every use of randomness has its own generator, so that no two share their draws.

A name is the stage and the use, and whatever the draws belong to (an image, an epoch): `stream(seed, "align", "random
maps", image)`. The streams of two names are independent for all practical purposes, and a stream depends on its own
name alone: one more image, model or use elsewhere leaves it as it is. A test refuses two uses of one name.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """A new generator at the start of the stream of that name; the same arguments give the same draws.

    `seed`: the study's, 0 or more. `name`: at least one part; 1 and "1" are different parts. ValueError otherwise.
    """
    return np.random.default_rng(_entropy(seed, name))


def stream_seed(seed: int, *name: str | int) -> int:
    """A seed for PyTorch's generators, in [0, 2^63), by the same rule: `torch.Generator().manual_seed(...)`."""
    return _entropy(seed, name) >> 193


def _entropy(seed: int, name: tuple[str | int, ...]) -> int:
    """256 bits: SHA-256 of the seed and the parts of the name as JSON, which keeps the parts apart."""
    if seed < 0 or not name:
        raise ValueError(f"a stream needs a seed of 0 or more and a name, got {seed} and {name}")
    return int.from_bytes(hashlib.sha256(json.dumps([seed, *name]).encode()).digest(), "big")
