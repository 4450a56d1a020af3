"""The page of `sightline score`, from its results alone: the verdict, then its context."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sightline.alignment.metrics import scale_metric, table_order
from sightline.counts import counted
from sightline.report import gallery, verdict, viewer
from sightline.report.chart import Chart, svg
from sightline.report.contents import Strip
from sightline.report.first_screen import first_screen, limits_of
from sightline.report.html import Section, bullets, chart, details, document, paragraph, table
from sightline.report.ladder_figures import ladder_chart, scale_figure
from sightline.report.strip import films_of, region_films
from sightline.report.verdict_table import Names, Subject
from sightline.report.viewer import Viewer
from sightline.report.words import baseline_words, in_units, lift_words, measure
from sightline.scoring import answer
from sightline.scoring.answer import mean_words, place_of
from sightline.scoring.films import Rows
from sightline.scoring.results import SAME, verdicts_of
from sightline.study.models import ExternalMaps

RULE_WORDS = {"fixed": "at the threshold", "otsu": "Otsu's threshold", "area_matched": "as large as the region"}
OVERLAPS = {"iou": "IoU", "dice": "Dice", "hd95": "HD95, px", "assd": "ASSD, px", "nsd": "NSD"}
SHOWN_NAMES = 20  # of those left out; all are in scores.json


def score_report(results: dict[str, Any], shown: Viewer | None, few: Rows, strip: Strip | None = None) -> str:
    """The page; `few`: tiles of some films, for print and for browsers without scripts; `strip`: the first films."""
    context = [paragraph(sentence) for sentence in answer.context(results)]
    parts: list[Section] = [
        ("films", "Film by film", viewer.parts(shown, gallery.strip(few, results["threshold"]))),
        ("verdict", "The ruler and its controls", verdict.parts(verdicts_of(results))),
        ("ladder", "Beside maps that know nothing of the finding", [*_ladder(results), *context]),
        ("human", "Beside the experts themselves", _human(results)),
        ("metrics", "All measures", [_metrics(results)]),
        ("binary", "Cut to a region", [_binary(results)]),
        ("left-out", "What was left out", _left_out(results)),
        ("made", "How it was made", _made(results)),
    ]
    return document(
        "Where the maps look",
        "Do these saliency maps look where the experts look?"
        if len(results["candidates"]) > 1
        else "Does this model look where the experts look?",
        _first(results, strip),
        parts,
        "Made by Sightline. Research, not a medical device.",
        *viewer.assets(shown),
    )


def _first(results: dict[str, Any], strip: Strip | None) -> list[str]:
    """The first screen, which is that of a study's report, without accuracy."""
    judged, names = verdicts_of(results), Names()
    subjects = [
        Subject(
            name=name,
            sees=[verdict.cells_words(entry["grid"])],
            judged=entry,
            films=[] if strip is None else films_of(strip, name),
        )
        for name, entry in judged["candidates"].items()
    ]
    regions = [] if strip is None else region_films(strip, names.experts)
    limits = [*limits_of(judged, names), answer.limits(results)]
    return first_screen(subjects, judged, names, limits, regions)


def _rows(results: dict[str, Any]) -> list[list[str]]:
    """The ladder, best first: name, value and interval, lift, best baseline."""
    primary = results["primary"]
    rows = []
    for name, entry, is_model in answer.steps(results):
        if is_model:
            lift = lift_words(entry["lift"], np.nan, np.nan, primary)
            rows.append([name, mean_words(entry, primary), lift, baseline_words(entry["best_baseline"])])
        else:
            rows.append([f"({name})", mean_words(entry, primary), "", ""])
    return rows


