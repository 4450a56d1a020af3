"""The page's API under made-up requests: what its OpenAPI description allows, what it forbids, and worse.

Schemathesis makes the requests; none may end in a 5xx, in an answer that the description does not announce, or in a
record that was not answered with 200.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("schemathesis", reason="requests are made up by schemathesis")
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, engine
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pages import AT, SQUARE, Page, Served, answer_of, serve, step, stroke
from sightline.annotate.answers import Gone
from sightline.annotate.page_files import consent_texts

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]
# with fields that the description cannot tie to each other, valid requests are refused too; and the framework names in
# Allow the methods of one route, not of its path
EXCLUDED = ("positive_data_acceptance", "allow_header_conformance")
STANDING = (
    "POST /api/session",
    "GET /api/session",
    "PUT /api/language",
    "GET /api/progress",
    "GET /api/tasks/next",
    "GET /api/tasks/{name}",
    "GET /api/tasks/{name}/image",
    "GET /api/tasks/{name}/companion",
    "POST /api/tasks/{name}/events",
    "POST /api/tasks/{name}/branches",
    "POST /api/tasks/{name}/branches/{branch}",
    "POST /api/tasks/{name}/submission",
    "POST /api/session/unlock",
    "POST /api/consent",
    "POST /api/admin/session",
    "GET /api/admin/session",
    "GET /api/admin/overview",
    "GET /api/admin/access",
    "POST /api/admin/readers/{reader}/revoke",
    "POST /api/admin/readers/{reader}/sign-out",
    "POST /api/admin/readers",
    "POST /api/admin/readers/{reader}/link",
    "POST /api/admin/export",
    "POST /api/admin/backup",
    "GET /api/admin/log",
    "POST /api/admin/round",
    "GET /api/admin/film",
    "GET /api/admin/answers",
)
ENDING = (
    *("DELETE /api/session", "POST /api/session/lock", "POST /api/enrolment", "POST /api/withdrawal"),
    "DELETE /api/admin/session",
)
"""What can be done once a session, or ends it: each request comes from a session of its own."""
WITHOUT_INPUT = {
    *("GET /api/session", "GET /api/progress", "GET /api/tasks/next", "GET /api/admin/session"),
    *("GET /api/admin/overview", "DELETE /api/session", "DELETE /api/admin/session"),
    *("GET /api/admin/access", "POST /api/session/lock"),
    *("POST /api/admin/backup", "POST /api/admin/export", "POST /api/admin/round", "GET /api/admin/log"),
}
ROLES = ("reader", "admin", "nobody")


@dataclass
class Study:
    """A served study and what was answered with 200."""

    served: Served
    secret: str
    pages: dict[str, Page]
    tasks: list[str]
    """Of the reader who stands."""
    events: dict[str, set[str]] = field(default_factory=dict)
    """By task: the ids of events in requests that were answered with 200."""
    submissions: set[str] = field(default_factory=set)
    """Ids that were answered with 200."""

    def newcomer(self, role: str, enrolled: bool = True) -> Page:
        """A session of its own."""
        page = Page(self.served.client)
        if role == "reader":
            return self.served.reader(enrolled)[1]
        if role == "admin":
            page.csrf = page.send("POST", "/api/admin/session", {"secret": self.secret}).json()["csrf"]
        return page

    def note(self, path: str, body: Any, status: int) -> None:
        """Remembers what an answer promised."""
        if status == 200 and path.endswith("/events"):
            self.events.setdefault(path.split("/")[3], set()).update(event["id"] for event in body["events"])
        if status == 200 and path.endswith("/submission"):
            self.submissions.add(body["id"])

    def stored_is_promised(self) -> None:
        """Neither more nor less is in the store than was answered with 200."""
        kept = {row.task: self.served.store.events(row.task) for row in self.all_tasks()}
        assert {task: {event["id"] for event in events} for task, events in kept.items() if events} == self.events
        for events in kept.values():
            assert [event["seq"] for event in events] == list(range(len(events)))
        found = [row.id for row in self.served.store.submissions(only_newest=False)]
        assert len(found) == len(set(found))
        assert set(found) == self.submissions

    def all_tasks(self) -> Any:
        return self.served.store.tasks()


@pytest.fixture(scope="module")
def study(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(prepared)
        served = serve(prepared, f"sqlite:///{tmp_path_factory.mktemp('fuzz')}/store.sqlite")
        served.store.begin({})  # a store without a study is not backed up
        secret = served.store.admin_secret(renew=False)
        assert secret
        made = Study(served=served, secret=secret, pages={}, tasks=[])
        made.pages = {role: made.newcomer(role) for role in ROLES}
        places = made.pages["reader"].send("GET", "/api/progress").json()["tasks"]
        made.tasks = [place["task"] for place in places]
        yield made
        served.store.close()


def description(study: Study, with_credentials: bool) -> dict[str, Any]:
    """The app's OpenAPI description, with values that lead somewhere where any string is allowed.

    `with_credentials`: the cookie and the CSRF token are sent by hand, so they are no parameters to make up.
    """
    described = study.served.client.get("/api/openapi.json").json()
    tasks, images = come_up(study), sorted(study.served.plan.images)
    for operation in (rules for methods in described["paths"].values() for rules in methods.values()):
        parameters = operation.get("parameters", [])
        operation["parameters"] = [p for p in parameters if p["in"] in ("path", "query") or not with_credentials]
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                parameter["schema"] = {"type": "string", "enum": tasks}
            if parameter["in"] == "query":
                parameter["schema"] = {"type": "string", "enum": images}
    schemas = described["components"]["schemas"]
    languages = {"type": "string", "enum": sorted(consent_texts())}
    for name in ("Enrolment", "AcceptedConsent"):
        schemas[name]["properties"]["language"] = languages
        schemas[name]["properties"]["consent_version"] = {"type": "string", "enum": [consent_texts()["en"]["version"]]}
    schemas["ChosenLanguage"]["properties"]["language"] = languages
    # this study names no findings and asks for no comment
    schemas["StrokeStep"]["properties"]["finding"] = schemas["Submission"]["properties"]["comment"] = {"type": "null"}
    schemas["Submission"]["properties"]["findings"] |= {"maxItems": 0}
    return described


def come_up(study: Study) -> list[str]:
    """The reader's tasks that have an answer, and the next one: of later ones everything is refused."""
    places = study.pages["reader"].send("GET", "/api/progress").json().get("tasks", [])
    done = sum(place["done"] for place in places)
    return study.tasks[: done + 1]


