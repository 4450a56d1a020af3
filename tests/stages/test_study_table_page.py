"""docs/study-table.md, word by word: its commands and parameters, on 40 DICOM films and an RSNA-style CSV."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

import dicom_films
from sightline.images.phantom import phantom_image
from sightline.study.files import read_json
from studies import ROOT, has_dvc

PAGE = (ROOT / "docs/study-table.md").read_text(encoding="utf-8")
SIDE = 512  # pixels of a film
RSNA = 1024  # pixels in which the boxes count
SPLITS = ["train"] * 16 + ["test"] * 16 + ["external"] * 8
# of the smoke profile: what makes a study small without changing what it does
SMALL = ("align", "bootstrap", "ladder", "verdict", "shortcut", "faithfulness", "regions", "multiverse", "train")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def merged(values: Any, changes: Any) -> Any:
    if not isinstance(changes, dict) or not isinstance(values, dict):
        return changes
    return {**values, **{key: merged(values.get(key), change) for key, change in changes.items()}}


def write_films(raw: Path) -> None:
    """40 films of 20 patients as a hospital has them: 12 bits, both photometric kinds, two views and a lateral one."""
    rows, boxes = [], {"first": [], "second": []}
    rng = np.random.default_rng(0)
    for number, split in enumerate(SPLITS):
        label = number % 2
        phantom = phantom_image(3, number, label, SIDE, SIDE, 0.0)
        stored = phantom.image.astype(np.uint16) * 16 + rng.integers(0, 16, (SIDE, SIDE), dtype=np.uint16)
        is_inverse = number % 3 == 0
        film = dicom_films.film(
            4095 - stored if is_inverse else stored,
            PhotometricInterpretation="MONOCHROME1" if is_inverse else "MONOCHROME2",
            BitsStored=12,
            PatientID=f"HOSPITAL-{number // 2}", PatientName="Doe^Jane", PatientSex="FM"[number // 2 % 2],
            PatientAge=f"{20 + number:03}Y", StudyInstanceUID=f"1.2.3.{number}", AcquisitionDate="20250314",
            ViewPosition="LL" if number == 30 else ("PA", "AP")[number // 4 % 2], PixelSpacing=[0.7, 0.7],
        )  # fmt: skip
        dicom_films.written(raw / f"films/{number:04}.dcm", film)
        reason = "moved while the film was taken" if number == 3 else ""
        site = "south" if split == "external" else "north"
        rows.append((f"films/{number:04}.dcm", ("normal", "pneumonia")[label], split, site, reason))
        for reader, own in boxes.items():
            opacities = phantom.opacities if reader == "first" or number % 8 != 1 else phantom.opacities[:0]
            own += [(f"{number:04}", *box(mask, reader), 1) for mask in opacities]
            own += [] if len(opacities) else [(f"{number:04}", None, None, None, None, 0)]
    pd.DataFrame(rows, columns=["path", "label", "split", "site", "exclude"]).to_csv(raw / "study.csv", index=False)
    for reader, own in boxes.items():
        table = pd.DataFrame(own, columns=["patientId", "x", "y", "width", "height", "Target"])
        table.to_csv(raw / f"boxes-{reader}.csv", index=False)


def box(mask: np.ndarray, reader: str) -> tuple[float, float, float, float]:
    """The lesion's box in RSNA's pixels; the second reader's is a little larger."""
    rows, cols = np.nonzero(mask)
    reach = 0 if reader == "first" else 6
    ends = [max(side.min() - reach, 0) for side in (cols, rows)] + [
        min(side.max() + 1 + reach, SIDE) - max(side.min() - reach, 0) for side in (cols, rows)
    ]
    return tuple(float(end) * RSNA / SIDE for end in ends)


