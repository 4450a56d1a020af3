"""The verdict on each model, from metrics/verdict.json or the results of `sightline score`: sentences, chart, tables.

A verdict's candidate and its controls are those of docs/metrics.md#verdict; nothing is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from sightline.report.chart import INK, MUTED, label_margin, looks, svg
from sightline.report.html import bullets, chart, details_html, paragraph, table
from sightline.report.words import Metrics, lift_words, measure, number_at, percent, shown
from sightline.study.models import Entry, ExternalMaps, primary_method

WORDS = {
    "as_expert": "where the experts look, as well as an expert",
    "looks": "where the experts look",
    "prior": "where disease usually is, not where it is in this patient",
    "elsewhere": "elsewhere",
    "undecided": "undecided",
    "cannot_tell": "this study cannot tell",
}
CONTROLS = {
    "expert": "a left-out expert",
    "region": "the region itself (the ceiling)",
    "own_anatomy": "the patient's own lungs or body",
    "experts_prior": "the experts' prior",
    "centred_gaussian": "a blob in the middle",
}
ROW = 0.3  # inches
ZERO = 5e-4
OTHER = ExternalMaps(maps="", method="")  # drawn as maps made elsewhere are


def of_study(verdict: Metrics, models: Mapping[str, Entry]) -> dict[str, Any]:
    """metrics/verdict.json with one candidate per model, by its primary method; {} where there is none."""
    by_model = {model: verdict.get("models", {}).get(model, {}) for model in models}
    chosen = {model: methods[primary_method(list(methods))] for model, methods in by_model.items() if methods}
    return {**verdict, "candidates": chosen} if chosen else {}


def answer(verdicts: Metrics) -> list[str]:
    """The count of verdicts, then one sentence for each family and candidate, and how they were judged."""
    candidates = verdicts["candidates"]
    families = verdicts.get("families") or {}
    named = [name for name in WORDS if any(entry["verdict"] == name for entry in candidates.values())]
    counts = {name: sum(entry["verdict"] == name for entry in candidates.values()) for name in named}
    return [
        " ".join(_count(name, counts[name], len(candidates)) for name in named),
        *(entry["sentence"] for entry in (*families.values(), *candidates.values())),
        _basis(verdicts),
    ]


def parts(verdicts: Metrics, models: Mapping[str, Entry] | None = None) -> list[str]:
    """The HTML of the section: chart, candidates, controls, and what stands behind them."""
    if not verdicts:
        return [paragraph("No verdict: no image has a region and a map, or metrics/verdict.json is missing or empty.")]
    families = {f"{name}, all seeds": entry for name, entry in (verdicts.get("families") or {}).items()}
    entries = {**families, **verdicts["candidates"]}
    known = dict(models or {})
    return [
        chart(
            _figure(entries, str(verdicts["primary"]), {name: known.get(name, OTHER) for name in entries}),
            "Contrast: the score on the own patient's region minus that on other patients', with its interval. A map "
            "that is the same on every image stands at 0. Ticks: a left-out expert (tall) and the region itself "
            "(short), seen through the same grid.",
        ),
        _candidates(entries, verdicts),
        _controls(verdicts),
        details_html("Each model's mean map and untrained network", _own_controls(verdicts["candidates"])),
        details_html("The same by other scores", _scores(entries)),
        details_html("What the words mean", bullets(_meanings(verdicts))),
    ]


def _count(name: str, count: int, total: int) -> str:
    who = "The one model" if total == 1 else f"All {total} models" if count == total else f"{count} of {total} models"
    verb = "looks" if count == 1 else "look"
    of = "the one model" if total == 1 else f"all {total} models" if count == total else f"{count} of {total} models"
    return {
        "undecided": f"Undecided: {of}.",
        "cannot_tell": f"About {of} this study cannot tell.",
    }.get(name, f"{who} {verb} {WORDS[name]}.")


def _basis(verdicts: Metrics) -> str:
    primary = str(verdicts["primary"])
    family = len(verdicts.get("family") or [])
    readers = verdicts.get("readers") or 0
    return (
        f"Judged by {measure(primary).words} ({measure(primary).meaning}) on {verdicts['images']} images of "
        f"{verdicts['patients']} patients: regions permuted among patients"
        + (f", Holm over {family} tests" if family > 1 else "")
        + (
            f"; the positive control is each of {readers} readers, left out in turn."
            if readers
            else "; the positive control is the region itself, as no image has several readers."
        )
    )


def _figure(entries: Mapping[str, Metrics], primary: str, models: Mapping[str, Entry]) -> str:
    names = list(entries)
    height = 1.1 + ROW * len(names)
    look = looks(models)
    numbers = {name: [100 * v for v in _main(entry, primary)] for name, entry in entries.items()}

    def draw(figure: Figure) -> None:
        left = label_margin(names)
        axes = figure.add_axes((left, 0.5 / height, 0.96 - left, 1 - 0.75 / height))
        axes.axvline(0, color=INK, linewidth=1.1)
        for row, name in enumerate(names):
            value, low, high = numbers[name]
            style = look[name]
            axes.plot([low, high], [row, row], color=style["color"], linewidth=1.6)
            axes.plot([value], [row], **{**style, "linestyle": "none"}, markersize=5.5)
            for control, size in (("expert", 15), ("ceiling", 8)):
                place = 100 * number_at(entries[name], control, "value")
                axes.plot(
                    [place], [row], linestyle="none", marker="|", markersize=size, color=MUTED, markeredgewidth=1.6
                )
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("contrast between own and other patients (percentage points)")

    experts = {name: shown(100 * number_at(entries[name], "expert", "value")) for name in names}
    alt = "Contrast per model, percentage points: " + "; ".join(
        f"{name} {shown(numbers[name][0])}, a left-out expert {experts[name]}" for name in names
    )
    return svg(draw, height, "verdict", alt)


def _main(entry: Metrics, score: str) -> list[float]:
    """value, low and high of the contrast by the primary score."""
    primary = entry["contrast"][score]
    return [number_at(primary, end) for end in ("value", "low", "high")]


def _candidates(entries: Mapping[str, Metrics], verdicts: Metrics) -> str:
    rows = []
    for name, entry in entries.items():
        own = entry["contrast"][str(verdicts["primary"])]
        p = number_at(own, "p_holm")
        others = (number_at(own, "row") + number_at(own, "col")) / 2
        rows.append([
            name,
            WORDS[entry["verdict"]].replace(", ", ",\n"),
            percent(number_at(own, "own")),
            percent(others),
            _points(own).replace(" [", "\n["),
            shown(number_at(own, "p") if math.isnan(p) else p, -1),
            _ends(entry, "place", "place_low", "place_high").replace(" [", "\n["),
            _points(entry.get("over_anatomy") or {}).replace(" [", "\n["),
            _whole(entry.get("images_needed")),
        ])  # fmt: skip
    header = ["Model", "Verdict", "Own region", "Others' regions", "Contrast", "p", "Place", "Over anatomy"]
    header.append("Images needed")
    caption = (
        f"{measure(str(verdicts['primary'])).words.capitalize()} on the own patient's region and on other patients', "
        "and their contrast in points with its interval. p: regions permuted among patients, one-sided, Holm. Place: "
        "the contrast over that of a left-out expert, 0 blind to the patient and 1 an expert; without experts over "
        "that of the region itself. Images needed: where nothing is decided."
    )
    return table(header, rows, caption, text_columns=("Verdict",))


def _controls(verdicts: Metrics) -> str:
    rows = []
    for grid, controls in verdicts["controls"].items():
        for name, words in CONTROLS.items():
            if name not in controls:
                continue
            own = controls[name]
            must = "be found" if own["kind"] == "positive" else "stay near 0"
            rows.append([words, _grid(grid), must, _points(own), shown(number_at(own, "p"), -1)])
            if (moved := number_at(own, "in_frame_lungs")) == moved:
                at_rest = shown(100 * number_at(own, "in_frame_image"))
                words = f"the same, other regions moved to its lungs (not moved: {at_rest})"
                rows.append([words, _grid(grid), must, _points({"value": moved}), ""])
        rows.append(["power for a map half as good", _grid(grid), "", percent(number_at(controls, "power"), 0), ""])
    caption = "Controls, scored as the models are and seen through the same grid: contrast in points with its interval."
    return table(["Control", "Grid", "Must", "Contrast", "p"], rows, caption, text_columns=("Grid", "Must"))


def _own_controls(candidates: Mapping[str, Metrics]) -> str:
    rows = []
    for name, entry in candidates.items():
        for control, words in (("mean_map", "its mean map on every image"), ("untrained", "the network untrained")):
            if own := entry.get(control):
                rows.append([name, words, _points(own), shown(number_at(own, "p"), -1)])
    caption = "Each model's own negative controls, which must stay near 0: contrast in points with its interval."
    return table(["Model", "Control", "Contrast", "p"], rows, caption, text_columns=("Control",))


def _scores(entries: Mapping[str, Metrics]) -> str:
    scores = list(next(iter(entries.values()))["contrast"])
    rows = []
    for name, entry in entries.items():
        cells = [
            f"{_points(entry['contrast'][s])}\np {shown(number_at(entry['contrast'][s], 'p'), -1)}" for s in scores
        ]
        positives = entry.get("true_positives")
        cells.append("–" if not positives else f"{_points(positives)}\n{positives['images']} images")
        rows.append([name, *cells])
    caption = (
        "The contrast by each score, exploratory, p not adjusted; last, by the primary score on the images that the "
        "network calls positive."
    )
    return table(["Model", *(measure(score).words for score in scores), "True positives"], rows, caption)


def _meanings(verdicts: Metrics) -> list[str]:
    margin = percent(float(verdicts["margin"]), 0)
    return [
        "This study cannot tell: the positive control is itself not found, or cannot be told from the patient's own "
        "lungs or body, or a map half as good as it would be found too rarely; or there are fewer than two patients.",
        f"As well as an expert: the contrast exceeds {percent(1 - float(verdicts['margin']), 0)} of a left-out "
        "expert's by its interval, with patients and readers resampled crosswise.",
        "Where the experts look: the contrast is above 0, and above that of the patient's own anatomy.",
        f"Where disease usually is: the contrast is below {margin} of an expert's by its 90% interval, though the own "
        "region scores above chance. Elsewhere: nor does it score above chance.",
        "Undecided: none of these.",
    ]


def _points(mean: Metrics) -> str:
    value, low, high = (number_at(mean, end) for end in ("value", "low", "high"))
    if all(math.isnan(number) or abs(number) < ZERO for number in (low, high)) and abs(value) < ZERO:
        return "0.0"  # the same map on every image, and rounding
    return lift_words(value, low, high, "rank")


def _ends(entry: Metrics, *names: str) -> str:
    value, low, high = (number_at(entry, name) for name in names)
    if math.isnan(value):
        return "–"
    ends = "" if math.isnan(low) or math.isnan(high) else f" [{low:.2f}, {high:.2f}]"
    return f"{value:.2f}{ends}".replace("-", "\N{MINUS SIGN}")


def _whole(number: Any) -> str:
    return "" if number is None or number != number else f"{number:,.0f}"


def _grid(grid: str) -> str:
    return "image" if grid == "image" else grid.replace("x", " x ")
