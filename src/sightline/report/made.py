"""The report's sections on how the study was made: training, images and patients, versions, parameters."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML

from sightline.report.contents import Study
from sightline.report.html import details, paragraph, table
from sightline.report.machines import machines
from sightline.study.parameters import SECTIONS

SPLITS = ("train", "val", "test", "external")
# the packages that results depend on
PACKAGES = (
    "sightline",
    "numpy",
    "pandas",
    "scipy",
    "pillow",
    "matplotlib",
    "torch",
    "torchvision",
    "safetensors",
    "dvc",
)


def made(study: Study) -> list[str]:
    """Images and patients by split, patients in two splits, seed, hash of the index, versions, machines, parameters."""
    index = study.index
    counts = index.groupby(["split", "label"]).size()
    rows = []
    splits = [split for split in SPLITS if (index["split"] == split).any()]
    for split in splits:
        part = index[index["split"] == split]
        numbers = [counts.get((split, label), 0) for label in (0, 1)]
        rows.append([split, *(f"{number:,}" for number in (*numbers, len(part), part["patient"].nunique()))])
    patients = {split: set(part["patient"]) for split, part in index.groupby("split")}
    shared = [
        f"{len(patients.get(first, set()) & patients.get(second, set()))} in both {first} and {second}"
        for first, second in (("train", "test"), ("train", "val"), ("val", "test"))
        if first in splits and second in splits
    ]
    versions = ", ".join(f"{name} {version}" for name, version in study.versions.items())
    printed = {name: study.params[name] for name in SECTIONS if name in study.params}
    return [
        table(["Split", "Negative", "Positive", "Images", "Patients"], rows, "Images and patients."),
        *([paragraph(f"Patients in two splits: {', '.join(shared)}.")] if shared else []),
        paragraph(f"Seed {study.params.get('seed')}. SHA-256 of data/prepared/index.csv, which lists the "
                  f"SHA-256 of every image: {study.index_sha256}."),
        paragraph(f"Made with {versions} (on the machine that wrote this page)."),
        *machines(study.made, study.models),
        details("All parameters", as_yaml(printed)),
    ]  # fmt: skip


def as_yaml(values: Mapping[str, Any]) -> str:
    """`values` as YAML, one per line."""
    text = io.StringIO()
    writer = YAML(typ="safe")
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump(values, text)
    return text.getvalue()
