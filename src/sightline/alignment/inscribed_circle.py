"""The point of a reader's mask, for metrics of a map's peak: a mask has no maximum, so its most inner place stands in.

D masks, H W image grid. Definition: docs/metrics.md#human-scale.
"""

from __future__ import annotations

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner


def circle_centres(masks_DHW: np.ndarray) -> np.ndarray:
    """Maps whose maximum is at the centre of each mask's largest inscribed circle, float32 D x H x W: 1 there, else 0.

    `masks_DHW`: bool. The centre is where the Euclidean distance to the nearest pixel outside the mask is largest; the
    image ends the mask too, so the circle lies inside the image. All pixels that share the largest distance are 1, so
    that metrics of the peak take the mean over them, as over any tie. An empty mask gives a map of 0, which is flat
    and scores chance.
    """
    centres_DHW = np.zeros(masks_DHW.shape, np.float32)
    for mask_HW, centre_HW in zip(masks_DHW, centres_DHW, strict=True):
        if mask_HW.any():
            # no pixel of the mask lies nearer to anything beyond its bounding box than to the ring around it
            box = tuple(slice(*span) for span in _spans(mask_HW))
            inner_HW = scipy.ndimage.distance_transform_edt(np.pad(mask_HW[box], 1))[1:-1, 1:-1]
            centre_HW[box][inner_HW == inner_HW.max()] = 1
    return centres_DHW


def _spans(mask_HW: np.ndarray) -> list[tuple[int, int]]:
    """First row and the row after the last one; the same of the columns."""
    marked = (np.flatnonzero(mask_HW.any(axis=axis)) for axis in (1, 0))
    return [(int(places[0]), int(places[-1]) + 1) for places in marked]
