"""The study's images with every reader's answers, for the admin's page: read-only, and nobody's name."""

import json
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from sightline.annotate.admin_messages import ImageAnswer, ImageAnswers
from sightline.annotate.assignment import Plan
from sightline.annotate.images import Pictures
from sightline.annotate.refusals import REFUSALS, Refused
from sightline.annotate.store import Store


def router(store: Store, pictures: Pictures, admin: Callable[..., str], plan: Plan) -> APIRouter:
    """The routes /api/admin/film and /api/admin/answers, both for one study image of the plan, by its name.

    `admin`: the dependency that gives the admin session's cookie.
    """
    routes = APIRouter(responses=REFUSALS, dependencies=[Depends(admin)])
    Image = Annotated[str, Query(max_length=1000)]

    def checked(image: str) -> str:
        if image not in plan.images:
            raise Refused(404, "no_image", "no such image in this study")
        return image

    @routes.get("/api/admin/film", response_class=Response, responses={200: {"content": {"image/png": {}}}})
    def film(image: Image) -> Response:
        return Response(pictures.png(checked(image)), media_type="image/png")

    @routes.get("/api/admin/answers")
    def answers(image: Image) -> ImageAnswers:
        height, width = pictures.size(checked(image))
        found = [
            ImageAnswer(
                reader=row.reader,
                repeat=row.repeat,
                answer=row.answer,
                confidence=row.confidence,
                counts=json.loads(row.counts) if row.counts else None,
            )
            for row in store.submissions()
            if row.image == image and row.kind == "study"
        ]
        return ImageAnswers(image=image, height=height, width=width, answers=found)

    return routes
