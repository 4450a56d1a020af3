"""The pipeline as data: dvc.yaml against the imports, the parameters and the models."""

from __future__ import annotations

import dataclasses
import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from sightline.dvc_yaml import sync
from sightline.films import FILMS
from sightline.stage_code import FOLDERS, SCRIPTS, fingerprints
from sightline.study.models import CodeModel, Entry, ExportedModel, Models, Network
from sightline.study.parameters import SECTIONS, read_params
from studies import sightline

ROOT = Path(__file__).parents[1]
GRAPH = YAML(typ="safe").load(ROOT / "dvc.yaml")
CODE = "src/"
KEYED = ("lung-films", "train", "predict", "saliency", "import-maps", "augment-preview", "faithfulness", "regions",
         "consistency")  # fmt: skip
NETWORK = ("augment-preview", "train", "predict", "saliency", "faithfulness", "regions")
LIGHT = [name for name in SCRIPTS if name not in NETWORK]  # no torch in them, or only once there is work for it
EXPORTS = [f"sightline.own_models.{name}" for name in ("onnx_file", "pt2", "torchscript", "weights")]
LATE = {  # imported in main, where a model of that kind is opened, or by the user's code file
    **dict.fromkeys(("predict", "saliency", "faithfulness", "regions"), EXPORTS),
    "consistency": ["sightline.consistency.network_maps", "sightline.own_models.of_run", *EXPORTS],
}
SHOWN = ("train", "saliency", "faithfulness", "regions", "consistency")  # of them nothing is to run for nothing


def stage_of(name: str) -> dict:
    found = GRAPH["stages"][name]
    return found.get("do", found)


def test_every_stage_has_a_script_and_says_what_it_does() -> None:
    assert set(GRAPH["stages"]) == set(SCRIPTS)
    for name, script in SCRIPTS.items():
        assert stage_of(name)["cmd"].split()[:2] == ["python", f"src/{script}"]
        assert stage_of(name)["desc"]


FORKED = """
import json, os, sys
sys.path.insert(0, {source!r})
import {before}
for name, modules in {imports!r}.items():
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        for module in modules:
            __import__(module)
        files = [module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)]
        print(json.dumps([name, list(sys.modules), files]), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{{name}} cannot be imported")
"""


