"""The ladder's maps: where the right answer is known, that they score it; and whom they may not look at."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from sightline.alignment import baselines
from sightline.alignment.baselines import baseline_scores, edge_strength, in_full, min_max
from sightline.alignment.other_patients import OtherPatients
from sightline.alignment.random_draws import Draws, sorted_fields
from sightline.alignment.targets import targets_of
from sightline.alignment.threshold_free import draw_scores, image_scores
from sightline.images.phantom import phantom_image
from sightline.maps import is_flat

NAMES = [
    "uniform", "random_in_image", "centred_gaussian", "edges", "random_in_lungs", "lungs", "other_region", "atlas",
]  # fmt: skip


@pytest.fixture(scope="module")
def study() -> tuple[list, np.ndarray, np.ndarray]:
    """16 phantoms of pneumonia, their true regions as the experts' shares, two images a patient."""
    items = [phantom_image(11, number, 1, 96, 96, 0.0) for number in range(16)]
    shares = np.stack([item.opacities.any(axis=0) for item in items]).astype(np.float32)
    return items, shares, np.repeat(np.arange(8), 2)


def ladder(study: tuple, index: int, draws: int = 3, **options: np.ndarray) -> dict[str, np.ndarray]:
    items, shares, patients = study
    rng = np.random.default_rng([1, index])
    return baseline_maps(
        items[index].image, items[index].lungs, OtherPatients(shares, patients, **options), index, rng, draws
    )


def baseline_maps(image, lungs, others, index, rng, draws: int) -> dict[str, np.ndarray]:
    """All maps in full, with fields that are the same for the same number of draws or more."""
    fields = sorted_fields(draws, *others.grid, np.random.default_rng(7))
    maps = baselines.baseline_maps(image, lungs, others, index, rng, fields)
    return {name: in_full(of_name, others.grid) for name, of_name in maps.items()}


def mass(map_HW: np.ndarray, mask_HW: np.ndarray) -> float:
    map_HW = map_HW.astype(np.float64)
    return float(map_HW[mask_HW].sum() / map_HW.sum()) if map_HW.any() else float(mask_HW.mean())


def test_shapes_ranges_and_which_are_flat(study: tuple) -> None:
    maps = ladder(study, 3)
    assert list(maps) == NAMES
    for name, maps_KHW in maps.items():
        draws = 3 if name in ("random_in_image", "random_in_lungs", "other_region") else 1
        assert maps_KHW.shape == (draws, 96, 96)
        assert maps_KHW.dtype == np.float32
        assert is_flat(maps_KHW).all() == (name == "uniform")
        if name != "uniform":
            assert (maps_KHW.min(axis=(1, 2)) == 0).all()
            assert (maps_KHW.max(axis=(1, 2)) == 1).all()
    lungs = study[0][3].lungs
    assert not maps["random_in_lungs"][:, ~lungs].any()
    np.testing.assert_array_equal(maps["lungs"][0], lungs)


def test_the_oracle_beats_every_baseline_on_mass_precision_and_auroc(study: tuple) -> None:
    metrics = {
        "mass": mass,
        "ap": lambda map_HW, mask_HW: average_precision_score(mask_HW.ravel(), map_HW.ravel()),
        "auroc": lambda map_HW, mask_HW: roc_auc_score(mask_HW.ravel(), map_HW.ravel()),
    }
    for index in range(16):
        truth = study[1][index] == 1
        for metric in metrics.values():
            assert metric(truth.astype(float), truth) == pytest.approx(1)
            for maps_KHW in ladder(study, index).values():
                assert np.mean([metric(map_HW, truth) for map_HW in maps_KHW]) < 1


def test_anatomy_climbs_above_what_knows_nothing(study: tuple) -> None:
    """Means over the study: atlas and lungs above the uniform map, whose mass is the region's share of the image."""
    table = {name: [] for name in NAMES}
    for index in range(16):
        truth = study[1][index] == 1
        for name, maps_KHW in ladder(study, index, draws=20).items():
            table[name].append(np.mean([mass(map_HW, truth) for map_HW in maps_KHW]))
    means = {name: float(np.mean(values)) for name, values in table.items()}
    assert means["uniform"] == pytest.approx(study[1].mean())
    assert means["random_in_image"] == pytest.approx(means["uniform"], rel=0.15)
    assert means["random_in_lungs"] > 1.5 * means["uniform"]
    assert means["lungs"] > 1.5 * means["uniform"]
    assert means["atlas"] > means["lungs"]


