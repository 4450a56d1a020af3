"""How far the readers agree beyond chance and anatomy, and whether some professions agree more than others.

Reads data/annotations.npz, data/lungs.npz and the patients of data/prepared/index.csv; writes
metrics/reliability.json.
Run: python src/reliability.py
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from sightline.experts.pairwise_iou import PartIou, image_parts
from sightline.experts.professions import profession_agreement, profession_difference
from sightline.experts.reliability import alpha_iou, pixel_kappa
from sightline.experts.shuffled_masks import shuffled_agreement_p
from sightline.inputs import ANNOTATIONS, INDEX, LUNGS, WORDS, read_patients, stored_lungs
from sightline.statistics.resampling import hierarchical_weights
from sightline.statistics.settings import Bootstrap
from sightline.statistics.streams import stream
from sightline.study.errors import run_stage
from sightline.study.files import read_npz, write_json
from sightline.study.parameters import read_params

PERMUTATIONS = 9_999  # not a parameter, since they cost next to nothing


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    bootstrap: Bootstrap


def main() -> None:
    params = read_params(Params)
    stored = read_npz(ANNOTATIONS)
    masks_AHW, names_A = stored["masks"], stored["images"]
    images, image_A = np.unique(names_A, return_inverse=True)
    if len(masks_AHW) < 2:
        write_json("metrics/reliability.json", {})
        return
    patients = np.array(read_patients(images.tolist(), INDEX, ANNOTATIONS))
    lungs_MHW, kind = stored_lungs(images.tolist(), LUNGS, ANNOTATIONS)
    seed, level = params.seed, params.bootstrap.level
    weights_BM = hierarchical_weights(
        patients, params.bootstrap.resamples, stream(seed, "reliability", "resamples"), deepest="patients"
    )
    annotators, professions = stored["annotators"], stored["professions"]
    iou = PartIou(masks_AHW, image_parts(image_A, stream(seed, "reliability", "parts")))
    by_image = [masks_AHW[image_A == image] for image in range(len(images))]
    shuffled = shuffled_agreement_p(
        masks_AHW, image_A, annotators, PERMUTATIONS, stream(seed, "reliability", "shuffles")
    )
    metrics: dict[str, Any] = {
        "alpha_iou": asdict(alpha_iou(iou, image_A, annotators, weights_BM, level)),
        "kappa_in_lungs": asdict(pixel_kappa(by_image, list(lungs_MHW), weights_BM, level)),
        "lungs": WORDS[kind],
        "beyond_anatomy": {"iou": shuffled.observed, "shuffled_iou": shuffled.null_mean, "p": shuffled.p},
        "professions": {
            name: asdict(agreement)
            for name, agreement in profession_agreement(
                iou, image_A, annotators, professions, weights_BM, level
            ).items()
        },
        "comparisons": {},
    }
    people = Counter(profession for _, profession in sorted(set(zip(annotators, professions, strict=True))))
    for first, second in combinations(sorted(name for name, count in people.items() if count > 1), 2):
        rng = stream(seed, "reliability", "professions")
        metrics["comparisons"][f"{first} - {second}"] = asdict(
            profession_difference(
                iou, image_A, annotators, professions, first, second, PERMUTATIONS, rng, weights_BM, level
            )
        )
    write_json("metrics/reliability.json", metrics)
    print(
        f"alpha {metrics['alpha_iou']['value']:.3f}, kappa in the lungs {metrics['kappa_in_lungs']['value']:.3f}; "
        f"IoU of two annotators {shuffled.observed:.3f}, of masks shuffled between images {shuffled.null_mean:.3f}"
    )


if __name__ == "__main__":
    run_stage(main)
