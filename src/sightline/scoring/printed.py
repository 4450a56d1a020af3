"""What `sightline score` prints: the ladder in fractions, what was left out, the verdicts, a legend, the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sightline.counts import counted
from sightline.report import verdict
from sightline.report.digits import with_ends
from sightline.report.words import baseline_words, measure
from sightline.scoring.answer import place_of, steps

DECIMALS = 3  # at most: as many as the interval supports


def printed_table(results: dict[str, Any], out: Path | None = None) -> str:
    """The ladder, with baselines in parentheses, what was left out, and the verdicts with what their numbers mean.

    Values are fractions, as in scores.json. `out`: the folder of the results; None: nothing was written.
    """
    head = f"{counted(results['images'], 'image')}, {counted(results['patients'], 'patient')}"
    left_out = [f"{reason}: {case['count']}" for reason, case in results["left_out"].items()]
    end = _legend(results)
    if out is not None:
        end.append(f"report: {out / 'report.html'}; numbers: scores.csv, verdict.csv and scores.json beside it")
    parts = [[head, *_aligned(_ladder(results)), *left_out], _aligned(_verdicts(results)), end]
    return "\n\n".join("\n".join(lines) for lines in parts)


def _ladder(results: dict[str, Any]) -> list[list[str]]:
    rows = [["", measure(results["primary"]).words, "lift", "over"]]
    for name, entry, is_model in steps(results):
        value = with_ends(entry["value"], entry["low"], entry["high"], DECIMALS)
        if is_model:
            lift = with_ends(entry["lift"], float("nan"), float("nan"), DECIMALS, sign="+")
            rows.append([name, value, lift, baseline_words(entry["best_baseline"])])
        else:
            rows.append([f"({name})", value, "", ""])
    return rows


def _verdicts(results: dict[str, Any]) -> list[list[str]]:
    rows = [["", "verdict", "place"]]
    for name, entry in results["candidates"].items():
        place = {"value": entry["place"], "low": entry["place_low"], "high": entry["place_high"]}
        rows.append([name, verdict.WORDS[entry["verdict"]], place_of(place)])
    return rows


def _legend(results: dict[str, Any]) -> list[str]:
    """Two lines: what the ladder's columns are, and what a place is."""
    score = measure(results["primary"])
    top = "a left-out expert" if results["verdict_settings"]["readers"] else "the region itself"
    level = results["settings"]["level"]
    return [
        f"{score.words}: {score.meaning}; lift: the difference from the best map in ()",
        f"place: 0 is blind to the patient, 1 is {top}; in []: intervals by patient, level {level:g}",
    ]


def _aligned(lines: list[list[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
