"""Tables as people and spreadsheets write them: each means the same as the plain one, or is refused with the place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bug_inputs import bug_input
from sightline.study.errors import StudyError
from sightline.study.files import csv_columns, read_csv, write_csv

PLAIN = "image,label,reader\nim1,1,A\nim 2,0,B\n0012,1,NA\n"
COLUMNS = {"image": str, "label": int, "reader": str}

WRITTEN = {
    "as we do": PLAIN.encode(),
    "byte-order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "byte-order mark behind a blank": b"\n \xef\xbb\xbf" + PLAIN.encode(),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16, the other way round": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "Windows": PLAIN.replace("\n", "\r\n").encode(),
    "old Mac": PLAIN.replace("\n", "\r").encode(),
    "comma after each row": PLAIN.replace("\n", ",\n").encode(),
    "comma after the names": PLAIN.replace("reader\n", "reader,\n").encode(),
    "comma after the rows": PLAIN.replace("A\n", "A,\n").replace("B\n", "B,\n").replace("NA\n", "NA,,\n").encode(),
    "comma after a later row": PLAIN.replace("B\n", "B,\n").encode(),
    "semicolons at the ends": PLAIN.replace(",", ";").replace("\n", ";;\r\n").encode(),
    "blanks around names": PLAIN.replace("image,label", " image , label").encode(),
    "blanks around cells": PLAIN.replace(",1,", " , 1 , ").encode(),
    "hard blanks": PLAIN.replace("im1,", "im1\u00a0,").encode(),
    "blank lines": PLAIN.replace("\n", "\n\n").encode(),
    "lines of commas": (PLAIN + ",,\n,,\n").encode(),
    "lines of commas between": PLAIN.replace("im 2", ",,\nim 2").encode(),
    "quoted": b'"image","label","reader"\n"im1","1","A"\n"im 2","0","B"\n"0012","1","NA"\n',
    "blank before a quotation mark": b'image, "label", "reader"\nim1, 1, "A"\n"im 2", 0, B\n0012, "1", NA\n',
    "a line for spreadsheets": ("sep=;\r\n" + PLAIN.replace(",", ";")).encode(),
    "no line end": PLAIN.strip().encode(),
    "another column": PLAIN.replace("reader", "reader,x").replace("A\n", "A,7\n").encode(),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRITTEN)
def test_every_way_to_write_it_means_the_same(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(WRITTEN[kind])
    table = read_csv(path, COLUMNS)
    assert table["image"].tolist() == ["im1", "im 2", "0012"]
    assert table["label"].tolist() == [1, 0, 1]
    assert table["label"].dtype == np.int64
    assert table["reader"].tolist() == ["A", "B", "NA"]
    assert table.index.tolist() == [0, 1, 2]
    assert csv_columns(path) == table.columns.tolist()


def test_rows_that_end_early_have_empty_cells(tmp_path: Path) -> None:
    """Spreadsheets leave out separators where the last cells of many rows are empty."""
    path = tmp_path / "x.csv"
    for separator in ",;":
        path.write_text("image,note,share\na,x,0.5\nb\nc,y\n".replace(",", separator))
        table = read_csv(path, {"image": str, "note": str, "share": float})
        assert table["note"].tolist() == ["x", "", "y"]
        np.testing.assert_array_equal(table["share"], [0.5, np.nan, np.nan])


def test_text_with_separators_quotation_marks_and_lines_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    texts = ['a, "b"', "c;d\te", "two\nlines", '5" tube', "é", "", ",,", "x\u2028y"]
    for tail in ("", ",,,\n"):
        write_csv(path, pd.DataFrame({"image": [f"i{n}" for n in range(len(texts))], "note": texts}))
        path.write_text(path.read_text(encoding="utf-8") + tail, encoding="utf-8")
        assert read_csv(path, {"image": str, "note": str})["note"].tolist() == texts


def test_a_column_without_a_name_stays_unless_it_is_the_last_and_empty(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(",image\n0,a\n1,b\n")  # as pandas writes an index
    assert read_csv(path, {"image": str}).columns.tolist() == csv_columns(path) == ["Unnamed: 0", "image"]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (b"image,label,reader\nim\xe9,1,A\n", r"x\.csv: not a readable CSV \(line 2 is not UTF-8 \(byte 0xe9"),
        (b"image,label,label,reader\na,1,2,A\n", r"x\.csv: several columns named label; rename or remove"),
        (b"image,label, label,reader\na,1,2,A\n", "several columns named label"),
        (b"image,label,reader\na,1,A,more\nb,1,B,\nc,0,C,,x\n", r"beyond its 3 columns \(row 2: 'more'; row 4: 'x'\)"),
        (b"image,label,reader,\na,1,5,A\n", r"cells beyond its 3 columns \(row 2: 'A'\)"),
        (b"image,label,reader\na,1,A\nb,1,B,5\n", r"cells beyond its 3 columns \(row 3: '5'\)"),
        (b"image;label;reader\na;1,5;A\n", r"row 2: label is '1,5', expected int with a point for its decimals"),
        (b"image,label,reader\n\nx,a,1,A\nb,1,B\n", r"beyond its 3 columns \(row 2: 'A'\)"),
        (b'image;label;reader\na;1;"A\nb;1;B\n', "a quotation mark is opened and never closed"),
        (b'image,label,reader\na,1,"A\nb,1,B\n', "a quotation mark is opened and never closed"),
        (b"", "not a readable CSV"),
        (b"\n\n", "not a readable CSV"),
        (b"image|label|reader\na|1|A\n", r"lacks columns image, label, reader; it has image\|label\|reader"),
        (b"\xff\xfei\x00m\x00a", "not a readable CSV"),
        ("image,label,reader\na,1,A\n".encode("utf-16-le"), "line 1 has a zero byte, .*; save the table as CSV UTF-8"),
        (b"image,label,reader\na,1,A\nb,2,\0\n", "line 3 has a zero byte"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused(tmp_path: Path, written: bytes, told: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(written)
    with pytest.raises(StudyError) as caught:
        read_csv(path, COLUMNS)
    assert pd.Series([str(caught.value), *caught.value.cases]).str.contains(told).any(), caught.value


def test_a_decimal_comma_is_never_misread(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("image;share\na;0,5\nb;1.5\nc;1,234\n")
    with pytest.raises(StudyError) as caught:
        read_csv(path, {"image": str, "share": float})
    assert [case.partition(": ")[2] for case in caught.value.cases] == [
        "share is '0,5', expected float with a point for its decimals",
        "share is '1,234', expected float with a point for its decimals",
    ]


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="not there"):
        csv_columns(tmp_path / "x.csv")
    with pytest.raises(StudyError, match="could not be read"):
        read_csv(tmp_path, {})


def test_the_shared_input_reads(tmp_path: Path) -> None:
    folder = bug_input("csv-trailing-comma", tmp_path)
    table = read_csv(folder / "annotations/annotations.csv", dict.fromkeys(["annotation", "image", "mask"], str))
    assert table["image"].tolist() == ["im1", "im1", "im2", "im2", "im3", "im3"]
    assert table["mask"].tolist() == [f"{annotation}.png" for annotation in table["annotation"]]


def test_broken_tables_are_read_or_refused(tmp_path: Path) -> None:
    """500 broken copies: a table whose columns are those that `csv_columns` names, or one line; nothing else."""
    path, rng = tmp_path / "x.csv", np.random.default_rng(0)
    num_read, told = 0, []
    pieces = [b",", b";", b'"', b"\n", b"\r", b"\x00", b" ", b"\t", b"\xff", b"1e999", b"nan"]
    for number in range(500):
        broken = list(WRITTEN.values())[number % len(WRITTEN)]
        for _ in range(rng.integers(1, 3)):
            place, piece = rng.integers(len(broken) + 1), pieces[rng.integers(len(pieces))]
            broken = broken[:place] + piece * int(rng.integers(2)) + broken[place + rng.integers(4) :]
        path.write_bytes(broken)
        try:
            table = read_csv(path, COLUMNS)
        except StudyError as error:
            told.append(str(error))
            continue
        num_read += 1
        assert csv_columns(path) == table.columns.tolist()
        assert table.index.tolist() == list(range(len(table)))
    assert 50 < num_read < 450
    assert all(line.startswith(f"{path}: ") for line in told)
