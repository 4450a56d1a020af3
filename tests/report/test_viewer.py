"""The viewer's data: levels of maps, packed masks, which films, what is said of them, and what the page holds."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.maps import scaled_maps
from sightline.report import viewer as viewer_module
from sightline.report.film_data import film_json, map_levels, packed_levels, packed_mask, picture_uri, script_json
from sightline.report.films import Sources, chosen_images, outcome, pictures, study_films
from sightline.report.viewer import Film, Mark, films_frame, films_table, parts, script, viewer, write_beside


def inflated(text: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_level_reaches_k_exactly_where_the_map_reaches_that_threshold(dtype: type) -> None:
    """Among the values are all thresholds, as rounded to the dtype, and their neighbours on both sides."""
    steps = (np.arange(101) / 100).astype(dtype)
    values = np.concatenate([steps, np.nextafter(steps, dtype(0)), np.nextafter(steps, dtype(1))])
    map_HW = values.reshape(3, 101)
    levels = map_levels(map_HW)
    for k in range(101):
        assert ((levels >= k) == (map_HW >= k / 100)).all(), k


def test_levels_and_masks_are_read_back_from_the_page() -> None:
    rng = np.random.default_rng(3)
    map_HW = scaled_maps(rng.normal(size=(1, 5, 6)), 37, 50)[0]
    rows = inflated(packed_levels(map_HW)).reshape(37, 50)
    assert (np.cumsum(rows, axis=1, dtype=np.uint8) == map_levels(map_HW)).all()
    mask = rng.random((37, 50)) < 0.3  # 1,850 pixels: the last byte is not full
    assert (np.unpackbits(inflated(packed_mask(mask)))[: mask.size].reshape(mask.shape) == mask).all()


def test_a_flat_map_reaches_no_level_and_the_maximum_alone_reaches_100() -> None:
    assert (map_levels(scaled_maps(np.full((1, 4, 4), 3.0), 9, 9)[0]) == 0).all()
    peaked = scaled_maps(np.random.default_rng(0).random((1, 4, 4)), 32, 32)[0]
    assert ((map_levels(peaked) == 100) == (peaked == peaked.max())).all()


def test_a_picture_keeps_its_aspect_and_is_made_smaller_beyond_512() -> None:
    uri = picture_uri(np.zeros((1200, 600), np.uint8))
    with Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))) as picture:
        assert picture.size == (256, 512)
    with Image.open(
        io.BytesIO(base64.b64decode(picture_uri(np.zeros((64, 96, 3), np.uint8)).split(",")[1]))
    ) as picture:
        assert (picture.size, picture.mode) == ((96, 64), "RGB")


def test_no_text_ends_the_script_that_holds_it() -> None:
    text = script_json({"name": "</script><!-- <script>"})
    assert "<" not in text
    assert json.loads(text) == {"name": "</script><!-- <script>"}
    with pytest.raises(ValueError, match="JSON"):
        script_json({"value": float("nan")})


def test_what_a_film_lacks_is_null() -> None:
    assert json.loads(film_json(None, None, None, [], [None])) == {
        "film": None, "consensus": None, "lungs": None, "readers": [], "maps": [None],
    }  # fmt: skip


def films(count: int = 5) -> list[Film]:
    map_HW = scaled_maps(np.random.default_rng(1).random((1, 3, 3)), 12, 10)[0]
    mask = np.zeros((12, 10), bool)
    mask[2:6, 3:7] = True
    mark = Mark(outcome="TP", probability=0.75, scores={"iou": 0.25})
    return [
        Film(name=f"f{number}", consensus_HW=mask, maps={"m": map_HW}, marks={"m": mark}, readers=[("p1", mask)])
        for number in range(count)
    ]


def shown_of(many: list[Film]) -> viewer_module.Viewer:
    shown = viewer(many, models={"m": "CAM", "n": "LIME"}, scores={"iou": "IoU at 0.5"}, threshold=0.5)
    assert shown is not None
    return shown


def test_the_page_holds_the_first_films_and_the_folder_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = shown_of(films())
    assert shown.inside == 5
    monkeypatch.setattr(viewer_module, "MOST_BYTES", 2 * len(shown.data[0]))
    assert shown.inside == 2
    monkeypatch.setattr(viewer_module, "MOST_BYTES", 10**9)
    monkeypatch.setattr(viewer_module, "MOST_FILMS", 3)
    assert shown.inside == 3
    page = "".join(parts(shown))
    assert re.findall(r'id="film-(\d+)"', page) == ["0", "1", "2"]
    (tmp_path / "film-9.js").write_text("of an earlier page")
    write_beside(tmp_path, shown)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film-3.js", "film-4.js"]
    assert (tmp_path / "film-3.js").read_text() == f"sightlineFilm(3,{shown.data[3]})\n"
    assert "'self'" in viewer_module.assets(shown)[2]
    monkeypatch.setattr(viewer_module, "MOST_FILMS", 200)
    write_beside(tmp_path, shown)
    assert list(tmp_path.iterdir()) == []
    assert "'self'" not in viewer_module.assets(shown)[2]


def test_films_on_two_grids_are_refused() -> None:
    other = Film(name="wide", maps={"m": np.zeros((12, 11), np.float32)})
    with pytest.raises(ValueError, match="wide: arrays of 2 sizes"):
        shown_of([*films(1), other])


def without_predictions(film: Film) -> Film:
    marks = {model: replace(mark, outcome="", probability=float("nan")) for model, mark in film.marks.items()}
    return replace(film, finding="", marks=marks)


def test_the_tables_say_what_the_viewer_shows() -> None:
    shown = shown_of(films(2))
    frame = films_frame(shown)
    assert frame[["image", "model", "outcome", "probability", "iou"]].values.tolist()[0] == [
        "f0",
        "m",
        "TP",
        0.75,
        0.25,
    ]
    assert (frame["outcome"] == ["TP", "", "TP", ""]).all()  # the other model predicts nothing
    table = films_table(shown)
    assert table.count("<tr>") == 3
    assert "TP<br><small>0.250</small>" in table
    assert "Label" not in table  # of films without one
    assert "Label" in films_table(shown_of([replace(film, finding="pneumonia") for film in films(2)]))
    bare = shown_of([without_predictions(film) for film in films(2)])
    assert "outcome" not in films_table(bare)
    assert list(films_frame(None).columns) == ["image", "model", "label", "agreement", "outcome", "probability"]


def test_a_study_without_films_says_so() -> None:
    assert viewer([], models={}, scores={}, threshold=0.5) is None
    assert parts(None) == ["<p>There is no film to show.</p>"]
    assert viewer_module.assets(None)[:2] == ([], [])


def test_the_script_is_small_and_asks_nothing() -> None:
    text = script()
    assert len(text.encode()) < 60_000
    assert not re.search(r"fetch\(|XMLHttpRequest|https?:|import\(|eval\(", text)


def sources() -> Sources:
    """Three marked images, of which one region is empty, among six test images; the second network is wrong on f5."""
    names = [f"f{number}" for number in range(6)]
    test = pd.DataFrame({"label": [1, 1, 1, 0, 0, 0]}, index=pd.Index(names, name="image"))
    masks = np.zeros((3, 8, 8), bool)
    masks[:2, 2:5, 2:5] = True
    maps = {"images": np.array(names[::-1]), "cam": np.random.default_rng(0).random((6, 2, 2))}
    theirs = {"images": np.array(names[:2]), "lime": np.random.default_rng(1).random((2, 2, 2))}
    scores = {"model": ["net"] * 2 + ["theirs"] * 2, "method": ["cam"] * 2 + ["lime"] * 2, "iou": [0.2, 0.4, 0.1, 0.3]}
    alignment = pd.DataFrame({"image": ["f0", "f1"] * 2, **scores})
    contrasts = {"image": ["f0", "f0"], "candidate": "net.cam", "score": ["rank", "ap"], "own": [0.5, 9], "d": [0.1, 9]}
    return Sources(
        consensus={"images": np.array(["f1", "f0", "f2"]), "consensus": masks},
        annotations={"images": np.array(["f0", "f0"]), "annotators": np.array(["p1", "p2"]),
                     "professions": np.array(["student", "radiologist"]), "masks": masks[:2]},
        lungs={"images": np.array(names), "lungs": np.ones((6, 8, 8), bool), "kind": np.array("body")},
        maps={"net": maps, "theirs": theirs},
        scaled=lambda raw: scaled_maps(raw, 8, 8),
        pixels=lambda images: np.stack([np.full((8, 8), int(image[1:]), np.uint8) for image in images]),
        test=test, data={"source": "folder", "negative": "NORMAL", "positive": "PNEUMONIA"},
        probabilities={"net": np.array([0.9, 0.3, 0.5, 0.1, 0.2, 0.7])}, alignment=alignment,
        contrasts=pd.DataFrame(contrasts), primary="rank", threshold=0.5,
        agreement=pd.DataFrame({"image": ["f0"], "iou": [0.44]}),
    )  # fmt: skip


def test_films_with_a_region_come_first_then_those_that_networks_get_wrong() -> None:
    assert chosen_images(sources(), 0) == ["f0", "f1"]
    assert chosen_images(sources(), 4) == ["f0", "f1", "f5", "f2"]
    assert len(chosen_images(sources(), 99)) == 6


def test_a_film_has_its_own_maps_marks_and_readers() -> None:
    given = sources()
    first, last = study_films(given, ["f0", "f5"])
    assert [name for name, _ in first.readers] == ["p1 (student)", "p2 (radiologist)"]
    assert (first.maps["net"] == scaled_maps(given.maps["net"]["cam"][[5]], 8, 8)[0]).all()  # stored in reverse
    assert first.marks["net"] == Mark(outcome="TP", probability=0.9, scores={"iou": 0.2, "own": 0.5, "contrast": 0.1})
    assert (first.finding, first.agreement) == ("pneumonia", 0.44)
    assert first.consensus_HW is not None
    assert (last.finding, last.marks["net"].outcome, list(last.maps)) == ("normal", "FP", ["net"])
    assert last.consensus_HW is None
    assert np.isnan(last.agreement)
    shown = pictures(dataclasses.replace(given, primary=""), 6).viewer
    assert shown is not None
    assert (list(shown.scores), shown.lungs) == (["iou"], "body")


def test_outcomes_at_one_half() -> None:
    assert [outcome(0.5, 1), outcome(0.49, 1), outcome(0.5, 0), outcome(0.49, 0)] == ["TP", "FN", "FP", "TN"]
