"""The batch script: everything that Slurm, or the local engine, needs in order to run a study's tasks.

One file that works without Sightline. `bash tasks.sh` submits one array job per stage, `bash tasks.sh STAGE NUMBER`
runs one task; Slurm calls it in the second way, with the number in SLURM_ARRAY_TASK_ID. A table at its end names the
tasks.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline.cluster.graph import Array, Job
from sightline.counts import counted

NAME = "tasks.sh"
"""The script's name in its folder."""
JOBS = "jobs"
"""The file in that folder in which the script writes down the array jobs that Slurm took."""


@dataclass(frozen=True)
class Row:
    """One task in the table at the end of the script."""

    number: int
    task: str
    before: tuple[str, ...] = ()
    """The tasks before it, which DVC restores from the cache."""
    inputs: tuple[str, ...] = ()
    """What DVC checks out of the cache."""
    linked: tuple[str, ...] = ()
    """What neither Git nor DVC has, and the clone links to."""
    fingerprint: str = ""
    """Of what it runs: a later `submit` sees by it whether a task in the queue is still the one it would submit."""


@dataclass(frozen=True)
class Places:
    """Where the tasks work; all paths absolute, on a disk that all nodes see."""

    study: Path
    """The study's folder, with its Git repository."""
    cache: Path
    work: Path
    """New folder for clones and logs."""
    checkpoints: Path
    """Where interrupted trainings resume from, relative to the study."""
    commit: str
    programs: Path
    """Folder of the programs `python` and `dvc`."""


QUOTED = ("study", "cache", "work", "commit", "programs")

HEAD = """\
#!/bin/bash
# {count} of the study {study}
# as of its commit {commit}. Written by `sightline cluster submit`; works without it:
#   bash {name} {blank}   submits them all to Slurm; afterwards `dvc repro`, in the study, collects the results
#   bash {name} {example}   runs one of them here; the table at the end lists them all
#SBATCH --requeue            # a task that is preempted, or whose node fails, goes back into the queue
#SBATCH --open-mode=append   # and goes on with its log
{options}set -euo pipefail
study={study}
cache={cache}   # DVC's cache; the results go there and nowhere else
work={work}   # clones and logs; all nodes must see it, like the two above
commit={commit}
export PATH={programs}:$PATH
"""

SUBMIT = """
# --- without arguments: submit. One array job per stage; task n waits for task n of the stage before (aftercorr), so
# that a task that fails stops its own network only
if [ $# = 0 ]; then
  if [ -e "$work/{name}" ] && ! cmp -s "$0" "$work/{name}"; then
    echo "error: $work holds another submission; print this script again" >&2; exit 1
  fi
  {shared}
  mkdir -p "$work/logs" && cp "$study/dvc.lock" "$work/dvc.lock"
  [ "$0" -ef "$work/{name}" ] || cp "$0" "$work/{name}"   # where `sightline cluster status` looks
  array() {{ sbatch --parsable --kill-on-invalid-dep=yes --chdir="$work" --output="${{work//\\%/%%}}/logs/%x-%a.log" \\
    --job-name="$1" --array="$2" ${{3:+--dependency="$3"}} "$work/{name}" "$1" |
    cut -d ";" -f 1; }}   # the job's number, without the cluster's name
  taken() {{ echo "$1: job $2" | tee -a "$work/jobs"; }}
{arrays}
  exit
fi
"""

TASK = """
# --- a task: the stage's name and the task's number
stage=$1 number=${2:-${SLURM_ARRAY_TASK_ID:-}}
IFS='|' read -r task before inputs linked _ < <(sed -n "/^exit/,\\$ s/^$number|\\($stage@.*\\)/\\1/p" "$0") ||
  { echo "error: $stage $number: no such task in the table" >&2; exit 1; }
IFS=: read -ra before <<< "$before"
IFS=: read -ra inputs <<< "$inputs"
IFS=: read -ra linked <<< "$linked"
echo "--- $task on $HOSTNAME, $(date '+%Y-%m-%d %H:%M:%S')"

# a clone of its own, since DVC locks a folder while it works; its files are links into the cache
mkdir -p "$work/clones"
[ -e "$work/dvc.lock" ] || { cp "$study/dvc.lock" "$work/$HOSTNAME.$$"; mv "$work/$HOSTNAME.$$" "$work/dvc.lock"; }
clone=$(mktemp -d "$work/clones/$task.XXXX")   # a new one where a killed run left one, or still writes into it
DVC_SITE_CACHE_DIR=$(mktemp -d)   # on the node's own disk
export DVC_SITE_CACHE_DIR
trap 'cd /; rm -rf "$clone" "$DVC_SITE_CACHE_DIR"' EXIT
git clone --quiet --shared --no-checkout "$study" "$clone"
cd "$clone"
git checkout --quiet --detach "$commit"
cp "$work/dvc.lock" dvc.lock
printf '[cache]\\n    dir = %s\\n    type = "reflink,symlink,copy"\\n' MARK"$cache"MARK > .dvc/config.local

# an interrupted training goes on from its checkpoint, which lies in the study's folder
CHECKPOINTS
# files that neither Git nor DVC has
for path in "${linked[@]}"; do mkdir -p "$(dirname "$path")"; ln -s "$study/$path" "$path"; done

[ ${#inputs[@]} = 0 ] || dvc checkout --quiet "${inputs[@]}"
dvc repro --single-item "${before[@]}" "$task"   # those before it are in the cache and only restored
UNRECORDED
echo "--- $task is in the cache, $(date '+%Y-%m-%d %H:%M:%S')"
exit

number|task|restored before it|checked out|linked|fingerprint of what it runs
"""

