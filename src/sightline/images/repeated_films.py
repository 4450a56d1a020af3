"""Names that look like several films of one patient: a warning where nobody says who the patients are."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

LEAST_SHARE = 0.2  # of the images: fewer shared stems are names that happen to look alike
MOST_FILMS = 10  # of the median patient: a stem with more is a class or a hospital with a running number
# what is in parentheses names the patient; the first pattern by which films share names counts
PATTERNS = (
    r"^(person\d+)_(?:bacteria|virus)_\d+$",  # Kermany et al.
    r"^(.*?\d)[ _-]+(?:study|view|image|film|scan|frame)[ _-]?\d.*$",
    r"^(.+)[_-]\d+$",  # NIH's 00000013_008
)


def patient_pattern(images: Sequence[str]) -> str:
    """The regular expression by which the images' names look like several films of one patient; "" if none does.

    That is: names share a stem before a running number, for at least 20% of the images, with three stems or more, no
    stem of more than half of the images, and at most 10 images for the median stem that is shared.
    """
    for pattern in PATTERNS:
        found = [match[1] for image in images if (match := re.search(pattern, image))]
        stems, counts = np.unique(np.array(found, dtype=str), return_counts=True)
        shared = counts[counts > 1]
        if (
            len(stems) >= 3
            and shared.sum() >= LEAST_SHARE * len(images)
            and len(shared)
            and np.median(shared) <= MOST_FILMS
            and 2 * counts.max() <= len(images)
        ):
            return pattern
    return ""
