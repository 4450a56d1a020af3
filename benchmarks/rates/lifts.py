"""What intervals of lifts over baselines cover: rank accuracy of maps less that of baselines on the same phantoms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rates.contrasts import LEVEL, dealt
from rates.counting import Line, lines
from rates.phantom_scores import phantoms
from sightline.statistics.bootstrap_t import bootstrap_t, resamples_for
from sightline.statistics.resampling import hierarchical_weights, paired_difference

RESAMPLES = resamples_for(LEVEL, 500)

STUDENTISED = "lift over one baseline, bootstrap-t"
EXPANDED = "lift over one baseline, expanded percentile"
BEST = "lift over the best of eight tied baselines"
REMARKS = {
    STUDENTISED: "default",
    EXPANDED: "default of pairs of models, necessity and sufficiency",
    BEST: "not used any more: the best one is only described",
}


def coverages(studies: int) -> list[Line]:
    """Maps that know their patient in no case, some or all, over the fixed Gaussian and over fields per image."""
    rows = []
    for baseline, share, several in (
        ("gaussian", 0, False),
        ("gaussian", 0.35, False),
        ("gaussian", 0.35, True),
        ("field", 0.35, False),
        ("field", 1, False),
    ):

        def study(num_patients: int, rng: np.random.Generator, baseline=baseline, share=share, several=several):
            population = phantoms()
            model_NN, other = population.rank["trained"], population.rank[baseline]
            truth = share * np.diagonal(model_NN).mean() + (1 - share) * model_NN.mean() - other.mean()
            patients, maps, regions = dealt(population, num_patients, share, several, rng)
            fields = rng.integers(0, len(model_NN), len(regions))
            gaps = model_NN[maps, regions] - (other[regions] if other.ndim == 1 else other[fields, regions])
            weights = hierarchical_weights(patients, RESAMPLES, rng, deepest="patients")
            found = {
                STUDENTISED: bootstrap_t(gaps[None], patients, LEVEL, RESAMPLES, rng),
                EXPANDED: paired_difference(gaps[None], np.zeros(len(gaps)), weights, LEVEL, num_patients),
            }
            return {name: bool(ends.low[0] <= truth <= ends.high[0]) for name, ends in found.items()}

        words = {"gaussian": "the fixed Gaussian", "field": "a random field"}[baseline]
        condition = f"{share:.0%} know, over {words}" + (", 1 to 4 images per patient" if several else "")
        rows += lines(condition, "coverage", study, studies, share_of_large=0.4)

    def best_of_eight(num_patients: int, rng: np.random.Generator) -> Mapping[str, bool]:
        field_NN, patients = phantoms().rank["field"], np.arange(num_patients)
        regions = rng.integers(0, len(field_NN), num_patients)
        model_M, *baselines = field_NN[rng.integers(0, len(field_NN), (9, num_patients)), regions]
        best_M = max(baselines, key=np.mean)
        weights = hierarchical_weights(patients, RESAMPLES, rng, deepest="patients")
        ends = paired_difference(model_M[None], best_M, weights, LEVEL, num_patients)
        return {BEST: bool(ends.low[0] <= 0 <= ends.high[0])}

    rows += lines("random fields, the model's among them", "coverage", best_of_eight, studies, share_of_large=0.4)
    order = {name: place for place, name in enumerate(REMARKS)}
    return sorted(rows, key=lambda row: order[row.what])
