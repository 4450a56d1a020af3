"""A model card for each model and a data card, in Markdown: what the study knows, and what it does not know.

The headings follow model cards (Mitchell et al. 2019) and datasheets (Gebru et al. 2021). A line that begins with
UNKNOWN is for the people who publish the model or the data: the study has no way to know it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from sightline.counts import counted
from sightline.report.contents import Study, Tables
from sightline.report.digits import with_ends
from sightline.report.machines import devices_of
from sightline.report.tables import METRIC_WORDS, TABLE_4_METRICS, shown_count
from sightline.report.verdict import of_study
from sightline.report.words import Metrics, consensus_words, listed, number_at, place_words, sees
from sightline.study.models import Classifying, Network, OwnModel

UNKNOWN = "Not known:"
SPLITS = {"train": "training", "val": "validation", "test": "test", "external": "another hospital's"}
PEOPLE = ("view", "sex", "age", "site")  # columns of the index that say who was filmed, and how
HEAD = "Written by Sightline's report from what the study knows. *Not known* is for those who publish to fill in.\n"
RESEARCH = "Research on where classifiers look. Not a medical device, and not for decisions about patients."
PHANTOM = "The films are synthetic and the readers simulated: numbers describe the method, not patients."


def cards(study: Study, numbers: Tables) -> dict[str, str]:
    """By the name of its file, without suffix, each card's text: `data`, and `model-<key>` for each model."""
    judged = of_study(study.verdict, study.models)
    models = {f"model-{model}": model_card(study, numbers, model, judged) for model in study.models}
    return {"data": data_card(study), **models}


def model_card(study: Study, numbers: Tables, model: str, judged: Metrics) -> str:
    """The card of one model; `judged` is `of_study` of the study's verdict."""
    return "\n".join([
        f"# Model card: {model}\n", HEAD,
        *_part("What it is", _kind(study, numbers, model)),
        *_part("Use", [RESEARCH, f"{UNKNOWN} what else it is meant for, and who may use it."]),
        *_part("Training", _training(study, model)),
        *_part("How well it classifies", _classified(study, model)),
        *_part("Where it looks", _looks(model, judged)),
        *_part("Limits", _limits(study, model)),
    ])  # fmt: skip


def data_card(study: Study) -> str:
    """The card of the study's films and experts' regions."""
    return "\n".join([
        f"# Data card: {study.title}\n", HEAD,
        *_part("Films", _films(study)), _split_table(study.index), "",
        *_part("People", _people(study)),
        *_part("Labels", _labels(study)),
        *_part("Experts' regions", _regions(study)),
        *_part("Origin and permission", _origin(study)),
    ])  # fmt: skip


def _part(heading: str, lines: Sequence[str]) -> list[str]:
    return [f"## {heading}\n", *(f"- {line}" for line in lines), ""]


def _kind(study: Study, numbers: Tables, model: str) -> list[str]:
    entry = study.models[model]
    found = numbers.table4[numbers.table4["model"] == model]
    count = math.nan if found.empty or pd.isna(found["parameters"].iloc[0]) else float(found["parameters"].iloc[0])
    size = f"{shown_count(count)} parameters." if count == count else f"{UNKNOWN} its number of parameters."
    if isinstance(entry, Network):
        first = f"A network of architecture {entry.arch}, head {entry.head}, that starts from: {entry.init}."
    elif isinstance(entry, OwnModel):
        first = f"A classifier trained elsewhere, from {listed(list(dict.fromkeys(entry.files)))}."
    else:
        return [f"Saliency maps made elsewhere, by method {entry.method}.", f"{UNKNOWN} the model that they explain."]
    lines = [first, size, *([f"It {sees(entry)}; all else of a film is black."] if sees(entry) else [])]
    return [*lines, f"{UNKNOWN} who answers for it, its licence, and what it costs to be wrong with it."]


def _training(study: Study, model: str) -> list[str]:
    entry, index = study.models[model], study.index
    if not isinstance(entry, Network):
        return [f"{UNKNOWN} films, labels, patients and recipe. It was not trained in this study."]
    own = index[index["split"] == "train"]
    patients = counted(own["patient"].nunique(), "patient")
    films = f"On {counted(len(own), 'film')} of {patients} of this study (data card)."
    values = {**study.params.get("train", {}), **entry.train}
    recipe = ", ".join(f"{name} {value}" for name, value in values.items())
    devices = list(devices_of(study.made, {model: entry}))
    return [
        films if len(own) else f"{UNKNOWN} the films.",
        f"Recipe: {recipe}." if recipe else f"{UNKNOWN} the recipe.",
        f"Seed {study.params.get('seed')}; trained on: {' then '.join(devices)}."
        if devices
        else f"Seed {study.params.get('seed')}. {UNKNOWN} the machine.",
    ]


def _classified(study: Study, model: str) -> list[str]:
    found = study.classification.get(model)
    if not found:
        return [f"{UNKNOWN} maps come without predictions."]
    test = study.index[study.index["split"] == "test"]
    level = number_at(study.params, "bootstrap", "level")
    lines = [f"On {_counts(test)}; {100 * level:g}% intervals, by patient."]
    lines += [f"{METRIC_WORDS[name]}: {_percent(found[name], 'patient_')}" for name in TABLE_4_METRICS if name in found]
    if ece := found.get("calibration", {}).get("ece"):
        lines.append(f"Expected calibration error: {_percent(ece)}")
    if external := found.get("external"):
        films = counted(number_at(external, "images"), "film")
        accuracy = _percent(external["accuracy"], "patient_")
        return [*lines, f"Accuracy on {films} of another hospital: {accuracy}"]
    return [*lines, f"{UNKNOWN} how well it classifies films of another hospital."]


