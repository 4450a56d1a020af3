"""The command `sightline score`: anyone's saliency maps against anyone's expert regions, without training or DVC.

sightline score MAPS MASKS [--also NAME=MAPS ...] [--images FOLDER] [--lungs FOLDER] [--patients REGEX] ...

Writes OUT/scores.csv (image x candidate), OUT/verdict.csv (image x candidate x score), OUT/scores.json and
OUT/report.html, with the films it has no room for in OUT/report/. One rule for sizes: a map and a mask
both show the whole image, and everything is brought to one grid, maps bilinearly, masks by nearest neighbour. One
rule for names: files with the same stem belong together; images that lack a region, or a map of any model, are left
out and named.

A candidates (model, or model.method), M images, R readers, H W common grid.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import numpy as np

from sightline.alignment.ladder import MapsAndRegions, score_images
from sightline.alignment.region_scores import SCORES
from sightline.experts.consensus import consensus_mask, left_out_consensus, pixel_share
from sightline.images.decode import FILM_SUFFIXES, decoded
from sightline.images.split import patients_of
from sightline.lungs import estimated_body
from sightline.report.viewer import FOLDER, write_beside
from sightline.score.films import first_strip, score_viewer
from sightline.score.inputs import Size, read_maps, read_mask_files, read_regions
from sightline.score.page import printed_table, score_report
from sightline.score.results import IN_BODY, RULES, Origin, image_table, results, settings
from sightline.score.verdict import judged
from sightline.score.verdict import settings as verdict_settings
from sightline.study.errors import StudyError
from sightline.study.files import refuse_unwritable, write_csv, write_json, write_text

PICTURES = {*FILM_SUFFIXES, ".bmp", ".tif", ".tiff"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    add = parser.add_argument
    add("maps", metavar="MAPS", help="[NAME=]folder of PNG or NPY files, one map per image, or NPZ")
    add("masks", metavar="MASKS", help="folder of PNG masks or with annotations.csv; or COCO or cheXlocalize JSON")
    add("--also", metavar="[NAME=]MAPS", action="append", default=[], help="another model's maps; may be repeated")
    add("--images", metavar="FOLDER", type=Path, help="the X-rays, for the baselines from edges and from the body")
    add("--lungs", metavar="FOLDER", type=Path, help="lung masks, one PNG per image")
    add("--patients", metavar="REGEX", default="", help="its groups, matched in the image's name, name the patient")
    add(
        "--threshold",
        type=float,
        default=0.5,
        help="share of a map's range at or above which it is salient (default 0.5)",
    )
    add(
        "--primary",
        choices=SCORES,
        default="rank",
        help="score that decides the verdict and orders the ladder, chosen in advance (default rank)",
    )
    add(
        "--margin",
        type=float,
        default=0.25,
        help='share of the experts\' contrast that "as well as an expert" may fall short by (default 0.25)',
    )
    add(
        "--frame",
        choices=("image", "lungs"),
        default="image",
        help="frame in which other patients' regions are laid on a map (default image)",
    )
    add(
        "--grid",
        type=int,
        nargs=2,
        metavar=("ROWS", "COLS"),
        help="cells of the maps' own grid, where maps were brought to a larger size",
    )
    add(
        "--size", type=int, nargs=2, metavar=("ROWS", "COLS"), help="common grid (default: the masks' most common size)"
    )
    add(
        "--cleanup",
        choices=("paper", "none"),
        default="paper",
        help="for annotations.csv: paper if it holds strokes, none if regions",
    )
    add("--finding", metavar="NAME", help="finding to use, if the JSON has several")
    add("--seed", type=int, default=0, help="seed of baselines and resamples (default 0)")
    add("--out", metavar="FOLDER", type=Path, default=Path("scores"), help="folder for the results (default scores)")


def run(arguments: argparse.Namespace) -> None:
    """Scores and writes everything; StudyError lists all problems with the inputs."""
    if not 0 < arguments.threshold <= 1:
        raise StudyError(f"--threshold: expected a number above 0 and at most 1, got {arguments.threshold}")
    if not 0 < arguments.margin < 1:
        raise StudyError(f"--margin: expected a number between 0 and 1, got {arguments.margin}")
    if arguments.seed < 0 or min(*(arguments.size or (1,)), *(arguments.grid or (1,))) < 1:
        raise StudyError("--seed: 0 or more; --size and --grid: 1 or more, twice")
    if arguments.frame == "lungs" and not (arguments.lungs or arguments.images):
        raise StudyError("--frame lungs: needs --lungs or, for the body in their place, --images")
    refuse_unwritable(arguments.out)
    study, origin = gather(arguments)
    scores = score_images(study, RULES, arguments.threshold)
    chosen = verdict_settings(arguments.primary, arguments.margin, arguments.frame)
    verdict = judged(study, chosen, (arguments.grid[0], arguments.grid[1]) if arguments.grid else None)
    summary = results(study, scores, verdict, origin)
    summary["command"] = shlex.join(["sightline", *sys.argv[1:]])
    summary["threshold"] = arguments.threshold
    write_csv(arguments.out / "scores.csv", image_table(study, scores))
    write_csv(arguments.out / "verdict.csv", verdict.table)
    write_json(arguments.out / "scores.json", summary)
    shown, few = score_viewer(study, scores, verdict.table, origin, arguments.threshold)
    page = score_report(summary, shown, few, first_strip(study, scores))
    write_beside(arguments.out / FOLDER, shown)
    write_text(arguments.out / "report.html", page)
    print(printed_table(summary))
    print(f"{arguments.out}: scores.csv, verdict.csv, scores.json, report.html")


def gather(arguments: argparse.Namespace) -> tuple[MapsAndRegions, Origin]:
    """Reads everything and matches it by name."""
    problems: list[str] = []
    raw_maps: dict[str, dict[str, np.ndarray]] = {}
    left_out: dict[str, list[str]] = {}
    for text in (arguments.maps, *arguments.also):
        name, path = named_path(text)
        by_method, left_out[f"files beside the maps of {name} that are no PNG or NPY"] = read_maps(path, problems)
        for method, maps in by_method.items():
            candidate = f"{name}.{method}" if method else name
            if candidate in raw_maps:
                raise StudyError(f"two sets of maps are called {candidate}; name one: --also NAME={path}")
            raw_maps[candidate] = maps
    pictures = _picture_paths(arguments.images)
    sources = {image: str(paths[0]) for image, paths in pictures.items()}
    size = (arguments.size[0], arguments.size[1]) if arguments.size else None
    regions = read_regions(Path(arguments.masks), size, arguments.finding, arguments.cleanup, sources, problems)
    with_maps = [set(maps) for maps in raw_maps.values()] or [set()]
    images = sorted(set(regions.masks).intersection(*with_maps))
    if arguments.grid:
        problems += _coarser(raw_maps, (arguments.grid[0], arguments.grid[1]))
    for candidate, maps in raw_maps.items():
        left_out[f"maps of {candidate} without a region"] = sorted(set(maps) - set(regions.masks))
        left_out[f"regions without a map of {candidate}"] = sorted(set(regions.masks) - set(maps))
    if not images and not problems:
        cases = [f"a map: {min(names)}" for names in with_maps if names] + [f"a region: {i}" for i in regions.masks][:1]
        raise StudyError("no region has a map of every model; they are matched by file stem", cases)
    if images and not problems and not any(regions.masks[image].any() for image in images):
        raise StudyError("no image has a region: nothing to score")
    pixels_MHW = _read_pictures(images, pictures, regions.grid, problems) if arguments.images else None
    anatomy_MHW, anatomy = _read_anatomy(images, arguments.lungs, pixels_MHW, regions.grid, problems)
    if problems:
        raise StudyError(f"{len(problems)} problems with the files; correct or remove them", problems)
    try:
        patients = patients_of(images, arguments.patients)
    except StudyError as error:
        raise StudyError(str(error).replace("data.patient_pattern", "--patients")) from None
    readers = [regions.masks[image] for image in images]
    masks_MHW = np.array([consensus_mask(masks_RHW) for masks_RHW in readers], bool)
    left_out |= regions.left_out
    left_out["images whose consensus region is empty: scored NaN"] = [
        image for image, mask_HW in zip(images, masks_MHW, strict=True) if not mask_HW.any()
    ]
    study = MapsAndRegions(
        seed=arguments.seed,
        settings=settings(arguments.primary),
        images=images,
        patients_M=np.array(patients),
        masks_MHW=masks_MHW,
        shares_MHW=np.array([pixel_share(masks_RHW) for masks_RHW in readers]),
        readers_MRHW=readers,
        others_MRHW=[left_out_consensus(masks_RHW) for masks_RHW in readers],
        reader_names_MR=None if regions.names is None else [regions.names[image] for image in images],
        maps={candidate: [maps[image] for image in images] for candidate, maps in raw_maps.items()},
        pixels_MHW=pixels_MHW,
        lungs_MHW=anatomy_MHW,
        baseline_names=IN_BODY if anatomy == "body" else {},
    )
    named = {reason: names for reason, names in left_out.items() if names}
    return study, Origin(anatomy=anatomy, is_single=regions.is_single, left_out=named)


def _coarser(raw_maps: dict[str, dict[str, np.ndarray]], cells: Size) -> list[str]:
    """One line per candidate with a map of fewer cells than --grid says."""
    problems = []
    for candidate, maps in raw_maps.items():
        for image, map_hw in maps.items():
            if map_hw.shape[0] < cells[0] or map_hw.shape[1] < cells[1]:
                rows, cols = map_hw.shape
                problems.append(
                    f"--grid {cells[0]} {cells[1]}: the map of {candidate} on {image} has fewer cells, {rows} x {cols}"
                )
                break
    return problems


def named_path(text: str) -> tuple[str, Path]:
    """NAME=PATH, or a path, whose name is its stem; an existing path has no NAME, even with "=" in it."""
    name, equals, rest = text.partition("=")
    if not equals or Path(text).exists():
        return Path(text).resolve().stem, Path(text)
    if not name or not rest:
        raise StudyError(f"{text}: expected NAME=MAPS")
    return name, Path(rest)


def _picture_paths(folder: Path | None) -> dict[str, list[Path]]:
    if folder is None:
        return {}
    if not folder.is_dir():
        raise StudyError(f"--images {folder}: no such folder")
    paths: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURES and not path.name.startswith("."):
            paths.setdefault(path.stem, []).append(path)
    return paths


def _read_pictures(images: list[str], paths: dict[str, list[Path]], grid: Size, problems: list[str]) -> np.ndarray:
    """uint8 M x H x W."""
    pixels_MHW = np.zeros((len(images), *grid), np.uint8)
    for row, image in enumerate(images):
        of_image = paths.get(image, [])
        if len(of_image) != 1:
            problems.append(f"--images: {len(of_image)} pictures of {image}, expected one")
            continue
        try:
            pixels_MHW[row] = decoded(of_image[0], *grid, color=False, high_depth="image")
        except ValueError as error:
            problems.append(f"{of_image[0]}: {error}")
    return pixels_MHW


def _read_anatomy(
    images: list[str], folder: Path | None, pixels_MHW: np.ndarray | None, grid: Size, problems: list[str]
) -> tuple[np.ndarray | None, str]:
    if folder is not None:
        lungs = read_mask_files([folder / f"{image}.png" for image in images], grid, problems)
        none = np.zeros(grid, bool)  # its file is among the problems
        return np.array([lungs.get(image, none) for image in images], bool).reshape(-1, *grid), "lungs"
    if pixels_MHW is None:
        return None, "none"
    return np.array([estimated_body(image_HW) for image_HW in pixels_MHW], bool).reshape(-1, *grid), "body"
