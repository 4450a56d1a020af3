"""Names with accents have two spellings that look the same: whichever a row has, it is the same image and reader."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.experts.annotation_reader import first_readings, read_annotations, read_finished
from sightline.experts.annotation_writer import append_to_folder, write_folder
from sightline.formats.annotations import Annotation
from sightline.study.errors import StudyError

NFC, NFD = (unicodedata.normalize(form, "\u00e91") for form in ("NFC", "NFD"))
GRID = (8, 8)


def index(image: str) -> pd.DataFrame:
    return pd.DataFrame({"image": [image], "split": ["test"], "source": ["phantom:0"]})


def square(row: int, side: int) -> np.ndarray:
    mask = np.zeros(GRID, bool)
    mask[row : row + side, 1 : 1 + side] = True
    return mask


def written(folder: Path, lines: list[str], masks: dict[str, np.ndarray]) -> Path:
    (folder / "masks").mkdir(parents=True)
    header = "annotation,image,annotator,profession,mask,created_at,drawn,finding"
    (folder / "annotations.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    for name, mask in masks.items():
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "masks" / name)
    return folder


def annotation(name: str, image: str = "a", annotator: str = "r") -> Annotation:
    return Annotation(
        annotation=name, image=image, annotator=annotator, profession="", created_at="", mask=square(1, 2)
    )


def test_findings_of_one_reading_are_united_however_the_image_is_spelled(tmp_path: Path) -> None:
    lines = [f"one,{NFC},r,,one.png,,region,opacity", f"two,{NFD},r,,two.png,,region,nodule"]
    folder = written(tmp_path, lines, {"one.png": square(1, 2), "two.png": square(5, 2)})
    table, masks = read_annotations(folder, index(NFC), GRID)
    assert table["annotation"].tolist() == ["one"]
    assert masks.sum() == 8


def test_a_reader_is_one_however_their_name_is_spelled(tmp_path: Path) -> None:
    lines = [f"one,a,{NFC},,one.png,,region,", f"two,a,{NFD},,two.png,,region,"]
    folder = written(tmp_path, lines, {"one.png": square(1, 2), "two.png": square(5, 2)})
    firsts, again = first_readings(read_annotations(folder, index("a"), GRID)[0])
    assert (firsts.tolist(), again) == ([0], [(0, 1)])


def test_two_masks_whose_names_look_the_same_are_two(tmp_path: Path) -> None:
    if len({image_file(tmp_path, name) for name in (NFC, NFD)}) < 2:
        pytest.skip("this file system takes both spellings for one file")
    lines = [f"one,a,r,,{NFC}.png,,region,", f"two,a,s,,{NFD}.png,,region,"]
    folder = written(tmp_path / "of", lines, {f"{NFC}.png": square(1, 2), f"{NFD}.png": square(1, 4)})
    table, masks = read_annotations(folder, index("a"), GRID)
    assert dict(zip(table["annotation"], masks.sum(axis=(1, 2)).tolist(), strict=True)) == {"one": 4, "two": 16}


def image_file(folder: Path, name: str) -> int:
    (folder / name).touch()
    return (folder / name).stat().st_ino


def test_finished_masks_are_found_however_the_index_spells_the_image(tmp_path: Path) -> None:
    Image.fromarray(square(1, 2).astype(np.uint8) * 255).save(tmp_path / f"{NFC}.png")
    assert read_finished(tmp_path, index(NFD), GRID).images == [NFC]


def test_names_that_some_systems_take_for_one_file_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="a second annotation of that name"):
        write_folder(tmp_path / "new", [annotation(NFC), annotation(NFD.upper())])
    write_folder(tmp_path / "more", [annotation(NFC)])
    with pytest.raises(StudyError, match="a second annotation of that name"):
        append_to_folder(tmp_path / "more", [annotation(NFD)])


def test_half_a_character_is_a_problem_of_its_row(tmp_path: Path) -> None:
    rows = [annotation("a\ud800"), annotation("b", image="\udc80"), annotation("c", annotator="r\udfff")]
    with pytest.raises(StudyError) as raised:
        write_folder(tmp_path / "new", rows)
    fields = ("annotation", "image", "annotator")
    for case, field in zip(raised.value.cases, fields, strict=True):
        assert case.endswith(f"{field} holds half a character")
        case.encode()
    assert not (tmp_path / "new").exists()
