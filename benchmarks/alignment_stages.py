"""Seconds of the stages that score maps, at the paper's size: 12 models, CAM and Grad-CAM, 50 images, 224 pixels.

Maps, predictions and annotations are synthetic; the stages do the work of a real study.
Run: python benchmarks/alignment_stages.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from synthetic_study import SCORING, make_up_maps, paper_models, stage, write_params


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, models = Path(name), paper_models()
        phantom = {"train_images": 40, "test_images": 624}
        write_params(folder, models, {"data": {"height": 224, "width": 224}, "phantom": phantom})
        stage(folder, "prepare")
        make_up_maps(folder, models)
        total = 0.0
        for script in SCORING:
            spent = stage(folder, script)
            total += spent.seconds
            print(f"{script:12s} {spent.seconds:5.1f} s, {spent.megabytes:4.0f} MB", flush=True)
        print(f"{'all':12s} {total:5.1f} s")


if __name__ == "__main__":
    main()
