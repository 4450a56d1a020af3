"""The command `sightline score`: anyone's saliency maps against anyone's expert regions, without training or DVC.

sightline score MAPS MASKS [MASKS ...] [--also NAME=MAPS ...] [--images FOLDER] [--lungs FOLDER] [--patients ...] ...

Writes OUT/scores.csv (image x candidate), OUT/verdict.csv (image x candidate x score), OUT/scores.json and
OUT/report.html, with the films it has no room for in OUT/report/. A run that was killed goes on from OUT/partial/.
One rule for sizes: a map and a mask both show the whole image, and everything is brought to one grid, maps
bilinearly, masks by area. One rule for names: files with the same stem belong together; images that lack a region, or
a map of any model, are left out and named.

A candidates (model, or model.method), M images, R readers, H W common grid.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import fields
from functools import cache, partial
from pathlib import Path

from sightline.alignment.region_scores import SCORES
from sightline.formats.readers import FORMATS
from sightline.processes import keep_freed_memory
from sightline.scoring.progress import progress
from sightline.scoring.request import Request, one_error, wrong_settings
from sightline.scoring.resuming import resumed
from sightline.scoring.scored_study import score_study, write_tables
from sightline.study.files import refuse_unwritable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    add = parser.add_argument
    add("maps", metavar="MAPS", help="[NAME=]folder of PNG or NPY files, one map per image, or NPZ")
    add(
        "masks",
        metavar="MASKS",
        nargs="+",
        help=f"folders with annotations.csv; files or folders of these formats: {', '.join(FORMATS)} (docs/formats.md)",
    )
    add("--also", metavar="[NAME=]MAPS", action="append", default=[], help="another model's maps; may be repeated")
    add("--format", choices=sorted(FORMATS), metavar="FORMAT", help="format of all MASKS (default: each is recognised)")
    add(
        "--finding", metavar="NAME", nargs="+", action="extend", help="findings to take together, if MASKS hold several"
    )
    add(
        "--images",
        metavar="FOLDER",
        type=Path,
        help="the X-rays, for sizes, and for the baselines from edges and from the body",
    )
    add(
        "--image-size",
        metavar="ROWSxCOLS",
        help="rows x columns (height x width) in which MASKS without sizes count (default: as --images)",
    )
    add("--lungs", metavar="FOLDER", type=Path, help="lung masks, one PNG per image")
    add(
        "--patients",
        metavar="REGEX|CSV",
        default="",
        help="a pattern whose groups, matched in the image's name, name the patient; or a CSV of image, patient",
    )
    add(
        "--threshold",
        type=float,
        default=0.5,
        help="share of a map's range at or above which it is salient (default 0.5)",
    )
    add(
        "--primary",
        choices=SCORES,
        default="rank",
        help="score that decides the verdict and orders the ladder, chosen in advance (default rank)",
    )
    add(
        "--margin",
        type=float,
        default=0.25,
        help='share of the experts\' contrast that "as well as an expert" may fall short by (default 0.25)',
    )
    add(
        "--frame",
        choices=("image", "lungs"),
        default="image",
        help="frame in which other patients' regions are laid on a map (default image)",
    )
    add(
        "--grid",
        type=int,
        nargs=2,
        metavar=("ROWS", "COLS"),
        help="cells of the maps' own grid, where maps were brought to a larger size",
    )
    add(
        "--size", type=int, nargs=2, metavar=("ROWS", "COLS"), help="common grid (default: the masks' most common size)"
    )
    add(
        "--cleanup",
        choices=("auto", "paper", "none"),
        default="auto",
        help="for annotations.csv: paper if it holds strokes, none if regions (default auto: as its column drawn says)",
    )
    add("--seed", type=int, default=0, help="seed of baselines and resamples (default 0)")
    add("--out", metavar="FOLDER", type=Path, default=Path("scores"), help="folder for the results (default scores)")


def run(arguments: argparse.Namespace) -> None:
    """Scores and writes everything; StudyError lists all problems with the inputs."""
    keep_freed_memory()
    request = _request(arguments)
    if problems := wrong_settings(request):
        raise one_error(problems, "setting")
    refuse_unwritable(arguments.out)
    with resumed(arguments) as kept:
        found = score_study(request, shlex.join(["sightline", *sys.argv[1:]]), kept, progress, _load_page)
        from sightline.scoring.printed import printed_table
        from sightline.scoring.scored_page import write_page

        tables = cache(partial(write_tables, arguments.out, found))
        write_page(arguments.out / "report.html", found, meanwhile=tables)
        tables()
    for note in found.origin.notes:
        print(f"note: {note}", file=sys.stderr)
    print(printed_table(found.summary, arguments.out))


def _load_page() -> None:
    """Loads what writes the page, matplotlib with it: half a second that this process would only wait otherwise."""
    from sightline.scoring import printed, scored_page  # noqa: F401


def _request(arguments: argparse.Namespace) -> Request:
    """The arguments but for OUT."""
    return Request(**{field.name: getattr(arguments, field.name) for field in fields(Request)})
