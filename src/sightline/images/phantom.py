"""A synthetic chest X-ray whose lungs and opacities are known to the pixel.

Nothing here models physics: it is the simplest image in which the study's question has an answer.
Coordinates: u (column) and v (row) run from -0.5 to 0.5 over the image, so that it looks the same at any size; only the
grain of the pixel noise depends on the size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sightline.statistics.streams import stream

# Grey levels before exposure, in [0, 1]: air around the patient, soft tissue, lung, heart and abdomen.
AIR, TISSUE, LUNG, HEART, ABDOMEN = 0.04, 0.50, 0.20, 0.62, 0.64

# The shortcut's token: centre (u, v), beside the neck where no lung reaches, and half of its side.
TOKEN_U, TOKEN_V, TOKEN_HALF = -0.39, -0.41, 0.045


@dataclass(frozen=True, kw_only=True)
class PhantomImage:
    """One synthetic radiograph and its truth."""

    image: np.ndarray
    """uint8 H x W."""
    opacities: np.ndarray
    """bool K x H x W, one mask per opacity, inside the lungs; K = 0 for a normal image."""
    lungs: np.ndarray
    """bool H x W, both lung fields without heart and mediastinum."""
    shortcut_marked: bool
    """Whether a token outside the lungs betrays the label."""


def phantom_image(seed: int, number: int, label: int, height: int, width: int, shortcut: float) -> PhantomImage:
    """Radiograph `number` of the study `seed`, with pneumonia if `label` is 1.

    `height` and `width` are pixels (64 to 512 look right). `shortcut` in [0, 1] is the probability that an image
    with pneumonia carries a bright token beside the neck; normal images never do, so the token betrays the label.
    The anatomy, the film's noise and the exposure depend on `seed` and `number` alone: with label 0 the same number is
    the same patient, healthy. An image does not depend on how many others are made.
    """
    # one stream per concern: the anatomy cannot depend on what is drawn for the label
    anatomy, film = stream(seed, "phantom", "anatomy", number), stream(seed, "phantom", "film", number)
    u, v = _body_coordinates(anatomy, height, width)
    picture, lung_air, lungs = _draw_chest(anatomy, u, v)
    alphas = np.zeros((0, height, width), np.float32)
    if label:
        alphas = _opacity_alphas(stream(seed, "phantom", "opacities", number), u, v)
        density = np.clip(1 - np.prod(1 - alphas, axis=0), 0, 1) * lung_air
        picture = picture + density * (HEART - 0.04 - LUNG)
    picture = _expose(film, picture)
    draw = stream(seed, "phantom", "shortcut", number).random()
    marked = bool(label) and draw < shortcut
    if marked:
        picture = _with_token(picture)
    image = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    opacities = (alphas > 0.25) & lungs
    return PhantomImage(image=image, opacities=opacities[opacities.any((1, 2))], lungs=lungs, shortcut_marked=marked)


def _soft(distance: np.ndarray, width: float) -> np.ndarray:
    """A smooth step from 0 to 1 as `distance` rises through 0, about 4 `width`s wide."""
    return 1 / (1 + np.exp(np.minimum(-distance / width, 30)))


def _body_coordinates(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """u and v, float H x W, in the patient's frame: shift, tilt and scale vary from image to image."""
    rows, cols = (np.arange(height) + 0.5) / height - 0.5, (np.arange(width) + 0.5) / width - 0.5
    v, u = np.meshgrid(rows.astype(np.float32), cols.astype(np.float32), indexing="ij")  # float32: twice as fast
    shift_u, shift_v = rng.uniform(-0.025, 0.025, 2).tolist()
    tilt = math.radians(rng.uniform(-4, 4))
    scale_u, scale_v = rng.uniform(0.95, 1.07, 2).tolist()
    turned_u, turned_v = u * math.cos(tilt) + v * math.sin(tilt), v * math.cos(tilt) - u * math.sin(tilt)
    return (turned_u - shift_u) / scale_u, (turned_v - shift_v) / scale_v


