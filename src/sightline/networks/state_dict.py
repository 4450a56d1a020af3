"""State dictionaries: read from files without running code, and put into a network, all differences named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from sightline.networks.checkpoint_file import read_tensors
from sightline.study.errors import StudyError

WRAPPERS = ("module.", "model.")
"""Prefixes that DataParallel and Lightning put before all names."""


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors by name in the file at `path`, on the CPU, without the prefixes that all names share (`WRAPPERS`).

    No code is run: what holds more than tensors and plain values is refused, as `checkpoint_file` says.
    """
    if not path.exists():
        raise StudyError(f"{path}: not there; init is scratch, imagenet or the path of a file of weights")
    return without_wrappers(read_tensors(path))


def without_wrappers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`weights` without the prefixes of `WRAPPERS` that every name begins with."""
    plain = dict(weights)
    while prefix := next((p for p in WRAPPERS if all(name.startswith(p) for name in plain)), ""):
        plain = {name.removeprefix(prefix): tensor for name, tensor in plain.items()}
    return plain


def load_into(whole: nn.Module, weights: Mapping[str, Tensor], dropped: tuple[str, ...], what: str) -> None:
    """Puts `weights` into `whole`; names that begin with one of `dropped` are left out on both sides.

    Any other difference of names or shapes is a StudyError that lists it; `what` begins its text.
    """
    own = {name: tensor for name, tensor in whole.state_dict().items() if not name.startswith(dropped)}
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith(dropped)}
    missing = [name for name in own if name not in kept and not name.endswith("num_batches_tracked")]
    shapes = [
        f"{name} ({tuple(tensor.shape)}, expected {tuple(own[name].shape)})"
        for name, tensor in kept.items()
        if name in own and tensor.shape != own[name].shape
    ]
    kinds = {"missing": missing, "unknown": [name for name in kept if name not in own], "of another shape": shapes}
    problems = [f"{kind}: {_first(names)}" for kind, names in kinds.items() if names]
    if problems:
        raise StudyError(what, problems)
    state = whole.state_dict()
    state.update(kept)  # which keeps the modules' versions, without which MNASNet refuses to load
    whole.load_state_dict(state)


def _first(names: list[str]) -> str:
    more = f" and {len(names) - 4:,} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more
