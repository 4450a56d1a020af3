"""The stage consensus in a folder of its own: what it writes, and every refusal."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.stages import consensus
from sightline.study.errors import run_stage

ROOT = Path(__file__).parents[2]
SIDE = 64
COLUMNS = ["annotation", "image", "annotator", "profession", "mask", "created_at"]
# image, annotator, profession, and the square it marks: first row, first column, side on the 128-pixel sheet
MARKS = [
    ("two", "anna", "student", (20, 20, 40)),
    ("two", "bruno", "student", (20, 40, 40)),
    ("one", "anna", "student", (10, 10, 30)),
    ("one", "bruno", "student", (10, 10, 30)),
    ("one", "carla", "physician", (80, 80, 30)),
    ("three", "anna", "student", (10, 10, 30)),
    ("three", "bruno", "student", (80, 80, 30)),
    ("three", "carla", "physician", (50, 10, 20)),
    ("three", "dario", "", (0, 0, 0)),
]
ROWS_BY_IMAGE = [*MARKS[2:5], *MARKS[:2], *MARKS[5:]]  # in the index's order; the last is empty


def square(row: int, col: int, side: int) -> np.ndarray:
    sheet = np.zeros((2 * SIDE, 2 * SIDE), np.uint8)
    sheet[row : row + side, col : col + side] = 255
    return sheet


class Study:
    """A project folder with prepared images; the test changes what it likes and runs the stage."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.own = folder, folder / "own"
        self.settings = {
            "source": "annotations", "folder": "own", "cleanup": "paper", "finding": "''", "adjudicated": "false",
            "empty": "dropped",
            "rule": "mean", "min_share": 0.5, "min_count": 2, "weights": "{student: 1.0}", "random_masks": 20,
        }  # fmt: skip
        (folder / "data/prepared").mkdir(parents=True)
        (self.own / "masks").mkdir(parents=True)
        np.save(folder / "data/prepared/images.npy", np.zeros((5, SIDE, SIDE), np.uint8))
        names, splits = ["zero", "one", "two", "three", "four"], ["train", "test", "test", "test", "val"]
        pd.DataFrame(
            {"image": names, "split": splits, "label": 1, "patient": names, "source": "phantom:0", "sha256": "0"}
        ).to_csv(folder / "data/prepared/index.csv", index=False)
        self.rows, self.columns = [], list(COLUMNS)
        for number, (image, annotator, profession, mark) in enumerate(MARKS):
            name = f"a{number}.png"
            Image.fromarray(square(*mark)).save(self.own / "masks" / name)
            self.rows.append([f"a{number}", image, annotator, profession, name, "2025-01-01T00:00:00"])

    def run(self) -> tuple[int, str]:
        """The stage's exit code and what it says on stderr."""
        lines = "".join(f"  {key}: {value}\n" for key, value in self.settings.items())
        (self.folder / "params.yaml").write_text(f"seed: 0\nconsensus:\n{lines}")
        with open(self.own / "annotations.csv", "w", newline="") as file:
            csv.writer(file).writerows([self.columns, *self.rows])
        return self.run_as_is()

    def run_as_is(self) -> tuple[int, str]:
        told = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stderr(told):
            try:
                run_stage(consensus.main)
            except SystemExit as stop:
                return int(stop.code or 0), told.getvalue()
        return 0, told.getvalue()

    def succeed(self) -> None:
        code, told = self.run()
        assert code == 0, told

    def refuse(self) -> str:
        code, told = self.run()
        assert code == 1
        assert told.startswith("error: ")
        assert not (self.folder / "data/consensus.npz").exists()
        return told

    def array(self, name: str) -> dict[str, np.ndarray]:
        with np.load(self.folder / f"data/{name}.npz", allow_pickle=False) as stored:
            return dict(stored)

    def metrics(self) -> dict:
        return json.loads((self.folder / "metrics/consensus.json").read_text())


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_what_it_writes(study: Study) -> None:
    study.succeed()
    merged, annotations, metrics = study.array("consensus"), study.array("annotations"), study.metrics()
    assert merged["images"].tolist() == ["one", "two", "three"]  # the index's order
    assert merged["count"].tolist() == [3, 2, 3]
    assert merged["share"].dtype == np.float32
    # two of three mark the same 15 x 15 square (30 on the sheet): 225 pixels; two halves meet in 20 x 30
    assert merged["consensus"].sum(axis=(1, 2)).tolist() == [225, 600, 0]
    np.testing.assert_array_equal(merged["consensus"], merged["share"] >= 0.5)
    assert annotations["annotations"].tolist() == ["a2", "a3", "a4", "a0", "a1", "a5", "a6", "a7"]
    assert annotations["masks"].shape == (8, SIDE, SIDE)
    assert metrics["test_images"] == 3
    assert metrics["nonempty_consensus"] == 2
    assert (metrics["annotations"], metrics["valid_annotations"], metrics["annotators"]) == (9, 8, 3)
    assert metrics["annotations_per_image"] == pytest.approx(8 / 3, abs=1e-6)
    areas = np.array([225] * 6 + [400, 400]) / SIDE**2
    areas[5] = 100 / SIDE**2  # carla's on image three
    assert metrics["active_pixels_percent"] == pytest.approx(100 * areas.mean(), abs=1e-5)
    assert metrics["consensus_pixels_percent"] == pytest.approx(100 * (225 + 600) / 2 / SIDE**2, abs=1e-5)
    # image one: 1, 0, 0; two: 20 x 10 / (20 x 30) = 1/3; three: three times 0
    assert metrics["expert_expert_iou_percent"] == pytest.approx(100 * (1 + 1 / 3) / 7, abs=1e-5)
    assert metrics["expert_expert_iou_by_image_percent"] == pytest.approx(100 * (1 / 3 + 1 / 3) / 3, abs=1e-5)
    assert metrics["professions"]["student"] == {
        "annotators": 2,
        "annotations": 6,
        "pairs": 3,
        "iou_percent": pytest.approx(100 * (1 + 1 / 3) / 3, abs=1e-5),
    }
    assert metrics["professions"]["physician"] == {"annotators": 1, "annotations": 2, "pairs": 0, "iou_percent": None}
    # image one: three marks; two: two; three: three marks and dario's empty sheet, which disagrees in 3 of 6 pairs
    assert metrics["presence"] == {
        "agreement_percent": pytest.approx(100 * (1 + 1 + 3 / 6) / 3, abs=1e-4),
        "alpha": pytest.approx(1 - 8 * (2 * 3 * 1 / 3) / (2 * 8 * 1), abs=1e-6),
        "alpha_note": "",
        "marked_percent": pytest.approx(100 * 8 / 9, abs=1e-4),
        "readings": 9, "empty": 1, "false_starts": 0, "pairs": 10, "images": 3,
    }  # fmt: skip
    assert metrics["place"]["iou_percent"] == pytest.approx(metrics["expert_expert_iou_by_image_percent"], abs=1e-5)
    assert (metrics["place"]["pairs"], metrics["place"]["images"]) == (7, 3)
    assert annotations["reading_annotators"].tolist() == [row[1] for row in ROWS_BY_IMAGE]
    assert annotations["annotators"].tolist() == [row[1] for row in ROWS_BY_IMAGE[:-1]]
    assert annotations["reading_is_marked"].tolist() == [True] * 8 + [False]
    by_image = pd.read_csv(study.folder / "plots/agreement.csv")
    assert by_image.image.tolist() == ["one", "two", "three"]
    np.testing.assert_allclose(by_image.iou, [1 / 3, 1 / 3, 0], atol=1e-6)
    assert (by_image.random_iou < 0.3).all()
    professions = pd.read_csv(study.folder / "plots/professions.csv")
    assert professions.columns.tolist() == ["profession", "annotators", "annotations", "pairs", "iou"]
    assert not list(study.folder.rglob("*.partial"))


