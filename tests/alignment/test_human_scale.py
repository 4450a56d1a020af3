"""The human scale: 0 and 1 exactly where they must be, the same consensuses for all, and what is left out counted."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.alignment.human_scale import (
    ImageScores,
    OtherReaders,
    image_scores_on_scale,
    kept_readers,
    normalised,
    scale_metrics,
)
from sightline.alignment.human_scale_summary import human_scale, resampled_roles, scale_summary
from sightline.alignment.inscribed_circle import circle_centres
from sightline.alignment.metrics import METRICS, scale_metric
from sightline.alignment.threshold_free import image_scores
from sightline.experts.consensus import left_out_consensus, left_out_share
from sightline.images.annotators import simulated_annotations
from sightline.images.phantom import phantom_image


def shared_mass(maps_AHW: np.ndarray, masks_RHW: np.ndarray, shares_RHW: np.ndarray) -> dict[str, np.ndarray]:
    """Two sums by hand under names of the scale: the share of a map's sum inside each mask; and inside each share."""
    maps = maps_AHW.astype(float)
    flat = maps.max(axis=(1, 2)) == 0
    maps[flat] = 1
    total = maps.sum(axis=(1, 2))[:, None]
    return {
        "mass": np.einsum("ahw,rhw->ar", maps, masks_RHW) / total,
        "rank": np.einsum("ahw,rhw->ar", maps, shares_RHW) / total,
    }


def strip(*rows: int) -> np.ndarray:
    mask = np.zeros((6, 4), bool)
    mask[list(rows)] = True
    return mask


def scale_of(maps, masks, null, rule="mean", scored=shared_mass) -> ImageScores:
    return on_scale(maps, masks, null, left_out_consensus(masks, rule), left_out_share(masks), scored)


def on_scale(maps, masks, null, consensus, share, scored) -> ImageScores:
    """`image_scores_on_scale` with every score of one function of maps, masks and shares."""
    kept, left_out = kept_readers(consensus)
    if left_out:
        return ImageScores(scores={}, kept_R=kept, left_out=left_out)

    def on_kept(maps: np.ndarray, _: object = None) -> dict[str, np.ndarray]:
        return scored(maps.astype(np.float32), consensus[kept], share[kept])

    centres = circle_centres(np.concatenate([masks[kept], null])) > 0
    return image_scores_on_scale(on_kept(maps), masks, null, centres, kept, on_kept)


