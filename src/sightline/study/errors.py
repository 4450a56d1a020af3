"""One kind of error for what a user can correct, printed without a traceback."""

from __future__ import annotations

import errno
import sys
from collections import Counter
from collections.abc import Callable, Sequence

from sightline.study.code_file import other_code
from sightline.study.extras import missing_in

# what a user can correct: no permission or a read-only disk; a file in a folder's place or the reverse, a name that is
# too long, links that lead to each other; a full disk
PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}
PATH = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}
FULL = {errno.ENOSPC, errno.EDQUOT}


class StudyError(Exception):
    """What is wrong with the study and how to correct it: all cases at once, one line each."""

    def __init__(self, problem: str, cases: Sequence[str] = ()) -> None:
        """`problem`: one line that says what to do; `cases`: the file, row or value of each case."""
        self.cases = list(cases)
        super().__init__("\n".join([problem, *(f"  {case}" for case in self.cases)]))


def collapsed(problems: Sequence[str]) -> list[str]:
    """The problems, those that differ only in where they are as one line from the fourth on; in their order."""
    kinds = Counter(problem.rpartition(": ")[2] for problem in problems)
    lines, done = [], Counter[str]()
    for problem in problems:
        kind = problem.rpartition(": ")[2]
        done[kind] += 1
        if kinds[kind] <= 4 or done[kind] <= 3:
            lines.append(problem)
        elif done[kind] == 4:
            lines.append(f"... and {kinds[kind] - 3:,} more of the last kind: {kind}")
    return lines


def disk_advice(error: OSError) -> str:
    """What to do where the disk is full, "" otherwise: no other failure is mended by freeing it."""
    return "; free the disk and run again" if error.errno in FULL else ""


def run_stage(main: Callable[[], None]) -> None:
    """Runs a stage's `main` as `run_command` does, unless the study was written for another Sightline.

    DVC would write down that the code of code.yaml made the results.
    """

    def checked() -> None:
        if problem := other_code():
            raise StudyError(problem)
        main()

    run_command(checked)


def run_command(main: Callable[[], None]) -> None:
    """Runs a command's `main`; a StudyError becomes `error: ...` on stderr and exit code 1.

    So does a file or folder that may not be read or written, and a package that is not installed; any other error of
    the system keeps its traceback. Ctrl-C ends it with a line and, as programs do, the exit code 130.
    """
    try:
        main()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        raise SystemExit(130) from None
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except ModuleNotFoundError as error:
        missing = missing_in(error)
        if missing is None:
            raise
        print(f"error: {missing}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in PERMISSION | PATH | FULL or error.filename is None:
            raise
        print(f"error: {error.filename}: {error.strerror}{disk_advice(error)}", file=sys.stderr)
        raise SystemExit(1) from None
