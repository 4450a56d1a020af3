"""How far the readers agree on each finding, in a study whose annotations name several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sightline.experts.agreement import iou_matrix
from sightline.experts.annotation_reader import Cleanup, annotation_table, read_annotations
from sightline.experts.findings import findings_in
from sightline.experts.votes import Votes, valid_votes
from sightline.statistics.means import mean_known


def finding_agreements(
    folder: Path, index: pd.DataFrame, grid: tuple[int, int], cleanup: Cleanup, adjudicated: bool = False
) -> dict[str, Any]:
    """{"findings": by name, see `finding_agreement`}; nothing where no annotation names a finding.

    Each finding's annotations are read by themselves, with `read_annotations`.
    """
    names = findings_in(annotation_table(folder))
    votes = {
        name: valid_votes(*read_annotations(folder, index, grid, cleanup, [name], adjudicated), True) for name in names
    }
    return {"findings": {name: finding_agreement(one) for name, one in votes.items()}} if names else {}


def finding_agreement(votes: Votes) -> dict[str, Any]:
    """Readings of the finding, those that mark it, their images, and the mean IoU of two readers in percent.

    A pair of readers of one image of whom neither marks the finding has no IoU; NaN without any other pair. `votes`:
    with annotations without a region among them.
    """
    is_marked_A = votes.masks_AHW.any(axis=(1, 2))
    pairs = [np.zeros(0)]
    for rows in votes.rows_of.values():
        iou_RR = iou_matrix(votes.masks_AHW[rows], votes.masks_AHW[rows])
        pairs.append(iou_RR[np.triu_indices(len(rows), 1)])
    return {
        "readings": len(votes.table),
        "marked": int(is_marked_A.sum()),
        "images": votes.table.image.iloc[np.flatnonzero(is_marked_A)].nunique(),
        "expert_expert_iou_percent": 100 * mean_known(np.concatenate(pairs)),
    }
