"""The progress overview as text for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sightline.annotate.progress import Row

HEADINGS = {  # of the columns in the terminal where a field's name is too long
    "median_seconds": "seconds",
    "mean_area_percent": "area %",
    "self_agreement": "self",
    "controls_marked": "controls",
}


def status_lines(overview: Mapping[str, Any]) -> list[str]:
    """An overview as text for the terminal: totals, then one table each for readers, images and pace."""
    study, totals, agreement = overview["study"], overview["totals"], overview["agreement"]
    share = f" ({totals['submitted'] / totals['tasks']:.0%})" if totals["tasks"] else ""
    lines = [
        f"study     {study['images']} images, {study['readers_per_image']} readers each, "
        f"{study['planned_readers']} readers planned, since {study['begun_at']}",
        f"readers   {totals['invited']} invited, {totals['enrolled']} enrolled, {totals['finished']} finished, "
        f"{totals['withdrawn']} withdrawn",
        f"readings  {totals['submitted']} of {totals['tasks']}{share}, {totals['cannot']} cannot judge, "
        f"{totals['corrections']} corrections",
        f"agreement {_cell(agreement['mean'])} mean IoU of {agreement['pairs']} pairs",
    ]
    if waiting := totals.get("set_aside", 0):
        lines.append(f"set aside {waiting}: branches of strokes that wait for their readers' decision")
    for rows in (overview["readers"], overview["images"], overview["pace"]):
        if rows:
            lines += ["", *_table(rows)]
    return lines


def _table(rows: Sequence[Row]) -> list[str]:
    """Rows under headings, in columns as wide as their content: words aligned left, numbers right."""
    columns = []
    for key in rows[0]:
        cells = [HEADINGS.get(key, key.replace("_", " ")), *(_cell(row[key]) for row in rows)]
        is_words = any(isinstance(row[key], str | list) for row in rows)
        width = max(map(len, cells))
        columns.append([cell.ljust(width) if is_words else cell.rjust(width) for cell in cells])
    return ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]


def _cell(value: Any) -> str:
    """A value as a table shows it: `-` for None, two decimals, codes with commas."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2f}"
    return ", ".join(value) if isinstance(value, list) else str(value)
