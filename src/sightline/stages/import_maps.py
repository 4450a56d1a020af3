"""Brings a folder of saliency maps made elsewhere into the form of the study's maps.

Reads one PNG (gray) or NPY (H x W numbers) per image, named by the image's stem, and data/prepared/; writes
data/saliency/<key>.npz. A map that lies on its side against its film is refused.

Run: python src/import_maps.py <key of a models entry {maps: <folder>, method: <name>}>
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from sightline.aspect import turned_map
from sightline.counts import counted
from sightline.inputs import INDEX, PREPARED, SALIENCY, prepared_grid
from sightline.map_files import SUFFIXES, read_map
from sightline.maps import upsampled
from sightline.names import image_name
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, write_npz
from sightline.study.models import ExternalMaps
from sightline.study.parameters import read_entry


def main() -> None:
    if len(sys.argv) != 2:
        raise StudyError("name one external model of params.yaml: python -m sightline.stages.import_maps <key>")
    key = sys.argv[1]
    entry: ExternalMaps = read_entry(ExternalMaps, "models", key)
    index = read_csv(INDEX, {"image": str, "split": str, "source": str})
    split, film = (dict(zip(index["image"], index[name], strict=True)) for name in ("split", "source"))
    grid = prepared_grid(PREPARED)
    folder = Path(entry.maps)
    if not folder.is_dir():
        raise StudyError(f"params.yaml: models.{key}.maps: no folder {folder}")
    problems: list[str] = []
    maps: dict[str, np.ndarray] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES):
        image = image_name(path.stem)
        if image in maps:
            problems.append(f"{path}: a second map of {image}")
        elif split.get(image) != "test":
            where = "in no split of the study" if image not in split else f"in split {split[image]}, not test"
            problems.append(f"{path}: its image is {where}")
        try:
            maps[image] = read_map(path)
        except ValueError as error:
            problems.append(f"{path}: {error}")
            continue
        wrong = turned_map(maps[image].shape, grid, film.get(image))
        if wrong:
            problems.append(f"{path}: {wrong}")
    if not maps and not problems:
        problems.append(f"{folder}: no .png or .npy file")
    if problems:
        raise StudyError(f"{key}: {counted(len(problems), 'problem')} with the maps; correct or remove them", problems)
    images = sorted(maps)
    if len({maps[image].shape for image in images}) > 1:  # each of its image's size: bring them to one grid
        maps = {image: upsampled(maps[image][None], *grid)[0] for image in images}
    stacked = np.stack([maps[image] for image in images]).astype(np.float32)
    write_npz(SALIENCY.format(key), images=np.array(images), **{entry.method: stacked})


if __name__ == "__main__":
    run_stage(main)
