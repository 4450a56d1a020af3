"""The report with its evidence: ladder, human scale, multiverse, shortcut meter, faithfulness, reliability.

Every file may be missing or empty, and every kind of study gives a whole page in the same order.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports import (
    EXTERNAL,
    NETWORKS,
    Elements,
    fabricate,
    finished_masks,
    ladder_metrics,
    page_of,
    run,
    verdict_metrics,
    words_of,
    written,
)
from sightline.alignment.specifications import CURVE_COLUMNS, curve_table, specifications, summary
from sightline.study.files import write_csv, write_json
from studies import stage

pytestmark = pytest.mark.usefixtures("plain_figures")

ORDER = ("films", "verdict", "ladder", "faithfulness", "shortcut", "choices", "classification", "experts", "published",
         "made", "glossary")  # fmt: skip
FILES = (
    *(f"metrics/{name}.json" for name in ("ladder", "verdict", "comparisons", "reliability", "shortcut", "multiverse")),
    "plots/multiverse.csv",
    "metrics/faithfulness",
    "metrics/regions",
    "metrics/consistency",
)


def fabricate_evidence(root: Path, models: Mapping[str, Any], *, has_readers: bool = True) -> None:
    """Every file of the evidence for a study that `fabricate` made; ladder: first model above, the last below."""
    names = list(models)
    methods = {name: entry.get("method", "gradcam") for name, entry in models.items()}
    values = dict(zip(names, np.linspace(0.4, 0.2, len(names)).tolist(), strict=True))
    ladder = ladder_metrics(
        {name: (methods[name], values[name]) for name in names},
        places=dict(zip(names, np.linspace(0.7, -0.2, len(names)).tolist(), strict=True)) if has_readers else None,
    )
    write_json(root / "metrics/ladder.json", ladder)
    contrasts = dict(zip(names, np.linspace(0.21, 0.01, len(names)).tolist(), strict=True))
    verdict = verdict_metrics({name: (methods[name], contrasts[name]) for name in names}, {names[-1]: "cannot_tell"})
    write_json(root / "metrics/verdict.json", verdict)

    sign = {"excess": 0.12, "excess_p": 0.004, "row": 0.93, "col": 0.21, "concentration": 0.67, "num_flat": 0}
    sign |= {"excess_negative": -0.03, "concentration_negative": 0.07, "num_positive": 12, "num_negative": 11}
    sign |= {"concentration_p": 0.002, "can_tell": True, "by_excess": True, "by_concentration": True}
    uniform = {"outside": 0.54, "corners": 0.09, "border": 0.18, "hottest": 0.02}
    write_json(root / "metrics/shortcut.json", {
        "lungs": "the phantom's own lungs",
        "models": {name: {methods[name]: {
            "images": 20, "shares": {**uniform, "outside": 0.661 - 0.1 * number}, "uniform": uniform,
            "by_outcome": {outcome: {"count": 5, **uniform} for outcome in ("TP", "FP", "FN", "TN")}
            if "arch" in entry else None,
            "called_by": "network" if "arch" in entry else "label",
            "suspicion": {**sign, "is_flagged": number == 0},
        }} for number, (name, entry) in enumerate(models.items())},
    })  # fmt: skip

    effect = {"mean": 0.812, "low": 0.41, "high": 1.21, "p": 0.013, "images": 4, "without_controls": 1}
    test = {"layers": 8, "depths": [1, 8], "spearman": [0.8, -0.1], "ssim": [0.7, 0.2]}
    for name, entry in models.items():
        if "arch" in entry:
            write_json(root / f"metrics/faithfulness/{name}.json", {
                "model": name, "method": "gradcam", "images": 5, "deletion_auc": 0.31, "insertion_auc": 0.92,
                "deletion_auc_zero": 0.22, "insertion_auc_zero": 0.51, "average_drop": 0.047, "increase": 0.36,
                "randomisation": test | {"baseline_spearman": 0.2, "baseline_ssim": 0.45},
            })  # fmt: skip
            write_json(root / f"metrics/regions/{name}.json", {
                "model": name, "images": 5,
                "necessity": effect, "sufficiency": effect | {"mean": -0.25}, "necessity_zero": effect,
                "sufficiency_zero": effect | {"mean": None},
                "controls": {
                    "blur": {
                        "with": {"images": 4, "region_share": 0.053, "probability": 0.61},
                        "without": {"images": 1, "region_share": 0.123, "probability": 0.82},
                    },
                    "zero": {
                        "with": {"images": 5, "region_share": 0.07, "probability": 0.6},
                        "without": {"images": 0, "region_share": None, "probability": None},
                    },
                },
            })  # fmt: skip

    numbers = {"correlation": 0.913, "correlation_chance": 0.402, "overlap": 0.823, "overlap_chance": 0.314}
    for name, entry in models.items():
        if "arch" in entry:
            write_json(root / f"metrics/consistency/{name}.json", {
                "model": name, "method": "gradcam", "images": 5, "rank": 0.418, "flat_maps": 0, "perturbations": {},
                "kinds": {
                    "shift": numbers | {"rank": 0.407}, "jpeg": numbers | {"rank": 0.399, "correlation_chance": None},
                },
            })  # fmt: skip

    gap = {"difference": 0.123, "low": 0.05, "high": 0.19, "p": 0.004, "p_holm": 0.012, "p_pointing": 0.5}
    pairs = [f"{first} - {second}" for first, second in itertools.combinations(names, 2)]
    write_json(root / "metrics/comparisons.json", {"primary": "mass", "alignment": dict.fromkeys(pairs, gap)})

    kappa = {"value": 0.313, "low": 0.26, "high": 0.37}
    comparison = {"difference": 0.125, "low": 0.01, "high": 0.24, "p_two_sided": 0.333, "num_images": 11}
    write_json(root / "metrics/reliability.json", {
        "alpha_iou": {"value": 0.137, "low": 0.11, "high": 0.17}, "kappa_in_lungs": kappa,
        "lungs": "the phantom's own lungs", "beyond_anatomy": {"iou": 0.241, "shuffled_iou": 0.127, "p": 0.0001},
        "professions": {}, "comparisons": {"physician - student": comparison | {"smallest_p": 0.1}},
    } if has_readers else {})  # fmt: skip

    specs = specifications([("exact", "gradcam"), ("paper", "gradcam")], ["fixed_0.5", "otsu"], ["mean"], ["iou", "ap"])
    rng = np.random.default_rng(5)
    scores = np.linspace(1, 0.5, len(models)) + 0.2 * rng.normal(size=(len(specs), len(models)))
    if len(models) > 1:
        write_json(root / "metrics/multiverse.json", summary(specs, names, scores))
        write_csv(root / "plots/multiverse.csv", pd.DataFrame(curve_table(specs, names, scores)))
    else:
        write_json(root / "metrics/multiverse.json", {"specifications": 0, "pairs": {}, "models": names})
        write_csv(root / "plots/multiverse.csv", pd.DataFrame(columns=CURVE_COLUMNS))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom study with all its evidence and its report, written in this process; not to be changed."""
    root = tmp_path_factory.mktemp("study")
    fabricate(root, NETWORKS | EXTERNAL)
    fabricate_evidence(root, NETWORKS | EXTERNAL)
    done = stage("report", root)
    assert done.returncode == 0, done.stderr
    return root


