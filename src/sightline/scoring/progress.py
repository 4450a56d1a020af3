"""How far `sightline score` is, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(what: str, total: int, unit: str = "images") -> Iterator[Callable[[int], None]]:
    """A bar with the time that is left, on a terminal; nothing is printed into files."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from tqdm import tqdm  # loads where somebody looks on

    with tqdm(total=total, desc=what, unit=f" {unit}") as bar:

        def told(number: int) -> None:
            bar.update(number)

        yield told
