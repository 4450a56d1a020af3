"""metrics/summary.json and the last lines of a run, from results written by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from sightline.report.summary import ending, numbers
from sightline.study.errors import StudyError
from sightline.study.files import write_json
from sightline.study.models import Entry, ExternalMaps, Network
from studies import change, sightline, study

NETWORK = Network(arch="alexnet", init="scratch", head="gap")
MODELS: dict[str, Entry] = {"honest": NETWORK, "cheat": NETWORK, "theirs": ExternalMaps(maps="maps", method="lime")}


def judged(verdict: str, contrast: float, place: float | None) -> dict[str, Any]:
    scores = {"rank": {"value": contrast, "p": 0.01}, "ap": {"value": 0.9}}
    return {"verdict": verdict, "contrast": scores, "place": place}


@pytest.fixture
def measured() -> dict[str, dict[str, Any]]:
    return {
        "verdict": {
            "models": {
                "honest": {"cam": judged("elsewhere", 0.5, 0.5), "gradcam": judged("as_expert", 0.11349, 1.23456)},
                "cheat": {"gradcam": judged("elsewhere", -0.0001, -0.004)},
                "theirs": {"lime": judged("cannot_tell", 0.02, None)},
            },
            "primary": "rank",
            "images": 49,
            "patients": 48,
            "readers": 14,
            "controls": {"13x13": {"power": 0.91, "expert": {"value": 0.2}}, "6x6": {"power": 0.6}},
        },
        "classification": {
            "honest": {"accuracy": {"value": 0.98333, "low": 0.9}, "auroc": {"value": 0.99}},
            "cheat": {
                "accuracy": {"value": 1.0},
                "auroc": {"value": 1.0},
                "external": {"images": 100, "accuracy": {"value": 0.5}, "auroc": {"value": 0.52}},
            },
        },
        "consensus": {"place": {"iou_percent": 21.08}},
    }


def test_a_handful_of_numbers_per_model_and_the_study(measured: dict[str, dict[str, Any]]) -> None:
    """By the primary method and score; shares to three decimals; what a model has not is left out."""
    assert numbers(MODELS, measured) == {
        "honest": {"verdict": "as_expert", "contrast": 0.113, "place": 1.235, "accuracy": 0.983, "auroc": 0.99},
        "cheat": {
            "verdict": "elsewhere", "contrast": 0.0, "place": -0.004, "accuracy": 1.0, "auroc": 1.0, "external": 0.5,
        },
        "theirs": {"verdict": "cannot_tell", "contrast": 0.02},
        "study": {
            "images": 49, "patients": 48, "readers": 14, "agreement": 0.211, "power_13x13": 0.91, "power_6x6": 0.6,
        },
    }  # fmt: skip
    assert math.copysign(1, numbers(MODELS, measured)["cheat"]["contrast"]) == 1  # "-0.0" would be a change in a diff


def test_a_run_ends_with_one_line_per_model(measured: dict[str, dict[str, Any]]) -> None:
    assert ending(numbers(MODELS, measured)).splitlines() == [
        "honest  looks where the experts look, as well as an expert  place 1.24  accuracy 98.3%",
        "cheat   looks elsewhere                                     place 0.00  accuracy 100.0%, 50.0% on films of "
        "another hospital",
        "theirs  this study cannot tell",
        "open plots/report.html",
    ]


def test_the_command_prints_what_the_last_run_ended_with(measured: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """In the order of params.yaml, though the file has its keys sorted; a model that is no longer in it comes last."""
    summary = numbers(MODELS, measured)
    write_json(tmp_path / "metrics/summary.json", summary)
    entry = {"arch": "alexnet", "init": "scratch", "head": "gap"}
    change(study(tmp_path), models={"honest": entry, "cheat": entry})
    done = sightline(tmp_path, "summary")
    assert (done.returncode, done.stdout) == (0, f"{ending(summary)}\n")
    (tmp_path / "metrics/summary.json").unlink()
    assert "run the stage that writes it (dvc repro)" in sightline(tmp_path, "summary").stderr


def test_without_a_verdict_the_line_says_why_and_the_accuracy_stays(measured: dict[str, dict[str, Any]]) -> None:
    summary = numbers({"honest": NETWORK}, {"verdict": {}, "classification": measured["classification"]})
    assert summary == {"honest": {"accuracy": 0.983, "auroc": 0.99}, "study": {}}
    assert ending(summary).splitlines() == [
        "honest  no verdict: no image has a region and a map    accuracy 98.3%",
        "open plots/report.html",
    ]


def test_a_study_of_no_model_says_where_the_report_is() -> None:
    assert numbers({}, {}) == {"study": {}}
    assert ending({"study": {}}) == "open plots/report.html"


def test_a_model_called_study_is_refused() -> None:
    with pytest.raises(StudyError, match=r"models\.study: .* rename the model"):
        numbers({"study": NETWORK}, {})
