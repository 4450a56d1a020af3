"""The verdict on one model, as a program reads it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sightline.report.first_screen import ANSWERS
from sightline.report.verdict import WORDS
from sightline.report.words import number_at

ENDS = ("value", "low", "high")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a study says of one model's maps. Contrasts are fractions; NaN where unknown."""

    name: str
    """Of the model."""
    answer: str
    """Yes, No, Undecided or Cannot tell."""
    key: str
    """as_expert, looks (yes); prior, elsewhere (no); undecided; cannot_tell."""
    words: str
    """Where it looks: the verdict in the words of the printed table."""
    sentence: str
    """The verdict with its evidence."""
    contrast: float
    """D: how much better the maps score on their own patient's region than maps and regions of other patients do."""
    low: float
    """Lower end of the contrast's 95% interval, patients and readers resampled."""
    high: float
    """Upper end."""
    p: float
    """Of no contrast, one-sided, regions permuted among patients; adjusted by Holm for several models."""
    place: float
    """D over that of a left-out expert, or without several readers over the region's own: 0 blind, 1 an expert."""
    place_low: float
    """Lower end of its 95% interval."""
    place_high: float
    """Upper end."""
    images_needed: int | None
    """How many images would decide; None where something is decided, or no number would."""

    def __str__(self) -> str:
        return self.sentence


def verdicts_of(candidates: Mapping[str, Mapping[str, Any]], primary: str) -> dict[str, Verdict]:
    """The verdicts in the results of `sightline score`."""
    return {name: _verdict(name, entry, primary) for name, entry in candidates.items()}


def _verdict(name: str, entry: Mapping[str, Any], primary: str) -> Verdict:
    own, key = entry["contrast"][primary], entry["verdict"]
    adjusted, needed = number_at(own, "p_holm"), entry["images_needed"]
    contrast, low, high = (number_at(own, end) for end in ENDS)
    place, place_low, place_high = (number_at(entry, part) for part in ("place", "place_low", "place_high"))
    return Verdict(
        name=name, answer=ANSWERS[key][1], key=key, words=WORDS[key], sentence=entry["sentence"], contrast=contrast,
        low=low, high=high, p=number_at(own, "p") if math.isnan(adjusted) else adjusted, place=place,
        place_low=place_low, place_high=place_high, images_needed=None if needed is None else int(needed),
    )  # fmt: skip