def test_the_page_has_the_commands_in_order() -> None:
    commands = [line.split()[:2] for block in blocks("sh") for line in block.splitlines()]
    assert commands == [
        ["sightline", "new"], ["cd", "../my-study"], ["sightline", "sync"], ["dvc", "repro"],
        ["sightline", "annotate"], ["sightline", "annotate"], ["dvc", "repro"],
    ]  # fmt: skip
    assert [sorted(YAML(typ="safe").load(block)) for block in blocks("yaml")] == [
        ["consensus", "data", "models", "report", "subgroups"], ["models"],
    ]  # fmt: skip


@has_dvc
@pytest.mark.slow  # a whole study by DVC, some 25 processes: minutes
def test_a_study_by_the_page(tmp_path: Path) -> None:
    """Every command works as it stands; numbers, flowchart and subgroups are in the report, and no header is."""
    folder = tmp_path / "my-study"
    git = {f"GIT_{who}_{what}": "reader" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {
        **os.environ,
        **git,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
    }
    said = ""

    def called(block: str, where: Path) -> str:
        done = subprocess.run(
            ["bash", "-e", "-c", block], cwd=where, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    first, *others = blocks("sh")
    called(first.replace("../my-study", str(folder)), ROOT)
    write_films(folder / "data/raw")
    yaml = YAML(typ="safe")
    smoke = yaml.load(ROOT / "profiles/smoke.yaml")
    params = merged(yaml.load(folder / "params.yaml"), yaml.load(blocks("yaml")[0]))
    params |= {"models": yaml.load(blocks("yaml")[0])["models"], **{name: smoke[name] for name in SMALL}}
    params["train"] |= {"epochs": 2, "batch_size": 8}
    params["data"] |= {"height": 96, "width": 96}
    params["subgroups"] |= {"least": 4}
    YAML().dump(params, folder / "params.yaml")
    for block in others:
        said += called(block, folder)

    assert "2 of 40 films are left out: 1 moved while the film was taken, 1 view LATERAL" in said
    assert "patients on both sides of train and test: 0" in said
    index = pd.read_csv(folder / "data/prepared/index.csv", dtype=str, keep_default_na=False)
    assert index.groupby("split").size().to_dict() == {"external": 8, "test": 15, "train": 13, "val": 2}
    assert set(index.view) == {"PA", "AP"}
    assert set(index.sex) == {"F", "M"}
    assert index.patient.nunique() == 20
    consensus = read_json(folder / "metrics/consensus.json")
    assert consensus["annotators"] == 2
    assert consensus["presence"]["images"] > consensus["nonempty_consensus"] > 0
    classification = read_json(folder / "metrics/classification.json")["squeezenet"]
    assert classification["external"]["images"] == 8
    subgroups = read_json(folder / "metrics/subgroups.json")["columns"]
    assert list(subgroups) == ["age", "sex", "site", "view"]
    assert [level["level"] for level in subgroups["site"]] == ["north", "south"]
    assert subgroups["site"][0]["test"]["models"]["squeezenet"]["accuracy"]["value"] >= 0
    assert "squeezenet" in read_json(folder / "metrics/verdict.json")["models"]
    page = (folder / "plots/report.html").read_text(encoding="utf-8")
    for words in (
        "Pneumonia on films of our hospital",
        "7 negative, 8 of 8 positive",
        "Subgroups describe and do not test",
    ):
        assert words in page
    written = [
        path for place in ("data/prepared", "data/models", "metrics", "plots") for path in (folder / place).rglob("*")
    ]
    texts = [path.read_bytes() for path in written if path.is_file() and path.suffix != ".npy"]
    assert not [
        word for word in (b"HOSPITAL-", b"Doe^", b"Jane", b"20250314", b"1.2.3.") if any(word in text for text in texts)
    ]
    assert not [
        name for name in called("git status --porcelain --untracked-files=all", folder).split() if "data/raw" in name
    ]
    assert "Data and pipelines are up to date" in called("dvc status", folder)
    assert json.loads((folder / "metrics/summary.json").read_text())["squeezenet"]
