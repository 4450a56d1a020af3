"""The page's files: where they lie, how they are served, and the consent text in their strings."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from sightline.annotate.refusals import Refused

PAGE = Path(__file__).parent / "page"


@cache
def consent_texts() -> dict[str, dict[str, str]]:
    """By language: the language's name, and version and full text of the consent, from the files of strings."""
    texts = {}
    for path in sorted((PAGE / "strings").glob("*.json")):
        strings = json.loads(path.read_text(encoding="utf-8"))
        shown = {key: text for key, text in strings.items() if key.startswith("consent.")}
        texts[path.stem] = {
            "name": strings["_name"],
            "version": strings["consent.version"],
            "language": path.stem,
            "text": json.dumps(shown, ensure_ascii=False, sort_keys=True),
        }
    return texts


def text_in(language: str) -> dict[str, str]:
    """The consent text in a language of the page, as in `consent_texts`; refused in any other."""
    texts = consent_texts()
    if language not in texts:
        raise Refused(422, "malformed", f"language: expected one of {', '.join(sorted(texts))}")
    return texts[language]


def serve_page(app: FastAPI) -> None:
    """Adds the reader's page, the admin's page and their files to the application."""
    names = {language: text["name"] for language, text in consent_texts().items()}

    @app.get("/", include_in_schema=False)
    def reader_page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    @app.get("/admin", include_in_schema=False)
    def admin_page() -> FileResponse:
        return FileResponse(PAGE / "admin.html")

    @app.get("/page/strings/index.json", include_in_schema=False)
    def languages() -> dict[str, Any]:
        return {"languages": names}

    app.mount("/page", StaticFiles(directory=PAGE), name="page")
