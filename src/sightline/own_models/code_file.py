"""A classifier by a Python file of the user's own: what the file names becomes Parts.

The file defines `load() -> torch.nn.Module` and says how films become the network's input, either by a function
`preprocess(images_uint8) -> Tensor` or by all of `size`, `channels`, `mean`, `std` and `value_range`. It may define
`score(output) -> logits B`, `evidence = "module.name"` and `tokens = {"prefix": 1, "grid": (14, 14)}`. All other names
are its own. `sightline model new` writes a commented one; docs/own-models.md has examples.

The file runs as code with the rights of the person who runs Sightline, and is never fetched: see `user_code`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from sightline.own_models.declared import DECLARED, NOT_DECLARED, declared_input
from sightline.own_models.loaded_network import made_ready
from sightline.own_models.outputs import described, single_logits, tensors_in
from sightline.own_models.parts import Parts, Tokens
from sightline.own_models.user_code import called, imported_file
from sightline.study.errors import StudyError

NAMES = ("load", "preprocess", *DECLARED, "score", "evidence", "tokens")
COMMON = {  # what other tools call it
    "range": "value_range", "input_size": "size", "image_size": "size", "img_size": "size", "transform": "preprocess",
    "load_model": "load", "get_model": "load", "build_model": "load",
}  # fmt: skip


def parts_of_code(path: Path) -> Parts:
    """The parts of the classifier whose file is `path`; its facts lack the files, which the caller knows.

    StudyError: all that is wrong or missing in the file at once; an error in the user's own lines, with file and line.
    """
    module = imported_file(path)
    defined = {name: value for name, value in vars(module).items() if name in NAMES}
    problems = _problems(module, defined)
    declared = None
    if all(name in defined for name in DECLARED):
        declared = declared_input(defined, problems)
    tokens = _tokens(defined["tokens"], problems) if "tokens" in defined else None
    if problems:
        raise StudyError(f"{path}: {len(problems)} {'problem' if len(problems) == 1 else 'problems'}", problems)
    network, facts = made_ready(called(path, defined["load"]), str(path))
    script = isinstance(network, torch.jit.ScriptModule)
    return Parts(
        network=network,
        to_input=declared or _preprocessed(path, defined["preprocess"]),
        is_differentiable=declared is not None,
        to_logit=_scored(path, defined["score"]) if "score" in defined else lambda out: single_logits(out, str(path)),
        gradients="input" if script else "features",
        evidence=defined.get("evidence", ""),
        tokens=tokens,
        facts={"kind": "code", **(declared.facts if declared else NOT_DECLARED), **facts},
    )


def _problems(module: ModuleType, defined: dict[str, Any]) -> list[str]:
    """What is missing, given twice, misspelt or of the wrong kind; values of the declared input are not looked at."""
    own = {name: value for name, value in vars(module).items() if _is_own(module, name, value)}
    problems = []
    if "load" not in defined:
        problems.append("load: missing; define load(), which returns the network" + _meant("load", own))
    given = [name for name in DECLARED if name in defined]
    absent = [name for name in DECLARED if name not in defined]
    if "preprocess" in defined and given:
        problems.append(f"preprocess and {', '.join(given)}: both say what the network takes in; keep one of the two")
    elif "preprocess" not in defined and not given:
        hints = "".join(_meant(name, own) for name in ("preprocess", *DECLARED))
        problems.append(
            "the network's input: missing; define preprocess(images_uint8), or size, channels, mean, std and "
            f"value_range{hints}"
        )
    elif "preprocess" not in defined:
        problems += [f"{name}: missing, as {', '.join(given)} are given{_meant(name, own)}" for name in absent]
    for name in ("load", "preprocess", "score"):
        if name in defined and not callable(defined[name]):
            problems.append(f"{name}: expected a function, got {defined[name]!r}")
    evidence = defined.get("evidence", "")
    if not isinstance(evidence, str) or ("evidence" in defined and not evidence):
        problems.append(f"evidence: expected the name of a module of the network, such as 'layer4', got {evidence!r}")
    for optional in ("score", "evidence", "tokens"):
        meant = _meant(optional, own, is_needed=False) if optional not in defined else ""
        if meant:
            problems.append(f"{optional}: not defined{meant}, or rename it if it is something else")
    return problems


def _is_own(module: ModuleType, name: str, value: Any) -> bool:
    """Whether a name of the file could be meant for one of ours: no import, nothing private."""
    is_import = isinstance(value, ModuleType) or getattr(value, "__module__", module.__name__) != module.__name__
    return not name.startswith("_") and name not in NAMES and not is_import


def _meant(name: str, own: dict[str, Any], is_needed: bool = True) -> str:
    """`; is preproces meant?` where the file has a name like `name` that is no nearer to another of ours."""
    close = difflib.get_close_matches(name, own, n=1, cutoff=0.6 if is_needed else 0.75)
    near = [other for other in close if difflib.get_close_matches(other, NAMES, n=1) == [name]]
    near += [other for other in own if is_needed and COMMON.get(other) == name]
    return f"; is {near[0]} meant?" if near else ""


def _tokens(value: Any, problems: list[str]) -> Tokens | None:
    if isinstance(value, dict) and set(value) == {"prefix", "grid"}:
        prefix, grid = value["prefix"], value["grid"]
        counts = [prefix, *grid] if isinstance(grid, list | tuple) else []
        if len(counts) == 3 and all(type(count) is int for count in counts) and prefix >= 0 and min(counts[1:]) > 0:
            return Tokens(prefix=prefix, grid=(counts[1], counts[2]))
    problems.append(
        'tokens: expected {"prefix": 1, "grid": (14, 14)}, tokens before the patches, rows and columns; '
        f"got {value!r}"
    )
    return None


def _preprocessed(path: Path, preprocess: Callable[[Tensor], Any]) -> Callable[[Tensor], Tensor]:
    """Films as whole numbers through the user's function, on the CPU; the result checked, in float32."""

    def to_input(images: Tensor) -> Tensor:
        images_uint8 = (images.detach().cpu() * 255).round().clamp(0, 255).to(torch.uint8)
        result = called(path, preprocess, images_uint8)
        count = len(images)
        if not isinstance(result, Tensor):
            hint = "; return its entry pixel_values" if "pixel_values" in getattr(result, "keys", tuple)() else ""
            raise StudyError(f"{path}: preprocess returned {described(result)}, expected a tensor{hint}")
        wrong = ""
        if result.ndim != 4:
            wrong = f"expected {count} x channels x rows x columns"
        elif len(result) != count:
            wrong = f"expected as many images as it was given, {count}"
        elif not result.is_floating_point():
            wrong = "expected a float tensor; use .float() / 255 or as the network was trained"
        elif not bool(torch.isfinite(result).all()):
            wrong = "with values that are not finite; look for a division by zero"
        if wrong:
            raise StudyError(f"{path}: preprocess returned {described(result)}, {wrong}")
        return result.detach().to(images.device, torch.float32)

    return to_input


def _scored(path: Path, score: Callable[[Any], Any]) -> Callable[[Any], Tensor]:
    """The user's score of an output: one logit per image, float32, through which gradients flow."""

    def to_logit(output: Any) -> Tensor:
        logits = called(path, score, output)
        if not isinstance(logits, Tensor) or logits.ndim != 1 or not logits.is_floating_point():
            raise StudyError(
                f"{path}: score returned {described(logits)}, expected a float tensor of one logit per image, such as "
                "output[:, 0]"
            )
        has_gradient = torch.is_grad_enabled() and any(part.requires_grad for part in tensors_in(output))
        if has_gradient and not logits.requires_grad:
            raise StudyError(
                f"{path}: score cuts the gradient off; use tensors of PyTorch only, without detach(), numpy(), item() "
                "and torch.no_grad()"
            )
        return logits.float()

    return to_logit
