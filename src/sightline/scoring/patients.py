"""Who the patient of each image is: by a regular expression, by a table, or each image's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sightline.counts import counted
from sightline.images.repeated_films import patient_pattern
from sightline.images.split import patients_of
from sightline.names import stem_of
from sightline.study.errors import StudyError
from sightline.study.files import read_csv


def named_patients(images: Sequence[str], by: str) -> list[str]:
    """The patient of each image.

    `by`: a CSV with the columns image and patient, if it ends in .csv; else a regular expression whose groups name the
    patient, or "": each image is a patient. StudyError that lists all images without a patient, and names with two.
    """
    if by.lower().endswith(".csv"):
        return _from_table(images, Path(by))
    try:
        return patients_of(images, by)
    except StudyError as error:
        raise StudyError(str(error).replace("data.patient_pattern", "--patients")) from None


def warning_of(images: Sequence[str]) -> str:
    """What to say where nobody named the patients and names look like several films of one; "" otherwise."""
    pattern = patient_pattern(images)
    if not pattern:
        return ""
    patients = [match[1] for image in images if (match := re.search(pattern, image))]
    return (
        f"names look like several films of one patient ({len(patients)} of {len(images)} images, {len(set(patients))} "
        f"patients), and each image counts as a patient of its own; if they are, give --patients '{pattern}' or a CSV"
    )


def _from_table(images: Sequence[str], path: Path) -> list[str]:
    table = read_csv(path, {"image": str, "patient": str})
    patient_of: dict[str, str] = {}
    problems = []
    for row, (name, patient) in enumerate(zip(table["image"].tolist(), table["patient"].tolist(), strict=True)):
        image = stem_of(name)
        if not patient.strip():
            problems.append(f"{path}, row {row + 2}: image {image} has no patient")
        elif patient_of.setdefault(image, patient.strip()) != patient.strip():
            problems.append(f"{path}, row {row + 2}: image {image} has patient {patient_of[image]} in an earlier row")
    problems += [f"{path}: has no row of image {image}" for image in images if image not in patient_of]
    if problems:
        raise StudyError(f"--patients {path}: {counted(len(problems), 'problem')}; correct the table", problems)
    return [patient_of[image] for image in images]
