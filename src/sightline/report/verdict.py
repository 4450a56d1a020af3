"""The verdict on each model, from metrics/verdict.json or the results of `sightline score`: sentences, chart, tables.

A verdict's candidate and its controls are those of docs/metrics.md#verdict; nothing is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from sightline.counts import counted
from sightline.report.chart import INK, MUTED, Chart, label_margin, looks, svg
from sightline.report.digits import below
from sightline.report.html import bullets, chart, details_html, figure_first, paragraph, table
from sightline.report.words import Metrics, lift_words, listed, measure, number_at, percent, place_words, shown
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
    "own_anatomy": "the patient's own {anatomy}",
    "experts_prior": "the experts' prior",
    "centred_gaussian": "a blob in the middle",
}
ROW = 0.3  # inches
FEW = 5  # models: no more than that are named, more are counted
ZERO = 5e-4
OTHER = ExternalMaps(maps="", method="map")  # drawn as maps made elsewhere are


def of_study(verdict: Metrics, models: Mapping[str, Entry]) -> dict[str, Any]:
    """metrics/verdict.json with one candidate per model, by its primary method; {} where there is none."""
    by_model = {model: verdict.get("models", {}).get(model, {}) for model in models}
    chosen = {model: methods[primary_method(list(methods))] for model, methods in by_model.items() if methods}
    return {**verdict, "candidates": chosen} if chosen else {}


def words_of(word: str, experts: str = "experts") -> str:
    """The verdict in words, with the study's name of its experts."""
    words = WORDS[word]
    if experts == "experts":
        return words
    return words.replace("the experts", f"the {experts}").replace("as well as an expert", "as well as one of them")


def headline(words: Mapping[str, str], experts: str = "experts") -> str:
    """Which models look where the experts look, and which do not, from their verdicts: by name, or where many, counted.

    An empty verdict is none.
    """
    if len(words) > FEW:
        return _counts(list(words.values()), experts)
    sentences = []
    for word in (*WORDS, ""):
        if own := [name for name, other in words.items() if other == word]:
            who = listed(own)
            verb = "looks" if len(own) == 1 else "look"
            special = {
                "undecided": f"Undecided: {who}.",
                "cannot_tell": f"This study cannot tell about {who}.",
                "": f"No verdict on {who}.",
            }
            sentences.append(special[word] if word in special else f"{who} {verb} {words_of(word, experts)}.")
    return " ".join(sentences)


def _counts(words: Sequence[str], experts: str) -> str:
    """In one sentence how many models have each verdict."""
    num = {word: words.count(word) for word in (*WORDS, "") if word in words}
    parts = []
    if looks := num.get("looks", 0) + num.get("as_expert", 0):
        expertly = f" ({num['as_expert']} as well as one of them)" if "as_expert" in num else ""
        parts.append(f"{looks} {'look' if looks > 1 else 'looks'} where the {experts} look{expertly}")
    parts += [
        text.format(num[word])
        for word, text in {
            "prior": "{} where disease usually is, not where it is in this patient",
            "elsewhere": "{} elsewhere",
            "undecided": "{} undecided",
            "cannot_tell": "about {} this study cannot tell",
            "": "{} without a verdict",
        }.items()
        if word in num
    ]
    return f"Of {len(words)} models: {'; '.join(parts)}."


def parts(verdicts: Metrics, models: Mapping[str, Entry] | None = None, experts: str = "experts") -> list[str]:
    """The HTML of the section: chart, on what the verdicts rest, and folded the sentences, numbers and controls."""
    if not verdicts:
        return [paragraph("No verdict: no image has a region and a map, or metrics/verdict.json is missing or empty.")]
    families = {f"{name}, all seeds": entry for name, entry in (verdicts.get("families") or {}).items()}
    entries = {**families, **verdicts["candidates"]}
    known = dict(models or {})
    sentences = [entry["sentence"] for entry in entries.values()]
    figure = chart(
        svg(*contrast_chart(entries, str(verdicts["primary"]), {name: known.get(name, OTHER) for name in entries})),
        "Contrast: the score on the own patient's region minus that on other patients', with its interval. A map "
        "that is the same on every image stands at 0. Ticks: a left-out expert (tall) and the region itself "
        "(short), seen through the same grid.",
    )
    untrained = " and untrained network" if any(entry.get("untrained") for entry in entries.values()) else ""
    return figure_first(
        figure,
        _basis(verdicts),
        details_html("In a sentence for each model", bullets(sentences)),
        details_html("The numbers of each model", _candidates(entries, verdicts, experts)),
        details_html("The controls", _controls(verdicts)),
        details_html(f"Each model's mean map{untrained}", _own_controls(verdicts["candidates"])),
        details_html("The same by other scores", _scores(entries)),
        details_html("What the verdicts mean", bullets(_meanings(verdicts))),
    )


