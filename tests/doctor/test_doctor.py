"""`sightline doctor` on this machine and on machines that lack something: each line says what to do."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sightline.doctor import codecs, machine, packages, programs
from sightline.doctor.command import examined
from sightline.doctor.finding import Finding, at_home, broken_names, printed
from sightline.doctor.study_code import study_code
from sightline.networks.device import this_machine
from sightline.study.code_file import package_digest
from studies import ROOT, sightline

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder on a machine without programs beside Python."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    for name in machine.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


# ------------------------------------------------------------------------------------------------------------- packages


def test_versions_are_compared_by_their_numbers() -> None:
    assert packages.release("2.11.0+cpu") == (2, 11) < packages.release("2.11.1") < packages.release("2.15")
    assert packages.release("0.10") > packages.release("0.9.9")
    assert packages.release("3.0.0rc1") == (3,)
    assert packages.release("") == packages.release("unknown") == ()


def test_missing_and_old_packages_say_what_needs_them() -> None:
    asked = [
        "numpy>=2.0",
        "scipy>=1.14",
        "torch>=2.11",
        "torchvision>=0.26; extra == 'train'",
        'timm>=1.0; extra == "timm"',
        'psycopg[binary]>=3.2; extra == "postgres"',
        "pytest>=8; extra == 'dev'",
        "sightline[annotate,train]; extra == 'all'",
    ]
    versions = {"numpy": "2.4.6", "scipy": "1.9.3", "psycopg": "3.1"}
    found = by_name(packages.compared(asked, lambda name: versions.get(name, "")))
    assert list(found) == ["numpy", "scipy", "torch", "torchvision", "timm", "psycopg"]
    assert [one.state for one in found.values()] == ["ok", "broken", "broken", "missing", "missing", "missing"]
    assert found["scipy"].found == "1.9.3"
    assert found["scipy"].advice == "required, 1.14 or newer: pip install 'scipy>=1.14'"
    assert "architectures of timm: pip install 'sightline[timm]'" in found["timm"].advice
    assert "networks and studies: pip install 'sightline[train]'" in found["torchvision"].advice
    assert "PostgreSQL" in found["psycopg"].advice


def test_a_requirement_of_a_form_that_it_cannot_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be read: =="):
        packages.compared(["=="], lambda _: "1")


def test_every_requirement_of_the_project_is_looked_at_and_every_user_s_extra_has_words() -> None:
    assert set(packages.EXTRAS) == set(PROJECT["optional-dependencies"]) - {"all", "dev", "docs"}
    asked = PROJECT["dependencies"] + [
        f'{one}; extra == "{extra}"' for extra in packages.EXTRAS for one in PROJECT["optional-dependencies"][extra]
    ]
    assert PROJECT["optional-dependencies"]["all"] == [f"sightline[{','.join(sorted(packages.EXTRAS))}]"]
    found = packages.compared(asked, lambda _: "")
    assert len(found) == len(asked)
    assert [one.state for one in found].count("broken") == len(PROJECT["dependencies"])
    least = tuple(int(part) for part in PROJECT["requires-python"].removeprefix(">=").split("."))
    assert least == packages.LEAST_PYTHON


def test_versions_of_this_environment_are_those_of_the_packages() -> None:
    import numpy
    import pydicom

    found = by_name(packages.packages())
    assert found["Python"].found == sys.version.split()[0]
    assert found["numpy"].found == numpy.__version__
    assert found["pydicom"].found == pydicom.__version__


def test_without_metadata_it_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", none)
    python, own = packages.packages()
    assert (python.name, own.name, own.state) == ("Python", "sightline", "missing")
    assert "pip install -e ." in own.advice


# -------------------------------------------------------------------------------------------------------------- machine


def test_device_and_bfloat16_are_those_that_training_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in machine.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    found, chosen = by_name(machine.machine()), this_machine()
    assert found["device"].found.startswith(chosen.device.type)
    assert (found["bfloat16"].found[:3] == "yes") == (str(chosen.precision) == "torch.bfloat16")


@pytest.mark.parametrize(
    "flags", ["fpu avx2", "fpu avx2 avx512f", "avx2 avx512f avx512_bf16", "amx_bf16 avx512_bf16", ""]
)
def test_bfloat16_of_other_processors(monkeypatch: pytest.MonkeyPatch, flags: str) -> None:
    from sightline.networks import device, processor

    monkeypatch.setattr(processor, "_cpuinfo", lambda: f"flags : {flags}\n")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for name in machine.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    found = by_name(machine.machine())["bfloat16"]
    precision = str(device.this_machine().precision)
    assert (found.found[:3] == "yes") == (precision == "torch.bfloat16") == ("bf16" in flags)
    assert bool(found.advice) == (precision == "torch.float32")


def test_a_card_of_nvidia(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    card = SimpleNamespace(name="NVIDIA H100 80GB HBM3", total_memory=80 * 2**30)
    monkeypatch.delenv("SIGHTLINE_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    found = by_name(machine.machine())
    assert found["device"].found == "cuda: NVIDIA H100 80GB HBM3 (80 GiB), NVIDIA H100 80GB HBM3 (80 GiB)"
    assert found["bfloat16"].found == "no"
    assert "Ampere or newer" in found["bfloat16"].advice


def test_a_driver_whose_card_torch_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGHTLINE_DEVICE", raising=False)
    seen = machine.without_cuda("cpu", "2.15.0+cpu", has_driver=True)
    assert (seen.state, seen.found) == ("missing", "cpu")
    assert "torch 2.15.0+cpu finds no device" in seen.advice
    monkeypatch.setenv("SIGHTLINE_DEVICE", "cpu")  # then that is the user's wish
    assert machine.without_cuda("cpu", "2.15.0+cpu", has_driver=True).state == "ok"


@pytest.mark.parametrize("name", ["cuda:99", "gpu"])
def test_a_device_that_is_not_here_is_broken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SIGHTLINE_DEVICE", name)
    found = by_name(machine.machine())
    assert found["SIGHTLINE_DEVICE"].found == name
    assert found["device"].state == "broken"
    assert found["device"].advice.endswith("correct or unset SIGHTLINE_DEVICE")
    assert "bfloat16" not in found


def test_torch_that_is_missing_or_does_not_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert by_name(machine.machine())["device"].state == "missing"
    monkeypatch.delitem(sys.modules, "torch")
    (tmp_path / "torch.py").write_text("raise OSError('libgomp.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(str(tmp_path))
    device = by_name(machine.machine())["device"]
    assert device.state == "broken"
    assert "libgomp.so.1" in device.advice


# --------------------------------------------------------------------------------------------------------------- codecs


def test_codecs_are_those_that_decode() -> None:
    """docs/dicom.md counts the files that each plugin reads."""
    found = {name: one.found for name, one in by_name(codecs.codecs()).items()}
    assert found["uncompressed"] == found["RLE"] == "pydicom"
    assert found["JPEG lossless"] == "gdcm"
    assert found["JPEG-LS"] == "gdcm, pyjpegls"
    assert found["JPEG 2000"] == "gdcm, pillow"


def test_without_gdcm_lossless_jpeg_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from pydicom import pixels

    real = pixels.get_decoder

    def without_gdcm(uid: str) -> Any:
        decoder = real(uid)
        plugins = tuple(name for name in decoder.available_plugins if name != "gdcm")
        native = decoder.is_available and not decoder.available_plugins
        return SimpleNamespace(is_available=bool(plugins) or native, available_plugins=plugins)

    monkeypatch.setattr(pixels, "get_decoder", without_gdcm)
    found = by_name(codecs.codecs())
    assert {name for name, one in found.items() if one.state == "missing"} == {"JPEG lossless"}
    assert "sightline[dicom]" in found["JPEG lossless"].advice
    assert found["JPEG-LS"].found == "pyjpegls"


def test_without_pydicom_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydicom.pixels", None)
    (found,) = codecs.codecs()
    assert (found.name, found.state) == ("pydicom", "missing")


# ------------------------------------------------------------------------------------------------------------- programs


@pytest.mark.usefixtures("bare")
def test_programs_that_are_not_here() -> None:
    found = by_name(programs.programs())
    assert {one.state for one in found.values()} == {"missing"}
    assert "--engine local" in found["Slurm"].advice
    assert "playwright install chromium" in found["Chromium"].advice


def test_programs_are_found_on_path_and_a_browser_of_playwright_s(bare: Path) -> None:
    for name in ("git", "sbatch"):
        (bare / name).write_text("#!/bin/sh\n")
        (bare / name).chmod(0o755)
    (bare / "browsers" / "chromium-1180").mkdir(parents=True)
    found = by_name(programs.programs())
    assert found["Git"].found == at_home(bare / "git")
    assert found["Slurm"].found == at_home(bare / "sbatch")
    assert found["Chromium"].found == at_home(bare / "browsers" / "chromium-1180")


# ---------------------------------------------------------------------------------------------------- table, JSON, code


def test_the_user_s_folder_is_not_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert at_home(tmp_path / "a" / "b") == "~/a/b"
    assert at_home(Path("/elsewhere")) == "/elsewhere"


def test_a_state_other_than_ok_needs_advice() -> None:
    with pytest.raises(ValueError, match="Slurm: missing without advice"):
        Finding(group="programs", name="Slurm", state="missing")


def test_the_table() -> None:
    findings = [
        Finding(group="packages", name="numpy", found="2.4.6"),
        Finding(group="packages", name="torch", state="broken", advice="required, 2.11 or newer"),
        Finding(group="programs", name="Git", state="missing", advice="install git"),
    ]
    assert printed(findings) == [
        "packages:",
        "  numpy  2.4.6",
        "  torch  BROKEN",
        "           required, 2.11 or newer",
        "",
        "programs:",
        "  Git    missing",
        "           install git",
        "",
        "broken: torch",
    ]
    assert printed(findings[:1])[-1] == "nothing that is required is broken"


def test_a_machine_with_nothing_says_what_to_do_in_every_line(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "pydicom.pixels", None)
    monkeypatch.setattr(packages, "installed_versions", lambda _: {})
    findings = examined(bare)
    assert all(one.advice for one in findings if not one.found)
    assert {"numpy", "scipy"} <= set(broken_names(findings))
    assert not {"torch", "Git", "Slurm", "Chromium", "pydicom", "fastapi"} & set(broken_names(findings))


def test_the_command_prints_a_table_or_json_and_its_code_says_whether_it_runs(bare: Path) -> None:
    done = sightline(bare, "doctor")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "packages:"
    assert done.stdout.splitlines()[-1] == "nothing that is required is broken"
    assert done.stderr == ""
    document = json.loads(sightline(bare, "doctor", "--json").stdout)
    assert document["broken"] == []
    assert document["findings"][0] == {
        "group": "packages", "name": "Python", "found": sys.version.split()[0], "state": "ok", "advice": "",
    }  # fmt: skip
    failed = sightline(bare, "doctor", "--json", SIGHTLINE_DEVICE="cuda:99")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["broken"] == ["device"]
    assert list(bare.iterdir()) == []


# --------------------------------------------------------------------------------------------------------- study's code


def test_a_study_written_by_another_sightline_is_told(tmp_path: Path) -> None:
    assert study_code(tmp_path) == []
    code = tmp_path / "code.yaml"
    code.write_text(f"sightline: '0.0.1'\npackage: '{package_digest()}'\n")
    (found,) = study_code(tmp_path)
    assert (found.state, found.advice) == ("ok", "")
    code.write_text("sightline: '0.0.1'\npackage: '0123'\n")
    (found,) = study_code(tmp_path)
    assert found.state == "broken"
    assert found.advice.startswith("no stage runs: written by Sightline 0.0.1, and this is ")
    assert "run sightline sync" in found.advice
    assert found in examined(tmp_path)
