"""What dvc.yaml must say of a study: its models, its fan-in, and the code that each stage imports."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from sightline.films import FILMS
from sightline.study.models import (
    Entry,
    ExternalMaps,
    Network,
    OwnModel,
    classifying,
    entries_of_runs,
    families_of,
    runs_of,
    trained_here,
)

# dvc stage -> its script; the stages that run once per model included
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

FAMILY_TABLES = ("data/alignment.csv", "data/ladder.csv", "data/prepared/index.csv")  # what stage families reads


def sync(graph: dict[str, Any], models: dict[str, Entry], source: Path) -> None:
    """Changes `graph`, a loaded dvc.yaml, in place so that it fits the models and the imports below `source`.

    Stage deps become: the stage's code in sorted order, then the data deps that stand there, then the files of each
    model for the stages that gather them. The stages of one network run once per seed: `${key}` is the run and `item`
    what `_trained`, `_own` and `_shown` return. Everything else of the file stays.
    """
    runs, entry_of_run = runs_of(models), entries_of_runs(models)
    networks, trained = classifying(runs), trained_here(runs)
    own = {key: entry for key, entry in models.items() if isinstance(entry, OwnModel)}
    external = {key: {"maps": entry.maps} for key, entry in models.items() if isinstance(entry, ExternalMaps)}
    shown = {key: _shown(key, entry_of_run.get(key, key), runs[key]) for key in networks}
    stages = graph["stages"]
    stages["train"]["foreach"] = _lines(
        {key: _trained(entry_of_run[key], models[entry_of_run[key]]) for key in trained}
    )
    stages["predict"]["foreach"] = _lines({key: _own(entry) for key, entry in own.items()})
    for name in ("saliency", "faithfulness", "regions", "consistency"):
        stages[name]["foreach"] = _lines(shown)
    stages["import-maps"]["foreach"] = external
    seen = {str(item["films"]) for item in shown.values()} - {str(FILMS["film"])}
    stages["lung-films"]["foreach"] = {Path(films).stem: {"films": films} for films in sorted(seen)}
    maps = [f"data/saliency/{key}.npz" for key in runs]
    others = [f"data/saliency/{key}.others.npz" for key in networks]
    predictions = [f"data/models/{key}.predictions.csv" for key in networks]
    histories = [f"data/models/{key}.history.csv" for key in trained]
    made = [f"data/models/{key}.made.json" for key in networks]
    perturbed = [f"data/consistency/{key}.npz" for key in networks]
    gathered = {
        "align": maps,
        "bootstrap": predictions,
        "ladder": [*maps, *others],
        "verdict": [*maps, *others, *predictions, *perturbed],
        "subgroups": predictions,
        "compare": predictions,
        # without several seeds there is nothing to summarise, and no change reaches the stage
        "families": [*FAMILY_TABLES, *predictions] if families_of(models) else [],
        "shortcut": [*maps, *predictions],
        "multiverse": [*maps, *(f"data/saliency/{key}.others.npz" for key in trained)],
        "report": [*maps, *predictions, *histories, *made],
    }
    measured = ("faithfulness", "regions", "consistency")
    gathered["report"] += [f"metrics/{kind}/{key}.json" for kind in measured for key in networks]
    gathered["report"] += [f"metrics/models/{key}.json" for key in own]
    listed = (
        "src/",
        "data/models/",
        "data/saliency/",
        "data/consistency/",
        "metrics/faithfulness/",
        "metrics/regions/",
        "metrics/consistency/",
        "metrics/models/",
    )
    for name, script in SCRIPTS.items():
        stage = stages[name].get("do", stages[name])
        gone = (*listed, *FAMILY_TABLES) if name == "families" else listed
        kept = [dep for dep in stage["deps"] if not str(dep).startswith(gone)]
        keyed = [dep for dep in stage["deps"] if "${" in str(dep) and str(dep).startswith("data/saliency/")]
        stage["deps"] = [*code_deps(source / script, FOLDERS[name]), *kept, *keyed, *gathered.get(name, [])]
    graph["plots"][0]["training"]["y"] = dict.fromkeys(histories, "val_auroc")


def _trained(name: str, entry: Entry) -> dict[str, str]:
    """`model`: the entry; `films`: what the network sees; `start`: the file of weights that it starts from.

    `tracked`: the entry's key that holds changes of section `train`. DVC refuses a missing parameter and an empty path,
    so where there is none of the last two, they name what DVC tracks anyway.
    """
    assert isinstance(entry, Network)
    films = str(FILMS[entry.input])
    tracked = "train" if entry.train else "arch"
    return {"model": name, "films": films, "start": entry.start or films, "tracked": tracked}


def _own(entry: OwnModel) -> dict[str, str]:
    """`films`: what a classifier trained elsewhere sees; `file`, `beside`: the files that it is made of."""
    file, beside = entry.files
    return {"films": str(FILMS[entry.input]), "file": file, "beside": beside}


def _shown(key: str, name: str, entry: Entry) -> dict[str, str]:
    """What stages need of a classifier, trained here or elsewhere: `model` is its entry, the rest as in `_own`."""
    if isinstance(entry, Network):
        weights = f"data/models/{key}.safetensors"
        return {"model": name, "films": str(FILMS[entry.input]), "file": weights, "beside": weights}
    assert isinstance(entry, OwnModel)
    return {"model": name, **_own(entry)}


def _lines(items: dict[str, dict[str, str]]) -> dict[str, CommentedMap]:
    """Copies that YAML writes in braces; copies, since one mapping written twice would be an anchor."""
    lines = {key: CommentedMap(item) for key, item in items.items()}
    for line in lines.values():
        line.fa.set_flow_style()
    return lines


def code_deps(script: Path, folders: tuple[str, ...]) -> list[str]:
    """The code that a stage depends on, as dvc.yaml writes it, sorted: the packages `folders` whole, else files."""
    whole = {f"{script.parent.name}/sightline/{package}" for package in folders}
    files = [file for file in imported_files(script) if not any(file.startswith(f"{folder}/") for folder in whole)]
    return sorted([*whole, *files])


def imported_files(script: Path) -> list[str]:
    """The files below `script`'s folder that it imports, transitively, itself among them, and their data files.

    Paths as dvc.yaml writes them (`src/...`), sorted. A data file counts where a module names it as a text that ends
    in .json, by its path below `sightline`.
    """
    root = script.parent
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if path.suffix == ".py":
            waiting += [found for found in _local_names(path.read_text(), root) if found not in seen]
    return sorted(f"{root.name}/{path.relative_to(root).as_posix()}" for path in seen)


def _local_names(text: str, root: Path) -> list[Path]:
    modules, data = _named(text)
    found = [root / "sightline" / name for name in data if (root / "sightline" / name).is_file()]
    for name in modules:
        path = root.joinpath(*name.split("."))
        files = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
        found += files
        if files:  # importing a module runs the packages that hold it
            packages = [folder / "__init__.py" for folder in path.parents if folder.is_relative_to(root)]
            found += [package for package in packages if package.is_file()]
    # sightline/__init__.py holds the names of the API, which load no code of a stage: a new name retrains nothing
    return [file for file in found if file != root / "sightline" / "__init__.py"]


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
