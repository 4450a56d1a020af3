"""The page's API as a reader's browser uses it, and each way to be refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pages import SQUARE, Page, Served, answer_of, serve, step, stroke
from sightline.annotate.assignment import planned_tasks
from sightline.annotate.page_files import consent_texts
from sightline.annotate.security import Limiter, Limits
from sightline.formats.rle import counts_of
from sightline.formats.strokes import drawn_mask, effective_strokes

pytest.importorskip("httpx2", reason="fastapi's test client needs httpx2")


def test_a_reader_from_link_to_end(served: Served) -> None:
    pseudonym, page = served.reader(enrolled=False)
    assert page.send("GET", "/api/session").json()["reader"] == pseudonym
    assert page.send("GET", "/api/tasks/next").json()["detail"]["code"] == "not_enrolled"
    told = page.enrol().json()
    assert told["enrolled"]
    assert told["language"] == "en"
    assert told["contact"] == "Dr Verdi"
    progress = page.send("GET", "/api/progress").json()
    planned = planned_tasks(served.plan, 0)
    assert progress["total"] == len(planned)
    assert [place["practice"] for place in progress["tasks"]] == [item.kind == "practice" for item in planned]
    for number, item in enumerate(planned):
        task = page.next()
        assert task["number"] == number + 1
        picture = Image.open(io.BytesIO(page.send("GET", task["image"]).content))
        assert picture.size == (task["width"], task["height"])
        np.testing.assert_array_equal(
            np.asarray(picture), np.asarray(Image.open(io.BytesIO(served.pictures.png(item.image))))
        )
        events = [stroke(0, SQUARE), step(1, "undo"), stroke(2, SQUARE), stroke(3, [40.0, 40.0], tool="brush")]
        assert page.draw(task, events).json() == {"saved": 4}
        assert page.submit(task, events).json() == {"version": 1, "done": number + 1, "total": len(planned)}
    assert page.next() == {"task": None}
    kept = served.store.submissions()
    assert [(row.image, row.kind, row.repeat) for row in kept] == [(i.image, i.kind, i.repeat) for i in planned]
    mask = drawn_mask(effective_strokes(events), 64, 64)
    assert mask.sum() == 20 * 20 + (np.hypot(*(np.mgrid[:64, :64] + 0.5 - 40)) <= 3).sum()
    assert all(json.loads(row.counts) == counts_of(mask) for row in kept)


def test_the_page_cannot_tell_a_repeat_or_a_control(served: Served) -> None:
    """What the page is told of a task names neither image nor kind nor repeat, and names are not in order."""
    _, page = served.reader()
    tasks = page.send("GET", "/api/progress").json()["tasks"]
    kinds = [item.kind for item in planned_tasks(served.plan, 0)]
    assert "control" in kinds
    seen = {}
    for place, item in zip(tasks, planned_tasks(served.plan, 0), strict=True):
        task = page.send("GET", f"/api/tasks/{place['task']}").json()
        assert item.image not in json.dumps(task)
        seen[item.kind] = sorted(task)
        answer = page.send("GET", task["image"])
        assert item.image not in str(answer.headers)
    assert seen["study"] == seen["control"]
    names = [place["task"] for place in tasks]
    assert names != sorted(names)
    assert len(set(names)) == len(names)


def test_saving_again_doubles_nothing_and_resuming_gives_the_log(served: Served) -> None:
    _, page = served.reader()
    task = page.next()
    events = [stroke(0, SQUARE), step(1, "clear"), step(2, "undo")]
    for _ in range(3):
        assert page.draw(task, events).json() == {"saved": 3}
    assert page.draw(task, events[1:]).json() == {"saved": 3}
    assert page.draw(task, [events[2], step(3, "redo")]).json() == {"saved": 4}
    assert [event["id"] for event in page.next()["events"][:3]] == [event["id"] for event in events]


def test_two_devices_are_told_apart(served: Served) -> None:
    _, page = served.reader()
    task = page.next()
    mine, theirs = stroke(0, SQUARE), stroke(0, SQUARE)
    assert page.draw(task, [mine]).status_code == 200
    # another first stroke, a gap, and one id in two places
    for late in ([theirs], [stroke(2, SQUARE)], [mine | {"seq": 1}], [stroke(1, SQUARE), mine | {"seq": 2}]):
        answer = page.draw(task, late)
        assert answer.status_code == 409
        assert answer.json()["detail"]["code"] == "out_of_step"
        assert [event["id"] for event in answer.json()["detail"]["events"]] == [mine["id"]]
    assert len(served.store.events(task["task"])) == 1


def test_a_correction_is_a_new_version_and_the_old_one_stays(served: Served) -> None:
    _, page = served.reader()
    task = page.next()
    first = [stroke(0, SQUARE)]
    page.draw(task, first)
    assert page.submit(task, first).json()["version"] == 1
    again = page.send("GET", f"/api/tasks/{task['task']}").json()
    assert (again["version"], again["answer"], again["confidence"]) == (1, "region", 4)
    more = [*first, stroke(1, [40.0, 40.0], tool="brush")]
    page.draw(task, more[1:])
    assert page.submit(task, more, base_version=0).json()["detail"]["code"] == "conflict"
    assert page.submit(task, more, base_version=1).json()["version"] == 2
    both = served.store.submissions(only_newest=False)
    assert [(row.version, row.num_events) for row in both] == [(1, 1), (2, 2)]
    assert served.store.submissions()[0].version == 2


def test_a_replayed_submission_stores_nothing(served: Served) -> None:
    _, page = served.reader()
    task = page.next()
    events = [stroke(0, SQUARE)]
    page.draw(task, events)
    body = answer_of(events, task["height"], task["width"])
    path = f"/api/tasks/{task['task']}/submission"
    assert page.send("POST", path, body).json()["version"] == 1
    for changed in (body, {**body, "base_version": 1}, {**body, "confidence": 1}):
        answer = page.send("POST", path, changed)
        assert answer.status_code == 409
        assert answer.json()["detail"] == {
            "code": "already_recorded", "message": "recorded already, as version 1", "version": 1,
        }  # fmt: skip
    other = page.next()
    answer = page.send("POST", f"/api/tasks/{other['task']}/submission", {**body, "num_events": 0})
    assert answer.status_code == 409
    assert len(served.store.submissions(only_newest=False)) == 1


def test_a_mask_must_be_the_drawing(served: Served) -> None:
    _, page = served.reader()
    task = page.next()
    events = [stroke(0, SQUARE)]
    page.draw(task, events)
    path = f"/api/tasks/{task['task']}/submission"
    good = answer_of(events, 64, 64)
    counts = good["mask"]["counts"]
    refused = {
        "other drawing": ({"mask": {"size": [64, 64], "counts": [0, 64 * 64]}}, 409),
        "fewer events": ({"num_events": 0}, 409),
        "more events": ({"num_events": 2}, 409),
        "short": ({"mask": {"size": [64, 64], "counts": counts[:-1]}}, 422),
        "long": ({"mask": {"size": [64, 64], "counts": [*counts, 5]}}, 422),
        "negative": ({"mask": {"size": [64, 64], "counts": [-1, *counts]}}, 422),
        "fraction": ({"mask": {"size": [64, 64], "counts": [0.5, *counts]}}, 422),
        "huge": ({"mask": {"size": [64, 64], "counts": [10**30]}}, 422),
        "other size": ({"mask": {"size": [32, 128], "counts": counts}}, 422),
        "empty": ({"mask": {"size": [64, 64], "counts": [4096]}}, 422),
        "none with a mask": ({"answer": "none"}, 422),
        "region without": ({"mask": None}, 422),
        "no confidence": ({"confidence": None}, 422),
        "confidence 6": ({"confidence": 6}, 422),
        "confidence true": ({"confidence": True}, 422),
        "cannot with confidence": ({"answer": "cannot", "mask": None}, 422),
        "unknown answer": ({"answer": "maybe"}, 422),
        "stranger": ({"reader": "r-aaaaaa"}, 422),
        "no zone": ({"opened_at": "2026-11-23T21:00:00"}, 422),
    }
    for name, (change, status) in refused.items():
        answer = page.send("POST", path, {**good, **change})
        assert answer.status_code == status, (name, answer.text)
    assert not served.store.submissions(only_newest=False)
    assert page.send("POST", path, good).status_code == 200


def test_bad_strokes_store_nothing(served: Served) -> None:
    _, page = served.reader()
    task = page.next()
    path = f"/api/tasks/{task['task']}/events"
    good = stroke(0, SQUARE)
    wrong: list[Any] = [
        [], {}, [good | {"points": [1.0]}], [good | {"points": [1.0, 2.0, 3.0]}], [good | {"points": [1.0, 2.0]}],
        [good | {"points": [-1.0, *SQUARE[1:]]}], [good | {"points": [64.5, *SQUARE[1:]]}], [good | {"radius": 0}],
        [good | {"radius": 1e9}], [good | {"points": [0.0] * 30_000}], [good | {"kind": "erase"}], [good | {"seq": -1}],
        [good | {"id": "../../etc/passwd"}], [good | {"extra": 1}], [good, good], [good, stroke(2, SQUARE)],
        [good | {"at": "yesterday"}], [good | {"points": ["1", "2"] * 4}], [good] * 201,
    ]  # fmt: skip
    for events in wrong:
        answer = page.send("POST", path, {"events": events})
        assert answer.status_code == 422, events
        assert answer.json()["detail"]["code"] == "malformed"
    for text in ('{"events": [NaN]}', "{", "\x00", '{"events": [{"id": "\\ud800"}]}', "[" * 100_000):
        assert page.client.post(
            path, content=text, headers={"X-CSRF-Token": page.csrf, "content-type": "application/json"}
        ).status_code in (400, 422), text[:20]
    assert not served.store.events(task["task"])


def test_another_readers_token_opens_nothing_of_mine(served: Served) -> None:
    _, mine = served.reader()
    _, theirs = served.reader()
    task = mine.next()
    events = [stroke(0, SQUARE)]
    mine.draw(task, events)
    for method, path, body in (
        ("GET", f"/api/tasks/{task['task']}", None),
        ("GET", task["image"], None),
        ("POST", f"/api/tasks/{task['task']}/events", {"events": [stroke(1, SQUARE)]}),
        ("POST", f"/api/tasks/{task['task']}/submission", answer_of(events, 64, 64)),
    ):
        answer = theirs.send(method, path, body)
        assert answer.status_code == 404
        assert answer.json()["detail"]["code"] == "no_task"
    assert len(served.store.events(task["task"])) == 1
    stolen = Page(served.client, csrf=theirs.csrf, cookies=mine.cookies)  # my cookie with another session's CSRF token
    assert stolen.draw(task, [stroke(1, SQUARE)]).json()["detail"]["code"] == "csrf"


def test_without_a_session_nothing_is_served(served: Served) -> None:
    _, page = served.reader()
    task = page.next()
    nobody = Page(served.client)
    made_up = Page(served.client, cookies={"reader": "x" * 43, "admin": "x" * 43})
    for path, rules in served.client.get("/api/openapi.json").json()["paths"].items():
        for method in rules:
            if path in ("/api/session", "/api/admin/session") and method == "post":
                continue
            for who in (nobody, made_up):
                answer = who.send(method.upper(), path.replace("{name}", task["task"]))
                assert answer.status_code in (401, 403, 422), (method, path, answer.text)
                assert task["task"] not in answer.text


def test_csrf_and_origin(served: Served) -> None:
    _, page = served.reader()
    task = page.next()
    path, body = f"/api/tasks/{task['task']}/events", {"events": [stroke(0, SQUARE)]}
    page.csrf, right = "", page.csrf
    assert page.send("POST", path, body).json()["detail"]["code"] == "csrf"
    page.csrf = right
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = page.send("POST", path, body, **headers)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "cross_site")
    assert (
        page.client.post(
            path, content=json.dumps(body), headers={"X-CSRF-Token": right, "content-type": "text/plain"}
        ).status_code
        == 422
    )
    assert not served.store.events(task["task"])
    assert page.send("POST", path, body, Origin="http://testserver").status_code == 200


def test_large_bodies_are_refused_before_they_are_read(served: Served) -> None:
    _, page = served.reader()
    task = page.next()
    path = f"/api/tasks/{task['task']}/events"
    big = b" " * (5 * 2**20)
    assert page.client.post(path, content=big, headers={"X-CSRF-Token": page.csrf}).status_code == 413
    chunks = (big[:100_000] for _ in range(100))
    assert page.client.post(path, content=chunks, headers={"X-CSRF-Token": page.csrf}).status_code == 413


def test_no_path_comes_from_a_request(served: Served) -> None:
    _, page = served.reader()
    for name in (
        "../server.py",
        "%2e%2e/server.py",
        "..%2fserver.py",
        "%2e%2e%2f%2e%2e%2fcli.py",
        "/etc/passwd",
        "strings/../../store.py",
    ):
        for prefix in ("/page/", "/api/tasks/", "/"):
            answer = page.client.get(prefix + name)
            assert answer.status_code in (401, 404), (prefix + name, answer.status_code)
            assert "import" not in answer.text
    assert page.client.get("/page/").status_code == 404


def test_headers_and_cookies(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(prepared)
    served = serve(prepared, f"sqlite:///{tmp_path}/store.sqlite", is_https=True)
    _, token = served.invite()
    answer = served.client.post("/api/session", json={"token": token})
    cookie = answer.headers["set-cookie"]
    for part in ("__Host-reader=", "HttpOnly", "SameSite=strict", "Secure", "Path=/"):
        assert part in cookie
    assert token not in cookie
    for path in ("/", "/admin", "/page/main.js", "/api/session", "/nowhere"):
        headers = served.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "max-age" in headers["strict-transport-security"]
    assert served.client.get("/api/session").headers["cache-control"] == "no-store"


def test_guessing_is_slowed_and_a_right_link_is_not(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared)
    limits = Limits()
    monkeypatch.setattr(limits.requests, "_clock", lambda: 0.0)  # else a busy machine refills it meanwhile
    served = serve(prepared, f"sqlite:///{tmp_path}/store.sqlite", limits=limits)
    _, token = served.invite()
    page = Page(served.client)
    for _ in range(30):
        assert page.knock(token).status_code == 200  # as many readers behind one hospital's address
    codes = [page.knock("A" * 22).status_code for _ in range(12)]
    assert codes == [401] * 10 + [429] * 2
    page = Page(served.client, csrf=page.csrf, cookies=page.cookies)
    codes = [page.send("GET", "/api/session").status_code for _ in range(150)]
    assert 429 in codes
    assert codes.index(429) >= 100


def test_limiter_by_hand() -> None:
    clock = [0.0]
    limiter = Limiter(burst=2, per_second=0.5, clock=lambda: clock[0])
    assert [limiter.allows("a") for _ in range(3)] == [True, True, False]
    assert limiter.allows("b")
    assert limiter.is_spent("a")
    clock[0] = 1.9
    assert not limiter.allows("a")
    clock[0] = 2.0
    assert limiter.allows("a")
    clock[0] = 1e6
    assert [limiter.allows("a") for _ in range(3)] == [True, True, False]


def test_enrolment_is_once_and_names_stay_apart(served: Served) -> None:
    pseudonym, page = served.reader(enrolled=False)
    for change in (
        {"name": ""},
        {"name": " "},
        {"name": "a\nb"},
        {"email": "no address"},
        {"profession": "wizard"},
        {"years": -1},
        {"years": 1.5},
        {"consent": False},
        {"language": "xx"},
        {"name": "a" * 201},
    ):
        assert page.enrol(**change).status_code == 422, change
    assert page.enrol(consent_version="old").json()["detail"]["code"] == "consent_changed"
    assert page.enrol().status_code == 200
    assert page.enrol(name="Another").json()["detail"]["code"] == "already_enrolled"
    with served.store._reading() as db:
        person = db.exec_driver_sql("select reader, name, email from person").all()
        kept = db.exec_driver_sql("select version, language, text from consent").all()
    assert person == [(pseudonym, "Ada Bianchi", "ada@example.org")]
    assert kept == [tuple(consent_texts()["en"][key] for key in ("version", "language", "text"))]
    overview = json.dumps([list(map(str, row)) for row in served.store.readers()])
    assert "Bianchi" not in overview
    assert page.send("PUT", "/api/language", {"language": "it"}).status_code == 204
    assert page.send("GET", "/api/session").json()["language"] == "it"


def test_withdrawal_leaves_nothing(served: Served, tmp_path: Path) -> None:
    pseudonym, page = served.reader()
    other, stays = served.reader()
    for who in (page, stays):
        task = who.next()
        events = [stroke(0, SQUARE)]
        who.draw(task, events)
        who.submit(task, events)
    assert page.send("POST", "/api/withdrawal", {"confirm": "yes"}).status_code == 422
    assert page.send("POST", "/api/withdrawal", {"confirm": "withdraw"}).status_code == 204
    assert page.send("GET", "/api/session").status_code == 401
    assert [row.reader for row in served.store.submissions()] == [other]
    assert {row.reader for row in served.store.tasks()} == {other}
    gone = next(row for row in served.store.readers() if row.reader == pseudonym)
    assert gone.withdrawn_at
    assert (gone.slot, gone.profession, gone.token_hash, gone.enrolled_at) == (None, None, None, None)
    served.store.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert raw.count(b"ada@example.org") == 1  # the other reader's
    replacement, _ = served.invite()
    assert next(row.slot for row in served.store.readers() if row.reader == replacement) == 0


def test_records_cannot_be_changed(served: Served) -> None:
    _, page = served.reader()
    task = page.next()
    events = [stroke(0, SQUARE)]
    page.draw(task, events)
    page.submit(task, events)
    for table in ("event", "submission"):
        with pytest.raises(Exception, match="append-only"), served.store._writing() as db:
            db.exec_driver_sql(f"update {table} set received_at = 'x'")


def test_tokens_are_stored_hashed(served: Served, tmp_path: Path) -> None:
    secret = served.store.admin_secret(renew=False)
    assert secret
    assert served.store.admin_secret(renew=False) is None
    _, token = served.invite()
    page = Page(served.client)
    page.knock(token)
    served.store.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for kept in (token, secret, page.cookies["reader"], page.csrf):
        assert kept.encode() not in raw
    assert len(token) * 6 >= 128


def test_admin_sees_and_readers_do_not(served: Served) -> None:
    secret = served.store.admin_secret(renew=False)
    _, reader = served.reader()
    assert reader.send("GET", "/api/admin/overview").status_code == 401
    admin = Page(served.client)
    assert admin.send("POST", "/api/admin/session", {"secret": "wrong"}).json()["detail"]["code"] == "invalid_secret"
    admin.csrf = admin.send("POST", "/api/admin/session", {"secret": secret}).json()["csrf"]
    overview = admin.send("GET", "/api/admin/overview").json()
    assert overview["totals"]["enrolled"] == 1
    assert len(overview["images"]) == 4
    assert admin.send("GET", "/api/tasks/next").status_code == 401
    assert "Bianchi" not in json.dumps(overview)
    renewed = served.store.admin_secret(renew=True)
    assert renewed != secret
    assert admin.send("GET", "/api/admin/overview").status_code == 401


def test_a_renewed_link_ends_the_old_one(served: Served) -> None:
    pseudonym, token = served.invite()
    page = Page(served.client)
    page.knock(token)
    renewed = served.store.renew_invite(pseudonym)
    assert renewed
    assert page.send("GET", "/api/session").status_code == 401
    assert page.knock(token).status_code == 401
    assert page.knock(renewed).status_code == 200
    assert served.store.renew_invite("r-nobody") is None
