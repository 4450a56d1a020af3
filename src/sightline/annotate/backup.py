"""Copies of a store in SQLite: a backup while the page is served, and a store put back from one.

A backup is SQLite's own online copy of one moment: readers go on drawing while it is made. It is checked before it gets
its name: SQLite's integrity check, foreign keys, and as many rows in each table as the store had at that moment.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sightline.annotate.schema import VERSION
from sightline.study.errors import StudyError
from sightline.study.files import written_whole

HEADER = b"SQLite format 3\0"
LOGS = ("-wal", "-shm")  # what SQLite keeps beside the file of an open store


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restored store holds, and what became of the one before it."""

    rows: dict[str, int]
    """By table."""
    version: int
    aside: Path | None
    """Where the store before it lies now; None if there was none."""
    returned: list[str]
    """Readers who had withdrawn from the store before it and whose data are back."""


def rows_of(db: sqlite3.Connection) -> dict[str, int]:
    """The number of rows of each table, by name."""
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    names = sorted(name for (name,) in tables)
    return {name: db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}


def back_up(store: Path, target: Path, replace: bool = False) -> dict[str, int]:
    """Writes a checked copy of the store to `target` and returns its rows by table.

    The copy is one file, which nobody else on this machine may read. StudyError, and no new file, if the store holds no
    study, a check fails, or `target` exists and `replace` is false.
    """
    _refuse_empty(store)
    if target.resolve() == store.resolve():
        raise StudyError(f"{target}: is the store itself; name another file")
    if target.exists() and not replace:
        raise StudyError(f"{target}: exists already; name another file, or replace it with --replace")
    with written_whole(target) as beside:
        return _copied(store, beside)


def restore(source: Path, store: Path) -> Restored:
    """Puts a checked copy of the backup `source` in the place of the store, which is kept under a dated name.

    StudyError, and nothing changed, if the backup is damaged, holds no study or was written by a newer program, or if
    another process has the store open.
    """
    _refuse_empty(source)
    if source.resolve() == store.resolve():
        raise StudyError(f"{source}: is the store itself; name a backup")
    with written_whole(store) as beside:
        rows = _copied(source, beside)
        with _opened(beside) as db:
            version = _version(db)
            withdrawn = _withdrawn(db)
        if version > VERSION:
            raise StudyError(
                f"{source}: written by a newer Sightline (store version {version}, this one knows {VERSION}); update it"
            )
        gone = _withdrawn_from(store)
        aside = set_aside(store, "before-restore")
    return Restored(rows=rows, version=version, aside=aside, returned=sorted(gone - withdrawn))


def version_in(store: Path) -> int:
    """The version of a store's tables; 1 for those from before there were versions. StudyError if it is not one."""
    with _opened(store) as db:
        return _version(db)


def has_log(store: Path) -> bool:
    """Whether a write-ahead log with content lies beside the store's file."""
    log = Path(f"{store}-wal")
    return log.exists() and log.stat().st_size > 0


def is_empty(store: Path) -> bool:
    """Whether the store's file is missing or has no content. SQLite would delete the log beside such a file."""
    return not store.exists() or store.stat().st_size == 0


def is_database(store: Path) -> bool:
    """Whether the file begins as one of SQLite's. SQLite would delete the log beside one that does not."""
    with store.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


def set_aside(store: Path, why: str) -> Path | None:
    """Renames the store, and a log beside it, to a dated name beside it, which is returned; None if there is neither.

    StudyError if another process has the store open.
    """
    is_whole = not is_empty(store) and fold_log(store)
    left = [end for end in ("", *LOGS) if Path(f"{store}{end}").exists()]
    if is_empty(store) and not has_log(store):
        return None
    aside = dated(store, why)
    for end in [""] if is_whole else left:
        if Path(f"{store}{end}").exists():
            os.rename(f"{store}{end}", f"{aside}{end}")
    return aside


def fold_log(store: Path) -> bool:
    """Moves what is in the log into the store's file; False if the file is damaged.

    StudyError if another process has the store open: SQLite leaves its write-ahead log for that of the other kind only
    when nobody else has. So the store is one file afterwards.
    """
    if not is_database(store):
        return False
    with closing(sqlite3.connect(store, timeout=0, isolation_level=None)) as db:
        try:
            db.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise StudyError(f"{store}: a server or another command has the store open; stop it first") from None
            return False
    return True


def dated(store: Path, why: str) -> Path:
    """A free name beside the store with the reason and the time, UTC: `s.before-upgrade-20261127T120000Z.sqlite`."""
    stem = f"{store.stem}.{why}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = (store.with_name(f"{stem}{end}{store.suffix}") for end in ("", *(f"-{n}" for n in range(2, 1000))))
    return next(name for name in names if not name.exists())


def _copied(source: Path, target: Path) -> dict[str, int]:
    """Copies the store as of one moment into a new file, checks it and returns its rows by table."""
    target.unlink(missing_ok=True)
    os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))  # holds names
    with _opened(source) as store, closing(sqlite3.connect(target, isolation_level=None)) as copy:
        try:
            store.execute("BEGIN")  # rows and copy are of the same moment
            rows = rows_of(store)
            if not rows.get("plan"):
                raise StudyError(f"{source}: holds no study of the experts' page")
            store.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log
            problems = [line for (line,) in copy.execute("PRAGMA integrity_check(5)") if line != "ok"]
            orphans = copy.execute("PRAGMA foreign_key_check").fetchmany(5)
            problems += [f"{table}: no {parent} for row {row}" for table, row, parent, _ in orphans]
            copied = rows_of(copy)
        except sqlite3.DatabaseError as error:
            raise StudyError(f"{source}: could not be copied ({error})") from None
    problems += [f"{name}: {copied.get(name)} of {rows[name]} rows" for name in rows if copied.get(name) != rows[name]]
    if problems:
        raise StudyError(f"{source}: the copy failed its checks and was not kept ({'; '.join(problems)})")
    return rows


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads; StudyError if the file is not a database."""
    if not is_database(path):
        raise StudyError(f"{path}: is not a store that can be read (not a file of SQLite)")
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as db:
        try:
            db.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError as error:
            raise StudyError(f"{path}: is not a store that can be read ({error})") from None
        yield db


def _version(db: sqlite3.Connection) -> int:
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'store_version'").fetchone():
        return 1
    return int(db.execute("SELECT version FROM store_version").fetchone()[0])


def _refuse_empty(path: Path) -> None:
    if path.is_dir():
        raise StudyError(f"{path}: is a folder; name a file")
    if is_empty(path):
        log = f", but a write-ahead log {path.name}-wal lies beside it" if has_log(path) else ""
        raise StudyError(f"{path}: {'is empty' if path.exists() else 'does not exist'}{log}")


def _withdrawn(db: sqlite3.Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT reader FROM reader WHERE withdrawn_at IS NOT NULL")}


def _withdrawn_from(store: Path) -> set[str]:
    """The readers who have withdrawn from the present store; none if it cannot be read, which is why one restores."""
    if is_empty(store) or not is_database(store):
        return set()
    with closing(sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True)) as db:
        try:
            return _withdrawn(db)
        except sqlite3.DatabaseError:
            return set()
