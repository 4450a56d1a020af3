"""A notebook as a page of the site: its text as it stands, its code, and what its cells showed when they were last run.

Sphinx reads the committed outputs and runs nothing; docs/run_notebooks.py renews them.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

FENCE = "`" * 4


def markdown_of(notebook: str) -> str:
    """MyST's Markdown of a notebook's JSON, version 4."""
    parts = []
    for cell in json.loads(notebook)["cells"]:
        if cell["cell_type"] == "markdown":
            parts.append(joined(cell["source"]))
        else:
            parts += [f"{FENCE}python\n{joined(cell['source'])}\n{FENCE}", *map(output, cell["outputs"])]
    return "\n\n".join(parts) + "\n"


def output(shown: dict[str, Any]) -> str:
    """One output: the richest form that it has, of HTML, PNG and text."""
    data = shown.get("data", {})
    if "text/html" in data:
        return raw(joined(data["text/html"]))
    if "image/png" in data:
        size = shown["metadata"].get("image/png", {})
        sides = "".join(f' {name}="{size[name]}"' for name in ("width", "height") if name in size)
        picture = joined(data["image/png"]).replace("\n", "")
        return raw(f'<img src="data:image/png;base64,{picture}" alt="{escape(joined(data["text/plain"]))}"{sides}>')
    text = joined(shown["text"] if shown["output_type"] == "stream" else data["text/plain"])
    return f"{FENCE}{{code-block}} text\n:class: output\n\n{text.rstrip()}\n{FENCE}"


def raw(html: str) -> str:
    return f'{FENCE}{{raw}} html\n<div class="output">{html}</div>\n{FENCE}'


def joined(text: str | list[str]) -> str:
    """A notebook's text, which may be a list of lines."""
    return text if isinstance(text, str) else "".join(text)
