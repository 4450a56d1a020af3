"""Masks as files: a folder of PNGs, and an NPZ."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bug_inputs import bug_input
from mutations import answered, mutated_bytes
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.readers import FORMATS, format_of, read_files
from sightline.study.errors import StudyError

ROWS, COLS = 24, 30
BY_A = ImportOptions(annotator="A")


def box(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((ROWS, COLS), bool)
    mask[y0:y1, x0:x1] = True
    return mask


FIRST, SECOND, EMPTY = box(3, 4, 15, 12), box(20, 10, 28, 20), box(0, 0, 0, 0)


def folder_of(tmp_path: Path, **masks: np.ndarray) -> Path:
    folder = tmp_path / "masks"
    folder.mkdir()
    for name, values in masks.items():
        Image.fromarray(values).save(folder / f"{name}.png")
    return folder


def npz_of(tmp_path: Path, **arrays: np.ndarray) -> Path:
    path = tmp_path / "masks.npz"
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return path


def drawn(contents: FileContents) -> dict[tuple[str, str], np.ndarray]:
    assert contents.problems == []
    return {(drawing.image, drawing.annotator): drawing.mask for drawing in contents.drawings}


def same(contents: FileContents, expected: dict[tuple[str, str], np.ndarray]) -> bool:
    masks = drawn(contents)
    return masks.keys() == expected.keys() and all(np.array_equal(masks[key], expected[key]) for key in expected)


# ------------------------------------------------------------------------------------------------------ PNG folders


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_a_folder_of_png_masks_is_read_whatever_its_white(white: int, tmp_path: Path) -> None:
    kind = np.uint16 if white > 255 else np.uint8
    masks = {"im1": FIRST, "im2": SECOND, "im3": EMPTY}
    folder = folder_of(tmp_path, **{name: mask.astype(kind) * kind(white) for name, mask in masks.items()})
    assert format_of(folder) == "png"
    contents = read_files([folder], BY_A)
    assert same(contents, {(name, "A"): mask for name, mask in masks.items()})
    assert contents.images == {"im1", "im2", "im3"}
    assert read_files([folder], ImportOptions()).num_nameless == 3


def test_files_that_are_no_png_are_left_out_with_a_note(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, im1=FIRST)
    (folder / "readme.txt").write_text("masks")
    (folder / "Thumbs.db").write_bytes(b"")
    (folder / ".DS_Store").write_bytes(b"")
    contents = read_files([folder], BY_A)
    assert same(contents, {("im1", "A"): FIRST})
    assert contents.notes == ["files beside the masks that are no PNG were left out: 2"]


def test_a_mask_of_0_and_1_beside_masks_of_0_and_255_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, im1=FIRST.astype(np.uint8), im2=SECOND * np.uint8(255))
    (problem,) = read_files([folder], BY_A).problems
    assert problem == "im1.png: its brightest pixel is 1, that of im2.png 255; save all masks with 0 and 255"


def test_wrong_masks_are_named_all_at_once(tmp_path: Path) -> None:
    labels = FIRST + SECOND * np.uint8(2)
    folder = folder_of(tmp_path, im1=labels, im2=~FIRST * np.uint8(255), im3=SECOND * np.uint8(255))
    (folder / "im4.png").write_bytes(b"no png")
    (folder / "im3.PNG").write_bytes((folder / "im3.png").read_bytes())
    problems = read_files([folder], BY_A).problems
    assert [problem.split(":")[0] for problem in problems] == ["im1.png", "im2.png", "im3.png", "im4.png"]
    reasons = ("brightest pixel is 2", "looks black on white", "has the stem of 'im3.PNG'", "not a PNG")
    for problem, reason in zip(problems, reasons, strict=True):
        assert reason in problem


def test_films_beside_a_document_are_no_masks(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, im1=FIRST * np.uint8(255))
    (folder / "annotations.json").write_text("{}")
    with pytest.raises(StudyError):
        read_files([folder], BY_A)


@pytest.mark.parametrize("name", ["masks-0-1-pipeline", "masks-16-bit-255"])
def test_the_masks_of_the_bug_reports_keep_their_regions(name: str, tmp_path: Path) -> None:
    masks = drawn(read_files([bug_input(name, tmp_path) / "masks"], BY_A))
    assert len(masks) == 3
    for mask in masks.values():
        assert mask.mean() == pytest.approx(0.083, abs=0.001)


def test_a_broken_png_is_contents_or_a_refusal(tmp_path: Path) -> None:
    rng = np.random.default_rng(16)
    folder = folder_of(tmp_path, im1=FIRST * np.uint8(255), im2=SECOND * np.uint8(255))
    content = (folder / "im1.png").read_bytes()
    for _ in range(1000):
        answer = answered(lambda _: FORMATS["png"].read(folder, BY_A), folder / "im1.png", mutated_bytes(content, rng))
        assert isinstance(answer, FileContents)
        assert len(answer.drawings) + len(answer.problems) == 2


# --------------------------------------------------------------------------------------------------------------- NPZ


@pytest.mark.parametrize("white", [1, 255])
def test_an_npz_with_an_array_per_image(white: int, tmp_path: Path) -> None:
    kind = np.uint8
    path = npz_of(tmp_path, im1=FIRST.astype(kind) * kind(white), im2=SECOND * kind(white), im3=EMPTY)
    assert format_of(path) == "npz"
    assert same(read_files([path], BY_A), {("im1", "A"): FIRST, ("im2", "A"): SECOND, ("im3", "A"): EMPTY})


def test_an_npz_with_images_masks_and_readers(tmp_path: Path) -> None:
    stack = np.stack([FIRST, SECOND, EMPTY])
    path = npz_of(tmp_path, images=np.array(["im1.png", "im2.png", "im3.png"]), masks=stack)
    assert same(read_files([path], BY_A), {("im1", "A"): FIRST, ("im2", "A"): SECOND, ("im3", "A"): EMPTY})
    path = npz_of(
        tmp_path, images=np.array(["im1", "im1", "im2"]), readers=np.array(["R1", "R2", "R1"]), drawings=stack
    )
    assert same(read_files([path], BY_A), {("im1", "R1"): FIRST, ("im1", "R2"): SECOND, ("im2", "R1"): EMPTY})


def test_masks_of_one_npz_have_one_white(tmp_path: Path) -> None:
    path = npz_of(tmp_path, im1=FIRST.astype(np.uint8), im2=SECOND * np.uint8(255))
    (problem,) = read_files([path], BY_A).problems
    assert problem.startswith("mask 'im1': its brightest pixel is 1, that of mask 'im2' 255")


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"images": np.array(["a", "b"]), "masks": np.stack([FIRST])}, "2 images, 1 masks in masks; expected as many"),
        ({"images": np.array(["a"])}, "expected one array of masks beside images"),
        ({"images": np.array(["a"]), "m": np.stack([FIRST]), "n": np.stack([FIRST])}, "there are m bool of shape"),
        ({"images": np.array([1, 2]), "masks": np.stack([FIRST, SECOND])}, "expected a list of names"),
        ({"images": np.array(["a"]), "readers": np.array(["r", "s"]), "masks": np.stack([FIRST])}, "readers; expected"),
    ],
)
def test_an_npz_whose_arrays_do_not_fit_together_is_refused(
    arrays: dict[str, np.ndarray], named: str, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match=named):
        read_files([npz_of(tmp_path, **arrays)], BY_A)


def test_wrong_masks_of_an_npz_are_named(tmp_path: Path) -> None:
    images = np.array(["im1", "im1", ""])
    path = npz_of(tmp_path, images=images, masks=np.stack([FIRST, SECOND, FIRST]))
    assert read_files([path], BY_A).problems == [
        "mask 'im1': a second mask of image 'im1'; keep one",
        "mask '': its image has no name; enter it",
    ]
    (problem,) = read_files([npz_of(tmp_path, im1=np.stack([FIRST, SECOND]))], BY_A).problems
    assert problem == "mask 'im1': an array of bool and shape (2, 24, 30), expected numbers in rows and columns"


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    path = npz_of(tmp_path, im1=np.array([{"a": 1}], object))
    with pytest.raises(StudyError, match="not a readable NPZ"):
        read_files([path], BY_A)


def test_a_broken_npz_is_contents_or_a_refusal(tmp_path: Path) -> None:
    rng = np.random.default_rng(16)
    for save in (np.savez, np.savez_compressed):
        stored = BytesIO()
        save(stored, images=np.array(["im1", "im2"]), masks=np.stack([FIRST, SECOND]), readers=np.array(["R1", "R2"]))
        for number in range(500):
            broken = mutated_bytes(stored.getvalue(), rng)
            try:
                answered(lambda path: FORMATS["npz"].read(path, BY_A), tmp_path / "broken.npz", broken)
            except Exception as error:
                raise AssertionError(f"mutation {number} of {save.__name__}") from error
