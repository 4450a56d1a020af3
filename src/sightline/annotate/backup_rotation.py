"""Backups while the page is served: one file per day beside the store, of which the last KEPT stay.

Dated files, not one that is always replaced: a mistake that is noticed the next day, such as a reader withdrawn by
accident, can then still be undone. Not one per backup either, which would fill the disk. The data of a reader who has
withdrawn leave with the last file from before the withdrawal.
"""

from __future__ import annotations

import re
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from sightline.annotate.backup import back_up
from sightline.annotate.health import Health
from sightline.study.errors import StudyError

KEPT = 7  # days on which there was a backup


class DailyBackups:
    """A thread that backs the store up every so many minutes, from the moment it is started until it is stopped."""

    def __init__(self, store: Path, minutes: float, health: Health) -> None:
        self._store, self._seconds, self._health = store, 60 * minutes, health
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backups", daemon=True)

    def start(self) -> None:
        """Begins with a backup at once."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when a backup under way has ended."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._health.backed_up(back_up_today(self._store, datetime.now(UTC)))
            except (StudyError, OSError) as error:  # readers go on drawing; the admin's page shows it
                print(f"error: backup: {error}", file=sys.stderr, flush=True)
                self._health.not_backed_up(str(error))
            if self._stopped.wait(self._seconds):
                return


def back_up_today(store: Path, now: datetime) -> Path:
    """Replaces the day's backup, deletes those before the last KEPT, and returns the file. StudyError if it fails."""
    target = store.with_name(f"{store.stem}.backup-{now:%Y-%m-%d}{store.suffix}")
    back_up(store, target, replace=True)
    day = re.compile(rf"{re.escape(store.stem)}\.backup-\d{{4}}-\d\d-\d\d{re.escape(store.suffix)}")
    for old in sorted(path for path in store.parent.iterdir() if day.fullmatch(path.name))[:-KEPT]:
        old.unlink()
    return target
