"""Studies of DICOM films: what their headers add to the index, and what wins where a table says it too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import dicom_films
from sightline.images.phantom import phantom_image
from studies import change, image_tree, stage, study

SALT = "a salt for tests alone"


def chest(number: int, label: int = 0) -> np.ndarray:
    """uint16 320 x 280, 12 bits: a film of a chest in stored values."""
    return phantom_image(0, number, label, 320, 280, 0.0).image.astype(np.uint16) * 16


def write_film(path: Path, number: int, label: int = 0, **attributes: object) -> Path:
    known = {
        "PatientID": f"H-{number // 2}", "StudyInstanceUID": f"1.2.{number}", "PatientName": "Doe^Jane",
        "PatientSex": "F", "PatientAge": "061Y",
        "ViewPosition": "PA", "AcquisitionDate": f"202501{number + 1:02}", "BitsStored": 12, "PixelSpacing": [1.0, 1.1],
    }  # fmt: skip
    return dicom_films.written(path, dicom_films.film(chest(number, label), **{**known, **attributes}))


def prepared(folder: Path) -> tuple[pd.DataFrame, str]:
    done = stage("prepare", folder)
    assert done.returncode == 0, done.stderr
    return pd.read_csv(folder / "data/prepared/index.csv", dtype=str, keep_default_na=False), done.stdout


def test_a_table_of_dicom_films(tmp_path: Path) -> None:
    """The table's cells win, film by film; headers fill what it leaves empty; names and dates stay out."""
    folder = study(tmp_path, data__source="table", data__root="raw", data__views="PA AP")
    write_film(folder / "raw/a.dcm", 0)
    write_film(folder / "raw/b", 1, PhotometricInterpretation="MONOCHROME1")
    write_film(folder / "raw/1.2.3.dcm", 2, ViewPosition="LL")
    write_film(folder / "raw/d.dcm", 3, ViewPosition="AP", PatientSex="M", PixelSpacing=[0.1, 0.1])
    Image.fromarray((chest(4) // 16).astype(np.uint8)).save(folder / "raw/e.png")
    (folder / "raw/study.csv").write_text(
        "path,label,patient,sex,site,view\na.dcm,0,,m,north,\nb,1,mine,,south,\n1.2.3.dcm,1,,,north,\n"
        "d.dcm,1,,,north,\ne.png,0,,,,pa\n"
    )
    index, out = prepared(folder)
    by_image = index.set_index("image")
    assert list(index.columns[:6]) == ["image", "split", "label", "patient", "source", "sha256"]
    assert list(index.columns[6:9]) == ["sex", "site", "view"]  # the table's own first
    assert {"study", "age", "days", "row_mm", "spacing_note"} <= set(index.columns)
    assert "maker" not in index.columns  # no film says it
    assert by_image.view.to_dict() == {"a": "PA", "b": "PA", "d": "AP", "e": "PA"}
    assert by_image.sex.to_dict() == {"a": "M", "b": "F", "d": "M", "e": ""}
    assert by_image.age["a"] == "61"
    assert by_image.patient["b"] == "mine"
    assert by_image.patient["e"] == "e"
    assert len(by_image.patient["a"]) == len(by_image.patient["d"]) == 16  # hashed; patients H-0 and H-1
    assert by_image.patient["a"] != by_image.patient["d"]
    assert (by_image.row_mm["a"], by_image.row_mm["d"], by_image.spacing_note["d"]) == ("1.0", "", "not a chest")
    found = json.loads((folder / "data/prepared/exclusions.json").read_text())
    assert found["excluded"] == [{"reason": "view LATERAL", "split": "test", "label": 1, "films": 1}]
    assert {"warning": "a spacing that makes no chest, so no millimetres", "films": 1} in found["warnings"]
    assert "warning: a spacing that makes no chest, so no millimetres: 1 film (d)" in out
    written = out + "".join(path.read_text() for path in (folder / "data/prepared").glob("*.[cj]s*"))
    assert not [word for word in ("H-0", "H-1", "Doe", "Jane", "202501") if word in written]
    images = np.load(folder / "data/prepared/images.npy")
    assert images.shape == (4, 64, 64)
    assert images[index.image.tolist().index("b")].mean() != images[index.image.tolist().index("a")].mean()


def test_monochrome1_is_the_inverse(tmp_path: Path) -> None:
    folder = study(tmp_path, data__source="table", data__root="raw")
    for name, kind in (("plain", "MONOCHROME2"), ("inverse", "MONOCHROME1")):
        values = chest(0) if kind == "MONOCHROME2" else 4095 - chest(0)
        film = dicom_films.film(values, PhotometricInterpretation=kind, BitsStored=12)
        dicom_films.written(folder / f"raw/{name}.dcm", film)
    (folder / "raw/study.csv").write_text("path,label\nplain.dcm,0\ninverse.dcm,1\n")
    prepared(folder)
    plain, inverse = np.load(folder / "data/prepared/images.npy")
    np.testing.assert_allclose(plain.astype(int), inverse.astype(int), atol=1)


def test_a_folder_of_dicom_films_by_any_name(tmp_path: Path) -> None:
    """Class folders hold DICOM too; a pattern names the patients of the films whose headers do not."""
    folder = study(tmp_path, data__source="folder", data__root="raw", data__patient_pattern="^(p[0-9]+)")
    write_film(folder / "raw/test/NORMAL/1.2.840.1", 0)
    write_film(folder / "raw/test/NORMAL/p7-b.dcm", 1, PatientID="")
    write_film(folder / "raw/test/PNEUMONIA/IM0001", 2, 1)
    index, _ = prepared(folder)
    assert index.image.tolist() == ["1.2.840.1", "p7-b", "IM0001"]
    assert index.patient[1] == "p7"
    assert len(set(index.patient)) == 3
    (folder / "raw/test/NORMAL/notes").write_text("no film")
    assert "notes: neither PNG, JPEG nor DICOM by name" in stage("prepare", folder).stderr


def test_films_without_headers_leave_no_trace_of_them(tmp_path: Path) -> None:
    """A study of PNG files alone: the columns of the index as ever, and no salt beside the films."""
    root = image_tree(tmp_path / "raw")
    index, _ = prepared(study(tmp_path / "study", data__source="folder", data__root=str(root)))
    assert list(index.columns) == ["image", "split", "label", "patient", "source", "sha256"]
    assert not (root / ".sightline-salt").exists()


def test_patients_are_the_same_in_every_run_and_differ_between_salts(tmp_path: Path, monkeypatch) -> None:
    folder = study(tmp_path, data__source="table", data__root="raw")
    for number in range(3):
        write_film(folder / f"raw/{number}.dcm", number)
    (folder / "raw/study.csv").write_text("path,label\n0.dcm,0\n1.dcm,1\n2.dcm,1\n")
    first, _ = prepared(folder)
    assert first.patient[0] == first.patient[1] != first.patient[2]
    assert first.days.tolist() == ["0", "1", "0"]
    change(folder, seed=5)
    assert prepared(folder)[0].patient.tolist() == first.patient.tolist()
    monkeypatch.setenv("SIGHTLINE_SALT", SALT)
    other, _ = prepared(folder)
    assert not set(other.patient) & set(first.patient)
    assert (folder / "raw/.sightline-salt").stat().st_mode & 0o077 == 0
