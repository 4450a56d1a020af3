"""The films of a study as its source lists them, and those that are left out, each with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sightline.images.dicom_header import FilmFacts, facts_table
from sightline.images.folder import ImageFile
from sightline.images.split import patients_of
from sightline.study.errors import StudyError


class Excluded(NamedTuple):
    """A film that is left out."""

    part: str  # its split, or empty where nothing says
    label: int | None  # None where nothing says
    reason: str  # in words


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The N films that are read, and what the source says of them."""

    files: list[ImageFile]
    patients: list[str]
    """N; empty where the source names no patient."""
    columns: pd.DataFrame
    """N rows of text: what else the source says, by column, empty cells included."""
    excluded: list[Excluded]

    @staticmethod
    def of_files(files: list[ImageFile], patients: list[str] | None = None) -> Listing:
        """A listing that says no more than the files, and perhaps their patients; nothing is left out."""
        return Listing(
            files=files,
            patients=patients or [""] * len(files),
            columns=pd.DataFrame(index=range(len(files))),
            excluded=[],
        )


def with_facts(listing: Listing, facts: Sequence[FilmFacts | None]) -> Listing:
    """The listing with what DICOM headers say, where the source says nothing: patients, and columns that are not empty.

    `facts`: one per film; without any the listing stays as it is.
    """
    if not any(facts):
        return listing
    known, columns = facts_table(facts), listing.columns.copy()
    for name in known.columns.drop("patient"):
        if name in columns:
            columns[name] = [own or fact for own, fact in zip(columns[name], known[name], strict=True)]
        elif (known[name] != "").any():
            columns[name] = known[name]
    patients = [own or hashed for own, hashed in zip(listing.patients, known["patient"], strict=True)]
    return replace(listing, patients=patients, columns=columns)


def with_depths(listing: Listing, depths: Sequence[int]) -> Listing:
    """The listing with a column `depth`, the bits that each film was taken to have; without it if all have 8.

    `depths`: one per film. A film of that many bits is white at 2**depth - 1, or where `data.high_depth` says.
    """
    if all(depth == 8 for depth in depths):
        return listing
    columns = listing.columns.copy()
    columns["depth"] = [str(depth) for depth in depths]
    return replace(listing, columns=columns)


def with_views(listing: Listing, views: Sequence[str]) -> tuple[Listing, np.ndarray]:
    """The films whose view is one of `views`, the others left out; and bool N: which of the films these are.

    `views`: as the index has them (`Data.kept_views`); none keeps all films. A film whose view is not known is left
    out too. StudyError where no film would be left.
    """
    num_films = len(listing.files)
    if not views:
        return listing, np.ones(num_films, bool)
    views_N = listing.columns["view"].tolist() if "view" in listing.columns else [""] * num_films
    is_kept_N = np.isin(np.array(views_N, str), views)
    if not is_kept_N.any():
        present = ", ".join(sorted(set(filter(None, views_N)))) or "none"
        raise StudyError(f"data.views: no film is {' or '.join(views)}; views that films state: {present}")
    rows = np.flatnonzero(is_kept_N).tolist()
    excluded = [
        Excluded(file.part, file.label, f"view {view or 'not stated'}")
        for file, view, is_kept in zip(listing.files, views_N, is_kept_N, strict=True)
        if not is_kept
    ]
    kept = replace(
        listing,
        files=[listing.files[row] for row in rows],
        patients=[listing.patients[row] for row in rows],
        columns=listing.columns.iloc[rows].reset_index(drop=True),
        excluded=[*listing.excluded, *excluded],
    )
    return kept, is_kept_N


def with_patients(listing: Listing, pattern: str) -> Listing:
    """The listing with a patient for each film: where none is known, the one that `pattern` finds in the film's name.

    For pattern '' each such film is a patient of its own (`split.patients_of`).
    """
    unknown = [file.image for file, patient in zip(listing.files, listing.patients, strict=True) if not patient]
    found = iter(patients_of(unknown, pattern))
    return replace(listing, patients=[patient or next(found) for patient in listing.patients])


def exclusion_counts(num_kept: int, excluded: Sequence[Excluded]) -> dict[str, Any]:
    """`listed`, the number of films; `excluded`: reason, split, label (null where not stated) and number of films.

    By reason in order of frequency, then by split and label.
    """
    counts = Counter(excluded)
    by_reason = Counter(film.reason for film in excluded)
    order = sorted(counts, key=lambda film: (-by_reason[film.reason], film.reason, film.part, str(film.label)))
    rows = [{"reason": film.reason, "split": film.part, "label": film.label, "films": counts[film]} for film in order]
    return {"listed": num_kept + len(excluded), "excluded": rows}


def exclusion_lines(counts: dict[str, Any]) -> list[str]:
    """What `exclusion_counts` says, in words; nothing where no film is left out."""
    by_reason: Counter[str] = Counter()
    for row in counts["excluded"]:
        by_reason[row["reason"]] += row["films"]
    if not by_reason:
        return []
    reasons = ", ".join(f"{films} {reason}" for reason, films in by_reason.items())
    return [f"{by_reason.total()} of {counts['listed']} films are left out: {reasons}"]
