"""Level, power and coverage of the other tests and intervals of the report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rates.contrasts import ALPHA, LEVEL, images_of
from rates.counting import PATIENTS, Line, lines
from rates.phantom_scores import neighbours, phantoms
from sightline.statistics.delong import delong, delong_clustered, delong_test
from sightline.statistics.exact_tests import (
    grouped_pointing_p,
    hit_rate_interval,
    mcnemar_exact,
    poisson_binomial_upper,
)
from sightline.statistics.resampling import hierarchical_weights, interval
from sightline.statistics.significance import mann_whitney_greater, sign_flip_p

FLIPS, RESAMPLES = 999, 500

GROUPED = "Pointing Game, grouped exact test"
UNGROUPED = "Pointing Game, exact test without groups"
HIT_FLIPS = "sign flips of hits - chance"
MCNEMAR = "McNemar's exact test"
FLIPPED = "sign flips between two models, by patient"
BY_IMAGE = "sign flips between two models, by image"
ONE_SAMPLE = "sign flips of one mean against 0"
PUBLISHED = "Mann-Whitney as published"
DELONG, CLUSTERED = "DeLong", "DeLong, clustered"
EXPANDED = "mean by patient, expanded percentile"
PLAIN = "mean, percentile over all levels"
HIT_RATE = "interval of the hit rate, Clopper-Pearson by patient"

REMARKS = {
    GROUPED: "default; conservative by construction",
    UNGROUPED: "not used where patients have several images",
    HIT_FLIPS: "not used: about 2^-hits whatever the chance",
    MCNEMAR: "default for hits, one image each; conservative by construction",
    FLIPPED: "default",
    BY_IMAGE: "not used where patients have several images",
    ONE_SAMPLE: "not used: the null is not symmetric",
    PUBLISHED: "in its table alone, as published",
    DELONG: "default with one image each",
    CLUSTERED: "default with several; a large-sample estimate, see its docstring",
    EXPANDED: "default of the ladder's means; too short for very skewed scores of 16 or 21 patients",
    PLAIN: "default of the bootstrap stage; too short below some 50 patients, too long for alike images",
    HIT_RATE: "default; conservative by construction",
}


def pointing(studies: int) -> list[Line]:
    """Peaks that know nothing, on phantom regions; several images share their patient's peak. Then power."""

    def blind(several: bool, gain: float, num_patients: int, rng: np.random.Generator) -> Mapping[str, bool]:
        population = phantoms()
        patients = images_of(num_patients, several, rng)
        num = len(population.area_N)
        centre_G, peak_G = (
            rng.integers(0, num, num_patients),
            rng.integers(0, population.regions_NHW[0].size, num_patients),
        )
        region = population.order_N[neighbours(patients, centre_G, num, rng)] if several else centre_G
        chances = population.area_N[region]
        hits = population.regions_NHW.reshape(num, -1)[region, peak_G[patients]].astype(float)
        hits = np.maximum(hits, rng.random(len(hits)) < gain)
        return {
            GROUPED: grouped_pointing_p(hits, chances, patients) <= ALPHA,
            UNGROUPED: poisson_binomial_upper(chances, hits.sum()) <= ALPHA,
            HIT_FLIPS: sign_flip_p(hits - chances, patients, FLIPS, rng) <= ALPHA,
        }

    rows = []
    for condition, aim, several, gain in (
        ("one image each, chance = area", "level", False, 0),
        ("1 to 4 images per patient, one peak", "level", True, 0),
        ("one image each, 15% more hits", "power", False, 0.15),
    ):
        rows += lines(condition, aim, lambda *a, s=several, g=gain: blind(s, g, *a), studies // 2, share_of_large=0.4)

    def covered(rate: float, several: bool, num_patients: int, rng: np.random.Generator) -> Mapping[str, bool]:
        patients = images_of(num_patients, several, rng)
        hits = (rng.random(num_patients) < rate)[patients]
        low, high = hit_rate_interval(hits, patients, LEVEL)
        return {HIT_RATE: low <= rate <= high}

    for rate in (0.05, 0.3):
        for words, several in (("one image each", False), ("1 to 4 images hit or missed together", True)):
            study = lambda *a, r=rate, s=several: covered(r, s, *a)  # noqa: E731
            rows += lines(f"hit rate {rate:g}, {words}", "coverage", study, studies, share_of_large=0.4)
    return rows


def two_models(studies: int) -> list[Line]:
    """Two models on the same images, alike but for chance; what flips must not be used for; Mann-Whitney."""

    def alike(
        shape: str, several: bool, gain: float, num_patients: int, rng: np.random.Generator
    ) -> Mapping[str, bool]:
        patients = images_of(num_patients, several, rng)
        size = (2, len(patients))
        noise = rng.exponential(size=size) if shape == "skewed" else rng.standard_normal(size)
        noise += (rng.exponential(size=(2, num_patients)) - 1)[:, patients] if several else 0
        x, y = rng.normal(0, 1.5, len(patients)) + noise  # the image's difficulty is common to both
        x = x + gain
        p = {FLIPPED: sign_flip_p(x - y, patients, FLIPS, rng), PUBLISHED: mann_whitney_greater(x, y)}
        if several:
            p[BY_IMAGE] = sign_flip_p(x - y, np.arange(len(patients)), FLIPS, rng)
        return {name: value <= ALPHA for name, value in p.items()}

    rows = []
    for condition, aim, shape, several, gain in (
        ("symmetric scores, one image each", "level", "normal", False, 0),
        ("skewed scores, one image each", "level", "skewed", False, 0),
        ("skewed scores, 1 to 4 images per patient", "level", "skewed", True, 0),
        ("symmetric scores, better by half an SD", "power", "normal", False, 0.5),
    ):
        study = lambda *a, s=shape, m=several, g=gain: alike(s, m, g, *a)  # noqa: E731
        rows += lines(condition, aim, study, studies // 2, share_of_large=0.4)

    def one_mean(sign: int, num_patients: int, rng: np.random.Generator) -> Mapping[str, bool]:
        values = sign * (rng.exponential(size=num_patients) - 1)
        return {ONE_SAMPLE: sign_flip_p(values, np.arange(num_patients), FLIPS, rng) <= ALPHA}

    for words, sign in (("to the right", 1), ("to the left", -1)):
        rows += lines(
            f"mean 0, skewed {words}", "level", lambda *a, s=sign: one_mean(s, *a), studies, share_of_large=0.4
        )

    def hits(num_patients: int, rng: np.random.Generator) -> Mapping[str, bool]:
        rate = rng.beta(1, 2, num_patients)
        return {MCNEMAR: mcnemar_exact(*(rng.random((2, num_patients)) < rate)) <= ALPHA}

    rows += lines("hits of two models, one image each", "level", hits, studies)
    order = {name: place for place, name in enumerate((FLIPPED, BY_IMAGE, PUBLISHED, ONE_SAMPLE, MCNEMAR))}
    return sorted(rows, key=lambda row: order[row.what])


def areas(studies: int) -> list[Line]:
    """Two models with the same AUROC, about 0.76, on the same images."""

    def alike(several: bool, gain: float, num_patients: int, rng: np.random.Generator) -> Mapping[str, bool]:
        patients = images_of(num_patients, several, rng)
        label_G = np.arange(num_patients) % 2
        shared = rng.normal(size=num_patients)[patients] if several else 0
        labels = label_G[patients]
        common = rng.normal(size=len(labels)) + shared
        x, y = labels + rng.normal(size=(2, len(labels))) + common
        p = {}
        if several:
            p[CLUSTERED] = delong_test(*delong_clustered(labels, np.stack([x, y]), patients))[0, 1]
        else:
            p[DELONG] = delong_test(*delong(labels, np.stack([x + gain * labels, y])))[0, 1]
        return {name: value <= ALPHA for name, value in p.items()}

    rows = []
    for condition, aim, several, gain in (
        ("one image each", "level", False, 0),
        ("1 to 4 images per patient", "level", True, 0),
        ("one image each, AUROC 0.76 and 0.87", "power", False, 1.0),
    ):
        rows += lines(condition, aim, lambda *a, s=several, g=gain: alike(s, g, *a), studies)
    return rows


def means(studies: int) -> list[Line]:
    """Means of scores by image: symmetric, skewed, and like IoU with many zeros; one or several images each."""

    def study(shape: str, several: bool, num_patients: int, rng: np.random.Generator) -> Mapping[str, bool]:
        patients = images_of(num_patients, several, rng)
        size, effect = len(patients), rng.normal(0, 0.5, num_patients)[patients] if several else 0
        if shape == "symmetric":
            values, truth = rng.normal(size=size) + effect, 0.0
        elif shape == "skewed":
            values, truth = rng.exponential(size=size) + effect, 1.0
        else:
            values, truth = rng.beta(1.5, 4, size) * (rng.random(size) < 0.6), 0.6 * 1.5 / 5.5
        covers = {}
        for name, deepest, num in ((EXPANDED, "patients", num_patients), (PLAIN, "images", None)):
            weights = hierarchical_weights(patients, RESAMPLES, rng, deepest=deepest)
            means_B = weights @ values / weights.sum(axis=1)
            low, high = interval(means_B[:, None], LEVEL, num)
            covers[name] = bool(low[0] <= truth <= high[0])
        return covers

    rows = []
    for condition, shape, several in (
        ("symmetric, one image each", "symmetric", False),
        ("skewed (exponential), one image each", "skewed", False),
        ("like IoU: 40% zeros, one image each", "zeros", False),
        ("symmetric, 1 to 4 images per patient", "symmetric", True),
    ):
        rows += lines(condition, "coverage", lambda *a, s=shape, m=several: study(s, m, *a), studies, PATIENTS)
    return sorted(rows, key=lambda row: row.what, reverse=True)