COMMIT = """\
# DVC records no run of these stages by itself, since their outputs lie outside the cache
case $stage in {stages}) dvc commit --quiet --force "$task" ;; esac
"""


def batch_script(
    places: Places,
    rows: Sequence[Row],
    arrays: Sequence[Array],
    shared: Sequence[str],
    unrecorded: Sequence[str],
    options: Mapping[str, str],
    at_once: int | None = None,
) -> str:
    """The script's text.

    `shared`: the stages to run before; `unrecorded`: those of the tasks' stages of whose runs DVC keeps no record
    unless they are committed; `options`: of sbatch, by their long name; `at_once`: most tasks of an array at one time.
    """
    quoted = {name: shlex.quote(str(getattr(places, name))) for name in QUOTED}
    example = f"{rows[0].task.partition('@')[0]} {rows[0].number}"
    head = HEAD.format(
        **quoted,
        count=counted(len(rows), "task"),
        name=NAME,
        example=example,
        blank=" " * len(example),
        options="".join(f"#SBATCH --{name}={value}\n" for name, value in options.items()),
    )
    first = f'(cd "$study" && dvc repro {" ".join(shared)})   # what tasks share' if shared else ":"
    submit = SUBMIT.format(name=NAME, shared=first, arrays="\n".join(_array_lines(arrays, at_once)))
    kept = shlex.quote(str(places.checkpoints))
    parent = shlex.quote(str(places.checkpoints.parent))
    checkpoints = f'mkdir -p "$study"/{kept} {parent} && ln -s "$study"/{kept} {kept}\n'
    commit = COMMIT.format(stages=" | ".join(unrecorded)) if unrecorded else ""
    table = "".join(
        f"{row.number}|{row.task}|{':'.join(row.before)}|{':'.join(row.inputs)}|{':'.join(row.linked)}|{row.fingerprint}\n"
        for row in rows
    )
    task = TASK.replace("MARK", _quotation_mark(places.cache))
    return head + submit + task.replace("CHECKPOINTS\n", checkpoints).replace("UNRECORDED\n", commit) + table


def _quotation_mark(cache: Path) -> str:
    """What stands around the path in DVC's configuration, which ends a bare one at a # and splits it at a comma."""
    return "'\"'" if '"' not in str(cache) else '"\'"'


def rows_in(script: str) -> list[Row]:
    """The table of a batch script; none where the text is no batch script."""
    rows = []
    for line in script.partition("\nexit\n")[2].splitlines():
        parts = line.split("|")
        if len(parts) == 6 and parts[0].isdigit():
            before, inputs, linked = (tuple(part.split(":")) if part else () for part in parts[2:5])
            rows.append(Row(int(parts[0]), parts[1], before, inputs, linked, parts[5]))
    return rows


def _array_lines(arrays: Sequence[Array], at_once: int | None) -> list[str]:
    lines = []
    for place, array in enumerate(arrays):
        numbers = ranges(array.numbers) + (f"%{at_once}" if at_once else "")
        waits = []
        if array.same:
            waits.append("aftercorr" + "".join(f":{_reference(job)}" for job in array.same))
        if array.others:
            waits.append("afterok" + "".join(f":{_reference(job)}_{number}" for job, number in array.others))
        dependency = f' "{",".join(waits)}"' if waits else ""
        lines.append(f"  job{place}=$(array {array.group} {numbers}{dependency})")
        lines.append(f'  taken {array.group} "$job{place}"')
    return lines


def _reference(job: Job) -> str:
    return f"${{job{job}}}" if isinstance(job, int) else job


def ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as Slurm writes them: 0-3,7."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)
