"""The experts' annotations -> clean masks -> one consensus region per image; how far the experts agree.

Reads data/prepared/index.csv and images.npy and the annotations or masks below consensus.folder; writes
data/consensus.npz, data/annotations.npz, metrics/consensus.json (the paper's Table 1), plots/agreement.csv and
plots/professions.csv.
Run: python src/consensus.py
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from sightline.experts.agreement import (
    PROFESSION_COLUMNS,
    image_agreement,
    iou_matrix,
    profession_table,
)
from sightline.experts.annotation_reader import Cleanup, first_readings, read_annotations, read_finished
from sightline.experts.consensus import ConsensusRule, consensus_mask, left_out_consensus, pixel_share
from sightline.statistics.means import mean_known
from sightline.statistics.significance import mann_whitney_greater, sign_flip_p
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, write_csv, write_json, write_npz
from sightline.study.parameters import read_params

INDEX, IMAGES = Path("data/prepared/index.csv"), Path("data/prepared/images.npy")
RANDOM_MASKS, SIGN_FLIPS = 301, 302  # tags of this stage's generators
FLIPS = 10_000  # of the paired test; no parameter, for it costs nothing
SINGLE_METRICS = (  # of Table 1, what finished masks cannot tell
    *("annotations", "valid_annotations", "annotations_per_image", "annotators", "active_pixels_percent"),
    *("expert_expert_iou_percent", "expert_expert_iou_by_image_percent", "expert_random_iou_percent"),
    *("p_value_published", "p_value_permutation", "repeats", "self_iou_percent"),
)


@dataclass(frozen=True, kw_only=True)
class Consensus:
    source: Literal["annotations", "masks", "none"]
    folder: str
    """Of annotations.csv and masks/, or of the finished masks."""
    cleanup: Cleanup
    """paper: strokes become regions by the published clean-up; none: the masks are regions already."""
    empty: Literal["dropped", "votes"]
    """What an annotation without a region does."""
    rule: ConsensusRule
    min_share: float
    """Of an image's annotations, or of their weight, that must mark a pixel, for rules mean and weighted."""
    min_count: int
    """Annotations that must mark a pixel, for rule at_least."""
    weights: dict[str, float]
    """Of an annotator's vote by profession, for rule weighted."""
    random_masks: int
    """Random masks an image; an image of more annotations gets one for each."""

    def __post_init__(self) -> None:
        if not 0 < self.min_share <= 1:
            raise ValueError(f"min_share: must be in (0, 1], got {self.min_share}")
        if self.min_count < 1:
            raise ValueError(f"min_count: must be at least 1, got {self.min_count}")
        if any(not 0 <= weight < float("inf") for weight in self.weights.values()):
            raise ValueError(f"weights: must be 0 or more, got {self.weights}")
        if self.random_masks < 1:
            raise ValueError(f"random_masks: must be at least 1, got {self.random_masks}")
        if self.source != "none" and not self.folder:
            raise ValueError("folder: must name the folder of the annotations or masks, got ''")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    consensus: Consensus

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed: must be 0 or more, got {self.seed}")


def main() -> None:
    params = read_params(Params)
    index = read_csv(INDEX, {"image": str, "split": str, "patient": str, "source": str})
    grid = grid_size()
    if params.consensus.source == "annotations":
        table, masks_AHW = read_annotations(Path(params.consensus.folder), index, grid, params.consensus.cleanup)
        write_annotated(params, index, table, masks_AHW)
    elif params.consensus.source == "masks":
        write_finished(*read_finished(Path(params.consensus.folder), index, grid))
    else:
        write_finished([], np.zeros((0, *grid), bool))


def grid_size() -> tuple[int, int]:
    """Rows and columns of the prepared images."""
    try:
        height, width = np.load(IMAGES, mmap_mode="r", allow_pickle=False).shape[1:3]
    except FileNotFoundError:
        raise StudyError(f"{IMAGES}: not there; run the stage that writes it (dvc repro)") from None
    except (ValueError, OSError, EOFError) as error:
        raise StudyError(f"{IMAGES}: not a readable array ({error}); run the stage prepare again") from error
    return height, width


