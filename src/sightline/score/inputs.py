"""Reads maps and regions made elsewhere, in common formats: PNG, NPY, NPZ, JSON.

Images are named by file stem. Every problem with a file goes into `problems`, one line per case, so that a user sees
all of them at once; StudyError is raised only where nothing is left to read. h w grid of one map, H W common grid,
R readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sightline.experts.annotation_reader import (
    COLUMNS,
    Cleanup,
    first_readings,
    picture_size,
    read_annotations,
    read_mask,
    reading_order,
)
from sightline.experts.cleanup import nearest
from sightline.map_files import checked_map, read_map
from sightline.study.errors import StudyError
from sightline.study.files import read_csv, read_npz

Size = tuple[int, int]
# Pixels of the common grid unless --size says more: 3,000 pixels cost 30 times as much and show nothing further.
LONGEST_SIDE = 512
SUFFIXES = (".png", ".npy", ".jpg", ".jpeg")  # removed from an NPZ's array names; other dots belong to the image's name
INSIDE = 128  # brightness above which a mask's pixel is inside


@dataclass(frozen=True, kw_only=True)
class Regions:
    """Expert regions on one grid."""

    grid: Size
    masks: dict[str, np.ndarray]
    """By image bool R x H x W, one mask per reader, empty ones left out; finished regions: R is 1."""
    is_single: bool
    """Whether these are single readers' annotations, which need a consensus, rather than finished regions."""
    names: dict[str, list[str]] | None = None
    """By image who drew each mask of `masks`; None: finished regions."""
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """Names of unused inputs, by reason."""


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
    for path in _files(folder):
        if path.suffix.lower() not in (".png", ".npy"):
            strangers.append(path.name)
            continue
        if path.stem in seen:
            problems.append(f"{path}: a second map of {path.stem}")
        seen.add(path.stem)
        try:
            maps[path.stem] = read_map(path)
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
            image = name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in SUFFIXES else name
            if image in maps:
                problems.append(f"{path}: a second map of {image}")
            try:
                maps[image] = checked_map(values)
            except ValueError as error:
                problems.append(f"{path}, {name}: {error}")
        if not stored:
            problems.append(f"{path}: holds no array")
        return {"": maps}
    images = [str(name) for name in stored.pop("images").ravel().tolist()]
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


def read_regions(
    path: Path,
    size: Size | None,
    finding: str | None,
    cleanup: Cleanup,
    sources: dict[str, str],
    problems: list[str],
) -> Regions:
    """The experts' regions of a PNG folder, a folder with annotations.csv, a COCO or a cheXlocalize JSON.

    `size`: (rows, columns) of the grid to which all are brought by nearest neighbour; None: the most common size of
    the masks (of equally common ones the largest), its longer side at most LONGEST_SIDE. `finding`: of a JSON with
    several, the one to score. `cleanup`: of annotations, as in `read_annotations`. `sources`: path of each image,
    where known, to check the aspect of annotations; may be empty. Annotations without a region, and a reader's second
    annotation of an image, by time, are left out and named.
    """
    if path.is_dir() and (path / "annotations.csv").exists():
        return _annotated(path, size, cleanup, sources, problems)
    if path.is_dir():
        paths = [part for part in _files(path) if part.suffix.lower() == ".png"]
        strangers = [part.name for part in _files(path) if part.suffix.lower() != ".png"]
        if not paths:
            problems.append(f"{path}: no .png file and no annotations.csv")
        grid = size or common_size(filter(None, map(picture_size, paths)))
        masks = {image: mask_HW[None] for image, mask_HW in read_mask_files(paths, grid, problems).items()}
        return Regions(
            grid=grid, masks=masks, is_single=False, left_out={"files beside the masks that are no PNG": strangers}
        )
    if not path.is_file():
        raise StudyError(f"{path}: no folder and no file; MASKS is a folder of PNG, or a JSON of COCO or cheXlocalize")
    drawings, undrawn = _drawings(path, finding, problems)
    grid = size or common_size(drawing.size for drawing in drawings)
    table = pd.DataFrame(
        [(d.image, d.annotator, d.created_at, str(place)) for place, d in enumerate(drawings)],
        columns=["image", "annotator", "created_at", "annotation"],
    )
    regions = _by_image(table, lambda row: nearest(drawings[row].mask, *grid), grid)
    regions.left_out["images of the JSON without a drawing of the finding"] = undrawn
    return regions


def read_mask_files(paths: Iterable[Path], grid: Size, problems: list[str]) -> dict[str, np.ndarray]:
    """Masks of PNGs by stem, bool H x W, inside above 128, brought to the grid by nearest neighbour."""
    masks = {}
    for path in paths:
        try:
            drawn = read_mask(path)
        except ValueError as error:
            problems.append(f"{path}: {error}")
            continue
        if 0 < drawn.max() <= INSIDE:
            problems.append(f"{path}: brightest pixel is {drawn.max()}; inside is above {INSIDE}, white on black")
        masks[path.stem] = nearest(drawn, *grid) > INSIDE
    return masks


