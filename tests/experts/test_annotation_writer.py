"""The folder of annotations: whole or as it was, and what it holds is what the pipeline reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.experts import annotation_writer
from sightline.experts.annotation_reader import read_annotations
from sightline.experts.annotation_writer import append_to_folder, write_folder
from sightline.formats.annotations import Annotation
from sightline.formats.mask_png import png_values
from sightline.study.errors import StudyError


def row(annotation: str, image: str = "person1", mask: np.ndarray | None = None, **fields: str) -> Annotation:
    drawn = np.zeros((4, 6), bool) if mask is None else mask
    if mask is None:
        drawn[1:3, 2:5] = True
    named = {"annotator": "r-1", "profession": "radiologist", "created_at": "2026-11-23T21:00:00Z", **fields}
    return Annotation(annotation=annotation, image=image, mask=drawn, **named)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_table_and_the_masks_are_the_contract(tmp_path: Path) -> None:
    folder = tmp_path / "annotations"
    assert write_folder(folder, [row("b"), row("a", "person2", profession="")]) == 2
    assert (folder / "annotations.csv").read_bytes() == (
        b"annotation,image,annotator,profession,mask,created_at\n"
        b"b,person1,r-1,radiologist,b.png,2026-11-23T21:00:00Z\n"
        b"a,person2,r-1,,a.png,2026-11-23T21:00:00Z\n"
    )
    with Image.open(folder / "masks" / "b.png") as picture:
        assert (picture.mode, picture.size, picture.format) == ("L", (6, 4), "PNG")
        assert np.array_equal(
            np.asarray(picture),
            [[0] * 6, [0, 0, 255, 255, 255, 0], [0, 0, 255, 255, 255, 0], [0] * 6],
        )
    assert [path.name for path in tmp_path.iterdir()] == ["annotations"]


def test_the_same_rows_in_another_order_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [row("a"), row("b"), row("c", "person0")]
    write_folder(tmp_path / "one", rows)
    write_folder(tmp_path / "two", iter(rows[::-1]))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_what_stands_there_goes_only_when_told(tmp_path: Path) -> None:
    write_folder(tmp_path, [row("a"), row("b")])
    before = contents(tmp_path)
    with pytest.raises(StudyError, match=r"holds annotations already \(annotations.csv and 2 PNGs in masks/\); say"):
        write_folder(tmp_path, [row("c")])
    assert contents(tmp_path) == before


def test_replacing_keeps_the_users_own_files_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    write_folder(tmp_path, [row("a"), row("b")], pd.DataFrame({"annotation": ["a", "b"]}))
    assert (tmp_path / "readings.csv").read_bytes() == b"annotation\na\nb\n"
    (tmp_path / "masks" / "orphan.png").write_bytes(b"left by a killed run")
    (tmp_path / "masks" / "notes.txt").write_text("mine")
    write_folder(tmp_path, [row("b"), row("c")], replace=True)
    assert sorted(contents(tmp_path)) == [
        "README.md", "annotations.csv", "masks/b.png", "masks/c.png", "masks/notes.txt",
    ]  # fmt: skip


def test_masks_without_a_table_count_as_annotations(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a.png").write_bytes(b"drawn by hand")
    with pytest.raises(StudyError, match=r"\(1 PNGs in masks/\)"):
        write_folder(tmp_path, [row("a")])


@pytest.mark.parametrize("stop_at", range(5))
def test_killed_between_any_two_renames_it_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    """Old a, b; new b, c with another mask of b: five steps: two masks, a table, readings.csv and a.png deleted."""
    folder = tmp_path / "annotations"
    write_folder(folder, [row("a"), row("b")], pd.DataFrame({"x": [1]}))
    steps = 0

    def counted(real):
        def step(*args, **kwargs):
            nonlocal steps
            if "masks" in str(args) or "annotations.csv" in str(args[-1]) or "readings.csv" in str(args[0]):
                if steps == stop_at:
                    raise KeyboardInterrupt
                steps += 1
            return real(*args, **kwargs)

        return step

    def killed() -> None:
        with monkeypatch.context() as patch:
            real = annotation_writer._move_in

            def moved(partial: Path, into: Path) -> None:
                patch.setattr(os, "replace", counted(os.replace))
                patch.setattr(Path, "unlink", counted(Path.unlink))
                real(partial, into)

            patch.setattr(annotation_writer, "_move_in", moved)
            write_folder(folder, [row("b", mask=np.ones((4, 6), bool)), row("c")], replace=True)

    with pytest.raises(KeyboardInterrupt):
        killed()
    table = pd.read_csv(folder / "annotations.csv")
    assert table.annotation.tolist() == (["a", "b"] if stop_at < 3 else ["b", "c"])
    for name in table["mask"]:
        assert png_values((folder / "masks" / name).read_bytes()).shape == (4, 6)
    write_folder(folder, [row("b"), row("c")], replace=True)
    assert sorted(contents(folder)) == ["annotations.csv", "masks/b.png", "masks/c.png"]


def test_all_wrong_rows_are_told_at_once_and_nothing_changes(tmp_path: Path) -> None:
    folder = tmp_path / "annotations"
    write_folder(folder, [row("old")])
    before = contents(folder)
    wrong = [
        row("ok"), row("OK"), row("../up"), row(""), row(".hidden"), row("x" * 201),
        row("noone", annotator=" "), row("nowhere", image=""), row("gray", mask=np.zeros((4, 6), np.uint8)),
        row("flat", mask=np.zeros(6, bool)),
    ]  # fmt: skip
    with pytest.raises(StudyError, match=r"9 problems") as caught:
        write_folder(folder, wrong, replace=True)
    assert [case.split(": ", 1)[1] for case in caught.value.cases] == [
        "a second annotation of that name (upper and lower case, and both spellings of an accent, are one)",
        *["annotation must be a plain file name of 1 to 200 bytes"] * 4,
        "annotator is empty",
        "image is empty",
        "its mask is uint8 (4, 6), expected bool rows x columns",
        "its mask is bool (6,), expected bool rows x columns",
    ]
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["annotations"]


def test_no_rows_leave_the_folder_as_it_was(tmp_path: Path) -> None:
    write_folder(tmp_path, [row("a")])
    with pytest.raises(StudyError, match="there is no annotation to write; the folder is left as it was"):
        write_folder(tmp_path, [], replace=True)
    assert sorted(contents(tmp_path)) == ["annotations.csv", "masks/a.png"]


def test_an_error_in_the_rows_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    def rows() -> Iterator[Annotation]:
        yield row("a")
        raise RuntimeError("the store went away")

    folder = tmp_path / "annotations"
    with pytest.raises(RuntimeError, match="went away"):
        write_folder(folder, rows())
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "annotations").write_text("a file")
    with pytest.raises(StudyError, match="is a file; name a folder"):
        write_folder(tmp_path / "annotations", [row("a")], replace=True)


def test_the_pipeline_reads_what_was_written(tmp_path: Path) -> None:
    """A filled rectangle of half the grid; cleaning closes and fills, so only its ragged rim could change."""
    mask = np.zeros((64, 64), bool)
    mask[16:48, 8:56] = True
    rows = [row("a", "person1", mask), row("b", "person2", np.zeros((64, 64), bool), profession="")]
    write_folder(tmp_path, rows)
    index = pd.DataFrame({"image": ["person2", "person1"], "split": "test", "source": ["phantom:1", "phantom:0"]})
    table, masks = read_annotations(tmp_path, index, (64, 64))
    assert table.annotation.tolist() == ["b", "a"]
    assert table.profession.tolist() == ["unstated", "radiologist"]
    assert not masks[0].any()
    assert (masks[1] ^ mask).sum() <= 0.02 * mask.sum()


def test_what_a_row_states_of_its_mask_is_a_column(tmp_path: Path) -> None:
    write_folder(tmp_path, [replace(row("a"), drawn="region"), row("b")])
    assert (tmp_path / "annotations.csv").read_text() == (
        "annotation,image,annotator,profession,mask,created_at,drawn\n"
        "a,person1,r-1,radiologist,a.png,2026-11-23T21:00:00Z,region\n"
        "b,person1,r-1,radiologist,b.png,2026-11-23T21:00:00Z,\n"
    )


def test_added_rows_stand_beside_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "Own Mask.png").write_bytes(b"mine")
    (tmp_path / "annotations.csv").write_text(
        "annotation,image,annotator,profession,mask,created_at,NA\nown,person1,r-9,,Own Mask.png,,null\n"
    )
    (tmp_path / "readings.csv").write_text("annotation\nown\n")
    assert append_to_folder(tmp_path, [replace(row("b"), drawn="region"), row("a", "person0")]) == 2
    assert (tmp_path / "annotations.csv").read_text() == (
        "annotation,image,annotator,profession,mask,created_at,NA,drawn\n"
        "a,person0,r-1,radiologist,a.png,2026-11-23T21:00:00Z,,\n"
        "b,person1,r-1,radiologist,b.png,2026-11-23T21:00:00Z,,region\n"
        "own,person1,r-9,,Own Mask.png,,null,\n"
    )
    assert sorted(contents(tmp_path)) == [
        "annotations.csv", "masks/Own Mask.png", "masks/a.png", "masks/b.png", "readings.csv",
    ]  # fmt: skip
    assert (tmp_path / "masks" / "Own Mask.png").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["A", "own mask"])
def test_no_added_row_takes_a_name_that_is_there(tmp_path: Path, name: str) -> None:
    write_folder(tmp_path, [row("a"), row("Own Mask")])
    before = contents(tmp_path)
    with pytest.raises(StudyError, match="1 problem with") as caught:
        append_to_folder(tmp_path, [row("new"), row(name)])
    assert "a second annotation of that name" in caught.value.cases[0]
    assert contents(tmp_path) == before


def test_added_to_nothing_is_a_new_folder_and_masks_without_a_table_stay(tmp_path: Path) -> None:
    append_to_folder(tmp_path / "one", [row("a")])
    write_folder(tmp_path / "two", [row("a")])
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    (tmp_path / "two" / "annotations.csv").unlink()
    with pytest.raises(StudyError, match=r"1 PNGs in masks"):
        append_to_folder(tmp_path / "two", [row("b")])


@pytest.mark.parametrize("stop_at", range(3))
def test_killed_while_adding_the_earlier_rows_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    """Three renames: two masks, then the table."""
    folder = tmp_path / "annotations"
    write_folder(folder, [row("a")])
    real, steps = os.replace, []

    def step(source: Path, target: Path) -> None:
        if ".annotations.partial" in str(source) and "annotations.csv.partial" not in str(source):
            if len(steps) == stop_at:
                raise KeyboardInterrupt
            steps.append(source)
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", step)
        with pytest.raises(KeyboardInterrupt):
            append_to_folder(folder, [row("b"), row("c")])
    assert pd.read_csv(folder / "annotations.csv").annotation.tolist() == ["a"]
    append_to_folder(folder, [row("b"), row("c")])
    assert pd.read_csv(folder / "annotations.csv").annotation.tolist() == ["a", "b", "c"]
    assert [path.name for path in tmp_path.iterdir()] == ["annotations"]
