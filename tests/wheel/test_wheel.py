"""The wheel as its users have it: away from the checkout, with the packages that it asks for and no others, offline.

`make wheel` runs it. Marked slow, since it takes half a minute; CI runs it by itself.
"""

import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from environments import Environment
from studies import ROOT

pytestmark = pytest.mark.slow

PHANTOM = """
import pathlib, sightline
from PIL import Image
study = sightline.phantom(12, seed=1)
for folder, arrays in (("films", study.images), ("maps", study.truth), ("masks", study.truth), ("lungs", study.lungs)):
    pathlib.Path(folder).mkdir()
    for name, array in arrays.items():
        Image.fromarray(array if folder == "films" else array.astype("uint8") * 255).save(f"{folder}/{name}.png")
"""
DOCTESTS = """
import doctest, importlib
results = [doctest.testmod(importlib.import_module("sightline.api." + name)) for name in {names}]
print(sum(one.attempted for one in results), sum(one.failed for one in results))
"""
WITH_TORCH = {"checks", "models"}


def test_sdist_and_wheel_hold_the_package_alone(dist: tuple[Path, Path]) -> None:
    sdist, wheel = dist
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "src/sightline/cli.py"} <= names
    assert not [name for name in names if name.startswith(("plots/", "benchmarks/results", "data/prepared"))]
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sightline"}


def test_without_extras_torch_and_dvc_are_not_there(plain: Environment) -> None:
    code = (
        "import importlib.util as u; print([name for name in ('torch', 'dvc', 'uvicorn', 'pip') if u.find_spec(name)])"
    )
    done = plain.run("python", "-c", code)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_help_doctor_and_completion(plain: Environment) -> None:
    assert "sightline COMMAND --help" in plain.run("sightline", "--help").stdout
    done = plain.run("sightline", "doctor", "--json")
    assert (done.returncode, json.loads(done.stdout)["broken"]) == (0, []), done.stdout
    missing = {one["name"] for one in json.loads(done.stdout)["findings"] if one["state"] == "missing"}
    assert {"torch", "dvc", "fastapi", "pydicom", "onnxruntime", "timm"} <= missing
    done = plain.run("sightline", "completion", "bash")
    assert (done.returncode, done.stdout.count("--image-size") > 0) == (0, True)
    assert done.stderr.count("; pip install 'sightline[") == len(done.stderr.splitlines()) == 2, done.stderr


def test_a_study_begins_and_says_what_its_stages_need(plain: Environment) -> None:
    done = plain.run("sightline", "new", "study")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "note: before dvc repro: the package dvc is missing; pip install 'sightline[train]'\n"
    assert (plain.folder / "study/dvc.yaml").is_file()


def test_maps_are_scored(plain: Environment) -> None:
    assert plain.run("python", "-c", PHANTOM).stderr == ""
    done = plain.run("sightline", "score", "maps", "masks", "--images", "films", "--lungs", "lungs")
    assert done.returncode == 0, done.stderr
    assert "where the experts look" in done.stdout
    assert json.loads((plain.folder / "scores/scores.json").read_text())
    assert "<html" in (plain.folder / "scores/report.html").read_text()[:1000]


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (("explain", "net.safetensors", "films", "--out", "explained"), "train"),
        (("model", "check", "net"), "train"),
        (("cluster", "status"), "train"),
        (("experiments",), "train"),
        (("annotate", "status"), "annotate"),
    ],
)
def test_what_needs_an_extra_says_which(plain: Environment, words: tuple[str, ...], extra: str) -> None:
    done = plain.run("sightline", *words)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the package ")
    assert done.stderr.endswith(f" is missing; pip install 'sightline[{extra}]'\n")


def test_the_api_s_examples_run(plain: Environment, installed: Environment) -> None:
    names = {path.stem for path in (ROOT / "src/sightline/api").glob("*.py")} - {"__init__"}
    for environment, some, least in ((plain, names - WITH_TORCH, 20), (installed, WITH_TORCH, 10)):
        done = environment.run("python", "-c", DOCTESTS.format(names=sorted(some)))
        assert done.stdout, done.stderr
        attempted, failed = map(int, done.stdout.splitlines()[-1].split())
        assert attempted > least, done.stdout
        assert failed == 0, done.stdout
