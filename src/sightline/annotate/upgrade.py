"""Upgrades of a store's tables, in plain numbered steps: STEPS[n] leads from version n to n + 1.

A step is SQL for SQLite and PostgreSQL and never changes afterwards. All steps run in one transaction,
so a store is of one version or of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine

from sightline.annotate.schema import VERSION, append_only
from sightline.annotate.versions import NoTables, OtherVersion, set_version, version_of

Statement = str | Mapping[str, str]
"""SQL for both databases, or by the name of the dialect."""

STEPS: dict[int, tuple[Statement, ...]] = {
    1: (
        "CREATE TABLE store_version (one INTEGER NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (one))",
        "ALTER TABLE reader ADD COLUMN link_ends_at VARCHAR(40)",
        "ALTER TABLE session ADD COLUMN used_at VARCHAR(40)",
        "ALTER TABLE session ADD COLUMN locked_at VARCHAR(40)",
        "CREATE TABLE ended_session (hash VARCHAR(64) NOT NULL, reader VARCHAR(20) NOT NULL, "
        "ends_at VARCHAR(40) NOT NULL, PRIMARY KEY (hash), FOREIGN KEY(reader) REFERENCES reader (reader))",
        "CREATE TABLE pin (reader VARCHAR(20) NOT NULL, salt VARCHAR(32) NOT NULL, hash VARCHAR(128) NOT NULL, "
        "failures INTEGER NOT NULL, PRIMARY KEY (reader), FOREIGN KEY(reader) REFERENCES reader (reader))",
        "CREATE TABLE acceptance (reader VARCHAR(20) NOT NULL, version VARCHAR(40) NOT NULL, "
        "language VARCHAR(20) NOT NULL, accepted_at VARCHAR(40) NOT NULL, PRIMARY KEY (reader, version), "
        "FOREIGN KEY(reader) REFERENCES reader (reader))",
        append_only("acceptance"),
        "INSERT INTO acceptance SELECT reader, consent_version, consent_language, enrolled_at FROM reader "
        "WHERE enrolled_at IS NOT NULL",
        "ALTER TABLE submission ADD COLUMN findings TEXT",
        "ALTER TABLE submission ADD COLUMN comment TEXT",
        "CREATE TABLE log (number INTEGER NOT NULL, at VARCHAR(40) NOT NULL, who VARCHAR(20) NOT NULL, "
        "what VARCHAR(20) NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (number))",
        append_only("log"),
        "CREATE TABLE branch (task VARCHAR(40) NOT NULL, id VARCHAR(40) NOT NULL, base INTEGER NOT NULL, "
        "content TEXT NOT NULL, received_at VARCHAR(40) NOT NULL, state VARCHAR(20) NOT NULL, decided_at VARCHAR(40), "
        "PRIMARY KEY (task, id), FOREIGN KEY(task) REFERENCES task (task))",
    ),
}


def upgrade(engine: Engine, steps: Mapping[int, Sequence[Statement]] = STEPS, to: int = VERSION) -> tuple[int, int]:
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
                db.exec_driver_sql(statement if isinstance(statement, str) else statement[db.dialect.name])
        if before < to:
            set_version(db, to)
    return before, to
