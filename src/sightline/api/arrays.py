"""Arrays of a caller, NumPy's or torch's, and the names of their images. N images of any one argument."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np

from sightline.api.expected import LONGEST, a_path, shown
from sightline.names import stem_of

ArrayLike = Any
"""A NumPy array, a torch tensor on any device, or nested lists of numbers."""
RESERVED = "images"  # the array of an NPZ that holds names
MOST = LONGEST - len(".heatmap.png")  # bytes of an image's name


def is_path(value: object) -> bool:
    """Whether it names a file or folder."""
    return isinstance(value, str | PathLike)


def array_of(value: ArrayLike) -> np.ndarray:
    """As a NumPy array, of objects where it is none; a torch tensor comes off its device, bfloat16 as float32."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
        return np.asarray(value.numpy())
    try:
        return np.asarray(value)
    except ValueError:  # rows of different lengths
        return np.array(None, object)


def rows_of(value: ArrayLike) -> list[np.ndarray]:
    """The N parts of a stack, or of a list of arrays whose sizes may differ."""
    if isinstance(value, Sequence) and not is_path(value):
        return [array_of(part) for part in value]
    stack = array_of(value)
    return list(stack) if stack.ndim else []


def canonical(name: object) -> str:
    """An image's name as files are matched by it: without folders, without .png, .dcm, .npy and the like."""
    return stem_of(str(name).removesuffix(".npy"))


def _no_name(name: str) -> str:
    """Why it cannot be an image's name, "" where it can: files have this name and an ending."""
    if not name.strip(".") or "\0" in name:
        return f"{name!r} cannot be an image's name"
    size = len(name.encode(errors="surrogateescape"))
    return f"{shown(name)} has {size} bytes; an image's name has at most {MOST}" if size > MOST else ""


class Names:
    """The images' names, by which all arguments are joined; of arrays, one for each row."""

    def __init__(self, given: Iterable[object] | None, problems: list[str]) -> None:
        """`given`: the argument `names`; what is wrong goes into `problems`."""
        if given is not None and (is_path(given) or isinstance(given, bytes) or not isinstance(given, Iterable)):
            problems.append(f"names: expected a list of names, got {shown(given)}")
            given = None
        self.given = None if given is None else [canonical(name) for name in given]
        self._problems = problems
        self._unnamed: dict[str, int] = {}
        self._named: list[str] = []
        self._order: list[str] | None = self.given
        if self.given == []:
            problems.append("names: expected one name or more, got none")
        if self.given is not None:
            problems += [f"names: {name} is there {n} times" for name, n in Counter(self.given).items() if n > 1]
            problems += [f"names: {problem}" for problem in map(_no_name, self.given) if problem]

    @property
    def order(self) -> list[str] | None:
        """The images in the order of `names`, else of the first argument in memory; None where all are files."""
        return self._order

    def of_rows(self, argument: str, num: int) -> list[str]:
        """The names of an array's rows; 0000, 0001, ... where the caller gave none."""
        if self.given is None:
            self._unnamed[argument] = num
            names = [f"{row:04d}" for row in range(num)]
            self._order = self._order if self._order is not None else names
            return names
        if len(self.given) != num:
            self._problems.append(f"{argument}: {num} rows, and names has {len(self.given)}; expected as many of each")
        return [*self.given, *(f"{row:04d}" for row in range(len(self.given), num))][:num]

    def of_keys(self, argument: str, keys: Iterable[object]) -> list[str]:
        """The names in a dictionary."""
        names = [canonical(key) for key in keys]
        self._problems += [
            f"{argument}: {n} entries are of image {name or repr(name)}"
            for name, n in Counter(names).items()
            if n > 1 or not name.strip(".")
        ]
        self._problems += [f"{argument}: an image cannot be called {RESERVED}" for name in names if name == RESERVED]
        self._problems += [f"{argument}: {_no_name(name)}" for name in names if name.strip(".") and _no_name(name)]
        self.of_files(argument)
        self._order = self._order if self._order is not None else names
        return names

    def refuse(self, problem: str) -> None:
        """Notes what is wrong with an argument."""
        self._problems.append(problem)

    def path(self, argument: str, value: str | PathLike[str]) -> Path:
        """The path of an argument that names its images itself; what no path can be is noted."""
        if problem := a_path(argument, value):
            self._problems.append(problem)
            return Path(".")
        return Path(value)

    def of_files(self, argument: str) -> None:
        """Notes that an argument names its images itself."""
        self._named.append(argument)

    def check(self) -> None:
        """What is wrong with all arguments together: rows without names beside named images, unequal numbers."""
        if self._unnamed and self._named:
            self._problems.append(
                f"names: missing; {' and '.join(self._unnamed)} {'has' if len(self._unnamed) == 1 else 'have'} rows "
                f"without names, and {' and '.join(self._named)} named images; give names, one for each row"
            )
        if len(set(self._unnamed.values())) > 1:
            counts = ", ".join(f"{argument} {num}" for argument, num in self._unnamed.items())
            self._problems.append(f"different numbers of rows: {counts}; give names, or dictionaries by image")


def parts_of(argument: str, value: Any, names: Names) -> dict[str, Any]:
    """By image the values of a dictionary, or the rows of a stack or list; {} where it is neither, which is noted."""
    if isinstance(value, Mapping):
        return dict(zip(names.of_keys(argument, value), value.values(), strict=True))
    if is_path(value) or isinstance(value, bytes) or not (isinstance(value, Sequence) or array_of(value).ndim):
        names.refuse(f"{argument}: expected an array, a list or a dictionary by image, got {type(value).__name__}")
        return {}
    rows = rows_of(value)
    return dict(zip(names.of_rows(argument, len(rows)), rows, strict=True))


def by_image(argument: str, value: Mapping[Any, ArrayLike] | ArrayLike, names: Names) -> dict[str, np.ndarray]:
    """The arrays by image of a dictionary or of a stack's rows."""
    return {image: array_of(part) for image, part in parts_of(argument, value, names).items()}


def write_arrays(path: PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """An NPZ whose arrays have any names, not compressed; the arrays must hold no objects."""
    with ZipFile(path, "w", ZIP_STORED) as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(values), allow_pickle=False)
