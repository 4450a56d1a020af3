"""The human scale over all images: means by role, places between anatomy and reader, and their intervals.

M images, R readers of an image, N kept readings of all images, A maps, B resamples. The axis of three holds the roles
of `human_scale.ROLES`. Definitions: docs/metrics.md#human-scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sightline.alignment.human_scale import ROLES, ImageScores, normalised, scale_metrics
from sightline.statistics.means import group_means, means_along
from sightline.statistics.reader_draws import Readings, nested_means, pigeonhole_means
from sightline.statistics.resampling import interval_with_width


@dataclass(frozen=True)
class ScaleReadings:
    """The readings of all images on the scale, image by image, and their scores by metric."""

    images: Sequence[ImageScores]
    """One entry per image, left-out ones too, so that patients stay beside their images."""

    @cached_property
    def image_N(self) -> np.ndarray:
        """int, the image of each kept reading, rising."""
        return np.repeat(
            np.arange(len(self.images)), [0 if i.left_out else int(i.kept_R.sum()) for i in self.images]
        )  # fmt: skip

    def readers_N(self, names_MR: Sequence[Sequence[str]]) -> np.ndarray:
        """Who made each kept reading; `names_MR`: as `kept_R`."""
        return np.array(
            [
                name
                for image, names in zip(self.images, names_MR, strict=True)
                if not image.left_out
                for name, is_kept in zip(names, image.kept_R, strict=True)
                if is_kept
            ],
            dtype=str,
        )

    def scores_S3AN(self, metrics: Sequence[str]) -> np.ndarray:
        """float64, S metrics; without an image kept A is 0, since none says how many maps there are."""
        kept = [image.scores for image in self.images if not image.left_out]
        num_maps = kept[0][metrics[0]].shape[1] if kept else 0
        scores_S3AN = np.empty((len(metrics), len(ROLES), num_maps, len(self.image_N)))
        for of_metric, metric in zip(scores_S3AN, metrics, strict=True):
            if kept:
                np.concatenate([scores[metric] for scores in kept], axis=2, out=of_metric)
        return scores_S3AN


def resampled_roles(
    images: Sequence[ImageScores],
    metric: str,
    patients_M: np.ndarray,
    resamples: int,
    rng: np.random.Generator,
    reader_names_MR: Sequence[Sequence[str]] | None = None,
) -> np.ndarray:
    """Means of model, null and human over resampled patients and readers: float64 3 x B x A.

    `normalised(*means_3BA)` is the distribution of A places on the scale. `images`: one entry per image, left-out
    ones too, so that patients stay beside their images; all left out: A is 0. `reader_names_MR`: who drew each mask
    of each image, as `kept_R`; patients and readers are then drawn crosswise (`crossed_means`). None: each image's
    readers are its own, and patients, images and readers are drawn one within the other (`hierarchical_means`).
    """
    readings = ScaleReadings(images)
    scores_S3AN = readings.scores_S3AN([metric])
    return resampled_together(readings, scores_S3AN, patients_M, resamples, lambda: rng, reader_names_MR)[0]


def resampled_together(
    readings: ScaleReadings,
    scores_S3AN: np.ndarray,
    patients_M: np.ndarray,
    resamples: int,
    new_rng: Callable[[], np.random.Generator],
    reader_names_MR: Sequence[Sequence[str]] | None = None,
) -> np.ndarray:
    """`resampled_roles` of S metrics, each by the same draws, float64 S x 3 x B x A.

    `new_rng` makes a generator at the same start each time. Metrics that have values at the same readings are drawn
    once and summed together.
    """
    num_metrics, _, num_maps, num_readings = scores_S3AN.shape

    def chosen(metrics: Sequence[int]) -> Readings:
        """One row for each metric, role and map, so that all are drawn alike; a reading that one lacks is left out."""
        own = scores_S3AN if len(metrics) == num_metrics else scores_S3AN[metrics]
        rows = own.reshape(len(metrics) * len(ROLES) * num_maps, num_readings)
        return Readings(values_AN=rows, image_N=readings.image_N, num_images=len(readings.images))

    alike: dict[bytes, list[int]] = {}
    for metric in range(num_metrics):
        alike.setdefault(chosen([metric]).complete_N.tobytes(), []).append(metric)
    roles_S3BA = np.empty((num_metrics, len(ROLES), resamples, num_maps))
    for metrics in alike.values():
        if reader_names_MR is None:
            means_BX = nested_means(chosen(metrics), patients_M, resamples, new_rng())
        else:
            names_N = readings.readers_N(reader_names_MR)
            means_BX = pigeonhole_means(chosen(metrics), patients_M, names_N, resamples, new_rng())
        by_role_BS3A = means_BX.reshape(resamples, len(metrics), len(ROLES), num_maps)
        roles_S3BA[metrics] = by_role_BS3A.transpose(1, 2, 0, 3)
    return roles_S3BA


@dataclass(frozen=True, kw_only=True)
class HumanScale:
    """A metric's point estimates over the study's images, and what they leave out."""

    model_A: np.ndarray
    null_A: np.ndarray
    """The same for all maps unless a score is undefined for some of them."""
    human_A: np.ndarray
    normalised_A: np.ndarray
    """NaN where the human is not better than the null."""
    num_images: int
    """Images with at least one reader kept."""
    num_annotators: int
    """Pairs of image and reader kept."""
    num_few_annotators: int
    """Images left out: fewer than 2 readers."""
    num_no_consensus: int
    """Images left out: every leave-one-out consensus is empty."""
    num_empty: int
    """Pairs of image and reader left out: that leave-one-out consensus is empty; those of `num_no_consensus` too."""
    num_undefined_A: np.ndarray
    """Pairs kept in which the metric is undefined for the map, the null or the human."""


def human_scale(images: Sequence[ImageScores], metric: str, higher_is_better: bool = True) -> HumanScale:
    """Means of model, null and human over images, and the model's place between them.

    The mean over an image's readers, then over images: an image counts once, however many read it. `images`: every
    image of the study, left-out ones too, so that they are counted. No image kept: arrays without entries, since no
    image says how many maps there are.
    """
    readings = ScaleReadings(images)
    return _human_scale(readings, readings.scores_S3AN([metric])[0], higher_is_better)


def _human_scale(readings: ScaleReadings, scores_3AN: np.ndarray, higher_is_better: bool) -> HumanScale:
    images, num_maps = readings.images, scores_3AN.shape[1]
    starts = np.flatnonzero(np.diff(readings.image_N, prepend=-1))  # every image kept has a reading
    by_image_3AM = group_means(scores_3AN, starts, axis=2) if len(starts) else np.zeros((len(ROLES), num_maps, 0))
    model_A, null_A, human_A = means_along(by_image_3AM, axis=2)
    return HumanScale(
        model_A=model_A,
        null_A=null_A,
        human_A=human_A,
        normalised_A=normalised(model_A, null_A, human_A, higher_is_better),
        num_images=len(starts),
        num_annotators=len(readings.image_N),
        num_few_annotators=sum(image.left_out == "fewer than 2 annotators" for image in images),
        num_no_consensus=sum(image.left_out == "no consensus" for image in images),
        num_empty=sum(int((~image.kept_R).sum()) for image in images if image.left_out != "fewer than 2 annotators"),
        num_undefined_A=np.isnan(scores_3AN[0]).sum(axis=1),
    )


def scale_summary(
    images: Sequence[ImageScores],
    candidates: Sequence[str],
    patients_M: np.ndarray,
    resamples: int,
    level: float,
    new_rng: Callable[[], np.random.Generator],
    reader_names_MR: Sequence[Sequence[str]] | None = None,
) -> dict[str, Any]:
    """By metric: what a left-out reader and anatomy reach, and each candidate's place between the two; {} if unknown.

    `images`: every image of the study, left-out ones too; `candidates`: the names of its maps. Intervals resample
    patients and readers as `resampled_roles`, by the same draws for every metric: `new_rng` makes a generator at the
    start of the same stream each time. Resamples in which the readers are not better than anatomy have no scale and
    are counted. `readers`: how many people drew the annotations, None where they have no names. Unknown: every image
    is left out.
    """
    if all(image.left_out for image in images):
        return {}
    num_patients = len({patient for image, patient in zip(images, patients_M, strict=True) if not image.left_out})
    readings = ScaleReadings(images)
    scores_S3AN = readings.scores_S3AN(list(scale_metrics()))
    roles_S3BA = resampled_together(readings, scores_S3AN, patients_M, resamples, new_rng, reader_names_MR)
    num_readers = None if reader_names_MR is None else len(set(readings.readers_N(reader_names_MR).tolist()))
    result: dict[str, Any] = {}
    for place, (metric, record) in enumerate(scale_metrics().items()):
        is_up = not record.is_lower_better
        point = _human_scale(readings, scores_S3AN[place], is_up)
        model_BA, null_BA, human_BA = roles_S3BA[place]
        places_BA = normalised(model_BA, null_BA, human_BA, is_up)
        low_A, high_A = interval_with_width(places_BA, level, num_patients)
        human_low, human_high = interval_with_width(human_BA[:, -1:], level, num_patients)
        result[metric] = {
            "human": point.human_A[0],
            "human_low": human_low[0],
            "human_high": human_high[0],
            "anatomy": point.null_A[0],
            "images": point.num_images,
            "readings": point.num_annotators,
            "readers": num_readers,
            "left_out_few_annotators": point.num_few_annotators,
            "left_out_no_consensus": point.num_no_consensus,
            "candidates": {
                name: {
                    "value": point.normalised_A[column],
                    "low": low_A[column],
                    "high": high_A[column],
                    "undefined_resamples": int(np.isnan(places_BA[:, column]).sum()),
                }
                for column, name in enumerate(candidates)
            },
        }
    return result
