"""PadChest-GR's grounded reports, pixel by pixel."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.formats.annotations import ImportOptions
from tool_documents import (
    BY_A,
    EMPTY,
    PADCHEST_GR,
    box,
    drawn,
    read,
    same,
)


def test_padchest_gr_has_two_readers_with_stable_names(tmp_path: Path) -> None:
    contents = read("padchest-gr", PADCHEST_GR, tmp_path)
    expected = {
        ("im1", "reader1"): box(30, 10, 45, 20) | box(6, 20, 12, 24),
        ("im1", "reader2"): box(30, 10, 45, 30) | box(0, 0, 6, 4),
        ("im2", "reader1"): EMPTY,  # a normal study; whether a second reader saw it is not known
    }
    assert same(contents, expected)
    only_mass = ImportOptions(images=BY_A.images, labels=["mass"])
    masks = drawn(read("padchest-gr", PADCHEST_GR, tmp_path, only_mass))
    assert np.array_equal(masks["im1", "reader1"], box(6, 20, 12, 24))
    assert not masks["im1", "reader2"].any()  # read the study and marked no mass: counts for presence


def test_padchest_gr_without_sizes_has_a_fine_grid_where_sizes_do_not_matter(tmp_path: Path) -> None:
    contents = read("padchest-gr", PADCHEST_GR, tmp_path, ImportOptions(is_size_needed=False))
    masks = drawn(contents)
    one, two = masks["im1", "reader1"], masks["im1", "reader2"]
    union = 0.25 * 0.5 + 0.1 * 0.1 + 0.1 * 0.1
    assert (one & two).sum() / (one | two).sum() == pytest.approx(0.25 * 0.25 / union, abs=1e-9)
    unknown = read("padchest-gr", PADCHEST_GR, tmp_path, ImportOptions())
    assert unknown.drawings == []
    assert unknown.problems == [
        "study 1 ('im1.png'): the file does not state the image's size; give --images, or --image-size ROWSxCOLS "
        "(and 1 more like it)"
    ]


def test_padchest_gr_leaves_out_boxes_of_what_is_not_abnormal(tmp_path: Path) -> None:
    document = copy.deepcopy(PADCHEST_GR)
    document[0]["findings"][2]["boxes"] = [[0.2, 0.2, 0.8, 0.8]]
    contents = read("padchest-gr", document, tmp_path)
    assert same(contents, drawn(read("padchest-gr", PADCHEST_GR, tmp_path)))
    assert contents.notes == ["boxes of findings that are not abnormal were left out; such findings: 1"]


@pytest.mark.parametrize(
    ("boxes", "named"),
    [
        ([[0.5, 0.2, 0.7, 1.2]], "expected shares of the sides from 0 to 1"),
        ([[300, 200, 500, 400]], "expected shares of the sides from 0 to 1"),
        ([[0.5, 0.2, 0.4, 0.3]], "a box -6 wide and 4 high"),
        ([[0.5, 0.2, 0.4]], r"expected \[x1, y1, x2, y2\]"),
        ({"a": 1}, r"boxes are \{'a': 1\}"),
    ],
)
def test_padchest_gr_names_the_wrong_box(boxes: Any, named: str, tmp_path: Path) -> None:
    document = copy.deepcopy(PADCHEST_GR)
    document[0]["findings"][0]["boxes"] = boxes
    (problem,) = read("padchest-gr", document, tmp_path).problems
    assert problem.startswith("study 1 ('im1.png')")
    with pytest.raises(AssertionError, match=named):
        raise AssertionError(problem)
