"""What a file of torch.save names, read from its pickle's instructions without running them."""

from __future__ import annotations

import io
import pickletools
import zipfile
from pathlib import Path
from typing import Any

from sightline.study.damaged import DAMAGED

MAGIC = 0x1950A86A20F9469CFC6C  # begins a file that torch.save wrote before 1.6; two more pickles precede the object
BUILD = {"GLOBAL", "STACK_GLOBAL", "INST"}


def names_needed(path: str | Path) -> list[str]:
    """The classes and functions that the file's pickle asks for, in their order; all but those of plain tensors.

    Names below `torch` count where the file holds an object, such as a whole network. As many as can be read where the
    file is damaged.
    """
    names: list[str] = []
    texts: list[str] = []
    for name, argument in _instructions(path):
        if name in ("GLOBAL", "INST"):
            names.append(str(argument).replace(" ", "."))
        elif name == "STACK_GLOBAL" and len(texts) > 1:
            names.append(".".join(texts[-2:]))
        elif isinstance(argument, str):
            texts.append(argument)
    plain = ("collections", "__builtin__", "builtins", "torch._utils", *(() if is_object(path) else ("torch",)))
    return [name for name in dict.fromkeys(names) if not name.startswith(plain)]


def is_object(path: str | Path) -> bool:
    """Whether the file holds an object of a class, such as a whole network, and not a dictionary or list."""
    first = next((pair for pair in _instructions(path) if pair[0] in (*BUILD, "EMPTY_DICT", "EMPTY_LIST")), None)
    return first is not None and first[0] in BUILD and not str(first[1]).startswith("collections")


def texts_in(path: str | Path) -> set[str]:
    """All texts in the pickle, the names of a dictionary's entries among them."""
    return {argument for _, argument in _instructions(path) if isinstance(argument, str)}


def _instructions(path: str | Path) -> list[tuple[str, Any]]:
    """The instructions of the pickle of the object, with their arguments; those before the damage, if there is any."""
    stream = io.BytesIO(_pickle_in(path))
    first = _one_pickle(stream)
    if any(argument == MAGIC for _, argument in first):
        for _ in range(2):
            _one_pickle(stream)
        return _one_pickle(stream)
    return first


def _pickle_in(path: str | Path) -> bytes:
    """The pickle's bytes; empty where its archive is damaged."""
    if not zipfile.is_zipfile(path):
        return Path(path).read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            stored = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
            return archive.read(stored) if stored else b""
    except DAMAGED:
        return b""


def _one_pickle(stream: io.BytesIO) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    try:
        found.extend((code.name, argument) for code, argument, _ in pickletools.genops(stream))
    except ValueError:  # damaged: what was read until there is what can be said
        return found
    return found