def whole(page: str) -> str:
    """The words of a page that is whole: all sections in order, links to them, no text of a number that is none."""
    elements = Elements(page)
    assert not elements.open
    assert [attributes["id"] for tag, attributes in elements.found if tag == "section"] == list(ORDER)
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    headings = [int(tag[1]) for tag, _ in elements.found if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings))
    words = words_of(page)
    assert not {"nan", "nan%", "None", "inf", "[nan,", "nan]"} & set(words.split())
    for part in page.split("<section")[1:]:  # no section is a heading alone
        assert len(words_of("<section" + part).split()) > 8
    return words


def test_the_page_is_whole_and_in_the_order_a_reader_needs(finished: Path) -> None:
    words = whole(page_of(finished))
    assert "resnet50-imagenet-gap scores higher than every baseline." in words
    assert "Below the experts' prior: theirs." in words
    assert "resnet50-imagenet-gap, stands at 0.70 [0.50, 0.90]." in words
    assert "which ladder.primary names: Grad-CAM and lime on 5 images" in words
    assert "Flagged: resnet50-imagenet-gap. On images called positive, right or wrong, the maps show more" in words
    assert (
        "Whatever the maps show, resnet50-imagenet-gap and alexnet-scratch-fc use the simulated readers' region"
        in words
    )
    assert "correlation 1.00, p = 1.000" not in words  # two models have no correlation to speak of
    assert (
        "resnet50-imagenet-gap, alexnet-scratch-fc and theirs point where the simulated readers look, more often than "
        "a random point would." in words
    )  # as published
    verdict, context, published = (
        words.index(text)
        for text in (
            "resnet50-imagenet-gap and alexnet-scratch-fc look where the simulated readers look.",
            "resnet50-imagenet-gap scores higher",
            "more often than a random",
        )
    )
    assert verdict < words.index("The ruler and its controls") < context < published
    assert page_of(finished).count('role="img"') >= 11


