"""`sightline model check KEY`: looks at a classifier trained elsewhere on the study's films, before any map is made.

It needs data/prepared, from stage prepare alone, and a balanced sample of the labelled films that are not training
films, of up to NUM_FILMS. It writes nothing but what `--out` names; the stage predict stores the same check on all of
these films.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
import torch

from sightline.films import FILMS, PREPARED
from sightline.inputs import INDEX
from sightline.model_check.description import Result, methods_words, model_words
from sightline.model_check.findings import conclusion, findings, is_ready
from sightline.model_command.checking import BATCH, balanced_rows, checked, checking_machine, films_at, loaded
from sightline.networks.training import predicted_logits
from sightline.statistics.settings import Classification
from sightline.study.errors import StudyError
from sightline.study.files import read_csv, write_json
from sightline.study.models import ExternalMaps, Models, Network, OwnModel, read_classifying, runs_of
from sightline.study.parameters import read_params

NUM_FILMS = 48
WIDTH = 110


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    classification: Classification


def run(arguments: argparse.Namespace) -> None:
    """Prints the check of `arguments.key`; exit code 1 where something fails; `arguments.out`: a JSON file, or None."""
    result = check(arguments.key)
    if arguments.out:
        write_json(arguments.out, result)
    print("\n".join(printed(arguments.key, result)))
    if not is_ready(result):
        raise SystemExit(1)


def check(key: str) -> dict[str, Any]:
    """The check of the model `key` of params.yaml on a sample of its films; StudyError where it cannot begin."""
    params = read_params(Params)
    entry = own_entry(key)
    path = FILMS[entry.input]
    if not path.is_file() or not INDEX.is_file():
        stage = "prepare" if path == PREPARED or not INDEX.is_file() else "lung-films"
        raise StudyError(f"{path if INDEX.is_file() else INDEX}: not there; run `dvc repro {stage}`, then check again")
    index = read_csv(INDEX, {"image": str, "split": str, "label": int, "patient": str})
    labelled = np.flatnonzero(index["split"].isin(["val", "test"]))
    chosen = labelled[balanced_rows(index["label"].to_numpy()[labelled], NUM_FILMS, params.seed)]
    films = films_at(index, chosen, path, len(labelled))
    machine = checking_machine()
    network = loaded(entry, machine)
    rows = torch.arange(len(chosen), device=machine.device)
    images_N = torch.from_numpy(films.images_N).to(machine.device)
    logits_N = predicted_logits(network, images_N, rows, BATCH, machine).cpu().numpy()
    return checked(network, films, logits_N, params.classification.bins, machine)


def own_entry(key: str) -> OwnModel:
    """The entry of a classifier trained elsewhere; any other entry is a StudyError that says what it is."""
    models = read_params(Models).models
    if isinstance(models.get(key), ExternalMaps):
        raise StudyError(f"models.{key}: a folder of maps, not a classifier; there is nothing to check")
    if isinstance(runs_of(models).get(key), Network):
        raise StudyError(
            f"models.{key}: a network that this study trains itself; the check is for models with `code` or `export`"
        )
    entry, _ = read_classifying(key)
    assert isinstance(entry, OwnModel)
    return entry


def printed(key: str, result: Result, width: int = WIDTH) -> list[str]:
    """The lines of the terminal: what the model is, a line or two per check, the methods, and whether it is ready.

    `width`: characters of a line, at most.
    """
    lines = [key]
    for words in model_words(result):
        lines += wrap(words, width, initial_indent="  ", subsequent_indent="    ")
    for finding in findings(result):
        text = f"{finding.words} {finding.remedy}".strip()
        lines += wrap(text, width, initial_indent=f"  {finding.status:9}", subsequent_indent=" " * 11)
    for words in methods_words(result):
        lines += wrap(words, width, initial_indent="  ", subsequent_indent="    ")
    return [*lines, conclusion(result)]
