"""Counts over simulated studies, as shares with their Monte-Carlo error, in tables by number of patients."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sightline.statistics.streams import stream

PATIENTS = (16, 21, 50, 200)
SEED = 14
BANDS = {"level": (3, 7), "coverage": (93, 97)}  # percent that a default is allowed


@dataclass(frozen=True)
class Rate:
    """How many of so many studies."""

    count: int
    studies: int

    @property
    def percent(self) -> float:
        return 100 * self.count / self.studies

    @property
    def error(self) -> float:
        """The standard error of `percent`; for none or all of them, as if for half a study."""
        count = min(max(self.count, 0.5), self.studies - 0.5)
        return 100 * math.sqrt(count * (self.studies - count) / self.studies**3)

    def words(self, band: tuple[float, float] = (0, 100)) -> str:
        """Percent and error; bold if more than two errors outside of the band."""
        text = f"{self.percent:.1f} ± {self.error:.1f}"
        return text if band[0] - 2 * self.error <= self.percent <= band[1] + 2 * self.error else f"**{text}**"


@dataclass
class Line:
    """One test or interval under one condition."""

    what: str
    condition: str
    aim: str
    """level, coverage, power, or one-sided: of an interval's lower end, nominally 2.5%."""
    rates: dict[int, Rate] = field(default_factory=dict)


Study = Callable[[int, np.random.Generator], Mapping[str, bool]]
"""Patients and generator to: did the test reject, or the interval cover, by name."""


def lines(
    condition: str, aim: str, study: Study, studies: int, patients: Sequence[int] = PATIENTS, share_of_large: float = 1
) -> list[Line]:
    """One line per name that `study` returns. `share_of_large`: share of the studies that are done at 200 patients.

    Studies have a stream for each condition, aim and number of patients, so that one more condition changes no other.
    """
    found: dict[str, Line] = {}
    for num_patients in patients:
        num = max(1, round(studies * (share_of_large if num_patients >= 200 else 1)))
        rng = stream(SEED, "error rates", condition, aim, num_patients)
        counts: dict[str, int] = {}
        for _ in range(num):
            for name, is_so in study(num_patients, rng).items():
                counts[name] = counts.get(name, 0) + bool(is_so)
        for name, count in counts.items():
            line = found.setdefault(name, Line(name, condition, aim))
            line.rates[num_patients] = Rate(count, num)
    return list(found.values())


def table(rows: Sequence[Line], remarks: Mapping[str, str]) -> str:
    """Markdown: one row per line, a column for each number of patients, percent ± Monte-Carlo error.

    `remarks`: by what, or by what and condition with " | " between; the more special one counts. Only lines whose
    remark begins with "default" are held against the band of their aim.
    """
    patients = sorted({number for row in rows for number in row.rates})
    head = f"| what | condition | {' | '.join(f'{number} patients' for number in patients)} | remark |"
    text = [head, "| --- " * (len(patients) + 3) + "|"]
    for row in rows:
        remark = remarks.get(f"{row.what} | {row.condition}", remarks.get(row.what, ""))
        band = BANDS.get(row.aim, (0, 100)) if remark.startswith("default") else (0, 100)
        cells = [row.rates[number].words(band) if number in row.rates else "" for number in patients]
        text.append(f"| {row.what} | {row.condition} | {' | '.join(cells)} | {remark} |")
    return "\n".join(text)
