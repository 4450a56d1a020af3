"""What every benchmark shares: timing in turn, the machine in words, rows as a table and as JSON.

A row compares ours with one other figure of the same run: the machine's limit or a peer. Runs of the two alternate, so
that a machine that slows down slows both; the ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from sightline.study.versions import installed_versions

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "torchvision", "numpy", "pillow", "dvc", "captum", "grad-cam", "torchcam", "torchmetrics")


@dataclass(frozen=True, kw_only=True)
class Row:
    """Ours beside one other figure."""

    what: str
    unit: str
    ours: float
    against: str
    """The limit or the peer, in words."""
    other: float | None = None
    ratio: float | None = None
    """How many times as good as the other: above 1 we are ahead."""
    must: str = ""
    """The bound in words; empty where nothing is required."""
    met: bool | None = None
    """None where nothing is required, or not on this machine."""


def in_turn(functions: Mapping[str, Callable[[], float]], rounds: int, warmups: int = 1) -> dict[str, list[float]]:
    """Seconds of each function, which it returns, one per round, after `warmups` rounds that do not count.

    The order is reversed in every other round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds + warmups):
        names = list(functions)
        for name in names if number % 2 else reversed(names):
            spent = functions[name]()
            if number >= warmups:
                seconds[name].append(spent)
    return seconds


def timed(
    function: Callable[[], object], sync: Callable[[], object] = lambda: None, times: int = 1
) -> Callable[[], float]:
    """A function that runs `function` `times` times and returns the mean seconds; `sync` waits for the device."""

    def run() -> float:
        sync()
        begun = time.perf_counter()
        for _ in range(times):
            function()
        sync()
        return (time.perf_counter() - begun) / times

    return run


def times_as_fast(seconds: Mapping[str, Sequence[float]], ours: str, other: str) -> float:
    """Median over the rounds of the seconds of `other` divided by those of `ours`."""
    return statistics.median(b / a for a, b in zip(seconds[ours], seconds[other], strict=True))


def rate_row(
    what: str,
    unit: str,
    count: float,
    seconds: Mapping[str, Sequence[float]],
    against: str,
    must: float | None = None,
    is_asked: bool = True,
) -> Row:
    """A row of rates, in things per second: `ours` against another key, with `count` things in each run."""
    ratio = times_as_fast(seconds, "ours", against)
    return Row(
        what=what,
        unit=unit,
        ours=count / statistics.median(seconds["ours"]),
        against=against,
        other=count / statistics.median(seconds[against]),
        ratio=ratio,
        must="" if must is None else f">= {must:g}x",
        met=ratio >= must if must is not None and is_asked else None,
    )


def device_words() -> str:
    """The machine in words: processor, cores, vector units, GPU."""
    words = [_cpu_name(), f"{num_cores()} cores", _vector_unit(), _gpu_name()]
    return ", ".join(word for word in words if word)


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _cpu_name() -> str:
    match = re.search(r"^model name\s*:\s*(.+)$", _cpuinfo(), re.MULTILINE)
    return " ".join((match[1] if match else platform.processor() or platform.machine()).split())


def _vector_unit() -> str:
    match = re.search(r"^flags\s*:\s*(.+)$", _cpuinfo(), re.MULTILINE)
    flags = set(match[1].split()) if match else set()
    known = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")
    return next((flag.replace("_", " ") for flag in known if flag in flags), "")


def _gpu_name() -> str:
    """Name of the first NVIDIA GPU, from its driver: a benchmark without torch need not load it. Empty if none."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return ""
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        match = re.search(r"^Model:\s*(.+)$", path.read_text(), re.MULTILINE)
        if match:
            return match[1].strip()
    return ""


def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


def machine_name() -> str:
    """The machine as a file name."""
    return re.sub(r"[^a-z0-9]+", "-", device_words().lower()).strip("-")


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | ours | against | it | ratio | must reach | met |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        other = "" if row.other is None else f"{figure(row.other)} {row.unit}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
        met = {True: "yes", False: "**no**", None: ""}[row.met]
        lines.append(
            f"| {row.what} | {figure(row.ours)} {row.unit} | {row.against} | {other} | {ratio} | {row.must} | {met} |"
        )
    return "\n".join(lines)


def figure(value: float) -> str:
    """Three significant digits, no exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _without_folder(argument: str) -> str:
    """The name alone of an absolute path: the file is committed, and its folders are this machine's."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def finish(rows: Sequence[Row]) -> None:
    """Prints the table; adds the rows to benchmarks/results/<machine>.json instead of the script's earlier ones."""
    name = Path(sys.argv[0]).stem
    print(f"\n{device_words()}; {datetime.now(UTC):%Y-%m-%d}\n\n{table(rows)}\n", flush=True)
    path = RESULTS / f"{machine_name()}.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    known[name] = {
        "command": " ".join(["python", f"benchmarks/{name}.py", *map(_without_folder, sys.argv[1:])]),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": device_words(),
        "versions": installed_versions(PACKAGES),
        "rows": [asdict(row) for row in rows],
    }
    path.parent.mkdir(exist_ok=True)
    beside = path.with_suffix(".partial")
    beside.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    beside.replace(path)
