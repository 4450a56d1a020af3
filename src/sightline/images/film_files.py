"""The film files of any folder, by image name; no classes, no study."""

from __future__ import annotations

from pathlib import Path

from sightline.counts import counted
from sightline.images.film_size import film_size
from sightline.images.folder import is_film
from sightline.names import SUFFIXES, stem_of
from sightline.study.errors import StudyError


def film_files(folder: Path) -> dict[str, list[Path]]:
    """The films in the folder and the folders in it, by image name, sorted by path.

    A film has an image format's suffix, or a DICOM file's mark. Hidden files are left out. StudyError where there is no
    such folder.
    """
    if not folder.is_dir():
        raise StudyError(f"--images {folder}: no such folder")
    paths: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.name.startswith(".") and path.is_file() and (path.suffix.lower() in SUFFIXES or is_film(path)):
            paths.setdefault(stem_of(path.name), []).append(path)
    return paths


def film_sizes(folder: Path) -> dict[str, tuple[int, int]]:
    """(rows, columns) of each film in the folder as it is shown, by image name.

    StudyError that lists files that are no readable film, and names that files of different sizes share.
    """
    sizes: dict[str, tuple[int, int]] = {}
    problems = []
    for image, paths in film_files(folder).items():
        found = {path: film_size(path) for path in paths}
        problems += [f"{path}: not a readable image" for path, size in found.items() if size is None]
        known = [size for size in found.values() if size is not None]
        if len(set(known)) > 1:
            problems.append(f"{' and '.join(map(str, paths))}: two sizes of image {image}")
        if known:
            sizes[image] = known[0]
    if problems:
        raise StudyError(
            f"--images {folder}: {counted(len(problems), 'problem')}; correct or remove the files", problems
        )
    return sizes
