"""Files read with one kind of error, and written whole or not at all: beside their place, then renamed into it."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np

from sightline.study.csv_text import decoded, has_blanks, header_of, plain, rewritten
from sightline.study.damaged import DAMAGED
from sightline.study.errors import StudyError, disk_advice

if TYPE_CHECKING:  # pandas takes most of a light stage's start-up: it loads where a table is read
    import pandas as pd


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yields a path beside `path`; renames it to `path` when the block ends without an error.

    The name of the file beside is fixed (`.<name>.partial`), so the next run overwrites what a killed run left. A full
    disk, a folder that may not be written and a file in the folder's place are a StudyError.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        with open(beside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        if beside.parent.is_dir():
            beside.unlink(missing_ok=True)
        raise not_written(path, error) from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def not_written(path: Path, error: OSError) -> StudyError:
    """Why `path` could not be written, in one line: a file in the place of one of its folders is named."""
    blocking = next((folder for folder in path.parents if folder.is_file()), None)
    if blocking is not None:
        return StudyError(f"{blocking}: is a file; name a folder")
    return StudyError(f"{path}: could not be written ({error.strerror}){disk_advice(error)}")


def refuse_unwritable(folder: Path) -> None:
    """StudyError unless files can be written into `folder`, which need not exist yet and is not made.

    For commands that would otherwise compute for long and then fail.
    """
    place = folder
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise StudyError(f"{place}: is a file; name a folder")
    try:
        with TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise not_written(folder, error) from None


def write_csv(path: str | Path, frame: pd.DataFrame) -> None:
    """Writes `frame` without its index; floats with 6 significant digits, NaN empty."""
    with written_whole(path) as beside:
        frame.to_csv(beside, index=False, float_format="%.6g", lineterminator="\n")


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text with line feeds."""
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, values: dict[str, Any]) -> None:
    """Writes `values` with sorted keys and 6 decimals; NaN and infinities become null."""
    with written_whole(path) as beside:
        beside.write_text(json.dumps(rounded(values), sort_keys=True, indent=2, allow_nan=False) + "\n")


def rounded(value: Any) -> Any:
    """`value` for JSON: floats rounded to 6 decimals, NaN and infinities None, NumPy scalars plain."""
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def read_json(path: str | Path) -> dict[str, Any]:
    """The object in a JSON file; a missing or broken file, or anything but an object, is a StudyError."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path}: not there; run the stage that writes it (dvc repro)") from None
    except ValueError as error:
        raise StudyError(f"{path}: not readable as JSON ({error}); run the stage that writes it") from None
    if not isinstance(values, dict):
        raise StudyError(f"{path}: expected an object of names, got {type(values).__name__}")
    return values


def write_npz(path: str | Path, **arrays: np.ndarray) -> None:
    """Writes named arrays, compressed; the same arrays give the same bytes."""
    with written_whole(path) as beside, open(beside, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """All arrays of an NPZ by name; a missing or broken file is a StudyError."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise StudyError(f"{path}: not there; run the stage that writes it (dvc repro)") from None
    except DAMAGED as error:
        raise StudyError(f"{path}: not a readable NPZ ({error})") from error


def read_csv(path: str | Path, columns: dict[str, type]) -> pd.DataFrame:
    """The table at `path` with at least `columns`, typed; a missing file or column is a StudyError.

    Text columns keep `NA`, `null` and leading zeros as they are in the file and lose blanks around a cell; an empty
    text cell is "". As people write tables: see `csv_text`. A number with a comma for its point is refused.
    """
    import pandas as pd

    table = text_of_csv(path)
    try:
        try:
            frame = _parsed(plain(table), columns)
        except pd.errors.ParserError:
            frame = _parsed(rewritten(table), columns)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise StudyError(f"{path}: not a readable CSV ({error})") from error
    except ValueError as error:
        raise StudyError(f"{path}: {error}") from None
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise StudyError(f"{path}: lacks columns {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}")
    is_stripped = not has_blanks(table)
    wrong = []
    for name, kind in columns.items():
        if kind is str:
            frame[name] = frame[name] if is_stripped else frame[name].str.strip()
            continue
        numbers = pd.to_numeric(frame[name], errors="coerce")
        bad = numbers.isna() & frame[name].notna()
        if kind is int:
            bad |= numbers.isna() | (numbers % 1 != 0)
        wrong += [
            f"{path}, row {row + 2}: {name} is {frame[name][row]!r}, expected {kind.__name__}"
            + (" with a point for its decimals" if "," in str(frame[name][row]) else "")
            for row in np.flatnonzero(bad)
        ]
        frame[name] = numbers if kind is float else numbers.where(~bad, 0).astype(kind)
    if wrong:
        raise StudyError(f"{path}: wrong values", wrong)
    return frame


def csv_columns(path: str | Path) -> list[str]:
    """The names of a CSV's columns, as `read_csv` names them; a file that cannot be read is a StudyError."""
    return header_of(text_of_csv(path))


def text_of_csv(path: str | Path) -> str:
    """The text of a table; a file that cannot be read is a StudyError."""
    try:
        return decoded(path)
    except FileNotFoundError:
        raise StudyError(f"{path}: not there; run the stage that writes it, or put it there") from None
    except OSError as error:
        raise StudyError(f"{path}: could not be read ({error.strerror})") from None
    except ValueError as error:
        raise StudyError(f"{path}: not a readable CSV ({error})") from None


def _parsed(table: str, columns: dict[str, type]) -> pd.DataFrame:
    """The table; ParserError also where the first row has more cells than the header: pandas makes an index of it."""
    import pandas as pd

    text = {name: str for name, kind in columns.items() if kind is str}
    numbers = {name: [""] for name in columns if name not in text}
    frame = pd.read_csv(io.StringIO(table), dtype=text, keep_default_na=False, na_values=numbers)
    if not isinstance(frame.index, pd.RangeIndex):
        raise pd.errors.ParserError("a row has more cells than the header")
    return frame


def sha256_of(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
