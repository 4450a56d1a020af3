"""The stage population on metrics written by hand: points, architectures, too few of them, and the report's part."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from sightline.report.population import ellipse, parts, population_figure, sentence
from sightline.study.files import write_json
from studies import change, stage, study

ARCHITECTURES = ("alexnet", "densenet121", "googlenet", "regnet_y_400mf", "resnet18", "squeezenet1_1")
SEEDS = 3
VALUES = np.random.default_rng(0).normal((0.8, 0.2), (0.05, 0.06), (len(ARCHITECTURES), 1, 2))
VALUES = VALUES + np.random.default_rng(1).normal(0, 0.01, (len(ARCHITECTURES), SEEDS, 2))  # accuracy, contrast


def run_key(arch: str, seed: int) -> str:
    return arch if seed == 0 else f"{arch}-seed{seed + 1}"


def judged(value: float, verdict: str = "looks") -> dict[str, Any]:
    contrast = {"rank": {"value": value, "low": value - 0.05, "high": value + 0.05}}
    return {"contrast": contrast, "ceiling": {"value": 0.6}, "grid": "7x7", "verdict": verdict}


def population_study(folder: Path, architectures: tuple[str, ...] = ARCHITECTURES) -> Path:
    """A study of so many architectures with three seeds each, classified and judged; no network is trained."""
    study(folder)
    entries = {arch: {"arch": arch, "init": "scratch", "head": "gap", "seeds": SEEDS} for arch in architectures}
    change(folder, models=entries)
    classification, models, families = {}, {}, {}
    for arch, own in zip(architectures, VALUES, strict=False):
        for seed, (accuracy, contrast) in enumerate(own.tolist()):
            metrics = {"accuracy": {"value": accuracy}, "auroc": {"value": 1 - (1 - accuracy) / 2}}
            classification[run_key(arch, seed)] = metrics
            models[run_key(arch, seed)] = {"cam": judged(0.9), "gradcam": judged(contrast)}
        families[arch] = judged(float(own[:, 1].mean()), "as_expert")
    write_json(folder / "metrics/classification.json", classification)
    verdict = {"models": models, "families": families, "primary": "rank"} if models else {}
    write_json(folder / "metrics/verdict.json", verdict)
    return folder


def results(folder: Path) -> dict[str, Any]:
    done = stage("population", folder)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "metrics/population.json").read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return population_study(tmp_path_factory.mktemp("population"))


def test_points_families_and_both_relations(whole: Path) -> None:
    found = results(whole)
    assert [point["run"] for point in found["points"][:4]] == [
        "alexnet",
        "alexnet-seed2",
        "alexnet-seed3",
        "densenet121",
    ]
    assert [point["architecture"] for point in found["points"][::SEEDS]] == list(ARCHITECTURES)
    assert found["points"][4]["contrast"] == pytest.approx(VALUES[1, 1, 1], abs=1e-6)  # Grad-CAM, not CAM
    means = VALUES.mean(axis=1)
    between = found["relations"]["accuracy"]["between"]
    assert between["rho"] == pytest.approx(spearmanr(*means.T).statistic, abs=1e-6)
    assert found["relations"]["auroc"]["between"]["rho"] == between["rho"]  # AUROC rises with accuracy here
    assert (found["relations"]["accuracy"]["clusters"], found["relations"]["accuracy"]["runs"]) == (6, 18)
    for row, own in zip(found["families"], VALUES, strict=True):
        assert row["accuracy"]["value"] == pytest.approx(own[:, 0].mean(), abs=1e-6)
        assert row["contrast"]["sd"] == pytest.approx(own[:, 1].std(ddof=1), abs=1e-6)
        assert row["contrast"]["high"] - row["contrast"]["low"] == pytest.approx(0.1, abs=2e-6)
        assert (row["verdict"], row["ceiling"], len(row["runs"])) == ("as_expert", 0.6, SEEDS)
    assert found["power"]["needed"] == 33


def test_fewer_than_five_architectures_give_nothing_and_say_so(tmp_path: Path) -> None:
    folder = population_study(tmp_path, ARCHITECTURES[:4])
    assert results(folder) == {}
    assert "accuracy and contrast: 4; fewer than 5 say nothing" in stage("population", folder).stdout
    write_json(folder / "metrics/verdict.json", {})  # a study without experts
    assert results(folder) == {}
    assert parts({}) == []


def test_heads_of_one_architecture_are_one_cluster_and_two_families(tmp_path: Path) -> None:
    """Ten entries of five architectures: between has 5, and what differs between heads is not taken for chance."""
    folder = study(tmp_path)
    entries, classification, models = {}, {}, {}
    for number, arch in enumerate(("alexnet", "vgg11", "vgg13", "vgg16", "vgg19")):
        for head, shift in (("gap", 0.0), ("fc", 0.1)):
            key = f"{arch}-{head}"
            entries[key] = {"arch": arch, "init": "scratch", "head": head}
            value = 0.5 + 0.05 * number + shift
            classification[key] = {"accuracy": {"value": value}, "auroc": {"value": value}}
            models[key] = {"gradcam": judged(value)}
    change(folder, models=entries | {"maps": {"maps": "maps", "method": "lime"}})
    models["maps"] = {"lime": judged(0.3)}  # maps alone have no accuracy
    classification["alexnet-fc"]["accuracy"]["value"] = None
    write_json(folder / "metrics/classification.json", classification)
    write_json(folder / "metrics/verdict.json", {"models": models, "families": {}, "primary": "rank"})
    found = results(folder)
    relation = found["relations"]["accuracy"]
    assert (relation["clusters"], relation["runs"]) == (5, 9)
    assert relation["between"]["rho"] == 1
    assert relation["within"]["rho"] is None  # every family is one run
    text = sentence(found)
    assert "Over 5 architectures, accuracy and contrast rise together" in text
    assert "From one training" not in text
    assert found["families"][0]["contrast"]["sd"] is None
    population_figure(found)  # without ellipses


def test_the_report_draws_and_says_it(whole: Path) -> None:
    found = results(whole)
    page = "".join(parts(found, "simulated readers"))
    drawn = population_figure(found)
    labels = re.findall(r"<text[^>]*>([^<]+)</text>", drawn)
    assert set(ARCHITECTURES) <= {label.strip() for label in labels}
    between, within = (found["relations"]["accuracy"][kind] for kind in ("between", "within"))
    for relation in (between, within):
        assert f"{relation['rho']:.1f}".replace("-", "−") in sentence(found)
    assert (
        "A study of 6 architectures finds a correlation of 0.5 with a probability of 14%; for 80% it takes 33." in page
    )
    assert page.count("<tr><th scope='row'>") == len(ARCHITECTURES) + 4
    assert "where the simulated readers look, as well as one of them" in page
    assert "nan" not in page


def test_an_ellipse_lies_two_standard_deviations_from_its_mean() -> None:
    points = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [2.0, 1.0], [2.0, -1.0]])
    ((x, y),) = ellipse(points)
    assert (x.min(), x.max()) == pytest.approx((2 - 2 * math.sqrt(2), 2 + 2 * math.sqrt(2)), abs=0.01)
    assert (y.min(), y.max()) == pytest.approx((-2 * math.sqrt(0.5), 2 * math.sqrt(0.5)), abs=0.01)
    shifted = points - points.mean(axis=0)
    inverse = np.linalg.inv(np.cov(shifted.T))
    outline = np.stack([x, y], axis=1) - points.mean(axis=0)
    assert np.einsum("ti,ij,tj->t", outline, inverse, outline) == pytest.approx(4)  # Mahalanobis
    assert ellipse(points[:2]) == []
