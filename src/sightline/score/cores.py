"""A function of many items on all cores: results in the items' order, with few of them held at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

from sightline.processes import workers

T = TypeVar("T")
R = TypeVar("R")

FEW = 400  # items that this process works on by itself: the others take a second to start
CHUNK = 32  # items that go to a process at once
AHEAD = 3  # chunks under way for each process


class Cores:
    """The cores of this machine: processes that start when there are many items, and stay until the `with` block ends.

    They start afresh (spawn), so that they inherit neither threads nor locks.
    """

    def __init__(self, few: int = FEW) -> None:
        self._few = few
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Cores:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def map(self, function: Callable[[T], R], items: Sequence[T], chunk: int = CHUNK) -> Iterator[R]:
        """`function` of each item, in order; an error in a process is raised here.

        The function and the items must be picklable, such as functions of a module and paths.
        """
        if len(items) <= self._few or workers() == 1:
            yield from map(function, items)
            return
        if self._pool is None:
            self._pool = _started()
        waiting: deque[Future[list[R]]] = deque()
        for start in range(0, len(items), chunk):
            waiting.append(self._pool.submit(_each, function, items[start : start + chunk]))
            if len(waiting) >= AHEAD * workers():
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _each(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    return [function(item) for item in items]


def _started() -> ProcessPoolExecutor:
    pool = ProcessPoolExecutor(workers(), mp_context=get_context("spawn"))
    with _one_thread():
        pool.submit(int)  # the first order starts all processes, with the environment of this moment
    return pool


@contextmanager
def _one_thread() -> Iterator[None]:
    """Linear algebra on one thread in the processes that start now: there is a process for each core."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: value for name in names if (value := os.environ.get(name)) is not None}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]
        os.environ.update(before)
