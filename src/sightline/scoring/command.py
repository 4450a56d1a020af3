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
from pathlib import Path
from typing import Any

import pandas as pd

from sightline.alignment.ladder import MapsAndRegions, Scores, score_images
from sightline.alignment.region_scores import SCORES
from sightline.chunks import Kept
from sightline.formats.readers import FORMATS
from sightline.scoring.gather import gather
from sightline.scoring.progress import progress
from sightline.scoring.results import RULES, Origin, image_table, results
from sightline.scoring.resuming import resumed
from sightline.scoring.verdict import judged
from sightline.scoring.verdict import settings as verdict_settings
from sightline.study.errors import StudyError
from sightline.study.files import refuse_unwritable, write_csv, write_json, write_text


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
    if not 0 < arguments.threshold <= 1:
        raise StudyError(f"--threshold: expected a number above 0 and at most 1, got {arguments.threshold}")
    if not 0 < arguments.margin < 1:
        raise StudyError(f"--margin: expected a number between 0 and 1, got {arguments.margin}")
    if arguments.seed < 0 or min(*(arguments.size or (1,)), *(arguments.grid or (1,))) < 1:
        raise StudyError("--seed: 0 or more; --size and --grid: 1 or more, twice")
    if arguments.frame == "lungs" and not (arguments.lungs or arguments.images):
        raise StudyError("--frame lungs: needs --lungs or, for the body in their place, --images")
    refuse_unwritable(arguments.out)
    with resumed(arguments) as kept:
        summary, notes = _written(arguments, kept)
    from sightline.scoring.printed import printed_table  # loads matplotlib

    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    print(printed_table(summary, arguments.out))


def _written(arguments: argparse.Namespace, kept: Kept) -> tuple[dict[str, Any], list[str]]:
    """Scores and writes everything; the results, and what to know of the inputs."""
    study, origin = gather(arguments, kept)
    num_images = len(study.images)
    with progress("scores", num_images) as told:
        scores = score_images(study, RULES, arguments.threshold, kept, told)
    chosen = verdict_settings(arguments.primary, arguments.margin, arguments.frame)
    cells = (arguments.grid[0], arguments.grid[1]) if arguments.grid else None
    with progress("other patients", num_images) as told:
        verdict = judged(study, chosen, cells, kept, told)
    summary = results(study, scores, verdict, origin)
    summary["command"] = shlex.join(["sightline", *sys.argv[1:]])
    summary["threshold"] = arguments.threshold
    write_csv(arguments.out / "scores.csv", image_table(study, scores))
    write_csv(arguments.out / "verdict.csv", verdict.table)
    write_json(arguments.out / "scores.json", summary)
    _write_page(arguments, study, scores, summary, verdict.table, origin)
    return summary, origin.notes


def _write_page(
    arguments: argparse.Namespace,
    study: MapsAndRegions,
    scores: Scores,
    summary: dict[str, Any],
    contrasts: pd.DataFrame,
    origin: Origin,
) -> None:
    """Writes OUT/report.html, and the films beside it."""
    # matplotlib loads with these, which neither reading nor scoring needs
    from sightline.report.viewer import FOLDER, write_beside
    from sightline.scoring.films import first_strip, score_viewer
    from sightline.scoring.page import score_report

    shown, few = score_viewer(study, scores, contrasts, origin, arguments.threshold)
    page = score_report(summary, shown, few, first_strip(study, scores))
    write_beside(arguments.out / FOLDER, shown)
    write_text(arguments.out / "report.html", page)
