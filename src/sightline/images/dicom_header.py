"""The few facts of a DICOM header that enter a study's index, each by its rule; no other header leaves the reader."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sightline.images.salt import salted, secret_day

if TYPE_CHECKING:
    import pandas as pd
    from pydicom import Dataset

OLDEST = 110  # years; an age above it is a slip or a placeholder
CHEST_MM = (250.0, 500.0)  # height and width of a film of a chest, at the detector
LONGEST_NAME = 40  # characters of a maker's or a model's name

VIEWS = {
    "PA": "PA", "AP": "AP", "LL": "LATERAL", "RL": "LATERAL", "LAT": "LATERAL", "LATERAL": "LATERAL",
    "LLD": "LATERAL DECUBITUS", "RLD": "LATERAL DECUBITUS",
    "RLO": "OBLIQUE", "LLO": "OBLIQUE", "RAO": "OBLIQUE", "LAO": "OBLIQUE", "RPO": "OBLIQUE", "LPO": "OBLIQUE",
}  # fmt: skip
"""By ViewPosition."""
VIEW_CODES = {
    "272479007": "PA", "R-40888": "PA", "R-10214": "PA", "399348003": "AP", "R-10206": "AP",
    "399067008": "LATERAL", "399173006": "LATERAL", "399198007": "LATERAL",
    "R-102CD": "LATERAL", "R-10236": "LATERAL", "R-10232": "LATERAL",
}  # fmt: skip
"""By ViewCodeSequence: SNOMED CT, and SNOMED RT in older files (PS3.16, CID 4010)."""

# The attributes that a film's facts are made of; those of its pixels are in dicom_pixels.
FACT_TAGS = (
    "PatientID", "StudyInstanceUID", "ViewPosition", "ViewCodeSequence", "ImageLaterality", "Laterality",
    "PatientSex", "PatientAge", "PatientBirthDate", "AcquisitionDate", "AcquisitionDateTime", "StudyDate",
    "ContentDate", "Manufacturer", "ManufacturerModelName", "PresentationIntentType", "PixelSpacing",
    "ImagerPixelSpacing", "NominalScannedPixelSpacing", "BurnedInAnnotation",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FilmFacts:
    """What a film's header says; '' or None where it says nothing that the rule accepts."""

    patient: str = ""
    """PatientID, hashed with the study's salt."""
    study: str = ""
    """StudyInstanceUID, hashed with the study's salt."""
    view: str = ""
    """PA, AP, LATERAL, LATERAL DECUBITUS, OBLIQUE; OTHER where ViewPosition says anything else."""
    laterality: str = ""
    """R, L, B (both) or U (unpaired)."""
    sex: str = ""
    """F, M or O."""
    age: int | None = None
    """Completed years, 0 to 110."""
    secret_day: int | None = None
    """The film's day on a calendar of this patient that only the salt knows; `facts_table` makes `days` of it."""
    maker: str = ""
    model: str = ""
    intent: str = ""
    """FOR PRESENTATION or FOR PROCESSING."""
    row_mm: float | None = None
    """Distance of the file's rows in millimetres."""
    column_mm: float | None = None
    spacing_note: str = ""
    """Why `row_mm` is empty: none, zero, or not a chest; '' where it is not empty."""
    is_text_stated: bool = False
    """Whether BurnedInAnnotation is YES."""
    has_border_text: bool = False
    """Whether the film's border looks as if text were burnt in; a warning, not a promise."""


def facts_of(header: Dataset, salt: bytes | None) -> FilmFacts:
    """The facts of a header that holds no more than FACT_TAGS and the attributes of the pixels.

    Without a salt there are no patient, study and day. An attribute that cannot be read counts as missing: a film is
    not refused for a broken age.
    """
    day = _date(header, "AcquisitionDate", "AcquisitionDateTime", "StudyDate", "ContentDate")
    patient, study = _text(header, "PatientID"), _text(header, "StudyInstanceUID")
    row_mm, column_mm, note = _spacing(header)
    return FilmFacts(
        patient=salted(salt, "patient", patient) if salt else "",
        study=salted(salt, "study", study) if salt else "",
        view=_view(header),
        laterality=_one_of(header, ("R", "L", "B", "U"), "ImageLaterality", "Laterality"),
        sex=_one_of(header, ("F", "M", "O"), "PatientSex"),
        age=_age(header, day),
        secret_day=secret_day(salt, patient, day.toordinal()) if salt and patient and day else None,
        maker=_device(header, "Manufacturer"),
        model=_device(header, "ManufacturerModelName"),
        intent=_one_of(header, ("FOR PRESENTATION", "FOR PROCESSING"), "PresentationIntentType"),
        row_mm=row_mm,
        column_mm=column_mm,
        spacing_note=note,
        is_text_stated=_text(header, "BurnedInAnnotation").upper() == "YES",
    )


