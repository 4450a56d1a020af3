"""Studies for the tests of `sightline cluster`: tiny ones whose tasks a test can hold and fail, and Slurm's jobs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from studies import ROOT, dvc, sightline

# What every stage of a tiny study runs. It writes down that it began, waits while a file of its name lies in hold/,
# fails where one lies in fail/, and writes what depends on its input alone.
TASK = """
import sys
import time
from pathlib import Path

name, source, target = sys.argv[1:]
control = Path({control!r})
with (control / "begun").open("a") as begun:
    begun.write(name + "\\n")
while (control / "hold" / name).exists():
    time.sleep(0.05)
if (control / "fail" / name).exists():
    sys.exit("error: this task was made to fail")
Path(target).parent.mkdir(parents=True, exist_ok=True)
Path(target).write_text(name + " of " + Path(source).read_text())
"""


@dataclass(frozen=True)
class TinyStudy:
    """A study in `folder` whose networks are text files; in `control` a test holds, fails and counts its tasks."""

    folder: Path
    control: Path

    def hold(self, name: str) -> None:
        (self.control / "hold" / name).touch()

    def release(self, name: str) -> None:
        (self.control / "hold" / name).unlink()

    def fail(self, name: str) -> None:
        (self.control / "fail" / name).touch()

    def mend(self, name: str) -> None:
        (self.control / "fail" / name).unlink()

    def begun(self) -> list[str]:
        """The tasks that began, in order, as often as they began."""
        path = self.control / "begun"
        return path.read_text().split() if path.exists() else []

    def logs(self) -> list[Path]:
        """The logs of all tasks."""
        return sorted(self.folder.glob(".dvc/tmp/cluster/*/logs/*.log"))


def tiny_study(folder: Path, keys: int, layers: tuple[str, ...] = ("train", "saliency")) -> TinyStudy:
    """A committed study of so many keys k000, k001, ..., each with a task in every layer."""
    study = folder / "study"
    control = folder / "control"
    for place in (study / "src", control / "hold", control / "fail"):
        place.mkdir(parents=True)
    (study / "src/task.py").write_text(TASK.format(control=str(control)))
    (study / "src/prepare.txt").write_text("images")
    items = {f"k{number:03}": {"number": number} for number in range(keys)}
    source = "data/prepared/images.npy"
    stages: dict[str, object] = {"prepare": _stage("prepare", "src/prepare.txt", source)}
    for layer in layers:
        target = f"data/{layer}/${{key}}.txt"
        stages[layer] = {"foreach": items, "do": _stage(f"{layer}@${{key}}", source, target)}
        source = target
    finished = [source.replace("${key}", key) for key in items]
    report = _stage("report", finished[0], "metrics/report.txt")
    stages["report"] = {
        "cmd": report["cmd"], "deps": [*finished, "src/task.py"], "metrics": [{"metrics/report.txt": {"cache": False}}],
    }  # fmt: skip
    YAML().dump({"stages": stages}, study / "dvc.yaml")
    YAML().dump({"models": items}, study / "params.yaml")
    (study / ".gitignore").write_text("/data\n")
    committed(study)
    return TinyStudy(study, control)


def _stage(name: str, source: str, target: str) -> dict[str, object]:
    return {"cmd": f"python src/task.py {name} {source} {target}", "deps": ["src/task.py", source], "outs": [target]}


def smoke_study(folder: Path, models: dict[str, dict[str, object]]) -> Path:
    """A committed copy of this checkout's pipeline with the smoke profile, one epoch and these models."""
    for name in ("src", "profiles", "data/raw", "data/annotations", "data/lungs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    yaml = YAML()
    params = yaml.load(ROOT / "profiles" / "smoke.yaml")
    params["models"] = models
    params["train"]["epochs"] = 1
    yaml.dump(params, folder / "params.yaml")
    committed(folder)
    done = sightline(folder, "sync")
    assert done.returncode == 0, done.stderr
    commit(folder)
    return folder


def committed(folder: Path) -> None:
    """Makes a Git and DVC repository of a folder, with all that is in it committed."""
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=folder, check=True)
    (folder / ".dvc").mkdir()  # as `dvc init` does, which takes a second
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (folder / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    commit(folder)


def commit(folder: Path) -> None:
    author = ["-c", "user.name=Tests", "-c", "user.email=tests@example.org"]
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    subprocess.run(["git", *author, "commit", "-q", "-m", "A study"], cwd=folder, check=True)


def submit(folder: Path, *words: str) -> str:
    """What `sightline cluster submit --engine slurm` prints, which must succeed."""
    done = sightline(folder, "cluster", "submit", "--engine", "slurm", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def collect(folder: Path) -> None:
    """`sightline cluster collect`, which must succeed and leave nothing to do."""
    done = sightline(folder, "cluster", "collect")
    assert done.returncode == 0, done.stdout + done.stderr
    assert dvc(folder, "status").strip() == "Data and pipelines are up to date."


def wait_until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Returns when `true()` holds; fails after so many seconds, with the queue in the message."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}\n{jobs()}"
        time.sleep(0.1)


@dataclass(frozen=True)
class Job:
    """A task as Slurm knows it, by itself: `id` such as 3_12, its number of its own, its array's stage, its state."""

    id: str
    own: str
    stage: str
    state: str
    node: str
    """Empty until it has one."""

    @property
    def number(self) -> int:
        """Its place in its array."""
        return int(self.id.partition("_")[2])


def jobs() -> list[Job]:
    """Slurm's tasks, in the order in which they were submitted, those that ended in the last minutes included."""
    command = ["squeue", "--noheader", "--states=all", "--array", "--format=%i|%A|%j|%T|%N", "--sort=i"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [Job(*line.split("|")) for line in lines]


def job(stage: str, number: int) -> Job:
    """The last submitted task of a stage with this number."""
    return [found for found in jobs() if found.stage == stage and found.number == number][-1]


def idle() -> bool:
    """Whether no task runs or waits for its turn."""
    return not any(found.state in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING") for found in jobs())


def kill(found: Job) -> None:
    """Kills a running task with all that it started; returns when Slurm calls it failed."""
    # of this cluster: another on this machine, of tests that run beside these, counts its jobs from one too
    mine = {f"SLURM_JOB_ID={found.own}".encode(), f"SLURM_CONF={os.environ['SLURM_CONF']}".encode()}
    processes = [
        int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if mine <= {*_content(path).split(b"\0")}
    ]
    subprocess.run(["scancel", "--batch", "--signal=KILL", found.id], check=True)
    for process in processes:  # as cgroups would see to, which this Slurm does without
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    wait_until(lambda: job(found.stage, found.number).state == "FAILED", f"{found.id} fails")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # another user's process, or one that has ended
        return b""


def requeue(found: Job) -> None:
    """Puts a task back into the queue, as an administrator or a preemption does."""
    subprocess.run(["scontrol", "requeue", found.id], check=True)


def outputs(folder: Path) -> dict[str, bytes]:
    """The bytes of every file that the stages wrote, by path."""
    places = [folder / name for name in ("data", "metrics", "plots") if (folder / name).exists()]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
