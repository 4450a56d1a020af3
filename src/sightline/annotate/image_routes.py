"""The film of a reader's task: the pixels alone, in the film's own depth."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from sqlalchemy import Row

from sightline.annotate.images import Pictures
from sightline.annotate.refusals import REFUSALS, no_task
from sightline.annotate.sent_films import SAMPLES
from sightline.annotate.store import Store
from sightline.annotate.turns import has_come_up

AHEAD = 2  # films that the page may fetch before their tasks come up


def router(store: Store, pictures: Pictures, enrolled: Callable[..., Row[Any]]) -> APIRouter:
    """The route /api/tasks/{name}/image: only the reader whose task it is may see its image.

    Of tasks without an answer the next one and the two after it, which the page fetches ahead; this neither begins a
    task nor makes the first reading of a repeated image final (`task_log.is_final`). The answer says nothing of the
    task, and no cache may keep it. `enrolled`: the dependency that gives the row of an enrolled reader.
    """
    routes = APIRouter(responses=REFUSALS)
    Enrolled = Annotated[Row[Any], Depends(enrolled)]
    kinds: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}, SAMPLES: {}}}}

    @routes.get("/api/tasks/{name}/image", response_class=Response, responses=kinds)
    def image(name: str, row: Enrolled) -> Response:
        tasks = store.tasks_of(row.reader)
        if not has_come_up(tasks, name, AHEAD):
            raise no_task()
        film = pictures.film(next(task.image for task in tasks if task.task == name))
        return Response(film.content, media_type=film.media_type, headers={"x-film": film.header})

    return routes
