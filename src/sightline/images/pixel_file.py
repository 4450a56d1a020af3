"""The array of all prepared images, one NPY of uint8, written image after image: it never lies in memory as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from sightline.counts import counted
from sightline.images.decode import read_film
from sightline.images.dicom import is_dicom
from sightline.images.dicom_header import FilmFacts
from sightline.images.folder import ImageFile
from sightline.images.salt import film_salt
from sightline.images.source import Data
from sightline.processes import killing_told, workers
from sightline.study.errors import StudyError
from sightline.study.files import written_whole

CHUNK = 16  # files that a process reads at once
FLUSH = 64  # chunks between two orders to the disk


class ReadFilm(NamedTuple):
    """What is known of a file that has been read, beside its pixels."""

    sha256: str  # of the file
    facts: FilmFacts | None  # of a DICOM header
    depth: int  # bits of the levels between black and white in the file; see `decode.Film`
    num_levels: int  # of the 256 gray levels, those that occur in the prepared pixels


def write_decoded(path: Path, files: list[ImageFile], data: Data) -> list[ReadFilm]:
    """Writes the decoded files, row i for file i, each process its rows; returns what is known of each file.

    Lists every unreadable file in one StudyError and then keeps nothing.
    """
    with written_whole(path) as beside:
        with open(beside, "wb") as file:
            _write_header(file, (len(files), *data.image_shape))
            start_of_rows = file.tell()
        # processes: between threads, small files spend more time on the interpreter's lock than a second core saves
        read = partial(_write_rows, data=data, path=beside, start_of_rows=start_of_rows)
        starts = range(0, len(files), CHUNK)
        results: list[ReadFilm | ValueError] = []
        num_processes = workers()
        with killing_told(num_processes), ProcessPoolExecutor(num_processes) as pool, open(beside, "rb") as written:
            chunks = pool.map(read, starts, [files[start : start + CHUNK] for start in starts])
            for number, chunk in enumerate(chunks, 1):
                results += chunk
                if number % FLUSH == 0:
                    os.fsync(written.fileno())  # the disk works while the processes read on
        films = [result for result in results if isinstance(result, ReadFilm)]
        problems = [
            f"{file.path}: {result}"
            for file, result in zip(files, results, strict=True)
            if isinstance(result, ValueError)
        ]
        if problems:
            raise StudyError(f"{counted(len(problems), 'unreadable image')}; replace them or take them out", problems)
    return films


def _write_rows(
    row: int, files: list[ImageFile], data: Data, path: Path, start_of_rows: int
) -> list[ReadFilm | ValueError]:
    """Writes the files' pixels from `row` on; returns what is known of each file, or why it is unreadable."""
    pixels = np.zeros((len(files), *data.image_shape), np.uint8)
    results: list[ReadFilm | ValueError] = []
    for place, file in enumerate(files):
        try:
            content = file.path.read_bytes()  # once: pixels and hash are of the same bytes
            salt = film_salt(data.root) if is_dicom(content) else None  # made only where there is something to hash
            film = read_film(content, data.height, data.width, data.color, data.high_depth, data.voi, salt)
            pixels[place] = film.pixels
            results.append(ReadFilm(sha256(content).hexdigest(), film.facts, film.depth, film.num_levels))
        except ValueError as error:
            results.append(error)
        except OSError as error:
            results.append(ValueError(error.strerror))
    with open(path, "r+b") as out:
        out.seek(start_of_rows + row * pixels[0].nbytes)
        out.write(pixels.data)
    return results


def keep_images(path: Path, is_kept_N: np.ndarray) -> None:
    """Leaves those of the file's N images that are kept, in their order; `is_kept_N`: bool."""
    if is_kept_N.all():
        return
    stored = np.load(path, mmap_mode="r", allow_pickle=False)
    kept = np.flatnonzero(is_kept_N)
    write_images(path, (len(kept), *stored.shape[1:]), (stored[row] for row in kept))


def write_images(path: Path, shape: tuple[int, ...], images: Iterable[np.ndarray]) -> None:
    """Writes uint8 images as they come; `shape`: of the whole array, the number of images first."""
    with written_whole(path) as beside, open(beside, "wb") as file:
        _write_header(file, shape)
        for pixels in images:
            file.write(np.ascontiguousarray(pixels).data)


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
