"""The version of a store's tables: read, checked and set, in the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, select

from sightline.annotate.schema import VERSION, metadata, plan, store_version, submission, task


class NoTables(Exception):
    """The database is empty: no store has been begun in it."""


class OtherVersion(Exception):
    """The store's tables are of another version than this program's."""

    def __init__(self, version: int) -> None:
        """`version`: the store's."""
        super().__init__(f"version {version}, not {VERSION}")
        self.version = version


def version_of(db: Connection) -> int | None:
    """The version of the store's tables, 1 for those from before there were versions; None without any table."""
    names = set(inspect(db).get_table_names())
    if store_version.name in names:
        return db.scalar(select(store_version.c.version))
    return 1 if {plan.name, task.name, submission.name} <= names else None


def set_version(db: Connection, version: int) -> None:
    """Stores the version in place of the one there was."""
    db.execute(store_version.delete())
    db.execute(store_version.insert().values(one=1, version=version))


def check(db: Connection, new: bool) -> None:
    """Raises OtherVersion unless the tables are of VERSION, and NoTables without tables; with `new` it creates them."""
    version = version_of(db)
    if version is None and not new:
        raise NoTables
    if version is None:
        metadata.create_all(db)
        set_version(db, VERSION)
    elif version != VERSION:
        raise OtherVersion(version)
