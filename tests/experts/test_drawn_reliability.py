"""Readers' agreement from experts' files alone: counted by hand, and beside the same on whole masks."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sightline.experts.agreement import iou_matrix
from sightline.experts.drawn_reliability import RunLengthIou, drawn_reliability
from sightline.experts.place import place_agreement
from sightline.experts.presence import presence_agreement
from sightline.experts.readings import readings_of
from sightline.formats.annotations import Drawing
from sightline.study.errors import StudyError
from studies import sightline

HEADER = "image_id,rad_id,class_name,x_min,y_min,x_max,y_max\n"
BY_HAND = """i1,R1,Opacity,0,0,10,10
i1,R2,Opacity,5,0,15,10
i1,R3,No finding,,,,
i2,R1,Opacity,3,3,5,5
i2,R2,Mass,3,3,5,5
i2,R3,No finding,,,,
i3,R1,Opacity,2,2,6,6
i3,R2,Opacity,2,2,6,6
i3,R3,Opacity,2,2,6,6
i4,R1,No finding,,,,
i4,R2,No finding,,,,
i4,R3,No finding,,,,
i5,R1,Opacity,2,2,6,6
"""


def command(tmp_path: Path, text: str, *words: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "annotations.csv"
    path.write_text(HEADER + text, encoding="utf-8")
    return sightline(tmp_path, "reliability", str(path), *words)


def drawing(image: str, reader: str, mask_HW: np.ndarray, created_at: str = "") -> Drawing:
    return Drawing.of(mask_HW, image=image, annotator=reader, created_at=created_at, source=f"{image} {reader}")


def random_study(rng: np.random.Generator) -> list[Drawing]:
    """Twelve images, each read by two to four of five readers who mark a third of them not."""
    drawings = []
    for image in range(12):
        for reader in rng.permutation(5)[: rng.integers(2, 5)].tolist():
            mask_HW = np.zeros((9, 7), bool)
            if rng.random() < 0.66:
                top, left = rng.integers(0, 5, 2)
                mask_HW[top : top + 4, left : left + 3] = True
            drawings.append(drawing(f"i{image:02}", f"R{reader}", mask_HW))
    return drawings


def test_five_images_by_hand(tmp_path: Path) -> None:
    """Place: IoU 1/3 on i1 and 1 on i3. Presence: i1 and i2 agree in a third of their pairs, i3 and i4 in all."""
    done = command(tmp_path, BY_HAND, "--finding", "Opacity", "--json", "out.json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads((tmp_path / "out.json").read_text())["findings"]
    assert (found["num_read"], found["num_images"], found["marked_by"]) == (4, 3, {"3": [1, 1, 1, 1]})
    assert found["place"]["iou"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["iou_sd"] == pytest.approx(np.std([1 / 3, 1], ddof=1), abs=1e-6)
    assert found["presence"]["agreement"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["presence"]["alpha"]["value"] == pytest.approx(1 - (4 / 12) / (72 / 132), abs=1e-6)
    assert "33 / 33 / 33% of 3" in done.stdout
    assert done.stdout.splitlines()[0] == "4 images read by two or more readers; 3 readers"
    assert done.stdout.splitlines()[-1] == (
        "Opacity: of 3 images that any of two or more readers marked, 33% were marked by one reader alone. Where two "
        "or more marked, their regions overlap with a mean IoU of 0.667; that number leaves the others out."
    )


def test_findings_apart_and_together(tmp_path: Path) -> None:
    done = command(tmp_path, BY_HAND, "--json", "out.json")
    found = {row["finding"]: row for row in json.loads((tmp_path / "out.json").read_text())["findings"]}
    assert list(found) == ["Mass", "Opacity", "these 2 together"]
    assert found["Mass"]["marked_by"] == {"3": [3, 1, 0, 0]}
    assert found["Mass"]["place"]["iou"]["value"] is None
    assert found["these 2 together"]["marked_by"] == {"3": [1, 0, 2, 1]}
    assert found["these 2 together"]["place"]["iou"]["value"] == pytest.approx((1 / 3 + 1 + 1) / 3, abs=1e-6)
    asked = command(tmp_path, BY_HAND, "--finding", "opacity", "MASS", "--json", "out.json")
    again = {row["finding"]: row for row in json.loads((tmp_path / "out.json").read_text())["findings"]}
    assert again == found
    assert sorted(asked.stdout.splitlines()) == sorted(done.stdout.splitlines())


def test_run_lengths_give_what_whole_masks_give() -> None:
    rng = np.random.default_rng(5)
    for _ in range(5):
        drawings = random_study(rng)
        found = drawn_reliability("x", [drawings[row] for row in rng.permutation(len(drawings))])
        table, masks_AHW = _as_table(drawings)
        readings = readings_of(table, masks_AHW, np.ones(len(table), bool))
        presence = presence_agreement(readings, readings.images)
        rows = np.flatnonzero(masks_AHW.any(axis=(1, 2)))
        names, image_A = np.unique(table.image.to_numpy(str), return_inverse=True)
        place = place_agreement(masks_AHW[rows], image_A[rows], table.annotator.to_numpy(str)[rows], names)
        assert vars(found.presence.alpha) == pytest.approx(vars(presence.alpha), nan_ok=True)
        assert vars(found.presence.agreement) == pytest.approx(vars(presence.agreement), nan_ok=True)
        assert vars(found.place.iou) == pytest.approx(vars(place.iou), nan_ok=True)
        assert found.place.num_pairs == place.num_pairs


def _as_table(drawings: list[Drawing]) -> tuple[pd.DataFrame, np.ndarray]:
    table = pd.DataFrame([vars(one) for one in drawings])[["image", "annotator", "created_at"]]
    table["annotation"] = [f"{row:04}" for row in range(len(drawings))]
    return table, np.stack([one.mask for one in drawings])


def test_iou_of_run_lengths_is_that_of_masks() -> None:
    rng = np.random.default_rng(6)
    masks_AHW = rng.random((20, 6, 5)) < rng.choice([0.0, 0.3, 1.0], (20, 1, 1))
    iou = RunLengthIou([drawing("i", f"R{row}", mask) for row, mask in enumerate(masks_AHW)])
    first_Q, second_Q = np.triu_indices(20, 1)
    assert np.array_equal(iou[first_Q, second_Q], iou_matrix(masks_AHW, masks_AHW)[first_Q, second_Q], equal_nan=True)


def test_readers_numbers_may_differ_between_images() -> None:
    full, none = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    drawings = [drawing("a", name, mask) for name, mask in (("1", full), ("2", full))]
    drawings += [drawing("b", name, mask) for name, mask in (("1", full), ("2", none), ("3", none))]
    drawings += [drawing("c", "1", full)]
    found = drawn_reliability("x", drawings)
    assert found.marked_by == {2: [0, 0, 1], 3: [0, 1, 0, 0]}
    assert (found.shares(2), found.shares(3)) == ([0.0, 1.0], [1.0, 0.0, 0.0])
    assert found.num_read == found.num_images == 2


def test_a_readers_first_drawing_counts() -> None:
    full, none = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    drawings = [
        drawing("a", "1", none, "2026-02-01T10:00:00Z"),
        drawing("a", "1", full, "2026-01-01T10:00:00Z"),
        drawing("a", "2", full),
    ]
    assert drawn_reliability("x", drawings).marked_by == {2: [0, 0, 1]}
    late = [replace(drawings[0], created_at=""), replace(drawings[1], created_at=""), drawings[2]]
    assert drawn_reliability("x", late).marked_by == {2: [0, 1, 0]}


def test_without_two_readers_there_is_nothing_to_say(tmp_path: Path) -> None:
    done = command(tmp_path, "i1,R1,Opacity,0,0,10,10\ni2,R2,Opacity,0,0,9,9\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (
        "Opacity: no image was read by two readers, so nothing can be said of their agreement."
    )
    nobody = command(tmp_path, "i1,R1,No finding,,,,\ni1,R2,No finding,,,,\n")
    assert nobody.stdout.splitlines()[-1] == (
        "any finding: no reader marked anything; images that two or more readers read: 1."
    )


def test_what_cannot_be_compared_is_refused_in_words(tmp_path: Path) -> None:
    unknown = command(tmp_path, BY_HAND, "--finding", "Opacitie")
    assert unknown.returncode == 1
    assert unknown.stderr.splitlines()[1:] == ["  'Opacitie'; did you mean 'Opacity'?"]
    broken = command(tmp_path, "i1,R1,Opacity,0,0,10,\n")
    assert "row 2: its box lacks a number; complete it" in broken.stderr
    nameless = command(tmp_path, "i1,,Opacity,0,0,10,10\n")
    assert "1 drawing without a reader" in nameless.stderr
    sizes = [drawing("a", "1", np.ones((4, 4), bool)), drawing("a", "2", np.ones((4, 5), bool))]
    with pytest.raises(StudyError, match="differ in size") as caught:
        drawn_reliability("x", sizes)
    assert caught.value.cases == ["image 'a': (4, 5) rows and columns in a 2, (4, 4) in a 1"]


def test_files_that_name_nobody_get_their_readers_from_the_command(tmp_path: Path) -> None:
    header = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
    (tmp_path / "a.csv").write_text(header + "i1.png,Mass,0,0,10,10\ni2.png,Mass,0,0,10,10\n")
    (tmp_path / "b.csv").write_text(header + "i1.png,Mass,5,0,10,10\ni3.png,Mass,0,0,10,10\n")
    done = sightline(tmp_path, "reliability", "anna=a.csv", "ben=b.csv", "--json", "out.json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads((tmp_path / "out.json").read_text())["findings"]
    assert (found["num_read"], found["marked_by"]) == (1, {"2": [0, 0, 1]})
    assert found["place"]["iou"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    nobody = sightline(tmp_path, "reliability", "a.csv", "b.csv")
    assert "4 drawings without a reader; name each file's reader: READER=FILE" in nobody.stderr


def test_files_without_sizes_may_share_one(tmp_path: Path) -> None:
    """Each file alone would count in a frame as large as its own boxes."""
    for name, x1 in (("R1", 10), ("R2", 20)):
        (tmp_path / f"{name}.csv").write_text(f"{HEADER}i1,{name},Mass,0,0,{x1},10\n")
    files = ("reliability", "R1.csv", "R2.csv")
    alone = sightline(tmp_path, *files)
    assert "drawings of an image differ in size; give it with --image-size" in alone.stderr
    together = sightline(tmp_path, *files, "--image-size", "60x80")
    assert together.stdout.splitlines()[3].split()[:6] == ["Mass", "1", "0", "/", "100%", "of"]
    assert "mean IoU of 0.500" in together.stdout
    assert "expected ROWSxCOLS" in sightline(tmp_path, *files, "--image-size", "60").stderr


def test_the_command_loads_no_network() -> None:
    code = "import sys; import sightline.experts.reliability_command; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------------------------------------------- 15,000 films of three readers

SPEC = find_spec("torchxrayvision")
# finding: images, marked by 1 / 2 / 3 of 3 readers in percent, mean IoU, its SD where the table has one
TABLE = {
    "Lung Opacity": (1_322, [59, 29, 13], 0.458, 0.258),
    "Consolidation": (353, [66, 25, 9], 0.579, None),
    "Infiltration": (613, [60, 25, 15], 0.511, None),
    "these 3 together": (1_588, [47, 26, 27], 0.484, None),
    "Nodule/Mass": (826, [51, 27, 22], 0.552, None),
    "Pneumothorax": (96, [40, 14, 47], 0.678, None),
    "Cardiomegaly": (2_300, [21, 23, 56], 0.731, 0.099),
}
THREE = ["Lung Opacity", "Consolidation", "Infiltration"]


@pytest.mark.slow  # seven readings of 67,914 rows: 20 seconds
@pytest.mark.skipif(SPEC is None, reason="torchxrayvision is not installed")
def test_the_readers_of_vinbigdata(tmp_path: Path) -> None:
    """In the file's own pixels; on cells of 8 x 8 pixels, corners rounded down, Pneumothorax alone differs: 0.677."""
    assert SPEC is not None
    assert SPEC.origin is not None
    path = tmp_path / "train.csv"
    path.write_bytes(gzip.decompress((Path(SPEC.origin).parent / "data" / "vinbigdata-train.csv.gz").read_bytes()))
    found = {}
    begin = time.process_time()
    for names in (THREE, ["Nodule/Mass"], ["Pneumothorax"], ["Cardiomegaly"]):
        done = sightline(tmp_path, "reliability", str(path), "--finding", *names, "--json", "out.json")
        assert done.returncode == 0, done.stderr
        rows = json.loads((tmp_path / "out.json").read_text())["findings"]
        found.update({row["finding"]: row for row in rows})
    assert time.process_time() - begin < 60
    assert list(found) == list(TABLE)
    for name, (num_images, shares, iou, sd) in TABLE.items():
        row = found[name]
        assert row["num_read"] == 15_000
        assert row["num_images"] == num_images, name
        assert [round(100 * number / num_images) for number in row["marked_by"]["3"][1:]] == shares, name
        assert round(row["place"]["iou"]["value"], 3) == iou, name
        assert sd is None or round(row["iou_sd"], 3) == sd, name
