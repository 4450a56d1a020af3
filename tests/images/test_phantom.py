"""The phantom's truth, its independence of label and count, and what the shortcut betrays."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from sightline.images.phantom import TOKEN_HALF, TOKEN_U, TOKEN_V, phantom_image


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 128), (96, 160), (224, 224)])
def test_truth_fits_the_image(height: int, width: int) -> None:
    for number in range(12):
        item = phantom_image(0, number, 1, height, width, 0.0)
        assert item.image.shape == item.lungs.shape == item.opacities.shape[1:] == (height, width)
        assert item.image.dtype == np.uint8
        assert item.opacities.dtype == item.lungs.dtype == bool
        assert len(item.opacities) >= 1
        assert item.opacities.any(axis=(1, 2)).all()
        assert not (item.opacities & ~item.lungs).any()
        assert 0.2 < item.lungs.mean() < 0.45
        assert phantom_image(0, number, 0, height, width, 0.0).opacities.shape == (0, height, width)


def test_the_same_call_gives_the_same_bytes_and_others_do_not() -> None:
    one, again = phantom_image(7, 3, 1, 64, 64, 0.5), phantom_image(7, 3, 1, 64, 64, 0.5)
    np.testing.assert_array_equal(one.image, again.image)
    np.testing.assert_array_equal(one.opacities, again.opacities)
    for seed, number in ((8, 3), (7, 4)):
        other = phantom_image(seed, number, 1, 64, 64, 0.5)
        assert (other.lungs != one.lungs).any()


def test_the_label_changes_the_opacities_alone() -> None:
    for number in range(10):
        ill, well = phantom_image(0, number, 1, 96, 96, 0.0), phantom_image(0, number, 0, 96, 96, 0.0)
        np.testing.assert_array_equal(ill.lungs, well.lungs)
        brighter = ill.image.astype(int) - well.image
        assert brighter.min() >= 0  # consolidation only adds
        assert brighter[ill.opacities.any(axis=0)].mean() > 25
        # the soft edge reaches a little beyond the mask and the lung's border, nothing else moves
        assert brighter[~ill.lungs].mean() < 1.5


def test_opacities_are_visible_but_not_given_away() -> None:
    """Mean brightness tells the labels apart better than chance, but far from surely: there is something to learn."""
    labels = np.arange(400) % 2
    items = [phantom_image(1, number, int(label), 64, 64, 0.0) for number, label in enumerate(labels)]
    mean = np.array([item.image.mean() for item in items])
    ill, well = mean[labels == 1], mean[labels == 0]
    auroc = (ill[:, None] > well[None, :]).mean()
    assert 0.5 < auroc < 0.75
    contrast = [
        item.image[item.opacities.any(axis=0)].mean() - item.image[item.lungs & ~item.opacities.any(axis=0)].mean()
        for item, label in zip(items, labels, strict=True)
        if label
    ]
    assert np.mean(np.array(contrast) > 15) > 0.9


def test_sizes_show_the_same_chest() -> None:
    for number in range(5):
        small, large = phantom_image(0, number, 1, 64, 64, 0.0), phantom_image(0, number, 1, 256, 256, 0.0)
        for one, other in ((small.lungs, large.lungs), (small.opacities.any(0), large.opacities.any(0))):
            other = other.reshape(64, 4, 64, 4).mean(axis=(1, 3)) > 0.5
            assert (one & other).sum() / (one | other).sum() > 0.9


def test_kinds_and_sides_of_opacities_all_occur() -> None:
    items = [phantom_image(0, number, 1, 64, 64, 0.0) for number in range(200)]
    numbers = np.array([len(item.opacities) for item in items])
    assert (numbers == 1).mean() > 0.3
    assert (numbers >= 3).mean() > 0.2
    left = np.mean([item.opacities.any(0)[:, :32].any() for item in items])
    right = np.mean([item.opacities.any(0)[:, 32:].any() for item in items])
    assert min(left, right) > 0.5
    share = np.array([item.opacities.any(0).mean() for item in items])
    assert 0.05 < share.mean() < 0.10


def token_brightness(shortcut: float) -> tuple[np.ndarray, np.ndarray, list]:
    """Brightness of the corner beside the neck, which lies outside every lung, and the labels."""
    labels = np.arange(300) % 2
    items = [phantom_image(5, number, int(label), 64, 64, shortcut) for number, label in enumerate(labels)]
    first_row, first_col = ((place - TOKEN_HALF + 0.5) * 64 for place in (TOKEN_V, TOKEN_U))
    corner = tuple(slice(math.floor(first), math.ceil(first + 2 * TOKEN_HALF * 64)) for first in (first_row, first_col))
    assert not any(item.lungs[corner].any() for item in items)
    return np.array([item.image[corner].max() for item in items]), labels, items


def test_shortcut_1_betrays_every_label_outside_the_lungs() -> None:
    brightness, labels, items = token_brightness(1.0)
    assert [item.shortcut_marked for item in items] == (labels == 1).tolist()
    assert brightness[labels == 1].min() > brightness[labels == 0].max()


def test_shortcut_0_plants_nothing() -> None:
    brightness, labels, items = token_brightness(0.0)
    assert not any(item.shortcut_marked for item in items)
    # two-sided Mann-Whitney by its normal approximation: 4.4 standard deviations is one in 100,000
    ill, well = brightness[labels == 1].astype(int), brightness[labels == 0].astype(int)
    auroc = (ill[:, None] > well[None, :]).mean() + 0.5 * (ill[:, None] == well[None, :]).mean()
    assert abs(auroc - 0.5) < 4.4 * np.sqrt(301 / (12 * 150 * 150))
    again = [phantom_image(5, number, 1, 64, 64, 0.0).image for number in range(3)]
    marked = [phantom_image(5, number, 1, 64, 64, 1.0) for number in range(3)]
    for plain, other in zip(again, marked, strict=True):
        changed = plain != other.image
        assert changed.any()
        assert not (changed & other.lungs).any()  # the token changes nothing in the lungs


def test_shortcut_half_marks_about_half_of_the_ill() -> None:
    _, labels, items = token_brightness(0.5)
    marked = np.array([item.shortcut_marked for item in items])
    assert not marked[labels == 0].any()
    assert 0.34 < marked[labels == 1].mean() < 0.66  # 150 draws: four standard deviations


def test_speed() -> None:
    start = time.process_time()
    for number in range(40):
        phantom_image(0, number, number % 2, 128, 128, 0.0)
    assert (time.process_time() - start) / 40 < 0.025  # 4 ms on a quiet core
