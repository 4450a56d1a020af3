"""Several findings of one image: their names in a study, and what a reader answered about each.

A study that names findings asks about each of them: marked, or not to be seen. An answer of another study has none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from sightline.formats.rle import mask_of

MAX_FINDINGS = 20
MAX_LETTERS = 60


@dataclass(frozen=True, kw_only=True)
class Given:
    """A reader's answer about one finding of one image."""

    finding: str
    answer: Literal["region", "none"]
    confidence: int
    """1 to 5."""
    counts: list[int] | None
    """Run lengths of the mask; None without a region."""

    def mask(self, height: int, width: int) -> np.ndarray:
        """bool `height` x `width`, all False without a region."""
        return np.zeros((height, width), bool) if self.counts is None else mask_of(self.counts, height, width)


def finding_names(text: str) -> tuple[str, ...]:
    """The names of `annotate.findings`, which stand between commas; none of an empty text.

    ValueError where a name is empty, too long, holds control characters or is there twice, upper and lower case alike.
    """
    if not text.strip():
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if len(names) > MAX_FINDINGS:
        raise ValueError(f"findings: at most {MAX_FINDINGS} names, got {len(names)}")
    for name in names:
        if not name or len(name) > MAX_LETTERS or not name.isprintable():
            raise ValueError(f"findings: names of 1 to {MAX_LETTERS} letters between commas, got {name!r}")
    if len({name.casefold() for name in names}) < len(names):
        raise ValueError(f"findings: a name is there twice, got {text!r}")
    return names


def as_stored(given: Sequence[Given]) -> str | None:
    """As the store keeps them, JSON; None for none."""
    return json.dumps([asdict(one) for one in given], ensure_ascii=False) if given else None


def as_given(stored: str | None) -> list[Given]:
    """From what the store keeps; none of an answer without findings."""
    content: list[dict[str, Any]] = json.loads(stored) if stored else []
    return [Given(**one) for one in content]
