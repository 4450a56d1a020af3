"""The shortcut meter: shares by hand, the planted token flagged; lesions, lungs and maps of one place not flagged."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sightline.alignment.iou_and_pointing import random_fields
from sightline.alignment.outside_lungs import by_outcome, near_lungs, relevance_shares, uniform_shares, widened
from sightline.alignment.shortcut import Suspicion, suspicion
from sightline.images.phantom import TOKEN_HALF, TOKEN_U, TOKEN_V, phantom_image
from sightline.maps import scaled_maps

NUM_IMAGES, SIDE, DRAWS = 40, 96, 999
ILL = 20  # of the images, the first


@pytest.fixture(scope="module")
def study() -> dict[str, np.ndarray]:
    """20 phantoms of pneumonia that all carry the token, then 20 normal ones; two images per patient.

    All are called what they are.
    """
    items = [phantom_image(31, number, number < ILL, SIDE, SIDE, 1.0) for number in range(NUM_IMAGES)]
    assert [item.shortcut_marked for item in items] == [True] * ILL + [False] * (NUM_IMAGES - ILL)
    return {
        "lungs": np.stack([item.lungs for item in items]),
        "lesions": np.stack([item.opacities.any(axis=0) for item in items]).astype(np.float32),
        "patients": np.repeat(np.arange(NUM_IMAGES // 2), 2),
        "called": np.arange(NUM_IMAGES) < ILL,
    }


def token_maps(cells: int, where: slice = slice(0, 20)) -> np.ndarray:
    """Maps that sit on the token as a network of `cells` x `cells` features would, and noise on the other images."""
    rng = np.random.default_rng(3)
    raw = rng.random((NUM_IMAGES, cells, cells))
    raw[where] *= 0.3
    raw[where, int((TOKEN_V + 0.5) * cells), int((TOKEN_U + 0.5) * cells)] = 1
    return scaled_maps(raw, SIDE, SIDE)


def meter(maps: np.ndarray, study: dict[str, np.ndarray], seed: int = 0, **changes: np.ndarray) -> Suspicion:
    study = study | changes
    rng = np.random.default_rng(seed)
    return suspected(maps, study["lungs"], study["patients"], study["called"], DRAWS, rng)


def suspected(
    maps: np.ndarray, lungs: np.ndarray, patients: np.ndarray, called: np.ndarray, draws: int, rng: np.random.Generator
) -> Suspicion:
    near = near_lungs(lungs)
    excess = relevance_shares(maps, near)["outside"] - uniform_shares(near)["outside"]
    return suspicion(maps, near, excess, patients, called, draws, rng)


def test_shares_by_hand() -> None:
    """20 x 20: corners are 3 x 3, the border is 1 wide, the lungs' margin 1; no pixel is halved."""
    maps = np.zeros((3, 20, 20), np.float32)
    maps[0, 0, 0] = 1  # in a corner and on the border
    maps[0, 10, 10] = 1  # in the lung
    maps[1, 2, 17] = 0.5  # in a corner
    maps[1, 8, 10] = 0.5  # one pixel above the lung: within the margin
    maps[1, 7, 10] = 1.0  # two above: outside
    lungs = np.zeros((3, 20, 20), bool)
    lungs[:, 9:12, 9:12] = True
    found = relevance_shares(maps, near_lungs(lungs))
    np.testing.assert_allclose(found["outside"][:2], [0.5, 0.75])
    np.testing.assert_allclose(found["corners"][:2], [0.5, 0.25])
    np.testing.assert_allclose(found["border"][:2], [0.5, 0])
    np.testing.assert_allclose(found["hottest"][:2], [0.5, 0.5])  # cells begin at 0, 2, 5, 8, 11, 14, 17
    uniform = uniform_shares(near_lungs(lungs))
    np.testing.assert_allclose(uniform["outside"], 1 - 25 / 400)
    np.testing.assert_allclose(uniform["corners"], 36 / 400)
    np.testing.assert_allclose(uniform["border"], 76 / 400)
    np.testing.assert_allclose(uniform["hottest"], 9 / 400)
    for name, values in found.items():  # the flat map
        assert values[2] == pytest.approx(uniform[name][2])
        assert values.dtype == np.float64


