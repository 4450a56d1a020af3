"""The films of a table study: what each column means, every problem by its row, and how people write tables."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.images.listing import Excluded, Listing, exclusion_counts, with_patients, with_views
from sightline.images.source import Data
from sightline.images.table import label_of, table_films, years_of
from sightline.study.errors import StudyError
from studies import stage, study

DATA = Data(
    source="table", root="", negative="NORMAL", positive="PNEUMONIA", height=64, width=64, color=False,
    high_depth="full", split="patient", val_share=0.25, patient_pattern="",
)  # fmt: skip


def films(folder: Path, *names: str) -> Path:
    """Small gray films of different pixels, by path below `folder`."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (70, 80), 10 + number).save(folder / name, format="PNG")
    return folder


def listed(root: Path, text: str, encoding: str = "utf-8") -> Listing:
    root.mkdir(parents=True, exist_ok=True)
    (root / "study.csv").write_bytes(text.encode(encoding))
    return table_films(replace(DATA, root=str(root)))


def test_every_column_has_its_meaning(tmp_path: Path) -> None:
    root = films(tmp_path, "b.png", "in/a.dcm", "c.png", "d.png")
    found = listed(
        root,
        "path,label,patient,split,view,sex,age,site,scanner\n"
        "b.png,PNEUMONIA,0012,test,pa,Female,67,north,007\n"
        "in/a.dcm,0,0013,train,AP,m,045Y,,x\n"
        "c.png,1.0,,External,,,,south,\n"
        "d.png,NORMAL,0012,val,PA,F,0.5,north,\n",
    )
    assert [(file.image, file.part, file.label) for file in found.files] == [
        ("a", "train", 0), ("d", "val", 0), ("b", "test", 1), ("c", "external", 1),
    ]  # fmt: skip
    assert [file.path for file in found.files] == [root / name for name in ("in/a.dcm", "d.png", "b.png", "c.png")]
    assert found.patients == ["0013", "0012", "0012", ""]  # as text: no lost zeros
    assert list(found.columns) == ["view", "sex", "age", "site", "scanner"]
    assert found.columns.view.tolist() == ["AP", "PA", "PA", ""]
    assert found.columns.age.tolist() == ["45", "0.5", "67", ""]
    assert found.columns.sex.tolist() == ["M", "F", "F", ""]
    assert found.columns.scanner.tolist() == ["x", "", "007", ""]
    assert found.excluded == []
    named = with_patients(found, "")
    assert named.patients == ["0013", "0012", "0012", "c"]  # without a patient, a film is a patient of its own


def test_two_columns_are_enough_and_make_test_images(tmp_path: Path) -> None:
    found = listed(films(tmp_path, "b.png", "a.png"), "label,path\n1,a.png\n0,b.png\n")
    assert [(file.image, file.part, file.label) for file in found.files] == [("b", "test", 0), ("a", "test", 1)]
    assert found.columns.empty


def test_all_problems_are_listed_by_row_at_once(tmp_path: Path) -> None:
    root = films(tmp_path / "raw", "a.png", "x/a.png", "b.png", "c.png")
    films(tmp_path, "outside.png")
    (root / "folder").mkdir()
    with pytest.raises(StudyError) as caught:
        listed(
            root,
            "path,label,split,age\n"
            "a.png,1,test,\n"
            "x/a.png,1,test,\n"
            "gone.png,0,test,\n"
            ",0,test,\n"
            "../outside.png,0,test,\n"
            "folder,0,test,\n"
            "b.png,PNEUMONA,test,old\n"
            "c.png,1,tset,-3\n"
            "c.png,2,,\n",
        )
    text = str(caught.value)
    table = root / "study.csv"
    assert text.startswith(f"{table}: 13 problems; correct them and run again")
    for line in (
        "rows 2, 3: 2 films of the name 'a'", "row 4: ", "gone.png: no such file", "row 5: no path",
        "row 6: ../outside.png lies outside of data.root", f"row 7: {root}/folder is no file",
        "row 8: label 'PNEUMONA'; expected 0 or NORMAL, 1 or PNEUMONIA", "row 8: age 'old'; expected years",
        "row 9: split 'tset'; expected train, val, test, external; did you mean test?", "row 9: age '-3'",
        "row 10: label '2'", "row 10: split ''", "rows 9, 10: 2 films of the name 'c'",
        f"rows 9, 10: the same file, {root}/c.png",
    ):  # fmt: skip
        assert line in text, line


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("path,split", "label"),
        ("path,label,Split", "Split: write it as split"),
        ("path,label,sha256", "sha256: the index writes a column of that name"),
        ("path,label,site,site", "site: two columns of that name"),
    ],
)
def test_wrong_columns_are_refused(tmp_path: Path, header: str, reason: str) -> None:
    with pytest.raises(StudyError, match=reason):
        listed(films(tmp_path, "a.png"), f"{header}\n{','.join('a' for _ in header.split(','))}\n")


