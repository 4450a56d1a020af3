"""How far the readers of experts' files agree on a finding: presence and place apart, from run lengths alone.

No image and no common grid is needed: two drawings of one image are compared pixel by pixel of the file's own, without
their masks. Letters: N first readings, A those that mark something, M images, Q pairs of drawings. Definitions:
docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sightline.experts.annotation_reader import first_readings
from sightline.experts.place import Place, place_of_pairs
from sightline.experts.presence import Presence, presence_agreement
from sightline.experts.reader_pairs import annotator_pairs
from sightline.experts.readings import Readings
from sightline.formats.annotations import Drawing
from sightline.formats.rle import num_shared
from sightline.study.errors import StudyError


@dataclass(frozen=True, kw_only=True)
class DrawnReliability:
    """Agreement on one finding, over the images that two or more readers read."""

    finding: str
    num_read: int
    """Images that two or more readers read."""
    num_images: int
    """Those of them that at least one reader marked."""
    marked_by: dict[int, list[int]]
    """Readers of an image -> how many images 0, 1, 2, ... of them marked."""
    presence: Presence
    place: Place
    iou_sd: float
    """SD over images of an image's mean IoU; NaN for fewer than two images."""

    def shares(self, num_readers: int) -> list[float]:
        """Of the marked images with so many readers, the share that 1, 2, ... of them marked; in [0, 1]."""
        marked = self.marked_by[num_readers][1:]
        return [number / sum(marked) for number in marked] if sum(marked) else []


def drawn_reliability(finding: str, drawings: Sequence[Drawing], level: float = 0.95) -> DrawnReliability:
    """Agreement of the readers whose drawings of `finding` these are; an empty drawing is a reading that marks nothing.

    Of a reader's several drawings of an image the first counts, by `created_at`, then by their order; one that is
    stated to be a hidden second reading never does. Images with one reader are left out. Each image counts as a patient
    of its own. StudyError where an image's drawings differ in size.
    """
    names = [f"{row:09}" for row in range(len(drawings))]  # in the order of the drawings
    table = pd.DataFrame({"annotation": names})
    for column in ("image", "annotator", "created_at", "repeat"):
        table[column] = [getattr(drawing, column) for drawing in drawings]
    chosen = first_readings(table)[0]
    images_N, image_N, readers_M = np.unique(table.image.to_numpy(str)[chosen], return_inverse=True, return_counts=True)
    has_pair_N = readers_M[image_N] > 1
    kept = [drawings[row] for row in chosen[has_pair_N].tolist()]
    images_N, image_N = np.unique(images_N[image_N[has_pair_N]], return_inverse=True)
    _check_sizes(kept)
    readers_N = table.annotator.to_numpy(str)[chosen[has_pair_N]]
    is_marked_N = np.array([len(drawing.counts) > 1 for drawing in kept], bool)
    readings = Readings(
        annotations=np.array(names, str)[chosen[has_pair_N]],
        images=images_N[image_N],
        annotators=readers_N,
        is_marked=is_marked_N,
        first=np.arange(len(kept)),
        self_iou=np.full(len(kept), np.nan),
    )
    marked = np.flatnonzero(is_marked_N)
    iou = RunLengthIou([kept[row] for row in marked.tolist()])
    pairs = annotator_pairs(iou, image_N[marked], readers_N[marked], np.zeros(len(marked), int), len(images_N))
    mean_M = pairs.image_means(np.ones((1, len(pairs.professions_S))))[0]
    known_m = mean_M[~np.isnan(mean_M)]
    num_readers_M, num_marks_M = np.bincount(image_N), np.bincount(image_N, is_marked_N).astype(int)
    marked_by = {
        num: np.bincount(num_marks_M[num_readers_M == num], minlength=num + 1).tolist()
        for num in sorted(set(num_readers_M.tolist()))
    }
    return DrawnReliability(
        finding=finding,
        num_read=len(images_N),
        num_images=int((num_marks_M > 0).sum()),
        marked_by=marked_by,
        presence=presence_agreement(readings, readings.images, level),
        place=place_of_pairs(pairs, np.arange(len(images_N)), level),
        iou_sd=float(known_m.std(ddof=1)) if len(known_m) > 1 else float("nan"),
    )


class RunLengthIou:
    """IoU of drawings of one image, computed where it is asked for: `iou[first, second]` for int arrays of rows."""

    def __init__(self, drawings: Sequence[Drawing]) -> None:
        self._counts = [drawing.counts for drawing in drawings]
        self._area_A = np.array([counts[1::2].sum() for counts in self._counts], np.int64)

    def __getitem__(self, pair: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Float Q in [0, 1]; NaN where both drawings are empty. Sizes must be equal, which `_check_sizes` saw to."""
        first_Q, second_Q = pair
        both_Q = np.array(
            [num_shared(self._counts[a], self._counts[b]) for a, b in zip(first_Q, second_Q, strict=True)], float
        )
        union_Q = self._area_A[first_Q] + self._area_A[second_Q] - both_Q
        return np.divide(both_Q, union_Q, out=np.full(len(both_Q), np.nan), where=union_Q > 0)


def _check_sizes(drawings: Sequence[Drawing]) -> None:
    first: dict[str, Drawing] = {}
    cases = []
    for drawing in drawings:
        other = first.setdefault(drawing.image, drawing)
        if other.size != drawing.size:
            cases.append(
                f"image {drawing.image!r}: {drawing.size} rows and columns in {drawing.source}, "
                f"{other.size} in {other.source}"
            )
    if cases:
        more = [f"and {len(cases) - 10:,} more"] if len(cases) > 10 else []
        raise StudyError("drawings of an image differ in size; give it with --image-size", cases[:10] + more)
