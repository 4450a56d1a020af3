"""The progress overview from the store, which `sightline annotate status` prints and the admin's page shows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sightline.annotate.assignment import Plan
from sightline.annotate.export import mask_of_answer
from sightline.annotate.progress import Assigned, Reader, Reading, overview
from sightline.annotate.store import Store
from sightline.experts.masks import shrunk
from sightline.study.parameters import read_entry


def empty_votes_in(params: str | Path = "params.yaml") -> bool:
    """Whether an annotation without a region votes in the study's consensus (`consensus.empty`)."""
    return bool(read_entry(Literal["dropped", "votes"], "consensus", "empty", params) == "votes")


def with_set_aside(told: dict[str, Any], waiting: Mapping[str, int]) -> dict[str, Any]:
    """The overview with the number of branches that wait for a decision, `set_aside`, in totals and per reader."""
    rows = [{**row, "set_aside": waiting.get(row["reader"], 0)} for row in told["readers"]]
    totals = {**told["totals"], "set_aside": sum(row["set_aside"] for row in rows)}
    return {**told, "totals": totals, "readers": rows}


def live_overview(
    store: Store, plan: Plan, begun_at: str, grid: tuple[int, int], *, empty_votes: bool
) -> Callable[[], dict[str, Any]]:
    """A function that returns the overview as of now.

    Masks are held on the study's `grid` (rows, columns), and `empty_votes` is the study's `consensus.empty`, so that
    agreement equals that of the stage consensus on an export, with cleanup `auto` or `none`. Answers do not change, so
    each mask is resized once.
    """
    known: dict[tuple[str, int], np.ndarray | None] = {}
    lock = threading.Lock()

    def now() -> dict[str, Any]:
        readers = [
            Reader(
                reader=row.reader,
                profession=row.profession,
                years=row.years,
                state="withdrawn" if row.withdrawn_at else "enrolled" if row.enrolled_at else "invited",
                last_seen=max((at for at in (row.drew, row.came) if at), default=None),
            )
            for row in store.readers()
        ]
        assigned = [
            Assigned(task=row.task, reader=row.reader, image=row.image, kind=row.kind, repeat=row.repeat)
            for row in store.tasks()
        ]
        readings = []
        with lock:
            for answer in store.submissions():
                key = (answer.task, answer.version)
                if key not in known:
                    mask = mask_of_answer(answer)
                    known[key] = None if mask is None else shrunk(mask, *grid)
                readings.append(
                    Reading(
                        task=answer.task,
                        reader=answer.reader,
                        image=answer.image,
                        kind=answer.kind,
                        repeat=answer.repeat,
                        answer=answer.answer,
                        confidence=answer.confidence,
                        submitted_at=answer.received_at,
                        active_seconds=answer.active_seconds,
                        versions=answer.version,
                        mask=known[key],
                    )
                )
        now_utc = datetime.now(UTC)
        told = overview(plan, readers, assigned, readings, begun_at, empty_votes=empty_votes, now=now_utc)
        return with_set_aside(told, store.waiting_by_reader())

    return now