def test_order_of_the_rows_changes_no_byte(study: Study) -> None:
    study.succeed()
    outputs = ["data/consensus.npz", "data/annotations.npz", "metrics/consensus.json", "plots/agreement.csv"]
    before = [(study.folder / name).read_bytes() for name in outputs]
    study.rows = [study.rows[place] for place in np.random.default_rng(0).permutation(len(study.rows))]
    study.succeed()
    assert before == [(study.folder / name).read_bytes() for name in outputs]


def test_an_annotator_votes_once_and_repeats_tell_of_the_annotator(study: Study) -> None:
    """Anna's second reading of `one` (half of her first) neither votes nor pairs with the others."""
    study.succeed()
    before = study.array("consensus")
    Image.fromarray(np.where(np.arange(2 * SIDE)[:, None] < 25, square(10, 10, 30), 0).astype(np.uint8)).save(
        study.own / "masks/again.png"
    )
    study.rows.insert(0, ["a000", "one", "anna", "student", "again.png", "2025-01-01T01:00:00+00:00"])
    study.succeed()
    after, metrics = study.array("consensus"), study.metrics()
    np.testing.assert_array_equal(after["consensus"], before["consensus"])
    assert after["count"].tolist() == [3, 2, 3]
    assert (metrics["annotations"], metrics["valid_annotations"], metrics["repeats"]) == (10, 8, 1)
    # 15 x 15 on the grid; of rows 5 to 19, those below 25 / 2 = 12.5 stay: 8 of 15
    assert metrics["self_iou_percent"] == pytest.approx(100 * 8 / 15, abs=1e-4)
    study.rows[0][-1] = "2024-12-31T23:00:00-05:00"  # later than midnight in UTC
    study.succeed()
    np.testing.assert_array_equal(study.array("consensus")["consensus"], before["consensus"])
    study.rows[0][-1] = "2024-12-31T23:00:00+00:00"  # now the half comes first, and votes
    study.succeed()
    assert study.array("annotations")["masks"].sum(axis=(1, 2)).tolist().count(8 * 15) == 1