def null_masks(masks, patients, index: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    others = OtherReaders(masks, patients)
    return others.masks(others.drawn(index, draws, rng), masks[index].shape[1:])


@pytest.fixture(scope="module")
def study() -> dict:
    """12 phantoms of 6 patients read by 5 simulated annotators: masks by image, one an annotator."""
    items = [phantom_image(21, number, 1, 64, 64, 0.0) for number in range(12)]
    names = [f"i{number}" for number in range(12)]
    drawn = simulated_annotations([i.opacities for i in items], np.stack([i.lungs for i in items]), names, 5, 4.0, 21)
    masks: list[dict] = [{} for _ in items]
    for annotation in drawn:
        sheet = annotation.mask.reshape(64, 2, 64, 2).max(axis=(1, 3)) > 0
        masks[names.index(annotation.image)].setdefault(annotation.annotator, sheet)
    return {
        "items": items,
        "masks": [np.stack(list(by_annotator.values())) for by_annotator in masks],
        "patients": np.repeat(np.arange(6), 2),
    }


def scored_study(study: dict, maps_of, draws: int = 12) -> list[ImageScores]:
    out = []
    for index, masks in enumerate(study["masks"]):
        null = null_masks(study["masks"], study["patients"], index, draws, np.random.default_rng([2, index]))
        out.append(scale_of(maps_of(index, masks, null), masks, null))
    return out


def test_three_annotators_by_hand() -> None:
    """Strips of 4 pixels a row; majority of two = at least one of them, that is, their union."""
    masks = np.stack([strip(0, 1), strip(1, 2), strip(1)])
    null = np.stack([strip(2, 3), strip(5)])
    model = np.stack([strip(1, 4)]).astype(np.float32)
    by_model, by_null, by_human = scale_of(model, masks, null).scores["mass"]
    # consensuses: {1, 2}, {0, 1}, {0, 1, 2}
    np.testing.assert_allclose(by_model, [[1 / 2, 1 / 2, 1 / 2]])
    np.testing.assert_allclose(by_null, [[1 / 4, 0, 1 / 4]])  # (1/2 + 0) / 2, (0 + 0) / 2, (1/2 + 0) / 2
    np.testing.assert_allclose(by_human, [[1 / 2, 1 / 2, 1]])
    scale = human_scale([scale_of(model, masks, null)], "mass")
    assert scale.model_A[0] == pytest.approx(1 / 2)
    assert scale.null_A[0] == pytest.approx(1 / 6)
    assert scale.human_A[0] == pytest.approx(2 / 3)
    assert scale.normalised_A[0] == pytest.approx((1 / 2 - 1 / 6) / (2 / 3 - 1 / 6))
    assert (scale.num_images, scale.num_annotators, scale.num_empty) == (1, 3, 0)


def test_a_model_equal_to_the_left_out_expert_scores_exactly_1(study: dict) -> None:
    """Model r is expert r's mask: in the column that leaves r out, it is the human."""
    for metric in ("mass", "rank"):
        for image, masks in zip(
            scored_study(study, lambda _, masks, __: masks.astype(np.float32)), study["masks"], strict=True
        ):
            model, null, human = image.scores[metric]
            kept = np.flatnonzero(image.kept_R)
            own = model[kept, np.arange(len(kept))]
            np.testing.assert_array_equal(own, human[0])
            place = normalised(own, null[0], human[0])
            np.testing.assert_array_equal(place[~np.isnan(place)], 1)
            assert len(model) == len(masks)


def test_experts_who_agree_make_their_region_exactly_1_and_the_null_exactly_0(study: dict) -> None:
    regions = [item.opacities.any(axis=0) for item in study["items"]]
    same = {**study, "masks": [np.repeat(region[None], 4, axis=0) for region in regions]}
    images = scored_study(same, lambda i, _, null: np.stack([regions[i], null[0]]).astype(np.float32), draws=1)
    scale = human_scale(images, "mass")
    np.testing.assert_array_equal(scale.normalised_A, [1, 0])
    np.testing.assert_array_equal(scale.human_A, 1)
    assert scale.num_images == 12
    assert scale.num_annotators == 48


def test_the_true_lesion_is_above_the_lungs_and_these_above_0(study: dict) -> None:
    def maps(index: int, _: np.ndarray, __: np.ndarray) -> np.ndarray:
        item = study["items"][index]
        return np.stack([item.opacities.any(axis=0), item.lungs, ~item.lungs]).astype(np.float32)

    oracle, lungs, outside = human_scale(scored_study(study, maps), "mass").normalised_A
    assert oracle > 1  # the annotators err, the truth does not
    assert 1 > lungs > outside
    assert outside < 0


def test_resampled_means_give_the_same_place(study: dict) -> None:
    """A resample that draws every image once and every reader as they are is the point estimate."""
    images = scored_study(study, lambda _, masks, null: np.stack([masks[0], null[0]]).astype(np.float32))
    scale = human_scale(images, "mass")
    by_image = np.array([image.scores["mass"].mean(axis=2) for image in images])
    np.testing.assert_allclose(normalised(*by_image.mean(axis=0)), scale.normalised_A)
    means = resampled_roles(images, "mass", study["patients"], 400, np.random.default_rng(0))
    places = normalised(*means)
    assert places.shape == (400, 2)
    low, high = np.nanquantile(places, [0.01, 0.99], axis=0)
    assert (low < scale.normalised_A).all()
    assert (scale.normalised_A < high).all()


def test_the_projects_metrics_can_score(study: dict) -> None:
    def scored(maps: np.ndarray, masks: np.ndarray, shares: np.ndarray) -> dict[str, np.ndarray]:
        return image_scores(maps, masks, shares, np.zeros((64, 64)), 4.0)

    masks = study["masks"][0]
    null = null_masks(study["masks"], study["patients"], 0, 5, np.random.default_rng(0))
    maps = study["items"][0].lungs[None].astype(np.float32)
    by_scores = scale_of(maps, masks, null, scored=scored)
    by_hand = scale_of(maps, masks, null)
    np.testing.assert_allclose(by_scores.scores["mass"], by_hand.scores["mass"], rtol=0, atol=1e-12)
    assert list(by_scores.scores) == list(scale_metrics())


def test_what_is_left_out_is_counted() -> None:
    null = np.stack([strip(5)])
    model = strip(1)[None].astype(np.float32)
    both = "intersection"  # of two others
    images = [
        scale_of(model, np.stack([strip(0, 1), strip(1), strip(1, 2)]), null, both),
        scale_of(model, np.stack([strip(0), strip(1), strip(1)]), null, both),  # 1 of 3 has a consensus
        scale_of(model, np.stack([strip(0), strip(1), strip(2)]), null, both),  # none has
        scale_of(model, np.stack([strip(0)]), null, both),
        scale_of(model, np.zeros((0, 6, 4), bool), null, both),
    ]
    assert [image.left_out for image in images[2:]] == ["no consensus", *["fewer than 2 annotators"] * 2]
    np.testing.assert_array_equal(images[1].kept_R, [True, False, False])
    scale = human_scale(images, "mass")
    assert (scale.num_images, scale.num_annotators) == (2, 4)
    assert (scale.num_few_annotators, scale.num_no_consensus, scale.num_empty) == (2, 1, 5)
    assert [image.scores["mass"].shape for image in images[:2]] == [(3, 1, 3), (3, 1, 1)]
    rng, patients = np.random.default_rng(0), np.arange(5)
    assert resampled_roles(images, "mass", patients, 7, rng).shape == (3, 7, 1)
    assert resampled_roles(images[2:], "mass", patients[2:], 7, rng).shape == (3, 7, 0)
    nothing = human_scale(images[2:], "mass")
    assert nothing.num_images == 0
    assert nothing.normalised_A.shape == (0,)
    assert scale_summary(images[2:], ["a"], patients[2:], 7, 0.9, lambda: np.random.default_rng(0)) == {}


def test_an_undefined_score_leaves_model_null_and_human_together() -> None:
    def scored(maps: np.ndarray, masks: np.ndarray, _: np.ndarray) -> dict[str, np.ndarray]:
        values = np.arange(7 * len(masks), dtype=float).reshape(7, -1)  # 2 maps, 3 readers' masks, 2 of the null
        values[0, 0] = np.nan  # the first map against the first consensus
        values[6, 1] = np.nan  # one of two null masks against the second
        return {"mass": values[:2] if len(maps) == 2 else values[2:]}

    masks = np.stack([strip(0, 1), strip(1), strip(1, 2)])
    found = scale_of(np.zeros((2, 6, 4), np.float32), masks, np.stack([strip(4), strip(5)]), scored=scored)
    values = found.scores["mass"]
    np.testing.assert_array_equal(np.isnan(values[:, 0]), [[True, False, False]] * 3)
    assert not np.isnan(values[:, 1]).any()
    np.testing.assert_array_equal(values[0, 1], [3, 4, 5])
    np.testing.assert_array_equal(values[1, 1], [(15 + 18) / 2, 16, (17 + 20) / 2])
    np.testing.assert_array_equal(values[2, 1], [6, 10, 14])  # the diagonal of the masks' rows
    np.testing.assert_array_equal(human_scale([found], "mass").num_undefined_A, [1, 0])
    without_null = scale_of(np.zeros((1, 6, 4), np.float32), masks, np.zeros((0, 6, 4), bool))
    assert np.isnan(without_null.scores["mass"]).all()
    assert np.isnan(human_scale([without_null], "mass").normalised_A).all()


def test_an_image_counts_once_however_many_read_it() -> None:
    one = ImageScores(
        scores={"m": np.array([[[1.0] * 4], [[0.0] * 4], [[1.0] * 4]])}, kept_R=np.ones(4, bool), left_out=""
    )
    two = ImageScores(scores={"m": np.array([[[0.0]], [[0.0]], [[1.0]]])}, kept_R=np.ones(1, bool), left_out="")
    assert human_scale([one, two], "m").normalised_A[0] == pytest.approx(0.5)


def test_ratio_of_means_not_mean_of_ratios() -> None:
    """An image on which human and null nearly agree has a ratio of 100 and must not rule the mean."""
    calm = ImageScores(scores={"m": np.array([[[0.5]], [[0.0]], [[1.0]]])}, kept_R=np.ones(1, bool), left_out="")
    wild = ImageScores(scores={"m": np.array([[[0.6]], [[0.5]], [[0.501]]])}, kept_R=np.ones(1, bool), left_out="")
    assert human_scale([calm, wild], "m").normalised_A[0] == pytest.approx(0.6 / 1.001)


def test_no_scale_where_the_human_is_not_better() -> None:
    np.testing.assert_allclose(
        normalised(np.array([0.5, 0.5, 0.5]), np.array([0.2, 0.4, 0.2]), np.array([0.2, 0.3, 0.8])),
        [np.nan, np.nan, 0.5],
    )
    # a distance: less is better, and the same formula places it
    assert normalised(np.float64(4), np.float64(10), np.float64(2), higher_is_better=False) == pytest.approx(0.75)
    assert np.isnan(normalised(np.float64(4), np.float64(2), np.float64(10), higher_is_better=False))


def test_the_null_is_of_other_patients_and_of_any_annotation() -> None:
    masks = [np.stack([strip(row)] * count) for row, count in enumerate((2, 3, 1, 2))]
    patients = ["p", "p", "q", "r"]
    null = null_masks(masks, patients, 0, 50, np.random.default_rng(0))
    assert len(null) == 3  # not more than there are: 1 of image 2, 2 of image 3
    assert sorted(int(mask[:, 0].argmax()) for mask in null) == [2, 3, 3]
    assert null_masks(masks, ["p"] * 4, 0, 5, np.random.default_rng(0)).shape == (0, 6, 4)
    assert null_masks(masks, patients, 2, 2, np.random.default_rng(0)).shape == (2, 6, 4)
    again = null_masks(masks, patients, 2, 2, np.random.default_rng(0))
    np.testing.assert_array_equal(again, null_masks(masks, patients, 2, 2, np.random.default_rng(0)))


def test_every_annotation_of_the_pool_is_as_likely() -> None:
    """Against the pool written out: the same draw of the same generator names the same masks."""
    rng = np.random.default_rng(4)
    masks = [rng.random((count, 6, 4)) < 0.5 for count in (3, 0, 2, 5, 1)]
    patients = np.array(["p", "q", "p", "r", "s"])
    pool = [mask for image in (1, 3, 4) for mask in masks[image]]
    for draws in (1, 4, 6, 9):
        chosen = np.random.default_rng(draws).choice(len(pool), min(draws, len(pool)), replace=False)
        found = null_masks(masks, patients, 0, draws, np.random.default_rng(draws))
        np.testing.assert_array_equal(found, [pool[place] for place in chosen])


def test_annotators_order_does_not_matter(study: dict) -> None:
    masks, null = study["masks"][3], study["masks"][0]
    maps = study["items"][3].lungs[None].astype(np.float32)
    one, turned = scale_of(maps, masks, null), scale_of(maps, masks[::-1], null)
    np.testing.assert_allclose(one.scores["mass"][..., ::-1], turned.scores["mass"], atol=1e-12)


def test_readers_without_their_consensus_are_refused() -> None:
    masks = np.stack([strip(0), strip(1)])
    with pytest.raises(ValueError, match="one consensus per annotator"):
        image_scores_on_scale({}, masks, masks, masks, np.ones(1, bool), lambda *_: {})


def test_a_centre_is_looked_for_once_and_belongs_to_its_mask() -> None:
    masks = [np.stack([strip(0, 1, 2), strip(4)]), np.stack([strip(3, 4, 5)])]
    others, places = OtherReaders(masks, ["p", "q"]), [(1, 0), (0, 1), (1, 0)]
    drawn = others.masks(places, (6, 4))
    for _ in range(2):
        np.testing.assert_array_equal(others.centres(places, drawn), circle_centres(drawn) > 0)


# --------------------------------------------------------------------------------------------- metrics, points, readers


def test_graded_metrics_are_not_on_the_scale() -> None:
    assert set(METRICS) - set(scale_metrics()) == {"auroc", "shuffled_auroc", "ap", "nss", "cc", "sim", "kl"}
    assert all(name in scale_metrics() for name, metric in METRICS.items() if metric.has_scale_column)
    assert scale_metric("ap") == scale_metric("nss") == "rank"
    assert [scale_metric(name) for name in ("mass", "pointing", "new")] == ["mass", "pointing", "new"]


def test_the_largest_circle_by_hand() -> None:
    """A square of 5 has one centre; 3 x 7 a ridge of five; of two squares the larger; a border ends the mask."""
    masks = np.zeros((6, 12, 12), bool)
    masks[0, 2:7, 3:8] = True
    masks[1, 2:5, 2:9] = True
    masks[2, 1:4, 1:4] = masks[2, 6:11, 6:11] = True
    masks[3, :5, :5] = True
    masks[4] = True
    centres = [np.argwhere(centre).tolist() for centre in circle_centres(masks)]
    assert centres[0] == [[4, 5]]
    assert centres[1] == [[3, col] for col in range(3, 8)]
    assert centres[2] == [[8, 8]]
    assert centres[3] == [[2, 2]]
    assert centres[4] == [[row, col] for row in (5, 6) for col in (5, 6)]
    assert centres[5] == []  # an empty mask is a flat map
    assert circle_centres(masks[:0]).shape == (0, 12, 12)


def test_readers_point_to_the_centre_of_their_mask_and_not_to_all_of_it() -> None:
    """Two discs that share a rim: each centre lies outside the other, though a tenth of the pixels lie inside."""
    row, col = np.mgrid[:30, :40]
    discs = np.stack([(row - 15) ** 2 + (col - centre) ** 2 <= 64 for centre in (12, 25)])
    shares = left_out_share(discs)

    def scored(maps: np.ndarray, masks: np.ndarray, soft: np.ndarray) -> dict[str, np.ndarray]:
        return image_scores(maps, masks, soft, np.zeros((30, 40)), 6.0)

    maps = discs[:1].astype(np.float32)
    scores = on_scale(maps, discs, discs[:0], discs[::-1], shares, scored).scores
    assert np.isnan(scores["pointing"]).all()  # no null
    _, null, human = on_scale(maps, discs, discs[1:], discs[::-1], shares, scored).scores["pointing"]
    np.testing.assert_array_equal(human, [[0, 0]])
    np.testing.assert_array_equal(null, [[1, 0]])  # the second disc against itself, and against the first
    _, _, near = on_scale(maps, discs, discs[1:], discs[::-1], shares, scored).scores["distance"]
    np.testing.assert_array_equal(near, [[5, 5]])  # 13 between the centres, a radius of 8
    model, _, _ = on_scale(maps, discs, discs[1:], discs[::-1], shares, scored).scores["pointing"]
    overlap = (discs[0] & discs[1]).sum() / discs[0].sum()
    np.testing.assert_allclose(model, [[overlap, 1]])  # a map of two values keeps its tie


def test_named_readers_are_drawn_over_the_whole_study() -> None:
    """A reader who is better on every image widens the interval only if drawn for all images at once."""
    rng = np.random.default_rng(5)
    lenient = np.array([0.0, 0.1, 0.2, 0.3])
    images = []
    for _ in range(60):
        values = np.zeros((3, 1, 4))
        values[0], values[2] = 0.3, 0.5 + lenient + rng.normal(0, 0.01, 4)
        images.append(ImageScores(scores=dict.fromkeys(scale_metrics(), values), kept_R=np.ones(4, bool), left_out=""))
    names = [["a", "b", "c", "d"]] * 60
    apart = resampled_roles(images, "mass", np.arange(60), 2000, np.random.default_rng(0))[2, :, 0]
    crosswise = resampled_roles(images, "mass", np.arange(60), 2000, np.random.default_rng(0), names)[2, :, 0]
    assert crosswise.std() == pytest.approx(lenient.std() / 2, rel=0.05)
    assert apart.std() < 0.2 * crosswise.std()
    images[7] = ImageScores(scores={}, kept_R=np.zeros(4, bool), left_out="no consensus")
    found = scale_summary(images, ["m"], np.arange(60), 50, 0.95, lambda: np.random.default_rng(0), names)["mass"]
    assert (found["readers"], found["readings"], found["images"]) == (4, 59 * 4, 59)
