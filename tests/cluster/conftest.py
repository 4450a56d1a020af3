"""A real Slurm on this machine, where Debian's packages of it are installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("slurm.sh")
SLOTS = 4  # tasks at once on each of two nodes, more than there are cores: tasks get in each other's way
MISSING = "Slurm is not installed (apt-get install --no-install-recommends munge slurmctld slurmd slurm-client)"


@pytest.fixture(scope="session")
def running_slurm() -> Iterator[Path]:
    """The slurm.conf of a cluster that lives as long as this process's tests."""
    if subprocess.run([SCRIPT, "find"], capture_output=True).returncode != 0:
        pytest.skip(MISSING)
    # not below pytest's folder: the path of a socket has at most 107 characters
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        try:
            started = subprocess.run([SCRIPT, "start", folder, str(SLOTS)], capture_output=True, text=True)
            if started.returncode != 0:
                pytest.skip(f"Slurm is installed and cannot be started here: {started.stderr}")
            yield Path(started.stdout.strip())
        finally:
            stopped = subprocess.run([SCRIPT, "stop", folder], capture_output=True, text=True)
            assert stopped.returncode == 0, stopped.stderr


@pytest.fixture
def slurm(running_slurm: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The cluster, for one test: its slurm.conf, which Slurm's commands now use; no job is left afterwards."""
    monkeypatch.setenv("SLURM_CONF", str(running_slurm))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    yield running_slurm
    subprocess.run(["scancel", "--quiet", "--user", str(os.getuid())], check=True)
