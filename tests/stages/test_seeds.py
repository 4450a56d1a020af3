"""An entry with several seeds through `sightline sync` and all stages; its first seed as without the others."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from sightline.dvc_yaml import sync
from sightline.networks.architectures import training_seed
from sightline.networks.weights_file import trained_network
from sightline.study.errors import StudyError
from sightline.study.models import Models, Network
from sightline.study.parameters import read_params
from studies import ROOT, change, run, stage, study

KEY = "alexnet-scratch-gap"
RUNS = [KEY, f"{KEY}-seed2"]
ENTRY = {"arch": "alexnet", "init": "scratch", "head": "gap"}
KEPT = ["data/models/{}.safetensors", "data/models/{}.predictions.csv", "data/models/{}.history.csv",
        "data/saliency/{}.npz", "data/saliency/{}.others.npz", "metrics/faithfulness/{}.json",
        "metrics/regions/{}.json"]  # fmt: skip


@pytest.fixture(scope="module")
def two_seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose one network has two seeds, all stages run."""
    folder = study(
        tmp_path_factory.mktemp("seeds"), train__epochs=1, train__batch_size=8, phantom__train_images=16,
        phantom__test_images=16, phantom__annotated_images=4, align__random_maps=5,
        bootstrap__resamples=50, ladder__draws=1, ladder__resamples=50, ladder__permutations=100, shortcut__draws=20,
        faithfulness__images=1, faithfulness__steps=2, regions__images=1, regions__controls=1,
        multiverse__consensus_rules="mean", multiverse__thresholds="0.5", multiverse__metrics="iou ap",
        saliency__methods="", consensus__random_masks=5,
    )  # fmt: skip
    change(folder, models={KEY: {**ENTRY, "seeds": 2}})
    each = [f"{name} {key}" for key in RUNS for name in ("train", "saliency")]
    run(
        folder, "prepare", *each, "lungs", "consensus", "reliability", "align", "bootstrap", "ladder", "compare",
        "families", "shortcut", *(f"{name} {key}" for key in RUNS for name in ("faithfulness", "regions")),
        "multiverse", *(f"consistency {key}" for key in RUNS), "verdict", "report",
    )  # fmt: skip
    return folder


def metrics(folder: Path, name: str) -> dict:
    return json.loads((folder / f"metrics/{name}.json").read_text())


def test_the_first_seed_is_what_a_study_of_one_seed_gives(two_seeds: Path, tmp_path: Path) -> None:
    """Byte for byte: weights with their metadata, predictions, history, maps, faithfulness and regions."""
    (tmp_path / "params.yaml").write_bytes((two_seeds / "params.yaml").read_bytes())
    change(tmp_path, models={KEY: ENTRY})
    (tmp_path / "data").mkdir()
    for name in ("prepared", "lungs.npz", "consensus.npz"):
        os.symlink(two_seeds / "data" / name, tmp_path / "data" / name)
    run(tmp_path, f"train {KEY}", f"saliency {KEY}", f"faithfulness {KEY}", f"regions {KEY}")
    for name in KEPT:
        assert (tmp_path / name.format(KEY)).read_bytes() == (two_seeds / name.format(KEY)).read_bytes(), name


