"""What the admin must know of the server itself: whether its disk has been full, and when it was last backed up."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from sightline.annotate.sessions import moment

SQLITE_FULL = 13  # SQLite's result code for a full disk
SQLITE_IOERR = 10  # its low byte for a failed write, of which a full disk is one cause
POSTGRESQL_FULL = "53100"  # disk_full, PostgreSQL's Appendix A
LEAST_FREE = 2**20  # bytes: with less, a failed write is put down to the full disk


class Health:
    """The server's health; its methods may be called from several threads."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: where the store lies; None for a database elsewhere, whose disk cannot be seen."""
        self._folder = folder
        self._lock = threading.Lock()
        self._disk_full_at: str | None = None
        self._backup: dict[str, str | None] | None = None

    def free_bytes(self) -> int | None:
        """Free space on the store's disk; None if it cannot be seen."""
        return None if self._folder is None else shutil.disk_usage(self._folder).free

    def is_full(self, error: DBAPIError) -> bool:
        """Whether the database refused a write because its disk is full; if so, this is noted with the time."""
        code = getattr(error.orig, "sqlite_errorcode", None)
        is_full = code == SQLITE_FULL or getattr(error.orig, "sqlstate", None) == POSTGRESQL_FULL
        if code is not None and code & 0xFF == SQLITE_IOERR:
            free = self.free_bytes()
            is_full = free is not None and free < LEAST_FREE
        if is_full:
            with self._lock:
                self._disk_full_at = moment()
        return is_full

    def backed_up(self, file: Path) -> None:
        """Notes a backup that was made and checked."""
        with self._lock:
            self._backup = {"file": file.name, "at": moment(), "problem": None, "problem_at": None}

    def not_backed_up(self, problem: str) -> None:
        """Notes a backup that failed; the last good one stays noted."""
        with self._lock:
            last = self._backup or {"file": None, "at": None}
            self._backup = {**last, "problem": problem, "problem_at": moment()}

    def report(self) -> dict[str, Any]:
        """For the admin's page: `disk_full_at`, the last time or None; `free_bytes`; `backup`, None if none is due."""
        free = self.free_bytes()
        with self._lock:
            return {"disk_full_at": self._disk_full_at, "free_bytes": free, "backup": self._backup}
