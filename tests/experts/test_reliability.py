"""Alpha and kappa by hand, by brute force and against statsmodels and krippendorff; their intervals by simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from sightline.experts.agreement import iou_matrix
from sightline.experts.reliability import alpha_iou, pixel_kappa
from sightline.statistics.resampling import resample_counts, resample_patient_counts


def annotations(seed: int, num_images: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masks of one to four of five annotators on each image, some empty: bool A x 1 x 30, image rows, annotators."""
    rng = np.random.default_rng(seed)
    masks, images, annotators = [], [], []
    for image in range(num_images):
        place = rng.integers(0, 18)
        for annotator in rng.permutation(5)[: rng.integers(1, 5)]:
            mask_W = np.zeros(30, bool)
            start = max(0, place + int(rng.integers(-3, 4)))
            mask_W[start : start + int(rng.integers(0, 9))] = True
            masks.append(mask_W[None])
            images.append(image)
            annotators.append(f"reader {annotator}")
    return np.array(masks), np.array(images), np.array(annotators)


def alpha_by_loops(iou_AA: np.ndarray, images: list[int], people: list[str], weights: np.ndarray) -> float:
    """Over every pair, one after the other, an image counted as often as it was drawn."""
    num = len(images)
    within = {
        a: [1 - iou_AA[a, b] for b in range(num) if images[a] == images[b] and people[a] != people[b]]
        for a in range(num)
    }
    within = {a: [d for d in found if not np.isnan(d)] for a, found in within.items()}
    pairable = [a for a in range(num) if within[a]]
    observed = [np.mean(within[a]) for a in pairable for _ in range(weights[images[a]])]
    expected = [
        1 - iou_AA[a, b]
        for a, b in product(pairable, pairable)
        if images[a] != images[b] and people[a] != people[b] and not np.isnan(iou_AA[a, b])
        for _ in range(weights[images[a]] * weights[images[b]])
    ]
    return float(1 - np.mean(observed) / np.mean(expected)) if observed and expected else float("nan")


def test_alpha_by_hand() -> None:
    iou_AA = np.array([[1, 0.6, 0.1, 0.3], [0.6, 1, 0.2, 0.0], [0.1, 0.2, 1, 0.4], [0.3, 0.0, 0.4, 1]])
    found = alpha_iou(iou_AA, np.array([0, 0, 1, 1]), ["a", "b", "c", "d"])
    assert found.observed == pytest.approx(0.5)  # 0.4 and 0.6
    assert found.expected == pytest.approx(0.85)  # 0.9, 0.7, 0.8 and 1
    assert found.value == pytest.approx(1 - 0.5 / 0.85)
    assert (found.num_judgements, found.num_undefined) == (4, 0)
    assert np.isnan([found.low, found.high]).all()
    # with the same two people on both images, only a on one and b on the other make a pair: 0.7 and 0.8
    assert alpha_iou(iou_AA, np.array([0, 0, 1, 1]), ["a", "b", "a", "b"]).expected == pytest.approx(0.75)


def test_alpha_weighs_annotations_not_pairs() -> None:
    """Three annotations of one image weigh three, not three pairs, against two of another."""
    iou_AA = np.full((5, 5), 0.1)
    iou_AA[:3, :3], iou_AA[3:, 3:] = 0.7, 0.2
    found = alpha_iou(iou_AA, np.array([0, 0, 0, 1, 1]), list("abcde"))
    assert found.observed == pytest.approx((3 * 0.3 + 2 * 0.8) / 5)


@pytest.mark.parametrize("seed", range(20))
def test_alpha_equals_loops(seed: int) -> None:
    masks_AHW, images, people = annotations(seed)
    iou_AA = iou_matrix(masks_AHW, masks_AHW)
    weights_BM = np.random.default_rng(seed).integers(0, 3, size=(4, 6))
    weights_BM[0] = 1
    by_loops = [alpha_by_loops(iou_AA, images.tolist(), people.tolist(), weights) for weights in weights_BM]
    for weights, expected in zip(weights_BM, by_loops, strict=True):
        found = alpha_iou(iou_AA, images, people, weights[None])
        assert found.value == pytest.approx(by_loops[0], abs=1e-12)
        # an interval of one resample is that resample
        np.testing.assert_allclose([found.low, found.high], expected, atol=1e-12)


def test_alpha_of_full_agreement_is_one() -> None:
    masks_AHW = np.repeat(np.eye(4, dtype=bool)[:, None], 3, axis=0)
    found = alpha_iou(iou_matrix(masks_AHW, masks_AHW), np.repeat(np.arange(4), 3), ["a", "b", "c"] * 4)
    assert (found.value, found.observed, found.expected) == (1, 0, 1)


