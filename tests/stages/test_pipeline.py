"""Stages together: the authors' own maps through the pipeline, a full disk, and DVC's reruns."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from studies import ROOT, change, dvc, has_dvc, maps_study, run, sightline, stage, stages_run, study

SHARED = ROOT.parent / "shared" / "data"
KEY = "alexnet-scratch-gap"
OURS = """
from torch import nn

size, channels, mean, std, value_range = 64, 1, 0, 1, (0, 1)


def load():
    pooled = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(nn.Conv2d(1, 2, 8, stride=8), nn.ReLU(), *pooled, nn.Linear(2, 1))
"""


@pytest.mark.skipif(not SHARED.is_dir(), reason="the authors' maps (shared/data) are not beside this checkout")
def test_the_authors_maps_give_the_printed_ious(tmp_path: Path) -> None:
    cases = pd.read_csv(SHARED / "paper-cases/cases.csv")
    stems = [Path(name).stem for name in cases.image]
    folder = study(
        tmp_path, data__source="folder", data__root="raw", data__height=224, data__width=224,
        consensus__source="masks", consensus__folder=str(SHARED / "paper-cases/consensus"),
    )  # fmt: skip
    models = {
        f"authors-{arch}": {"maps": str(SHARED / f"paper-cases/cam-{arch}"), "method": "cam"}
        for arch in ("vgg16", "resnet50")
    }
    change(folder, threshold=0.765, models=models)
    (folder / "raw/test/PNEUMONIA").mkdir(parents=True)
    for name in cases.image:
        shutil.copy(SHARED / "kermany224/test/PNEUMONIA" / name, folder / "raw/test/PNEUMONIA")
    imports = [f"import_maps {key}" for key in models]
    run(folder, "prepare", "augment_preview", *imports, "lungs", "consensus", "align", "bootstrap", "verdict", "report")
    found = pd.read_csv(folder / "data/alignment.csv").set_index(["model", "image"]).iou
    for arch in ("vgg16", "resnet50"):
        printed = cases[f"printed_iou_{arch}"].to_numpy()
        ours = np.array([found[f"authors-{arch}", stem] for stem in stems])
        assert np.abs(ours - printed).max() <= 0.011, arch
    metrics = json.loads((folder / "metrics/alignment.json").read_text())
    assert metrics["authors-vgg16"]["cam"]["iou"] == pytest.approx(found["authors-vgg16"].mean(), abs=1e-6)
    assert "authors-vgg16" in (folder / "plots/report.html").read_text()


def test_maps_made_elsewhere_by_hand(tmp_path: Path) -> None:
    """A map that is the mask itself scores 1, one beside it 0; PNG and NPY, sizes mixed."""
    folder = maps_study(tmp_path, ["a", "b", "c"])
    hit = np.zeros((224, 224))
    hit[50:100, 60:120] = 1
    np.save(folder / "maps/a.npy", hit * 7)
    Image.fromarray((np.roll(hit, 100, axis=0) * 255).astype(np.uint8)).save(folder / "maps/b.png")
    np.save(folder / "maps/c.npy", np.kron(hit, np.ones((2, 2))))
    run(folder, "prepare", "import_maps peer", "consensus", "align")
    table = pd.read_csv(folder / "data/alignment.csv").set_index("image")
    assert table.iou["a"] == 1
    assert table.pointing["a"] == 1
    assert table.iou["b"] == table.pointing["b"] == 0
    assert table.iou["c"] == pytest.approx(1, abs=0.1)  # brought down by bilinear interpolation
    assert table.chance_pointing.tolist() == pytest.approx([50 * 60 / 224**2] * 3, abs=1e-6)


def test_bad_maps_are_all_listed(tmp_path: Path) -> None:
    folder = maps_study(tmp_path, ["a", "b", "c", "d"])
    broken = np.ones((8, 8))
    broken[2, 3] = np.nan
    np.save(folder / "maps/a.npy", broken)
    np.save(folder / "maps/b.npy", np.ones((8, 8, 3)))
    Image.new("RGB", (8, 8), "red").save(folder / "maps/c.png")
    np.save(folder / "maps/stranger.npy", np.ones((8, 8)))
    (folder / "maps/d.png").write_text("no picture")
    run(folder, "prepare")
    done = stage("import_maps", folder, "peer")
    assert done.returncode == 1
    for name, reason in (
        ("a.npy", "1 values that are NaN"), ("b.npy", "expected h x w"), ("c.png", "a coloured overlay is no map"),
        ("stranger.npy", "in no split of the study"), ("d.png", "not a PNG"),
    ):  # fmt: skip
        assert any(name in line and reason in line for line in done.stderr.splitlines()), done.stderr
    assert not (folder / "data/saliency").exists()


def test_an_image_without_a_map_is_said(tmp_path: Path) -> None:
    folder = maps_study(tmp_path, ["a", "b"])
    np.save(folder / "maps/a.npy", np.eye(8))
    run(folder, "prepare", "import_maps peer", "consensus")
    done = stage("align", folder)
    assert done.returncode == 1
    assert "peer" in done.stderr
    assert " b" in done.stderr
    assert not (folder / "data/alignment.csv").exists()


def test_a_full_disk_is_one_line_and_the_rerun_succeeds(tmp_path: Path) -> None:
    """Every stage, with files limited to 256 bytes as a full disk limits them, and then without the limit."""
    folder = study(tmp_path, train__epochs=1, phantom__train_images=32, train__batch_size=8, consistency__enabled=True)
    networks = {KEY: {"arch": "alexnet", "init": "scratch", "head": "gap"}}
    models = {**networks, "peer": {"maps": "maps", "method": "lime"}}
    change(folder, models={**models, "ours": {"code": "ours.py"}})
    (folder / "ours.py").write_text(OURS)
    names = [
        "prepare", "predict ours", "lung_films", f"train {KEY}", f"saliency {KEY}", "import_maps peer", "lungs",
        "consensus", "reliability", "align", "bootstrap", "ladder", f"consistency {KEY}", "verdict", "subgroups",
        "compare", "families", "population", "shortcut", f"faithfulness {KEY}", f"regions {KEY}", "multiverse",
        "augment_preview", "report",
    ]  # fmt: skip
    assert {name.split()[0] for name in names} == {path.stem for path in (ROOT / "src").glob("*.py")}
    for name in names:
        program, *arguments = name.split()
        # {} without several seeds, five architectures or such a column fits
        if name not in ("families", "population", "subgroups"):
            with small_files():
                full = stage(program, folder, *arguments)
            assert full.returncode == 1, name
            assert full.stderr.startswith("error: "), full.stderr
            assert "could not be written" in full.stderr
            assert not list(folder.rglob("*.partial")), name
        done = stage(program, folder, *arguments)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        if name == "predict ours":
            change(folder, models=models)  # the other stages have no more work for it than for a network
        if name == "prepare":
            truth = np.load(folder / "data/prepared/truth.npz")
            (folder / "maps").mkdir()
            for image, lesions in zip(truth["images"], truth["lesions"], strict=True):
                np.save(folder / f"maps/{image}.npy", lesions.astype(np.float32))


@contextmanager
def small_files() -> Iterator[None]:
    """No file of this process and its children may grow beyond 256 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.MonkeyPatch.context() as patch:
        # Python would cut short what it compiles, without a word, and later runs would load that
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        resource.setrlimit(resource.RLIMIT_FSIZE, (256, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@has_dvc
def test_dvc_reruns_only_what_a_change_touches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("src", "profiles", "data/raw", "data/annotations", "data/lungs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".dvc").mkdir()  # as `dvc init` does, which takes a second
    (tmp_path / ".dvc/config").write_text("[core]\n    analytics = false\n")
    monkeypatch.setenv("SIGHTLINE_WORKERS", "2")  # as a user's stages work, several processes each
    study(tmp_path, train__epochs=1, faithfulness__images=1, regions__images=1)
    entry = {"arch": "alexnet", "init": "scratch", "head": "gap"}
    change(tmp_path, models={KEY: entry})
    assert sightline(tmp_path, "sync").returncode == 0

    # a kill in the middle of a stage: the next run succeeds without cleaning up by hand. Between two stages DVC itself
    # may be killed while it writes .dvc/tmp/rwlock, which is no matter of ours: so the stage must have begun.
    command = [sys.executable, "-u", "-m", "dvc", "repro"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    ) as first:  # fmt: skip
        assert first.stdout is not None
        begun = next(line for line in first.stdout if line.startswith("> python src/train.py"))
        time.sleep(0.5)  # importing torch alone takes longer: the stage cannot have ended
        os.killpg(first.pid, signal.SIGKILL)
    assert first.returncode == -signal.SIGKILL, begun
    late = ["align", "bootstrap", "report"]
    printed = dvc(tmp_path, "repro")
    done = stages_run(printed)
    lines = printed.splitlines()
    end = lines.index("open plots/report.html")  # a run ends with a line per model, then DVC says what it always says
    assert lines[end - 1].split()[0] == KEY
    assert set(done) >= {f"saliency@{KEY}", "consensus", *late}
    for name in ("alignment", "classification", "consensus", "intervals"):
        assert json.loads((tmp_path / f"metrics/{name}.json").read_text())
    shown = json.loads(dvc(tmp_path, "metrics", "show", "--json"))[""]["data"]
    assert {path: set(values["data"]) for path, values in shown.items()} == {"metrics/summary.json": {KEY, "study"}}

    assert stages_run(dvc(tmp_path, "repro")) == []
    change(tmp_path, threshold=0.4)
    dry = stages_run(dvc(tmp_path, "repro", "--dry", "--force-downstream"))
    assert [name for name in dry if name != "population"] == late  # whose input the stage bootstrap writes, unchanged
    assert stages_run(dvc(tmp_path, "repro")) == late
    # a dry run names the stages that are stale now; what follows them, of which --force-downstream names all that may
    # run, is known when they have run
    text = (tmp_path / "params.yaml").read_text()
    assert "learning_rate: 0.0003" in text
    (tmp_path / "params.yaml").write_text(text.replace("learning_rate: 0.0003", "learning_rate: 0.0001"))
    assert set(stages_run(dvc(tmp_path, "repro", "--dry"))) == {f"train@{KEY}", "report"}
    (tmp_path / "params.yaml").write_text(text)
    change(tmp_path, models={KEY: {**entry, "init": "imagenet"}})
    own = f"train@{KEY}"  # whose weights its other stages depend on
    judged = {"ladder", "verdict", "compare", "shortcut", "multiverse", "subgroups", "population", "families"}
    assert set(stages_run(dvc(tmp_path, "repro", "--dry"))) == {own, *judged, *late}
    # a second network leaves the first as it is
    change(tmp_path, models={KEY: entry, "second": {**entry, "head": "fc"}})
    assert sightline(tmp_path, "sync").returncode == 0
    targets = ("train", f"saliency@{KEY}", f"faithfulness@{KEY}", f"regions@{KEY}")
    assert stages_run(dvc(tmp_path, "repro", "--dry", *targets)) == ["train@second"]
