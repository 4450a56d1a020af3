"""Inputs built after public bug reports, copied into a test's folder; tests skip where they are absent."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from studies import ROOT, study

INPUTS = ROOT.parent / "shared" / "bug-inputs"


def bug_input(name: str, tmp_path: Path) -> Path:
    """A copy of the input `name`; its params.yaml, if any, becomes the smoke profile with the input's own values.

    An input's parameters are of the day of the report; sections and keys that are new since then come from the profile.
    """
    if not (INPUTS / name).is_dir():
        pytest.skip(f"{INPUTS / name} is absent")
    folder = Path(shutil.copytree(INPUTS / name, tmp_path / name))
    if (folder / "params.yaml").exists():
        yaml = YAML()
        stated = yaml.load(folder / "params.yaml")
        study(folder)
        params = yaml.load(folder / "params.yaml")
        for section in ("data", "consensus"):
            params[section].update({key: value for key, value in stated[section].items() if key in params[section]})
        if "models" in stated:
            params["models"] = stated["models"]
        yaml.dump(params, folder / "params.yaml")
    return folder
