"""Start-up: what each stage loads before it does anything, and how long that takes.

Beside each stage stands the import of torch or torchvision, the price of loading them without need. One run each, after
one run of the report and of torchvision, which fill the disk's cache.
Run: python benchmarks/start_up.py
"""

from __future__ import annotations

import json
import subprocess
import sys

from measure import ROOT, Row, finish
from sightline.stage_code import SCRIPTS

NEEDED = {  # torch and torchvision; all other stages need neither
    "augment_preview": {"torch"},
    "train": {"torch", "torchvision"},
    "saliency": {"torch", "torchvision"},
    "faithfulness": {"torch", "torchvision"},
    "regions": {"torch", "torchvision"},
}
CODE = """
import json, sys, time
begun = time.perf_counter()
import {}
spent = time.perf_counter() - begun
print(json.dumps([spent, [name for name in ("torch", "torchvision") if name in sys.modules]]))
"""


def main() -> None:
    for name in ("report", "torchvision"):
        imported(name)
    limits = {name: imported(name)[0] for name in ("torch", "torchvision")}
    rows = []
    for script in (script.removesuffix(".py") for script in SCRIPTS.values()):
        seconds, loaded = imported(script)
        needed = NEEDED.get(script, set())
        limit = "torchvision" if "torchvision" in needed else "torch"
        rows.append(
            Row(
                what=f"start-up of {script}, which loads {' and '.join(sorted(loaded)) or 'neither of the two'}",
                unit="s",
                ours=seconds,
                against=f"import {limit}",
                other=limits[limit],
                ratio=limits[limit] / seconds,
                must="only what it uses",
                met=loaded == needed,
            )
        )
    finish(rows)


def imported(name: str) -> tuple[float, set[str]]:
    """Seconds of the import in a new interpreter, and which of torch and torchvision it loads."""
    command = [sys.executable, "-c", CODE.format(name)]
    done = subprocess.run(command, cwd=ROOT / "src", check=True, capture_output=True, text=True)
    seconds, loaded = json.loads(done.stdout.splitlines()[-1])
    return seconds, set(loaded)


if __name__ == "__main__":
    main()
