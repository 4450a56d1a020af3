"""Peak memory: of prepare, of training per image, and of the stages that score maps with 3 and with 12 models.

Run: python benchmarks/memory.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from measure import Row, finish, num_cores
from preparing import write_files
from synthetic_study import SCORING, make_up_maps, paper_models, stage, write_params

PREPARE_MB = 1000
SIDE, EXTRA = 64, 50_000  # training: images in the array that are in no split
COPIES, GROWTH = 1.1, 1.1  # uint8 copies of the array; peak with 12 models over that with 3
FEW = ("alexnet-scratch-gap", "vgg16-scratch-gap", "resnet50-scratch-gap")


def main() -> None:
    finish([prepare_row(), training_row(), *model_rows()])


def prepare_row() -> Row:
    """prepare on 4,000 files of the originals' size, in all its processes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = folder / "data/raw"
        for part, kind in ((part, kind) for part in ("train", "test") for kind in ("NORMAL", "PNEUMONIA")):
            (raw / part / kind).mkdir(parents=True)
        for number, file in enumerate(write_files(folder, 960, 1320, 400)):
            split, kind = ("train", "test")[number % 2], ("NORMAL", "PNEUMONIA")[number // 2 % 2]
            file.path.rename(raw / split / kind / file.path.name)
        write_params(folder, {}, {"data": {"source": "folder", "height": 224, "width": 224, "val_share": 0.2}})
        largest = stage(folder, "prepare").megabytes
    return Row(
        what=f"prepare: its largest process times {num_cores() + 1}",
        unit="MB",
        ours=largest * (num_cores() + 1),
        against="",
        must=f"< {PREPARE_MB}",
        met=largest * (num_cores() + 1) < PREPARE_MB,
    )


def training_row() -> Row:
    """How much the peak memory of training grows with the array of images, in copies of the array."""
    key = FEW[0]
    peaks = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = {key: paper_models()[key]}
        phantom = {"train_images": 40, "test_images": 8, "annotated_images": 0}
        train = {"epochs": 1, "batch_size": 8}
        write_params(folder, model, {"data": {"height": SIDE, "width": SIDE}, "phantom": phantom, "train": train})
        stage(folder, "prepare")
        path = folder / "data/prepared/images.npy"
        few = np.load(path)
        for extra in (0, EXTRA):
            np.save(path, np.concatenate([few, np.zeros((extra, SIDE, SIDE), np.uint8)]))
            peaks.append(stage(folder, "train", key).megabytes)
    copies = (peaks[1] - peaks[0]) * 2**20 / (EXTRA * SIDE**2)
    return Row(
        what=f"training: growth of the peak with {EXTRA:,} images of {SIDE} x {SIDE} more",
        unit="copies in uint8",
        ours=copies,
        against="",
        must=f"<= {COPIES:g}",
        met=copies <= COPIES,
    )


def model_rows() -> list[Row]:
    """Each stage that scores maps, at 224 pixels."""
    models = paper_models()
    peaks: dict[str, list[float]] = {name: [] for name in SCORING}
    for chosen in ({name: models[name] for name in FEW}, models):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            phantom = {"train_images": 16, "test_images": 40, "annotated_images": 12}
            write_params(folder, chosen, {"data": {"height": 224, "width": 224}, "phantom": phantom})
            stage(folder, "prepare")
            make_up_maps(folder, chosen)
            for script in SCORING:
                peaks[script].append(stage(folder, script).megabytes)
    return [
        Row(
            what=f"{script}: peak with 12 models",
            unit="MB",
            ours=many,
            against="the same with 3",
            other=few,
            ratio=few / many,
            must=f"<= {GROWTH:g} times",
            met=many <= GROWTH * few,
        )
        for script, (few, many) in peaks.items()
    ]


if __name__ == "__main__":
    main()
