"""tests/cluster/slurm.sh leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("slurm.sh")
DETACHED = 'trap "" TERM; setsid nohup sleep 54321 & sleep 54321; sleep 54321'  # and deaf to a polite request


@pytest.mark.skipif(subprocess.run([SCRIPT, "find"], capture_output=True).returncode != 0, reason="no Slurm here")
def test_stop_leaves_no_process() -> None:
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        try:
            subprocess.run([SCRIPT, "start", folder], check=True, capture_output=True)
            environment = {**os.environ, "SLURM_CONF": f"{folder}/slurm.conf"}
            command = ["sbatch", f"--output={folder}/output", "--wrap", DETACHED]
            subprocess.run(command, env=environment, check=True, capture_output=True)
            end = time.monotonic() + 20
            while len(_processes(folder)) < 7:  # munged, slurmctld, two slurmd, the shell and two sleeps at the least
                assert time.monotonic() < end, _processes(folder)
                time.sleep(0.1)
        finally:
            subprocess.run([SCRIPT, "stop", folder], check=True)
        assert _processes(folder) == []
        subprocess.run([SCRIPT, "stop", folder], check=True)  # nothing runs, which is fine


def _processes(folder: str) -> list[str]:
    """The command lines of all processes that have the cluster's folder in their environment or a file of it open."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            text = (place / "environ").read_bytes() + b"".join(
                os.readlink(path).encode() for path in (place / "fd").iterdir()
            )
            if f"{folder}/".encode() in text and int(place.name) != os.getpid():
                found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # another user's process, or one that has ended
            continue
    return found
