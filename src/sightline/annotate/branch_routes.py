"""Branches of a task: the page sends strokes that another device's drawing has overtaken, and its reader decides."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy import Row

from sightline.annotate import replies
from sightline.annotate.answers import Final
from sightline.annotate.branch_messages import Branches, Decided, SentBranch, SentDecision
from sightline.annotate.branch_store import NoBranch
from sightline.annotate.drawing_check import check_strokes
from sightline.annotate.images import Pictures
from sightline.annotate.refusals import REFUSALS, Refused, no_task
from sightline.annotate.store import Store
from sightline.annotate.turns import has_come_up


def branches_of(store: Store, name: str) -> list[replies.Branch]:
    """The branches of a task that wait for a decision."""
    return [
        replies.Branch(id=one.id, received_at=one.received_at, strokes=[dict(event) for event in one.strokes])
        for one in store.waiting(name)
    ]


def router(
    store: Store, pictures: Pictures, enrolled: Callable[..., Row[Any]], findings: tuple[str, ...] = ()
) -> APIRouter:
    """The routes under /api/tasks/NAME/branches.

    `enrolled`: the dependency that gives the row of an enrolled reader; `findings`: that readers are asked about.
    """
    routes = APIRouter(responses=REFUSALS)
    Enrolled = Annotated[Row[Any], Depends(enrolled)]

    def image_of(row: Row[Any], name: str) -> str:
        image = store.image_of(row.reader, name)
        if image is None or not has_come_up(store.tasks_of(row.reader), name):
            raise no_task()
        return image

    @routes.post("/api/tasks/{name}/branches")
    def set_aside(name: str, sent: SentBranch, row: Enrolled) -> Branches:
        check_strokes(sent.events, findings, *pictures.size(image_of(row, name)))
        events = [event.model_dump(mode="json", exclude_none=True) for event in sent.events]
        store.set_aside(name, sent.id, events)
        return Branches(branches=branches_of(store, name))

    @routes.post("/api/tasks/{name}/branches/{branch}")
    def decide(name: str, branch: str, sent: SentDecision, row: Enrolled) -> Decided:
        image_of(row, name)
        try:
            events = store.decide(name, branch, sent.decision, sent.num_events)
        except NoBranch:
            raise Refused(404, "no_branch", "no such strokes wait here for a decision") from None
        except Final:
            raise Refused(409, "final", "the answer to this image can no longer be changed") from None
        return Decided(branches=branches_of(store, name), events=events)

    return routes
