"""The films of a study's viewer: which, and what each model's map and prediction are worth on them.

N test images, M chosen images, H W image grid, h w feature grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sightline.processes import in_processes
from sightline.report.contents import Strip, Tile
from sightline.report.gallery import film_rows, pair_tiles, spread_images
from sightline.report.strip import quartile_images, strip_of
from sightline.report.viewer import Encoded, Film, Mark, Viewer, encoded, viewer_of
from sightline.report.words import measure, method_words
from sightline.study.errors import StudyError
from sightline.study.models import primary_method

CALLED_POSITIVE = 0.5  # least probability
CONTRAST, OWN, IOU = "contrast", "own", "iou"  # keys of the scores
TOGETHER = 8  # films of the viewer that a process encodes one after the other
STRIP = 4  # films of the strip for print and for browsers without scripts
Arrays = Mapping[str, np.ndarray]
Work = tuple[Callable[["Sources", Sequence[str]], Any], Sequence[str]]
"""What is made of some of the films, in one process."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What the stages wrote of the films, as read from disk."""

    consensus: Arrays
    """data/consensus.npz: images, consensus"""
    annotations: Arrays
    """data/annotations.npz: images, annotators, professions, masks"""
    lungs: Arrays
    """data/lungs.npz: images, lungs, kind"""
    maps: Mapping[str, Arrays]
    """By model: data/saliency/<model>.npz, images and raw maps by method. Only the primary method is shown."""
    scaled: Callable[[np.ndarray], np.ndarray]
    """Raw maps M x h x w to those that are scored, float32 M x H x W in [0, 1]."""
    pixels: Callable[[Sequence[str]], np.ndarray]
    """Images to their prepared pixels, uint8 M x H x W (x 3)."""
    test: pd.DataFrame
    """`label` of the test images, by image and sorted by it."""
    data: Mapping[str, Any]
    """Section `data` of params.yaml, for the names of the two classes."""
    probabilities: Mapping[str, np.ndarray]
    """By network: of label 1, float N in the order of `test`; external maps have none."""
    alignment: pd.DataFrame
    """image, model, method, iou"""
    contrasts: pd.DataFrame
    """image, candidate (model.method), score, own, d"""
    primary: str
    """The score that decides the verdict; empty without a verdict."""
    agreement: pd.DataFrame
    """image, iou"""
    threshold: float

    @property
    def methods(self) -> dict[str, str]:
        """The primary method of each model."""
        return {
            model: primary_method([name for name, maps in arrays.items() if maps.ndim == 3])
            for model, arrays in self.maps.items()
        }

    @cached_property
    def marks(self) -> dict[str, dict[str, Mark]]:
        """By model and image: the prediction on test images, the scores on images with a region."""
        return _marks(self)

    @cached_property
    def map_rows(self) -> dict[str, dict[str, list[int]]]:
        """By model and image: its rows in `maps`."""
        return {model: rows_by_image(arrays["images"]) for model, arrays in self.maps.items()}

    @property
    def scores(self) -> dict[str, str]:
        """Words of the scores by key, those that order the films first."""
        decided = {CONTRAST: "contrast", OWN: measure(self.primary).words} if self.primary else {}
        return {**decided, IOU: f"IoU at {self.threshold:g}"}


class Pictures(NamedTuple):
    """What the page shows of the films."""

    gallery: list[tuple[str, list[Tile]]]
    """Of a few films, evenly spaced from the best to the worst mean IoU of all models."""
    strip: Strip
    """The first screen's films, with every model's map."""
    viewer: Viewer | None
    """Of the films that `chosen_images` names; None without a film."""


def pictures(sources: Sources, most: int) -> Pictures:
    """All pictures, made by all cores."""
    require_scored(sources)
    _ = sources.marks, sources.map_rows  # once, before processes copy the sources
    images = chosen_images(sources, most)
    work: list[Work] = [
        (_gallery, spread_images(sources.alignment, STRIP)),
        (_first_strip, quartile_images(sources.alignment)),
        *((_encoded, images[start : start + TOGETHER]) for start in range(0, len(images), TOGETHER)),
    ]
    gallery, first, *parts = in_processes(_made, sources, work)
    methods = {model: method_words(method) for model, method in sources.methods.items()}
    kind = str(sources.lungs["kind"]) if "kind" in sources.lungs else ""
    viewer = viewer_of(
        (film for part in parts for film in part), models=methods, scores=sources.scores, threshold=sources.threshold,
        experts="simulated readers" if sources.data.get("source") == "phantom" else "experts",
        lungs="body" if kind == "body" else "lungs",
    )  # fmt: skip
    return Pictures(gallery, first, viewer)


def _made(sources: Sources, work: Work) -> Any:
    make, images = work
    return make(sources, images)


def _encoded(sources: Sources, images: Sequence[str]) -> list[Encoded]:
    return [encoded(film, list(sources.methods), list(sources.scores)) for film in study_films(sources, images)]


def _gallery(sources: Sources, images: Sequence[str]) -> list[tuple[str, list[Tile]]]:
    return film_rows(study_films(sources, images), sources.methods, sources.threshold)


def _first_strip(sources: Sources, images: Sequence[str]) -> Strip:
    return strip_of(
        (film.name, film.pixels, film.consensus_HW, film.maps)
        for film in study_films(sources, images)
        if film.pixels is not None and film.consensus_HW is not None
    )


