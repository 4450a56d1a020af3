"""A model's score between two fixed points: 0 is what anatomy alone reaches, 1 what a left-out reader reaches.

Letters for one image: R readers, A maps (models x methods), D maps of the null, H W image grid. The axis of three holds
the roles of `ROLES`. `human_scale_summary.py` takes the means over images and resamples them.

For each reader r, the consensus of the *others* is the truth, and three things are scored against it by the same
metric: the reader's own mask (human), the model's map (model), and readers' masks of other patients' images (null).
So model and human are always compared with the same consensus.

A mask used as a map has two values: one operating point. On metrics of the whole ranking (average precision, AUROC, KL;
see `metrics.Metric.is_graded`) a graded map would pass 1 without seeing more than a reader, so they are not on the
scale. A mask has no peak either: on metrics of the peak (`metrics.Metric.is_at_peak`) the reader's point, and the
null's, is the centre of the mask's largest inscribed circle. Studies hold no clicks, which would be the better point.
Definitions: docs/metrics.md#human-scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sightline.alignment.inscribed_circle import circle_centres
from sightline.alignment.metrics import METRICS, Metric
from sightline.statistics.means import means_along

Scored = Callable[[np.ndarray, Sequence[str]], dict[str, np.ndarray]]
"""Maps of 0 and 1, bool X x H x W, and metrics to their scores on the consensuses of the readers kept, X x R'."""
LeftOut = Literal["", "fewer than 2 annotators", "no consensus"]
ROLES = ("model", "null", "human")


@dataclass(frozen=True, kw_only=True)
class ImageScores:
    """One image's scores against the leave-one-out consensuses, ready to be resampled with patients and images."""

    scores: dict[str, np.ndarray]
    """By metric of `scale_metrics`, float64 3 x A x R': the roles; the maps; the readers whose leave-one-out consensus
    is not empty. Where one of a map's three scores is undefined, all three are NaN, so that their means run over the
    same images and readers. Empty dictionary if the image is left out."""
    kept_R: np.ndarray
    """bool, the readers whose leave-one-out consensus is not empty; R' of R."""
    left_out: LeftOut
    """Why the image has no scores; "" if it has."""


def scale_metrics() -> dict[str, Metric]:
    """The records of the metrics on the scale: all but the graded ones."""
    return {name: metric for name, metric in METRICS.items() if not metric.is_graded}


