"""The images that a study shows its readers: which ones, and each at its full size and depth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from sightline.annotate.assignment import Plan
from sightline.annotate.findings import finding_names
from sightline.annotate.sent_films import KeptFilms, SentFilm, sent_pixels, sent_samples
from sightline.images.decode import decoded
from sightline.images.film_size import film_size
from sightline.images.samples import film_samples
from sightline.images.source import Data
from sightline.inputs import INDEX, PREPARED, prepared_pixels
from sightline.study.errors import StudyError
from sightline.study.files import read_csv

DRAW = 401  # tag of this draw's random stream
ROOM = 256 * 2**20  # bytes of films that a server keeps ready, some 40 of 7.5 megapixels and 12 bits


@dataclass(frozen=True, kw_only=True)
class Annotate:
    """Section `annotate` of params.yaml."""

    images: int
    image_list: str
    readers: int
    readers_per_image: int
    repeats: float
    controls: float
    practice: int
    contact: str
    findings: str
    """Names between commas, each asked about on its own; '' asks about one thing alone."""
    comments: bool
    """Whether a reader may add a comment to an answer."""
    companions: str
    """A CSV of films to be shown beside images, see companions.py; '' shows none."""
    adjudicate_below: float = 0.5
    """Mean IoU of two readers below which an image comes up in a second round."""
    adjudicate_outlines: bool = False
    """Whether a second round shows the other readers' outlines."""

    @property
    def finding_names(self) -> tuple[str, ...]:
        """The names in `findings`, in order."""
        return finding_names(self.findings)

    def __post_init__(self) -> None:
        finding_names(self.findings)
        if self.images < 0 or self.practice < 0:
            raise ValueError("images, practice: 0 or more")
        if not 1 <= self.readers_per_image <= self.readers:
            raise ValueError(f"readers_per_image: from 1 to readers ({self.readers}), got {self.readers_per_image}")
        for name in ("repeats", "controls", "adjudicate_below"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: must be in [0, 1], got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    data: Data
    annotate: Annotate


def study_index() -> pd.DataFrame:
    """The index of prepared images."""
    return read_csv(INDEX, {"image": str, "split": str, "label": int, "source": str, "sha256": str})


def study_plan(params: Params, index: pd.DataFrame) -> Plan:
    """The images to be read: study images (positive test images), normal controls, practice images.

    Drawn by `seed` from the sorted names, so the index's order does not matter. Practice images are positive images of
    the validation split or, where it has none, positive test images that nothing else uses. StudyError if there are too
    few images, or if a listed name is not a test image of the study.
    """
    section = params.annotate
    rng = np.random.default_rng([params.seed, DRAW])
    test, val = index[index.split == "test"], index[index.split == "val"]
    positive, normal = (sorted(test.image[test.label == label]) for label in (1, 0))
    asked_images = section.images or len(positive)
    images = _listed(section.image_list, set(test.image)) if section.image_list else _drawn(rng, positive, asked_images)
    used = set(images)
    controls = _drawn(rng, [name for name in normal if name not in used], math.ceil(section.controls * len(images)))
    pool = sorted(val.image[val.label == 1]) or [name for name in positive if name not in used]
    practice = _drawn(rng, pool, section.practice)
    short = [
        f"annotate.{name}: {asked} wanted, the study has {len(drawn)}"
        for name, asked, drawn in (
            ("images", 0 if section.image_list else section.images, images),
            ("controls", math.ceil(section.controls * len(images)), controls),
            ("practice", section.practice, practice),
        )
        if len(drawn) < asked
    ]
    if short or not images:
        raise StudyError(
            "params.yaml: too few images for the experts' page; lower these, or add images",
            short or ["annotate.images: the study has no positive test image"],
        )
    return Plan(
        seed=params.seed,
        images=tuple(images),
        controls=tuple(controls),
        practice=tuple(practice),
        readers=section.readers,
        readers_per_image=section.readers_per_image,
        repeat_share=section.repeats,
        control_share=section.controls,
    )


def _drawn(rng: np.random.Generator, names: list[str], count: int) -> list[str]:
    """`count` of the names, or all if there are fewer, in a random order."""
    return [names[place] for place in rng.permutation(len(names))[:count]]


def _listed(path: str, known: set[str]) -> list[str]:
    try:
        names = [line.strip() for line in Path(path).read_text().splitlines() if line.strip()]
    except OSError as error:
        raise StudyError(f"{path}: not readable ({error.strerror}); see annotate.image_list") from None
    problems = [f"{path}: {name!r} is not a test image of the study" for name in names if name not in known]
    problems += [f"{path}: {name!r} is listed twice" for name in sorted({n for n in names if names.count(n) > 1})]
    if problems or not names:
        raise StudyError(
            f"{path}: fix the list that annotate.image_list names", problems or [f"{path}: names no image"]
        )
    return names


class Pictures:
    """The study's images as readers see them: upright, at their files' size and depth; the phantom's as prepared."""

    def __init__(self, data: Data, index: pd.DataFrame) -> None:
        self._data = data
        self._source = dict(zip(index.image, index.source, strict=True))
        self.sha256: dict[str, str] = dict(zip(index.image, index.sha256, strict=True))
        """Of each image's source file."""
        self._films = KeptFilms(self._made, ROOM)
        self._size = lru_cache(maxsize=None)(self._measured)

    def film(self, image: str) -> SentFilm:
        """The image as a reader's page gets it, in its own depth. StudyError if its file is missing or broken."""
        return self._films.film(image)

    def png(self, image: str) -> bytes:
        """The image as PNG of 8 bits, gray or RGB, as it is prepared. StudyError if its file is missing or broken."""
        return sent_pixels(self._pixels(image)).content

    def size(self, image: str) -> tuple[int, int]:
        """Height and width in pixels, of the image and of its masks."""
        return self._size(image)

    def _measured(self, image: str) -> tuple[int, int]:
        if self._data.source == "phantom":
            return self._data.height, self._data.width
        size = film_size(self._source[image])
        if size is None:
            raise StudyError(f"{self._source[image]}: image {image!r} is missing or broken; put it back")
        return size

    def _made(self, image: str) -> SentFilm:
        data = self._data
        if data.source != "phantom":
            try:
                samples = film_samples(self._source[image], data.color, data.high_depth, data.voi)
            except ValueError as error:
                raise StudyError(f"{self._source[image]}: {error}; put the image back") from None
            if samples is not None:
                return sent_samples(samples)
        return sent_pixels(self._pixels(image))

    def _pixels(self, image: str) -> np.ndarray:
        """uint8, H x W or H x W x 3."""
        if self._data.source == "phantom":
            return prepared_pixels([image], PREPARED, INDEX)[0]
        try:
            data = self._data
            return decoded(self._source[image], *self.size(image), data.color, data.high_depth, data.voi)
        except ValueError as error:
            raise StudyError(f"{self._source[image]}: {error}; put the image back") from None
