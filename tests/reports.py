"""Fabricated inputs of the report stage, and its page taken apart."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from sightline.alignment.threshold_free import METRICS
from sightline.model_check.findings import CHECKS
from sightline.stages import report
from sightline.study.files import write_csv, write_json, write_npz
from studies import script

NETWORKS = {
    "resnet50-imagenet-gap": {"arch": "resnet50", "init": "imagenet", "head": "gap"},
    "alexnet-scratch-fc": {"arch": "alexnet", "init": "scratch", "head": "fc"},
}
EXTERNAL = {"theirs": {"maps": "data/raw/maps", "method": "lime"}}
OWN = {"ours": {"code": "models/ours.py"}}
BASELINES = {"uniform": 0.1, "lungs": 0.25, "other_region": 0.22, "atlas": 0.3}


def fabricate(
    root: Path, models: dict[str, Any], *, side: int = 48, num_images: int = 5, source: str = "phantom",
    num_test: int = 20, title: str = "A study", paper_numbers: bool = True, films: int = 8,
) -> None:  # fmt: skip
    """Every input of the report for `num_images` images with a consensus; with 0, no annotations either."""
    rng = np.random.default_rng(7)
    params = {
        "seed": 3, "threshold": 0.5, "data": {"source": source, "height": side, "width": side, "split": "patient"},
        "bootstrap": {"resamples": 1000, "level": 0.95}, "classification": {"bins": 4, "sensitivity": 0.9},
        "models": models,
        "report": {"title": title, "paper_numbers": paper_numbers, "films": films},
    }  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    YAML().dump(params, root / "params.yaml")

    names = [f"test-{number:04d}" for number in range(num_test)]
    row, col = np.mgrid[:side, :side] / side
    lungs = ((row - 0.5) / 0.36) ** 2 + ((abs(col - 0.5) - 0.22) / 0.16) ** 2 < 1
    images = np.where(lungs, 70, 170) + rng.normal(0, 9, (num_test, side, side))
    centres = np.stack([rng.uniform(0.35, 0.65, num_test), rng.choice([0.28, 0.72], num_test)], axis=1)
    distance = np.hypot(row - centres[:, :1, None], col - centres[:, 1:, None])
    images += 70 * np.exp(-((distance / 0.12) ** 2))
    (root / "data/prepared").mkdir(parents=True, exist_ok=True)
    np.save(root / "data/prepared/images.npy", np.clip(images, 0, 255).astype(np.uint8))
    index = pd.DataFrame(
        {"image": names, "split": "test", "label": [1] * num_test, "patient": names, "source": "phantom:0"}
    )
    index.loc[num_images:, "label"] = 0
    index["sha256"] = "0" * 64
    write_csv(root / "data/prepared/index.csv", index)

    chosen = names[:num_images]
    masks = distance[:num_images] < 0.13
    write_npz(
        root / "data/consensus.npz", images=np.array(chosen, dtype="U9"), consensus=masks,
        share=masks.astype(np.float32), count=np.full(num_images, 2, np.int32),
    )  # fmt: skip
    drawn = np.concatenate([masks, np.roll(masks, side // 16, axis=2)])
    write_npz(
        root / "data/annotations.npz", annotations=np.array([f"a{n}" for n in range(2 * num_images)], dtype="U9"),
        images=np.array(chosen * 2, dtype="U9"), masks=drawn,
        annotators=np.array(["p1"] * num_images + ["p2"] * num_images, dtype="U9"),
        professions=np.array(["student"] * num_images + ["radiologist"] * num_images, dtype="U12"),
    )  # fmt: skip

    write_npz(
        root / "data/lungs.npz", images=np.array(names, dtype="U9"), lungs=np.stack([lungs] * num_test),
        kind=np.array("phantom"),
    )  # fmt: skip

    rows, sweep, curve, alignment, intervals, classification = [], [], [], {}, {}, {}
    for number, (model, entry) in enumerate(models.items()):
        methods = ["cam", "gradcam"] if entry.get("head") == "gap" else [entry.get("method", "gradcam")]
        grid = (np.mgrid[:7, :7] + 0.5) / 7
        near = np.hypot(grid[0] - centres[:num_images, :1, None], grid[1] - centres[:num_images, 1:, None])
        maps = np.exp(-((near / 0.2) ** 2)) + rng.normal(0, 0.08 * (1 + number), near.shape)
        write_npz(
            root / f"data/saliency/{model}.npz", images=np.array(chosen[::-1], dtype="U9"),
            **{method: maps[::-1].astype(np.float32) for method in methods},
        )  # fmt: skip
        for method in methods:
            iou = 0.31 - 0.02 * number
            for order, image in enumerate(chosen):
                rows.append((image, model, method, 0.5, iou + 0.01 * order))
            sweep += [(model, method, t, iou * (1 - (t - 0.5) ** 2)) for t in np.arange(1, 46) * 0.02]
            values = {"iou": iou, "pointing": 0.6, "chance_iou": 0.071, "chance_pointing": 0.09, "random_iou": 0.064}
            values |= {"random_pointing": 0.08, "p_pointing_exact": 0.002, "p_iou_published": 0.2}
            values |= {"p_pointing_published": 0.3, "images": num_images, "flat_maps": number}
            alignment.setdefault(model, {})[method] = values | {"best_threshold": 0.62, "best_iou": iou + 0.01}
            ends = {"iou": {"low": iou - 0.04, "high": iou + 0.05}, "pointing": {"low": 0.5, "high": 0.7}}
            intervals.setdefault(model, {})[method] = ends
        if "maps" not in entry:
            value = {"value": 0.9 - 0.01 * number, "low": 0.85, "high": 0.94, "patient_low": 0.84, "patient_high": 0.95}
            names6 = ("accuracy", "precision", "recall", "f1", "auroc", "specificity")
            classification[model] = {metric: {**value, "bootstrap_mean": 0.9} for metric in names6}
            classification[model] |= {"calibration": calibration_summary(), "decision": decision_summary(number)}
            curve += [(model, p, p**2, max(p**2 - 0.1, 0), p**2 + 0.1) for p in (0.05, 0.3, 0.7, 0.9)]
            history = {
                "epoch": range(1, 7),
                "train_loss": np.linspace(0.7, 0.1, 6),
                "val_loss": np.linspace(0.6, 0.2, 6),
            }
            if "arch" in entry:
                write_csv(root / f"data/models/{model}.history.csv", pd.DataFrame(history))
            probability = np.where(index["label"] == 1, 0.9, 0.2)
            probability[:number] = 0.3  # as many false negatives as the network has others before it
            predictions = index[["image", "split", "label"]].assign(probability=probability)
            write_csv(root / f"data/models/{model}.predictions.csv", predictions)
    columns = {"image": str, "candidate": str, "score": str, "own": float, "d": float}
    candidates = [(image, f"{model}.{method}", "rank", 0.4, iou - 0.3) for image, model, method, _, iou in rows]
    write_csv(root / "data/verdict.csv", pd.DataFrame(candidates, columns=list(columns)))
    if not num_images:
        alignment, intervals, sweep = {}, {}, []
    write_csv(root / "data/alignment.csv", pd.DataFrame(rows, columns=["image", "model", "method", "threshold", "iou"]))
    write_csv(root / "plots/threshold_sweep.csv", pd.DataFrame(sweep, columns=["model", "method", "threshold", "iou"]))
    curve_columns = ["model", "probability", "share", "low", "high"]
    write_csv(root / "plots/calibration.csv", pd.DataFrame(curve, columns=curve_columns))
    agreement = {"image": chosen, "annotations": 2, "iou": np.linspace(0.2, 0.5, num_images), "random_iou": 0.05}
    write_csv(root / "plots/agreement.csv", pd.DataFrame(agreement))
    professions = pd.DataFrame({
        "profession": ["radiologist", "student"], "annotators": 1, "annotations": num_images, "pairs": 0, "iou": np.nan,
    })  # fmt: skip
    write_csv(root / "plots/professions.csv", professions[: 2 if num_images else 0])
    consensus = {"test_images": num_images, "annotations": 2 * num_images, "valid_annotations": 2 * num_images}
    consensus |= {"annotators": 2, "nonempty_consensus": num_images, "annotations_per_image": 2.0}
    consensus |= {"expert_expert_iou_percent": 24.5, "expert_random_iou_percent": 4.25, "p_value_published": 0.0001}
    write_json(root / "metrics/consensus.json", consensus if num_images else dict.fromkeys(consensus, None))
    for name, metrics in {"alignment": alignment, "intervals": intervals, "classification": classification}.items():
        write_json(root / f"metrics/{name}.json", metrics)


def finished_masks(root: Path) -> None:
    """Turns a fabricated study into one of finished masks, without single annotations."""
    write_json(root / "metrics/consensus.json", {"nonempty_consensus": 5, "expert_expert_iou_percent": None})
    once = pd.read_csv(root / "plots/agreement.csv").assign(annotations=1, iou=np.nan, random_iou=np.nan)
    write_csv(root / "plots/agreement.csv", once)
    (root / "plots/professions.csv").write_text("profession,annotators,annotations,pairs,iou\n")
    write_npz(
        root / "data/annotations.npz", images=np.zeros(0, "U1"), masks=np.zeros((0, 48, 48), bool),
        annotators=np.zeros(0, "U1"), professions=np.zeros(0, "U1"), annotations=np.zeros(0, "U1"),
    )  # fmt: skip


def model_check(**statuses: str) -> dict[str, Any]:
    """metrics/models/<key>.json of a sound classifier; `statuses`: by check, where they are not ok."""
    return {
        "model": {
            "kind": "code", "files": {"models/ours.py": "ab" * 32}, "num_parameters": 7_123_456, "size": [320, 300],
            "channels": 1, "mean": [0.4], "std": [0.2], "value_range": [-1024.0, 1024.0], "network": "DenseNet",
            "unwrapped": [], "was_in_train_mode": True, "converted_from": ["float16"],
        },
        "films": {"checked": 20, "of": 20, "positives": 5, "grid": [224, 224]},
        "input": {"shape": [1, 320, 300], "least": [-1020.0], "greatest": [998.0], "mean": [-12.5]},
        "outputs": {"not_finite": 0, "least": -3.2, "greatest": 4.1, "spread": 7.3, "repeat": 0.0, "alone": 0.0,
                    "alone_error": ""},
        "evidence": {
            "how": "call", "module": "features.norm5", "function": "relu", "grid": [10, 9], "channels": 1024,
            "candidates": 3,
            "is_refused": False, "is_linear": True, "is_cam_exact": True, "residual": 0.000001, "reaches_logit": True,
            "reaches_image": False, "no_evidence": "", "no_gradient": "no gradient passes its `preprocess`",
        },
        "methods": {"cam": "", "gradcam": "", "smoothgrad": "no gradient passes its `preprocess`", "rise": ""},
        "classification": {
            "accuracy": {"value": 0.52, "low": 0.4, "high": 0.64}, "auroc": {"value": 0.91, "low": 0.8, "high": 1.0},
            "majority": 0.75, "mean_positive": 1.2, "mean_negative": -0.8, "brier": 0.15, "brier_prevalence": 0.1875,
            "ece": 0.07,
        },
        "status": {name: statuses.get(name, "ok") for name in CHECKS},
    }  # fmt: skip


def calibration_summary() -> dict[str, Any]:
    """A network's `calibration` in metrics/classification.json."""
    found: dict[str, Any] = {"brier_prevalence": 0.2345, "p_calibrated": 0.034, "bins": 4}
    values = {"brier": 0.101, "ece": 0.082, "ece_if_calibrated": 0.041, "intercept": -0.31, "slope": 1.42}
    return found | {name: {"value": v, "low": v - 0.031, "high": v + 0.042} for name, v in values.items()}


