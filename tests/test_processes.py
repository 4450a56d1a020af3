"""Processes that start afresh never run the caller's script again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial

import pytest

from sightline import processes
from sightline.processes import in_processes, main_hidden
from sightline.study.errors import StudyError


def test_the_callers_script_is_hidden_and_comes_back():
    before = sys.modules["__main__"]
    with main_hidden():
        assert not hasattr(sys.modules["__main__"], "__file__")
    assert sys.modules["__main__"] is before
    with suppress(KeyError), main_hidden():
        raise KeyError
    assert sys.modules["__main__"] is before


def test_processes_that_start_afresh_do_not_load_the_callers_script(monkeypatch):
    """As on a Mac, where no process is a fork."""
    monkeypatch.setattr(processes.sys, "platform", "darwin")
    monkeypatch.setenv("SIGHTLINE_WORKERS", "2")
    found = list(in_processes(_main_of, "state", [1, 2, 3]))
    assert found == [("state", 1, False), ("state", 2, False), ("state", 3, False)]


def test_a_process_that_is_killed_is_said_in_one_line(monkeypatch):
    monkeypatch.setenv("SIGHTLINE_WORKERS", "2")
    with pytest.raises(StudyError, match=r"^one of 2 processes was ended from outside, .*: SIGHTLINE_WORKERS=1$"):
        list(in_processes(_killed_at_two, None, [1, 2, 3, 4]))


def test_this_process_may_do_something_while_others_work(monkeypatch):
    for number, expected in (("2", ["meanwhile"]), ("1", [])):
        monkeypatch.setenv("SIGHTLINE_WORKERS", number)
        done: list[str] = []
        assert list(in_processes(pow, 2, range(4), partial(done.append, "meanwhile"))) == [1, 2, 4, 8]
        assert done == expected


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone is asked to keep memory")
def test_kept_memory_is_not_mapped_again():
    """Forty arrays of a megabyte, made and freed a hundred times: after the first time no page is new.

    How many are new where memory is given back depends on what else lies on the heap: from 80,000 to a million.
    """
    code = """
import resource
import numpy as np
from sightline.processes import keep_freed_memory
keep_freed_memory()
def new_pages(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        arrays = [np.ones(2**17) for _ in range(40)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
new_pages(1)
print(new_pages(100))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(found.stdout) < 1000


def test_a_process_that_ctrl_c_reaches_prints_no_traceback(monkeypatch, capfd):
    monkeypatch.setenv("SIGHTLINE_WORKERS", "2")
    with pytest.raises(StudyError):
        list(in_processes(_interrupted_at_two, None, [1, 2, 3, 4]))
    assert capfd.readouterr().err == ""


def _interrupted_at_two(_: None, item: int) -> int:
    if item == 2:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    return item


def _killed_at_two(_: None, item: int) -> int:
    if item == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def _main_of(state: str, item: int) -> tuple[str, int, bool]:
    """What it was given, and whether this process has loaded a script as __mp_main__."""
    return state, item, hasattr(sys.modules.get("__mp_main__"), "__file__")
