"""One reading's mask files, read, checked and brought to the grid, by itself: no other reading's mask is needed.

`annotation_reader` says which rows of annotations.csv make a reading. H W image grid, h w a mask's own size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sightline.aspect import misfit
from sightline.counts import counted
from sightline.experts.masks import shrunk_and_saved
from sightline.experts.outlines import clean_drawing
from sightline.formats.mask_png import png_mask
from sightline.formats.mask_values import mixed_whites, white_of
from sightline.study.errors import StudyError


class Sheet(NamedTuple):
    """One row of annotations.csv: its mask's file, and what is wrong with the row, whatever is in the file."""

    where: str
    wrong: list[str]
    mask: str
    """The file's name as the row has it."""
    path: Path | None
    """None where the name is no plain name of a file."""
    film: str | None
    is_region: bool
    """Rather than strokes, which stand for one."""


class OnGrid(NamedTuple):
    """A reading on the grid, or what is wrong with its rows."""

    problems: list[str]
    whites: dict[str, int]
    """`white_of` each of its masks, by the name in the row."""
    mask_HW: np.ndarray
    """bool, 0 x 0 with problems."""
    num_saved: int
    num_thin: int


def reading_on_grid(sheets: list[Sheet], grid: tuple[int, int]) -> OnGrid:
    """The masks of a reading's rows, read, checked and united on the grid; `refuse_wrong` raises what is wrong."""
    problems: list[str] = []
    whites: dict[str, int] = {}
    drawn: list[tuple[np.ndarray, bool]] = []
    for sheet in sheets:
        problems += [f"{sheet.where} {wrong}" for wrong in sheet.wrong]
        if sheet.path is None:
            continue
        try:
            inside_hw, whites[sheet.mask] = checked_mask(sheet.path, sheet.film, grid)
        except ValueError as error:
            problems.append(f"{sheet.where} mask {sheet.path}: {error}")
            continue
        drawn.append((inside_hw, sheet.is_region))
    return OnGrid(problems, whites, *((np.zeros((0, 0), bool), 0, 0) if problems else _on_grid(drawn, grid)))


def refuse_wrong(folder: Path, problems: Sequence[str], whites: Mapping[str, int]) -> None:
    """StudyError that lists all that is wrong with a folder's readings (`OnGrid`) and their masks' whites together."""
    path = folder / "annotations.csv"
    problems = [*problems, *(f"{path}: mask {line}" for line in mixed_whites(whites))]
    if problems:
        raise StudyError(f"{path}: {counted(len(problems), 'wrong annotation')}; correct or remove them", problems)


def checked_mask(path: Path, film: str | None, grid: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The mask at its own size, bool, and what is white in its file; ValueError with the reason.

    Images are squashed to the grid, so a mask may have the aspect of the grid or of its film as displayed.
    """
    inside_hw, values = png_mask(path)
    if film is not None:
        wrong = misfit(inside_hw.shape, grid, film)
        if wrong:
            raise ValueError(wrong)
    return inside_hw, white_of(values)


def _on_grid(drawn: list[tuple[np.ndarray, bool]], grid: tuple[int, int]) -> tuple[np.ndarray, int, int]:
    """Masks united and clean, bool H x W; how many regions keep one pixel, and how many outlines are too thin.

    `drawn`: masks, bool h x w, each with whether it holds regions. Regions of one size are united before they shrink.
    """
    regions = [inside_hw for inside_hw, is_region in drawn if is_region]
    if len({inside_hw.shape for inside_hw in regions}) == 1:
        regions = [np.logical_or.reduce(regions)]
    shrunk = [shrunk_and_saved(inside_hw, *grid) for inside_hw in regions]
    clean = [clean_drawing(inside_hw, *grid) for inside_hw, is_region in drawn if not is_region]
    mask_HW = np.logical_or.reduce([mask_HW for mask_HW, _ in (*shrunk, *clean)])
    return mask_HW, sum(count for _, count in shrunk), sum(count for _, count in clean)
