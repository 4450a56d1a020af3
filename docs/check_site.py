"""Checks the site as built: each link and anchor leads somewhere in it, and no page loads anything from a network.

Run: python docs/check_site.py build/docs; prints each fault in a line and fails where there is one
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}
NETWORK = ("http:", "https:", "//")
# of a style sheet: what it would fetch
FETCHED = re.compile(r"(?:@import\s+|url\()\s*[\"']?((?:https?:)?//[^\"')\s]+)")


class Page(HTMLParser):
    """What a page can be entered by, what it links to and what it loads, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.unresolved: list[str] = []
        """Texts of links for which Sphinx found nothing, so that they are no links."""
        self.nested: list[str] = []
        """Links and anchors inside a link: a browser ends the link there, so that the words behind lead nowhere."""
        self._is_link = self._is_unresolved = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and self._is_link:
            self.nested.append(self.get_starttag_text() or "")
        self._is_link = self._is_link or tag == "a"
        self._is_unresolved = not self._is_link and tag == "span" and "xref" in (dict(attrs).get("class") or "").split()
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            if (tag, name) == ("a", "href") and value:
                self.links.append(value)
            if (tag, name) in LOADED and value:
                self.loads.append(value)

    def handle_endtag(self, tag: str) -> None:
        self._is_link = self._is_link and tag != "a"

    def handle_data(self, text: str) -> None:
        if self._is_unresolved:
            self.unresolved.append(text)
            self._is_unresolved = False


def main() -> None:
    root = Path(sys.argv[1])
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in sorted(root.rglob("*.html"))}
    faults = [*page_faults(pages, root), *style_faults(root)]
    if not pages:
        faults.append(f"{root}: holds no pages; build the site first")
    print("\n".join(faults) or f"{len(pages)} pages: every link leads somewhere, nothing is loaded from a network")
    sys.exit(bool(faults))


def page_faults(pages: Mapping[Path, Page], root: Path) -> Iterator[str]:
    """A line for each link to a missing file or anchor and for each thing that a page loads from elsewhere."""
    for path, page in pages.items():
        where = path.relative_to(root.resolve())
        for text in page.unresolved:
            yield f"{where}: {text!r} links to nothing that the site has"
        for tag in page.nested:
            yield f"{where}: {tag} stands inside a link"
        for link in page.loads:
            if link.startswith(NETWORK):
                yield f"{where}: loads {link}"
            elif not link.startswith("data:") and not target(path, link).exists():
                yield f"{where}: loads {link}, which is not there"
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            file, anchor = target(path, link), unquote(urlsplit(link).fragment)
            if not file.exists():
                yield f"{where}: links to {link}, which is not there"
            elif anchor and file in pages and anchor not in pages[file].anchors:
                yield f"{where}: links to {link}, but there is no such anchor"


def style_faults(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*.css")):
        for link in FETCHED.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(root)}: loads {link}"


def target(path: Path, link: str) -> Path:
    """The file that a relative link of the page at `path` means."""
    file = unquote(urlsplit(link).path)
    return (path.parent / file).resolve() if file else path


if __name__ == "__main__":
    main()
