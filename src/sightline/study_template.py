"""The files that a new study gets: those of the checkout, which is a study itself; the build puts them into the wheel.

setup.py runs this file by itself, so it imports nothing of ours.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
BUILT = PACKAGE / "study_files"
"""Where they lie in an installed package."""
FILES = (
    *("dvc.yaml", "study.mk", ".gitignore", ".dvcignore", ".dvc/.gitignore", ".dvc/config", ".dvc/plots/*.json"),
    *("data/annotations/README.md", "data/lungs/README.md", "data/raw/README.md"),
)
PROFILES = ("profiles/*.yaml",)


def template() -> Path:
    """The folder that holds the files: of a checkout its root, else the package's `study_files`."""
    return BUILT if BUILT.is_dir() else PACKAGE.parents[1]


def files_in(root: Path, patterns: tuple[str, ...]) -> list[Path]:
    """The files of the patterns below `root`, by their paths below it, sorted within a pattern."""
    return [path.relative_to(root) for pattern in patterns for path in sorted(root.glob(pattern))]
