"""A film of the viewer as the browser reads it: picture, masks and maps, small enough to lie inside the page.

H W image grid. A mask is its pixels in raster order, eight to a byte (the first is the highest bit); a map is one byte
per pixel, its level, stored as the difference from the pixel to its left, which compresses better. Both are deflated
(zlib) and written in base64. `viewer/decode.js` reads them.
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

LEVELS = 100  # steps of the threshold between 0 and 1
PICTURE = 512  # pixels of a film's longer side, at most; masks and maps stay on the image grid
QUALITY = 88  # of the film's JPEG, which is looked at and never measured
EFFORT = 4  # of the compression: 5 takes 1.4 to 1.8 times as long for 4% to 6% fewer bytes, 6 three times for 4% to 8%


def map_levels(map_HW: np.ndarray) -> np.ndarray:
    """uint8 H x W in 0 to 100: how many of the thresholds 0.01, 0.02, ... 1.00 the map reaches at each pixel.

    So `map >= k / 100` is `level >= k`, at every k: the thresholds are rounded to the map's dtype, as NumPy compares
    (`alignment.iou_and_pointing.threshold_counts`). `map_HW`: float32 or float64 in [0, 1]; a flat map, which is 0, has
    level 0; level 100 is the map's maximum alone.
    """
    thresholds_T = (np.arange(1, LEVELS + 1) / LEVELS).astype(map_HW.dtype)
    # A product misses by one level at most, where it is rounded across a threshold; two comparisons put that right.
    near_HW = np.clip((map_HW * LEVELS).astype(np.uint8), 1, LEVELS - 1)
    below_HW, above_HW = map_HW < thresholds_T[near_HW - 1], map_HW >= thresholds_T[near_HW]
    return np.asarray(near_HW + above_HW - below_HW, np.uint8)


def packed_levels(map_HW: np.ndarray) -> str:
    """The levels of a map; a film without a row or column raises ValueError."""
    levels_HW = map_levels(map_HW)
    if not levels_HW.size:
        raise ValueError(f"a map of {map_HW.shape} pixels")
    return _deflated(np.diff(levels_HW, axis=1, prepend=np.uint8(0)).tobytes())  # modulo 256


def packed_mask(mask_HW: np.ndarray) -> str:
    """A mask's bits."""
    return _deflated(np.packbits(mask_HW.astype(bool)).tobytes())


def picture_uri(pixels: np.ndarray) -> str:
    """The film as a JPEG data URI, made smaller where its longer side is beyond 512 pixels.

    `pixels` uint8 H x W or H x W x 3; the same pixels give the same text.
    """
    picture = Image.fromarray(pixels)
    scale = PICTURE / max(picture.size)
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BOX)
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")


def film_json(
    pixels: np.ndarray | None,
    consensus_HW: np.ndarray | None,
    lungs_HW: np.ndarray | None,
    readers_RHW: Sequence[np.ndarray],
    maps: Sequence[np.ndarray | None],
) -> str:
    """All of one film as JSON that can stand in a page's script; null where there is none."""
    return script_json(
        {
            "film": None if pixels is None else picture_uri(pixels),
            "consensus": None if consensus_HW is None else packed_mask(consensus_HW),
            "lungs": None if lungs_HW is None else packed_mask(lungs_HW),
            "readers": [packed_mask(mask_HW) for mask_HW in readers_RHW],
            "maps": [None if map_HW is None else packed_levels(map_HW) for map_HW in maps],
        }
    )


def script_json(value: Mapping[str, Any]) -> str:
    """JSON without a `<`, so that no text in it ends the script; NaN raises ValueError, as JSON has none."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _deflated(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, EFFORT)).decode("ascii")