def test_cleanup_none_takes_masks_as_they_are(study: Study) -> None:
    """A thin ring is a region of its own, not an outline to fill."""
    ring = square(20, 20, 80)
    ring[24:96, 24:96] = 0
    Image.fromarray(ring).save(study.own / "masks/ring.png")
    study.rows = [["a0", "one", "anna", "student", "ring.png", "2025-01-01T00:00:00"]]
    study.succeed()
    assert study.array("consensus")["consensus"].sum() > 36 * 36 - 40  # filled, less the line's width
    study.settings["cleanup"] = "none"
    study.succeed()
    assert study.array("consensus")["consensus"].sum() == 40 * 40 - 36 * 36


def test_an_empty_annotation_votes_if_told(study: Study) -> None:
    """`three`: three squares and an empty sheet; `one` with two empty sheets more: two of five are less than half."""
    study.rows += [[f"b{n}", "one", f"empty{n}", "", "a8.png", "2025-01-01T00:00:00"] for n in range(2)]
    study.succeed()
    assert study.array("consensus")["consensus"].sum(axis=(1, 2)).tolist() == [225, 600, 0]
    study.settings["empty"] = "votes"
    study.succeed()
    merged = study.array("consensus")
    assert merged["count"].tolist() == [5, 2, 4]
    assert merged["consensus"].sum(axis=(1, 2)).tolist() == [0, 600, 0]
    assert merged["share"][0].max() == np.float32(0.4)


def test_place_leaves_out_empty_annotations_where_the_published_number_counts_them(study: Study) -> None:
    study.succeed()
    before = study.metrics()
    study.settings["empty"] = "votes"
    study.succeed()
    after = study.metrics()
    for name in ("iou_percent", "pairs", "images"):  # other random masks are drawn where four annotations ask for them
        assert after["place"][name] == before["place"][name]
    assert after["presence"] == before["presence"]
    # dario's empty sheet adds three pairs of IoU 0 to the published number
    assert after["expert_expert_iou_percent"] == pytest.approx(before["expert_expert_iou_percent"] * 7 / 10, abs=1e-4)


