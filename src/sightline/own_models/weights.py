"""Weights from a file into a network, all or none: for the `load()` of a user's own file.

from sightline.own_models.weights import load_weights

def load():
    network = torchvision.models.densenet121(num_classes=1)
    return load_weights(network, "models/ours.pt").eval()
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from torch import Tensor, nn

from sightline.networks.checkpoint_file import read_tensors
from sightline.own_models.files_read import note_read
from sightline.study.errors import StudyError

SHOWN = 4  # names per kind of problem that an error lists
IN_CODE = "write load_weights(network, path, entry={!r})"  # how a code file chooses among several
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")  # names of torchvision before 0.2


def load_weights(
    network: nn.Module,
    path: str | Path,
    prefixes: Sequence[str] = ("module.", "model."),
    ignore: Sequence[str] = (),
    entry: str = "",
) -> nn.Module:
    """The same network, with the weights of the file at `path` (relative to the study's folder) in it.

    Reads .safetensors, a state_dict that torch.save wrote, or a checkpoint that holds one (Lightning's, timm's, ...;
    `entry` chooses where it holds several), always with weights_only=True: nothing in the file can run. `prefixes` are
    taken off a name, repeatedly, where that makes it one of the network's. `ignore`: names, or beginnings of names, in
    the file that are no part of the network, such as "criterion.". DenseNet's old names (norm.1 for norm1) are known.

    StudyError, with nothing loaded: names that the network or the file lacks (but num_batches_tracked, which does
    nothing in eval mode), two names for one weight, other shapes. So no weight stays random unnoticed.
    """
    note_read(path)
    stored = {
        name: value for name, value in read_tensors(path, entry, IN_CODE).items() if not name.startswith(tuple(ignore))
    }
    wanted = network.state_dict()
    named: dict[str, str] = {}  # the network's name -> the file's
    unknown, problems = [], []
    for name in stored:
        target = _fitting(name, wanted, prefixes)
        if target is None:
            unknown.append(name)
        elif target in named:
            problems.append(f"two weights for {target}: {named[target]} and {name}; add one of them to ignore=(...)")
        else:
            named[target] = name
    missing = [
        name for name in wanted if name not in named and not name.endswith(("num_batches_tracked", "_extra_state"))
    ]
    problems += list(_about_names(unknown, missing, prefixes, len(stored), len(wanted)))
    shapes = [
        f"{name}: {_shape(stored[source])} in the file, {_shape(wanted[name])} in the network"
        for name, source in named.items()
        if isinstance(wanted[name], Tensor) and stored[source].shape != wanted[name].shape
    ]
    problems += (
        [f"{len(shapes)} weights of another shape:", *(f"  {line}" for line in _first(shapes))] if shapes else []
    )
    if problems:
        raise StudyError(f"{path}: does not fit the network {type(network).__name__}; nothing was loaded", problems)
    network.load_state_dict({name: stored[source] for name, source in named.items()}, strict=False)
    return network


def _fitting(name: str, wanted: Iterable[str], prefixes: Sequence[str]) -> str | None:
    """The network's name for the file's: as it is, or without prefixes, or with one, which the network alone has."""
    for candidate in (name, OLD_DENSENET.sub(r"\1\2", name)):
        while candidate not in wanted:
            shorter = next(
                (candidate.removeprefix(prefix) for prefix in prefixes if candidate.startswith(prefix)), None
            )
            if shorter is None:
                break
            candidate = shorter
        if candidate in wanted:
            return candidate
        added = next((prefix + candidate for prefix in prefixes if prefix + candidate in wanted), None)
        if added is not None:
            return added
    return None


def _about_names(
    unknown: list[str], missing: list[str], prefixes: Sequence[str], num_stored: int, num_wanted: int
) -> Iterator[str]:
    """What is said of names in the file that the network lacks, and the reverse; the nearest right names."""
    if unknown:
        yield f"{len(unknown)} of the file's {num_stored} names are not in the network:"
        for name in _first(unknown):
            near = [] if "more" in name else difflib.get_close_matches(name, missing, n=1, cutoff=0.8)
            yield f"  {name}" + (f"; is it {near[0]}?" if near else "")
    if missing:
        yield f"{len(missing)} of the network's {num_wanted} names are not in the file:"
        yield from (f"  {name}" for name in _first(missing))
    prefix = _prefix_of(unknown, missing)
    if prefix:
        yield f"try prefixes={(*prefixes, prefix)!r}: names in the file begin with {prefix!r}"
    elif unknown and not missing:
        starts = sorted({name.partition(".")[0] + "." if "." in name else name for name in unknown})
        yield f"if the network is complete without them, add ignore={tuple(starts)!r}"


def _prefix_of(unknown: Sequence[str], missing: Sequence[str]) -> str:
    """What to take off at least half of the names in the file to get names that the network misses; "" if nothing."""
    ends = set(missing)
    starts = Counter(
        name[: place + 1]
        for name in unknown
        for place, letter in enumerate(name)
        if letter == "." and name[place + 1 :] in ends
    )
    prefix, count = starts.most_common(1)[0] if starts else ("", 0)
    return prefix if 2 * count >= len(missing) else ""


def _first(lines: list[str]) -> list[str]:
    return lines if len(lines) <= SHOWN + 1 else [*lines[:SHOWN], f"... and {len(lines) - SHOWN} more"]


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"
