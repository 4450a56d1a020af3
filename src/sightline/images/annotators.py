"""Simulated annotators: people with habits who mark the phantom's opacities with a pen.

They do on purpose what real annotators do: some see half of the opacities, mark too much, beside the opacity or where
nothing is, outline or fill, leave the line open, or hand in an empty sheet. The numbers are chosen so that the shipped
study comes near the paper's Table 1.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sightline.statistics.streams import stream
from sightline.study.files import written_whole

DRAWING_SCALE = 2  # the sheet is this many times the prepared image's size
PEN = 0.016  # of the sheet's shorter side
INVALID_SHARE = 37 / 281  # empty sheets and slips per valid annotation: of the paper's 318 annotations 281 were valid
ANGLES = np.linspace(0, 2 * np.pi, 48, endpoint=False)

# The paper's 14: 8 students, 2 residents, 2 physicians, a radiologist and a pneumologist. A study with fewer people
# takes the first ones; one with more starts the list again.
PROFESSIONS = (
    "student", "radiologist", "student", "physician", "student", "resident", "student",
    "student", "pneumologist", "student", "physician", "student", "resident", "student",
)  # fmt: skip
ERROR = {"student": 1.0, "resident": 0.75, "physician": 0.65, "pneumologist": 0.45, "radiologist": 0.4}


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """One drawing of one person on one image."""

    annotation: str
    image: str
    annotator: str
    """Pseudonym."""
    profession: str
    created_at: str
    """ISO 8601; invented but fixed."""
    mask: np.ndarray
    """uint8, the sheet, of twice the image's height and width: 255 where the pen was, 0 elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """An annotator's habits; lengths are shares of the image's side."""

    name: str
    profession: str
    error: float
    """1 for a student, less for the experienced; scales the habits below."""
    size: float
    """Factor on the radius of everything drawn."""
    shift: tuple[float, float]
    """Rows and columns by which everything drawn is off."""
    miss: float
    """Probability of overlooking an opacity."""
    invent: float
    """Probability of marking a place where nothing is."""
    outlines: float
    """Probability of drawing a line around a region without filling it."""


def simulated_annotations(
    opacities: Sequence[np.ndarray],
    lungs_NHW: np.ndarray,
    images: Sequence[str],
    annotators: int,
    annotations_per_image: float,
    seed: int,
) -> list[Annotation]:
    """What `annotators` people draw on N images, in order of time.

    `opacities`: per image bool K x H x W, one mask per opacity; `lungs_NHW`: bool; `images`: their names. The mean
    number of non-empty annotations per image is `annotations_per_image`, each by another person, with at least 2 per
    image where that mean and the number of people allow it; empty sheets and slips of the pen come on top, at the
    paper's rate. No images give no annotations.
    """
    people = [_person(seed, number) for number in range(annotators)]
    jobs = _jobs(stream(seed, "phantom", "readings"), len(images), annotators, annotations_per_image)
    start = datetime(2025, 3, 3, 9, 0)
    annotations = []
    for number, (image, who, is_valid) in enumerate(jobs):
        # not seeded by `number`, so that a further job elsewhere leaves this drawing as it is
        rng = stream(seed, "phantom", "strokes", image, who, int(is_valid))
        person = people[who]
        lungs = lungs_NHW[image]
        mask = _drawing(rng, person, opacities[image], lungs) if is_valid else _slip(rng, lungs)
        annotations.append(
            Annotation(
                annotation=f"a{number + 1:04d}",
                image=images[image],
                annotator=person.name,
                profession=person.profession,
                created_at=(start + timedelta(seconds=107 * number)).isoformat(),
                mask=mask,
            )
        )
    return annotations


