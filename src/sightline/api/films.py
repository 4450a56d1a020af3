"""Films read, and synthetic ones whose truth is known. H W a film's grid."""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from os import PathLike
from pathlib import Path

import numpy as np

from sightline.api.expected import a_path, a_size, a_whole_number, refuse
from sightline.api.marks import Marks
from sightline.experts.outlines import clean_drawing
from sightline.images.annotators import simulated_annotations
from sightline.images.decode import decoded
from sightline.images.film_size import film_size
from sightline.images.phantom import phantom_image
from sightline.study.errors import StudyError


def read_film(path: str | PathLike[str], size: tuple[int, int] | None = None, *, color: bool = False) -> np.ndarray:
    """A film, PNG, JPEG or DICOM, as uint8 H x W, in colour H x W x 3.

    Upright as it is shown, with a DICOM's window applied; of more than 8 bits, a PNG's largest value is white. `size`:
    (rows, columns) to squash it to, as a study does. StudyError where there is no readable film.

    >>> import pathlib, sightline, tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "film.png")
    ...     Image.new("L", (30, 20), 128).save(path)
    ...     film = sightline.read_film(path)
    >>> film.shape, int(film.max())
    ((20, 30), 128)
    """
    refuse(a_path("path", path), "" if size is None else a_size("size", size))
    try:
        shape = size or film_size(Path(path))
        if shape is None:
            raise ValueError("no readable film" if Path(path).is_file() else "no such file")
        return decoded(Path(path), *shape, color=color, high_depth="image")
    except ValueError as error:
        raise StudyError(f"{path}: {error}") from None


@dataclass(frozen=True, kw_only=True, eq=False)
class PhantomStudy:
    """Synthetic films with opacities, what simulated readers marked on them, and the truth; all by image."""

    images: dict[str, np.ndarray]
    """uint8 H x W."""
    regions: Marks
    """By image and reader, bool H x W: readers miss opacities, mark too much, and invent some."""
    truth: dict[str, np.ndarray]
    """bool H x W, the opacities."""
    lungs: dict[str, np.ndarray]
    """bool H x W."""
    labels: dict[str, int]
    """1 with opacities, else 0."""

    def __repr__(self) -> str:
        return f"<phantom study of {len(self.images)} images, {sum(self.labels.values())} with opacities>"


def phantom(
    n: int, seed: int = 0, *, size: tuple[int, int] = (128, 128), readers: int = 3, healthy: int = 0
) -> PhantomStudy:
    """`n` synthetic chest films with opacities and `healthy` ones without, of a patient each, to try things on.

    `size`: (rows, columns); 64 to 512 look right. Every one of the `readers` marks every film with opacities. The same
    `seed` gives the same films. They model no physics and no disease.

    >>> import sightline
    >>> study = sightline.phantom(2, seed=3)
    >>> list(study.images), len(study.regions["phantom00001"])
    (['phantom00000', 'phantom00001'], 3)
    """
    refuse(
        a_whole_number("n", n, 1),
        a_whole_number("seed", seed),
        a_size("size", size),
        a_whole_number("readers", readers, 1),
        a_whole_number("healthy", healthy),
    )
    n, seed, readers, healthy, rows, cols = map(index, (n, seed, readers, healthy, *size))
    size = rows, cols
    names = [f"phantom{number:05d}" for number in range(n + healthy)]
    labels = {name: int(number < n) for number, name in enumerate(names)}
    films = {name: phantom_image(seed, number, labels[name], *size, 0.0) for number, name in enumerate(names)}
    sick = names[:n]
    drawn = simulated_annotations(
        [films[name].opacities for name in sick], np.stack([films[name].lungs for name in sick]), sick, readers,
        float(readers), seed,
    )  # fmt: skip
    regions: Marks = {name: {} for name in sick}
    for one in drawn:
        region, _ = clean_drawing(one.mask > 0, *size)
        if region.any() or one.annotator not in regions[one.image]:  # a slip of the pen marks nothing
            regions[one.image][one.annotator] = region
    return PhantomStudy(
        images={name: film.image for name, film in films.items()},
        regions={image: dict(sorted(of_image.items())) for image, of_image in regions.items()},
        truth={name: np.asarray(film.opacities.any(axis=0)) for name, film in films.items()},
        lungs={name: film.lungs for name, film in films.items()},
        labels=labels,
    )