def write_annotated(params: Params, index: pd.DataFrame, table: pd.DataFrame, masks_AHW: np.ndarray) -> None:
    """Merges the annotations of each image and writes everything.

    Empty annotations are counted and, unless they vote, not used. An annotator has one vote an image, the first in
    time that is valid; later ones tell how far annotators agree with themselves.
    """
    settings = params.consensus
    valid = np.flatnonzero(masks_AHW.any(axis=(1, 2)) | (settings.empty == "votes"))
    first, again = first_readings(table.iloc[valid].reset_index(drop=True))
    self_iou = np.array([iou_matrix(masks_AHW[[valid[a]]], masks_AHW[[valid[b]]])[0, 0] for a, b in again])
    valid = valid[first]
    used, used_AHW = table.iloc[valid].reset_index(drop=True), masks_AHW[valid]
    images = list(dict.fromkeys(table.image))
    rows_of = {image: np.flatnonzero(used.image == image) for image in images}
    agreements = {
        image: image_agreement(
            used_AHW[rows],
            used.annotator[rows].tolist(),
            settings.random_masks,
            # seeded by name: another image more or less leaves this one's random masks as they are
            np.random.default_rng([params.seed, RANDOM_MASKS, zlib.crc32(image.encode())]),
        )
        for image, rows in rows_of.items()
    }
    by_image = pd.DataFrame(
        [(image, len(rows_of[image]), item.mean_iou, item.mean_random_iou) for image, item in agreements.items()],
        columns=["image", "annotations", "iou", "random_iou"],
    )
    by_profession = profession_table(used, rows_of, agreements)
    weight_A = votes(settings, used)
    rule, share, count = settings.rule, settings.min_share, settings.min_count
    consensus_CHW = np.stack(
        [consensus_mask(used_AHW[rows], rule, share, count, weight_A[rows]) for rows in rows_of.values()]
    )
    share_CHW = np.stack([pixel_share(used_AHW[rows], weight_A[rows]) for rows in rows_of.values()])
    others_AHW = np.zeros(used_AHW.shape, bool)
    for rows in rows_of.values():
        others_AHW[rows] = left_out_consensus(used_AHW[rows], rule, share, count, weight_A[rows])
    patient = dict(zip(index.image, index.patient, strict=True))
    pairs = np.concatenate([item.iou for item in agreements.values()])
    random_pairs = np.concatenate([item.random_iou for item in agreements.values()])
    num_pairs = np.array([len(item.iou) for item in agreements.values()])
    metrics = {
        **consensus_metrics(consensus_CHW),
        "annotations": len(table),
        "valid_annotations": len(used),
        "annotations_per_image": len(used) / len(images),
        "annotators": used.annotator.nunique(),
        "repeats": len(again),
        "self_iou_percent": 100 * mean_known(self_iou),
        "active_pixels_percent": 100 * mean_known(used_AHW.mean(axis=(1, 2))),
        # Paper: Table 1 takes the mean over all pairs, to which an image of many annotations gives more
        "expert_expert_iou_percent": 100 * mean_known(pairs),
        "expert_expert_iou_by_image_percent": 100 * mean_known(by_image.iou.to_numpy()),
        "expert_random_iou_percent": 100 * mean_known(np.repeat(by_image.random_iou.to_numpy(), num_pairs)),
        "p_value_published": mann_whitney_greater(pairs, random_pairs),
        "p_value_permutation": sign_flip_p(
            (by_image.iou - by_image.random_iou).to_numpy(),
            np.array([patient[image] for image in images]),
            FLIPS,
            np.random.default_rng([params.seed, SIGN_FLIPS]),
        ),
        "professions": {
            str(name): {"annotators": annotators, "annotations": count, "pairs": num, "iou_percent": 100 * iou}
            for name, annotators, count, num, iou in by_profession.itertuples(index=False)
        },
    }
    counts = np.array([len(rows) for rows in rows_of.values()])
    write_arrays(images, consensus_CHW, share_CHW, counts, used, used_AHW, others_AHW)
    write_small(metrics, by_image, by_profession)
    print(
        f"{len(images)} images, {len(used)} of {len(table)} annotations valid, "
        f"{metrics['nonempty_consensus']} images with a consensus; "
        f"IoU of two annotators {metrics['expert_expert_iou_percent']:.1f}%, "
        f"of one and chance {metrics['expert_random_iou_percent']:.1f}%"
    )


