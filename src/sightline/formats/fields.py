"""Values out of another tool's file, each checked: JSON fields, numbers, image sizes, names.

The checks raise ValueError with the field and its value; who reads the file adds where in the file it is.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sightline.study.errors import StudyError

MAX_NUMBER = 1e9  # of a coordinate: squares and products of such numbers are finite
MAX_SIDE = 16_384  # pixels; a digital X-ray has some 4,000, and a file that states more would only exhaust the memory


def read_json(path: Path) -> Any:
    """The document at `path`; StudyError if it cannot be read or is not JSON.

    So is a document with a key twice in an object, of which JSON's readers drop one, or with half a character (a lone
    surrogate), which nothing can write.
    """
    try:
        content = path.read_bytes()
        text = content.decode(json.detect_encoding(content))  # UTF-8, -16 or -32, with or without a BOM
        document = json.loads(text, object_pairs_hook=_object)
        if "\\ud" in text.lower():
            json.dumps(document, ensure_ascii=False).encode()
        return document
    except OSError as error:
        raise StudyError(f"{path}: could not be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeError are ValueErrors
        raise StudyError(f"{path}: not a JSON document ({one_line(error, 200)}); export it again") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in document if keys.count(key) > 1)
        raise ValueError(f"has the key {shown(twice)} twice in one object")
    return document


def one_line(value: Any, length: int = 60) -> str:
    """A value as text for messages: without breaks and control characters, at most `length` characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    return text if len(text) <= length else text[: length - 3] + "..."


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
    """(rows, columns) as a file states them; ValueError unless whole, as 80 or 80.0, and 1 to MAX_SIDE."""
    for side in (rows, cols):
        is_number = isinstance(side, int | float) and not isinstance(side, bool)
        if not is_number or not 1 <= side <= MAX_SIDE or side != int(side):
            raise ValueError(f"image size {shown(rows)} x {shown(cols)}, expected whole numbers from 1 to {MAX_SIDE}")
    return int(rows), int(cols)


def size_of(text: str) -> tuple[int, int]:
    """(rows, columns) of a text such as `1024x768`; ValueError for anything else, and as for `size_from`."""
    found = re.fullmatch(r"\s*(\d+)\s*[xX×]\s*(\d+)\s*", text)
    if not found:
        raise ValueError(f"{shown(text)}, expected ROWSxCOLS such as 1024x768")
    return size_from(int(found[1]), int(found[2]))


def nearest_name(name: str, names: Collection[str]) -> str:
    """`; did you mean ...?` with the nearest of `names`, or all of them if none is near."""
    near = difflib.get_close_matches(name, sorted(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(names)) or 'none'}"
