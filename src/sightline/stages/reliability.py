"""How far the readers agree: on presence, on place, with themselves, beyond chance and anatomy, and by profession.

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

from sightline.experts.intra_reader import intra_reader_agreement
from sightline.experts.pairwise_iou import PartIou, image_parts
from sightline.experts.place import place_agreement
from sightline.experts.presence import presence_agreement
from sightline.experts.professions import profession_agreement, profession_difference
from sightline.experts.readings import stored_readings
from sightline.experts.reliability import alpha_iou, pixel_kappa
from sightline.experts.shuffled_masks import shuffled_agreement_p
from sightline.inputs import ANNOTATIONS, INDEX, LUNGS, lungs_facts, read_patients, stored_lungs
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
    stored, level = read_npz(ANNOTATIONS), params.bootstrap.level
    readings = stored_readings(stored)
    if not len(readings.images):
        write_json("metrics/reliability.json", {})
        return
    marked = readings.place_rows(stored["annotations"])
    place_images, place_image_A = np.unique(stored["images"][marked], return_inverse=True)
    presence = presence_agreement(readings, patients_of(readings.images), level)
    place = place_agreement(
        stored["masks"][marked], place_image_A, stored["annotators"][marked], patients_of(place_images), level
    )
    metrics = {
        "presence": asdict(presence),
        "place": asdict(place),
        "intra_reader": intra_reader_agreement(readings, level),
        **(beyond_chance(params, stored) if len(stored["masks"]) > 1 else {}),
    }
    write_json("metrics/reliability.json", metrics)
    print(
        f"{presence.agreement.value:.0%} of the pairs of readers agree on presence (alpha {presence.alpha.value:.3f}), "
        f"IoU where both marked {place.iou.value:.3f}; alpha of regions {number(metrics, 'alpha_iou'):.3f}, kappa in "
        f"the lungs {number(metrics, 'kappa_in_lungs'):.3f}"
    )


def beyond_chance(params: Params, stored: dict[str, np.ndarray]) -> dict[str, Any]:
    """Agreement of the masks that vote beyond chance and anatomy, and by profession."""
    masks_AHW, names_A = stored["masks"], stored["images"]
    images, image_A = np.unique(names_A, return_inverse=True)
    patients = patients_of(images)
    lungs_MHW, kind = stored_lungs(images.tolist(), LUNGS, ANNOTATIONS)
    seed, level = params.seed, params.bootstrap.level
    annotators, professions = stored["annotators"], stored["professions"]
    iou = PartIou(masks_AHW, image_parts(image_A, stream(seed, "reliability", "parts")))
    rows_of = [np.flatnonzero(image_A == image) for image in range(len(images))]
    shuffled = shuffled_agreement_p(
        masks_AHW, image_A, annotators, PERMUTATIONS, stream(seed, "reliability", "shuffles")
    )
    by_profession = profession_agreement(iou, image_A, annotators, professions, patients, level)
    people = Counter(profession for _, profession in sorted(set(zip(annotators, professions, strict=True))))
    comparisons = {}
    for first, second in combinations(sorted(name for name, count in people.items() if count > 1), 2):
        rng = stream(seed, "reliability", "professions")
        comparisons[f"{first} - {second}"] = asdict(
            profession_difference(
                iou, image_A, annotators, professions, first, second, PERMUTATIONS, rng, patients, level
            )
        )
    kappa = pixel_kappa(
        [masks_AHW[rows] for rows in rows_of], [annotators[rows] for rows in rows_of], list(lungs_MHW), patients, level
    )
    return {
        "alpha_iou": asdict(alpha_iou(iou, image_A, annotators, patients, level)),
        "kappa_in_lungs": asdict(kappa),
        **lungs_facts(lungs_MHW, kind),
        "beyond_anatomy": {"iou": shuffled.observed, "shuffled_iou": shuffled.null_mean, "p": shuffled.p},
        "professions": {name: asdict(agreement) for name, agreement in by_profession.items()},
        "comparisons": comparisons,
    }


def patients_of(images: np.ndarray) -> np.ndarray:
    """The patient of each image, str."""
    return np.array(read_patients(images.tolist(), INDEX, ANNOTATIONS), str)


def number(metrics: dict[str, Any], name: str) -> float:
    return float(metrics[name]["value"]) if name in metrics else float("nan")


if __name__ == "__main__":
    run_stage(main)
