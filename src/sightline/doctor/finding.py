"""One line of the doctor's table, and how lines are printed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["ok", "missing", "low", "broken"]
"""missing: only what the advice names needs it; low: it works, not for long; broken: Sightline does not run."""
WIDTH = 110


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was looked for, and what was found."""

    group: str
    name: str
    found: str = ""
    """Empty where there is nothing."""
    state: State = "ok"
    advice: str = ""
    """What needs it and what to do; never empty where the state is not `ok`."""

    def __post_init__(self) -> None:
        if self.state != "ok" and not self.advice:
            raise ValueError(f"{self.name}: {self.state} without advice")


def printed(findings: Sequence[Finding]) -> list[str]:
    """The table by group, advice below its line, and a last line that says what is broken."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    group = ""
    for finding in findings:
        if finding.group != group:
            group = finding.group
            lines += ["", f"{group}:"]
        words = [finding.found, {"ok": "", "broken": "BROKEN"}.get(finding.state, finding.state)]
        lines.append(f"  {finding.name:<{width}}  {'  '.join(word for word in words if word)}".rstrip())
        lines += textwrap.wrap(
            finding.advice, WIDTH, initial_indent=" " * (width + 6), subsequent_indent=" " * (width + 6)
        )
    broken = broken_names(findings)
    return [*lines[1:], "", f"broken: {', '.join(broken)}" if broken else "nothing that is required is broken"]


def broken_names(findings: Sequence[Finding]) -> list[str]:
    """What is required and does not work."""
    return [finding.name for finding in findings if finding.state == "broken"]


def at_home(path: Path) -> str:
    """The path with `~` for the user's own folder, whose name belongs in no report of a fault."""
    try:
        return (Path("~") / path.relative_to(Path.home())).as_posix()
    except (ValueError, RuntimeError):  # elsewhere, or a user without a folder
        return str(path)