def test_an_empty_answer_of_the_page_is_a_reading_and_another_empty_sheet_a_false_start(study: Study) -> None:
    study.rows.append(["again", "one", "anna", "student", "a8.png", "2025-01-02T00:00:00"])
    study.succeed()
    assert study.metrics()["presence"]["false_starts"] == 1
    assert study.metrics()["presence"]["readings"] == 9
    (study.own / "readings.csv").write_text("annotation,repeat\nagain,1\n")
    study.succeed()
    assert study.metrics()["presence"]["false_starts"] == 0
    stored = study.array("annotations")
    row = stored["reading_annotations"].tolist().index("again")
    assert stored["reading_annotations"][stored["reading_first"][row]] == "a2"
    assert study.metrics()["presence"]["readings"] == 9  # the first reading alone is compared with other readers


def test_a_hidden_second_reading_is_no_false_start_and_a_stated_repeat_is_an_answer(study: Study) -> None:
    study.succeed()
    before = study.metrics()
    rows = [["again", "one", "anna", "student", "a8.png", "2020-01-02T00:00:00", "1"]]  # empty, and the earliest
    rows += [["alone", "one", "emma", "student", "a1.png", "2020-01-02T00:00:00", "1"]]  # the first: cannot judge
    study.rows = [[*row, ""] for row in study.rows] + rows
    study.columns = [*study.columns, "repeat"]
    study.succeed()
    after = study.metrics()
    assert after["annotations"] == before["annotations"] + 2
    for name in ("presence", "place", "valid_annotations", "annotators", "expert_expert_iou_percent"):
        assert after[name] == before[name]
    assert "alone" not in study.array("annotations")["reading_annotations"].tolist()


def test_at_least_staple_and_weights(study: Study) -> None:
    study.settings |= {"rule": "at_least", "min_count": 2}
    study.succeed()
    np.testing.assert_array_equal(study.array("consensus")["consensus"].sum(axis=(1, 2)), [225, 200, 0])
    study.settings |= {"rule": "weighted", "weights": "{student: 1.0, physician: 5.0}"}
    study.succeed()
    # image one: carla, a physician, outweighs two students; two: both students; three: carla again
    assert study.array("consensus")["consensus"].sum(axis=(1, 2)).tolist() == [225, 600, 100]
    assert study.array("consensus")["consensus"][0, 40:55, 40:55].all()
    others = study.array("annotations")["others"]
    assert others.shape == study.array("annotations")["masks"].shape
    study.settings |= {"weights": "{student: 1.0}"}
    code, told = study.run()
    assert code == 1
    assert "professions without a weight" in told
    assert "physician" in told
    study.settings |= {"rule": "staple"}
    study.succeed()
    assert not (study.array("consensus")["consensus"] & (study.array("consensus")["share"] == 0)).any()


def test_rules(study: Study) -> None:
    study.settings["rule"] = "union"
    study.succeed()
    assert study.array("consensus")["consensus"].sum(axis=(1, 2)).tolist() == [450, 600, 550]
    study.settings["rule"] = "intersection"
    study.succeed()
    assert study.array("consensus")["consensus"].sum(axis=(1, 2)).tolist() == [0, 200, 0]


def test_an_image_whose_annotations_are_all_empty_stays(study: Study) -> None:
    study.rows = study.rows[:2] + study.rows[-1:]
    study.succeed()
    merged = study.array("consensus")
    assert merged["images"].tolist() == ["two", "three"]
    assert merged["count"].tolist() == [2, 0]
    assert not merged["consensus"][1].any()
    assert study.metrics()["nonempty_consensus"] == 1


