"""Every map of a study and every baseline against the readers' regions, image by image: the scores behind the ladder.

The one scoring core of the stage `ladder` and of `sightline score`, which read the inputs and write the results;
`ladder_summary.py` turns the scores into means, intervals and lifts. Definitions: docs/metrics.md#ladder.

M images, R readers of an image, H W image grid, A candidates (maps of one image), U untrained networks' maps, K
baselines, S bins of pooled average precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from sightline.alignment.baselines import baseline_maps, draw_means, stacked
from sightline.alignment.binarised import Rule, binarised, binary_scores
from sightline.alignment.human_scale import ImageScores, image_scores_on_scale, null_masks
from sightline.alignment.metrics import METRICS
from sightline.alignment.other_patients import OtherPatients
from sightline.alignment.pooled_precision import BINS, score_histograms
from sightline.alignment.settings import Ladder
from sightline.alignment.threshold_free import image_scores
from sightline.experts.consensus import left_out_share
from sightline.maps import is_flat, scaled_of_image
from sightline.statistics.streams import stream

NEEDS_LUNGS = ("random_in_lungs", "lungs")

Maps = Mapping[str, np.ndarray | Sequence[np.ndarray]]
"""By candidate, M raw maps h x w; one array, or maps on different grids."""


@dataclass(frozen=True, kw_only=True)
class MapsAndRegions:
    """What is scored; M images, sorted by name, in this order everywhere."""

    seed: int
    settings: Ladder
    images: list[str]
    patients_M: np.ndarray
    masks_MHW: np.ndarray
    """bool, the consensus; an empty one scores NaN."""
    shares_MHW: np.ndarray
    """float32 in [0, 1], the share of readers who marked each pixel."""
    readers_MRHW: Sequence[np.ndarray]
    """bool R x H x W each, one mask per reader; R may differ."""
    others_MRHW: Sequence[np.ndarray]
    """bool R x H x W each, the consensus of all readers but the one of the same row."""
    reader_names_MR: Sequence[Sequence[str]] | None = None
    """Who drew each mask of `readers_MRHW`; None: each image's readers are its own."""
    maps: Maps
    untrained: Maps = field(default_factory=dict)
    """Maps of the same networks untrained, by the candidate whose further baseline they are."""
    pixels_MHW: np.ndarray | None = None
    """uint8, the X-rays; None: there is no baseline `edges`."""
    lungs_MHW: np.ndarray | None = None
    """bool; None: there are no baselines `lungs` and `random_in_lungs`."""
    baseline_names: Mapping[str, str] = field(default_factory=dict)
    """Baselines that go by another name, because `lungs_MHW` holds the body."""

    @property
    def grid(self) -> tuple[int, int]:
        height, width = self.masks_MHW.shape[1:]
        return height, width

    @property
    def tolerance(self) -> float:
        """Pixels."""
        return self.settings.tolerance * min(self.grid)

    @cached_property
    def other_patients(self) -> OtherPatients:
        return OtherPatients(self.shares_MHW, self.patients_M, self.masks_MHW)

    def maps_AHW(self, row: int) -> np.ndarray:
        """The candidates' maps of one image, float32 in [0, 1] on the image grid."""
        return scaled_of_image([*self.maps.values()], row, *self.grid)


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of every image."""

    baselines: list[str]
    by_metric: dict[str, np.ndarray]
    """float64 (A + U + K) x M: candidates, untrained maps, baselines."""
    binary: dict[str, dict[str, np.ndarray]]
    """Overlap and boundary scores by rule and metric, float64 A x M."""
    histograms_MA2S: np.ndarray
    """int64, from `pooled_precision.score_histograms`."""
    on_scale: list[ImageScores]
    flat_AM: np.ndarray
    """bool."""


def score_images(study: MapsAndRegions, rules: Sequence[Rule], threshold: float | None = None) -> Scores:
    """Scores all maps and baselines of each image; `rules` cut the maps to regions, `fixed` at `threshold`.

    An image's random draws depend on its name and the seed alone. Only one image's maps are held on the image grid.
    A study without an image has no baselines, and its scores have no columns.
    """
    if not study.images:
        return _no_scores(study, rules)
    names: list[str] = []
    columns, histograms, on_scale, flat = [], [], [], []
    binary: dict[str, list[dict[str, np.ndarray]]] = {rule: [] for rule in rules}
    for row in range(len(study.images)):
        maps_AHW, mask_1HW = study.maps_AHW(row), study.masks_MHW[[row]]
        baselines = _baselines(study, row)
        names = list(baselines)
        columns.append(_scores_of_image(study, row, maps_AHW, baselines))
        masks_AHW = np.broadcast_to(mask_1HW, maps_AHW.shape)
        for rule in rules:
            binary_AHW = binarised(maps_AHW, rule, threshold=threshold, masks_MHW=masks_AHW)
            binary[rule].append(binary_scores(binary_AHW, mask_1HW, study.tolerance))
        histograms.append(score_histograms(maps_AHW, masks_AHW))
        on_scale.append(_on_scale(study, row, maps_AHW))
        flat.append(is_flat(maps_AHW))
    return Scores(
        baselines=names,
        by_metric={metric: np.array([column[metric] for column in columns]).T for metric in METRICS},
        binary={
            rule: {metric: np.array([scores[metric][:, 0] for scores in by_image]).T for metric in by_image[0]}
            for rule, by_image in binary.items()
        },
        histograms_MA2S=np.array(histograms),
        on_scale=on_scale,
        flat_AM=np.array(flat).T,
    )


def _no_scores(study: MapsAndRegions, rules: Sequence[Rule]) -> Scores:
    num_maps = len(study.maps)
    return Scores(
        baselines=[],
        by_metric={metric: np.zeros((num_maps + len(study.untrained), 0)) for metric in METRICS},
        binary={rule: {} for rule in rules},
        histograms_MA2S=np.zeros((0, num_maps, 2, BINS), int),
        on_scale=[],
        flat_AM=np.zeros((num_maps, 0), bool),
    )


def score_table(study: MapsAndRegions, scores: Scores) -> pd.DataFrame:
    """One row for each candidate and image, of kind model, untrained or baseline, and all metrics."""
    candidates = [
        *((name, "model") for name in study.maps),
        *((name, "untrained") for name in study.untrained),
        *((name, "baseline") for name in scores.baselines),
    ]
    frames = [
        pd.DataFrame(
            {
                "image": study.images,
                "candidate": name,
                "kind": kind,
                **{metric: values[row] for metric, values in scores.by_metric.items()},
            }
        )
        for row, (name, kind) in enumerate(candidates)
    ]
    return pd.concat(frames, ignore_index=True)


def _baselines(study: MapsAndRegions, row: int) -> dict[str, np.ndarray]:
    """The ladder without the baselines that need an X-ray or lungs that are not given."""
    nothing_HW = np.zeros(study.grid, np.uint8)  # in place of an X-ray or lungs; the baselines that use it are dropped
    pixels_HW = nothing_HW if study.pixels_MHW is None else study.pixels_MHW[row]
    lungs_HW = nothing_HW.astype(bool) if study.lungs_MHW is None else study.lungs_MHW[row]
    rng = stream(study.seed, "ladder", "baselines", study.images[row])
    maps = baseline_maps(pixels_HW, lungs_HW, study.other_patients, row, rng, study.settings.draws)
    dropped = {"edges"} if study.pixels_MHW is None else set()
    dropped |= set(NEEDS_LUNGS) if study.lungs_MHW is None else set()
    return {study.baseline_names.get(name, name): maps_KHW for name, maps_KHW in maps.items() if name not in dropped}


def _scores_of_image(
    study: MapsAndRegions, row: int, maps_AHW: np.ndarray, baselines: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """By metric float64 A + U + K: the means over a baseline's draws are taken here."""
    untrained_UHW = scaled_of_image([*study.untrained.values()], row, *study.grid)
    drawn_DHW, draws = stacked(baselines)
    mask_1HW = study.masks_MHW[[row]]
    by_metric = image_scores(
        np.concatenate([maps_AHW, untrained_UHW, drawn_DHW]),
        mask_1HW,
        study.shares_MHW[[row]],
        study.other_patients.density(row),
        study.tolerance,
    )
    own = len(maps_AHW) + len(untrained_UHW)
    return {
        metric: np.concatenate([scores_X1[:own, 0], draw_means(scores_X1[own:], draws)[:, 0]])
        for metric, scores_X1 in by_metric.items()
    }


def _on_scale(study: MapsAndRegions, row: int, maps_AHW: np.ndarray) -> ImageScores:
    """Model, left-out reader and another patient's annotations against the same leave-one-out consensuses."""
    masks_RHW = study.readers_MRHW[row]
    elsewhere_HW = np.zeros(study.grid)  # shuffled AUROC is not on the scale
    rng = stream(study.seed, "ladder", "other patients", study.images[row])
    null_DHW = null_masks(study.readers_MRHW, study.patients_M, row, study.settings.draws, rng)
    return image_scores_on_scale(
        maps_AHW, masks_RHW, null_DHW, study.others_MRHW[row], left_out_share(masks_RHW),
        lambda maps, masks, shares: image_scores(maps, masks, shares, elsewhere_HW, study.tolerance),
    )  # fmt: skip
