"""What deserves a look before a study goes on: films that can be read and are perhaps not what they seem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sightline.counts import counted
from sightline.images.pixel_file import ReadFilm
from sightline.images.source import FewLevels
from sightline.study.errors import StudyError

FEW_LEVELS = 64  # of 256; a film of a chest has 100 or more, one whose depth was lost has a dozen
FEW_FILMS = 0.01  # the share of films with few levels that a study may have
NAMED = 5  # films that a line names
WORDS = {
    "border_text": "text seems to be burnt into the border",
    "few_levels": f"fewer than {FEW_LEVELS} of 256 gray levels; see data.high_depth",
    "spacing": "a spacing that makes no chest, so no millimetres",
}


def film_warnings(films: Sequence[ReadFilm]) -> dict[str, list[int]]:
    """The rows of the films that each of WORDS is said of; without those that are said of none."""
    found: dict[str, list[int]] = {key: [] for key in WORDS}
    for row, film in enumerate(films):
        facts = film.facts
        if facts is not None and (facts.is_text_stated or facts.has_border_text):
            found["border_text"].append(row)
        if film.num_levels < FEW_LEVELS:
            found["few_levels"].append(row)
        if facts is not None and facts.spacing_note in ("zero", "not a chest"):
            found["spacing"].append(row)
    return {key: rows for key, rows in found.items() if rows}


def check_levels(warnings: dict[str, list[int]], names: Sequence[str], few_levels: FewLevels) -> None:
    """StudyError where more than FEW_FILMS of the films keep few gray levels, unless the study accepts them.

    `warnings`: of `film_warnings`; `names`: of all films, in order of rows. Such films cannot be read, by a network or
    by a reader, and are mostly films of 12 bits whose white was taken to be that of 16.
    """
    rows = warnings.get("few_levels", [])
    if few_levels == "accept" or len(rows) <= FEW_FILMS * len(names):
        return
    raise StudyError(
        f"data.high_depth: {counted(len(rows), 'film')} of {len(names)} ({_some(rows, names)}) would keep fewer than "
        f"{FEW_LEVELS} of 256 gray levels; set it to own or image, or data.few_levels to accept if the films are so"
    )


def warning_counts(warnings: dict[str, list[int]]) -> list[dict[str, Any]]:
    """For exclusions.json: `warning` in words and the number of `films`."""
    return [{"warning": WORDS[key], "films": len(rows)} for key, rows in warnings.items()]


def warning_lines(warnings: dict[str, list[int]], names: Sequence[str]) -> list[str]:
    """A line for each warning, which names the first films. `names`: of the films, in order of rows."""
    lines = []
    for key, rows in warnings.items():
        lines.append(f"warning: {WORDS[key]}: {counted(len(rows), 'film')} ({_some(rows, names)})")
    return lines


def _some(rows: Sequence[int], names: Sequence[str]) -> str:
    return ", ".join(names[row] for row in rows[:NAMED]) + (", ..." if len(rows) > NAMED else "")
