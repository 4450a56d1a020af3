"""What dvc.yaml must say of a study: its models, its fan-in, and the code that each stage imports."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from sightline.films import FILMS
from sightline.stage_code import SCRIPTS, code_deps
from sightline.study.code_file import CODE
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

FAMILY_TABLES = ("data/alignment.csv", "data/ladder.csv", "data/prepared/index.csv")  # what stage families reads
KEPT = ("frozen", "always_changed", "meta")  # what `dvc freeze` and users add to a stage


def sync(graph: dict[str, Any], models: dict[str, Entry], source: Path | None) -> None:
    """Changes `graph`, a loaded dvc.yaml, in place so that it fits the models and the code.

    `source`: the folder src/ of a checkout, whose files the stages run and depend on; None where they run the installed
    package and depend on their line in code.yaml. Stage deps become: the stage's code in sorted order, then the data
    deps that stand there, then the files of each model for the stages that gather them. The stages of one network run
    once per seed: `${key}` is the run and `item` what `_trained`, `_own` and `_shown` return. Everything else of the
    file stays.
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
        code = code_deps(name, source) if source else []
        stage["deps"] = [*code, *kept, *keyed, *gathered.get(name, [])]
        _, *words = str(stage["cmd"]).split()
        arguments = words[2:] if words[0] == "-m" else words[1:]
        module = f"-m sightline.stages.{Path(script).stem}"
        stage["cmd"] = " ".join(["python", f"src/{script}" if source else module, *arguments])
        if source is None:
            params = [
                param for param in stage.get("params", []) if not (isinstance(param, dict) and CODE.name in param)
            ]
            stage["params"] = _inline(CommentedSeq([*params, _inline(CommentedMap({CODE.name: [name]}))]))
    _training_plot(graph)["y"] = dict.fromkeys(histories, "val_auroc")


def renew(graph: dict[str, Any], shipped: dict[str, Any]) -> None:
    """Gives `graph`, a study's dvc.yaml, Sightline's stages as the dvc.yaml `shipped` has them, in place.

    Stages, plots and metrics of the user's own stay. So does what a user or DVC adds to a stage of ours: `KEPT`, and
    options of its outputs, such as `push: false`.
    """
    stages = graph["stages"]
    for name in [name for name, stage in stages.items() if _is_ours(stage) and name not in SCRIPTS]:
        del stages[name]  # of an earlier version
    for name in SCRIPTS:
        ours = deepcopy(shipped["stages"][name])
        now, new = (stage.get("do", stage) for stage in (stages.get(name, {}), ours))
        new |= {key: now[key] for key in KEPT if key in now}
        for kind in ("outs", "metrics", "plots"):
            options = {
                path: chosen for out in now.get(kind, []) if isinstance(out, dict) for path, chosen in out.items()
            }
            for place, out in enumerate(new.get(kind, [])):
                path, own = (out, {}) if isinstance(out, str) else next(iter(out.items()))
                if set(options.get(path, {})) - set(own):
                    new[kind][place] = {path: {**options[path], **own}}
        stages[name] = ours
    plots = graph.setdefault("plots", [])
    if not any("training" in plot for plot in plots):
        plots.insert(0, deepcopy(_training_plot(shipped, whole=True)))


def _is_ours(stage: dict[str, Any]) -> bool:
    return str(stage.get("do", stage).get("cmd", "")).startswith("python -m sightline.stages.")


def _training_plot(graph: dict[str, Any], whole: bool = False) -> dict[str, Any]:
    plot: dict[str, Any] = next(plot for plot in graph["plots"] if "training" in plot)
    return plot if whole else plot["training"]


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
    return {key: _inline(CommentedMap(item)) for key, item in items.items()}


def _inline(value: Any) -> Any:
    """A CommentedMap or CommentedSeq that YAML writes in braces or brackets."""
    value.fa.set_flow_style()
    return value
