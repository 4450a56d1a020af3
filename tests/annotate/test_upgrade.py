"""Versions of the store's tables: other ones are refused in one line, and earlier ones are upgraded after a backup.

store_version_1.sql was written by the code as it was before stores had a version: three readers, one of whom withdrew;
practice, a control, a hidden repeat, a correction, all three answers, undone strokes.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import DatabaseError, IntegrityError

from pages import run, said
from sightline.annotate import schema
from sightline.annotate.backup import rows_of
from sightline.annotate.store import Store
from sightline.annotate.upgrade import STEPS, upgrade
from sightline.annotate.versions import NoTables, OtherVersion, check, version_of
from sightline.formats.rle import counts_of
from sightline.formats.strokes import drawn_mask, effective_strokes
from studies import ROOT

OLD = ROOT / "tests/annotate/store_version_1.sql"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "s.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(OLD.read_text(encoding="utf-8"))
    return path


def content(path: Path) -> dict[str, list[tuple]]:
    with closing(sqlite3.connect(path)) as db:
        return {name: sorted(db.execute(f'SELECT * FROM "{name}"'), key=repr) for name in rows_of(db)}


def tables(path: Path) -> dict[str, object]:
    """All of a database's structure that SQLAlchemy sees, and its triggers as written."""
    engine = create_engine(f"sqlite:///{path}")
    seen = inspect(engine)
    found: dict[str, object] = {}
    for name in sorted(seen.get_table_names()):
        columns = [{**column, "type": str(column["type"])} for column in seen.get_columns(name)]
        keys = seen.get_pk_constraint(name), seen.get_foreign_keys(name), seen.get_unique_constraints(name)
        found[name] = columns, keys, seen.get_indexes(name)
    with engine.connect() as db:
        found["triggers"] = db.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY 1"
        ).all()
    engine.dispose()
    return found


def test_every_version_has_its_step() -> None:
    assert sorted(STEPS) == list(range(1, schema.VERSION))


def test_an_upgraded_store_is_as_a_new_one_and_keeps_every_row(old: Path, tmp_path: Path) -> None:
    before = content(old)
    assert {name: len(rows) for name, rows in before.items()} == {
        "consent": 1, "event": 41, "person": 2, "plan": 1, "reader": 3, "secret": 1, "session": 2, "submission": 11,
        "task": 10,
    }  # fmt: skip
    engine = schema.opened(f"sqlite:///{old}")
    assert upgrade(engine) == (1, schema.VERSION)
    assert upgrade(engine) == (schema.VERSION, schema.VERSION)
    engine.dispose()
    after = content(old)
    for name, rows in before.items():
        added = len(after[name][0]) - len(rows[0])
        assert after[name] == [(*row, *[None] * added) for row in rows], name
    added_rows = {name: rows for name, rows in after.items() if name not in before and rows}
    assert added_rows == {
        "store_version": [(1, schema.VERSION)],
        "acceptance": [
            (row[0], row[8], row[9], row[4]) for row in before["reader"] if row[4]
        ],  # version, language, time
    }
    assert len(added_rows["acceptance"]) == 2
    new = tmp_path / "new.sqlite"
    Store(f"sqlite:///{new}", new=True).close()
    assert tables(old) == tables(new)


def test_an_upgraded_store_is_read_and_written_as_before(old: Path) -> None:
    engine = schema.opened(f"sqlite:///{old}")
    upgrade(engine)
    engine.dispose()
    store = Store(f"sqlite:///{old}")
    newest = store.submissions()
    assert sorted((row.kind, row.repeat, row.answer) for row in newest) == sorted(
        2 * [("control", 0, "none"), ("practice", 0, "region"), ("study", 0, "cannot"), ("study", 0, "region"),
             ("study", 1, "region")]
    )  # fmt: skip
    assert [row.version for row in store.submissions(only_newest=False)].count(2) == 1
    for row in newest:
        events = store.events(row.task)
        mask = drawn_mask(effective_strokes(events[: row.num_events]), row.height, row.width)
        assert row.answer != "region" or json.loads(row.counts) == counts_of(mask)
    assert [row.name for row in store.people()] == sorted_by_reader(old, ["Ada Bianchi", "Zoë O'Neil"])
    task = newest[0].task
    length = len(store.events(task))
    more = {"id": "0" * 8, "seq": length, "kind": "clear", "at": "2026-11-27T12:00:00.000Z"}
    assert store.save_events(task, [more]) == length + 1
    with pytest.raises((DatabaseError, IntegrityError), match="append-only"), store._writing() as db:
        db.exec_driver_sql("update submission set confidence = 1")
    store.close()