def loaded(before: str, stages: Mapping[str, Iterable[str]]) -> dict[str, tuple[set[str], set[str]]]:
    """All modules, and the files of ours, that an interpreter has loaded after importing a stage's modules, by stage.

    Independent of the syntax walk. One interpreter imports the packages `before`, none of which is ours, and forks for
    each stage: that is several times as fast as an interpreter for each.
    """
    code = FORKED.format(
        source=str(ROOT / "src"), before=before, imports={name: list(modules) for name, modules in stages.items()}
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        name, modules, files = json.loads(line)
        inside = {Path(file) for file in files if Path(file).is_relative_to(ROOT / "src")}
        found[name] = (set(modules), {str(file.relative_to(ROOT)) for file in inside})
    return found


@pytest.fixture(scope="module")
def code_of() -> dict[str, set[str]]:
    """The files of ours that each stage loads."""
    stages = {name: [script.removesuffix(".py"), *LATE.get(name, ())] for name, script in SCRIPTS.items()}
    return {name: files for name, (_, files) in loaded("torch, torchvision, pandas, scipy.stats", stages).items()}


@pytest.mark.parametrize("name", SCRIPTS)
def test_deps_are_the_code_that_python_loads(name: str, code_of: dict[str, set[str]]) -> None:
    """Every file that is loaded is named, or lies in a folder that is; nothing is named of which nothing is loaded.

    But for the API's front door, which holds names alone and loads nothing (tests/api/test_api_import.py).
    """
    front_door = "src/sightline/__init__.py"
    assert front_door in code_of[name]
    loaded = code_of[name] - {front_door}
    code = {dep for dep in stage_of(name)["deps"] if dep.startswith(CODE)}
    folders = {dep for dep in code if (ROOT / dep).is_dir()}
    data_files = {dep for dep in code - folders if not dep.endswith(".py")}
    assert folders == {f"src/sightline/{package}" for package in FOLDERS[name]}
    assert all((ROOT / dep).is_file() for dep in data_files)
    in_folders = {file for file in loaded if any(file.startswith(f"{folder}/") for folder in folders)}
    assert code - folders - data_files == loaded - in_folders
    for folder in folders:
        used = {file for file in in_folders if file.startswith(f"{folder}/")}
        assert len(used) >= 4 or 2 * len(used) > len(list((ROOT / folder).rglob("*.py"))), folder
    if name in SHOWN:  # a change in what train loads makes another network, so that the others run anyway
        files = {str(path.relative_to(ROOT)) for folder in folders for path in (ROOT / folder).rglob("*.py")}
        assert files - loaded - code_of["train"] == set(), "a change in these reruns networks' stages for nothing"


@pytest.mark.parametrize("name", SCRIPTS)
def test_params_are_what_the_stage_reads(name: str) -> None:
    module = importlib.import_module(f"sightline.stages.{SCRIPTS[name].removesuffix('.py')}")
    kind = getattr(module, "Params", None)
    fields = {field.name for field in dataclasses.fields(kind)} if kind else set()
    declared = set(stage_of(name).get("params", []))
    keyed = {param for param in declared if param.startswith("models.${")}
    if name == "train":  # not the number of seeds: one more trains no other again
        parts = {
            "arch",
            "init",
            "head",
            "${item.tracked}",
        }  # the last: changes of section train, for this network alone
        assert keyed == {f"models.${{item.model}}.{part}" for part in parts}
    else:  # the other stages of a classifier depend on the files that it is made of, which say what it is
        assert keyed == ({"models.${key}"} if name == "import-maps" else set())
    if name == "report":  # prints the whole file
        assert declared == set(SECTIONS)
        assert fields <= declared
    else:
        single = {param for param in declared - keyed if "." in param}  # one value of another stage's section
        of_maps = {"faithfulness": {"saliency.target_class"}}
        of_maps["consistency"] = {"saliency.target_class", "saliency.target_layer"}
        assert single == of_maps.get(name, set())
        assert declared - keyed - single == fields


def test_a_light_stage_loads_nothing_heavy_that_it_does_not_use() -> None:
    heavy = {"torch", "torchvision", "scipy.stats", "matplotlib.pyplot"}
    stages = {name: [SCRIPTS[name].removesuffix(".py")] for name in LIGHT}
    modules_of = {name: modules for name, (modules, _) in loaded("numpy, pandas", stages).items()}
    assert {name: sorted(modules & heavy) for name, modules in modules_of.items()} == {name: [] for name in LIGHT}


def test_a_fingerprint_follows_the_files_that_dvc_yaml_names(tmp_path: Path) -> None:
    """One of each: of a folder that stages name, of a file that they name, a data file, and what no stage loads."""
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src/sightline", source / "sightline", ignore=shutil.ignore_patterns("__pycache__"))
    before = fingerprints(source)
    assert before == fingerprints()
    assert len(set(before.values())) == len(SCRIPTS)
    for name in ("statistics/delong.py", "saliency/cam.py", "report/paper.json", "stages/train.py", "cli.py"):
        path = source / "sightline" / name
        kept = path.read_bytes()
        path.write_bytes(kept + b"\n")
        changed = {stage for stage, digest in fingerprints(source).items() if digest != before[stage]}
        path.write_bytes(kept)
        named = (f"src/sightline/{name}", f"src/sightline/{name.partition('/')[0]}")
        assert changed == {stage for stage in SCRIPTS if {*named} & {*stage_of(stage)["deps"]}}, name
        assert (changed == set()) == (name == "cli.py")
    (source / "sightline/study/__pycache__").mkdir()
    (source / "sightline/study/__pycache__/files.pyc").touch()
    (source / "sightline/study/.files.py.swp").touch()
    assert fingerprints(source) == before


def test_dvc_yaml_is_in_step() -> None:
    graph = YAML(typ="safe").load(ROOT / "dvc.yaml")
    sync(graph, read_params(Models, ROOT / "params.yaml").models, ROOT / "src")
    assert graph == GRAPH


def test_every_stage_that_gathers_lists_each_model() -> None:
    models = read_params(Models, ROOT / "params.yaml").models
    for name in ("train", "saliency", "faithfulness", "regions", "consistency"):
        assert {key: item["model"] for key, item in GRAPH["stages"][name]["foreach"].items()} == {k: k for k in models}
    gathered = {
        "align": ("maps",), "bootstrap": ("p",), "compare": ("p",), "ladder": ("maps", "others"),
        "shortcut": ("maps", "p"),
        "multiverse": ("maps", "others"),
        "report": ("maps", "p", "h", "m"),
    }  # fmt: skip
    for name, kinds in gathered.items():
        paths = {
            "maps": "data/saliency/{}.npz",
            "others": "data/saliency/{}.others.npz",
            "p": "data/models/{}.predictions.csv",
            "h": "data/models/{}.history.csv",
            "m": "data/models/{}.made.json",
        }
        expected = {paths[kind].format(key) for kind in kinds for key in models}
        found = {dep for dep in stage_of(name)["deps"] if dep.startswith(("data/saliency/", "data/models/"))}
        assert found == expected, name


def test_dvc_compares_the_summary_alone() -> None:
    """All other results are plain outputs in Git, so that `dvc metrics diff` fits a screen."""
    outputs = {name: (stage_of(name).get("metrics", []), stage_of(name).get("outs", [])) for name in SCRIPTS}
    assert {name: metrics for name, (metrics, _) in outputs.items() if metrics} == {
        "report": [{"metrics/summary.json": {"cache": False}}]
    }
    assert "metrics" not in GRAPH
    plain = [out for _, outs in outputs.values() for out in outs if isinstance(out, dict)]
    assert all(options == {"cache": False} for out in plain for options in out.values())


def test_clean_removes_every_output_of_the_cache() -> None:
    recipe = (ROOT / "study.mk").read_text().partition("\nclean:")[2]
    removed = recipe.partition("rm -rf ")[2].split()
    outs = [out for name in SCRIPTS for out in stage_of(name).get("outs", []) if isinstance(out, str)]
    outs = [str(FILMS["lungs"]) if out == "${item.films}" else out for out in outs]
    assert [out for out in outs if not out.startswith(tuple(removed))] == []


def test_no_long_work_of_a_network_waits_for_the_experts() -> None:
    """Another consensus rule or other annotations rerun `regions` and light stages: no training, maps or faithfulness.

    `consistency` reruns where a study enables it: it measures on the images with a consensus.
    """
    files = {"data/consensus.npz", "data/annotations.npz", "metrics/consensus.json", "${consensus.folder}"}
    rerun = {"consensus"}
    for _ in SCRIPTS:
        rerun |= {name for name in SCRIPTS if "consensus" in stage_of(name).get("params", ()) and name != "report"}
        rerun |= {name for name in SCRIPTS if files & set(stage_of(name)["deps"])}
        files |= {out for name in rerun for out in outputs(name)}
    assert rerun == {
        "align", "bootstrap", "compare", "consensus", "consistency", "ladder", "multiverse", "population", "regions",
        "reliability", "report", "subgroups", "verdict",
    }  # fmt: skip
    assert "data/consensus.npz" in stage_of("regions")["deps"]


def test_a_changed_threshold_runs_what_scores_by_it_and_the_report() -> None:
    rerun = {name for name in SCRIPTS if "threshold" in stage_of(name).get("params", ())}
    written = {out for name in rerun for out in outputs(name)}
    rerun |= {name for name in SCRIPTS if written & set(stage_of(name)["deps"])}
    assert rerun == {"align", "bootstrap", "report"}


def test_families_waits_for_scores_only_where_a_network_has_several_seeds() -> None:
    models = read_params(Models, ROOT / "params.yaml").models
    graph = YAML().load(ROOT / "dvc.yaml")
    deps = graph["stages"]["families"]["deps"]
    assert not [dep for dep in deps if str(dep).startswith("data/")]
    key, entry = next((key, entry) for key, entry in models.items() if isinstance(entry, Network))
    sync(graph, {**models, key: replace(entry, seeds=2)}, ROOT / "src")
    deps = [str(dep) for dep in graph["stages"]["families"]["deps"]]
    assert {"data/alignment.csv", "data/ladder.csv", "data/prepared/index.csv"} < {*deps}
    assert f"data/models/{key}-seed2.predictions.csv" in deps
    sync(graph, models, ROOT / "src")
    assert graph == GRAPH


def outputs(name: str) -> set[str]:
    stage = stage_of(name)
    outs = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
    return {next(iter(out)) if isinstance(out, dict) else out for out in outs}


def test_every_output_of_the_cache_is_git_ignored_and_small_ones_are_not() -> None:
    ignored = (ROOT / ".gitignore").read_text().split()
    for name in SCRIPTS:
        stage = stage_of(name)
        for out in [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]:
            path, options = next(iter(out.items())) if isinstance(out, dict) else (out, {})
            path = path.replace("${item.films}", str(FILMS["lungs"]))
            covered = any(f"/{path}" == line or f"/{path}".startswith(f"{line}/") for line in ignored)
            assert covered == options.get("cache", True), path


def test_use_and_sync(tmp_path: Path) -> None:
    """`use paper` and back changes nothing but what it must; external maps get their own stage."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("src", "profiles"):
        shutil.copytree(ROOT / name, tmp_path / name)

    def graph() -> dict:
        return YAML(typ="safe").load(tmp_path / "dvc.yaml")

    before = (tmp_path / "dvc.yaml").read_bytes()
    assert sightline(tmp_path, "sync").returncode == 0
    assert (tmp_path / "dvc.yaml").read_bytes() == before  # in step, whichever profile the user has chosen
    assert sightline(tmp_path, "use", "demo", "--force").returncode == 0  # whatever the user has made of params.yaml
    before = (tmp_path / "dvc.yaml").read_bytes()
    assert sightline(tmp_path, "use", "paper").returncode == 0
    assert len(graph()["stages"]["train"]["foreach"]) == 12
    assert "data/saliency/resnet50-imagenet-gap.npz" in graph()["stages"]["align"]["deps"]
    assert sightline(tmp_path, "use", "demo").returncode == 0
    assert (tmp_path / "dvc.yaml").read_bytes() == before
    wrong = sightline(tmp_path, "use", "papr")
    assert wrong.returncode == 1
    assert "did you mean paper?" in wrong.stderr
    text = (tmp_path / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text + "  lime: {maps: elsewhere/maps, method: lime}\n")
    assert sightline(tmp_path, "sync").returncode == 0
    assert graph()["stages"]["import-maps"]["foreach"] == {"lime": {"maps": "elsewhere/maps"}}
    assert "lime" not in graph()["stages"]["train"]["foreach"]
    assert "data/saliency/lime.npz" in graph()["stages"]["align"]["deps"]
    assert "data/models/lime.predictions.csv" not in graph()["stages"]["bootstrap"]["deps"]
    (tmp_path / "params.yaml").write_text(text + "  bad: {arch: alexnet, init: scratch}\n")
    kept = (tmp_path / "dvc.yaml").read_bytes()
    assert "models.bad.head: missing" in sightline(tmp_path, "sync").stderr
    assert (tmp_path / "dvc.yaml").read_bytes() == kept


def test_what_a_network_sees_and_its_own_values_of_train() -> None:
    """The films that a network sees are its dependency, its changes of section train a parameter of its training."""
    graph = YAML(typ="safe").load(ROOT / "dvc.yaml")
    kind = {"arch": "alexnet", "init": "scratch", "head": "gap"}
    models = {"a": Network(**kind), "b": Network(**kind, input="lungs", train={"epochs": 3})}
    sync(graph, models, ROOT / "src")
    items = graph["stages"]["train"]["foreach"]
    prepared, lungs = "data/prepared/images.npy", "data/lung_films.npy"
    assert items["a"] == {"model": "a", "films": prepared, "start": prepared, "tracked": "arch"}
    assert items["b"] == {"model": "b", "films": lungs, "start": lungs, "tracked": "train"}
    assert graph["stages"]["lung-films"]["foreach"] == {"lung_films": {"films": "data/lung_films.npy"}}
    for name in ("train", "saliency", "faithfulness", "regions", "consistency"):
        assert "${item.films}" in graph["stages"][name]["do"]["deps"]
        assert "data/prepared/images.npy" not in graph["stages"][name]["do"]["deps"]
    sync(graph, {"a": models["a"]}, ROOT / "src")
    assert graph["stages"]["lung-films"]["foreach"] == {}


def test_a_classifier_trained_elsewhere_is_predicted_and_shown_but_not_trained() -> None:
    """Its files are what its stages depend on: a changed one reruns that classifier alone, and no training."""
    graph = YAML(typ="safe").load(ROOT / "dvc.yaml")
    models: dict[str, Entry] = {
        "net": Network(arch="densenet121", init="start.safetensors", head="gap", seeds=2),
        "ours": CodeModel(code="models/ours.py", weights="models/ours.safetensors"),
        "plain": CodeModel(code="models/plain.py", input="lungs"),
        "vendor": ExportedModel(export="models/vendor.pt2", card="models/vendor.yaml"),
    }
    sync(graph, models, ROOT / "src")
    stages, prepared, lungs = graph["stages"], "data/prepared/images.npy", "data/lung_films.npy"
    assert list(stages["train"]["foreach"]) == ["net", "net-seed2"]
    assert stages["train"]["foreach"]["net-seed2"]["start"] == "start.safetensors"
    assert "${item.start}" in stages["train"]["do"]["deps"]
    assert stages["predict"]["foreach"] == {
        "ours": {"films": prepared, "file": "models/ours.py", "beside": "models/ours.safetensors"},
        "plain": {"films": lungs, "file": "models/plain.py", "beside": "models/plain.py"},
        "vendor": {"films": prepared, "file": "models/vendor.pt2", "beside": "models/vendor.yaml"},
    }
    weights = "data/models/net-seed2.safetensors"
    for name in ("saliency", "faithfulness", "regions", "consistency"):
        items = stages[name]["foreach"]
        assert list(items) == ["net", "net-seed2", "ours", "plain", "vendor"]
        assert items["net-seed2"] == {"model": "net", "films": prepared, "file": weights, "beside": weights}
        assert items["ours"] == {"model": "ours", **stages["predict"]["foreach"]["ours"]}
    for name in ("predict", "saliency", "faithfulness", "regions", "consistency"):
        assert {"${item.films}", "${item.file}", "${item.beside}"} <= {*stages[name]["do"]["deps"]}
    assert "data/models/ours.predictions.csv" in stages["bootstrap"]["deps"]
    assert "data/saliency/ours.others.npz" in stages["verdict"]["deps"]
    assert "data/saliency/ours.others.npz" not in stages["multiverse"]["deps"]  # it has one layer
    assert "data/models/ours.history.csv" not in stages["report"]["deps"]
    assert {f"data/models/{key}.made.json" for key in ("net-seed2", "ours")} <= {*stages["report"]["deps"]}
    assert {f"metrics/models/{key}.json" for key in ("ours", "plain", "vendor")} <= {*stages["report"]["deps"]}
    assert stages["lung-films"]["foreach"] == {"lung_films": {"films": lungs}}