def test_the_lungs_map_scores_its_closed_form(study: tuple) -> None:
    """mass = |G in L| / |L|; auroc and ap from the four counts of two binary pictures."""
    for index in range(16):
        lungs, truth = study[0][index].lungs, study[1][index] == 1
        map_HW = ladder(study, index)["lungs"][0]
        inside, num_lungs, num_truth, num = (lungs & truth).sum(), lungs.sum(), truth.sum(), lungs.size
        assert mass(map_HW, truth) == pytest.approx(inside / num_lungs, abs=1e-12)
        hit, false = inside / num_truth, (num_lungs - inside) / (num - num_truth)
        assert roc_auc_score(truth.ravel(), map_HW.ravel()) == pytest.approx((1 + hit - false) / 2, abs=1e-12)
        ap = hit * inside / num_lungs + (1 - hit) * num_truth / num
        assert average_precision_score(truth.ravel(), map_HW.ravel()) == pytest.approx(ap, abs=1e-12)


def test_the_lungs_map_through_the_projects_own_metrics(study: tuple) -> None:
    scores = pytest.importorskip("sightline.alignment.threshold_free")
    for index in range(4):
        lungs, truth = study[0][index].lungs, study[1][index] == 1
        found = scores.image_scores(ladder(study, index)["lungs"], truth[None], study[1][index][None], ~truth, 5.0)
        inside = (lungs & truth).sum() / lungs.sum()
        assert found["mass"][0, 0] == pytest.approx(inside, abs=1e-12)
        assert found["pointing"][0, 0] == pytest.approx(inside, abs=1e-12)  # ties: the plateau's share
        assert found["rank"][0, 0] == pytest.approx(inside, abs=1e-12)  # |G| of |L| tied pixels, in proportion


def test_the_atlas_of_identical_images_is_the_region_itself(study: tuple) -> None:
    items, shares, _ = study
    same = np.repeat(shares[2:3], 5, axis=0)
    rng = np.random.default_rng(0)
    maps = baseline_maps(items[2].image, items[2].lungs, OtherPatients(same, np.arange(5)), 0, rng, 9)
    np.testing.assert_array_equal(maps["atlas"][0], shares[2])
    assert maps["other_region"].shape[0] == 4  # not more than there are
    np.testing.assert_array_equal(maps["other_region"], same[:4])


def test_the_images_own_patient_is_left_out(study: tuple) -> None:
    items, shares, patients = study
    for index in (4, 5):
        changed = shares.copy()
        changed[4:6] = 1  # both images of that patient
        maps, others = ladder(study, index), ladder((items, changed, patients), index)
        for name in ("atlas", "other_region"):
            np.testing.assert_array_equal(maps[name], others[name])
        np.testing.assert_allclose(maps["atlas"][0], min_max(np.delete(shares, [4, 5], 0).mean(0)[None])[0], atol=1e-6)
    np.testing.assert_array_equal(OtherPatients(shares, patients).others(4), [0, 1, 2, 3, *range(6, 16)])
    np.testing.assert_array_equal(OtherPatients(shares[:3], ["b", "a", "b"]).others(0), [1])


def test_totals_less_the_own_patient_are_the_others_bit_for_bit() -> None:
    """Shares of 1 to 14 readers: the sums are exact, so that ties stay ties."""
    rng = np.random.default_rng(5)
    readers = rng.integers(1, 15, 60)[:, None, None]
    shares = (rng.integers(0, 15, (60, 12, 9)) * (rng.random((60, 12, 9)) < 0.05)).clip(0, readers) / readers
    shares, patients = shares.astype(np.float32), rng.integers(0, 25, 60)
    marks = OtherPatients(shares, patients)
    for index in range(60):
        others = shares[patients != patients[index]]
        np.testing.assert_array_equal(marks.atlas(index), others.mean(axis=0, dtype=np.float64))
        np.testing.assert_array_equal(marks.marked(index), (others > 0).any(axis=0))


def test_without_another_patient_the_maps_are_flat(study: tuple) -> None:
    items, shares, _ = study
    rng = np.random.default_rng(0)
    maps = baseline_maps(items[0].image, items[0].lungs, OtherPatients(shares, np.zeros(16)), 0, rng, 4)
    for name in ("atlas", "other_region"):
        assert maps[name].shape == (1, 96, 96)
        assert is_flat(maps[name]).all()


def test_regions_given_replace_the_half_rule_and_empty_ones_are_not_drawn(study: tuple) -> None:
    regions = np.zeros((16, 96, 96), bool)
    regions[9, 10:20, 30:40] = True
    maps = ladder(study, 0, regions_MHW=regions)
    np.testing.assert_array_equal(maps["other_region"], regions[9:10])


def test_degenerate_lungs_and_images_are_flat(study: tuple) -> None:
    _, shares, patients = study
    rng = np.random.default_rng(0)
    for lungs in (np.zeros((96, 96), bool), np.ones((96, 96), bool)):
        maps = baseline_maps(np.full((96, 96), 77, np.uint8), lungs, OtherPatients(shares, patients), 0, rng, 2)
        assert is_flat(maps["lungs"]).all()
        assert is_flat(maps["edges"]).all()
        assert is_flat(maps["random_in_lungs"]).all() == (not lungs.any())


