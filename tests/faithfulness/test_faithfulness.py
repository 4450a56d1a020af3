"""Perturbation tests: closed forms on linear models, plain loops, enumerated regions, scikit-image and SciPy."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics.cam_mult_image import DropInConfidence, IncreaseInConfidence
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from torch import nn

from sightline.faithfulness.controls import ENERGY, ControlRegions, control_regions, fitting_controls, left_out
from sightline.faithfulness.deletion import Curves, average_drop_increase, deletion_insertion
from sightline.faithfulness.fill import blurred
from sightline.faithfulness.randomisation import map_similarity, ssim
from sightline.faithfulness.regions import (
    RegionEffect,
    effect_summary,
    exchange_p,
    expert_necessity,
    removed_energy,
    sufficiency,
)
from sightline.maps import scaled_maps
from sightline.saliency.cam_variants import family_maps
from sightline.saliency.random_weights import randomised_copy, weighted_layers
from sightline.statistics.significance import sign_flip_p
from tiny_networks import Columns, Linear, images, tiny


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def linear(size: int = 32, bias: float = 0.3) -> Linear:
    return Linear(torch.randn(3, size, size, generator=seeded(8)), bias)


def random_maps(count: int = 3, size: int = 32) -> np.ndarray:
    return np.random.default_rng(1).random((count, size, size)).astype(np.float32)


def box(top: int, bottom: int, left: int, right: int, size: int = 32) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_blur_is_a_gaussian_that_ends_at_the_border() -> None:
    batch = torch.rand(2, 3, 20, 30, generator=seeded(), dtype=torch.float64)
    for blur in (0.02, 0.1, 0.5):
        sigma = (0, 0, 20 * blur, 30 * blur)
        options = {"sigma": sigma, "mode": "constant", "truncate": 60}
        expected = gaussian_filter(batch.numpy(), **options) / gaussian_filter(np.ones_like(batch), **options)
        np.testing.assert_allclose(blurred(batch, blur).numpy(), expected, atol=1e-12)
    torch.testing.assert_close(blurred(torch.full((1, 3, 8, 8), 0.7)), torch.full((1, 3, 8, 8), 0.7))


# ------------------------------------------------------------------------------------------- deletion and insertion


def black(net: nn.Module, batch: torch.Tensor, maps: np.ndarray, steps: int, rng: np.random.Generator) -> Curves:
    """Curves of the logit, to and from a black image."""
    return deletion_insertion(net, batch, maps, steps, ["zero"], rng, "logit")["zero"]


class Counted(nn.Module):
    """`net`, which counts the images that pass it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.count = net, 0

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.count += len(batch)
        return self.net(batch)


def test_no_image_passes_the_network_twice() -> None:
    """Of three images in eight steps: themselves once, and 15 changed ones with each filling; then one for the drop."""
    net, batch, maps = Counted(tiny()), images(), random_maps()
    curves = deletion_insertion(net, batch, maps, 8, ("blur", "zero"), np.random.default_rng(0))
    assert net.count == 3 * (1 + 2 * 15)
    for fill, filled in (("blur", blurred(batch)), ("zero", torch.zeros_like(batch))):
        whole, nothing = (net.net(part).sigmoid().detach().numpy() for part in (batch, filled))
        for curve in (curves[fill].deletion_BT, curves[fill].insertion_BT[:, ::-1]):
            np.testing.assert_allclose(curve[:, [0, 8]], np.stack([whole, nothing], axis=1), atol=1e-6)
    net.count = 0
    known = average_drop_increase(net, batch, maps, whole_B=curves["blur"].deletion_BT[:, 0])
    assert net.count == 3
    np.testing.assert_allclose(known, average_drop_increase(net, batch, maps), atol=1e-6)