def _percent(ends: Metrics, prefix: str = "") -> str:
    """A value and its interval in percent; `prefix` of the keys of the interval's ends."""
    low, high = number_at(ends, f"{prefix}low"), number_at(ends, f"{prefix}high")
    return with_ends(number_at(ends, "value"), low, high, 1, factor=100, unit="%")


def _looks(model: str, judged: Metrics) -> list[str]:
    found = judged.get("candidates", {}).get(model)
    if not found:
        return [f"{UNKNOWN} the study has no verdict on it."]
    ends = [number_at(found, name) for name in ("place", "place_low", "place_high")]
    place = f"Place on the experts' scale, 0 blind to the patient, 1 an expert: {place_words(*ends)}."
    scored = f"Scored on {counted(number_at(judged, 'images'), 'film')} with a region."
    evidence = "The evidence, and what the maps say of the network itself, is in plots/report.html."
    return [str(found["sentence"]), *([place] if ends[0] == ends[0] else []), scored, evidence]


def _limits(study: Study, model: str) -> list[str]:
    groups, entry = study.subgroups, study.models[model]
    uses = [] if isinstance(entry, Classifying) else [f"{UNKNOWN} whether the network uses what its maps show."]
    parts = [f"Results by {listed(list(groups))} are in the report; they describe and do not test."] if groups else []
    return [
        *([PHANTOM] if study.is_phantom else []),
        *(parts or [f"{UNKNOWN} how results differ by view, sex, age or site: the films do not state them."]),
        *uses,
        f"{UNKNOWN} what happens on other machines, with other exposures, and with findings without a label.",
    ]


def _films(study: Study) -> list[str]:
    data, left_out = study.params.get("data", {}), study.exclusions.get("excluded", [])
    reasons: dict[str, int] = {}
    for row in left_out:
        reasons[row["reason"]] = reasons.get(row["reason"], 0) + row["films"]
    words = "; ".join(f"{films:,} {reason}" for reason, films in reasons.items())
    source = "the phantom, made by this study" if study.is_phantom else f"{data.get('source')} {data.get('root', '')}"
    patients = counted(study.index["patient"].nunique(), "patient")
    return [
        f"{counted(len(study.index), 'film')} of {patients}, from: {source}.",
        f"Left out: {words}." if words else "None of the films listed was left out.",
        f"Prepared at {data.get('height')} x {data.get('width')} pixels.",
        f"SHA-256 of the index, which has that of every film: {study.index_sha256}.",
    ]


def _split_table(index: pd.DataFrame) -> str:
    rows = [
        f"| {words} | {len(part):,} | {int((part['label'] == 1).sum()):,} | {part['patient'].nunique():,} |"
        for split, words in SPLITS.items()
        if len(part := index[index["split"] == split])
    ]
    return "\n".join(["| films | number | positive | patients |", "| --- | --- | --- | --- |", *rows])


def _counts(part: pd.DataFrame) -> str:
    positive = int((part["label"] == 1).sum())
    patients = counted(part["patient"].nunique(), "patient")
    return f"{counted(len(part), 'test film')} of {patients}, {positive:,} of them positive"


def _people(study: Study) -> list[str]:
    if study.is_phantom:
        return ["There are no people: the films are synthetic."]
    stated = [name for name in PEOPLE if name in study.index and study.index[name].notna().any()]
    missing = [name for name in PEOPLE if name not in stated]
    known = [f"Stated of films: {listed(stated)}; counts are in the report."] if stated else []
    return [*known, *([f"{UNKNOWN} {listed(missing)}."] if missing else [])]


def _labels(study: Study) -> list[str]:
    if study.is_phantom:
        return ["Drawn by the phantom's recipe, section phantom of params.yaml; they are true by construction."]
    data = study.params.get("data", {})
    names = f"Positive: {data.get('positive')}. Negative: {data.get('negative')}."
    return [names, f"{UNKNOWN} who gave the labels, from what, and how often they are wrong."]


def _regions(study: Study) -> list[str]:
    found = study.consensus
    readers, drawn = number_at(found, "annotators"), number_at(found, "annotations")
    with_region = number_at(found, "nonempty_consensus")
    if not with_region > 0:
        return ["Nobody has marked regions on these films."]
    if math.isnan(drawn):
        return [
            f"Finished regions on {counted(with_region, 'film')}.",
            f"{UNKNOWN} who drew them, and how far they agree.",
        ]
    professions = [
        f"{number:.0f} {profession}"
        for profession, number in zip(study.professions["profession"], study.professions["annotators"], strict=True)
    ]
    agreement = number_at(found, "place", "iou_percent")
    agree = f"Mean IoU of two readers of a film: {agreement:.1f}%." if agreement == agreement else ""
    by = f"{counted(drawn, 'annotation')} by {counted(readers, 'reader')}"
    return [
        f"{by}; {counted(with_region, 'film')} with a consensus.",
        f"Professions: {', '.join(professions)}." if professions else f"{UNKNOWN} the readers' professions.",
        agree or f"{UNKNOWN} how far they agree.",
        consensus_words(study.params.get("consensus", {}), study.experts) or f"{UNKNOWN} how the regions were merged.",
    ]


def _origin(study: Study) -> list[str]:
    if study.is_phantom:
        return ["Synthetic: no hospital, no patients, no readers, and so no permission to ask for."]
    return [
        f"{UNKNOWN} hospital, period, devices, and how films were chosen.",
        f"{UNKNOWN} who approved the use, what patients and readers agreed to, and the licence of the films.",
        f"{UNKNOWN} how films were de-identified, and whether a text is burnt into them.",
    ]
