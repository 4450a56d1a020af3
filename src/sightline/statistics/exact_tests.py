"""Exact tests of the Pointing Game: against the chance of each image, and one model against another; its interval.

M images, G groups (patients), D draws. A hit is 1 or 0, or the share of a tied peak that lies inside: a fraction.
"""

from __future__ import annotations

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

ROUNDING = 1e-9  # sums of the same fractions in another order differ by less
PRECISION = 1e-12  # of an interval's end, in parts of itself and in standard deviations
STEPS = 200  # at most; some ten are needed
NOTHING = 1e-40  # a probability below it does not count


def poisson_binomial_upper(chances_M: np.ndarray, hits: float) -> float:
    """P(X >= hits), in [0, 1], exact: X is the number of hits among independent images, each with its own chance.

    It is the one-sided p-value of "the maps point inside more often than chance". `chances_M` in [0, 1], for example
    the region's share of the image; an image whose chance is NaN (no region) is left out, and `hits` must then be the
    sum over the other images. No image gives NaN; no hit gives 1.

    The sum of fractional hits, from ties at the peak, is rounded down: X is whole, and a tied peak is the mean of a hit
    and a miss, whose sum varies less than X does. The test is then conservative. It is so anyway, by up to the
    probability of a single value of X: at 5% it rejects 2.6% of the time with 20 images of chance 0.02 to 0.3, and 3.4%
    with 50. Convolution image by image, of the numbers of hits whose probability is above 1e-40: some 20 ms for 2,000
    images. Images of one patient are not independent: see `grouped_pointing_p`. Hong 2013, Computational Statistics and
    Data Analysis 59, section 2.
    """
    chances_M = _known_chances(chances_M)
    return _upper(chances_M[:, None], hits)


def grouped_pointing_p(hits_M: np.ndarray, chances_M: np.ndarray, groups_M: np.ndarray) -> float:
    """One-sided p-value, in [0, 1], of "more hits than chance" when a patient may have several images.

    The images of a patient may depend on each other to an unknown degree. Two cases bound what matters. In one, they
    are independent. In the other, they depend on each other as far as their chances allow: one draw decides for all,
    so that a hit where the chance is small implies a hit where it is larger. The second gives the widest distribution
    of the number of hits that these chances can have (largest in convex order). The p-value is the larger of the two.
    Patients are taken as independent of each other. With one image per patient it is `poisson_binomial_upper`.

    This is not a proof for every dependence between the two, but each has less spread than the second case, and
    negative dependence has less than the first; in simulations (3 to 40 patients of 1 to 4 images) the test rejected
    at most 4.5% at 5%. The price is power when the images of a patient are independent: with 4 images per patient it
    rejects some 0.1%, where the ungrouped test rejects 3% to 4%; but the ungrouped test rejects 14% to 19% when they
    depend on each other. Sign flips of hits minus chances are no substitute: they give about 2 ** -hits whatever the
    chances.

    An image with a NaN hit or chance is left out; no image left gives NaN. The sum of fractional hits is rounded down,
    as in `poisson_binomial_upper`.
    """
    hits_M, chances_M = np.asarray(hits_M, dtype=float), np.asarray(chances_M, dtype=float)
    known = ~(np.isnan(hits_M) | np.isnan(chances_M))
    chances = _known_chances(chances_M[known])
    hits = float(hits_M[known].sum())
    labels, group, size_G = np.unique(np.asarray(groups_M)[known], return_inverse=True, return_counts=True)
    order = np.lexsort((-chances, group))
    place = np.arange(len(order)) - np.repeat(np.cumsum(size_G) - size_G, size_G)
    # P(at least k of a patient's images are hit) is the k-th largest chance: one draw decides for all
    reached_Gk = np.zeros((len(labels), int(size_G.max(initial=0))))
    reached_Gk[group[order], place] = chances[order]
    return float(max(_upper(chances[:, None], hits), _upper(reached_Gk, hits))) if len(chances) else float("nan")


