"""The chart of which films take part, and the section on subgroups: numbers from files, in order, and nothing else."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

import reports
from sightline.study.files import write_csv, write_json

EXCLUDED = [
    {"reason": "view LL", "split": "test", "label": 1, "films": 3},
    {"reason": "view LL", "split": "train", "label": 0, "films": 1},
    {"reason": "no <consent>", "split": "", "label": None, "films": 2},
]


def mean(value: float, reach: float = 0.1) -> dict[str, float]:
    return {"value": value, "low": value - reach, "high": value + reach}


def level(name: str, images: int, *, models: tuple[str, ...] = (), external: int = 0) -> dict[str, Any]:
    counted = {"patients": images, "positives": images // 2}
    own: dict[str, Any] = {"level": name, "test": {"images": images, **counted}, "scored": {"images": 5, "patients": 5}}
    own["external"] = {"images": external, "patients": external, "positives": 0}
    if models:
        four = {"accuracy": 0.81, "sensitivity": 0.72, "specificity": 0.9, "auroc": 0.88}
        own["test"]["models"] = {model: {name: mean(value) for name, value in four.items()} for model in models}
        own["scored"]["models"] = {model: mean(0.234, 0.05) for model in models}
    return own


def steps(page: str) -> list[str]:
    """The text of each step of the chart."""
    chart = re.search(r'<ol class="flow">(.*?)</ol>', page, re.DOTALL)
    assert chart
    items = re.findall(r"<li>(.*?)</li>", chart.group(1), re.DOTALL)
    return [html.unescape(" ".join(re.sub("<[^>]*>", " ", item).split())) for item in items]


def test_the_chart_of_films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = reports.NETWORKS
    reports.fabricate(tmp_path, models, num_images=5, source="table")
    write_json(tmp_path / "data/prepared/exclusions.json", {"listed": 26, "excluded": EXCLUDED})
    write_json(tmp_path / "metrics/verdict.json", reports.verdict_metrics(dict.fromkeys(models, ("gradcam", 0.2))))
    page = reports.written(tmp_path, monkeypatch)
    assert steps(page) == [
        "26 films listed 6 films left out: 4 view LL; 2 no <consent>",
        "20 test 15 negative, 5 positive; 20 patients",
        "5 test films read by the experts 0 negative, 5 of 5 positive",
        "5 with a consensus",
        "48 scored",
    ]
    folded = page[page.index("Films left out, by reason, split and class") :]
    assert "no &lt;consent&gt;</th><td class='text'>–</td><td class='text'>–</td><td>2</td>" in folded
    assert '<section id="subgroups">' not in page  # no column, no section


def test_without_exclusions_and_experts_the_chart_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports.fabricate(tmp_path, reports.NETWORKS, num_images=0)
    index = pd.read_csv(tmp_path / "data/prepared/index.csv")
    more = index.head(2).assign(image=["far1", "far2"], split="external", label=[0, 1], patient="same")
    write_csv(tmp_path / "data/prepared/index.csv", pd.concat([index, more]))
    page = reports.written(tmp_path, monkeypatch)
    assert steps(page) == [
        "22 films drawn",
        "20 test 20 negative, 0 positive; 20 patients 2 external 1 negative, 1 positive; 1 patient",
        "0 positive test films none was read by experts",
    ]
    assert "Films left out" not in page


def test_the_section_on_subgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = reports.NETWORKS
    reports.fabricate(tmp_path, models, source="table")
    params = YAML().load(tmp_path / "params.yaml")
    params["subgroups"] = {"columns": "sex view", "least": 10}
    YAML().dump(params, tmp_path / "params.yaml")
    columns = {
        "view": [level("AP & PA", 14, models=tuple(models), external=3), level("not stated", 6)],
        "sex": [level("F", 20, models=tuple(models))],
    }
    write_json(tmp_path / "metrics/subgroups.json", {"least": 10, "level": 0.95, "primary": "rank", "columns": columns})
    page = reports.written(tmp_path, monkeypatch)
    assert '<a href="#subgroups">Subgroups</a>' in page
    section = page[page.index('<section id="subgroups">') :]
    section = section[: section.index("</section>")]
    assert "Subgroups describe and do not test" in section
    assert "Levels of fewer than 10 films are counted and not estimated." in section
    summaries = re.findall("<summary>(.*?)</summary>", section)
    assert summaries == ["By sex, test films", "By view, test films", "By view, external films"]
    first = next(iter(models))
    cells = "<td>14</td><td>14</td><td>7</td><td>81<br><small>[71, 91]</small></td><td>88<br><small>[78, 98]</small>"
    assert f"<th scope='row'>AP &amp; PA</th><td class='text'>{first}</td>{cells}" in section
    assert "<td>5</td><td>+23<br><small>[18, 28]</small></td>" in section  # rank in points
    assert "<th scope='row'>not stated</th><td class='text'>–</td><td>6</td><td>6</td><td>3</td><td>–</td>" in section
    assert not re.search(r"\bp\b ?[=<]", re.sub("<svg.*?</svg>", "", section, flags=re.DOTALL))
    assert "AP &amp; PA (14)" in section  # the chart
