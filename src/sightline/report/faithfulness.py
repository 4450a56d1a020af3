"""The report's section on faithfulness: whether maps show what networks use, and networks use the experts' region."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sightline.report.contents import Study
from sightline.report.html import details_html, paragraph, table
from sightline.report.words import LEVEL, Metrics, listed, method_words, number_at, percent, shown
from sightline.statistics.holm import holm

FILLS = {"blur": "Blurred", "zero": "Blackened"}
ENDINGS = {"blur": "", "zero": "_zero"}  # of the keys
MINUS = "\N{MINUS SIGN}"


def faithfulness(study: Study) -> list[str]:
    """Whether the maps show what the networks use, and whether the networks use the experts' region."""
    by_model = {model: values for model in study.models if (values := study.faithfulness.get(model))}
    if not by_model:
        words = "Faithfulness was not measured: metrics/faithfulness has no file for these networks."
        if not study.histories:
            words = "This study has maps only, no networks: whether the maps show what a network uses is unknown."
        return [paragraph(words)]
    methods = listed(sorted({method_words(str(values.get("method"))) for values in by_model.values()}))
    return [
        paragraph(
            f"Alignment says where a map lies, not that the network uses that place. Three checks of {methods}: pixels "
            "are removed or restored in the map's order, and the network's answer is recorded; the experts' region is "
            "removed and compared with regions of the same shape elsewhere in the lungs whose removal changes the "
            "image as much; and the network's weights are made random, after which a map that shows the network must "
            "change. All three are exploratory."
        ),
        _necessity_table(by_model),
        *_without_controls(by_model, study.experts),
        _pixel_table(by_model),
        _randomisation_table(by_model),
        details_html("Sufficiency: only the experts' region is kept", _sufficiency_table(by_model)),
    ]


def used(study: Study) -> list[str]:
    """How many networks use the experts' region, whatever their maps show, in a sentence; [] if not measured."""
    tested = [
        values["necessity"]
        for model in study.models
        if (values := study.faithfulness.get(model))
        and not math.isnan(number_at(values, "necessity", "mean"))
        and not math.isnan(number_at(values, "necessity", "p"))
    ]
    if not tested:
        return []
    adjusted = holm(np.array([number_at(effect, "p") for effect in tested]))
    count = sum(number_at(effect, "mean") > 0 and p < LEVEL for effect, p in zip(tested, adjusted, strict=True))
    return [
        f"Whatever the maps show, {count} of {len(tested)} networks use{'s' if count == 1 else ''} the "
        f"{study.experts}' region: the score for pneumonia falls more when that region is blurred than when a region "
        "of the same shape elsewhere in the lungs is, of which the blur takes as much (exploratory, "
        f"p < {LEVEL} after Holm over the networks)."
    ]


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
    """How many images have no control that fits, and how these differ, in a note; [] if unknown."""
    sentences = []
    for fill, words in FILLS.items():
        groups = [(values.get("controls") or {}).get(fill) or {} for values in by_model.values()]
        groups = [group for group in groups if number_at(group, "without", "images") > 0]
        if not groups:
            continue
        count, kept = (number_at(groups[0], name, "images") for name in ("without", "with"))  # alike for all networks
        sentence = f"{words}: {count:.0f} of {count + kept:.0f} images have no control region that fits."
        if kept:
            shares = [percent(number_at(groups[0], name, "region_share")) for name in ("without", "with")]
            apart = [
                [number_at(group, name, "probability") for group in groups] for name in ("without", "with")
            ]  # of each network
            ranges = [_range(values) for values in apart]
            sentence += (
                f" Their region takes {shares[0]} of the image, {shares[1]} on the others; the networks' mean "
                f"probability of pneumonia is {ranges[0]}, {ranges[1]} on the others."
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


def _range(values: Sequence[float]) -> str:
    """The least and the greatest value, to two decimals; one number where they agree."""
    low, high = (shown(end, 2) for end in (min(values), max(values)))
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
