"""The page's server: one FastAPI application over a store, the study's pictures and the page's files.

A reader's cookie opens that reader's tasks and images and nothing else; nothing that a request says becomes a path.
"""

from collections.abc import Callable, Set
from datetime import timedelta
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Cookie, Depends, FastAPI, Header, Request, Response
from sqlalchemy import Row

from sightline.annotate import messages
from sightline.annotate.answers import Conflict, Recorded, Submitted
from sightline.annotate.drawing_check import checked_mask, is_inside
from sightline.annotate.images import Pictures
from sightline.annotate.page_files import consent_texts, serve_page
from sightline.annotate.refusals import REFUSALS, Refused, answer_refusals
from sightline.annotate.security import Guard, Limits, csrf_of, hash_of, is_csrf
from sightline.annotate.sessions import ADMIN_LASTS, READER_LASTS
from sightline.annotate.store import Store

TOOL_VERSION = version("sightline")


def create_app(
    store: Store,
    pictures: Pictures,
    overview: Callable[[], dict[str, Any]],
    contact: str = "",
    is_https: bool = False,
    hosts: Set[str] | None = None,
    limits: Limits | None = None,
) -> FastAPI:
    """The application.

    `overview`: what the admin's page shows; `is_https`: cookies are sent over TLS alone; `hosts`: names under which the
    page may be asked for, None for any.
    """
    limits = limits or Limits()
    app = FastAPI(
        title="Sightline annotation",
        version=TOOL_VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.add_middleware(Guard, is_https=is_https, hosts=hosts)  # type: ignore[arg-type]
    answer_refusals(app)
    prefix = "__Host-" if is_https else ""
    cookies = {"reader": f"{prefix}reader", "admin": f"{prefix}admin"}
    texts = consent_texts()

    def knock(request: Request, opened: Callable[[], str | None], code: str, message: str) -> str:
        address = request.client.host if request.client else ""
        if limits.failures.is_spent(address):
            raise Refused(429, "too_many", "too many wrong links from this address; wait some minutes")
        cookie = opened()
        if cookie is None:
            limits.failures.allows(address)
            raise Refused(401, code, message)
        return cookie

    def set_cookie(response: Response, kind: str, cookie: str, lasts: timedelta) -> None:
        seconds = int(lasts.total_seconds())
        response.set_cookie(
            cookies[kind], cookie, max_age=seconds, httponly=True, samesite="strict", secure=is_https, path="/"
        )

    def drop_cookie(response: Response, kind: str) -> None:
        response.delete_cookie(cookies[kind], httponly=True, samesite="strict", secure=is_https)

    def allowed(request: Request, cookie: str | None, sent: str | None) -> str:
        if not cookie:
            raise Refused(401, "no_session", "open your personal link again")
        if not limits.requests.allows(hash_of(cookie)):  # a made-up cookie may be long, and is remembered a while
            raise Refused(429, "too_many", "too many requests; wait a moment")
        if request.method not in ("GET", "HEAD") and not (sent and is_csrf(cookie, sent)):
            raise Refused(403, "csrf", "the header X-CSRF-Token is missing or not this session's; reload the page")
        return cookie

    def this_reader(
        request: Request,
        cookie: Annotated[str | None, Cookie(alias=cookies["reader"])] = None,
        sent: Annotated[str | None, Header(alias="X-CSRF-Token")] = None,
    ) -> Row[Any]:
        row = store.reader_of(allowed(request, cookie, sent))
        if row is None:
            raise Refused(401, "no_session", "open your personal link again")
        return row

    def enrolled_reader(row: Annotated[Row[Any], Depends(this_reader)]) -> Row[Any]:
        if row.enrolled_at is None:
            raise Refused(403, "not_enrolled", "say who you are and consent first")
        return row

    def this_admin(
        request: Request,
        cookie: Annotated[str | None, Cookie(alias=cookies["admin"])] = None,
        sent: Annotated[str | None, Header(alias="X-CSRF-Token")] = None,
    ) -> str:
        cookie = allowed(request, cookie, sent)
        if not store.is_admin(cookie):
            raise Refused(401, "no_session", "open the admin link again")
        return cookie

    Reader = Annotated[Row[Any], Depends(this_reader)]
    Enrolled = Annotated[Row[Any], Depends(enrolled_reader)]
    Admin = Annotated[str, Depends(this_admin)]

    def session_of(row: Row[Any], cookie: str) -> messages.Session:
        return messages.Session(
            reader=row.reader,
            csrf=csrf_of(cookie),
            enrolled=row.enrolled_at is not None,
            language=row.language,
            contact=contact,
            tool_version=TOOL_VERSION,
            professions=list(messages.PROFESSIONS),
        )

    # sessions

    @app.post("/api/session", responses=REFUSALS)
    def open_session(sent: messages.Knock, request: Request, response: Response) -> messages.Session:
        cookie = knock(request, lambda: store.open_session(sent.token), "invalid_token", "this link is not valid")
        set_cookie(response, "reader", cookie, READER_LASTS)
        row = store.reader_of(cookie)
        if row is None:
            raise Refused(401, "no_session", "open your personal link again")
        return session_of(row, cookie)

    @app.get("/api/session", responses=REFUSALS)
    def current_session(request: Request, row: Reader) -> messages.Session:
        return session_of(row, request.cookies[cookies["reader"]])

    @app.delete("/api/session", status_code=204, responses=REFUSALS)
    def close_session(request: Request, response: Response, row: Reader) -> None:  # noqa: ARG001
        store.close_session(request.cookies[cookies["reader"]])
        drop_cookie(response, "reader")

    @app.post("/api/enrolment", responses=REFUSALS)
    def enrol(sent: messages.Enrolment, request: Request, row: Reader) -> messages.Session:
        text = texts.get(sent.language)
        if text is None:
            raise Refused(422, "malformed", f"language: the page speaks {', '.join(sorted(texts))}")
        if text["version"] != sent.consent_version:
            raise Refused(409, "consent_changed", "the consent text has changed; reload the page and read it again")
        facts = {"profession": sent.profession, "years": sent.years, "language": sent.language}
        if not store.enrol(row.reader, sent.name.strip(), sent.email, facts, text):
            raise Refused(409, "already_enrolled", "you have enrolled already")
        cookie = request.cookies[cookies["reader"]]
        changed = store.reader_of(cookie)
        return session_of(changed if changed is not None else row, cookie)

    @app.put("/api/language", status_code=204, responses=REFUSALS)
    def choose_language(sent: messages.ChosenLanguage, row: Reader) -> None:
        if sent.language not in texts:
            raise Refused(422, "malformed", f"language: the page speaks {', '.join(sorted(texts))}")
        store.choose_language(row.reader, sent.language)

    @app.post("/api/withdrawal", status_code=204, responses=REFUSALS)
    def withdraw(sent: messages.Withdrawal, response: Response, row: Reader) -> None:  # noqa: ARG001
        store.withdraw(row.reader)
        drop_cookie(response, "reader")

    # tasks

    def shown(row: Row[Any], total: int) -> messages.Task:
        found = store.task(row.reader, row.task)
        if found is None:
            raise Refused(404, "no_task", "no such image among yours")
        _, events, newest = found
        height, width = pictures.size(row.image)
        return messages.Task(
            task=row.task,
            number=row.number,
            total=total,
            practice=row.kind == "practice",
            width=width,
            height=height,
            image=f"/api/tasks/{row.task}/image",
            events=events,
            version=row.versions,
            answer=newest.answer if newest else None,
            confidence=newest.confidence if newest else None,
        )

    @app.get("/api/progress", responses=REFUSALS)
    def progress(row: Enrolled) -> messages.Progress:
        tasks = store.tasks_of(row.reader)
        places = [
            messages.Place(task=t.task, number=t.number, practice=t.kind == "practice", done=t.versions > 0)
            for t in tasks
        ]
        return messages.Progress(
            done=sum(place.done for place in places),
            total=len(places),
            practice=sum(place.practice for place in places),
            tasks=places,
        )

    @app.get("/api/tasks/next", responses=REFUSALS)
    def next_task(row: Enrolled) -> messages.Task | messages.NoTask:
        tasks = store.tasks_of(row.reader)
        waiting = [task for task in tasks if not task.versions]
        return shown(waiting[0], len(tasks)) if waiting else messages.NoTask()

    def own_task(row: Row[Any], name: str) -> tuple[Row[Any], int]:
        tasks = store.tasks_of(row.reader)
        for task in tasks:
            if task.task == name:
                return task, len(tasks)
        raise Refused(404, "no_task", "no such image among yours")

    def own_image(row: Row[Any], name: str) -> str:
        found = store.image_of(row.reader, name)
        if found is None:
            raise Refused(404, "no_task", "no such image among yours")
        return found

    @app.get("/api/tasks/{name}", responses=REFUSALS)
    def one_task(name: str, row: Enrolled) -> messages.Task:
        return shown(*own_task(row, name))

    @app.get(
        "/api/tasks/{name}/image",
        response_class=Response,
        responses={**REFUSALS, 200: {"content": {"image/png": {}}}},
    )
    def image(name: str, row: Enrolled) -> Response:
        found = own_image(row, name)
        return Response(pictures.png(found), media_type="image/png", headers={"cache-control": "private, max-age=3600"})

    @app.post("/api/tasks/{name}/events", responses=REFUSALS)
    def save_events(name: str, sent: messages.Events, row: Enrolled) -> messages.Saved:
        found = own_image(row, name)
        height, width = pictures.size(found)
        for event in sent.events:
            if isinstance(event, messages.StrokeStep) and not is_inside(event.points, height, width):
                raise Refused(422, "malformed", f"event {event.seq}: a point outside the {width} x {height} image")
        return messages.Saved(saved=store.save_events(name, [event.model_dump(mode="json") for event in sent.events]))

    @app.post("/api/tasks/{name}/submission", responses=REFUSALS)
    def submit(name: str, sent: messages.Submission, row: Enrolled) -> messages.Recorded:
        found = store.task(row.reader, name)
        if found is None:
            raise Refused(404, "no_task", "no such image among yours")
        task, events, _ = found
        height, width = pictures.size(task.image)
        counts = None
        if sent.mask is not None:
            counts = checked_mask(sent.mask, events[: sent.num_events], height, width)
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
                    tool_version=TOOL_VERSION,
                ),
            )
        except Recorded as repeated:
            raise Refused(409, "already_recorded", str(repeated), version=repeated.version) from None
        except Conflict:
            raise Refused(409, "conflict", "this image was answered elsewhere meanwhile; reload the page") from None
        tasks = store.tasks_of(row.reader)
        return messages.Recorded(version=version, done=sum(t.versions > 0 for t in tasks), total=len(tasks))

    # the admin

    @app.post("/api/admin/session", responses=REFUSALS)
    def open_admin(sent: messages.AdminKnock, request: Request, response: Response) -> messages.AdminSession:
        cookie = knock(request, lambda: store.open_admin_session(sent.secret), "invalid_secret", "not the admin secret")
        set_cookie(response, "admin", cookie, ADMIN_LASTS)
        return messages.AdminSession(csrf=csrf_of(cookie))

    @app.get("/api/admin/session", responses=REFUSALS)
    def current_admin(cookie: Admin) -> messages.AdminSession:
        return messages.AdminSession(csrf=csrf_of(cookie))

    @app.delete("/api/admin/session", status_code=204, responses=REFUSALS)
    def close_admin(response: Response, cookie: Admin) -> None:
        store.close_session(cookie)
        drop_cookie(response, "admin")

    @app.get("/api/admin/overview", responses=REFUSALS)
    def admin_overview(cookie: Admin) -> dict[str, Any]:  # noqa: ARG001
        return overview()

    serve_page(app)
    return app
