"""Augmentation against torchvision's single-image functions, and what it must not change."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torchvision.transforms.v2.functional as TF

from sightline.networks.augment import Augment, augmented, hue_shifted, luminance, mean_3x3, three_channels, unit_images

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")

NONE = Augment(
    rotation=0.0, translation=0.0, scale_low=1.0, scale_high=1.0, jitter_low=1.0, jitter_high=1.0, hue=0.0, sharpen=0.0,
    interpolation="bilinear",
)  # fmt: skip
PAPER = Augment(
    rotation=15.0, translation=0.1, scale_low=0.9, scale_high=1.1, jitter_low=0.7, jitter_high=1.3, hue=0.1,
    sharpen=0.5, interpolation="bilinear",
)  # fmt: skip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws(count: int, seed: int = 0) -> torch.Tensor:
    """The factors that `augmented` draws, in its order: rotation, zoom, x, y, brightness, contrast, saturation, hue."""
    return torch.rand(9, count, generator=generator(seed))


@pytest.mark.parametrize("shape", [(3, 1, 60, 90), (3, 3, 48, 40)])
def test_neutral_strengths_change_nothing(shape: tuple[int, ...]) -> None:
    images = torch.rand(shape, generator=generator())
    # coordinates up to 90 pixels in float32
    tolerance = 90 * torch.finfo(torch.float32).eps
    torch.testing.assert_close(augmented(images.clone(), NONE, generator()), images, atol=tolerance, rtol=0)


@pytest.mark.parametrize("shape", [(4, 1, 60, 90), (4, 1, 64, 64)])
def test_geometry_equals_torchvision(shape: tuple[int, ...]) -> None:
    images = torch.rand(shape, generator=generator(1))
    height, width = shape[2:]
    moved = augmented(images.clone(), replace(PAPER, jitter_low=1.0, jitter_high=1.0, sharpen=0.0), generator())
    for image, out, draw in zip(images, moved, draws(4).T, strict=True):
        signed = 2 * draw - 1
        expected = TF.affine(
            image[None],
            angle=float(signed[0] * 15),
            translate=[float(signed[2] * 0.1 * width), float(signed[3] * 0.1 * height)],
            scale=float(0.9 + 0.2 * draw[1]),
            shear=[0.0, 0.0],
            interpolation=TF.InterpolationMode.BILINEAR,
        )[0]
        torch.testing.assert_close(out, expected, atol=1e-4, rtol=0)  # float32 coordinates up to 90


def moved(images: torch.Tensor, **strengths: float | str) -> torch.Tensor:
    """The images after the affine step alone, by the nearest pixel."""
    return augmented(images.clone(), replace(NONE, interpolation="nearest", **strengths), generator())


def test_nearest_gives_only_pixel_values_of_the_image() -> None:
    """Pixels of 1 to 3,600, each once, and black where the image does not reach; bilinear gives new values."""
    images = torch.arange(1, 3601).view(1, 1, 60, 60) / 4096  # exact in float32
    strengths = {"rotation": 15.0, "translation": 0.1, "scale_low": 0.9, "scale_high": 1.1}
    images = images.expand(6, -1, -1, -1)
    nearest = moved(images, **strengths)
    assert set(nearest.unique().tolist()) <= {0.0, *images.unique().tolist()}
    assert not torch.equal(nearest, images)
    bilinear = augmented(images.clone(), replace(NONE, **strengths), generator())
    assert not set(bilinear.unique().tolist()) <= {0.0, *images.unique().tolist()}


@pytest.mark.parametrize("shape", [(3, 1, 60, 90), (2, 1, 48, 40), (2, 1, 224, 224)])
def test_nearest_without_movement_is_the_image_itself(shape: tuple[int, ...]) -> None:
    images = torch.rand(shape, generator=generator())
    assert torch.equal(moved(images), images)


def test_nearest_by_hand() -> None:
    """Zoomed by two about the centre, rows and columns 1 and 2 of 0 to 3 fill the image, each twice."""
    image = torch.arange(16.0).view(1, 1, 4, 4) / 16
    expected = torch.tensor([[5, 5, 6, 6], [5, 5, 6, 6], [9, 9, 10, 10], [9, 9, 10, 10]]) / 16
    assert torch.equal(moved(image, scale_low=2.0, scale_high=2.0)[0, 0], expected)
    # by bilinear interpolation the output's first row lies at 0.75 of the input's, a quarter of the way from row 1 to 0
    blurred = augmented(image.clone(), replace(NONE, scale_low=2.0, scale_high=2.0), generator())[0, 0]
    torch.testing.assert_close(blurred[0] * 16, torch.tensor([3.75, 4.25, 4.75, 5.25]))


def test_nearest_equals_torchvision_but_where_two_pixels_are_equally_near() -> None:
    images = torch.rand(4, 1, 60, 90, generator=generator(1))
    variants = moved(images, rotation=15.0, translation=0.1, scale_low=0.9, scale_high=1.1)
    for image, out, draw in zip(images, variants, draws(4).T, strict=True):
        signed = 2 * draw - 1
        expected = TF.affine(
            image[None],
            angle=float(signed[0] * 15),
            translate=[float(signed[2] * 0.1 * 90), float(signed[3] * 0.1 * 60)],
            scale=float(0.9 + 0.2 * draw[1]),
            shear=[0.0, 0.0],
            interpolation=TF.InterpolationMode.NEAREST,
        )[0]
        assert (out == expected).float().mean() > 0.999  # float32 coordinates round a few borders to the other side


def test_colour_equals_torchvision_in_our_order() -> None:
    images = torch.rand(5, 3, 12, 16, generator=generator(2))
    strengths = replace(NONE, jitter_low=0.7, jitter_high=1.3, hue=0.1)
    variants = augmented(images.clone(), strengths, generator())
    for image, out, draw in zip(images, variants, draws(5).T, strict=True):
        brightness, contrast, saturation = (float(0.7 + 0.6 * part) for part in draw[4:7])
        expected = TF.adjust_contrast(TF.adjust_brightness(image, brightness), contrast)
        expected = TF.adjust_hue(TF.adjust_saturation(expected, saturation), float((2 * draw[7] - 1) * 0.1))
        # torchvision's gray weights are 0.2989, 0.587, 0.114, ours the exact 0.299
        torch.testing.assert_close(out, expected, atol=3e-4, rtol=0)


def test_gray_and_equal_colour_channels_agree() -> None:
    gray = torch.rand(6, 1, 20, 20, generator=generator(3))
    variants = augmented(gray.clone(), PAPER, generator())
    colour = augmented(gray.expand(-1, 3, -1, -1).clone(), PAPER, generator())
    torch.testing.assert_close(colour, variants.expand(-1, 3, -1, -1), atol=1e-5, rtol=0)


def test_sharpening_is_the_papers_formula() -> None:
    image = torch.zeros(1, 1, 5, 5)
    image[0, 0, 2, 2] = 0.4
    image[0, 0, 0, 0] = 0.4
    sharpened = augmented(image.clone(), replace(NONE, sharpen=1.0), generator())[0, 0]
    assert sharpened[2, 2] == pytest.approx(2 * 0.4 - 0.4 / 9)
    assert sharpened[0, 0] == pytest.approx(2 * 0.4 - 0.4 / 4)  # the corner has 4 of the 9 pixels
    assert sharpened[2, 3] == 0  # 0 - 0.4 / 9, clamped


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=gpu)])
def test_mean_3x3_equals_pooling(device: str) -> None:
    images = torch.rand(2, 3, 7, 11, generator=generator())
    pooled = torch.nn.functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    torch.testing.assert_close(mean_3x3(images.to(device)).cpu(), pooled, atol=1e-6, rtol=0)


def test_hue_goes_round_the_circle() -> None:
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    for shift, expected in ((1 / 3, [0.0, 1, 0]), (-1 / 3, [0, 0, 1.0]), (1 / 6, [1.0, 1, 0])):
        shifted = hue_shifted(red, torch.full((1, 1, 1, 1), shift)).flatten()
        torch.testing.assert_close(shifted, torch.tensor(expected), atol=1e-5, rtol=0)


def test_draws_cover_their_ranges_and_stay_in_range() -> None:
    images = torch.full((400, 1, 16, 16), 0.5)
    means = augmented(images, replace(NONE, jitter_low=0.7, jitter_high=1.3), generator()).mean(dim=(1, 2, 3))
    # Only brightness changes a flat image: uniform on 0.35 to 0.65, with standard deviation 0.3 / sqrt(12).
    assert means.min() >= 0.35
    assert means.max() <= 0.65
    assert abs(means.mean() - 0.5) < 4 * 0.3 / math.sqrt(12 * 400)
    assert means.std() == pytest.approx(0.3 / math.sqrt(12), rel=0.1)
    strong = augmented(torch.rand(8, 1, 32, 32, generator=generator()), PAPER, generator())
    assert 0 <= strong.min() <= strong.max() <= 1


def test_equal_generators_give_equal_variants_and_each_image_its_own() -> None:
    images = torch.rand(1, 1, 24, 24, generator=generator()).repeat(3, 1, 1, 1)
    one, two = (augmented(images.clone(), PAPER, generator(5)) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.allclose(one[0], one[1])
    assert not torch.equal(one, augmented(images.clone(), PAPER, generator(6)))


def test_uint8_becomes_three_equal_channels() -> None:
    gray = torch.tensor([[[0, 255], [51, 102]]], dtype=torch.uint8)
    unit = unit_images(gray)
    torch.testing.assert_close(unit, torch.tensor([[[[0, 1], [0.2, 0.4]]]]))
    assert three_channels(unit).shape == (1, 3, 2, 2)
    assert three_channels(unit).is_contiguous(memory_format=torch.channels_last)
    colour = torch.arange(12, dtype=torch.uint8).view(1, 2, 2, 3)
    torch.testing.assert_close(unit_images(colour)[0, 1], torch.tensor([[1, 4], [7, 10]]) / 255)
    assert luminance(unit) is unit


@pytest.mark.parametrize(
    ("change", "message"),
    [({"scale_low": 0.0}, "scale_low"), ({"jitter_high": 0.1}, "jitter_low"), ({"hue": 0.6}, "hue"),
     ({"sharpen": 1.5}, "sharpen"), ({"rotation": 200.0}, "rotation")],
)  # fmt: skip
def test_impossible_strengths_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PAPER, **change)