def credentials(page: Page) -> dict[str, str]:
    return {"X-CSRF-Token": page.csrf, "Cookie": "; ".join(f"{name}={value}" for name, value in page.cookies.items())}


def made_up(
    study: Study, label: str, mode: GenerationMode, page: Callable[[], Page | None], examples: int, fixed: bool
) -> Counter[int]:
    """Sends up to `examples` requests of one operation and holds each answer against CHECKS; how often each status.

    `page`: whose session a request is sent in, None for made-up cookies. What is refused only for its place in the log
    is sent again where it fits, so that some are stored.
    """
    schema = schemathesis.openapi.from_dict(description(study, page() is not None))
    schema.app = study.served.client.app
    method, path = label.split()
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=examples, derandomize=fixed, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(schema[path][method].as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        whose = page()
        study.served.client.cookies.clear()
        answer = case.call(headers=credentials(whose) if whose else None)
        statuses[answer.status_code] += 1
        sent_to = case.formatted_path
        study.note(sent_to, case.body, answer.status_code)
        case.validate_response(answer, checks=CHECKS)
        if whose and mode is GenerationMode.POSITIVE and answer.status_code in (409, 422):
            fitting = fitted(whose, sent_to, case.body)
            if fitting is not None:
                again = whose.send("POST", sent_to, fitting)
                assert again.status_code < 500
                statuses[again.status_code] += 1
                study.note(sent_to, fitting, again.status_code)

    send()
    return statuses


def fitted(page: Page, path: str, body: Any) -> Any:
    """The same events or answer at the place in the log and for the version where they fit; None for others."""
    task = page.send("GET", path.rpartition("/")[0]).json() if path.endswith(("/events", "/submission")) else {}
    if "events" not in task:
        return None
    if path.endswith("/events"):
        first = len(task["events"])
        return {
            "events": [{**whole(e), "seq": first + n, "id": str(uuid.uuid4())} for n, e in enumerate(body["events"])]
        }
    confidence = None if body["answer"] == "cannot" else 3
    fits = {"mask": None, "confidence": confidence, "base_version": task["version"], "num_events": len(task["events"])}
    return {**body, **fits, "id": str(uuid.uuid4())}


def whole(event: dict[str, Any]) -> dict[str, Any]:
    """A stroke with as many points as its tool takes, in the image, of a radius that is not too costly."""
    if event["kind"] != "stroke":
        return event
    return {**event, "points": SQUARE[: {"point": 2, "box": 4, "ellipse": 4}.get(event["tool"], 8)], "radius": 3.0}


def modes(label: str) -> list[GenerationMode]:
    return [GenerationMode.POSITIVE, *([] if label in WITHOUT_INPUT else [GenerationMode.NEGATIVE])]


def allowed(role: str, label: str) -> bool:
    """Whether a role's session may get a 2xx; a made-up token or secret opens nothing for anybody."""
    is_knock = label in ("POST /api/session", "POST /api/admin/session")
    return role != "nobody" and ("/admin/" in label) == (role == "admin") and not is_knock


def fuzzed(study: Study, role: str, label: str, examples: int, fixed: bool) -> None:
    page = study.pages[role]
    for mode in modes(label):
        statuses = made_up(study, label, mode, lambda: None if role == "nobody" else page, examples, fixed)
        assert statuses, mode
        if mode is GenerationMode.NEGATIVE or not allowed(role, label):
            assert all(400 <= status < 500 for status in statuses), statuses
        elif label == "POST /api/admin/export":
            assert set(statuses) <= {200, 409}, statuses  # 409 until a study image has an answer
        elif label in WITHOUT_INPUT or label in ("PUT /api/language", "POST /api/tasks/{name}/events"):
            assert any(200 <= status < 300 for status in statuses), statuses
    if role == "reader" and label.endswith(("/events", "/submission")):
        assert study.events if label.endswith("/events") else study.submissions  # what is counted is not nothing
    study.stored_is_promised()


def test_every_operation_is_tried(study: Study) -> None:
    paths = study.served.client.get("/api/openapi.json").json()["paths"]
    described = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert described == {*STANDING, *ENDING}


@pytest.mark.parametrize("label", STANDING)
@pytest.mark.parametrize("role", ROLES)
def test_made_up_requests(study: Study, role: str, label: str) -> None:
    fuzzed(study, role, label, examples=8 if allowed(role, label) else 4, fixed=True)


@pytest.mark.slow
@pytest.mark.parametrize("label", STANDING)
@pytest.mark.parametrize("role", ROLES)
def test_many_made_up_requests(study: Study, role: str, label: str) -> None:
    fuzzed(study, role, label, examples=1000, fixed=False)


@pytest.mark.parametrize("label", ENDING)
@pytest.mark.parametrize("role", ROLES)
def test_made_up_requests_that_end_a_session(study: Study, role: str, label: str) -> None:
    """Each in a throw-away session; the first valid one is accepted, an invalid one changes nothing."""
    is_new = label == "POST /api/enrolment"
    for mode in modes(label):
        used: list[Page] = []

        def newcomer(used: list[Page] = used) -> Page | None:
            if role != "nobody":
                used.append(study.newcomer(role, enrolled=not is_new))
            return used[-1] if used else None

        statuses = made_up(study, label, mode, newcomer, examples=4, fixed=True)
        if role == "nobody" or (role == "admin") != ("/admin/" in label):
            assert set(statuses) <= {400, 401, 403, 422}, statuses
        elif mode is GenerationMode.POSITIVE:
            assert any(200 <= status < 300 for status in statuses), statuses
        else:
            assert set(statuses) <= {400, 422}, statuses
            for page in used:
                session = page.send("GET", "/api/session")
                assert session.status_code == 200
                assert session.json()["enrolled"] == (not is_new)
    study.stored_is_promised()


@pytest.mark.parametrize("role", ROLES)
def test_limits_missing_fields_and_other_methods(study: Study, role: str) -> None:
    """Schemathesis's deterministic cases: each bound and just beyond it, fields and bodies left out, other methods."""
    config = schemathesis.Config.from_dict(
        {
            "headers": credentials(study.pages[role]) if role != "nobody" else {},
            "checks": {name: {"enabled": False} for name in EXCLUDED},
            "phases": {
                name: {"enabled": name == "coverage"} for name in ("coverage", "examples", "fuzzing", "stateful")
            },
        }
    )
    described = description(study, with_credentials=role != "nobody")
    schema = schemathesis.openapi.from_dict(described, config=config).exclude(name=list(ENDING))
    schema.app = study.served.client.app
    study.served.client.cookies.clear()
    found, seen = [], Counter()
    for event in engine.from_schema(schema).execute():
        assert not isinstance(event, engine.events.NonFatalError | engine.events.FatalError), event
        recorder = getattr(event, "recorder", None)
        if recorder is None:
            continue
        for name, interaction in recorder.interactions.items():
            assert interaction.response is not None
            status, case = interaction.response.status_code, recorder.cases[name].value
            seen[status] += 1
            study.note(case.formatted_path, case.body, status if case.method == "POST" else 0)
        checks = [check for checks in recorder.checks.values() for check in checks]
        found += [(recorder.label, check.name, check.failure_info) for check in checks if check.failure_info]
    assert not found
    assert seen[405] > 0
    assert (seen[422] > 100) == (role == "reader")
    study.stored_is_promised()


# by hand


@pytest.fixture(scope="module")
def shared(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One page for the tests that look at a reader of their own; to make its app takes a fifth of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(prepared)
        served = serve(prepared, f"sqlite:///{tmp_path_factory.mktemp('hand')}/store.sqlite")
        yield served
        served.store.close()


def send_bytes(page: Page, method: str, path: str, body: bytes, kind: str = "application/json") -> Any:
    headers = {**credentials(page), "content-type": kind}
    page.client.cookies.clear()
    return page.client.request(method, path, content=body, headers=headers)


def refused(answer: Any, status: int) -> bool:
    """Whether it is a refusal in the form of every other, which repeats nothing at length."""
    detail = answer.json()["detail"]
    return answer.status_code == status and set(detail) == {"code", "message"} and len(answer.content) < 2000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"events":' + b"[" * 100_000, 400),
        (b'{"events":' * 50_000, 400),
        (b'{"events":' + b"[" * 500 + b"]" * 500 + b"}", 422),
        (b'{"events": [{"seq": ' + b"9" * 5000 + b"}]}", 400),
        (b'{"events": [{"seq": ' + b"9" * 400 + b"}]}", 422),
        (b'{"events": [{"seq": 1e999}]}', 422),
        (b'{"events": [{"seq": -0.0}]}', 422),
        (b'{"events": [{"id": "\xff\xfe"}]}', 400),
        (b"\xc3", 400),
        (b"\xef\xbb\xbf{", 422),
        (b"", 422),
        (b"null", 422),
        (b'"events"', 422),
        (b'[["events", []]]', 422),
        (b'{"events": []} {"events": []}', 422),
        (b'{"__proto__": {"events": []}, "events": []}', 422),
        (b'{"events": [{"kind": "\xf0\x9f\x96\x8a"}]}', 422),
        (b'{"events": [{"kind": ["stroke"]}]}', 422),
        (b'{"events": [{"kind": null}]}', 422),
    ],
)
def test_bodies_that_are_no_events(shared: Served, body: bytes, status: int) -> None:
    _, page = shared.reader()
    task = page.next()
    answer = send_bytes(page, "POST", f"/api/tasks/{task['task']}/events", body)
    assert refused(answer, status), answer.text
    assert not shared.store.events(task["task"])


