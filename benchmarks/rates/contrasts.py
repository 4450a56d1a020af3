"""Level and power of the permutation of regions among patients, and what intervals of D cover, on phantom regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rates.counting import PATIENTS, Line, lines
from rates.phantom_scores import Phantoms, atlas_scores, neighbours, phantoms
from sightline.statistics.contrast import contrast, contrast_interval, patient_blocks
from sightline.statistics.exact_tests import grouped_pointing_p
from sightline.statistics.matching import matching_p
from sightline.statistics.resampling import hierarchical_weights, paired_difference
from sightline.statistics.significance import sign_flip_p

PERMUTATIONS, RESAMPLES = 999, 500
ALPHA, LEVEL = 0.05, 0.95

PERMUTED = "contrast: regions permuted among patients"
FLIPPED = "sign flips of d_i"
SKEWED = "very skewed (rank accuracy cubed), 0% know"
ABOVE_AREA = "own above area chance (lower end of the 95% interval)"
HITS = "Pointing Game above area chance (grouped exact test)"
OVER_LUNGS = "D - D_a above 0 (lower end of the 95% interval)"
SAME = "the same on all images: every order has the same sum, p = 1"
REMARKS = {
    PERMUTED: "default",
    FLIPPED: "not used: less power",
    f"{PERMUTED} | fixed Gaussian": SAME,
    f"{PERMUTED} | marker's corner": SAME,
    f"{PERMUTED} | one random field on all images": SAME,
    f"{PERMUTED} | atlas of other patients": "conservative: a region is missing from its own atlas, so D is below 0",
    f"{PERMUTED} | own lungs": "they know the patient's anatomy: D_a is above 0, so a yes needs D - D_a above 0",
    OVER_LUNGS: "default; nominal 2.5%; the field takes something away, so D - D_a is below 0",
    ABOVE_AREA: "context; nominal 2.5% for tops that are as likely anywhere",
    f"{ABOVE_AREA} | one random field on all images": "context; images are not independent",
    HITS: "context; conservative by construction for peaks that are as likely anywhere",
    f"{HITS} | one random field on all images": "context; one peak for all images",
    "interval of D": "default",
    "interval of D - D_a": "default",
    f"interval of D | {SKEWED}": "default; too short, and then too low: no false yes",
}


def blocked(
    scores_MM: np.ndarray, patients_M: np.ndarray, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Blocks of images and their scores."""
    blocks = patient_blocks(patients_M, rng)
    return blocks, [scores_MM[np.ix_(block, block)] for block in blocks]


def images_of(num_patients: int, several: bool, rng: np.random.Generator) -> np.ndarray:
    """The patient of each image: one image each, or 1 to 4."""
    return np.repeat(np.arange(num_patients), rng.integers(1, 5, num_patients) if several else 1)


