"""The report's section on faithfulness: whether maps show what networks use, and networks use the experts' region."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sightline.counts import counted
from sightline.report.contents import Study
from sightline.report.faithfulness_figures import necessity_figure, pixel_figure
from sightline.report.html import chart, charts, details_html, paragraph, table
from sightline.report.words import LEVEL, Metrics, listed, method_words, named, number_at, percent, shown
from sightline.statistics.holm import holm

FILLS = {"blur": "Blurred", "zero": "Blackened"}
ENDINGS = {"blur": "", "zero": "_zero"}  # of the keys
MINUS = "\N{MINUS SIGN}"
COMPARED = ("region_share", "probability")  # of images with and without a control


def faithfulness(study: Study) -> list[str]:
    """Whether the maps show what the networks use, and whether the networks use the experts' region."""
    maps = {model: values for model in study.models if (values := study.faithfulness.get(model))}
    regions = {model: values for model in study.models if (values := study.regions.get(model))}
    if not maps and not regions:
        words = "Faithfulness was not measured: metrics/faithfulness and metrics/regions have no file for any network."
        if not study.histories:
            words = "This study has maps only, no networks: whether the maps show what a network uses is unknown."
        return [paragraph(words)]
    figures, sentences, folded = [], [], []
    if maps:
        figures.append(_pixel_chart(study, maps))
        sentences += _maps_in_words(maps)
        folded.append(details_html("Pixels removed and restored, model by model", _pixel_table(maps)))
        folded.append(details_html("Maps of random weights", _randomisation_table(maps)))
    if regions:
        figures.append(_necessity_chart(study, regions))
        necessity = _necessity_table(regions) + "".join(_without_controls(regions, study.experts))
        folded.append(details_html("Necessity: the experts' region is removed", necessity))
        folded.append(details_html("Sufficiency: only the experts' region is kept", _sufficiency_table(regions)))
    else:
        sentences.append("Whether the networks use the experts' region needs images with a consensus region.")
    opening = "Alignment says where a map lies, not that the network uses that place; what follows is exploratory."
    return [charts(*figures), paragraph(" ".join([opening, *sentences])), *folded]


def used(study: Study) -> list[str]:
    """Which networks use the experts' region, whatever their maps show, in a sentence; [] if not measured."""
    tested = {
        model: values["necessity"]
        for model in study.models
        if (values := study.regions.get(model))
        and not math.isnan(number_at(values, "necessity", "mean"))
        and not math.isnan(number_at(values, "necessity", "p"))
    }
    if not tested:
        return []
    adjusted = holm(np.array([number_at(effect, "p") for effect in tested.values()]))
    names = [
        model
        for (model, effect), p in zip(tested.items(), adjusted, strict=True)
        if number_at(effect, "mean") > 0 and p < LEVEL
    ]
    like = "a region of the same shape elsewhere in the lungs"
    corrected = " after Holm over the networks" if len(tested) > 1 else ""
    end = f"of which the blur takes as much (exploratory, p < {LEVEL}{corrected})."
    if not names:
        use, fall = "no network measurably uses", "is not seen to fall more"
    else:
        use, fall = f"{named(names, len(tested))} {'uses' if len(names) == 1 else 'use'}", "falls more"
    return [
        f"Whatever the maps show, {use} the {study.experts}' region: the score for pneumonia {fall} when that region "
        f"is blurred than when {like} is, {end}"
    ]


def _maps_in_words(maps: Mapping[str, Metrics]) -> list[str]:
    """What the pixels and the random weights say of the maps, in two sentences."""
    methods = listed(sorted({method_words(str(values.get("method"))) for values in maps.values()}))
    images = counted(max(number_at(values, "images") for values in maps.values()), "positive test image")
    better = [
        model
        for model, values in maps.items()
        if number_at(values, "insertion_auc") > number_at(values, "deletion_auc")
    ]
    random = [
        model
        for model, values in maps.items()
        if (steps := (values.get("randomisation") or {}).get("spearman"))
        and steps[-1] is not None
        and steps[-1] > number_at(values, "randomisation", "baseline_spearman")
    ]
    sentences = [
        f"Pixels are restored, or removed, in the order of {methods} on {images}; in a random order the two give the "
        f"same mean. Insertion is above deletion for {named(better, len(maps)) if better else 'no network'}."
    ]
    if random:
        sentences.append(
            "With all weights random, the map still resembles the trained network's more than another image's map "
            f"does for {named(random, len(maps))}: such a map shows the image, not the network."
        )
    else:
        sentences.append("With all weights random, no map stays more alike than the maps of two images are.")
    return sentences


