"""The page's store on PostgreSQL, where SIGHTLINE_TEST_POSTGRES names a database (postgresql+psycopg://...).

All that is made lies in a schema of its own there, which goes away again.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect, make_url
from sqlalchemy.exc import DBAPIError

from pages import SQUARE, Page, Served, answer_of, serve, step, stroke
from sightline.annotate import schema
from sightline.annotate.answers import OutOfStep
from sightline.annotate.store import Store
from sightline.annotate.upgrade import upgrade
from sightline.annotate.versions import NoTables, OtherVersion
from studies import ROOT

URL = os.environ.get("SIGHTLINE_TEST_POSTGRES", "")
pytestmark = pytest.mark.skipif(not URL, reason="SIGHTLINE_TEST_POSTGRES names no database")


@pytest.fixture
def served(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.chdir(prepared)
    name, admin = f"sightline_{uuid.uuid4().hex}", create_engine(URL)
    with admin.begin() as db:
        db.exec_driver_sql(f"create schema {name}")
    url = make_url(URL).update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)
    opened = serve(prepared, url)
    yield opened
    opened.store.close()
    with admin.begin() as db:
        db.exec_driver_sql(f"drop schema {name} cascade")
    admin.dispose()


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What calls that begin together return, or raise."""
    results: list[Any] = [None] * len(calls)
    begin = threading.Barrier(len(calls))

    def run(place: int) -> None:
        begin.wait()
        try:
            results[place] = calls[place]()
        except Exception as error:  # it is what the test looks at
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_from_link_to_correction(served: Served) -> None:
    pseudonym, page = served.reader()
    assert page.enrol().json()["detail"]["code"] == "already_enrolled"
    task = page.next()
    events = [stroke(0, SQUARE), step(1, "undo"), step(2, "redo"), stroke(3, [40.125, 40.0], tool="brush")]
    for _ in range(3):
        assert page.draw(task, events).json() == {"saved": 4}
    answer = page.draw(task, [stroke(3, SQUARE)])
    assert (answer.status_code, answer.json()["detail"]["code"]) == (409, "out_of_step")
    assert [event["id"] for event in answer.json()["detail"]["events"]] == [event["id"] for event in events]
    assert page.draw(task, [stroke(5, SQUARE)]).status_code == 409  # a gap
    body = answer_of(events, task["height"], task["width"])
    path = f"/api/tasks/{task['task']}/submission"
    assert page.send("POST", path, body).json()["version"] == 1
    assert page.send("POST", path, body).json()["detail"]["code"] == "already_recorded"
    more = [*events, stroke(4, [20.0, 50.0], tool="brush")]
    page.draw(task, more[4:])
    assert page.submit(task, more).json()["detail"]["code"] == "conflict"
    assert page.submit(task, more, base_version=1).json()["version"] == 2
    assert [row.num_events for row in served.store.submissions(only_newest=False)] == [4, 5]
    newest = served.store.submissions()
    assert [(row.reader, row.version, row.active_seconds) for row in newest] == [(pseudonym, 2, 12.5)]
    assert served.store.events(task["task"])[3]["points"] == [40.125, 40.0]
    assert page.next()["number"] == 2


def test_admin_sees_progress(served: Served) -> None:
    secret = served.store.admin_secret(renew=False)
    served.reader()
    admin = Page(served.client)
    admin.csrf = admin.send("POST", "/api/admin/session", {"secret": secret}).json()["csrf"]
    overview = admin.send("GET", "/api/admin/overview").json()
    assert overview["totals"]["enrolled"] == 1
    assert "Bianchi" not in json.dumps(overview)


def test_records_cannot_be_changed_and_a_withdrawal_takes_them_away(served: Served) -> None:
    pseudonym, page = served.reader()
    other, stays = served.reader()
    for who in (page, stays):
        task, events = who.next(), [stroke(0, SQUARE)]
        who.draw(task, events)
        assert who.submit(task, events).status_code == 200
    for table in ("event", "submission"):
        with pytest.raises(DBAPIError, match="append-only"), served.store._writing() as db:
            db.exec_driver_sql(f"update {table} set received_at = 'x'")
    assert page.send("POST", "/api/withdrawal", {"confirm": "withdraw"}).status_code == 204
    assert page.send("GET", "/api/session").status_code == 401
    assert {row.reader for row in served.store.tasks()} == {other}
    assert [row.reader for row in served.store.submissions()] == [other]
    assert [row.name for row in served.store.people()] == ["Ada Bianchi"]
    assert next(row for row in served.store.readers() if row.reader == pseudonym).withdrawn_at


def test_the_same_save_twice_at_once_is_stored_once(served: Served) -> None:
    """A request that is sent again while the first is under way, which a transaction alone does not guard against."""
    _, page = served.reader()
    task = page.next()["task"]
    for seq in range(0, 40, 2):
        events = [stroke(seq, SQUARE), step(seq + 1, "undo")]
        saved = at_once([lambda events=events: served.store.save_events(task, events)] * 4)
        assert saved == [seq + 2] * 4
    assert [event["seq"] for event in served.store.events(task)] == list(range(40))