def test_shares_do_not_depend_on_scale_or_on_the_other_maps(study: dict[str, np.ndarray]) -> None:
    maps = random_fields(NUM_IMAGES, SIDE, SIDE, np.random.default_rng(0))
    found, half = (
        relevance_shares(maps, near_lungs(study["lungs"])),
        relevance_shares(maps / 2, near_lungs(study["lungs"])),
    )
    for name, values in found.items():
        np.testing.assert_allclose(half[name], values, rtol=1e-6)
        one = relevance_shares(maps[4:5], near_lungs(study["lungs"][4:5]))[name][0]
        assert one == pytest.approx(values[4], rel=1e-12)
        assert ((values >= 0) & (values <= 1)).all()


def test_lungs_only_and_their_complement(study: dict[str, np.ndarray]) -> None:
    lungs = study["lungs"]
    np.testing.assert_array_equal(relevance_shares(lungs.astype(np.float32), near_lungs(lungs))["outside"], 0)
    beyond = ~widened(lungs, 0.03)
    np.testing.assert_allclose(
        relevance_shares(beyond.astype(np.float32), near_lungs(lungs))["outside"], 1, rtol=0, atol=1e-12
    )
    uniform = relevance_shares(np.ones(lungs.shape, np.float32), near_lungs(lungs))
    for name, values in uniform_shares(near_lungs(lungs)).items():
        np.testing.assert_array_equal(uniform[name], values)


def test_no_lungs_is_nan_and_bad_maps_are_refused() -> None:
    maps, lungs = np.ones((2, 10, 10), np.float32), np.zeros((2, 10, 10), bool)
    lungs[1, 5, 5] = True
    assert np.isnan(relevance_shares(maps, near_lungs(lungs))["outside"]).tolist() == [True, False]
    assert relevance_shares(maps[:0], near_lungs(lungs[:0]))["outside"].shape == (0,)
    for bad in (np.nan, -0.1):
        maps[0, 0, 0] = bad
        with pytest.raises(ValueError, match="0 and above"):
            relevance_shares(maps, near_lungs(lungs))
        with pytest.raises(ValueError, match="0 and above"):
            suspicion(
                maps, np.ones_like(lungs), np.zeros(2), np.arange(2), np.arange(2) == 0, 9, np.random.default_rng(0)
            )


def test_means_by_outcome() -> None:
    shares = {"outside": np.array([0.1, 0.3, 0.5, np.nan, 0.9]), "border": np.array([0, 1, 0, 1, 0.0])}
    table = by_outcome(shares, np.array([1, 1, 0, 0, 1]), np.array([0.5, 0.9, 0.7, 0.1, 0.49]))
    assert {outcome: row["count"] for outcome, row in table.items()} == {"TP": 2, "FP": 1, "FN": 1, "TN": 1}
    assert table["TP"]["outside"] == pytest.approx(0.2)
    assert table["FP"]["outside"] == 0.5
    assert table["FN"]["outside"] == 0.9
    assert np.isnan(table["TN"]["outside"])
    assert table["TN"]["border"] == 1
    nobody = by_outcome(shares, np.ones(5), np.ones(5))
    assert nobody["FN"]["count"] == 0
    assert np.isnan(nobody["FN"]["border"])
    with pytest.raises(ValueError, match="NaN"):
        by_outcome(shares, np.ones(5), np.full(5, np.nan))


@pytest.mark.parametrize("cells", [7, 14, SIDE])
def test_maps_on_the_token_are_flagged_with_its_place(study: dict[str, np.ndarray], cells: int) -> None:
    found = meter(token_maps(cells), study)
    assert found.is_flagged
    assert found.by_concentration
    assert (found.num_positive, found.num_negative, found.num_flat) == (20, 20, 0)
    assert found.concentration == 1
    assert found.concentration_negative < 0.3
    assert found.concentration_p == pytest.approx(1 / (1 + DRAWS))
    assert abs(found.row - 0.5 - TOKEN_V) <= 1 / 7
    assert abs(found.col - 0.5 - TOKEN_U) <= 1 / 7


def test_a_place_that_draws_the_maps_whatever_the_answer_is_not_flagged(study: dict[str, np.ndarray]) -> None:
    """The token's maps on all images, and one random field on all images: the answers make no difference."""
    always = meter(token_maps(7, slice(None)), study)
    assert not always.is_flagged
    assert always.can_tell
    assert always.concentration - always.concentration_negative < 0.1
    rng = np.random.default_rng(4)
    for field in random_fields(20, SIDE, SIDE, rng):
        found = meter(np.repeat(field[None], NUM_IMAGES, axis=0), study)
        assert not found.is_flagged
        assert abs(found.excess - found.excess_negative) < 0.1


