"""Readers of JSON documents against broken copies of valid files: contents or a refusal, never a traceback."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mutations import answered, json_bytes, mutated_bytes, mutated_json
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.readers import FORMATS
from tool_documents import DOCUMENTS

OPTIONS = [
    ImportOptions(annotator="A"),
    ImportOptions(images={"im1": (40, 60), "im2": (40, 60)}, annotator="A"),
    ImportOptions(images={"im1": (40, 60), "im2": (40, 60)}, labels=["opacity"], annotator="A"),
    ImportOptions(size=(40, 60), labels=["opacity", "mass"]),
    ImportOptions(is_size_needed=False),
]


@pytest.mark.parametrize("format", sorted(DOCUMENTS))
def test_a_broken_document_is_contents_or_a_refusal(format: str, tmp_path: Path) -> None:
    rng = np.random.default_rng([16, *format.encode()])
    document = DOCUMENTS[format]
    path = tmp_path / "broken.json"
    content = json_bytes(document)
    for number in range(1000):
        options = OPTIONS[number % len(OPTIONS)]

        def read(path: Path, options: ImportOptions = options) -> FileContents:
            return FORMATS[format].read(path, options)

        is_text = number % 4 == 3
        broken = mutated_bytes(content, rng) if is_text else json_bytes(mutated_json(document, rng))
        try:
            answered(read, path, broken)
        except Exception as error:
            raise AssertionError(f"mutation {number} of {format}: {broken!r}") from error


@pytest.mark.parametrize("format", sorted(DOCUMENTS))
def test_no_drawing_is_lost_in_silence(format: str, tmp_path: Path) -> None:
    """With a number missing or broken, fewer drawings come with a word of why."""
    rng = np.random.default_rng([17, *format.encode()])
    options = ImportOptions(images={"im1": (40, 60), "im2": (40, 60)}, annotator="A")
    path = tmp_path / "broken.json"
    path.write_bytes(json_bytes(DOCUMENTS[format]))
    whole = FORMATS[format].read(path, options)
    assert whole.drawings
    assert whole.problems == []
    for _ in range(150):
        broken = with_a_broken_number(DOCUMENTS[format], rng)
        answer = answered(lambda path: FORMATS[format].read(path, options), path, json_bytes(broken))
        if isinstance(answer, FileContents) and not answer.problems:
            assert len(answer.drawings) + len(answer.notes) >= len(whole.drawings), broken


def with_a_broken_number(document: Any, rng: np.random.Generator) -> Any:
    """A copy with one number replaced by what is none, or removed."""
    text = json_bytes(document).decode()
    spans = [match.span() for match in re.finditer(r"(?<=[\[ ])-?\d+\.?\d*(?=[,\]}])", text)]
    start, end = spans[rng.integers(len(spans))]
    return json.loads(text[:start] + str(rng.choice(["null", '"x"', "[]", "{}", "NaN", "-9999999"])) + text[end:])