@pytest.mark.parametrize("baseline", ["blur", "zero"])
def test_deletion_insertion_against_a_loop(baseline: str) -> None:
    net, batch, maps = tiny(), images(), random_maps()
    fills = ("zero", "blur")  # one call for both gives what each gives alone
    curves = deletion_insertion(net, batch, maps, 8, fills, np.random.default_rng(0), chunk=2)[baseline]  # type: ignore[index]
    np.testing.assert_allclose(curves.share_T, np.arange(9) / 8)
    filled = blurred(batch) if baseline == "blur" else torch.zeros_like(batch)
    for row in range(3):
        order = np.argsort(-maps[row].ravel())
        removed, restored = batch[row].flatten(1).clone(), filled[row].flatten(1).clone()
        for step in range(9):
            scores = [net(part.view(1, 3, 32, 32)).sigmoid().item() for part in (removed, restored)]
            np.testing.assert_allclose(
                scores, [curves.deletion_BT[row, step], curves.insertion_BT[row, step]], atol=1e-6
            )
            pixels = order[step * 128 : (step + 1) * 128]
            removed[:, pixels], restored[:, pixels] = (
                filled[row].flatten(1)[:, pixels],
                batch[row].flatten(1)[:, pixels],
            )
    for curve, area in ((curves.deletion_BT, curves.deletion_B), (curves.insertion_BT, curves.insertion_B)):
        np.testing.assert_allclose(area, np.trapezoid(curve, curves.share_T, axis=1))
    assert not curves.is_flat_B.any()


def test_deletion_of_a_linear_model() -> None:
    """To zero, pixel by pixel: the logit less the effects so far. No order beats that of the effects themselves."""
    net, batch = linear(12), images(2, 12)
    effect = (net.weight.detach() * batch).sum(dim=1).numpy()
    curves = black(net, batch, effect, 144, np.random.default_rng(0))
    removed = np.cumsum(-np.sort(-effect.reshape(2, -1), axis=1), axis=1)
    total = effect.sum(axis=(1, 2))[:, None]
    np.testing.assert_allclose(curves.deletion_BT[:, 1:], total - removed + 0.3, atol=1e-4)
    np.testing.assert_allclose(curves.insertion_BT[:, 1:], removed + 0.3, atol=1e-4)
    for seed in range(5):
        random = black(net, batch, random_maps(2, 12), 144, np.random.default_rng(seed))
        assert (random.deletion_B > curves.deletion_B).all()
        assert (random.insertion_B < curves.insertion_B).all()


def test_flat_maps_are_chance_and_counted() -> None:
    """In random order a linear model's expected curve is a straight line, its area the mean of the two ends."""
    net, image = linear(12), images(1, 12).expand(400, -1, -1, -1)
    curves = black(net, image, np.zeros((400, 12, 12)), 12, np.random.default_rng(0))
    assert curves.is_flat_B.all()
    middle = (net(image[:1]).item() + 0.3) / 2
    error = curves.deletion_B.std() / 20
    assert abs(curves.deletion_B.mean() - middle) < 4 * error
    assert curves.deletion_B.std() > 0


def test_ties_alone_are_broken_at_random() -> None:
    maps = np.zeros((2, 8, 8), np.float32)
    maps[:, :2] = 1  # 16 pixels first, in any order
    net, batch = linear(8), images(2, 8)
    one, two = (black(net, batch, maps, 4, np.random.default_rng(seed)) for seed in (0, 1))
    np.testing.assert_allclose(one.deletion_BT[:, [0, 1, 4]], two.deletion_BT[:, [0, 1, 4]], atol=1e-5)
    assert (one.deletion_BT[:, 2] != two.deletion_BT[:, 2]).all()
    assert not one.is_flat_B.any()


def test_batches_do_not_change_the_curves() -> None:
    net, batch = tiny().double(), images(4).double()
    maps = np.round(random_maps(4), 1)  # many ties
    whole = deletion_insertion(net, batch, maps, 5, ["blur"], np.random.default_rng(3))["blur"]
    rng = np.random.default_rng(3)
    for row in range(4):
        part = deletion_insertion(net, batch[row : row + 1], maps[row : row + 1], 5, ["blur"], rng)["blur"]
        np.testing.assert_allclose(part.deletion_BT[0], whole.deletion_BT[row], atol=1e-9)
        np.testing.assert_allclose(part.insertion_B[0], whole.insertion_B[row], atol=1e-9)


