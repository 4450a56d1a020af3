"""Facts of a DICOM header as columns of the index: each rule by hand; the salt; text burnt into the border."""

from __future__ import annotations

import hashlib
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from dicom_films import content, film
from sightline.images.border_text import has_border_text
from sightline.images.decode import read_film
from sightline.images.dicom_header import VIEW_CODES, FilmFacts, facts_table
from sightline.images.salt import SALT_FILE, film_salt, salted
from sightline.study.errors import StudyError

pydicom = pytest.importorskip("pydicom")
from pydicom.dataset import Dataset  # noqa: E402
from pydicom.sr._cid_dict import cid_concepts  # noqa: E402
from pydicom.sr._concepts_dict import concepts  # noqa: E402
from pydicom.sr._snomed_dict import mapping  # noqa: E402

SALT = b"a salt for tests, of 32 characters"
PIXELS = np.arange(64 * 80, dtype=np.uint16).reshape(64, 80)


def facts(salt: bytes | None = SALT, **attributes: Any) -> FilmFacts:
    found = read_film(content(film(PIXELS, **attributes)), 64, 64, False, salt=salt).facts
    assert found is not None
    return found


def column(name: str, **attributes: Any) -> str:
    return str(facts_table([facts(**attributes)])[name][0])


def test_patients_and_studies_are_hashed_with_the_salt() -> None:
    """HMAC-SHA256, 16 digits; the same number is another one as a study, and with another salt."""
    found = facts(PatientID=" 4711 ", StudyInstanceUID="1.2.3")
    assert found.patient == hmac.new(SALT, b"patient:4711", hashlib.sha256).hexdigest()[:16]
    assert found.study == hmac.new(SALT, b"study:1.2.3", hashlib.sha256).hexdigest()[:16]
    assert facts(PatientID="4711").patient == found.patient
    assert facts(salt=b"another salt of 32 characters...", PatientID="4711").patient != found.patient
    assert salted(SALT, "study", "4711") != found.patient
    assert facts(salt=None, PatientID="4711").patient == ""
    assert (facts().patient, facts(PatientID="").patient, facts(PatientID="  ").study) == ("", "", "")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ViewPosition": "PA"}, "PA"), ({"ViewPosition": "ap "}, "AP"), ({"ViewPosition": "LL"}, "LATERAL"),
        ({"ViewPosition": "LATERAL"}, "LATERAL"), ({"ViewPosition": "LLD"}, "LATERAL DECUBITUS"),
        ({"ViewPosition": "RAO"}, "OBLIQUE"), ({"ViewPosition": "OF MY AUNT"}, "OTHER"), ({"ViewPosition": ""}, ""),
        ({"SeriesDescription": "Chest PA"}, ""), ({}, ""),
    ],
)  # fmt: skip
def test_views_by_their_position(attributes: dict[str, str], expected: str) -> None:
    assert facts(**attributes).view == expected


@pytest.mark.parametrize(("code", "expected"), VIEW_CODES.items())
def test_views_by_their_code(code: str, expected: str) -> None:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", "a meaning that stays inside"
    assert facts(ViewCodeSequence=[item]).view == expected
    assert facts(ViewCodeSequence=[item], ViewPosition="AP").view == "AP"


def test_view_codes_mean_what_the_standard_says() -> None:
    """CID 4010 in pydicom's dictionary, by the names of the concepts, and the older codes for them."""
    names = {"PosteroAnterior": "PA", "AnteroPosterior": "AP", "LateralProjection": "LATERAL",
             "LeftLateral": "LATERAL", "RightLateral": "LATERAL"}  # fmt: skip
    of_4010 = cid_concepts[4010]["SCT"]
    codes = {code: view for name, view in names.items() for code in concepts["SCT"][name] if name in of_4010}
    assert {code: view for code, view in VIEW_CODES.items() if code.isdecimal()} == codes
    older = {mapping["SCT"][code]: view for code, view in codes.items() if code in mapping["SCT"]}
    older["R-10214"] = "PA"  # of the standard before 2018, which pydicom's table does not hold
    assert {code: view for code, view in VIEW_CODES.items() if not code.isdecimal()} == older


