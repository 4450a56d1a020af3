"""The versions of installed packages, by name; packages are not imported for it."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence


def installed_versions(packages: Sequence[str]) -> dict[str, str]:
    """Name -> version, of Python and of each of `packages` that is installed, in their order; others are left out."""
    versions = {"Python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
