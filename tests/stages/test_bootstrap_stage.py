"""The bootstrap stage: intervals from small files, and its refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, roc_auc_score, roc_curve

from sightline.stages import bootstrap
from sightline.statistics.classification import METRICS
from sightline.statistics.exact_tests import hit_rate_interval
from sightline.study.errors import StudyError
from sightline.study.files import write_csv

PARAMS = """
seed: 3
bootstrap:
  resamples: 400
  level: 0.9
classification:
  bins: 5
  sensitivity: 0.9
models:
  net: {arch: alexnet, init: scratch, head: gap}
  twin: {arch: vgg16, init: scratch, head: gap}
  other: {maps: elsewhere, method: theirs}
"""


def predictions(model: str) -> pd.DataFrame:
    return pd.read_csv(f"data/models/{model}.predictions.csv")


def rewrite(model: str, rows: pd.DataFrame) -> None:
    rows.to_csv(f"data/models/{model}.predictions.csv", index=False)


def read_json(path: str) -> dict:
    return json.loads(Path(path).read_text())


@pytest.fixture(autouse=True)
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(PARAMS)
    rng = np.random.default_rng(0)
    images = [f"i{number:03}" for number in range(60)]
    index = pd.DataFrame({"image": images, "split": ["train"] * 10 + ["val"] * 10 + ["test"] * 40})
    index["label"] = rng.integers(0, 2, 60)
    index.loc[10:14, "label"] = 0  # else the draw leaves no negative validation image
    index["patient"] = [f"p{number // 3}" for number in range(60)]
    write_csv("data/prepared/index.csv", index)
    probability = np.round(rng.random(60) * 0.6 + 0.4 * index["label"], 2)
    rows = index[["image", "split", "label"]].assign(probability=probability)
    rows = rows[rows["split"] != "train"]
    write_csv("data/models/net.predictions.csv", rows)
    write_csv("data/models/twin.predictions.csv", rows[::-1])
    scores = pd.DataFrame({"image": images[20:30]}).assign(model="net", method="cam")
    scores = scores.assign(iou=rng.random(10), pointing=rng.integers(0, 2, 10))
    twice = pd.concat([scores, scores[::-1].assign(model="other", method="theirs")])
    write_csv("data/alignment.csv", twice)
    return tmp_path


def test_values_are_those_of_the_test_images():
    bootstrap.main()
    metrics = read_json("metrics/classification.json")
    assert set(metrics) == {"net", "twin"}  # external maps predict nothing
    assert set(metrics["net"]) == {*METRICS, "calibration", "decision"}
    test = predictions("net").query("split == 'test'")
    assert metrics["net"]["accuracy"]["value"] == pytest.approx(
        accuracy_score(test["label"], test["probability"] >= 0.5), abs=1e-6
    )
    assert metrics["net"]["auroc"]["value"] == pytest.approx(
        roc_auc_score(test["label"], test["probability"]), abs=1e-6
    )
    for row in (metrics["net"][metric] for metric in METRICS):
        assert set(row) == {"value", "low", "high", "bootstrap_mean", "patient_low", "patient_high"}
        assert row["low"] < row["bootstrap_mean"] < row["high"]
        assert row["patient_low"] < row["patient_high"]
        assert abs(row["bootstrap_mean"] - row["value"]) < (row["high"] - row["low"]) / 4
    # the same resamples for every model, whatever the order of its file
    assert metrics["twin"] == metrics["net"]
    table = pd.read_csv("plots/classification.csv")
    assert list(table.columns) == ["model", "metric", "value", "low", "high"]
    assert list(table["metric"]) == 2 * list(METRICS)
    assert table["low"][0] == pytest.approx(metrics["net"]["accuracy"]["low"], abs=1e-5)


def test_thresholds_are_those_of_the_validation_images():
    bootstrap.main()
    decision = read_json("metrics/classification.json")["net"]["decision"]
    rows = predictions("net")
    chosen, test = (rows[rows["split"] == split] for split in ("val", "test"))
    false, true, above = roc_curve(chosen["label"], chosen["probability"])
    youden = decision["youden"]
    assert youden["validation"]["sensitivity"] + youden["validation"]["specificity"] - 1 == pytest.approx(
        (true - false).max(), abs=1e-5
    )
    assert youden["threshold"]["value"] < above[(true - false).argmax()]  # midpoints lie below the image's own
    assert decision["fixed_sensitivity"]["validation"]["sensitivity"] >= 0.9
    assert decision["half"]["threshold"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    for rule in decision.values():
        called = test["probability"] >= rule["threshold"]["value"]
        assert rule["sensitivity"]["value"] == pytest.approx(called[test["label"] == 1].mean(), abs=1e-6)
        assert rule["tp"] + rule["fp"] + rule["fn"] + rule["tn"] == len(test)
        assert rule["validation"]["positives"] + rule["validation"]["negatives"] == len(chosen) == 10


def test_calibration_and_its_curve():
    bootstrap.main()
    metrics = read_json("metrics/classification.json")
    summary = metrics["net"]["calibration"]
    test = predictions("net").query("split == 'test'")
    assert summary["brier"]["value"] == pytest.approx(brier_score_loss(test["label"], test["probability"]), abs=1e-6)
    table = pd.read_csv("plots/calibration.csv")
    assert list(table.columns) == ["model", "bin", "images", "positives", "probability", "share", "low", "high"]
    assert table.groupby("model")["images"].sum().to_dict() == {"net": 40, "twin": 40}
    curve = table[table["model"] == "net"]
    assert len(curve) == summary["bins"] <= 5
    gaps = (curve["share"] - curve["probability"]).abs() * curve["images"]
    assert summary["ece"]["value"] == pytest.approx(gaps.sum() / 40, abs=1e-5)
    assert summary["ece_if_calibrated"]["low"] < summary["ece_if_calibrated"]["high"]


def test_a_study_without_validation_images_decides_at_one_half_only():
    for model in ("net", "twin"):
        rewrite(model, predictions(model).query("split == 'test'"))
    pd.read_csv("data/prepared/index.csv").query("split != 'val'").to_csv("data/prepared/index.csv", index=False)
    bootstrap.main()
    decision = read_json("metrics/classification.json")["net"]["decision"]
    assert decision["half"]["accuracy"]["value"] > 0
    for rule in ("youden", "fixed_sensitivity"):
        assert decision[rule]["threshold"] == decision[rule]["ppv"] == {"value": None, "low": None, "high": None}


def test_a_validation_image_without_a_probability_is_refused():
    rewrite("net", predictions("net").query("image != 'i012'"))
    with pytest.raises(StudyError, match="predictions do not fit") as caught:
        bootstrap.main()
    assert caught.value.cases == ["data/models/net.predictions.csv: lacks i012"]


def test_alignment_is_resampled_by_patient():
    bootstrap.main()
    intervals = read_json("metrics/intervals.json")
    cam = intervals["net"]["cam"]
    assert cam == intervals["other"]["theirs"]
    table = pd.read_csv("data/alignment.csv").query("model == 'net'")
    assert cam["iou"]["value"] == pytest.approx(table["iou"].mean(), abs=1e-5)
    # an independent bootstrap of patients, by index: its ends within 6 standard errors of a quantile's
    patient_of = pd.read_csv("data/prepared/index.csv").set_index("image")["patient"]
    values = [group.to_numpy() for _, group in table.groupby(table["image"].map(patient_of))["iou"]]
    rng = np.random.default_rng(1)
    means = np.array(
        [
            np.concatenate([values[drawn] for drawn in rng.integers(0, len(values), len(values))]).mean()
            for _ in range(4000)
        ]
    )
    for end, share in (("low", 0.05), ("high", 0.95)):
        below = (means < cam["iou"][end]).mean()
        assert abs(below - share) < 6 * np.sqrt(0.05 * 0.95 * (1 / 400 + 1 / 4000))


def test_the_interval_of_the_pointing_game_is_exact_and_by_patient():
    """No hit on 10 images of 4 patients: the upper end is that of no hit by 4 patients, and not 0."""
    table = pd.read_csv("data/alignment.csv")
    table.loc[table["model"] == "net", "pointing"] = 0
    write_csv("data/alignment.csv", table)
    bootstrap.main()
    intervals = read_json("metrics/intervals.json")
    none = intervals["net"]["cam"]["pointing"]
    assert none == {"value": 0, "low": 0, "high": pytest.approx(1 - 0.05 ** (1 / 4), abs=1e-6)}
    some = intervals["other"]["theirs"]["pointing"]
    own = table[table["model"] == "other"].set_index("image")["pointing"]
    patient_of = pd.read_csv("data/prepared/index.csv").set_index("image")["patient"]
    expected = hit_rate_interval(own.to_numpy(float), patient_of[own.index].to_numpy(), 0.9)
    assert [some["low"], some["high"]] == pytest.approx(expected, abs=1e-6)


def test_the_order_of_the_index_changes_nothing():
    bootstrap.main()
    before = Path("metrics/classification.json").read_bytes(), Path("metrics/intervals.json").read_bytes()
    pd.read_csv("data/prepared/index.csv")[::-1].to_csv("data/prepared/index.csv", index=False)
    bootstrap.main()
    assert (Path("metrics/classification.json").read_bytes(), Path("metrics/intervals.json").read_bytes()) == before


def test_a_study_without_alignment_has_no_alignment_intervals():
    Path("data/alignment.csv").write_text("image,model,method,iou,pointing\n")
    bootstrap.main()
    assert read_json("metrics/intervals.json") == {}


def test_a_study_of_external_maps_alone_has_no_classification():
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text("\n".join(line for line in text.splitlines() if "arch" not in line))
    bootstrap.main()
    assert read_json("metrics/classification.json") == {}
    assert Path("plots/classification.csv").read_text() == "model,metric,value,low,high\n"
    assert Path("plots/calibration.csv").read_text() == "model,bin,images,positives,probability,share,low,high\n"


def test_a_metric_that_is_undefined_is_null():
    for model in ("net", "twin"):
        rewrite(model, predictions(model).assign(probability=0.1))
    bootstrap.main()
    metrics = read_json("metrics/classification.json")["net"]
    assert set(metrics["precision"].values()) == {None}
    assert metrics["recall"]["value"] == 0
    assert metrics["auroc"]["value"] == 0.5


def test_predictions_that_do_not_fit_the_index_are_all_named():
    rows = predictions("net")
    rows.loc[rows["image"] == "i021", "label"] = 1 - rows.loc[rows["image"] == "i021", "label"]
    rows.loc[rows["image"] == "i022", "probability"] = np.nan
    rows.loc[rows["image"] == "i023", "probability"] = 1.5
    extra = pd.DataFrame([{"image": "ghost", "split": "test", "label": 0, "probability": 0.5}])
    rewrite("net", pd.concat([rows[rows["image"] != "i020"], extra, extra]))
    rewrite("twin", predictions("twin").query("image != 'i040'"))
    label = int(pd.read_csv("data/prepared/index.csv").set_index("image")["label"]["i021"])
    run = subprocess.run([sys.executable, bootstrap.__file__], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    net = "  data/models/net.predictions.csv:"
    assert run.stderr.splitlines() == [
        "error: predictions do not fit data/prepared/index.csv; run `dvc repro`",
        f"{net} ghost is listed twice",
        f"{net} lacks i020",
        f"{net} ghost is not a test image",
        f"{net} i021 has label {1 - label}, the index {label}",
        f"{net} i022 has probability nan, expected 0 to 1",
        f"{net} i023 has probability 1.5, expected 0 to 1",
        "  data/models/twin.predictions.csv: lacks i040",
    ]
    assert not Path("metrics/classification.json").exists()


def test_an_aligned_image_that_the_index_lacks_is_refused():
    table = pd.read_csv("data/alignment.csv")
    table.loc[0, "image"] = "ghost"
    table.to_csv("data/alignment.csv", index=False)
    with pytest.raises(StudyError, match="ghost"):
        bootstrap.main()


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("resamples: 400", "resamples: 0", "bootstrap.resamples: expected at least 1, got 0"),
        ("level: 0.9", "level: 1", "bootstrap.level: expected between 0 and 1, got 1.0"),
        ("bins: 5", "bins: 0", "classification.bins: expected at least 1, got 0"),
        ("sensitivity: 0.9", "sensitivity: 0", "classification.sensitivity: expected above 0 and at most 1, got 0.0"),
        ("seed: 3", "seed: -3", "seed: expected at least 0, got -3"),
    ],
)
def test_wrong_parameters_are_refused(right, wrong, message):
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace(right, wrong))
    with pytest.raises(StudyError, match=message):
        bootstrap.main()


def test_the_stage_imports_no_torch():
    code = "import sys; import align, bootstrap; assert 'torch' not in sys.modules"
    source = str(Path(bootstrap.__file__).parent)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=source)
