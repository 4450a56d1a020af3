"""The image of a reader's task, as a PNG."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from sqlalchemy import Row

from sightline.annotate.images import Pictures
from sightline.annotate.refusals import REFUSALS, no_task
from sightline.annotate.store import Store


def router(store: Store, pictures: Pictures, enrolled: Callable[..., Row[Any]]) -> APIRouter:
    """The route /api/tasks/{name}/image: only the reader whose task it is may see its image.

    `enrolled`: the dependency that gives the row of an enrolled reader.
    """
    routes = APIRouter(responses=REFUSALS)
    Enrolled = Annotated[Row[Any], Depends(enrolled)]

    @routes.get("/api/tasks/{name}/image", response_class=Response, responses={200: {"content": {"image/png": {}}}})
    def image(name: str, row: Enrolled) -> Response:
        shown = store.image_of(row.reader, name)
        if shown is None:
            raise no_task()
        return Response(pictures.png(shown), media_type="image/png", headers={"cache-control": "private, max-age=3600"})

    return routes
