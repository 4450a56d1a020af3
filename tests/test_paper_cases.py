"""The authors' own maps and consensus regions, scored by this library, give the IoUs that their figures print."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.alignment.iou_and_pointing import iou, threshold_counts
from sightline.maps import is_flat, scaled_maps

CASES = Path(__file__).parents[2] / "shared" / "data" / "paper-cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the authors' published figures are not on this machine")

FIGURES_THRESHOLD = 0.765  # of the figures, found by whoever recovered the maps; the paper's tables use 0.5
TOLERANCE = 0.011  # half a unit of the printed two decimals, and what the recovery of the maps loses


def pictures(folder: str, names: list[str]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(CASES / folder / f"{name}.png").convert("L")) for name in names])


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
