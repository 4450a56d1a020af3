"""How often the shortcut meter flags small networks, by the numbers that benchmarks/shortcut_alarms.py measured."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest

from sightline.alignment.shortcut import Suspicion

TABLE = Path(__file__).parents[2] / "benchmarks/results/shortcut_alarms.csv"


@pytest.fixture(scope="module")
def networks() -> pd.DataFrame:
    """One row per network, with what the meter's present thresholds say of its numbers."""
    table = pd.read_csv(TABLE)
    signs = [Suspicion(**{field.name: row[field.name] for field in fields(Suspicion)}) for _, row in table.iterrows()]
    return table.assign(flagged=[sign.is_flagged for sign in signs], can_tell=[sign.can_tell for sign in signs])


def test_at_most_a_twentieth_of_networks_without_a_marker_is_flagged(networks: pd.DataFrame) -> None:
    """The thresholds were chosen from those at 128 pixels alone."""
    unmarked = networks[networks["shortcut"] == 0]
    assert len(unmarked.query("side == 128").groupby(["architecture", "seed"])) >= 24
    assert (unmarked["accuracy"] > 0.6).all()  # trained: maps of a network that guesses would show nothing
    assert unmarked["can_tell"].mean() > 0.9  # not silent for want of images
    assert unmarked["flagged"].mean() <= 0.05
    assert unmarked["concentration_p"].nunique() > 10  # not at its floor


def test_a_marker_is_found_where_the_feature_grid_is_fine_enough(networks: pd.DataFrame) -> None:
    """At 224 pixels (6 x 6 cells) every time, with its place; at 128 (3 x 3 and 4 x 4) rarely: docs/metrics.md."""
    marked = networks[networks["shortcut"] > 0]
    counts = marked.groupby("side")["flagged"].agg(["sum", "count"])
    print(counts)
    assert counts.loc[224].tolist() == [3, 3]
    assert counts.loc[128].tolist() == [1, 8]
    found = marked[marked["flagged"]]
    assert (found["row"] < 0.2).all()
    assert (found["col"] < 0.25).all()
