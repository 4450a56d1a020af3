"""The extras of `pip install 'sightline[...]'`, and the words for a package that is not installed.

No words say `--upgrade sightline`: the public registry has a project of another author under that name (2026-11). Where
Sightline is installed, `pip install 'sightline[...]'` keeps it and adds the extra's packages.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass


@dataclass(frozen=True)
class Extra:
    """Packages that only some uses need."""

    purpose: str
    """What needs them, in words."""
    modules: tuple[str, ...]
    """Their names in an import statement, and those that come with them."""


# those for users; pyproject.toml has their packages, and the extras of contributors
EXTRAS = {
    "annotate": Extra("the experts' page", ("fastapi", "pydantic", "sqlalchemy", "starlette", "uvicorn")),
    "dicom": Extra("DICOM films", ("gdcm", "jpeg_ls", "pydicom")),
    "onnx": Extra("own models that are ONNX files", ("onnxruntime",)),
    "postgres": Extra("an experts' page whose store is PostgreSQL", ("psycopg",)),
    "timm": Extra("architectures of timm", ("timm",)),
    "train": Extra("networks and studies", ("dvc", "dvc_data", "safetensors", "torch", "torchvision", "voluptuous")),
}


def install_command(extra: str) -> str:
    """What installs an extra of EXTRAS."""
    return f"pip install 'sightline[{extra}]'"


def missing_package(module: str) -> str:
    """`the package torch is missing; pip install 'sightline[train]'`, for a module such as torch or torch.nn."""
    package = module.partition(".")[0]
    extra = next((name for name, one in EXTRAS.items() if package in one.modules), None)
    remedy = "sightline doctor says what to install" if extra is None else install_command(extra)
    return f"the package {package} is missing; {remedy}"


def not_installed(extra: str) -> str | None:
    """`missing_package` of the first package of an extra that is not installed; none of them is loaded."""
    absent = (module for module in EXTRAS[extra].modules if importlib.util.find_spec(module) is None)
    return next(map(missing_package, absent), None)


def missing_in(error: ModuleNotFoundError) -> str | None:
    """`missing_package` of the module that the error names; None where it is one of ours, which is a fault."""
    name = error.name or "sightline"
    return None if name.partition(".")[0] == "sightline" else missing_package(name)