def _pixel_chart(study: Study, maps: Mapping[str, Metrics]) -> str:
    areas = pd.DataFrame(
        [
            {"model": model, **{name: number_at(values, f"{name}_auc") for name in ("deletion", "insertion")}}
            for model, values in maps.items()
        ]
    )
    caption = (
        "From deletion (tick) to insertion (marker), with a blurred filling: the longer the line to the right, the "
        "more the network depends on the pixels that the map ranks first."
    )
    return chart(pixel_figure(areas, study.models), caption)


def _necessity_chart(study: Study, regions: Mapping[str, Metrics]) -> str:
    effects = pd.DataFrame(
        [
            {"model": model, **{name: number_at(values, "necessity", name) for name in ("mean", "low", "high")}}
            for model, values in regions.items()
        ]
    )
    caption = (
        f"The {study.experts}' region blurred, against regions of the same shape elsewhere in the lungs, with 95% "
        "intervals. Right of 0: the network uses the region more than these."
    )
    return chart(necessity_figure(effects, study.models), caption)


def _necessity_table(by_model: Mapping[str, Metrics]) -> str:
    names = [model for model in by_model if not math.isnan(number_at(by_model[model], "necessity", "p"))]
    p_values = [number_at(by_model[model], "necessity", "p") for model in names]
    adjusted = dict(zip(names, holm(np.array(p_values)).tolist(), strict=True))
    rows = [
        [model, *_effect_cells(values, "necessity"), shown(adjusted.get(model, math.nan), -1),
         *_effect_cells(values, "necessity_zero")]
        for model, values in by_model.items()
    ]  # fmt: skip
    caption = (
        "Necessity of the experts' region: how much more the network's score (its logit) falls when the region is "
        "removed than when a control region is. 0: the region is like any other part of the lungs. What is removed is "
        "blurred, or blackened; a control's removal changes the image by within 25% as much (sum of squared changes), "
        "so each filling has its own controls. p: one-sided; which of a region and its controls is the experts' is "
        "exchanged within each image. Holm: corrected for the number of networks."
    )
    columns = ["Mean", "p", "Images"]
    groups = [("", 1), (FILLS["blur"], 4), (FILLS["zero"], 3)]
    return table(["Model", "Mean", "p", "Images", "p, Holm", *columns], rows, caption, groups)


def _sufficiency_table(by_model: Mapping[str, Metrics]) -> str:
    rows = [
        [model, *(cell for ending in ENDINGS.values() for cell in _effect_cells(values, f"sufficiency{ending}"))]
        for model, values in by_model.items()
    ]
    caption = (
        "Sufficiency of the experts' region: how much more of the score remains when only the region is kept than when "
        "only a control region is. Its sign can change with what fills the rest of the image: an image of one "
        "region on black or on blur is like none that the network has learned from. So neither column is evidence by "
        "itself; where the two disagree, nothing follows. p as for necessity, not corrected."
    )
    groups = [("", 1), *((words, 3) for words in FILLS.values())]
    return table(["Model", *(["Mean", "p", "Images"] * len(FILLS))], rows, caption, groups)


def _effect_cells(values: Metrics, key: str) -> list[str]:
    """Mean with its interval, p, and the number of images, with those left out below it."""
    mean, low, high, p, images, without = (
        number_at(values, key, name) for name in ("mean", "low", "high", "p", "images", "without_controls")
    )
    ends = "" if math.isnan(low) or math.isnan(high) else f"\n[{low:.2f}, {high:.2f}]"
    counts = "–" if math.isnan(images) else f"{images:.0f}"
    if without > 0:
        counts += f"\n{without:.0f} left out"
    return [f"{shown(mean, 2)}{ends}".replace("-", MINUS), shown(p, -1), counts]


