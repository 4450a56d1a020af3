"""The benchmarks' own arithmetic; the committed figures and docs/benchmarks.md; the study without DVC, small."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gpu_study
import measure
from bench import FILES
from measure import Row, in_turn, rate_row, table, times_as_fast
from studies import committed, committed_files

ROOT = Path(__file__).parents[1]


def test_runs_alternate_and_warm_ups_do_not_count() -> None:
    calls: list[str] = []
    clock = iter(range(100))

    def named(name: str) -> float:
        calls.append(name)
        return float(next(clock))

    seconds = in_turn({"a": lambda: named("a"), "b": lambda: named("b")}, rounds=3)
    assert calls == ["b", "a", "a", "b", "b", "a", "a", "b"]
    assert seconds == {"a": [2.0, 5.0, 6.0], "b": [3.0, 4.0, 7.0]}


def test_a_ratio_is_the_median_of_the_pairs() -> None:
    seconds = {"ours": [1.0, 2.0, 10.0], "peer": [2.0, 3.0, 50.0]}  # a machine that slows down: 2, 1.5, 5 times
    assert times_as_fast(seconds, "ours", "peer") == 2
    row = rate_row("what", "maps/s", 10, seconds, "peer", must=2.5)
    assert (row.ours, row.other, row.ratio, row.met) == (5.0, 10 / 3, 2.0, False)
    assert rate_row("what", "maps/s", 10, seconds, "peer", must=2.0).met
    assert rate_row("what", "maps/s", 10, seconds, "peer").met is None
    assert "| what | 5 maps/s | peer | 3.33 maps/s | 2.00x | >= 2.5x | **no** |" in table([row])


def test_results_join_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    for name, value in (("one", 1.0), ("two", 2.0), ("one", 3.0)):
        monkeypatch.setattr(sys, "argv", [f"benchmarks/{name}.py"])
        measure.finish([Row(what=name, unit="s", ours=value, against="nothing")])
    (path,) = tmp_path.glob("*")
    found = json.loads(path.read_text())
    assert {name: [row["ours"] for row in part["rows"]] for name, part in found.items()} == {"one": [3.0], "two": [2.0]}
    assert path.stem == measure.machine_name()


@pytest.mark.parametrize("name", [*FILES, "growth"])
def test_every_benchmark_says_what_it_measures_and_how_it_runs(name: str) -> None:
    words = (ROOT / f"benchmarks/{name}.py").read_text()
    assert words.startswith('"""')
    assert f"Run: python benchmarks/{name}.py" in words


def test_the_documented_figures_are_the_committed_ones() -> None:
    """Each row of the tables in docs/benchmarks.md stands in a committed results file: ours, the other, the ratio.

    `make bench` overwrites the file of this machine, whose new figures may replace the documented ones or not.
    """
    parts = [
        part
        for path in committed_files("benchmarks/results")
        if path.endswith(".json")
        for part in json.loads(committed(path)).values()
    ]
    text = (ROOT / "docs/benchmarks.md").read_text()
    told = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:2] == "| "]
    known = {
        tuple(cell.strip() for cell in line.strip("|").split("|"))[:5]
        for part in parts
        for line in table([Row(**row) for row in part["rows"]]).splitlines()[2:]
    }
    rows = [tuple(cells[:5]) for cells in told if cells[0] not in ("what", "---")]
    assert len(rows) >= 10
    assert [row for row in rows if row not in known] == []
    dates = {part["date"] for part in parts}
    assert set(re.findall(r"20\d\d-\d\d-\d\d", text)) <= dates


def test_models_of_the_study_without_dvc_are_named_by_their_parts() -> None:
    entry = {"arch": "densenet121", "init": "scratch", "head": "gap"}
    assert gpu_study.entry_of("densenet121-scratch-gap") == entry
    for key, message in {
        "densenet12-scratch-gap": "did you mean densenet121",
        "densenet121-gap": "expected ARCH-INIT-HEAD",
        "timm:resnet10t-scratch-gap": "torchvision only",
        "resnet18-scratch-fc": "no fc head",
        "resnet18-scratch-cam": "no head 'cam'",
    }.items():
        with pytest.raises(argparse.ArgumentTypeError, match=message):
            gpu_study.model_key(key)


def test_relations_of_the_study_without_dvc_need_five_architectures() -> None:
    models = {
        f"{arch}-scratch-gap, seed {seed}": {
            "classification": {name: {"value": 0.7 + 0.03 * row + 0.01 * seed} for name in ("accuracy", "auroc")},
            "contrast": {"value": 0.1 * row - 0.01 * seed},
        }
        for row, arch in enumerate(("alexnet", "googlenet", "resnet18", "vgg16", "densenet121"))
        for seed in range(3)
    }
    found = gpu_study.relations(models)["accuracy"]
    assert (found["between"]["rho"], found["within"]["rho"]) == (1, -1)
    assert (found["clusters"], found["runs"]) == (5, 15)
    models["densenet121-scratch-gap, seed 0"].pop("contrast")  # a result of an earlier version
    assert gpu_study.relations(models)["accuracy"]["runs"] == 14
    assert gpu_study.relations({name: own for name, own in models.items() if "alexnet" not in name}) == {}


@pytest.mark.slow  # half a minute for a benchmark, whose stages all have fast tests of their own
def test_the_study_without_dvc_writes_what_it_promises(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 4)):
        for kind, stem in (("NORMAL", "IM-{:04d}-0001"), ("PNEUMONIA", "person{}_virus_1")):
            folder = tmp_path / "images" / part / kind
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 255, (70, 90), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{stem.format(number + 100 * (part == 'test'))}.jpeg")
    (tmp_path / "regions").mkdir()
    region = np.zeros((64, 64), np.uint8)
    region[20:40, 10:30] = 255
    for number in (100, 102):
        Image.fromarray(region).save(tmp_path / "regions" / f"person{number}_virus_1.png")
    small = "import training as t; t.SIDE, t.STEPS, t.ROUNDS, t.BATCH = 64, *[{'alexnet': 1}] * 2, {'alexnet': 4}"
    arguments = ["gpu_study.py", "images", "regions", "--out", "out.json", "--models", "alexnet-scratch-gap"]
    arguments += ["--epochs", "1", "--side", "64", "--seeds", "0"]
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'benchmarks')!r}); sys.argv = {arguments}\n{small}\n"
        "import gpu_study\ngpu_study.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    model = found["models"]["alexnet-scratch-gap, seed 0"]
    assert found["recipe_changed"] == {"epochs": 1, "side": 64}
    assert {"accuracy", "f1", "auroc", "specificity"} <= model["classification"].keys()
    for metric in ("accuracy", "f1", "auroc", "specificity"):
        assert {"value", "low", "high"} <= model["classification"][metric].keys()
    assert model["alignment"].keys() == {"cam", "gradcam"}
    for method in model["alignment"].values():
        assert method["images"] == 2
        assert method["intervals"]["iou"]["value"] == pytest.approx(method["iou"], abs=1e-6)
    assert model["contrast"]["low"] is None or model["contrast"]["low"] <= model["contrast"]["value"]
    assert model["verdict"] in ("as_expert", "looks", "prior", "elsewhere", "undecided", "cannot_tell")
    assert found["relations"] == {}  # of one architecture
    speed = found["speed"]["alexnet-scratch-gap"]["the bare step"]
    assert speed["share_of_limit"] == pytest.approx(speed["images_per_second"] / speed["limit"], rel=0.01)
    again = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / "out.json").read_text()) == found  # nothing was missing
