"""Everything that `sightline score` reads, matched by name: maps, regions, films, lungs, patients.

A candidates (model, or model.method), M images, R readers, H W common grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sightline.alignment.ladder import MapsAndRegions
from sightline.aspect import Size
from sightline.chunks import Kept
from sightline.counts import counted
from sightline.formats.fields import size_of
from sightline.images.film_files import film_files
from sightline.scoring.aspects import map_problems, mask_problems, squashed_note
from sightline.scoring.consensus_in import Others, Shares, consensus_masks
from sightline.scoring.maps_in import MapSet, read_maps
from sightline.scoring.patients import named_patients, warning_of
from sightline.scoring.pictures_in import read_films, read_lungs, sizes_of_films
from sightline.scoring.regions_in import Asked, read_regions
from sightline.scoring.request import Request
from sightline.scoring.results import IN_BODY, Origin, settings
from sightline.scoring.work import Work
from sightline.study.errors import StudyError, collapsed


def gather(arguments: Request, kept: Kept | None = None) -> tuple[MapsAndRegions, Origin]:
    """The study that a request names, and what its results say of it; StudyError with all problems.

    Of the study's images, memory holds names: masks and films lie as rows in files of `kept`'s folder (None: a
    temporary one that lives as long as the study), maps in their own files, and `field[row]` reads one. With `kept`, a
    run that was killed goes on.
    """
    work, problems = Work(kept), list[str]()
    maps, left_out = _maps(arguments, problems, work)
    with_maps = [set(of_candidate.places) for of_candidate in maps.values()] or [set()]
    shapes = {candidate: of_candidate.shapes for candidate, of_candidate in maps.items()}
    paths = {} if arguments.images is None else film_files(arguments.images)
    wanted = frozenset(set.intersection(*with_maps))
    films = sizes_of_films(sorted(wanted), paths, work)
    asked = Asked(
        images=wanted,
        sizes=films,
        grid=_pair(arguments.size),
        cleanup=arguments.cleanup,
        findings=arguments.finding,
        format=arguments.format,
        image_size=_image_size(arguments.image_size),
    )
    regions = read_regions([Path(path) for path in arguments.masks], asked, problems, work)
    images, grid = regions.asked, regions.grid
    for candidate, by_image in shapes.items():
        left_out[f"maps of {candidate} without a region"] = sorted(set(by_image) - regions.images)
        left_out[f"regions without a map of {candidate}"] = sorted(regions.images - set(by_image))
    if not images and not problems:
        cases = [f"a map: {min(names)}" for names in with_maps if names]
        cases += [f"a region: {image}" for image in sorted(regions.images)[:1]]
        raise StudyError("no region has a map of every model; they are matched by file stem", cases)
    if images and not problems and not regions.readers.sizes_G.any():
        raise StudyError("no image has a region: nothing to score")
    if arguments.grid:
        problems += _coarser(shapes, (arguments.grid[0], arguments.grid[1]))
    first_paths = {image: of_image[0] for image, of_image in paths.items()}
    problems += mask_problems(regions.sizes, films, first_paths, asked.grid)
    problems += map_problems(shapes, regions.sizes, films)
    pixels = lungs = None
    if arguments.images:
        pixels = read_films(images, paths, grid, problems, work, wants_bodies=not arguments.lungs)
    if arguments.lungs:
        lungs, lung_sizes = read_lungs(images, arguments.lungs, grid, problems, work)
        expected = {image: films.get(image, sizes[0][0]) for image, sizes in regions.sizes.items()}
        problems += mask_problems(lung_sizes, expected, first_paths, asked.grid)
    if problems:
        raise StudyError(
            f"{counted(len(problems), 'problem')} with the files; correct or remove them", collapsed(problems)
        )
    patients = named_patients(images, arguments.patients)
    notes = [*regions.notes, *squashed_note(regions.sizes, films)]
    if not arguments.patients and (warning := warning_of(images)):
        notes.append(warning)
    masks, empty = consensus_masks(regions.readers, work)
    anatomy = "lungs" if lungs is not None else "body" if pixels is not None else "none"
    bodies = lungs if lungs is not None else None if pixels is None else pixels.bodies
    study = MapsAndRegions(
        seed=arguments.seed,
        settings=settings(arguments.primary),
        images=images,
        patients_M=np.array(patients),
        masks_MHW=masks,
        shares_MHW=Shares(regions.readers),
        readers_MRHW=regions.readers,
        others_MRHW=Others(regions.readers),
        reader_names_MR=regions.names,
        maps={candidate: of_candidate.of(images) for candidate, of_candidate in maps.items()},
        pixels_MHW=None if pixels is None else pixels.pixels,
        lungs_MHW=bodies,
        baseline_names=IN_BODY if anatomy == "body" else {},
    )
    left_out |= regions.left_out
    left_out["images whose consensus region is empty: scored NaN"] = [images[row] for row in empty]
    named = {reason: names for reason, names in left_out.items() if names}
    return study, Origin(anatomy=anatomy, is_single=regions.is_single, left_out=named, notes=notes)


def _maps(arguments: Request, problems: list[str], work: Work) -> tuple[dict[str, MapSet], dict[str, list[str]]]:
    """All maps by candidate, and the names of files beside them that are no maps, by reason."""
    maps: dict[str, MapSet] = {}
    left_out: dict[str, list[str]] = {}
    for text in (arguments.maps, *arguments.also):
        name, path = named_path(text)
        by_method, strangers = read_maps(path, problems, work)
        left_out[f"files beside the maps of {name} that are no PNG or NPY"] = strangers
        for method, by_image in by_method.items():
            candidate = f"{name}.{method}" if method else name
            if candidate in maps:
                raise StudyError(f"two sets of maps are called {candidate}; name one: --also NAME={path}")
            maps[candidate] = by_image
    return maps, left_out


def _pair(sides: Sequence[int] | None) -> Size | None:
    return (sides[0], sides[1]) if sides else None


def _image_size(text: str | None) -> Size | None:
    try:
        return size_of(text) if text else None
    except ValueError as error:
        raise StudyError(f"--image-size: {error}") from None


def _coarser(shapes: Mapping[str, Mapping[str, Size]], cells: Size) -> list[str]:
    """One line per candidate with a map of fewer cells than --grid says."""
    problems = []
    for candidate, by_image in shapes.items():
        for image, (rows, cols) in by_image.items():
            if rows < cells[0] or cols < cells[1]:
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
