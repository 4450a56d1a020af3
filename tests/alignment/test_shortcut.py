"""The shortcut meter: shares by hand, the planted token flagged, maps of the lesion or the lungs not flagged."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.alignment.iou_and_pointing import random_fields
from sightline.alignment.shortcut import by_outcome, relevance_shares, suspicion, uniform_shares, widened
from sightline.images.phantom import TOKEN_HALF, TOKEN_U, TOKEN_V, phantom_image
from sightline.maps import scaled_maps

NUM_IMAGES, SIDE, DRAWS = 20, 96, 999


@pytest.fixture(scope="module")
def study() -> dict[str, np.ndarray]:
    """20 phantoms of pneumonia that all carry the token, two images per patient."""
    items = [phantom_image(31, number, 1, SIDE, SIDE, 1.0) for number in range(NUM_IMAGES)]
    assert all(item.shortcut_marked for item in items)
    return {
        "lungs": np.stack([item.lungs for item in items]),
        "lesions": np.stack([item.opacities.any(axis=0) for item in items]).astype(np.float32),
        "patients": np.repeat(np.arange(NUM_IMAGES // 2), 2),
    }


def token_maps(cells: int) -> np.ndarray:
    """Maps that sit on the token as a network of `cells` x `cells` features would: one cell bright, the rest noise."""
    rng = np.random.default_rng(3)
    raw = rng.random((NUM_IMAGES, cells, cells)) * 0.3
    raw[:, int((TOKEN_V + 0.5) * cells), int((TOKEN_U + 0.5) * cells)] = 1
    return scaled_maps(raw, SIDE, SIDE)


def meter(maps: np.ndarray, study: dict[str, np.ndarray], seed: int = 0):
    return suspicion(maps, study["lungs"], study["patients"], DRAWS, np.random.default_rng(seed))


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
    found = relevance_shares(maps, lungs)
    np.testing.assert_allclose(found["outside"][:2], [0.5, 0.75])
    np.testing.assert_allclose(found["corners"][:2], [0.5, 0.25])
    np.testing.assert_allclose(found["border"][:2], [0.5, 0])
    np.testing.assert_allclose(found["hottest"][:2], [0.5, 0.5])  # cells begin at 0, 2, 5, 8, 11, 14, 17
    uniform = uniform_shares(lungs)
    np.testing.assert_allclose(uniform["outside"], 1 - 25 / 400)
    np.testing.assert_allclose(uniform["corners"], 36 / 400)
    np.testing.assert_allclose(uniform["border"], 76 / 400)
    np.testing.assert_allclose(uniform["hottest"], 9 / 400)
    for name, values in found.items():  # the flat map
        assert values[2] == pytest.approx(uniform[name][2])
        assert values.dtype == np.float64


def test_shares_do_not_depend_on_scale_or_on_the_other_maps(study: dict[str, np.ndarray]) -> None:
    maps = random_fields(NUM_IMAGES, SIDE, SIDE, np.random.default_rng(0))
    found, half = relevance_shares(maps, study["lungs"]), relevance_shares(maps / 2, study["lungs"])
    for name, values in found.items():
        np.testing.assert_allclose(half[name], values, rtol=1e-6)
        one = relevance_shares(maps[4:5], study["lungs"][4:5])[name][0]
        assert one == pytest.approx(values[4], rel=1e-12)
        assert ((values >= 0) & (values <= 1)).all()


def test_lungs_only_and_their_complement(study: dict[str, np.ndarray]) -> None:
    lungs = study["lungs"]
    np.testing.assert_array_equal(relevance_shares(lungs.astype(np.float32), lungs)["outside"], 0)
    beyond = ~widened(lungs, 0.03)
    np.testing.assert_allclose(relevance_shares(beyond.astype(np.float32), lungs)["outside"], 1, rtol=0, atol=1e-12)
    uniform = relevance_shares(np.ones(lungs.shape, np.float32), lungs)
    for name, values in uniform_shares(lungs).items():
        np.testing.assert_array_equal(uniform[name], values)


def test_no_lungs_is_nan_and_bad_maps_are_refused() -> None:
    maps, lungs = np.ones((2, 10, 10), np.float32), np.zeros((2, 10, 10), bool)
    lungs[1, 5, 5] = True
    assert np.isnan(relevance_shares(maps, lungs)["outside"]).tolist() == [True, False]
    assert relevance_shares(maps[:0], lungs[:0])["outside"].shape == (0,)
    for bad in (np.nan, -0.1):
        maps[0, 0, 0] = bad
        with pytest.raises(ValueError, match="0 and above"):
            relevance_shares(maps, lungs)
        with pytest.raises(ValueError, match="0 and above"):
            suspicion(maps, np.ones_like(lungs), np.arange(2), 9, np.random.default_rng(0))


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
    assert found.concentration == 1
    assert found.concentration_p == pytest.approx(1 / (1 + DRAWS))
    assert abs(found.row - 0.5 - TOKEN_V) <= 1 / 7
    assert abs(found.col - 0.5 - TOKEN_U) <= 1 / 7


def test_all_relevance_on_the_token_is_excess_too(study: dict[str, np.ndarray]) -> None:
    axis = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    token = (np.abs(axis - TOKEN_V) <= TOKEN_HALF)[:, None] & (np.abs(axis - TOKEN_U) <= TOKEN_HALF)
    maps = np.repeat(token[None], NUM_IMAGES, axis=0).astype(np.float32)
    found = meter(maps, study)
    assert found.by_excess
    assert found.by_concentration
    assert not (study["lungs"] & token).any()
    outside = relevance_shares(maps, study["lungs"])["outside"]
    assert (outside == 1).sum() >= NUM_IMAGES - 1  # the margin around one patient's lungs reaches into the token
    uniform = uniform_shares(study["lungs"])["outside"].mean()
    assert found.excess == pytest.approx(outside.mean() - uniform)


def test_half_of_the_images_on_the_token_are_enough(study: dict[str, np.ndarray]) -> None:
    maps = study["lesions"].copy()
    maps[::2] = token_maps(7)[::2]
    found = meter(maps, study)
    assert found.by_concentration
    assert found.concentration == 0.5


def test_oracle_lungs_and_flat_maps_are_not_flagged(study: dict[str, np.ndarray]) -> None:
    for maps in (study["lesions"], study["lungs"].astype(np.float32)):
        found = meter(maps, study)
        assert not found.is_flagged
        assert found.excess < 0
        assert found.concentration == 0
        assert np.isnan(found.row)
        assert found.concentration_p == 1
    flat = meter(np.zeros((NUM_IMAGES, SIDE, SIDE), np.float32), study)
    assert not flat.is_flagged
    assert flat.num_flat == NUM_IMAGES
    assert flat.excess == 0


def test_a_lesion_seen_through_a_coarse_grid_is_not_flagged(study: dict[str, np.ndarray]) -> None:
    """A 7 x 7 map of a lesion at the lung's edge spills over it; that alone is no shortcut."""
    cells = np.add.reduceat(np.add.reduceat(study["lesions"], np.arange(7) * SIDE // 7, 1), np.arange(7) * SIDE // 7, 2)
    assert not meter(scaled_maps(cells, SIDE, SIDE), study).is_flagged


def test_flat_maps_and_images_without_lungs_are_counted(study: dict[str, np.ndarray]) -> None:
    maps, lungs = token_maps(7), study["lungs"].copy()
    maps[:3] = 0
    lungs[18:] = False
    found = suspicion(maps, lungs, study["patients"], 199, np.random.default_rng(0))
    assert (found.num_images, found.num_flat) == (18, 3)
    assert found.concentration == pytest.approx(15 / 18)
    nobody = suspicion(maps, np.zeros_like(lungs), study["patients"], 199, np.random.default_rng(0))
    assert nobody.num_images == 0
    assert np.isnan(nobody.excess)
    assert not nobody.is_flagged


def test_one_patients_many_images_are_one_witness(study: dict[str, np.ndarray]) -> None:
    """20 images of one patient with the same hot spot: as many peaks, but they move together, so p is large."""
    maps = token_maps(7)
    one = suspicion(maps, study["lungs"], np.zeros(NUM_IMAGES), DRAWS, np.random.default_rng(0))
    assert one.concentration == 1
    assert one.concentration_p > 0.1
    assert not one.is_flagged


def test_same_seed_same_answer_and_order_of_images_is_free(study: dict[str, np.ndarray]) -> None:
    maps = token_maps(7)
    assert meter(maps, study) == meter(maps, study)
    turned = {name: values[::-1] for name, values in study.items()}
    found, other = meter(maps, study), meter(maps[::-1], turned)
    assert (found.row, found.col, found.concentration) == (other.row, other.col, other.concentration)
    assert found.excess == pytest.approx(other.excess)


@pytest.mark.slow
def test_maps_that_know_nothing_are_flagged_at_most_at_the_level(study: dict[str, np.ndarray]) -> None:
    """Random maps: the concentration's p keeps its level (it is discrete, so below it), and few are flagged."""
    rng = np.random.default_rng(17)
    found = [
        suspicion(random_fields(NUM_IMAGES, SIDE, SIDE, rng), study["lungs"], study["patients"], 199, rng)
        for _ in range(1000)
    ]
    concentration = np.mean([one.concentration_p <= 0.05 for one in found])
    assert concentration <= 0.07
    excess = np.mean([one.excess_p <= 0.05 for one in found])
    assert 0.03 <= excess <= 0.07
    assert np.mean([one.is_flagged for one in found]) <= 0.05
    print(f"concentration {concentration}, excess {excess}")
