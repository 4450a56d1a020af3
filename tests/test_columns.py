"""Tables as columns: read and written as `read_csv` and `write_csv` do it, without pandas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sightline.columns import from_rows, joined, read_columns, wide, write_columns
from sightline.study.errors import StudyError
from sightline.study.files import read_csv, write_csv

TEXTS = ['a, "b"', "c;d", "two\nlines", '5" tube', "é", "", "007", "NA", "None"]
NUMBERS = [0.1 + 0.2, -0.0, float("nan"), float("inf"), 1e-7, 123456789.0, 1e22, 1 / 3, 2.0]


def test_the_bytes_are_those_that_pandas_writes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = {
        "text": TEXTS * 50,
        "number": np.array(NUMBERS * 50),
        "small": rng.normal(size=450).astype(np.float32) * 10.0 ** rng.integers(-9, 9, 450),
        "count": rng.integers(-5, 5, 450),
        "is_so": rng.random(450) < 0.5,
    }
    write_columns(tmp_path / "ours.csv", table)
    write_csv(tmp_path / "theirs.csv", pd.DataFrame(table))
    assert (tmp_path / "ours.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()
    write_columns(tmp_path / "none.csv", dict.fromkeys(table, ()))
    write_csv(tmp_path / "theirs.csv", pd.DataFrame(columns=list(table)))
    assert (tmp_path / "none.csv").read_bytes() == (tmp_path / "theirs.csv").read_bytes()


def test_what_is_read_is_what_read_csv_reads(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rng = np.random.default_rng(1)
    numbers = rng.normal(size=2000) * 10.0 ** rng.integers(-12, 12, 2000)
    write_columns(path, {"name": (TEXTS * 250)[:2000], "share": numbers, "count": rng.integers(0, 9, 2000)})
    kinds = {"count": int, "name": str, "share": float}
    ours, theirs = read_columns(path, kinds), read_csv(path, kinds)
    assert list(ours) == list(kinds)
    assert ours["count"].dtype == np.int64
    for name, column in ours.items():
        assert column.tolist() == theirs[name].tolist(), name
    path.write_text("share,name\n, a \n0.5,\n")
    short = read_columns(path, {"share": float, "name": str})
    assert short["name"].tolist() == ["a", ""]
    np.testing.assert_array_equal(short["share"], [np.nan, 0.5])
    path.write_text("share,name\n")
    assert [len(column) for column in read_columns(path, {"share": float, "name": str}).values()] == [0, 0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"x\.csv: not a readable CSV \(it is empty\); run the stage that writes it"),
        ("image,label\na,1,2\n", r"x\.csv, row 2: expected 2 cells"),
        ("image,label\na,1\n\nb\n", r"x\.csv, row 3: expected 2 cells"),
        ("image\na\n", r"x\.csv: lacks columns label; it has image"),
        ("image,label\na,1.5\n", r"row 2: label is '1.5', expected int"),
        ("image,label\na,\n", r"row 2: label is '', expected int"),
        ("image,label\na,1_0\n", r"row 2: label is '1_0', expected int"),
        ("image,label\na,nan\nb,x\n", r"(?s)row 2: label is 'nan', expected int.*row 3: label is 'x'"),
    ],
)
def test_what_no_stage_writes_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(StudyError, match=told):
        read_columns(tmp_path / "x.csv", {"image": str, "label": int})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"x\.csv: not there"):
        read_columns(tmp_path / "x.csv", {})


def test_rows_and_tables_become_columns() -> None:
    assert from_rows([(1, "a"), (2, "b")], ("n", "s")) == {"n": [1, 2], "s": ["a", "b"]}
    assert from_rows([], ("n", "s")) == {"n": [], "s": []}
    assert joined([{"n": [1]}, {"n": [2, 3]}], ["n"]) == {"n": [1, 2, 3]}
    assert joined([], ["n"]) == {"n": []}


def test_a_long_table_becomes_a_line_a_name() -> None:
    rows = [("a", "y", 2.0), ("b", "x", 3.0), ("a", "x", 1.0), ("a", "z", 9.0)]
    table = {name: np.array(column) for name, column in from_rows(rows, ("who", "image", "score")).items()}
    found = wide(table, "who", "score", ["x", "y"])
    assert list(found) == ["a", "b"]
    np.testing.assert_array_equal(found["a"], [1, 2])
    np.testing.assert_array_equal(found["b"], [3, np.nan])


LIGHT = (
    *("lungs", "reliability", "align", "bootstrap", "ladder", "verdict", "subgroups", "compare", "families"),
    *("population", "shortcut", "multiverse"),
)


@pytest.mark.parametrize("stage", LIGHT)
def test_light_stages_start_without_pandas_and_torch(stage: str) -> None:
    code = f"import sys; import {stage}; assert not {{'pandas', 'torch', 'matplotlib'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1] / "src")
