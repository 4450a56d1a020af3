"""STAPLE against ITK, against its own formula pixel by pixel, and on readers whose performance is known."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.experts.staple import staple, union_box, vote_patterns


def readings(
    truth_HW: np.ndarray, sensitivity_R: list[float], specificity_R: list[float], rng: np.random.Generator
) -> np.ndarray:
    """Masks of readers who err independently at every pixel."""
    chance_RHW = rng.random((len(sensitivity_R), *truth_HW.shape))
    marks = np.where(truth_HW, np.reshape(sensitivity_R, (-1, 1, 1)), 1 - np.reshape(specificity_R, (-1, 1, 1)))
    return chance_RHW < marks


def square(height: int = 20, width: int = 30) -> np.ndarray:
    truth_HW = np.zeros((height, width), bool)
    truth_HW[height // 4 : -height // 3, width // 4 : -width // 3] = True
    return truth_HW


def random_readings(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    num_readers = int(rng.integers(2, 9))
    sensitivity, specificity = rng.uniform(0.55, 0.98, num_readers), rng.uniform(0.6, 0.99, num_readers)
    return readings(square(), sensitivity.tolist(), specificity.tolist(), rng)


def by_pixel(masks_RHW: np.ndarray, prior: float, iterations: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The paper's equations as they stand, products over readers at every pixel."""
    masks_RP = masks_RHW.reshape(len(masks_RHW), -1)
    inside_P = masks_RP.mean(axis=0)
    for _ in range(iterations):
        p = np.array([(inside_P * mask_P).sum() / inside_P.sum() for mask_P in masks_RP])
        q = np.array([((1 - inside_P) * ~mask_P).sum() / (1 - inside_P).sum() for mask_P in masks_RP])
        yes = prior * np.prod(np.where(masks_RP, p[:, None], 1 - p[:, None]), axis=0)
        no = (1 - prior) * np.prod(np.where(masks_RP, 1 - q[:, None], q[:, None]), axis=0)
        inside_P = yes / (yes + no)
    return inside_P.reshape(masks_RHW.shape[1:]), p, q


@pytest.mark.parametrize("seed", range(40))
def test_equals_itk(seed: int) -> None:
    sitk = pytest.importorskip("SimpleITK")
    masks_RHW = random_readings(seed)
    peer = sitk.STAPLEImageFilter()
    peer.SetForegroundValue(1.0)
    image = peer.Execute([sitk.GetImageFromArray(mask_HW.astype(np.uint8)) for mask_HW in masks_RHW])
    found = staple(masks_RHW, np.ones(masks_RHW.shape[1:], bool))  # ITK's prior is the mean share of the image
    np.testing.assert_allclose(found.probability_HW, sitk.GetArrayFromImage(image), atol=1e-6)
    np.testing.assert_allclose(found.sensitivity_R, peer.GetSensitivity(), atol=1e-6)
    np.testing.assert_allclose(found.specificity_R, peer.GetSpecificity(), atol=1e-6)


