"""Bootstrap: 1,000 resamples x 6 metrics x 624 images, against a loop over torchmetrics on the same resamples.

Ours draws the resamples and computes all six metrics, as the stage does. The peer's loop computes only the metrics,
from indices drawn beforehand, on 100 of the resamples; its time is multiplied by ten. The limit is the drawing alone.
Run: python benchmarks/resampling.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torchmetrics.functional.classification import (
    binary_accuracy,
    binary_auroc,
    binary_f1_score,
    binary_precision,
    binary_recall,
    binary_specificity,
)

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from measure import Row, finish, in_turn, rate_row, timed
from sightline.statistics.classification import six_metrics
from sightline.statistics.resampling import resample_counts

IMAGES, RESAMPLES, LOOPED, ROUNDS = 624, 1000, 100, 5
MUST, EQUAL = 40, 1e-6
METRICS = (binary_accuracy, binary_precision, binary_recall, binary_f1_score, binary_auroc, binary_specificity)


def main() -> None:
    rng = np.random.default_rng(0)
    label_N = (np.arange(IMAGES) < 390).astype(int)
    logit_N = rng.normal(1.5 * label_N - 0.5, 1.0)
    probability_N = np.round(1 / (1 + np.exp(-logit_N)), 3)  # some ties

    def draw() -> np.ndarray:
        return resample_counts(IMAGES, RESAMPLES, np.random.default_rng(1))

    def ours() -> np.ndarray:
        return six_metrics(draw(), label_N, probability_N)

    # the same resamples as rows of indices
    rows_BN = torch.from_numpy(np.stack([np.repeat(np.arange(IMAGES), counts) for counts in draw()[:LOOPED]]))
    labels, probabilities = torch.from_numpy(label_N), torch.from_numpy(probability_N)

    def loop() -> np.ndarray:
        return np.array([[float(metric(probabilities[rows], labels[rows])) for metric in METRICS] for rows in rows_BN])

    difference = float(np.abs(ours()[:LOOPED] - loop()).max())
    run = timed(loop)
    peer, drawing = "a loop over torchmetrics", "drawing alone"
    functions = {"ours": timed(ours), peer: lambda: run() * RESAMPLES / LOOPED, drawing: timed(draw)}
    seconds = in_turn(functions, ROUNDS)
    what = f"bootstrap, {RESAMPLES:,} resamples x 6 metrics x {IMAGES} images"
    finish(
        [
            rate_row(what, "resamples/s", RESAMPLES, seconds, peer, MUST),
            rate_row(what, "resamples/s", RESAMPLES, seconds, drawing),
            Row(
                what=f"bootstrap: largest difference in {LOOPED} resamples",
                unit="",
                ours=difference,
                against="torchmetrics",
                must=f"<= {EQUAL:g}",
                met=difference <= EQUAL,
            ),
        ]
    )


if __name__ == "__main__":
    main()
