"""The folder for what `sightline score` makes of its inputs: masks, films and maps on disk in place of memory."""

from __future__ import annotations

import shutil
import weakref
from collections import Counter
from pathlib import Path
from tempfile import mkdtemp


class Work:
    """A folder that the caller names, or a temporary one that is removed with this object."""

    def __init__(self, folder: Path | None = None) -> None:
        """Makes the folder."""
        self.folder = Path(mkdtemp(prefix="sightline-")) if folder is None else folder
        if folder is None:
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._given: Counter[str] = Counter()

    def file(self, what: str) -> Path:
        """A path in it for another file of this kind: of an earlier run's, the same place."""
        self._given[what] += 1
        return self.folder / f"{what}{self._given[what]}.rows"
