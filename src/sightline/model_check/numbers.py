"""Numbers of a check as its sentences print them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sightline.counts import counted


def all_films(films: int) -> str:
    return f"all {counted(films, 'film')}" if films != 1 else "the one film"


def by_difference(difference: float | None) -> str:
    return "" if difference is None else f", by up to {share(difference)} of the largest"


def share(value: float | None) -> str:
    """A share in percent with one digit that counts, at least 0.001%."""
    if value is None:
        return "an unknown part"
    return "less than 0.001%" if value < 1e-5 else f"{100 * value:.2g}%"


def number(value: float | None) -> str:
    """Three digits that count, a true minus, thousands with commas."""
    if value is None or math.isnan(value):
        return "unknown"
    text = f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")


def numbers(values: float | Sequence[float] | None) -> str:
    if values is None:
        return "unknown"
    each = [number(value) for value in ([values] if isinstance(values, int | float) else values)]
    return each[0] if len(set(each)) == 1 else ", ".join(each)


def with_ends(found: Mapping[str, float | None], decimals: int) -> str:
    low, high = found["low"], found["high"]
    ends = "" if low is None or high is None else f" [{low:.{decimals}f}, {high:.{decimals}f}]"
    return f"{found['value']:.{decimals}f}{ends}"


def percent_with_ends(found: Mapping[str, float | None]) -> str:
    low, high = found["low"], found["high"]
    ends = "" if low is None or high is None else f" [{100 * low:.0f}, {100 * high:.0f}]"
    return f"{100 * (found['value'] or 0):.0f}%{ends}"


def capitalised(words: str) -> str:
    return words[:1].upper() + words[1:]


def ended(words: str) -> str:
    """A reason as a sentence: with a capital letter and a full stop."""
    return capitalised(words) + ("" if words.endswith(".") else ".")
