"""Maps of a study against the baseline ladder and on the human scale: every metric, with intervals and lifts.

M images, H W image grid, A maps (model x method) of one image, B resamples.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd

from sightline.alignment.baselines import baseline_maps, draw_means, stacked
from sightline.alignment.binarised import binarised, binary_scores
from sightline.alignment.human_scale import ImageScores, image_scores_on_scale, null_masks, scale_summary
from sightline.alignment.lifts import lifts
from sightline.alignment.other_patients import Elsewhere
from sightline.alignment.pooled_precision import binned_average_precision, score_histograms
from sightline.alignment.threshold_free import LOWER_IS_BETTER, METRICS, image_scores
from sightline.experts.consensus import left_out_share
from sightline.maps import is_flat, scaled_maps, scaled_of_image
from sightline.statistics.holm import holm
from sightline.statistics.resampling import hierarchical_weights, interval

BOUNDARY = ("hd95", "assd", "nsd")
DRAWS, NULLS, RESAMPLES, READERS, FLIPS = 501, 502, 503, 504, 505  # tags of the generators


class Settings(Protocol):
    """What has to be chosen; section ladder of params.yaml."""

    @property
    def draws(self) -> int: ...
    @property
    def tolerance(self) -> float: ...
    @property
    def primary(self) -> str: ...
    @property
    def resamples(self) -> int: ...
    @property
    def level(self) -> float: ...
    @property
    def permutations(self) -> int: ...


@dataclass(frozen=True)
class Study:
    """What is scored; M images in the order of `images`, sorted by name."""

    seed: int
    settings: Settings
    images: list[str]
    patients: np.ndarray
    masks_MHW: np.ndarray
    shares_MHW: np.ndarray
    pixels_MHW: np.ndarray
    lungs_MHW: np.ndarray
    maps: dict[tuple[str, str], np.ndarray]
    """(model, method) -> raw maps, float32 M x h x w; they are brought to the image grid an image at a time."""
    untrained: dict[tuple[str, str], np.ndarray]
    """The same of untrained networks."""

    @property
    def tolerance(self) -> float:
        """Pixels."""
        return self.settings.tolerance * min(self.masks_MHW.shape[1:])

    def rng(self, tag: int, row: int) -> np.random.Generator:
        """Seeded by the image's name: another image more or less leaves this one's draws as they are."""
        return np.random.default_rng([self.seed, tag, zlib.crc32(self.images[row].encode())])

    @cached_property
    def elsewhere(self) -> Elsewhere:
        """What experts marked on other patients' images."""
        return Elsewhere(self.shares_MHW, self.patients, self.masks_MHW)

    def ladder_scores(self) -> tuple[list[str], dict[str, np.ndarray]]:
        """The baselines' names, and by metric the scores of all maps, untrained maps and baselines, rows x M."""
        names: list[str] = []
        by_image = []
        num_own = len(self.maps) + len(self.untrained)
        for row in range(len(self.images)):
            rng = self.rng(DRAWS, row)
            image, lungs = self.pixels_MHW[row], self.lungs_MHW[row]
            baselines = baseline_maps(image, lungs, self.elsewhere, row, rng, self.settings.draws)
            names = list(baselines)
            drawn_AHW, draws = stacked(baselines)
            own_AHW = scaled_of_image([*self.maps.values(), *self.untrained.values()], row, *image.shape)
            negatives = self.elsewhere.marked(row) & ~self.masks_MHW[row]
            scored = image_scores(
                np.concatenate([own_AHW, drawn_AHW]),
                self.masks_MHW[[row]],
                self.shares_MHW[[row]],
                negatives[None],
                self.tolerance,
            )
            by_image.append(
                {
                    metric: np.concatenate([values_A1[:num_own, 0], draw_means(values_A1[num_own:], draws)[:, 0]])
                    for metric, values_A1 in scored.items()
                }
            )
        return names, {metric: np.array([scores[metric] for scores in by_image]).T for metric in METRICS}

    def table(self, baselines: list[str], scores: dict[str, np.ndarray]) -> pd.DataFrame:
        """One row for each candidate and image."""
        candidates = [
            *((f"{model}.{method}", "model") for model, method in self.maps),
            *((f"{model}.{method}", "untrained") for model, method in self.untrained),
            *((name, "baseline") for name in baselines),
        ]
        frames = [
            pd.DataFrame(
                {"image": self.images, "candidate": name, "kind": kind, **{m: scores[m][row] for m in METRICS}}
            )
            for row, (name, kind) in enumerate(candidates)
        ]
        return pd.concat(frames, ignore_index=True)

    def summary(self, baselines: list[str], scores: dict[str, np.ndarray]) -> dict[str, Any]:
        """`models.<model>.<method>.<metric>` and `baselines.<name>.<metric>`: means, intervals, lifts."""
        settings, seed = self.settings, self.seed
        num_maps, num_untrained = len(self.maps), len(self.untrained)
        keys = list(self.maps)
        rows_of_own = [list(self.untrained).index(key) if key in self.untrained else -1 for key in keys]
        weights_BM = hierarchical_weights(
            self.patients, settings.resamples, np.random.default_rng([seed, RESAMPLES]), deepest="patients"
        )
        models: dict[str, Any] = {}
        shared: dict[str, Any] = {name: {} for name in baselines}
        for metric in METRICS:
            values = scores[metric]
            fresh = np.full((num_maps, len(self.images)), np.nan)
            for place, row in enumerate(rows_of_own):
                if row >= 0:
                    fresh[place] = values[num_maps + row]
            ladder = values[num_maps + num_untrained :]
            found = lifts(
                values[:num_maps], ladder, fresh, weights_BM, self.patients, settings.level, settings.permutations,
                [seed, FLIPS], higher_is_better=metric not in LOWER_IS_BETTER,
            )  # fmt: skip
            for row, (model, method) in enumerate(keys):
                best = found.best_A[row]
                models.setdefault(model, {}).setdefault(method, {})[metric] = {
                    "value": found.value_A[row],
                    "low": found.low_A[row],
                    "high": found.high_A[row],
                    "best_baseline": baselines[best] if best < len(baselines) else "untrained",
                    "untrained": _mean(fresh[row]),
                    "lift": found.lift_A[row],
                    "lift_low": found.lift_low_A[row],
                    "lift_high": found.lift_high_A[row],
                    "p": found.p_A[row],
                }
            for row, name in enumerate(baselines):
                shared[name][metric] = _mean(ladder[row])
        boundary = self.boundary()
        primary = settings.primary
        # the family: one test a model, of Grad-CAM, which every network has; the other methods are explored
        chosen = [(model, "gradcam" if "gradcam" in found else next(iter(found))) for model, found in models.items()]
        adjusted = holm(np.array([models[model][method][primary]["p"] for model, method in chosen]))
        for (model, method), p in zip(chosen, adjusted, strict=True):
            models[model][method][primary]["p_holm"] = p
        for model, method in keys:
            maps_MHW = scaled_maps(self.maps[model, method], *self.masks_MHW.shape[1:])
            models[model][method]["flat_maps"] = int(is_flat(maps_MHW).sum())
            histograms = score_histograms(maps_MHW, self.masks_MHW).astype(float)
            pooled = binned_average_precision(np.stack([histograms.sum(axis=0)]))[0]
            spread_B1 = binned_average_precision(np.tensordot(weights_BM.astype(float), histograms, 1))[:, None]
            low, high = interval(spread_B1, settings.level, len(np.unique(self.patients)))
            models[model][method]["pooled_ap"] = {"value": pooled, "low": low[0], "high": high[0]}
            models[model][method]["boundary"] = boundary[model, method]
        return {
            "models": models,
            "baselines": shared,
            "primary": primary,
            "images": len(self.images),
            "tolerance_pixels": self.tolerance,
        }

    def boundary(self) -> dict[tuple[str, str], dict[str, float]]:
        """Means over images of the boundary distances, each map cut to its region's own area; NSD at the tolerance."""
        found = []
        for row, mask_HW in enumerate(self.masks_MHW):
            own_AHW = scaled_of_image([*self.maps.values()], row, *mask_HW.shape)
            masks_AHW = np.broadcast_to(mask_HW, own_AHW.shape)
            binary_AHW = binarised(own_AHW, "area_matched", masks_MHW=masks_AHW)
            found.append(binary_scores(binary_AHW, mask_HW[None], self.tolerance))
        return {
            key: {name: _mean(np.array([scores[name][place, 0] for scores in found])) for name in BOUNDARY}
            for place, key in enumerate(self.maps)
        }

    def human_scale(self, stored: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """`<metric>`: what a left-out expert and anatomy reach; by model and method, the place between them.

        `stored`: images, masks and others of data/annotations.npz, a row an annotation.
        """
        rows_of: dict[str, list[int]] = {image: [] for image in self.images}
        for row, image in enumerate(stored["images"].tolist()):
            rows_of.get(image, []).append(row)  # an image with an empty consensus is not scored
        rows_by_image = [np.array(rows, dtype=int) for rows in rows_of.values()]
        masks_by_image = [stored["masks"][rows] for rows in rows_by_image]
        if not any(len(masks) > 1 for masks in masks_by_image):
            return {}
        settings = self.settings
        keys = list(self.maps)
        found: list[ImageScores] = []
        for row, masks_RHW in enumerate(masks_by_image):
            elsewhere = self.elsewhere.marked(row)

            def scored(
                maps: np.ndarray, masks: np.ndarray, shares: np.ndarray, elsewhere: np.ndarray = elsewhere
            ) -> dict[str, np.ndarray]:
                return image_scores(maps, masks, shares, elsewhere & ~masks, self.tolerance)

            found.append(
                image_scores_on_scale(
                    scaled_of_image([*self.maps.values()], row, *masks_RHW.shape[1:]),
                    masks_RHW,
                    null_masks(masks_by_image, self.patients, row, settings.draws, self.rng(NULLS, row)),
                    stored["others"][rows_by_image[row]],
                    left_out_share(masks_RHW),
                    scored,
                )
            )
        rng_of = [self.seed, READERS]
        return scale_summary(found, keys, self.patients, settings.resamples, settings.level, rng_of)


def _mean(values_M: np.ndarray) -> float:
    known = values_M[~np.isnan(values_M)]
    return float(known.mean()) if len(known) else float("nan")
