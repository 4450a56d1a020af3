"""One core for each process that runs tests side by side; before anything loads torch or a BLAS."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # of children too: two workers that start two threads each wait for each other
