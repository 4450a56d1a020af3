"""What readers of JSON documents have in common: recognition, names, refusals, repeats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.formats.annotations import Drawing, ImportOptions
from sightline.formats.readers import FORMATS
from sightline.study.errors import StudyError
from tool_documents import (
    BY_A,
    CHESTX_DET,
    COLS,
    DOCUMENTS,
    ROWS,
    box,
    labelme,
    labelme_shape,
    read,
)


@pytest.mark.parametrize("format", sorted(DOCUMENTS))
def test_each_document_is_recognised_as_one_format_and_names_its_images_and_labels(format: str, tmp_path: Path) -> None:
    contents = read(format, DOCUMENTS[format], tmp_path)
    assert contents.images == ({"im1"} if format == "labelme" else {"im1", "im2"})
    assert {"opacity", "mass"} <= contents.labels


@pytest.mark.parametrize("format", ["chestx-det", "labelme", "via"])
def test_a_format_that_names_nobody_asks_for_the_reader(format: str, tmp_path: Path) -> None:
    contents = read(format, DOCUMENTS[format], tmp_path, ImportOptions(size=(ROWS, COLS)))
    assert contents.drawings == []
    assert contents.num_nameless == (1 if format == "labelme" else 2)


def test_names_with_accents_join_in_either_spelling(tmp_path: Path) -> None:
    document = labelme(labelme_shape("rectangle", [[1, 1], [9, 9]]), name="ro\u0308.png")
    assert read("labelme", document, tmp_path).images == {"r\u00f6"}


@pytest.mark.parametrize("format", ["chestx-det", "padchest-gr", "mdai", "labelme", "via"])
def test_another_document_is_refused_in_one_line(format: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    for text in ('{"a": 1}' if format in ("chestx-det", "padchest-gr") else "[1, 2]", "{", ""):
        path.write_text(text)
        with pytest.raises(StudyError) as refused:
            FORMATS[format].read(path, BY_A)
        assert "\n" not in str(refused.value)
        assert str(refused.value).startswith(f"{path}: not ")


def test_repeats_of_one_mistake_are_one_line(tmp_path: Path) -> None:
    document = [{**CHESTX_DET[0], "file_name": f"{number}.png", "boxes": []} for number in range(500)]
    (problem,) = read("chestx-det", document, tmp_path).problems
    assert problem.endswith("(and 499 more like it)")


def test_a_drawing_is_kept_as_run_lengths_of_the_whole_image(tmp_path: Path) -> None:
    (drawing,) = read("labelme", labelme(labelme_shape("rectangle", [[5, 6], [20, 30]])), tmp_path).drawings
    again = Drawing.of(box(5, 6, 20, 30), image="im1", annotator="A", created_at="", source="")
    assert np.array_equal(drawing.counts, again.counts)
