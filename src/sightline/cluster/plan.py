"""What a `submit` hands to the engine: the tasks that are left, as rows of the script's table and as array jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sightline.cluster.batch_script import Row
from sightline.cluster.graph import Array, Stage, arrays, before, made_in, shared
from sightline.cluster.run_cache import Knowledge, State
from sightline.cluster.slurm import Queued


@dataclass(frozen=True)
class Plan:
    """What is to be done of a study; tasks in an order in which they can run."""

    shared: list[str]
    """As `shared_first` has them."""
    left: list[str]
    """The tasks that are neither done nor in the queue."""
    rows: list[Row]
    arrays: list[Array]
    unrecorded: list[str]
    """Their stages of whose runs DVC keeps no record unless they are committed."""


def plan(
    knowledge: Knowledge,
    states: Mapping[str, State],
    queued: Mapping[str, Queued],
    linked: Mapping[str, tuple[str, ...]],
    fingerprints: Mapping[str, str],
) -> Plan:
    """`states`: of all tasks, in an order in which they can run; `linked`, `fingerprints`: of each, for its row."""
    stages, names = knowledge.stages, list(states)
    left = [name for name in names if states[name] == "left" and name not in queued]
    keys = list(dict.fromkeys(stages[name].key for name in names))  # one list for all stages, whatever is left of them
    makers = [stages[name] for name in shared(stages, names)]
    rows = []
    for name in left:
        chain = before(stages, name, names)
        read = {dep for task in [*chain, name] for dep in stages[task].deps}
        inputs = tuple(sorted(dep for dep in read if made_in(dep, makers)))
        rows.append(Row(keys.index(stages[name].key), name, tuple(chain), inputs, linked[name], fingerprints[name]))
    in_queue = {name: (task.job, task.row.number) for name, task in queued.items()}
    unrecorded = sorted({stages[name].group for name in left if not stages[name].is_recorded})
    return Plan(shared_first(stages, names), left, rows, arrays(stages, left, keys, in_queue), unrecorded)


def shared_first(stages: Mapping[str, Stage], tasks: Sequence[str]) -> list[str]:
    """The stages of dvc.yaml that tasks need and that run before them, in the study's folder."""
    return [name for name in shared(stages, tasks) if not name.endswith(".dvc")]


def fingerprints(knowledge: Knowledge, tasks: Sequence[str]) -> dict[str, str]:
    """What each task, and those that it restores, run: 12 hexadecimal digits."""
    return {name: knowledge.fingerprint([*before(knowledge.stages, name, tasks), name]) for name in tasks}