class OtherReaders:
    """Masks that readers drew on other patients' images: the anatomical null."""

    def __init__(self, masks_by_image: Sequence[np.ndarray], patients: Sequence[str] | np.ndarray) -> None:
        """`masks_by_image`: bool R x H x W each, R may differ; `patients`: labels."""
        self._masks_by_image = masks_by_image
        self._labels = np.asarray(patients)
        self._counts_M = np.array([len(masks_RHW) for masks_RHW in masks_by_image], int)
        self._centres: dict[tuple[int, int], np.ndarray] = {}

    def drawn(self, index: int, draws: int, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Image and row of D masks of other patients' images: the null of image `index`.

        D = min(draws, masks available), drawn without replacement, each annotation equally likely (not first an image
        and then its reader), so that over the study the null mixes readers with large and with small regions as the
        humans do. Empty masks are drawn too, since the human may have drawn nothing as well; they score as flat maps.
        No other patient: D = 0.
        """
        others = np.flatnonzero(self._labels != self._labels[index])
        starts = np.concatenate([[0], np.cumsum(self._counts_M[others])])  # the pool: image after image
        size = int(starts[-1])
        chosen = rng.choice(size, min(draws, size), replace=False) if size else np.zeros(0, int)
        places = np.searchsorted(starts, chosen, side="right") - 1
        return list(zip(others[places].tolist(), (chosen - starts[places]).tolist(), strict=True))

    def masks(self, drawn: Sequence[tuple[int, int]], grid: tuple[int, int]) -> np.ndarray:
        """bool D x H x W."""
        return np.array([self._masks_by_image[image][row] for image, row in drawn], bool).reshape(-1, *grid)

    def centres(self, places: Sequence[tuple[int, int]], masks_DHW: np.ndarray) -> np.ndarray:
        """`circle_centres` of the masks at these places, bool D x H x W; each is looked for once."""
        centres_DHW = np.zeros(masks_DHW.shape, bool)
        for place, mask_HW, centre_HW in zip(places, masks_DHW, centres_DHW, strict=True):
            if place not in self._centres:
                self._centres[place] = np.flatnonzero(circle_centres(mask_HW[None]))
            centre_HW.ravel()[self._centres[place]] = True
        return centres_DHW


def kept_readers(consensus_RHW: np.ndarray) -> tuple[np.ndarray, LeftOut]:
    """Bool R, the readers whose leave-one-out consensus is not empty; and why the image is left out whole, if it is.

    A reader whose leave-one-out consensus is empty has no truth to be compared with and is left out, together with
    the model's and the null's scores against it.
    """
    kept_R = np.asarray(consensus_RHW.any(axis=(1, 2)))
    if len(consensus_RHW) < 2:
        return np.zeros(len(consensus_RHW), bool), "fewer than 2 annotators"
    return kept_R, "" if kept_R.any() else "no consensus"


def image_scores_on_scale(
    model_by_metric: Mapping[str, np.ndarray],
    masks_RHW: np.ndarray,
    null_DHW: np.ndarray,
    centres_XHW: np.ndarray,
    kept_R: np.ndarray,
    scored: Scored,
) -> ImageScores:
    """Model, null and human of one image against the same leave-one-out consensuses.

    `model_by_metric`: scores of the model's maps on the consensuses of the readers kept, A x R' each; `masks_RHW`:
    bool, one per reader, empty ones included if empty counts as a vote; `null_DHW`: bool, of `OtherReaders`; `centres`:
    bool, `circle_centres` of the masks of the readers kept, then of the null: human and null point there; `kept_R`: of
    `kept_readers`, at least one; `scored`: all metrics of maps of 0 and 1 on the same consensuses, which sets the
    rules for flat maps, ties and undefined values. Metrics that `scale_metrics` does not know are left out. The null's
    score is the mean over its D maps, NaN left out; D = 0 gives NaN.
    """
    if kept_R.shape != (len(masks_RHW),):
        raise ValueError(f"expected one consensus per annotator: masks {masks_RHW.shape}, consensuses {kept_R.shape}")
    drawn_XHW, num_readers = np.concatenate([masks_RHW[kept_R], null_DHW]), int(kept_R.sum())
    records = {name: metric for name, metric in scale_metrics().items() if name in model_by_metric}
    by_mask = scored(drawn_XHW, [name for name, metric in records.items() if not metric.is_at_peak])
    by_peak = scored(centres_XHW, [name for name, metric in records.items() if metric.is_at_peak])
    drawn_QXR = np.stack([(by_peak if metric.is_at_peak else by_mask)[name] for name, metric in records.items()])
    model_QAR = np.stack([np.asarray(model_by_metric[name], dtype=float) for name in records])
    human_Q1R = np.diagonal(drawn_QXR[:, :num_readers], axis1=1, axis2=2)[:, None]  # on the others' consensus
    null_Q1R = means_along(drawn_QXR[:, num_readers:], axis=1)[:, None]
    roles = [np.broadcast_to(role_QXR, model_QAR.shape) for role_QXR in (model_QAR, null_Q1R, human_Q1R)]
    roles_Q3AR = np.stack(roles, axis=1)
    known_Q1AR = ~np.isnan(roles_Q3AR).any(axis=1, keepdims=True)
    together_Q3AR = np.where(known_Q1AR, roles_Q3AR, np.nan)
    return ImageScores(scores=dict(zip(records, together_Q3AR, strict=True)), kept_R=kept_R, left_out="")


def normalised(model: np.ndarray, null: np.ndarray, human: np.ndarray, higher_is_better: bool = True) -> np.ndarray:
    """(model - null) / (human - null), float64 of the broadcast shape: 0 as the null, 1 as the left-out reader.

    Below 0: worse than anatomy alone; above 1: closer to the others than a reader is. NaN where the human is not
    better than the null: there is no scale then, and the ratio would change its sign. Count these NaN in resamples and
    report them with the interval. For distances and divergences set `higher_is_better` to False.

    The arguments are means over images (ratio of means). A mean of per-image ratios would be dominated by images on
    which human and null nearly agree, has no finite variance there, and has to drop those with human <= null, which
    are not a random selection.
    """
    model, null, human = (np.asarray(values, dtype=float) for values in (model, null, human))
    span = human - null
    model, span = np.broadcast_arrays(model - null, span)
    has_scale = span > 0 if higher_is_better else span < 0
    return np.divide(model, span, out=np.full(span.shape, np.nan), where=has_scale)
