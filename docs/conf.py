"""How Sphinx makes the site from Markdown: `make docs` writes build/docs.

The source folder is the repository's root, so that a relative link means the same on the site and on a Git host. The
navigation is docs/index.md, whose lists of links become the tables of contents.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from notebook_pages import markdown_of
from pygments.lexers.special import TextLexer

project = "Sightline"
author = "the Sightline authors"
project_copyright = "the Sightline authors; Apache-2.0"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown", ".ipynb": "markdown"}  # a notebook is made Markdown when it is read
root_doc = "docs/index"
include_patterns = [
    *(
        "docs/**.md",
        "docs/notebooks/*.ipynb",
        "data/*/README.md",
        "benchmarks/NOTES.md",
        "benchmarks/results/README.md",
    ),
    *("CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md", "SUPPORT.md"),
]
# searched for pages otherwise, which takes time in an environment and in DVC's cache
exclude_patterns = [
    ".git",
    ".[!g]*",
    "build",
    "src",
    "tests",
    "plots",
    "metrics",
    "scores",
    "data/prepared",
    "data/raw/*/**",
]
myst_heading_anchors = 4
highlight_language = "text"  # of blocks that name none: commands, mostly
# docs/check_site.py checks every link and anchor of the pages as built, `<a id>` included, which MyST does not see
suppress_warnings = ["myst.xref_missing"]

html_theme = "furo"
html_title = "Sightline"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = False
html_show_search_summary = False  # a page opened as a file cannot fetch others, so results are titles alone
html_static_path = ["site"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}


def with_contents(text: str) -> str:
    """docs/index.md with a hidden table of contents for each heading of its second level: the links in its lists.

    A link to a file that is no page stays a link and enters no table.
    """
    tables = []
    for heading, section in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        names = [
            Path("docs", link).as_posix()
            for link in re.findall(r"^- \[[^\]]+\]\(([^)#]+\.(?:md|ipynb))\)", section, re.MULTILINE)
        ]
        if names:
            lines = "\n".join("/" + re.sub(r"^docs/\.\./", "", name) for name in names)
            tables.append(f"```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{lines}\n```\n")
    return "\n".join([text, *tables])


def with_readmes(text: str, folder: Path) -> str:
    """`text`, a page of `folder`, with links to a folder made links to its README, as a Git host shows it."""

    def named(match: re.Match[str]) -> str:
        is_folder = "://" not in match[1] and (folder / match[1]).is_dir()
        return f"]({match[1].rstrip('/')}/README.md)" if is_folder else match[0]

    return re.sub(r"\]\(([^)#\s]+)\)", named, text)


def read_source(app: Any, name: str, source: list[str]) -> None:
    if app.env.doc2path(name).suffix == ".ipynb":
        source[0] = markdown_of(source[0])
    if name == root_doc:
        source[0] = with_contents(source[0])
    source[0] = with_readmes(source[0], Path(app.env.doc2path(name)).parent)


def within_reach(_app: Any, _page: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    """What is too wide for a screen scrolls by keyboard too; the headings of the theme's navigation get a level.

    A heading with an anchor of its own, as in docs/metrics.md, would put that anchor into its link in the table of
    contents. A browser ends the link there, and its words lead nowhere.
    """
    body = context.get("body", "").replace("<pre>", '<pre tabindex="0">')
    context["body"] = re.sub(r'<div (?=class="(?:table-wrapper|output)\b)', '<div tabindex="0" ', body)
    context["toc"] = re.sub(r'<a id="[^"]*"></a>', "", context.get("toc", ""))
    navigation = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = navigation.replace('role="heading"', 'role="heading" aria-level="2"')


def write_first_page(app: Any, error: Exception | None) -> None:
    """index.html, which opens the first page of docs/."""
    if error is None:
        page = '<!doctype html><meta charset="utf-8"><title>Sightline</title>'
        page += '<meta http-equiv="refresh" content="0; url=docs/index.html"><a href="docs/index.html">Sightline</a>\n'
        Path(app.outdir, "index.html").write_text(page, encoding="utf-8")


def setup(app: Any) -> None:
    app.add_lexer("csv", TextLexer)  # Pygments has none
    app.connect("source-read", read_source)
    app.connect("html-page-context", within_reach, priority=900)  # after the theme's
    app.connect("build-finished", write_first_page)
