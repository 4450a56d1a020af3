"""What scores by specification say of the models' ranking: claims, ranks, agreement, main effects, the curve.

Every function of several specifications takes their weights, float64 S, at least 0; only their ratios matter, and None
weighs all alike.

S specifications (see `alignment.specifications`), N models, Q pairs of models. Definitions: docs/metrics.md#multiverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FACTORS = ("layer", "method", "threshold_rule", "consensus_rule", "metric")
DIGITS = 4  # of standings in the curve: nearer ones keep the study's order
SAME = 1e-12  # scores nearer than this are a tie: means of the same numbers in another order


class Specification(NamedTuple):
    layer: str
    method: str
    threshold_rule: str
    consensus_rule: str
    metric: str


def is_ahead(score_SN: np.ndarray) -> np.ndarray:
    """Float64 S x N x N: 1 where the row's model scores higher than the column's, 0 lower, 0.5 a tie.

    NaN on the diagonal and where either model has no score.
    """
    gap_SNN = score_SN[:, :, None] - score_SN[:, None, :]
    ahead_SNN = np.where(np.abs(gap_SNN) <= SAME, 0.5, (gap_SNN > 0).astype(float))
    return np.where(np.isnan(gap_SNN) | np.eye(score_SN.shape[1], dtype=bool), np.nan, ahead_SNN)


def claim_shares(score_SN: np.ndarray, weight_S: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Of the specifications that score both models, the share in which the row's beats the column's; their number.

    Float64 N x N in [0, 1], ties half, so that [a, b] + [b, a] = 1; NaN for none and on the diagonal; int N x N.
    """
    ahead_SNN = is_ahead(score_SN)
    known_SNN, weight_S = ~np.isnan(ahead_SNN), _weights(score_SN, weight_S)
    total_NN = np.tensordot(weight_S, known_SNN.astype(float), axes=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share_NN = np.tensordot(weight_S, np.nan_to_num(ahead_SNN), axes=1) / np.where(total_NN > 0, total_NN, np.nan)
    return share_NN, known_SNN.sum(axis=0)


def _weights(score_SN: np.ndarray, weight_S: np.ndarray | None) -> np.ndarray:
    return np.ones(len(score_SN)) if weight_S is None else np.asarray(weight_S, dtype=float)


def rankings(score_SN: np.ndarray) -> np.ndarray:
    """Each model's rank, float64 S x N: 1 is the highest score, ties share the mean rank; NaN without a score.

    Also NaN where a specification has fewer than two models, since there is nothing to rank.
    """
    behind_SN = np.nansum(is_ahead(score_SN), axis=1)  # how many models each column's model is behind
    return np.where(_is_ranked(score_SN), 1 + behind_SN, np.nan)


def standings(score_SN: np.ndarray) -> np.ndarray:
    """Each score's distance from the mean of its specification's models, in their standard deviations; S x N.

    Standings make specifications of different metrics comparable. All are 0 where the models tie (population standard
    deviation of 0); two models always stand at 1 and -1, or tie. NaN as in `rankings`.
    """
    ranked_SN = _is_ranked(score_SN)
    values_SN, number_S1 = np.where(ranked_SN, score_SN, 0), ranked_SN.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        gap_SN = np.where(ranked_SN, values_SN - values_SN.sum(axis=1, keepdims=True) / number_S1, 0)
        spread_S1 = np.sqrt((gap_SN**2).sum(axis=1, keepdims=True) / number_S1)
    return np.where(ranked_SN, np.where(spread_S1 > SAME, gap_SN / np.where(spread_S1 > SAME, spread_S1, 1), 0), np.nan)


def _is_ranked(score_SN: np.ndarray) -> np.ndarray:
    known_SN = ~np.isnan(score_SN)
    return known_SN & (known_SN.sum(axis=1, keepdims=True) > 1)


def ranking_agreement(score_SN: np.ndarray, weight_S: np.ndarray | None = None) -> float:
    """Mean Kendall's tau-b between the rankings of two specifications, over all pairs of them, in [-1, 1].

    A pair weighs the product of its two weights. Tau is over the models that both specifications score. Pairs of
    specifications where it is undefined (fewer than two common models, or all tied in one) are left out; NaN if none is
    left. 1: no choice matters. 0: the choices alone decide the order.
    """
    row_Q, col_Q = np.triu_indices(score_SN.shape[1], 1)
    sign_SQ = 2 * is_ahead(score_SN)[:, row_Q, col_Q] - 1
    known_SQ, sign_SQ = (~np.isnan(sign_SQ)).astype(float), np.nan_to_num(sign_SQ)
    untied_SS = sign_SQ**2 @ known_SQ.T
    with np.errstate(invalid="ignore"):
        tau_SS = (sign_SQ @ sign_SQ.T) / np.sqrt(untied_SS * untied_SS.T)
    pair = np.triu_indices(len(score_SN), 1)
    weight_S = _weights(score_SN, weight_S)
    tau, weight = tau_SS[pair], weight_S[pair[0]] * weight_S[pair[1]]
    known = ~np.isnan(tau) & (weight > 0)
    return float(np.average(tau[known], weights=weight[known])) if known.any() else float("nan")


def factor_shares(
    score_SN: np.ndarray, specs: Sequence[Specification], weight_S: np.ndarray | None = None
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """How much of the variance of a difference of two models' standings each factor's main effect explains.

    By factor: over all pairs of models together, and for each pair, float64 N x N, symmetric. It is eta squared, all
    means and sums weighted: the sum of squares between the factor's levels over the total, in [0, 1]; NaN where a
    pair's difference never varies.

    The factors are not crossed (threshold rules belong to overlap metrics, `soft` to metrics against the share), so
    the shares overlap and need not sum to 1; what is missing to 1 is interaction.
    """
    num_models = score_SN.shape[1]
    row_Q, col_Q = np.triu_indices(num_models, 1)
    standing_SN = standings(score_SN)
    gap_SQ = standing_SN[:, row_Q] - standing_SN[:, col_Q]
    known_SQ = np.where(np.isnan(gap_SQ), 0.0, _weights(score_SN, weight_S)[:, None])  # the weight, 0 where unknown
    with np.errstate(invalid="ignore", divide="ignore"):
        gap_SQ = np.where(known_SQ > 0, gap_SQ - np.nansum(known_SQ * gap_SQ, axis=0) / known_SQ.sum(axis=0), 0)
        total_Q = (known_SQ * gap_SQ**2).sum(axis=0)
        total_Q = np.where(total_Q > SAME, total_Q, np.nan)
        pooled, by_pair = {}, {}
        for place, factor in enumerate(FACTORS):
            _, level_S = np.unique([spec[place] for spec in specs], return_inverse=True)
            is_level_LS = (level_S == np.arange(level_S.max(initial=-1) + 1)[:, None]).astype(float)
            number_LQ = is_level_LS @ known_SQ
            between_Q = ((is_level_LS @ (known_SQ * gap_SQ)) ** 2 / np.where(number_LQ > 0, number_LQ, 1)).sum(axis=0)
            between_Q = np.where(np.isnan(total_Q), np.nan, between_Q)
            by_pair[factor] = np.full((num_models, num_models), np.nan)
            by_pair[factor][row_Q, col_Q] = by_pair[factor][col_Q, row_Q] = between_Q / total_Q
            pooled[factor] = float(np.nansum(between_Q) / np.nansum(total_Q))
    return pooled, by_pair


def by_margin(score_SN: np.ndarray, weight_S: np.ndarray | None = None) -> tuple[np.ndarray, list[int]]:
    """The order of a specification curve, int S, and the two leaders, the columns with the highest mean standing.

    Specifications are sorted by the first leader's standing minus the second's, largest first; then follow those that
    lack one of the two, in the given order. Specifications that rank nothing are left out. There are fewer leaders if
    fewer models are ranked.
    """
    standing_SN = standings(score_SN)
    ranked_S = np.flatnonzero(~np.isnan(standing_SN).all(axis=1))
    weight_SN = np.where(np.isnan(standing_SN), 0.0, _weights(score_SN, weight_S)[:, None])
    known_N = weight_SN.sum(axis=0)
    summed_N = (weight_SN * np.nan_to_num(standing_SN)).sum(axis=0)
    mean_N = np.where(known_N > 0, summed_N / np.where(known_N > 0, known_N, 1), -np.inf)
    leaders = [int(col) for col in np.argsort(-np.round(mean_N, DIGITS), kind="stable")[:2] if known_N[col] > 0]
    if len(leaders) < 2:
        return ranked_S, leaders
    margin_S = standing_SN[ranked_S, leaders[0]] - standing_SN[ranked_S, leaders[1]]
    return ranked_S[np.argsort(-np.round(margin_S, DIGITS), kind="stable")], leaders