def decision_summary(number: int) -> dict[str, Any]:
    """A network's `decision` there: three rules, each with a threshold of its own."""
    found = {}
    for rule, threshold in {"half": 0.5, "youden": 0.367 + 0.01 * number, "fixed_sensitivity": 0.21}.items():
        shares = ("sensitivity", "specificity", "accuracy", "balanced_accuracy", "ppv", "npv")
        found[rule] = {name: {"value": 0.8, "low": 0.75, "high": 0.84} for name in shares} | {
            "threshold": {"value": threshold, "low": threshold - 0.05, "high": threshold + 0.06},
            "validation": {"positives": 33, "negatives": 27, "sensitivity": 0.96, "specificity": 0.6},
            **dict.fromkeys(("tp", "fp", "fn", "tn"), 4),
        }
    return found


def row(value: float, best: str = "atlas") -> dict[str, Any]:
    """One model's numbers by one metric, its intervals 0.04 either way."""
    baselines = BASELINES | {"untrained": 0.12}
    gaps = {name: value - baseline for name, baseline in baselines.items()}
    over = {name: {"value": gap, "low": gap - 0.04, "high": gap + 0.04} for name, gap in gaps.items()}
    return {
        "value": value, "low": value - 0.04, "high": value + 0.04, "best_baseline": best, "untrained": 0.12,
        "lift": value - baselines[best], "over": over,
    }  # fmt: skip


