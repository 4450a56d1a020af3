"""The align stage: its tables and metrics from small files, and its refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sightline.alignment.at_threshold import COLUMNS
from sightline.stages import align
from sightline.study.errors import StudyError
from sightline.study.files import write_csv, write_npz

IMAGES = ["a", "b", "c", "empty"]
PARAMS = """
seed: {seed}
threshold: {threshold}
align:
  random_maps: 20
models:
  net: {{arch: alexnet, init: scratch, head: gap}}
  other: {{maps: elsewhere, method: theirs}}
"""


def write_params(threshold: object = 0.5, seed: int = 0) -> None:
    Path("params.yaml").write_text(PARAMS.format(threshold=threshold, seed=seed))


def write_consensus(images: list[str], masks: np.ndarray) -> None:
    write_npz(
        "data/consensus.npz",
        images=np.array(images, dtype=str),
        consensus=masks,
        share=masks.astype(np.float32),
        count=np.ones(len(images), dtype=np.int32),
    )


def quadrants() -> np.ndarray:
    """Consensus 8 x 8: a is the upper left quarter, b the lower right, c the upper half, the last is empty."""
    masks = np.zeros((4, 8, 8), dtype=bool)
    masks[0, :4, :4] = masks[1, 4:, 4:] = masks[2, :4] = True
    return masks


@pytest.fixture(autouse=True)
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_params()
    write_consensus(IMAGES, quadrants())
    # on the image grid, so that no upsampling stands between map and score; in another order than the consensus
    cam = np.full((4, 8, 8), -1, dtype=np.float32)
    cam[3, :4, :4] = 2  # a: the whole region
    cam[2, 4:, 4:6] = 1  # b: half of the region
    cam[1, :2] = 0.5  # c: half of the region
    cam[1, 7, 7] = 3  # c: and a peak outside, so the rest is at 1/6
    names = np.array(["empty", "c", "b", "a"])
    write_npz("data/saliency/net.npz", images=names, cam=cam, gradcam=np.ones((4, 3, 3), dtype=np.float32))
    write_npz("data/saliency/other.npz", images=np.array(["a", "b", "c", "z"]), theirs=cam[[3, 2, 1, 0]])
    index = {"image": ["c", "b", "a", "empty", "z"], "patient": ["1", "2", "1", "3", "4"]}
    write_csv("data/prepared/index.csv", pd.DataFrame(index))
    return tmp_path


def test_scores_by_hand():
    align.main()
    table = pd.read_csv("data/alignment.csv")
    assert list(table.columns) == COLUMNS
    assert list(zip(table["model"], table["method"], table["image"], strict=True)) == [
        (model, method, image)
        for model, method in (("net", "cam"), ("net", "gradcam"), ("other", "theirs"))
        for image in "abc"
    ]
    cam = table[(table["model"] == "net") & (table["method"] == "cam")]
    np.testing.assert_allclose(cam["iou"], [1, 1 / 2, 0])
    np.testing.assert_allclose(cam["pointing"], [1, 1, 0])
    np.testing.assert_allclose(cam["map_area"], [16 / 64, 8 / 64, 1 / 64], rtol=1e-5)
    np.testing.assert_allclose(cam["consensus_area"], [1 / 4, 1 / 4, 1 / 2])
    np.testing.assert_allclose(cam["chance_pointing"], [1 / 4, 1 / 4, 1 / 2])
    np.testing.assert_allclose(cam["chance_iou"], [1 / 7, 1 / 11, 1 / 65], rtol=1e-5)
    flat = table[table["method"] == "gradcam"]
    np.testing.assert_array_equal(flat[["iou", "map_area", "random_iou"]], 0)
    np.testing.assert_allclose(flat["pointing"], flat["chance_pointing"])
    np.testing.assert_array_equal(table["flat"], [0, 0, 0, 1, 1, 1, 0, 0, 0])
    # the same maps under another model's name score the same, against the same random maps
    theirs = table[table["model"] == "other"].drop(columns=["model", "method"])
    pd.testing.assert_frame_equal(theirs.reset_index(drop=True), cam.drop(columns=["model", "method"]))


def test_metrics_and_sweep():
    align.main()
    metrics = json.loads(Path("metrics/alignment.json").read_text())
    cam = metrics["net"]["cam"]
    assert cam["iou"] == 0.5
    assert cam["pointing"] == pytest.approx(2 / 3, abs=1e-6)
    assert cam["images"] == 3
    assert cam["flat_maps"] == 0
    assert metrics["net"]["gradcam"]["flat_maps"] == 3
    assert metrics["net"]["gradcam"]["p_pointing_exact"] == pytest.approx(
        1 - 3 / 4 * 3 / 4 / 2, abs=1e-6
    )  # 1 hit, as expected
    assert metrics["other"]["theirs"] == cam
    # c's map up to 1/6 is its region's half and a pixel: 16 / 33
    sweep = pd.read_csv("plots/threshold_sweep.csv")
    curve = sweep[(sweep["model"] == "net") & (sweep["method"] == "cam")]
    np.testing.assert_array_equal(curve["threshold"], [round(0.02 * step, 2) for step in range(1, 46)])
    low = (1 + 0.5 + 16 / 33) / 3
    np.testing.assert_allclose(curve["iou"], np.where(curve["threshold"] < 1 / 6, low, 0.5), rtol=1e-5)
    assert cam["best_threshold"] == 0.02
    assert cam["best_iou"] == pytest.approx(low, abs=1e-6)
    # two patients, a (chance 1/4) and c (1/2) against b (1/4): 2 hits of 3. Independent: 2 of 3, or all 3. One draw
    # per patient: both of the first (1/4), or one of them (1/4) and b (1/4)
    independent = 1 / 4 * 1 / 4 * 1 / 2 + 2 * (1 / 4 * 3 / 4 * 1 / 2) + 1 / 4 * 1 / 4 * 1 / 2
    assert cam["p_pointing_exact"] == pytest.approx(max(independent, 1 / 4 + 1 / 4 * 1 / 4), abs=1e-6)
    assert not {"p_iou", "p_pointing"} & cam.keys()  # sign flips of skewed differences: no test of a mean
    table = pd.read_csv("data/alignment.csv").iloc[:3]
    means = table[["chance_iou", "random_iou", "random_pointing"]].mean()
    for name, mean in means.items():
        assert cam[name] == pytest.approx(mean, abs=2e-6)


def test_the_order_of_the_files_changes_nothing():
    align.main()
    before = Path("data/alignment.csv").read_bytes(), Path("metrics/alignment.json").read_bytes()
    order = np.array([2, 0, 3, 1])
    write_consensus([IMAGES[row] for row in order], quadrants()[order])
    align.main()
    assert (Path("data/alignment.csv").read_bytes(), Path("metrics/alignment.json").read_bytes()) == before
    write_params(seed=1)
    align.main()
    assert Path("data/alignment.csv").read_bytes() != before[0]


def test_the_threshold_is_a_parameter():
    write_params(threshold=0.1)
    align.main()
    table = pd.read_csv("data/alignment.csv")
    assert set(table["threshold"]) == {0.1}
    assert table["iou"][2] == pytest.approx(16 / 33, rel=1e-5)


@pytest.mark.parametrize(
    ("images", "masks"), [([], np.zeros((0, 8, 8), dtype=bool)), (["a"], np.zeros((1, 8, 8), dtype=bool))]
)
def test_no_consensus_gives_empty_tables(images, masks):
    write_consensus(images, masks)
    align.main()
    assert Path("data/alignment.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert Path("plots/threshold_sweep.csv").read_text() == "model,method,threshold,iou\n"
    assert json.loads(Path("metrics/alignment.json").read_text()) == {}


def test_missing_maps_are_all_named():
    names = np.array(["a", "c"])
    write_npz("data/saliency/other.npz", images=names, theirs=np.ones((2, 8, 8), dtype=np.float32))
    write_npz("data/saliency/net.npz", images=names[1:], cam=np.ones((1, 8, 8), dtype=np.float32))
    with pytest.raises(StudyError) as error:
        align.main()
    assert [case.split(": ", 1)[1] for case in error.value.cases] == [
        "net has no map of a",
        "net has no map of b",
        "other has no map of b",
    ]
    assert not Path("data/alignment.csv").exists()


def test_maps_that_are_not_finite_are_all_named():
    maps = np.ones((4, 2, 2), dtype=np.float32)
    maps[0, 1, 1], maps[2, 0, 0] = np.nan, np.inf
    write_npz("data/saliency/net.npz", images=np.array(["c", "b", "a", "z"]), cam=maps, gradcam=-maps)
    with pytest.raises(StudyError) as error:
        align.main()
    assert [case.split(": ", 1)[1] for case in error.value.cases] == [
        f"net, {method}, {image}: holds NaN or infinity" for method in ("cam", "gradcam") for image in "ac"
    ]


def test_missing_files_say_how_to_get_them():
    for key in ("net", "other"):
        Path(f"data/saliency/{key}.npz").unlink()
    run = subprocess.run([sys.executable, align.__file__], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.splitlines() == [
        "error: saliency maps are missing; run `sightline sync`, then `dvc repro`",
        "  data/saliency/net.npz: not there",
        "  data/saliency/other.npz: not there",
    ]


def test_a_file_without_maps_is_refused():
    write_npz("data/saliency/net.npz", images=np.array(["a", "b", "c"]))
    with pytest.raises(StudyError, match=r"net\.npz: net has no maps of any method"):
        align.main()


def test_an_image_that_the_index_lacks_is_refused():
    write_csv("data/prepared/index.csv", pd.DataFrame({"image": ["b"], "patient": ["1"]}))
    with pytest.raises(StudyError, match=r"index\.csv lacks images") as error:
        align.main()
    assert error.value.cases == ["data/consensus.npz: a", "data/consensus.npz: c"]


@pytest.mark.parametrize("threshold", [0, -0.1, 1.01])
def test_thresholds_outside_0_to_1_are_refused(threshold):
    write_params(threshold)
    with pytest.raises(StudyError, match="threshold: expected above 0 and at most 1, got"):
        align.main()


def test_counts_below_1_are_refused():
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("random_maps: 20", "random_maps: 0"))
    with pytest.raises(StudyError, match=r"align\.random_maps: expected at least 1, got 0"):
        align.main()
    write_params(seed=-1)
    with pytest.raises(StudyError, match="seed: expected at least 0, got -1"):
        align.main()
