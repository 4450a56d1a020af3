"""What DVC knows of a study: its stages, and which tasks are done in its folder or in the run cache.

The run cache is DVC's record of every run: <cache>/runs/<hash of command, dependencies and parameters>/. It is read as
`dvc repro` reads it, with one difference: a task's dependencies are taken from the record of the task before, so that
nothing needs to lie in the study's folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from dvc.dependency.param import ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.schema import COMPILED_LOCK_FILE_STAGE_SCHEMA
from dvc.stage import PipelineStage
from dvc.stage.serialize import to_single_stage_lockfile
from dvc.utils import dict_sha256
from dvc.utils.serialize import YAMLFileCorruptedError, load_yaml
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.meta import Meta
from voluptuous import Invalid

from sightline.cluster.graph import Stage, tasks
from sightline.study.errors import StudyError

State = Literal["collected", "cached", "left"]
"""collected: dvc.lock has it; cached: in the run cache, so that `dvc repro` takes it from there; left: neither."""
Record = dict[str, Any]
"""A stage's entry in dvc.lock or in the run cache: cmd, deps, params, outs."""


class Knowledge:
    """DVC's view of the study in `root`, as it was when this object was made."""

    def __init__(self, root: Path) -> None:
        """StudyError where `root` has no study that DVC can read."""
        try:
            self.repo = Repo(str(root))
            graph = self.repo.index.graph
        except DvcException as error:
            raise StudyError(f"{root}: DVC cannot read this study ({' '.join(str(error).split())})") from None
        self._dvc = {_name(stage): stage for stage in graph}
        self.stages: dict[str, Stage] = {
            name: Stage(
                name,
                frozenset(_name(need) for need in graph.successors(stage)),
                tuple(str(dep.def_path) for dep in stage.deps),
                tuple(str(out.def_path) for out in stage.outs),
                # DVC keeps a record of a run unless a plain output, neither a metric nor a plot, is outside the cache
                is_recorded=all(out.use_cache or out.is_metric or out.is_plot for out in stage.outs),
            )
            for name, stage in sorted(self._dvc.items())
        }
        lock = root / "dvc.lock"
        self._lock: Mapping[str, Record] = load_yaml(str(lock)).get("stages", {}) if lock.is_file() else {}
        self._hashes: dict[str, tuple[Any, Any, Any]] = {}
        self.damaged: set[Path] = set()
        """Files of the cache that were seen to be shorter or longer than their record says, or lists cut short."""

    @cached_property
    def _made_by_tasks(self) -> set[str]:
        return {out for name in tasks(self.stages) for out in self.stages[name].outs}

    @property
    def cache(self) -> Path:
        """The cache's folder, absolute."""
        return Path(self.repo.cache.legacy.path).resolve()

    def states(self, names: list[str]) -> dict[str, State]:
        """The state of each task; `names` in an order in which they can run."""
        outs: dict[str, Record] = {}  # path -> its entry in the record of the task that writes it
        states: dict[str, State] = {}
        for name in names:
            states[name] = "left"
            if any(states.get(need) == "left" for need in self.stages[name].needs):
                continue
            inputs = self._inputs(name, outs)
            if inputs is None:
                continue
            locked = self._lock.get(name)
            if locked and _inputs_of(locked) == _inputs_of(inputs) and self._has_outputs(name, locked):
                states[name], record = "collected", locked
            elif kept := self._in_run_cache(inputs):
                states[name], record = "cached", kept
            else:
                continue
            outs |= {str(out["path"]): out for out in record["outs"]}
        return states

    def outputs_not_in_cache(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """(path, stage) of outputs that dvc.lock names and the cache lacks, of these stages; tasks could not read them.

        Where the cache has them damaged, they are in `damaged` too.
        """
        lacking = []
        for name in names:
            entries = {out["path"]: out for out in self._lock.get(name, {}).get("outs", [])}
            for out in self._dvc[name].outs:
                entry = entries.get(out.def_path)
                if entry and out.use_cache and not self._in_cache(entry):
                    lacking.append((str(out.def_path), name))
        return lacking

    def fingerprint(self, chain: Sequence[str]) -> str:
        """12 hexadecimal digits of what these stages run, one after the other: commands, parameters, files read.

        Of files that other tasks make, the path alone counts.
        """
        made, parts = self._made_by_tasks, []
        for name in chain:
            stage = self._dvc[name]
            for dep in stage.deps:
                if dep.def_path not in made:
                    self._hash(dep)
            deps = {str(dep.def_path): dep.hash_info.value for dep in stage.deps if dep.def_path not in made}
            parts.append({"cmd": stage.cmd, "deps": deps, "outs": self.stages[name].outs})
        return str(dict_sha256({"stages": parts}))[:12]

    def is_ignored(self, path: Path) -> bool:
        """Whether .dvcignore names the file, which then counts in no hash of its folder; `path` absolute."""
        return bool(self.repo.dvcignore.check_ignore(str(path)).match)

    def _inputs(self, name: str, outs: Mapping[str, Record]) -> Record | None:
        """The record of the stage as it would run now, outputs by path alone; None where a dependency is missing."""
        stage = self._dvc[name]
        for dep in stage.deps:
            if known := outs.get(str(dep.def_path)):
                dep.hash_info, dep.meta = HashInfo("md5", known["md5"]), Meta.from_dict(known)
                dep.hash_name = "md5"
            elif not self._hash(dep):
                return None
        record = to_single_stage_lockfile(stage)
        record["outs"] = [out["path"] for out in record.get("outs", [])]
        return dict(record)

    def _hash(self, dep: Any) -> bool:
        """Gives a dependency the hash of the file or folder as it is now, once for all stages; False if it is missing.

        Parameters have no hash; their values are read. StudyError for one that is missing.
        """
        if isinstance(dep, ParamsDependency):
            try:
                dep.save()
            except DvcException as error:
                raise StudyError(
                    f"dvc.yaml does not fit {dep.def_path}: {error}; sightline sync, then commit"
                ) from None
            return True
        path = str(dep.def_path)
        if path not in self._hashes:
            if not dep.exists:
                return False
            dep.save()
            self._hashes[path] = dep.hash_name, dep.hash_info, dep.meta
        dep.hash_name, dep.hash_info, dep.meta = self._hashes[path]
        return True

    def _in_run_cache(self, inputs: Record) -> Record | None:
        """The newest record of a run with these inputs, where it is whole and its outputs are all in the cache."""
        key = dict_sha256(inputs, exclude=[Meta.PARAM_SIZE, Meta.PARAM_NFILES])
        folder = self.cache / "runs" / key[:2] / key
        try:
            newest = max(folder.iterdir(), key=lambda path: path.stat().st_mtime, default=None)
            if newest is None:
                return None
            record: Record = COMPILED_LOCK_FILE_STAGE_SCHEMA(load_yaml(str(newest)))
        except FileNotFoundError:  # no record, or one that a task is just renaming
            return None
        except (YAMLFileCorruptedError, Invalid):  # as a full disk leaves it; DVC deletes it when it meets it
            return None
        outs = [out for out in record.get("outs", []) if {"path", "md5"} <= out.keys()]
        is_whole = [out["path"] for out in outs] == inputs["outs"]
        return record if is_whole and all(self._in_cache(out) for out in outs) else None

    def _has_outputs(self, name: str, locked: Record) -> bool:
        """Whether each output is in the cache or, for one that DVC does not cache, unchanged in the study's folder."""
        entries = {out["path"]: out for out in locked.get("outs", [])}
        for out in self._dvc[name].outs:
            entry = entries.get(out.def_path)
            if entry is None:
                return False
            if out.workspace_status() and not (out.use_cache and self._in_cache(entry)):
                return False
        return True

    def _in_cache(self, entry: Record) -> bool:
        """Whether a file, or a folder with all that is in it, is in the cache, of the size that its record gives."""
        path = Path(self.repo.cache.local.oid_to_path(entry["md5"]))
        if not path.is_file():
            return False
        if entry["md5"].endswith(".dir"):
            try:
                files = json.loads(path.read_text())
            except ValueError:  # cut short by a full disk
                self.damaged.add(path)
                return False
            return all(self._in_cache(file) for file in files)
        if path.stat().st_size != entry.get("size", path.stat().st_size):
            self.damaged.add(path)
            return False
        return True


def _name(stage: Any) -> str:
    """The name of a stage in the study's dvc.yaml, or the path of a .dvc file, below the study's folder."""
    path = Path(stage.path_in_repo).as_posix()
    if not isinstance(stage, PipelineStage):
        return path
    return str(stage.name) if path == "dvc.yaml" else f"{path}:{stage.name}"


def _inputs_of(record: Record) -> tuple[Any, ...]:
    """What decides whether a stage runs again: command, dependencies by hash, parameters."""
    deps = {dep["path"]: dep.get("md5") for dep in record.get("deps", [])}
    params = {path: dict(values) for path, values in record.get("params", {}).items()}
    return record.get("cmd"), deps, params
