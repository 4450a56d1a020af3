"""The code that each stage depends on: by file where the study is a checkout, else as a fingerprint in code.yaml."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from sightline.study.code_file import PACKAGE, digest_of

# dvc stage -> its file in sightline/stages, and the command beside the package; the stages that run once per model
# included
SCRIPTS = {
    "prepare": "prepare.py",
    "augment-preview": "augment_preview.py",
    "train": "train.py",
    "predict": "predict.py",
    "saliency": "saliency.py",
    "import-maps": "import_maps.py",
    "lungs": "lungs.py",
    "lung-films": "lung_films.py",
    "consensus": "consensus.py",
    "reliability": "reliability.py",
    "align": "align.py",
    "bootstrap": "bootstrap.py",
    "ladder": "ladder.py",
    "verdict": "verdict.py",
    "subgroups": "subgroups.py",
    "compare": "compare.py",
    "families": "families.py",
    "population": "population.py",
    "shortcut": "shortcut.py",
    "faithfulness": "faithfulness.py",
    "regions": "regions.py",
    "consistency": "consistency.py",
    "multiverse": "multiverse.py",
    "report": "report.py",
}

# dvc stage -> the packages that it names as a folder: of which it uses most, or at least four files. Of others it names
# files. Written down, not computed: a stage's dependencies change only where somebody says so. A new file in a folder
# makes a stage stale that may not import it. That costs most stages seconds, but trains a network again: train names
# no line that it does not import, and the stages of a trained network none that does not train it again, which a test
# counts. Files are named of faithfulness, since neither of the stages faithfulness and regions is to run for a change
# that concerns the other.
FOLDERS = {
    "prepare": ("images", "study"),
    "augment-preview": ("study",),
    "train": ("networks", "study"),
    "predict": ("networks", "own_models", "study"),
    "saliency": ("networks", "own_models", "saliency", "study"),
    "import-maps": ("study",),
    "lungs": ("study",),
    "lung-films": ("study",),
    "consensus": ("experts", "statistics", "study"),
    "reliability": ("experts", "statistics", "study"),
    "align": ("statistics", "study"),
    "bootstrap": ("statistics", "study"),
    "ladder": ("alignment", "statistics", "study"),
    "verdict": ("judging", "statistics", "study"),
    "subgroups": ("statistics", "study"),
    "compare": ("statistics", "study"),
    "families": ("statistics", "study"),
    "population": ("statistics", "study"),
    "shortcut": ("study",),
    "faithfulness": ("networks", "own_models", "study"),
    "regions": ("networks", "own_models", "study"),
    "consistency": ("consistency", "networks", "own_models", "study"),
    "multiverse": ("alignment", "statistics", "study"),
    "report": ("report", "statistics", "study"),
}


def code_deps(stage: str, source: Path) -> list[str]:
    """The code below the folder `source` that a stage depends on, as dvc.yaml writes it (`src/...`), sorted."""
    return sorted(f"{source.name}/{path}" for path in [SCRIPTS[stage], *_named_code(stage, source)])


def fingerprints(source: Path = PACKAGE.parent) -> dict[str, str]:
    """By stage 16 hexadecimal digits of its code's SHA-256: of the files that `code_deps` names, folders in full.

    By default of the package that runs. The command `src/<stage>.py` does not count: it is the same for all.
    """
    found = {}
    for stage in SCRIPTS:
        paths = [source / path for path in _named_code(stage, source)]
        files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
        found[stage] = digest_of(files, source)
    return found


def _named_code(stage: str, source: Path) -> list[str]:
    """A stage's packages of `FOLDERS` whole, else files, below `source`, sorted."""
    whole = {f"sightline/{package}" for package in FOLDERS[stage]}
    files = imported_files(source / "sightline/stages" / SCRIPTS[stage], source)
    return sorted([*whole, *(file for file in files if not any(file.startswith(f"{folder}/") for folder in whole))])


def imported_files(module: Path, source: Path) -> list[str]:
    """The files of the package sightline in `source` that a module imports, transitively, itself and data files too.

    Sorted, by their paths below `source`. A data file counts where a module names it as a text that ends in .json, by
    its path below the package.
    """
    seen: set[Path] = set()
    waiting = [module, module.with_name("__init__.py")]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if path.suffix == ".py":
            waiting += [found for found in _local_names(path.read_text(encoding="utf-8"), source) if found not in seen]
    return sorted(path.relative_to(source).as_posix() for path in seen)


def _local_names(text: str, source: Path) -> list[Path]:
    modules, data = _named(text)
    found = [source / "sightline" / name for name in data if (source / "sightline" / name).is_file()]
    for name in modules:
        if name.partition(".")[0] != "sightline":  # where it is installed, other packages lie beside it
            continue
        path = source.joinpath(*name.split("."))
        files = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
        found += files
        if files:  # importing a module runs the packages that hold it
            packages = [folder / "__init__.py" for folder in path.parents if folder.is_relative_to(source)]
            found += [package for package in packages if package.is_file()]
    # sightline/__init__.py holds the names of the API, which load no code of a stage: a new name retrains nothing
    return [file for file in found if file != source / "sightline" / "__init__.py"]


@cache  # most files are imported by many stages
def _named(text: str) -> tuple[list[str], list[str]]:
    """Modules that a module may import, and data files that it may read."""
    modules: list[str] = []
    data: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules += [node.module, *[f"{node.module}.{alias.name}" for alias in node.names]]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".json"):
            data.append(node.value)
    return modules, data
