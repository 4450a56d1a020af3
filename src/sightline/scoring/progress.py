"""How far `sightline score` is, on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress(what: str, total: int, unit: str = "images") -> Iterator[Callable[[int], None]]:
    """A bar with the time that is left, on a terminal; nothing is printed into files."""
    with tqdm(total=total, desc=what, unit=f" {unit}", disable=None) as bar:

        def told(number: int) -> None:
            bar.update(number)

        yield told
