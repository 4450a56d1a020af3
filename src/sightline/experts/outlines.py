"""Drawings brought to the grid so that no outline is lost: lines thinner than a grid pixel fall between the samples.

The published clean-up samples the sheet by nearest neighbour (`cleanup.clean_annotation`). Where that keeps the
drawing's outlines, its result stays bit for bit. An outline that it opens or loses is drawn again with every grid pixel
that the line touches, and the published clean-up goes on from there. H W the sheet, h w the grid. Definition:
docs/metrics.md#clean-up.
"""

from __future__ import annotations

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.experts.cleanup import least_area, nearest, region_of
from sightline.experts.masks import EIGHT, shares
from sightline.experts.morphology import filled

HALF = 0.5  # of what an outline encloses: with less than this in the region, sampling has lost the outline


def clean_drawing(drawn_HW: np.ndarray, height: int, width: int) -> tuple[np.ndarray, int]:
    """The region that a reader meant, bool height x width, and the number of outlines that sampling alone would lose.

    `drawn_HW`: bool, strokes. A sheet of the grid's size or smaller loses nothing. On a larger one, the grid pixels
    that strokes touch form 8-connected pieces. A piece is a lost outline where all of this holds:

    1. By itself it encloses at least the area below which a contour is a slip of the pen (20 pixels of 224 x 224).
    2. Less than half of what it encloses is in the region of the sampled strokes.
    3. The samples have lost the line: they have more pieces than the strokes have on the sheet, or none; or they join
       the outside with a hole that is closed on the sheet.

    So a line that the samples keep whole is read as published, also where its outline is open.
    """
    sampled = nearest(drawn_HW, height, width)
    region = region_of(sampled)
    if drawn_HW.shape[0] <= height and drawn_HW.shape[1] <= width:
        return region, 0
    touched = shares(drawn_HW, height, width) > 0
    labels, _ = scipy.ndimage.label(touched, EIGHT)
    strokes, num_lost = sampled.copy(), 0
    for label, box in enumerate(scipy.ndimage.find_objects(labels), start=1):
        if (box[0].stop - box[0].start) * (box[1].stop - box[1].start) < least_area(height, width):
            continue
        piece = labels == label
        enclosed = region_of(piece) & ~touched
        if enclosed.sum() < least_area(height, width) or (enclosed & region).sum() >= HALF * enclosed.sum():
            continue
        if _is_lost(drawn_HW, sampled, piece, box):
            strokes |= piece
            num_lost += 1
    return (region_of(strokes), num_lost) if num_lost else (region, 0)


def _is_lost(drawn_HW: np.ndarray, sampled: np.ndarray, piece: np.ndarray, box: tuple[slice, slice]) -> bool:
    """Whether the samples break the lines of a piece, or open a hole that they enclose on the sheet."""
    num_sampled = scipy.ndimage.label(sampled & piece, EIGHT)[1]
    rows, cols = (
        slice(part.start * old // new, -(-part.stop * old // new))
        for part, old, new in zip(box, drawn_HW.shape, piece.shape, strict=True)
    )
    lines = drawn_HW[rows, cols] & nearest(piece, *drawn_HW.shape)[rows, cols]
    if num_sampled == 0 or num_sampled > scipy.ndimage.label(lines, EIGHT)[1]:
        return True
    holes_HW = np.zeros(drawn_HW.shape, bool)
    holes_HW[rows, cols] = filled(lines) & ~lines
    holes = shares(holes_HW, *piece.shape) == holes_HW.size  # grid pixels wholly inside one
    kept = sampled & piece
    return bool((holes & ~(filled(kept) & ~kept)).any())
