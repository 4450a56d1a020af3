"""The notebooks run, and show what they showed when they were committed; the site's pages of them are made of that.

Compared is text: what a cell prints, its last line as text, and the words of HTML. Not compared: pictures, whose bytes
depend on the versions of fonts and matplotlib, and the words and numbers of cells with the tag `differs-by-machine`,
which come from a network that was trained in float32, where another processor adds in another order.
"""

from __future__ import annotations

import json
import re
import sys
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from studies import ROOT

sys.path.insert(0, str(ROOT / "docs"))

from notebook_pages import markdown_of

NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
VARIES = "differs-by-machine"
LARGEST = 250_000  # bytes of a notebook with its outputs


def text_of(output: dict[str, Any]) -> str:
    """What one output says, without its pictures; its forms for one without text."""
    if output["output_type"] == "stream":
        return str(output["text"])
    data = output["data"]
    words = unescape(re.sub(r"<[^>]+>", " ", data.get("text/html", "")))
    return "\n".join([" ".join(words.split()), data["text/plain"]])


def forms(output: dict[str, Any]) -> list[str]:
    """stdout, or the types of data."""
    return sorted(output["data"]) if "data" in output else [output["name"]]


def test_what_a_cell_prints_is_one_output_however_slowly(tmp_path: Path) -> None:
    run_notebooks = pytest.importorskip("run_notebooks", reason="needs nbclient")
    source = "import time\nprint(1, flush=True)\ntime.sleep(0.5)\nprint(2)"
    cell = run_notebooks.nbformat.v4.new_code_cell(source)
    run_notebooks.nbformat.write(run_notebooks.nbformat.v4.new_notebook(cells=[cell]), tmp_path / "slow.ipynb")
    (run,) = run_notebooks.executed(tmp_path / "slow.ipynb").cells
    assert [output["text"] for output in run.outputs] == ["1\n2\n"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_is_committed(path: Path) -> None:
    run_notebooks = pytest.importorskip("run_notebooks", reason="needs nbclient")
    nbformat = run_notebooks.nbformat
    committed = nbformat.read(path, as_version=4)
    run = run_notebooks.executed(path)
    assert len(run.cells) == len(committed.cells)
    for before, after in zip(committed.cells, run.cells, strict=True):
        assert before.metadata == after.metadata
        if before.cell_type == "code":
            remedy = f"cell {before.id}: run python docs/run_notebooks.py"
            assert before.execution_count == after.execution_count, remedy
            assert list(map(forms, before.outputs)) == list(map(forms, after.outputs)), remedy
            if VARIES not in before.metadata.get("tags", []):
                assert list(map(text_of, before.outputs)) == list(map(text_of, after.outputs)), remedy


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_holds_nothing_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert path.stat().st_size < LARGEST
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert not re.search(r"/(home|root|tmp|Users|work)/", text)
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert {output.get("name", "stdout") for output in outputs} == {"stdout"}, "a warning is shown"
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 1
    assert sum("text/html" in output.get("data", {}) for output in outputs) >= 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_has_all_cells_and_each_link_of_a_notebook_leads_to_a_file(path: Path) -> None:
    page = markdown_of(path.read_text(encoding="utf-8"))
    assert page.startswith("# ")
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert "".join(cell["source"]) in page
        if cell["cell_type"] == "markdown":
            links = re.findall(r"\]\(([^)#\s]+)\)", "".join(cell["source"]))
            assert [link for link in links if not (path.parent / link).is_file()] == []


def test_each_kind_of_output_becomes_its_block() -> None:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]},
        {"output_type": "execute_result", "data": {"text/plain": "1"}, "metadata": {}},
        {"output_type": "execute_result", "data": {"text/plain": "x", "text/html": "<b>x</b>"}, "metadata": {}},
        {
            "output_type": "display_data",
            "data": {"text/plain": "<Figure>", "image/png": "QUJD\n"},
            "metadata": {"image/png": {"width": 40, "height": 30}},
        },
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {"cell_type": "code", "source": "show()", "outputs": outputs},
    ]
    assert markdown_of(json.dumps({"cells": cells})).split("\n\n````") == [
        "# Title\ntext",
        "python\nshow()\n````",
        "{code-block} text\n:class: output\n\na\nb\n````",
        "{code-block} text\n:class: output\n\n1\n````",
        '{raw} html\n<div class="output"><b>x</b></div>\n````',
        '{raw} html\n<div class="output"><img src="data:image/png;base64,QUJD" alt="&lt;Figure&gt;" width="40" '
        'height="30"></div>\n````\n',
    ]
