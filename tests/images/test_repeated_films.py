"""Names that look like several films of one patient, and names that do not."""

from __future__ import annotations

import re

import pytest

from sightline.images.repeated_films import patient_pattern

NIH = ["00000013_008", "00000013_009", "00000020_000", "00000031_002", "00000031_003"]
KERMANY = ["person1_bacteria_1", "person1_bacteria_2", "person3_virus_15", "person3_virus_16", "person9_virus_1"]
CHEXPERT = [f"patient{number}_study1_view{view}_frontal" for number in (64541, 64542, 64600) for view in (1, 2)]


@pytest.mark.parametrize(
    ("images", "patients"),
    [
        (NIH, ["00000013", "00000013", "00000020", "00000031", "00000031"]),
        (KERMANY, ["person1", "person1", "person3", "person3", "person9"]),
        (CHEXPERT, ["patient64541"] * 2 + ["patient64542"] * 2 + ["patient64600"] * 2),
        (["anna-1", "anna-2", "ben-1", "zoe-7"], ["anna", "anna", "ben", "zoe"]),
    ],
)
def test_shared_stems_with_a_running_number_name_the_patient(images: list[str], patients: list[str]) -> None:
    pattern = patient_pattern(images)
    found = [re.search(pattern, image) for image in images]
    assert [match[1] for match in found if match] == patients


@pytest.mark.parametrize(
    "images",
    [
        [],
        ["a1", "a2", "b1", "c1"],
        [f"img_{number}" for number in range(50)],  # a running number of all images
        [f"{kind}_{number}" for kind in ("covid", "normal", "pneumonia") for number in range(20)],  # classes
        [f"{number:08}_000" for number in range(50)],  # a film for each patient
        ["x_1", "x_2", *(f"{number:08}_000" for number in range(50))],  # 2 of 52
        ["x_1", "x_2", "x_3", "y_1", "z_1"],  # a stem of more than half
    ],
)
def test_other_names_do_not(images: list[str]) -> None:
    assert patient_pattern(images) == ""
