"""Strokes that another device's drawing has overtaken: kept in the store as branches until their reader decides."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from pages import SQUARE, Page, Served, step, stroke
from sightline.annotate.live import with_set_aside
from sightline.annotate.status import status_lines
from sightline.formats.strokes import drawn_mask, effective_strokes

OTHER = [40.0, 40.0, 50.0, 40.0, 50.0, 50.0, 40.0, 50.0]
THIRD = [5.0, 5.0, 9.0, 5.0, 9.0, 9.0, 5.0, 9.0]


def send(page: Page, task: dict, events: list[dict], branch: str = "b-0000001") -> Any:
    return page.send("POST", f"/api/tasks/{task['task']}/branches", {"id": branch, "events": events})


def decide(page: Page, task: dict, decision: str, num_events: int, branch: str = "b-0000001") -> Any:
    body = {"decision": decision, "num_events": num_events}
    return page.send("POST", f"/api/tasks/{task['task']}/branches/{branch}", body)


def waiting(page: Page, task: dict) -> list[str]:
    return [one["id"] for one in page.send("GET", f"/api/tasks/{task['task']}").json()["branches"]]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]["code"]


def rows(served: Served) -> list[tuple]:
    with closing(sqlite3.connect(served.store._engine.url.database)) as db:
        return db.execute("SELECT id, base, content, state, decided_at IS NOT NULL FROM branch ORDER BY id").fetchall()


@pytest.fixture
def overtaken(served: Served) -> tuple[Served, str, Page, dict, list[dict]]:
    """A reader whose one device has drawn two strokes after the first, while the other had drawn one: out of step."""
    reader, page = served.reader()
    task = page.next()
    assert page.draw(task, [stroke(0, SQUARE)]).status_code == 200
    assert page.draw(task, [stroke(1, OTHER)]).status_code == 200
    offline = [stroke(1, THIRD), stroke(2, OTHER), step(3, "undo")]
    assert code(page.draw(task, offline)) == (409, "out_of_step")
    return served, reader, page, task, offline


def test_a_branch_is_stored_once_as_sent_and_is_no_part_of_the_log(overtaken: Any) -> None:
    served, reader, page, task, offline = overtaken
    log = served.store.events(task["task"])
    for _ in range(2):  # the first answer may not have come through
        sent = send(page, task, offline)
        assert sent.status_code == 200
        (one,) = sent.json()["branches"]
        assert [event["id"] for event in one["strokes"]] == [offline[0]["id"]]  # the second one is undone
    ((name, base, content, state, is_decided),) = rows(served)
    assert (name, base, state, is_decided) == ("b-0000001", 1, "kept", 0)
    assert [event["id"] for event in json.loads(content)] == [event["id"] for event in offline]
    assert served.store.events(task["task"]) == log
    assert waiting(page, task) == ["b-0000001"]
    assert served.store.waiting_by_reader() == {reader: 1}
    places = page.send("GET", "/api/progress").json()["tasks"]
    assert [place["set_aside"] for place in places] == [1, *[0] * (len(places) - 1)]
    assert send(page, task, log, branch="b-0000002").json() == sent.json()  # the log has these already


def test_bringing_back_appends_the_strokes_that_count(overtaken: Any) -> None:
    served, _, page, task, offline = overtaken
    send(page, task, offline)
    before = served.store.events(task["task"])
    assert code(decide(page, task, "brought_back", len(before) - 1)) == (409, "out_of_step")
    assert waiting(page, task) == ["b-0000001"]
    for _ in range(2):
        answer = decide(page, task, "brought_back", len(before))
        assert answer.status_code == 200
        log = answer.json()["events"]
        assert log[: len(before)] == before
        (new,) = log[len(before) :]
        assert new["seq"] == len(before)
        assert new["id"] not in {event["id"] for event in [*before, *offline]}
        assert new["points"] == THIRD
        assert answer.json()["branches"] == []
    assert served.store.events(task["task"]) == log
    shape = task["height"], task["width"]
    expected = drawn_mask(effective_strokes([stroke(0, SQUARE), stroke(1, OTHER), stroke(2, THIRD)]), *shape)
    np.testing.assert_array_equal(drawn_mask(effective_strokes(log), *shape), expected)
    assert page.submit(task, log).status_code == 200
    assert code(decide(page, task, "discarded", 0)) == (404, "no_branch")  # decided otherwise
    assert [(state, decided) for _, _, _, state, decided in rows(served)] == [("brought_back", 1)]


def test_discarding_deletes_nothing(overtaken: Any) -> None:
    served, _, page, task, offline = overtaken
    send(page, task, offline)
    log = served.store.events(task["task"])
    for _ in range(2):
        assert decide(page, task, "discarded", 0).json() == {"branches": [], "events": log}
    ((_, _, content, state, _),) = rows(served)
    assert state == "discarded"
    assert len(json.loads(content)) == 3
    assert served.store.waiting_by_reader() == {}
    assert code(decide(page, task, "brought_back", len(log))) == (404, "no_branch")
    assert send(page, task, offline).json() == {"branches": []}  # sent again, it stays discarded


@pytest.mark.parametrize(
    ("kinds", "counted"),
    [
        ("s", [0]),
        ("ss", [0, 1]),
        ("su", []),
        ("sur", [0]),
        ("scs", [2]),
        ("scu", [0]),
        ("us", [1]),  # undoes the stroke before the branch, which the log keeps
        ("suur", []),  # redoes the stroke before the branch, not its own
        ("suurr", [0]),
        ("c", []),
    ],
)
def test_which_strokes_of_a_branch_count(served: Served, kinds: str, counted: list[int]) -> None:
    """Those that its reader saw when it ended: s stroke, u undo, r redo, c clear, after one stroke of the log."""
    _, page = served.reader()
    task = page.next()
    page.draw(task, [stroke(0, SQUARE)])
    page.draw(task, [stroke(1, OTHER)])
    names = {"u": "undo", "r": "redo", "c": "clear"}
    events = [
        stroke(n, [n, n, n + 9, n, n, n + 9]) if kind == "s" else step(n, names[kind])
        for n, kind in enumerate(kinds, 1)
    ]
    (one,) = send(page, task, events).json()["branches"]
    assert [event["seq"] - 1 for event in one["strokes"]] == counted
    log = decide(page, task, "brought_back", 2).json()["events"]
    assert [event["points"] for event in log[2:]] == [events[n]["points"] for n in counted]


def test_what_reaches_the_log_after_all_waits_for_nothing(served: Served) -> None:
    """Another window of the same device has sent the strokes that this one had set aside."""
    _, page = served.reader()
    task = page.next()
    events = [stroke(0, SQUARE), stroke(1, OTHER)]
    assert len(send(page, task, events).json()["branches"]) == 1
    page.draw(task, events[:1])
    assert len(waiting(page, task)) == 1
    page.draw(task, events[1:])
    assert waiting(page, task) == []
    assert served.store.waiting_by_reader() == {}


def test_only_the_reader_of_a_task_that_has_come_up_has_branches(overtaken: Any) -> None:
    served, _, page, task, offline = overtaken
    _, stranger = served.reader()
    assert code(send(stranger, task, offline)) == (404, "no_task")
    send(page, task, offline)
    assert code(decide(stranger, task, "discarded", 0)) == (404, "no_task")
    last = page.send("GET", "/api/progress").json()["tasks"][-1]
    assert code(send(page, last, offline)) == (404, "no_task")
    assert code(decide(page, task, "discarded", 0, branch="b-unknown")) == (404, "no_branch")
    outside = [stroke(1, [1.0, 1.0, 9000.0, 1.0, 1.0, 9.0])]
    assert code(send(page, task, outside, branch="b-0000002")) == (422, "malformed")
    twice = [offline[0], offline[0]]
    assert code(send(page, task, twice, branch="b-0000002")) == (422, "malformed")
    backwards = [offline[1], offline[0]]
    assert code(send(page, task, backwards, branch="b-0000002")) == (422, "malformed")
    assert len(rows(served)) == 1


def test_a_final_answer_keeps_branches_but_takes_none_back(overtaken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, page, task, offline = overtaken
    send(page, task, offline)
    monkeypatch.setattr("sightline.annotate.task_log.is_final", lambda *_: True)
    assert code(decide(page, task, "brought_back", 2)) == (409, "final")
    assert len(send(page, task, [stroke(2, THIRD)], branch="b-0000002").json()["branches"]) == 2
    assert decide(page, task, "discarded", 0).status_code == 200
    assert waiting(page, task) == ["b-0000002"]


def test_a_withdrawal_deletes_branches(overtaken: Any) -> None:
    served, reader, page, task, offline = overtaken
    send(page, task, offline)
    assert served.store.withdraw(reader)
    assert rows(served) == []


def test_the_coordinator_sees_how_many_wait(overtaken: Any) -> None:
    served, reader, page, task, offline = overtaken
    send(page, task, offline)
    admin = Page(served.client)
    secret = served.store.admin_secret(renew=False)
    admin.csrf = admin.send("POST", "/api/admin/session", {"secret": secret}).json()["csrf"]
    told = admin.send("GET", "/api/admin/overview").json()
    assert told["totals"]["set_aside"] == 1
    assert {row["reader"]: row["set_aside"] for row in told["readers"]} == {reader: 1}
    (line,) = [line for line in status_lines(told) if line.startswith("set aside")]
    assert line == "set aside 1: branches of strokes that wait for their readers' decision"
    nobody = with_set_aside(told, {})
    assert not [line for line in status_lines(nobody) if line.startswith("set aside")]
