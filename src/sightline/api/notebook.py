"""Scores in a notebook: one small table with verdicts and a few films. Its styles are inside, since pages differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sightline.api.verdicts import Verdict
from sightline.counts import counted
from sightline.report.contents import Strip
from sightline.report.html import escaped
from sightline.report.strip import films_of, region_films
from sightline.report.verdict import WORDS
from sightline.report.words import lift_words, measure, place_words

CELL = "text-align:left;vertical-align:middle;padding:4px 12px 4px 0"
FILM = "height:72px;margin:0 2px 0 0;display:inline-block"


def html_of(verdicts: Mapping[str, Verdict], results: Mapping[str, Any], strip: Strip | None) -> str:
    """A row for each model: name, answer, contrast in points, place, and without X-rays no films."""
    primary = results["primary"]
    one = "a left-out expert" if results["verdict_settings"]["readers"] else "the region itself"
    head = ["", "Where the experts look?", "Contrast", f"Place (1: {one})", *(["Films"] if strip else [])]
    rows = [_row("th", [escaped(name) for name in head])]
    for name, verdict in verdicts.items():
        why = "" if verdict.key in ("undecided", "cannot_tell") else f"<br><small>{escaped(WORDS[verdict.key])}</small>"
        cells = [
            f"<b>{escaped(name)}</b>",
            f"{escaped(verdict.answer)}{why}",
            escaped(lift_words(verdict.contrast, verdict.low, verdict.high, primary)),
            escaped(place_words(verdict.place, verdict.place_low, verdict.place_high)),
        ]
        rows.append(_row("td", [*cells, *([_films(films_of(strip, name))] if strip else [])]))
    if strip:
        rows.append(_row("td", ["the experts", "", "", "", _films(region_films(strip, "experts"))]))
    films = f"{counted(results['images'], 'image')} of {counted(results['patients'], 'patient')}"
    said = f"{films}, judged by {measure(primary).words}; contrast in points. Not a medical device."
    return f'<table style="border-collapse:collapse">{"".join(rows)}</table><p><small>{escaped(said)}</small></p>'


def _row(kind: str, cells: list[str]) -> str:
    return "<tr>" + "".join(f'<{kind} style="{CELL}">{cell}</{kind}>' for cell in cells) + "</tr>"


def _films(films: list[tuple[str, str]]) -> str:
    images = (f'<img src="{escaped(uri)}" alt="{escaped(alt)}" style="{FILM}">' for uri, alt in films)
    return f'<span style="white-space:nowrap">{"".join(images)}</span>'
