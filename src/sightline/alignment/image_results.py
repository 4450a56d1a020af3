"""The scores of a chunk of images as arrays, to be written and read, and the scores of a study from all its chunks.

A candidates, U untrained maps, K baselines, m images of a chunk, M images, R' readers kept of an image, S bins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sightline.alignment.human_scale import ImageScores
from sightline.alignment.metrics import METRICS
from sightline.chunks import Made


@dataclass(frozen=True, kw_only=True)
class ImageResult:
    """Everything that is scored on one image."""

    baselines: list[str]
    by_metric: dict[str, np.ndarray]
    """float64 A + U + K."""
    binary: dict[str, dict[str, np.ndarray]]
    """By rule and metric float64 A."""
    histograms_A2S: np.ndarray
    """int64, from `pooled_precision.score_histograms`."""
    on_scale: ImageScores
    flat_A: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of every image."""

    baselines: list[str]
    by_metric: dict[str, np.ndarray]
    """float64 (A + U + K) x M: candidates, untrained maps, baselines."""
    binary: dict[str, dict[str, np.ndarray]]
    """Overlap and boundary scores by rule and metric, float64 A x M."""
    histograms_MA2S: Sequence[np.ndarray]
    """int A x 2 x S of each image, from `pooled_precision.score_histograms`; may be read from a file when asked."""
    on_scale: list[ImageScores]
    flat_AM: np.ndarray
    """bool."""


def packed(images: Sequence[ImageResult]) -> dict[str, np.ndarray]:
    """The results of one image or more as arrays by name."""
    first, scales = images[0], [image.on_scale for image in images]
    arrays = {
        "baselines": np.array(first.baselines, str),
        "by_metric": np.array([[image.by_metric[metric] for image in images] for metric in METRICS]),
        "histograms": np.array([image.histograms_A2S for image in images], np.int32),
        "flat": np.array([image.flat_A for image in images]),
        "readers": np.array([len(scale.kept_R) for scale in scales]),
        "kept": np.concatenate([scale.kept_R for scale in scales]),
        "left_out": np.array([scale.left_out for scale in scales], str),
    }
    for rule, by_metric in first.binary.items():
        for metric in by_metric:
            arrays[f"binary {rule} {metric}"] = np.array([image.binary[rule][metric] for image in images])
    scored = [scale.scores for scale in scales if not scale.left_out]
    for metric in scored[0] if scored else ():
        arrays[f"scale {metric}"] = np.concatenate([of_image[metric] for of_image in scored], axis=2)
    return arrays


def gathered(chunks: Sequence[Mapping[str, np.ndarray]]) -> Scores:
    """The scores of a study from the arrays of its chunks, in the order of its images; at least one chunk."""
    binary: dict[str, dict[str, np.ndarray]] = {}
    for name in chunks[0]:
        if name.startswith("binary "):
            _, rule, metric = name.split(" ")
            binary.setdefault(rule, {})[metric] = np.concatenate([chunk[name] for chunk in chunks]).T
    by_metric = np.concatenate([chunk["by_metric"] for chunk in chunks], axis=1)
    histograms = _Histograms(chunks)
    return Scores(
        baselines=chunks[0]["baselines"].tolist(),
        by_metric={metric: by_metric[place].T for place, metric in enumerate(METRICS)},
        binary=binary,
        histograms_MA2S=Made(histograms.of_image, range(histograms.num_images)),
        on_scale=[scale for chunk in chunks for scale in _scales(chunk)],
        flat_AM=np.concatenate([chunk["flat"] for chunk in chunks]).T,
    )


def _scales(chunk: Mapping[str, np.ndarray]) -> Iterator[ImageScores]:
    metrics = {name.removeprefix("scale "): chunk[name] for name in chunk if name.startswith("scale ")}
    kept, start, column = chunk["kept"], 0, 0
    for readers, left_out in zip(chunk["readers"].tolist(), chunk["left_out"].tolist(), strict=True):
        kept_R, start = kept[start : start + readers], start + readers
        if left_out:
            yield ImageScores(scores={}, kept_R=kept_R, left_out=left_out)
            continue
        end = column + int(kept_R.sum())
        scores = {name: values[:, :, column:end] for name, values in metrics.items()}
        yield ImageScores(scores=scores, kept_R=kept_R, left_out="")
        column = end


class _Histograms:
    """Of each image; those of the chunk read last are held."""

    def __init__(self, chunks: Sequence[Mapping[str, np.ndarray]]) -> None:
        self._chunks = chunks
        self._ends = np.cumsum([len(chunk["readers"]) for chunk in chunks])
        self._held: tuple[int, np.ndarray] = (-1, np.zeros(0))

    @property
    def num_images(self) -> int:
        return int(self._ends[-1])

    def of_image(self, image: int) -> np.ndarray:
        number = int(np.searchsorted(self._ends, image, side="right"))
        if self._held[0] != number:
            self._held = number, self._chunks[number]["histograms"]
        return np.asarray(self._held[1][image - self._ends[number]])  # counted from the chunk's end