def test_draws_depend_on_the_generator_alone(study: tuple) -> None:
    one, again = ladder(study, 6), ladder(study, 6)
    for name in NAMES:
        np.testing.assert_array_equal(one[name], again[name])
    more = ladder(study, 6, draws=5)
    np.testing.assert_array_equal(more["random_in_image"][:3], one["random_in_image"])
    assert (ladder(study, 7)["random_in_image"] != one["random_in_image"]).any()


def test_a_step_has_its_edge_where_it_is() -> None:
    image = np.zeros((40, 60), np.uint8)
    image[:, 30:] = 200
    strength = edge_strength(image)
    assert set(np.argmax(strength, axis=1)) <= {29, 30}
    assert not strength[:, :20].any()
    np.testing.assert_allclose(strength, np.broadcast_to(strength[:1], strength.shape))  # no edge at the film's edge


def cases() -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Masks, shares, other patients' regions and lungs: usual, empty and full masks, lungs that are all, few, one."""
    rng = np.random.default_rng(3)
    masks = np.zeros((4, 40, 52), bool)
    masks[0, 5:20, 10:30] = masks[1, :3, :50] = masks[3] = True
    shares = (rng.integers(0, 4, masks.shape) / 3 * (rng.random(masks.shape) < 0.2)).astype(np.float32)
    shares[2] = 0
    elsewhere = rng.random((40, 52)) * (rng.random((40, 52)) < 0.4)
    few, one = np.zeros((2, 40, 52), bool)
    few[3:6, 3:9] = one[0, 0] = True
    lungs = [np.ones((40, 52), bool), rng.random((40, 52)) < 0.4, few, one, np.zeros((40, 52), bool)]
    return [(masks, shares, elsewhere, lung) for lung in lungs] + [(masks, shares, elsewhere * 0, few)]


def test_draws_score_as_the_maps_that_they_stand_for() -> None:
    """Every metric of the shifted fields, from counts by level, against the maps written out and sorted."""
    fields = sorted_fields(5, 40, 52, np.random.default_rng(3))
    for masks, shares, elsewhere, lungs in cases():
        draws = Draws(fields=fields, shift=(7, 33), inside_P=lungs.ravel())
        maps = np.zeros((5, 40, 52)) if draws.is_flat else draws.maps().reshape(-1, 40, 52)
        found = draw_scores(draws, targets_of(masks, shares, elsewhere), 4.0)
        for metric, expected in image_scores(maps, masks, shares, elsewhere, 4.0).items():
            np.testing.assert_allclose(found[metric], expected, rtol=0, atol=1e-10, err_msg=metric)


def test_shifted_fields_know_nothing_over_all_shifts() -> None:
    """Each pixel gets each of a field's values once: the mean over all shifts is chance, whatever the field."""
    fields, mask = sorted_fields(2, 12, 16, np.random.default_rng(0)), np.zeros((1, 12, 16), bool)
    mask[0, 2:6, 3:9] = True
    targets = targets_of(mask, mask.astype(float), np.zeros((12, 16)))
    shifts = [(row, col) for row in range(12) for col in range(16)]
    found = [
        draw_scores(Draws(fields=fields, shift=shift, inside_P=np.ones(192, bool)), targets, 2.0) for shift in shifts
    ]
    for metric, expected in (("mass", 24 / 192), ("rank", 24 / 192), ("pointing", 24 / 192), ("auroc", 0.5)):
        means = np.mean([scores[metric][:, 0] for scores in found], axis=0)
        np.testing.assert_allclose(means, expected, atol=1e-12, err_msg=metric)


def test_a_baseline_scores_the_mean_of_its_draws(study: tuple) -> None:
    items, shares, patients = study
    others, rng = OtherPatients(shares, patients), np.random.default_rng(2)
    fields = sorted_fields(4, 96, 96, np.random.default_rng(7))
    maps = baselines.baseline_maps(items[5].image, items[5].lungs, others, 5, rng, fields)
    truth, elsewhere = shares[5] == 1, others.density(5)
    found = baseline_scores(maps, targets_of(truth[None], shares[5][None], elsewhere), 5.0)
    for place, of_name in enumerate(maps.values()):
        full = of_name.maps().reshape(-1, 96, 96) if isinstance(of_name, Draws) else in_full(of_name, (96, 96))
        each = image_scores(full, truth[None], shares[5][None], elsewhere, 5.0)
        for metric, of_draws in each.items():
            np.testing.assert_allclose(found[metric][place], of_draws.mean(axis=0), atol=1e-9, err_msg=metric)


def test_bad_input_is_refused(study: tuple) -> None:
    items, shares, patients = study
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        baseline_maps(items[0].image, items[0].lungs, OtherPatients(shares, patients), 0, rng, 0)
    with pytest.raises(ValueError, match="different grids"):
        baseline_maps(items[0].image, items[0].lungs[:50], OtherPatients(shares, patients), 0, rng, 1)