def test_a_table_elsewhere_and_one_without_films(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"nowhere/study\.csv: no such table; data\.root and data\.table name it"):
        table_films(replace(DATA, root=str(tmp_path / "nowhere")))
    with pytest.raises(StudyError, match=r"\.\./study\.csv lies outside of data\.root"):
        table_films(replace(DATA, root=str(tmp_path), table="../study.csv"))
    with pytest.raises(StudyError, match=r"lists no film$"):
        listed(tmp_path, "path,label\n")
    with pytest.raises(StudyError, match="lists no film that is not excluded"):
        listed(tmp_path, "path,label,exclude\na.png,1,lateral\n")


def test_one_file_under_two_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"rows 2, 3: the same file, .*a\.png"):
        listed(films(tmp_path, "a.png"), "path,label,image\na.png,1,one\na.png,1,two\n")


def test_an_excluded_row_needs_no_file_label_or_split(tmp_path: Path) -> None:
    found = listed(
        films(tmp_path, "a.png"),
        "path,label,split,exclude\na.png,1,test,\ngone.png,1,test,blurred\na.png,,,no consent\nx.png,0,train,blurred\n",
    )
    assert [file.image for file in found.files] == ["a"]
    assert found.excluded == [
        Excluded("test", 1, "blurred"), Excluded("", None, "no consent"), Excluded("train", 0, "blurred"),
    ]  # fmt: skip
    assert exclusion_counts(1, found.excluded) == {
        "listed": 4,
        "excluded": [
            {"reason": "blurred", "split": "test", "label": 1, "films": 1},
            {"reason": "blurred", "split": "train", "label": 0, "films": 1},
            {"reason": "no consent", "split": "", "label": None, "films": 1},
        ],
    }
    with pytest.raises(StudyError, match="row 2: label 'maybe'"):  # a wrong label is a mistake, excluded or not
        listed(tmp_path, "path,label,exclude\na.png,maybe,blurred\n")


def test_names_are_stems_in_one_spelling_or_a_column_of_their_own(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é1.png") for form in ("NFC", "NFD"))
    root = films(tmp_path, decomposed, "1.2.840.7.dcm", "1/IM0001", "2/IM0001")
    found = listed(
        root,
        f"path,label,image\n{composed},1,\n1.2.840.7.dcm,0,\n1/IM0001,0,first\n2\\IM0001,1, second \n",
    )
    assert {file.image for file in found.files} == {"\u00e91", "1.2.840.7", "first", "second"}
    assert all(file.path.is_file() for file in found.files)


def test_views_leave_films_out_and_count_them(tmp_path: Path) -> None:
    root = films(tmp_path, "a.png", "b.png", "c.png", "d.png")
    text = "path,label,view,exclude\na.png,1,pa,\nb.png,0,LL,\nc.png,0,,\nd.png,1,LL,blurred\n"
    kept, is_kept_N = with_views(listed(root, text), ["PA", "AP"])
    assert [file.image for file in kept.files] == ["a"]
    assert is_kept_N.tolist() == [False, False, True]  # in the order of the listing: b, c, a
    assert set(kept.excluded) == {
        Excluded("test", 1, "blurred"), Excluded("test", 0, "view LATERAL"), Excluded("test", 0, "view not stated"),
    }  # fmt: skip
    with pytest.raises(StudyError, match="no film is AP; views that films state: LATERAL, PA"):
        with_views(listed(root, text), ["AP"])


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("path,label,patient\na.png,1,01\nb.png,0,02\n", "utf-8-sig"),
        ("path;label;patient\r\na.png;1;01\r\nb.png;0;02\r\n", "utf-8"),
        ("path\tlabel\tpatient\na.png\t1\t01\nb.png\t0\t02\n", "utf-8"),
        (" path , label ,patient,,\n a.png , 1 ,01,,\nb.png,0,02 ,,\n,,,,\n", "utf-8"),
    ],
    ids=["byte order mark", "semicolons and CRLF", "tabs", "blanks, trailing commas and an empty row"],
)
def test_tables_as_people_write_them(tmp_path: Path, text: str, encoding: str) -> None:
    found = listed(films(tmp_path, "a.png", "b.png"), text, encoding)
    assert [(file.image, file.label) for file in found.files] == [("b", 0), ("a", 1)]
    assert found.patients == ["02", "01"]
    assert list(found.columns) == []