def test_average_drop_by_hand() -> None:
    """Logits 2 (image) and 1 or 3 (seen): weights +1 and -1 on two pixels of the first colour."""
    weight = torch.zeros(3, 1, 2)
    weight[0, 0] = torch.tensor([1.0, -1.0])
    net, image = Linear(weight), torch.zeros(1, 3, 1, 2)
    image[0, 0, 0] = torch.tensor([3.0, 1.0])
    maps = np.array([[[1, 1]], [[2 / 3, 1]], [[1, 0]]])
    drop, increase = average_drop_increase(net, image.expand(3, -1, -1, -1), maps)
    probability = [1 / (1 + np.exp(-logit)) for logit in (2, 1, 3)]
    np.testing.assert_allclose(drop, [0, (probability[0] - probability[1]) / probability[0], 0], rtol=1e-6)
    assert increase.tolist() == [0, 0, 1]


def test_average_drop_against_pytorch_grad_cam() -> None:
    net, batch, maps = tiny(), images(8), random_maps(8)
    peer_net = nn.Sequential(Columns(net), nn.Sigmoid())
    targets = [lambda row: row[0]] * 8
    drop, increase = average_drop_increase(net, batch, maps, chunk=3)
    whole = net(batch).sigmoid().detach().numpy()
    # Peer: DropInConfidence is not divided by f(x)
    np.testing.assert_allclose(drop * whole, DropInConfidence()(batch, maps, targets, peer_net), atol=1e-6)
    np.testing.assert_array_equal(increase, IncreaseInConfidence()(batch, maps, targets, peer_net))
    with pytest.raises(ValueError, match=r"expected values in \[0, 1\]"):
        average_drop_increase(net, batch, maps * 2)
    with pytest.raises(ValueError, match=r"expected values in \[0, 1\]"):
        average_drop_increase(net, batch, maps * np.nan)


def test_a_nan_map_and_no_steps_are_refused() -> None:
    for maps, steps, message in ((random_maps() * np.nan, 3, "NaN in a map"), (random_maps(), 0, "steps: at least 1")):
        with pytest.raises(ValueError, match=message):
            deletion_insertion(tiny(), images(), maps, steps, ["zero"], np.random.default_rng(0))


# ------------------------------------------------------------------------------------------------ regions of experts


def test_necessity_and_sufficiency_of_a_linear_model() -> None:
    """Zero fill: both are the region's sum of effects less the controls' mean; with the blur likewise of the change."""
    net, batch = linear(), images(3)
    masks = np.stack([box(2, 9, 3, 11), box(20, 30, 5, 9), np.zeros((32, 32), bool)])
    controls = np.stack([np.stack([box(12, 19, 3, 11), box(2, 9, 20, 28)])] * 3)
    controls[1, 1] = False  # does not count
    for fill, filled in (("zero", torch.zeros_like(batch)), ("blur", blurred(batch))):
        effect = (net.weight.detach() * (batch - filled)).sum(dim=1).numpy()
        region = (effect * masks).sum(axis=(1, 2))
        control = (effect[:, None] * controls).sum(axis=(2, 3))
        expected = region - np.array([control[0].mean(), control[1, 0], np.nan])
        expected[2] = np.nan
        for test in (expert_necessity, sufficiency):
            result = test(net, batch, masks, controls, fill=fill, chunk=2)
            np.testing.assert_allclose(result.effect_B, expected, atol=1e-4)
            np.testing.assert_allclose(result.region_B[:2], region[:2], atol=1e-4)
            assert np.isnan(result.control_BC).tolist() == [[False, False], [False, True], [True, True]]
    counted = Counted(net)
    again = expert_necessity(counted, batch, masks, controls, fill="blur", whole_B=net(batch).detach())
    np.testing.assert_allclose(again.effect_B, expert_necessity(net, batch, masks, controls).effect_B, atol=1e-6)
    assert counted.count == 3 + 2  # the regions that count: of the first image all three, of the second two
    nothing = expert_necessity(net, batch, masks, np.zeros_like(controls))
    assert np.isnan(nothing.effect_B).all()
    assert np.isnan(expert_necessity(net, batch, masks, controls[:, :0]).effect_B).all()


