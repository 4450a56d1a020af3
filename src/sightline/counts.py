"""A number with its noun, for messages and the report."""

from __future__ import annotations

import math


def counted(number: float, noun: str, plural: str = "") -> str:
    """A whole number with its noun: 1 image, 1,234 images; `plural` where an s does not make it; NaN as a dash."""
    many = plural or noun + "s"
    if math.isnan(number):
        return f"– {many}"
    return f"{number:,.0f} {noun if round(number) == 1 else many}"