def test_two_processes_write_the_bytes_of_one(two_seeds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stage that shares its work out, again: tests beside each other have one process each."""
    folder = Path(
        shutil.copytree(two_seeds, tmp_path / "again", ignore=shutil.ignore_patterns("checkpoints", "models"))
    )
    os.symlink(two_seeds / "data/models", folder / "data/models")
    made = {path: path.read_bytes() for place in ("metrics", "plots") for path in two_seeds.glob(f"{place}/**/*.*")}
    monkeypatch.setenv("SIGHTLINE_WORKERS", "2")
    run(folder, "consensus", "reliability", "align", "ladder", "shortcut", "multiverse", "verdict")
    assert {path: (folder / path.relative_to(two_seeds)).read_bytes() for path in made} == made


def test_the_second_seed_is_another_network(two_seeds: Path) -> None:
    networks = [
        trained_network(two_seeds / f"data/models/{key}.safetensors", Network(**ENTRY), number)  # type: ignore[arg-type]
        for number, key in enumerate(RUNS, start=1)
    ]
    first, second = (network.last_linear.weight.detach().flatten().numpy() for network in networks)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.5  # 256 weights that have hardly moved from their random start
    with pytest.raises(StudyError, match=r"seed2.safetensors: holds seed 2 of its model, expected seed 1; train it"):
        trained_network(two_seeds / f"data/models/{RUNS[1]}.safetensors", Network(**ENTRY))  # type: ignore[arg-type]
    untrained = [np.load(two_seeds / f"data/saliency/{key}.others.npz")["untrained.cam"] for key in RUNS]
    assert not np.array_equal(*untrained)


def test_seeds_have_streams_of_their_own() -> None:
    assert training_seed(7, 1) == 7
    assert len({training_seed(seed, number) for seed in range(3) for number in range(1, 30)}) == 87


def test_every_stage_sees_each_seed_as_a_model(two_seeds: Path) -> None:
    for name in ("alignment", "classification", "intervals"):
        assert set(RUNS) <= set(metrics(two_seeds, name)), name
    for name in ("ladder", "shortcut"):
        assert list(metrics(two_seeds, name)["models"]) == RUNS, name
    assert f"{RUNS[0]} - {RUNS[1]}" in metrics(two_seeds, "comparisons")["auroc"]
    assert set(metrics(two_seeds, "multiverse")["models"]) == set(RUNS)


def test_the_family_is_the_mean_over_seeds(two_seeds: Path) -> None:
    """Recomputed from the tables of single seeds."""
    families = metrics(two_seeds, "families")
    assert list(families) == [KEY]
    assert families[KEY]["runs"] == RUNS
    classification = metrics(two_seeds, "classification")
    for metric, family in families[KEY]["classification"].items():
        values = [classification[key][metric]["value"] for key in RUNS]
        if None not in values:
            assert family["value"] == pytest.approx(np.mean(values), abs=1e-6)
            assert family["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    alignment = pd.read_csv(two_seeds / "data/alignment.csv").groupby(["model", "method"]).mean(numeric_only=True)
    ladder = pd.read_csv(two_seeds / "data/ladder.csv").groupby("candidate").mean(numeric_only=True)
    for method in ("cam", "gradcam"):
        for metric in ("iou", "pointing"):
            values = [alignment.loc[(key, method), metric] for key in RUNS]
            family = families[KEY]["alignment"][method][metric]
            assert family["value"] == pytest.approx(np.mean(values), abs=1e-5)
            assert (family["smallest"], family["largest"]) == pytest.approx((min(values), max(values)), abs=1e-5)
            assert family["seeds"] == 2
            assert family["low"] is None or 0 <= family["low"] <= family["value"] <= family["high"] <= 1
        values = [ladder.loc[f"{key}.{method}", "ap"] for key in RUNS]
        assert families[KEY]["ladder"][method]["ap"]["value"] == pytest.approx(np.mean(values), abs=1e-5)


def test_the_report_prints_the_family(two_seeds: Path) -> None:
    page = (two_seeds / "plots/report.html").read_text()
    assert "How far results depend on the seed" in page
    # Table 2, Table 3 by two methods, Table 4
    assert page.count(f"<th scope='row'>{KEY}, mean of 2 seeds</th>") == 4
    assert "A network without several seeds is trained once." in page
    accuracy = metrics(two_seeds, "families")[KEY]["classification"]["accuracy"]
    assert f"SD {100 * accuracy['sd']:.1f}, {100 * accuracy['smallest']:.1f} to" in page
    assert "mean of 2 seeds" in (two_seeds / "plots/tables/table2.tex").read_text()
    assert (two_seeds / "plots/tables/table2.csv").read_text().count(KEY) == 2  # single trainings


def test_without_several_seeds_there_is_no_family(two_seeds: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes((two_seeds / "params.yaml").read_bytes())
    change(tmp_path, models={KEY: ENTRY})
    done = stage("families", tmp_path)
    assert done.returncode == 0, done.stderr
    assert metrics(tmp_path, "families") == {}


def test_without_a_consensus_a_family_has_its_classification_alone(two_seeds: Path, tmp_path: Path) -> None:
    for name in ("params.yaml", "data/prepared/index.csv", *(f"data/models/{key}.predictions.csv" for key in RUNS)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((two_seeds / name).read_bytes())
    for name in ("alignment", "ladder"):
        text = (two_seeds / f"data/{name}.csv").read_text()
        (tmp_path / f"data/{name}.csv").write_text(text.splitlines()[0] + "\n")
    run(tmp_path, "families")
    family = metrics(tmp_path, "families")[KEY]
    assert family["alignment"] == family["ladder"] == {}
    assert family["classification"] == metrics(two_seeds, "families")[KEY]["classification"]


def test_sync_lists_every_seed(two_seeds: Path) -> None:
    """So one more seed adds stages, and leaves command and parameters of the others as they were."""
    graph = YAML(typ="safe").load(ROOT / "dvc.yaml")
    sync(graph, read_params(Models, two_seeds / "params.yaml").models, ROOT / "src")
    for name in ("train", "saliency", "faithfulness", "regions"):
        items = graph["stages"][name]["foreach"]
        assert {key: item["model"] for key, item in items.items()} == {KEY: KEY, f"{KEY}-seed2": KEY}
    assert {f"data/saliency/{key}.npz" for key in RUNS} <= set(graph["stages"]["align"]["deps"])
    assert {f"data/models/{key}.predictions.csv" for key in RUNS} <= set(graph["stages"]["families"]["deps"])
    measured = {f"metrics/{name}/{key}.json" for key in RUNS for name in ("faithfulness", "regions")}
    assert measured <= set(graph["stages"]["report"]["deps"])
