"""No name, number or date of a DICOM header reaches a file, the page, a log or an error; only facts, by their rules.

One film carries every attribute of pydicom's dictionary that can hold text, a name, an identifier, a date or an
address, in sequences and private tags too, each with a mark. Whatever is written is searched for the marks.
"""

from __future__ import annotations

import argparse
import io
import itertools
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dicom_films import content, film
from sightline.annotate.images import Pictures
from sightline.images.decode import read_film
from sightline.images.dicom_header import facts_table
from sightline.images.source import Data
from sightline.scoring.command import add_arguments, run
from studies import stage, study

pydicom = pytest.importorskip("pydicom")
from pydicom.datadict import DicomDictionary  # noqa: E402
from pydicom.dataset import Dataset  # noqa: E402
from pydicom.sequence import Sequence  # noqa: E402

DAY, TIME, UID = "18670413", "071717", "1.2.3.77777"
MARKS = (b"MARK", DAY.encode(), b"1867-04-13", b"13.04.1867", TIME.encode(), b"07:17:17", UID.encode())
TEXTS = {
    "PN": "MARK^{0}", "LO": "MARK{0}", "SH": "MARK{0}", "ST": "MARK{0}", "LT": "MARK{0}", "UT": "MARK{0}",
    "UC": "MARK{0}", "UR": "https://mark.example/MARK{0}", "AE": "MARK{0}", "CS": "MARK{0}", "UI": UID + ".{0}",
    "DA": DAY, "DT": DAY + TIME, "TM": TIME,
}  # fmt: skip
KEPT = (  # what the pixels need, and the facts that are meant to leave
    "SOPClassUID", "Modality", "PhotometricInterpretation", "VOILUTFunction", "PresentationLUTShape", "PatientSex",
    "Manufacturer", "ManufacturerModelName", "SpecificCharacterSet", "BurnedInAnnotation", "ModalityLUTType",
)  # fmt: skip
PIXELS = np.random.default_rng(3).integers(0, 4096, (70, 90)).astype(np.uint16)


def filled(dataset: Dataset, numbers: Iterator[int], has_sequences: bool) -> Dataset:
    """The dataset with a mark in every attribute that it lacks and that can hold one."""
    for tag, (vr, multiplicity, _, is_retired, keyword) in DicomDictionary.items():
        group = tag >> 16
        if group in (0x0000, 0x0002, 0x0004, 0x7FE0, 0xFFFE) or not keyword or keyword in KEPT or keyword in dataset:
            continue
        if vr in TEXTS:
            text = TEXTS[vr].format(next(numbers))
            many = multiplicity.split("-")[0]
            values = [text] * int(many) if many.isdecimal() and int(many) > 1 else text
            dataset.add_new(tag, vr, values)
        elif vr == "SQ" and has_sequences and not is_retired and "LUT" not in keyword:
            item = Dataset()
            item.PatientName, item.PatientID = f"MARK^{next(numbers)}", f"MARK{next(numbers)}"
            item.StudyDate, item.CodeMeaning, item.CodeValue = DAY, f"MARK{next(numbers)}", f"MARK{next(numbers)}"
            item.ReferencedSOPInstanceUID = f"{UID}.{next(numbers)}"
            dataset.add_new(tag, "SQ", Sequence([item]))
    block = dataset.private_block(0x0009, "MARK PRIVATE", create=True)
    block.add_new(0x01, "LO", f"MARK{next(numbers)}")
    block.add_new(0x02, "PN", f"MARK^{next(numbers)}")
    block.add_new(0x03, "UN", b"MARK PRIVATE BYTES")
    return dataset


def marked_film(has_sequences: bool = False, **attributes: Any) -> bytes:
    dataset = filled(film(PIXELS, BitsStored=12, **attributes), itertools.count(1), has_sequences)
    dataset.PatientSex, dataset.PatientAge, dataset.Manufacturer, dataset.ManufacturerModelName = "F", "045Y", "Co", "X"
    dataset.file_meta.SourceApplicationEntityTitle = "MARKTITLE"
    dataset.file_meta.ImplementationVersionName = "MARKVERSION"
    dataset.file_meta.PrivateInformationCreatorUID = f"{UID}.9"
    dataset.file_meta.PrivateInformation = b"MARK INFORMATION"
    dataset.preamble = b"MARK PREAMBLE".ljust(128)
    return content(dataset)


@pytest.fixture(scope="module")
def marked() -> bytes:
    return marked_film(has_sequences=True)


def marks_in(data: bytes) -> list[bytes]:
    return [mark for mark in MARKS if mark in data]


def study_of(tmp_path: Path, films: dict[str, bytes]) -> Path:
    """A study of test images whose films are these; a file is known by its content, so .png names will do."""
    for number, (name, data) in enumerate(films.items()):
        path = tmp_path / "raw/test" / ("NORMAL", "PNEUMONIA")[number % 2] / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return study(tmp_path / "study", data__source="folder", data__root=str(tmp_path / "raw"))


