"""One core for each process that runs tests side by side, children that keep what they compile, longest files first."""

from __future__ import annotations

import os

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # before anything loads torch or a BLAS, and for the children too: two processes of two threads each would wait for
    # each other
    os.environ["OMP_NUM_THREADS"] = "1"
    # these processes grow to 1.6 GB, and a fork copies their page tables: the tests of the API's score took 50 s of CPU
    # with two forks at each call, and 18 s without. Tests of work by several processes set their number themselves
    os.environ["SIGHTLINE_WORKERS"] = "1"

# as in study.mk: else every stage and command that a test starts compiles PyTorch, pandas and DVC again
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

LONGEST = (  # from 60 down to 10 s of CPU
    *("test_pipeline.py", "test_annotate_fuzz.py", "test_annotate_page.py", "test_notebooks.py", "test_dvc_yaml.py"),
    *("test_train_stage.py", "test_api_score.py", "test_report_evidence.py", "test_study_folder.py"),
    *("test_architectures.py", "test_viewer_browser.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """So that no process works on a long file while the others have nothing left to do."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
