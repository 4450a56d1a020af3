"""Peers of score.py in their own interpreter: each scores the maps against the masks, and says values and seconds.

FOLDER holds maps.npy, float32 M x H x W in [0, 1], and masks.npy, bool M x H x W. The last line printed is JSON:
`results` (peer, metric, median CPU seconds, a value for each map) and `missing` (why a peer was left out, by peer).
Peers are used as their users do: image by image where they take one image. What they do at import or set up does not
count. Started by score_against_peers.py.
Run: python benchmarks/score_peers.py FOLDER ROUNDS
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

Scored = dict[str, Callable[[], list[float]]]


def quantus_metrics(maps: np.ndarray, masks: np.ndarray) -> Scored:
    """Quantus' localisation metrics, all images in one batch; the images themselves do not matter to them."""
    import quantus

    options = {"disable_warnings": True, "display_progressbar": False, "normalise": False, "abs": False}
    served = {
        "rank": quantus.RelevanceRankAccuracy, "mass": quantus.RelevanceMassAccuracy,
        "pointing": quantus.PointingGame, "auroc": quantus.AUC,
    }  # fmt: skip
    batch = {
        "x_batch": np.repeat(maps[:, None], 3, axis=1), "y_batch": np.zeros(len(maps), int), "a_batch": maps[:, None],
        "s_batch": masks[:, None],
    }  # fmt: skip

    def of(metric: Callable[..., Callable[..., object]]) -> Callable[[], list[float]]:
        made = metric(**options)
        return lambda: [float(value) for value in made(model=None, **batch)]  # type: ignore[attr-defined]

    return {name: of(metric) for name, metric in served.items()}


def chexlocalize(maps: np.ndarray, masks: np.ndarray) -> Scored:
    """The steps of CheXlocalize's published evaluation (Saporta et al. 2022).

    Reimplemented here, because it is not packaged for installation.

    Otsu's threshold by OpenCV on the map in 256 grey values, IoU by logical operations, a hit where the highest pixel
    lies inside. Its run-length encoding of every mask to a JSON file and back is left out, in its favour.
    """
    import cv2

    def iou_otsu() -> list[float]:
        values = []
        for map_HW, mask_HW in zip(maps, masks, strict=True):
            shifted = map_HW - map_HW.min()
            gray = np.uint8(255 * (shifted / shifted.max()))
            cut = cv2.threshold(gray, 0, int(gray.max()), cv2.THRESH_OTSU)[1]
            values.append(np.sum(np.logical_and(cut, mask_HW)) / np.sum(np.logical_or(cut, mask_HW)))
        return [float(value) for value in values]

    def hit() -> list[float]:
        return [
            float(mask_HW[np.unravel_index(np.argmax(map_HW), map_HW.shape)])
            for map_HW, mask_HW in zip(maps, masks, strict=True)
        ]

    return {"iou_otsu": iou_otsu, "pointing": hit}


def torchmetrics_loop(maps: np.ndarray, masks: np.ndarray) -> Scored:
    """The functions of torchmetrics, image by image, exact (no bins)."""
    import torch
    from torchmetrics.functional.classification import binary_auroc, binary_average_precision, binary_jaccard_index

    torch.set_num_threads(1)
    pairs = [
        (torch.from_numpy(map_HW).ravel(), torch.from_numpy(mask_HW).ravel().int())
        for map_HW, mask_HW in zip(maps, masks, strict=True)
    ]
    return {
        "auroc": lambda: [float(binary_auroc(values, mask)) for values, mask in pairs],
        "ap": lambda: [float(binary_average_precision(values, mask)) for values, mask in pairs],
        # its threshold is strict, ours is not: no value of these maps is exactly 0.5
        "iou": lambda: [float(binary_jaccard_index(values, mask, threshold=0.5)) for values, mask in pairs],
    }


def scikit_learn(maps: np.ndarray, masks: np.ndarray) -> Scored:
    from sklearn.metrics import average_precision_score, jaccard_score, roc_auc_score

    pairs = [(mask.ravel(), values.ravel()) for values, mask in zip(maps, masks, strict=True)]
    return {
        "auroc": lambda: [float(roc_auc_score(mask, values)) for mask, values in pairs],
        "ap": lambda: [float(average_precision_score(mask, values)) for mask, values in pairs],
        "iou": lambda: [float(jaccard_score(mask, values >= 0.5)) for mask, values in pairs],
    }


def pysaliency_auc(maps: np.ndarray, masks: np.ndarray) -> Scored:
    """pysaliency's AUC of general positives and negatives, which its AUC_Judd and shuffled AUC stand on."""
    from pysaliency.roc import general_roc

    if not hasattr(np, "trapz"):
        setattr(np, "trapz", np.trapezoid)  # noqa: B010 - pysaliency calls it by the name that NumPy 2.4 took away

    pairs = list(zip(maps, masks, strict=True))
    return {"auroc": lambda: [float(general_roc(values[mask], values[~mask])[0]) for values, mask in pairs]}


PEERS = {
    "Quantus": quantus_metrics, "cheXlocalize": chexlocalize, "torchmetrics": torchmetrics_loop,
    "scikit-learn": scikit_learn, "pysaliency": pysaliency_auc,
}  # fmt: skip


def main() -> None:
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    maps, masks = np.load(folder / "maps.npy"), np.load(folder / "masks.npy")
    results, missing = [], {}
    warnings.simplefilter("ignore")  # of peers about their own dependencies
    for peer, made in PEERS.items():
        try:
            functions = made(maps, masks)
        except ImportError as error:
            missing[peer] = str(error)
            continue
        for metric, function in functions.items():
            spent = []
            for _ in range(rounds + 1):
                begun = time.process_time()
                values = function()
                spent.append(time.process_time() - begun)
            results.append({"peer": peer, "metric": metric, "seconds": statistics.median(spent[1:]), "values": values})
    print(json.dumps({"results": results, "missing": missing}))


if __name__ == "__main__":
    main()
