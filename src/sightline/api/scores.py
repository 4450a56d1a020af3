"""What `sightline.score` returns: verdicts, tables, a figure and the page of one scored study."""

from __future__ import annotations

from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from sightline.alignment.metrics import METRICS
from sightline.api.arguments import Call
from sightline.api.notebook import html_of
from sightline.api.verdicts import ENDS, Verdict, verdicts_of
from sightline.report.chart import figure_of
from sightline.report.words import number_at
from sightline.scoring.page import contrasts_of, ladder_of
from sightline.scoring.printed import printed_table
from sightline.scoring.results import SAME
from sightline.scoring.scored_page import strip_of_study, write_page
from sightline.scoring.scored_study import ScoredStudy
from sightline.study.files import refuse_unwritable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Scores:
    """The scores of one study; printed, they are the table of `sightline score`."""

    def __init__(self, found: ScoredStudy, call: Call) -> None:
        """`sightline.score` makes it."""
        self._found = found
        self._call = call  # keeps the caller's arrays in their temporary folder, which the page reads again

    @cached_property
    def verdict(self) -> dict[str, Verdict]:
        """The verdict on each model, by its name."""
        return verdicts_of(self._found.summary["candidates"], self._found.summary["primary"])

    @property
    def results(self) -> dict[str, Any]:
        """What scores.json holds (docs/scores.md), not rounded, NaN where it has null."""
        return self._found.summary

    @property
    def notes(self) -> list[str]:
        """What to know of the inputs, in sentences."""
        return list(self._found.origin.notes)

    @property
    def left_out(self) -> dict[str, list[str]]:
        """Names of unused maps, regions and images, by reason."""
        return {self._call.in_words(reason): list(names) for reason, names in self._found.origin.left_out.items()}

    def to_frame(self) -> pd.DataFrame:
        """The rows of scores.csv (docs/scores.md): one for each model or baseline and image, its metrics in columns."""
        return self._found.table()

    def summary(self) -> pd.DataFrame:
        """Means over images by candidate and metric (the index), with the ends of 95% intervals by patient.

        A candidate is a model, or MODEL.METHOD where it has maps by several methods; `to_frame` calls it so too.
        Columns value, low and high, as fractions where the metric is one; hd95 and assd count pixels of the common
        grid. Overlap metrics stand as fixed_iou, otsu_iou, area_matched_iou and so on, after the rule of the cut.
        """
        rows: dict[tuple[str, str], list[float]] = {}
        for name, entry in self._found.summary["candidates"].items():
            means = {metric: entry[metric] for metric in METRICS if metric != SAME} | {"pooled_ap": entry["pooled_ap"]}
            for rule, by_metric in entry["binary"].items():
                means |= {f"{rule}_{metric}": mean for metric, mean in by_metric.items()}
            rows |= {(name, metric): [number_at(mean, end) for end in ENDS] for metric, mean in means.items()}
        index = pd.MultiIndex.from_tuples(list(rows), names=["candidate", "metric"])
        return pd.DataFrame(np.array(list(rows.values())), index=index, columns=pd.Index(ENDS))

    def plot(self, kind: Literal["verdict", "ladder"] = "verdict") -> Figure:
        """A matplotlib figure as on the page; pyplot does not know it, so that nothing is shown twice.

        verdict: each model's contrast, with that of a left-out expert (tall tick) and of the region itself (short).
        ladder: each model's mean score over baselines that know nothing of the finding.
        """
        if kind not in ("verdict", "ladder"):
            raise ValueError(f"kind: expected verdict or ladder, got {kind!r}")
        return figure_of((contrasts_of if kind == "verdict" else ladder_of)(self._found.summary))

    def report(self, path: str | PathLike[str]) -> Path:
        """Writes the HTML page of `sightline score`, and returns its path.

        Of a large study some films go into the folder report/ beside it. StudyError where it cannot be written.
        """
        page = Path(path)
        refuse_unwritable(page.parent)
        write_page(page, self._found)
        return page

    def __repr__(self) -> str:
        notes = [f"note: {note}" for note in self.notes]
        return "\n".join([self._call.in_words(printed_table(self._found.summary)), *notes])

    def _repr_html_(self) -> str:
        return html_of(self.verdict, self._found.summary, self._strip)

    @cached_property
    def _strip(self) -> Any:
        return strip_of_study(self._found)
