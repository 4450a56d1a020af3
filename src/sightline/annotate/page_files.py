"""The page's own files: where they lie, and what their strings say of consent."""

from __future__ import annotations

import json
from pathlib import Path

PAGE = Path(__file__).parent / "page"


def consent_texts() -> dict[str, dict[str, str]]:
    """By language: its own name, the consent's version and the whole of its text, from the files of strings."""
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
