"""Saliency maps made elsewhere, as `sightline score` takes them: a folder of PNG or NPY, or an NPZ.

Images are named by file stem. Every problem with a file goes into `problems`, one line per case, so that a user sees
all of them at once; StudyError is raised only where nothing is left to read. h w grid of one map.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from sightline.map_files import SUFFIXES, checked_map, read_map
from sightline.names import image_name, stem_of
from sightline.study.errors import StudyError
from sightline.study.files import read_npz


def read_maps(path: Path, problems: list[str]) -> tuple[dict[str, dict[str, np.ndarray]], list[str]]:
    """Raw maps, float64 h x w by method and image, and the names of files that are not maps.

    A folder of PNG or NPY, one per image: one method, named "". An NPZ with `images` (M names): every other array is a
    method, M x h x w. An NPZ without `images`: every array is one image's map, of method "". Maps may have any size
    and range and may be signed; a PNG's range is [0, 1].
    """
    if path.is_dir():
        maps, strangers = _map_folder(path, problems)
        return {"": maps}, strangers
    if not path.is_file():
        raise StudyError(f"{path}: no folder and no file; MAPS is a folder of PNG or NPY, or an NPZ")
    if path.suffix.lower() != ".npz":
        raise StudyError(f"{path}: MAPS is a folder of PNG or NPY, one map per image, or an NPZ that names the images")
    return _map_arrays(path, problems), []


def _map_folder(folder: Path, problems: list[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    maps: dict[str, np.ndarray] = {}
    strangers = []
    seen = set()
    for path in sorted(part for part in folder.iterdir() if not part.name.startswith(".") and part.is_file()):
        if path.suffix.lower() not in SUFFIXES:
            strangers.append(path.name)
            continue
        image = image_name(path.stem)
        if image in seen:
            problems.append(f"{path}: a second map of {image}")
        seen.add(image)
        try:
            maps[image] = read_map(path)
        except ValueError as error:
            problems.append(f"{path}: {error}")
    if not seen:
        problems.append(f"{folder}: no .png or .npy file")
    return maps, strangers


def _map_arrays(path: Path, problems: list[str]) -> dict[str, dict[str, np.ndarray]]:
    stored = read_npz(path)
    if "images" not in stored:
        maps: dict[str, np.ndarray] = {}
        for name, values in stored.items():
            image = stem_of(name[: -len(".npy")] if name.lower().endswith(".npy") else name)
            if image in maps:
                problems.append(f"{path}: a second map of {image}")
            try:
                maps[image] = checked_map(values)
            except ValueError as error:
                problems.append(f"{path}, {name}: {error}")
        if not stored:
            problems.append(f"{path}: holds no array")
        return {"": maps}
    images = [image_name(str(name)) for name in stored.pop("images").ravel().tolist()]
    problems += [f"{path}: image {name} is listed {n} times" for name, n in Counter(images).items() if n > 1]
    if not stored:
        problems.append(f"{path}: holds no array besides `images`")
    by_method: dict[str, dict[str, np.ndarray]] = {}
    for method, values in stored.items():
        if values.ndim != 3 or len(values) != len(images):
            problems.append(f"{path}, {method}: expected {len(images)} x h x w, as `images`; got shape {values.shape}")
            continue
        by_method[method] = {}
        for image, map_hw in zip(images, values, strict=True):
            try:
                by_method[method][image] = checked_map(map_hw)
            except ValueError as error:
                problems.append(f"{path}, {method} of {image}: {error}")
    return by_method
