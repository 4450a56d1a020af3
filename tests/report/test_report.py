"""The report stage on fabricated inputs: what is on the page comes from them, and the page stands alone."""

from __future__ import annotations

import hashlib
import html
import json
import re
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports import EXTERNAL, NETWORKS, Elements, fabricate, finished_masks, page_of, words_of, written
from sightline.maps import scaled_maps
from sightline.report.gallery import data_uri, tile
from sightline.stages import report
from sightline.study.errors import StudyError
from sightline.study.files import write_csv, write_json, write_npz
from studies import stage

pytestmark = pytest.mark.usefixtures("plain_figures")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom study of networks and external maps with its report; not to be changed."""
    root = tmp_path_factory.mktemp("study")
    fabricate(root, NETWORKS | EXTERNAL)
    done = stage("report", root)
    assert done.returncode == 0, done.stderr
    return root


def test_the_page_asks_no_host_and_no_file(finished: Path) -> None:
    elements = Elements(page_of(finished))
    assert not elements.open
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    ids.append("viewer-window")  # the script's filter
    for tag, attributes in elements.found:
        assert tag not in ("link", "iframe", "object", "embed", "image", "base", "form"), tag
        for name in ("src", "href", "xlink:href", "data", "action", "srcset", "poster"):
            value = attributes.get(name)
            if value is not None:
                assert value.startswith("data:image/jpeg;base64,") or (value[0] == "#" and value[1:] in ids), value
    page = page_of(finished)
    assert "@import" not in page
    assert not [match for match in re.findall(r"url\(([^)]*)\)", page) if match.strip("\"'")[1:] not in ids]
    assert not re.search(r"(?<!=[\"'])https?://", page)  # what remains are xmlns names
    assert "default-src 'none'" in page


def test_the_page_is_accessible_by_structure(finished: Path) -> None:
    elements = Elements(page_of(finished)).found
    assert all(attributes.get("alt") for tag, attributes in elements if tag == "img")
    assert all(
        attributes.get("aria-label") or attributes.get("aria-hidden") == "true"
        for tag, attributes in elements
        if tag == "svg"
    )
    assert all(attributes.get("scope") in ("col", "row", "colgroup") for tag, attributes in elements if tag == "th")
    assert [tag for tag, _ in elements].count("h1") == 1
    assert dict(elements[0:2])["html"]["lang"] == "en" if elements[0][0] == "html" else False
    headings = [int(tag[1]) for tag, _ in elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(headings))


def test_the_answer_comes_first_and_from_the_metrics(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = words_of(page_of(finished))
    first = words.index("alexnet-scratch-fc and theirs point where the simulated readers look")
    assert first < words.index("As published")
    assert "an IoU of 0.31 [0.27, 0.36], while random maps reach 0.06" in words
    shutil.copytree(finished, tmp_path / "copy")
    path = tmp_path / "copy/metrics/alignment.json"
    metrics = json.loads(path.read_text())
    metrics["alexnet-scratch-fc"]["gradcam"] |= {"p_pointing_exact": 0.42, "iou": 0.0437}
    path.write_text(json.dumps(metrics))
    words = words_of(written(tmp_path / "copy", monkeypatch))
    assert "resnet50-imagenet-gap and theirs point where" in words
    case = "alexnet-scratch-fc (Pointing Game 60% [50, 70], chance 9%, adjusted p = 0.420; IoU 0.04, random 0.06)"
    assert f"more often than a random point: {case}." in words
    row = pd.read_csv(tmp_path / "copy/plots/tables/table3.csv").set_index("model").loc["alexnet-scratch-fc"]
    assert row["iou"] == pytest.approx(4.37)


CHANGES = [  # metrics file, where in it, new value, as the page prints it
    ("consensus", ["expert_expert_iou_percent"], 47.11, "47.11"),
    ("consensus", ["annotators"], 4321, "4,321"),
    ("classification", ["resnet50-imagenet-gap", "recall", "value"], 0.1234, "12.3"),
    ("classification", ["resnet50-imagenet-gap", "auroc", "high"], 0.9876, "98.8]"),
    ("classification", ["alexnet-scratch-fc", "decision", "youden", "specificity", "value"], 0.1357, "13.6%"),
    ("classification", ["alexnet-scratch-fc", "decision", "youden", "accuracy", "value"], 0.1468, "14.7%"),
    (
        "classification",
        ["alexnet-scratch-fc", "decision", "fixed_sensitivity", "threshold", "value"],
        0.6543,
        "0.65 [0.16, 0.27]",
    ),
    ("classification", ["alexnet-scratch-fc", "decision", "half", "npv", "low"], 0.1579, "[16, 84]"),
    ("classification", ["resnet50-imagenet-gap", "decision", "youden", "validation", "negatives"], 7531, "7,531 negat"),
    ("classification", ["resnet50-imagenet-gap", "calibration", "brier", "value"], 0.6789, "0.68 [0.07, 0.14]"),
    ("classification", ["resnet50-imagenet-gap", "calibration", "ece_if_calibrated", "high"], 0.7891, "at most 0.789"),
    (
        "classification",
        ["resnet50-imagenet-gap", "calibration", "ece", "low"],
        0,
        "those of alexnet-scratch-fc are off",
    ),
    ("classification", ["alexnet-scratch-fc", "calibration", "slope", "high"], 8.765, "1 [1, 9]"),
    ("intervals", ["theirs", "lime", "pointing", "low"], 0.0123, "[1.2,"),
    ("alignment", ["theirs", "lime", "p_pointing_exact"], 0.0567, "0.057"),
    ("alignment", ["theirs", "lime", "p_iou_published"], 0.0456, "0.046"),
    ("alignment", ["theirs", "lime", "best_threshold"], 0.58, "0.58"),
    ("alignment", ["resnet50-imagenet-gap", "cam", "random_pointing"], 0.2222, "22.2"),
]


def test_changed_metrics_change_the_page(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "copy"
    shutil.copytree(finished, root)
    for name, keys, value, _ in CHANGES:
        metrics = place = json.loads((root / f"metrics/{name}.json").read_text())
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        (root / f"metrics/{name}.json").write_text(json.dumps(metrics))
    before, after = words_of(page_of(finished)), words_of(written(root, monkeypatch))
    assert [shown for *_, shown in CHANGES if shown in before] == []
    assert [shown for *_, shown in CHANGES if shown not in after] == []


def test_decisions_and_calibration_in_words(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = words_of(page_of(finished))
    assert "those of resnet50-imagenet-gap and alexnet-scratch-fc are off" in words
    assert "PPV and NPV hold at this prevalence only: 25.0% of the test images are positive" in words
    assert "33 positive, 27 negative" in words
    assert "specificity was 69, 98, 72 and 86%" in words
    assert words.count("90% sensitivity") == 2
    svg = re.search(r'<svg [^>]*aria-label="Calibration curves[^>]*>.*?</svg>', page_of(finished), re.DOTALL)
    assert svg is not None
    assert "resnet50-imagenet-gap" in svg.group()
    root = tmp_path / "copy"
    shutil.copytree(finished, root)
    metrics = json.loads((root / "metrics/classification.json").read_text())
    for found in metrics.values():  # no validation images: thresholds are null
        for rule in ("youden", "fixed_sensitivity"):
            nothing = {"value": None, "low": None, "high": None}
            found["decision"][rule] |= dict.fromkeys(("threshold", "specificity", "accuracy", "ppv"), nothing)
        found["recall"] |= {"low": 1, "high": 1}
        found["calibration"]["intercept"] |= {**nothing, "reason": "all probabilities are 0 or 1"}
    (root / "metrics/classification.json").write_text(json.dumps(metrics))
    words = words_of(written(root, monkeypatch))
    assert "No threshold could be chosen" in words
    assert re.search("The intercept of .* and .* is not estimable: all probabilities are 0 or 1.", words)
    assert "not estimable" not in words_of(page_of(finished))
    assert "An interval without width, such as [100.0, 100.0] for the recall of" in words
    for found in metrics.values():  # as stages before this one wrote it
        del found["decision"], found["calibration"]
    (root / "metrics/classification.json").write_text(json.dumps(metrics))
    assert "Decisions on the test images" not in words_of(written(root, monkeypatch))


def test_the_strip_joins_maps_scores_and_pixels_by_image_name(finished: Path) -> None:
    """The fixture stores maps, consensus and scores in different orders."""
    shown = {
        attributes["alt"]: attributes["src"] for tag, attributes in Elements(page_of(finished)).found if tag == "img"
    }
    index = pd.read_csv(finished / "data/prepared/index.csv")["image"].tolist()
    pixels = np.load(finished / "data/prepared/images.npy")
    with np.load(finished / "data/consensus.npz") as consensus, np.load(finished / "data/saliency/theirs.npz") as maps:
        for order, image in ((4, "test-0004"), (3, "test-0003"), (1, "test-0001"), (0, "test-0000")):
            region = consensus["consensus"][consensus["images"].tolist().index(image)]
            row = maps["images"].tolist().index(image)
            map_HW = scaled_maps(maps["lime"][row : row + 1], 48, 48)[0]
            expected = data_uri(tile(pixels[index.index(image)], region, map_HW, 0.5))
            assert shown[f"lime of theirs on {image}, IoU {0.27 + 0.01 * order:.2f}"] == expected
            assert shown[f"consensus on {image}"] == data_uri(tile(pixels[index.index(image)], region))


def test_the_paper_stands_beside_ours_only_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fabricate(tmp_path, NETWORKS, source="folder", paper_numbers=False)
    words = words_of(written(tmp_path, monkeypatch))
    assert "94.87" not in words
    assert "23.32" not in words
    assert "Do chest X-ray classifiers look where the experts look?" in words
    fabricate(tmp_path, NETWORKS, source="folder", paper_numbers=True)
    words = words_of(written(tmp_path, monkeypatch))
    assert "94.87 ± 1.68 †" in words
    assert "23.32" in words
    assert "target of the phantom" not in words


def test_the_phantom_always_stands_beside_its_target_and_is_called_synthetic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fabricate(tmp_path, NETWORKS, source="phantom", paper_numbers=False)
    words = words_of(written(tmp_path, monkeypatch))
    assert "Paper (target of the phantom)" in words
    assert "23.32" in words
    assert "94.87" not in words
    assert "The X-rays are synthetic" in words


@pytest.mark.usefixtures("drawn_figures")
def test_hostile_names_are_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = '<script>alert(1)</script>$x^2$ & "q" </svg>'
    fabricate(tmp_path, EXTERNAL, title=key)  # keys of models and names of methods cannot be hostile
    page = written(tmp_path, monkeypatch)
    elements = Elements(page)
    assert re.findall(r"<script>[^<]*alert\(1\)", page) == []
    scripts = [attributes for tag, attributes in elements.found if tag == "script"]
    assert [attributes for attributes in scripts if attributes.get("type") != "application/json"] == [{}]
    assert "b" not in [tag for tag, _ in elements.found]
    assert key in words_of(page) or " ".join(key.split()) in html.unescape(page)


def test_a_study_without_experts_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fabricate(tmp_path, NETWORKS, num_images=0, source="folder")
    words = words_of(written(tmp_path, monkeypatch))
    assert "so the question stays open" in words
    assert "No image of this study has a consensus region" in words
    assert "This study has no single annotations" in words
    assert "90.0 [85.0, 94.0]" in words
    assert "nan" not in words.lower().split()
    assert sorted(path.name for path in (tmp_path / "plots/tables").iterdir()) == sorted(
        f"table{number}.{kind}" for number in range(1, 5) for kind in ("csv", "tex")
    )
    assert len(pd.read_csv(tmp_path / "plots/tables/table3.csv")) == 0
    assert "No rows" in (tmp_path / "plots/tables/table3.tex").read_text()


def test_a_study_of_external_maps_only_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fabricate(tmp_path, EXTERNAL, source="folder")
    words = words_of(written(tmp_path, monkeypatch))
    assert "theirs points where the experts look" in words
    assert "No model of this study has predictions" in words
    assert "Nothing was trained" in words
    assert "theirs lime, IoU 0.35" in words


def test_finished_masks_without_single_annotations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fabricate(tmp_path, NETWORKS, source="folder")
    finished_masks(tmp_path)
    words = words_of(written(tmp_path, monkeypatch))
    assert "This study has no single annotations" in words
    assert "For scale:" not in words
    assert "resnet50-imagenet-gap and alexnet-scratch-fc point" in words


def test_all_missing_inputs_are_named_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    fabricate(tmp_path, NETWORKS)
    for path in ("metrics/intervals.json", "data/saliency/alexnet-scratch-fc.npz", "plots/agreement.csv"):
        (tmp_path / path).unlink()
    done = stage("report", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the report lacks inputs")
    for path in ("metrics/intervals.json", "data/saliency/alexnet-scratch-fc.npz", "plots/agreement.csv"):
        assert path in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "plots/report.html").exists()


def test_models_that_the_metrics_do_not_cover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fabricate(tmp_path, NETWORKS)
    write_json(tmp_path / "metrics/classification.json", {})
    write_json(tmp_path / "metrics/alignment.json", {"resnet50-imagenet-gap": {}})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match="do not cover") as caught:
        report.main()
    assert caught.value.cases == [
        "metrics/classification.json: resnet50-imagenet-gap: missing",
        "metrics/classification.json: alexnet-scratch-fc: missing",
        "metrics/alignment.json: alexnet-scratch-fc: missing",
    ]


def test_broken_json_and_a_scored_image_outside_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fabricate(tmp_path, NETWORKS)
    monkeypatch.chdir(tmp_path)
    scores = pd.read_csv("data/alignment.csv")
    scores.replace({"image": {"test-0002": "ghost"}}).to_csv("data/alignment.csv", index=False)
    with pytest.raises(StudyError, match="other files lack") as caught:
        report.main()
    assert caught.value.cases == ["data/consensus.npz: ghost"]
    scores.query("image != 'test-0002' or model != 'alexnet-scratch-fc'").to_csv("data/alignment.csv", index=False)
    with np.load("data/consensus.npz") as stored:
        kept = {name: stored[name][[0, 1, 2, 3]] for name in stored.files}
    write_npz("data/consensus.npz", **kept)
    with pytest.raises(StudyError, match="other files lack") as caught:
        report.main()
    assert caught.value.cases == [
        "data/consensus.npz: test-0004",
        "data/alignment.csv: test-0002, alexnet-scratch-fc, gradcam",
    ]
    Path("metrics/consensus.json").write_text("{not json")
    with pytest.raises(StudyError, match=r"metrics/consensus\.json: not readable as JSON"):
        report.main()


def test_patients_on_two_sides_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fabricate(tmp_path, NETWORKS)
    index = pd.read_csv(tmp_path / "data/prepared/index.csv")
    index.loc[15:, "split"] = "train"
    index.loc[15:17, "patient"] = index.loc[0, "patient"]
    index.loc[18, "patient"] = index.loc[1, "patient"]
    index.to_csv(tmp_path / "data/prepared/index.csv", index=False)
    for path in (tmp_path / "data/models").glob("*.predictions.csv"):  # of test images
        write_csv(path, pd.read_csv(path)[:15])
    words = words_of(written(tmp_path, monkeypatch))
    assert "2 in both train and test" in words
    assert "train 5 0 5 3" in words
    assert hashlib.sha256((tmp_path / "data/prepared/index.csv").read_bytes()).hexdigest() in words


if __name__ == "__main__":  # python tests/report/test_report.py <folder>: inputs to try the stage on
    fabricate(Path(sys.argv[1]), NETWORKS | EXTERNAL)