def require_scored(sources: Sources) -> None:
    """StudyError that lists scored images without a consensus, and those without a score of a model's map."""
    images = sorted(set(sources.alignment["image"]))
    annotated = set(sources.consensus["images"].tolist())
    scored = set(zip(*(sources.alignment[name] for name in ("image", "model", "method")), strict=True))
    absent = [f"data/consensus.npz: {image}" for image in images if image not in annotated]
    absent += [
        f"data/alignment.csv: {image}, {model}, {method}"
        for model, method in sources.methods.items()
        for image in images
        if (image, model, method) not in scored
    ]
    if absent:
        raise StudyError("images were scored that other files lack; run dvc repro", absent)


def random_pair(sources: Sources, random_mask: Callable[[int, int, int], np.ndarray]) -> list[Tile]:
    """The annotation of median area and a random mask of that area on the same image; nothing without annotations.

    `random_mask`: area in pixels, rows and columns to a mask, bool H x W.
    """
    stored = sources.annotations
    if not len(stored["images"]):
        return []
    areas = stored["masks"].sum(axis=(1, 2))
    row = int(np.argsort(areas, kind="stable")[len(areas) // 2])
    words, mask_HW = _reader(stored, row)
    image = str(stored["images"][row])
    chance_HW = random_mask(int(areas[row]), *mask_HW.shape)
    return pair_tiles(image, sources.pixels([image])[0], f"annotation by {words}", mask_HW, chance_HW)


def chosen_images(sources: Sources, most: int) -> list[str]:
    """Every image with a consensus region, by name; then, up to `most`, other test images.

    Of the others come first those that most networks get wrong, equal ones by name.
    """
    marked = sources.consensus["consensus"].any(axis=(1, 2))
    first = sorted(sources.consensus["images"][marked].tolist())
    label_N = sources.test["label"].to_numpy() == 1
    wrong_N = np.zeros(len(sources.test), int)
    for probability_N in sources.probabilities.values():
        wrong_N += (probability_N >= CALLED_POSITIVE) != label_N
    others = sources.test.index.to_numpy(str)
    more = others[np.lexsort((others, -wrong_N))].tolist()
    return first + [image for image in more if image not in set(first)][: max(most - len(first), 0)]


def study_films(sources: Sources, images: Sequence[str]) -> Iterator[Film]:
    """The films, one at a time. A model may lack maps of some."""
    consensus, lungs = rows_by_image(sources.consensus["images"]), rows_by_image(sources.lungs["images"])
    readers = rows_by_image(sources.annotations["images"])
    methods, maps, marks = sources.methods, sources.map_rows, sources.marks
    labels = {0: str(sources.data.get("negative", "")).lower(), 1: str(sources.data.get("positive", "")).lower()}
    agreement = dict(zip(sources.agreement["image"], sources.agreement["iou"], strict=True))
    for image, pixels in zip(images, sources.pixels(images) if images else (), strict=True):
        annotated, in_lungs = consensus.get(image), lungs.get(image)
        yield Film(
            name=image,
            pixels=pixels,
            consensus_HW=sources.consensus["consensus"][annotated[0]] if annotated else None,
            lungs_HW=sources.lungs["lungs"][in_lungs[0]] if in_lungs else None,
            readers=[_reader(sources.annotations, row) for row in readers.get(image, ())],
            maps={
                model: sources.scaled(arrays[methods[model]][rows])[0]
                for model, arrays in sources.maps.items()
                if (rows := maps[model].get(image))
            },
            finding=labels[int(sources.test["label"][image])] if image in sources.test.index else "",
            agreement=float(agreement.get(image, np.nan)),
            marks={model: by_image[image] for model, by_image in marks.items() if image in by_image},
        )


def rows_by_image(images: Sequence[str] | np.ndarray) -> dict[str, list[int]]:
    """The rows of each image, in order."""
    rows: dict[str, list[int]] = {}
    for row, image in enumerate(images):
        rows.setdefault(str(image), []).append(row)
    return rows


def outcome(probability: float, label: int) -> str:
    """TP, FP, FN or TN of a probability of label 1, called positive at 0.5."""
    is_called, is_positive = probability >= CALLED_POSITIVE, label == 1
    return ("T" if is_called == is_positive else "F") + ("P" if is_called else "N")


def _reader(annotations: Arrays, row: int) -> tuple[str, np.ndarray]:
    name, profession = str(annotations["annotators"][row]), str(annotations["professions"][row])
    return f"{name} ({profession})", annotations["masks"][row]


def _marks(sources: Sources) -> dict[str, dict[str, Mark]]:
    """By model and image: the prediction on test images, the scores on images with a region."""
    found: dict[str, dict[str, Mark]] = {}
    contrasts = sources.contrasts[sources.contrasts["score"] == sources.primary]
    for model, method in sources.methods.items():
        own = sources.alignment[(sources.alignment["model"] == model) & (sources.alignment["method"] == method)]
        scores = {image: {IOU: float(iou)} for image, iou in zip(own["image"], own["iou"], strict=True)}
        decided = contrasts[contrasts["candidate"] == f"{model}.{method}"]
        for image, score, contrast in zip(decided["image"], decided["own"], decided["d"], strict=True):
            scores.setdefault(image, {}).update({OWN: float(score), CONTRAST: float(contrast)})
        found[model] = {image: Mark(scores=by_key) for image, by_key in scores.items()}
        if model in sources.probabilities:
            labels = sources.test["label"].items()
            for (image, label), probability in zip(labels, sources.probabilities[model].tolist(), strict=True):
                found[model][str(image)] = Mark(
                    outcome=outcome(probability, label), probability=probability, scores=scores.get(image, {})
                )
    return found
