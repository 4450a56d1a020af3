"""Figures that tests of the page's words do not draw, which takes half of the time of a page."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def drawn_figures() -> None:
    """Asked for by tests that look at figures, in files that use `plain_figures`."""


@pytest.fixture
def plain_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, figures are filled and saved as an empty picture, unless `drawn_figures` is asked for."""
    if "drawn_figures" not in request.fixturenames:
        monkeypatch.setattr(Figure, "savefig", lambda _, file, **__: file.write('<svg width="1" height="1"></svg>'))
