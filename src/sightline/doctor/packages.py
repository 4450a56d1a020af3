"""The installed packages against what pyproject.toml asks for, by their metadata: none is imported."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Callable, Sequence

from sightline.doctor.finding import Finding
from sightline.study.extras import EXTRAS, install_command
from sightline.study.versions import installed_versions

GROUP = "packages"
LEAST_PYTHON = (3, 11)
_REQUIREMENT = re.compile(r"""^([\w.-]+)(?:\[[^]]*\])?\s*(?:>=\s*([\d.]+))?[^;]*(?:;.*extra\s*==\s*["'](\w+)["'])?""")


def packages() -> list[Finding]:
    """Python, Sightline, and each package that it or an extra asks for."""
    python = _python(sys.version_info[:3])
    try:
        asked = importlib.metadata.requires("sightline") or []
    except importlib.metadata.PackageNotFoundError:
        advice = "without it there is no list of what Sightline needs: pip install -e . in its folder"
        return [python, Finding(group=GROUP, name="sightline", state="missing", advice=advice)]
    own = Finding(group=GROUP, name="sightline", found=importlib.metadata.version("sightline"))
    return [python, own, *compared(asked, lambda name: installed_versions([name]).get(name, ""))]


def compared(asked: Sequence[str], version_of: Callable[[str], str]) -> list[Finding]:
    """A finding for each requirement, such as `numpy>=2.0` or `timm>=1.0; extra == "timm"`, in their order.

    `version_of`: "" where a package is not installed. A required package that is missing or too old is broken.
    Requirements of extras that EXTRAS does not name, those of contributors, are left out.
    """
    found = []
    for text in asked:
        parts = _REQUIREMENT.match(text)
        if not parts:
            raise ValueError(f"a requirement that cannot be read: {text}")
        name, least, extra = parts[1], parts[2] or "0", parts[3]
        if extra is not None and extra not in EXTRAS:
            continue
        version = version_of(name)
        is_right = bool(version) and release(version) >= release(least)
        if is_right:
            found.append(Finding(group=GROUP, name=name, found=version))
        elif extra is None:
            advice = f"required, {least} or newer: pip install '{name}>={least}'"
            found.append(Finding(group=GROUP, name=name, found=version, state="broken", advice=advice))
        else:
            wish = f"needed, {least} or newer, for {EXTRAS[extra].purpose}: {install_command(extra)}"
            found.append(Finding(group=GROUP, name=name, found=version, state="missing", advice=wish))
    return found


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version without zeros at the end, to be compared: (2, 11) of 2.11.0+cpu; () of no number."""
    digits = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(number) for number in digits[0].split(".")] if digits else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _python(version: tuple[int, ...]) -> Finding:
    found, least = ".".join(map(str, version)), ".".join(map(str, LEAST_PYTHON))
    if version >= LEAST_PYTHON:
        return Finding(group=GROUP, name="Python", found=found)
    advice = f"required, {least} or newer: make an environment with a newer Python"
    return Finding(group=GROUP, name="Python", found=found, state="broken", advice=advice)
