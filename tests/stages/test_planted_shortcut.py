"""The paper's thesis with a known answer. The longest test, in a file of its own so that it runs beside all others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studies import change, run, study

KEY = "alexnet-scratch-gap"


@pytest.mark.slow  # three minutes; the committed demonstration tells the fast suite the same
def test_a_planted_shortcut_raises_accuracy_and_lowers_alignment(tmp_path: Path) -> None:
    """The paper's thesis with a known answer: the same network, recipe and seed, without and with the marker.

    At 224 pixels, where AlexNet's feature grid has 6 x 6 cells: the shipped 128 pixels leave 3 x 3, and a cell that
    holds the marker then holds the top of a lung too, so that no map can tell them apart.
    """
    accuracy, iou, necessity, verdict = {}, {}, {}, {}
    for shortcut in (0.0, 1.0):
        folder = study(
            tmp_path / str(shortcut), data__height=224, data__width=224, phantom__train_images=800,
            phantom__test_images=200, phantom__annotated_images=50, phantom__shortcut=shortcut, train__epochs=4,
            train__batch_size=32, train__learning_rate=0.0002, train__patience=4, regions__images=0,
            regions__controls=5,
        )  # fmt: skip
        change(folder, models={KEY: {"arch": "alexnet", "init": "scratch", "head": "gap"}})
        run(folder, "prepare", f"train {KEY}", f"saliency {KEY}", "lungs", "consensus", "align", "bootstrap")
        run(folder, f"regions {KEY}", f"consistency {KEY}", "verdict")
        verdict[shortcut] = json.loads((folder / "metrics/verdict.json").read_text())["models"][KEY]["gradcam"]
        classification = json.loads((folder / "metrics/classification.json").read_text())[KEY]
        alignment = json.loads((folder / "metrics/alignment.json").read_text())[KEY]["gradcam"]
        accuracy[shortcut], iou[shortcut] = classification["accuracy"]["value"], alignment["iou"]
        necessity[shortcut] = json.loads((folder / f"metrics/regions/{KEY}.json").read_text())["necessity"]
    # Only what held with each of three seeds. With some of them the Pointing Game falls, the meter finds the marker and
    # the intervals of necessity lie apart: luck of one training (docs/results.md).
    assert accuracy[1.0] > accuracy[0.0] + 0.05, accuracy
    assert verdict[1.0]["verdict"] in ("prior", "elsewhere"), verdict[1.0]["sentence"]
    assert iou[1.0] < iou[0.0] - 0.03, iou
    assert necessity[0.0]["low"] > 0, necessity
    assert necessity[1.0]["mean"] < necessity[0.0]["mean"], necessity
