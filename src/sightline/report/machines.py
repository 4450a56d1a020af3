"""The machines of the study's networks: a table of all, and sentences where they are not of one kind.

`made` is data/models/<key>.made.json by network, as networks/made_on.py writes it: under `machines` a `device` and the
`versions` of each machine, in the order of their use. A network without the file is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sightline.report.html import details_html, table
from sightline.report.words import Metrics, listed, named
from sightline.study.models import Entry, OwnModel, trained_here

Versions = tuple[tuple[str, str], ...]
OF_A_GPU = ("cuda", "cudnn")
"""Versions that a network trained on a processor lacks; that it does, its device says."""
CAUSE = (
    "Another device, precision or version rounds differently and so trains other weights, as another seed does: a "
    "difference between these networks can be due to it."
)


def machines(made: Mapping[str, Metrics], models: Mapping[str, Entry]) -> list[str]:
    """The table, a row per network and classifier, folded; nothing where no machine is known."""
    if not made:
        return []
    rows = []
    for model in models:
        found = made.get(model, {}).get("machines", [])
        devices = " then\n".join(_device_words(machine["device"]) for machine in found)
        versions = " then\n".join(_versions_words(machine["versions"]) for machine in found)
        step = "predicted" if isinstance(models[model], OwnModel) else "trained"
        if found or model in trained_here(models):
            rows.append([model, step, devices or "not known", versions or "not known"])
    header = ["Model", "Step", "Device", "Versions"]
    caption = (
        "The device and the library versions with which each network was trained. A classifier trained elsewhere was "
        "only predicted with here."
    )
    return [details_html("The machine of each network", table(header, rows, caption, text_columns=header[1:]))]


def apart(made: Mapping[str, Metrics], models: Mapping[str, Entry]) -> list[str]:
    """What a reader must know where networks were trained on different devices, or with different versions."""
    sentences = []
    total = len(trained_here(models))
    devices = devices_of(made, models)
    if len(devices) > 1:
        groups = [f"{named(networks, total)} on {words}" for words, networks in devices.items()]
        kinds = "; ".join(groups)
        sentences.append(f"The networks were not all trained on one kind of device and in one precision: {kinds}.")
    if different := _different(versions_of(made, models), total):
        sentences.append(f"The networks were not all trained with the same library versions: {'; '.join(different)}.")
    return [" ".join([*sentences, CAUSE])] if sentences else []


def devices_of(made: Mapping[str, Metrics], models: Mapping[str, Entry]) -> dict[str, list[str]]:
    """The networks trained on each kind of device, by its words; one whose training moved is in several.

    A kind is a name, a precision and a processor's vector unit. The number of threads is none of it.
    """
    return _grouped((_device_words(machine["device"]), model) for model, machine in _trained(made, models))


def versions_of(made: Mapping[str, Metrics], models: Mapping[str, Entry]) -> dict[Versions, list[str]]:
    """The networks trained with each set of versions, by its sorted pairs of package and version.

    Versions of a GPU's libraries count where two GPUs differ in them.
    """
    trained = [(model, machine["versions"]) for model, machine in _trained(made, models)]
    alike = {name for name in OF_A_GPU if len({versions[name] for _, versions in trained if name in versions}) < 2}
    return _grouped(
        (tuple(sorted((n, v) for n, v in versions.items() if n not in alike)), model) for model, versions in trained
    )


def _trained(made: Mapping[str, Metrics], models: Mapping[str, Entry]) -> Iterable[tuple[str, Metrics]]:
    return ((model, machine) for model in trained_here(models) for machine in made.get(model, {}).get("machines", []))


def _grouped(pairs: Iterable[tuple[Any, str]]) -> dict[Any, list[str]]:
    groups: dict[Any, list[str]] = {}
    for key, model in pairs:
        if model not in groups.setdefault(key, []):
            groups[key].append(model)
    return groups


def _different(groups: Mapping[Versions, list[str]], total: int) -> list[str]:
    """Of each package that has several versions, who has which: "torch 2.14.0 (a), torch 2.15.0 (b and c)"."""
    packages = list(dict.fromkeys(package for versions in groups for package, _ in versions))
    lines = []
    for package in packages:
        by_version = _grouped(
            (dict(versions).get(package, ""), model) for versions, models in groups.items() for model in models
        )
        if len(by_version) > 1:
            words = [
                f"{f'{package} {version}' if version else f'no {package}'} ({named(models, total)})"
                for version, models in sorted(by_version.items())
            ]
            lines.append(listed(words))
    return lines


def _device_words(device: Metrics) -> str:
    """Name and precision, and of a processor what multiplies: "NVIDIA H100 80GB HBM3, bfloat16"."""
    unit = device.get("instructions")
    return f"{device['name']}, {device['precision']}" + (f" ({unit})" if unit else "")


def _versions_words(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{package} {version}" for package, version in versions.items())
