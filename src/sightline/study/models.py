"""The entries of `models`: networks to train, classifiers trained elsewhere, and folders of maps made elsewhere.

A *run* is one training of a network, one classifier, or one folder of maps: what a stage calls a model. The first seed
of an entry has the entry's key, further ones `<key>-seed2`, `<key>-seed3`, ... The runs of an entry with several seeds
are a *family*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from sightline.study.architecture_names import WAYS_IN, arch_problem, has_own_head, init_problem
from sightline.study.errors import StudyError
from sightline.study.parameters import read_entry, read_params


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network to train: architecture, init and head, and what it sees."""

    arch: str
    """A classification architecture of torchvision, or `timm:<name>` (sightline.study.architecture_names)."""
    init: str
    """scratch, imagenet, or the path of a file of weights."""
    head: Literal["fc", "gap"]
    hint: ClassVar[str] = WAYS_IN  # for an entry of unknown keys
    seeds: int = 1
    """Trainings, each from random numbers of its own."""
    input: Literal["film", "lungs"] = "film"
    """What the network sees: the whole film, or the film with all but the lung fields black."""
    train: dict[str, Any] = field(default_factory=dict)
    """Values that replace those of section `train`, for this network alone; checked where it is trained."""

    def __post_init__(self) -> None:
        if wrong := arch_problem(self.arch):
            raise ValueError(f"arch: {wrong}")
        if wrong := init_problem(self.arch, self.init):
            raise ValueError(f"init: {wrong}")
        if self.head == "fc" and not has_own_head(self.arch):
            raise ValueError(f"head: {self.arch} has no fc head of its own; use gap")
        if self.seeds < 1:
            raise ValueError(f"seeds: expected at least 1, got {self.seeds}")

    @property
    def variant(self) -> dict[str, str]:
        """What all seeds share and a weights file says of itself: architecture, init, head, and `input` if not film."""
        seen = {"input": self.input} if self.input != "film" else {}
        return {"arch": self.arch, "init": self.init, "head": self.head, **seen}

    @property
    def start(self) -> str:
        """The file that training starts from; empty with random weights and with those that torchvision publishes."""
        return "" if self.init in ("scratch", "imagenet") else self.init


@dataclass(frozen=True, kw_only=True)
class CodeModel:
    """A classifier trained elsewhere, by a Python file of the user's own (docs/own-models.md)."""

    code: str
    weights: str = ""
    """The file of weights that `load()` reads; empty where it reads none."""
    input: Literal["film", "lungs"] = "film"

    @property
    def files(self) -> tuple[str, str]:
        """The two files that make the model; the same twice where there is one."""
        return self.code, self.weights or self.code


@dataclass(frozen=True, kw_only=True)
class ExportedModel:
    """A classifier trained elsewhere, as an exported file (.pt2, .onnx or TorchScript) and its card (YAML)."""

    export: str
    card: str
    input: Literal["film", "lungs"] = "film"

    @property
    def files(self) -> tuple[str, str]:
        """The two files that make the model."""
        return self.export, self.card


@dataclass(frozen=True, kw_only=True)
class ExternalMaps:
    """A folder of saliency maps made elsewhere, PNG or NPY, one per image, named by its stem."""

    maps: str
    method: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_]+", self.method) or self.method == "images":
            raise ValueError(f"method: letters, digits and _ only, got {self.method!r}")


OwnModel = CodeModel | ExportedModel
Classifying = Network | OwnModel
"""The entries that classify films, trained here or elsewhere, and so have predictions and maps of several methods."""
Entry = Network | CodeModel | ExportedModel | ExternalMaps


@dataclass(frozen=True, kw_only=True)
class Models:
    """The section `models` alone."""

    models: dict[str, Entry]


def runs_of(models: Mapping[str, Entry]) -> dict[str, Entry]:
    """Each run as an entry of one seed, by the run's key, an entry's seeds one after the other.

    What stages loop over in place of `models`, which it equals where no entry has several seeds. StudyError where a
    model has the name of another's seed, or a name that DVC or a path would read as something else.
    """
    runs: dict[str, Entry] = {}
    problems = []
    for entry_key, entry in models.items():
        if not re.fullmatch(r"[\w-]+", entry_key):  # DVC reads a dot as a level of params.yaml
            problems.append(f"models.{entry_key}: a key has letters, digits, - and _ only; rename the model")
        for key in _run_keys(entry_key, entry):
            if key != entry_key and key in models:
                problems.append(f"models.{key}: the name of a seed of models.{entry_key}; rename the model")
            runs[key] = replace(entry, seeds=1) if isinstance(entry, Network) else entry
    if problems:
        raise StudyError("params.yaml: names of models that cannot be used", problems)
    return runs


def families_of(models: Mapping[str, Entry]) -> dict[str, list[str]]:
    """The keys of the runs of each entry with several seeds, by the entry's key; empty where no entry has several.

    The first run has the entry's key itself. `models` as in params.yaml, not the result of `runs_of`.
    """
    return {key: keys for key, entry in models.items() if len(keys := _run_keys(key, entry)) > 1}


def entries_of_runs(models: Mapping[str, Entry]) -> dict[str, str]:
    """The key of the entry by the key of each run that is trained: dvc.yaml's `foreach`."""
    return {key: name for name, entry in models.items() if isinstance(entry, Network) for key in _run_keys(name, entry)}


def classifying(models: Mapping[str, Entry]) -> list[str]:
    """The keys of the entries, or runs, that classify films: all but folders of maps."""
    return [key for key, entry in models.items() if isinstance(entry, Classifying)]


def trained_here(models: Mapping[str, Entry]) -> list[str]:
    """The keys of the entries, or runs, that are networks to train."""
    return [key for key, entry in models.items() if isinstance(entry, Network)]


def primary_method(methods: Sequence[str]) -> str:
    """The method by which a model is judged: Grad-CAM, else CAM, else the first by name.

    One per model, chosen before the results are seen.
    """
    return next((method for method in ("gradcam", "cam") if method in methods), min(methods))


def read_network(key: str, path: str | Path = "params.yaml") -> tuple[Network, int]:
    """The network of the run `key` and the number of its seed, from 1; an unknown key names the nearest entry."""
    models = read_params(Models, path).models
    runs_of(models)  # refuses ambiguous keys
    entry_key = entries_of_runs(models).get(key, key)
    entry: Network = read_entry(Network, "models", entry_key, path)
    return entry, _run_keys(entry_key, entry).index(key) + 1


def read_classifying(key: str, path: str | Path = "params.yaml") -> tuple[Classifying, int]:
    """The network or classifier of the run `key` and the number of its seed, from 1, which is 1 for a classifier."""
    models = read_params(Models, path).models
    entry = models.get(key)
    if isinstance(entry, OwnModel):
        runs_of(models)  # refuses ambiguous keys
        return entry, 1
    return read_network(key, path)


def _run_keys(key: str, entry: Entry) -> list[str]:
    seeds = entry.seeds if isinstance(entry, Network) else 1
    return [key, *(f"{key}-seed{number}" for number in range(2, seeds + 1))]
