"""Runs and families: which networks an entry with several seeds stands for, and which names cannot be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bug_inputs import bug_input
from sightline.study.errors import StudyError
from sightline.study.models import Entry, ExternalMaps, Network, entries_of_runs, families_of, read_network, runs_of
from studies import ROOT, change, sightline, study

ONE = Network(arch="alexnet", init="scratch", head="fc")
THREE = Network(arch="alexnet", init="scratch", head="gap", seeds=3)
LIME = ExternalMaps(maps="folder", method="lime")
MODELS: dict[str, Entry] = {"one": ONE, "three": THREE, "lime": LIME}


def test_each_seed_is_a_run_and_the_first_has_the_entrys_key() -> None:
    runs = runs_of(MODELS)
    assert list(runs) == ["one", "three", "three-seed2", "three-seed3", "lime"]
    assert runs["three"] == runs["three-seed3"] == replace(THREE, seeds=1)
    assert runs_of(runs) == runs
    assert families_of(MODELS) == {"three": ["three", "three-seed2", "three-seed3"]}
    assert entries_of_runs(MODELS) == {
        "one": "one", "three": "three", "three-seed2": "three", "three-seed3": "three",
    }  # fmt: skip


def test_without_seeds_runs_are_the_models() -> None:
    models: dict[str, Entry] = {"one": ONE, "lime": LIME}
    assert runs_of(models) == models
    assert families_of(models) == {}


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"three": THREE, "three-seed2": ONE}, "models.three-seed2: the name of a seed of models.three; rename"),
        ({"three-seed3": LIME, "three": THREE}, "models.three-seed3: the name of a seed of models.three; rename"),
    ],
)
def test_names_with_two_meanings_are_refused(models: dict[str, Entry], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        runs_of(models)


@pytest.mark.parametrize("key", ["resnet.v2", "a b", "a/b", "a+b", "a:b", "", "x\n"])
def test_keys_that_dvc_or_a_path_reads_otherwise_are_refused(key: str) -> None:
    with pytest.raises(StudyError, match="a key has letters, digits, - and _ only; rename the model"):
        runs_of({key: ONE})


def test_letters_of_other_languages_are_letters() -> None:
    assert list(runs_of({"größe_2": ONE})) == ["größe_2"]


def test_sync_refuses_the_key_with_a_dot_and_changes_nothing(tmp_path: Path) -> None:
    folder = study(tmp_path)
    change(folder, models={"resnet.v2": {"maps": "ext", "method": "lime"}, "fine": {"maps": "ext", "method": "lime"}})
    (folder / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    done = sightline(folder, "sync")
    assert done.returncode == 1
    assert "models.resnet.v2: a key has letters, digits, - and _ only" in done.stderr
    assert "models.fine" not in done.stderr
    assert (folder / "dvc.yaml").read_bytes() == (ROOT / "dvc.yaml").read_bytes()


def test_the_reported_key_with_a_dot_is_refused(tmp_path: Path) -> None:
    folder = bug_input("model-key-dot", tmp_path)
    (folder / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    assert "models.resnet.v2: a key has letters" in sightline(folder, "sync").stderr


def test_a_name_that_only_looks_like_a_seed_is_allowed() -> None:
    assert list(runs_of({"one": ONE, "one-seed2": ONE})) == ["one", "one-seed2"]
    assert list(runs_of({"three": THREE, "three-seed4": ONE}))[-1] == "three-seed4"


def test_a_stage_finds_network_and_seed_of_its_run(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(
        "models:\n  three: {arch: alexnet, init: scratch, head: gap, seeds: 3}\n"
        "  one-seed2: {arch: alexnet, init: scratch, head: fc}\n  lime: {maps: folder, method: lime}\n"
    )
    assert read_network("three", path) == (THREE, 1)
    assert read_network("three-seed3", path) == (THREE, 3)
    assert read_network("one-seed2", path) == (ONE, 1)
    for key in ("three-seed4", "three-seed1", "three-seed02"):
        with pytest.raises(StudyError, match=rf"models\.{key}: no such entry; did you mean "):
            read_network(key, path)
    with pytest.raises(StudyError, match=r"models\.lime\.maps: unknown; a classifier trained elsewhere"):
        read_network("lime", path)


@pytest.mark.parametrize("seeds", [0, -1])
def test_at_least_one_seed(seeds: int) -> None:
    with pytest.raises(ValueError, match="seeds: expected at least 1"):
        Network(arch="alexnet", init="scratch", head="gap", seeds=seeds)


def test_the_variant_leaves_the_number_of_seeds_out() -> None:
    assert THREE.variant == {"arch": "alexnet", "init": "scratch", "head": "gap"}
