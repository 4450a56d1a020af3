"""What readers marked on other patients' images: the anatomy that the study's readers share.

M images, H W image grid. All images of the image's patient are left out, not the image alone: two films of one
pneumonia show the same lobe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sightline.processes import PATIENCE, in_processes

TOGETHER = 64  # images summed up in one process, always the same ones, so that the sums do not depend on the processes
HALF = 0.5  # share of the readers that puts a pixel into the image's region when no consensus is given


class _Sums(NamedTuple):
    """Of some of the images, in their order."""

    has_region_m: np.ndarray
    share_HW: np.ndarray
    density_HW: np.ndarray
    marks_HW: np.ndarray
    regions_HW: np.ndarray


class OtherPatients:
    """Totals over a study's images, from which each image's patient is subtracted: one pass over the study.

    Images are read one at a time, by their row: a study may be larger than memory.
    """

    def __init__(
        self,
        shares_MHW: Sequence[np.ndarray] | np.ndarray,
        patients: Sequence[str] | np.ndarray,
        regions_MHW: Sequence[np.ndarray] | np.ndarray | None = None,
    ) -> None:
        """`shares_MHW`: share of each image's readers who mark each pixel, float32 in [0, 1]; `patients`: M labels.

        `regions_MHW`: bool, each image's consensus region, by default what at least half of its readers mark.
        """
        self._shares_MHW = shares_MHW
        self._regions_MHW = regions_MHW
        self._patient_M: np.ndarray = np.unique(np.asarray(patients), return_inverse=True)[1]
        height, width = np.shape(shares_MHW[0]) if len(shares_MHW) else np.shape(shares_MHW)[1:]
        self.grid: tuple[int, int] = (height, width)
        """Rows and columns."""
        has_region = [np.zeros(0, bool)]
        self._total_HW, self._densities_HW = np.zeros((2, *self.grid))
        self._marks_HW, self._regions_HW = np.zeros((2, *self.grid), np.int64)
        starts = range(0, len(shares_MHW), TOGETHER)
        for part in in_processes(OtherPatients._summed, self, starts, patience=PATIENCE):
            has_region.append(part.has_region_m)
            self._total_HW += part.share_HW  # exact: whole shares of a few readers
            self._densities_HW += part.density_HW
            self._marks_HW += part.marks_HW
            self._regions_HW += part.regions_HW
        self._has_region_M: np.ndarray = np.concatenate(has_region)

    def _summed(self, start: int) -> _Sums:
        """Over the images from `start` on."""
        images = range(start, min(start + TOGETHER, len(self._shares_MHW)))
        sums = _Sums(np.zeros(len(images), bool), *np.zeros((2, *self.grid)), *np.zeros((2, *self.grid), np.int64))
        for place, index in enumerate(images):
            share_HW, region_HW = self._shares_MHW[index], self._region(index)
            sums.has_region_m[place] = region_HW.any()
            np.add(sums.share_HW, share_HW, out=sums.share_HW)
            np.add(sums.density_HW, _density(region_HW), out=sums.density_HW)
            np.add(sums.marks_HW, share_HW > 0, out=sums.marks_HW)
            np.add(sums.regions_HW, region_HW, out=sums.regions_HW)
        return sums

    def others(self, index: int) -> np.ndarray:
        """Indices, int, of the images of patients other than that of image `index`, in order; may be none."""
        return np.flatnonzero(self._patient_M != self._patient_M[index])

    def density(self, index: int) -> np.ndarray:
        """Where the regions of other patients lie, float64 H x W: the negatives of shuffled AUROC by weight.

        Each image with a region weighs the same, whatever the region's size: the mean of the regions' densities, each
        of which sums to 1. All 0 where no other patient has a region.
        """
        own = self._own_images(index)
        own_regions_NHW = [self._region(image) for image in own]
        num_others = np.count_nonzero(self._has_region_M) - np.count_nonzero(self._has_region_M[own])
        rest_HW = self._densities_HW - sum(_density(region_HW) for region_HW in own_regions_NHW)
        # A pixel of no other region is exactly 0: the difference of two sums leaves rounding there.
        is_other_HW = self._regions_HW > np.sum(own_regions_NHW, axis=0)
        return np.where(is_other_HW, np.maximum(rest_HW, 0), 0) / max(num_others, 1)

    def marked(self, index: int) -> np.ndarray:
        """bool H x W: what any reader marked on another patient's image."""
        return self._marks_HW > np.count_nonzero(self._own(index) > 0, axis=0)

    def atlas(self, index: int) -> np.ndarray:
        """Mean share over the images of other patients, float64 H x W in [0, 1]; all 0 without any."""
        num_others = int(np.count_nonzero(self._patient_M != self._patient_M[index]))
        return atlas_without(self._own(index), self._total_HW, self._marks_HW, num_others)

    def regions(self, index: int, rng: np.random.Generator, draws: int) -> np.ndarray:
        """Regions of up to `draws` images of other patients that have one, without replacement, bool K x H x W.

        Without any, one empty region.
        """
        others = self.others(index)
        marked = others[self._has_region_M[others]]
        if not len(marked):
            return np.zeros((1, *self.grid), bool)
        drawn = rng.choice(marked, min(draws, len(marked)), replace=False)
        return np.array([self._region(image) for image in drawn.tolist()], bool)

    def _region(self, index: int) -> np.ndarray:
        if self._regions_MHW is None:
            return np.asarray(self._shares_MHW[index] >= HALF)
        return np.asarray(self._regions_MHW[index], bool)

    def _own(self, index: int) -> np.ndarray:
        return np.array([self._shares_MHW[image] for image in self._own_images(index)])

    def _own_images(self, index: int) -> list[int]:
        return np.flatnonzero(self._patient_M == self._patient_M[index]).tolist()


def atlas_without(own_NHW: np.ndarray, total_HW: np.ndarray, marks_HW: np.ndarray, num_others: int) -> np.ndarray:
    """Mean share over the images of other patients, float64 H x W in [0, 1]; all 0 without any.

    `own_NHW`: the shares of the patient's own images; `total_HW`: the sum of all images' shares, float64; `marks_HW`:
    int, how many images have a reader who marked the pixel; `num_others`: images of other patients.
    """
    rest_HW = total_HW - own_NHW.sum(axis=0, dtype=np.float64)
    is_marked_HW = marks_HW > np.count_nonzero(own_NHW > 0, axis=0)
    return np.where(is_marked_HW, rest_HW, 0) / max(num_others, 1)


def _density(region_HW: np.ndarray) -> np.ndarray:
    """The region as a density that sums to 1, float64 H x W; all 0 of an empty one."""
    return region_HW / max(np.count_nonzero(region_HW), 1)
