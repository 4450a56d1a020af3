"""The coordinator's desk: invite, renew, revoke, export, back up, and the log of it all, over the page's routes."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from PIL import Image

from pages import SQUARE, Page, stroke

if TYPE_CHECKING:
    from pages import Served


def signed_in(served: Served) -> Page:
    secret = served.store.admin_secret(renew=True)
    admin = Page(served.client)
    admin.csrf = admin.send("POST", "/api/admin/session", {"secret": secret}).json()["csrf"]
    return admin


def logged(admin: Page) -> list[tuple[str, str, str]]:
    """Who, what and detail, oldest first."""
    lines = admin.send("GET", "/api/admin/log").json()["lines"]
    numbers = [line["number"] for line in lines]
    assert numbers == sorted(set(numbers), reverse=True)
    return [(line["who"], line["what"], line["detail"]) for line in reversed(lines)]


def test_a_study_run_from_the_desk(served: Served, tmp_path: Path) -> None:
    admin = signed_in(served)
    assert admin.send("POST", "/api/admin/backup").json()["detail"]["code"] == "backup_failed"  # nothing begun yet
    served.store.begin({})
    assert admin.send("POST", "/api/admin/export").json()["detail"]["code"] == "nothing_to_export"
    invited = admin.send("POST", "/api/admin/readers", {"name": "Dr Neri, ward 3"}).json()
    reader, first = invited["reader"], invited["token"]
    second = admin.send("POST", f"/api/admin/readers/{reader}/link").json()["token"]
    page = Page(served.client)
    assert page.knock(first).status_code == 401
    assert page.knock(second).status_code == 200
    page.enrol()
    while True:
        task = page.next()
        if not task.get("task"):
            break
        events = [stroke(0, SQUARE)]
        page.draw(task, events)
        assert page.submit(task, events).status_code == 200

    answer = admin.send("POST", "/api/admin/export")
    assert answer.headers["content-disposition"].startswith('attachment; filename="sightline-')
    packed = zipfile.ZipFile(io.BytesIO(answer.content))
    names = set(packed.namelist())
    assert {"annotations.csv", "readings.csv", "log.csv"} <= names
    assert sum(name.startswith("masks/") for name in names) == packed.read("annotations.csv").count(b"\n") - 1
    for name in names:
        for kept in (b"Bianchi", b"Neri", b"example.org", first.encode(), second.encode()):
            assert kept not in packed.read(name), name

    copy = tmp_path / "downloaded.sqlite"
    copy.write_bytes(admin.send("POST", "/api/admin/backup").content)
    with sqlite3.connect(copy) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (answers,) = db.execute("SELECT count(*) FROM submission").fetchone()
    assert answers == len(served.store.submissions(only_newest=False)) > 0

    assert admin.send("POST", f"/api/admin/readers/{reader}/revoke").json() == {"sessions": 1}
    assert page.knock(second).status_code == 401
    assert {("admin", "new link", reader), (reader, "sign-in", ""), ("admin", "revocation", reader)} <= set(
        logged(admin)
    )
    assert served.store.withdraw(reader)
    assert admin.send("POST", f"/api/admin/readers/{reader}/link").status_code == 404
    assert Page(served.client).send("POST", "/api/admin/session", {"secret": "wrong"}).status_code == 401
    assert logged(admin) == [
        ("admin", "sign-in", ""),
        ("admin", "invitation", reader),
        ("none", "failed sign-in", "reader"),
        ("admin", "export", "zip"),
        ("admin", "backup", "download"),
        (reader, "withdrawal", reader),
        ("none", "failed sign-in", "admin"),
    ]


def test_the_log_is_append_only_and_the_admins(served: Served) -> None:
    _, page = served.reader()
    for method, path in (
        ("GET", "/api/admin/log"),
        ("POST", "/api/admin/export"),
        ("POST", "/api/admin/backup"),
        ("POST", "/api/admin/readers"),
    ):
        assert page.send(method, path, {} if path.endswith("readers") else None).status_code == 401
    with pytest.raises(Exception, match="append-only"), served.store._writing() as db:
        db.exec_driver_sql("update log set who = 'none'")


def test_every_answer_to_an_image_is_shown_and_nobody_is_named(served: Served) -> None:
    admin = signed_in(served)
    drawn: dict[str, dict[str, list[int]]] = {}
    for square in (SQUARE, [x + 4 for x in SQUARE]):
        reader, page = served.reader()
        while (task := page.next()).get("task"):
            events = [stroke(0, square)]
            page.draw(task, events)
            assert page.submit(task, events).status_code == 200
        for row in served.store.submissions():
            if row.reader == reader and row.kind == "study" and row.repeat == 0:
                drawn.setdefault(row.image, {})[reader] = json.loads(row.counts)
    image = next(image for image, readers in drawn.items() if len(readers) == 2)
    asked = f"?image={quote(image)}"
    sent = admin.send("GET", f"/api/admin/answers{asked}").json()
    first = [one for one in sent["answers"] if one["repeat"] == 0]
    assert {one["reader"]: one["counts"] for one in first} == drawn[image]
    assert {one["answer"] for one in first} == {"region"}
    film = admin.send("GET", f"/api/admin/film{asked}")
    assert film.headers["cache-control"] == "no-store"
    assert Image.open(io.BytesIO(film.content)).size == (sent["width"], sent["height"])
    for path in ("film", "answers"):
        refused = admin.send("GET", f"/api/admin/{path}?image=../secret")
        assert (refused.status_code, refused.json()["detail"]["code"]) == (404, "no_image")
        assert page.send("GET", f"/api/admin/{path}{asked}").status_code == 401
