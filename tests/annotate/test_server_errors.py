"""A full disk and other failures of the server: JSON, the security headers, and nothing acknowledged is lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from pages import SQUARE, Page, Served, serve, stroke
from sightline.annotate.health import Health
from sightline.annotate.page_files import PAGE
from sightline.annotate.security import HEADERS

from fastapi.testclient import TestClient  # isort: skip


def fill(served: Served, pages: int | None) -> None:
    """Lets the database grow to so many pages more, as a disk without room would; None for as many as it likes.

    SQLite then refuses with the same code as on a full disk, SQLITE_FULL.
    """

    with served.store._reading() as db:
        used = db.exec_driver_sql("PRAGMA page_count").scalar_one()
    limit = 2**30 if pages is None else used + pages

    @event.listens_for(served.store._engine, "checkout")
    def _limit(connection: Any, *_: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit}")


def has_headers(answer: Any) -> bool:
    return all(answer.headers[name] == value for name, value in HEADERS.items())


def test_a_full_disk_is_told_and_nothing_acknowledged_is_lost(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared)
    served = serve(prepared, f"sqlite:///{tmp_path}/store.sqlite", health=Health(tmp_path))
    secret = served.store.admin_secret(renew=False)
    _, page = served.reader()
    admin = Page(served.client)
    admin.csrf = admin.send("POST", "/api/admin/session", {"secret": secret}).json()["csrf"]
    assert admin.send("GET", "/api/admin/overview").json()["server"]["disk_full_at"] is None
    task = page.next()
    events = [stroke(seq, SQUARE * 50) for seq in range(60)]
    fill(served, 8)
    acknowledged: list[dict] = []
    refused = 0
    for seq in range(0, 60, 5):
        answer = page.draw(task, events[seq : seq + 5])
        if answer.status_code == 200:
            acknowledged += events[seq : seq + 5]
            continue
        assert (answer.status_code, answer.json()["detail"]["code"]) == (507, "disk_full")
        assert has_headers(answer)
        assert answer.headers["cache-control"] == "no-store"
        refused += 1
        break
    assert refused
    assert acknowledged
    assert [item["id"] for item in served.store.events(task["task"])] == [item["id"] for item in acknowledged]
    told = admin.send("GET", "/api/admin/overview").json()["server"]
    assert told["disk_full_at"].startswith("20")
    assert told["free_bytes"] == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    fill(served, None)
    later = len(acknowledged)
    assert page.draw(task, events[later : later + 5]).json() == {"saved": later + 5}
    assert page.submit(task, events[: later + 5]).status_code == 200
    assert served.store.submissions()[0].num_events == later + 5


def test_a_full_disk_refuses_every_request_that_writes(served: Served) -> None:
    """Not one of them is answered as if it had been stored."""
    _, page = served.reader()
    _, token = served.invite()
    task = page.next()
    events = [stroke(0, SQUARE)]
    assert page.draw(task, events).status_code == 200
    fresh = Page(served.client)

    def full(*_: Any) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise OperationalError("COMMIT", {}, error)

    event.listen(served.store._writer, "commit", full)
    for answer in (
        page.draw(task, [stroke(1, SQUARE)]),
        page.submit(task, events),
        page.send("PUT", "/api/language", {"language": "it"}),
        page.send("POST", "/api/withdrawal", {"confirm": "withdraw"}),
        page.send("DELETE", "/api/session"),
        fresh.knock(token),
    ):
        assert (answer.status_code, answer.json()["detail"]["code"]) == (507, "disk_full")
        assert "set-cookie" not in answer.headers
    event.remove(served.store._writer, "commit", full)
    assert len(served.store.events(task["task"])) == 1
    assert served.store.submissions() == []
    assert page.next()["task"] == task["task"]
    assert page.submit(task, events).status_code == 200


@pytest.mark.parametrize(
    ("code", "free", "is_full"),
    [
        (sqlite3.SQLITE_FULL, 10**9, True),
        (sqlite3.SQLITE_IOERR_WRITE, 0, True),
        (sqlite3.SQLITE_IOERR_WRITE, 10**9, False),
        (sqlite3.SQLITE_BUSY, 0, False),
    ],
)
def test_a_failed_write_counts_as_a_full_disk_where_no_room_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, free: int, is_full: bool
) -> None:
    health = Health(tmp_path)
    monkeypatch.setattr(health, "free_bytes", lambda: free)
    error = sqlite3.OperationalError("?")
    error.sqlite_errorcode = code
    assert health.is_full(OperationalError("COMMIT", {}, error)) is is_full
    assert (health.report()["disk_full_at"] is not None) is is_full


def test_postgresqls_full_disk_counts_too() -> None:
    health = Health()
    refused = Exception("could not extend file")
    refused.sqlstate = "53100"  # type: ignore[attr-defined]
    assert health.is_full(OperationalError("COMMIT", {}, refused))
    refused.sqlstate = "57P01"  # type: ignore[attr-defined]
    assert not health.is_full(OperationalError("COMMIT", {}, refused))
    assert health.report()["free_bytes"] is None


@pytest.mark.parametrize("path", ["/api/tasks/next", "/api/progress"])
@pytest.mark.parametrize(
    "error", [RuntimeError("secret detail"), OperationalError("x", {}, Exception("secret detail"))]
)
def test_a_failure_is_json_with_the_security_headers_and_without_details(
    served: Served, monkeypatch: pytest.MonkeyPatch, path: str, error: Exception
) -> None:
    _, page = served.reader()

    def fail(_: str) -> None:
        raise error

    monkeypatch.setattr(served.store, "tasks_of", fail)
    with pytest.raises(type(error)):  # what the server logs
        page.send("GET", path)
    page.client = TestClient(served.client.app, raise_server_exceptions=False)
    answer = page.send("GET", path)
    assert answer.status_code == 500
    assert answer.json() == {"detail": {"code": "failed", "message": "the server failed; its log says why"}}
    assert has_headers(answer)
    assert answer.headers["cache-control"] == "no-store"


def test_the_page_has_the_words_in_every_language() -> None:
    keys = {"saved.full", "reading.disk_full", "error.disk_full", "full.title", "full.text"}
    keys |= {"admin.disk_full", "admin.backup_failed", "admin.backed_up"}
    said = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (PAGE / "strings").glob("*.json")}
    assert {"en", "it"} <= set(said)
    for language, words in said.items():
        assert keys <= words.keys(), language
        assert all(
            ("disco" if language == "it" else "disk") in words[key].lower()
            for key in keys
            if "full" in key and key != "full.text"
        )