def sorted_by_reader(path: Path, names: list[str]) -> list[str]:
    """The names in the order of their pseudonyms, which are random."""
    with closing(sqlite3.connect(path)) as db:
        return [name for (name,) in db.execute("SELECT name FROM person ORDER BY reader") if name in names]


def test_an_upgrade_that_fails_changes_nothing(old: Path) -> None:
    before, shape = content(old), tables(old)
    engine = schema.opened(f"sqlite:///{old}")
    steps = {**STEPS, schema.VERSION: ("CREATE TABLE more (one INTEGER)", "CREATE TABLE task (one INTEGER)")}
    with pytest.raises(DatabaseError, match="already exists"):
        upgrade(engine, steps, schema.VERSION + 1)
    engine.dispose()
    assert content(old) == before
    assert tables(old) == shape


def test_several_steps_run_in_order(old: Path) -> None:
    engine = schema.opened(f"sqlite:///{old}")
    later = {
        schema.VERSION: ("CREATE TABLE more (one INTEGER)",),
        schema.VERSION + 1: ("ALTER TABLE more ADD COLUMN two TEXT", "INSERT INTO more VALUES (1, 'b')"),
    }
    assert upgrade(engine, {**STEPS, **later}, schema.VERSION + 2) == (1, schema.VERSION + 2)
    with engine.connect() as db:
        assert version_of(db) == schema.VERSION + 2
        assert db.exec_driver_sql("SELECT * FROM more").all() == [(1, "b")]
    with pytest.raises(OtherVersion):
        upgrade(engine)
    engine.dispose()


def test_an_empty_database_has_no_version(tmp_path: Path) -> None:
    engine = schema.opened(f"sqlite:///{tmp_path}/s.sqlite")
    with engine.connect() as db, db.begin():
        assert version_of(db) is None
        with pytest.raises(NoTables):
            check(db, new=False)
    with pytest.raises(NoTables):
        upgrade(engine)
    engine.dispose()


# the commands


def columns(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Of each table."""
    return {name: [row[1] for row in db.execute(f'PRAGMA table_info("{name}")')] for name in rows_of(db)}


def versioned(store: Path, version: int | None) -> None:
    """Gives the store a version; with None, the tables and columns of version 1, from before there were versions."""
    with closing(sqlite3.connect(store)) as db, db, closing(sqlite3.connect(":memory:")) as first:
        if version is not None:
            db.execute("UPDATE store_version SET version = ?", (version,))
            return
        first.executescript(OLD.read_text(encoding="utf-8"))
        kept = columns(first)
        for table, names in columns(db).items():
            if table not in kept:
                db.execute(f'DROP TABLE "{table}"')
                continue
            for name in names:
                if name not in kept[table]:
                    db.execute(f'ALTER TABLE "{table}" DROP COLUMN "{name}"')


def test_serve_refuses_another_version_and_upgrade_mends_an_older_one(prepared: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    said(run(prepared, store, "invite", "--new", "Ada"))
    assert f"has version {schema.VERSION} already" in said(run(prepared, store, "upgrade"))
    assert not list(tmp_path.glob("s.before*"))
    versioned(store, schema.VERSION + 1)
    for command in ("serve", "status", "invite", "upgrade"):
        done = run(prepared, store, command)
        assert done.returncode == 1
        assert f"a store of version {schema.VERSION + 1}; this Sightline knows version" in done.stderr
        assert "update it" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    versioned(store, None)
    before = content(store)
    for command in ("serve", "status", "invite"):
        done = run(prepared, store, command)
        assert done.returncode == 1
        assert "a store of version 1; this Sightline needs" in done.stderr
        assert "stop the server and run sightline annotate upgrade" in done.stderr
    with closing(sqlite3.connect(store)) as server:
        server.execute("SELECT count(*) FROM task").fetchone()
        done = run(prepared, store, "upgrade")
        assert (done.returncode, done.stdout) == (1, "")
        assert "has the store open; stop it first" in done.stderr
    assert content(store) == before
    told = said(run(prepared, store, "upgrade"))
    assert f"upgraded from version 1 to {schema.VERSION}" in told
    (kept,) = tmp_path.glob("s.before-upgrade-*.sqlite")
    assert re.search(rf"^{re.escape(str(kept))}: 1 reader, .*; checked$", told, re.M)
    assert content(kept) == before
    assert "1 invited" in said(run(prepared, store, "status"))
