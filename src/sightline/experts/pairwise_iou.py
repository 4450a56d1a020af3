"""IoU between annotations; in large studies only within random parts, so that time and memory grow with the images.

Comparisons across images (chance agreement, shuffled masks) need pairs of annotations of different images, whose
number grows with the square of the images. Up to IMAGES images, all pairs count; above, the pairs within a part do, a
sample of all pairs that does not depend on what was marked. A annotations, P pairs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sightline.experts.agreement import iou_matrix

IMAGES = 128  # per part, at most


def image_parts(images_A: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The part of each annotation's image, int A from 0: random parts whose sizes differ by at most one.

    `images_A`: any labels. Up to IMAGES images make one part; `rng` is then not used.
    """
    names, image_A = np.unique(np.asarray(images_A), return_inverse=True)
    num_parts = -(-len(names) // IMAGES)
    part_M = np.arange(len(names)) % max(num_parts, 1)
    return (rng.permutation(part_M) if num_parts > 1 else part_M)[image_A]


def same_image_pairs(images_A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of annotations of one image, two int P: the first row below the second, in `triu_indices` order."""
    _, image_A, size_M = np.unique(np.asarray(images_A), return_inverse=True, return_counts=True)
    order_A = np.argsort(image_A, kind="stable")
    start_M = np.cumsum(size_M) - size_M
    firsts, seconds = [np.zeros(0, int)], [np.zeros(0, int)]
    for size in np.unique(size_M).tolist():
        annotations_mR = order_A[start_M[size_M == size][:, None] + np.arange(size)]
        low, high = np.triu_indices(size, 1)
        firsts.append(annotations_mR[:, low].ravel())
        seconds.append(annotations_mR[:, high].ravel())
    first_P, second_P = np.concatenate(firsts), np.concatenate(seconds)
    order_P = np.lexsort((second_P, first_P))
    return first_P[order_P], second_P[order_P]


class PartIou:
    """IoU of annotations within parts, read like a matrix: `iou[a, b]` for arrays of rows; `parts()` for all.

    Annotations of different parts have no value: asking for one raises IndexError.
    """

    def __init__(self, masks_AHW: np.ndarray, part_A: np.ndarray) -> None:
        self._part_A = np.asarray(part_A)
        self._rows = [np.flatnonzero(self._part_A == part) for part in np.unique(self._part_A)]
        matrices = [iou_matrix(own_aHW, own_aHW) for own_aHW in (masks_AHW[rows] for rows in self._rows)]
        self._values = np.concatenate([matrix.ravel() for matrix in matrices] or [np.zeros(0)])
        self._line_A, self._place_A = np.zeros((2, len(self._part_A)), int)  # where a row begins; its place in the part
        begin = 0
        for rows in self._rows:
            self._place_A[rows] = np.arange(len(rows))
            self._line_A[rows] = begin + np.arange(len(rows)) * len(rows)
            begin += len(rows) ** 2

    def __getitem__(self, pair: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        first, second = pair
        if (self._part_A[first] != self._part_A[second]).any():
            raise IndexError("annotations of different parts: their IoU was not computed")
        return self._values[self._line_A[first] + self._place_A[second]]

    def parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Each part's annotations, int a, and their IoU, float64 a x a; NaN where both masks are empty."""
        for rows in self._rows:
            begin = self._line_A[rows[0]]
            yield rows, self._values[begin : begin + len(rows) ** 2].reshape(len(rows), len(rows))
