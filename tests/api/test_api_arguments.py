"""What the API refuses: each error names the argument, in its words, and all that is wrong stands in one."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sightline
from foreign_maps import IMAGES, MAPS, MASKS, map_folder, mask_folder
from sightline.api.arguments import Given
from sightline.scoring.request import Settings

STACK, TRUTH = np.stack(list(MAPS.values())), np.stack(list(MASKS.values()))


def refused(*arguments: Any, **settings: Any) -> str:
    with pytest.raises(sightline.StudyError) as raised:
        sightline.score(*arguments, **settings)
    text = str(raised.value)
    assert not re.search(r"/sightline-|--\w|MASKS|MAPS", text), text
    return text


def test_a_map_that_is_no_map():
    nan = STACK.copy()
    nan[1, 0, 0] = np.nan
    assert refused(STACK[0], TRUTH).count("\n") > 1
    assert "maps: 0000 is <U1 of shape (2, 3); expected H x W numbers" in refused(np.full((4, 2, 3), "a"), TRUTH)
    assert "maps: 0000 is float64 of shape (1, 1, 2, 3)" in refused(np.zeros((4, 1, 1, 2, 3)), TRUTH)
    assert "maps, 0001: 1 values that are NaN or infinite" in refused(nan, TRUTH)
    assert "maps of two: 0000 is <U1" in refused({"one": STACK, "two": np.full((4, 2, 3), "a")}, TRUTH)
    assert "maps: 'a=b' cannot be a model's name" in refused({"a=b": STACK, "c": STACK}, TRUTH)
    assert "maps: 2 entries are of image a1" in refused({"a1": STACK[0], "x/a1.png": STACK[0]}, MASKS)
    assert "maps: an image cannot be called images" in refused({"images": STACK[0]}, MASKS)
    assert "nowhere: no folder and no file" in refused("nowhere", MASKS)


def test_a_region_that_is_no_region(tmp_path):
    assert "regions: a1, reader 1: float64 of shape (2,); expected H x W" in refused(MAPS, {**MASKS, "a1": np.zeros(2)})
    labels = {**MASKS, "a1": {"ann": np.arange(96).reshape(8, 12) // 24}}
    assert "regions: a1, ann: brightest pixel is 3; inside is above 128" in refused(MAPS, labels)
    assert "regions: a1, reader 1: object of shape ()" in refused(MAPS, {**MASKS, "a1": [[1, 0], [1]]})
    assert "regions: a1, reader 1: values from -1 to -1" in refused(MAPS, {**MASKS, "a1": -np.ones((8, 12))})
    assert "regions: holds no mask" in refused(MAPS, {})
    assert "regions: 2 entries are of image a1" in refused(MAPS, {**MASKS, "a1.png": MASKS["a1"]})
    (tmp_path / "list.json").write_text("[1]")
    assert "accepted are" in refused(MAPS, tmp_path / "list.json")


def test_masks_and_maps_that_look_turned():
    turned = {**MASKS, "b1": {"ann": MASKS["b1"], "bob": MASKS["b1"].T}}
    assert "regions: mask 'b1' of reader 'bob': 12 x 8 (rows x columns), the first mask of b1 is 8 x 12" in refused(
        MAPS, turned
    )
    assert "map of model on b1: 12 x 8 (rows x columns), its image is 8 x 12" in refused(
        {**MAPS, "b1": MAPS["b1"].T}, MASKS
    )


def test_films_lungs_and_patients_that_are_none(tmp_path):
    assert "images: a1: numbers that are not in [0, 1]" in refused(MAPS, MASKS, images={"a1": np.full((8, 12), 3.0)})
    assert "images: a1: int64; expected uint8" in refused(MAPS, MASKS, images={"a1": np.ones((8, 12), np.int64)})
    assert "images: a1: shape (8, 12, 5)" in refused(MAPS, MASKS, images={"a1": np.ones((8, 12, 5), np.uint8)})
    some = {"a1": np.ones((8, 12), np.uint8)}
    assert "images: 0 pictures of a2, expected one" in refused(MAPS, MASKS, images=some)
    assert f"images {tmp_path / 'none'}: no such folder" in refused(MAPS, MASKS, images=tmp_path / "none")
    assert "lungs: a1: bool of shape (8,)" in refused(MAPS, MASKS, lungs={"a1": np.ones(8, bool)})
    assert "lungs/a2.png: " in refused(MAPS, MASKS, lungs={"a1": MASKS["a1"]})
    assert "patients: 3 for 4 images; expected one for each" in refused(MAPS, MASKS, patients=["a", "b", "c"])
    assert "patients: has no row of image c1" in refused(MAPS, MASKS, patients={"a1": 1, "a2": 1, "b1": 2})
    assert "has no patient" in refused(MAPS, MASKS, patients=pd.Series(["a", None, "b", "c"]))
    assert "patients '(z)' does not name a patient" in refused(MAPS, MASKS, patients="(z)")
    files = (map_folder(tmp_path / "maps"), mask_folder(tmp_path / "masks"))
    assert "patients: a list needs an order of images; give names" in refused(*files, patients=list("abcd"))


def test_rows_without_names_beside_named_images(tmp_path):
    assert "names: missing; maps has rows without names, and regions named images" in refused(STACK, MASKS)
    assert "names: missing; regions has rows" in refused(MAPS, TRUTH)
    assert "names: missing" in refused(STACK, mask_folder(tmp_path / "masks"))
    assert "maps: 4 rows, and names has 3; expected as many of each" in refused(STACK, MASKS, names=IMAGES[:3])
    assert "names: a1 is there 2 times" in refused(STACK, TRUTH, names=["a1", "a1.png", "b1", "c1"])
    assert "different numbers of rows: maps 4, regions 3" in refused(STACK, TRUTH[:3])
    assert "no region has a map of every model" in refused(MAPS, {"z": MASKS["a1"]})


def test_settings():
    assert refused(MAPS, MASKS, threshold=0) == "threshold: expected a number above 0 and at most 1, got 0"
    assert refused(MAPS, MASKS, primary="ranks") == "primary 'ranks' is unknown; did you mean 'rank'?"
    assert refused(MAPS, MASKS, format="cocoa") == "format 'cocoa' is unknown; did you mean 'coco'?"
    assert refused(MAPS, MASKS, frame="lungs") == "frame lungs: needs lungs or, for the body in their place, images"
    assert "grid 9 9: the map of model on a1 has fewer cells, 8 x 12" in refused(MAPS, MASKS, grid=(9, 9))
    assert "finding effusion: is not in the files" in refused(MAPS, MASKS, finding="effusion")
    assert refused(MAPS, MASKS, seed=-1) == "seed: expected a whole number, 0 or more, got -1"


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"threshold": "0.5"}, "threshold: expected a number above 0 and at most 1, got '0.5'"),
        ({"threshold": float("nan")}, "threshold: expected a number above 0 and at most 1, got nan"),
        ({"margin": None}, "margin: expected a number between 0 and 1, got None"),
        ({"seed": 1.5}, "seed: expected a whole number, 0 or more, got 1.5"),
        ({"seed": "1"}, "seed: expected a whole number, 0 or more, got '1'"),
        ({"grid": 4}, "grid: expected rows and columns, whole numbers of 1 or more, got 4"),
        ({"grid": (4.5, 4)}, "grid: expected rows and columns, whole numbers of 1 or more, got (4.5, 4)"),
        ({"grid": (4, 4, 4)}, "grid: expected rows and columns, whole numbers of 1 or more, got (4, 4, 4)"),
        ({"grid": ()}, "grid: expected rows and columns, whole numbers of 1 or more, got ()"),
        ({"size": "8x8"}, "size: expected rows and columns, whole numbers of 1 or more, got '8x8'"),
        ({"image_size": 16}, "image_size: '16', expected ROWSxCOLS"),
        ({"primary": None}, "primary None is unknown"),
        ({"finding": 3}, "finding: expected a name or several, got 3"),
        ({"patients": 3}, "patients: expected a list, a column or a dictionary by image, got int"),
        ({"patients": {"p", "q"}}, "patients: expected a list, a column or a dictionary by image, got set"),
        ({"patients": np.zeros((4, 2))}, "patients: expected a list, a column or a dictionary by image, got ndarray"),
        ({"patients": pd.DataFrame({"a": range(4)})}, "a dictionary by image, got DataFrame"),
        ({"images": 3}, "images: expected an array, a list or a dictionary by image, got int"),
    ],
)
def test_settings_and_inputs_of_another_type(settings: dict[str, Any], part: str) -> None:
    text = refused(MAPS, MASKS, **settings)
    assert text.startswith(part) or part in text
    assert "\n" not in text


def test_maps_and_regions_of_another_type() -> None:
    assert refused(None, TRUTH) == "maps: expected an array, a list or a dictionary by image, got NoneType"
    assert "regions: expected an array, a list or a dictionary by image, got int" in refused(STACK, 5)
    assert "names: '' cannot be an image's name" in refused(STACK, TRUTH, names=["", "b", "c", "d"])
    assert "names: '..' cannot be an image's name" in refused(STACK, TRUTH, names=["..", "b", "c", "d"])


def test_numbers_of_numpy_are_numbers() -> None:
    plain = sightline.score(MAPS, MASKS, seed=3, grid=(8, 12), threshold=0.5)
    numpys = sightline.score(
        MAPS, MASKS, seed=np.int64(3), grid=np.array([8, 12]), threshold=np.float64(0.5)  # type: ignore[arg-type]
    )  # fmt: skip
    assert numpys.to_frame().equals(plain.to_frame())


def test_a_column_of_a_table_is_in_the_order_of_the_rows_though_its_index_could_be_names() -> None:
    table = pd.DataFrame({"image": [2, 0, 3, 1], "patient": ["a", "a", "b", "b"]})
    by_column = sightline.score(STACK, TRUTH, names=table["image"], patients=table["patient"])
    by_name = sightline.score(STACK, TRUTH, names=table["image"], patients=table.set_index("image")["patient"])
    by_list = sightline.score(STACK, TRUTH, names=[2, 0, 3, 1], patients=["a", "a", "b", "b"])
    assert by_column.summary().equals(by_list.summary())
    assert by_name.summary().equals(by_list.summary())
    other = sightline.score(STACK, TRUTH, names=[2, 0, 3, 1], patients=["b", "a", "a", "b"])
    assert not other.summary().equals(by_list.summary())


def test_everything_that_is_wrong_stands_in_one_error():
    text = refused(
        np.full((4, 2, 3), "a"), {**MASKS, "a1": np.zeros(2)}, images={"a1": np.ones((8, 12), np.int64)},
        lungs={"a1": np.ones(8, bool)}, patients=["a"], threshold=2, margin=2,
    )  # fmt: skip
    lines = text.splitlines()
    assert lines[0] == f"{len(lines) - 1} wrong arguments; correct them"
    for argument in ("maps: ", "regions: ", "images: ", "lungs: ", "names: ", "patients: ", "threshold: ", "margin: "):
        assert any(line.strip().startswith(argument) for line in lines), argument


def test_a_page_in_a_place_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(sightline.StudyError, match="is a file; name a folder"):
        sightline.score(MAPS, MASKS).report(tmp_path / "file" / "page.html")


def test_score_and_verdict_have_the_defaults_of_the_command() -> None:
    defaults = {field.name: field.default for kind in (Given, Settings) for field in fields(kind)}
    for function, rest in (
        (sightline.score, set()),
        (sightline.verdict, {"threshold", "size", "image_size", "cleanup"}),
    ):
        own = {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}
        assert set(own) == set(defaults) - rest
        assert {name: value for name, value in own.items() if value is not inspect.Parameter.empty} == {
            name: defaults[name] for name in own if defaults[name] is not MISSING
        }


KEPT_FILES = """
import gc
import warnings

