"""`sightline score` in a fresh process: seconds and memory of all its processes, growth, and peers on the same arrays.

Peak memory is the sum over the process tree of each process's proportional share (Pss), looked at ten times a second:
memory that processes share counts once. CPU seconds are those of the command and of all its processes.
Peers that the interpreter at `--peers-python` cannot import are named and left out; `pip install torchmetrics quantus
pysaliency opencv-python-headless scikit-learn "setuptools<81"` in an environment of their own has them all.
Run: python benchmarks/score.py [--base 50] [--full] [--peers-python .venv/bin/python] [--only one growth peers]
`--full` scores 15,000 images x 2 maps x 3 readers as well: some 4 GB of disk. `--huge`: 25,000 and 100,000 small images
x 1 map x 1 reader, for the growth of memory: some 4 GB, and half an hour.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from measure import ROOT, Row, finish
from score_against_peers import peer_rows
from score_inputs import COARSE, SIDE, write_inputs

ONE_MS = 17  # an image of the case: 100 images x 1 map, with X-rays
FULL_IMAGES, FULL_MINUTES, FULL_MB = 15_000, 10, 2_000
GROWTH, LARGER = 1.5, (1, 4, 16)
HUGE, HUGE_SIDE = (25_000, 100_000), 64
PARTS = ("one", "growth", "peers")


@dataclass(frozen=True)
class Spent:
    """What one command took."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=int, default=50, help="images of the smallest input of the growth")
    parser.add_argument("--full", action="store_true", help=f"score {FULL_IMAGES:,} images as well")
    parser.add_argument("--huge", action="store_true", help=f"score {HUGE[-1]:,} images of {HUGE_SIDE} pixels as well")
    parser.add_argument("--peers-python", type=Path, default=Path(sys.executable), help="interpreter with the peers")
    parser.add_argument("--peer-images", type=int, default=20, help="images that the peers score")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    chosen = parser.parse_args()
    rows: list[Row] = []
    if "one" in chosen.only:
        rows += one_rows()
    if "growth" in chosen.only:
        rows += growth_rows(chosen.base)
    if chosen.full:
        rows += full_rows()
    if chosen.huge:
        rows += huge_rows()
    if "peers" in chosen.only:
        rows += peer_rows(chosen.peers_python, chosen.peer_images)
    finish(rows)


def one_rows() -> list[Row]:
    """The issue's case: 100 images x 1 map x 1 reader."""
    spent = scored(100, [SIDE], 1)
    milliseconds = 1000 * spent.seconds / 100
    what = f"score, 100 images x 1 map x 1 reader ({spent.cpu_seconds:.1f} CPU s)"
    return [
        Row(
            what=what, unit="ms per image", ours=milliseconds, against="", must=f"<= {ONE_MS}",
            met=milliseconds <= ONE_MS,
        ),
        Row(what=f"{what}: peak of all its processes", unit="MB", ours=spent.megabytes, against=""),
    ]  # fmt: skip


def full_rows() -> list[Row]:
    spent = scored(FULL_IMAGES, [COARSE, SIDE], 3)
    what = f"score, {FULL_IMAGES:,} images x 2 maps x 3 readers ({spent.cpu_seconds:.0f} CPU s)"
    minutes = spent.seconds / 60
    return [
        Row(
            what=what, unit="minutes", ours=minutes, against="", must=f"< {FULL_MINUTES}", met=minutes < FULL_MINUTES
        ),
        Row(
            what=f"{what}: peak of all its processes", unit="MB", ours=spent.megabytes, against="",
            must=f"< {FULL_MB}", met=spent.megabytes < FULL_MB,
        ),
    ]  # fmt: skip


def growth_rows(base: int) -> list[Row]:
    """At 1, 4 and 16 times `base` images: what one image more costs at the upper end, beside the lower."""
    counts = [base * times for times in LARGER]
    small, middle, large = spents = [scored(count, [COARSE, SIDE], 3) for count in counts]
    lower = 1000 * (middle.cpu_seconds - small.cpu_seconds) / (counts[1] - counts[0])
    upper = 1000 * (large.cpu_seconds - middle.cpu_seconds) / (counts[2] - counts[1])
    sizes = ", ".join(map(str, counts))
    seconds = ", ".join(f"{spent.seconds:.1f}" for spent in spents)
    peaks = ", ".join(f"{spent.megabytes:.0f}" for spent in spents)
    return [
        Row(
            what=f"score, 2 maps x 3 readers: {seconds} s with {sizes} images", unit="CPU ms for one image more",
            ours=upper, against="the same between the two smaller", other=lower, ratio=lower / upper,
            must=f"<= {GROWTH:g} times", met=upper <= GROWTH * lower,
        ),
        Row(
            what=f"score, 2 maps x 3 readers: peak of all its processes, {peaks} MB with {sizes} images",
            unit="MB", ours=large.megabytes, against="the smallest", other=small.megabytes,
            ratio=small.megabytes / large.megabytes,
        ),
    ]  # fmt: skip


def huge_rows() -> list[Row]:
    """As `growth_rows`, of small images: what one image more costs there, beside the mean of the fewer ones."""
    fewer, more = (scored(count, [HUGE_SIDE], 1, HUGE_SIDE) for count in HUGE)
    mean, added = fewer.cpu_seconds / HUGE[0], (more.cpu_seconds - fewer.cpu_seconds) / (HUGE[1] - HUGE[0])
    what = f"score, {HUGE[1]:,} images of {HUGE_SIDE} pixels x 1 map x 1 reader ({more.seconds / 60:.0f} minutes)"
    return [
        Row(
            what=what, unit="CPU ms for one image more", ours=1000 * added, against=f"the mean of {HUGE[0]:,}",
            other=1000 * mean, ratio=mean / added, must=f"<= {GROWTH:g} times", met=added <= GROWTH * mean,
        ),
        Row(
            what=f"{what}: peak of all its processes", unit="MB", ours=more.megabytes, against=f"{HUGE[0]:,} images",
            other=fewer.megabytes, ratio=fewer.megabytes / more.megabytes,
        ),
    ]  # fmt: skip


def scored(num_images: int, sides: list[int], num_readers: int, image_side: int = SIDE) -> Spent:
    """`sightline score` of a made-up input in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = write_inputs(folder, num_images, sides, num_readers, image_side=image_side)
        command = [sys.executable, "-m", "sightline.cli", "score", *written.arguments(folder / "out")]
        return spent_by(command, folder / "log")


def spent_by(command: list[str], log: Path) -> Spent:
    """Runs the command; a failure ends this process with the last lines of what the command wrote."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    begun = time.perf_counter()
    with log.open("w") as written:
        process = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT, env=environment)
        peak = 0
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            peak = max(peak, _tree_kilobytes(process.pid))
            time.sleep(0.1)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit("\n".join([f"sightline score failed ({process.returncode}):", log.read_text()[-3000:]]))
    return Spent(seconds, usage.ru_utime + usage.ru_stime, peak / 1024)


def _tree_kilobytes(pid: int) -> int:
    """Proportional memory of a process and all below it; a process that ends meanwhile counts nothing."""
    total, waiting = 0, [pid]
    while waiting:
        process = Path(f"/proc/{waiting.pop()}")
        try:
            lines = (process / "smaps_rollup").read_text().splitlines()
            for task in (process / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


if __name__ == "__main__":
    main()