def test_alpha_of_shared_anatomy_is_zero() -> None:
    """Masks that overlap everywhere alike, whatever the image, agree on nothing beyond the anatomy."""
    rng = np.random.default_rng(0)
    values = []
    for _ in range(60):
        masks_AHW = np.zeros((60, 1, 40), bool)
        masks_AHW[:, :, 10:25] = rng.random((60, 1, 15)) < 0.7
        iou_AA = iou_matrix(masks_AHW, masks_AHW)
        values.append(alpha_iou(iou_AA, np.repeat(np.arange(20), 3), ["a", "b", "c"] * 20).value)
        assert iou_AA.mean() > 0.4
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(60)


def test_alpha_leaves_out_what_has_no_iou() -> None:
    iou_AA = np.array([[np.nan, np.nan, 0.0, 0.1], [np.nan, 1, 0.2, 0.2], [0, 0.2, 1, 0.5], [0.1, 0.2, 0.5, 1]])
    found = alpha_iou(iou_AA, np.array([0, 0, 1, 1]), list("abcd"))
    assert (found.num_judgements, found.num_undefined) == (2, 1)
    assert np.isnan([found.value, found.expected]).all()  # one image is left, and so no pair of two


def test_alpha_without_a_pair_is_undefined() -> None:
    assert np.isnan(alpha_iou(np.eye(2), np.array([0, 1]), ["a", "b"]).value)
    assert np.isnan(alpha_iou(np.eye(2), np.array([0, 0]), ["a", "a"]).value)
    assert np.isnan(alpha_iou(np.zeros((0, 0)), np.zeros(0, int), []).value)
    assert np.isnan(alpha_iou(np.ones((4, 4)), np.array([0, 0, 1, 1]), list("abab")).value)  # nothing differs at all


def test_alpha_does_not_depend_on_the_order() -> None:
    masks_AHW, images, people = annotations(7)
    order = np.random.default_rng(0).permutation(len(images))
    weights_BM = resample_counts(6, 200, np.random.default_rng(1))
    one = alpha_iou(iou_matrix(masks_AHW, masks_AHW), images, people, weights_BM)
    turned_AHW = masks_AHW[order]
    other = alpha_iou(iou_matrix(turned_AHW, turned_AHW), images[order], people[order], weights_BM)
    for name in ("value", "low", "high", "observed", "expected", "num_judgements", "num_undefined"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-12)


def test_image_rows_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="images"):
        alpha_iou(np.eye(2), np.array([0, 3]), ["a", "b"], np.ones((5, 3)))
    with pytest.raises(ValueError, match="images"):
        alpha_iou(np.eye(2), np.array([0, -1]), ["a", "b"])
    with pytest.raises(ValueError, match="images"):
        pixel_kappa([np.ones((2, 1, 1), bool)] * 2, weights_BM=np.ones((5, 1)))


def readings(seed: int, readers: list[int], side: int = 9) -> list[np.ndarray]:
    """bool R x side x side of each image, readers who follow one truth now and then."""
    rng = np.random.default_rng(seed)
    found = []
    for num_readers in readers:
        truth_HW = rng.random((side, side)) < 0.3
        follows = rng.random((num_readers, side, side)) < 0.6
        found.append(np.where(follows, truth_HW, rng.random((num_readers, side, side)) < 0.3))
    return found


def domains(seed: int, num_images: int, side: int = 9) -> list[np.ndarray]:
    rng = np.random.default_rng([seed, 1])
    return [rng.random((side, side)) < 0.7 for _ in range(num_images)]


def test_kappa_by_hand() -> None:
    # three readers, four pixels with 3, 2, 0 and 1 marks; pairs that differ 0, 2, 0 and 2 of 3; 6 of 12 votes
    masks_RHW = np.array([[[1, 1, 0, 0]], [[1, 1, 0, 0]], [[1, 0, 0, 1]]], bool)
    found = pixel_kappa([masks_RHW])
    assert found.observed == pytest.approx(1 / 3)
    assert found.expected == pytest.approx(0.5)
    assert found.value == pytest.approx(1 / 3)
    assert found.num_judgements == 12


@pytest.mark.parametrize("seed", range(10))
def test_kappa_equals_statsmodels(seed: int) -> None:
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    masks, lungs = readings(seed, [2 + seed % 4] * 3), domains(seed, 3)
    marks_P = np.concatenate([masks_RHW.sum(axis=0)[lung] for masks_RHW, lung in zip(masks, lungs, strict=True)])
    expected = inter_rater.fleiss_kappa(np.stack([marks_P, len(masks[0]) - marks_P], axis=1))
    assert pixel_kappa(masks, lungs).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_kappa_is_krippendorffs_alpha_of_varying_readers(seed: int) -> None:
    krippendorff = pytest.importorskip("krippendorff")
    masks, lungs = readings(seed, [2, 5, 3, 1, 4]), domains(seed, 5)
    columns = []
    for masks_RHW, lung in zip(masks, lungs, strict=True):
        votes_5P = np.full((5, lung.sum()), np.nan)
        votes_5P[: len(masks_RHW)] = masks_RHW[:, lung]
        columns.append(votes_5P)
    expected = krippendorff.alpha(reliability_data=np.concatenate(columns, axis=1), level_of_measurement="nominal")
    found = pixel_kappa(masks, lungs)
    num = found.num_judgements
    assert num == (~np.isnan(np.concatenate(columns[:3] + columns[4:], axis=1))).sum()
    assert 1 - (1 - found.value) * (num - 1) / num == pytest.approx(expected, abs=1e-12)
    assert found.num_undefined == 1


