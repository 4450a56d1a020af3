"""The page and the printed table of `sightline score`, from its results alone: the answer, the ladder, the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sightline.alignment.metrics import table_order
from sightline.report.html import bullets, chart, details, document, paragraph, picture_rows, table
from sightline.report.ladder_figures import ladder_figure, scale_figure
from sightline.report.words import (
    LEVEL,
    baseline_words,
    equals_p,
    in_units,
    lift_words,
    listed,
    measure,
    unit,
)
from sightline.study.models import ExternalMaps

Gallery = Sequence[tuple[str, list[tuple[str, str, str]]]]
WORDS = {"body": "the estimated body", "random_in_body": "random blobs in the body"}
RULE_WORDS = {"fixed": "at the threshold", "otsu": "Otsu's threshold", "area_matched": "as large as the region"}
OVERLAPS = {"iou": "IoU", "dice": "Dice", "hd95": "HD95, px", "assd": "ASSD, px", "nsd": "NSD"}
SHOWN_NAMES = 20  # of those left out; all are in scores.json
MINUS = "\N{MINUS SIGN}"


def score_report(results: dict[str, Any], gallery: Gallery) -> str:
    """The page; `gallery` has pictures by image, as `html.picture_rows` takes them."""
    parts: list[tuple[str, str, Sequence[str]]] = [
        ("ladder", "Against maps that know nothing of the finding", _ladder(results)),
        ("human", "Against the experts themselves", _human(results)),
        ("gallery", "Where they look", _gallery(gallery, results["threshold"])),
        ("metrics", "All measures", [_metrics(results)]),
        ("binary", "Cut to a region", [_binary(results)]),
        ("left-out", "What was left out", _left_out(results)),
        ("made", "How it was made", _made(results)),
    ]
    return document(
        "Where the maps look",
        "Do these saliency maps look where the experts look?",
        answer(results),
        parts,
        "Made by Sightline. Research, not a medical device.",
    )


def answer(results: dict[str, Any]) -> list[str]:
    """Sentences, the most important first; the primary measure alone decides."""
    primary = results["primary"]
    candidates = {name: by_metric[primary] for name, by_metric in results["candidates"].items()}
    baselines = {name: by_metric[primary]["value"] for name, by_metric in results["baselines"].items()}
    above = [name for name, found in candidates.items() if found["lift"] > 0 and found["p_holm"] < LEVEL]
    below = [name for name, found in candidates.items() if name not in above and found["lift_high"] < 0]
    rest = [name for name in candidates if name not in (*above, *below)]
    goal = "where the experts marked"
    sentences = []
    if above:
        verb = "looks" if len(above) == 1 else "look"
        sentences.append(f"{listed(above)} {verb} {goal} more than anatomy and place alone would.")
    if below:
        verb = "looks" if len(below) == 1 else "look"
        sentences.append(f"{listed(below)} {verb} {goal} less than the best map that knows nothing of the finding.")
    if rest:
        sentences.append(f"No evidence that {listed(rest)} looks {goal} more than anatomy and place alone would.")
    for name, found in candidates.items():
        best = found["best_baseline"]
        sentences.append(
            f"{name}: {measure(primary).words} {_interval(found, primary)}; its best baseline, {_words(best)}, "
            f"{in_units(baselines[best], primary)}; difference "
            f"{lift_words(found['lift'], found['lift_low'], found['lift_high'], primary)}{unit(primary)}, "
            f"one-sided p {equals_p(found['p_holm'])}{' by Holm' if len(candidates) > 1 else ''}."
        )
    for name, found in results["minus_first"].items():
        words = lift_words(found["value"], found["low"], found["high"], primary)
        sentences.append(f"{name} minus {results['first']}, on the same images: {words}{unit(primary)}.")
    scale = results["human_scale"].get(primary)
    if scale:
        places = listed([f"{name} at {_place(found)}" for name, found in scale["candidates"].items()])
        sentences.append(
            f"Where 0 is a region drawn on another patient ({in_units(scale['anatomy'], primary)}) and 1 an expert "
            f"held against the others ({in_units(scale['human'], primary)}): {places}."
        )
    few = " So few patients show only large differences." if results["patients"] < 30 else ""
    sentences.append(
        f"Judged by {measure(primary).words}, {measure(primary).meaning}, on {results['images']} images of "
        f"{results['patients']} patients.{few} {_anatomy(results)}"
    )
    return sentences


def _anatomy(results: dict[str, Any]) -> str:
    return {
        "lungs": "The baselines know the lungs from the masks given.",
        "body": "No lung masks were given: the anatomical baseline is the estimated outline of the body, a lower bar.",
        "none": "Neither X-rays nor lung masks were given, so no baseline knows this patient's anatomy: a low bar.",
    }[results["anatomy"]]


def _words(baseline: str) -> str:
    return WORDS.get(baseline) or baseline_words(baseline)


def _interval(found: dict[str, float], metric: str) -> str:
    """12.3% [10.1, 14.0], or as the metric is printed."""
    if np.isnan(found["low"]):
        return in_units(found["value"], metric)
    ends = (in_units(found[end], metric).rstrip("%") for end in ("low", "high"))
    return f"{in_units(found['value'], metric)} [{', '.join(ends)}]".replace("-", MINUS)


def _place(found: dict[str, float]) -> str:
    return f"{found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]".replace("-", MINUS)


def _rows(results: dict[str, Any]) -> list[list[str]]:
    """The ladder, best first: name, value and interval, lift, best baseline, p."""
    primary = results["primary"]
    steps: list[tuple[float, list[str]]] = []
    for name, by_metric in results["candidates"].items():
        found = by_metric[primary]
        lift = lift_words(found["lift"], found["lift_low"], found["lift_high"], primary)
        cells = [name, _interval(found, primary), lift, _words(found["best_baseline"]), _p(found)]
        steps.append((found["value"], cells))
    for name, by_metric in results["baselines"].items():
        found = by_metric[primary]
        steps.append((found["value"], [f"({_words(name)})", _interval(found, primary), "", "", ""]))
    sign = 1 if measure(primary).is_lower_better else -1
    return [cells for _, cells in sorted(steps, key=lambda step: (np.isnan(step[0]), sign * step[0]))]


def _p(found: dict[str, float]) -> str:
    return equals_p(found["p_holm"]).removeprefix("= ")


def _over_each(results: dict[str, Any]) -> str:
    """Each model against every baseline, not the best alone."""
    primary = results["primary"]
    rows = []
    for name in results["baselines"]:
        gaps = [by_metric[primary]["over"][name] for by_metric in results["candidates"].values()]
        rows.append([_words(name), *(lift_words(gap["value"], gap["low"], gap["high"], primary) for gap in gaps)])
    caption = (
        f"{measure(primary).words}: the model's mean minus each baseline's on the same images, with its interval; "
        "positive is better. Exploratory but for the best baseline."
    )
    return table(["Over", *results["candidates"]], rows, caption)


def printed_table(results: dict[str, Any]) -> str:
    """The ladder as text for a terminal; baselines in parentheses."""
    header = ["", measure(results["primary"]).words, "lift", "over", "p"]
    lines = [header, *_rows(results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    body = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    left_out = [f"{reason}: {found['count']}" for reason, found in results["left_out"].items()]
    return "\n".join([f"{results['images']} images, {results['patients']} patients", *body, *left_out])


def _ladder(results: dict[str, Any]) -> list[str]:
    primary = results["primary"]
    frame = pd.DataFrame(
        [
            {"model": name, **by_metric[primary], "untrained": np.nan}
            for name, by_metric in results["candidates"].items()
        ]
    )
    baselines = {_words(name): by_metric[primary]["value"] for name, by_metric in results["baselines"].items()}
    human = results["human_scale"].get(primary, {}).get("human", np.nan)
    figure = ladder_figure(frame, baselines, human, primary, _looks(results))
    words = (
        f"{measure(primary).words}: means over images with {100 * results['settings']['level']:.0f}% intervals by "
        "patient; below, the baselines, best first; the dotted line is the best of them."
    )
    header = ["Map", measure(primary).words, "Lift", "Over", "p"]
    caption = (
        "Models, and baselines in parentheses. The interval of the lift knows that the best baseline was chosen on "
        "these images; the test is one-sided and flips signs by patient."
    )
    return [chart(figure, words), table(header, _rows(results), caption, text_columns=("Over",)), _over_each(results)]


def _looks(results: dict[str, Any]) -> dict[str, ExternalMaps]:
    return {name: ExternalMaps(maps="", method="") for name in results["candidates"]}


def _human(results: dict[str, Any]) -> list[str]:
    scale = results["human_scale"]
    if not scale:
        return [paragraph("There is no human scale: it needs images with single annotations of two experts or more.")]
    primary = results["primary"]
    rows = [
        [
            measure(metric).words,
            in_units(found["anatomy"], metric),
            in_units(found["human"], metric),
            *(_place(place) for place in found["candidates"].values()),
        ]
        for metric, found in scale.items()
    ]
    caption = (
        f"Place between 0, another patient's annotations, and 1, a left-out expert, against the same leave-one-out "
        f"consensuses; {scale[primary]['readings']} readings of {scale[primary]['images']} images. On measures of the "
        "whole ranking a graded map can pass 1 without seeing more than an expert. NaN: experts are not above anatomy."
    )
    frame = pd.DataFrame(
        [
            {"model": name, "place": found["value"], "place_low": found["low"], "place_high": found["high"]}
            for name, found in scale[primary]["candidates"].items()
        ]
    )
    drawn = []
    if frame["place"].notna().any():
        drawn = [chart(scale_figure(frame, _looks(results)), f"By {measure(primary).words}, with intervals.")]
    return [*drawn, table(["Measure", "0: anatomy", "1: expert", *results["candidates"]], rows, caption)]


def _gallery(gallery: Gallery, threshold: float) -> list[str]:
    if not gallery:
        return [paragraph("Without X-rays (--images) there is nothing to show.")]
    words = (
        f"{len(gallery)} images, evenly spaced from the best to the worst mean IoU, not chosen by eye. Blue: the "
        f"experts' region. Colours: the map; white: where it reaches {threshold:g} of its range."
    )
    return [paragraph(words, "note"), *picture_rows(gallery)]


def _metrics(results: dict[str, Any]) -> str:
    rows = []
    for metric in table_order():
        cells = [measure(metric).words + (" (lower is better)" if measure(metric).is_lower_better else "")]
        for by_metric in results["candidates"].values():
            found = by_metric[metric]
            lift = lift_words(found["lift"], found["lift_low"], found["lift_high"], metric)
            cells.append(f"{_interval(found, metric)}\n{lift} over {_words(found['best_baseline'])}")
        cells += [in_units(by_metric[metric]["value"], metric) for by_metric in results["baselines"].values()]
        rows.append(cells)
    pooled = ["average precision, pooled over images"]
    pooled += [_interval(by_metric["pooled_ap"], "ap") for by_metric in results["candidates"].values()]
    rows.append(pooled + ["–"] * len(results["baselines"]))
    header = ["Measure", *results["candidates"], *(f"({_words(name)})" for name in results["baselines"])]
    caption = (
        f"Means over images, interval, and the lift over the best baseline of that measure (positive is better). Only "
        f"{measure(results['primary']).words} is primary; the rest is exploratory and unadjusted. Pooled "
        f"average precision of chance: {results['region_share']:.3f}."
    )
    return table(header, rows, caption)


def _binary(results: dict[str, Any]) -> str:
    rows = []
    for name, by_metric in results["candidates"].items():
        for rule, found in by_metric["binary"].items():
            words = f"{RULE_WORDS[rule]} {results['threshold']:g}" if rule == "fixed" else RULE_WORDS[rule]
            cells = [_number(found[metric], 1 if metric in ("hd95", "assd") else 3) for metric in OVERLAPS]
            rows.append([name, words, *cells])
    caption = (
        "Means over images and intervals. HD95 and ASSD leave out images whose map is empty at the cut; the "
        f"tolerance of NSD is {results['tolerance_pixels']:.1f} pixels. Of maps from a coarse grid they mean little."
    )
    return table(["Model", "Cut", *OVERLAPS.values()], rows, caption, text_columns=("Cut",))


def _number(found: dict[str, float], decimals: int) -> str:
    if np.isnan(found["value"]):
        return "–"
    return f"{found['value']:.{decimals}f}\n[{found['low']:.{decimals}f}, {found['high']:.{decimals}f}]"


def _left_out(results: dict[str, Any]) -> list[str]:
    items = []
    for reason, found in results["left_out"].items():
        names = found["names"]
        more = f" and {len(names) - SHOWN_NAMES} more, see scores.json" if len(names) > SHOWN_NAMES else ""
        items.append(f"{reason}: {found['count']} ({', '.join(names[:SHOWN_NAMES])}{more})")
    flat = {name: by_metric["flat_maps"] for name, by_metric in results["candidates"].items()}
    items += [f"flat maps of {name}, scored at chance: {count}" for name, count in flat.items() if count]
    return [bullets(items)] if items else [paragraph("Nothing: every map has a region and every region a map.")]


def _made(results: dict[str, Any]) -> list[str]:
    settings = results["settings"]
    rows, cols = results["grid"]
    return [
        bullets(
            [
                f"A map and a mask both show the whole image; all are brought to {rows} x {cols} pixels: maps after a "
                "ReLU, bilinearly, then scaled to [0, 1] each; masks by nearest neighbour.",
                "A map and a region of the same file stem belong together; an image counts if every model has a map.",
                f"Regions: {results['regions']}"
                + (" (at least half of the readers)." if results["human_scale"] else ", taken as they are."),
                f"Random baselines: mean score of {settings['draws']} maps an image. The atlas and other patients' "
                "regions leave out all images of the image's own patient.",
                f"{settings['resamples']} resamples and {settings['sign_flips']} sign flips by patient, seed "
                f"{settings['seed']}; a flat map scores chance, an empty region nothing, ties their expectation.",
            ]
        ),
        details("The command", results["command"]),
    ]
