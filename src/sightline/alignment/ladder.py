"""Every map of a study and every baseline against the readers' regions, image by image: the scores behind the ladder.

The one scoring core of the stage `ladder` and of `sightline score`, which read the inputs and write the results;
`ladder_summary.py` turns the scores into means, intervals and lifts. Definitions: docs/metrics.md#ladder.

M images, R readers of an image, H W image grid, A candidates (maps of one image), U untrained networks' maps, K
baselines, S bins of pooled average precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from sightline.alignment.baselines import Baseline, baseline_maps, baseline_scores
from sightline.alignment.binarised import Rule, binarised, binary_scores
from sightline.alignment.human_scale import ImageScores, OtherReaders, image_scores_on_scale, kept_readers
from sightline.alignment.image_results import ImageResult, Scores, gathered, packed
from sightline.alignment.marked_images import MarkedImages
from sightline.alignment.metrics import METRICS
from sightline.alignment.other_patients import OtherPatients
from sightline.alignment.pooled_precision import score_histograms
from sightline.alignment.random_draws import RandomFields, sorted_fields
from sightline.alignment.region_scores import SortedMap, sorted_map
from sightline.alignment.settings import Ladder
from sightline.alignment.targets import Targets, targets_of
from sightline.alignment.threshold_free import map_scores
from sightline.chunks import Kept, in_chunks
from sightline.experts.consensus import left_out_share
from sightline.maps import is_flat, scaled_of_image
from sightline.rows import Rows
from sightline.statistics.otsu import otsu_threshold
from sightline.statistics.streams import stream

CHUNK = 16  # images whose results come together, at most, and a small study's least number of chunks


@dataclass(frozen=True, kw_only=True)
class MapsAndRegions(MarkedImages):
    """What is scored. An empty consensus scores NaN; without `lungs_MHW` there are no baselines of the lungs."""

    settings: Ladder
    pixels_MHW: Rows | None = None
    """uint8, the X-rays; None: there is no baseline `edges`."""
    baseline_names: Mapping[str, str] = field(default_factory=dict)
    """Baselines that go by another name, because `lungs_MHW` holds the body."""

    @property
    def tolerance(self) -> float:
        """Pixels."""
        return self.settings.tolerance * min(self.grid)

    @cached_property
    def other_patients(self) -> OtherPatients:
        return OtherPatients(self.shares_MHW, self.patients_M, self.masks_MHW)

    @cached_property
    def other_readers(self) -> OtherReaders:
        return OtherReaders(self.readers_MRHW, self.patients_M)

    @cached_property
    def fields(self) -> RandomFields:
        """The random maps of all images."""
        return sorted_fields(self.settings.draws, *self.grid, stream(self.seed, "ladder", "random fields"))

    def maps_AHW(self, row: int) -> np.ndarray:
        """The candidates' maps of one image, float32 in [0, 1] on the image grid."""
        return scaled_of_image([*self.maps.values()], row, *self.grid)


