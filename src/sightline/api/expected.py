"""What public functions expect of their arguments: each problem in one line that names the argument, "" for none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from os import PathLike, fspath

import numpy as np

from sightline.scoring.request import SIZE, is_number, is_size, is_whole_number, one_error

LONGEST = 255  # bytes of one name in a path: more than that no common file system takes
SHOWN = 40  # letters of a wrong value


def refuse(*problems: str) -> None:
    """StudyError with the problems, where there are any."""
    if found := [problem for problem in problems if problem]:
        raise one_error(found, "argument")


def a_path(argument: str, value: object) -> str:
    """A str or PathLike that a file or folder can have."""
    if not isinstance(value, str | PathLike) or not isinstance(fspath(value), str):
        return f"{argument}: expected a path, got {type(value).__name__}"
    text = str(fspath(value))
    if not text:
        return f"{argument}: expected a path, got an empty text"
    if "\0" in text:
        return f"{argument}: {shown(text)} cannot be a path; it holds a null character"
    longest = max(text.replace("\\", "/").split("/"), key=_bytes)
    if _bytes(longest) > LONGEST:
        return (
            f"{argument}: {shown(longest)} cannot be a path; a name has at most {LONGEST} bytes, it {_bytes(longest)}"
        )
    return ""


def a_name(argument: str, value: object) -> str:
    """A text with a letter in it."""
    return "" if isinstance(value, str) and value.strip() else f"{argument}: expected a name, got {shown(value)}"


def names(argument: str, value: object) -> str:
    """A name, several, or None."""
    is_several = isinstance(value, Collection) and not isinstance(value, bytes | Mapping)
    if value is None or (is_several and all(isinstance(one, str) for one in value)):  # type: ignore[attr-defined]
        return ""
    return f"{argument}: expected a name or several, got {shown(value)}"


def one_of(argument: str, value: object, choices: Iterable[str]) -> str:
    """One of the texts."""
    known = list(choices)
    is_right = isinstance(value, str) and value in known
    return "" if is_right else f"{argument}: expected one of {', '.join(known)}, got {shown(value)}"


def a_whole_number(argument: str, value: object, least: int = 0) -> str:
    """A whole number of `least` or more, as `is_whole_number`."""
    return (
        ""
        if is_whole_number(value, least)
        else f"{argument}: expected a whole number, {least} or more, got {shown(value)}"
    )


def a_number(argument: str, value: object) -> str:
    """A number, as `is_number`."""
    return "" if is_number(value) else f"{argument}: expected a number, got {shown(value)}"


def numbers(argument: str, value: object) -> str:
    """A list, tuple or column of numbers."""
    try:
        is_right = not isinstance(value, str | bytes | dict) and np.asarray(value, float).ndim == 1
    except (TypeError, ValueError):
        is_right = False
    return "" if is_right else f"{argument}: expected a list of numbers, got {shown(value)}"


def a_size(argument: str, value: object) -> str:
    """Rows and columns, as `is_size`."""
    return "" if is_size(value) else f"{argument}: expected {SIZE}, got {shown(value)}"


def shown(value: object) -> str:
    """As Python writes it, the beginning of what is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogateescape"))