def test_all_bad_rows_are_named_at_once(study: Study) -> None:
    (study.own / "masks/text.png").write_text("no picture")
    whole = (study.own / "masks/a1.png").read_bytes()
    (study.own / "masks/cut.png").write_bytes(whole[: len(whole) - 30])
    Image.fromarray(square(0, 0, 9)[:, :90]).save(study.own / "masks/narrow.png")
    (study.folder / "outside.png").write_bytes(whole)
    (study.own / "masks/folder.png").mkdir()
    study.rows += [
        ["b0", "stranger", "anna", "", "a0.png", ""],
        ["b1", "zero", "anna", "", "a0.png", ""],
        ["b2", "one", "anna", "", "gone.png", ""],
        ["b3", "one", "anna", "", "text.png", ""],
        ["b4", "one", "anna", "", "cut.png", ""],
        ["b5", "one", "anna", "", "narrow.png", ""],
        ["b6", "one", "anna", "", "../../outside.png", ""],
        ["b7", "one", " ", "", "a0.png", ""],
        ["a0", "one", "anna", "", "a0.png", ""],
        ["b9", "one", "anna", "", "", ""],
        ["b10", "one", "anna", "", "folder.png", ""],
        ["", "one", "anna", "", "a0.png", ""],
        ["b12", "four", "anna", "", str(study.folder / "outside.png"), ""],
    ]
    told = study.refuse()
    first = len(MARKS) + 2  # the header is row 1
    for offset, words in enumerate(
        [
            "image 'stranger' is not in",
            "image 'zero' is in split train",
            "missing",
            "not a PNG",
            "not readable",
            "128 x 90",
            "plain name",
            "annotator is empty",
            "annotation 'a0' is in an earlier row",
            "mask '' must be the plain name",
            "could not be read (Is a directory)",
            "annotation is empty",
            "image 'four' is in split val",
        ]
    ):
        assert any(f"row {first + offset}:" in line and words in line for line in told.splitlines()), (words, told)
    assert told.count("annotations.csv, row ") == 14  # the last row has two faults; the right rows are not blamed


def test_missing_column(study: Study) -> None:
    study.run()
    for output in ("data/consensus.npz", "data/annotations.npz"):
        (study.folder / output).unlink()
    table = pd.read_csv(study.own / "annotations.csv").drop(columns="annotator")
    table.to_csv(study.own / "annotations.csv", index=False)
    code, told = study.run_as_is()
    assert code == 1
    assert "annotations.csv: lacks columns annotator" in told
    assert not (study.folder / "data/consensus.npz").exists()


def test_no_annotations_name_the_remedy(study: Study) -> None:
    study.rows = []
    assert "consensus.source: none" in study.refuse()


def test_a_folder_that_is_not_there(study: Study) -> None:
    study.settings["folder"] = "nowhere"
    assert "nowhere/annotations.csv: not there" in study.refuse()


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("min_share", 0.0, r"consensus.min_share: must be in (0, 1], got 0.0"),
        ("min_share", 1.5, r"consensus.min_share: must be in (0, 1], got 1.5"),
        ("random_masks", 0, "consensus.random_masks: must be at least 1, got 0"),
        ("rule", "median", "consensus.rule: expected one of mean, at_least, union, intersection, staple, weighted"),
        ("source", "mask", "did you mean masks?"),
        ("folder", "''", "consensus.folder: must name"),
    ],
)
def test_wrong_parameters(study: Study, key: str, value: object, told: str) -> None:
    study.settings[key] = value
    assert told in study.refuse()


def test_a_mask_may_have_its_source_image_s_aspect(study: Study) -> None:
    """Prepared images are squashed; the expert drew on the picture as it was."""
    Image.new("L", (300, 200)).save(study.folder / "wide.jpeg")
    index = pd.read_csv(study.folder / "data/prepared/index.csv")
    index.loc[index.image == "two", "source"] = "wide.jpeg"
    index.to_csv(study.folder / "data/prepared/index.csv", index=False)
    sheet = np.zeros((400, 600), np.uint8)
    sheet[100:300, 150:450] = 255
    Image.fromarray(sheet).save(study.own / "masks/a0.png")  # a1, square as the grid, stays
    study.succeed()
    place = study.array("annotations")["annotations"].tolist().index("a0")
    mask = study.array("annotations")["masks"][place]
    assert mask.sum() == 32 * 32
    assert mask[16:48, 16:48].all()
    Image.fromarray(sheet.T.copy()).save(study.own / "masks/a0.png")
    assert "600 x 400 (rows x columns) does not have the aspect of its image, 200 x 300 or 64 x 64" in study.run()[1]


