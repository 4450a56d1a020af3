"""The films in a folder as one array. N films, H W their common grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sightline.counts import counted
from sightline.images.decode import decoded
from sightline.images.film_files import film_files
from sightline.study.errors import StudyError


def films_in(folder: Path, size: tuple[int, int], color: bool) -> tuple[list[str], np.ndarray]:
    """The films' names, sorted, by which maps and regions join, and uint8 N x H x W, in colour N x H x W x 3.

    PNG, JPEG and DICOM in the folder and the folders in it, each resized to `size` (rows, columns), as a study's films
    are. StudyError that lists all files that cannot be read and all names that two files share, and where there is no
    film.
    """
    if not folder.is_dir():
        raise StudyError(f"{folder}: no such folder; IMAGES is a folder of PNG, JPEG or DICOM films")
    names, films, problems = [], [], []
    for name, paths in sorted(film_files(folder).items()):
        if len(paths) > 1:
            problems.append(f"{' and '.join(map(str, paths))}: two films of one name; rename one")
            continue
        try:
            films.append(decoded(paths[0], *size, color))
            names.append(name)
        except ValueError as error:
            problems.append(f"{paths[0]}: {error}")
    if problems:
        raise StudyError(f"{folder}: {counted(len(problems), 'problem')}; correct or remove the files", problems)
    if not films:
        raise StudyError(f"{folder}: no PNG, JPEG or DICOM film in it")
    return names, np.stack(films)
