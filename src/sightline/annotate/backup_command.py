"""The commands that keep a study's answers safe: backup, restore and upgrade.

sightline annotate backup FILE [--replace]
sightline annotate restore FILE
sightline annotate upgrade [--backed-up]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import URL

from sightline.annotate import schema
from sightline.annotate.backup import back_up, dated, fold_log, is_empty, restore, version_in
from sightline.annotate.opening import no_study, place_of, refuse_repository, store_file, store_problems, store_url
from sightline.annotate.schema import VERSION
from sightline.annotate.upgrade import upgrade
from sightline.counts import counted
from sightline.study.errors import StudyError

Command = Callable[[str, Callable[[argparse.Namespace], None], str], argparse.ArgumentParser]


def add_backup_commands(command: Command) -> None:
    """Adds the three commands; `command` adds one to the parser by name, function and help."""
    backup_parser = command("backup", backup, "write a checked copy of the store, also while the page is served")
    backup_parser.add_argument("file", type=Path, help="file to write; it holds names, so not in a repository")
    backup_parser.add_argument("--replace", action="store_true", help="replace the file if it exists")
    restore_parser = command("restore", restore_, "put a backup in the store's place; the store is kept beside it")
    restore_parser.add_argument("file", type=Path, help="backup to put in place")
    upgrade_parser = command("upgrade", upgrade_, "bring the store of an earlier Sightline up to date, after a backup")
    upgrade_parser.add_argument(
        "--backed-up", action="store_true", help="a PostgreSQL store has been backed up with pg_dump"
    )


def backup(arguments: argparse.Namespace) -> None:
    """Writes a checked copy of the store and prints what is in it."""
    url = store_url()
    store = _file(url, "back it up with pg_dump")
    refuse_repository(arguments.file, str(arguments.file))
    if is_empty(store):
        raise no_study(url)
    print(f"{arguments.file}: {_counted(back_up(store, arguments.file, arguments.replace))}; checked")


def restore_(arguments: argparse.Namespace) -> None:
    """Puts a backup in the store's place and prints what is in it and where the store before it lies."""
    store = _file(store_url(), "back it up with pg_dump and restore it with pg_restore")
    done = restore(arguments.file, store)
    print(f"{store}: {_counted(done.rows)}, from {arguments.file}")
    if done.aside is not None:
        print(f"the store before it: {done.aside}")
    if done.returned:
        print(f"withdrawn since that backup, and back with it: {', '.join(done.returned)}; withdraw them again")
    if done.version < VERSION:
        print(f"it has version {done.version}; run sightline annotate upgrade before serve")


def upgrade_(arguments: argparse.Namespace) -> None:
    """Upgrades the store's tables, after a backup, and prints from which version to which."""
    url = store_url()
    store = store_file(url)
    if store is not None:
        if is_empty(store):
            raise no_study(url)
        if version_in(store) < VERSION:
            fold_log(store)  # refuses while a server has the store open
            kept = dated(store, "before-upgrade")
            print(f"{kept}: {_counted(back_up(store, kept))}; checked")
    elif not arguments.backed_up:
        raise StudyError(f"{place_of(url)}: back it up with pg_dump first, then run upgrade with --backed-up")
    before, after = _upgraded(url)
    if before == after:
        print(f"{place_of(url)}: has version {after} already")
    else:
        print(f"{place_of(url)}: upgraded from version {before} to {after}")


def _upgraded(url: URL) -> tuple[int, int]:
    """The versions before and after the upgrade."""
    with store_problems(url):
        engine = schema.opened(url.render_as_string(hide_password=False))
        try:
            return upgrade(engine)
        finally:
            engine.dispose()


def _file(url: URL, remedy: str) -> Path:
    """The store's file; StudyError with the remedy for a database elsewhere."""
    store = store_file(url)
    if store is None:
        raise StudyError(f"{place_of(url)}: not a file of SQLite; {remedy}")
    return store


def _counted(rows: Mapping[str, int]) -> str:
    return ", ".join(
        counted(rows.get(table, 0), noun)
        for table, noun in (("reader", "reader"), ("task", "task"), ("submission", "answer"), ("event", "drawing step"))
    )
