"""A second round on disputed images: who gets which task, what is final then, and what counts in the consensus."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from test_coordinators_desk import logged, signed_in

from pages import SQUARE, Page, serve, stroke
from sightline.annotate.adjudication import disputed
from sightline.annotate.export import export_folder
from sightline.experts.annotation_reader import read_annotations
from sightline.experts.repeats import counts_now
from sightline.experts.votes import valid_votes

if TYPE_CHECKING:
    from pages import Served


def answer_all(page: Page, square: list[float]) -> list[dict[str, Any]]:
    """The tasks that were open, each answered with this square."""
    done = []
    while (task := page.next()).get("task"):
        events = [stroke(0, square)]
        page.draw(task, events)
        assert page.submit(task, events).status_code == 200
        done.append(task)
    return done


def test_readers_see_disputed_images_again_and_the_study_says_whether_that_counts(
    served: Served, prepared: Path, tmp_path: Path
) -> None:
    admin = signed_in(served)
    served.store.begin({})
    squares = [SQUARE, [x + 9 for x in SQUARE], [x + 9 for x in SQUARE]]
    pages = [served.reader() for _ in squares]
    answers = {reader: answer_all(page, square) for (reader, page), square in zip(pages, squares, strict=True)}
    first = [row for row in served.store.tasks() if row.kind == "study" and row.repeat == 0]
    readers_of = Counter(row.image for row in first)
    overview = admin.send("GET", "/api/admin/overview").json()
    agreed = {row["image"]: row["agreement"] for row in overview["images"]}
    low = sorted(image for image, agreement in agreed.items() if agreement is not None and agreement < 0.5)
    assert 0 < len(low) < len(readers_of)  # the second and third reader agree with one another

    begun = admin.send("POST", "/api/admin/round").json()
    assert begun == {"images": len(low), "readings": sum(readers_of[image] for image in low)}
    assert admin.send("POST", "/api/admin/round").json() == {"images": len(low), "readings": 0}
    assert ("admin", "second round", f"{begun['readings']} readings") in logged(admin)
    new = [row for row in served.store.tasks() if row.repeat == 2]
    assert Counter(row.image for row in new) == {image: readers_of[image] for image in low}
    last = {row.reader: row.number for row in served.store.tasks() if row.repeat < 2}
    assert all(row.number > last[row.reader] for row in new)

    reader, page = pages[0]
    image = next(row.image for row in new if row.reader == reader)
    again = {row.task: row for row in served.store.tasks_of(reader)}
    task = next(one for one in answers[reader] if (again[one["task"]].image, again[one["task"]].repeat) == (image, 0))
    changed = page.submit(task, [stroke(0, SQUARE)], base_version=1)
    assert (changed.status_code, changed.json()["detail"]["code"]) == (409, "final")
    for _, page in pages:
        answer_all(page, SQUARE)
    assert admin.send("GET", "/api/admin/overview").json()["agreement"] == overview["agreement"]

    export_folder(served.store, served.pictures, tmp_path / "annotations", replace=False)
    index = pd.read_csv(prepared / "data/prepared/index.csv", dtype=str, keep_default_na=False)
    shape = served.pictures.size(low[0])
    before, after = (
        valid_votes(*read_annotations(tmp_path / "annotations", index, shape, adjudicated=said), True)
        for said in (False, True)
    )
    assert len(before.table) == len(after.table) == len(first)
    assert len(before.self_iou) == sum(row.kind == "study" and row.repeat == 1 for row in served.store.tasks())
    for votes, is_round in ((before, False), (after, True)):
        for image, rows in votes.rows_of.items():
            masks = {mask.tobytes() for mask in votes.masks_AHW[rows]}
            assert len(masks) == (1 if is_round or image not in low else 2), image
    assert not np.array_equal(before.masks_AHW, after.masks_AHW)


def test_the_others_outlines_are_shown_in_the_second_round_alone(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared)
    served = serve(prepared, f"sqlite:///{tmp_path}/store.sqlite", shows_others=True)
    admin = signed_in(served)
    served.store.begin({})
    pages = [served.reader() for _ in range(3)]
    for number, (_, page) in enumerate(pages):
        answer_all(page, [x + 9 * (number > 0) for x in SQUARE])
    admin.send("POST", "/api/admin/round")
    first = {(row.reader, row.image): json.loads(row.counts) for row in served.store.submissions() if not row.repeat}
    for reader, page in pages:
        tasks = served.store.tasks_of(reader)
        [*_, image] = [row.image for row in tasks if row.repeat == 2][:1]
        sent = page.next()
        theirs = [counts for (name, about), counts in first.items() if about == image and name != reader]
        assert sorted(sent["others"]) == sorted(theirs) != []
        for row in tasks:
            if row.task != sent["task"]:
                assert page.send("GET", f"/api/tasks/{row.task}").json()["others"] is None
    served.store.close()


@pytest.mark.parametrize(("adjudicated", "expected"), [(False, [1, 1, 1, 0, 1, 0]), (True, [0, 0, 1, 1, 0, 1])])
def test_rows_that_count(adjudicated: bool, expected: list[int]) -> None:
    """By hand: r1 read `a` twice and once more, r2 read it once, r3 once and once more."""
    table = pd.DataFrame(
        [["a", "r1", "0"], ["a", "r1", "1"], ["a", "r2", ""], ["a", "r1", "2"], ["a", "r3", "0"], ["a", "r3", "2"]],
        columns=["image", "annotator", "repeat"],
    )
    assert counts_now(table, adjudicated).astype(int).tolist() == expected


def test_only_complete_images_with_a_known_low_agreement_are_disputed() -> None:
    rows = [("low", 0.2, 3, 3), ("open", 0.2, 2, 3), ("high", 0.5, 3, 3), ("unknown", None, 1, 1)]
    columns = ("image", "agreement", "submitted", "assigned")
    overview = {"images": [dict(zip(columns, row, strict=True)) for row in rows]}
    assert disputed(overview, 0.5) == ["low"]
