"""REFLACX readings: folders made here, as the data set's README and ricbl/eyetracking describe them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.readers import files_at, format_of, read_files
from sightline.formats.reflacx import ellipses_counts
from sightline.formats.rle import mask_of
from sightline.formats.shapes import ellipse_mask
from sightline.study.errors import StudyError

ROWS, COLS = 300, 254
HEADER = "xmin,ymin,xmax,ymax,certainty,Atelectasis,Consolidation\r\n"


def reading(folder: Path, name: str, *rows: str, header: str = HEADER) -> None:
    (folder / name).mkdir(parents=True)
    text = header + "".join(f"{row}\r\n" for row in rows)
    (folder / name / "anomaly_location_ellipses.csv").write_text(text, encoding="utf-8", newline="")
    (folder / name / "fixations.csv").write_text("timestamp_start_fixation\n", encoding="utf-8")


def data_set(folder: Path) -> Path:
    """Two readings of d1, one of d2 in a later phase with other findings; gaze of the second was discarded."""
    reading(folder, "P102R000001", "20,90,150,140,4,False,True", "10.5,20.25,60,80,1,True,False")
    reading(folder, "P102R999999")
    reading(folder, "P300R000007", "5,5,9,9,5,True", header="xmin,ymin,xmax,ymax,certainty,Enlarged hilum\r\n")
    columns = "id,split,eye_tracking_data_discarded,image,dicom_id,subject_id,image_size_x,image_size_y\n"
    (folder / "metadata_phase_1.csv").write_text(
        f"{columns}P102R000001,train,False,files/d1.dcm,d1,1,{COLS},{ROWS}\n"
        f"P102R999999,train,True,files/d1.dcm,d1,1,{COLS},{ROWS}\n",
        encoding="utf-8",
    )
    (folder / "metadata_phase_3.csv").write_text(
        f"{columns}P300R000007,test,False,files/d2.dcm,d2,2,40,50\n", encoding="utf-8"
    )
    return folder


def read(path: Path, **options: object) -> FileContents:
    return read_files([path], ImportOptions(**options))  # type: ignore[arg-type]


def ellipse(x0: float, y0: float, x1: float, y1: float, size: tuple[int, int] = (ROWS, COLS)) -> np.ndarray:
    return ellipse_mask(((x0 + x1) / 2, (y0 + y1) / 2), ((x1 - x0) / 2, (y1 - y0) / 2), 0.0, size)


def test_each_reading_is_a_drawing_of_its_ellipses(tmp_path: Path) -> None:
    found = read(data_set(tmp_path / "main_data"))
    assert found.problems == []
    masks = {(drawing.image, drawing.annotator): drawing.mask for drawing in found.drawings}
    assert np.array_equal(masks["d1", "P102R000001"], ellipse(20, 90, 150, 140) | ellipse(10.5, 20.25, 60, 80))
    assert not masks["d1", "P102R999999"].any()
    assert np.array_equal(masks["d2", "P300R000007"], ellipse(5, 5, 9, 9, (50, 40)))
    assert len(masks) == 3
    assert found.labels == {"Atelectasis", "Consolidation", "Enlarged hilum"}
    assert found.notes == ["REFLACX names no reader: each reading counts as by a reader of its own, named by its id"]


def test_a_reading_without_an_ellipse_of_the_finding_is_empty(tmp_path: Path) -> None:
    found = read(data_set(tmp_path / "main_data"), labels={"Consolidation"})
    masks = {drawing.annotator: drawing.mask for drawing in found.drawings}
    assert np.array_equal(masks["P102R000001"], ellipse(20, 90, 150, 140))
    assert not masks["P102R999999"].any()
    assert not masks["P300R000007"].any()


def test_a_reading_readings_the_data_set_or_the_file_alone_are_recognised(tmp_path: Path) -> None:
    data_set(tmp_path / "reflacx" / "main_data")
    (tmp_path / "reflacx" / "gaze_data").mkdir()
    one = tmp_path / "reflacx" / "main_data" / "P102R000001"
    for path, num in (
        (tmp_path / "reflacx", 3),
        (tmp_path / "reflacx" / "main_data", 3),
        (one, 1),
        (one / "anomaly_location_ellipses.csv", 1),
    ):
        assert format_of(path) == "reflacx"
        assert files_at(path) == [(path, "reflacx")]
        assert len(read(path).drawings) == num


def test_an_ellipse_that_reaches_a_little_out_of_the_film_is_cut(tmp_path: Path) -> None:
    folder = data_set(tmp_path / "main_data")
    reading(folder, "P101R000002", "-3,-2,50,304,4,True,False")
    with open(folder / "metadata_phase_1.csv", "a", encoding="utf-8") as file:
        file.write(f"P101R000002,train,False,files/d3.dcm,d3,1,{COLS},{ROWS}\n")
    found = read(folder)
    assert found.problems == []
    (mask_HW,) = (drawing.mask for drawing in found.drawings if drawing.image == "d3")
    assert np.array_equal(mask_HW, ellipse(-3, -2, 50, 304))


def test_an_ellipse_has_the_pixels_of_its_mask() -> None:
    """Whole and quarter points put many centres exactly on the rim."""
    rng = np.random.default_rng(3)
    for _ in range(300):
        size = (int(rng.integers(3, 40)), int(rng.integers(3, 40)))
        x0, y0 = (rng.integers(-8, 4 * side - 4) / 4 for side in (size[1], size[0]))
        x1, y1 = (min(start + rng.integers(1, 60) / 4, side + 2) for start, side in ((x0, size[1]), (y0, size[0])))
        expected_HW = ellipse(x0, y0, x1, y1, size)
        ellipses_14 = np.array([[x0, y0, x1, y1]])
        if expected_HW.any():
            assert np.array_equal(mask_of(ellipses_counts(ellipses_14, size).tolist(), *size), expected_HW), (
                size,
                ellipses_14,
            )
        else:
            with pytest.raises(ValueError, match="mark no pixel"):
                ellipses_counts(ellipses_14, size)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("20,90,20,140,4,False,True", "reading 'P300R000008': an ellipse 0 wide and 50 high; correct it"),
        ("20,90,50,440,4,False,True", "reading 'P300R000008': an ellipse's y goes from 90 to 440, its image from 0 to"),
        ("20.6,90.6,20.8,90.8,4,False,True", "reading 'P300R000008': its ellipses mark no pixel; correct it"),
        ("20,90,50,140,4,perhaps,True", "reading 'P300R000008', row 2: 'Atelectasis' is 'perhaps', expected True or"),
        ("20,,50,140,4,False,True", "reading 'P300R000008': an ellipse's y goes from nan to nan"),
    ],
)
def test_ellipses_that_cannot_be_right_are_problems(tmp_path: Path, row: str, problem: str) -> None:
    folder = data_set(tmp_path / "main_data")
    reading(folder, "P300R000008", row)
    with open(folder / "metadata_phase_3.csv", "a", encoding="utf-8") as file:
        file.write(f"P300R000008,test,False,files/d4.dcm,d4,2,{COLS},{ROWS}\n")
    (line,) = read(folder).problems
    assert line.startswith(problem)


def test_a_reading_without_metadata_is_a_problem_and_none_at_all_an_error(tmp_path: Path) -> None:
    folder = data_set(tmp_path / "main_data")
    reading(folder, "P300R000009", "1,1,9,9,5,True,False")
    assert read(folder).problems == ["reading 'P300R000009': is not in metadata_phase_<n>.csv; add its row"]
    for file in folder.glob("metadata_*.csv"):
        file.unlink()
    with pytest.raises(StudyError, match=r"metadata_phase_<n>\.csv is missing, which names the film"):
        read(folder)
