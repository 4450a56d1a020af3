"""Upgrades of a store's tables, in plain numbered steps: STEPS[n] leads from version n to n + 1.

A step is SQL that runs on SQLite and PostgreSQL alike and never changes afterwards. All steps run in one transaction,
so a store is of one version or of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine

from sightline.annotate.schema import VERSION
from sightline.annotate.versions import NoTables, OtherVersion, set_version, version_of

STEPS: dict[int, tuple[str, ...]] = {
    1: (
        "CREATE TABLE store_version (one INTEGER NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (one))",
        "ALTER TABLE submission ADD COLUMN findings TEXT",
        "ALTER TABLE submission ADD COLUMN comment TEXT",
    ),
}


def upgrade(engine: Engine, steps: Mapping[int, Sequence[str]] = STEPS, to: int = VERSION) -> tuple[int, int]:
    """Upgrades the store's tables and returns the versions before and after, which are equal if nothing was to do.

    Raises NoTables for an empty database, OtherVersion for one that is newer than `to`.
    """
    with engine.execution_options(write=True).connect() as db, db.begin():
        before = version_of(db)
        if before is None:
            raise NoTables
        if before > to:
            raise OtherVersion(before)
        for version in range(before, to):
            for statement in steps[version]:
                db.exec_driver_sql(statement)
        if before < to:
            set_version(db, to)
    return before, to