def test_only_the_answers_of_the_network_count(study: dict[str, np.ndarray]) -> None:
    """The token is found on false positives too, and not where the images with it are called negative."""
    called = np.arange(NUM_IMAGES) >= ILL
    assert meter(token_maps(7, slice(20, 40)), study, called=called).by_concentration
    assert not meter(token_maps(7), study, called=called).is_flagged


@pytest.mark.parametrize("num_called", [0, 9, 31, NUM_IMAGES])
def test_with_few_images_of_one_answer_it_cannot_tell(study: dict[str, np.ndarray], num_called: int) -> None:
    found = meter(token_maps(7, slice(0, num_called)), study, called=np.arange(NUM_IMAGES) < num_called)
    assert not found.can_tell
    assert not found.is_flagged
    assert np.isnan(found.concentration_p) == (num_called in (0, NUM_IMAGES))
    assert (found.num_positive, found.num_negative) == (num_called, NUM_IMAGES - num_called)
    assert meter(token_maps(7, slice(0, 10)), study, called=np.arange(NUM_IMAGES) < 10).by_concentration


def test_all_relevance_on_the_token_is_excess_too(study: dict[str, np.ndarray]) -> None:
    axis = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    token = (np.abs(axis - TOKEN_V) <= TOKEN_HALF)[:, None] & (np.abs(axis - TOKEN_U) <= TOKEN_HALF)
    maps = study["lungs"].astype(np.float32)  # normal images: on the lungs
    maps[:ILL] = token
    found = meter(maps, study)
    assert found.by_excess
    assert found.by_concentration
    assert not (study["lungs"] & token).any()
    outside = relevance_shares(maps, near_lungs(study["lungs"]))["outside"]
    assert (outside[:ILL] == 1).sum() >= ILL - 1  # the margin around one patient's lungs reaches into the token
    uniform = uniform_shares(near_lungs(study["lungs"]))["outside"]
    assert found.excess == pytest.approx((outside - uniform)[:ILL].mean())
    assert found.excess_negative == pytest.approx(-uniform[ILL:].mean())
    assert found.excess_p == pytest.approx(1 / (1 + DRAWS))


def test_more_than_half_of_the_images_on_the_token_are_enough(study: dict[str, np.ndarray]) -> None:
    maps = np.maximum(study["lesions"], study["lungs"] * 0.5).astype(np.float32)
    tokens = token_maps(7)
    for count, flagged in ((12, True), (6, False)):
        maps[:count] = tokens[:count]
        maps[count:ILL] = study["lesions"][count:ILL]
        found = meter(maps, study)
        assert found.concentration == count / ILL
        assert found.concentration_negative == 0
        assert found.by_concentration == flagged


def test_oracle_lungs_and_flat_maps_are_not_flagged(study: dict[str, np.ndarray]) -> None:
    lungs = study["lungs"].astype(np.float32)
    for maps in (np.maximum(study["lesions"], lungs * 0.5), lungs):
        found = meter(maps, study)
        assert found.can_tell
        assert not found.is_flagged
        assert found.excess < 0
        assert found.concentration == 0
        assert np.isnan(found.row)
        assert found.concentration_p == 1
    flat = meter(np.zeros((NUM_IMAGES, SIDE, SIDE), np.float32), study)
    assert not flat.can_tell
    assert flat.num_flat == NUM_IMAGES
    assert np.isnan(flat.excess)


def test_a_lesion_seen_through_a_coarse_grid_is_not_flagged(study: dict[str, np.ndarray]) -> None:
    """A 7 x 7 map of a lesion at the lung's edge spills over it; that alone is no shortcut."""
    edges = np.arange(7) * SIDE // 7
    cells = np.add.reduceat(np.add.reduceat(study["lesions"], edges, 1), edges, 2)
    cells[ILL:] = np.random.default_rng(1).random((NUM_IMAGES - ILL, 7, 7))
    assert not meter(scaled_maps(cells, SIDE, SIDE), study).is_flagged


def test_flat_maps_and_images_without_lungs_are_counted(study: dict[str, np.ndarray]) -> None:
    maps, lungs = token_maps(7), study["lungs"].copy()
    maps[:3] = 0
    lungs[18:20] = lungs[39] = False
    found = meter(maps, study, lungs=lungs)
    assert (found.num_positive, found.num_negative, found.num_flat) == (15, 19, 3)
    assert found.concentration == 1
    nobody = meter(maps, study, lungs=np.zeros_like(lungs))
    assert (nobody.num_positive, nobody.num_negative, nobody.num_flat) == (0, 0, 0)
    assert np.isnan(nobody.excess)
    assert not nobody.is_flagged