def test_a_run_of_its_own_gives_the_same_bytes(finished: Path) -> None:
    """A user's run, with two processes, other hashes, another clock and another language than this process has."""
    outputs = sorted(path for path in (finished / "plots").rglob("*") if path.suffix in (".html", ".tex", ".csv"))
    before = {path: path.read_bytes() for path in outputs}
    assert len(before) == 1 + 8 + 5 + 1  # the page, tables, plots, films.csv
    other = {"SIGHTLINE_WORKERS": "2", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    assert run(finished, **other).returncode == 0
    assert {path: path.read_bytes() for path in outputs} == before


def test_the_evidence_asks_no_host(finished: Path) -> None:
    page = page_of(finished)
    assert not re.search(r"(?<!=[\"'])https?://", page)
    assert all(
        attributes.get("aria-label") or attributes.get("aria-hidden") == "true"
        for tag, attributes in Elements(page).found
        if tag == "svg"
    )


CHANGES = [  # file, where in it, new value, as the page prints it
    ("ladder", ["models", "theirs", "lime", "mass", "lift"], -0.123, "\N{MINUS SIGN}12.3"),
    ("ladder", ["models", "theirs", "lime", "mass", "over", "lungs", "low"], -0.234, "[\N{MINUS SIGN}23,"),
    ("ladder", ["models", "theirs", "lime", "nss", "value"], 7.77, "7.77"),
    ("ladder", ["human_scale", "rank", "models", "theirs", "lime", "high"], 3.21, "3.2]"),
    ("ladder", ["human_scale", "mass", "readings"], 4321, "4,321 annotations"),
    ("shortcut", ["models", "theirs", "lime", "shares", "corners"], 0.777, "77.7%"),
    ("shortcut", ["models", "theirs", "lime", "suspicion", "row"], 0.11, "67% 7% 11% down, 21% across"),
    ("shortcut", ["models", "theirs", "lime", "suspicion", "excess_negative"], -0.456, "12.0% \N{MINUS SIGN}45.6%"),
    ("shortcut", ["models", "theirs", "lime", "suspicion", "can_tell"], False, "cannot tell for theirs: too few"),
    ("reliability", ["alpha_iou", "value"], 0.987, "0.99 [0.11, 0.17]"),
    ("reliability", ["beyond_anatomy", "shuffled_iou"], 0.555, "0.56 remains"),
    ("comparisons", ["alignment", "alexnet-scratch-fc - theirs", "p_holm"], 0.0678, "0.068"),
    ("comparisons", ["alignment", "alexnet-scratch-fc - theirs", "difference"], 0.0777, "+8 [5, 19]"),
    ("multiverse", ["ranking_agreement"], 0.123, "tau of 0.12"),
    ("multiverse", ["pairs", "theirs > alexnet-scratch-fc", "share"], 0.4321, "43%"),
    ("faithfulness/alexnet-scratch-fc", ["insertion_auc"], 0.1111, "0.11 black 0.51"),
    (
        "regions/alexnet-scratch-fc",
        ["necessity", "p"],
        0.0567,
        "Whatever the maps show, resnet50-imagenet-gap uses the",
    ),
    ("regions/alexnet-scratch-fc", ["necessity", "mean"], 9.87, "9.87 [0.41, 1.21]"),
    ("regions/alexnet-scratch-fc", ["necessity_zero", "low"], 0.77, "0.81 [0.77, 1.21]"),
    ("regions/resnet50-imagenet-gap", ["controls", "blur", "without", "region_share"], 0.456, "takes 12.3 to 45.6% of"),
    (
        "regions/alexnet-scratch-fc",
        ["controls", "blur", "with", "probability"],
        0.22,
        "0.22 to 0.61 on the",
    ),
    ("faithfulness/alexnet-scratch-fc", ["randomisation", "spearman", 1], 0.765, "0.77"),
    ("faithfulness/resnet50-imagenet-gap", ["deletion_auc"], 0.95, "Insertion is above deletion for no network."),
    (
        "verdict",
        ["models", "alexnet-scratch-fc", "gradcam", "sentence"],
        "A sentence of its own.",
        "A sentence of its own.",
    ),
    ("verdict", ["models", "alexnet-scratch-fc", "gradcam", "contrast", "rank", "own"], 0.6789, "67.9%"),
    ("verdict", ["models", "alexnet-scratch-fc", "gradcam", "place_high"], 6.54, "0 [0, 7]"),
    ("verdict", ["models", "alexnet-scratch-fc", "gradcam", "contrast", "auroc", "value"], 0.3579, "+36 ["),
    ("verdict", ["models", "alexnet-scratch-fc", "gradcam", "images_needed"], 98765, "98,765"),
    ("verdict", ["models", "alexnet-scratch-fc", "gradcam", "true_positives", "images"], 4747, "4,747 images"),
    ("verdict", ["controls", "4x4", "region", "value"], 0.9753, "+98 ["),
    ("verdict", ["controls", "4x4", "power"], 0.6421, "64%"),
    ("verdict", ["readers"], 777, "marked by 777 simulated readers"),
    ("consistency/alexnet-scratch-fc", ["kinds", "shift", "correlation"], -0.654, "\N{MINUS SIGN}0.65 chance 0.40"),
    ("consistency/alexnet-scratch-fc", ["kinds", "jpeg", "overlap"], 0.1234, "12.3% chance 31.4%"),
    ("consistency/alexnet-scratch-fc", ["kinds", "jpeg", "rank"], 0.0456, "41.8% 40.7% 4.6%"),
]


def test_changed_evidence_changes_the_page(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "copy"
    shutil.copytree(finished, root)
    for name, keys, value, _ in CHANGES:
        path = root / f"metrics/{name}.json"
        metrics = place = json.loads(path.read_text())
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        path.write_text(json.dumps(metrics))
    before, after = words_of(page_of(finished)), words_of(written(root, monkeypatch))
    assert [shown for *_, shown in CHANGES if shown in before] == []
    assert [shown for *_, shown in CHANGES if shown not in after] == []


@pytest.mark.parametrize("name", FILES)
def test_each_file_may_be_missing(name: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "copy"
    shutil.copytree(finished, root)
    shutil.rmtree(root / name) if (root / name).is_dir() else (root / name).unlink()
    words = whole(written(root, monkeypatch))
    if name == "metrics/verdict.json":  # then the published comparison answers
        assert words.index("alexnet-scratch-fc and theirs point where") < words.index("How close they come")
        assert "or metrics/verdict.json is missing or empty" in words
    if name == "metrics/ladder.json":
        assert "metrics/ladder.json is missing or empty" in words


def test_empty_files_give_the_page_of_missing_ones(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(finished, root)
    files = [root / name for name in FILES if name.endswith(".json")]
    for path in files:
        write_json(path, {})
    page = written(root, monkeypatch)
    whole(page)
    for path in files:
        path.unlink()
    assert written(root, monkeypatch) == page


def test_a_study_without_a_consensus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stages write then: {} and empty tables; the shortcut meter needs no experts."""
    fabricate(tmp_path, NETWORKS, num_images=0, source="folder")
    fabricate_evidence(tmp_path, NETWORKS)
    for name in (
        "ladder",
        "verdict",
        "reliability",
        "multiverse",
        *(f"{kind}/{model}" for kind in ("faithfulness", "regions", "consistency") for model in NETWORKS),
    ):
        write_json(tmp_path / f"metrics/{name}.json", {})
    write_csv(tmp_path / "plots/multiverse.csv", pd.DataFrame(columns=CURVE_COLUMNS))
    words = whole(written(tmp_path, monkeypatch))
    assert "so the question stays open" in words
    assert "No map of this study was compared with the baselines: no image has a consensus region." in words
    assert "Flagged: resnet50-imagenet-gap." in words
    assert "The ranking was not tried under other choices" in words
    assert "Consistency was not measured: it is off by default" in words


def test_a_study_without_single_annotations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fabricate(tmp_path, NETWORKS, source="folder")
    fabricate_evidence(tmp_path, NETWORKS, has_readers=False)
    finished_masks(tmp_path)
    words = whole(written(tmp_path, monkeypatch))
    assert "The human scale needs images that two or more experts marked" in words
    assert "resnet50-imagenet-gap scores higher than every baseline." in words
    assert "Krippendorff" not in words


def test_a_study_of_external_maps_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = EXTERNAL | {"others": {"maps": "data/raw/more", "method": "rise"}}
    fabricate(tmp_path, models, source="folder")
    fabricate_evidence(tmp_path, models)
    words = whole(written(tmp_path, monkeypatch))
    assert "lime and rise on 5 images" in words
    assert "This study has maps only, no networks" in words
    assert "No model has predictions, so there is nothing to split by right and wrong answers." in words
    assert "No model of this study has both predictions and scored maps." in words
    assert "theirs above others" in words


@pytest.mark.parametrize("models", [{"alexnet-scratch-fc": NETWORKS["alexnet-scratch-fc"]}, EXTERNAL])
def test_a_study_of_one_model(models: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fabricate(tmp_path, models, source="folder")
    fabricate_evidence(tmp_path, models)
    words = whole(written(tmp_path, monkeypatch))
    assert f"{next(iter(models))} scores higher than every baseline." in words
    assert f"with {next(iter(models))} alone there is nothing to rank" in words
    assert "Holm)" not in words.split("Beside maps that know nothing")[0]


def test_networks_that_do_not_use_the_region(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network by p, and then none with a control region: first it says so, then nothing."""
    root = tmp_path / "copy"
    shutil.copytree(finished, root)
    said = "no network measurably uses the simulated readers' region: the score for pneumonia is not seen to fall more"
    for p, count in ((0.6, 1), (None, 0)):
        for path in (root / "metrics/regions").glob("*.json"):
            metrics = json.loads(path.read_text())
            metrics["necessity"]["p"] = p
            path.write_text(json.dumps(metrics))
        assert whole(written(root, monkeypatch)).count(said) == count