def test_the_film_is_full_of_marks(marked: bytes) -> None:
    header = pydicom.dcmread(io.BytesIO(marked))
    assert len([element for element in header if element.VR in TEXTS]) > 1000
    assert len([element for element in header if element.VR == "SQ"]) > 900
    assert {mark for mark in MARKS if mark in marked} >= {b"MARK", DAY.encode(), TIME.encode(), UID.encode()}


def test_prepare_writes_and_prints_no_mark(
    marked: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTLINE_SALT", "a salt of more than sixteen characters")
    folder = study_of(tmp_path, {"a": marked, "b": marked_film(PhotometricInterpretation="MONOCHROME1")})
    done = stage("prepare", folder)
    assert done.returncode == 0, done.stderr
    out, err = capfd.readouterr()
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert {"images.npy", "index.csv"} <= {path.name for path in written}
    found = {str(path): marks_in(path.read_bytes()) for path in written}
    found |= {
        name: marks_in(text.encode()) for name, text in {"out": done.stdout + out, "err": done.stderr + err}.items()
    }
    assert {name: marks for name, marks in found.items() if marks} == {}


def test_errors_hold_no_mark(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, marked: bytes
) -> None:
    """Films that are refused for what their header says, or cut short in it: the path and the reason, no value."""
    monkeypatch.setenv("SIGHTLINE_SALT", "a salt of more than sixteen characters")
    films = {
        "modality": marked_film(Modality="MARKCT"),
        "photometric": marked_film(PhotometricInterpretation="MARKCOLOR"),
        "function": marked_film(VOILUTFunction="MARKLOG", WindowCenter=1, WindowWidth=5),
        "frames": marked_film(NumberOfFrames=3),
        "short": marked[: len(marked) // 2],
        "pixels": marked[: marked.index(b"\xe0\x7f\x10\x00") + 500],
    }
    done = stage("prepare", study_of(tmp_path, films))
    assert done.returncode == 1
    assert "6 unreadable images" in done.stderr
    out, err = capfd.readouterr()
    assert marks_in((done.stdout + done.stderr + out + err).encode()) == []


def test_the_page_shows_pixels_alone(marked: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(marked)
    data = Data(
        source="folder", root=str(tmp_path), negative="NORMAL", positive="PNEUMONIA", height=64, width=64,
        split="patient", val_share=0.1, patient_pattern="", color=False, high_depth="own",
    )  # fmt: skip
    index = pd.DataFrame(
        {"image": ["a"], "split": "test", "label": 1, "source": str(tmp_path / "a.dcm"), "sha256": "0"}
    )
    png = Pictures(data, index).png("a")
    assert marks_in(png) == []
    shown = np.asarray(Image.open(io.BytesIO(png)))
    np.testing.assert_array_equal(shown, np.rint(255 * ((PIXELS - PIXELS.min()) / np.ptp(PIXELS))))
    assert Image.open(io.BytesIO(png)).info == {}


def test_score_shows_pixels_alone(marked: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    for name in ("maps", "masks", "images"):
        (tmp_path / name).mkdir()
    for image in ("a", "b", "c"):
        np.save(tmp_path / f"maps/{image}.npy", rng.random((70, 90)))
        mask = np.zeros((70, 90), np.uint8)
        mask[10:40, 20:50] = 255
        Image.fromarray(mask).save(tmp_path / f"masks/{image}.png")
        (tmp_path / f"images/{image}.dcm").write_bytes(marked)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = [str(tmp_path / "maps"), str(tmp_path / "masks"), "--images", str(tmp_path / "images")]
    run(parser.parse_args([*words, "--primary", "mass", "--out", str(tmp_path / "out")]))
    out, err = capfd.readouterr()
    found = {path.name: marks_in(path.read_bytes()) for path in (tmp_path / "out").iterdir()}
    assert found
    assert {name: marks for name, marks in (found | {"out": marks_in((out + err).encode())}).items() if marks} == {}


def test_the_facts_of_the_film_are_those_of_the_rules(marked: bytes) -> None:
    facts = read_film(marked, 64, 64, False, salt=b"a salt of more than sixteen characters").facts
    row = facts_table([facts]).iloc[0].to_dict()
    assert marks_in(repr(facts).encode()) == []
    assert marks_in(repr(row).encode()) == []
    assert {name: row[name] for name in ("view", "sex", "age", "days", "maker", "model", "laterality")} == {
        "view": "OTHER", "sex": "F", "age": "45", "days": "0", "maker": "Co", "model": "X", "laterality": "",
    }  # fmt: skip
    assert len(row["patient"]) == len(row["study"]) == 16
    assert row["patient"] != row["study"]


def test_threads_that_read_at_once_print_no_mark(marked: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    """The page's server reads films in several threads; pydicom warns of each of the film's invalid values."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with ThreadPoolExecutor(4) as pool:
            films = list(pool.map(lambda _: read_film(marked, 64, 64, False).num_levels, range(24)))
        assert len(set(films)) == 1
    out, err = capfd.readouterr()
    assert marks_in((out + err).encode()) == []
    assert not err
