"""Who can come in, for the admin's page: open sessions and links, and ending them."""

from collections.abc import Callable

from fastapi import APIRouter, Depends

from sightline.annotate import admin_messages
from sightline.annotate.refusals import REFUSALS, Refused
from sightline.annotate.store import Store


def router(store: Store, admin: Callable[..., str]) -> APIRouter:
    """The routes /api/admin/access and, under /api/admin/readers/{reader}, revoke and sign-out.

    `admin`: the dependency that gives the admin session's cookie.
    """
    routes = APIRouter(responses=REFUSALS, dependencies=[Depends(admin)])

    def ended(sessions: int | None) -> admin_messages.Ended:
        if sessions is None:
            raise Refused(404, "no_reader", "no such reader, or one who has withdrawn")
        return admin_messages.Ended(sessions=sessions)

    @routes.get("/api/admin/access")
    def access() -> admin_messages.Access:
        return admin_messages.Access.model_validate({"readers": store.access_rows()})

    @routes.post("/api/admin/readers/{reader}/revoke")
    def revoke(reader: str) -> admin_messages.Ended:
        return ended(store.revoke(reader))

    @routes.post("/api/admin/readers/{reader}/sign-out")
    def sign_out(reader: str) -> admin_messages.Ended:
        return ended(store.sign_out_everywhere(reader))

    return routes
