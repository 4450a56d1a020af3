"""Seconds of the light stages, lungs to report, at the paper's size: 12 models, two methods, 50 images, 224 pixels.

Maps, predictions and annotations are synthetic; the stages do the work of a real study. Stage `consistency` runs once a
network, disabled as the profiles have it, and stands apart: the verdict needs its files.
Run: python benchmarks/alignment_stages.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from synthetic_study import LIGHT, make_up_maps, paper_models, stage, write_params

MUST = 15.0  # seconds of all light stages on two quiet cores


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, models = Path(name), paper_models()
        phantom = {"train_images": 40, "test_images": 624}
        write_params(folder, models, {"data": {"height": 224, "width": 224}, "phantom": phantom})
        stage(folder, "prepare")
        make_up_maps(folder, models)
        by_network = [stage(folder, "consistency", model) for model in models]
        total = total_cpu = 0.0
        for script in LIGHT:
            spent = stage(folder, script)
            total += spent.seconds
            total_cpu += spent.cpu_seconds
            print(row(script, spent.seconds, spent.cpu_seconds, spent.megabytes), flush=True)
        print(f"{row('all', total, total_cpu)}; must be < {MUST:g} s: {'met' if total < MUST else 'not met'}")
        seconds, cpu = sum(spent.seconds for spent in by_network), sum(spent.cpu_seconds for spent in by_network)
        print(row(f"consistency, {len(models)} times", seconds, cpu))


def row(what: str, seconds: float, cpu_seconds: float, megabytes: float | None = None) -> str:
    memory = "" if megabytes is None else f", {megabytes:4.0f} MB"
    return f"{what:12s} {seconds:5.1f} s, {cpu_seconds:5.1f} CPU s{memory}"


if __name__ == "__main__":
    main()
