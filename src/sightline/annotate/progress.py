"""Progress of a study: coverage, pace, agreement, and readers who differ from the rest, from plain records.

Practice counts only in a reader's done and total. A hidden repeat counts as a reading, but agreement between readers is
of first readings of study images only, so nobody is compared with themselves. Records of readers who have withdrawn, or
who are not listed, are left out. The records' order does not matter.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import numpy as np

from sightline.annotate.answers import Answer
from sightline.annotate.assignment import Kind, Plan
from sightline.experts.agreement import iou_matrix
from sightline.statistics.means import mean_known

MIN_READINGS = 5  # of a reader who is compared with others
MIN_READERS = 4  # compared, so that one of them can stand out
STUCK_DAYS = 7  # without a sign of a reader who has images left
MAX_Z = 3.5  # Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993): 0.6745 (x - median) / MAD beyond it
LEAST_SECONDS = 1.0  # a shorter time counts as this one
LEAST_AREA = 1e-3  # percent, half a pixel at 224 x 224: a small region may be lost on the study's grid
Z_SCALE = 0.6745  # median absolute deviation of a normal sample, in standard deviations

Row = dict[str, Any]
Pair = tuple[str, str, float]  # two readers of an image and their IoU


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A person who was invited."""

    reader: str
    """The pseudonym."""
    profession: str | None
    years: int | None
    state: Literal["invited", "enrolled", "withdrawn"]
    last_seen: str | None
    """ISO 8601."""


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """A reader's task, done or not."""

    task: str
    reader: str
    image: str
    kind: Kind
    repeat: int
    """0 for the first reading, 1 for the hidden second."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The newest version of a reader's answer to a task; one per task."""

    task: str
    reader: str
    image: str
    kind: Kind
    repeat: int
    answer: Answer
    confidence: int | None
    submitted_at: str
    """ISO 8601; UTC if it has no offset."""
    active_seconds: float
    versions: int
    """Submissions so far: 1, plus 1 per correction."""
    mask: np.ndarray | None
    """bool H x W on the study's grid; all false for `none`, None for `cannot`."""


def overview(
    plan: Plan,
    readers: Sequence[Reader],
    assigned: Sequence[Assigned],
    readings: Sequence[Reading],
    begun_at: str,
    *,
    empty_votes: bool = True,
    now: datetime | None = None,
) -> dict[str, Any]:
    """What the admin's page shows, ready for JSON: numbers are unrounded, undefined values None.

    Agreement is the IoU of two distinct readers' first readings of a study image, the number that the stage consensus
    gives for the same answers. With `empty_votes` it is 0 where one marks a region and the other answers `none`, and
    undefined and left out where both answer `none`; without, as in the paper, `none` makes no pair. `cannot` has no
    mask and so no pair. An image's `pairs` are those in its mean; the study's mean is over all pairs. Images without a
    reader are listed too.

    A reader with images left who was last seen more than STUCK_DAYS before `now` is `stuck`; None: nobody is.

    In `totals`, `invited` counts everyone listed, `enrolled` those taking part now, `finished` those of them with all
    tasks done; `tasks`, `submitted`, `cannot` and `corrections` include repeats and controls.
    """
    active = {person.reader: person for person in readers if person.state != "withdrawn"}
    mine = [task for task in assigned if task.reader in active]
    done = sorted((item for item in readings if item.reader in active), key=lambda item: (item.reader, item.task))
    counted = [item for item in done if item.kind != "practice"]
    first = [item for item in counted if item.kind == "study" and item.repeat == 0]
    pairs_of = {
        image: _pairs([item for item in first if item.image == image], empty_votes) for image in sorted(plan.images)
    }
    reader_rows = _reader_rows(active, mine, done, [pair for pairs in pairs_of.values() for pair in pairs], empty_votes)
    for row in reader_rows:
        row["outlier"] += ["stuck"] if _is_stuck(row, now) else []
    known = np.array([iou for pairs in pairs_of.values() for _, _, iou in pairs])
    return {
        "study": {
            "images": len(plan.images),
            "readers_per_image": plan.readers_per_image,
            "planned_readers": plan.readers,
            "begun_at": begun_at,
        },
        "totals": {
            "invited": len(readers),
            "enrolled": sum(person.state == "enrolled" for person in active.values()),
            "finished": sum(row["done"] == row["total"] > 0 for row in reader_rows),
            "withdrawn": len(readers) - len(active),
            "tasks": sum(task.kind != "practice" for task in mine),
            "submitted": len(counted),
            "cannot": sum(item.answer == "cannot" for item in counted),
            "corrections": sum(item.versions - 1 for item in counted),
        },
        "readers": reader_rows,
        "images": _image_rows(plan.readers_per_image, mine, first, pairs_of),
        "pace": [{"day": day, "submitted": count} for day, count in sorted(Counter(map(_day, counted)).items())],
        "agreement": {"mean": _mean(known), "pairs": len(known)},
    }


