"""One kind of error for what a user can correct, printed without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence


class StudyError(Exception):
    """What is wrong with the study and how to correct it: all cases at once, one line each."""

    def __init__(self, problem: str, cases: Sequence[str] = ()) -> None:
        """`problem`: one line that says what to do; `cases`: the file, row or value of each case."""
        self.cases = list(cases)
        super().__init__("\n".join([problem, *(f"  {case}" for case in self.cases)]))


def run_stage(main: Callable[[], None]) -> None:
    """Runs a stage's `main`; a StudyError becomes `error: ...` on stderr and exit code 1."""
    try:
        main()
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
