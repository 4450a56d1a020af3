"""The text of a CSV as people and spreadsheets write it, brought to the form that `read_csv` parses.

Read: UTF-8 with or without a byte-order mark, UTF-16 with one; commas, semicolons or tabs; any line ends; blank lines,
also those of separators alone; commas at the ends of lines; rows that end early, as spreadsheets write where the last
cells are empty; blanks around names and cells. Refused with a reason: other encodings, zero bytes, cells beyond the
named columns, repeated names. A file that is plain already is not taken apart: it stays as it is.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

SEPARATORS = ",;\t"
BLANK_ROW = re.compile(r"^[,;\t ]*[,;\t][,;\t ]*$", re.MULTILINE)  # of separators alone: pandas takes it for a row
BLANK_BEFORE_QUOTE = re.compile(r'[,;\t] +"')
BLANKS = (" ", "\t", "\u00a0")
SPREADSHEET_LINE = re.compile(r'\A"?sep=[,;\t]"?\n')  # a first line for spreadsheets alone
SHOWN = 3  # rows that an error names


def decoded(path: str | Path) -> str:
    """The file's text with line feeds; ValueError with the remedy for an encoding that cannot be told."""
    data = Path(path).read_bytes()
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(
            f"line {line} is not UTF-8 (byte {data[error.start]:#04x}); save the table as CSV UTF-8"
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ValueError(f"line {line} has a zero byte, which no text has; save the table as CSV UTF-8")
    text = text.replace("\ufeff", "")  # also behind a blank or in a name: it is never seen
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return SPREADSHEET_LINE.sub("\n", text)


def header_of(text: str) -> list[str]:
    """The columns' names, without blanks around them; columns without a name at the end do not count."""
    return _header(text, separator_of(text))


def separator_of(text: str) -> str:
    """The separator that the first line with a text has most of, outside quotation marks; of none, a comma."""
    unquoted = re.sub(r'"[^"]*"', "", _first_line(text))
    return max(SEPARATORS, key=unquoted.count)


def plain(text: str) -> str:
    """The table as comma-separated text: `text` itself where it looks so already, else `rewritten`.

    Rows are not looked at: one with more cells than the header may be left.
    """
    header = header_of(text)
    as_is = text.split("\n", 1)[0].replace('"', "").split(",") == header and len(set(header)) == len(header)
    # a look for two letters first: an expression takes ten times as long as parsing the table
    blank_rows = any(f"\n{start}" in text for start in (*SEPARATORS, " ")) and BLANK_ROW.search(text)
    if as_is and not blank_rows and not (' "' in text and BLANK_BEFORE_QUOTE.search(text)):
        return text
    return rewritten(text)


def rewritten(text: str) -> str:
    """The table as comma-separated text with one cell a column in each row and no blank row.

    ValueError with the rows for cells that are not empty and belong to no column, and for repeated names.
    """
    separator = separator_of(text)
    header = _header(text, separator)
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if repeated:
        raise ValueError(f"several columns named {', '.join(repeated)}; rename or remove all but one of each")
    rows: list[list[str]] = []
    beyond: list[str] = []
    for cells in _rows(text, separator):
        if not any(cell.strip() for cell in cells):
            continue
        extra = [cell for cell in cells[len(header) :] if cell.strip()]
        if extra:
            beyond.append(f"row {len(rows) + 1}: {extra[0].strip()!r}")
        rows.append((cells + [""] * len(header))[: len(header)])
    if beyond:
        more = f"; and {len(beyond) - SHOWN} more rows" if len(beyond) > SHOWN else ""
        raise ValueError(
            f"cells beyond its {len(header)} columns ({'; '.join(beyond[:SHOWN])}{more}); name the column, or put "
            "quotation marks around a cell that holds a separator"
        )
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([header, *rows[1:]])
    return written.getvalue()


def has_blanks(text: str) -> bool:
    """Whether any cell may begin or end with a blank."""
    borders = (*SEPARATORS, '"', "\n")
    pairs = (pair for blank in BLANKS if blank in text for edge in borders for pair in (blank + edge, edge + blank))
    return any(pair in text for pair in pairs) or text[:1] in BLANKS or text[-1:] in BLANKS


def _first_line(text: str) -> str:
    return next((line for line in io.StringIO(text) if line.strip(SEPARATORS + " \n")), "")


def _header(text: str, separator: str) -> list[str]:
    cells = next(csv.reader([_first_line(text)], delimiter=separator, skipinitialspace=True), [])
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return [name or f"Unnamed: {place}" for place, name in enumerate(names)]  # as pandas calls them


def _rows(text: str, separator: str) -> list[list[str]]:
    problem: csv.Error | None = None
    for strict in (True, False):  # loosely: a quotation mark in the middle of a cell is read as pandas does
        try:
            return list(csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True, strict=strict))
        except csv.Error as error:
            if "end of data" in str(error):
                raise ValueError("a quotation mark is opened and never closed") from None
            problem = error
    raise ValueError(f"not a readable CSV ({problem})")
