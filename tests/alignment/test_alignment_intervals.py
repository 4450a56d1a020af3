"""Intervals of IoU and Pointing Game: by patient, against an independent bootstrap and the exact interval."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.alignment.at_threshold import Results, Table, intervals
from sightline.statistics.exact_tests import hit_rate_interval

IMAGES = [f"i{number:03}" for number in range(10)]
PATIENTS = {image: f"p{number // 3}" for number, image in enumerate(IMAGES)}  # four patients
LEVEL = 0.9


def scores(seed: int = 0) -> Table:
    """The same ten images by two models, whose rows come in opposite orders."""
    rng = np.random.default_rng(seed)
    iou, hits = rng.random(10), rng.integers(0, 2, 10).astype(float)
    return {
        "image": np.array(IMAGES + IMAGES[::-1]),
        "model": np.repeat(["net", "other"], 10),
        "method": np.repeat(["cam", "theirs"], 10),
        "iou": np.concatenate([iou, iou[::-1]]),
        "pointing": np.concatenate([hits, hits[::-1]]),
    }


def found(table: Table) -> Results:
    return intervals(table, PATIENTS, 400, LEVEL, np.random.default_rng(3))


def test_iou_is_resampled_by_patient() -> None:
    table = scores()
    cam = found(table)["net"]["cam"]
    assert cam["iou"]["value"] == pytest.approx(table["iou"][:10].mean())
    # an independent bootstrap of patients: its ends within 6 standard errors of a quantile's
    values = [table["iou"][:10][[PATIENTS[image] == name for image in IMAGES]] for name in sorted({*PATIENTS.values()})]
    rng = np.random.default_rng(1)
    drawn = (rng.integers(0, len(values), len(values)) for _ in range(4000))
    means = np.array([np.concatenate([values[row] for row in rows]).mean() for rows in drawn])
    for end, share in (("low", 0.05), ("high", 0.95)):
        below = (means < cam["iou"][end]).mean()
        assert abs(below - share) < 6 * np.sqrt(0.05 * 0.95 * (1 / 400 + 1 / 4000))


def test_neither_the_order_of_the_rows_nor_another_model_changes_anything() -> None:
    both = found(scores())
    assert both["net"]["cam"]["iou"] == pytest.approx(both["other"]["theirs"]["iou"])
    assert both["net"]["cam"]["pointing"] == pytest.approx(both["other"]["theirs"]["pointing"])
    alone = found({name: column[:10] for name, column in scores().items()})
    assert alone == {"net": both["net"]}


def test_the_pointing_game_is_exact_and_by_patient() -> None:
    """No hit on 10 images of 4 patients: the upper end is that of no hit by 4 patients, and not 0."""
    table = scores()
    table["pointing"][:10] = 0
    both = found(table)
    assert both["net"]["cam"]["pointing"] == {"value": 0, "low": 0, "high": pytest.approx(1 - 0.05 ** (1 / 4))}
    some = both["other"]["theirs"]["pointing"]
    patients = np.array([PATIENTS[image] for image in IMAGES])
    assert (some["low"], some["high"]) == pytest.approx(hit_rate_interval(table["pointing"][:9:-1], patients, LEVEL))


def test_without_images_there_is_none() -> None:
    assert found({name: column[:0] for name, column in scores().items()}) == {}