def effects(region: list[float], controls: list[list[float]]) -> RegionEffect:
    region_B, control_BC = np.array(region), np.array(controls, float)
    known_B = ~np.isnan(control_BC).all(axis=1)
    mean_B = np.array([np.nanmean(row) if known else np.nan for row, known in zip(control_BC, known_B, strict=True)])
    return RegionEffect(effect_B=region_B - mean_B, region_B=region_B, control_BC=control_BC)


def test_a_summary_is_of_the_images_with_controls() -> None:
    def summary(effect: RegionEffect) -> dict[str, float]:
        rngs = np.random.default_rng(0), np.random.default_rng(1)
        return effect_summary(effect, np.array(list("aabc")), 0.95, 200, 100, *rngs)

    nan = float("nan")
    known = summary(effects([3, 4, 1, 7], [[2, 2], [1, 3], [nan, nan], [1, nan]]))
    assert (known["mean"], known["images"], known["without_controls"]) == (3, 3, 1)
    assert known["low"] < known["mean"] < known["high"]
    assert 0 < known["p"] <= 1
    nothing = summary(effects([1, 1, 1, 1], [[nan]] * 4))
    assert nothing == {"mean": None, "low": None, "high": None, "p": None, "images": 0, "without_controls": 4}


def test_exchange_by_hand() -> None:
    """Image 1: region 5 beside 1 and 3, so effects 3, -3 and 0. Image 2: region 2 beside 4: -2 and 2."""
    rng = np.random.default_rng(0)
    nan = float("nan")
    two = effects([5, 2], [[1, 3], [4, nan]])
    patients = np.array([0, 1])
    # sums 3 - 2 = 1 observed; of 3 x 2 choices 5, 1, 2, -2, -1, -5 three reach it
    assert exchange_p(two, patients, 6, rng) == 3 / 6
    assert exchange_p(two, patients, 99999, np.random.default_rng(0)) == 3 / 6
    # one patient: ranks -3, 0, 3 and -2, 2 in step, over sixths: (-3, -2) twice, (0, -2), (0, 2), (3, 2) twice
    assert exchange_p(two, np.zeros(2), 6, rng) == 3 / 6
    one = effects([5, nan], [[1, 3], [nan, nan]])
    assert exchange_p(one, patients, 3, rng) == 1 / 3
    assert exchange_p(effects([1.0], [[1.0, 1.0]]), np.zeros(1), 3, rng) == 1
    assert np.isnan(exchange_p(effects([nan], [[nan]]), np.zeros(1), 9, rng))


def test_drawn_exchanges_agree_with_all_of_them() -> None:
    rng = np.random.default_rng(3)
    changes = rng.normal(size=(7, 4)) ** 3  # skewed one by one
    changes[2, 3] = changes[5, 2:] = np.nan
    effect = effects(changes[:, 0].tolist(), changes[:, 1:].tolist())
    patients = np.arange(7)
    number = 4**5 * 3 * 2
    exact = exchange_p(effect, patients, number, rng)
    by_hand = []
    for choice in itertools.product(*[range(int((~np.isnan(row)).sum())) for row in changes]):
        kept = [row[~np.isnan(row)] for row in changes]
        by_hand.append(sum(row[k] - np.delete(row, k).mean() for row, k in zip(kept, choice, strict=True)))
    assert exact == pytest.approx(np.mean(np.array(by_hand) >= effect.effect_B.sum() - 1e-9))
    assert exchange_p(effect, patients, number - 1, rng) == pytest.approx(exact, abs=0.03)
    assert exchange_p(effect, patients, 500, np.random.default_rng(1)) == exchange_p(
        effect, patients, 500, np.random.default_rng(1)
    )


@pytest.mark.parametrize("images_per_patient", [1, 2])
def test_exchange_keeps_its_level_where_flips_of_signs_do_not(images_per_patient: int) -> None:
    """Changes skewed to the left, the region like its five controls: 5% of studies reach 0.05, by flips far more.

    The images of one patient are alike, as alike as they can be: all of them hold the same changes.
    """
    rng = np.random.default_rng(8)
    patients = np.repeat(np.arange(10), images_per_patient)
    exchanged, flipped = [], []
    for _ in range(400):
        changes = -(rng.exponential(size=(10, 6)) ** 2)
        changes = changes.repeat(images_per_patient, axis=0)
        effect = effects(changes[:, 0].tolist(), changes[:, 1:].tolist())
        exchanged.append(exchange_p(effect, patients, 199, rng))
        flipped.append(sign_flip_p(effect.effect_B, patients, 199, rng))
    level = np.mean(np.array(exchanged) <= 0.05)
    assert 0.02 <= level <= 0.08  # 5% and three standard errors of 400 studies
    assert np.mean(np.array(flipped) <= 0.05) > 0.085


