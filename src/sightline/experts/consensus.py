"""One region from several readers' masks by every consensus rule, for all readers or with each left out in turn.

Letters: A annotations of C images, R readers of one image, T rows of weights, H W image grid, P = H * W pixels.
Definitions: docs/metrics.md#consensus.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple, get_args

import numpy as np

from sightline.experts.staple import staple

ConsensusRule = Literal["mean", "at_least", "union", "intersection", "staple", "weighted"]
CLOSE = 1e-9  # sums in another order may differ by this much: a share this close to the least is a tie, and inside


def consensus_mask(
    masks_RHW: np.ndarray,
    rule: ConsensusRule = "mean",
    min_share: float = 0.5,
    min_count: int = 2,
    weights_R: np.ndarray | None = None,
    domain_HW: np.ndarray | None = None,
) -> np.ndarray:
    """The region that R bool masks agree on, bool H x W; all false for no masks. The defaults are the paper's rule.

    `rule`
    mean: pixels that at least `min_share`, in (0, 1], of the readers mark (the paper, "Annotations and consensus":
    0.5, and an even split counts as inside);
    at_least: pixels that at least `min_count` readers mark: with fewer readers than that the region is empty;
    union, intersection: pixels that any reader marks, that all readers mark;
    staple: pixels that any reader marks and whose probability is at least 0.5 by `staple.staple` on `domain_HW` (by
    default the dilated box of marks; nothing outside the domain is in the region);
    weighted: pixels whose readers hold at least `min_share` of the weight, `weights_R` >= 0, by expertise for example;
    a reader of weight 0 has no vote, and if nobody has weight the region is empty.
    A rule ignores the arguments that it does not name. The readers' order does not matter.
    """
    masks_RHW = np.asarray(masks_RHW, bool)
    check(rule, len(masks_RHW), min_share, min_count, weights_R)
    if rule == "staple":
        # where readers hardly agree STAPLE can converge to the inverse and call the region what nobody marks
        return (staple(masks_RHW, domain_HW).probability_HW >= 0.5 - CLOSE) & masks_RHW.any(axis=0)
    if rule == "weighted":
        return weighted(masks_RHW, np.asarray(weights_R, float)[None], min_share)[0]
    return masks_RHW.sum(axis=0) >= least_count(rule, len(masks_RHW), min_share, min_count)


def left_out_consensus(
    masks_RHW: np.ndarray,
    rule: ConsensusRule = "mean",
    min_share: float = 0.5,
    min_count: int = 2,
    weights_R: np.ndarray | None = None,
    domain_HW: np.ndarray | None = None,
) -> np.ndarray:
    """The region that the others agree on, bool R x H x W: row r is `consensus_mask` of all masks but the r-th.

    One mask per reader: a second mask by the same reader would keep that reader in the consensus. A single reader has
    no others: all false. The rules that count need one sum and R subtractions.
    """
    masks_RHW = np.asarray(masks_RHW, bool)
    num_readers = len(masks_RHW)
    check(rule, num_readers, min_share, min_count, weights_R)
    if rule == "staple":
        others = [np.delete(masks_RHW, reader, axis=0) for reader in range(num_readers)]
        regions = [consensus_mask(masks, rule, domain_HW=domain_HW) for masks in others]
        return np.stack(regions) if regions else np.zeros(masks_RHW.shape, bool)
    if rule == "weighted":
        return weighted(masks_RHW, np.asarray(weights_R, float) * ~np.eye(num_readers, dtype=bool), min_share)
    count_HW = masks_RHW.sum(axis=0, dtype=np.int32)
    return count_HW - masks_RHW >= least_count(rule, num_readers - 1, min_share, min_count)


def pixel_share(masks_RHW: np.ndarray, weights_R: np.ndarray | None = None) -> np.ndarray:
    """Share of the readers, or of their weight, that marks each pixel: float32 H x W in [0, 1].

    0 everywhere for no masks or if all weights are 0.
    """
    masks_RHW = np.asarray(masks_RHW, bool)
    weights_R = np.ones(len(masks_RHW)) if weights_R is None else np.asarray(weights_R, float)
    check("weighted", len(masks_RHW), 0.5, 1, weights_R)
    total = weights_R.sum()
    return (np.tensordot(weights_R, masks_RHW, axes=1) / (total if total > 0 else 1)).astype(np.float32)


def left_out_share(masks_RHW: np.ndarray) -> np.ndarray:
    """Share of the others that marks each pixel: float32 R x H x W, row r without the r-th reader.

    A single reader has no others: all 0.
    """
    masks_RHW = np.asarray(masks_RHW, bool)
    count_RHW = masks_RHW.sum(axis=0) - masks_RHW.astype(int)
    return (count_RHW / max(len(masks_RHW) - 1, 1)).astype(np.float32)


class StudyConsensus(NamedTuple):
    """The consensus of each of C images, and what the A annotations' readers are compared with."""

    masks_CHW: np.ndarray
    """bool, the region."""
    share_CHW: np.ndarray
    """float32 in [0, 1], share of the readers, or of their weight, that marks each pixel."""
    count_C: np.ndarray
    """int32, annotations that voted."""
    others_AHW: np.ndarray
    """bool, for each annotation the consensus of the same image's other annotations, by the same rule."""


