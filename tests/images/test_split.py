"""Patients by pattern, and the split into training and validation by patients or by images."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.images.split import patients_of, validation_mask
from sightline.study.errors import StudyError
from studies import KERMANY


def test_patients_by_pattern() -> None:
    names = ["person1_virus_9", "person1_bacteria_2", "person1_virus_7", "IM-0129-0001", "NORMAL2-IM-0129-0001"]
    patients = patients_of(names, KERMANY)
    assert patients == ["person1-virus", "person1-bacteria", "person1-virus", "IM-0129", "NORMAL2-IM-0129"]
    assert patients_of(names, "") == names
    with pytest.raises(StudyError, match="other"):
        patients_of(["IM-1", "other"], KERMANY)
    with pytest.raises(StudyError, match="not a regular expression"):
        patients_of(names, "(")
    with pytest.raises(StudyError, match="has no group"):
        patients_of(names, r"\d+")


@pytest.mark.parametrize("seed", range(5))
def test_split_keeps_patients_and_copies_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    patient_N = rng.integers(0, 150, 600)
    label_N = (patient_N % 4 != 0).astype(int)
    hashes = [f"h{n}" for n in range(600)]
    hashes[0] = hashes[500]  # equal bytes under two patients
    chosen_N = validation_mask(label_N, [str(p) for p in patient_N], hashes, 0.1, True, np.random.default_rng(seed))
    assert set(patient_N[chosen_N]).isdisjoint(patient_N[~chosen_N])
    assert chosen_N[0] == chosen_N[500]
    for label in (0, 1):
        want = 0.1 * (label_N == label).sum()
        # whole patients only: off by less than the largest group
        assert abs(chosen_N[label_N == label].sum() - want) <= np.bincount(patient_N).max()


def test_random_split_is_exact_and_crosses_patients() -> None:
    label_N = np.repeat([0, 1], [300, 700])
    patients = [str(n // 10) for n in range(1000)]
    chosen_N = validation_mask(label_N, patients, patients, 0.1, False, np.random.default_rng(0))
    assert [chosen_N[label_N == label].sum() for label in (0, 1)] == [30, 70]
    both = {patients[n] for n in np.flatnonzero(chosen_N)} & {patients[n] for n in np.flatnonzero(~chosen_N)}
    assert len(both) > 50
