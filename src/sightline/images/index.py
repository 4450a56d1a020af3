"""The index of a study's images: split, label, patient, source and hash of each row of the array of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sightline.images.folder import ImageFile
from sightline.images.source import Data
from sightline.images.split import validation_mask
from sightline.study.errors import StudyError


def study_index(
    files: Sequence[ImageFile],
    patients: Sequence[str],
    hashes: Sequence[str],
    data: Data,
    rng: np.random.Generator,
    columns: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per file, in their order: image, split (train, val, test or external), label, patient, source and sha256.

    `columns`: what else is known of the files, in their order; they follow these. `rng` draws the validation images
    from the training images, unless files say that they are validation images. A class without an image in a split is
    a StudyError that lists all of them; a study without training images may lack classes.
    """
    train_N = np.array([file.part == "train" for file in files])
    labels_N = np.array([file.label for file in files])
    split_N = np.array([file.part for file in files], dtype="U8")
    rows = np.flatnonzero(train_N)
    if len(rows) and not (split_N == "val").any():
        chosen = validation_mask(
            labels_N[rows],
            [patients[row] for row in rows.tolist()],
            [hashes[row] for row in rows.tolist()],
            data.val_share,
            data.split == "patient",
            rng,
        )
        split_N[rows[chosen]] = "val"
    empty = [
        f"split {name}, class {kind}"
        for name in (("train", "val", "test") if len(rows) else ())
        for label, kind in enumerate((data.negative, data.positive))
        if not ((split_N == name) & (labels_N == label)).any()
    ]
    if empty:
        raise StudyError("no image is left in a class; add images or change data.val_share", empty)
    index = pd.DataFrame(
        {
            "image": [file.image for file in files],
            "split": split_N,
            "label": labels_N,
            "patient": patients,
            "source": [str(file.path) for file in files],
            "sha256": hashes,
        }
    )
    return index if columns is None else pd.concat([index, columns.reset_index(drop=True)], axis=1)


def index_lines(index: pd.DataFrame, data: Data) -> list[str]:
    """What the study holds, in words: images by split and class, and patients on both sides of train and test."""
    counts = pd.crosstab(index.split, index.label).rename(columns={0: data.negative, 1: data.positive})
    lines = [
        f"{part}: {', '.join(f'{count} {kind}' for kind, count in by_class.items())}"
        for part, by_class in counts.iterrows()
    ]
    is_train = index.split.isin(["train", "val"])
    both = set(index.patient[is_train]) & set(index.patient[~is_train])
    lines.append(f"patients on both sides of train and test: {len(both)}")
    both = set(index.patient[index.split == "train"]) & set(index.patient[index.split == "val"])
    if both and data.split == "patient":  # only a table's own split can do this
        lines.append(f"patients on both sides of train and val: {len(both)}; the table's column split says so")
    return lines
