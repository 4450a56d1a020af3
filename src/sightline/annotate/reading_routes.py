"""A reader's tasks: progress, one task with its drawing, the events of drawing, and the answer."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy import Row

from sightline.annotate import messages, replies
from sightline.annotate.adjudication import ROUND
from sightline.annotate.answers import Conflict, Final, Recorded, Submitted
from sightline.annotate.branch_routes import branches_of
from sightline.annotate.companions import Companions
from sightline.annotate.drawing_check import check_strokes, checked_findings, checked_mask
from sightline.annotate.findings import as_given, as_stored
from sightline.annotate.images import Pictures
from sightline.annotate.refusals import REFUSALS, Refused, no_task
from sightline.annotate.store import Store
from sightline.annotate.turns import has_come_up


def router(
    store: Store,
    pictures: Pictures,
    enrolled: Callable[..., Row[Any]],
    tool_version: str,
    findings: tuple[str, ...] = (),
    asks_comment: bool = False,
    companions: Companions | None = None,
    shows_others: bool = False,
) -> APIRouter:
    """The routes under /api/progress and /api/tasks, less the image itself.

    `enrolled`: the dependency that gives the row of an enrolled reader; `findings`: that readers are asked about;
    `asks_comment`: whether they may comment; `companions`: films beside the images; `shows_others`: whether a second
    round shows the other readers' outlines.
    """
    routes = APIRouter(responses=REFUSALS)
    Enrolled = Annotated[Row[Any], Depends(enrolled)]

    def companion_of(row: Row[Any]) -> replies.CompanionFilm | None:
        if companions is None or row.image not in companions.kinds:
            return None
        height, width = companions.pictures.size(row.image)
        address = f"/api/tasks/{row.task}/companion"
        return replies.CompanionFilm(image=address, kind=companions.kinds[row.image], width=width, height=height)

    def others_of(row: Row[Any]) -> list[list[int]] | None:
        if not shows_others or row.repeat != ROUND or not has_come_up(store.tasks_of(row.reader), row.task):
            return None
        return store.others_masks(row.reader, row.image)

    def task_message(row: Row[Any], total: int) -> replies.Task:
        stored = store.task(row.reader, row.task)
        if stored is None:
            raise no_task()
        _, events, newest = stored
        height, width = pictures.size(row.image)
        final = store.is_final(row.task)
        if final and newest:
            events = events[: newest.num_events]  # what was drawn later is stored, and no part of the answer
        return replies.Task(
            task=row.task,
            number=row.number,
            total=total,
            practice=row.kind == "practice",
            width=width,
            height=height,
            image=f"/api/tasks/{row.task}/image",
            events=events,
            branches=branches_of(store, row.task),
            version=row.versions,
            answer=newest.answer if newest else None,
            confidence=newest.confidence if newest else None,
            final=final,
            findings=list(findings),
            given=[
                replies.GivenFinding(finding=one.finding, answer=one.answer, confidence=one.confidence)
                for one in as_given(newest.findings if newest else None)
            ],
            companion=companion_of(row),
            others=others_of(row),
            asks_comment=asks_comment,
            comment=newest.comment if newest else None,
        )

    @routes.get("/api/progress")
    def progress(row: Enrolled) -> replies.Progress:
        waiting = store.waiting_by_task(row.reader)
        places = [
            replies.Place(
                task=t.task,
                number=t.number,
                practice=t.kind == "practice",
                done=t.versions > 0,
                set_aside=waiting.get(t.task, 0),
            )
            for t in store.tasks_of(row.reader)
        ]
        return replies.Progress(
            done=sum(place.done for place in places),
            total=len(places),
            practice=sum(place.practice for place in places),
            tasks=places,
        )

    @routes.get("/api/tasks/next")
    def next_task(row: Enrolled) -> replies.Task | replies.NoTask:
        tasks = store.tasks_of(row.reader)
        waiting = [task for task in tasks if not task.versions]
        return task_message(waiting[0], len(tasks)) if waiting else replies.NoTask()

    @routes.get("/api/tasks/{name}")
    def one_task(name: str, row: Enrolled) -> replies.Task:
        tasks = store.tasks_of(row.reader)
        for task in tasks:
            if task.task == name:
                return task_message(task, len(tasks))
        raise no_task()

    @routes.post("/api/tasks/{name}/events")
    def save_events(name: str, sent: messages.Events, row: Enrolled) -> replies.Saved:
        image = store.image_of(row.reader, name)
        if image is None or not has_come_up(store.tasks_of(row.reader), name):
            raise no_task()
        check_strokes(sent.events, findings, *pictures.size(image))
        events = [event.model_dump(mode="json", exclude_none=True) for event in sent.events]
        return replies.Saved(saved=store.save_events(name, events))

    @routes.post("/api/tasks/{name}/submission")
    def submit(name: str, sent: messages.Submission, row: Enrolled) -> replies.Recorded:
        stored = store.task(row.reader, name)
        if stored is None or not has_come_up(store.tasks_of(row.reader), name):
            raise no_task()
        task, events, _ = stored
        height, width = pictures.size(task.image)
        drawn = events[: sent.num_events]
        counts, given = None, None
        if findings and sent.answer != "cannot":
            about, counts = checked_findings(sent.findings, findings, drawn, height, width)
            given = as_stored(about)
        elif sent.findings:
            raise Refused(422, "malformed", "findings: the study names none, or the image cannot be judged")
        elif sent.mask is not None:
            counts = checked_mask(sent.mask, drawn, height, width)
        comment = (sent.comment or "").strip() or None
        if sent.comment is not None and not asks_comment:
            raise Refused(422, "malformed", "comment: the study asks for none")
        try:
            version = store.submit(
                name,
                Submitted(
                    id=sent.id,
                    base_version=sent.base_version,
                    answer=sent.answer,
                    confidence=sent.confidence,
                    num_events=sent.num_events,
                    height=height,
                    width=width,
                    counts=counts,
                    opened_at=sent.opened_at.isoformat(),
                    submitted_at=sent.submitted_at.isoformat(),
                    active_seconds=sent.active_seconds,
                    tool_version=tool_version,
                    findings=given,
                    comment=comment,
                ),
            )
        except Recorded as repeated:
            raise Refused(409, "already_recorded", str(repeated), version=repeated.version) from None
        except Final:
            raise Refused(409, "final", "the answer to this image can no longer be changed") from None
        except Conflict:
            raise Refused(
                409, "conflict", "this image has been answered on another page meanwhile; reload this one"
            ) from None
        tasks = store.tasks_of(row.reader)
        return replies.Recorded(version=version, done=sum(t.versions > 0 for t in tasks), total=len(tasks))

    return routes
