"""The files of a folder study, and every problem with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from sightline.images.folder import folder_files
from sightline.study.errors import StudyError
from studies import image_tree


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
    assert "notes.txt: neither PNG, JPEG nor DICOM by name" in text
    with pytest.raises(StudyError, match=r"no such folder; data\.negative"):
        folder_files(root, "HEALTHY", "PNEUMONIA")
    with pytest.raises(StudyError, match=r"no folder test"):
        folder_files(tmp_path / "nowhere", "NORMAL", "PNEUMONIA")


def test_a_study_of_maps_alone_needs_only_marked_images(tmp_path: Path) -> None:
    (tmp_path / "test/PNEUMONIA").mkdir(parents=True)
    Image.new("L", (64, 64)).save(tmp_path / "test/PNEUMONIA/a.png")
    assert [file.image for file in folder_files(tmp_path, "NORMAL", "PNEUMONIA")] == ["a"]


def test_external_films_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    """Films of another hospital, perhaps of one class; a class folder without an image is a mistake there too."""
    root = image_tree(tmp_path)
    (root / "external/PNEUMONIA").mkdir(parents=True)
    with pytest.raises(StudyError, match="external/PNEUMONIA: no images in this class"):
        folder_files(root, "NORMAL", "PNEUMONIA")
    Image.new("L", (64, 64)).save(root / "external/PNEUMONIA/far.png")
    files = folder_files(root, "NORMAL", "PNEUMONIA")
    assert [(file.image, file.label) for file in files if file.part == "external"] == [("far", 1)]
    (root / "external/PNEUMONIA").rename(root / "external/OTHER")
    with pytest.raises(StudyError, match=r"external/NORMAL: no such folder"):
        folder_files(root, "NORMAL", "PNEUMONIA")
