"""RISE and occlusion: against plain loops, captum, and on a linear model in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from captum.attr import Occlusion
from torch import Tensor, nn

from sightline.saliency.perturbation import chunked_scores, occlusion, rise, rise_masks
from tiny_networks import Linear


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 3, height: int = 20, width: int = 26) -> Tensor:
    return torch.rand(count, 3, height, width, generator=seeded())


def small() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(3), nn.Flatten())
        return nn.Sequential(net, nn.Linear(36, 1), nn.Flatten(0)).eval()


def test_rise_masks_are_the_published_ones() -> None:
    """Grid by grid: upsampled to (s + 1) cells, cut out at the offset; away from the border as scikit-image has it."""
    height, width, cells, share, num = 22, 31, 4, 0.4, 9
    masks = rise_masks(num, height, width, cells, share, seeded(5))
    generator = seeded(5)
    grid = (torch.rand(num, cells, cells, generator=generator) < share).float()
    cell_rows, cell_cols = math.ceil(height / cells), math.ceil(width / cells)
    tops = torch.randint(cell_rows, (num,), generator=generator)
    lefts = torch.randint(cell_cols, (num,), generator=generator)
    assert len(set(tops.tolist())) > 1
    size = ((cells + 1) * cell_rows, (cells + 1) * cell_cols)
    whole = nn.functional.interpolate(grid[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    for mask, up, top, left in zip(masks, whole, tops, lefts, strict=True):
        torch.testing.assert_close(mask, up[top : top + height, left : left + width], atol=1e-6, rtol=0)
    transform = pytest.importorskip("skimage.transform")
    for cut, up in zip(grid.numpy(), whole.numpy(), strict=True):
        peer = transform.resize(cut, size, order=1, mode="reflect", anti_aliasing=False)
        rows, cols = (math.ceil(length / cells / 2) for length in size)
        np.testing.assert_allclose(up[rows:-rows, cols:-cols], peer[rows:-rows, cols:-cols], atol=1e-6)
    assert masks.dtype == torch.float32
    assert masks.min() >= 0
    assert masks.max() <= 1 + 1e-6


def test_a_pixels_expectation_is_the_share() -> None:
    masks = rise_masks(20_000, 12, 12, 3, 0.3, seeded(1))
    error = masks.std(dim=0) / math.sqrt(len(masks))
    assert ((masks.mean(dim=0) - 0.3).abs() < 4.5 * error).all()  # 144 pixels
    assert (rise_masks(5, 8, 8, 2, 1.0, seeded()) == 1).all()


def test_rise_against_a_loop() -> None:
    net, batch = small(), images()
    masks = rise_masks(17, 20, 26, 5, 0.5, seeded(2))
    with torch.no_grad():
        for score in ("probability", "logit"):
            maps = rise(net, batch, masks, 0.5, score=score, chunk=7)  # type: ignore[arg-type]
            for image, map_HW in zip(batch, maps, strict=True):
                total = torch.zeros(20, 26)
                for mask in masks:
                    logit = net((image * mask)[None])[0]
                    total += (logit.sigmoid() if score == "probability" else logit) * mask
                torch.testing.assert_close(map_HW, total / 17 / 0.5, atol=1e-5, rtol=1e-5)


def test_rise_of_a_linear_model_has_its_closed_form() -> None:
    """E[S_i] = E[m_i (c + sum_j a_j m_j)] / p with a the weight times the image; E[m_i m_j] from the interpolation.

    A mask is R grid C^T, so E[m m'] = p^2 + p (1 - p) E[(RR')(CC')], the offsets' mean taken one by one.
    """
    size, cells, share, num = 10, 2, 0.5, 60_000
    batch = images(1, size, size)
    net = Linear(torch.randn(3, size, size, generator=seeded(3)) / 10, bias=0.2)
    effect = (net.weight.detach() * batch[0]).sum(dim=0).flatten().double()
    cell = size // cells
    up = nn.functional.interpolate(
        torch.eye(cells, dtype=torch.float64)[None], size=(cells + 1) * cell, mode="linear", align_corners=False
    )[0].T
    grams = torch.stack([up[shift : shift + size] @ up[shift : shift + size].T for shift in range(cell)])
    gram = torch.einsum("sij,tkl->ikjl", grams, grams).reshape(size**2, size**2) / cell**2
    expected = (share**2 * effect.sum() + share * (1 - share) * gram @ effect) / share + 0.2
    masks = rise_masks(num, size, size, cells, share, seeded(4))
    maps = rise(net, batch, masks, share, score="logit", chunk=10_000)[0].flatten().double()
    single = masks.flatten(1) * net(batch * masks[:, None])[:, None].detach() / share
    error = single.double().std(dim=0) / math.sqrt(num)
    assert ((maps - expected).abs() < 4.5 * error).all()
    assert expected.std() > 20 * error.mean()  # what is tested is larger than the noise


def test_occlusion_of_a_linear_model_is_exact() -> None:
    """Patches that do not overlap: the fall is the patch's sum of weight * (image - baseline)."""
    batch, weight = images(2, 12, 8), torch.randn(3, 12, 8, generator=seeded(6))
    maps = occlusion(Linear(weight, 3.0), batch, patch=4, stride=4, baseline=0.25)
    effect = (weight * (batch - 0.25)).sum(dim=1)
    sums = effect.view(2, 3, 4, 2, 4).sum(dim=(2, 4))
    torch.testing.assert_close(maps, sums.repeat_interleave(4, 1).repeat_interleave(4, 2), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize(("patch", "stride"), [(5, 3), (4, 4), (6, 1), (7, 5), (40, 2)])
def test_occlusion_against_captum(patch: int, stride: int) -> None:
    net, batch = small(), images()
    maps = occlusion(net, batch, patch, stride, baseline=0.5, chunk=10)
    rows, cols = min(patch, 20), min(patch, 26)
    windows = {"sliding_window_shapes": (3, rows, cols), "strides": (3, min(stride, rows), min(stride, cols))}
    expected = Occlusion(net).attribute(batch, baselines=0.5, **windows)
    torch.testing.assert_close(maps, expected[:, 0].detach().float(), atol=1e-6, rtol=1e-4)


def test_batch_size_and_chunk_change_nothing() -> None:
    net, batch = small().double(), images(4).double()
    masks = rise_masks(11, 20, 26, 4, 0.5, seeded())
    ways = {
        "rise": lambda part, chunk: rise(net, part, masks, 0.5, chunk=chunk),
        "occlusion": lambda part, chunk: occlusion(net, part, 6, 4, chunk=chunk),
    }
    for way in ways.values():
        whole = way(batch, 64)
        assert whole.dtype == torch.float32
        assert not whole.requires_grad
        torch.testing.assert_close(torch.cat([way(part, 64) for part in batch.split(1)]), whole)
        torch.testing.assert_close(way(batch, 1), whole)
        torch.testing.assert_close(way(batch, 3), whole)
        assert way(batch[:0], 64).shape == (0, 20, 26)


def test_a_network_that_never_changes() -> None:
    net = Linear(torch.zeros(3, 8, 8), bias=2.0)
    assert (occlusion(net, images(1, 8, 8), 4, 2) == 0).all()
    masks = rise_masks(6, 8, 8, 2, 0.5, seeded())
    torch.testing.assert_close(rise(net, images(1, 8, 8), masks, 0.5, score="logit")[0], 2 * masks.mean(dim=0) / 0.5)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="share: expected above 0 and at most 1, got 0"):
        rise_masks(2, 8, 8, 2, 0, seeded())
    with pytest.raises(ValueError, match="at least one mask of one cell, got 0 and 2"):
        rise_masks(0, 8, 8, 2, 0.5, seeded())
    with pytest.raises(ValueError, match="stride: expected 1 to the patch's 4 pixels, got 5"):
        occlusion(small(), images(), 4, 5)


def test_scores() -> None:
    net = Linear(torch.ones(3, 2, 2))
    batch = torch.stack([torch.zeros(3, 2, 2), torch.ones(3, 2, 2)])
    assert chunked_scores(net, batch, "logit", 1).tolist() == [0, 12]
    torch.testing.assert_close(chunked_scores(net, batch, "probability", 5), torch.tensor([0.0, 12.0]).sigmoid())
