"""`sightline score` killed while it reads its inputs: the next run reads what is left, and ends with the same bytes."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline import processes
from sightline.chunks import KEY, Kept
from sightline.scoring import command
from sightline.scoring.gather import gather
from sightline.scoring.work import CHUNK, Work

IMAGES = 2 * CHUNK + 40


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("inputs"), np.random.default_rng(0)
    for name in ("maps", "one", "two", "films", "lungs"):
        (folder / name).mkdir()
    for number in range(IMAGES):
        np.save(folder / "maps" / f"p{number}.npy", rng.random((5, 6)))
        Image.fromarray(rng.integers(0, 256, (40, 48), np.uint8)).save(folder / "films" / f"p{number}.png")
        for name in ("one", "two", "lungs"):
            mask = np.zeros((40, 48), np.uint8)
            row, col = rng.integers(0, 20, 2)
            mask[row : row + 15, col : col + 18] = 255
            Image.fromarray(mask).save(folder / name / f"p{number}.png")
    return folder


def words(inputs: Path, *more: str) -> list[str]:
    return [*(str(inputs / name) for name in ("maps", "one", "two")), "--images", str(inputs / "films"), *more]


def arguments(inputs: Path, *more: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words(inputs, *more))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("with_lungs", [False, True])
def test_reading_goes_on_after_every_chunk(
    tmp_path: Path, inputs: Path, with_lungs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed as each chunk in turn has been written: the results of the steps are the same bytes."""
    monkeypatch.setenv("SIGHTLINE_WORKERS", "1")
    given = arguments(inputs, *(["--lungs", str(inputs / "lungs")] if with_lungs else []))
    gather(given, Kept(tmp_path / "whole", "key"))
    expected = contents(tmp_path / "whole")
    save, saved = Kept.save, list[str]()

    def killed(kept: Kept, name: str, number: int, arrays: dict[str, np.ndarray]) -> None:
        save(kept, name, number, arrays)
        saved.append(f"{name}-{number:06}.npz")
        raise KeyboardInterrupt

    monkeypatch.setattr(Kept, "save", killed)
    interrupted = 0
    while True:
        try:
            gather(given, Kept(tmp_path / "out", "key"))
        except KeyboardInterrupt:
            interrupted += 1
            continue
        break
    assert interrupted == len(saved) == len(set(saved))
    assert {*saved} == {name for name in expected if name.endswith(".npz")}
    assert {name.rstrip("0123456789-.npz") for name in saved} == {
        *("maps", "film sizes", "mask sizes", "masks", "films", "consensus"), *(["lungs"] if with_lungs else []),
    }  # fmt: skip
    assert contents(tmp_path / "out") == expected


def test_a_real_kill_while_reading_loses_no_finished_chunk(tmp_path: Path, inputs: Path) -> None:
    environment = os.environ | {"SIGHTLINE_WORKERS": "2"}
    run = [sys.executable, "-m", "sightline.cli", "score", *words(inputs), "--out"]
    process = subprocess.Popen([*run, str(tmp_path / "out")], env=environment, start_new_session=True)
    until = time.monotonic() + 120
    while not [*tmp_path.glob("out/partial/*/masks1-*.npz")] and time.monotonic() < until:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/partial/*/*.npz")}
    assert finished
    folder = next(iter(finished)).parent
    with np.load(next(iter(finished))) as arrays:
        key = str(arrays[KEY])
    gather(arguments(inputs), Kept(folder, key))
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    gather(arguments(inputs), Kept(tmp_path / "whole", key))
    whole, resumed = contents(tmp_path / "whole"), contents(folder)
    assert {name: resumed[name] for name in whole} == whole


def rows_of(number: int) -> tuple[bytes, str]:
    return f"{number:04}".encode(), f"item {number}"


def test_rows_that_were_lost_are_made_again(tmp_path: Path) -> None:
    """As after a power cut, when a chunk's results reached the disk and its rows did not."""
    items = range(2 * CHUNK + 5)
    file, known = Work(Kept(tmp_path, "key")).rows("x", rows_of, items, 4)
    whole = file.path.read_bytes()
    assert whole == b"".join(rows_of(item)[0] for item in items)
    assert known == [f"item {item}" for item in items]
    first = tmp_path / "x1-000000.npz"
    written = first.stat().st_mtime_ns
    for damaged in (whole[:-3], whole[:-1] + b"x", whole[: 4 * CHUNK]):
        file.path.write_bytes(damaged)
        again, known = Work(Kept(tmp_path, "key")).rows("x", rows_of, items, 4)
        assert again.path.read_bytes() == whole
        assert known == [f"item {item}" for item in items]
    assert first.stat().st_mtime_ns == written
    with pytest.raises(ValueError, match="a row of another length than 3 bytes"):
        Work().rows("x", rows_of, items, 3)


def test_steps_give_one_result_for_each_item_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    for workers, patience in (("1", 0), ("2", 0), ("2", 1e-6), ("2", 9)):
        monkeypatch.setenv("SIGHTLINE_WORKERS", workers)
        monkeypatch.setattr(processes, "PATIENCE", patience)
        for num_items in (0, 1, CHUNK, 2 * CHUNK + 1, 5 * CHUNK):
            assert Work().each("numbers", abs, range(-num_items, 0)) == [*range(num_items, 0, -1)]
            with pytest.raises(TypeError, match="has no len"):
                Work().each("numbers", len, [*range(num_items + 1)])
