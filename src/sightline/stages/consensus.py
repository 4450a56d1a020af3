"""The readers' annotations -> clean masks -> one consensus region per image; how far the readers agree.

Reads data/prepared/index.csv and images.npy and the annotations or masks below consensus.folder; writes
data/consensus.npz, data/annotations.npz, metrics/consensus.json (the paper's Table 1), plots/agreement.csv and
plots/professions.csv.
Run: python src/consensus.py
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from sightline.counts import counted
from sightline.experts.agreement import PROFESSION_COLUMNS, profession_table
from sightline.experts.annotation_reader import Cleanup, read_annotations, read_finished
from sightline.experts.consensus import ConsensusRule, StudyConsensus, finished_consensus, study_consensus
from sightline.experts.finding_agreement import finding_agreements
from sightline.experts.masks import small_lines
from sightline.experts.table_one import agreements, image_table, table_one, table_one_of_finished
from sightline.experts.votes import Votes, no_votes, valid_votes, vote_weights
from sightline.inputs import INDEX, PREPARED, prepared_grid
from sightline.statistics.streams import stream
from sightline.study.errors import run_stage
from sightline.study.files import read_csv, write_csv, write_json, write_npz
from sightline.study.parameters import read_params


@dataclass(frozen=True, kw_only=True)
class Consensus:
    source: Literal["annotations", "masks", "none"]
    folder: str
    """Of annotations.csv and masks/, or of the finished masks."""
    cleanup: Cleanup
    """paper: strokes become regions by the published clean-up; none: all are regions; auto: as column `drawn` says."""
    finding: str
    """Which votes, by the column `finding` of annotations.csv; '': each reader's regions of all findings united."""
    adjudicated: bool
    """Whether an answer of a second round counts in place of its reader's first one (`repeats.counts_now`)."""
    empty: Literal["dropped", "votes"]
    """What an annotation without a region does."""
    rule: ConsensusRule
    min_share: float
    """Share of an image's annotations, or of their weight, that must mark a pixel, for rules mean and weighted."""
    min_count: int
    """Annotations that must mark a pixel, for rule at_least."""
    weights: dict[str, float]
    """Of an annotator's vote by profession, for rule weighted."""
    random_masks: int
    """Random masks per image; an image with more annotations gets one for each."""

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
    settings, folder = params.consensus, Path(params.consensus.folder)
    index = read_csv(INDEX, {"image": str, "split": str, "patient": str, "source": str})
    grid = prepared_grid(PREPARED)
    if settings.source == "annotations":
        how = (folder, index, grid, settings.cleanup)
        table, masks_AHW = read_annotations(*how, {settings.finding} - {""}, settings.adjudicated)
        by_finding = {} if settings.finding else finding_agreements(*how, settings.adjudicated)
        write_annotated(params, index, valid_votes(table, masks_AHW, settings.empty == "votes"), by_finding)
        print(*small_lines(int(table["num_saved"].sum()), int(table["num_thin"].sum())), sep="", end="")
    elif settings.source == "masks":
        finished = read_finished(folder, index, grid)
        write_finished(finished.images, finished.masks_CHW)
        print(*small_lines(finished.num_saved, 0), sep="", end="")
    else:
        write_finished([], np.zeros((0, *grid), bool))


def write_annotated(params: Params, index: pd.DataFrame, votes: Votes, by_finding: dict[str, Any]) -> None:
    """Writes each image's consensus by the study's rule, its annotations, and how far the readers agree."""
    settings, images = params.consensus, list(votes.rows_of)
    weights_A = vote_weights(votes, settings.rule, settings.weights)
    regions = study_consensus(
        votes.masks_AHW, votes.rows_of.values(), settings.rule, settings.min_share, settings.min_count, weights_A
    )
    # seeded by name: another image more or less leaves this image's random masks as they are
    random_masks_of = partial(stream, params.seed, "consensus", "random masks")
    by_image = agreements(votes, settings.random_masks, random_masks_of)
    by_profession = profession_table(votes.table, votes.rows_of, by_image)
    patient_of = dict(zip(index.image, index.patient, strict=True))
    flips = stream(params.seed, "consensus", "sign flips")
    patients = [patient_of[image] for image in images]
    metrics = table_one(votes, regions.masks_CHW, by_image, by_profession, patients, flips) | by_finding
    write(images, regions, votes, metrics, image_table(votes, by_image), by_profession)
    shares = (metrics["expert_expert_iou_percent"], metrics["expert_random_iou_percent"])
    two, chance = ("–" if np.isnan(share) else f"{share:.1f}%" for share in shares)  # one reader has no second
    print(
        f"{counted(len(images), 'image')}, {len(votes.table)} of {counted(votes.num_annotations, 'annotation')} valid, "
        f"{counted(metrics['nonempty_consensus'], 'image')} with a consensus; "
        f"IoU of two annotators {two}, of one and chance {chance}"
    )


def write_finished(images: list[str], masks_CHW: np.ndarray) -> None:
    """Writes finished masks as the consensus: one vote per image; what needs single annotations is null."""
    regions, metrics = finished_consensus(masks_CHW), table_one_of_finished(masks_CHW)
    by_image = pd.DataFrame({"image": images, "annotations": regions.count_C, "iou": np.nan, "random_iou": np.nan})
    height, width = masks_CHW.shape[1:]
    write(images, regions, no_votes((height, width)), metrics, by_image, pd.DataFrame(columns=PROFESSION_COLUMNS))
    print(f"{counted(len(images), 'finished mask')}, {metrics['nonempty_consensus']} not empty")


def write(
    images: list[str], regions: StudyConsensus, votes: Votes, metrics: dict[str, Any], by_image: pd.DataFrame,
    by_profession: pd.DataFrame,
) -> None:  # fmt: skip
    masks, share, count, others = regions
    write_npz("data/consensus.npz", images=np.array(images, str), consensus=masks, share=share, count=count)
    columns = {"annotations": "annotation", "images": "image", "annotators": "annotator", "professions": "profession"}
    names = {array: np.array(votes.table[column].tolist(), str) for array, column in columns.items()}
    write_npz("data/annotations.npz", **names, masks=votes.masks_AHW, others=others, **votes.readings.arrays())
    write_csv("plots/agreement.csv", by_image)
    write_csv("plots/professions.csv", by_profession)
    write_json("metrics/consensus.json", metrics)


if __name__ == "__main__":
    run_stage(main)