def _over_each(results: dict[str, Any]) -> str:
    """Each model against every baseline, not the best alone."""
    primary = results["primary"]
    rows = []
    for name in results["baselines"]:
        gaps = [by_metric[primary]["over"][name] for by_metric in results["candidates"].values()]
        rows.append(
            [baseline_words(name), *(lift_words(gap["value"], gap["low"], gap["high"], primary) for gap in gaps)]
        )
    caption = (
        f"{measure(primary).words}: the model's mean minus each baseline's on the same images, with its interval; "
        "positive is better. Intervals by patient (bootstrap-t), each by itself."
    )
    return table(["Over", *results["candidates"]], rows, caption)


def _ladder(results: dict[str, Any]) -> list[str]:
    primary = results["primary"]
    words = (
        f"{measure(primary).words}: means over images with {100 * results['settings']['level']:.0f}% intervals by "
        "patient; below, the baselines, best first; the dotted line is the best of them."
    )
    header = ["Map", measure(primary).words, "Lift", "Over"]
    caption = "Models, and baselines in parentheses. The lift over the best baseline on these images is a description."
    figure = chart(svg(*ladder_of(results)), words)
    return [figure, table(header, _rows(results), caption, text_columns=("Over",)), _over_each(results)]


def ladder_of(results: dict[str, Any]) -> Chart:
    """The models and the baselines by the primary score."""
    primary = results["primary"]
    frame = pd.DataFrame(
        [
            {"model": name, **by_metric[primary], "untrained": np.nan}
            for name, by_metric in results["candidates"].items()
        ]
    )
    baselines = {baseline_words(name): by_metric[primary]["value"] for name, by_metric in results["baselines"].items()}
    human = results["human_scale"].get(primary, {}).get("human", np.nan)
    return ladder_chart(frame, baselines, human, primary, _looks(results))


def contrasts_of(results: dict[str, Any]) -> Chart:
    """The models' contrasts between own and other patients by the primary score."""
    return verdict.contrast_chart(results["candidates"], results["primary"], _looks(results))


def _looks(results: dict[str, Any]) -> dict[str, ExternalMaps]:
    return {name: ExternalMaps(maps="", method="map") for name in results["candidates"]}


def _human(results: dict[str, Any]) -> list[str]:
    scale = results["human_scale"]
    if not scale:
        return [paragraph("There is no human scale: it needs images annotated by two or more experts.")]
    told = scale_metric(results["primary"])
    rows = [
        [
            measure(metric).words,
            in_units(reached["anatomy"], metric),
            in_units(reached["human"], metric),
            *(place_of(place) for place in reached["candidates"].values()),
        ]
        for metric, reached in scale.items()
    ]
    caption = (
        f"Place between 0, another patient's annotations, and 1, a left-out expert, against the same leave-one-out "
        f"consensuses; {counted(scale[told]['readings'], 'reading')} of {counted(scale[told]['images'], 'image')}. "
        "Measures of the whole "
        "ranking are left out, since an annotation has no grades; in the Pointing Game an expert points to the centre "
        "of the largest circle inside the annotation. NaN: experts are not above anatomy."
    )
    frame = pd.DataFrame(
        [
            {"model": name, "place": place["value"], "place_low": place["low"], "place_high": place["high"]}
            for name, place in scale[told]["candidates"].items()
        ]
    )
    figures = []
    if frame["place"].notna().any():
        figures = [chart(scale_figure(frame, _looks(results)), f"By {measure(told).words}, with intervals.")]
    return [*figures, table(["Measure", "0: anatomy", "1: expert", *results["candidates"]], rows, caption)]


