"""Simulated readers of the experts' page for annotate_load.py: what they draw, and clients that save as the page does.

As on the page (sync.js, api.js), a stroke is queued when it is drawn; the queue is sent in order, in batches, one
request at a time, and kept until it is confirmed. Without an answer, the request is tried again after 0.5 s, 1 s, ...
15 s.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from typing import Any

import numpy as np

from sightline.formats.rle import counts_of
from sightline.formats.strokes import drawn_mask, effective_strokes

FEWEST, MOST = 15, 25  # events of one drawing
FIRST_WAIT, LONGEST_WAIT, TIMEOUT = 0.5, 15.0, 20.0  # seconds
BATCH = 100  # events in one request
DRAIN = 60.0  # seconds after the last stroke in which everything must have been confirmed


@dataclass(frozen=True)
class Drawing:
    """What a reader draws on one image."""

    events: list[dict[str, Any]]
    """Without id and time."""
    answer: dict[str, Any]
    """answer, confidence, num_events and mask, as they follow from the events."""


def planned_drawings(reader: int, seconds: int, height: int, width: int) -> list[Drawing]:
    """Enough drawings for `seconds` seconds, one event per second, on images of `height` x `width` pixels."""
    rng = np.random.default_rng(reader)
    drawings: list[Drawing] = []
    while sum(len(drawing.events) for drawing in drawings) <= seconds:
        events = [_event(rng, seq, height, width) for seq in range(rng.integers(FEWEST, MOST, endpoint=True))]
        mask = drawn_mask(effective_strokes(events), height, width)
        answer: dict[str, Any] = {"answer": "none", "mask": None}
        if mask.any():
            answer = {"answer": "region", "mask": {"size": [height, width], "counts": counts_of(mask)}}
        answer |= {"confidence": int(rng.integers(1, 6)), "num_events": len(events)}
        drawings.append(Drawing(events, answer))
    return drawings


def _event(rng: np.random.Generator, seq: int, height: int, width: int) -> dict[str, Any]:
    """Sometimes an undo, else 50 to 200 points along a wobbling ring or part of one, by brush or outline."""
    if seq and rng.random() < 0.05:
        return {"seq": seq, "kind": "undo"}
    tool = "brush" if rng.random() < 0.5 else "outline"
    turn = rng.uniform(0.2, 1) if tool == "brush" else 1
    angles = np.linspace(0, 2 * np.pi * turn, rng.integers(50, 201), endpoint=False) + rng.uniform(0, 6)
    side = min(height, width)
    reach = side * rng.uniform(0.04, 0.12) * (1 + 0.2 * np.sin(3 * angles))
    centre = rng.uniform(0.15, 0.85, 2) * (width, height)
    points = centre + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return {
        "seq": seq,
        "kind": "stroke",
        "tool": tool,
        "mode": "remove" if seq and rng.random() < 0.2 else "add",
        "radius": max(0.5, round(8 * side * rng.uniform(0.005, 0.02)) / 8),
        "points": np.clip(np.round(8 * points) / 8, 0, (width, height))
        .ravel()
        .tolist(),  # 1/8 pixel, as the page sends them
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Refused(Exception):
    """An answer that trying again will not change."""


class Later(OSError):
    """The server answered and asks to be tried again later."""


@dataclass(eq=False)
class Reader(threading.Thread):
    """Once signed in and started, draws one event per second for `seconds`, then saves what is left."""

    port: int
    token: str
    number: int
    drawings: list[Drawing]
    seconds: int
    drawn: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Events by task, in order."""
    confirmed: set[str] = field(default_factory=set)
    """Ids of the events that the server has confirmed."""
    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Submissions that were sent, by id; with `task` and, once confirmed, `version`."""
    saves: list[float] = field(default_factory=list)
    """Seconds of each confirmed request that saved events."""
    submissions: list[float] = field(default_factory=list)
    """Seconds of each confirmed submission."""
    failures: Counter[str] = field(default_factory=Counter)
    """Requests that were tried again later, by their error."""
    waits: list[float] = field(default_factory=list)
    """Seconds from each event's drawing to its confirmation."""
    refusal: str = ""
    """Why this reader gave up, if it did."""

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._http = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        self._headers = {"content-type": "application/json"}
        self._task = ""  # of the open image; empty between two images
        self._waiting: list[tuple[float, dict[str, Any]]] = []  # when it was drawn, event
        self._answer: dict[str, Any] = {}  # the submission being sent
        self._wait, self._retry_at = FIRST_WAIT, 0.0

    def sign_in(self) -> None:
        """Opens the personal link and enrols; OSError, HTTPException or Refused if that fails."""
        words = self._answer_of("GET", "/page/strings/en.json")
        self._headers["x-csrf-token"] = self._answer_of("POST", "/api/session", {"token": self.token})["csrf"]
        who = {"name": f"Reader {self.number}", "profession": "student", "years": 1, "language": "en", "consent": True}
        self._answer_of("POST", "/api/enrolment", who | {"consent_version": words["consent.version"]})

    def run(self) -> None:
        start = time.monotonic()
        end = start + self.seconds
        due = start + np.random.default_rng([self.number, 1]).random()  # readers draw at different moments
        try:
            while (now := time.monotonic()) < end or self._waiting or self._answer:
                if now > end + DRAIN:
                    raise Refused(f"{len(self._waiting)} events unconfirmed {DRAIN:g} s after the last")
                if self._may_draw() and due <= now < end:
                    self._draw(now)
                    due = max(due + 1, now)  # a reader who had to wait does not hurry afterwards
                if now >= self._retry_at:
                    self._try_request()
                moments = [due] if self._may_draw() and due < end else []
                moments += [self._retry_at] if self._waiting or self._answer or not self._task else []
                time.sleep(max(0, min(moments, default=end) - time.monotonic()))
        except Exception as error:  # of any kind: the benchmark fails and prints it
            self.refusal = f"reader {self.number}: {type(error).__name__}: {error}"
        finally:
            self._http.close()

    def _may_draw(self) -> bool:
        return bool(self._task) and not self._answer

    def _draw(self, now: float) -> None:
        """Adds the next event of the open drawing to the queue; after the last one, its answer is due."""
        drawing, log = self.drawings[len(self.drawn) - 1], self.drawn[self._task]
        log.append({"id": str(uuid.uuid4()), "at": _now(), **drawing.events[len(log)]})
        self._waiting.append((now, log[-1]))
        if len(log) == len(drawing.events):
            times = {"opened_at": log[0]["at"], "submitted_at": _now(), "active_seconds": float(len(log))}
            self._answer = {"id": str(uuid.uuid4()), "base_version": 0, **times, **drawing.answer}
            self.answered[self._answer["id"]] = {"task": self._task, **self._answer}

    def _try_request(self) -> None:
        try:
            self._request()
            self._wait = FIRST_WAIT
        except (HTTPException, OSError) as error:
            self.failures[str(error) if isinstance(error, Later) else type(error).__name__] += 1
            self._http.close()
            self._retry_at = time.monotonic() + self._wait
            self._wait = min(2 * self._wait, LONGEST_WAIT)

    def _request(self) -> None:
        """Sends the request that the page would send next, if any."""
        if not self._task:
            self._open()
        elif self._waiting:
            self._save(self._waiting[:BATCH])
        elif self._answer:
            self._submit()

    def _open(self) -> None:
        task = self._answer_of("GET", "/api/tasks/next")
        if task["events"] or task["version"]:
            raise Refused(f"the next image was begun before: {len(task['events'])} events, version {task['version']}")
        self._answer_of("GET", task["image"])
        self._task = task["task"]
        self.drawn[self._task] = []

    def _save(self, batch: list[tuple[float, dict[str, Any]]]) -> None:
        start = time.perf_counter()
        reply = self._answer_of("POST", f"/api/tasks/{self._task}/events", {"events": [event for _, event in batch]})
        self.saves.append(time.perf_counter() - start)
        if reply["saved"] != batch[-1][1]["seq"] + 1:
            raise Refused(f"{reply['saved']} events saved, after the one with seq {batch[-1][1]['seq']}")
        now = time.monotonic()
        self.waits += [now - drawn_at for drawn_at, _ in batch]
        self.confirmed |= {event["id"] for _, event in batch}
        del self._waiting[: len(batch)]

    def _submit(self) -> None:
        start = time.perf_counter()
        reply = self._answer_of("POST", f"/api/tasks/{self._task}/submission", self._answer)
        self.submissions.append(time.perf_counter() - start)
        self.answered[self._answer["id"]]["version"] = reply["version"]
        self._task, self._answer = "", {}

    def _answer_of(self, method: str, path: str, body: Any = None) -> Any:
        """The content of the answer; OSError or HTTPException if trying again may help, Refused if not."""
        self._http.request(method, path, None if body is None else json.dumps(body), self._headers)
        answer = self._http.getresponse()
        content = answer.read()
        if cookie := answer.headers["set-cookie"]:
            self._headers["cookie"] = cookie.partition(";")[0]
        if answer.headers.get_content_type() != "application/json":  # a film
            return content
        reply = json.loads(content)
        if answer.status == 409 and reply["detail"]["code"] == "already_recorded":
            return reply["detail"]
        if answer.status == 429 or answer.status >= 500:
            raise Later(f"HTTP {answer.status}")
        if answer.status >= 400:
            raise Refused(f"HTTP {answer.status} {reply['detail']['code']}: {reply['detail']['message']}")
        return reply
