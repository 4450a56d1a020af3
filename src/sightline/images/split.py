"""Which training images become validation: whole patients, stratified by label, or single images as in the paper."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from sightline.study.errors import StudyError


def patients_of(images: Sequence[str], pattern: str) -> list[str]:
    """The patient of each image: what the pattern's groups match in its name, joined by `-`; for pattern '' the name.

    Names that the pattern does not match, or only with empty groups, are a StudyError that lists all of them.
    """
    if not pattern:
        return list(images)
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise StudyError(f"data.patient_pattern: not a regular expression ({error})") from None
    if not compiled.groups:
        raise StudyError("data.patient_pattern: has no group; put the part that names the patient in parentheses")
    matches = [compiled.search(image) for image in images]
    patients = ["-".join(part for part in match.groups() if part) if match else "" for match in matches]
    unmatched = [image for image, patient in zip(images, patients, strict=True) if not patient]
    if unmatched:
        raise StudyError(f"data.patient_pattern {pattern!r} does not name a patient in these images", unmatched)
    return patients


def validation_mask(
    labels_N: np.ndarray,
    patients: Sequence[str],
    hashes: Sequence[str],
    share: float,
    by_patient: bool,
    rng: np.random.Generator,
) -> np.ndarray:
    """bool N: True for the images that become validation, about `share` of each label.

    `by_patient`: all images of one patient, and byte-identical files of different patients, stay on one side. Groups
    are taken in random order, label by label, until the label's share is reached as closely as whole groups allow (a
    group that would overshoot by more than is missing is skipped). A group with both labels counts under its more
    frequent one. Otherwise single images are drawn, exactly round(share * n) of each label.
    Paper: the split is random over images (section 3.1), so that 41% of the validation images have a training image
    of the same patient; `by_patient` is our default.
    """
    groups_N = _groups(patients, hashes) if by_patient else np.arange(len(labels_N))
    sizes_G = np.bincount(groups_N)
    positive_G = np.bincount(groups_N, weights=labels_N) > sizes_G / 2
    chosen_G = np.zeros(len(sizes_G), dtype=bool)
    for positive in (False, True):
        candidates = rng.permutation(np.flatnonzero(positive_G == positive))
        missing = round(share * sizes_G[candidates].sum())
        for group in candidates:
            if abs(missing - sizes_G[group]) < missing:
                chosen_G[group] = True
                missing -= sizes_G[group]
    return chosen_G[groups_N]


def _groups(patients: Sequence[str], hashes: Sequence[str]) -> np.ndarray:
    """int N: one number per group of images that a common patient or equal bytes link."""
    from scipy.sparse import coo_array  # `sightline score` asks this file for patients alone
    from scipy.sparse.csgraph import connected_components

    n = len(patients)
    _, patient_N = np.unique(np.asarray(patients), return_inverse=True)
    _, hash_N = np.unique(np.asarray(hashes), return_inverse=True)
    rows = np.concatenate([np.arange(n), np.arange(n)])
    columns = n + np.concatenate([patient_N, patient_N.max(initial=-1) + 1 + hash_N])
    size = int(columns.max(initial=-1)) + 1
    graph = coo_array((np.ones(2 * n), (rows, columns)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    return np.unique(component[:n], return_inverse=True)[1]