def facts_table(facts: Sequence[FilmFacts | None]) -> pd.DataFrame:
    """The facts as columns of a study's index, text, a row for each film; '' where nothing is known.

    patient, study, view, laterality, sex, age, days, maker, model, intent, row_mm, column_mm, spacing_note,
    border_text. `days`: from the patient's first film in this study to this one. `border_text`: yes where the header
    or the film's border says so. Films that are no DICOM files (None) have empty rows.
    """
    import pandas as pd  # a stage that makes no table starts without it

    first: dict[str, int] = {}
    for film in facts:
        if film is not None and film.secret_day is not None:
            first[film.patient] = min(film.secret_day, first.get(film.patient, film.secret_day))
    rows = [{} if film is None else _row(film, first.get(film.patient)) for film in facts]
    return pd.DataFrame(rows, index=range(len(rows)), columns=list(_row(FilmFacts(), None)), dtype=str).fillna("")


def _row(film: FilmFacts, first_day: int | None) -> dict[str, str]:
    days = None if film.secret_day is None or first_day is None else film.secret_day - first_day
    row: dict[str, Any] = {
        "patient": film.patient,
        "study": film.study,
        "view": film.view,
        "laterality": film.laterality,
        "sex": film.sex,
        "age": film.age,
        "days": days,
        "maker": film.maker,
        "model": film.model,
        "intent": film.intent,
        "row_mm": film.row_mm,
        "column_mm": film.column_mm,
        "spacing_note": film.spacing_note,
        "border_text": "yes" if film.is_text_stated or film.has_border_text else "",
    }
    return {name: "" if value is None else f"{value}" for name, value in row.items()}


def _text(header: Dataset, keyword: str) -> str:
    """The attribute's first value as text; '' where it is missing, empty or cannot be read."""
    values = _values(header, keyword)
    return str(values[0]).strip() if values else ""


def _values(header: Dataset, keyword: str) -> list[Any]:
    try:
        value = header.get(keyword)
    except Exception:  # values of any kind in a broken header make pydicom raise errors of any kind
        return []
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) or not hasattr(value, "__len__") else list(value)


def _one_of(header: Dataset, known: Sequence[str], *keywords: str) -> str:
    return next((text for keyword in keywords if (text := _text(header, keyword).upper()) in known), "")


def _view(header: Dataset) -> str:
    stated = _text(header, "ViewPosition").upper()
    if stated in VIEWS:
        return VIEWS[stated]
    codes = [_text(item, "CodeValue") for item in _values(header, "ViewCodeSequence") if hasattr(item, "get")]
    coded = next((VIEW_CODES[code] for code in codes if code in VIEW_CODES), "")
    return coded or ("OTHER" if stated or codes else "")


def _date(header: Dataset, *keywords: str) -> date | None:
    """The first of these attributes that holds a date, YYYYMMDD, perhaps with a time after it."""
    for keyword in keywords:
        digits = re.match(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})", _text(header, keyword))
        try:
            if digits:
                return date(*map(int, digits.groups()))
        except ValueError:
            continue  # such as month 13: the next attribute may hold a date
    return None


def _age(header: Dataset, day: date | None) -> int | None:
    """Completed years, by PatientAge, else by the dates of birth and film; None below 0 and above 110."""
    stated = re.fullmatch(r"(\d{1,3})([DWMY])", _text(header, "PatientAge").upper())
    if stated:
        per_year = {"D": 365, "W": 52, "M": 12, "Y": 1}[stated[2]]
        years = int(stated[1]) // per_year
    else:
        birth = _date(header, "PatientBirthDate")
        if birth is None or day is None:
            return None
        years = day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
    return years if 0 <= years <= OLDEST else None


def _device(header: Dataset, keyword: str) -> str:
    """A maker's or model's name without characters that a table or a page could take for something else."""
    return " ".join(re.sub(r"[^\w .,+/()-]", " ", _text(header, keyword)).split())[:LONGEST_NAME].strip()


def _spacing(header: Dataset) -> tuple[float | None, float | None, str]:
    """Distances of rows and columns in mm, where the film's sides are a chest's; and else why not.

    Secondary captures often state the spacing of the film that they were made from, so millimetres are believed only
    where rows and columns times spacing lie in 250 to 500 mm.
    """
    note = "none"
    sides = [_number(header, "Rows"), _number(header, "Columns")]
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        try:
            row_mm, column_mm = (float(value) for value in _values(header, keyword))
        except (TypeError, ValueError):
            continue
        if not (row_mm > 0 and column_mm > 0):
            note = "zero" if note == "none" else note
        elif all(CHEST_MM[0] <= side * mm <= CHEST_MM[1] for side, mm in zip(sides, (row_mm, column_mm), strict=True)):
            return row_mm, column_mm, ""
        else:
            note = "not a chest"
    return None, None, note


def _number(header: Dataset, keyword: str) -> float:
    try:
        return float(_text(header, keyword))
    except ValueError:
        return float("nan")
