"""The study that the tests of the experts' page serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from studies import run, study

if TYPE_CHECKING:
    from pages import Served


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared phantom study; not to be changed."""
    folder = study(tmp_path_factory.mktemp("page"))
    run(folder, "prepare")
    return folder


@pytest.fixture
def served(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Its page, on a store of the test's own."""
    from pages import serve

    monkeypatch.chdir(prepared)
    return serve(prepared, f"sqlite:///{tmp_path}/store.sqlite")