def _metrics(results: dict[str, Any]) -> str:
    rows = []
    for metric in (name for name in table_order() if name != SAME):
        cells = [measure(metric).words + (" (lower is better)" if measure(metric).is_lower_better else "")]
        for by_metric in results["candidates"].values():
            entry = by_metric[metric]
            lift = lift_words(entry["lift"], np.nan, np.nan, metric)
            cells.append(f"{mean_words(entry, metric)}\n{lift} over {baseline_words(entry['best_baseline'])}")
        cells += [in_units(by_metric[metric]["value"], metric) for by_metric in results["baselines"].values()]
        rows.append(cells)
    pooled = ["average precision, pooled over images"]
    pooled += [mean_words(by_metric["pooled_ap"], "ap") for by_metric in results["candidates"].values()]
    rows.append(pooled + ["–"] * len(results["baselines"]))
    header = ["Measure", *results["candidates"], *(f"({baseline_words(name)})" for name in results["baselines"])]
    caption = (
        f"Means over images, interval, and the lift over the best baseline of that measure (positive is better). Only "
        f"{measure(results['primary']).words} is primary; the rest is exploratory and unadjusted. Pooled "
        f"average precision of chance: {results['region_share']:.3f}."
    )
    return table(header, rows, caption)


def _binary(results: dict[str, Any]) -> str:
    rows = []
    for name, by_metric in results["candidates"].items():
        for rule, means in by_metric["binary"].items():
            words = f"{RULE_WORDS[rule]} {results['threshold']:g}" if rule == "fixed" else RULE_WORDS[rule]
            cells = [_number(means[metric], 1 if metric in ("hd95", "assd") else 3) for metric in OVERLAPS]
            rows.append([name, words, *cells])
    caption = (
        "Means over images and intervals. HD95 and ASSD leave out images whose map is empty at the cut; the "
        f"tolerance of NSD is {results['tolerance_pixels']:.1f} pixels. For maps from a coarse grid they mean little."
    )
    return table(["Model", "Cut", *OVERLAPS.values()], rows, caption, text_columns=("Cut",))


def _number(mean: dict[str, float], decimals: int) -> str:
    if np.isnan(mean["value"]):
        return "–"
    return f"{mean['value']:.{decimals}f}\n[{mean['low']:.{decimals}f}, {mean['high']:.{decimals}f}]"


def _left_out(results: dict[str, Any]) -> list[str]:
    items = []
    for reason, case in results["left_out"].items():
        names = case["names"]
        more = f" and {len(names) - SHOWN_NAMES} more, see scores.json" if len(names) > SHOWN_NAMES else ""
        items.append(f"{reason}: {case['count']} ({', '.join(names[:SHOWN_NAMES])}{more})")
    flat = {name: by_metric["flat_maps"] for name, by_metric in results["candidates"].items()}
    items += [f"flat maps of {name}, scored at chance: {count}" for name, count in flat.items() if count]
    told = [paragraph(f"{note[:1].upper()}{note[1:]}.") for note in results["notes"]]
    return [*told, bullets(items) if items else paragraph("Nothing: every map has a region and every region a map.")]


def _made(results: dict[str, Any]) -> list[str]:
    settings, verdict_of = results["settings"], results["verdict_settings"]
    rows, cols = results["grid"]
    return [
        bullets(
            [
                f"A map and a mask both show the whole image; all are brought to {rows} x {cols} pixels: maps after a "
                "ReLU, bilinearly, then scaled to [0, 1] each; masks by area: a pixel is inside where half of it is.",
                "A map and a region with the same file stem belong together; an image counts if every model has a map.",
                f"Regions: {results['regions']}"
                + (
                    " (what half or more of the readers marked; of two, their union)."
                    if results["human_scale"]
                    else ", taken as they are."
                ),
                f"Random baselines: mean score of {counted(settings['draws'], 'map')} per image. The experts' prior "
                "and other patients' regions have not seen this patient: all images of the patient are left out.",
                f"Verdict: {counted(verdict_of['images'], 'image')} with a region, "
                f"{verdict_of['permutations']:,} permutations of regions among patients, "
                f"{verdict_of['resamples']:,} resamples of patients and readers crosswise; "
                f"other patients' regions in the frame of the {verdict_of['frame']}.",
                f"{settings['resamples']} resamples by patient, seed "
                f"{settings['seed']}; a flat map scores chance, ties score their expectation, and an empty region has "
                "no score.",
            ]
        ),
        details("The command", results["command"]),
    ]