def _draw_chest(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The healthy chest's grey levels, the share of lung at each pixel, in [0, 1], and the lung fields (bool)."""
    shoulder = -0.40 + rng.uniform(-0.02, 0.02) + 0.9 * np.maximum(np.abs(u) - 0.13, 0) ** 1.6
    side = 0.455 + rng.uniform(-0.02, 0.02) - 0.05 * np.exp(-((v - 0.12) ** 2) / 0.03)
    body = _soft(v - shoulder, 0.010) * _soft(side - np.abs(u), 0.008)
    neck = _soft(0.11 - np.abs(u), 0.012)
    picture = AIR + (TISSUE - AIR) * np.maximum(body, neck)

    air = np.zeros_like(u)
    for sign in (-1, 1):  # -1: the patient's right lung, at the image's left, a little larger
        half_width = 0.168 + rng.uniform(-0.012, 0.012) - 0.010 * (sign > 0) + 0.10 * np.clip(v, -0.4, 0.3)
        across = (u - sign * (0.205 + 0.02 * np.clip(v, -0.4, 0.3))) / half_width
        along = (v - 0.03) / (0.40 + rng.uniform(-0.02, 0.02))
        field = 1 - np.abs(across) ** 2.4 - np.abs(along) ** 2.4
        dome = 0.25 + rng.uniform(-0.025, 0.025) + 0.02 * (sign > 0) + 2.6 * (u - sign * 0.17) ** 2
        air = np.maximum(air, _soft(field, 0.06) * _soft(dome - v, 0.009))
    abdomen = _soft(v - 0.27 - 1.2 * (np.abs(u) - 0.18) ** 2, 0.03) * body
    picture = picture + (ABDOMEN - TISSUE) * abdomen

    tilt = rng.uniform(0.6, 0.9)  # the heart's long axis points down to the image's right
    heart_u, heart_v = u - 0.055 - rng.uniform(-0.015, 0.015), v - 0.14 - rng.uniform(-0.02, 0.02)
    along = heart_u * math.cos(tilt) + heart_v * math.sin(tilt)
    across = heart_v * math.cos(tilt) - heart_u * math.sin(tilt)
    heart = _soft(1 - (along / rng.uniform(0.19, 0.23)) ** 2 - (across / rng.uniform(0.11, 0.135)) ** 2, 0.09)
    aorta = 0.030 * np.exp(-((v + 0.16) ** 2) / 0.003) * (u > 0)
    vessels = 0.050 + aorta + 0.025 * np.exp(-((v + 0.02) ** 2) / 0.01) + rng.uniform(-0.008, 0.008)
    middle = np.maximum(heart, _soft(vessels - np.abs(u), 0.010) * body)
    lung_air = air * (1 - middle)
    picture = picture * (1 - lung_air) + LUNG * lung_air
    picture = picture + (HEART - TISSUE) * middle * (1 - abdomen) * body

    picture = picture + _hila(rng, u, v, lung_air) + 0.05 * lung_air * _cloud(rng, u, v, 9)
    return picture + _bones(rng, u, v, body, lung_air), lung_air, lung_air > 0.5


def _bones(rng: np.random.Generator, u: np.ndarray, v: np.ndarray, body: np.ndarray, air: np.ndarray) -> np.ndarray:
    """The grey level that ribs, clavicles and spine add."""
    away = np.abs(u)
    spacing, phase = rng.uniform(0.072, 0.088), rng.uniform(0, 1)
    bow = rng.uniform(1.6, 2.2)
    behind = v + 0.55 * away - bow * np.maximum(away - 0.12, 0) ** 2 * 3  # ribs leave the spine upwards, then fall
    before = v - 0.75 * away
    ribs = np.exp(4 * (np.cos(2 * np.pi * (behind / spacing + phase)) - 1))
    fronts = np.exp(5 * (np.cos(2 * np.pi * (before / (1.25 * spacing) + phase)) - 1))
    cage = body * _soft(away - 0.05, 0.01) * _soft(0.43 - away, 0.01) * _soft(0.27 - v, 0.02) * _soft(v + 0.36, 0.02)
    ribs = 0.10 * ribs + 0.045 * fronts * _soft(away - 0.12, 0.02)
    added = cage * rng.uniform(0.8, 1.2) * ribs * (0.45 + 0.55 * air)
    lift = rng.uniform(0.10, 0.22)
    clavicle = v - (-0.285 - lift * (away - 0.05) + 0.35 * (away - 0.05) ** 2 - 0.02 * np.sin(9 * away))
    collar = body * _soft(away - 0.03, 0.008) * _soft(0.36 - away, 0.01)
    added = added + 0.13 * np.exp(-((clavicle / 0.014) ** 2)) * collar
    discs = 0.75 + 0.25 * np.cos(2 * np.pi * (v / 0.062 + rng.uniform(0, 1)))
    return added + 0.085 * discs * _soft(0.042 - away, 0.006) * body


def _hila(rng: np.random.Generator, u: np.ndarray, v: np.ndarray, air: np.ndarray) -> np.ndarray:
    """The grey level that vessels add at their roots beside the heart and along branches, in healthy lungs too."""
    added = np.zeros_like(u)
    for sign in (-1, 1):
        du, dv = sign * u - 0.10, v + 0.01 + 0.02 * sign + rng.uniform(-0.02, 0.02)
        far = np.hypot(du, dv)
        rays = np.square(np.cos(int(rng.integers(9, 13)) * np.arctan2(dv, du) + 14 * far + rng.uniform(0, 6.28)))
        root = rng.uniform(0.10, 0.16) * np.exp(-((far / 0.065) ** 2))
        added = added + root + 0.07 * np.square(rays) * np.exp(-far / 0.09)
    return added * air


def _cloud(rng: np.random.Generator, u: np.ndarray, v: np.ndarray, knots: int) -> np.ndarray:
    """Smooth noise of mean 0 and standard deviation about 1: `knots` x `knots` normal values, interpolated."""
    values = rng.standard_normal((knots, knots), dtype=np.float32)
    rows, cols = (np.clip((axis + 0.5) * (knots - 1), 0, knots - 1.001) for axis in (v, u))
    row, col = rows.astype(int), cols.astype(int)
    down, right = rows - row, cols - col
    down, right = down * down * (3 - 2 * down), right * right * (3 - 2 * right)
    upper = values[row, col] * (1 - right) + values[row, col + 1] * right
    lower = values[row + 1, col] * (1 - right) + values[row + 1, col + 1] * right
    return upper * (1 - down) + lower * down


def _opacity_alphas(rng: np.random.Generator, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Density of each opacity, float K x H x W in [0, 1]: one lobar consolidation, two, or several patches."""
    kind = rng.choice(3, p=[0.45, 0.2, 0.35])
    num_opacities = (1, 2, int(rng.integers(3, 6)))[kind]
    low, high = ((0.11, 0.16), (0.08, 0.12), (0.055, 0.085))[kind]
    density = rng.uniform(0.6, 0.95)
    first = int(rng.choice([-1, 1]))
    alphas = []
    for place in range(num_opacities):
        sign = first * (-1) ** place  # both lungs in turn
        centre_u, centre_v = sign * rng.uniform(0.15, 0.28), rng.uniform(-0.24, 0.2)
        radius, stretch = rng.uniform(low, high), rng.uniform(0.8, 1.5)
        du, dv = u - centre_u, v - centre_v
        angle = np.arctan2(dv, du)
        lobes, turns = rng.uniform(0, 0.12, 3).tolist(), rng.uniform(0, 6.28, 3).tolist()
        waves = [lobe * np.cos(k * angle + turn) for k, lobe, turn in zip((2, 3, 4), lobes, turns, strict=True)]
        wobble = 1 + sum(waves)
        inside = radius * wobble - np.hypot(du, dv / stretch)
        texture = 1 + 0.18 * _cloud(rng, u, v, 13)
        alphas.append(np.clip(_soft(inside, 0.012) * density * texture, 0, 1))
    return np.stack(alphas)


def _expose(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """The film: gradient, gamma, gain, offset and grain, all varying from image to image."""
    height, width = picture.shape
    slope_v, slope_u = rng.uniform(-0.06, 0.06, 2).tolist()
    rows = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    cols = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    gain, gamma, offset = rng.uniform(0.95, 1.25), rng.uniform(0.85, 1.2), rng.uniform(-0.02, 0.06)
    grain = rng.uniform(0.01, 0.03)
    exposed = gain * np.clip(picture * (1 + slope_v * rows + slope_u * cols), 0, None) ** gamma + offset
    return exposed + grain * rng.standard_normal((height, width), dtype=np.float32)


def _with_token(picture: np.ndarray) -> np.ndarray:
    """`picture` with a bright letter L, fixed to the film and not to the patient."""
    height, width = picture.shape
    v, u = (np.arange(height) + 0.5) / height - 0.5 - TOKEN_V, (np.arange(width) + 0.5) / width - 0.5 - TOKEN_U
    half, thick = TOKEN_HALF, 0.6 * TOKEN_HALF
    box = (np.abs(v)[:, None] <= half) & (np.abs(u)[None, :] <= half)
    letter = box & ((v[:, None] >= half - thick) | (u[None, :] <= thick - half))
    return np.where(letter, 1.0, picture)
