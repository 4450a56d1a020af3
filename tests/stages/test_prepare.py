"""Images of any mode at the study's size, the split by patients, and every refusal of prepare."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.images.decode import decoded
from sightline.images.folder import folder_files
from sightline.images.split import patients_of, validation_mask
from sightline.study.errors import StudyError
from studies import ROOT, image_tree, stage, study

SHARED = ROOT.parent / "shared" / "data" / "kermany224"
KERMANY = r"^(?:(person\d+)_(bacteria|virus)|((?:NORMAL2-)?IM-\d+))"


def test_every_mode_decodes_to_the_same_gray(tmp_path: Path) -> None:
    gray = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    picture = Image.fromarray(gray)
    opaque = Image.new("L", picture.size, 255)
    variants = {
        "gray.png": picture,
        "rgb.png": picture.convert("RGB"),
        "rgba.png": Image.merge("RGBA", (picture, picture, picture, opaque)),
        "la.png": Image.merge("LA", (picture, opaque)),
        "palette.png": picture.convert("P"),
        "sixteen.png": Image.fromarray(gray.astype(np.uint16) * 257),
    }
    for name, variant in variants.items():
        variant.save(tmp_path / name)
        np.testing.assert_array_equal(decoded(tmp_path / name, 64, 64, False, "full"), gray, err_msg=name)
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    picture.convert("1", dither=Image.Dither.NONE).save(tmp_path / "one.png")
    assert np.abs(decoded(tmp_path / "cmyk.jpg", 64, 64, False, "full").astype(int) - gray).max() <= 6
    np.testing.assert_array_equal(decoded(tmp_path / "one.png", 64, 64, False, "full"), np.where(gray > 127, 255, 0))
    assert decoded(tmp_path / "gray.png", 64, 64, True, "full").shape == (64, 64, 3)


def test_a_jpegs_gray_is_the_brightness_it_stores(tmp_path: Path) -> None:
    """Exactly Pillow's gray for a gray picture stored in colour, as the data set's are; to a level for colours."""
    rows, cols = np.mgrid[:64, :80]
    gray = (64 + rows + cols // 2).astype(np.uint8)
    # muted colours: what lies outside the cube of colours is clipped there, and its brightness with it
    for name, pixels, most in (
        ("gray", np.stack([gray, gray, gray], axis=2), 0),
        ("colour", np.stack([gray, 160 - gray // 2, 64 + cols.astype(np.uint8)], axis=2), 1),
    ):
        path = tmp_path / f"{name}.jpeg"
        Image.fromarray(pixels).save(path, quality=95, subsampling=0)
        with Image.open(path) as picture:
            expected = np.asarray(picture.convert("L")).astype(int)
        off = np.abs(decoded(path, 64, 80, False, "full").astype(int) - expected)
        assert off.max() <= most, name


def test_transparency_is_laid_over_black(tmp_path: Path) -> None:
    Image.new("RGBA", (64, 64), (200, 200, 200, 0)).save(tmp_path / "clear.png")
    assert decoded(tmp_path / "clear.png", 64, 64, False, "full").max() == 0


def test_twelve_bits_in_sixteen_use_the_image_range(tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.linspace(0, 4095, 64).astype(np.uint16), (64, 1))).save(tmp_path / "x.png")
    assert decoded(tmp_path / "x.png", 64, 64, False, "full").max() == 16
    assert decoded(tmp_path / "x.png", 64, 64, False, "image").max() == 255


def test_resize_is_antialiased(tmp_path: Path) -> None:
    checker = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checker).save(tmp_path / "x.png")
    small = decoded(tmp_path / "x.png", 64, 64, False, "full")
    assert np.abs(small.astype(int) - 127.5).max() <= 2  # nearest or plain bilinear would keep 0 and 255


def test_averaging_a_large_picture_first_hardly_shows(tmp_path: Path) -> None:
    rows, cols = np.mgrid[:960, :1320]
    noise = np.random.default_rng(0).normal(0, 6, rows.shape)
    picture = Image.fromarray((128 + 90 * np.sin(rows / 40) * np.cos(cols / 30) + noise).clip(0, 255).astype(np.uint8))
    picture.save(tmp_path / "x.png")
    at_once = np.asarray(picture.resize((224, 224), Image.Resampling.BILINEAR)).astype(int)
    difference = decoded(tmp_path / "x.png", 224, 224, False, "full") - at_once
    assert np.abs(difference).max() <= 2
    assert np.sqrt((difference**2).mean()) < 0.6
    assert abs(difference.mean()) < 0.2  # the average of four is rounded too, halves upwards: an eighth


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64), np.uint8)
    pixels[:32] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "x.jpg", exif=exif, quality=95)
    found = decoded(tmp_path / "x.jpg", 64, 64, False, "full")
    assert found[:30].max() < 10
    assert found[34:].min() > 245


def test_patients_by_pattern() -> None:
    names = ["person1_virus_9", "person1_bacteria_2", "person1_virus_7", "IM-0129-0001", "NORMAL2-IM-0129-0001"]
    patients = patients_of(names, KERMANY)
    assert patients == ["person1-virus", "person1-bacteria", "person1-virus", "IM-0129", "NORMAL2-IM-0129"]
    assert patients_of(names, "") == names
    with pytest.raises(StudyError, match="other"):
        patients_of(["IM-1", "other"], KERMANY)
    with pytest.raises(StudyError, match="not a regular expression"):
        patients_of(names, "(")
    with pytest.raises(StudyError, match="has no group"):
        patients_of(names, r"\d+")


@pytest.mark.parametrize("seed", range(5))
def test_split_keeps_patients_and_copies_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    patient_N = rng.integers(0, 150, 600)
    label_N = (patient_N % 4 != 0).astype(int)
    hashes = [f"h{n}" for n in range(600)]
    hashes[0] = hashes[500]  # equal bytes under two patients
    chosen_N = validation_mask(label_N, [str(p) for p in patient_N], hashes, 0.1, True, np.random.default_rng(seed))
    assert set(patient_N[chosen_N]).isdisjoint(patient_N[~chosen_N])
    assert chosen_N[0] == chosen_N[500]
    for label in (0, 1):
        want = 0.1 * (label_N == label).sum()
        # whole patients only: off by less than the largest group
        assert abs(chosen_N[label_N == label].sum() - want) <= np.bincount(patient_N).max()


def test_random_split_is_exact_and_crosses_patients() -> None:
    label_N = np.repeat([0, 1], [300, 700])
    patients = [str(n // 10) for n in range(1000)]
    chosen_N = validation_mask(label_N, patients, patients, 0.1, False, np.random.default_rng(0))
    assert [chosen_N[label_N == label].sum() for label in (0, 1)] == [30, 70]
    both = {patients[n] for n in np.flatnonzero(chosen_N)} & {patients[n] for n in np.flatnonzero(~chosen_N)}
    assert len(both) > 50


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


def test_layout_problems_are_all_listed(tmp_path: Path) -> None:
    root = image_tree(tmp_path)
    for path in (root / "test/NORMAL").iterdir():
        path.unlink()
    (root / "train/NORMAL/train-PNEUMONIA-0.jpg").write_bytes(b"x")
    (root / "train/PNEUMONIA/notes.txt").write_text("x")
    with pytest.raises(StudyError) as caught:
        folder_files(root, "NORMAL", "PNEUMONIA")
    text = str(caught.value)
    assert "test/NORMAL: no images in this class" in text
    assert "two images of one name" in text
    assert "notes.txt: neither .png" in text
    with pytest.raises(StudyError, match=r"no such folder; data\.negative"):
        folder_files(root, "HEALTHY", "PNEUMONIA")
    with pytest.raises(StudyError, match=r"no folder test"):
        folder_files(tmp_path / "nowhere", "NORMAL", "PNEUMONIA")


def test_a_study_of_maps_alone_needs_only_marked_images(tmp_path: Path) -> None:
    (tmp_path / "test/PNEUMONIA").mkdir(parents=True)
    Image.new("L", (64, 64)).save(tmp_path / "test/PNEUMONIA/a.png")
    assert [file.image for file in folder_files(tmp_path, "NORMAL", "PNEUMONIA")] == ["a"]


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