def ladder_metrics(
    models: Mapping[str, tuple[str, float]], *, places: Mapping[str, float] | None = None, primary: str = "mass",
    half_width: float = 0.05,
) -> dict[str, Any]:  # fmt: skip
    """metrics/ladder.json of models with (method, value), the best baseline being the atlas at 0.3.

    `half_width`: of the intervals that hold for all models together.
    """
    found: dict[str, Any] = {"baselines": {name: dict.fromkeys(METRICS, value) for name, value in BASELINES.items()}}
    found |= {"primary": primary, "images": 5, "tolerance_pixels": 8.6, "lungs": "the phantom's own lungs"}
    found["models"] = {}
    for model, (method, value) in models.items():
        by_metric: dict[str, Any] = {metric: row(value) for metric in METRICS}
        for gap in by_metric[primary]["over"].values():
            gap |= {"family_low": gap["value"] - half_width, "family_high": gap["value"] + half_width}
        found["models"].setdefault(model, {})[method] = by_metric | {"flat_maps": 0}
    found["human_scale"] = {}
    on_scale = [name for name, metric in METRICS.items() if not metric.is_graded]
    for metric in on_scale if places is not None else ():
        scale = {
            "human": 0.45,
            "human_low": 0.4,
            "human_high": 0.5,
            "anatomy": 0.2,
            "images": 5,
            "readings": 10,
            "readers": 2,
        }
        scale |= {"left_out_few_annotators": 0, "left_out_no_consensus": 1}
        by_model = {
            model: {method: {"value": places[model], "low": places[model] - 0.2, "high": places[model] + 0.2}}
            for model, (method, _) in models.items()
        }
        found["human_scale"][metric] = scale | {"models": by_model}
    return found