def dealt(
    population: Phantoms, num_patients: int, share: float, several: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patients, map and region of each image, as rows of the population.

    A patient's maps are of its own regions with probability `share`, else of another patient's. With several images,
    the regions of one patient are alike, and so are the maps.
    """
    num = len(population.area_N)
    patients = images_of(num_patients, several, rng)
    region_G, map_G = rng.integers(0, num, (2, num_patients))
    knows = (rng.random(num_patients) < share)[patients]
    if not several:
        return patients, np.where(knows, region_G, map_G), region_G
    region, other = (neighbours(patients, centre_G, num, rng) for centre_G in (region_G, map_G))
    return patients, population.order_N[np.where(knows, region, other)], population.order_N[region]


def blind(kind: str, population: Phantoms, regions: np.ndarray, rng: np.random.Generator) -> Sequence[np.ndarray]:
    """Rank scores and hits, m x m both, of a kind of map that does not know the patient, on these regions."""
    num, size = len(population.area_N), (len(regions), 1)
    if kind in ("gaussian", "corner"):
        return [np.tile(of[kind][regions], size) for of in (population.rank, population.hit)]
    if kind == "one field":
        row = rng.integers(num)
        return [np.tile(of["field"][row, regions], size) for of in (population.rank, population.hit)]
    if kind == "atlas":
        return atlas_scores(population.regions_NHW[regions], ~np.eye(len(regions), dtype=bool))
    name = "lungs" if kind == "lungs" else "field"
    rows = regions if kind == "lungs" else rng.integers(0, num, len(regions))
    return [of[name][np.ix_(rows, regions)] for of in (population.rank, population.hit)]


def levels_of_blind_maps(studies: int) -> list[Line]:
    """The six kinds of image-blind maps under each test."""
    kinds = {
        "fixed Gaussian": "gaussian",
        "atlas of other patients": "atlas",
        "one random field on all images": "one field",
        "marker's corner": "corner",
        "own lungs": "lungs",
        "a random field per image": "field",
    }
    rows = []
    for condition, kind in kinds.items():

        def study(num_patients: int, rng: np.random.Generator, kind: str = kind) -> Mapping[str, bool]:
            population, patients = phantoms(), np.arange(num_patients)
            regions = rng.integers(0, len(population.area_N), num_patients)
            rank, hit = blind(kind, population, regions, rng)
            blocks, scores = blocked(rank, patients, rng)
            weights = hierarchical_weights(patients, RESAMPLES, rng, deepest="patients")
            area = population.area_N[regions]
            gap = paired_difference(np.diagonal(rank)[None], area, weights, LEVEL, num_patients)
            return {
                PERMUTED: matching_p(blocks, scores, patients, PERMUTATIONS, rng) <= ALPHA,
                ABOVE_AREA: bool(gap.low[0] > 0),
                HITS: grouped_pointing_p(np.diagonal(hit), area, patients) <= ALPHA,
            }

        rows += lines(condition, "level", study, studies // (1 if kind == "field" else 5), share_of_large=0.4)

    def over_lungs(num_patients: int, rng: np.random.Generator) -> Mapping[str, bool]:
        population, patients = phantoms(), np.arange(num_patients)
        regions = rng.integers(0, len(population.area_N), num_patients)
        both = population.rank["lungs and field"] - population.rank["lungs"]
        blocks, parts = blocked(both[np.ix_(regions, regions)], patients, rng)
        return {OVER_LUNGS: contrast_interval(blocks, parts, patients, LEVEL)[0] > 0}

    rows += lines("own lungs and a random field", "one-sided", over_lungs, studies, share_of_large=0.4)
    order = {PERMUTED: 0, OVER_LUNGS: 1, ABOVE_AREA: 2, HITS: 3}
    return sorted(rows, key=lambda row: order[row.what])


def levels_of_dealt_maps(studies: int) -> list[Line]:
    """Maps of other patients' lesions, one or several images each, weighed both ways."""
    rows = []
    for condition, several, weigh in (
        ("maps of other patients", False, "patients"),
        ("1 to 4 images per patient, patients alike", True, "patients"),
        ("1 to 4 images per patient, images alike", True, "images"),
    ):

        def study(num_patients: int, rng: np.random.Generator, several: bool = several, weigh: str = weigh):
            population = phantoms()
            patients, maps, regions = dealt(population, num_patients, 0, several, rng)
            blocks, scores = blocked(population.rank["trained"][np.ix_(maps, regions)], patients, rng)
            found = contrast(blocks, scores, patients, weigh)
            return {
                PERMUTED: matching_p(blocks, scores, patients, PERMUTATIONS, rng, weigh) <= ALPHA,
                FLIPPED: sign_flip_p(found.d_M, patients, PERMUTATIONS, rng) <= ALPHA,
            }

        rows += lines(condition, "level", study, studies, share_of_large=0.4)
    return sorted(rows, key=lambda row: row.what)


def powers(studies: int) -> list[Line]:
    """Maps that know their patient in 20% and 35% of cases."""
    rows = []
    for share in (0.2, 0.35):

        def study(num_patients: int, rng: np.random.Generator, share: float = share) -> Mapping[str, bool]:
            population = phantoms()
            patients, maps, regions = dealt(population, num_patients, share, False, rng)
            blocks, scores = blocked(population.rank["trained"][np.ix_(maps, regions)], patients, rng)
            found = contrast(blocks, scores, patients)
            return {
                PERMUTED: matching_p(blocks, scores, patients, PERMUTATIONS, rng) <= ALPHA,
                FLIPPED: sign_flip_p(found.d_M, patients, PERMUTATIONS, rng) <= ALPHA,
            }

        rows += lines(f"{share:.0%} of maps know their patient", "power", study, studies // 2, PATIENTS[:3])
    return sorted(rows, key=lambda row: row.what)


def coverages(studies: int) -> list[Line]:
    """The interval of D by score, by how many maps know their patient, and with several images per patient."""
    rows = []
    cases = [(score, share, False) for score in ("rank", "hit") for share in (0, 0.1, 0.35, 1)]
    for score, share, several in [*cases, ("rank", 0.35, True)]:

        def study(num_patients: int, rng: np.random.Generator, score=score, share=share, several=several):
            population = phantoms()
            scores_NN = getattr(population, score)["trained"]
            truth = share * (np.diagonal(scores_NN).mean() - scores_NN.mean())
            patients, maps, regions = dealt(population, num_patients, share, several, rng)
            blocks, scores = blocked(scores_NN[np.ix_(maps, regions)], patients, rng)
            low, high = contrast_interval(blocks, scores, patients, LEVEL)
            return {"interval of D": low <= truth <= high}

        words = {"rank": "rank accuracy", "hit": "Pointing Game"}[score]
        condition = f"{words}, {share:.0%} know" + (", 1 to 4 images per patient" if several else "")
        rows += lines(condition, "coverage", study, studies, share_of_large=0.4)

    def skewed(num_patients: int, rng: np.random.Generator) -> Mapping[str, bool]:
        population = phantoms()
        patients, maps, regions = dealt(population, num_patients, 0, False, rng)
        blocks, scores = blocked(population.rank["trained"][np.ix_(maps, regions)] ** 3, patients, rng)
        low, high = contrast_interval(blocks, scores, patients, LEVEL)
        return {"interval of D": low <= 0 <= high}

    rows += lines(SKEWED, "coverage", skewed, studies, share_of_large=0.4)

    def gaps(num_patients: int, rng: np.random.Generator) -> Mapping[str, bool]:
        population = phantoms()
        both = population.rank["trained"] - population.rank["lungs"]
        truth = np.diagonal(both).mean() - both.mean()
        regions = rng.integers(0, len(both), num_patients)
        patients = np.arange(num_patients)
        blocks, scores = blocked(both[np.ix_(regions, regions)], patients, rng)
        low, high = contrast_interval(blocks, scores, patients, LEVEL)
        return {"interval of D - D_a": low <= truth <= high}

    return rows + lines("rank accuracy, 100% know", "coverage", gaps, studies, share_of_large=0.4)
