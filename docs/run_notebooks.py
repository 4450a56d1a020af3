"""Runs the notebooks of docs/notebooks and writes what their cells show into them, without what differs by run.

Run after a change of a notebook or of what it shows: python docs/run_notebooks.py
tests/docs/test_notebooks.py runs them too, and compares.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
SECONDS = 300  # that a cell may take; all cells together take some 20 s of CPU
KEPT = ("tags",)  # of a cell's metadata


def main() -> None:
    for path in NOTEBOOKS:
        nbformat.write(executed(path), path)
        print(f"wrote {path.relative_to(ROOT)} ({path.stat().st_size // 1000:,} kB)")


def executed(path: Path) -> NotebookNode:
    """The notebook with the outputs of a run in an empty folder, in a kernel without the settings of its user.

    `nbclient.exceptions.CellExecutionError` where a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        own = {"PYTHONPATH": str(ROOT / "src"), "IPYTHONDIR": str(Path(folder, ".ipython"))}
        client = NotebookClient(
            notebook,
            timeout=SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            coalesce_streams=True,  # else a slow machine may cut what a cell prints into two outputs
        )
        client.execute(env={**os.environ, **own})
    return cleaned(notebook)


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """The same notebook without times, versions and what an editor stored."""
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    for cell in notebook.cells:
        cell.metadata = NotebookNode({name: cell.metadata[name] for name in KEPT if name in cell.metadata})
    return notebook


if __name__ == "__main__":
    main()
