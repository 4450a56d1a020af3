"""Brings a folder of saliency maps made elsewhere into the form of the study's maps.

Reads one PNG (gray, 8 or 16 bit) or NPY (H x W numbers) per image, named by the image's stem, and
data/prepared/index.csv; writes data/saliency/<key>.npz.

Run: python src/import_maps.py <key of a models entry {maps: <folder>, method: <name>}>
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from sightline.inputs import INDEX, PREPARED, SALIENCY, prepared_grid
from sightline.maps import upsampled
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, write_npz
from sightline.study.models import ExternalMaps
from sightline.study.parameters import read_entry


def main() -> None:
    if len(sys.argv) != 2:
        raise StudyError("name one external model of params.yaml: python src/import_maps.py <key>")
    key = sys.argv[1]
    entry: ExternalMaps = read_entry(ExternalMaps, "models", key)
    if not re.fullmatch(r"[A-Za-z0-9_]+", entry.method) or entry.method == "images":
        raise StudyError(f"params.yaml: models.{key}.method: letters, digits and _ only, got {entry.method!r}")
    index = read_csv(INDEX, {"image": str, "split": str})
    split = dict(zip(index.image, index.split, strict=True))
    folder = Path(entry.maps)
    if not folder.is_dir():
        raise StudyError(f"params.yaml: models.{key}.maps: no folder {folder}")
    problems: list[str] = []
    maps: dict[str, np.ndarray] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".npy")):
        if path.stem in maps:
            problems.append(f"{path}: a second map of {path.stem}")
        elif split.get(path.stem) != "test":
            where = "in no split of the study" if path.stem not in split else f"in split {split[path.stem]}, not test"
            problems.append(f"{path}: its image is {where}")
        try:
            maps[path.stem] = read_map(path)
        except ValueError as error:
            problems.append(f"{path}: {error}")
    if not maps and not problems:
        problems.append(f"{folder}: no .png or .npy file")
    if problems:
        raise StudyError(f"{key}: {len(problems)} problems with the maps; correct or remove them", problems)
    images = sorted(maps)
    if len({maps[image].shape for image in images}) > 1:  # each of its image's size: bring them to one grid
        height, width = prepared_grid(PREPARED)
        maps = {image: upsampled(maps[image][None], height, width)[0] for image in images}
    stacked = np.stack([maps[image] for image in images]).astype(np.float32)
    write_npz(SALIENCY.format(key), images=np.array(images), **{entry.method: stacked})


def read_map(path: Path) -> np.ndarray:
    """Float64 H x W of any size, a PNG's range as [0, 1]; ValueError with the reason for anything else."""
    if path.suffix.lower() == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise ValueError(f"not a readable NPY ({error})") from None
        if values.ndim != 2 or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
            raise ValueError(f"expected H x W real numbers, got {values.dtype} of shape {values.shape}")
    else:
        try:
            with Image.open(path) as picture:
                mode, values = picture.mode, np.asarray(picture)
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            raise ValueError(f"not a readable PNG ({error})") from None
        if mode != "L" and not mode.startswith("I"):
            raise ValueError(f"expected a gray PNG, got mode {mode}; a coloured overlay is no map")
        values = values / (255.0 if mode == "L" else 65535.0)
    if not np.isfinite(values).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(values))} values that are NaN or infinite")
    return values.astype(np.float64)


if __name__ == "__main__":
    run_stage(main)
