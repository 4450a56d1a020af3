"""The stage reliability on annotations made by hand: the usual keys, repeats, and inputs that have no answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sightline.experts.annotation_reader import COLUMNS
from sightline.experts.votes import valid_votes
from sightline.stages import reliability
from sightline.study.files import write_npz

SIDE = 16
Row = tuple[str, str, int]  # image, annotator, side of the square marked in the corner; 0 is empty


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: list[Row], empty_votes: bool = False) -> dict[str, Any]:
    """metrics/reliability.json of these annotations, all answers in order of time, one patient per image."""
    monkeypatch.chdir(folder)
    images = sorted({image for image, _, _ in rows})
    Path("data/prepared").mkdir(parents=True)
    pd.DataFrame({"image": images, "patient": images}).to_csv("data/prepared/index.csv", index=False)
    write_npz(
        "data/lungs.npz", images=np.array(images, str), lungs=np.ones((len(images), SIDE, SIDE), bool),
        kind=np.array("masks"),
    )  # fmt: skip
    masks = np.zeros((len(rows), SIDE, SIDE), bool)
    for mask_HW, (_, _, side) in zip(masks, rows, strict=True):
        mask_HW[:side, :side] = True
    table = pd.DataFrame(
        [
            (f"a{number}", image, annotator, "student", "", f"2025-01-01T00:00:{number:02}")
            for number, (image, annotator, _) in enumerate(rows)
        ],
        columns=list(COLUMNS),
    )
    votes = valid_votes(table.assign(is_answer=True), masks, empty_votes)
    names = {"annotations": "annotation", "images": "image", "annotators": "annotator", "professions": "profession"}
    write_npz(
        "data/annotations.npz", masks=votes.masks_AHW, others=votes.masks_AHW, **votes.readings.arrays(),
        **{array: np.array(votes.table[column].tolist(), str) for array, column in names.items()},
    )  # fmt: skip
    Path("params.yaml").write_text("seed: 0\nbootstrap: {resamples: 100, level: 0.95}\n")
    reliability.main()
    return json.loads(Path("metrics/reliability.json").read_text())


def test_presence_needs_the_annotations_that_the_consensus_drops(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    rows = [
        (f"image{image}", f"reader{reader}", 0 if (image + reader) % 5 == 0 else 3 + reader)
        for image in range(6)
        for reader in range(4)
    ]
    rows += [("image1", "reader0", 5), ("image2", "reader1", 0), ("image3", "reader3", 6)]  # hidden repeats
    found = run(tmp_path, monkeypatch, rows)
    assert found["presence"]["num_readings"] == 24
    assert found["presence"]["num_empty"] == sum(side == 0 for _, _, side in rows[:24])
    assert 0 < found["presence"]["agreement"]["low"] < found["presence"]["agreement"]["value"] < 1
    assert 0 < found["place"]["iou"]["low"] < found["place"]["iou"]["value"] < found["place"]["iou"]["high"] < 1
    assert found["intra_reader"]["presence"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["intra_reader"]["both_marked"] == 2
    # reader0 on image1: squares of 3 and 5; reader3 on image3: of 6 and 6
    assert found["intra_reader"]["iou"]["value"] == pytest.approx((9 / 25 + 1) / 2, abs=1e-6)
    assert found["alpha_iou"]["over_annotators"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("empty_votes", [False, True])
@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([("one", "a", 3), ("two", "b", 3), ("three", "c", 4)], "no image was read by two readers"),
        ([("one", "a", 3), ("two", "a", 3), ("three", "a", 0)], "no image was read by two readers"),
        ([("one", "a", 3)], "no image was read by two readers"),
        ([("one", "a", 3), ("one", "b", 4), ("one", "c", 0)], "no interval: fewer than 3 patients (1)"),
        (
            [(image, who, 0) for image in ("one", "two", "three") for who in "ab"],
            "no interval: the same whichever of the patients is left out",
        ),
    ],
    ids=["never overlap", "one reader", "one annotation", "one image", "all empty"],
)
def test_studies_without_an_answer_say_why(  # type: ignore[no-untyped-def]
    tmp_path, monkeypatch, rows: list[Row], why: str, empty_votes: bool
) -> None:
    found = run(tmp_path, monkeypatch, rows, empty_votes)
    assert found["presence"]["agreement"]["note"] == why
    assert found["presence"]["agreement"]["low"] is None
    assert found["place"]["iou"]["low"] is None
    assert found["place"]["iou"]["note"]
    assert found["presence"]["alpha"]["note"]
    assert found["intra_reader"] == {}
