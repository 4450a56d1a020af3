"""Holm's correction of p-values, for several tests that answer one question."""

from __future__ import annotations

import numpy as np


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values, float64 in [0, 1], of the same shape; reject where they are at most the level.

    The probability of any false rejection in the family stays at the level, whatever the tests' dependence.
    A NaN (a test that could not be made) stays NaN and is not counted; ties stay ties. No p-value gives none.

    Declare a family before seeing the results, and pass all of it: every p-value that could have answered the same
    question, the large ones too. Conventions of this project: one family per primary question ("is a model above the
    best baseline": one p-value per model; "do two models differ": one per pair), on the primary metric, consensus and
    method. Secondary metrics and the multiverse are exploratory: they are printed unadjusted, with that label, and
    belong to no family. Neither does a test printed for the record (Mann-Whitney as published).

    Holm 1979, Scandinavian Journal of Statistics 6.
    """
    p_values = np.asarray(p_values, dtype=float)
    if ((p_values < 0) | (p_values > 1)).any():
        raise ValueError("p-values: expected numbers in [0, 1] or NaN")
    adjusted = np.full(p_values.shape, np.nan)
    known = ~np.isnan(p_values)
    values = p_values[known]
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    stepped = np.empty_like(values)
    stepped[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    adjusted[known] = stepped
    return adjusted
