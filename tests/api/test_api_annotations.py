"""consensus, agreement, read_annotations, read_film and phantom: thin, and equal to what they call."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import sightline
from foreign_maps import IMAGES, MASKS, annotation_rows, mask_folder
from sightline.experts.agreement import iou_matrix
from sightline.experts.annotation_writer import write_folder
from sightline.experts.consensus import consensus_mask
from sightline.formats.coco import coco_document
from sightline.study.files import write_json

MASKS_RHW = np.random.default_rng(0).random((5, 9, 7)) > 0.5


@pytest.mark.parametrize("rule", ["mean", "at_least", "union", "intersection", "staple"])
def test_a_consensus_is_that_of_the_rule_in_every_form(rule):
    expected = consensus_mask(MASKS_RHW, rule)
    by_reader = {f"r{place}": mask for place, mask in enumerate(MASKS_RHW)}
    for masks in (MASKS_RHW, list(MASKS_RHW), by_reader, torch.from_numpy(MASKS_RHW), 255 * MASKS_RHW.astype(np.uint8)):
        assert (sightline.consensus(masks, rule) == expected).all()
    by_image = sightline.consensus({"a": MASKS_RHW, "b": by_reader}, rule)
    assert list(by_image) == ["a", "b"]
    assert all((region == expected).all() for region in by_image.values())


def test_a_consensus_of_weights_by_hand():
    left, right = np.array([[1, 1, 0]]), np.array([[0, 1, 1]])
    region = sightline.consensus([left, right], "weighted", weights=[3, 1], min_share=0.6)
    assert region.tolist() == [[True, True, False]]
    with pytest.raises(sightline.StudyError, match=r"masks of different sizes: \(1, 3\), \(3, 1\)"):
        sightline.consensus([left, right.T])


def test_annotations_read_are_the_masks_that_were_written(tmp_path):
    for image, mask in MASKS.items():
        assert (sightline.read_annotations(mask_folder(tmp_path / "png")).masks[image]["unnamed"] == mask).all()
    write_json(tmp_path / "coco.json", coco_document(annotation_rows(), "pneumonia"))
    found = sightline.read_annotations(tmp_path / "coco.json")
    assert found.findings == ["pneumonia"]
    for row in annotation_rows():
        assert (found.masks[row.image][row.annotator] == row.mask).all()
    table = found.to_frame().set_index(["image", "reader"])
    assert table.loc[("a1", "r0")].tolist() == ["2026-01-01T00:00:00Z", 8, 12, 6]
    with pytest.raises(sightline.StudyError, match=r"finding tumour"):
        sightline.read_annotations(tmp_path / "coco.json", finding="tumour")
    with pytest.raises(sightline.StudyError, match="no such file or folder"):
        sightline.read_annotations(tmp_path / "nowhere.json")


def test_the_pages_own_folder_is_read_with_its_readers(tmp_path):
    rows = [type(row)(**{**vars(row), "drawn": "region"}) for row in annotation_rows()]
    write_folder(tmp_path, rows)
    found = sightline.read_annotations(tmp_path)
    assert repr(found) == "<12 annotations of 4 images by 3 readers>"
    for row in rows:
        assert (found.masks[row.image][row.annotator] == row.mask).all()


def test_a_broken_mask_of_the_pages_own_folder_is_named(tmp_path):
    write_folder(tmp_path, annotation_rows())
    (tmp_path / "masks" / "a2-1.png").write_text("no")
    (tmp_path / "masks" / "b1-0.png").unlink()
    with pytest.raises(sightline.StudyError, match="2 wrong annotations") as raised:
        sightline.read_annotations(tmp_path)
    assert all(name in str(raised.value) for name in ("a2-1.png", "b1-0.png"))


def test_agreement_of_two_readers_by_hand(tmp_path):
    by_image = {image: {row.annotator: row.mask for row in annotation_rows() if row.image == image} for image in IMAGES}
    means = []
    for of_image in by_image.values():
        ious = iou_matrix(*[np.stack(list(of_image.values()))] * 2)
        means.append(ious[np.triu_indices(3, 1)].mean())
    found = sightline.agreement(by_image)
    assert found.place.iou.value == pytest.approx(np.mean(means), abs=1e-12)
    assert found.num_read == 4
    write_folder(tmp_path, [type(row)(**{**vars(row), "drawn": "region"}) for row in annotation_rows()])
    assert sightline.agreement(tmp_path).place.iou.value == pytest.approx(np.mean(means), abs=1e-12)
    assert repr(sightline.agreement(sightline.read_annotations(tmp_path))) == repr(sightline.agreement(tmp_path))


def test_a_film_is_upright_and_of_its_own_size_or_the_asked_one(tmp_path):
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    turned = Image.Exif()
    turned[0x0112] = 6  # rotate by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "film.png", exif=turned)
    assert (sightline.read_film(tmp_path / "film.png") == np.rot90(pixels, -1)).all()
    assert sightline.read_film(str(tmp_path / "film.png"), (5, 3), color=True).shape == (5, 3, 3)
    (tmp_path / "no.png").write_text("no")
    for name, words in {"no.png": "no readable film", "nowhere.png": "no such file"}.items():
        with pytest.raises(sightline.StudyError, match=rf"{name}: {words}"):
            sightline.read_film(tmp_path / name)


def test_the_phantom_is_the_same_for_the_same_seed_and_has_its_truth():
    study, again, other = (sightline.phantom(4, seed, size=(64, 80), healthy=2) for seed in (5, 5, 6))
    assert list(study.images) == [f"phantom{number:05d}" for number in range(6)]
    assert list(study.labels.values()) == [1, 1, 1, 1, 0, 0]
    for name, film in study.images.items():
        assert film.shape == (64, 80)
        assert film.dtype == np.uint8
        assert (film == again.images[name]).all()
        assert not (film == other.images[name]).all()
        assert study.truth[name].any() == bool(study.labels[name])
        assert not (study.truth[name] & ~study.lungs[name]).any()
    assert all(len(readers) == 3 for readers in study.regions.values())
    with pytest.raises(sightline.StudyError, match="n: expected a whole number, 1 or more"):
        sightline.phantom(0)


def test_settings_without_a_meaning_are_named_as_the_caller_named_them() -> None:
    for settings, words in (
        ({"rule": "maen"}, "rule: expected one of mean, .* got 'maen'"),
        ({"rule": "weighted"}, "^weights: rule weighted needs the readers' weights"),
        ({"rule": "weighted", "weights": [1, 2]}, "^weights: expected 5 weights of 0 or more"),
        ({"min_share": 2}, "min_share: expected in"),
    ):
        with pytest.raises(sightline.StudyError, match=words):
            sightline.consensus(MASKS_RHW, **settings)  # type: ignore[arg-type]
    with pytest.raises(
        sightline.StudyError, match="differ in size; give it with image_size of read_annotations"
    ) as sizes:
        sightline.agreement({"film": {"ann": MASKS_RHW[0], "bob": MASKS_RHW[0, :3]}})
    assert len(sizes.value.cases) == 1


def test_sizes_and_numbers_of_films() -> None:
    for arguments in ({"n": 0}, {"n": 1, "seed": -1}, {"n": 1, "size": (0, 64)}):
        with pytest.raises(sightline.StudyError, match=f"^{list(arguments)[-1]}: expected .*whole number"):
            sightline.phantom(**arguments)  # type: ignore[arg-type]
    for size in ((0, 3), (3,)):
        with pytest.raises(sightline.StudyError, match=r"^size: expected rows and columns"):
            sightline.read_film("film.png", size)  # type: ignore[arg-type]
    ours, numpys = sightline.phantom(1, 2, size=(64, 64)), sightline.phantom(np.int64(1), np.int64(2), size=(64, 64))
    assert (ours.images["phantom00000"] == numpys.images["phantom00000"]).all()
