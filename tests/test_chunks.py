"""Results by chunk: kept, checked and gone on with; the same whether in memory, in files, or after a kill."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from sightline.chunks import Kept, Made, in_chunks
from sightline.processes import in_processes, workers


def squares(state: int, item: range) -> dict[str, np.ndarray]:
    return {"squares": np.array([state * number**2 for number in item]), 'a "name" / of any kind': np.array(item)}


ITEMS = [range(3), range(3, 5), range(5, 9)]


def values(chunks) -> list[int]:
    return [int(value) for chunk in chunks for value in chunk["squares"]]


def test_files_hold_what_memory_does(tmp_path: Path) -> None:
    told: list[int] = []
    kept = in_chunks(squares, 2, ITEMS, "work", Kept(tmp_path, "key"), told.append)
    assert values(kept) == values(in_chunks(squares, 2, ITEMS, "work")) == [2 * number**2 for number in range(9)]
    assert told == [0, 1, 2]
    assert [*kept[0]] == ["squares", 'a "name" / of any kind']
    assert values(kept[1:]) == [18, 32, 50, 72, 98, 128]


def test_a_process_works_by_itself_for_as_long_as_it_is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_WORKERS", "2")
    for patience, is_alone in ((0, [False] * 4), (0.5, [True, *[False] * 3]), (60, [True] * 4)):
        found = in_chunks(process, None, range(4), "work", patience=patience)
        assert [bool(of_item["process"] == os.getpid()) for of_item in found] == is_alone


def process(_: None, item: int) -> dict[str, np.ndarray]:
    time.sleep(0.6 if item == 0 else 0)
    return {"process": np.array(os.getpid())}


def test_a_run_goes_on_where_the_last_one_was_killed(tmp_path: Path) -> None:
    """Whole results of the same run are taken; missing, cut short, damaged ones and those of another run are not."""
    in_chunks(squares, 2, ITEMS, "work", Kept(tmp_path, "key"))
    paths = [tmp_path / f"work-{number:06}.npz" for number in range(3)]
    times = [path.stat().st_mtime_ns for path in paths]
    in_chunks(squares, 2, ITEMS, "work", Kept(tmp_path, "key"))
    assert [path.stat().st_mtime_ns for path in paths] == times
    whole = paths[1].read_bytes()
    for broken in (b"", whole[: len(whole) // 2], whole.replace(b"\x12", b"\x13", 1), None):
        paths[1].unlink() if broken is None else paths[1].write_bytes(broken)
        assert not Kept(tmp_path, "key").has("work", 1)
        assert values(in_chunks(squares, 2, ITEMS, "work", Kept(tmp_path, "key"))) == [2 * n**2 for n in range(9)]
    assert [path.stat().st_mtime_ns for path in (paths[0], paths[2])] == [times[0], times[2]]
    assert values(in_chunks(squares, 3, ITEMS, "work", Kept(tmp_path, "another"))) == [3 * n**2 for n in range(9)]


def test_items_are_made_when_they_are_asked_for() -> None:
    made: list[int] = []

    def square(number: int) -> int:
        made.append(number)
        return number**2

    odd = Made(square, range(1, 9, 2))
    assert len(odd) == 4
    assert len(odd[1:]) == 3
    assert made == []
    assert (odd[0], odd[-1], odd[1:][1]) == (1, 49, 25)
    assert list(odd[::-2]) == [49, 9]
    assert made == [1, 7, 5, 7, 3]
    assert list(odd) == [1, 9, 25, 49]
    with pytest.raises(IndexError):
        odd[4]


def fails(_: None, item: int) -> int:
    if item == 2:
        raise ValueError("the third")
    return item


def test_processes_keep_the_order_and_raise_what_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in ("1", "2"):
        monkeypatch.setenv("SIGHTLINE_WORKERS", number)
        assert workers() == int(number)
        assert list(in_processes(pow, 2, range(6))) == [1, 2, 4, 8, 16, 32]
        with pytest.raises(ValueError, match="the third"):
            list(in_processes(fails, None, range(4)))