def test_a_shortcut_fails_necessity() -> None:
    """One network reads the region, the other a marker outside the lungs: only the first needs what experts mark."""
    region, marker = box(10, 16, 6, 12), box(0, 3, 0, 3)
    lungs = box(6, 28, 3, 29)
    controls = even_controls(region, lungs, 8, np.random.default_rng(0))
    batch = torch.zeros(1, 3, 32, 32)
    batch[:, :, region | marker] = 1
    effects = [
        expert_necessity(
            Linear(torch.from_numpy(place).float().expand(3, -1, -1)), batch, region[None], controls.masks_CHW[None]
        ).effect_B[0]
        for place in (region, marker)
    ]
    assert effects[0] > 30
    assert abs(effects[1]) < 0.5


def even_controls(mask: np.ndarray, lungs: np.ndarray, num: int, rng: np.random.Generator) -> ControlRegions:
    """Controls on an image that loses the same at every pixel: energy decides nothing."""
    return control_regions(mask, lungs, np.ones(mask.shape), num, rng)


def placements(mask: np.ndarray, lungs: np.ndarray) -> dict[bytes, int]:
    """Every other place of the region in the image -> its pixels at fault, one by one."""
    rows, cols = np.nonzero(mask)
    faults = {}
    for up, left in itertools.product((1, -1), repeat=2):
        for top, side in itertools.product(range(-40, 41), repeat=2):
            r, c = up * rows + top, left * cols + side
            if r.min() < 0 or c.min() < 0 or r.max() >= mask.shape[0] or c.max() >= mask.shape[1]:
                continue
            moved = np.zeros_like(mask)
            moved[r, c] = True
            if not np.array_equal(moved, mask):
                beyond = max(0, (moved & ~lungs).sum() - (mask & ~lungs).sum())
                faults[moved.tobytes()] = int(beyond + (moved & mask).sum())
    return faults


@pytest.mark.parametrize("seed", range(6))
def test_control_regions_are_the_enumerated_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lungs = np.zeros((14, 17), bool)
    lungs[1:13, 1:7] = lungs[1:13, 9:16] = True
    mask = np.zeros_like(lungs)
    top, left = rng.integers(0, 9, 2)
    mask[top : top + 3, left : left + 3] = rng.random((3, 3)) < 0.6
    mask[top, left] = True
    faults = placements(mask, lungs)
    fitting = {key for key, fault in faults.items() if not fault}
    everything = even_controls(mask, lungs, len(faults) + 5, rng)
    keys = [control.tobytes() for control in everything.masks_CHW]
    assert not everything.masks_CHW[len(faults) :].any()
    assert set(keys[: len(faults)]) == set(faults)
    assert set(keys[: len(fitting)]) == fitting
    num_fallback = len(faults) - len(fitting)
    assert everything.is_fallback_C.tolist() == [False] * len(fitting) + [True] * num_fallback + [False] * 5
    assert [faults[key] for key in keys[: len(faults)]] == sorted(faults.values())
    shares = sorted(fault / mask.sum() for fault in faults.values())
    np.testing.assert_allclose(everything.fault_C, [*shares, 0, 0, 0, 0, 0])
    few = even_controls(mask, lungs, 4, np.random.default_rng(seed))
    again = even_controls(mask, lungs, 4, np.random.default_rng(seed))
    assert np.array_equal(few.masks_CHW, again.masks_CHW)
    assert few.is_fallback_C.tolist() == [place >= len(fitting) for place in range(4)]


