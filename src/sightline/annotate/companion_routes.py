"""The film beside a reader's task, in its own depth."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from sqlalchemy import Row

from sightline.annotate.companions import Companions
from sightline.annotate.refusals import REFUSALS, no_task
from sightline.annotate.sent_films import SAMPLES
from sightline.annotate.store import Store
from sightline.annotate.turns import has_come_up


def router(store: Store, companions: Companions | None, enrolled: Callable[..., Row[Any]]) -> APIRouter:
    """The route /api/tasks/{name}/companion: for the reader whose task it is alone, once the task has come up.

    `enrolled`: the dependency that gives the row of an enrolled reader.
    """
    routes = APIRouter(responses=REFUSALS)
    Enrolled = Annotated[Row[Any], Depends(enrolled)]
    kinds: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}, SAMPLES: {}}}}

    @routes.get("/api/tasks/{name}/companion", response_class=Response, responses=kinds)
    def companion(name: str, row: Enrolled) -> Response:
        shown = store.image_of(row.reader, name)
        if shown is None or companions is None or shown not in companions.kinds:
            raise no_task()
        if not has_come_up(store.tasks_of(row.reader), name):
            raise no_task()
        film = companions.pictures.film(shown)
        headers = {"x-film": film.header, "cache-control": "no-store"}
        return Response(film.content, media_type=film.media_type, headers=headers)

    return routes