def score_images(
    study: MapsAndRegions,
    rules: Sequence[Rule],
    threshold: float | None = None,
    kept: Kept | None = None,
    told: Callable[[int], None] | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Scores:
    """Scores all maps and baselines of each image; `rules` cut the maps to regions, `fixed` at `threshold`.

    An image's random draws depend on its name and the seed alone. A process holds one image's maps on the image grid.
    `kept`: where the results of chunks lie, to go on with after a run that was killed; `told`: called with the number
    of images whose results have come; `meanwhile`: of `in_processes`. A study without an image has no baselines, and
    its scores have no columns.
    """
    if not study.images:
        return _no_scores(study, rules)
    _ = study.other_patients, study.other_readers, study.fields  # once, before processes copy the study
    size = max(1, min(CHUNK, len(study.images) // CHUNK))  # of 50 images in chunks of 16 one core would have 32
    chunks = [range(start, min(start + size, len(study.images))) for start in range(0, len(study.images), size)]
    report = (lambda number: told(len(chunks[number]))) if told else None
    return gathered(
        in_chunks(_score_rows, (study, rules, threshold), chunks, "ladder", kept, report, meanwhile=meanwhile)
    )


def _score_rows(work: tuple[MapsAndRegions, Sequence[Rule], float | None], rows: range) -> dict[str, np.ndarray]:
    study, rules, threshold = work
    return packed([score_image(study, row, rules, threshold) for row in rows])


def score_image(study: MapsAndRegions, row: int, rules: Sequence[Rule], threshold: float | None = None) -> ImageResult:
    """All maps and baselines of one image, each map sorted once for the consensus and the leave-one-out consensuses."""
    maps_AHW = study.maps_AHW(row)
    mask_HW, others_RHW = np.asarray(study.masks_MHW[row]), np.asarray(study.others_MRHW[row])
    readers_RHW, share_HW = np.asarray(study.readers_MRHW[row]), study.shares_MHW[row]
    kept_R, left_out = kept_readers(others_RHW)
    masks_XHW = np.concatenate([mask_HW[None], others_RHW[kept_R]])
    shares_XHW = np.concatenate([share_HW[None], left_out_share(readers_RHW)[kept_R]])
    elsewhere_HW = study.other_patients.density(row)
    targets = targets_of(masks_XHW, shares_XHW, elsewhere_HW)
    sorted_A = [sorted_map(map_HW) for map_HW in maps_AHW]
    by_map = map_scores(maps_AHW, targets, study.tolerance, sorted_maps=sorted_A)
    names, by_metric = _against_consensus(study, row, targets.picked(slice(0, 1)))
    on_scale = ImageScores(scores={}, kept_R=kept_R, left_out=left_out)
    if not left_out:
        of_readers = {metric: values_AX[:, 1:] for metric, values_AX in by_map.items()}
        on_scale = _on_scale(study, row, of_readers, readers_RHW, kept_R, targets.picked(slice(1, None)))
    return ImageResult(
        baselines=names,
        by_metric={metric: np.concatenate([by_map[metric][:, 0], by_metric[metric]]) for metric in METRICS},
        binary=_binary_scores(maps_AHW, sorted_A, rules, threshold, mask_HW, study.tolerance),
        histograms_A2S=score_histograms(maps_AHW, np.broadcast_to(mask_HW, maps_AHW.shape)),
        on_scale=on_scale,
        flat_A=is_flat(maps_AHW),
    )


def _binary_scores(
    maps_AHW: np.ndarray,
    sorted_A: Sequence[SortedMap],
    rules: Sequence[Rule],
    threshold: float | None,
    mask_HW: np.ndarray,
    tolerance: float,
) -> dict[str, dict[str, np.ndarray]]:
    """By rule and metric float64 A, of the maps cut by the rule; what has been sorted is not sorted or binned again."""
    if not rules:
        return {}
    size = int(np.count_nonzero(mask_HW))
    cut_LAHW = []
    for rule in rules:
        if rule == "area_matched":
            cut_LAHW.append(np.reshape([of_map.highest(size) for of_map in sorted_A], maps_AHW.shape))
        elif rule == "otsu":
            threshold_A = np.array([otsu_threshold(of_map.descending_P[::-1]) for of_map in sorted_A])
            cut_LAHW.append(maps_AHW > threshold_A[:, None, None])
        else:
            cut_LAHW.append(binarised(maps_AHW, rule, threshold=threshold))
    scores = binary_scores(np.concatenate(cut_LAHW), mask_HW[None], tolerance)
    by_rule = {metric: values_X1.reshape(len(rules), len(maps_AHW)) for metric, values_X1 in scores.items()}
    return {
        rule: {metric: values_LA[place] for metric, values_LA in by_rule.items()} for place, rule in enumerate(rules)
    }


def _no_scores(study: MapsAndRegions, rules: Sequence[Rule]) -> Scores:
    num_maps = len(study.maps)
    return Scores(
        baselines=[],
        by_metric={metric: np.zeros((num_maps + len(study.untrained), 0)) for metric in METRICS},
        binary={rule: {} for rule in rules},
        histograms_MA2S=[],
        on_scale=[],
        flat_AM=np.zeros((num_maps, 0), bool),
    )


def score_table(study: MapsAndRegions, scores: Scores) -> dict[str, list[Any]]:
    """Columns by name: one row for each candidate and image, of kind model, untrained or baseline, and all metrics."""
    candidates = [
        *((name, "model") for name in study.maps),
        *((name, "untrained") for name in study.untrained),
        *((name, "baseline") for name in scores.baselines),
    ]
    num_images = len(study.images)
    return {
        "image": study.images * len(candidates),
        "candidate": [name for name, _ in candidates for _ in range(num_images)],
        "kind": [kind for _, kind in candidates for _ in range(num_images)],
        **{metric: values.ravel().tolist() for metric, values in scores.by_metric.items()},
    }


def _baselines(study: MapsAndRegions, row: int) -> dict[str, Baseline]:
    """The ladder without the baselines that need an X-ray or lungs that are not given."""
    rng = stream(study.seed, "ladder", "baselines", study.images[row])
    maps = baseline_maps(
        None if study.pixels_MHW is None else study.pixels_MHW[row],
        None if study.lungs_MHW is None else study.lungs_MHW[row],
        study.other_patients, row, rng, study.fields,
    )  # fmt: skip
    return {study.baseline_names.get(name, name): maps_KHW for name, maps_KHW in maps.items()}


def _against_consensus(study: MapsAndRegions, row: int, targets: Targets) -> tuple[list[str], dict[str, np.ndarray]]:
    """Names of the baselines; by metric float64 U + K: the untrained maps, then the mean of each baseline's draws."""
    untrained_UHW = scaled_of_image([*study.untrained.values()], row, *study.grid)
    baselines = _baselines(study, row)
    fresh, by_baseline = (
        map_scores(untrained_UHW, targets, study.tolerance), baseline_scores(baselines, targets, study.tolerance)
    )  # fmt: skip
    return list(baselines), {
        metric: np.concatenate([fresh[metric][:, 0], by_baseline[metric][:, 0]]) for metric in METRICS
    }


def _on_scale(
    study: MapsAndRegions,
    row: int,
    model_by_metric: dict[str, np.ndarray],
    readers_RHW: np.ndarray,
    kept_R: np.ndarray,
    targets: Targets,
) -> ImageScores:
    """Model, left-out reader and another patient's annotations against the same leave-one-out consensuses."""
    rng, others = stream(study.seed, "ladder", "other patients", study.images[row]), study.other_readers
    drawn = others.drawn(row, study.settings.draws, rng)
    null_DHW = others.masks(drawn, study.grid)
    places = [*((row, reader) for reader in np.flatnonzero(kept_R).tolist()), *drawn]
    centres_XHW = others.centres(places, np.concatenate([readers_RHW[kept_R], null_DHW]))
    return image_scores_on_scale(
        model_by_metric, readers_RHW, null_DHW, centres_XHW, kept_R,
        lambda maps_XHW, metrics: map_scores(maps_XHW, targets, study.tolerance, metrics),
    )  # fmt: skip