def test_a_code_that_is_not_known_is_another_view() -> None:
    item = Dataset()
    item.CodeValue = "399012002"
    assert facts(ViewCodeSequence=[item]).view == "OTHER"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"PatientAge": "067Y"}, "67"), ({"PatientAge": "018M"}, "1"), ({"PatientAge": "011M"}, "0"),
        ({"PatientAge": "060W"}, "1"), ({"PatientAge": "400D"}, "1"), ({"PatientAge": "110Y"}, "110"),
        ({"PatientAge": "111Y"}, ""), ({"PatientAge": "148Y"}, ""), ({"PatientAge": "67"}, ""),
        ({"PatientBirthDate": "19500301", "StudyDate": "20200229"}, "69"),
        ({"PatientBirthDate": "19500301", "StudyDate": "20200301"}, "70"),
        ({"PatientBirthDate": "19500301", "AcquisitionDate": "20200301", "StudyDate": "20300301"}, "70"),
        ({"PatientBirthDate": "20210101", "StudyDate": "20200101"}, ""),
        ({"PatientBirthDate": "18670413", "StudyDate": "20200101"}, ""),
        ({"PatientBirthDate": "19501301", "StudyDate": "20200101"}, ""),
        ({"PatientBirthDate": "19500301"}, ""),
        ({"PatientAge": "030Y", "PatientBirthDate": "19500301", "StudyDate": "20200301"}, "30"),
    ],
)  # fmt: skip
def test_ages_in_completed_years(attributes: dict[str, str], expected: str) -> None:
    assert column("age", **attributes) == expected


def test_days_count_from_the_patients_first_film() -> None:
    """Two patients; one without a number has none; the calendar that leaves the reader is not the world's."""
    dates = [("1", "20200310"), ("2", "20210101"), ("1", "20200301"), ("2", "20210102"), ("", "20200301")]
    films = [facts(PatientID=patient, StudyDate=day) for patient, day in dates]
    assert facts_table([*films, None, facts(PatientID="3")])["days"].tolist() == ["9", "0", "0", "1", "", "", ""]
    first = films[2].secret_day
    assert first is not None
    assert abs(first - 737485) > 1000, "2020-03-01 is day 737,485 of the world's calendar"
    assert facts(PatientID="1", AcquisitionDateTime="20200302101112.000+0100").secret_day == first + 1


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"PixelSpacing": [5.0, 4.0]}, ("5.0", "4.0", "")),  # 64 x 80 pixels: 320 x 320 mm
        ({"ImagerPixelSpacing": [5.0, 4.0]}, ("5.0", "4.0", "")),
        ({"PixelSpacing": [0.143, 0.143]}, ("", "", "not a chest")),
        ({"PixelSpacing": [0.143, 0.143], "ImagerPixelSpacing": [5.0, 5.0]}, ("5.0", "5.0", "")),
        ({"PixelSpacing": [0.0, 0.0]}, ("", "", "zero")),
        ({"PixelSpacing": [0.0, 0.0], "ImagerPixelSpacing": [1.0, 1.0]}, ("", "", "not a chest")),
        ({"PixelSpacing": [5.0, 7.0]}, ("", "", "not a chest")),  # 560 mm wide
        ({}, ("", "", "none")),
    ],
)
def test_millimetres_where_they_make_a_chest(attributes: dict[str, Any], expected: tuple[str, str, str]) -> None:
    row = facts_table([facts(**attributes)]).iloc[0]
    assert (row.row_mm, row.column_mm, row.spacing_note) == expected


def test_the_other_columns() -> None:
    found = facts_table(
        [
            facts(
                PatientSex="F", Laterality="R", ImageLaterality="L", Manufacturer="Co. <b>X</b>\t",
                BurnedInAnnotation="YES", ManufacturerModelName="M" * 60, PresentationIntentType="FOR PROCESSING",
            ),
            None,
        ]
    )  # fmt: skip
    assert list(found.columns) == [
        "patient", "study", "view", "laterality", "sex", "age", "days", "maker", "model", "intent", "row_mm",
        "column_mm", "spacing_note", "border_text",
    ]  # fmt: skip
    row = found.iloc[0]
    assert (row.sex, row.laterality, row.maker, row.model) == ("F", "L", "Co. b X /b", "M" * 40)
    assert (row.intent, row.border_text) == ("FOR PROCESSING", "yes")
    assert set(found.iloc[1]) == {""}
    assert column("sex", PatientSex="FEMALE") == ""


