"""Whether a model looks where no disease can be: a meter that needs no annotations, only maps and the lungs.

M maps (one per image), H W image grid, D draws. All shares are of a map's relevance, the sum of the scaled map.

There are two signs of a shortcut: more relevance outside the lungs than a uniform map has there, and peaks that
return to the same place outside the lungs, fixed to the film and not to the patient: a marker, a letter, a
collimator's edge. Neither proves that the model uses the place; tests that remove it can. Definitions:
docs/metrics.md#shortcut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sightline.alignment.iou_and_pointing import BLOCK
from sightline.maps import is_flat
from sightline.statistics.means import mean_known
from sightline.statistics.significance import sign_flip_p

MARGIN = 0.03  # of the side: pixels this near to the lungs are not outside; the pleura may be drawn too narrow
CORNER = 0.15  # of each side: the four corners' squares
BORDER = 0.05  # of each side: the strip along the image's edge
CELLS = 7  # along each axis: the feature grid of a 224-pixel network; "one place" is as large as one of its cells
LEVEL = 0.05  # of the flag, half of it for each sign
LEAST_EXCESS = 0.1  # of relevance: a smaller excess is no cause for alarm, however significant
LEAST_CONCENTRATION = 0.25  # of the images: as above


def relevance_shares(maps_MHW: np.ndarray, lungs_MHW: np.ndarray) -> dict[str, np.ndarray]:
    """Shares of each map's relevance in places where it does not belong, by name, float64 M in [0, 1].

    - `outside`: farther than 3% of the side from the lungs (`widened`); NaN for an image without lungs.
    - `corners`: in the four corner squares, 15% of the sides; `border`: in the strip of 5% along the edge.
    - `hottest`: in the cell of a 7 x 7 grid that holds most: how concentrated the map is, wherever that is.

    `maps_MHW`: scaled maps in [0, 1]; `lungs_MHW`: bool, known lungs or, where they are unknown, bodies: then a marker
    that touches the patient's outline is inside. A flat map has no relevance to share and gets the shares of a uniform
    map; count such maps with `maps.is_flat`. A NaN or a value below 0 raises ValueError.
    """
    return _shares(maps_MHW, widened(lungs_MHW, MARGIN))


def uniform_shares(lungs_MHW: np.ndarray) -> dict[str, np.ndarray]:
    """The shares of a uniform map, by the names of `relevance_shares`, float64 M: the areas of the places."""
    return _uniform_shares(widened(lungs_MHW, MARGIN))


def _shares(maps_MHW: np.ndarray, near_MHW: np.ndarray) -> dict[str, np.ndarray]:
    """`relevance_shares`, from lungs that are already widened."""
    if maps_MHW.size and not maps_MHW.min() >= 0:
        raise ValueError("maps: expected values of 0 and above, found others or NaN")
    if not len(maps_MHW):
        return _uniform_shares(near_MHW)
    flat_M = is_flat(maps_MHW)
    total_M = np.where(flat_M, 1, maps_MHW.sum(axis=(1, 2), dtype=np.float64))
    outside_M = np.sum(maps_MHW, axis=(1, 2), dtype=np.float64, where=~near_MHW)
    shares = {
        "outside": np.where(near_MHW.any(axis=(1, 2)), outside_M / total_M, np.nan),
        **{name: mass_M / total_M for name, mass_M in _fixed_places(maps_MHW).items()},
    }
    if flat_M.any():
        uniform = _uniform_shares(near_MHW)
        shares = {name: np.where(flat_M, uniform[name], values_M) for name, values_M in shares.items()}
    return shares


def _uniform_shares(near_MHW: np.ndarray) -> dict[str, np.ndarray]:
    """`uniform_shares`, from lungs that are already widened."""
    num_maps, height, width = near_MHW.shape
    outside_M = np.where(near_MHW.any(axis=(1, 2)), (~near_MHW).mean(axis=(1, 2)), np.nan)
    areas = _fixed_places(np.ones((1, height, width)))
    fixed = {name: np.repeat(area / (height * width), num_maps) for name, area in areas.items()}
    return {"outside": outside_M, **fixed}


def _fixed_places(maps_MHW: np.ndarray) -> dict[str, np.ndarray]:
    """Sum of each map over each place that is the same in all images, float64 M by name."""
    _, height, width = maps_MHW.shape

    def mass(rows: slice, cols: slice) -> np.ndarray:
        return maps_MHW[:, rows, cols].sum(axis=(1, 2), dtype=np.float64)

    (top, low), (left, right) = (_ends(size, CORNER) for size in (height, width))
    (above, below), (before, behind) = (_ends(size, BORDER) for size in (height, width))
    beside = slice(above.stop, below.start)
    rows, cols = (np.unique(np.arange(CELLS) * size // CELLS) for size in (height, width))
    cells_Mhw = np.add.reduceat(np.add.reduceat(maps_MHW, rows, axis=1, dtype=np.float64), cols, axis=2)
    whole = slice(None)
    return {
        "corners": mass(top, left) + mass(top, right) + mass(low, left) + mass(low, right),
        "border": mass(above, whole) + mass(below, whole) + mass(beside, before) + mass(beside, behind),
        "hottest": cells_Mhw.max(axis=(1, 2)),
    }


def _ends(size: int, share: float) -> tuple[slice, slice]:
    """The first and the last round(share * size) places along an axis, at least one each; `size` is at least 2."""
    reach = max(round(share * size), 1)
    return slice(0, reach), slice(size - reach, size)


def by_outcome(
    shares: dict[str, np.ndarray], labels: np.ndarray, probabilities: np.ndarray, cut: float = 0.5
) -> dict[str, dict[str, float]]:
    """Mean of each share over true and false positives and negatives: by outcome, then by share, with `count`.

    `labels`: M of 0 and 1; `probabilities`: M of label 1, at or above `cut` the decision is 1. NaN shares are left
    out of a mean; an outcome without images has count 0 and NaN means. If more relevance lies outside the lungs in TP
    and FP than in TN and FN, what lies there speaks for the disease. A NaN probability raises ValueError.
    """
    probabilities = np.asarray(probabilities, dtype=float)
    if np.isnan(probabilities).any():
        raise ValueError("a probability is NaN")
    is_positive, is_decided = np.asarray(labels) == 1, probabilities >= cut
    chosen = {
        "TP": is_positive & is_decided,
        "FP": ~is_positive & is_decided,
        "FN": is_positive & ~is_decided,
        "TN": ~is_positive & ~is_decided,
    }
    table = {}
    for outcome, chosen_M in chosen.items():
        means = {name: mean_known(values_M[chosen_M]) for name, values_M in shares.items()}
        table[outcome] = {"count": int(chosen_M.sum()), **means}
    return table


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """The two signs of a shortcut over some images, and whether they call for a look."""

    excess: float
    """Mean share of relevance outside the lungs beyond a uniform map's, in [-1, 1]; NaN without lungs."""
    excess_p: float
    """One-sided, by flipping the signs of whole patients (`significance.sign_flip_p`)."""
    row: float
    """The centre of the place outside the lungs to which most peaks return, as a share of the height; NaN if no peak
    lies outside."""
    col: float
    """The same along the width."""
    concentration: float
    """Share of the images whose peak lies there, within one cell of 7 x 7; in [0, 1]."""
    concentration_p: float
    """Probability of a place as popular, if peaks fell anywhere in the image; one-sided, in (0, 1]."""
    num_images: int
    """Images with lungs."""
    num_flat: int
    """Of these, flat maps, which have no peak and count as no excess."""
    by_excess: bool
    """Excess of at least 0.1 at the 2.5% level."""
    by_concentration: bool
    """Concentration of at least 0.25 at the 2.5% level."""

    @property
    def is_flagged(self) -> bool:
        """Whether there is either sign: of models whose maps know nothing, at most 5% are flagged."""
        return self.by_excess or self.by_concentration


