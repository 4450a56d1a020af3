"""Work on many items by all cores: each process holds what all items need, and the results come in their order."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from sightline.study.errors import StudyError

State = TypeVar("State")
Item = TypeVar("Item")
Result = TypeVar("Result")
PATIENCE = 0.2  # seconds, for work that is often short: to start a process for each core takes 0.05
_work: tuple[Callable[[Any, Any], Any], Any] | None = None  # of this process: the function, and what all items need


class ProcessKilled(StudyError):
    """Nothing is wrong with the inputs: what was computed so far may be gone on with."""


def workers() -> int:
    """Processes at once: SIGHTLINE_WORKERS, else the cores that this process may use."""
    wish = os.environ.get("SIGHTLINE_WORKERS") or ""
    if wish and not (wish.isdecimal() and int(wish) > 0):
        raise StudyError(f"SIGHTLINE_WORKERS={wish}: expected a whole number above 0")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(wish or cores or 1)


def in_processes(
    function: Callable[[State, Item], Result],
    state: State,
    items: Sequence[Item],
    meanwhile: Callable[[], object] | None = None,
    patience: float = 0,
) -> Iterator[Result]:
    """`function(state, item)` of each item, in order; in this process where there is one core or one item.

    On Linux the processes are forks, which share the memory of `state`; elsewhere it is sent to each of them once.
    An exception of the function is raised here; ProcessKilled where a process was ended from outside.
    `patience`: seconds in which this process works by itself, before others start for what is left then. `meanwhile`:
    what this process may do while others work, such as to load modules that are needed later; not called where there
    are no others.
    """
    done, begun = 0, time.monotonic()
    while done < len(items) and time.monotonic() - begun < patience:
        yield function(state, items[done])
        done += 1
    items = items[done:]
    number = min(workers(), len(items))
    if number <= 1 or _work is not None:  # a process of the pool starts none of its own
        yield from (function(state, item) for item in items)
        return
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with killing_told(number), ProcessPoolExecutor(number, context, _start, (function, state)) as pool:
        with main_hidden():
            results = pool.map(_run, items)
        if meanwhile is not None:
            meanwhile()
        yield from results


@contextmanager
def killing_told(number: int) -> Iterator[None]:
    """ProcessKilled where one of so many processes of a pool within it is ended from outside."""
    try:
        yield
    except BrokenProcessPool:
        raise ProcessKilled(
            f"one of {number} processes was ended from outside, as a rule for want of memory; run again with fewer "
            "at a time: SIGHTLINE_WORKERS=1"
        ) from None


@contextmanager
def main_hidden() -> Iterator[None]:
    """Within it, processes that start afresh do not run the caller's script again: they use functions of modules alone.

    Without it, a script that calls the library outside of `if __name__ == "__main__":` would start itself in each.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def keep_freed_memory() -> None:
    """Makes glibc keep up to 128 MB of freed memory in this process and its forks, blocks of up to 32 MB among them.

    Else many an array of an image is mapped, cleared and given back (benchmarks/NOTES.md). Elsewhere it does nothing.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not in musl
    if mallopt:
        trim_threshold, mmap_threshold = -1, -3
        mallopt(trim_threshold, 128 * 2**20)
        mallopt(mmap_threshold, 32 * 2**20)  # the most that glibc takes


def _start(function: Callable[[Any, Any], Any], state: Any) -> None:
    global _work
    _work = function, state
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches this process too, and its caller says what happened
    keep_freed_memory()
    threadpool_limits(1, user_api="blas")  # the processes have the cores: threads of each would wait for the others'


def _run(item: Any) -> Any:
    if _work is None:
        raise RuntimeError("the process was not started by in_processes")
    function, state = _work
    return function(state, item)