def anatomy(verdicts: Metrics) -> str:
    """What stands for the patient's own anatomy: lungs, or body where lungs are not known."""
    return "body" if "body" in str(verdicts.get("lungs", "")) else "lungs"


def _basis(verdicts: Metrics) -> str:
    primary = str(verdicts["primary"])
    family = len(verdicts.get("family") or [])
    readers = verdicts.get("readers") or 0
    return (
        f"Judged by {measure(primary).words} ({measure(primary).meaning}) on {counted(verdicts['images'], 'image')} of "
        f"{counted(verdicts['patients'], 'patient')}: regions permuted among patients"
        + (f", Holm over {family} tests" if family > 1 else "")
        + (
            f"; the positive control is each of {readers} readers, left out in turn."
            if readers > 1
            else "; the positive control is the region itself, as no image has several readers."
        )
    )


def contrast_chart(entries: Mapping[str, Metrics], primary: str, models: Mapping[str, Entry]) -> Chart:
    """Each model's contrast with its interval; ticks: a left-out expert (tall), and the region itself (short)."""
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
    return Chart(draw, height, "verdict", alt)


def _main(entry: Metrics, score: str) -> list[float]:
    """value, low and high of the contrast by the primary score."""
    primary = entry["contrast"][score]
    return [number_at(primary, end) for end in ("value", "low", "high")]


def _candidates(entries: Mapping[str, Metrics], verdicts: Metrics, experts: str) -> str:
    rows = []
    for name, entry in entries.items():
        own = entry["contrast"][str(verdicts["primary"])]
        p = number_at(own, "p_holm")
        others = (number_at(own, "row") + number_at(own, "col")) / 2
        rows.append([
            name,
            words_of(entry["verdict"], experts).replace(", ", ",\n"),
            percent(number_at(own, "own")),
            percent(others),
            _points(own).replace(" [", "\n["),
            shown(number_at(own, "p") if math.isnan(p) else p, -1),
            below(place_words(*(number_at(entry, name) for name in ("place", "place_low", "place_high")))),
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
            words = words.format(anatomy=anatomy(verdicts))
            must = "be found" if own["kind"] == "positive" else "stay near 0"
            rows.append([words, grid_words(grid), must, _points(own), shown(number_at(own, "p"), -1)])
            if (moved := number_at(own, "in_frame_lungs")) == moved:
                at_rest = shown(100 * number_at(own, "in_frame_image"))
                words = f"the same, other regions moved to its {anatomy(verdicts)} (not moved: {at_rest})"
                rows.append([words, grid_words(grid), must, _points({"value": moved}), ""])
        rows.append(
            ["power for a map half as good", grid_words(grid), "", percent(number_at(controls, "power"), 0), ""]
        )
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
    has_positives = any(entry.get("true_positives") for entry in entries.values())  # not of maps without predictions
    rows = []
    for name, entry in entries.items():
        cells = [
            f"{_points(entry['contrast'][s])}\np {shown(number_at(entry['contrast'][s], 'p'), -1)}" for s in scores
        ]
        if has_positives:
            positives = entry.get("true_positives")
            cells.append("–" if not positives else f"{_points(positives)}\n{counted(positives['images'], 'image')}")
        rows.append([name, *cells])
    caption = "The contrast by each score, exploratory, p not adjusted" + (
        "; last, by the primary score on the images that the network calls positive." if has_positives else "."
    )
    header = ["Model", *(measure(score).words for score in scores), *["True positives"] * has_positives]
    return table(header, rows, caption)


def _meanings(verdicts: Metrics) -> list[str]:
    margin = percent(float(verdicts["margin"]), 0)
    return [
        "This study cannot tell: the positive control is itself not found, or cannot be told from the patient's own "
        f"{anatomy(verdicts)}, or a map half as good as it would be found too rarely; or there "
        "are fewer than two patients.",
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


def _whole(number: Any) -> str:
    return "" if number is None or number != number else f"{number:,.0f}"


def cells_words(grid: str) -> str:
    """3 x 4 cells, in one piece; or one value per pixel."""
    return "one value per pixel" if grid == "image" else f"{grid_words(grid)} cells".replace(" ", "\N{NO-BREAK SPACE}")


def grid_words(grid: str) -> str:
    """3 x 4, or image where maps have the image's own grid."""
    return "image" if grid == "image" else grid.replace("x", " x ")
