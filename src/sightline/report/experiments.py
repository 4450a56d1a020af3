"""Experiments side by side in a terminal: what each changed in params.yaml, and its numbers per model.

`dvc exp show` has a column for each number of each model and for each dependency; here each model has a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from sightline.report.summary import STUDY

SUMMARY, PARAMS = "metrics/summary.json", "params.yaml"
COLUMNS = ("verdict", "contrast", "place", "accuracy", "auroc", "external")  # of metrics/summary.json
LONGEST = 44  # characters of a changed parameter and its value


def table(states: Sequence[Mapping[str, Any]]) -> str:
    """The states as lines of text, at most 160 characters wide where names of models have up to 50.

    `states` is what `dvc exp show --json` prints: the workspace, then commits, each with its experiments. Below a
    state's name stand the parameters that are not the same in all states; beside them each model has a line. A number
    that no model has gets no column.
    """
    named = list(_named(states))
    changes = _changes([_contents(state, "params", PARAMS) for _, state in named])
    lines = [["experiment", "model", *COLUMNS]]
    for (name, state), changed in zip(named, changes, strict=True):
        summary = _contents(state, "metrics", SUMMARY)
        entries = [(model, entry) for model, entry in summary.items() if model != STUDY]
        cells = [[model, *(_cell(entry.get(column)) for column in COLUMNS)] for model, entry in entries]
        for left, right in zip_longest([name, *changed], cells):
            lines.append([left or "", *(right or [""] * (1 + len(COLUMNS)))])
    return "\n".join(_aligned(lines))


def _named(states: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each state with its name, a commit's experiments after it."""
    for state in states:
        yield state.get("name") or str(state["rev"])[:9], state
        for experiment in state.get("experiments") or []:
            yield from _named(experiment.get("revs") or [])


def _contents(state: Mapping[str, Any], kind: str, path: str) -> dict[str, Any]:
    """What a file of metrics or params holds in a state; {} where it has none, or cannot be read."""
    files = (state.get("data") or {}).get(kind) or {}
    return dict((files.get(path) or {}).get("data") or {})


def _changes(params: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Per state the parameters that are not the same in all of them, as indented text."""
    flat = [dict(_leaves(values)) for values in params]
    names = list(dict.fromkeys(name for values in flat for name in values))
    differing = [name for name in names if any(values.get(name) != flat[0].get(name) for values in flat)]
    return [[_short(f"  {name} {values[name]}") for name in differing if name in values] for values in flat]


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of nested mappings."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, int | float) else str(value)


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Columns two spaces apart, numbers to the right; a column with nothing below its header is left out."""
    columns = [column for column in zip(*lines, strict=True) if any(column[1:])]
    padded = []
    for column in columns:
        width = max(map(len, column))
        is_text = column[0] in ("experiment", "model", "verdict")
        padded.append([cell.ljust(width) if is_text else cell.rjust(width) for cell in column])
    return ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]