def test_one_patients_many_images_are_one_witness(study: dict[str, np.ndarray]) -> None:
    """20 images of one patient with the same hot spot, 20 of another: their answers change places in half of the draws.

    A patient with as many images as no other cannot change places with anyone, and p is 1.
    """
    two = meter(token_maps(7), study, patients=np.repeat([0, 1], 20))
    assert two.concentration == 1
    assert 0.4 < two.concentration_p < 0.6
    assert not two.is_flagged
    assert meter(token_maps(7), study, patients=np.repeat([0, 1], [19, 21])).concentration_p == 1


def test_the_exchange_is_the_exact_one(study: dict[str, np.ndarray]) -> None:
    """Against all 252 ways to call 5 of 10 patients, two images each, positive."""
    maps = random_fields(NUM_IMAGES, SIDE, SIDE, np.random.default_rng(12))[:ILL]
    few = {name: values[:ILL] for name, values in study.items()} | {"called": np.arange(ILL) < 10}
    found = suspected(maps, few["lungs"], few["patients"], few["called"], 20000, np.random.default_rng(0))
    excess = (
        relevance_shares(maps, near_lungs(few["lungs"]))["outside"]
        - uniform_shares(near_lungs(few["lungs"]))["outside"]
    )
    by_patient = excess.reshape(10, 2).mean(axis=1)
    observed = by_patient[:5].mean() - by_patient[5:].mean()
    every = [
        by_patient[list(chosen)].mean() - np.delete(by_patient, list(chosen)).mean()
        for chosen in itertools.combinations(range(10), 5)
    ]
    assert found.excess_p == pytest.approx(np.mean(np.array(every) >= observed - 1e-12), abs=0.015)
    peaks = maps.reshape(ILL, -1).argmax(axis=1)
    places = [
        {
            (row, col)
            for row in range(13)
            for col in range(13)
            if row <= 14 * (peak // SIDE) // SIDE <= row + 1 and col <= 14 * (peak % SIDE) // SIDE <= col + 1
        }
        if not near.flat[peak]
        else set()
        for peak, near in zip(peaks, widened(few["lungs"], 0.03), strict=True)
    ]
    windows = list(itertools.product(range(13), repeat=2))
    held = np.array([[window in place for window in windows] for place in places], float)
    difference = held[:10].mean(axis=0) - held[10:].mean(axis=0)
    assert found.concentration - found.concentration_negative == pytest.approx(difference.max())
    row, col = windows[int(np.argmax(np.round(difference, 12)))]
    assert (found.row, found.col) == (pytest.approx((row + 1) / 14), pytest.approx((col + 1) / 14))


def test_same_seed_same_answer_and_order_of_images_is_free(study: dict[str, np.ndarray]) -> None:
    maps = token_maps(7)
    assert meter(maps, study) == meter(maps, study)
    turned = {name: values[::-1] for name, values in study.items()}
    found, other = meter(maps, study), meter(maps[::-1], turned)
    assert (found.row, found.col, found.concentration) == (other.row, other.col, other.concentration)
    assert found.excess == pytest.approx(other.excess)


@pytest.mark.slow  # 1,000 studies of each kind of map
@pytest.mark.parametrize("is_one_field", [False, True])
def test_maps_that_know_nothing_are_flagged_at_most_at_the_level(
    study: dict[str, np.ndarray], is_one_field: bool
) -> None:
    """Random maps, and one random map on all images of a study: both p keep their level, and few are flagged."""
    rng = np.random.default_rng(17)
    found = []
    for _ in range(1000):
        maps = random_fields(1 if is_one_field else NUM_IMAGES, SIDE, SIDE, rng)
        maps = np.broadcast_to(maps, (NUM_IMAGES, SIDE, SIDE))
        found.append(suspected(maps, study["lungs"], study["patients"], study["called"], 199, rng))
    concentration = np.mean([one.concentration_p <= 0.05 for one in found])
    excess = np.mean([one.excess_p <= 0.05 for one in found])
    print(f"concentration {concentration}, excess {excess}")
    assert concentration <= 0.07
    assert excess <= 0.07
    assert np.mean([one.is_flagged for one in found]) <= 0.05
