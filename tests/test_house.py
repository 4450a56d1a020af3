"""The rooms of the library: who may import whom, no circles, thin stages, no path of the pipeline as a default."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
LIBRARY = SRC / "sightline"
STAGES = LIBRARY / "stages"

# package or top-level file -> what it may import; CONTRIBUTING.md draws the same floor plan
ALLOWED = {
    "study": (),
    "statistics": (),
    "aspect": ("images",),
    "columns": ("study",),
    "counts": (),
    "films": (),
    "map_files": ("images", "study"),
    "maps": (),
    "processes": ("study",),
    "chunks": ("processes",),
    "rows": (),
    "names": (),
    "packed_masks": ("rows_on_disk",),
    "rows_on_disk": (),
    "inputs": ("columns", "maps", "study"),
    "formats": ("names", "study"),
    "images": ("counts", "names", "processes", "statistics", "study"),
    "networks": ("statistics", "study"),
    "model_check": ("counts",),
    "own_models": ("networks", "saliency", "study"),
    "model_command": (
        *("films", "inputs", "model_check", "networks", "own_models", "saliency", "statistics", "study"),
        *("subcommands",),
    ),
    "experts": ("aspect", "counts", "formats", "maps", "names", "processes", "statistics", "study"),
    "lungs": ("aspect", "experts", "formats", "inputs", "maps", "names", "statistics", "study"),
    "saliency": ("maps", "study"),
    "alignment": ("chunks", "columns", "experts", "maps", "processes", "rows", "statistics"),
    "faithfulness": ("saliency", "statistics"),
    "consistency": ("maps", "networks", "saliency", "statistics"),
    "report": ("alignment", "counts", "model_check", "processes", "statistics", "study"),
    "scoring": (
        *("alignment", "aspect", "chunks", "columns", "counts", "experts", "formats", "images", "judging", "lungs"),
        *("map_files", "names", "packed_masks", "processes", "report", "rows", "rows_on_disk", "study"),
    ),
    "explaining": ("counts", "images", "networks", "own_models", "saliency", "statistics", "study"),
    "api": (
        *("alignment", "counts", "experts", "explaining", "formats", "images", "model_check", "model_command", "names"),
        *("networks", "own_models", "report", "saliency", "scoring", "study"),
    ),
    "annotate": ("aspect", "counts", "experts", "formats", "images", "inputs", "statistics", "study", "subcommands"),
    "judging": ("alignment", "chunks", "columns", "maps", "processes", "rows", "statistics"),
    "stage_code": ("study",),
    "dvc_yaml": ("films", "stage_code", "study"),
    "study_template": (),
    "study_folder": ("dvc_yaml", "stage_code", "study", "study_template"),
    "cluster": ("counts", "study", "subcommands"),
    "doctor": ("networks", "study"),
    "stages": (
        *("alignment", "aspect", "columns", "consistency", "counts", "experts", "faithfulness", "films", "images"),
        *("inputs", "judging", "lungs", "map_files", "maps", "model_check", "model_command", "names", "networks"),
        *("own_models", "processes", "report", "saliency", "statistics", "study"),
    ),
    "subcommands": (),
    "completion": ("subcommands",),
    "study_commands": ("report", "study", "study_folder"),
    "cli": (
        *("annotate", "cluster", "completion", "doctor", "experts", "explaining", "model_command", "scoring"),
        *("study", "study_commands", "subcommands"),
    ),
}
# the report prints numbers and computes none: of the metrics it reads the records alone, words and units
REPORT_READS = {"sightline.alignment.metrics"}
STAGE_LINES = 150


def modules() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imported(path: Path) -> tuple[tuple[str, str], ...]:
    """(module, name) of each import of ours; the name is empty where a module is imported whole."""
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                is_module = SRC.joinpath(*module.split(".")).with_suffix(".py").is_file()
                yield (module, "") if is_module else (node.module, alias.name)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def room(module: str) -> str:
    """The package, or the top-level file, of a module of the library."""
    return module.split(".")[1]


def dotted(path: Path, root: Path = SRC) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def test_imports_between_packages_are_those_of_the_table() -> None:
    arrows: dict[str, set[str]] = {name: set() for name in ALLOWED}
    for path in modules():
        own = dotted(path)
        if not own.startswith("sightline."):
            continue
        for module, _ in imported(path):
            if module.startswith("sightline.") and room(module) != room(own):
                arrows.setdefault(room(own), set()).add(room(module))
    assert {name: tuple(sorted(targets)) for name, targets in arrows.items()} == ALLOWED


def test_the_report_reads_records_of_metrics_and_none_of_their_code() -> None:
    modules = {module for path in (LIBRARY / "report").glob("*.py") for module, _ in imported(path)}
    assert {module for module in modules if module.startswith("sightline.alignment")} == REPORT_READS


def test_every_package_of_the_library_is_in_the_table() -> None:
    packages = {path.name for path in LIBRARY.iterdir() if (path / "__init__.py").is_file()}
    files = {path.stem for path in LIBRARY.glob("*.py")} - {"__init__"}
    assert packages | files == set(ALLOWED)


def test_no_package_imports_a_stage_and_no_stage_another() -> None:
    commands = {path.stem for path in SRC.glob("*.py")}
    assert commands == {path.stem for path in STAGES.glob("*.py")} - {"__init__"}
    for path in LIBRARY.rglob("*.py"):
        modules = {module for module, _ in imported(path)}
        assert not {module.split(".")[0] for module in modules} & commands, path
        assert not {module for module in modules if module.startswith("sightline.stages")}, path


def test_the_command_of_a_stage_is_a_call_of_its_module() -> None:
    """`python src/train.py` is `python -m sightline.stages.train`: nothing of a stage is in one of them alone."""
    example = (SRC / "train.py").read_text()
    for path in SRC.glob("*.py"):
        assert path.read_text() == re.sub(r"\btrain\b", path.stem, example), path


def test_no_package_imports_the_underscore_names_of_another() -> None:
    private = [
        f"{dotted(path)}: {module}.{name}"
        for path in modules()
        for module, name in imported(path)
        if module.startswith("sightline.") and name.startswith("_") and module != dotted(path)
    ]
    assert private == []


def circle(imports: Mapping[str, set[str]]) -> list[str]:
    """One circle of modules that import each other, in order; [] if there is none."""
    done: set[str] = set()

    def search(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        for target in sorted(imports.get(module, ())):
            ring = search(target, [*way, module])
            if ring:
                return ring
        done.add(module)
        return []

    return next((ring for module in sorted(imports) if (ring := search(module, []))), [])


def test_no_modules_import_each_other_in_a_circle() -> None:
    front_door = LIBRARY / "__init__.py"  # it names modules for type checkers, and loads them when they are asked for
    imports = {dotted(path): {module for module, _ in imported(path)} for path in modules() if path != front_door}
    assert circle(imports) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


def test_a_package_is_one_sentence_and_imports_nothing() -> None:
    for path in LIBRARY.glob("*/**/__init__.py"):  # the API's names: tests/api/test_api_import.py
        assert len(parsed(path).body) == 1, path
        text = ast.get_docstring(parsed(path))
        assert text, path
        assert text.endswith("."), path
        assert "\n" not in text, path


def test_stages_are_thin() -> None:
    lines = {path.name: len(path.read_text().splitlines()) for path in STAGES.glob("*.py")}
    assert {name: count for name, count in lines.items() if count > STAGE_LINES} == {}


def test_no_path_of_the_pipeline_is_a_default_of_the_library() -> None:
    """Stages, inputs.py and cli.py say where files lie; the library gets paths handed in."""
    places = ("data/", "metrics/", "plots/")
    wrong = []
    for path in LIBRARY.rglob("*.py"):
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for default in (*node.args.defaults, *node.args.kw_defaults):
                texts = [leaf.value for leaf in ast.walk(default or ast.Pass()) if isinstance(leaf, ast.Constant)]
                names = [leaf.id for leaf in ast.walk(default or ast.Pass()) if isinstance(leaf, ast.Name)]
                constants = path_constants(path)
                if any(isinstance(text, str) and text.startswith(places) for text in texts) or constants & set(names):
                    wrong.append(f"{dotted(path)}.{node.name}")
    assert wrong == []


@cache
def path_constants(path: Path) -> set[str]:
    """Names of a module's constants whose value names a place of the pipeline."""
    names: set[str] = set()
    for node in parsed(path).body:
        if isinstance(node, ast.Assign):
            texts = [leaf.value for leaf in ast.walk(node.value) if isinstance(leaf, ast.Constant)]
            if any(isinstance(text, str) and text.startswith(("data/", "metrics/", "plots/")) for text in texts):
                for target in node.targets:
                    names |= {leaf.id for leaf in ast.walk(target) if isinstance(leaf, ast.Name)}
    return names
