"""Which stages of dvc.yaml are tasks of their own, and which task waits for which. Knows neither DVC nor Slurm.

An *item* is a stage of a `foreach`, named `stage@key`. A *task* is an item that runs on the cluster. A stage that tasks
need and that is no task is *shared*: it runs in the study's own folder, before the tasks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter


@dataclass(frozen=True)
class Stage:
    """A stage as dvc.yaml has it: its name, the stages whose outputs it reads, and the paths that it reads and writes.

    A file of `dvc add` or `dvc import` counts as a stage by the name of its .dvc file.
    """

    name: str
    needs: frozenset[str] = frozenset()
    deps: tuple[str, ...] = ()
    outs: tuple[str, ...] = ()
    is_recorded: bool = True
    """Whether DVC keeps a record in the run cache of each run; of others, once they are committed (dvc commit)."""

    @property
    def group(self) -> str:
        """The stage's name without its key."""
        return self.name.partition("@")[0]

    @property
    def key(self) -> str:
        """The key in `foreach`; empty where the stage is none of an item."""
        return self.name.partition("@")[2]


Job = int | str


@dataclass(frozen=True)
class Array:
    """Tasks of one stage that wait in the same way, which makes them one array job.

    `numbers`: places of their keys in the list of all keys, ascending. Task `n` starts when task `n` of each job in
    `same` has succeeded, and the tasks `(job, number)` in `others`. A job is the place of an earlier array in the list
    of arrays, as int, or the number of a job that Slurm has already, as text.
    """

    group: str
    numbers: tuple[int, ...]
    same: tuple[Job, ...] = ()
    others: tuple[tuple[Job, int], ...] = ()


def in_order(stages: Mapping[str, Stage]) -> list[str]:
    """All names, each after those that it needs, otherwise in the order of `stages`."""
    return list(TopologicalSorter({name: sorted(stages[name].needs) for name in stages}).static_order())


def upstream(stages: Mapping[str, Stage], names: Iterable[str]) -> set[str]:
    """All stages that `names` need, directly or not; `names` themselves only where another of them needs them."""
    found: set[str] = set()
    waiting = [need for name in names for need in stages[name].needs]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += stages[name].needs
    return found


def tasks(stages: Mapping[str, Stage]) -> list[str]:
    """The items that can run as tasks, in an order in which they can run.

    Items count, except
    - those of a group that shares no key with another group and on which another group depends: a shared stage that
      happens to be written with `foreach` (lung-films);
    - those that need a stage that gathers other items: they are left to `dvc repro`.
    """
    keys = defaultdict(set)
    for stage in stages.values():
        if stage.key:
            keys[stage.group].add(stage.key)
    needed = {stages[need].group for stage in stages.values() if stage.key for need in stage.needs}
    alone = {group for group in keys if not any(keys[group] & keys[other] for other in keys if other != group)} & needed
    items = {name for name, stage in stages.items() if stage.key and stage.group not in alone}
    gathering = {name for name in stages if name not in items and upstream(stages, [name]) & items}
    return [name for name in in_order(stages) if name in items and not upstream(stages, [name]) & gathering]


def before(stages: Mapping[str, Stage], task: str, among: Iterable[str]) -> list[str]:
    """The tasks of `among` that `task` needs, directly or not, in the order of `among`."""
    needed = upstream(stages, [task])
    return [name for name in among if name in needed]


def shared(stages: Mapping[str, Stage], among: Sequence[str]) -> list[str]:
    """The stages that the tasks `among` need and that are no tasks, in an order in which they can run."""
    needed = upstream(stages, among) - set(among)
    return [name for name in in_order(stages) if name in needed]


def arrays(
    stages: Mapping[str, Stage],
    left: Sequence[str],
    keys: Sequence[str],
    queued: Mapping[str, tuple[str, int]] | None = None,
) -> list[Array]:
    """The array jobs of the tasks `left`, which are in an order in which they can run; `keys`: all their keys.

    One array per stage, unless tasks of a stage wait for different things: a task that waits for none is not held up,
    and one that waits for a task of another key (a further seed, for its first) names it. `queued`: job and number of
    the tasks that Slurm has already.
    """
    place = {key: number for number, key in enumerate(keys)}
    found: list[Array] = []
    job_of: dict[str, tuple[Job, int]] = dict(queued or {})
    for group in dict.fromkeys(stages[name].group for name in left):
        alike: dict[tuple[tuple[Job, ...], tuple[tuple[Job, int], ...]], list[str]] = defaultdict(list)
        for name in left:
            if stages[name].group == group:
                number = place[stages[name].key]
                direct = stages[name].needs & job_of.keys()
                needs = [job_of[need] for need in sorted(direct - upstream(stages, direct))]
                same = tuple(job for job, its_number in needs if its_number == number)
                others = tuple((job, its_number) for job, its_number in needs if its_number != number)
                alike[same, others].append(name)
        for (same, others), names in alike.items():
            numbers = tuple(sorted(place[stages[name].key] for name in names))
            job_of |= {name: (len(found), place[stages[name].key]) for name in names}
            found.append(Array(group, numbers, same, others))
    return found


def made_in(path: str, stages: Iterable[Stage]) -> bool:
    """Whether one of the stages makes the path, something in it, or a folder that holds it."""
    return any(is_within(path, out) or is_within(out, path) for stage in stages for out in stage.outs)


def is_within(path: str, folder: str) -> bool:
    """Whether `path` is `folder`, or lies in it."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
