"""The verdict's results as tables, and by model and method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sightline.columns import from_rows, joined
from sightline.judging.films import Films
from sightline.judging.scored import Scored
from sightline.judging.settings import Verdict
from sightline.statistics.contrast import contrast

CONTRAST_COLUMNS = ["image", "patient", "candidate", "score", "own", "row", "col", "d"]
PLOT_COLUMNS = ["candidate", "kind", "grid", "value", "low", "high", "verdict"]


def contrast_table(films: Films, scored: Scored, settings: Verdict) -> dict[str, list[Any]]:
    """CONTRAST_COLUMNS by name, long: own, row, col and d of each candidate, score and image."""
    tables = []
    for name, by_score in scored.maps.items():
        for score in settings.scores:
            parts = contrast(scored.blocks, by_score[score], films.patients_M, settings.weigh)
            columns = {
                "image": films.images, "patient": films.patients_M.tolist(),
                "candidate": [name] * len(films.images), "score": [score] * len(films.images),
                "own": parts.own_M.tolist(), "row": parts.row_M.tolist(), "col": parts.col_M.tolist(),
                "d": parts.d_M.tolist(),
            }  # fmt: skip
            tables.append(columns)
    return joined(tables, CONTRAST_COLUMNS)


def plot_table(results: Mapping[str, Any]) -> dict[str, list[Any]]:
    """PLOT_COLUMNS by name, of each candidate, family and control: the primary contrast; without results, no row."""
    rows = []
    for kind in ("candidates", "families"):
        for name, entry in results.get(kind, {}).items():
            own = entry["contrast"][results["primary"]]
            rows.append((name, kind, entry["grid"], own["value"], own["low"], own["high"], entry["verdict"]))
    for grid, controls in results.get("controls", {}).items():
        rows += [
            (name, own["kind"], grid, own["value"], own["low"], own["high"], "")
            for name, own in controls.items()
            if isinstance(own, dict)
        ]
    return from_rows(rows, PLOT_COLUMNS)


def by_model(results: Mapping[str, Any], keys: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """`models.<model>.<method>` in place of `candidates.<model>.<method in one name>`; the rest as it is."""
    models: dict[str, Any] = {}
    for model, method in keys:
        models.setdefault(model, {})[method] = results["candidates"][f"{model}.{method}"]
    return {"models": models, **{name: part for name, part in results.items() if name != "candidates"}}
