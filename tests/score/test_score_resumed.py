"""`sightline score` after a kill: it goes on from OUT/partial/ with the same results, for the same inputs alone."""

from __future__ import annotations

import argparse
import errno
import fcntl
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sightline.alignment.ladder
from sightline.processes import ProcessKilled
from sightline.scoring import command
from sightline.scoring.resuming import resumed, run_key
from sightline.study.errors import StudyError

FILES = ("scores.csv", "verdict.csv")


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder in ("maps", "one", "two"):
        (tmp_path / folder).mkdir()
    for number in range(40):
        np.save(tmp_path / "maps" / f"p{number}.npy", rng.random((5, 6)))
        for folder in ("one", "two"):
            mask = np.zeros((40, 48), np.uint8)
            row, col = rng.integers(0, 20, 2)
            mask[row : row + 15, col : col + 18] = 255
            Image.fromarray(mask).save(tmp_path / folder / f"p{number}.png")
    return tmp_path


def arguments(inputs: Path, out: str, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    given = [str(inputs / "maps"), str(inputs / "one"), str(inputs / "two"), "--out", str(inputs / out)]
    return parser.parse_args([*given, *more])


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_WORKERS", "1")
    command.run(arguments(inputs, "whole"))
    real, rows = sightline.alignment.ladder.score_image, []

    def killed(study, row, *rest):
        if len(rows) == 20 and "until" in vars(killed):
            raise KeyboardInterrupt
        rows.append(row)
        return real(study, row, *rest)

    killed.until = 20
    monkeypatch.setattr(sightline.alignment.ladder, "score_image", killed)
    with pytest.raises(KeyboardInterrupt):
        command.run(arguments(inputs, "out"))
    assert not (inputs / "out/scores.csv").exists()
    kept = sorted(path.name for path in (inputs / "out/partial").glob("*/ladder-*.npz"))
    assert kept == [f"ladder-{number:06}.npz" for number in range(10)]  # chunks of 2 of 40 images
    del killed.until
    rows.clear()
    command.run(arguments(inputs, "out"))
    assert rows == list(range(20, 40))
    for name in FILES:
        assert (inputs / "out" / name).read_bytes() == (inputs / "whole" / name).read_bytes()
    assert not (inputs / "out/partial").exists()


def test_processes_give_the_bytes_of_one(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in ("1", "2"):
        monkeypatch.setenv("SIGHTLINE_WORKERS", number)
        command.run(arguments(inputs, number))
    for name in FILES:
        assert (inputs / "1" / name).read_bytes() == (inputs / "2" / name).read_bytes()


def test_another_file_or_setting_is_another_run(inputs: Path) -> None:
    keys = {run_key(arguments(inputs, "out")), run_key(arguments(inputs, "elsewhere"))}
    assert len(keys) == 1
    keys |= {run_key(arguments(inputs, "out", "--seed", "1")), run_key(arguments(inputs, "out", "--also", "B=maps"))}
    np.save(inputs / "maps/p7.npy", np.zeros((5, 7)))
    keys.add(run_key(arguments(inputs, "out")))
    shutil.copy(inputs / "one/p1.png", inputs / "one/q1.png")
    keys.add(run_key(arguments(inputs, "out")))
    assert len(keys) == 5


def test_two_runs_do_not_work_in_one_folder(inputs: Path) -> None:
    asked = arguments(inputs, "out")
    with resumed(asked) as kept, pytest.raises(StudyError, match="out: another sightline score is at work in it; wait"):
        command.run(asked)
    assert not kept.folder.exists()
    command.run(asked)  # after the first has ended
    assert (inputs / "out/scores.csv").is_file()


def test_without_locks_it_works_as_before(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with resumed(arguments(inputs, "out")) as kept:
        assert kept.folder.is_dir()


def test_what_was_computed_stays_where_a_process_was_killed_and_goes_where_inputs_are_refused(inputs: Path) -> None:
    asked = arguments(inputs, "out")
    with suppress(ProcessKilled), resumed(asked) as kept:
        (kept.folder / "chunk").touch()
        raise ProcessKilled("one of 2 processes was ended from outside")
    assert (kept.folder / "chunk").is_file()
    with suppress(StudyError), resumed(asked):
        raise StudyError("maps, p0: NaN")
    assert not (inputs / "out/partial").exists()