def test_labels_and_ages() -> None:
    assert [label_of(text, "no", "yes") for text in ("no", "yes", "0", "1.0", "2", "", "YES")] == [
        0, 1, 0, 1, None, None, None,
    ]  # fmt: skip
    assert [years_of(text) for text in ("67", "067Y", "018M", "104W", "0")] == pytest.approx(
        [67, 67, 1.5, 104 * 7 / 365.25, 0]
    )
    assert [years_of(text) for text in ("", "Y", "nan", "inf", "-1", "60s")] == [None] * 6


def test_the_stage_prepares_a_table(tmp_path: Path) -> None:
    """Pixels, index and exclusions; the table's own validation images are kept, and whole patients are not moved."""
    names = [f"{number}.png" for number in range(10)]
    folder = study(tmp_path, data__source="table", data__few_levels="accept", data__root="raw", data__views="PA")
    films(folder / "raw", *names)
    splits = ["train", "train", "val", "val", "test", "test", "external", "external", "test", "test"]
    rows = [
        (name, number % 2, f"p{number // 2}", split, "LL" if number == 9 else "PA", "blurred" if number == 8 else "")
        for number, (name, split) in enumerate(zip(names, splits, strict=True))
    ]
    table = pd.DataFrame(rows, columns=["path", "label", "patient", "split", "view", "exclude"])
    table.to_csv(folder / "raw/study.csv", index=False)
    done = stage("prepare", folder)
    assert done.returncode == 0, done.stderr
    index = pd.read_csv(folder / "data/prepared/index.csv")
    assert list(index.columns) == ["image", "split", "label", "patient", "source", "sha256", "view"]
    assert index.split.tolist() == ["train", "train", "val", "val", "test", "test", "external", "external"]
    images = np.load(folder / "data/prepared/images.npy")
    assert images.shape == (8, 64, 64)
    assert images[:, 0, 0].tolist() == [10, 11, 12, 13, 14, 15, 16, 17]
    assert json.loads((folder / "data/prepared/exclusions.json").read_text()) == {
        "listed": 10,
        "excluded": [
            {"reason": "blurred", "split": "test", "label": 0, "films": 1},
            {"reason": "view LATERAL", "split": "test", "label": 1, "films": 1},
        ],
        "warnings": [{"warning": "fewer than 64 of 256 gray levels; see data.high_depth", "films": 8}],
    }
    assert "warning: fewer than 64 of 256 gray levels; see data.high_depth: 8 films (0, 1, 2, 3, 4, ...)" in done.stdout
    assert "2 of 10 films are left out: 1 blurred, 1 view LATERAL" in done.stdout
    assert "patients on both sides of train and test: 0" in done.stdout


def test_without_validation_images_whole_patients_are_drawn(tmp_path: Path) -> None:
    """As in a folder study; a patient whom the table puts on both sides of its own split is said."""
    names = [f"{number:02}.png" for number in range(18)]
    folder = study(tmp_path, data__source="table", data__few_levels="accept", data__root="raw", data__val_share=0.25)
    films(folder / "raw", *names)
    lines = [f"{n},{i % 2},p{i // 4 * 2 + i % 2},{'train' if i < 16 else 'test'}" for i, n in enumerate(names)]
    (folder / "raw/study.csv").write_text("\n".join(["path,label,patient,split", *lines]) + "\n")
    done = stage("prepare", folder)
    assert done.returncode == 0, done.stderr
    index = pd.read_csv(folder / "data/prepared/index.csv")
    assert index.groupby(["split", "label"]).size()["val"].tolist() == [2, 2]
    assert not set(index.patient[index.split == "val"]) & set(index.patient[index.split == "train"])
    (folder / "raw/study.csv").write_text(
        "path,label,patient,split\n00.png,0,a,train\n01.png,1,b,train\n02.png,0,a,val\n03.png,1,c,val\n"
        "04.png,0,d,test\n05.png,1,b,test\n"
    )
    done = stage("prepare", folder)
    assert "patients on both sides of train and test: 1" in done.stdout
    assert "patients on both sides of train and val: 1; the table's column split says so" in done.stdout
