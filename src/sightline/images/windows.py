"""The windows through which a film can be shown: its own, and three that its distribution of levels gives.

A window is a pair (black, white) of levels: levels up to the first are black, from the second on white, and linear in
between. Neither end need occur in the film.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Window = tuple[float, float]

DEFAULT = (1, 99)  # percentiles of the film's pixels; for films that state no window
LUNG = (1, 70)  # air-filled lung lies here on chest films, and the heart and what is below the diaphragm does not
BONE = (40, 99.9)  # spine, ribs and what lies behind the heart


def film_windows(counts_L: np.ndarray, own: Window | None) -> Mapping[str, Window]:
    """The windows `own`, `lung`, `bone` and `whole` of a film, black before white in each.

    `counts_L`: how many pixels, padding left out, have each level from 0. Radiographs have no calibrated unit, as CT
    has, so `lung` and `bone` are the percentiles above; `whole` runs from the least to the largest level present. A
    film without a window of its `own` gets the 1st to 99th percentile. A film of one level, or of padding alone, gets
    windows one level wide.
    """
    present = np.flatnonzero(counts_L)
    whole = (float(present[0]), float(present[-1])) if len(present) else (0.0, 1.0)
    return {
        "own": own or _between(counts_L, DEFAULT),
        "lung": _between(counts_L, LUNG),
        "bone": _between(counts_L, BONE),
        "whole": _wide(whole),
    }


def linear_window(levels_V: np.ndarray, gray_V: np.ndarray) -> tuple[Window, bool]:
    """The window that shows these levels as this gray in [0, 1], and whether it does so exactly.

    Exactly: to within half of one of 256 gray levels. Where the gray is no window's, as through a VOI LUT or a sigmoid,
    the window runs from the last level that is black, or nearly so, to the first that is nearly white.
    """
    levels, first = np.unique(levels_V, return_index=True)
    gray = gray_V[first]
    inside = np.flatnonzero((gray > 0) & (gray < 1))
    if len(inside) > 1 and gray[inside[-1]] > gray[inside[0]]:
        a, b = inside[0], inside[-1]
        width = float(levels[b] - levels[a]) / (gray[b] - gray[a])
        black = float(levels[a] - gray[a] * width)
        if np.abs(((levels - black) / width).clip(0, 1) - gray).max() < 0.5 / 255:
            return (black, float(black + width)), True
    dark, light = np.flatnonzero(gray <= 0.01), np.flatnonzero(gray >= 0.99)
    ends = float(levels[dark[-1] if len(dark) else 0]), float(levels[light[0] if len(light) else -1])
    return _wide((min(ends), max(ends))), False


def _between(counts_L: np.ndarray, percentiles: tuple[float, float]) -> Window:
    shares_L = np.cumsum(counts_L) / max(counts_L.sum(), 1)
    low, high = (min(int(np.searchsorted(shares_L, p / 100)), len(counts_L) - 1) for p in percentiles)
    return _wide((float(low), float(high)))


def _wide(window: Window) -> Window:
    black, white = window
    return (black, max(white, black + 1))
