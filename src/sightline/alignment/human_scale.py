"""A model's score between two fixed points: 0 is what anatomy alone gives, 1 what a left-out expert reaches.

One image's letters: R annotators, A maps (models x methods), D maps of the null, H W image grid; B resamples.

For each annotator r, the consensus of the *others* is the truth, and three things are scored against it by the same
metric: the annotator's own mask (human), the model's map (model) and expert masks of other patients' images (null).
A model is never held against a consensus that the human standard is denied.

A mask as a map has two values: one operating point. On metrics of the whole ranking (average precision, AUROC) a
graded map can therefore pass 1 without seeing more than an expert; on mass, area-matched overlap and pointing, which
cut both at one place, 1 means what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sightline.alignment.threshold_free import LOWER_IS_BETTER, METRICS
from sightline.statistics.resampling import hierarchical_means, interval

Scored = Callable[[np.ndarray, np.ndarray, np.ndarray], dict[str, np.ndarray]]
"""Maps float32 A x H x W, masks bool R x H x W and their soft shares float32 R x H x W to scores by metric, A x R."""
LeftOut = Literal["", "fewer than 2 annotators", "no consensus"]
ROLES = 3  # of the rows: model, null, human


@dataclass(frozen=True, kw_only=True)
class ImageScores:
    """One image's scores against the leave-one-out consensuses, ready to be resampled with patients and images."""

    scores: dict[str, np.ndarray]
    """By metric, float64 3A x R': A rows of the models' scores, A of the null's, A of the human's; R' annotators whose
    leave-one-out consensus is not empty. Where one of a model's three is not defined, all three are NaN, so that
    their means run over the same images and annotators. Empty dictionary if the image is left out."""
    kept_R: np.ndarray
    """bool, the annotators whose leave-one-out consensus is not empty; R' of R."""
    left_out: LeftOut
    """Why the image has no scores; "" if it has."""