def suspicion(
    maps_MHW: np.ndarray,
    lungs_MHW: np.ndarray,
    patients_M: np.ndarray,
    draws: int,
    rng: np.random.Generator,
) -> Suspicion:
    """Whether these maps look at something outside the lungs, by their relevance or by one place that they share.

    Concentration: a window of one cell (a seventh of each side) slides in steps of half a cell; the place is where the
    window holds the peaks of most images. Only peaks outside the widened lungs of their image count, and of tied peaks
    one is drawn at random. Null hypothesis: peaks fall anywhere in the image with equal probability, independently
    between patients, while the peaks of one patient's images keep their distances. So each draw shifts every patient's
    peaks by a random step, periodically, and looks for the best place again: that the place was chosen does not make it
    significant. p = (1 + #{as popular}) / (1 + draws).

    The null hypothesis knows no anatomy: maps that always peak on the heart are concentrated outside the lungs too, and
    are flagged, with the place. If a marker goes with the disease, pass the images that the model calls positive.
    Images without lungs are left out; none left gives NaN and no flag. A NaN or a value below 0 raises ValueError.
    """
    has_lungs_M = np.asarray(lungs_MHW).any(axis=(1, 2))
    maps_MHW, lungs_MHW, patients_M = maps_MHW[has_lungs_M], lungs_MHW[has_lungs_M], np.asarray(patients_M)[has_lungs_M]
    num_images = len(maps_MHW)
    nan = float("nan")
    if not num_images:
        return Suspicion(
            excess=nan, excess_p=nan, row=nan, col=nan, concentration=nan, concentration_p=nan,
            num_images=0, num_flat=0, by_excess=False, by_concentration=False,
        )  # fmt: skip
    flip_rng, tie_rng, shift_rng = rng.spawn(3)
    near_MHW = widened(lungs_MHW, MARGIN)
    excess_M = _shares(maps_MHW, near_MHW)["outside"] - _uniform_shares(near_MHW)["outside"]
    excess, excess_p = float(excess_M.mean()), sign_flip_p(excess_M, patients_M, draws, flip_rng)
    flat_M = is_flat(maps_MHW)
    peaks_m2 = _peaks(maps_MHW[~flat_M], tie_rng)
    row, col, concentration, concentration_p = _concentration(
        peaks_m2, ~near_MHW[~flat_M], patients_M[~flat_M], num_images, draws, shift_rng
    )
    return Suspicion(
        excess=excess,
        excess_p=excess_p,
        row=row,
        col=col,
        concentration=concentration,
        concentration_p=concentration_p,
        num_images=num_images,
        num_flat=int(flat_M.sum()),
        by_excess=excess >= LEAST_EXCESS and excess_p <= LEVEL / 2,
        by_concentration=concentration >= LEAST_CONCENTRATION and concentration_p <= LEVEL / 2,
    )


