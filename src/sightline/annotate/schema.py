"""The store's tables, and the engine that opens them: SQLite by default, PostgreSQL by its URL.

Names and e-mail addresses are in `person` only, which no export reads. `event`, `submission` and `acceptance` are
append-only: the database itself refuses to change their rows. Times are UTC, ISO 8601.

A store carries the version of these tables, in a table because PostgreSQL has no counterpart of SQLite's number. A
change of the tables raises VERSION by 1 and adds a step to upgrade.py.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    DDL,
    Column,
    Engine,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
)

VERSION = 2
"""Of the tables below. 1: the same without `store_version`."""
WRITE_LOCK = 5_164_711_478  # key of the advisory lock: any number that nothing else in the database uses

metadata = MetaData()

store_version = Table(
    "store_version",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("version", Integer, nullable=False),
)
plan = Table(
    "plan",
    metadata,
    Column("one", Integer, primary_key=True),  # always 1: a store holds one study
    Column("made_at", String(40), nullable=False),
    Column("content", Text, nullable=False),  # JSON
)
secret = Table("secret", metadata, Column("name", String(20), primary_key=True), Column("hash", String(64)))
consent = Table(
    "consent",
    metadata,
    Column("version", String(40), primary_key=True),
    Column("language", String(20), primary_key=True),
    Column("text", Text, nullable=False),  # as shown
)
reader = Table(
    "reader",
    metadata,
    Column("reader", String(20), primary_key=True),  # the pseudonym
    Column("slot", Integer, unique=True),  # place in the design; null after a withdrawal
    Column("token_hash", String(64), unique=True),
    Column("invited_at", String(40), nullable=False),
    Column("enrolled_at", String(40)),
    Column("profession", String(40)),
    Column("years", Integer),
    Column("language", String(20)),
    Column("consent_version", String(40)),
    Column("consent_language", String(20)),
    Column("withdrawn_at", String(40)),
    Column("link_ends_at", String(40)),  # null: never
)
acceptance = Table(
    "acceptance",
    metadata,
    Column("reader", ForeignKey("reader.reader"), primary_key=True),
    Column("version", String(40), primary_key=True),  # of the consent, as is language
    Column("language", String(20), nullable=False),
    Column("accepted_at", String(40), nullable=False),
)
pin = Table(
    "pin",
    metadata,
    Column("reader", ForeignKey("reader.reader"), primary_key=True),
    Column("salt", String(32), nullable=False),
    Column("hash", String(128), nullable=False),  # scrypt, hexadecimal
    Column("failures", Integer, nullable=False),  # tries since the last right one or the last opening by link
)
person = Table(
    "person",
    metadata,
    Column("reader", ForeignKey("reader.reader"), primary_key=True),
    Column("invited_as", Text),
    Column("name", Text),
    Column("email", Text),
)
session = Table(
    "session",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("reader", ForeignKey("reader.reader"), index=True),  # null for the admin's
    Column("begun_at", String(40), nullable=False),
    Column("ends_at", String(40), nullable=False),
    Column("used_at", String(40)),  # to the minute; null: not since begun_at
    Column("locked_at", String(40)),
)
ended_session = Table(  # by a withdrawal, kept so that other devices can be told
    "ended_session",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("reader", ForeignKey("reader.reader"), nullable=False),
    Column("ends_at", String(40), nullable=False),  # when it would have ended, and is forgotten
)
task = Table(
    "task",
    metadata,
    Column("task", String(40), primary_key=True),  # random: reveals neither image nor kind
    Column("reader", ForeignKey("reader.reader"), nullable=False),
    Column("number", Integer, nullable=False),  # from 1, in the reader's order
    Column("image", Text, nullable=False),
    Column("kind", String(10), nullable=False),  # practice, study or control
    Column("repeat", Integer, nullable=False),
    UniqueConstraint("reader", "number"),
    UniqueConstraint("reader", "image", "repeat"),
)
drawing = Table(
    "event",
    metadata,
    Column("task", ForeignKey("task.task"), primary_key=True),
    Column("seq", Integer, primary_key=True),  # from 0, without a gap
    Column("id", String(40), nullable=False),
    Column("received_at", String(40), nullable=False),
    Column("content", Text, nullable=False),  # JSON, as the page sent it
    UniqueConstraint("task", "id"),
)
branch = Table(  # strokes that another device's drawing has overtaken: no part of the log, and of no answer
    "branch",
    metadata,
    Column("task", ForeignKey("task.task"), primary_key=True),
    Column("id", String(40), primary_key=True),
    Column("base", Integer, nullable=False),  # seq of its first event: what came before is the log's
    Column("content", Text, nullable=False),  # JSON, the events as the page sent them
    Column("received_at", String(40), nullable=False),
    Column("state", String(20), nullable=False),  # kept, brought_back or discarded
    Column("decided_at", String(40)),
)
submission = Table(
    "submission",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("task", ForeignKey("task.task"), nullable=False),
    Column("version", Integer, nullable=False),  # from 1; a correction is a new version
    Column("answer", String(10), nullable=False),  # region, none or cannot
    Column("confidence", Integer),  # 1 to 5
    Column("num_events", Integer, nullable=False),  # the drawing is the first num_events events
    Column("height", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("counts", Text),  # JSON, COCO's run lengths of the mask; null without a region
    Column("opened_at", String(40), nullable=False),  # by the reader's clock
    Column("submitted_at", String(40), nullable=False),  # by the reader's clock
    Column("received_at", String(40), nullable=False),
    Column("active_seconds", Float, nullable=False),
    Column("tool_version", String(40), nullable=False),
    Column("findings", Text),  # JSON, the answer about each finding; null where the study names none
    Column("comment", Text),
    UniqueConstraint("task", "version"),
)
log = Table(
    "log",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1, without a gap
    Column("at", String(40), nullable=False),
    Column("who", String(20), nullable=False),  # a pseudonym, admin or none
    Column("what", String(20), nullable=False),  # log.What
    Column("detail", Text, nullable=False),
)


def append_only(name: str) -> dict[str, str]:
    """By dialect, the SQL with which the database refuses to change a row of the table `name`."""
    return {
        "sqlite": f"CREATE TRIGGER {name}_is_append_only BEFORE UPDATE ON {name} "
        "BEGIN SELECT RAISE(ABORT, 'append-only'); END",
        "postgresql": f"CREATE OR REPLACE FUNCTION {name}_append_only() RETURNS trigger AS "
        "$$ BEGIN RAISE EXCEPTION 'append-only'; END $$ LANGUAGE plpgsql; "
        f"CREATE TRIGGER {name}_is_append_only BEFORE UPDATE ON {name} "
        f"FOR EACH ROW EXECUTE FUNCTION {name}_append_only()",
    }


for table in (acceptance, drawing, submission, log):
    for dialect, statement in append_only(table.name).items():
        event.listen(table, "after_create", DDL(statement).execute_if(dialect=dialect))


def opened(url: str) -> Engine:
    """An engine on the store at an SQLAlchemy URL, whose tables may still be missing.

    A transaction with the option `write` takes the single write lock when it begins (SQLite's own, on PostgreSQL an
    advisory lock), so that none fails half-way and what it has read stays true until it ends. A commit is on disk when
    it returns.
    """
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _on_connect(connection: Any, _: Any) -> None:
            connection.isolation_level = None  # transactions begin below, not in the driver
            for pragma in (
                *("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 20000", "foreign_keys = ON"),
                "secure_delete = ON",  # the data of a reader who withdraws are overwritten
            ):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _on_begin(connection: Any) -> None:
            is_write = connection.get_execution_options().get("write", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    if engine.dialect.name == "postgresql":

        @event.listens_for(engine, "begin")
        def _on_postgresql_begin(connection: Any) -> None:
            if connection.get_execution_options().get("write", False):
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")

    return engine
