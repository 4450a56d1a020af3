"""Growth: seconds of each stage at 1, 4 and 16 times the images, start-up included.

Medians of three studies per size, with the sizes in turn: a stage takes seconds, and a machine's speed varies within
minutes. Training images, test images and annotated images grow alike. A stage is linear if one more image costs no
more between 4 and 16 times than between 1 and 4 times; where its growth is lost in its start-up, nothing is stated.
The phantom at 64 pixels, AlexNet trained for one epoch, ten annotations for two images.
Run: python benchmarks/growth.py
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from measure import Row, finish
from synthetic_study import paper_models, stage, write_params

KEY = "alexnet-scratch-gap"
COMMANDS = (
    "prepare", "augment_preview", f"train {KEY}", f"saliency {KEY}", "lungs", "consensus", "reliability", "align",
    "bootstrap", "ladder", "compare", "families", "shortcut", f"faithfulness {KEY}", f"regions {KEY}",
    "multiverse", "report",
)  # fmt: skip
SIZES = (1, 4, 16)
TRAIN, TEST, ANNOTATED = 40, 50, 25
ROUNDS = 3
MUST, LEAST = 1.5, 1.0  # bound on the cost per image; seconds of growth at 16 times below which nothing is stated


def main() -> None:
    seconds: dict[str, dict[int, list[float]]] = {command: {size: [] for size in SIZES} for command in COMMANDS}
    for size in SIZES * ROUNDS:
        for command, spent in study(size).items():
            seconds[command][size].append(spent)
    finish([row(command, *map(statistics.median, spent.values())) for command, spent in seconds.items()])


def study(size: int) -> dict[str, float]:
    """Command -> seconds of its stage, with `size` times the images."""
    phantom = {"train_images": TRAIN * size, "test_images": TEST * size, "annotated_images": ANNOTATED * size}
    changes = {
        "data": {"height": 64, "width": 64},
        "phantom": {**phantom, "annotations_per_image": 5.0},
        "train": {"epochs": 1, "batch_size": 8},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_params(folder, {KEY: paper_models()[KEY]}, changes)
        return {command: stage(folder, *command.split()).seconds for command in COMMANDS}


def row(command: str, one: float, four: float, sixteen: float) -> Row:
    """The cost per image between 4 and 16 times the images, against that between 1 and 4 times."""
    late, early = (sixteen - four) / 12, (four - one) / 3
    is_seen = sixteen - one >= LEAST and early > 0
    what = f"{command.split()[0]}: {one:.1f}, {four:.1f}, {sixteen:.1f} s at 1, 4, 16 times the images"
    return Row(
        what=what,
        unit="ms per first size's images",
        ours=1000 * late,
        against="the same between 1 and 4 times",
        other=1000 * early,
        ratio=early / late if is_seen and late > 0 else None,
        must=f"<= {MUST:g} times",
        met=late <= MUST * early if is_seen else None,
    )


if __name__ == "__main__":
    main()
