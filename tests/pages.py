"""The experts' page for tests: requests as the page sends them, a served study, and the commands that serve it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sightline.annotate.admin_desk_routes import Desk
from sightline.annotate.assignment import Plan, planned_tasks
from sightline.annotate.companions import read_companions
from sightline.annotate.health import Health
from sightline.annotate.images import Params, Pictures, study_index, study_plan
from sightline.annotate.live import live_overview
from sightline.annotate.page_files import consent_texts
from sightline.annotate.security import Limiter, Limits
from sightline.annotate.server import create_app
from sightline.annotate.sessions import Stay
from sightline.annotate.store import Store
from sightline.formats.rle import counts_of
from sightline.formats.strokes import drawn_mask, effective_strokes
from sightline.study.parameters import read_params
from studies import ROOT, sightline

pytest.importorskip("httpx2", reason="fastapi's test client needs httpx2")
from fastapi.testclient import TestClient

AT = "2026-11-23T21:00:00.000Z"
SQUARE = [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]


def stroke(seq: int, points: list[float], tool: str = "outline", mode: str = "add", radius: float = 3.0) -> dict:
    """One event as the page sends it."""
    return {
        "id": str(uuid.uuid4()), "seq": seq, "at": AT, "kind": "stroke", "tool": tool, "mode": mode, "radius": radius,
        "points": points,
    }  # fmt: skip


def step(seq: int, kind: str) -> dict:
    return {"id": str(uuid.uuid4()), "seq": seq, "at": AT, "kind": kind}


def answer_of(events: list[dict], height: int, width: int, **changes: Any) -> dict:
    """The submission of a region that these events draw."""
    mask = drawn_mask(effective_strokes(events), height, width)
    return {
        "id": str(uuid.uuid4()), "base_version": 0, "answer": "region", "confidence": 4, "num_events": len(events),
        "mask": {"size": [height, width], "counts": counts_of(mask)}, "opened_at": AT, "submitted_at": AT,
        "active_seconds": 12.5, **changes,
    }  # fmt: skip


@dataclass
class Page:
    """One reader's browser."""

    client: TestClient
    csrf: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        self.client.cookies.clear()
        for name, value in self.cookies.items():
            self.client.cookies.set(name, value)
        answer = self.client.request(method, path, json=body, headers={"X-CSRF-Token": self.csrf, **headers})
        self.cookies.update(answer.cookies)
        return answer

    def knock(self, token: str) -> Any:
        answer = self.send("POST", "/api/session", {"token": token})
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf"]
        return answer

    def enrol(self, **changes: Any) -> Any:
        version = consent_texts()["en"]["version"]
        return self.send(
            "POST",
            "/api/enrolment",
            {
                "name": "Ada Bianchi", "email": "ada@example.org", "profession": "radiologist", "years": 7,
                "language": "en", "consent_version": version, "consent": True, **changes,
            },
        )  # fmt: skip

    def next(self) -> dict:
        return self.send("GET", "/api/tasks/next").json()

    def draw(self, task: dict, events: list[dict]) -> Any:
        return self.send("POST", f"/api/tasks/{task['task']}/events", {"events": events})

    def submit(self, task: dict, events: list[dict], **changes: Any) -> Any:
        body = answer_of(events, task["height"], task["width"], **changes)
        return self.send("POST", f"/api/tasks/{task['task']}/submission", body)


@dataclass
class Served:
    """A study's application on a store of its own."""

    store: Store
    plan: Plan
    pictures: Pictures
    client: TestClient

    def invite(self, name: str = "") -> tuple[str, str]:
        return self.store.invite(name, lambda slot, coverage: planned_tasks(self.plan, slot, coverage))

    def reader(self, enrolled: bool = True) -> tuple[str, Page]:
        pseudonym, token = self.invite()
        page = Page(self.client)
        assert page.knock(token).status_code == 200
        if enrolled:
            assert page.enrol().status_code == 200
        return pseudonym, page


def open_limits() -> Limits:
    return Limits(failures=Limiter(1e9, 1e9), requests=Limiter(1e9, 1e9))


def serve(
    folder: Path,
    store: str,
    limits: Limits | None = None,
    is_https: bool = False,
    health: Health | None = None,
    stay: Stay | None = None,
    shows_others: bool = False,
) -> Served:
    """The study prepared in `folder`, which must be the working folder."""
    params, index = read_params(Params, folder / "params.yaml"), study_index()
    plan, pictures = study_plan(params, index), Pictures(params.data, index)
    opened = Store(store, new=True)
    overview = live_overview(opened, plan, AT, (params.data.height, params.data.width), empty_votes=True)
    app = create_app(
        opened,
        pictures,
        overview,
        contact="Dr Verdi",
        is_https=is_https,
        limits=limits or open_limits(),
        health=health,
        stay=stay,
        shows_others=shows_others,
        findings=params.annotate.finding_names,
        asks_comment=params.annotate.comments,
        companions=read_companions(params.annotate.companions, params.data, pictures.sha256),
        desk=Desk(plan, Path(store.removeprefix("sqlite:///")) if store.startswith("sqlite") else None),
    )
    base = "https://testserver" if is_https else "http://testserver"
    return Served(opened, plan, pictures, TestClient(app, base_url=base, raise_server_exceptions=True))


def environment(store: Path | str) -> dict[str, str]:
    return {**os.environ, "SIGHTLINE_STORE": str(store), "PYTHONPATH": str(ROOT / "src")}


def run(folder: Path, store: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`sightline annotate ...` in a study's folder, in this process."""
    return sightline(folder, "annotate", *arguments, SIGHTLINE_STORE=str(store))


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed, which succeeded without a word on stderr."""
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def links(output: str) -> dict[str, str]:
    """Invite token of each reader that `invite` printed."""
    lines = [line.split("\t") for line in output.splitlines()]
    return {columns[0]: columns[-1].partition("#invite=")[2] for columns in lines}


def exported(folder: Path, store: Path, *arguments: str) -> str:
    return said(run(folder, store, "export", *arguments))


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


@contextmanager
def serving(folder: Path, store: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The served page and its address, up and answering; killed at the end if it still runs."""
    port = free_port()
    command = [sys.executable, "-m", "sightline.cli", "annotate", "serve", "--port", str(port), *arguments]
    server = subprocess.Popen(
        command, cwd=folder, env=environment(store), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while server.poll() is None and time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{url}/api/openapi.json", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        assert server.poll() is None, server.communicate()[1]
        yield server, url
    finally:
        if server.poll() is None:
            server.kill()
        server.communicate()