def test_of_two_keys_of_one_name_the_last_counts_and_is_checked(served: Served) -> None:
    _, page = served.reader()
    path = f"/api/tasks/{page.next()['task']}/events"
    good, bad = json.dumps([step(0, "clear")]), json.dumps([step(5, "clear")])
    assert send_bytes(page, "POST", path, f'{{"events": {good}, "events": {bad}}}'.encode()).status_code == 409
    assert send_bytes(page, "POST", path, f'{{"events": {bad}, "events": {good}}}'.encode()).json() == {"saved": 1}


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "",
        "\t",
        "a/b/c",
    ],
)
def test_what_a_form_of_another_site_can_send_is_no_body(shared: Served, kind: str) -> None:
    """These types need no leave of the browser's to be sent across sites."""
    _, page = shared.reader()
    answer = send_bytes(page, "PUT", "/api/language", b'{"language": "it"}', kind)
    assert refused(answer, 422), answer.text
    assert page.send("GET", "/api/session").json()["language"] == "en"


@pytest.mark.parametrize(
    "at",
    [
        0, 1_800_000_000, -1.5, "0", "1800000000", "2026-11-23", "2026-11-23T21:00Z", "2026-11-23 21:00:00Z", True,
        None, "2026-02-30T00:00:00Z", "2026-11-23T21:00:00", "2026-11-23T21:00:00Z\n", "２０２６-11-23T21:00:00Z",
        ["2026"], "2026-11-23T25:00:00Z", "2026-11-23T21:00:00+99:00", "9" * 4000, "+2026-11-23T21:00:00Z",
    ],
)  # fmt: skip
def test_times_are_written_out(shared: Served, at: Any) -> None:
    pseudonym, page = shared.reader()
    task = page.next()
    assert refused(page.draw(task, [step(0, "clear") | {"at": at}]), 422)
    assert refused(page.submit(task, [], answer="none", mask=None, opened_at=at), 422)
    assert not shared.store.events(task["task"])
    assert not [row for row in shared.store.submissions() if row.reader == pseudonym]