def write_annotations(folder: Path, annotations: Sequence[Annotation]) -> None:
    """Writes the strokes in the format of real annotations, in order of time; for no annotations a header alone.

    Replaces the folder: masks of an earlier run are no annotations of this one.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "masks").mkdir(parents=True)
    for item in annotations:
        with written_whole(folder / "masks" / f"{item.annotation}.png") as beside:
            Image.fromarray(item.mask).save(beside, format="PNG", optimize=False)
    with written_whole(folder / "annotations.csv") as beside, open(beside, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["annotation", "image", "annotator", "profession", "mask", "created_at"])
        for item in annotations:
            mask = f"{item.annotation}.png"
            writer.writerow([item.annotation, item.image, item.annotator, item.profession, mask, item.created_at])


def _person(seed: int, number: int) -> Person:
    rng = stream(seed, "phantom", "readers", number)
    profession = PROFESSIONS[number % len(PROFESSIONS)]
    error = ERROR[profession]
    return Person(
        name=f"annotator{number + 1:02d}",
        profession=profession,
        error=error,
        size=float(np.exp(rng.normal(0.19, 0.20 * error))),
        shift=(rng.normal(0, 0.027 * error), rng.normal(0, 0.027 * error)),
        miss=float(np.clip(error * rng.uniform(0.25, 0.55), 0, 0.9)),
        invent=float(np.clip(error * rng.uniform(0.25, 0.55), 0, 0.9)),
        outlines=float(rng.choice([0.05, 0.9])),
    )


def _jobs(rng: np.random.Generator, images: int, people: int, mean: float) -> list[tuple[int, int, bool]]:
    """(image, person, whether the annotation is valid) in order of time; people are not equally busy."""
    if not images:
        return []
    least = min(2, people, int(mean))
    counts = np.full(images, least)
    for _ in range(min(round(mean * images), people * images) - least * images):
        counts[rng.choice(np.flatnonzero(counts < people))] += 1
    busy = rng.gamma(5.0, size=people)
    busy /= busy.sum()
    jobs = [
        (image, int(who), True)
        for image in range(images)
        for who in rng.choice(people, size=counts[image], replace=False, p=busy)
    ]
    slips = rng.permutation(images * people)[: round(INVALID_SHARE * len(jobs))]
    jobs += [(int(slip) // people, int(slip) % people, False) for slip in slips]
    return [jobs[place] for place in rng.permutation(len(jobs))]


def _drawing(rng: np.random.Generator, person: Person, opacities: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """A valid annotation: the opacities that the person sees, and perhaps a place where nothing is."""
    seen = [opacity for opacity in opacities if rng.random() >= person.miss]
    curves = [_curve_round(rng, person, opacity) for opacity in seen]
    if rng.random() < person.invent or not curves:
        curves.append(_curve_of_nothing(rng, person, lungs))
    sheet, draw = _sheet(lungs.shape)
    pen = max(3, round(PEN * min(sheet.size)))
    for curve in curves:
        points = np.clip(curve * sheet.size, 0, np.array(sheet.size) - 1)  # column, row
        if rng.random() < person.outlines:
            gap = rng.uniform(0.2, 1.0) * pen if rng.random() < 0.4 else -pen
            _draw_line(draw, points, pen, gap)
        else:
            draw.polygon([tuple(point) for point in points.tolist()], fill=255)
    return np.asarray(sheet)


def _slip(rng: np.random.Generator, lungs: np.ndarray) -> np.ndarray:
    """An annotation that clean-up removes: an empty sheet, a dot, or a flick of the pen, which encloses no area."""
    sheet, draw = _sheet(lungs.shape)
    length = (None, 0.0, 0.06)[rng.integers(3)]
    if length is not None:
        col, row = rng.uniform(0.2, 0.7, 2) * sheet.size
        draw.line([(col, row), (col + length * sheet.width, row)], fill=255, width=1)
    return np.asarray(sheet)


def _sheet(shape: tuple[int, ...]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    sheet = Image.new("L", (DRAWING_SCALE * shape[1], DRAWING_SCALE * shape[0]))
    return sheet, ImageDraw.Draw(sheet)


def _draw_line(draw: ImageDraw.ImageDraw, points: np.ndarray, pen: int, gap: float) -> None:
    """Draws the curve `points` (pixels) with round ends, closed except for a gap of `gap` pixels between its ends."""
    ring = np.concatenate([points, points[:1]])
    walked = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))])
    if walked[-1] == 0:
        return
    stops = np.linspace(0, max(walked[-1] - gap - pen, 0), 4 * len(points))
    line = np.stack([np.interp(stops, walked, ring[:, axis]) for axis in (0, 1)], axis=1)
    draw.line([tuple(point) for point in line.tolist()], fill=255, width=pen, joint="curve")
    for col, row in (line[0].tolist(), line[-1].tolist()):
        draw.ellipse([col - pen / 2, row - pen / 2, col + pen / 2, row + pen / 2], fill=255)


def _curve_round(rng: np.random.Generator, person: Person, opacity: np.ndarray) -> np.ndarray:
    """The person's closed curve around one opacity: 48 points (column, row) as shares of the image's sides."""
    rows, cols = (axis / side for axis, side in zip(np.nonzero(opacity), opacity.shape, strict=True))
    centre = np.array([cols.mean(), rows.mean()])
    radii = np.zeros(len(ANGLES))
    sector = np.round(np.arctan2(rows - centre[1], cols - centre[0]) / (2 * np.pi) * len(ANGLES)).astype(int)
    np.maximum.at(radii, sector % len(ANGLES), np.hypot(rows - centre[1], cols - centre[0]))
    known = np.flatnonzero(radii)
    radii = np.interp(ANGLES, ANGLES[known], radii[known], period=2 * np.pi) if len(known) else radii + 0.01
    radii = (np.roll(radii, -1) + radii + np.roll(radii, 1)) / 3 + 0.5 / max(opacity.shape)
    return _by_hand(rng, person, centre, radii)


def _curve_of_nothing(rng: np.random.Generator, person: Person, lungs: np.ndarray) -> np.ndarray:
    """The person's closed curve around a healthy place in a lung."""
    place = rng.choice(np.flatnonzero(lungs)) if lungs.any() else lungs.size // 2
    row, col = divmod(int(place), lungs.shape[1])
    centre = np.array([col / lungs.shape[1], row / lungs.shape[0]])
    return _by_hand(rng, person, centre, np.full(len(ANGLES), rng.uniform(0.05, 0.11)))


def _by_hand(rng: np.random.Generator, person: Person, centre: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """The curve as the person draws it: a wobbling line, off in size and place by habit and again at random."""
    size = person.size * np.exp(rng.normal(0, 0.20 * person.error))
    place = centre + np.array(person.shift[::-1]) + rng.normal(0, 0.037 * person.error, 2)
    lobes, turns = rng.uniform(0, 0.16 * person.error, 3), rng.uniform(0, 2 * np.pi, 3)
    waves = (lobes[:, None] * np.cos(np.arange(1, 4)[:, None] * ANGLES + turns[:, None])).sum(axis=0)
    radii = np.maximum(radii * size * (1 + waves), 0.02)
    return place + radii[:, None] * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
