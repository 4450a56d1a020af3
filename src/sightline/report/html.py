"""HTML of the report and of `sightline score`, piece by piece: text, tables, figures, tiles, and the page around them.

Text arguments are plain text and are escaped here; arguments named `*_html` and SVG are inserted unchanged. A page
loads nothing from any host: its policy forbids it, and its pictures are data URIs or inline SVG.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
CSS = """
:root{color-scheme:light dark;--paper:#fdfdfb;--card:#f3f4f1;--ink:#1b1f24;--muted:#59626d;--rule:#d4d8dd;
--s1:#0069ab;--s2:#bb4700;--s3:#00745a;--s4:#94397a;--s5:#6e5f00;--s6:#4a5560}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--card:#1d2226;--ink:#e8eaec;--muted:#a3adb8;--rule:#3a4148;
--s1:#6bbcf2;--s2:#ff9a5c;--s3:#45cfa4;--s4:#e79bcb;--s5:#d9c84a;--s6:#b5c0cc}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:1.0625rem/1.6 system-ui,-apple-system,"Segoe UI",sans-serif}
main,header,footer{max-width:76rem;margin:0 auto;padding:0 clamp(1rem,4vw,3rem)}
header{padding-top:clamp(1.5rem,5vw,4rem)}
h1{font-size:clamp(1.7rem,4.5vw,2.7rem);line-height:1.15;letter-spacing:-.015em;margin:0 0 .4em;text-wrap:balance}
h2{font-size:1.4rem;line-height:1.25;margin:3.2rem 0 .6rem;padding-top:1rem;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:1.6rem 0 .4rem}
p,li{max-width:68ch;overflow-wrap:break-word}
a{color:var(--s1)}
a:focus-visible,summary:focus-visible,.wide:focus-visible{outline:2px solid var(--s1);outline-offset:2px}
nav ul{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;list-style:none;padding:0;margin:1.4rem 0 0;font-size:.95rem}
nav li{padding:.25rem 0}
.question{font-size:1.2rem;color:var(--muted);margin:0 0 1.4rem}
.answer{font-size:1.2rem;line-height:1.5;background:var(--card);border-left:4px solid var(--s1);
padding:1.1rem clamp(1rem,3vw,1.8rem);border-radius:0 6px 6px 0}
.answer p{margin:.5em 0;max-width:78ch}.answer p+p{font-size:1.0625rem}
.note,figcaption,caption{color:var(--muted);font-size:.92rem;line-height:1.45}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.2rem 2.5rem}
figure{margin:1rem 0;min-width:0}
.chart{max-width:34rem}
@media (min-width:64rem){section>.chart{max-width:none;display:grid;grid-template-columns:34rem 1fr;gap:2.5rem;
align-items:start}}
@media (min-width:64rem){section>.chart figcaption{padding-top:1.2rem}}
.chart svg{display:block;width:100%;height:auto;overflow:visible;color:var(--ink)}
figcaption{margin-top:.4rem;max-width:68ch}
.wide{overflow-x:auto;margin:1rem 0;-webkit-overflow-scrolling:touch}
table{border-collapse:separate;border-spacing:0;font-size:.9rem;line-height:1.35;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.5rem;max-width:min(68ch,calc(100vw - 2*clamp(1rem,4vw,3rem)))}
th,td{padding:.38rem .5rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--rule);vertical-align:top}
thead th{font-weight:600;border-bottom:1.5px solid var(--ink);vertical-align:bottom}
thead th[colspan]{text-align:center;border-bottom:1px solid var(--rule)}
th:first-child{text-align:left;padding-left:0}
tbody th{font-weight:500;position:sticky;left:0;background:var(--paper)}
@media (max-width:40rem){tbody th{white-space:normal;min-width:7.5rem;overflow-wrap:break-word}}
td small{color:var(--muted);font-size:.86em}
.text{text-align:left}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(clamp(6.2rem,10vw,8.4rem),1fr));
gap:.7rem .6rem;margin:.4rem 0 1.6rem}
.tiles figure{margin:0}
.tiles img{display:block;width:100%;height:auto;border-radius:3px;background:#000}
.tiles figcaption{font-size:.78rem;line-height:1.3;margin-top:.25rem;overflow-wrap:anywhere;color:var(--ink)}
.tiles b{font-weight:600}
pre{overflow-x:auto;background:var(--card);padding:1rem;font-size:.82rem;line-height:1.45;border-radius:6px}
code{overflow-wrap:anywhere;font-size:.9em}
summary{cursor:pointer;padding:.4rem 0}
footer{padding-top:3rem;padding-bottom:3rem;color:var(--muted);font-size:.9rem}
@media print{:root{--paper:#fff;--card:#fff;--ink:#000;--muted:#444;--rule:#bbb}body{font-size:10pt}nav{display:none}
figure,tr,.answer{break-inside:avoid}h2,h3{break-after:avoid}.wide{overflow:visible}table{font-size:7.5pt}
th,td{padding:.2rem .3rem}.tiles{grid-template-columns:repeat(7,1fr)}pre{white-space:pre-wrap}}
"""
# Closed details are not printed otherwise; without scripts they can be opened by hand.
SCRIPT = "addEventListener('beforeprint',()=>document.querySelectorAll('details').forEach(d=>d.open=true))"


def document(
    title: str, question: str, answer: Sequence[str], sections: Sequence[tuple[str, str, Sequence[str]]], footer: str
) -> str:
    """A whole page: title and question, the answer's paragraphs, links to the sections, the sections, the footer.

    A section is an id, a heading and the HTML of its parts.
    """
    links = "".join(f'<li><a href="#{name}">{escaped(heading)}</a></li>' for name, heading, _ in sections)
    body_html = "\n".join(section(name, heading, *parts_html) for name, heading, parts_html in sections)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escaped(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{CSS}</style>\n</head>\n<body>\n<header><h1>{escaped(title)}</h1>"
        f'<p class="question">{escaped(question)}</p></header>\n<main>\n'
        f'<div class="answer">{"".join(map(paragraph, answer))}</div>\n'
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>\n{body_html}\n</main>\n'
        f"<footer>{escaped(footer)}</footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


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
    are aligned left. The second and further lines of a cell are printed smaller.
    """
    words = [" class='text'" if name in text_columns else "" for name in header]
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


def details_html(summary: str, body_html: str) -> str:
    """Anything that opens on demand."""
    return f"<details><summary>{escaped(summary)}</summary>{body_html}</details>"
