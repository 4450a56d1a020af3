"""Workstations that several readers use: the lock and its PIN, links that end, revocation, and nobody locked out.

Consent and withdrawal too, as each of a reader's devices meets them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from pages import SQUARE, Page, Served, environment, links, run, said, serve, stroke
from sightline.annotate import schema, sessions
from sightline.annotate.page_files import consent_texts
from sightline.annotate.pins import MAX_FAILURES
from sightline.annotate.security import Limits
from sightline.annotate.store import Store
from studies import ROOT

pytest.importorskip("httpx2", reason="fastapi's test client needs httpx2")
from fastapi.testclient import TestClient


def code(answer: Any) -> str:
    return answer.json()["detail"]["code"]


def sql(served: Served, statement: str) -> list[tuple]:
    with served.store._writing() as db:
        done = db.exec_driver_sql(statement)
        return [tuple(row) for row in done] if done.returns_rows else []


def enrolled(served: Served, pin: str | None = None) -> tuple[str, str, Page]:
    """Pseudonym, token and page of a new reader."""
    pseudonym, token = served.invite()
    page = Page(served.client)
    assert page.knock(token).status_code == 200
    assert page.enrol(pin=pin).status_code == 200
    return pseudonym, token, page


def admin_of(served: Served) -> Page:
    page = Page(served.client)
    secret = served.store.admin_secret(renew=True)
    page.csrf = page.send("POST", "/api/admin/session", {"secret": secret}).json()["csrf"]
    return page


# the lock


def test_a_locked_session_serves_nothing_until_its_pin(served: Served) -> None:
    pseudonym, _, page = enrolled(served, pin="4711")
    task = page.next()
    assert page.send("GET", "/api/session").json()["lock_seconds"] == 1800
    answer = page.send("POST", "/api/session/lock")
    assert (answer.status_code, answer.headers["clear-site-data"]) == (204, '"cache"')
    for method, path in (
        ("GET", task["image"]),
        ("GET", f"/api/tasks/{task['task']}"),
        ("GET", "/api/progress"),
        ("POST", "/api/withdrawal"),
    ):
        answer = page.send(method, path, {"confirm": "withdraw"} if method == "POST" else None)
        assert (answer.status_code, code(answer)) == (423, "locked"), path
    assert page.draw(task, [stroke(0, SQUARE)]).status_code == 423
    told = page.send("GET", "/api/session").json()["detail"]
    assert (told["reader"], told["pin"], told["csrf"]) == (pseudonym, True, page.csrf)
    wrong = page.send("POST", "/api/session/unlock", {"pin": "0815"})
    assert (wrong.status_code, code(wrong)) == (409, "wrong_pin")
    assert page.send("POST", "/api/session/unlock", {"pin": "4711"}).json()["reader"] == pseudonym
    assert page.draw(task, [stroke(0, SQUARE)]).json() == {"saved": 1}
    assert page.send("GET", "/api/session").json()["language"] == "en"


def test_after_a_few_wrong_pins_only_the_link_opens(served: Served) -> None:
    pseudonym, token, page = enrolled(served, pin="123456")
    assert sql(served, "select failures from pin") == [(0,)]
    page.send("POST", "/api/session/lock")
    codes = [code(page.send("POST", "/api/session/unlock", {"pin": f"00000{n}"})) for n in range(MAX_FAILURES + 1)]
    assert codes == ["wrong_pin"] * MAX_FAILURES + ["no_pin"]
    assert code(page.send("POST", "/api/session/unlock", {"pin": "123456"})) == "no_pin"
    assert page.send("GET", "/api/session").json()["detail"]["pin"] is False
    assert page.send("DELETE", "/api/session").status_code == 204  # a locked session can be signed out
    again = Page(served.client)
    assert again.knock(token).json()["pin"] is True
    assert again.next()["number"] == 1
    other, _, without = enrolled(served)
    without.send("POST", "/api/session/lock")
    assert code(without.send("POST", "/api/session/unlock", {"pin": "123456"})) == "no_pin"
    assert other != pseudonym


def test_a_pin_is_hashed_with_a_salt_and_needs_four_digits(served: Served, tmp_path: Path) -> None:
    _, _, _ = enrolled(served, pin="98765432")
    _, _, _ = enrolled(served, pin="98765432")
    hashes = sql(served, "select distinct salt, hash from pin")
    assert len(hashes) == 2
    assert all(len(salt) == 32 and len(kept) == 128 for salt, kept in hashes)
    _, page = served.reader(enrolled=False)
    for wrong in ("123", "12a4", "1" * 13, "", 1234, "١٢٣٤"):
        answer = page.enrol(pin=wrong)
        assert answer.status_code == 422, wrong
        assert "123" not in answer.text
    served.store.close()
    assert b"98765432" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_the_server_locks_an_idle_session_by_itself(served: Served) -> None:
    _, _, page = enrolled(served)
    idle = sessions.moment(-timedelta(minutes=37, seconds=1))
    sql(served, f"update session set used_at = '{idle}'")
    assert code(page.send("GET", "/api/tasks/next")) == "locked"
    sql(served, f"update session set used_at = '{sessions.moment(-timedelta(minutes=36, seconds=50))}'")
    assert page.send("GET", "/api/tasks/next").status_code == 200
    ((used,),) = sql(served, "select used_at from session")
    assert used > sessions.moment(-timedelta(seconds=30))
    for _ in range(3):  # at most one write a minute
        page.next()
    assert sql(served, "select used_at from session") == [(used,)]


def test_no_lock_where_none_is_wanted(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(prepared)
    stay = sessions.Stay(lock_after=None, lasts=timedelta(hours=8))
    served = serve(prepared, f"sqlite:///{tmp_path}/store.sqlite", stay=stay)
    _, token = served.invite()
    page = Page(served.client)
    answer = page.knock(token)
    assert answer.json()["lock_seconds"] is None
    assert "Max-Age=28800" in answer.headers["set-cookie"]
    sql(served, "update session set begun_at = '2020-01-01T00:00:00.000Z'")
    assert page.send("GET", "/api/session").status_code == 200


# links and sessions


def test_a_link_ends_says_so_and_is_renewed(served: Served) -> None:
    pseudonym, token, page = enrolled(served)
    sql(served, f"update reader set link_ends_at = '{sessions.moment(-timedelta(seconds=1))}'")
    late = Page(served.client).knock(token)
    assert late.status_code == 401
    assert (code(late), late.json()["detail"]["contact"]) == ("link_ended", "Dr Verdi")
    assert page.next()["number"] == 1  # a session that is open stays so
    renewed = served.store.renew_invite(pseudonym, timedelta(days=2))
    assert renewed
    assert code(page.send("GET", "/api/tasks/next")) == "no_session"
    assert Page(served.client).knock(renewed).status_code == 200
    ((ends,),) = sql(served, "select link_ends_at from reader")
    assert sessions.moment(timedelta(days=1, hours=23)) < ends < sessions.moment(timedelta(days=2))


def test_the_admin_revokes_a_reader(served: Served) -> None:
    pseudonym, token, page = enrolled(served)
    other = Page(served.client)
    other.knock(token)
    _, _, bystander = enrolled(served)
    admin = admin_of(served)
    before = admin.send("GET", "/api/admin/access").json()["readers"]
    assert [(row["enrolled"], row["withdrawn"], row["link_open"], len(row["sessions"])) for row in before] == [
        (True, False, True, 2), (True, False, True, 1),
    ]  # fmt: skip
    path = f"/api/admin/readers/{pseudonym}"
    assert admin.send("POST", f"{path}/sign-out").json() == {"sessions": 2}
    assert [who.send("GET", "/api/session").status_code for who in (page, other, bystander)] == [401, 401, 200]
    assert page.knock(token).status_code == 200
    assert admin.send("POST", f"{path}/revoke").json() == {"sessions": 1}
    assert code(page.send("GET", "/api/session")) == "no_session"
    assert code(page.knock(token)) == "link_ended"
    after = admin.send("GET", "/api/admin/access").json()["readers"]
    assert [(row["link_open"], len(row["sessions"])) for row in after] == [(False, 0), (True, 1)]
    assert code(admin.send("POST", "/api/admin/readers/r-nobody/revoke")) == "no_reader"
    assert bystander.send("POST", f"{path}/revoke").status_code == 401
    assert served.store.tasks_of(pseudonym)  # nothing of the reader's work is gone


def test_another_reader_at_the_same_browser_ends_the_first_session(served: Served) -> None:
    first, _, page = enrolled(served)
    cookie = page.cookies["reader"]
    _, token = served.invite()
    assert page.knock(token).json()["reader"] != first
    assert Page(served.client, cookies={"reader": cookie}).send("GET", "/api/session").status_code == 401


def test_wrong_secrets_never_lock_out_right_ones(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared)
    limits = Limits()
    monkeypatch.setattr(limits.failures, "_clock", lambda: 0.0)
    served = serve(prepared, f"sqlite:///{tmp_path}/store.sqlite", limits=limits)
    _, token = served.invite()
    secret = served.store.admin_secret(renew=False)
    codes = [code(Page(served.client).knock("A" * 22)) for _ in range(50)]
    assert codes == ["invalid_token"] * 10 + ["too_many"] * 40
    assert Page(served.client).knock(token).status_code == 200
    admin = Page(served.client)
    assert code(admin.send("POST", "/api/admin/session", {"secret": "B" * 22})) == "too_many"
    assert admin.send("POST", "/api/admin/session", {"secret": secret}).status_code == 200


def test_signing_out_drops_cached_images_and_keeps_the_vault(served: Served) -> None:
    _, _, page = enrolled(served)
    answer = page.send("DELETE", "/api/session")
    assert answer.status_code == 204
    assert answer.headers["clear-site-data"] == '"cache"'  # not "storage", where unsent strokes are
    assert page.send("GET", "/api/session").status_code == 401


# consent and withdrawal


def test_a_new_consent_comes_before_the_next_image(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared)
    served = serve(prepared, f"sqlite:///{tmp_path}/store.sqlite")
    pseudonym, token, page = enrolled(served)
    task = page.next()
    old = consent_texts()["en"]["version"]
    texts = {key: {**text, "version": "2030-01"} for key, text in consent_texts().items()}
    for module in ("server", "page_files"):
        monkeypatch.setattr(f"sightline.annotate.{module}.consent_texts", lambda: texts)
    served.store.close()
    with monkeypatch.context() as patch:  # the same store, served with the new text
        patch.setattr("pages.Store", lambda url, new: Store(url, new=not new))
        served = serve(prepared, f"sqlite:///{tmp_path}/store.sqlite")
    page.client = served.client
    assert page.send("GET", "/api/session").json()["consent_needed"] is True
    for path in ("/api/tasks/next", "/api/progress", f"/api/tasks/{task['task']}", task["image"]):
        answer = page.send("GET", path)
        assert (answer.status_code, code(answer)) == (403, "consent_needed"), path
    assert code(page.draw(task, [stroke(0, SQUARE)])) == "consent_needed"
    accepted = {"language": "it", "consent_version": old, "consent": True}
    assert code(page.send("POST", "/api/consent", accepted)) == "consent_changed"
    assert page.send("POST", "/api/consent", {**accepted, "consent": False}).status_code == 422
    accepted["consent_version"] = "2030-01"
    for _ in range(2):  # a second device, or a lost answer
        assert page.send("POST", "/api/consent", accepted).json()["consent_needed"] is False
    assert page.draw(task, [stroke(0, SQUARE)]).json() == {"saved": 1}
    rows = sql(served, "select reader, version, language from acceptance order by accepted_at")
    assert rows == [(pseudonym, old, "en"), (pseudonym, "2030-01", "it")]
    assert sql(served, "select version, language from consent order by 1") == [(old, "en"), ("2030-01", "it")]
    assert sql(served, "select consent_version, consent_language from reader") == [("2030-01", "it")]
    with pytest.raises(Exception, match="append-only"):
        sql(served, "update acceptance set accepted_at = 'x'")
    fresh = Page(served.client)
    assert fresh.knock(token).json()["consent_needed"] is False
    _, unread = served.reader(enrolled=False)
    assert code(unread.send("POST", "/api/consent", accepted)) == "not_enrolled"


def test_a_withdrawal_is_told_to_every_device(served: Served) -> None:
    pseudonym, token, page = enrolled(served, pin="1234")
    phone, stranger = Page(served.client), served.reader()[1]
    phone.knock(token)
    phone.send("POST", "/api/session/lock")
    task = page.next()
    assert page.send("POST", "/api/withdrawal", {"confirm": "withdraw"}).status_code == 204
    for method, path, body in (
        ("GET", "/api/tasks/next", None),
        ("POST", f"/api/tasks/{task['task']}/events", {"events": [stroke(0, SQUARE)]}),
        ("POST", "/api/session/unlock", {"pin": "1234"}),
    ):
        answer = phone.send(method, path, body)
        assert answer.status_code == 401
        assert (code(answer), answer.json()["detail"]["reader"]) == ("withdrawn", pseudonym), path
    assert code(Page(served.client).knock(token)) == "invalid_token"
    assert stranger.next()["number"] == 1
    left = {name: sql(served, f"select * from {name} where reader = '{pseudonym}'") for name in ("pin", "acceptance")}
    assert left == {"pin": [], "acceptance": []}
    sql(served, f"update ended_session set ends_at = '{sessions.moment(-timedelta(seconds=1))}'")
    served.reader()
    assert sql(served, "select * from ended_session") == []


def test_what_the_consent_says_is_stored_before_enrolment_is_what_is_stored(served: Served) -> None:
    """The invitation's note, the planned images, and when the link was opened; nothing else of the reader."""
    pseudonym, token = served.invite("Dr Neri, ward 3")
    Page(served.client).knock(token)
    ((*row,),) = sql(served, "select * from reader")
    names = [column.name for column in schema.reader.c]
    known = {name for name, value in zip(names, row, strict=True) if value is not None}
    assert known == {"reader", "slot", "token_hash", "invited_at", "link_ends_at"}
    assert sql(served, "select * from person") == [(pseudonym, "Dr Neri, ward 3", None, None)]
    assert len(sql(served, "select * from session")) == 1
    for name in ("event", "submission", "acceptance", "pin", "consent"):
        assert sql(served, f"select * from {name}") == []
    text = json.loads(consent_texts()["en"]["text"])["consent.data"]
    for part in ("code in place of your name", "name or note", "list of images", "when your link was opened"):
        assert part in text.split("\n")[0]
    assert "nothing has been stored" not in consent_texts()["en"]["text"]