def test_controls_lose_as_much_energy_as_the_region() -> None:
    """Against every place that fits, one by one: drawn are exactly those within a quarter of the region's energy."""
    rng = np.random.default_rng(5)
    lungs, mask = box(1, 11, 1, 15, 16), box(2, 5, 2, 5, 16)
    mask[2, 2] = False
    energy = rng.gamma(0.7, size=mask.shape)
    fitting = [np.frombuffer(key, bool).reshape(16, 16) for key, fault in placements(mask, lungs).items() if not fault]
    near = {
        control.tobytes()
        for control in fitting
        if abs(energy[control].sum() - energy[mask].sum()) <= ENERGY * energy[mask].sum()
    }
    assert 5 < len(near) < len(fitting) - 5
    found = control_regions(mask, lungs, energy, 999, rng)
    clean = found.masks_CHW.any(axis=(1, 2)) & ~found.is_fallback_C
    assert {control.tobytes() for control in found.masks_CHW[clean]} == near
    loud = energy.copy()
    loud[mask] = 1e3  # the region alone changes much: no control
    assert not fitting_controls(mask[None], lungs[None], loud[None], 5, [rng]).any()


def test_removed_energy_is_the_squared_change() -> None:
    batch = images(2, 12)
    np.testing.assert_allclose(removed_energy(batch, "zero"), (batch**2).sum(dim=1), rtol=1e-6)
    change = (batch - blurred(batch)).double()
    np.testing.assert_allclose(removed_energy(batch, "blur"), (change**2).sum(dim=1), rtol=1e-6)


def test_images_without_a_control_are_counted_and_compared() -> None:
    lungs = np.stack([box(4, 28, 4, 28)] * 3)
    masks = np.stack([box(6, 10, 6, 10), box(4, 28, 4, 28), box(10, 12, 10, 18)])  # the second fits nowhere else
    rngs = [np.random.default_rng(row) for row in range(3)]
    controls = fitting_controls(masks, lungs, np.ones(masks.shape), 4, rngs)
    assert controls.any(axis=(2, 3)).tolist() == [[True] * 4, [False] * 4, [True] * 4]
    one = even_controls(masks[2], lungs[2], 4, np.random.default_rng(2))
    np.testing.assert_array_equal(controls[2], one.masks_CHW)
    assert left_out(controls, masks, np.array([0.9, 0.2, 0.5])) == {
        "with": {"images": 2, "region_share": pytest.approx(16 / 1024), "probability": pytest.approx(0.7)},
        "without": {"images": 1, "region_share": pytest.approx(576 / 1024), "probability": pytest.approx(0.2)},
    }
    nobody = left_out(controls[:1], masks[:1], np.array([0.9]))["without"]
    assert nobody == {"images": 0, "region_share": None, "probability": None}


def test_controls_are_drawn_evenly() -> None:
    lungs, mask = box(0, 8, 0, 8, 8), box(0, 2, 0, 2, 8)
    num_places = sum(fault == 0 for fault in placements(mask, lungs).values())
    assert num_places == 49 - 4
    rng = np.random.default_rng(0)
    draws = [even_controls(mask, lungs, 1, rng).masks_CHW[0].tobytes() for _ in range(4500)]
    counts = np.array([draws.count(key) for key in set(draws)])
    assert len(counts) == num_places
    assert ((counts - 100) ** 2 / 100).sum() < 82  # chi-squared, 44 degrees of freedom, p 0.0005


def test_control_edges() -> None:
    rng = np.random.default_rng(0)
    lungs = box(4, 28, 4, 28)
    empty = even_controls(box(0, 0, 0, 0), lungs, 3, rng)
    assert not empty.masks_CHW.any()
    assert not empty.is_fallback_C.any()
    whole = even_controls(np.ones((32, 32), bool), lungs, 3, rng)  # has no other place
    assert not whole.masks_CHW.any()
    assert even_controls(lungs, lungs, 3, rng).is_fallback_C.all()  # fits nowhere else
    outside = even_controls(box(0, 4, 0, 4), lungs, 5, rng)  # marked outside the lungs: any place is as good
    assert not outside.is_fallback_C.any()
    with pytest.raises(ValueError, match="lungs: no pixel"):
        even_controls(lungs, np.zeros_like(lungs), 3, rng)


# ---------------------------------------------------------------------------------------------------- randomisation


