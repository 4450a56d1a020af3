"""Alpha and kappa by hand, by brute force and against statsmodels and krippendorff; their intervals by simulation."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from scipy import stats

from sightline.experts.agreement import iou_matrix
from sightline.experts.pairwise_iou import PartIou
from sightline.experts.reliability import Reliability, alpha_iou, pixel_kappa


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


def alpha_by_loops(
    iou_AA: np.ndarray, images: list[int], people: list[str], rows: list[int], num_parts: int = 1
) -> float:
    """Over every pair of the annotations `rows`, one after the other; chance from images of one part, by turns."""
    within = {a: [1 - iou_AA[a, b] for b in rows if images[a] == images[b] and people[a] != people[b]] for a in rows}
    within = {a: [d for d in found if not np.isnan(d)] for a, found in within.items()}
    pairable = [a for a in rows if within[a]]
    observed = [np.mean(within[a]) for a in pairable]
    expected = [
        1 - iou_AA[a, b]
        for a, b in product(pairable, pairable)
        if images[a] != images[b]
        and people[a] != people[b]
        and not np.isnan(iou_AA[a, b])
        and images[a] % num_parts == images[b] % num_parts
    ]
    return float(1 - np.mean(observed) / np.mean(expected)) if observed and expected else float("nan")


def kappa_by_loops(masks: list[np.ndarray], domains: list[np.ndarray]) -> float:
    """Over every image with two readers, pixel and pair, one after the other."""
    differ, votes = 0.0, []
    for masks_RHW, domain_HW in zip(masks, domains, strict=True):
        if len(masks_RHW) > 1:
            for marks in masks_RHW[:, domain_HW].T:
                differ += sum(one != other for one in marks for other in marks) / (len(marks) - 1)
                votes += marks.tolist()
    share = np.mean(votes)
    return float(1 - differ / len(votes) / (2 * share * (1 - share)))


def expected_half(
    value: float, left_out: Callable[[Callable[[int, str], bool]], float], units: list[tuple[int, str]]
) -> float:
    """Quantile times standard error, by the formula of docs/metrics.md.

    `left_out`: the value without the annotations (patient, annotator) for which it is given True.
    """
    patients, people = sorted({unit[0] for unit in units}), sorted({unit[1] for unit in units})
    lists = [
        [left_out(lambda patient, _, gone=gone: patient == gone) for gone in patients],  # type: ignore[misc]
        [left_out(lambda _, person, gone=gone: person == gone) for gone in people],  # type: ignore[misc]
    ]
    cells = [left_out(lambda patient, person, gone=gone: (patient, person) == gone) for gone in sorted(set(units))]  # type: ignore[misc]
    parts = [(len(values) - 1) * np.var(values) for values in lists]
    beyond = max(parts[1] - sum((cell - value) ** 2 for cell in cells), 0)
    variance = parts[0] + beyond
    freedom = variance**2 / (parts[0] ** 2 / (len(patients) - 1) + beyond**2 / (len(people) - 1))
    return float(stats.t.ppf(0.975, freedom) * np.sqrt(variance))


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


@pytest.mark.parametrize("num_parts", [1, 2])
@pytest.mark.parametrize("seed", range(10))
def test_alpha_and_its_interval_equal_loops(seed: int, num_parts: int) -> None:
    """Twelve images of seven patients, some in both parts; annotations without a partner make no patient or reader."""
    masks_AHW, images, people = annotations(seed, num_images=12)
    patient_M = np.arange(12) // 2 + np.arange(12) % 3 // 2
    iou_AA = iou_matrix(masks_AHW, masks_AHW)
    found = alpha_iou(PartIou(masks_AHW, images % num_parts), images, people, patient_M)
    if num_parts == 1:
        assert found == alpha_iou(iou_AA, images, people, patient_M)
    every = list(range(len(images)))

    def left_out(gone: Callable[[int, str], bool]) -> float:
        rows = [row for row in every if not gone(int(patient_M[images[row]]), str(people[row]))]
        return alpha_by_loops(iou_AA, images.tolist(), people.tolist(), rows, num_parts)

    value = left_out(lambda *_: False)
    assert found.value == pytest.approx(value, abs=1e-12)
    units = [
        (int(patient_M[images[a]]), str(people[a]))
        for a in every
        if any(images[a] == images[b] and people[a] != people[b] and not np.isnan(iou_AA[a, b]) for b in every)
    ]
    half = expected_half(value, left_out, units) / (1 - value)
    np.testing.assert_allclose(1 - np.array([found.high, found.low]), (1 - value) * np.exp([-half, half]), rtol=1e-9)
    assert found.over_annotators


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
    one = alpha_iou(iou_matrix(masks_AHW, masks_AHW), images, people)
    turned_AHW = masks_AHW[order]
    other = alpha_iou(iou_matrix(turned_AHW, turned_AHW), images[order], people[order])
    for name in ("value", "low", "high", "observed", "expected", "num_judgements", "num_undefined"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-12)


def test_image_rows_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="images"):
        alpha_iou(np.eye(2), np.array([0, 3]), ["a", "b"], np.arange(3))
    with pytest.raises(ValueError, match="images"):
        alpha_iou(np.eye(2), np.array([0, -1]), ["a", "b"])
    with pytest.raises(ValueError, match="images"):
        pixel_kappa([np.ones((2, 1, 1), bool)] * 2, patients_M=np.arange(1))


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
    assert pixel_kappa(masks, None, lungs).value == pytest.approx(expected, abs=1e-12)


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
    found = pixel_kappa(masks, None, lungs)
    num = found.num_judgements
    assert num == (~np.isnan(np.concatenate(columns[:3] + columns[4:], axis=1))).sum()
    assert 1 - (1 - found.value) * (num - 1) / num == pytest.approx(expected, abs=1e-12)
    assert found.num_undefined == 1


def test_kappa_outside_the_lungs_inflates() -> None:
    masks_RHW = np.zeros((3, 30, 30), bool)
    masks_RHW[:, 10:19, 10:19] = readings(0, [3])[0]
    lungs_HW = np.zeros((30, 30), bool)
    lungs_HW[10:19, 10:19] = True
    assert pixel_kappa([masks_RHW]).value > pixel_kappa([masks_RHW], None, [lungs_HW]).value + 0.05


@pytest.mark.parametrize("seed", range(5))
def test_kappa_and_its_interval_equal_loops(seed: int) -> None:
    """Six images of four patients, one of them with a single reader."""
    rng = np.random.default_rng(seed)
    sizes = [3, 2, 4, 1, 5, 3]
    masks, lungs, patients = readings(seed, sizes, side=6), domains(seed, 6, side=6), [0, 0, 1, 1, 2, 3]
    names = [rng.permutation(list("abcde"))[:size] for size in sizes]

    def left_out(gone: Callable[[int, str], bool]) -> float:
        kept = [
            masks_RHW[[not gone(patient, str(name)) for name in image_names]]
            for masks_RHW, image_names, patient in zip(masks, names, patients, strict=True)
        ]
        return kappa_by_loops(kept, lungs)

    found = pixel_kappa(masks, names, lungs, patients)
    value = left_out(lambda *_: False)
    assert found.value == pytest.approx(value, abs=1e-12)
    units = [(patients[image], str(name)) for image in range(6) if sizes[image] > 1 for name in names[image]]
    half = expected_half(value, left_out, units) / (1 - value**2)
    np.testing.assert_allclose(
        np.arctanh([found.low, found.high]), np.arctanh(value) + np.array([-half, half]), rtol=1e-9
    )


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
    found = pixel_kappa(masks)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_kappa_of_equal_masks_is_one() -> None:
    assert pixel_kappa([np.repeat(readings(0, [1])[0], 3, axis=0)]).value == 1


def study(rng: np.random.Generator, num_images: int, num_readers: int, habit: float) -> tuple[np.ndarray, ...]:
    """Strips round a place of the image, off by chance and by habit: bool A x 1 x 60, image rows, annotators.

    Each image is read by half of the readers or so, at least two.
    """
    place = rng.normal(25, 6, num_images)
    spread = rng.choice([1.0, 6.0], num_images)
    shift, size = habit * rng.normal(size=num_readers), np.exp(0.1 * habit * rng.normal(size=num_readers))
    read = np.zeros((num_images, num_readers), bool)
    while (read.sum(axis=1) < 2).any():
        read = rng.random(read.shape) < 0.5
    image, reader = np.nonzero(read)
    start = np.rint(place[image] + shift[reader] + spread[image] * rng.normal(size=len(image))).astype(int)
    width = np.rint(rng.integers(6, 14, len(image)) * size[reader]).astype(int)
    pixel = np.arange(60)
    strips = (pixel >= start[:, None]) & (pixel < (start + width)[:, None])
    return strips[:, None], image, reader


def alpha_of(masks_AHW: np.ndarray, images: np.ndarray, readers: np.ndarray) -> Reliability:
    return alpha_iou(iou_matrix(masks_AHW, masks_AHW), images, readers.astype(str))


def kappa_of(masks_AHW: np.ndarray, images: np.ndarray, readers: np.ndarray) -> Reliability:
    rows_of = [images == image for image in range(images.max() + 1)]
    return pixel_kappa([masks_AHW[rows] for rows in rows_of], [readers[rows].astype(str) for rows in rows_of])


@pytest.mark.slow  # 500 studies of leave-outs, and large ones for the truth
@pytest.mark.parametrize("habit", [0.0, 2.0])
@pytest.mark.parametrize("measure", [alpha_of, kappa_of])
def test_intervals_hold_the_truth(measure: Callable[..., Reliability], habit: float) -> None:
    rng = np.random.default_rng(0)
    truth = np.mean([measure(*study(rng, 60, 60, habit)).value for _ in range(40)])
    found = [measure(*study(rng, 40, 10, habit)) for _ in range(500)]
    held = np.mean([item.low <= truth <= item.high for item in found])
    print(f"\n{measure.__name__}, habit {habit}: {held:.3f}")
    assert 0.92 <= held <= 0.98