def _is_stuck(row: Row, now: datetime | None) -> bool:
    if now is None or row["last_seen"] is None or row["done"] >= row["total"]:
        return False
    return _utc(row["last_seen"]) < now - timedelta(days=STUCK_DAYS)


def _pairs(readings: Sequence[Reading], empty_votes: bool) -> list[Pair]:
    """Each pair of distinct readers of one image and their IoU, without pairs of two empty masks."""
    drawn = [item for item in readings if _counts(item, empty_votes)]
    if len(drawn) < 2:
        return []
    masks_RHW = np.array([item.mask for item in drawn])
    iou_RR = iou_matrix(masks_RHW, masks_RHW)
    return [
        (drawn[one].reader, drawn[other].reader, float(iou_RR[one, other]))
        for one, other in zip(*np.triu_indices(len(drawn), 1), strict=True)
        if drawn[one].reader != drawn[other].reader and not np.isnan(iou_RR[one, other])
    ]


def _counts(reading: Reading, empty_votes: bool) -> bool:
    """Whether a reading has a mask that is compared with others; an empty one only where it votes."""
    return reading.mask is not None and (empty_votes or bool(reading.mask.any()))


def _image_rows(
    target: int, assigned: Sequence[Assigned], first: Sequence[Reading], pairs_of: Mapping[str, Sequence[Pair]]
) -> list[Row]:
    """One row per study image, by name: number of readers, the answers of their first readings, their agreement."""
    num_assigned = Counter(task.image for task in assigned if task.kind == "study" and task.repeat == 0)
    answers = Counter((item.image, item.answer) for item in first)
    return [
        {
            "image": image,
            "target": target,
            "assigned": num_assigned[image],
            "submitted": sum(answers[image, answer] for answer in get_args(Answer)),
            **{answer: answers[image, answer] for answer in get_args(Answer)},
            "pairs": len(pairs),
            "agreement": _mean(iou for _, _, iou in pairs),
        }
        for image, pairs in pairs_of.items()
    ]


