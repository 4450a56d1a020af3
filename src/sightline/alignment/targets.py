"""What all maps of one image are compared with, prepared once: its masks, the readers' shares, other patients' regions.

R masks of one image, H W image grid, P = H * W pixels, K pairs of a mask and a pixel inside it, C pixels that some
reader marked, E pixels of other patients' regions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.alignment.binarised import inner_boundary
from sightline.alignment.region_scores import Regions, regions_of


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What all maps of one image are compared with, prepared once."""

    masks_RP: np.ndarray
    """float64, 0 or 1."""
    size_R: np.ndarray
    """int, pixels of each mask."""
    regions: Regions
    """The masks' pixels; one pixel stands in for an empty mask, whose scores do not matter."""
    grid: tuple[int, int]
    """H and W."""
    elsewhere_E: np.ndarray
    """int, the E pixels inside any other patient's region: the negatives of shuffled AUROC."""
    weight_E: np.ndarray
    """float64, how much each of them weighs; no pixel where there is no other region."""
    shares_RP: np.ndarray
    spread_R: np.ndarray
    """The shares' population standard deviation; NaN where they are constant."""
    support_C: np.ndarray
    """int, pixels at which any share is above 0."""
    shares_RC: np.ndarray
    """The shares there."""
    density_RC: np.ndarray
    """The same, so that each row sums to 1; NaN for a share of nothing."""
    negentropy_R: np.ndarray
    """Sum of density times its logarithm."""

    @cached_property
    def has_mask_R(self) -> np.ndarray:
        """bool, is there a region to find."""
        return self.size_R > 0

    @cached_property
    def has_share_R(self) -> np.ndarray:
        """bool, is there a share to find."""
        return self.shares_RC.max(axis=1, initial=0) > 0

    @cached_property
    def density_RP(self) -> np.ndarray:
        """float64, `density_RC` on all pixels; 0 where nobody marked."""
        density_RP = np.zeros(self.shares_RP.shape)
        density_RP[:, self.support_C] = self.density_RC
        return density_RP

    @cached_property
    def elsewhere_P(self) -> np.ndarray:
        """float64, how much each pixel weighs as a negative of shuffled AUROC."""
        elsewhere_P = np.zeros(self.shares_RP.shape[1])
        elsewhere_P[self.elsewhere_E] = self.weight_E
        return elsewhere_P

    @cached_property
    def distance_RP(self) -> np.ndarray:
        """float64, pixels to the nearest pixel of the mask, 0 inside; meaningless for an empty mask."""
        inside = self.masks_RP.reshape(-1, *self.grid) > 0
        return np.reshape([scipy.ndimage.distance_transform_edt(~mask_HW) for mask_HW in inside], self.masks_RP.shape)

    @cached_property
    def edges(self) -> Regions:
        """The pixels of each mask with a neighbour outside: the nearest ones from anywhere outside."""
        marked_RHW = np.zeros((len(self.size_R), *self.grid), bool)
        marked_RHW.reshape(len(self.size_R), -1)[self.regions.rows_K, self.regions.pixels_K] = True
        return regions_of(inner_boundary(marked_RHW))

    def distances(self, pixels_Q: np.ndarray) -> np.ndarray:
        """`distance_RP` at these pixels, float64 R x Q; of few pixels without the distance of all others."""
        if "distance_RP" in vars(self) or len(pixels_Q) * len(self.edges.pixels_K) > self.masks_RP.size:
            return self.distance_RP[:, pixels_Q]
        (rows_Q, cols_Q), (rows_K, cols_K) = (
            np.divmod(pixels, self.grid[1]) for pixels in (pixels_Q, self.edges.pixels_K)
        )
        squares_QK = (rows_Q[:, None] - rows_K) ** 2 + (cols_Q[:, None] - cols_K) ** 2
        distance_RQ = np.sqrt(np.minimum.reduceat(squares_QK, self.edges.starts_R, axis=1)).T
        return np.where(self.masks_RP[:, pixels_Q] > 0, 0, distance_RQ)

    def picked(self, masks: slice) -> Targets:
        """The targets of some of the masks, a slice of step 1; the other pixels that some reader marked stay."""
        by_mask = ("masks_RP", "size_R", "shares_RP", "shares_RC", "spread_R", "density_RC", "negentropy_R")
        return replace(
            self, regions=self.regions.picked(masks), **{name: getattr(self, name)[masks] for name in by_mask}
        )


def targets_of(masks_RHW: np.ndarray, shares_RHW: np.ndarray, elsewhere_HW: np.ndarray) -> Targets:
    """`masks_RHW`: bool; `shares_RHW`: in [0, 1]; `elsewhere_HW`: 0 or above; as in `threshold_free.image_scores`.

    Where the shares are one row for all masks, so are the scores against them.
    """
    num_masks, height, width = masks_RHW.shape
    num_pixels = height * width
    masks_RP = masks_RHW.reshape(num_masks, num_pixels).astype(bool)
    shares_RP = shares_RHW.reshape(len(shares_RHW), num_pixels).astype(np.float64)
    elsewhere_P = np.asarray(elsewhere_HW, dtype=np.float64).ravel()
    elsewhere_E = np.flatnonzero(elsewhere_P)
    support_C = np.flatnonzero(shares_RP.any(axis=0))
    shares_RC = shares_RP[:, support_C]
    total_R = np.where(shares_RC.any(axis=1), shares_RC.sum(axis=1), np.nan)
    density_RC = shares_RC / total_R[:, None]
    stand_in_RP = masks_RP.copy()
    stand_in_RP[~masks_RP.any(axis=1), 0] = True
    return Targets(
        masks_RP=masks_RP.astype(np.float64),
        size_R=masks_RP.sum(axis=1),
        regions=regions_of(stand_in_RP),
        grid=(height, width),
        elsewhere_E=elsewhere_E,
        weight_E=elsewhere_P[elsewhere_E],
        shares_RP=shares_RP,
        spread_R=_spread(shares_RC, num_pixels),
        support_C=support_C,
        shares_RC=shares_RC,
        density_RC=density_RC,
        negentropy_R=(density_RC * np.log(np.where(density_RC > 0, density_RC, 1))).sum(axis=1),
    )


def _spread(shares_RC: np.ndarray, num_pixels: int) -> np.ndarray:
    """Population standard deviation over all pixels, float64 R; those not given are 0; NaN where all are equal."""
    mean_R, rest = shares_RC.sum(axis=1) / num_pixels, num_pixels - shares_RC.shape[1]
    squares_R = ((shares_RC - mean_R[:, None]) ** 2).sum(axis=1) + rest * mean_R**2
    low_R, high_R = (end(axis=1, initial=start) for end, start in ((shares_RC.min, 1), (shares_RC.max, 0)))
    is_constant_R = high_R == (low_R if not rest else 0)
    return np.where(is_constant_R, np.nan, np.sqrt(squares_R / num_pixels))
