"""The authors' own maps and consensus regions, scored by this library, give the IoUs that their figures print."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.alignment.iou_and_pointing import chance_pointing, iou, pointing, threshold_counts
from sightline.experts.masks import shrunk_and_saved
from sightline.formats.mask_png import png_mask
from sightline.maps import is_flat, scaled_maps
from sightline.statistics.exact_tests import grouped_pointing_p, hit_rate_interval
from sightline.statistics.significance import sign_flip_p

CASES = Path(__file__).parents[2] / "shared" / "data" / "paper-cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the authors' published figures are not on this machine")

FIGURES_THRESHOLD = 0.765  # of the figures, found by whoever recovered the maps; the paper's tables use 0.5
TOLERANCE = 0.011  # half a unit of the printed two decimals, and what the recovery of the maps loses


def pictures(folder: str, names: list[str]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(CASES / folder / f"{name}.png").convert("L")) for name in names])


def test_the_published_regions_are_read_as_they_are() -> None:
    """White of 255 at the grid's own size: nothing is refused, moved or saved."""
    paths = sorted((CASES / "consensus").glob("*.png"))
    assert len(paths) == 16
    for path in paths:
        inside_HW, _ = png_mask(path)
        np.testing.assert_array_equal(inside_HW, pictures("consensus", [path.stem])[0] > 128)
        got_HW, num_saved = shrunk_and_saved(inside_HW, 224, 224)
        np.testing.assert_array_equal(got_HW, inside_HW)
        assert num_saved == 0


@pytest.mark.parametrize("model", ["vgg16", "resnet50"])
def test_printed_ious_of_the_papers_figures(model):
    cases = pd.read_csv(CASES / "cases.csv")
    names = [Path(image).stem for image in cases["image"]]
    masks = pictures("consensus", names) > 127
    np.testing.assert_array_equal(masks.sum(axis=(1, 2)), cases["consensus_pixels"])
    maps = scaled_maps(pictures(f"cam-{model}", names).astype(np.float32) / 255, 224, 224)
    assert not is_flat(maps).any()
    map_pixels, shared = threshold_counts(maps, masks, np.array([FIGURES_THRESHOLD]))
    values = iou(shared[:, 0], map_pixels[:, 0], masks.sum(axis=(1, 2)))
    np.testing.assert_allclose(values, cases[f"printed_iou_{model}"], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    ("model", "hits", "flipped", "exact"), [("vgg16", 3, 0.126, 0.017), ("resnet50", 1, 0.503, 0.324)]
)
def test_hits_of_the_papers_maps_by_sign_flips_and_exactly(model, hits, flipped, exact):
    """16 images of 14 patients. Sign flips give about 2 ** -hits; the exact test uses the chance, 2.4% on average."""
    cases = pd.read_csv(CASES / "cases.csv")
    names = [Path(image).stem for image in cases["image"]]
    masks = pictures("consensus", names) > 127
    maps = scaled_maps(pictures(f"cam-{model}", names).astype(np.float32) / 255, 224, 224)
    inside, chances = pointing(maps, masks), chance_pointing(masks.mean(axis=(1, 2)))
    assert inside.sum() == hits
    patients = cases["image"].str.extract(r"^(person\d+)_")[0].to_numpy()
    flips = sign_flip_p(inside - chances, patients, 2**14, np.random.default_rng(0))
    assert flips == pytest.approx(flipped, abs=5e-3)  # 10,000 drawn flips gave the printed number
    assert flips == pytest.approx(2.0**-hits, abs=5e-3)
    assert grouped_pointing_p(inside, chances, patients) == pytest.approx(exact, abs=5e-4)
    low, high = hit_rate_interval(inside, patients, 0.95)
    assert 0 < low < hits / 16 < high
