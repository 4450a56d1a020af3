"""Whether an exported program's archive can be loaded without unpickling or compiling anything but a network."""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from sightline.study.damaged import DAMAGED
from sightline.study.errors import StudyError

# what the export of a network calls; torch.ops for operators, the rest for arithmetic on sizes
OPERATOR = re.compile(
    r"torch\.ops\.[A-Za-z_]\w*\.\w+(\.\w+)?|_operator\.\w+|math\.\w+|torch\.sym_\w+|torch\._sym_sqrt|"
    r"torch\.fx\.experimental\.symbolic_shapes\.\w+|torch\._C\._set_grad_enabled"
)
NAME = re.compile(r"[\w.]*")  # of a value; becomes a variable of compiled code
WORD = re.compile(r"[A-Za-z_]\w*")
WORDS = (  # in guards and sizes, beside symbols such as s31 and u0
    r"s\d+|u\d+|i\d+|f\d+|zf?\d+|z\d+|[A-Z]\w*|floor|ceiling|trunc_to_int|round_to_int|int_oo|oo|inf|max|min|L|args|kwargs|"
    r"size|stride|storage_offset|math|isnan|sqrt|and|or|not|is|in|None|True|False|torch|sym_\w+|float|int|evalf|e\d*"
)
ALLOWED_WORD = re.compile(WORDS)
NAMED = re.compile(r"""\[(['"])\w*\1\]|Symbol\('\w+'(, [a-z]+=(True|False))*\)""")  # an input; a size
EXPRESSION = re.compile(r"[\w\s()\[\],.+\-*/%<>=!&|~]*")


def refuse_unsafe(path: Path) -> None:
    """StudyError where torch.export.load would unpickle objects, load compiled code or evaluate unusual texts."""
    try:
        with zipfile.ZipFile(path) as archive:
            problems = list(dict.fromkeys(_problems(archive)))
    except DAMAGED as error:
        raise StudyError(f"{path}: is cut off or damaged ({error}); copy or export it again") from None
    if problems:
        raise StudyError(
            f"{path}: refused, since loading it could run code; export a plain network of tensors again, or load the "
            "file in a code file's load() if you trust it",
            problems[:6],
        )


def unknown_operators(path: Path) -> list[str]:
    """The operators that the program calls and this PyTorch lacks, as `namespace::name`; sorted."""
    with zipfile.ZipFile(path) as archive:
        programs = [archive.read(name).decode() for name in archive.namelist() if name.endswith("model.json")]
    calls = {call for program in programs for call in re.findall(r'"torch\.ops\.(\w+)\.(\w+)', program)}
    return sorted(f"{space}::{name}" for space, name in calls if not hasattr(getattr(torch.ops, space), name))


def _problems(archive: zipfile.ZipFile) -> Iterator[str]:
    for name in archive.namelist():
        inner = name.partition("/")[2] or name
        if "aotinductor" in inner or inner.endswith((".so", ".cubin", ".dll")):
            yield f"{inner}: compiled code"
        elif inner.startswith("data/constants/") and ("custom_obj" in inner or "opaque_obj" in inner):
            yield f"{inner}: a pickled object"
        elif inner.endswith("_config.json"):
            payloads = json.loads(archive.read(name)).get("config", {})
            yield from (f"{key}: a pickled tensor" for key, meta in payloads.items() if meta.get("use_pickle"))
        elif inner.endswith(".pt"):
            yield from _pickled(inner, archive.read(name))
        elif inner.endswith(".json") and (inner.startswith("models/") or inner == "serialized_exported_program.json"):
            yield from _compiled(json.loads(archive.read(name)))


def _pickled(name: str, contents: bytes) -> Iterator[str]:
    """Sample inputs, and weights of older archives: plain tensors, or torch would load them without weights_only."""
    if not contents:
        return
    try:
        torch.load(io.BytesIO(contents), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, KeyError) as error:
        text = re.search(r"GLOBAL (\S+)", str(error))
        yield f"{name}: a pickle that needs {text.group(1) if text else 'code'}"


def _compiled(program: Any, key: str = "") -> Iterator[str]:
    """Texts that would be looked up, evaluated or compiled, and are no operator, size or guard of a network."""
    if isinstance(program, dict):
        for name, value in program.items():
            yield from _compiled(value, name)
    elif isinstance(program, list):
        for value in program:
            yield from _compiled(value, key)
    elif isinstance(program, str):
        if key in ("target", "as_operator") and not OPERATOR.fullmatch(program):
            yield f"calls {program[:80]}"
        elif key in ("expr_str", "guards_code") and not _is_arithmetic(program):
            yield f"evaluates {program[:80]}"
        elif key in ("name", "as_name", "forward_arg_names") and not NAME.fullmatch(program):
            yield f"names a value {program[:80]}"


def _is_arithmetic(text: str) -> bool:
    plain = NAMED.sub("", text)
    return bool(EXPRESSION.fullmatch(plain)) and all(ALLOWED_WORD.fullmatch(word) for word in WORD.findall(plain))