# the commands


def served_settings(folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[Any, dict]:
    """The application and uvicorn's settings with which `serve` would run."""
    seen: dict[str, Any] = {}
    monkeypatch.setattr("uvicorn.run", lambda app, **settings: seen.update(app=app, settings=settings))
    said(run(folder, store, "serve", *options))
    return seen["app"], seen["settings"]


def refused_from(app: Any, settings: dict, peer: str, addresses: list[str]) -> list[str]:
    """The codes of wrong links sent through uvicorn's own handling of a proxy's headers, in order."""
    kept = {name: settings[name] for name in ("proxy_headers", "forwarded_allow_ips")}
    config = uvicorn.Config(app, log_level="warning", **kept)
    config.load()
    client = TestClient(config.loaded_app, client=(peer, 50_000), base_url="http://127.0.0.1")
    return [
        code(client.post("/api/session", json={"token": "A" * 22}, headers={"X-Forwarded-For": address}))
        for address in addresses
    ]


def test_only_a_trusted_proxy_says_where_a_request_comes_from(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = ["10.0.0.1"] * 11 + ["10.0.0.2"]
    invalid, spent = ["invalid_token"], ["too_many"]
    app, settings = served_settings(prepared, tmp_path / "a.sqlite", monkeypatch, "--new")
    assert refused_from(app, settings, "127.0.0.1", many) == invalid * 10 + spent * 2  # all of one address: the peer's
    app, settings = served_settings(prepared, tmp_path / "a.sqlite", monkeypatch, "--trust-proxy", "192.0.2.0/24")
    assert refused_from(app, settings, "192.0.2.7", many) == invalid * 10 + spent + invalid
    assert refused_from(app, settings, "127.0.0.1", many) == invalid * 10 + spent * 2


def test_the_options_of_links_and_sessions(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "s.sqlite"
    app, _ = served_settings(prepared, store, monkeypatch, "--new", "--lock-after", "5", "--session-days", "0.5")
    ((reader, token),) = links(said(run(prepared, store, "invite", "--valid-days", "7"))).items()
    client = TestClient(app, base_url="http://127.0.0.1")
    answer = client.post("/api/session", json={"token": token})
    assert answer.json()["lock_seconds"] == 300
    assert "Max-Age=43200" in answer.headers["set-cookie"]
    opened = Store(f"sqlite:///{store}")
    (row,) = opened.access_rows()
    assert sessions.moment(timedelta(days=6, hours=23)) < row["link_ends_at"] < sessions.moment(timedelta(days=7))
    assert "the link has ended, and 1 session; nothing is deleted" in said(run(prepared, store, "revoke", reader))
    assert code(client.post("/api/session", json={"token": token})) == "link_ended"
    renewed = links(said(run(prepared, store, "invite", "--renew", reader)))
    assert client.post("/api/session", json={"token": renewed[reader]}).status_code == 200
    opened.close()
    for words, part in (
        (["serve", "--lock-after", "0.5"], "--lock-after: expected minutes from 1"),
        (["serve", "--session-days", "0"], "--session-days: expected days"),
        (["serve", "--trust-proxy", "nginx"], "--trust-proxy nginx: expected an IP address or a network"),
        (["invite", "--valid-days", "nan"], "--valid-days: expected days"),
        (["revoke", "r-nobody"], "no reader 'r-nobody'"),
    ):
        done = run(prepared, store, *words)
        assert done.returncode == 1
        assert part in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow  # imports the page in a Python of its own: 4 s
def test_the_container_has_what_the_page_imports() -> None:
    """The page needs neither torch nor DVC, and what it needs comes without extras or with those of the Dockerfile."""
    text = (ROOT / "docs/hospital/Dockerfile").read_text(encoding="utf-8")
    extras = re.findall(r"/build\[([a-z,]+)\]", text)[0].split(",")
    program = (
        "import sys, importlib.metadata as m, sightline.annotate.commands\n"
        "tops, of = {name.partition('.')[0] for name in sys.modules}, m.packages_distributions()\n"
        "print(*sorted({dist for top in tops for dist in of.get(top, ())}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(""), capture_output=True, text=True, check=True
    )
    imported = {name.lower() for name in done.stdout.split()} - {"sightline"}
    assert {"fastapi", "numpy", "uvicorn"} <= imported
    assert not imported & {"torch", "dvc", "matplotlib"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    of_extra = project["optional-dependencies"]
    asked = {name: {re.split(r"[>=\[;]", text)[0] for text in texts} for name, texts in of_extra.items()}
    there = {re.split(r"[>=\[;]", text)[0] for text in project["dependencies"]}.union(*(asked[name] for name in extras))
    assert imported & set().union(*asked.values()) <= there | {"setuptools", "ruamel.yaml.clib"}


def test_page_and_server_share_the_time_between_two_signs() -> None:
    text = (ROOT / "src/sightline/annotate/page/lock.js").read_text(encoding="utf-8")
    assert re.findall(r"^const SIGN_SHARE = ([0-9.]+);", text, re.MULTILINE) == [str(sessions.SIGN_SHARE)]
