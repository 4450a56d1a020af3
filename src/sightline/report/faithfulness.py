"""The report's section on faithfulness: whether maps show what networks use, and networks use the experts' region."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sightline.report.contents import Study
from sightline.report.html import paragraph, table
from sightline.report.words import LEVEL, Metrics, listed, method_words, number_at, percent, shown

EFFECTS = {"necessity": "Necessity of the region", "sufficiency": "Sufficiency of the region"}


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
            "removed, or kept alone, and compared with regions of the same shape elsewhere in the lungs; and the "
            "network's weights are made random, after which a map that shows the network must change. All three are "
            "exploratory."
        ),
        _region_table(by_model),
        _pixel_table(by_model),
        _randomisation_table(by_model),
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
    count = sum(number_at(effect, "mean") > 0 and number_at(effect, "p") < LEVEL for effect in tested)
    return [
        f"Whatever the maps show, {count} of {len(tested)} networks use{'s' if count == 1 else ''} the "
        f"{study.experts}' region: the score for pneumonia falls more when that region is blurred than when a region "
        f"of the same shape elsewhere in the lungs is (exploratory, p < {LEVEL} each, not corrected)."
    ]


def _region_table(by_model: Mapping[str, Metrics]) -> str:
    rows = []
    for model, values in by_model.items():
        cells = []
        for effect in EFFECTS:
            mean, low, high, p, images, without = (
                number_at(values, effect, name) for name in ("mean", "low", "high", "p", "images", "without_controls")
            )
            ends = "" if math.isnan(low) or math.isnan(high) else f"\n[{low:.2f}, {high:.2f}]"
            counts = "–" if math.isnan(images) else f"{images:.0f}"
            if without > 0:
                counts += f"\n{without:.0f} left out"
            black = number_at(values, f"{effect}_zero", "mean")
            ends += "" if math.isnan(black) else f"\nblack {black:.2f}"
            cells += [f"{shown(mean, 2)}{ends}".replace("-", "\N{MINUS SIGN}"), shown(p, -1), counts]
        rows.append([model, *cells])
    caption = (
        "The experts' region. Necessity: how much more the network's score (its logit) falls when the region is "
        "removed than when a control region is. Sufficiency: how much more of the score remains when only the region "
        "is kept than when only a control region is. 0: the region is like any other part of the lungs. p: one-sided, "
        "sign flips by patient, not corrected. Left out: images with no room for a control region. What is removed is "
        "blurred; black: the mean if it is blackened."
    )
    groups = [("", 1), *((words, 3) for words in EFFECTS.values())]
    return table(["Model", *(["Mean", "p", "Images"] * len(EFFECTS))], rows, caption, groups)


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
        rows.append([model, *(cell.replace("-", "\N{MINUS SIGN}") for cell in cells)])
    caption = (
        "Similarity of a map to the same image's map after the weights were made random, from the output down: only "
        "the first step, and all layers. Other image: similarity of two images' maps from the trained network. A map "
        "that stays similar when all weights are random shows the image, not the network."
    )
    groups = [("", 1), ("Rank correlation", 3), ("Structural similarity", 3)]
    return table(["Model", *(["First step", "All layers", "Other image"] * 2)], rows, caption, groups)
