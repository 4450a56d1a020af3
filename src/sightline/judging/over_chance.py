"""Whether a map finds regions better than chance would, without regard to other patients.

M images, A kinds of maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sightline.judging.by_block import own_scores
from sightline.judging.films import Films
from sightline.judging.judge import Key
from sightline.judging.settings import Verdict
from sightline.statistics.blocks import Matrices
from sightline.statistics.exact_tests import grouped_pointing_p
from sightline.statistics.patient_draws import PatientDraws
from sightline.statistics.streams import stream


def over_chance(
    films: Films, primary_of: Mapping[Key, Matrices], blocks: Sequence[np.ndarray], settings: Verdict
) -> dict[Key, dict[str, Any]]:
    """Own score minus chance: value, low, high, and is_above, of every kind of map.

    Chance is 0.5 for AUROC, else the region's share of the image. Pointing Game has the exact test instead of the
    interval's lower end.
    """
    num_images = len(films.images)
    scores_AM = np.array([own_scores(matrices, blocks, num_images) for matrices in primary_of.values()])
    shares_M = np.array([films.masks_MHW[row].mean() for row in range(num_images)])
    chance_M = np.full(num_images, 0.5) if settings.primary == "auroc" else shares_M
    draws = PatientDraws(
        films.patients_M, settings.resamples, lambda: stream(films.seed, "verdict", "above chance")
    )  # fmt: skip
    gaps = draws.mean_differences([scores_AM.reshape(len(primary_of), num_images) - chance_M], settings.level)
    found = {}
    for row, key in enumerate(primary_of):
        ends = {"value": float(gaps.estimate[row]), "low": float(gaps.low[row]), "high": float(gaps.high[row])}
        if settings.primary == "pointing":
            p = grouped_pointing_p(scores_AM[row], shares_M, films.patients_M)
            found[key] = {**ends, "p": p, "is_above": bool(p <= 1 - settings.level)}
        else:
            found[key] = {**ends, "is_above": bool(ends["low"] > 0)}
    return found
