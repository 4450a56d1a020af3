"""The admin's session, and the overview of the study."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from sightline.annotate.access import Cookies, opened_session
from sightline.annotate.admin_messages import AdminKnock, AdminSession
from sightline.annotate.refusals import REFUSALS
from sightline.annotate.security import Limits, csrf_of
from sightline.annotate.sessions import ADMIN_LASTS
from sightline.annotate.store import Store


def router(
    store: Store,
    cookies: Cookies,
    limits: Limits,
    admin: Callable[..., str],
    overview: Callable[[], dict[str, Any]],
    health: Callable[[], dict[str, Any]],
) -> APIRouter:
    """The routes under /api/admin.

    `admin`: the dependency that gives the admin session's cookie; `overview`: what the admin's page shows of
    the study; `health`: what it shows of the server.
    """
    routes = APIRouter(responses=REFUSALS)
    Admin = Annotated[str, Depends(admin)]

    @routes.post("/api/admin/session")
    def open_admin(sent: AdminKnock, request: Request, response: Response) -> AdminSession:
        cookie = opened_session(
            request,
            limits,
            lambda: store.open_admin_session(sent.secret),
            "invalid_secret",
            "not the admin secret",
            lambda: store.note("none", "failed sign-in", "admin"),
        )
        cookies.set(response, cookies.admin, cookie, ADMIN_LASTS)
        return AdminSession(csrf=csrf_of(cookie))

    @routes.get("/api/admin/session")
    def current_admin(cookie: Admin) -> AdminSession:
        return AdminSession(csrf=csrf_of(cookie))

    @routes.delete("/api/admin/session", status_code=204)
    def close_admin(response: Response, cookie: Admin) -> None:
        store.close_session(cookie)
        cookies.drop(response, cookies.admin)

    @routes.get("/api/admin/overview")
    def admin_overview(cookie: Admin) -> dict[str, Any]:  # noqa: ARG001
        return {**overview(), "server": health()}

    return routes
