"""Links of the documentation on a Git host and on the site, and the first page, which is the site's navigation."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from studies import ROOT

sys.path.insert(0, str(ROOT / "docs"))

import check_site

PATTERNS = ("docs/**/*.md", "data/*/README.md", "*.md", "benchmarks/**/*.md")
PAGES = sorted({path for pattern in PATTERNS for path in ROOT.glob(pattern)})


def text_of(path: Path) -> str:
    """A page without its blocks and spans of code."""
    without_blocks = re.sub(r"^ *```.*?^ *```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]+`", "code", without_blocks)


def anchors(path: Path) -> set[str]:
    """By what a link may enter a page: `<a id>`, and headings as Git hosts write them."""
    text = path.read_text(encoding="utf-8")
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    plain = [re.sub(r"<[^>]+>|[`*]|\]\([^)]*\)|\[", "", heading).strip().lower() for heading in headings]
    return {*re.findall(r'<a id="([^"]+)"', text), *(re.sub(r"[^\w\- ]", "", name).replace(" ", "-") for name in plain)}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_an_anchor(path: Path) -> None:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            dead.append(link)
    assert dead == []


def test_the_first_page_names_every_page_once() -> None:
    index = ROOT / "docs/index.md"
    links = re.findall(r"^- \[[^\]]+\]\(([^)#]+\.(?:md|ipynb))\)", index.read_text(encoding="utf-8"), re.MULTILINE)
    named = [(index.parent / link).resolve() for link in links]
    assert len(named) == len(set(named))
    assert {*ROOT.glob("docs/**/*.md"), *ROOT.glob("docs/**/*.ipynb")} - {index} <= set(named)


def test_the_extra_is_what_the_lock_is_made_from() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines = (ROOT / "docs/requirements.in").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == extras["docs"]
    locked = (ROOT / "docs/requirements.lock").read_text()
    shared = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    both = [
        name
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", locked, re.MULTILINE)
        if shared.get(name, version) != version
    ]
    assert both == [], "make lock"
    assert "://" not in locked


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="other.html#here">x</a><img src="a.png"><a href="https://example.org">y</a>', ""),
        ('<a href="gone.html">x</a>', "links to gone.html, which is not there"),
        ('<a href="other.html#gone">x</a>', "links to other.html#gone, but there is no such anchor"),
        ('<script src="https://example.org/a.js"></script>', "loads https://example.org/a.js"),
        ('<link rel="stylesheet" href="//example.org/a.css">', "loads //example.org/a.css"),
        ('<p><span class="xref myst">bug</span> or', "'bug' links to nothing that the site has"),
        ('<a href="other.html"><span class="xref myst">bug</span></a> <span class="pre">x</span>', ""),
        ('<img src="gone.png">', "loads gone.png, which is not there"),
        ('<img src="data:image/png;base64,AAAA"><a href="#own">x</a><p id="own">', ""),
    ],
)
def test_a_fault_of_the_site_is_found(tmp_path: Path, body: str, fault: str) -> None:
    (tmp_path / "first.html").write_text(body)
    (tmp_path / "other.html").write_text('<h1 id="here">x</h1>')
    (tmp_path / "a.png").touch()
    pages = {path.resolve(): check_site.Page(path.read_text()) for path in tmp_path.glob("*.html")}
    assert list(check_site.page_faults(pages, tmp_path)) == ([f"first.html: {fault}"] if fault else [])


def test_a_style_sheet_that_fetches_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text(
        '@import "https://example.org/a.css"; b { background: url(data:image/png;base64,A) }'
    )
    (tmp_path / "b.css").write_text("@font-face { src: url('//example.org/f.woff2') } a { background: url(own.png) }")
    assert list(check_site.style_faults(tmp_path)) == [
        "a.css: loads https://example.org/a.css", "b.css: loads //example.org/f.woff2",
    ]  # fmt: skip