@pytest.mark.parametrize("at", [AT, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59"])
def test_odd_clocks_are_no_error(shared: Served, at: str) -> None:
    """A reader's clock may be wrong; the server's own time is what counts."""
    _, page = shared.reader()
    task = page.next()
    assert page.draw(task, [step(0, "clear") | {"at": at}]).status_code == 200
    assert (
        page.submit(task, [], answer="none", mask=None, num_events=1, opened_at=at, submitted_at=at).status_code == 200
    )


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Ada\r\nSet-Cookie: reader=x"}, {"name": "Ada\x00"}, {"name": "Ada\x1b[2J"}, {"name": "Ada\x7f"},
        {"name": "\ud800"}, {"name": ["Ada"]}, {"name": None}, {"name": "a" * 100_000},
        {"email": "a@b\r\nBcc: all@example.org"}, {"email": "a@b\x00"}, {"email": "a" * 199 + "@b"}, {"email": ""},
        {"language": "en\n"}, {"language": "../en"}, {"language": "EN"}, {"consent": 1}, {"consent": "true"},
        {"consent_version": ""}, {"years": True}, {"years": "7"}, {"years": 10**30}, {"profession": "radiologist\n"},
        {"reader": "r-aaaaaa"}, {"withdrawn": False},
    ],
)  # fmt: skip
def test_names_cannot_carry_headers_or_terminals(shared: Served, change: dict[str, Any]) -> None:
    pseudonym, page = shared.reader(enrolled=False)
    body = {
        "name": "Ada Bianchi", "email": None, "profession": "radiologist", "years": 7, "language": "en",
        "consent_version": consent_texts()["en"]["version"], "consent": True, **change,
    }  # fmt: skip
    assert refused(send_bytes(page, "POST", "/api/enrolment", json.dumps(body).encode()), 422)
    assert not page.send("GET", "/api/session").json()["enrolled"]
    assert [tuple(row)[1:] for row in shared.store.people() if row[0] == pseudonym] == [(None, None, None)]


@pytest.mark.parametrize(
    "name", ["Zoë Nuñez-O'Brien", "李雷", "'; drop table person; --", "<script>alert(1)</script>", "a" * 200]
)
def test_names_of_all_the_world_are_kept_as_they_are(shared: Served, name: str) -> None:
    pseudonym, page = shared.reader(enrolled=False)
    answer = page.enrol(name=f" {name} ".rjust(200)[-200:] if len(name) < 200 else name)
    assert answer.status_code == 200
    assert name not in answer.text
    assert [row.name for row in shared.store.people() if row[0] == pseudonym] == [name]


def test_a_withdrawn_readers_cookie_opens_nothing(served: Served) -> None:
    pseudonym, page = served.reader()
    task = page.next()
    events = [stroke(0, SQUARE)]
    kept = dict(page.cookies)
    assert page.send("POST", "/api/withdrawal", {"confirm": "withdraw"}).status_code == 204
    page.cookies = kept  # a browser that was told to forget it, and did not
    for method, path, body in (
        ("GET", "/api/session", None),
        ("GET", "/api/progress", None),
        ("GET", "/api/tasks/next", None),
        ("GET", task["image"], None),
        ("PUT", "/api/language", {"language": "it"}),
        ("POST", f"/api/tasks/{task['task']}/events", {"events": events}),
        ("POST", f"/api/tasks/{task['task']}/submission", answer_of(events, 64, 64)),
        ("POST", "/api/withdrawal", {"confirm": "withdraw"}),
        ("DELETE", "/api/session", None),
    ):
        answer = page.send(method, path, body)
        detail = {"code": "withdrawn", "message": "you have withdrawn from the study", "reader": pseudonym}
        assert (answer.status_code, answer.json()["detail"]) == (401, detail), path
    assert not served.store.tasks()


def test_a_withdrawal_while_another_device_saves(served: Served) -> None:
    """The request has been let in when the reader's tasks go: a clear 404, and nothing comes back."""
    pseudonym, page = served.reader()
    task = page.next()
    events = [stroke(0, SQUARE)]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("image_of", "task"):
            found = getattr(served.store, name)(pseudonym, task["task"])

            def late(*_: Any, found: Any = found) -> Any:
                served.store.withdraw(pseudonym)
                return found

            patch.setattr(served.store, name, late)
        assert refused(page.draw(task, events), 404)
    assert not served.store.events(task["task"])
    with pytest.raises(Gone):
        served.store.save_events(task["task"], events)


def test_submissions_replayed_by_another_reader(served: Served) -> None:
    """My answer sent again in another's session, to my task and to theirs, changes neither."""
    (_, mine), (_, theirs) = served.reader(), served.reader()
    task, other = mine.next(), theirs.next()
    events = [stroke(0, SQUARE)]
    mine.draw(task, events)
    body = answer_of(events, task["height"], task["width"])
    assert mine.send("POST", f"/api/tasks/{task['task']}/submission", body).status_code == 200
    assert refused(theirs.send("POST", f"/api/tasks/{task['task']}/submission", body), 404)
    theirs.draw(other, events)
    answer = theirs.send("POST", f"/api/tasks/{other['task']}/submission", body)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (409, "conflict")
    assert "version" not in answer.json()["detail"]
    assert [row.task for row in served.store.submissions(only_newest=False)] == [task["task"]]
    # the ids of my events are no secret that another's log must not hold
    assert [event["id"] for event in served.store.events(other["task"])] == [events[0]["id"]]


@pytest.mark.parametrize(
    "name",
    [
        "%00", "a%00b", "%ff", "%c0%ae%c0%ae", "a" * 60_000, "a%2f" * 10_000, "%0d%0aSet-Cookie:%20reader=x",
        "..%5c..%5c", "%25%32%65", "' or 1=1 --", "*", "😀", "con", "~root",
    ],
)  # fmt: skip
def test_odd_paths_are_not_there(shared: Served, name: str) -> None:
    _, page = shared.reader()
    headers = credentials(page)
    page.client.cookies.clear()
    for method, path in (
        ("GET", f"/page/{name}"),
        ("GET", f"/page/strings/{name}.json"),
        ("GET", f"/{name}"),
        ("GET", f"/api/tasks/{name}"),
        ("GET", f"/api/tasks/{name}/image"),
        ("POST", f"/api/tasks/{name}/events"),
        ("POST", f"/api/tasks/{name}/submission"),
    ):
        body = (
            {"events": [step(0, "clear")]}
            if path.endswith("events")
            else answer_of([], 64, 64, answer="none", mask=None)
        )
        answer = page.client.request(method, path, headers=headers, json=body if method == "POST" else None)
        assert answer.status_code == 404, (method, path[:60])
        assert "set-cookie" not in answer.headers
        assert refused(answer, 404)


def test_odd_headers_open_nothing(served: Served) -> None:
    _, page = served.reader()
    good = credentials(page)
    cases: list[tuple[dict[str, bytes | str], int]] = [
        ({"X-CSRF-Token": "é".encode()}, 403),
        ({"X-CSRF-Token": "a" * 10_000}, 403),
        ({"X-CSRF-Token": page.csrf.upper()}, 403),
        ({"X-CSRF-Token": f" {page.csrf}\t"}, 403),
        ({"Cookie": b"reader=\xe9\x80"}, 403),
        ({"Cookie": "reader="}, 401),
        ({"Cookie": "reader=" + "a" * 30_000}, 403),
        ({"Cookie": good["Cookie"].replace("reader", "Reader")}, 401),
        ({"Cookie": good["Cookie"].replace("reader", "admin")}, 401),
        ({"Content-Length": "-1"}, 413),
        ({"Content-Length": "1_0"}, 413),
        ({"Origin": "http://testserver.evil.example"}, 403),
        ({"Origin": "http://testserver@evil.example"}, 403),
        ({"Origin": ""}, 403),
    ]
    for change, status in cases:
        page.client.cookies.clear()
        answer = page.client.put("/api/language", json={"language": "it"}, headers={**good, **change})
        assert answer.status_code == status, (change, answer.text)
    assert page.send("GET", "/api/session").json()["language"] == "en"


def test_the_longest_request_is_answered(served: Served) -> None:
    """As many strokes as one request may hold, each across the whole image, and the largest brush."""
    _, page = served.reader()
    task = page.next()
    points = [0.0, 0.0, 64.0, 64.0] * 50
    events = [stroke(n, points, tool=tool, radius=512) for n, tool in enumerate(["brush", "outline"] * 100)]
    assert page.draw(task, events).json() == {"saved": 200}
    assert page.submit(task, events).status_code == 200
