"""The films of a large study: which are shown, what the page holds, and that small studies show all."""

from __future__ import annotations

import numpy as np
import pandas as pd

from foreign_maps import IMAGES, map_folder, mask_folder
from sightline.scoring import films
from sightline.scoring.films import shown_rows
from studies import sightline


def means_of(iou: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"image": [f"i{number:06d}" for number in range(len(iou))], "iou": iou})


def test_up_to_the_limit_all_images_are_shown_those_without_a_region_too():
    assert shown_rows(means_of(np.full(400, np.nan))) == list(range(400))


def test_of_15000_images_both_ends_and_an_even_sample_are_shown():
    iou = np.random.default_rng(3).permutation(15_000) / 15_000
    iou[7] = np.nan
    rows = shown_rows(means_of(iou))
    assert rows == sorted(set(rows))
    assert len(rows) == films.MOST_SHOWN
    ranked = np.argsort(iou)[:-1]  # NaN sorts last
    places = np.flatnonzero(np.isin(ranked, rows))
    assert places[:100].tolist() == list(range(100))
    assert places[-100:].tolist() == list(range(14_899, 14_999))
    gaps = np.diff(places[100:-100])
    assert gaps.max() - gaps.min() <= 1


def test_images_of_one_iou_are_chosen_by_name_and_few_with_an_iou_are_all_shown():
    assert shown_rows(means_of(np.zeros(401)))[:100] == list(range(100))
    few = np.full(500, np.nan)
    few[[3, 490]] = 0.5
    assert shown_rows(means_of(few)) == [3, 490]


def test_the_page_says_which_films_it_shows_and_keeps_the_others_beside_it(tmp_path, monkeypatch):
    command = ["score", str(map_folder(tmp_path / "cam")), str(mask_folder(tmp_path / "masks")), "--out"]
    done = sightline(tmp_path, *command, str(tmp_path / "all"))
    assert done.returncode == 0, done.stderr
    assert f"All {len(IMAGES)} films as a table" in (tmp_path / "all/report.html").read_text()
    monkeypatch.setattr(films, "MOST_SHOWN", 2)
    monkeypatch.setattr(films, "ENDS", 1)
    monkeypatch.setattr(films, "MOST_BYTES", 0)
    done = sightline(tmp_path, *command, str(tmp_path / "few"))
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "few/report.html").read_text()
    assert f"2 of {len(IMAGES)} images: the 1 of the lowest mean IoU" in page
    assert "The 2 films as a table" in page
    assert 'id="film-0"' not in page
    assert sorted(path.name for path in (tmp_path / "few/report").iterdir()) == ["film-0.js", "film-1.js"]
