"""The demonstration tells the same story with every seed: the honest network looks, the cheat does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from studies import ROOT, change, run

HONEST, CHEAT = "squeezenet-lungs", "squeezenet-film"


@pytest.mark.slow  # two networks are trained for each seed: a minute and a half each
@pytest.mark.parametrize("seed", range(5))
def test_the_demonstration_tells_its_story_with_other_seeds(tmp_path: Path, seed: int) -> None:
    """Profile demo with its two SqueezeNets alone; its values were chosen on seeds 1 to 4, and 0 is what ships."""
    shutil.copy(ROOT / "profiles/demo.yaml", tmp_path / "params.yaml")
    models = YAML(typ="safe").load(tmp_path / "params.yaml")["models"]
    change(tmp_path, seed=seed, models={key: models[key] for key in (HONEST, CHEAT)})
    run(
        tmp_path,
        "prepare",
        "lung_films",
        *(f"{name} {key}" for name in ("train", "saliency") for key in (HONEST, CHEAT)),
    )
    run(
        tmp_path,
        "lungs",
        "consensus",
        "align",
        "bootstrap",
        *(f"consistency {key}" for key in (HONEST, CHEAT)),
        "verdict",
    )
    judged = json.loads((tmp_path / "metrics/verdict.json").read_text())
    classified = json.loads((tmp_path / "metrics/classification.json").read_text())
    tells_its_story(
        {key: judged["models"][key]["gradcam"] for key in (HONEST, CHEAT)},
        classified,
    )


def tells_its_story(judged: dict[str, Any], classified: dict[str, Any]) -> None:
    """The ruler says yes to the honest network and no to the cheat, which is as accurate until the marker is gone."""
    accuracy = {key: classified[key]["accuracy"]["value"] for key in (HONEST, CHEAT)}
    external = {key: classified[key]["external"]["accuracy"]["value"] for key in (HONEST, CHEAT)}
    assert judged[HONEST]["verdict"] in ("looks", "as_expert"), judged[HONEST]["sentence"]
    assert judged[CHEAT]["verdict"] in ("prior", "elsewhere"), judged[CHEAT]["sentence"]
    assert accuracy[CHEAT] >= max(0.97, accuracy[HONEST] - 0.01), accuracy
    assert accuracy[HONEST] > 0.9, accuracy
    assert external[HONEST] > 0.9, external
    assert external[CHEAT] < 0.65, external


def test_the_committed_results_tell_it_too() -> None:
    """A visitor who opens the committed report without running anything sees the same story."""
    if list(YAML(typ="safe").load(ROOT / "params.yaml")["models"]) != list(
        YAML(typ="safe").load(ROOT / "profiles/demo.yaml")["models"]
    ):
        pytest.skip("params.yaml is another study than the demonstration")
    judged = json.loads((ROOT / "metrics/verdict.json").read_text())["models"]
    classified = json.loads((ROOT / "metrics/classification.json").read_text())
    tells_its_story({key: judged[key]["gradcam"] for key in (HONEST, CHEAT)}, classified)