def verdict_metrics(models: Mapping[str, tuple[str, float]], words: Mapping[str, str] | None = None) -> dict[str, Any]:
    """metrics/verdict.json of models with (method, contrast); `words`: their verdicts, `looks` by default."""

    def mean(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.04, "high": value + 0.04}

    found: dict[str, Any] = {"models": {}, "families": {}, "primary": "rank", "margin": 0.25, "images": 48}
    found |= {"patients": 47, "readers": 14, "readings": 270, "family": [f"{m}.{o[0]}" for m, o in models.items()]}
    grid = {"expert": {"kind": "positive", **mean(0.234)}, "region": {"kind": "positive", "p": 0.001, **mean(0.456)}}
    grid |= {"own_anatomy": {"kind": "negative", "p": 0.31, **mean(0.0123)}, "power": 0.912, "patients_needed": 31.0}
    found["controls"] = {"4x4": grid}
    for model, (method, value) in models.items():
        own = {**mean(value), "own": value + 0.1, "row": 0.11, "col": 0.09, "p": 0.012, "p_holm": 0.036}
        word = (words or {}).get(model, "looks")
        found["models"].setdefault(model, {})[method] = {
            "verdict": word, "reason": "", "sentence": f"Sentence on {model}: {word}.", "grid": "4x4",
            "contrast": {score: dict(own) for score in ("rank", "ap", "auroc", "mass", "pointing")},
            "expert": mean(0.234), "ceiling": mean(0.456), "over_anatomy": mean(value - 0.0123),
            "place": value / 0.234, "place_low": value / 0.234 - 0.2, "place_high": value / 0.234 + 0.2,
            "images_needed": 137 if word in ("undecided", "cannot_tell") else None, "power": 0.912,
            "mean_map": {"value": 0.0, "low": None, "high": None, "p": 1.0},
            "true_positives": {"images": 45, "patients": 44, "p": 0.02, **mean(value)},
        }  # fmt: skip
    return found


def run(root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The stage in a process of its own."""
    return script("report", root, **environment)


def written(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page, written in this process."""
    monkeypatch.chdir(root)
    report.main()
    return page_of(root)


def page_of(root: Path) -> str:
    return (root / "plots/report.html").read_text(encoding="utf-8")


def words_of(page: str) -> str:
    """The page's text without markup, spaces joined."""
    text = re.sub(r"<(style|script)\b[^>]*>.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


class Elements(HTMLParser):
    """Every start tag with its attributes, and whether tags close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
