"""The simulated annotators against the paper's Table 1, and what must hold of any study."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import numpy as np
import pytest

from sightline.experts.agreement import image_agreement, iou_matrix
from sightline.experts.cleanup import clean_annotation
from sightline.experts.consensus import consensus_mask
from sightline.images.annotators import PROFESSIONS, Annotation, simulated_annotations
from sightline.images.phantom import phantom_image

SIDE = 128


def annotated(seed: int, images: int, people: int, mean: float, side: int = SIDE) -> tuple[list, list[Annotation]]:
    """The shipped study's annotated phantoms (test images follow 800 training ones; odd ones are ill) and drawings."""
    phantoms = [phantom_image(seed, 801 + 2 * number, 1, side, side, 0.0) for number in range(images)]
    lungs = np.stack([item.lungs for item in phantoms]) if images else np.zeros((0, 1, 1), bool)
    names = [f"phantom{number}" for number in range(images)]
    return phantoms, simulated_annotations([item.opacities for item in phantoms], lungs, names, people, mean, seed)


@pytest.fixture(scope="module")
def shipped() -> dict[str, np.ndarray | float | int | list]:
    """Statistics of the study as params.yaml ships it: seed 0, 50 images, 14 annotators, 5.62 each."""
    return statistics(0)


def statistics(seed: int) -> dict:
    phantoms, made = annotated(seed, 50, 14, 5.62)
    clean = [clean_annotation(item.mask, SIDE, SIDE) for item in made]
    valid = [(item, mask) for item, mask in zip(made, clean, strict=True) if mask.any()]
    pairs, oracle, consensus_area, nonempty = [], [], [], 0
    errors: dict[str, list[float]] = {}
    for number, phantom in enumerate(phantoms):
        mine = [(item, mask) for item, mask in valid if item.image == f"phantom{number}"]
        masks_RHW = np.stack([mask for _, mask in mine])
        agreement = image_agreement(masks_RHW, [item.annotator for item, _ in mine], 1, np.random.default_rng(0))
        pairs += agreement.iou.tolist()
        truth = phantom.opacities.any(axis=0)
        for item, mask in mine:
            errors.setdefault(item.profession, []).append(float(iou_matrix(mask[None], truth[None])[0, 0]))
        consensus = consensus_mask(masks_RHW)
        nonempty += bool(consensus.any())
        if consensus.any():
            oracle.append(float(iou_matrix(consensus[None], truth[None])[0, 0]))
            consensus_area.append(consensus.mean())
    return {
        "made": len(made),
        "counts": Counter(item.image for item, _ in valid),
        "valid": len(valid),
        "area": float(np.mean([mask.mean() for _, mask in valid])),
        "pairs": float(np.mean(pairs)),
        "oracle": float(np.mean(oracle)),
        "consensus_area": float(np.mean(consensus_area)),
        "nonempty": nonempty,
        "truth": {name: float(np.mean(values)) for name, values in errors.items()},
    }


def test_shipped_study_is_near_table_1(shipped: dict) -> None:
    """Paper, Table 1: 318 made, 281 valid, 5.62 per image, 9.4% active pixels, pairwise IoU 0.2332, 50 of 50."""
    assert shipped["made"] == 318
    assert shipped["valid"] == 281
    assert shipped["area"] == pytest.approx(0.094, abs=0.01)
    assert shipped["pairs"] == pytest.approx(0.2332, abs=0.025)
    assert shipped["nonempty"] >= 47
    assert 0.06 <= shipped["consensus_area"] <= 0.10  # the paper's consensus covers 6 to 10% of an image
    assert len(shipped["counts"]) == 50
    assert min(shipped["counts"].values()) >= 2


def test_the_truth_scores_above_the_annotators_own_agreement(shipped: dict) -> None:
    """A perfect classifier must not look worse than one expert to another, or the study could not tell it apart."""
    assert shipped["oracle"] >= shipped["pairs"] + 0.1


