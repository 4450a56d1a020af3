"""Strict, typed reading of params.yaml into a stage's frozen dataclass."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar

from ruamel.yaml import YAML  # DVC writes 1e-05, which PyYAML reads as a string
from ruamel.yaml.error import YAMLError

from sightline.study.errors import StudyError

T = TypeVar("T")

# Every top-level key that a study may have. A stage reads some of them; an unknown key is an error.
SECTIONS = (
    "seed", "threshold", "data", "phantom", "augment", "train", "saliency", "annotate", "consensus", "align",
    "bootstrap", "classification", "ladder", "verdict", "subgroups", "shortcut", "faithfulness", "regions",
    "consistency", "multiverse", "report", "models",
)  # fmt: skip


def read_params(kind: type[T], path: str | Path = "params.yaml") -> T:
    """`kind` filled from the file's top-level keys of the same names, nested dataclasses and dictionaries included.

    Unknown, missing and wrongly typed keys are a StudyError that lists each with its path, what was expected and the
    nearest right name; only a field with a default may be missing. The keys inside other stages' sections are not
    checked.
    """
    mapping = _load(path)
    problems = [f"{name}: unknown{_nearest(name, SECTIONS)}" for name in mapping if name not in SECTIONS]
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    value = _build(kind, {name: mapping[name] for name in names if name in mapping}, "", problems)
    if problems:
        raise StudyError(f"{path}: {len(problems)} wrong {'key' if len(problems) == 1 else 'keys'}", problems)
    return value


def read_entry(kind: Any, section: str, key: str, path: str | Path = "params.yaml") -> Any:
    """One entry of a dictionary section, `<section>.<key>`, as `kind`; an unknown key names the nearest one."""
    entries = _load(path).get(section) or {}
    if key not in entries:
        raise StudyError(f"{path}: {section}.{key}: no such entry{_nearest(key, entries)}; it has {', '.join(entries)}")
    problems: list[str] = []
    value = _build(kind, entries[key], f"{section}.{key}", problems)
    if problems:
        raise StudyError(f"{path}: {len(problems)} wrong {'key' if len(problems) == 1 else 'keys'}", problems)
    return value


def read_changed(
    kind: type[T], section: str, changes: dict[str, Any], where: str, path: str | Path = "params.yaml"
) -> T:
    """The section as `kind`, with the values that `changes` replaces; a wrong one is an error below `where`."""
    problems: list[str] = []
    value = _build(kind, {**(_load(path).get(section) or {}), **changes}, where, problems)
    if problems:
        raise StudyError(f"{path}: {len(problems)} wrong {'key' if len(problems) == 1 else 'keys'}", problems)
    return value  # type: ignore[no-any-return]


def _load(path: str | Path) -> dict[str, Any]:
    try:
        mapping = YAML(typ="safe").load(Path(path))
    except FileNotFoundError:
        raise StudyError(f"{path}: not there; run from the project's root, or `sightline use demo`") from None
    except YAMLError as error:
        raise StudyError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(mapping, dict):
        raise StudyError(f"{path}: expected a mapping of sections")
    return mapping


def _build(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    """`value` as `kind`; if it is wrong, the reason is appended to `problems` and the result is None."""
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, value, where, problems)
    if origin is dict:
        if not isinstance(value, dict):
            return _wrong(where, "a mapping", value, problems)
        item = typing.get_args(kind)[1]
        if item is Any:
            return dict(value)
        return {str(key): _build(item, part, f"{where}.{key}", problems) for key, part in value.items()}
    if origin in (types.UnionType, typing.Union):
        return _build(_choose(typing.get_args(kind), value), value, where, problems)
    if origin is Literal:
        choices = typing.get_args(kind)
        if value in choices and not isinstance(value, bool):
            return value
        near = _nearest(value, choices) if isinstance(value, str) else ""
        return _wrong(where, f"one of {', '.join(map(str, choices))}", value, problems, near)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind:
        return value
    return _wrong(
        where, {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[kind], value, problems
    )


def _build_dataclass(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    if not isinstance(value, dict):
        return _wrong(where, "a mapping", value, problems)
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    dot = f"{where}." if where else ""
    before = len(problems)
    hint = getattr(kind, "hint", "")
    unknown = [f"{dot}{name}: unknown{_nearest(str(name), names)}" for name in value if name not in names]
    if hint and unknown and not set(value) & set(names):  # not one key is right: it is meant to be something else
        problems += [f"{line}; {hint}" for line in unknown]
        return None
    problems += unknown
    optional = {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    }
    problems += [f"{dot}{name}: missing" for name in names if name not in value and name not in optional]
    parts = {name: _build(hints[name], value[name], f"{dot}{name}", problems) for name in names if name in value}
    if len(problems) > before:
        return None
    try:
        return kind(**parts)
    except ValueError as error:
        problems.append(f"{dot}{error}")
        return None


def _choose(kinds: tuple[Any, ...], mapping: Any) -> Any:
    """The dataclass among `kinds` that shares most keys with `mapping`; the first on a tie."""
    keys = set(mapping) if isinstance(mapping, dict) else set()
    return max(kinds, key=lambda kind: len(keys & {field.name for field in dataclasses.fields(kind)}))


def _wrong(where: str, expected: str, value: Any, problems: list[str], hint: str = "") -> None:
    problems.append(f"{where}: expected {expected}, got {value!r}{hint}")


def _nearest(name: str, names: Any) -> str:
    close = difflib.get_close_matches(name, [str(known) for known in names], n=1)
    return f"; did you mean {close[0]}?" if close else ""