def test_kappa_outside_the_lungs_inflates() -> None:
    masks_RHW = np.zeros((3, 30, 30), bool)
    masks_RHW[:, 10:19, 10:19] = readings(0, [3])[0]
    lungs_HW = np.zeros((30, 30), bool)
    lungs_HW[10:19, 10:19] = True
    assert pixel_kappa([masks_RHW]).value > pixel_kappa([masks_RHW], [lungs_HW]).value + 0.05


def test_kappa_weights_are_copies() -> None:
    masks = readings(3, [2, 4, 3])
    copies = pixel_kappa([masks[0]] * 2 + [masks[2]])
    weighted = pixel_kappa(masks, weights_BM=np.array([[2, 0, 1]]))
    assert weighted.low == weighted.high == pytest.approx(copies.value, abs=1e-12)
    assert weighted.value == pytest.approx(pixel_kappa(masks).value)


def test_kappa_does_not_depend_on_the_order() -> None:
    masks = readings(4, [3, 5])
    turned = [masks[1][::-1], masks[0][[2, 0, 1]]]
    assert pixel_kappa(masks).value == pytest.approx(pixel_kappa(turned).value, abs=1e-12)


@pytest.mark.parametrize(
    "masks",
    [
        [],
        [np.ones((1, 3, 3), bool)],
        [np.zeros((3, 3, 3), bool)],
        [np.ones((2, 3, 3), bool)],
        [np.ones((2, 0, 3), bool)],
    ],
)
def test_kappa_without_anything_to_differ_is_undefined(masks: list[np.ndarray]) -> None:
    weights_BM = np.ones((3, len(masks)), int)
    found = pixel_kappa(masks, weights_BM=weights_BM)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_kappa_of_equal_masks_is_one() -> None:
    assert pixel_kappa([np.repeat(readings(0, [1])[0], 3, axis=0)]).value == 1


def study(rng: np.random.Generator, num_images: int, per_patient: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Three readers of each image: strips round a place of the image, off by chance; bool M x 3 x 1 x 60, patients."""
    patient = np.arange(num_images) // per_patient
    place = rng.normal(25, 6, patient[-1] + 1)[patient] + rng.normal(0, 3, num_images)
    spread = rng.choice([1.0, 6.0], patient[-1] + 1)[patient]
    start = np.rint(place[:, None] + spread[:, None] * rng.normal(size=(num_images, 3))).astype(int)
    width = rng.integers(6, 14, size=(num_images, 3))
    pixel = np.arange(60)
    strips = (pixel >= start[:, :, None]) & (pixel < (start + width)[:, :, None])
    return strips[:, :, None], patient


def alpha_of(masks_MRHW: np.ndarray, weights_BM: np.ndarray | None = None) -> tuple[float, float, float]:
    masks_AHW = masks_MRHW.reshape(-1, *masks_MRHW.shape[2:])
    images, people = np.repeat(np.arange(len(masks_MRHW)), 3), np.tile(["a", "b", "c"], len(masks_MRHW))
    found = alpha_iou(iou_matrix(masks_AHW, masks_AHW), images, people, weights_BM)
    return found.value, found.low, found.high


def kappa_of(masks_MRHW: np.ndarray, weights_BM: np.ndarray | None = None) -> tuple[float, float, float]:
    found = pixel_kappa(list(masks_MRHW), weights_BM=weights_BM)
    return found.value, found.low, found.high


@pytest.mark.slow
@pytest.mark.parametrize("per_patient", [1, 2])
@pytest.mark.parametrize("measure", [alpha_of, kappa_of])
def test_intervals_hold_the_truth(measure, per_patient: int) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    truth = np.mean([measure(study(rng, 600, per_patient)[0])[0] for _ in range(30)])
    held = 0
    for _ in range(1000):
        masks_MRHW, patients = study(rng, 100, per_patient)
        _, low, high = measure(masks_MRHW, resample_patient_counts(patients, 500, rng))
        held += low <= truth <= high
    print(f"\n{measure.__name__}, {per_patient} images a patient: {held / 10:.1f}%")
    assert 0.93 <= held / 1000 <= 0.97
    assert stats.binomtest(held, 1000, 0.95).pvalue > 1e-4
