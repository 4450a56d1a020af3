"""The arguments of `sightline explain`, by themselves: its help and shell completion need no torch."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    add = parser.add_argument
    add(
        "model",
        metavar="MODEL",
        type=Path,
        help=".safetensors that Sightline trained, .py of your own, or an export (.pt2, .onnx, TorchScript)",
    )
    add("images", metavar="IMAGES", type=Path, help="folder of films: PNG, JPEG or DICOM")
    add("--out", metavar="MAPS", type=Path, required=True, help="new folder for maps.npz and predictions.csv")
    add("--card", metavar="YAML", type=Path, help="card of an exported MODEL (docs/own-models.md)")
    add("--methods", metavar="NAME", nargs="+", default=["gradcam"], help="methods by name (default: gradcam)")
    add("--size", metavar="ROWSxCOLS", help="rows x columns that films are resized to (default: what MODEL saw)")
    add("--color", action="store_true", default=None, help="films in colour (default: gray, or as MODEL saw them)")
    add(
        "--target-class",
        choices=("positive", "negative"),
        default="positive",
        help="class that the maps explain (default: positive); probabilities stay those of the positive class",
    )
    add("--seed", type=int, default=0, help="seed of methods with random numbers (default: 0)")
