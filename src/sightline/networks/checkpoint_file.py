"""The tensors in a file of weights, by name, read without running anything that the file says."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sightline.networks.file_kinds import kind_of
from sightline.networks.pickle_names import is_object, names_needed, texts_in
from sightline.study.errors import StudyError

ENTRIES = (  # where training scripts keep the weights in a checkpoint
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module",
    "state_dict_ema", "model_ema", "params_ema", "ema", "ema_state_dict",
)  # fmt: skip


SAVED_ALONE = "save it alone: torch.save(checkpoint[{!r}], FILE)"


def read_tensors(path: str | Path, entry: str = "", choice: str = SAVED_ALONE) -> dict[str, Tensor]:
    """The weights in `path` by name, on the CPU: safetensors, a state_dict, or a checkpoint that holds one.

    `entry`: which entry of a checkpoint holds them, needed where several do; `choice`: how the user says which, with
    {!r} for the entry. StudyError for pickles that need code to be loaded, which say the way out, and for files that
    are something else.
    """
    kind = kind_of(path)
    if kind == "safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise StudyError(f"{path}: not readable as safetensors ({error}); copy or download it again") from None
    if kind == "torchscript":
        raise StudyError(
            f"{path}: is a TorchScript archive, not weights; bring it in as {{export: {path}, card: CARD.yaml}}, or "
            "save its weights: torch.save(torch.jit.load(...).state_dict(), 'weights.pt')"
        )
    if kind == "pt2":
        raise StudyError(f"{path}: is an exported program, not weights; bring it in as {{export: {path}, card: ...}}")
    if kind == "other":
        raise StudyError(f"{path}: neither safetensors nor a file that torch.save wrote")
    return _state_dict(_loaded(path), str(path), entry, choice)


def _loaded(path: str | Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        names = names_needed(path)
        if not names:
            raise StudyError(
                f"{path}: not readable by torch.load ({_short(error)}); copy or download it again"
            ) from None
        raise StudyError(
            f"{path}: needs code to be loaded ({', '.join(names[:4])}{', ...' if len(names) > 4 else ''}), which could "
            "run anything, so it is refused; load it once where you trust it, and keep its weights alone:",
            [
                "import torch",
                f'checkpoint = torch.load("{path}", map_location="cpu", weights_only=False)',
                f'torch.save({_weights_of(path)}, "{Path(path).with_suffix("")}-weights.pt")',
            ],
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, IndexError, TypeError) as error:
        raise StudyError(f"{path}: not readable by torch.load ({_short(error)}); copy or download it again") from error


def _weights_of(path: str | Path) -> str:
    """The expression for the weights within a checkpoint that is not loaded: a network's, or an entry's."""
    if is_object(path):
        return "checkpoint.state_dict()"
    texts = texts_in(path)
    entry = next((name for name in ENTRIES if name in texts), "state_dict")
    return f'checkpoint["{entry}"]'


def _state_dict(contents: Any, path: str, entry: str, choice: str) -> dict[str, Tensor]:
    if isinstance(contents, Tensor):
        raise StudyError(f"{path}: holds one tensor, not a network's weights by name")
    if not isinstance(contents, Mapping):
        raise StudyError(f"{path}: holds a {type(contents).__name__}, not weights by name")
    if entry:
        if entry not in contents or not _is_state_dict(contents[entry]):
            raise StudyError(f"{path}: no weights in its entry {entry!r}; it has {', '.join(map(str, contents))}")
        return _tensors(contents[entry])
    if _is_state_dict(contents):
        return _tensors(contents)
    entries = [name for name in ENTRIES if name in contents and _is_state_dict(contents[name])]
    if len(entries) > 1:
        raise StudyError(
            f"{path}: holds several sets of weights ({', '.join(entries)}); to choose the first, "
            f"{choice.format(entries[0])}"
        )
    others = [str(name) for name, value in contents.items() if _is_state_dict(value)]
    if not entries and others:
        raise StudyError(
            f"{path}: no entry of a usual name; if the weights are in {others[0]!r}, {choice.format(others[0])}"
        )
    if not entries:
        raise StudyError(f"{path}: no weights by name in it; its entries are {', '.join(map(str, contents)) or 'none'}")
    return _tensors(contents[entries[0]])


def _is_state_dict(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and any(isinstance(part, Tensor) for part in value.values())
        and all(isinstance(name, str) for name in value)
        and not any(isinstance(part, Mapping) for part in value.values())
    )


def _tensors(weights: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: value for name, value in weights.items() if isinstance(value, Tensor)}


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}..."
