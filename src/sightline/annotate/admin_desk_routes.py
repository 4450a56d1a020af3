"""The coordinator's desk: invitations, new links, the export, a backup and the log, for the admin's page."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Response

from sightline.annotate import admin_messages
from sightline.annotate.adjudication import disputed
from sightline.annotate.assignment import Plan, planned_tasks
from sightline.annotate.desk_downloads import backup_bytes, export_zip
from sightline.annotate.images import Pictures
from sightline.annotate.refusals import REFUSALS, Refused
from sightline.annotate.sessions import moment
from sightline.annotate.store import Store
from sightline.study.errors import StudyError

SHOWN = 200  # lines of the log; the export has all


@dataclass(frozen=True)
class Desk:
    """What the desk needs to know of the study."""

    plan: Plan
    file: Path | None
    """The store's; None for PostgreSQL."""
    below: float = 0.5
    """Mean IoU of two readers below which an image comes up in a second round."""


def router(
    store: Store, pictures: Pictures, admin: Callable[..., str], desk: Desk, overview: Callable[[], dict[str, Any]]
) -> APIRouter:
    """The routes /api/admin/readers, /api/admin/readers/{reader}/link, and /api/admin/export, backup, round and log.

    `admin`: the dependency that gives the admin session's cookie; `overview`: what the admin's page shows. A link's
    token is sent once and stored hashed.
    """
    routes = APIRouter(responses=REFUSALS, dependencies=[Depends(admin)])

    @routes.post("/api/admin/readers")
    def invite(sent: admin_messages.Invitation) -> admin_messages.Invited:
        reader, token = store.invite(sent.name or "", lambda slot, coverage: planned_tasks(desk.plan, slot, coverage))
        return admin_messages.Invited(reader=reader, token=token)

    @routes.post("/api/admin/readers/{reader}/link")
    def renew(reader: str) -> admin_messages.Invited:
        token = None if "\0" in reader else store.renew_invite(reader)  # PostgreSQL refuses such a string
        if token is None:
            raise Refused(404, "no_reader", "no such reader, or one who has withdrawn")
        return admin_messages.Invited(reader=reader, token=token)

    @routes.post("/api/admin/export", response_class=Response, responses={200: {"content": {"application/zip": {}}}})
    def export() -> Response:
        try:
            packed = export_zip(store, pictures)
        except StudyError as error:
            raise Refused(409, "nothing_to_export", str(error)) from None
        store.note("admin", "export", "zip")
        return _download(packed, "application/zip", "zip")

    @routes.post(
        "/api/admin/backup", response_class=Response, responses={200: {"content": {"application/vnd.sqlite3": {}}}}
    )
    def backup() -> Response:
        if desk.file is None:
            raise Refused(409, "pg_dump", "the store is in PostgreSQL: back it up with pg_dump")
        try:
            copy = backup_bytes(desk.file)
        except StudyError as error:
            raise Refused(409, "backup_failed", str(error)) from None
        store.note("admin", "backup", "download")
        return _download(copy, "application/vnd.sqlite3", "sqlite")

    @routes.post("/api/admin/round")
    def begin_round() -> admin_messages.Round:
        images = disputed(overview(), desk.below)
        return admin_messages.Round(images=len(images), readings=len(store.begin_round(images)))

    @routes.get("/api/admin/log")
    def log() -> admin_messages.Log:
        return admin_messages.Log.model_validate({"lines": [dict(row._mapping) for row in store.log_lines(SHOWN)]})

    return routes


def _download(content: bytes, kind: str, ending: str) -> Response:
    stamp = moment()[:19].replace(":", "")
    name = f"sightline-{stamp}.{ending}"
    return Response(content, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})
