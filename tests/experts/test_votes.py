"""Which annotations vote, by hand: time, names, empty masks, repeats and weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sightline.experts.annotation_reader import COLUMNS, first_readings, reading_order
from sightline.experts.votes import no_votes, valid_votes, vote_weights
from sightline.study.errors import StudyError

ROWS = [
    ("a", "one", "anna", "student", "2025-01-02"),
    ("b", "one", "anna", "student", "2025-01-01T23:00:00-05:00"),  # in UTC the later one
    ("c", "one", "bruno", "resident", ""),
    ("d", "one", "bruno", "resident", "not a time"),
    ("e", "two", "anna", "student", "2025-01-03"),
]
MASKS = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]], bool)[:, None, :]


def table() -> pd.DataFrame:
    rows = [(name, image, who, profession, f"{name}.png", at) for name, image, who, profession, at in ROWS]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_reading_order_is_by_time_then_by_name() -> None:
    assert reading_order(table()).tolist() == [0, 1, 4, 2, 3]
    assert reading_order(table().iloc[::-1]).tolist() == [4, 3, 0, 2, 1]  # rows of the table as it is given
    assert reading_order(table().iloc[:0]).tolist() == []


def test_first_readings_and_their_repeats() -> None:
    first, again = first_readings(table())
    assert first.tolist() == [0, 2, 4]
    assert again == [(0, 1), (2, 3)]


def test_empty_annotations_are_dropped_before_the_first_is_chosen() -> None:
    votes = valid_votes(table(), MASKS, empty_votes=False)
    assert votes.table.annotation.tolist() == ["a", "d"]  # bruno's first is empty
    np.testing.assert_array_equal(votes.masks_AHW, MASKS[[0, 3]])
    assert {image: rows.tolist() for image, rows in votes.rows_of.items()} == {"one": [0, 1], "two": []}
    assert votes.num_annotations == 5
    np.testing.assert_array_equal(votes.self_iou, [1 / 2])


def test_empty_annotations_may_vote() -> None:
    votes = valid_votes(table(), MASKS, empty_votes=True)
    assert votes.table.annotation.tolist() == ["a", "c", "e"]
    np.testing.assert_array_equal(votes.self_iou, [1 / 2, 0])


def test_weights_by_profession() -> None:
    votes = valid_votes(table(), MASKS, empty_votes=False)
    assert vote_weights(votes, "mean", {}).tolist() == [1, 1]
    assert vote_weights(votes, "weighted", {"student": 0.5, "resident": 2.0}).tolist() == [0.5, 2]
    with pytest.raises(StudyError, match="professions without a weight") as caught:
        vote_weights(votes, "weighted", {"student": 0.5})
    assert caught.value.cases == ["resident"]


def test_no_votes() -> None:
    votes = no_votes((4, 6))
    assert (len(votes.table), votes.masks_AHW.shape, votes.rows_of) == (0, (0, 4, 6), {})


def hidden(rows: list[tuple[str, str, str, int]], answers: bool) -> tuple[pd.DataFrame, np.ndarray]:
    """Annotations of one image as (name, annotator, repeat, pixels marked from the left of 4); the clock runs back."""
    texts = [
        (name, "one", who, "student", f"{name}.png", f"2025-01-{28 - row:02}", repeat)
        for row, (name, who, repeat, _) in enumerate(rows)
    ]
    masks = np.array([[[place < marked for place in range(4)]] for *_, marked in rows], bool)
    return pd.DataFrame(texts, columns=[*COLUMNS, "repeat"]).assign(is_answer=answers), masks


def test_a_hidden_second_reading_whose_first_could_not_be_judged_is_neither_vote_nor_repeat_nor_false_start() -> None:
    annotations, masks = hidden([("a.r2", "anna", "1", 2), ("b", "bruno", "0", 2), ("b.r2", "bruno", "1", 1)], True)
    for empty_votes in (False, True):
        votes = valid_votes(annotations, masks, empty_votes)
        assert votes.table.annotation.tolist() == ["b"]
        assert votes.self_iou.tolist() == [1 / 2]
        assert votes.readings.annotations.tolist() == ["b", "b.r2"]
        assert votes.readings.is_first.tolist() == [True, False]
        assert (votes.num_annotations, votes.num_alone) == (3, 1)  # 3 - 1 - 2 readings: no false start


def test_an_empty_first_reading_stays_the_first_beside_a_hidden_second_that_marks() -> None:
    annotations, masks = hidden([("a", "anna", "0", 0), ("a.r2", "anna", "1", 3), ("b", "bruno", "0", 2)], False)
    dropped = valid_votes(annotations, masks, empty_votes=False)
    assert dropped.table.annotation.tolist() == ["b"]
    assert (dropped.num_alone, len(dropped.self_iou)) == (0, 0)
    assert dropped.readings.annotations.tolist() == ["a", "a.r2", "b"]
    assert dropped.readings.first.tolist() == [0, 0, 2]
    assert valid_votes(annotations, masks, empty_votes=True).table.annotation.tolist() == ["a", "b"]


def test_annotations_of_other_tools_state_no_repeat_and_go_by_time() -> None:
    for unstated in ("", None):
        annotations, masks = hidden([("later", "anna", "", 1), ("earlier", "anna", "", 2)], False)
        annotations = annotations.drop(columns="repeat") if unstated is None else annotations
        votes = valid_votes(annotations, masks, empty_votes=False)
        assert votes.table.annotation.tolist() == ["earlier"]
        assert votes.num_alone == 0