import numpy as np

import sightline
from foreign_maps import MAPS, MASKS

warnings.simplefilter("error")
for _ in range(3):
    sightline.verdict(np.stack(list(MAPS.values())), np.stack(list(MASKS.values())))
gc.collect()
"""


def test_no_file_stays_open() -> None:
    """In a process of its own: here the collector also finds what other tests left, such as a browser's pipes."""
    places = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", KEPT_FILES], capture_output=True, text=True, env=places)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "value", [True, 3.0, np.float64(3), np.array(3.0), np.array([3]), [[1], [1, 2]], "3", None, -1]
)
def test_what_is_no_whole_number_is_none_of_a_setting_nor_of_an_argument(value: Any) -> None:
    assert "seed: expected a whole number, 0 or more, got " in refused(STACK, TRUTH, seed=value)
    with pytest.raises(sightline.StudyError, match=r"^seed: expected a whole number, 0 or more, got "):
        sightline.phantom(2, seed=value)


@pytest.mark.parametrize("value", [(8, True), (8, 12.0), (8,), "88", np.array(8), np.ones((2, 2), int), {8: 1, 12: 2}])
def test_what_is_no_size_is_none_of_a_setting_nor_of_an_argument(value: Any) -> None:
    words = "size: expected rows and columns, whole numbers of 1 or more, got "
    assert words in refused(STACK, TRUTH, size=value)
    with pytest.raises(sightline.StudyError, match=f"^{words}"):
        sightline.phantom(2, size=value)


def test_numbers_of_numpy_are_settings_and_truth_values_are_none() -> None:
    sizes: list[Any] = [(8, 12), [np.int64(8), np.uint8(12)], np.array([8, 12])]
    first, *others = (
        sightline.score(STACK, TRUTH, size=size, seed=np.int64(0), threshold=np.float32(0.5), margin=np.float64(0.25))
        for size in sizes
    )
    assert all(other.to_frame().equals(first.to_frame()) for other in others)
    assert "threshold: expected a number above 0 and at most 1, got True" in refused(STACK, TRUTH, threshold=True)
