"""What stages read: images joined by name, and errors that list every image that a file lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sightline import inputs
from sightline.study.errors import StudyError
from sightline.study.files import write_csv

SOURCE = Path("scored.csv")


@pytest.fixture(autouse=True)
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four prepared images of 2 x 3 pixels, of which c and a are test images."""
    monkeypatch.chdir(tmp_path)
    index = pd.DataFrame({"image": list("dcba"), "split": ["train", "test", "val", "test"]})
    write_csv(inputs.INDEX, index.assign(label=[0, 1, 0, 1], patient=["4", "03", "2", "1"]))
    np.save(inputs.PREPARED / "images.npy", np.arange(24, dtype=np.uint8).reshape(4, 2, 3))


def test_images_are_joined_by_name() -> None:
    pixels = inputs.prepared_pixels(["a", "c"], inputs.PREPARED, SOURCE)
    np.testing.assert_array_equal(pixels[:, 0, 0], [18, 6])
    assert inputs.read_patients(["a", "c"], inputs.INDEX, SOURCE) == ["1", "03"]
    assert inputs.prepared_pixels([], inputs.PREPARED, SOURCE).shape == (0, 2, 3)
    assert inputs.prepared_grid(inputs.PREPARED) == (2, 3)


def test_test_images_are_sorted_by_name() -> None:
    test = inputs.read_test_images(inputs.INDEX)
    assert test.images == ["a", "c"]
    assert test.patients_N.tolist() == ["1", "03"]
    assert test.labels_N.tolist() == [1, 1]


def test_colour_becomes_brightness() -> None:
    colours = np.zeros((4, 2, 3, 3), np.uint8)
    colours[..., 1] = 100
    np.save(inputs.PREPARED / "images.npy", colours)
    assert inputs.prepared_pixels(["a"], inputs.PREPARED, SOURCE).shape == (1, 2, 3, 3)
    np.testing.assert_array_equal(inputs.prepared_images(["a"], inputs.PREPARED, SOURCE), np.full((1, 2, 3), 59))


def test_all_images_that_a_file_lacks_are_named_with_the_file_that_asks_for_them() -> None:
    for read in (
        lambda images: inputs.read_patients(images, inputs.INDEX, SOURCE),
        lambda images: inputs.prepared_images(images, inputs.PREPARED, SOURCE),
    ):
        with pytest.raises(StudyError, match=r"data/prepared/index\.csv lacks images that were scored") as caught:
            read(["a", "x", "y"])
        assert caught.value.cases == ["scored.csv: x", "scored.csv: y"]


def test_a_missing_or_broken_array_is_refused() -> None:
    (inputs.PREPARED / "images.npy").write_bytes(b"PNG")
    with pytest.raises(StudyError, match=r"images\.npy: not a readable array"):
        inputs.prepared_grid(inputs.PREPARED)
    (inputs.PREPARED / "images.npy").unlink()
    with pytest.raises(StudyError, match=r"images\.npy: not there; run the stage that writes it"):
        inputs.prepared_pixels(["a"], inputs.PREPARED, SOURCE)
