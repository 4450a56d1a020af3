"""Problems of a file's rows, one line per kind, so that a wrong size is one line and not ten thousand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

VALUE = re.compile(r"'[^']*'|\"[^\"]*\"|-?\d[\d.e+-]*")  # what differs between problems of one kind


@dataclass
class Repeats:
    """Collects problems; two that differ in quoted names and numbers alone are of one kind."""

    _first: dict[str, str] = field(default_factory=dict)
    _count: dict[str, int] = field(default_factory=dict)

    def add(self, where: str, problem: str) -> None:
        """Adds a problem at a place of the file, such as "row 5"."""
        kind = VALUE.sub("", problem)
        self._first.setdefault(kind, f"{where}: {problem}")
        self._count[kind] = self._count.get(kind, 0) + 1

    def lines(self) -> list[str]:
        """The first problem of each kind, with the number of those like it."""
        more = {kind: f" (and {count - 1:,} more like it)" if count > 1 else "" for kind, count in self._count.items()}
        return [first + more[kind] for kind, first in self._first.items()]