def votes(settings: Consensus, used: pd.DataFrame) -> np.ndarray:
    """The weight of each annotation's vote, float64; 1 unless the rule is `weighted`."""
    if settings.rule != "weighted":
        return np.ones(len(used))
    unknown = sorted(set(used.profession) - set(settings.weights))
    if unknown:
        raise StudyError("consensus.weights: professions without a weight; add them", unknown)
    return used.profession.map(settings.weights).to_numpy(float)


def write_finished(images: list[str], consensus_CHW: np.ndarray) -> None:
    """Writes finished masks as the consensus: one vote an image; what needs single annotations is null."""
    nobody = pd.DataFrame(columns=["annotation", "image", "annotator", "profession"], dtype=str)
    counts = np.ones(len(images), int)
    write_arrays(
        images,
        consensus_CHW,
        consensus_CHW.astype(np.float32),
        counts,
        nobody,
        np.zeros((0, *consensus_CHW.shape[1:]), bool),
        np.zeros((0, *consensus_CHW.shape[1:]), bool),
    )
    metrics = {**dict.fromkeys(SINGLE_METRICS), **consensus_metrics(consensus_CHW), "professions": {}}
    by_image = pd.DataFrame({"image": images, "annotations": counts, "iou": np.nan, "random_iou": np.nan})
    write_small(metrics, by_image, pd.DataFrame(columns=PROFESSION_COLUMNS))
    print(f"{len(images)} finished masks, {metrics['nonempty_consensus']} not empty")


def consensus_metrics(consensus_CHW: np.ndarray) -> dict[str, Any]:
    """What Table 1 says of the consensus itself; its area is the mean over images whose consensus is not empty."""
    nonempty = consensus_CHW.any(axis=(1, 2))
    return {
        "test_images": len(consensus_CHW),
        "nonempty_consensus": int(nonempty.sum()),
        "consensus_pixels_percent": 100 * mean_known(consensus_CHW[nonempty].mean(axis=(1, 2))),
    }


def write_arrays(
    images: list[str],
    consensus_CHW: np.ndarray,
    share_CHW: np.ndarray,
    counts: np.ndarray,
    used: pd.DataFrame,
    used_AHW: np.ndarray,
    others_AHW: np.ndarray,
) -> None:
    """`others`: the consensus of the image's other annotations, for each annotation, by the same rule."""
    write_npz(
        "data/consensus.npz",
        images=np.array(images, str),
        consensus=consensus_CHW,
        share=share_CHW,
        count=counts.astype(np.int32),
    )
    write_npz(
        "data/annotations.npz",
        annotations=np.array(used.annotation.tolist(), str),
        images=np.array(used.image.tolist(), str),
        annotators=np.array(used.annotator.tolist(), str),
        professions=np.array(used.profession.tolist(), str),
        masks=used_AHW,
        others=others_AHW,
    )


def write_small(metrics: dict[str, Any], by_image: pd.DataFrame, by_profession: pd.DataFrame) -> None:
    write_csv("plots/agreement.csv", by_image)
    write_csv("plots/professions.csv", by_profession)
    write_json("metrics/consensus.json", metrics)


if __name__ == "__main__":
    run_stage(main)
