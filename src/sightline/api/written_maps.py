"""Maps of a caller as the files that `sightline score` reads. N images, C channels, H W a map's own grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sightline.api.arrays import ArrayLike, Names, array_of, by_image, is_path, write_arrays

ONLY = "model"  # the name of maps that come without one
KINDS = "biuf"  # of numbers


def written_maps(maps: Any, names: Names, folder: Path, problems: list[str]) -> dict[Path, str]:
    """By path the candidate's name, in order: files of the caller as they are, arrays in an NPZ by image.

    `maps`: see `sightline.score`. A dictionary is by image where all its values are H x W or 1 x H x W, else by
    candidate.
    """
    if is_path(maps):
        names.of_files("maps")
        return {names.path("maps", maps): ""}
    if not isinstance(maps, Mapping) or is_by_image(maps):
        return _written({ONLY: maps}, names, folder, problems)
    return _written(maps, names, folder, problems)


def is_by_image(maps: Mapping[Any, Any]) -> bool:
    """Whether a dictionary's keys are images: each value is one map."""
    if any(is_path(value) or isinstance(value, Mapping) for value in maps.values()):
        return False
    shapes = [np.shape(value) if hasattr(value, "shape") else array_of(value).shape for value in maps.values()]
    return all(len(shape) == 2 or (len(shape) == 3 and shape[0] == 1) for shape in shapes)


def _written(by_name: Mapping[Any, Any], names: Names, folder: Path, problems: list[str]) -> dict[Path, str]:
    paths: dict[Path, str] = {}
    if not by_name:
        problems.append("maps: a dictionary without an entry")
    for number, (key, value) in enumerate(by_name.items(), start=1):
        name, argument = str(key), "maps" if len(by_name) == 1 else f"maps of {key}"
        if not name.strip() or "=" in name:
            problems.append(f"maps: {name!r} cannot be a model's name; it has to have a letter and no =")
        elif is_path(value):
            names.of_files(argument)
            paths[names.path(argument, value)] = name
        else:
            path = folder / f"maps{number}.npz"
            write_arrays(path, _maps(argument, value, names, problems))
            paths[path] = name
    return paths


def _maps(argument: str, value: Mapping[Any, ArrayLike] | ArrayLike, names: Names, problems: list[str]) -> Any:
    """One H x W map by image: channels are summed. What is no map goes into `problems`."""
    found: dict[str, np.ndarray] = {}
    for image, values in by_image(argument, value, names).items():
        if values.dtype.kind not in KINDS or values.ndim not in (2, 3):
            problems.append(
                f"{argument}: {image} is {values.dtype} of shape {values.shape}; expected H x W numbers for each image"
            )
        else:
            found[image] = _summed(values) if values.ndim == 3 else values
    return found


def _summed(values_CHW: np.ndarray) -> np.ndarray:
    """The sum over channels, as captum's attributions are read; one channel is kept as it is."""
    return values_CHW[0] if len(values_CHW) == 1 else np.asarray(values_CHW.sum(axis=0, dtype=np.float64))