def test_any_kind_of_png_means_the_same(study: Study) -> None:
    """A page's transparent sheet, a palette, 1 bit, 16 bits: white strokes are white strokes."""
    gray = square(20, 20, 40)
    rgba = np.zeros((*gray.shape, 4), np.uint8)
    rgba[gray > 0] = 255
    rgba[gray == 0, :3] = 255  # white, but transparent: nothing drawn
    kinds = [
        Image.fromarray(gray),
        Image.fromarray(rgba),
        Image.fromarray(gray).convert("1"),
        Image.fromarray(gray).convert("P"),
        Image.fromarray(gray).convert("RGB"),
        Image.fromarray(gray.astype(np.uint16) * 257),
    ]
    study.rows = []
    for number, picture in enumerate(kinds):
        picture.save(study.own / f"masks/k{number}.png")
        study.rows.append([f"k{number}", "one", f"person{number}", "student", f"k{number}.png", ""])
    study.succeed()
    masks = study.array("annotations")["masks"]
    assert len(masks) == len(kinds)
    assert (masks == masks[0]).all()
    assert masks[0].sum() == 400


def finished(study: Study) -> Path:
    study.settings["source"], study.settings["folder"] = "masks", "finished"
    folder = study.folder / "finished"
    folder.mkdir()
    Image.fromarray(square(20, 20, 40)).save(folder / "two.png")
    Image.fromarray(square(0, 0, 0)).save(folder / "one.png")
    return folder


def test_finished_masks(study: Study) -> None:
    finished(study)
    study.succeed()
    merged, metrics = study.array("consensus"), study.metrics()
    assert merged["images"].tolist() == ["one", "two"]
    assert merged["count"].tolist() == [1, 1]
    assert merged["consensus"].sum(axis=(1, 2)).tolist() == [0, 400]
    np.testing.assert_array_equal(merged["share"], merged["consensus"].astype(np.float32))
    assert study.array("annotations")["masks"].shape == (0, SIDE, SIDE)
    assert (metrics["test_images"], metrics["nonempty_consensus"]) == (2, 1)
    assert metrics["consensus_pixels_percent"] == pytest.approx(100 * 400 / SIDE**2, abs=1e-5)
    for name in ("annotations", "valid_annotations", "annotators", "expert_expert_iou_percent", "p_value_published"):
        assert metrics[name] is None
    assert metrics["presence"] == metrics["place"] == {}


def test_wrong_finished_masks_are_named_at_once(study: Study) -> None:
    folder = finished(study)
    Image.fromarray(square(0, 0, 9)[:, :90]).save(folder / "three.png")
    Image.fromarray(square(0, 0, 9)).save(folder / "zero.png")
    Image.fromarray(square(0, 0, 9)).save(folder / "stranger.png")
    (folder / "notes.txt").write_text("read me")
    (folder / "one.png").write_text("no picture")
    told = study.refuse()
    for words in (
        "three.png: 128 x 90",
        "zero.png: image 'zero' is in split train",
        "stranger.png: image 'stranger' is not in",
        "notes.txt: not a .png",
        "one.png: not a PNG",
    ):
        assert words in told
    assert "5 wrong masks" in told


def test_no_consensus_at_all(study: Study) -> None:
    study.settings["source"] = "none"
    study.succeed()
    merged, metrics = study.array("consensus"), study.metrics()
    assert merged["consensus"].shape == merged["share"].shape == (0, SIDE, SIDE)
    assert len(merged["images"]) == len(merged["count"]) == 0
    assert merged["images"].dtype.kind == "U"
    assert metrics["test_images"] == metrics["nonempty_consensus"] == 0
    assert metrics["expert_expert_iou_percent"] is None
    assert pd.read_csv(study.folder / "plots/agreement.csv").empty
    assert pd.read_csv(study.folder / "plots/professions.csv").columns[0] == "profession"


def test_as_a_program(study: Study) -> None:
    """As DVC runs it: an exit code, one clear line and no traceback."""
    study.succeed()
    study.rows[0][1] = "stranger"
    study.run()
    command = [sys.executable, str(ROOT / "src/consensus.py")]
    done = subprocess.run(command, cwd=study.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "row 2: image 'stranger' is not in" in done.stderr