def _without_controls(by_model: Mapping[str, Metrics], experts: str) -> list[str]:
    """How many images have no control that fits, and how these differ, in a note; [] if unknown.

    Networks that see different films have different controls, hence ranges over the networks.
    """
    sentences = []
    for fill, words in FILLS.items():
        groups = [(values.get("controls") or {}).get(fill) or {} for values in by_model.values()]
        groups = [group for group in groups if number_at(group, "without", "images") > 0]
        if not groups:
            continue

        def over(group: str, name: str, groups: Sequence[Metrics] = groups) -> list[float]:
            values = [number_at(values, group, name) for values in groups]
            return [value for value in values if not math.isnan(value)]

        left, kept = over("without", "images"), over("with", "images")
        sentence = f"{words}: {_range(left, 0)} of {left[0] + kept[0]:.0f} images have no control region that fits."
        if any(kept):
            shares, chances = ([over(group, name) for group in ("without", "with")] for name in COMPARED)
            sentence += (
                f" Their region takes {_range(shares[0], 1, 100)}% of the image, {_range(shares[1], 1, 100)}% on the "
                f"others; the networks' mean probability of pneumonia is {_range(chances[0])}, {_range(chances[1])} on "
                "the others."
            )
        sentences.append(sentence)
    if not sentences:
        return []
    return [
        paragraph(
            f"Left out: where the {experts}' region is large or two-sided, or more would change by its removal than "
            f"elsewhere, no place is like it. {' '.join(sentences)} The tests say nothing about images left out.",
            "note",
        )
    ]


def _range(values: Sequence[float], decimals: int = 2, factor: float = 1) -> str:
    """The least and the greatest value; one number where they print alike."""
    low, high = (shown(factor * end, decimals) for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _pixel_table(by_model: Mapping[str, Metrics]) -> str:
    columns = {
        "deletion_auc": "Deletion\nlower is better", "insertion_auc": "Insertion\nhigher is better",
        "average_drop": "Average drop\nlower is better", "increase": "Increase\nhigher is better",
    }  # fmt: skip
    rows = []
    for model, values in by_model.items():
        cells = [model]
        for name in columns:
            value, black = number_at(values, name), number_at(values, f"{name}_zero")
            cell = shown(value, 2) if name.endswith("auc") else percent(value)
            cells.append(cell if math.isnan(black) else f"{cell}\nblack {shown(black, 2)}")
        rows.append(cells)
    caption = (
        "Pixels in the map's order, highest first. Deletion and insertion: mean probability of pneumonia while pixels "
        "are removed from the image, or restored; removed pixels are blurred, in the second line black. Average drop: "
        "how much of the probability is lost when only what the map shows is kept. Increase: the share of images where "
        "the probability then rises."
    )
    return table(["Model", *columns.values()], rows, caption)


def _randomisation_table(by_model: Mapping[str, Metrics]) -> str:
    rows = []
    for model, values in by_model.items():
        test = values.get("randomisation") or {}
        cells = []
        for name in ("spearman", "ssim"):
            steps = [math.nan if value is None else float(value) for value in test.get(name) or []]
            cells += [shown(steps[0], 2) if steps else "–", shown(steps[-1], 2) if steps else "–"]
            cells.append(shown(number_at(test, f"baseline_{name}"), 2))
        rows.append([model, *(cell.replace("-", MINUS) for cell in cells)])
    caption = (
        "Similarity of a map to the same image's map after the weights were made random, from the output down: only "
        "the first step, and all layers. Other image: similarity of two images' maps from the trained network. A map "
        "that stays similar when all weights are random shows the image, not the network."
    )
    groups = [("", 1), ("Rank correlation", 3), ("Structural similarity", 3)]
    return table(["Model", *(["First step", "All layers", "Other image"] * 2)], rows, caption, groups)
