"""The report's pictures: X-rays with the consensus, the maps and their binarised regions drawn over them.

M images, H W image grid, h w tile grid. Tiles are RGB uint8, encoded as JPEG data URIs.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from PIL import Image

from sightline.report.contents import Tile
from sightline.report.html import paragraph, picture_rows
from sightline.report.viewer import Film
from sightline.report.words import method_words

TILE = 176  # pixels of a tile's longer side
CONSENSUS_COLOUR = (64, 212, 255)  # drawn thick with a dark rim to stand out on gray and on every colour of the map
MAP_COLOUR = (255, 255, 255)
SHADES = 255 * colormaps["inferno"](np.arange(256))[:, :3]  # of the map from 0 to 1
OPACITY = 0.6  # of the map where it is 1


def strip(rows: Sequence[tuple[str, Sequence[Tile]]], threshold: float) -> str:
    """HTML of a few films, for print and for browsers without scripts; nothing without one."""
    if not rows:
        return ""
    words = (
        f"{len(rows)} films, evenly spaced from the best to the worst mean IoU of all models, not chosen by eye. Blue: "
        f"the experts' region. Colours: the map, brightest at its maximum; white: where it reaches {threshold:g}."
    )
    return "".join([paragraph(words, "note"), *picture_rows(rows)])


def film_rows(films: Iterable[Film], methods: Mapping[str, str], threshold: float) -> list[tuple[str, list[Tile]]]:
    """Each film with its X-ray, its region and every model's map, with the score `iou` of its marks.

    `methods`: key of each model's method. A film without pixels is black; a model without a map of it has no tile.
    """
    rows: list[tuple[str, list[Tile]]] = []
    for film in films:
        pixels = film.pixels
        if pixels is None:
            pixels = np.zeros(next(iter(film.maps.values())).shape, np.uint8)
        image, region = film.name, film.consensus_HW
        row = [(data_uri(tile(pixels)), f"X-ray {image}", "X-ray"),
               (data_uri(tile(pixels, region)), f"consensus on {image}", "consensus")]  # fmt: skip
        for model, map_HW in film.maps.items():
            words, mark = method_words(methods[model]), film.marks.get(model)
            iou = f", IoU {mark.scores['iou']:.2f}" if mark and "iou" in mark.scores else ""
            overlay = data_uri(tile(pixels, region, map_HW, threshold))
            row.append((overlay, f"{words} of {model} on {image}{iou}", f"{model}\n{words}{iou}"))
        rows.append((image, row))
    return rows


def pair_tiles(image: str, picture: np.ndarray, words: str, mask_HW: np.ndarray, random_HW: np.ndarray) -> list[Tile]:
    """An annotation, which `words` name, and a random mask on the same image."""
    return [
        (data_uri(filled(picture, mask_HW)), f"{words} of {image}", words),
        (data_uri(filled(picture, random_HW)), f"random mask on {image}", "random mask of the same area"),
    ]


def spread_images(alignment: pd.DataFrame, count: int) -> list[str]:
    """Up to `count` image names, evenly spaced from the highest to the lowest mean IoU over models and methods.

    Both ends are included (one image: the highest), so the pictures show neither the best only nor the worst only.
    `alignment` has `image` and `iou`; images without an IoU are left out; ties are in order of name.
    """
    means = alignment.groupby("image")["iou"].mean().dropna().reset_index()
    ranked = means.sort_values(["iou", "image"], ascending=[False, True])["image"].tolist()
    if len(ranked) <= count:
        return ranked
    return [ranked[place] for place in np.linspace(0, len(ranked) - 1, count).round().astype(int)]


def tile(
    image: np.ndarray, consensus_HW: np.ndarray | None = None, map_HW: np.ndarray | None = None, threshold: float = 0.5
) -> np.ndarray:
    """RGB uint8 h x w x 3: the X-ray, over it `map_HW` in colour, the outlines of its binarised region and consensus.

    `image` uint8 H x W or H x W x 3; `map_HW` in [0, 1], binarised at `>= threshold`; without a map or consensus,
    the X-ray alone. An empty region has no outline.
    """
    height, width = image.shape[:2]
    scale = TILE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = np.asarray(Image.fromarray(image).convert("RGB").resize(size, Image.Resampling.BILINEAR), np.float32)
    if map_HW is not None:
        small = np.asarray(Image.fromarray(map_HW.astype(np.float32)).resize(size, Image.Resampling.BILINEAR))
        alpha = OPACITY * np.clip(small, 0, 1)[..., None]
        level = np.minimum((np.clip(small, 0, 1) * len(SHADES)).astype(int), len(SHADES) - 1)
        picture = picture * (1 - alpha) + SHADES.take(level, axis=0) * alpha
        picture = np.where(edge(_resized(map_HW >= threshold, size), 1)[..., None], MAP_COLOUR, picture)
    if consensus_HW is not None:
        region = _resized(consensus_HW, size)
        picture = np.where(edge(region, 3)[..., None], (0, 0, 0), picture)
        picture = np.where(edge(region, 2)[..., None], CONSENSUS_COLOUR, picture)
    return np.clip(picture, 0, 255).astype(np.uint8)


def filled(image: np.ndarray, mask_HW: np.ndarray) -> np.ndarray:
    """The X-ray as in `tile`, with `mask_HW` tinted and outlined."""
    return tile(image, mask_HW, 0.55 * mask_HW.astype(np.float32), threshold=np.inf)


def edge(mask_hw: np.ndarray, pixels: int) -> np.ndarray:
    """The inner border of a mask, `pixels` wide (4-neighbours); the image's own border does not count as an edge."""
    inside = mask_hw
    for _ in range(pixels):
        all_hw = inside.copy()
        all_hw[1:] &= inside[:-1]
        all_hw[:-1] &= inside[1:]
        all_hw[:, 1:] &= inside[:, :-1]
        all_hw[:, :-1] &= inside[:, 1:]
        inside = all_hw
    return mask_hw & ~inside


def data_uri(tile_hw3: np.ndarray) -> str:
    """The tile as a JPEG data URI; the same pixels give the same text."""
    encoded = io.BytesIO()
    Image.fromarray(tile_hw3).save(encoded, "JPEG", quality=76)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")


def _resized(mask_HW: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The mask on the tile's grid: pixels of which at least half is inside, by interpolation."""
    gray = Image.fromarray(np.where(mask_HW, 255, 0).astype(np.uint8))
    return np.asarray(gray.resize(size, Image.Resampling.BILINEAR)) >= 128
