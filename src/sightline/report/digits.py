"""How many digits a printed number has: as many as its interval supports. One rule for all tables but the paper's.

The paper's Tables 1 to 4 keep the paper's digits (`tables.shown_interval`).
"""

from __future__ import annotations

import math

PARTS = 5
MINUS = "\N{MINUS SIGN}"
UNKNOWN = "–"


def decimals(low: float, high: float, most: int) -> int:
    """Decimals of a value with the interval [low, high] in printed units, from 0 to `most`.

    The last digit is worth at most a fifth of the width: whole numbers for a width of 12, one decimal for 0.8. Rounding
    then moves an end by at most a tenth of the width. `most` where an end is unknown (NaN) or the width is 0.
    """
    width = abs(high - low)
    if not 0 < width < math.inf:
        return most
    # rounded, since 94.0 - 89.0 may be 4.999999999 after a multiplication by 100
    return min(most, max(0, math.ceil(round(-math.log10(width / PARTS), 6))))


def plain(value: float, number_decimals: int, sign: str = "") -> str:
    """`value` with a true minus and no sign before a zero; `sign` "+": a plus before what is above 0; NaN as a dash."""
    if math.isnan(value):
        return UNKNOWN
    text = f"{value:{sign},.{number_decimals}f}"
    if not float(text.replace(",", "")):
        return text.lstrip("+-")
    return text.replace("-", MINUS)


def with_ends(
    value: float, low: float, high: float, most: int, *, factor: float = 1, unit: str = "", sign: str = ""
) -> str:
    """Value and interval with the digits that the interval supports: 12% [6, 18]; the value alone without an interval.

    `factor`: what value and ends are multiplied by, 100 for fractions printed in percent; `unit`: stands after the
    value; `sign`: "+" for differences; `most`: decimals that are never exceeded, and those of a value without an
    interval. NaN as an en dash.
    """
    if math.isnan(value):
        return UNKNOWN
    value, low, high = factor * value, factor * low, factor * high
    places = decimals(low, high, most)
    text = plain(value, places, sign) + unit
    if math.isnan(low) or math.isnan(high):
        return text
    return f"{text} [{plain(low, places)}, {plain(high, places)}]"


def below(text: str) -> str:
    """The interval on a line of its own, as in the cells of tables."""
    return text.replace(" [", "\n[", 1)
