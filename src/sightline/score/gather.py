"""Everything that `sightline score` reads, matched by name: maps, regions, films, lungs, patients.

A candidates (model, or model.method), M images, R readers, H W common grid.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sightline.alignment.ladder import MapsAndRegions
from sightline.aspect import Size
from sightline.counts import counted
from sightline.experts.consensus import consensus_mask, left_out_consensus, pixel_share
from sightline.formats.fields import size_of
from sightline.images.film_files import film_files
from sightline.score.aspects import map_problems, mask_problems, squashed_note
from sightline.score.maps_in import read_maps
from sightline.score.patients import named_patients, warning_of
from sightline.score.pictures_in import read_anatomy, read_films, read_lungs, sizes_of_films
from sightline.score.regions_in import Asked, Regions, read_regions
from sightline.score.results import IN_BODY, Origin, settings
from sightline.study.errors import StudyError, collapsed

Maps = dict[str, dict[str, np.ndarray]]
"""Raw maps h x w, by candidate and image."""


def gather(arguments: argparse.Namespace) -> tuple[MapsAndRegions, Origin]:
    """The study that the command's arguments name, and what its results say of it; StudyError with all problems."""
    problems: list[str] = []
    maps, left_out = _maps(arguments, problems)
    with_maps = [set(by_image) for by_image in maps.values()] or [set()]
    paths = {} if arguments.images is None else film_files(arguments.images)
    wanted = frozenset(set.intersection(*with_maps))
    films = sizes_of_films(sorted(wanted), paths)
    asked = Asked(
        images=wanted,
        sizes=films,
        grid=_pair(arguments.size),
        cleanup=arguments.cleanup,
        findings=arguments.finding,
        format=arguments.format,
        image_size=_image_size(arguments.image_size),
    )
    regions = read_regions([Path(path) for path in arguments.masks], asked, problems)
    images = sorted(regions.masks)
    for candidate, by_image in maps.items():
        left_out[f"maps of {candidate} without a region"] = sorted(set(by_image) - regions.images)
        left_out[f"regions without a map of {candidate}"] = sorted(regions.images - set(by_image))
    if not images and not problems:
        cases = [f"a map: {min(names)}" for names in with_maps if names]
        cases += [f"a region: {image}" for image in sorted(regions.images)[:1]]
        raise StudyError("no region has a map of every model; they are matched by file stem", cases)
    if images and not problems and not any(regions.masks[image].any() for image in images):
        raise StudyError("no image has a region: nothing to score")
    if arguments.grid:
        problems += _coarser(maps, (arguments.grid[0], arguments.grid[1]))
    first_paths = {image: of_image[0] for image, of_image in paths.items()}
    problems += mask_problems(regions.sizes, films, first_paths, asked.grid)
    problems += map_problems(maps, regions.sizes, films)
    pixels_MHW = read_films(images, paths, regions.grid, problems) if arguments.images else None
    lungs_MHW = None
    if arguments.lungs:
        lungs_MHW, lung_sizes = read_lungs(images, arguments.lungs, regions.grid, problems)
        expected = {image: films.get(image, sizes[0][0]) for image, sizes in regions.sizes.items()}
        problems += mask_problems(lung_sizes, expected, first_paths, asked.grid)
    if problems:
        raise StudyError(
            f"{counted(len(problems), 'problem')} with the files; correct or remove them", collapsed(problems)
        )
    anatomy_MHW, anatomy = read_anatomy(images, lungs_MHW, pixels_MHW, regions.grid)
    patients = named_patients(images, arguments.patients)
    notes = [*regions.notes, *squashed_note(regions.sizes, films)]
    if not arguments.patients and (warning := warning_of(images)):
        notes.append(warning)
    study = _study(arguments, images, patients, regions, maps, pixels_MHW, anatomy_MHW, anatomy)
    left_out |= regions.left_out
    left_out["images whose consensus region is empty: scored NaN"] = [
        image for image, mask_HW in zip(images, study.masks_MHW, strict=True) if not mask_HW.any()
    ]
    named = {reason: names for reason, names in left_out.items() if names}
    return study, Origin(anatomy=anatomy, is_single=regions.is_single, left_out=named, notes=notes)


def _study(
    arguments: argparse.Namespace,
    images: list[str],
    patients: list[str],
    regions: Regions,
    maps: Maps,
    pixels_MHW: np.ndarray | None,
    anatomy_MHW: np.ndarray | None,
    anatomy: str,
) -> MapsAndRegions:
    readers = [regions.masks[image] for image in images]
    return MapsAndRegions(
        seed=arguments.seed,
        settings=settings(arguments.primary),
        images=images,
        patients_M=np.array(patients),
        masks_MHW=np.array([consensus_mask(masks_RHW) for masks_RHW in readers], bool),
        shares_MHW=np.array([pixel_share(masks_RHW) for masks_RHW in readers]),
        readers_MRHW=readers,
        others_MRHW=[left_out_consensus(masks_RHW) for masks_RHW in readers],
        reader_names_MR=None if regions.names is None else [regions.names[image] for image in images],
        maps={candidate: [by_image[image] for image in images] for candidate, by_image in maps.items()},
        pixels_MHW=pixels_MHW,
        lungs_MHW=anatomy_MHW,
        baseline_names=IN_BODY if anatomy == "body" else {},
    )


def _maps(arguments: argparse.Namespace, problems: list[str]) -> tuple[Maps, dict[str, list[str]]]:
    """All maps, and the names of files beside them that are no maps, by reason."""
    maps: Maps = {}
    left_out: dict[str, list[str]] = {}
    for text in (arguments.maps, *arguments.also):
        name, path = named_path(text)
        by_method, left_out[f"files beside the maps of {name} that are no PNG or NPY"] = read_maps(path, problems)
        for method, by_image in by_method.items():
            candidate = f"{name}.{method}" if method else name
            if candidate in maps:
                raise StudyError(f"two sets of maps are called {candidate}; name one: --also NAME={path}")
            maps[candidate] = by_image
    return maps, left_out


def _pair(sides: list[int] | None) -> Size | None:
    return (sides[0], sides[1]) if sides else None


def _image_size(text: str | None) -> Size | None:
    try:
        return size_of(text) if text else None
    except ValueError as error:
        raise StudyError(f"--image-size: {error}") from None


def _coarser(maps: Mapping[str, Mapping[str, np.ndarray]], cells: Size) -> list[str]:
    """One line per candidate with a map of fewer cells than --grid says."""
    problems = []
    for candidate, by_image in maps.items():
        for image, map_hw in by_image.items():
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