def null_masks(
    masks_by_image: Sequence[np.ndarray],
    patients: Sequence[str] | np.ndarray,
    index: int,
    draws: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Masks that experts drew on other patients' images, bool D x H x W: the anatomical null of image `index`.

    `masks_by_image`: bool R x H x W each, R may differ. D = min(draws, how many there are), drawn without
    replacement, each annotation as likely as any other: not first an image and then its annotator, so that over the
    study the null's hands, with their large or small regions, are mixed as the humans' are. Empty masks are drawn as
    they come, for the human may have drawn nothing too: they score as flat maps. No other patient: D = 0.
    """
    labels = np.asarray(patients)
    others = np.flatnonzero(labels != labels[index])
    starts = np.cumsum([0, *(len(masks_by_image[image]) for image in others.tolist())])  # the pool: image after image
    size = int(starts[-1])
    chosen = rng.choice(size, min(draws, size), replace=False) if size else np.zeros(0, int)
    places = np.searchsorted(starts, chosen, side="right") - 1
    images, rows = others[places].tolist(), (chosen - starts[places]).tolist()
    drawn = [masks_by_image[image][row] for image, row in zip(images, rows, strict=True)]
    return np.array(drawn, dtype=bool).reshape(len(drawn), *masks_by_image[index].shape[1:])


def image_scores_on_scale(
    maps_AHW: np.ndarray,
    masks_RHW: np.ndarray,
    null_DHW: np.ndarray,
    consensus_RHW: np.ndarray,
    share_RHW: np.ndarray,
    scored: Scored,
) -> ImageScores:
    """Model, null and human of one image against the same leave-one-out consensuses.

    `maps_AHW`: float32 in [0, 1]; `masks_RHW`: bool, one an annotator, empty ones included if empty counts as a
    vote; `null_DHW`: bool, of `null_masks`; `consensus_RHW`, `share_RHW`: of the readers but the one of the same row
    (`consensus.left_out_consensus`, `left_out_share`); `scored`: all metrics of some maps against some masks at once.
    It is called once; flat maps, ties and undefined values follow its rules. The null's score is the mean over its D
    maps, NaN ones left out; D = 0 gives NaN.

    An annotator whose leave-one-out consensus is empty has no truth to be held against and is left out with the
    model's and the null's scores against it (`kept_R`); an image of which nobody is left, or with fewer than 2
    annotators, is left out whole, with the reason.
    """
    num_maps, num_readers = len(maps_AHW), len(masks_RHW)
    if consensus_RHW.shape != masks_RHW.shape or share_RHW.shape != masks_RHW.shape:
        raise ValueError(
            f"one consensus and share an annotator: masks {masks_RHW.shape}, consensuses {consensus_RHW.shape}, "
            f"shares {share_RHW.shape}"
        )
    kept_R = np.asarray(consensus_RHW.any(axis=(1, 2)))
    if num_readers < 2:
        return ImageScores(scores={}, kept_R=np.zeros(num_readers, bool), left_out="fewer than 2 annotators")
    if not kept_R.any():
        return ImageScores(scores={}, kept_R=kept_R, left_out="no consensus")
    humans = masks_RHW[kept_R]
    maps = np.concatenate([maps_AHW.astype(np.float32), humans.astype(np.float32), null_DHW.astype(np.float32)])
    by_metric = scored(maps, consensus_RHW[kept_R], share_RHW[kept_R])
    scores = {name: _three_roles(scores_TR, num_maps, len(humans)) for name, scores_TR in by_metric.items()}
    return ImageScores(scores=scores, kept_R=kept_R, left_out="")


def _three_roles(scores_TR: np.ndarray, num_maps: int, num_readers: int) -> np.ndarray:
    """Rows A maps, R masks, D null maps to rows A model, A null, A human, NaN together: float64 3A x R."""
    scores_TR = np.asarray(scores_TR, dtype=float)
    model_AR = scores_TR[:num_maps]
    human_R = np.diagonal(scores_TR[num_maps : num_maps + num_readers])  # each mask against the others' consensus
    null_DR = scores_TR[num_maps + num_readers :]
    known_R = (~np.isnan(null_DR)).sum(axis=0)
    null_R = np.divide(np.nansum(null_DR, axis=0), known_R, out=np.full(num_readers, np.nan), where=known_R > 0)
    roles_3AR = np.stack([model_AR, np.broadcast_to(null_R, model_AR.shape), np.broadcast_to(human_R, model_AR.shape)])
    roles_3AR = np.where(np.isnan(roles_3AR).any(axis=0), np.nan, roles_3AR)
    return roles_3AR.reshape(ROLES * num_maps, num_readers)


def normalised(model: np.ndarray, null: np.ndarray, human: np.ndarray, higher_is_better: bool = True) -> np.ndarray:
    """(model - null) / (human - null), float64 of the broadcast shape: 0 as the null, 1 as the left-out expert.

    Below 0: worse than anatomy alone; above 1: nearer to the others than an expert is. NaN where the human is not
    better than the null: there is no scale then, and a ratio would turn its sign. Count these NaN in resamples and
    report them with the interval. For distances and divergences set `higher_is_better` to False.

    The arguments are means over images (ratio of means). A mean of the images' ratios would be ruled by the images
    on which human and null nearly agree, has no finite variance there, and has to drop those with human <= null,
    which are not a random selection.
    """
    model, null, human = (np.asarray(values, dtype=float) for values in (model, null, human))
    span = human - null
    model, span = np.broadcast_arrays(model - null, span)
    has_scale = span > 0 if higher_is_better else span < 0
    return np.divide(model, span, out=np.full(span.shape, np.nan), where=has_scale)


def rows_normalised(means_B3A: np.ndarray, higher_is_better: bool = True) -> np.ndarray:
    """`normalised` of means whose last axis holds model, null and human rows as `ImageScores.scores`: ... x A."""
    model, null, human = np.split(np.asarray(means_B3A), ROLES, axis=-1)
    return normalised(model, null, human, higher_is_better)


def readings(images: Sequence[ImageScores], metric: str) -> list[np.ndarray]:
    """Each image's 3A x R' scores of one metric, 3A x 0 for an image left out: for `hierarchy.hierarchical_means`.

    One entry an image, so that patients stay beside their images; `rows_normalised` makes of the resampled means
    (B x 3A) the distribution of A places on the scale. All images left out gives arrays without rows.
    """
    num_rows = next((len(image.scores[metric]) for image in images if not image.left_out), 0)
    return [np.zeros((num_rows, 0)) if image.left_out else image.scores[metric] for image in images]


@dataclass(frozen=True, kw_only=True)
class HumanScale:
    """A metric's point estimates over the study's images, and what they leave out."""

    model_A: np.ndarray
    null_A: np.ndarray
    """The same for all maps unless some score is not defined for some of them."""
    human_A: np.ndarray
    normalised_A: np.ndarray
    """NaN where the human is not better than the null."""
    num_images: int
    """Images with at least one annotator kept."""
    num_annotators: int
    """Pairs of image and annotator kept."""
    num_few_annotators: int
    """Images left out: fewer than 2 annotators."""
    num_no_consensus: int
    """Images left out: every leave-one-out consensus is empty."""
    num_empty: int
    """Pairs of image and annotator left out: that leave-one-out consensus is empty; those of `num_no_consensus` too."""
    num_undefined_A: np.ndarray
    """Pairs kept in which the metric is not defined for the map, the null or the human."""


def human_scale(images: Sequence[ImageScores], metric: str, higher_is_better: bool = True) -> HumanScale:
    """Means of model, null and human over images and the model's place between them.

    Mean over an image's annotators, then over images: an image counts once, however many read it. `images`: every
    image of the study, those left out included, so that they are counted. No image kept: NaN, with no columns if no
    image tells how many maps there are.
    """
    kept = [image for image in images if not image.left_out]
    num_rows = len(kept[0].scores[metric]) if kept else 0
    by_image_M3A = np.array([_mean_of_known(image.scores[metric]) for image in kept]).reshape(len(kept), num_rows)
    means_3A = _mean_of_known(by_image_M3A.T)
    model_A, null_A, human_A = np.split(means_3A, ROLES)
    undefined = sum((np.isnan(image.scores[metric]).sum(axis=1) for image in kept), np.zeros(num_rows, int))
    return HumanScale(
        model_A=model_A,
        null_A=null_A,
        human_A=human_A,
        normalised_A=normalised(model_A, null_A, human_A, higher_is_better),
        num_images=len(kept),
        num_annotators=sum(int(image.kept_R.sum()) for image in kept),
        num_few_annotators=sum(image.left_out == "fewer than 2 annotators" for image in images),
        num_no_consensus=sum(image.left_out == "no consensus" for image in images),
        num_empty=sum(int((~image.kept_R).sum()) for image in images if image.left_out != "fewer than 2 annotators"),
        num_undefined_A=np.split(undefined, ROLES)[0],
    )


def _mean_of_known(values_AR: np.ndarray) -> np.ndarray:
    """Float64 A: mean of each row's values that are not NaN; NaN without any."""
    known_AR = ~np.isnan(values_AR)
    counts = known_AR.sum(axis=1)
    return np.divide(np.nansum(values_AR, axis=1), counts, out=np.full(len(values_AR), np.nan), where=counts > 0)


def scale_summary(
    found: Sequence[ImageScores],
    keys: Sequence[tuple[str, str]],
    patients_M: np.ndarray,
    resamples: int,
    level: float,
    seed: list[int],
) -> dict[str, Any]:
    """By metric: what a left-out expert and anatomy reach, and by model and method the place between the two.

    `found`: every image of the study, left-out ones too; `keys`: (model, method) of its maps. Intervals resample
    patients, then images, then readers, by the same draws for every metric; resamples in which the experts are not
    better than anatomy have no scale and are counted.
    """
    result: dict[str, Any] = {}
    for metric in METRICS:
        is_up = metric not in LOWER_IS_BETTER
        point = human_scale(found, metric, is_up)
        means_B3A = hierarchical_means(readings(found, metric), patients_M, resamples, np.random.default_rng(seed))
        places_BA = rows_normalised(means_B3A, is_up)
        low_A, high_A = interval(places_BA, level)
        human_low, human_high = interval(means_B3A[:, -1:], level)
        result[metric] = {
            "human": point.human_A[0],
            "human_low": human_low[0],
            "human_high": human_high[0],
            "anatomy": point.null_A[0],
            "images": point.num_images,
            "readings": point.num_annotators,
            "left_out_few_annotators": point.num_few_annotators,
            "left_out_no_consensus": point.num_no_consensus,
            "models": {},
        }
        for place, (model, method) in enumerate(keys):
            result[metric]["models"].setdefault(model, {})[method] = {
                "value": point.normalised_A[place],
                "low": low_A[place],
                "high": high_A[place],
                "undefined_resamples": int(np.isnan(places_BA[:, place]).sum()),
            }
    return result
