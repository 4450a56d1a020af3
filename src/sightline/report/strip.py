"""The films of the first screen: the same few for every model, chosen by a rule.

M films, H W image grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from sightline.report.contents import Strip
from sightline.report.gallery import data_uri, tile

WITHOUT_OUTLINE = math.inf  # a threshold that no map reaches
QUARTILES = (0.75, 0.5, 0.25)
RULE = (
    "the same films for every model, nearest to the upper quartile, median and lower quartile of the models' mean IoU"
)


def quartile_images(scores: pd.DataFrame) -> list[str]:
    """Up to three images, at the quartiles of the mean IoU over models and methods, the best first; ties by name.

    `scores` has `image` and `iou`; images without an IoU are left out.
    """
    means = scores.groupby("image")["iou"].mean().dropna().reset_index()
    ranked = means.sort_values(["iou", "image"], ascending=[True, True])["image"].tolist()
    places = [math.floor(share * (len(ranked) - 1) + 0.5) for share in QUARTILES] if ranked else []
    return [ranked[place] for place in dict.fromkeys(places)]


def strip_of(films: Iterable[tuple[str, np.ndarray, np.ndarray, Mapping[str, np.ndarray]]]) -> Strip:
    """The drawn films. Each is a name, pixels uint8 H x W (x 3), a region bool H x W, and by model a map in [0, 1]."""
    images: list[str] = []
    regions: list[str] = []
    maps: dict[str, list[str]] = {}
    for image, film, region_HW, by_model in films:
        images.append(image)
        regions.append(data_uri(tile(film, region_HW)))
        for model, map_HW in by_model.items():
            maps.setdefault(model, []).append(data_uri(tile(film, region_HW, map_HW, WITHOUT_OUTLINE)))
    return Strip(images=images, regions=regions, maps=maps)


def films_of(strip: Strip, model: str) -> list[tuple[str, str]]:
    """The films with a model's maps, each with its alternative text; [] where it has none."""
    uris = strip.maps.get(model, ())
    return [(uri, f"map of {model} on {image}") for uri, image in zip(uris, strip.images, strict=False)]


def region_films(strip: Strip, experts: str) -> list[tuple[str, str]]:
    """The same films with the regions alone."""
    films = zip(strip.regions, strip.images, strict=True)
    return [(uri, f"region of the {experts} on {image}") for uri, image in films]
