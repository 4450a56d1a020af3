"""README's table, picture and sentences are those of the metrics committed with them.

All are read from the last commit: after `make repro` metrics/ holds what this machine computed, which may differ.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from ruamel.yaml import YAML

from sightline.formats.readers import FORMATS
from studies import ROOT, committed

sys.path.insert(0, str(ROOT / "docs"))

from overview_numbers import HEAD, PLACE, overview, shown, table

PICTURES = ("docs/overview.png", "docs/overview-dark.png")
RESULTS = ("verdict", "classification")


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    """What README shows of the committed results; skips where these are another study's, which `make fresh` reports."""
    verdict, classification = (json.loads(committed(f"metrics/{name}.json")) for name in RESULTS)
    models = YAML(typ="safe").load(committed("params.yaml"))["models"]
    if sorted(models) != sorted(verdict["models"]):
        pytest.skip("the committed metrics/ are another study's than the committed params.yaml")
    return overview(verdict, classification)


def test_the_table(numbers: dict[str, Any]) -> None:
    found = PLACE.search(committed("README.md"))
    assert found, "README.md lacks the comments between which the table stands"
    assert found.group() == table(numbers), "run python docs/overview_numbers.py"


@pytest.mark.parametrize("path", PICTURES)
def test_the_picture(numbers: dict[str, Any], path: str) -> None:
    with Image.open(ROOT / path) as picture:
        drawn = json.loads(picture.text["Numbers"])
    assert drawn == numbers, f"{path}: run python docs/overview_picture.py docs in a study that has run"


@pytest.mark.parametrize("path", PICTURES)
def test_the_picture_is_small_and_shows_the_same(path: str) -> None:
    first, second = (Image.open(ROOT / name) for name in PICTURES)
    assert first.size == second.size
    assert (ROOT / path).stat().st_size < 250_000
    assert f'="{path}"' in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_sentences_about_the_two_networks(numbers: dict[str, Any]) -> None:
    """What README and the picture's alternative text say in words."""
    rows = numbers["rows"]
    honest, cheat = rows["squeezenet-lungs"], rows["squeezenet-film"]
    assert (numbers["honest"], numbers["cheat"]) == ("squeezenet-lungs", "squeezenet-film")
    assert f"{cheat['accuracy'][0]:.1%}" == "100.0%"
    assert cheat["external"][1] < 0.5 < cheat["external"][2] or f"{cheat['external'][0]:.0%}" == "50%"
    assert honest["accuracy"][0] > 0.95
    assert honest["external"][0] > 0.95
    assert honest["place"][1] > 1
    assert cheat["place"][1] < 0 < cheat["place"][2]
    assert rows["the experts' prior"]["place"][0] < 0.05
    assert 0 < rows["squeezenet-lungs untrained"]["place"][0] < 1
    with Image.open(ROOT / PICTURES[0]) as picture:
        peaks = json.loads(picture.text["Peaks of the cheat's maps"])
    assert peaks["beside the marker"] == peaks["films"] > 0


def metrics(place: float, accuracy: float, external: float, verdict: str = "looks") -> tuple[dict[str, Any], ...]:
    """Parts of verdict.json and classification.json for one model, with intervals of 0.1 on either side."""

    def ends(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.1, "high": value + 0.1}

    judged = {
        "verdict": verdict, "grid": "7x7", "contrast": {"rank": ends(place / 5)}, "untrained": ends(0),
        "place": place, "place_low": place - 0.1, "place_high": place + 0.1,
    }  # fmt: skip
    return {"gradcam": judged}, {"accuracy": ends(accuracy), "external": {"accuracy": ends(external)}}


def test_who_is_honest_who_cheats_and_where_controls_stand() -> None:
    made = {"a": metrics(0.5, 0.9, 0.85), "b": metrics(0.1, 1.0, 0.5, "elsewhere"), "c": metrics(0.2, 0.9, 0.9)}
    control = {"value": -0.02, "low": -0.04, "high": 0.0}
    controls = {"expert": {"value": 0.2, "low": 0.1, "high": 0.3}, "experts_prior": control}
    verdict = {"primary": "rank", "controls": {"7x7": controls}, "models": {name: made[name][0] for name in made}}
    numbers = overview(verdict, {name: made[name][1] for name in made})
    assert (numbers["honest"], numbers["cheat"]) == ("a", "b")
    assert list(numbers["rows"]) == ["a", "b", "c", "a left-out expert", "the experts' prior", "a untrained"]
    assert numbers["rows"]["a left-out expert"]["place"] == pytest.approx([1, 0.5, 1.5])
    assert numbers["rows"]["the experts' prior"]["place"] == pytest.approx([-0.1, -0.2, 0])
    lines = table(numbers).splitlines()
    assert lines[0] == HEAD
    assert len({line.count("|") for line in lines}) == 1
    assert (
        lines[3] == "| b | elsewhere | 2.0 [-8.0, 12.0] | 0.10 [0.00, 0.20] | 100.0 [90.0, 110.0] | 50.0 [40.0, 60.0] |"
    )


@pytest.mark.parametrize(
    ("ends", "text"), [([-0.0004, -0.01, 0.02], "0.0 [-1.0, 2.0]"), ([1.0, 1.0, 1.0], "100.0 [100.0, 100.0]")]
)
def test_rounding_writes_no_negative_zero(ends: list[float], text: str) -> None:
    assert shown(ends, 100, 1) == text


def test_every_file_that_readme_links_to_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link}
    assert [link for link in sorted(links) if not Path(ROOT / link).exists()] == []
    assert len(text.splitlines()) <= 120


def test_readme_counts_the_formats() -> None:
    (count,) = re.findall(r"\[(\d+) formats\]", (ROOT / "README.md").read_text())
    assert int(count) == len(FORMATS)