def _reader_rows(
    readers: Mapping[str, Reader],
    assigned: Sequence[Assigned],
    done: Sequence[Reading],
    pairs: Sequence[Pair],
    empty_votes: bool,
) -> list[Row]:
    """One row per reader, by pseudonym, with the codes of what stands out."""
    total = Counter(task.reader for task in assigned)
    readings_of: dict[str, list[Reading]] = defaultdict(list)
    for item in done:
        readings_of[item.reader].append(item)
    ious_of: dict[str, list[float]] = defaultdict(list)
    for one, other, iou in pairs:
        ious_of[one].append(iou)
        ious_of[other].append(iou)
    rows: list[Row] = []
    compared: list[bool] = []
    for name, person in sorted(readers.items()):
        counted = [item for item in readings_of[name] if item.kind != "practice"]
        first = [item for item in counted if item.kind == "study" and item.repeat == 0]
        masks = [item.mask for item in first if item.answer == "region" and item.mask is not None]
        seconds = [item.active_seconds for item in counted]
        rows.append(
            {
                "reader": name,
                "profession": person.profession,
                "years": person.years,
                "done": len(readings_of[name]),
                "total": total[name],
                "last_seen": person.last_seen,
                "median_seconds": float(np.median(seconds)) if seconds else None,
                "none_share": _mean(item.answer == "none" for item in first),
                "mean_area_percent": _mean(100 * mask.mean() for mask in masks),
                "agreement": _mean(ious_of[name]),
                "self_agreement": _self_agreement(counted, empty_votes),
                "controls_marked": _mean(item.answer == "region" for item in counted if item.kind == "control"),
            }
        )
        compared.append(len(counted) >= MIN_READINGS)
    return [{**row, "outlier": codes} for row, codes in zip(rows, _outliers(rows, compared), strict=True)]


def _self_agreement(readings: Sequence[Reading], empty_votes: bool) -> float | None:
    """Mean IoU of one reader's first and second readings of an image; None without a pair.

    As between readers, two empty masks are left out, one empty mask gives 0 if empty ones vote, `cannot` has no mask.
    """
    masks: dict[str, dict[int, np.ndarray]] = defaultdict(dict)
    for item in readings:
        if item.mask is not None and _counts(item, empty_votes):
            masks[item.image][item.repeat] = item.mask
    both = [(by_repeat[0], by_repeat[1]) for _, by_repeat in sorted(masks.items()) if {0, 1} <= by_repeat.keys()]
    return _mean(float(iou_matrix(first[None], second[None])[0, 0]) for first, second in both)


def _outliers(rows: Sequence[Row], compared: Sequence[bool]) -> list[list[str]]:
    """Codes of what stands out for each reader: fast, slow, small, large, disagrees.

    By robust z-scores over the readers who are `compared`. Logarithms of time and area are compared, because both are
    skewed: at the usual spread, no untransformed time would be far enough below the median to count as fast.
    """
    seconds = [_log(row["median_seconds"], LEAST_SECONDS) for row in rows]
    areas = [_log(row["mean_area_percent"], LEAST_AREA) for row in rows]
    agreements = [row["agreement"] for row in rows]
    codes: list[list[str]] = [[] for _ in rows]
    for values, low, high in ((seconds, "fast", "slow"), (areas, "small", "large"), (agreements, "disagrees", None)):
        scores = _robust_z([value if use else None for value, use in zip(values, compared, strict=True)])
        for reader_codes, score in zip(codes, scores, strict=True):
            code = high if score > MAX_Z else low if score < -MAX_Z else None
            reader_codes += [code] if code else []
    return codes


def _log(value: float | None, least: float) -> float | None:
    """Logarithm of the larger of value and `least`; None for None."""
    return None if value is None else math.log(max(value, least))


def _robust_z(values: Sequence[float | None]) -> np.ndarray:
    """0.6745 (x - median) / MAD of each value, float64; 0 for None, for fewer than 4 values, and where MAD is 0."""
    numbers = np.array([np.nan if value is None else value for value in values], np.float64)
    is_known = ~np.isnan(numbers)
    scores = np.zeros(len(numbers))
    if is_known.sum() < MIN_READERS:
        return scores
    off = numbers[is_known] - np.median(numbers[is_known])
    deviation = np.median(np.abs(off))
    if deviation > 1e-12:  # anything less is rounding
        scores[is_known] = Z_SCALE * off / deviation
    return scores


def _day(reading: Reading) -> str:
    """The UTC day of a reading, YYYY-MM-DD."""
    return _utc(reading.submitted_at).date().isoformat()


def _utc(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _mean(values: Iterable[float]) -> float | None:
    """Mean of the values that are not NaN, None if there are none."""
    mean = mean_known(np.array([*values], np.float64))
    return None if np.isnan(mean) else mean
