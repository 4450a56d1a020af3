"""HTML of the report and of `sightline score`, piece by piece: text, tables, figures, tiles, and the page around them.

Text arguments are plain text and are escaped here; arguments named `*_html` and SVG are inserted unchanged. A page
loads nothing from any host: its policy forbids it, and its pictures are data URIs or inline SVG.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from sightline.report.style import CSS, FIRST_SCREEN, PRINT

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
ON_PAPER = "Folded details are not printed. Open on the screen what the print should have."
LONG = 40  # characters of a cell of words that stays on one line
Section = tuple[str, str, Sequence[str]]  # id, heading, HTML of its parts


def document(
    title: str,
    question: str,
    first_screen: Sequence[str],
    sections: Sequence[Section],
    footer: str,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    policy: str = POLICY,
) -> str:
    """A whole page: title and question, the HTML of the first screen, links to the sections, the sections, the footer.

    `styles` and `scripts` are the CSS and the JavaScript of parts that need more than the page's own, `policy` what the
    page may load.
    """
    links = "".join(f'<li><a href="#{name}">{escaped(short(name))}</a></li>' for name, *_ in sections)
    body_html = "\n".join(section(name, heading, *parts_html) for name, heading, parts_html in sections)
    script_html = f"<script>{';'.join(scripts)}</script>\n" if scripts else ""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escaped(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{''.join((CSS, FIRST_SCREEN, *styles, PRINT))}</style>\n</head>\n<body>\n"
        f'<header><p class="study">{escaped(title)}</p><h1>{escaped(question)}</h1></header>\n<main>\n'
        f'<div class="first">{"".join(first_screen)}</div>\n'
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>\n{body_html}\n</main>\n'
        f'<footer>{escaped(footer)} <span class="on-paper">{ON_PAPER}</span></footer>\n'
        f"{script_html}</body>\n</html>\n"
    )


def short(name: str) -> str:
    """A section's id as the links at the top of the page name it."""
    return name.replace("-", " ").capitalize()


def escaped(text: str) -> str:
    """`text` as HTML shows it literally, in content and in attributes."""
    return html.escape(text, quote=True)


def section(name: str, heading: str, *parts_html: str) -> str:
    """A section with an id for links."""
    return (
        f'<section id="{name}">\n<h2>{escaped(heading)}</h2>\n' + "\n".join(filter(None, parts_html)) + "\n</section>"
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph, with a CSS class if given."""
    return f'<p class="{kind}">{escaped(text)}</p>' if kind else f"<p>{escaped(text)}</p>"


def finding(sentences: Sequence[str]) -> str:
    """What a section found, in large type below its heading; nothing where there is nothing to say."""
    return paragraph(" ".join(sentences), "finding") if sentences else ""


def bullets(items: Sequence[str]) -> str:
    """A list; nothing where there are no items."""
    return "<ul>" + "".join(f"<li>{escaped(item)}</li>" for item in items) + "</ul>" if items else ""


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    caption: str,
    groups: Sequence[tuple[str, int]] = (),
    text_columns: Sequence[str] = (),
) -> str:
    """A table that scrolls by itself on narrow screens; the first cell of each row is its heading.

    `groups` are headings with the number of columns that each spans; `text_columns` names the columns of words, which
    are aligned left; those with a cell of more than `LONG` characters break their lines. The second and further lines
    of a cell are printed smaller.
    """
    long = {name for place, name in enumerate(header) if max((len(row[place]) for row in rows), default=0) > LONG}
    words = [f" class='text{' long' if name in long else ''}'" if name in text_columns else "" for name in header]
    head = "".join(f"<th scope='col'{kind}>{_lines(name)}</th>" for name, kind in zip(header, words, strict=True))
    over = "".join(
        f"<th scope='colgroup' colspan='{width}'>{escaped(name)}</th>" if name else f"<td colspan='{width}'></td>"
        for name, width in groups
    )
    body = "".join(
        f"<tr><th scope='row'>{escaped(row[0])}</th>"
        + "".join(f"<td{kind}>{_lines(cell)}</td>" for cell, kind in zip(row[1:], words[1:], strict=True))
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escaped(caption)}"><table>'
        f"<caption>{escaped(caption)}</caption>\n<thead>{f'<tr>{over}</tr>' if groups else ''}<tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}</tbody></table></div>"
    )


def _lines(text: str) -> str:
    first, *more = map(escaped, text.split("\n"))
    return "".join([first, *(f"<br><small>{line}</small>" for line in more)])


def chart(svg: str, caption: str) -> str:
    """A chart with its caption."""
    return f'<figure class="chart">{svg}<figcaption>{escaped(caption)}</figcaption></figure>'


def charts(*charts_html: str) -> str:
    """Charts side by side where the screen is wide enough."""
    return f'<div class="charts">{"".join(charts_html)}</div>'


def tiles(pictures: Sequence[tuple[str, str, str]]) -> str:
    """Small pictures in a grid; each is a data URI, an alternative text and a caption."""
    return (
        '<div class="tiles">'
        + "".join(
            f'<figure><img src="{escaped(uri)}" alt="{escaped(alt)}">'
            f"<figcaption>{_lines(caption)}</figcaption></figure>"
            for uri, alt, caption in pictures
        )
        + "</div>"
    )


def picture_rows(gallery: Sequence[tuple[str, Sequence[tuple[str, str, str]]]]) -> list[str]:
    """For each image its name as a heading and its tiles."""
    return [f"<h3>{escaped(image)}</h3>{tiles(pictures)}" for image, pictures in gallery]


def details(summary: str, text: str) -> str:
    """Preformatted text that opens on demand."""
    return f"<details><summary>{escaped(summary)}</summary><pre>{escaped(text)}</pre></details>"


def details_html(summary: str, *parts_html: str) -> str:
    """Anything that opens on demand."""
    return f"<details><summary>{escaped(summary)}</summary>{''.join(parts_html)}</details>"


def part(heading: str, *parts_html: str) -> str:
    """A part of a section, with a heading of its own; nothing where it has no parts."""
    inside = "\n".join(filter(None, parts_html))
    return f'<div class="part"><h3>{escaped(heading)}</h3>\n{inside}\n</div>' if inside else ""


def figure_first(figure_html: str, words: str, *folded_html: str) -> list[str]:
    """The shape of every piece of evidence: what is to be seen, one paragraph, and folded what stands behind it.

    `folded_html`: from `details_html`; empty ones are left out.
    """
    return [figure_html, paragraph(words), *filter(None, folded_html)]


def terms(meanings: Sequence[tuple[str, str]]) -> str:
    """A glossary: terms and what they mean."""
    items = "".join(f"<div><dt>{escaped(term)}</dt><dd>{escaped(words)}</dd></div>" for term, words in meanings)
    return f"<dl>{items}</dl>" if meanings else ""
