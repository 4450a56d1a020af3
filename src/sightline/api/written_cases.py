"""Films, lungs and patients of a caller as the files that `sightline score` reads. N images, H W a film's grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from sightline.api.arrays import Names, by_image, canonical, is_path
from sightline.formats.mask_values import inside
from sightline.study.files import write_csv


def written_films(films: Any, names: Names, folder: Path, problems: list[str]) -> Path | None:
    """A folder of films: the caller's own, or arrays as PNG."""
    return _written("images", films, _film, names, folder / "films", problems)


def written_lungs(lungs: Any, names: Names, folder: Path, problems: list[str]) -> Path | None:
    """A folder of lung masks: the caller's own, or arrays as PNG."""
    return _written("lungs", lungs, _lungs, names, folder / "lungs", problems)


def _written(argument: str, value: Any, drawn: Any, names: Names, folder: Path, problems: list[str]) -> Path | None:
    if value is None:
        return None
    if is_path(value):
        return names.path(argument, value)
    folder.mkdir()
    films, before = by_image(argument, value, names), len(problems)
    for image, values in films.items():
        try:
            film = drawn(values)
        except ValueError as error:
            problems.append(f"{argument}: {image}: {error}")
            continue
        if not before:  # else a name may be wrong, and no file is needed
            film.save(folder / f"{image}.png", compress_level=1)
    return folder


def _film(values: np.ndarray) -> Image.Image:
    """A film as a picture; ValueError where it can be none."""
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[2]):
        values = values.reshape(values.shape[1:] if values.shape[0] == 1 else values.shape[:2])
    if values.ndim == 3 and values.shape[0] == 3:
        values = np.moveaxis(values, 0, 2)
    if values.ndim != 2 and not (values.ndim == 3 and values.shape[2] == 3):
        raise ValueError(f"shape {values.shape}; expected H x W, or three channels")
    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and values.min(initial=0) >= 0 and values.max(initial=0) <= 1):
            raise ValueError("numbers that are not in [0, 1]; expected these, or uint8 from 0 to 255")
        values = np.rint(255 * values).astype(np.uint8)
    if values.dtype not in (np.uint8, np.uint16) or (values.ndim == 3 and values.dtype != np.uint8):
        raise ValueError(f"{values.dtype}; expected uint8, uint16 in gray, or numbers in [0, 1]")
    return Image.fromarray(np.ascontiguousarray(values))


def _lungs(values: np.ndarray) -> Image.Image:
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise ValueError(f"{values.dtype} of shape {values.shape}; expected H x W, inside True")
    return Image.fromarray(inside(values).astype(np.uint8) * 255)


def written_patients(patients: Any, names: Names, folder: Path, problems: list[str]) -> str:
    """A pattern, or the path of a table of image and patient; "" for None.

    A list, a column or an array is in the order of the images (`Names.order`), and so is a pandas Series whose index
    is the rows' numbers; one whose index holds the images' names, and a dictionary, are joined by these.
    """
    if patients is None:
        return ""
    if is_path(patients):
        return str(patients)
    if isinstance(patients, pd.Series) and _is_by_name(patients, names):
        patients = patients.to_dict()
    if isinstance(patients, Mapping):
        images, own = [canonical(key) for key in patients], list(patients.values())
    elif not _is_column(patients):
        problems.append(f"patients: expected a list, a column or a dictionary by image, got {type(patients).__name__}")
        return ""
    else:
        images, own = names.order or [], list(patients)
        if names.order is None:
            problems.append("patients: a list needs an order of images; give names, or a dictionary by image")
        elif len(own) != len(images):
            problems.append(f"patients: {len(own)} for {len(images)} images; expected one for each, in their order")
    if len(own) == len(images):
        path = folder / "patients.csv"
        cells = ["" if patient is None or patient != patient else str(patient) for patient in own]
        write_csv(path, pd.DataFrame({"image": images, "patient": cells}))
        return str(path)
    return ""


def _is_by_name(patients: pd.Series, names: Names) -> bool:
    """Whether a Series' index holds the images' names: one that counts the rows, as pandas makes it, does not."""
    if isinstance(patients.index, pd.RangeIndex):
        return False
    return names.order is None or {canonical(key) for key in patients.index} >= set(names.order)


def _is_column(patients: Any) -> bool:
    """Whether it is one value after another, in an order."""
    if not isinstance(patients, Iterable) or isinstance(patients, pd.DataFrame | Set):
        return False
    return getattr(patients, "ndim", 1) == 1
