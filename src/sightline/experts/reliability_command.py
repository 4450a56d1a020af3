"""The command `sightline reliability`: how far the readers in experts' files agree, without images and without a study.

sightline reliability [READER=]FILE [...] [--finding NAME ...] [--format FORMAT] [--image-size ROWSxCOLS] [--json OUT]

READER made the drawings for which a file names nobody. Prints one row per finding and writes all numbers, with
intervals, to OUT. Definitions: docs/reliability.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from sightline.counts import counted
from sightline.experts.crosswise import Estimate
from sightline.experts.drawn_reliability import DrawnReliability, drawn_reliability
from sightline.experts.findings import united_drawings
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.fields import nearest_name, size_of
from sightline.formats.readers import FORMATS, read_files
from sightline.study.errors import StudyError
from sightline.study.files import write_json

UNKNOWN = "–"
LEVEL = 0.95


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    add = parser.add_argument
    add(
        "files",
        metavar="[READER=]FILE",
        nargs="+",
        help="experts' annotations, or folders of such files; READER: who drew where a file names nobody",
    )
    add("--finding", metavar="NAME", nargs="+", action="extend", help="findings, each and together (default: all)")
    add("--format", choices=sorted(FORMATS), metavar="FORMAT", help="format of the files (default: recognised)")
    add("--image-size", metavar="ROWSxCOLS", help="rows x columns (height x width) for files without sizes")
    add("--json", metavar="OUT", type=Path, help="write all numbers, with intervals, to this file")


def run(arguments: argparse.Namespace) -> None:
    """Reads the files, prints the table and writes the JSON; StudyError with all problems of the files."""
    rows = list(_agreements(arguments))
    print("\n".join(printed(rows)))
    if arguments.json:
        write_json(arguments.json, {"level": LEVEL, "findings": [asdict(row) for row in rows]})


def _agreements(arguments: argparse.Namespace) -> Iterator[DrawnReliability]:
    """Agreement on each finding, then on all of them as one where there are several."""
    names = arguments.finding
    together = _read(arguments, names)
    known = {label.casefold(): label for label in sorted(together.labels)}
    unknown = [name for name in names or () if name.casefold() not in known]
    if unknown:
        raise StudyError(
            "findings that the files do not have",
            [f"{name!r}{nearest_name(name, together.labels)}" for name in unknown],
        )
    findings = list(dict.fromkeys(known[name.casefold()] for name in names)) if names else sorted(together.labels)
    for note in together.notes:
        print(f"note: {note}")
    for finding in findings if len(findings) > 1 else ():
        yield drawn_reliability(finding, _read(arguments, [finding]).drawings, LEVEL)
    if names and set(findings) != set(names):  # spelled otherwise than in the file
        together = _read(arguments, findings)
    one = findings[0] if len(findings) == 1 else f"these {len(findings)} together" if findings else "any finding"
    yield drawn_reliability(one, together.drawings, LEVEL)


def _read(arguments: argparse.Namespace, findings: list[str] | None) -> FileContents:
    """What the files hold of the findings; StudyError where something is wrong or a drawing names no reader."""
    try:
        size = size_of(arguments.image_size) if arguments.image_size else None
    except ValueError as error:
        raise StudyError(f"--image-size: {error}") from None
    together = FileContents()
    for text in arguments.files:
        reader, path = _reader_and_path(text)
        options = ImportOptions(labels=findings, size=size, is_size_needed=False, annotator=reader)
        contents = read_files([path], options, arguments.format)
        drawings = united_drawings(contents.drawings)
        together.drawings += [replace(drawing, source=f"{path}, {drawing.source}") for drawing in drawings]
        together.problems += [f"{path}: {problem}" for problem in contents.problems]
        together.notes += [f"{path}: {note}" for note in contents.notes]
        together.labels |= contents.labels
        together.num_nameless += contents.num_nameless
    if together.problems:
        raise StudyError(f"{counted(len(together.problems), 'problem')}; fix them in the files", together.problems)
    if together.num_nameless:
        raise StudyError(
            f"{counted(together.num_nameless, 'drawing')} without a reader; name each file's reader: READER=FILE"
        )
    return together


def _reader_and_path(text: str) -> tuple[str | None, Path]:
    """The parts of [READER=]FILE; a path that exists with its = has no reader."""
    reader, equals, path = text.partition("=")
    if not equals or Path(text).exists():
        return None, Path(text)
    return reader.strip() or None, Path(path)


def printed(rows: list[DrawnReliability]) -> list[str]:
    """The table, one line per finding and number of readers, and a sentence of what its last finding says."""
    lines = [("finding", "images", "marked by", "IoU where two mark", "SD", "agree on presence", "alpha")]
    for row in rows:
        numbers = [num for num in row.marked_by if row.shares(num)] or sorted(row.marked_by)[-1:]
        for place, num in enumerate(numbers):
            first = place == 0
            lines.append(
                (
                    row.finding if first else "",
                    f"{sum(row.marked_by[num][1:]):,}",
                    _shares(row, num),
                    _with_ends(row.place.iou, 3) if first else "",
                    _number(row.iou_sd, 3) if first else "",
                    _with_ends(row.presence.agreement, 3) if first else "",
                    _with_ends(row.presence.alpha, 2) if first else "",
                )
            )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    last = rows[-1]
    read = f"{last.num_read:,} images read by two or more readers; {last.presence.num_annotators} readers"
    return [read, "", *table, "", sentence(last)]


def sentence(row: DrawnReliability) -> str:
    """What the numbers of one finding say."""
    if not row.num_read:
        return f"{row.finding}: no image was read by two readers, so nothing can be said of their agreement."
    if not row.num_images:
        return f"{row.finding}: no reader marked anything; images that two or more readers read: {row.num_read:,}."
    alone = sum(counts[1] for counts in row.marked_by.values())
    said = (
        f"{row.finding}: of {row.num_images:,} images that any of two or more readers marked, "
        f"{alone / row.num_images:.0%} were marked by one reader alone"
    )
    if not row.place.num_images:
        return f"{said}, and none by two."
    overlap = f"their regions overlap with a mean IoU of {row.place.iou.value:.3f}"
    return f"{said}. Where two or more marked, {overlap}{'; that number leaves the others out' if alone else ''}."


def _shares(row: DrawnReliability, num_readers: int) -> str:
    """Such as `59 / 29 / 13% of 3`: marked by 1, 2 and 3 of 3 readers."""
    shares = row.shares(num_readers)
    text = " / ".join(f"{100 * share:.0f}" for share in shares) if shares else UNKNOWN
    return f"{text}{'%' if shares else ''} of {num_readers}"


def _with_ends(found: Estimate, decimals: int) -> str:
    value = _number(found.value, decimals)
    if found.low != found.low:  # NaN: no interval
        return value
    return f"{value} [{_number(found.low, decimals)}, {_number(found.high, decimals)}]"


def _number(value: float, decimals: int) -> str:
    return UNKNOWN if value != value else f"{value:.{decimals}f}"