def test_two_devices_at_once_are_told_apart(served: Served) -> None:
    _, page = served.reader()
    task = page.next()["task"]
    for seq in range(20):
        strokes = [stroke(seq, SQUARE) for _ in range(4)]
        results = at_once([lambda event=event: served.store.save_events(task, [event]) for event in strokes])
        assert sorted(map(str, map(type, results))) == sorted(map(str, [int, *[OutOfStep] * 3]))
        kept = strokes[next(place for place, result in enumerate(results) if result == seq + 1)]
        assert served.store.events(task)[seq]["id"] == kept["id"]


def test_invitations_at_once_get_slots_of_their_own(served: Served) -> None:
    invited = at_once([served.invite] * 6)
    assert len({pseudonym for pseudonym, _ in invited}) == 6
    assert sorted(row.slot for row in served.store.readers()) == list(range(6))


def first_version() -> dict[str, set[str]]:
    """Columns of each table of version 1, from before there were versions."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript((ROOT / "tests/annotate/store_version_1.sql").read_text(encoding="utf-8"))
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: {row[1] for row in db.execute(f'PRAGMA table_info("{name}")')} for name in names}


def structure(db: Connection) -> dict[str, dict[str, str]]:
    """The type of each column of each table."""
    seen = inspect(db)
    return {
        name: {column["name"]: str(column["type"]) for column in seen.get_columns(name)}
        for name in seen.get_table_names()
    }


def test_a_store_without_a_version_is_upgraded(served: Served) -> None:
    url = served.store._engine.url.render_as_string(hide_password=False)
    _, page = served.reader()
    task, events = page.next(), [stroke(0, SQUARE)]
    page.draw(task, events)
    assert page.submit(task, events).status_code == 200
    before, first = served.store.submissions(), first_version()
    with served.store._writing() as db:
        new = structure(db)
        for table, columns in new.items():
            if table not in first:
                db.exec_driver_sql(f'drop table "{table}"')
            for column in columns if table in first else ():
                if column not in first[table]:
                    db.exec_driver_sql(f'alter table "{table}" drop column "{column}"')
    with pytest.raises(OtherVersion):
        Store(url)
    engine = schema.opened(url)
    assert upgrade(engine) == (1, schema.VERSION)
    assert upgrade(engine) == (schema.VERSION, schema.VERSION)
    with engine.connect() as db:
        assert structure(db) == new
        assert len(db.exec_driver_sql("select * from acceptance").all()) == 1
        with pytest.raises(DBAPIError, match="append-only"):
            db.exec_driver_sql("update acceptance set language = 'xx'")
    engine.dispose()
    again = Store(url)
    assert again.submissions() == before
    again.close()


def test_nothing_is_created_unless_asked(served: Served) -> None:
    url = served.store._engine.url.render_as_string(hide_password=False)
    served.store.close()
    with served.store._writing() as db:
        for name in inspect(db).get_table_names():
            db.exec_driver_sql(f"drop table {name} cascade")
    with pytest.raises(NoTables):
        Store(url)
    with served.store._reading() as db:
        assert inspect(db).get_table_names() == []


def test_a_name_that_no_text_can_hold_is_not_found(served: Served) -> None:
    _, page = served.reader()
    for path in ("/api/tasks/%00", "/api/tasks/a%00b/image"):
        assert page.send("GET", path).status_code == 404
    answer = page.send("POST", "/api/tasks/%00/events", {"events": [stroke(0, SQUARE)]})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (404, "no_task")


def test_lock_revocation_consent_and_withdrawal(served: Served) -> None:
    pseudonym, token = served.invite()
    page, phone = Page(served.client), Page(served.client)
    page.knock(token)
    assert page.enrol(pin="4711").status_code == 200
    phone.knock(token)
    assert page.send("POST", "/api/session/lock").status_code == 204
    assert page.send("POST", "/api/session/unlock", {"pin": "0000"}).json()["detail"]["code"] == "wrong_pin"
    assert page.send("POST", "/api/session/unlock", {"pin": "4711"}).status_code == 200
    assert served.store.revoke(pseudonym + "\0") is None
    with served.store._writing() as db, pytest.raises(DBAPIError, match="append-only"):
        db.exec_driver_sql("update acceptance set language = 'xx'")
    assert page.send("POST", "/api/withdrawal", {"confirm": "withdraw"}).status_code == 204
    assert phone.send("GET", "/api/progress").json()["detail"]["code"] == "withdrawn"


def test_a_branch_is_kept_once_and_brought_back_once(served: Served) -> None:
    reader, page = served.reader()
    task = page.next()
    page.draw(task, [stroke(0, SQUARE)])
    overtaken = [stroke(0, [40.125, 40.0], tool="brush"), stroke(1, SQUARE), step(2, "undo")]
    path = f"/api/tasks/{task['task']}/branches"
    sent = at_once([lambda: served.store.set_aside(task["task"], "b-0000001", overtaken)] * 3)
    assert sent == [None] * 3
    assert served.store.waiting_by_reader() == {reader: 1}
    assert page.send("POST", f"{path}/%00", {"decision": "discarded", "num_events": 0}).status_code == 404
    logs = at_once([lambda: served.store.decide(task["task"], "b-0000001", "brought_back", 1)] * 3)
    assert [len(log) for log in logs] == [2, 2, 2]
    assert served.store.events(task["task"]) == logs[0]
    assert served.store.waiting_by_reader() == {}
    assert served.store.withdraw(reader)
