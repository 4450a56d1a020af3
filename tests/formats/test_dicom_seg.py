"""DICOM segmentations of a radiograph: read pixel by pixel, refused where they are of something else."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pydicom")

from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from mutations import answered, mutated_bytes
from segmentations import CREATOR, SOURCE, item, segmentation, stored
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.readers import FORMATS, format_of
from sightline.study.errors import StudyError

ROWS, COLS = 11, 13  # 143 pixels: the second frame starts within a byte


def box(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((ROWS, COLS), bool)
    mask[y0:y1, x0:x1] = True
    return mask


OPACITY, MASS = box(2, 3, 9, 8), box(10, 1, 12, 10)


def read(header: Dataset, tmp_path: Path, options: ImportOptions | None = None) -> FileContents:
    path = tmp_path / "segmentation.dcm"
    path.write_bytes(stored(header))
    assert format_of(path) == "dicom-seg"
    return FORMATS["dicom-seg"].read(path, options or ImportOptions())


def test_binary_segments_are_united_and_filtered_by_label(tmp_path: Path) -> None:
    contents = read(segmentation([OPACITY, MASS]), tmp_path)
    (drawing,) = contents.drawings
    assert (drawing.image, drawing.annotator, drawing.size) == (SOURCE, CREATOR, (ROWS, COLS))
    assert drawing.created_at == ""
    assert np.array_equal(drawing.mask, OPACITY | MASS)
    assert contents.labels == {"opacity", "mass"}
    for label, expected in (("opacity", OPACITY), ("mass", MASS), ("nodule", box(0, 0, 0, 0))):
        (drawing,) = read(segmentation([OPACITY, MASS]), tmp_path, ImportOptions(labels=[label])).drawings
        assert np.array_equal(drawing.mask, expected)


def test_fractional_segments_are_inside_from_half_of_their_maximum_on(tmp_path: Path) -> None:
    values = np.arange(ROWS * COLS).reshape(ROWS, COLS)
    for top in (255, 200, 99, 1):
        (drawing,) = read(segmentation([values.clip(0, top)], ["opacity"], fractional=top), tmp_path).drawings
        assert np.array_equal(drawing.mask, 2 * values.clip(0, top) >= top)


def test_run_length_encoded_frames_are_read(tmp_path: Path) -> None:
    header = segmentation([OPACITY * 255, MASS * 255], fractional=255)
    header.compress(RLELossless, encoding_plugin="pydicom")
    (drawing,) = read(header, tmp_path).drawings
    assert np.array_equal(drawing.mask, OPACITY | MASS)


def test_a_segment_without_a_frame_or_a_pixel_was_looked_for_and_not_found(tmp_path: Path) -> None:
    nothing = box(0, 0, 0, 0)
    (drawing,) = read(segmentation([nothing], ["opacity"]), tmp_path).drawings
    assert not drawing.mask.any()
    (drawing,) = read(segmentation([MASS], segments=[2]), tmp_path, ImportOptions(labels=["opacity"])).drawings
    assert not drawing.mask.any()


def test_the_segment_may_be_named_once_for_all_frames(tmp_path: Path) -> None:
    shared = item(SegmentIdentificationSequence=[item(ReferencedSegmentNumber=1)])
    header = segmentation([OPACITY], ["opacity"], SharedFunctionalGroupsSequence=[shared])
    del header.PerFrameFunctionalGroupsSequence
    (drawing,) = read(header, tmp_path).drawings
    assert np.array_equal(drawing.mask, OPACITY)


def test_without_a_creator_the_user_names_the_reader(tmp_path: Path) -> None:
    header = segmentation([OPACITY], ["opacity"], ContentCreatorName="")
    assert read(header, tmp_path).num_nameless == 1
    (drawing,) = read(header, tmp_path, ImportOptions(annotator="A")).drawings
    assert drawing.annotator == "A"


def test_segments_of_an_algorithm_are_noted(tmp_path: Path) -> None:
    header = segmentation([OPACITY], ["opacity"])
    header.SegmentSequence[0].SegmentAlgorithmType = "AUTOMATIC"
    assert read(header, tmp_path).notes == ["an algorithm made these segments, not a reader: 'opacity'"]


def second_source(header: Dataset) -> None:
    header.ReferencedSeriesSequence[0].ReferencedInstanceSequence.append(item(ReferencedSOPInstanceUID="1.2.3"))


def no_source(header: Dataset) -> None:
    del header.ReferencedSeriesSequence
    for frame in header.PerFrameFunctionalGroupsSequence:
        del frame.DerivationImageSequence


def change(**fields: Any) -> Callable[[Dataset], None]:
    def changed(header: Dataset) -> None:
        for key, value in fields.items():
            setattr(header, key, value)

    return changed


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (second_source, "has 2 source images, expected one: a volume's has no place on a radiograph"),
        (no_source, "names no source image"),
        (change(SegmentSequence=[item(SegmentNumber=1, SegmentLabel="a")]), "a frame is of segment 2, which the file"),
        (change(SegmentSequence=[]), "has no segment"),
        (change(NumberOfFrames=3), "has 3 frames and describes 2"),
        (change(Rows=12), "cannot be decoded (ValueError); export it again, uncompressed"),
        (change(Rows=60000), "image size 60000 x 13"),
        (change(SegmentationType="LABELMAP"), "SegmentationType is 'LABELMAP'"),
        (change(PixelData=b"\0\0"), "cannot be decoded (ValueError); export it again, uncompressed"),
    ],
)
def test_what_is_wrong_is_said_without_a_name(changed: Callable[[Dataset], None], named: str, tmp_path: Path) -> None:
    header = segmentation([OPACITY, MASS])
    changed(header)
    contents = read(header, tmp_path)
    assert contents.drawings == []
    (problem,) = contents.problems
    assert problem.startswith("segmentation: ")
    assert named in problem
    for private in ("Zelda", "Invented", "0815", "2026"):
        assert private not in problem


def test_several_frames_of_a_segment_are_a_volume(tmp_path: Path) -> None:
    (problem,) = read(segmentation([OPACITY, MASS, MASS], segments=[1, 2, 2]), tmp_path).problems
    assert problem == "segmentation: segment 2 has 2 frames, expected one: it is a volume"


def test_other_kinds_of_dicom_are_refused_with_the_reason(tmp_path: Path) -> None:
    structures = Path(str(get_testdata_file("rtstruct.dcm")))
    with pytest.raises(StudyError, match="not a DICOM file that can be read"):  # this one has no preamble
        FORMATS["dicom-seg"].read(structures, ImportOptions())
    kinds = {
        "1.2.840.10008.5.1.4.1.1.481.3": "contours in patient millimetres; a radiograph has no such frame",
        "1.2.840.10008.5.1.4.1.1.66.7": "a label map",
        "1.2.840.10008.5.1.4.1.1.1": "a DICOM file of another kind, not a segmentation",
    }
    for kind, reason in kinds.items():
        with pytest.raises(StudyError, match=reason):
            read(segmentation([OPACITY], ["a"], SOPClassUID=kind), tmp_path)


def test_without_pydicom_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "segmentation.dcm"
    path.write_bytes(stored(segmentation([OPACITY], ["a"])))
    really = builtins.__import__

    def without(name: str, *args: Any, **named: Any) -> Any:
        if name.startswith("pydicom"):
            raise ImportError(name)
        return really(name, *args, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StudyError, match=r"the package pydicom is missing; pip install 'sightline\[dicom\]'"):
        FORMATS["dicom-seg"].read(path, ImportOptions())


def test_a_broken_segmentation_is_contents_or_a_refusal(tmp_path: Path) -> None:
    rng = np.random.default_rng(16)
    content = stored(segmentation([OPACITY, MASS]))
    for number in range(1000):
        broken = mutated_bytes(content, rng)
        try:
            answer = answered(lambda path: FORMATS["dicom-seg"].read(path, ImportOptions()), tmp_path / "b.dcm", broken)
        except Exception as error:
            raise AssertionError(f"mutation {number}") from error
        said = str(answer) if isinstance(answer, StudyError) else " ".join([*answer.problems, *answer.notes])
        assert "Zelda" not in said
        assert "Invented" not in said
        if isinstance(answer, FileContents) and not answer.problems:
            assert len(answer.drawings) + answer.num_nameless == 1
