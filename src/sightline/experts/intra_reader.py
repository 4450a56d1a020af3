"""Intra-reader agreement: a reader's hidden second reading of an image against the first.

Letters: N readings, S readers with a repeat. Definition: docs/metrics.md#intra-reader.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from sightline.experts.crosswise import crosswise, mean_of_sums
from sightline.experts.readings import Readings


def intra_reader_agreement(readings: Readings, level: float = 0.95) -> dict[str, Any]:
    """Agreement of each repeat with the same reader's first reading, pooled and by reader; {} without a repeat.

    `presence`: share of the repeats that agree with the first on whether there is anything to mark; `iou`: mean over
    the repeats where both mark something. Both are `Estimate`s whose interval leaves out readers (their repeats count
    together). `readers`: by name `repeats`, `presence`, `both_marked` and `iou`, NaN without one that both marked.
    Counts: `repeats`, `both_marked`, `both_empty`, `annotators`.
    """
    again = np.flatnonzero(~readings.is_first)
    if not len(again):
        return {}
    names, reader_n = np.unique(readings.annotators[again], return_inverse=True)
    marked_n, marked_first_n = readings.is_marked[again], readings.is_marked[readings.first[again]]
    agree_n, both_n = marked_n == marked_first_n, marked_n & marked_first_n
    iou_n = np.where(both_n, readings.self_iou[again], 0.0)

    def by_reader(values_n: np.ndarray) -> np.ndarray:
        return np.bincount(reader_n, values_n.astype(float), minlength=len(names))

    repeats_S, both_S = np.bincount(reader_n), by_reader(both_n)
    sums = {
        "presence": np.stack([by_reader(agree_n), repeats_S], axis=1),
        "iou": np.stack([by_reader(iou_n), both_S], axis=1),
    }
    means = {name: mean_of_sums(sums_S2) for name, sums_S2 in sums.items()}
    return {
        **{
            name: asdict(
                crosswise(mean_of_sums, sums_S2, None, [], level, undefined="no repeat to compare", unit="readers")
            )
            for name, sums_S2 in sums.items()
        },
        "repeats": len(again),
        "both_marked": int(both_n.sum()),
        "both_empty": int((~marked_n & ~marked_first_n).sum()),
        "annotators": len(names),
        "readers": {
            str(name): {
                "repeats": int(repeats_S[row]),
                "presence": float(means["presence"][row]),
                "both_marked": int(both_S[row]),
                "iou": float(means["iou"][row]),
            }
            for row, name in enumerate(names)
        },
    }