def study_consensus(
    masks_AHW: np.ndarray,
    rows_by_image: Collection[np.ndarray],
    rule: ConsensusRule,
    min_share: float,
    min_count: int,
    weights_A: np.ndarray,
) -> StudyConsensus:
    """Consensus, share and left-out consensus of at least one image by one rule.

    `rows_by_image`: int, the rows of each image's annotations among the A.
    """
    masks, share, others_AHW = [], [], np.zeros(masks_AHW.shape, bool)
    for rows in rows_by_image:
        masks_RHW, weights_R = masks_AHW[rows], weights_A[rows]
        masks.append(consensus_mask(masks_RHW, rule, min_share, min_count, weights_R))
        share.append(pixel_share(masks_RHW, weights_R))
        others_AHW[rows] = left_out_consensus(masks_RHW, rule, min_share, min_count, weights_R)
    count_C = np.array([len(rows) for rows in rows_by_image], np.int32)
    return StudyConsensus(np.stack(masks), np.stack(share), count_C, others_AHW)


def finished_consensus(masks_CHW: np.ndarray) -> StudyConsensus:
    """Finished masks, bool, as the consensus of one vote per image; no annotations."""
    ones_C = np.ones(len(masks_CHW), np.int32)
    return StudyConsensus(masks_CHW, masks_CHW.astype(np.float32), ones_C, np.zeros((0, *masks_CHW.shape[1:]), bool))


def least_count(rule: ConsensusRule, num_readers: int, min_share: float, min_count: int) -> int:
    """How many of `num_readers` must mark a pixel, at least 1, by a rule that counts."""
    # whole numbers on both sides: 3 of 10 at 0.3 must not depend on the last bit of a quotient
    least = {
        "mean": int(np.ceil(min_share * num_readers - CLOSE)),
        "at_least": min_count,
        "union": 1,
        "intersection": num_readers,
    }[rule]
    return max(least, 1)


def weighted(masks_RHW: np.ndarray, weights_TR: np.ndarray, min_share: float) -> np.ndarray:
    """Bool T x H x W: where the masks hold at least `min_share` of each row of weights; a row of 0 gives nothing."""
    held_TP = weights_TR @ masks_RHW.reshape(len(masks_RHW), np.prod(masks_RHW.shape[1:], dtype=int))
    total_T1 = weights_TR.sum(axis=1, keepdims=True)
    region_TP = (held_TP >= min_share * total_T1 * (1 - CLOSE)) & (total_T1 > 0)
    return region_TP.reshape(len(weights_TR), *masks_RHW.shape[1:])


def check(
    rule: ConsensusRule, num_readers: int, min_share: float, min_count: int, weights_R: np.ndarray | None
) -> None:
    """Refuses arguments without a meaning, with a ValueError."""
    if rule not in get_args(ConsensusRule):
        raise ValueError(f"rule: expected one of {', '.join(get_args(ConsensusRule))}, got {rule!r}")
    if not 0 < min_share <= 1:
        raise ValueError(f"min_share: expected in (0, 1], got {min_share}")
    if min_count < 1:
        raise ValueError(f"min_count: expected at least 1, got {min_count}")
    if rule == "weighted":
        if weights_R is None:
            raise ValueError("weights_R: rule weighted needs the readers' weights")
        weights = np.asarray(weights_R, float)
        if weights.shape != (num_readers,) or not np.isfinite(weights).all() or (weights < 0).any():
            raise ValueError(f"weights_R: expected {num_readers} weights of 0 or more, got {weights.tolist()}")
