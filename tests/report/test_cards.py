"""The model cards and the data card: numbers are the study's, and what it cannot know is said not to be known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports import EXTERNAL, NETWORKS, OWN, fabricate, run
from sightline.report.cards import UNKNOWN, data_card, model_card
from sightline.report.contents import Study, Tables
from sightline.study.models import CodeModel, Entry, ExternalMaps, Network

pytestmark = pytest.mark.usefixtures("plain_figures")

INDEX = pd.DataFrame(
    {
        "image": list("abcdefg"), "split": ["train"] * 3 + ["val"] + ["test"] * 3, "label": [0, 1, 1, 0, 1, 1, 0],
        "patient": ["p", "p", "q", "r", "s", "s", "t"], "sex": ["F"] * 7,
    }
)  # fmt: skip
ENDS = {"value": 0.5, "low": 0.1, "high": 0.9, "patient_low": 0.25, "patient_high": 0.75}
LUNGS = Network(arch="resnet18", init="scratch", head="gap", input="lungs", train={"epochs": 3})


def study(entry: Entry, **fields: Any) -> Study:
    """A folder study of one model `net` with little in it."""
    values: dict[str, Any] = {
        "title": "Ours", "threshold": 0.5, "models": {"net": entry}, "paper": {}, "is_compared": False,
        "params": {
            "seed": 4, "data": {"source": "folder", "root": "films", "positive": "PNEUMONIA", "negative": "NORMAL"},
            "train": {"epochs": 9, "batch_size": 8}, "bootstrap": {"level": 0.9},
        },
        "index": INDEX, "index_sha256": "abc", "consensus": {}, "alignment": {}, "intervals": {}, "classification": {},
        "histories": {}, "gallery": [], "random_pair": [], "versions": {},
        "professions": pd.DataFrame({"profession": ["student"], "annotators": [2]}),
        **dict.fromkeys(("threshold_sweep", "calibration", "agreement"), pd.DataFrame()),
    }  # fmt: skip
    return Study(**{**values, **fields})


def tables(parameters: float | None = 11_200_000) -> Tables:
    empty = pd.DataFrame()
    table4 = pd.DataFrame({"model": ["net"], "parameters": pd.array([parameters], dtype="Int64")})
    return Tables(table1=empty, table2=empty, table3=empty, table4=table4)


def test_a_network_trained_here() -> None:
    classification = {"net": {"accuracy": ENDS, "external": {"accuracy": ENDS, "images": 200}}}
    card = model_card(study(LUNGS, classification=classification), tables(), "net", {})
    for line in (
        "# Model card: net",
        "- A network of architecture resnet18, head gap, that starts from: scratch.",
        "- 11.2M parameters.",
        "- It sees the lungs alone; all else of a film is black.",
        "- On 3 films of 2 patients of this study (data card).",
        "- Recipe: epochs 3, batch_size 8.",
        f"- Seed 4. {UNKNOWN} the machine.",
        "- On 3 test films of 2 patients, 2 of them positive; 90% intervals, by patient.",
        "- Accuracy: 50% [25, 75]",
        "- Accuracy on 200 films of another hospital: 50% [25, 75]",
        f"- {UNKNOWN} the study has no verdict on it.",
    ):
        assert line in card.splitlines()
    assert "synthetic" not in card


def test_the_verdict_is_printed_as_the_stage_wrote_it() -> None:
    found = {"sentence": "net looks elsewhere.", "place": 0.02, "place_low": -0.01, "place_high": 0.05}
    card = model_card(study(LUNGS), tables(), "net", {"candidates": {"net": found}, "images": 50})
    assert "- net looks elsewhere.\n- Place on the experts' scale, 0 blind to the patient, 1 an expert: 0.0" in card
    assert "- Scored on 50 films with a region." in card


@pytest.mark.parametrize(
    ("entry", "lines"),
    [
        (
            CodeModel(code="models/ours.py", weights="models/ours.pt"),
            (
                "A classifier trained elsewhere, from models/ours.py and models/ours.pt.",
                f"{UNKNOWN} its number of parameters.",
            ),
        ),
        (
            ExternalMaps(maps="maps", method="lime"),
            ("Saliency maps made elsewhere, by method lime.", f"{UNKNOWN} maps come without predictions."),
        ),
    ],
)  # fmt: skip
def test_what_was_made_elsewhere_is_not_known(entry: Entry, lines: tuple[str, ...]) -> None:
    card = model_card(study(entry), tables(None), "net", {})
    unknown = f"{UNKNOWN} films, labels, patients and recipe. It was not trained in this study."
    assert {f"- {line}" for line in (*lines, unknown)} <= set(card.splitlines())


def test_the_data_card_counts_films_and_readers() -> None:
    consensus = {"annotators": 2, "annotations": 9, "nonempty_consensus": 2, "place": {"iou_percent": 41.26}}
    left_out = {"excluded": [{"reason": "lateral", "films": 2}, {"reason": "lateral", "films": 1}]}
    card = data_card(study(LUNGS, consensus=consensus, exclusions=left_out))
    for line in (
        "# Data card: Ours",
        "- 7 films of 5 patients, from: folder films.",
        "- Left out: 3 lateral.",
        "| training | 3 | 2 | 2 |",
        "| validation | 1 | 0 | 1 |",
        "| test | 3 | 2 | 2 |",
        "- Stated of films: sex; counts are in the report.",
        f"- {UNKNOWN} view, age and site.",
        "- Positive: PNEUMONIA. Negative: NORMAL.",
        "- 9 annotations by 2 readers; 2 films with a consensus.",
        "- Professions: 2 student.",
        "- Mean IoU of two readers of a film: 41.3%.",
    ):
        assert line in card.splitlines()
    assert "another hospital's" not in card
    assert card.count(UNKNOWN) == 6  # people, labels, how regions were merged, and three of the origin


def test_without_regions_the_data_card_says_so() -> None:
    assert "- Nobody has marked regions on these films." in data_card(study(LUNGS)).splitlines()
    finished = data_card(study(LUNGS, consensus={"nonempty_consensus": 4}))
    assert "- Finished regions on 4 films.\n- Not known: who drew them" in finished


def test_the_stage_writes_a_card_for_each_model(tmp_path: Path) -> None:
    """Of a phantom, whose cards ask for no permission; on disk, beside the page."""
    fabricate(tmp_path, NETWORKS | EXTERNAL | OWN)
    assert run(tmp_path).returncode == 0
    names = {path.name for path in (tmp_path / "plots/cards").iterdir()}
    assert names == {"data.md", *(f"model-{model}.md" for model in NETWORKS | EXTERNAL | OWN)}
    assert "no permission to ask for" in (tmp_path / "plots/cards/data.md").read_text()
    accuracy = json.loads((tmp_path / "metrics/classification.json").read_text())["alexnet-scratch-fc"]["accuracy"]
    card = (tmp_path / "plots/cards/model-alexnet-scratch-fc.md").read_text()
    assert f"- Accuracy: {100 * accuracy['value']:.0f}% [" in card
    assert "The films are synthetic" in card
