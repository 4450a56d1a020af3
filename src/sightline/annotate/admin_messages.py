"""What the admin's page gets of single images."""

from pydantic import BaseModel

from sightline.annotate.answers import Answer


class ImageAnswer(BaseModel):
    reader: str
    repeat: int
    """0 for the first reading, 1 for the hidden second."""
    answer: Answer
    confidence: int | None
    counts: list[int] | None
    """COCO's run lengths of the mask; None without a region."""


class ImageAnswers(BaseModel):
    image: str
    height: int
    width: int
    answers: list[ImageAnswer]
    """The newest version of each, by reader."""