def test_the_experienced_err_less(shipped: dict) -> None:
    """IoU with the truth of the specialists, all with the same opacities to find, against the students'."""
    for name in ("radiologist", "pneumologist"):
        assert shipped["truth"][name] > shipped["truth"]["student"] + 0.1


@pytest.mark.slow
def test_other_seeds_are_near_table_1_on_average() -> None:
    many = [statistics(seed) for seed in range(1, 9)]
    assert np.mean([one["area"] for one in many]) == pytest.approx(0.094, abs=0.01)
    assert np.mean([one["pairs"] for one in many]) == pytest.approx(0.2332, abs=0.025)
    assert all(one["made"] == 318 and abs(one["valid"] - 281) <= 2 for one in many)
    assert all(min(one["counts"].values()) >= 2 for one in many)
    assert all(one["oracle"] > one["pairs"] for one in many)


def test_annotations_are_as_real_ones() -> None:
    phantoms, made = annotated(2, 10, 14, 5.0)
    assert len({item.annotation for item in made}) == len(made)
    assert {item.image for item in made} <= {f"phantom{number}" for number in range(10)}
    times = [datetime.fromisoformat(item.created_at) for item in made]
    assert times == sorted(times)
    for item in made:
        assert item.mask.shape == (2 * SIDE, 2 * SIDE)
        assert item.mask.dtype == np.uint8
        assert set(np.unique(item.mask)) <= {0, 255}
    professions = {item.annotator: item.profession for item in made}
    assert all(professions[item.annotator] == item.profession for item in made)
    valid = [(item.image, item.annotator) for item in made if clean_annotation(item.mask, SIDE, SIDE).any()]
    assert len(set(valid)) == len(valid) == 50  # nobody marks an image twice
    assert any(not item.mask.any() for item in made)  # and someone sends an empty sheet
    assert len(phantoms) == 10


def test_habits_outline_or_fill() -> None:
    """Of the people with several drawings some mostly outline (clean-up adds much ink) and some mostly fill."""
    _, made = annotated(0, 50, 14, 5.62)
    outlined: dict[str, list[bool]] = {}
    for item in made:
        region = clean_annotation(item.mask, SIDE, SIDE).mean()
        if region:
            outlined.setdefault(item.annotator, []).append(region > 1.4 * (item.mask > 0).mean())
    shares = [np.mean(drawings) for drawings in outlined.values() if len(drawings) >= 8]
    assert max(shares) > 0.6
    assert min(shares) < 0.2


def test_the_paper_s_fourteen() -> None:
    assert Counter(PROFESSIONS) == {
        "student": 8,
        "resident": 2,
        "physician": 2,
        "radiologist": 1,
        "pneumologist": 1,
    }


def test_same_seed_same_drawings_other_seed_others() -> None:
    (_, one), (_, again), (_, other) = (annotated(seed, 4, 5, 3.0, 64) for seed in (0, 0, 1))
    assert [item.annotation for item in one] == [item.annotation for item in again]
    for first, second in zip(one, again, strict=True):
        assert (first.image, first.annotator, first.created_at) == (second.image, second.annotator, second.created_at)
        np.testing.assert_array_equal(first.mask, second.mask)
    assert any((first.mask != second.mask).any() for first, second in zip(one, other, strict=False))


@pytest.mark.parametrize(("images", "people", "mean"), [(1, 1, 1.0), (3, 2, 2.0), (5, 3, 1.0), (4, 20, 20.0)])
def test_small_and_full_studies(images: int, people: int, mean: float) -> None:
    _, made = annotated(0, images, people, mean, 64)
    valid = [item for item in made if clean_annotation(item.mask, 64, 64).any()]
    assert len(valid) == round(images * mean)
    assert {item.image for item in valid} == {f"phantom{number}" for number in range(images)}


def test_no_images_no_annotations() -> None:
    assert annotated(0, 0, 14, 5.62)[1] == []