def test_equals_itk_on_the_cut_out_box() -> None:
    sitk = pytest.importorskip("SimpleITK")
    masks_RHW = np.zeros((4, 60, 60), bool)
    masks_RHW[:, 20:40, 15:45] = random_readings(4)[:4]
    box_HW = union_box(masks_RHW)
    rows, cols = np.flatnonzero(box_HW.any(axis=1)), np.flatnonzero(box_HW.any(axis=0))
    cut_RHW = masks_RHW[:, rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    peer = sitk.STAPLEImageFilter()
    peer.SetForegroundValue(1.0)
    image = peer.Execute([sitk.GetImageFromArray(mask_HW.astype(np.uint8)) for mask_HW in cut_RHW])
    found = staple(masks_RHW)
    np.testing.assert_allclose(found.probability_HW[box_HW], sitk.GetArrayFromImage(image).ravel(), atol=1e-6)
    assert not found.probability_HW[~box_HW].any()


@pytest.mark.parametrize("prior", [None, 0.05, 0.6])
@pytest.mark.parametrize("iterations", [1, 2, 7])
def test_equals_the_formula_pixel_by_pixel(prior: float | None, iterations: int) -> None:
    for seed in range(5):
        masks_RHW = random_readings(seed)
        found = staple(
            masks_RHW, np.ones(masks_RHW.shape[1:], bool), prior=prior, tolerance=0, max_iterations=iterations
        )
        probability_HW, sensitivity_R, specificity_R = by_pixel(masks_RHW, prior or masks_RHW.mean(), iterations)
        np.testing.assert_allclose(found.probability_HW, probability_HW, atol=1e-12)
        np.testing.assert_allclose(found.sensitivity_R, sensitivity_R, atol=1e-12)
        np.testing.assert_allclose(found.specificity_R, specificity_R, atol=1e-12)
        assert (found.num_iterations, found.converged) == (iterations, False)


def test_one_iteration_by_hand() -> None:
    # votes 2/2, 1/2, 0, 0: inside sums to 1.5, outside to 2.5; the first marks both, the second the one
    masks_R1W = np.array([[[1, 1, 0, 0]], [[1, 0, 0, 0]]], bool)
    found = staple(masks_R1W, np.ones((1, 4), bool), max_iterations=1)
    assert found.prior == 3 / 8
    np.testing.assert_allclose(found.sensitivity_R, [1, 2 / 3])
    np.testing.assert_allclose(found.specificity_R, [4 / 5, 1])
    # second pixel: 3/8 * 1 * 1/3 against 5/8 * 1/5 * 1, which is even
    np.testing.assert_allclose(found.probability_HW, [[1, 0.5, 0, 0]], atol=1e-12)


def test_recovers_known_performance() -> None:
    rng = np.random.default_rng(0)
    truth_HW = square(120, 120)
    sensitivity_R, specificity_R = [0.95, 0.9, 0.8, 0.7, 0.6, 0.85], [0.9, 0.97, 0.8, 0.95, 0.99, 0.85]
    masks_RHW = readings(truth_HW, sensitivity_R, specificity_R, rng)
    found = staple(masks_RHW, np.ones_like(truth_HW), prior=float(truth_HW.mean()))
    # 4 standard errors of a share of about 2,500 pixels, 0.04 at the worst, plus what the unknown truth costs
    np.testing.assert_allclose(found.sensitivity_R, sensitivity_R, atol=0.04)
    np.testing.assert_allclose(found.specificity_R, specificity_R, atol=0.02)
    wrong = ((found.probability_HW >= 0.5) != truth_HW).mean()
    assert wrong < ((masks_RHW.mean(axis=0) >= 0.5) != truth_HW).mean()  # better than the majority
    assert found.converged


def test_probability_is_calibrated() -> None:
    rng = np.random.default_rng(1)
    truth_HW = square(200, 200)
    masks_RHW = readings(truth_HW, [0.8, 0.7, 0.75], [0.8, 0.9, 0.75], rng)
    probability_HW = staple(masks_RHW, np.ones_like(truth_HW), prior=float(truth_HW.mean())).probability_HW
    for low in (0.1, 0.4, 0.6):
        these = (probability_HW > low) & (probability_HW < low + 0.3)
        if these.sum() > 500:
            assert abs(probability_HW[these].mean() - truth_HW[these].mean()) < 0.06


def test_background_makes_marks_believed() -> None:
    """Why the domain is a box: in a large empty image one mark of four is called the truth."""
    masks_RHW = np.zeros((4, 200, 200), bool)
    masks_RHW[0, 90:110, 90:110] = True
    masks_RHW[1:, 95:105, 95:105] = True
    whole_HW, box_HW = np.ones((200, 200), bool), union_box(masks_RHW)
    assert staple(masks_RHW, whole_HW).specificity_R[0] > staple(masks_RHW, box_HW).specificity_R[0]


def test_one_reader_is_the_truth() -> None:
    masks_1HW = square()[None]
    found = staple(masks_1HW)
    np.testing.assert_allclose(found.probability_HW, masks_1HW[0], atol=1e-6)
    np.testing.assert_allclose([found.sensitivity_R[0], found.specificity_R[0]], 1, atol=1e-6)


def test_equal_readers_are_the_truth() -> None:
    found = staple(np.stack([square()] * 5))
    np.testing.assert_array_equal(found.probability_HW, square())
    np.testing.assert_array_equal(found.sensitivity_R, np.ones(5))
    np.testing.assert_array_equal(found.specificity_R, np.ones(5))


def test_nobody_marks_anything() -> None:
    found = staple(np.zeros((3, 4, 5), bool))
    assert not found.probability_HW.any()
    assert np.isnan(found.sensitivity_R).all()
    np.testing.assert_array_equal(found.specificity_R, np.ones(3))
    assert (found.prior, found.num_iterations, found.converged) == (0, 0, True)


def test_everybody_marks_everything() -> None:
    found = staple(np.ones((3, 4, 5), bool))
    assert (found.probability_HW == 1).all()
    np.testing.assert_array_equal(found.sensitivity_R, np.ones(3))
    assert np.isnan(found.specificity_R).all()


@pytest.mark.parametrize("num_readers", [0, 2])
def test_nothing_to_judge(num_readers: int) -> None:
    found = staple(np.ones((num_readers, 4, 5), bool), np.zeros((4, 5), bool))
    assert not found.probability_HW.any()
    assert found.sensitivity_R.shape == found.specificity_R.shape == (num_readers,)
    assert np.isnan([found.prior, *found.sensitivity_R, *found.specificity_R]).all()


def test_no_reader_on_the_default_domain() -> None:
    assert not staple(np.zeros((0, 4, 5), bool)).probability_HW.any()


def test_an_empty_mask_among_others() -> None:
    found = staple(np.stack([square(), square(), np.zeros_like(square())]))
    np.testing.assert_allclose(found.sensitivity_R, [1, 1, 0], atol=1e-6)
    np.testing.assert_allclose(found.specificity_R, 1, atol=1e-6)
    np.testing.assert_allclose(found.probability_HW, square(), atol=1e-6)


def test_a_reader_who_marks_the_whole_domain() -> None:
    found = staple(np.stack([square(), square(), np.ones_like(square())]))
    np.testing.assert_allclose(found.specificity_R, [1, 1, 0], atol=1e-6)
    np.testing.assert_allclose(found.probability_HW, square(), atol=1e-6)


def test_two_who_share_nothing_agree_on_nothing() -> None:
    masks_2HW = np.zeros((2, 20, 20), bool)
    masks_2HW[0, 3:8, 3:8], masks_2HW[1, 12:17, 12:17] = True, True
    assert staple(masks_2HW).probability_HW.max() < 0.5


def test_marks_outside_the_domain_are_not_looked_at() -> None:
    masks_RHW = random_readings(3)
    domain_HW = np.zeros(masks_RHW.shape[1:], bool)
    domain_HW[4:15, 5:25] = True
    found = staple(masks_RHW, domain_HW)
    cut = staple(masks_RHW & domain_HW, domain_HW)
    np.testing.assert_array_equal(found.probability_HW, cut.probability_HW)
    assert not found.probability_HW[~domain_HW].any()


def test_order_of_readers_does_not_matter() -> None:
    masks_RHW = random_readings(2)
    order = np.random.default_rng(0).permutation(len(masks_RHW))
    found, turned = staple(masks_RHW), staple(masks_RHW[order])
    np.testing.assert_allclose(found.probability_HW, turned.probability_HW, atol=1e-9)
    np.testing.assert_allclose(found.sensitivity_R[order], turned.sensitivity_R, atol=1e-9)


def test_many_readers_do_not_underflow() -> None:
    rng = np.random.default_rng(0)
    masks_RHW = readings(square(), [0.6] * 3000, [0.6] * 3000, rng)  # 0.4 ** 3000 is 0 in float64
    found = staple(masks_RHW, np.ones(square().shape, bool))
    np.testing.assert_array_equal(found.probability_HW >= 0.5, square())
    assert np.isfinite(found.probability_HW).all()


def test_a_prior_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="prior"):
        staple(random_readings(0), prior=1.0)


def test_union_box_by_hand() -> None:
    masks_2HW = np.zeros((2, 12, 12), bool)
    masks_2HW[0, 4, 5] = masks_2HW[1, 7, 0] = True
    expected_HW = np.zeros((12, 12), bool)
    expected_HW[3:9, 0:8] = True  # 4 rows and a quarter of them each side; 6 columns, ceil(1.5), cut at the border
    np.testing.assert_array_equal(union_box(masks_2HW), expected_HW)
    assert union_box(np.zeros((2, 3, 4), bool)).all()


@pytest.mark.parametrize("num_readers", [1, 7, 8, 9, 20, 70])
def test_vote_patterns_give_the_masks_back(num_readers: int) -> None:
    masks_RP = np.random.default_rng(num_readers).random((num_readers, 500)) < 0.3
    votes_RK, pixels_K, pattern_P = vote_patterns(masks_RP)
    np.testing.assert_array_equal(votes_RK[:, pattern_P], masks_RP)
    np.testing.assert_array_equal(np.bincount(pattern_P), pixels_K)
    assert votes_RK.shape[1] == len(np.unique(masks_RP, axis=1).T)