def _peaks(maps_MHW: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Row and column of each map's peak, int M x 2; of tied pixels one at random."""
    num_maps, height, width = maps_MHW.shape
    maps_MP = maps_MHW.reshape(num_maps, height * width)
    tied = [np.flatnonzero(map_P == map_P.max()) for map_P in maps_MP]
    places_M = np.array([rng.choice(tied_T) for tied_T in tied], dtype=int)
    return np.stack(np.divmod(places_M, width), axis=1)


def _concentration(
    peaks_m2: np.ndarray,
    outside_mHW: np.ndarray,
    patients_m: np.ndarray,
    num_images: int,
    draws: int,
    rng: np.random.Generator,
) -> tuple[float, float, float, float]:
    """Row and column (shares of the sides) of the favoured place outside, its share of the images, and its p."""
    _, height, width = outside_mHW.shape
    sides = np.array([height, width])
    labels, patient_m = np.unique(patients_m, return_inverse=True)
    observed_hw = _popularity(peaks_m2[None], outside_mHW)[0]
    most = int(observed_hw.max())
    reached = 0
    block = max(1, BLOCK // max(len(peaks_m2), 1) // 8)
    for start in range(0, draws, block):
        steps_DG2 = rng.integers(0, sides, size=(min(block, draws - start), len(labels), 2))
        moved_Dm2 = (peaks_m2 + steps_DG2[:, patient_m]) % sides
        reached += int((_popularity(moved_Dm2, outside_mHW).max(axis=(1, 2)) >= most).sum())
    p = (1 + reached) / (1 + draws)
    if most == 0:
        return float("nan"), float("nan"), 0.0, p
    # Windows that hold the same peaks overlap; of equally popular places, the first in raster order.
    row, col = ((np.argwhere(observed_hw == most)[0] + 1) / (2 * CELLS)).tolist()
    return row, col, most / num_images, p


def _popularity(peaks_Dm2: np.ndarray, outside_mHW: np.ndarray) -> np.ndarray:
    """How many peaks lie in each window of one cell and outside their image's lungs: int D x 13 x 13."""
    num_draws, num_maps, _ = peaks_Dm2.shape
    _, height, width = outside_mHW.shape
    halves = 2 * CELLS
    rows_Dm, cols_Dm = peaks_Dm2[..., 0], peaks_Dm2[..., 1]
    is_outside_Dm = outside_mHW[np.arange(num_maps), rows_Dm, cols_Dm]
    half_cells_Dm = (rows_Dm * halves // height) * halves + cols_Dm * halves // width
    cells_Dm = half_cells_Dm + np.arange(num_draws)[:, None] * halves**2
    counts = np.bincount(cells_Dm[is_outside_Dm], minlength=num_draws * halves**2)
    counts_Dhw = counts.reshape(num_draws, halves, halves)
    pairs_Dhw = counts_Dhw[:, 1:] + counts_Dhw[:, :-1]
    return pairs_Dhw[:, :, 1:] + pairs_Dhw[:, :, :-1]


def widened(masks_MHW: np.ndarray, margin: float) -> np.ndarray:
    """The masks with all pixels within `margin`, a share of each side, of them along rows and columns: bool M x H x W.

    The neighbourhood is a square of round(margin * side) pixels each way, not a disc: a square is separable, so that an
    image costs a thousandth of a second. An empty mask stays empty; margin 0 changes nothing.
    """
    wide_MHW = np.asarray(masks_MHW).astype(np.uint8)
    for axis in (1, 2):
        reach = round(margin * wide_MHW.shape[axis])
        wide_MHW = ndimage.maximum_filter1d(wide_MHW, 2 * reach + 1, axis=axis, mode="constant")
    return wide_MHW.astype(bool)
