"""The stage prepare on folders and phantoms: what it writes, and every refusal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.images.decode import decoded
from studies import KERMANY, ROOT, image_tree, stage, study

SHARED = ROOT.parent / "shared" / "data" / "kermany224"


def test_folder_study_end_to_end(tmp_path: Path) -> None:
    folder = study(tmp_path / "study", data__source="folder", data__root=str(image_tree(tmp_path / "raw")))
    done = stage("prepare", folder)
    assert done.returncode == 0, done.stderr
    images = np.load(folder / "data/prepared/images.npy", mmap_mode="r")
    index = pd.read_csv(folder / "data/prepared/index.csv")
    assert images.shape == (22, 64, 64)
    assert images.dtype == np.uint8
    assert list(index.columns) == ["image", "split", "label", "patient", "source", "sha256"]
    assert index.groupby(["split", "label"]).size().to_dict() == {
        ("test", 0): 3, ("test", 1): 3, ("train", 0): 7, ("train", 1): 7, ("val", 0): 1, ("val", 1): 1,
    }  # fmt: skip
    for row in (0, 21):
        np.testing.assert_array_equal(images[row], decoded(index.source[row], 64, 64, False, "full"))
    again = stage("prepare", study(tmp_path / "again", data__source="folder", data__root=str(tmp_path / "raw")))
    assert again.returncode == 0
    for name in ("images.npy", "index.csv"):
        assert (tmp_path / "again/data/prepared" / name).read_bytes() == (folder / "data/prepared" / name).read_bytes()


def test_all_bad_files_are_listed_and_nothing_is_written(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "raw")
    good = root / "train/NORMAL/train-NORMAL-0.png"
    Image.open(good).convert("RGB").resize((900, 900)).save(root / "train/NORMAL/cut.jpeg")
    whole = (root / "train/NORMAL/cut.jpeg").read_bytes()
    (root / "train/NORMAL/cut.jpeg").write_bytes(whole[: len(whole) // 2])
    (root / "test/PNEUMONIA/text.png").write_text("this is no image")
    (root / "test/PNEUMONIA/empty.png").write_bytes(b"")
    folder = study(tmp_path / "study", data__source="folder", data__root=str(root))
    done = stage("prepare", folder)
    assert done.returncode == 1
    assert "error: 3 unreadable images" in done.stderr
    for name, reason in (("cut.jpeg", "broken image"), ("text.png", "not an image"), ("empty.png", "not an image")):
        assert any(name in line and reason in line for line in done.stderr.splitlines()), done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in (folder / "data").rglob("*") if path.is_file()] == []
    (root / "train/NORMAL/cut.jpeg").write_bytes(whole)
    for name in ("text.png", "empty.png"):
        (root / "test/PNEUMONIA" / name).unlink()
    assert stage("prepare", folder).returncode == 0  # rerun succeeds without cleaning up


def test_more_files_than_a_process_reads_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row i is file i whatever the number of processes; broken files of several processes are all listed."""
    found = []
    for workers in ("1", "3"):
        monkeypatch.setenv("SIGHTLINE_WORKERS", workers)
        folder = study(tmp_path / workers, data__source="folder", data__root="images", data__height=70, data__width=90)
        root = image_tree(folder / "images", train=20, test=6)
        done = stage("prepare", folder)
        assert done.returncode == 0, done.stderr
        index, images = pd.read_csv(folder / "data/prepared/index.csv"), np.load(folder / "data/prepared/images.npy")
        for row, path in enumerate(index.source):
            np.testing.assert_array_equal(images[row], np.asarray(Image.open(folder / path)))
        found.append((images.tobytes(), index.sha256.tolist()))
    assert found[0] == found[1]
    broken = [path for path in sorted(root.rglob("*.png")) if path.stem.endswith("-5")]
    for path in broken:
        path.write_bytes(b"no picture")
    (folder / "data/prepared/images.npy").unlink()
    done = stage("prepare", folder)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {len(broken)} unreadable images")
    assert all(f"{path.relative_to(folder)}: not an image" in done.stderr for path in broken)
    assert not list((folder / "data/prepared").glob("*images.npy*"))


def test_phantom_study_is_the_same_twice_and_on_more_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    for name, workers in (("a", "1"), ("b", "2")):
        monkeypatch.setenv("SIGHTLINE_WORKERS", workers)
        folder = study(tmp_path / name, phantom__train_images=12, phantom__test_images=8, phantom__annotated_images=4)
        done = stage("prepare", folder)
        assert done.returncode == 0, done.stderr
        files = sorted(path for path in (folder / "data").rglob("*") if path.is_file())
        written.append({str(path.relative_to(folder)): path.read_bytes() for path in files})
    assert written[0] == written[1]
    truth = np.load(tmp_path / "a/data/prepared/truth.npz")
    index = pd.read_csv(tmp_path / "a/data/prepared/index.csv").set_index("image")
    has_lesion = dict(zip(truth["images"], truth["lesions"].any(axis=(1, 2)), strict=True))
    assert has_lesion == index[index.split == "test"].label.astype(bool).to_dict()


def test_wrong_seed_and_workers_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = study(tmp_path)
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("seed: 0", "seed: -1"))
    assert "seed: at least 0, got -1" in stage("prepare", folder).stderr
    (folder / "params.yaml").write_text(text)
    monkeypatch.setenv("SIGHTLINE_WORKERS", "many")
    assert stage("prepare", folder).stderr.startswith("error: SIGHTLINE_WORKERS=many: expected a whole number")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the 5,840 real X-rays are not beside this checkout")
@pytest.mark.slow
def test_all_real_images(tmp_path: Path) -> None:
    folder = study(tmp_path, data__source="folder", data__root=str(SHARED), data__patient_pattern=KERMANY)
    done = stage("prepare", folder)
    assert done.returncode == 0, done.stderr
    index = pd.read_csv(folder / "data/prepared/index.csv")
    counts = index.groupby([index.split == "test", "label"]).size().to_dict()
    assert counts == {(False, 0): 1341, (False, 1): 3875, (True, 0): 234, (True, 1): 390}
    assert not set(index.patient[index.split == "val"]) & set(index.patient[index.split == "train"])
