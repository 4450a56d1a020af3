"""One module per DVC stage, with its parameters and its `main`: read, call, write.

A stage that is started where a package is not installed, as torch without the extra `train`, ends while it is imported,
before `run_stage` could say so; it then ends in one line too.
"""

import sys
from types import TracebackType

from sightline.study.extras import missing_in


def _in_one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    missing = missing_in(error) if isinstance(error, ModuleNotFoundError) else None
    if missing is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(f"error: {missing}", file=sys.stderr)


sys.excepthook = _in_one_line