def test_a_broken_attribute_is_an_empty_fact() -> None:
    """Text where numbers stand: the film is read all the same."""
    data = content(film(PIXELS, PixelSpacing=[5.0, 4.0], PatientAge="067Y"))
    broken = read_film(
        data.replace(b"5.0\\4.0 ", b"5.x\\4.0 ").replace(b"067Y", b"06\xff\xff"), 64, 64, False, salt=SALT
    )
    assert broken.facts is not None
    assert (broken.facts.row_mm, broken.facts.age, broken.facts.spacing_note) == (None, None, "none")


def test_the_salt_lies_beside_the_films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGHTLINE_SALT", raising=False)
    salt = film_salt(tmp_path)
    assert film_salt(tmp_path) == salt
    assert len(salt) == 64
    assert bytes.fromhex(salt.decode()) not in (b"\0" * 32, salt)
    path = tmp_path / SALT_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == [SALT_FILE]
    (tmp_path / "other").mkdir()
    assert film_salt(tmp_path / "other") != salt
    monkeypatch.setenv("SIGHTLINE_SALT", "a salt from elsewhere")
    assert film_salt(tmp_path) == b"a salt from elsewhere"
    monkeypatch.setenv("SIGHTLINE_SALT", "short")
    with pytest.raises(StudyError, match="SIGHTLINE_SALT: a salt of 5 characters"):
        film_salt(tmp_path)


def test_all_processes_get_the_salt_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGHTLINE_SALT", raising=False)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(film_salt, [tmp_path] * 64))) == 1
    assert [item.name for item in tmp_path.iterdir()] == [SALT_FILE]


def test_a_folder_that_keeps_no_salt_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGHTLINE_SALT", raising=False)
    with pytest.raises(StudyError, match=r"cannot be kept there .*; set SIGHTLINE_SALT"):
        film_salt(tmp_path / "absent")
    (tmp_path / SALT_FILE).mkdir()
    with pytest.raises(StudyError, match="set SIGHTLINE_SALT"):
        film_salt(tmp_path)
    (tmp_path / SALT_FILE).rmdir()
    (tmp_path / SALT_FILE).write_text("")
    with pytest.raises(StudyError, match="a salt of 0 characters"):
        film_salt(tmp_path)


def x_ray(text: str = "", size: int = 30, place: tuple[int, int] = (30, 20), fill: int = 255) -> np.ndarray:
    """A smooth film of 900 x 1,000 pixels with noise, a collimator's edge and, by wish, a text."""
    rows, columns = np.mgrid[:900, :1000]
    film_HW = 110 + 70 * np.sin(columns / 160) * np.cos(rows / 200)
    film_HW[:, :60] = 5
    noise = np.random.default_rng(2).normal(0, 5, film_HW.shape)
    picture = Image.fromarray((film_HW + noise).clip(0, 255).astype(np.uint8))
    if text:
        ImageDraw.Draw(picture).text(place, text, fill=fill, font=ImageFont.load_default(size))
    return np.asarray(picture)


@pytest.mark.parametrize(("size", "fill"), [(16, 255), (24, 255), (40, 255), (24, 0), (40, 0)])
@pytest.mark.parametrize("place", [(300, 20), (300, 800), (862, 450)])
def test_a_line_of_text_at_the_border_is_seen(size: int, fill: int, place: tuple[int, int]) -> None:
    text = x_ray("DOE JANE 1867-04-13", size, place, fill)
    assert has_border_text(text)
    assert has_border_text(np.rot90(text, 2)), "upside down"


@pytest.mark.parametrize("text", ["", "L", "R", "PA", "L AP"])
def test_side_markers_are_no_text(text: str) -> None:
    assert not has_border_text(x_ray(text, 60, (700, 20)))


def test_text_within_the_film_is_not_looked_for() -> None:
    assert not has_border_text(x_ray("DOE JANE 1867-04-13", 24, (400, 450)))


def test_text_becomes_a_column() -> None:
    def border_text(pixels: np.ndarray) -> str:
        stated = film(pixels, WindowCenter=128, WindowWidth=256)
        return str(facts_table([read_film(content(stated), 64, 64, False).facts])["border_text"][0])

    assert border_text(x_ray("DOE JANE 1867-04-13")) == "yes"
    assert border_text(x_ray()) == ""


@pytest.mark.parametrize("shape", [(1, 1), (5, 4), (64, 64), (3000, 3), (20, 2500)])
def test_films_of_any_size_are_searched(shape: tuple[int, int]) -> None:
    assert not has_border_text(np.zeros(shape, np.uint8))
