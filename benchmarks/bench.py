"""`make bench`: every benchmark that fits a CPU, one after the other; benchmarks/results/<machine>.json has them all.

Exit code 1 if a row misses its bound. Not included, to be run by hand: growth.py (some more minutes),
alignment_stages.py, annotate_load.py and gpu_study.py.
Run: python benchmarks/bench.py [<name> ...]
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

FILES = (
    "threshold_sweep", "resampling", "preparing", "start_up", "memory", "rerun", "training", "training_usual",
    "saliency_maps", "rise_maps", "score",
)  # fmt: skip


def main() -> None:
    folder = Path(__file__).parent
    begun = time.monotonic()
    failed = []
    for name in sys.argv[1:] or FILES:
        started = time.monotonic()
        if subprocess.run([sys.executable, folder / f"{name}.py"]).returncode:
            failed.append(f"{name}: failed")
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    from measure import RESULTS, machine_name

    results = json.loads((RESULTS / f"{machine_name()}.json").read_text())
    for name, part in results.items():
        failed += [f"{name}: {row['what']}, against {row['against']}" for row in part["rows"] if row["met"] is False]
    print(f"{(time.monotonic() - begun) / 60:.1f} minutes; {len(failed)} not met", file=sys.stderr)
    if failed:
        raise SystemExit("\n".join(["not met:", *failed]))


if __name__ == "__main__":
    main()