def normed() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8),
            nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 1), nn.Flatten(0),
        )  # fmt: skip
        for _ in range(50):
            net.train()(torch.rand(8, 3, 16, 16))
        for module in (net[1], net[4]):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return net.eval()


def test_randomised_copies_go_top_down_and_are_nested() -> None:
    net = normed()
    before = copy.deepcopy(net.state_dict())
    names = weighted_layers(net)
    assert names == ["8", "4", "3", "1", "0"]
    copies = [randomised_copy(net, depth, seeded(1)) for depth in range(6)]
    for depth, random in enumerate(copies):
        for place, name in enumerate(names):
            for key, weight in random.get_submodule(name).named_parameters():
                old = before[f"{name}.{key}"]
                if place >= depth:
                    assert torch.equal(weight, old)
                else:
                    assert torch.equal(weight, copies[5].get_parameter(f"{name}.{key}"))
                    assert not torch.equal(weight, old) or weight.numel() == 1
                    if weight.dim() > 1:
                        assert 0.5 < weight.std() / old.square().mean().sqrt() < 1.5
                    else:
                        assert torch.equal(weight.sort().values, old.sort().values)
        assert not random.training
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    running = {key: value for key, value in copies[5].state_dict().items() if "running" in key}
    assert all(torch.equal(value, before[key]) for key, value in running.items())
    assert not torch.equal(randomised_copy(net, 1, seeded(2))[8].weight, copies[1][8].weight)
    for depth in (-1, 6):
        with pytest.raises(ValueError, match=f"how_deep: expected 0 to 5 layers, got {depth}"):
            randomised_copy(net, depth, seeded())


def test_map_similarity_against_scipy_and_scikit_image() -> None:
    rng = np.random.default_rng(0)
    one = np.round(rng.random((6, 19, 23)), 1).astype(np.float32)  # ties
    two = np.clip(np.round(0.5 * one + 0.5 * rng.random(one.shape), 1), 0, 1).astype(np.float32)
    one[4], two[4] = one[4] ** 2, one[4]
    two[5] = 1 - one[5]
    spearman, similar = map_similarity(one, two)
    expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(one, two, strict=True)]
    np.testing.assert_allclose(spearman, expected, atol=1e-12)
    assert spearman[4] == pytest.approx(1)
    assert spearman[5] == pytest.approx(-1)
    metrics = pytest.importorskip("skimage.metrics")
    for window in (7, 11):
        expected = [
            metrics.structural_similarity(a, b, data_range=1, win_size=window)
            for a, b in zip(one.astype(float), two.astype(float), strict=True)
        ]
        np.testing.assert_allclose(ssim(one, two, window), expected, atol=1e-10)
    np.testing.assert_allclose(similar, ssim(one, two, 7))


def test_map_similarity_edges() -> None:
    maps = random_maps(3, 7)
    flat = np.zeros_like(maps)
    assert map_similarity(maps, flat)[0].tolist() == [0, 0, 0]
    assert map_similarity(flat, flat)[0].tolist() == [0, 0, 0]
    np.testing.assert_allclose(map_similarity(flat, flat)[1], 1)
    np.testing.assert_allclose(map_similarity(maps, maps), 1)
    with pytest.raises(ValueError, match="SSIM needs at least 7 pixels"):
        ssim(maps[:, :6], maps[:, :6])
    maps[1, 2, 3] = np.nan
    spearman, similar = map_similarity(maps, maps)
    assert np.isnan(spearman).tolist() == np.isnan(similar).tolist() == [False, True, False]


def test_random_weights_are_seen_in_the_maps() -> None:
    """HiResCAM follows the weights: a copy randomised all the way down gives other maps, depth 0 the same."""
    net, batch = tiny("gap"), images(6)
    maps = []
    for how_deep in (0, 0, len(weighted_layers(net))):
        copied = randomised_copy(net, how_deep, seeded(5))
        maps.append(scaled_maps(family_maps(copied, batch, ["hirescam"])["hirescam"].abs().numpy(), 32, 32))
    plain, again, random = maps
    np.testing.assert_allclose(map_similarity(plain, again), 1)
    spearman, similar = map_similarity(plain, random)
    assert spearman.mean() < 0.9
    assert similar.mean() < 0.9