def hit_rate_interval(hits_M: np.ndarray, groups_M: np.ndarray, level: float) -> tuple[float, float]:
    """The two-sided interval of the share of hits, (low, high) in [0, 1]: the rates that an exact test keeps.

    1. With one image per patient: Clopper and Pearson 1934. low is the rate at which as many hits or more have
       probability (1 - level) / 2, high the rate at which as few or fewer do; 0 hits give low 0, all hits high 1.
    2. Patients with several images: the same from the distribution in which a patient's images are all hit or all
       missed, one draw deciding for all, as in `grouped_pointing_p`. The interval covers both 1 and 2.
    3. Fractional hits, from ties at the peak: their sum is rounded down for low and up for high.

    The rate is taken as common to all images. Where it differs between images, the number of hits varies less than
    that (Hoeffding 1956), so the interval of case 1 still covers the mean rate. Case 2 is no proof for every
    dependence within patients and every spread of rates between them. Simulated coverage of 95% intervals (16, 21, 50
    patients; mean rates 0.02 to 0.6, equal or spread): one image each 96.5 to 99.8%; 1 to 3 images each 95.4 to 98.4%
    where a patient's images are hit or missed together, 97.7 to 99.4% where half of the patients are like that, and
    99.0 to 100% where images are independent: further images of a patient hardly narrow the interval.

    A NaN hit is left out; no image left gives (NaN, NaN). 0 of 16 gives 0.206 as the upper end.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected between 0 and 1, got {level}")
    hits_M = np.asarray(hits_M, dtype=float)
    known = ~np.isnan(hits_M)
    if ((hits_M[known] < -ROUNDING) | (hits_M[known] > 1 + ROUNDING)).any():
        raise ValueError("hits: expected shares of an image in [0, 1]")
    size_G = np.unique(np.asarray(groups_M)[known], return_counts=True)[1]
    if not len(size_G):
        return float("nan"), float("nan")
    tail, num_images, hits = (1 - level) / 2, int(size_G.sum()), float(hits_M[known].sum())
    at_least, at_most = int(np.floor(hits + ROUNDING)), int(np.ceil(hits - ROUNDING))
    # Misses are hits of the reverse question, so the upper end is the lower end of the misses.
    return _lowest_rate(at_least, size_G, tail), 1 - _lowest_rate(num_images - at_most, size_G, tail)


def _lowest_rate(hits: int, size_G: np.ndarray, tail: float) -> float:
    """The lowest rate at which P(as many hits or more) is at least `tail`, whichever of the two cases is lower."""
    if hits <= 0:
        return 0.0
    highest = float(scipy.special.betaincinv(hits, size_G.sum() - hits + 1, tail))
    if size_G.max() == 1:
        return highest
    sizes, numbers = np.unique(size_G, return_counts=True)

    def excess(rate: float) -> float:
        """Above 0 where the tail is longer than asked for; nearly straight in the rate."""
        return float(
            scipy.special.ndtri(max(_together_upper(sizes, numbers, rate, hits), 1e-300)) - scipy.special.ndtri(tail)
        )

    high, above = highest, excess(highest)
    if above <= 0:
        return highest
    low = tail * hits / (2 * size_G.sum())  # where Markov's inequality keeps the tail to half of what is asked for
    below = excess(low)
    was_above: bool | None = None
    for _ in range(STEPS):  # false position; the weight of an end that stays twice is halved ("Illinois")
        rate = float(np.clip((low * above - high * below) / (above - below), low, high))
        found = excess(rate)
        if abs(found) < PRECISION or high - low < PRECISION * high:
            break
        if found > 0:
            high, above, below = rate, found, below / 2 if was_above is True else below
        else:
            low, below, above = rate, found, above / 2 if was_above is False else above
        was_above = found > 0
    return rate


def _together_upper(sizes: np.ndarray, numbers: np.ndarray, rate: float, hits: int) -> float:
    """P(hits or more) where each group is hit as a whole, with probability `rate` in (0, 1), or missed as a whole.

    `numbers`: of groups by their size.
    """
    exactly, start = np.ones(1), 0
    for size, num_groups in zip(sizes.tolist(), numbers.tolist(), strict=True):
        counts = np.arange(num_groups + 1)
        logs = (
            scipy.special.gammaln(num_groups + 1)
            - scipy.special.gammaln(counts + 1)
            - scipy.special.gammaln(num_groups - counts + 1)
        )
        chances, first = _trimmed(np.exp(logs + counts * np.log(rate) + (num_groups - counts) * np.log1p(-rate)), 0)
        own = np.zeros(size * (len(chances) - 1) + 1)
        own[::size] = chances
        exactly, start = _trimmed(np.convolve(exactly, own), start + size * first)
    return float(exactly[max(hits - start, 0) :].sum())


def _trimmed(exactly: np.ndarray, start: int) -> tuple[np.ndarray, int]:
    """Without the ends that do not count, and what the first probability that is left belongs to."""
    (counting,) = np.nonzero(exactly > NOTHING)
    return exactly[counting[0] : counting[-1] + 1], start + int(counting[0])


def mcnemar_exact(hits_M: np.ndarray, other_hits_M: np.ndarray) -> float:
    """Two-sided p-value, in (0, 1], of "two models hit equally often" on the same images; McNemar's exact test.

    Only images that one model hits and the other misses count; under the null each is a fair coin. Fractional hits,
    from ties at the peak: the image counts for the model with the larger share; equal shares count for neither. That is
    the sign test, and still exact. Without an image that counts, p is 1. An image with a NaN on either side is left
    out; none left gives NaN. Conservative: at 5% it rejects some 2% of the time with 30 images, 3.4% with 100. Images
    are taken as independent: if patients have several, use `significance.sign_flip_p` on the differences, with the
    patients as groups.
    """
    differences = np.asarray(hits_M, dtype=float) - np.asarray(other_hits_M, dtype=float)
    differences = differences[~np.isnan(differences)]
    if not len(differences):
        return float("nan")
    more, fewer = int((differences > ROUNDING).sum()), int((differences < -ROUNDING).sum())
    return min(1.0, 2 * float(scipy.special.bdtr(min(more, fewer), more + fewer, 0.5)))  # none: P(0 of 0) is 1


def _known_chances(chances_M: np.ndarray) -> np.ndarray:
    chances_M = np.asarray(chances_M, dtype=float)
    chances_M = chances_M[~np.isnan(chances_M)]
    if ((chances_M < 0) | (chances_M > 1)).any():
        raise ValueError("chances: expected probabilities in [0, 1]")
    return chances_M


def _upper(reached_Gk: np.ndarray, hits: float) -> float:
    """P(sum >= hits) over independent groups; row g: P(at least 1, 2, ... hits) of group g, falling."""
    if not len(reached_Gk):
        return float("nan")
    num_most = reached_Gk.size
    if not hits + ROUNDING < num_most + 1:
        raise ValueError(f"hits: expected at most one per image, {num_most}, got {hits}")
    least = int(np.floor(max(hits, 0) + ROUNDING))
    if least == 0:
        return 1.0
    padded_Gk = np.pad(reached_Gk, ((0, 0), (1, 1)), constant_values=((0, 0), (1, 0)))
    exactly_Gk = padded_Gk[:, :-1] - padded_Gk[:, 1:]
    exactly, start = np.ones(1), 0
    for place, own_k in enumerate(exactly_Gk):
        exactly = np.convolve(exactly, own_k) if len(own_k) > 2 else _one_more(exactly, own_k[1])
        if place % 32 == 31:
            exactly, start = _trimmed(exactly, start)
    return min(1.0, float(exactly[max(least - start, 0) :].sum()))


def _one_more(exactly: np.ndarray, chance: float) -> np.ndarray:
    more = np.append(exactly * (1 - chance), 0.0)
    more[1:] += exactly * chance
    return more
