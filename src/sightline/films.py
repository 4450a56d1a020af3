"""The arrays of films that networks see: uint8 N x H x W, or N x H x W x 3, row i for row i of the index."""

from __future__ import annotations

from pathlib import Path

PREPARED = Path("data/prepared/images.npy")
FILMS = {"film": PREPARED, "lungs": Path("data/lung_films.npy")}
"""The array by the `input` of a model's entry; `lungs`: all but the lung fields black, written by stage lung-films."""
