"""Values out of another tool's file, each checked: JSON fields, numbers, image sizes, names.

The checks raise ValueError with the field and its value; who reads the file adds where in the file it is.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sightline.study.errors import StudyError

MAX_NUMBER = 1e9  # of a coordinate: squares and products of such numbers are finite
MAX_SIDE = 16_384  # pixels; a digital X-ray has some 4,000, and a file that states more would only exhaust the memory


def read_json(path: Path) -> Any:
    """The document at `path`; StudyError if it cannot be read or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StudyError(f"{path}: could not be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise StudyError(f"{path}: not a JSON document ({error})") from None


def of_type(item: Any, key: str, *kinds: type) -> Any:
    """item[key] if it is of one of `kinds`; ValueError that names the key otherwise. True and False are not numbers."""
    if not isinstance(item, dict):
        raise ValueError(f"is {shown(item)}, expected an object with {key!r}")
    if key not in item:
        raise ValueError(f"lacks {key!r}")
    value = item[key]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(f"{key} is {shown(value)}, expected {' or '.join(kind.__name__ for kind in kinds)}")
    return value


def number(item: Any, key: str) -> float:
    """item[key] as a number of absolute value at most MAX_NUMBER; ValueError otherwise, for NaN too."""
    value = of_type(item, key, int, float)
    if not abs(value) <= MAX_NUMBER:  # written so that NaN fails
        raise ValueError(f"{key} is {shown(value)}, expected a number within {MAX_NUMBER:.0e}")
    return float(value)


def shown(value: Any) -> str:
    """A value as messages show it, 60 characters at most."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def text_of(item: Any, key: str) -> str:
    """item[key] if it is text, "" otherwise: for optional fields."""
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str) else ""


def name_of(person: Any) -> str:
    """A person's name as tools write it: text, a number, or an object with e-mail, username, name or id; "" if none."""
    if isinstance(person, dict):
        return next((name for key in ("email", "username", "name", "id") if (name := name_of(person.get(key)))), "")
    return str(person).strip() if isinstance(person, str | int) and not isinstance(person, bool) else ""


def size_from(rows: Any, cols: Any) -> tuple[int, int]:
    """(rows, columns) as a file states them; ValueError unless whole and 1 to MAX_SIDE."""
    for side in (rows, cols):
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= MAX_SIDE:
            raise ValueError(f"image size {shown(rows)} x {shown(cols)}, expected whole numbers from 1 to {MAX_SIDE}")
    return rows, cols


def nearest_name(name: str, names: Collection[str]) -> str:
    """`; did you mean ...?` with the nearest of `names`, or all of them if none is near."""
    near = difflib.get_close_matches(name, sorted(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(names)) or 'none'}"
