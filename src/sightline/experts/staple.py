"""STAPLE: the region behind several readers' masks and how well each reader finds it, estimated together.

Definition: docs/metrics.md#staple. Source: Warfield, Zou and Wells, "Simultaneous truth and performance level
estimation", IEEE TMI 23 (2004), binary case.
Letters: R readers, H W image grid, P pixels of the domain, K patterns of votes (pixels with equal votes are one).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MARGIN = 0.25  # of the union's box, on each side


@dataclass(frozen=True, kw_only=True)
class Staple:
    probability_HW: np.ndarray
    """float64 in [0, 1], of lying inside the region; 0 outside the domain."""
    sensitivity_R: np.ndarray
    """float64 in [0, 1], probability that the reader marks a pixel inside; NaN if nothing is inside."""
    specificity_R: np.ndarray
    """float64 in [0, 1], probability that the reader leaves a pixel outside blank; NaN if nothing is outside."""
    prior: float
    """Share of the domain assumed to lie inside a priori; NaN for no reader or an empty domain."""
    num_iterations: int
    """0 if there was nothing to estimate."""
    converged: bool
    """False if the last iteration still changed a sensitivity or specificity by more than the tolerance."""


def staple(
    masks_RHW: np.ndarray,
    domain_HW: np.ndarray | None = None,
    *,
    prior: float | None = None,
    tolerance: float = 1e-7,
    max_iterations: int = 1000,
) -> Staple:
    """Region and readers' performance by expectation maximisation on the domain's pixels, from R bool masks.

    `domain_HW`: bool, the pixels that are judged, for example the lungs; marks outside are ignored and get probability
    0. By default the dilated box of all marks (`union_box`): on the whole image, a large background that nobody marks
    would make every reader specific and every mark credible. The estimate depends on the domain.
    `prior`: by default the mean share of marks on the domain. The iteration starts from each pixel's share of votes
    and ends when no sensitivity and no specificity changes by more than `tolerance`.

    Degenerate cases: no reader or an empty domain: probability 0, performance NaN; nobody marks anything:
    probability 0, sensitivity NaN, specificity 1; everybody marks the whole domain: probability 1, sensitivity 1,
    specificity NaN; one reader, or all equal: probability is the mask, performance 1. Two readers who share nothing
    leave no pixel at 0.5 or more. The readers' order does not matter. Readers who hardly agree beyond chance can
    converge to the inverse, where a mark speaks against the region; sensitivity is then below 1 - specificity.

    Paper: starts from performances near 1. Ours, like ITK's, starts from the votes, which favours no reader.
    Peer: ITK's STAPLE takes the prior on the whole image, and gives NaN where nobody marks anything.
    """
    masks_RHW = np.asarray(masks_RHW, bool)
    if prior is not None and not 0 < prior < 1:
        raise ValueError(f"prior: expected between 0 and 1, got {prior}")
    domain_HW = union_box(masks_RHW) if domain_HW is None else np.asarray(domain_HW, bool)
    masks_RP = masks_RHW[:, domain_HW]
    probability_HW = np.zeros(masks_RHW.shape[1:])
    share = float(masks_RP.mean()) if masks_RP.size else 0.0
    if share in (0.0, 1.0):
        known = np.full(len(masks_RHW), 1.0)
        unknown = np.full(len(masks_RHW), np.nan)
        probability_HW[domain_HW] = share
        nothing = not len(masks_RHW) or (not domain_HW.any() and masks_RHW.any())
        return Staple(
            probability_HW=probability_HW,
            sensitivity_R=known if share else unknown,
            specificity_R=unknown if share or nothing else known,
            prior=float("nan") if nothing else share,
            num_iterations=0,
            converged=True,
        )
    prior = share if prior is None else prior
    votes_RK, pixels_K, pattern_P = vote_patterns(masks_RP)
    marked_RK, blank_RK = votes_RK * pixels_K.astype(float), ~votes_RK * pixels_K.astype(float)
    inside_K = votes_RK.mean(axis=0)
    outside_K = (~votes_RK).mean(axis=0)
    before_R2 = np.full((len(masks_RP), 2), np.inf)
    converged, iteration = False, 0
    # log 0: a certain reader; NaN: a vote that nobody cast; exp of a large number: odds of 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        while not converged and iteration < max_iterations:
            iteration += 1
            # both complements are summed, not subtracted from 1, so that they stay exact for a nearly certain reader
            hit_R, miss_R = marked_RK @ inside_K, blank_RK @ inside_K
            false_R, right_R = marked_RK @ outside_K, blank_RK @ outside_K
            hit_R, miss_R = hit_R / (hit_R + miss_R), miss_R / (hit_R + miss_R)
            right_R, false_R = right_R / (right_R + false_R), false_R / (right_R + false_R)
            for_R, against_R = np.log(hit_R) - np.log(false_R), np.log(miss_R) - np.log(right_R)
            evidence_RK = np.where(votes_RK, for_R[:, None], against_R[:, None])
            log_odds_K = np.log(prior / (1 - prior)) + evidence_RK.sum(axis=0)
            inside_K, outside_K = 1 / (1 + np.exp(-log_odds_K)), 1 / (1 + np.exp(log_odds_K))
            performance_R2 = np.stack([hit_R, right_R], axis=1)
            converged = bool((np.abs(performance_R2 - before_R2) <= tolerance).all())
            before_R2 = performance_R2
    probability_HW[domain_HW] = inside_K[pattern_P]
    return Staple(
        probability_HW=probability_HW,
        sensitivity_R=hit_R,
        specificity_R=right_R,
        prior=prior,
        num_iterations=iteration,
        converged=converged,
    )


def union_box(masks_RHW: np.ndarray, margin: float = MARGIN) -> np.ndarray:
    """Bool H x W: the box around everything that anyone marks, widened by `margin` of its sides on each side.

    Widened by at least one pixel and cut at the image's border; without a mark, the whole image.
    """
    union_HW = np.logical_or.reduce(np.asarray(masks_RHW, bool), axis=0)
    if not union_HW.any():
        return np.ones(union_HW.shape, bool)
    box_HW = np.zeros(union_HW.shape, bool)
    sides = []
    for marked in (union_HW.any(axis=1), union_HW.any(axis=0)):
        places = np.flatnonzero(marked)
        first, end = int(places[0]), int(places[-1]) + 1
        more = max(1, int(np.ceil(margin * (end - first))))
        sides.append(slice(max(0, first - more), end + more))
    box_HW[tuple(sides)] = True
    return box_HW


def vote_patterns(masks_RP: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct columns of R x P bool votes (bool R x K), how many pixels have each (int K), each pixel's (int P).

    K is at most 2**R and in practice far below P, so that work by pattern costs little. P is at least 1.
    """
    pattern_P = np.zeros(masks_RP.shape[1], np.int64)
    for byte_P in np.packbits(masks_RP, axis=0):
        code_P = pattern_P * 256 + byte_P
        present = np.bincount(code_P) > 0
        pattern_P = (np.cumsum(present) - 1)[code_P]
    pixels_K = np.bincount(pattern_P)
    example_K = np.zeros(len(pixels_K), np.int64)
    example_K[pattern_P] = np.arange(len(pattern_P))  # any pixel of the pattern
    return masks_RP[:, example_K], pixels_K, pattern_P