def common_size(sizes: Iterable[Size]) -> Size:
    """The most common of sizes, the largest of equally common ones, shrunk to LONGEST_SIDE; 224 x 224 of none."""
    counts = Counter(sizes)
    rows, cols = max(counts, key=lambda size: (counts[size], size)) if counts else (224, 224)
    shrink = min(1.0, LONGEST_SIDE / max(rows, cols))
    return max(1, round(rows * shrink)), max(1, round(cols * shrink))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())


def _annotated(
    folder: Path, size: Size | None, cleanup: Cleanup, sources: dict[str, str], problems: list[str]
) -> Regions:
    listed = read_csv(folder / "annotations.csv", dict.fromkeys(COLUMNS, str))
    names = sorted(set(listed["image"]))
    index = pd.DataFrame({"image": names, "split": "test", "source": [sources.get(name) for name in names]})
    index["source"] = index["source"].astype(object).where(index["source"].notna(), None)
    sizes = (picture_size(folder / "masks" / name) for name in listed["mask"] if Path(name).name == name != "")
    grid = size or common_size(filter(None, sizes))
    try:
        table, masks_AHW = read_annotations(folder, index, grid, cleanup)
    except StudyError as error:
        problems += error.cases or [str(error)]
        return Regions(grid=grid, masks={}, is_single=True)
    return _by_image(table, lambda row: masks_AHW[row], grid)


def _by_image(table: pd.DataFrame, mask_of: Callable[[int], np.ndarray], grid: Size) -> Regions:
    """Masks by image, each reader's first one with a region; `mask_of` takes the row's number, from 0."""
    in_time = reading_order(table).tolist()
    mask_of_row = {row: mask_of(row) for row in in_time}
    valid = [row for row in in_time if mask_of_row[row].any()]
    images = table["image"].tolist()
    first, again = first_readings(table.iloc[valid])
    annotators = table["annotator"].tolist()
    masks: dict[str, list[np.ndarray]] = {image: [] for image in images}
    names: dict[str, list[str]] = {image: [] for image in images}
    for row in (valid[place] for place in first.tolist()):
        masks[images[row]].append(mask_of_row[row])
        names[images[row]].append(annotators[row])
    is_single = any(len(drawn) > 1 for drawn in masks.values())
    return Regions(
        grid=grid,
        masks={image: np.array(drawn, bool).reshape(-1, *grid) for image, drawn in masks.items()},
        is_single=is_single,
        names=names if is_single else None,
        left_out={
            "annotations without a region": [images[row] for row in in_time if not mask_of_row[row].any()],
            "second annotations of an image by one reader": [
                images[valid[later]] for later in sorted(later for _, later in again)
            ],
        },
    )


def _drawings(path: Path, finding: str | None, problems: list[str]) -> tuple[list[Any], list[str]]:
    """The JSON's drawings (`formats.annotations.Drawing`) and the images that it names without one."""
    try:
        from sightline.formats.annotations import ImportOptions
        from sightline.formats.chexlocalize import read_chexlocalize
        from sightline.formats.coco import read_coco
        from sightline.formats.fields import nearest_name, read_json
        from sightline.names import stem_of
    except ModuleNotFoundError as error:
        raise StudyError(f"{path}: the package {error.name} is missing; pip install 'sightline[annotate]'") from None
    document = read_json(path)
    if not isinstance(document, dict):
        raise StudyError(f"{path}: neither COCO's nor cheXlocalize's JSON: not an object")
    is_coco = isinstance(document.get("images"), list) and "annotations" in document
    if is_coco:
        categories = document.get("categories")
        findings = {str(c["name"]) for c in categories or [] if isinstance(c, dict) and "name" in c}
        listed = [str(image.get("file_name")) for image in document["images"] if isinstance(image, dict)]
    else:
        entries = [entry for entry in document.values() if isinstance(entry, dict)]
        findings = {key for entry in entries for key in entry if key != "img_size"}
        listed = list(document)
    if finding is None and len(findings) > 1:
        raise StudyError(f"{path}: say with --finding which to take: {', '.join(sorted(findings))}")
    if finding is not None and finding not in findings:
        raise StudyError(f"{path}: has no finding {finding!r}{nearest_name(finding, findings)}")
    options = ImportOptions(labels={finding} if finding else findings or None, annotator="unnamed")
    found = (read_coco if is_coco else read_chexlocalize)(path, options)
    problems += [f"{path}: {problem}" for problem in found.problems]
    drawn = {drawing.image for drawing in found.drawings}
    return found.drawings, [image for image in listed if stem_of(image) not in drawn]
