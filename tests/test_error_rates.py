"""The simulations behind docs/error-rates.md: their arithmetic, every part in small, and what the page claims."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from error_rates import PAGE, PARTS, REMARKS
from rates import phantom_scores
from rates.counting import BANDS, Line, Rate, lines, table

ROOT = Path(__file__).parents[1]
STUDIES = 400


@pytest.fixture
def few_phantoms(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(phantom_scores, "NUM", 24)
    phantom_scores.phantoms.cache_clear()
    yield
    phantom_scores.phantoms.cache_clear()


def test_a_rate_has_the_error_of_a_share():
    assert Rate(50, 1000).percent == 5
    assert Rate(50, 1000).error == pytest.approx(100 * np.sqrt(0.05 * 0.95 / 1000))
    assert 0 < Rate(0, 1000).error < 0.1
    assert Rate(50, 1000).words((3, 7)) == "5.0 ± 0.7"
    assert Rate(84, 1000).words((3, 7)) == "8.4 ± 0.9"  # within two errors of 7
    assert Rate(120, 1000).words((3, 7)) == "**12.0 ± 1.0**"


def test_only_defaults_are_held_against_the_band():
    rows = [Line(name, "here", "level", {16: Rate(200, 1000)}) for name in ("a", "b")]
    assert table(rows, {"a": "default", "b": "not used"}).splitlines()[2:] == [
        "| a | here | **20.0 ± 1.3** | default |",
        "| b | here | 20.0 ± 1.3 | not used |",
    ]
    assert table(rows[:1], {"a": "default", "a | here": "special"}).endswith("| special |")


def test_a_condition_has_its_own_stream():
    def study(num_patients: int, rng: np.random.Generator):
        return {"x": rng.random() < 0.5, "y": num_patients == 16}

    first, second = lines("one", "level", study, 40, (16, 21))
    assert (second.rates[16].count, second.rates[21].count) == (40, 0)
    assert first.rates == lines("one", "level", study, 40, (21, 16))[0].rates
    assert first.rates != lines("two", "level", study, 40, (16, 21))[0].rates


@pytest.mark.usefixtures("few_phantoms")
@pytest.mark.parametrize("part", PARTS)
def test_every_part_runs_and_has_a_remark(part):
    rows = PARTS[part].simulate(2)
    assert rows
    assert {row.what for row in rows} <= set(REMARKS)
    assert all(0 <= rate.count <= rate.studies for row in rows for rate in row.rates.values())


def test_the_page_has_every_part_and_says_why_a_default_is_out_of_its_band():
    page = PAGE.read_text(encoding="utf-8")
    assert [part.title for part in PARTS.values()] == [
        line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")
    ]
    bold = [line for line in page.splitlines() if line.startswith("|") and "**" in line]
    assert [line for line in bold if ";" not in line.split("|")[-2]] == []


@pytest.mark.slow  # 1 to 2 minutes per part
@pytest.mark.parametrize("part", PARTS)
def test_defaults_without_a_reservation_keep_their_bands(part):
    for row in PARTS[part].simulate(STUDIES):
        remark = REMARKS.get(f"{row.what} | {row.condition}", REMARKS[row.what])
        if remark != "default" or row.aim not in BANDS:
            continue
        low, high = BANDS[row.aim]
        for num_patients, rate in row.rates.items():
            reach = 3.5 * rate.error
            assert low - reach <= rate.percent <= high + reach, (row.what, row.condition, num_patients)
