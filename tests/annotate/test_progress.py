"""The overview's numbers on 1 x 4 masks that can be checked by hand, and what does not move them."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import pytest

from sightline.annotate.assignment import Kind, Plan
from sightline.annotate.progress import Assigned, Reader, Reading, overview
from sightline.annotate.status import status_lines
from sightline.experts.agreement import image_agreement

BEGUN = "2026-11-20T08:00:00Z"
State = Literal["invited", "enrolled", "withdrawn"]


def plan_of(*images: str) -> Plan:
    return Plan(
        seed=0,
        images=images or ("a", "b"),
        controls=("n1", "n2", "n3"),
        practice=("p",),
        readers=14,
        readers_per_image=6,
        repeat_share=0.1,
        control_share=0.2,
    )


def person(name: str, state: State = "enrolled") -> Reader:
    return Reader(reader=name, profession="student", years=2, state=state, last_seen=None)


def reading(
    reader: str, image: str, drawn: str, kind: Kind = "study", repeat: int = 0, *, seconds: float = 30.0, **others: Any
) -> Reading:
    """`drawn`: a mask of one row, `#` and `.`; `none` or `cannot`."""
    width = 4 if drawn == "none" else len(drawn)
    mask = None if drawn == "cannot" else np.array([[letter == "#" for letter in drawn.ljust(width)[:width]]])
    fields: dict[str, Any] = {
        "task": f"{reader}-{image}-{repeat}",
        "reader": reader,
        "image": image,
        "kind": kind,
        "repeat": repeat,
        "answer": drawn if drawn in ("none", "cannot") else "region",
        "confidence": None if drawn == "cannot" else 3,
        "submitted_at": "2026-11-20T10:00:00.000Z",
        "active_seconds": seconds,
        "versions": 1,
        "mask": mask,
    }
    return Reading(**(fields | others))


def assigned_of(readings: list[Reading]) -> list[Assigned]:
    return [Assigned(task=r.task, reader=r.reader, image=r.image, kind=r.kind, repeat=r.repeat) for r in readings]


def overview_of(readings: list[Reading], *more: Assigned, plan: Plan | None = None) -> dict[str, Any]:
    readers = [person(name) for name in sorted({item.reader for item in readings})]
    return overview(plan or plan_of(), readers, [*assigned_of(readings), *more], readings, BEGUN)


def row_of(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if name in (row.get("reader"), row.get("image")))


SMALL = [
    reading("r1", "a", "##.."),
    reading("r2", "a", ".##."),
    reading("r3", "a", "none"),
    reading("r4", "a", "cannot"),
    reading("r1", "b", "none"),
    reading("r2", "b", "none"),
    reading("r3", "b", "####"),
    reading("r4", "b", "##.."),
]


def test_agreement_of_images_by_hand() -> None:
    result = overview_of(SMALL)
    # image a: 1/3, and 0 twice against `none`; `cannot` has no pair
    a, b = result["images"]
    assert a == {
        "image": "a",
        "target": 6,
        "assigned": 4,
        "submitted": 4,
        "region": 2,
        "none": 1,
        "cannot": 1,
        "pairs": 3,
        "agreement": pytest.approx(1 / 9),
    }
    # image b: one pair 1/2, four pairs 0; the pair of two `none` is undefined
    assert b["pairs"] == 5
    assert b["agreement"] == pytest.approx(0.1)
    assert result["agreement"] == {"mean": pytest.approx((1 / 3 + 1 / 2) / 8), "pairs": 8}


def test_agreement_of_readers_by_hand() -> None:
    rows = overview_of(SMALL)["readers"]
    assert row_of(rows, "r1")["agreement"] == pytest.approx((1 / 3 + 0 + 0 + 0) / 4)
    assert row_of(rows, "r2")["agreement"] == pytest.approx((1 / 3 + 0 + 0 + 0) / 4)
    assert row_of(rows, "r3")["agreement"] == pytest.approx((0 + 0 + 0 + 0 + 1 / 2) / 5)
    assert row_of(rows, "r4")["agreement"] == pytest.approx((0 + 0 + 1 / 2) / 3)


def test_where_empty_annotations_are_dropped_none_makes_no_pair() -> None:
    again = [
        reading("r1", "a", "##..", repeat=1),
        reading("r1", "b", "####", repeat=1),
        reading("r2", "a", "none", repeat=1),
    ]
    readings = [*SMALL, *again]
    readers = [person(name) for name in ("r1", "r2", "r3", "r4")]
    votes, dropped = (
        overview(plan_of(), readers, assigned_of(readings), readings, BEGUN, empty_votes=said) for said in (True, False)
    )
    assert [(row["pairs"], row["agreement"]) for row in dropped["images"][:2]] == [
        (1, pytest.approx(1 / 3)),
        (1, 1 / 2),
    ]
    assert dropped["agreement"] == {"mean": pytest.approx((1 / 3 + 1 / 2) / 2), "pairs": 2}
    assert row_of(votes["readers"], "r1")["self_agreement"] == 1 / 2  # 1 on a, 0 on b
    assert row_of(dropped["readers"], "r1")["self_agreement"] == 1
    assert row_of(votes["readers"], "r2")["self_agreement"] == 0
    assert row_of(dropped["readers"], "r2")["self_agreement"] is None
    for name in ("none", "cannot", "submitted"):  # answers are counted as before
        assert [row[name] for row in dropped["images"]] == [row[name] for row in votes["images"]]


def test_agreement_is_the_librarys() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((6, 8, 8)) < rng.random((6, 1, 1))
    masks[4:] = False
    names = [f"r{i}" for i in range(6)]
    readings = [reading(name, "a", "none", mask=mask) for name, mask in zip(names, masks, strict=True)]
    image = overview_of(readings)["images"][0]
    expected = image_agreement(masks, names, 6, rng)
    assert image["agreement"] == pytest.approx(expected.mean_iou)
    assert image["pairs"] == (~np.isnan(expected.iou)).sum() == 14


def test_repeats_controls_and_practice_move_no_agreement_between_readers() -> None:
    extra = [
        reading("r1", "a", "...#", repeat=1),
        *[reading(name, "n1", "####", "control") for name in ("r1", "r2")],
        *[reading(name, "p", "####", "practice", seconds=9e9) for name in ("r1", "r2")],
    ]
    before, after = overview_of(SMALL), overview_of(SMALL + extra)
    assert after["images"] == before["images"]
    assert after["agreement"] == before["agreement"]
    for name in ("r1", "r2", "r3", "r4"):
        one, other = row_of(before["readers"], name), row_of(after["readers"], name)
        for field in ("agreement", "none_share", "mean_area_percent", "median_seconds"):
            assert one[field] == other[field]


def test_practice_counts_in_done_and_total_alone() -> None:
    practice = [reading("r1", "p", "##..", "practice", versions=4), reading("r2", "p", "cannot", "practice")]
    before, after = overview_of(SMALL), overview_of(SMALL + practice)
    assert after["totals"] == before["totals"]
    assert after["pace"] == before["pace"]
    assert [(row["done"], row["total"]) for row in before["readers"]] == [(2, 2)] * 4
    assert [(row["done"], row["total"]) for row in after["readers"]] == [(3, 3), (3, 3), (2, 2), (2, 2)]


def test_agreement_of_a_reader_with_the_same_reader() -> None:
    readings = [
        reading("r1", "a", "##.."),
        reading("r1", "a", ".##.", repeat=1),  # 1/3
        reading("r1", "b", "none"),
        reading("r1", "b", "#...", repeat=1),  # 0
        reading("r1", "c", "none"),
        reading("r1", "c", "none", repeat=1),  # undefined
        reading("r1", "d", "####"),
        reading("r1", "d", "cannot", repeat=1),  # no mask
        reading("r1", "e", "####"),  # the repeat is still to come
        reading("r2", "c", "none"),
        reading("r2", "c", "none", repeat=1),
    ]
    rows = overview_of(readings, plan=plan_of("a", "b", "c", "d", "e"))["readers"]
    assert row_of(rows, "r1")["self_agreement"] == pytest.approx((1 / 3 + 0) / 2)
    assert row_of(rows, "r2")["self_agreement"] is None


def test_shares_area_and_time_of_a_reader_by_hand() -> None:
    readings = [
        reading("r1", "a", "##..", seconds=10),
        reading("r1", "b", "#...", seconds=20),
        reading("r1", "c", "none", seconds=40),
        reading("r1", "d", "cannot", seconds=50),
        reading("r1", "a", "####", repeat=1, seconds=100),
        reading("r1", "n1", "####", "control", seconds=200),
        reading("r1", "n2", "none", "control", seconds=5),
        reading("r1", "n3", "none", "control", seconds=5),
    ]
    [row] = overview_of(readings, plan=plan_of("a", "b", "c", "d"))["readers"]
    assert row == {
        "reader": "r1",
        "profession": "student",
        "years": 2,
        "done": 8,
        "total": 8,
        "last_seen": None,
        "median_seconds": 30.0,
        "none_share": 0.25,
        "mean_area_percent": pytest.approx(37.5),
        "agreement": None,
        "self_agreement": 0.5,
        "controls_marked": pytest.approx(1 / 3),
        "outlier": [],
    }


def test_totals_by_hand() -> None:
    to_do = Assigned(task="r4-c-0", reader="r4", image="c", kind="study", repeat=0)
    repeat_to_do = Assigned(task="r4-a-1", reader="r4", image="a", kind="study", repeat=1)
    readings = [*SMALL, reading("r1", "n1", "cannot", "control", versions=3)]
    readers = [person(f"r{i}") for i in range(1, 5)] + [person("r5", "invited"), person("r6", "withdrawn")]
    plan = plan_of("a", "b", "c")
    result = overview(plan, readers, [*assigned_of(readings), to_do, repeat_to_do], readings, BEGUN)
    assert result["study"] == {"images": 3, "readers_per_image": 6, "planned_readers": 14, "begun_at": BEGUN}
    assert result["totals"] == {
        "invited": 6,
        "enrolled": 4,
        "finished": 3,
        "withdrawn": 1,
        "tasks": 11,
        "submitted": 9,
        "cannot": 2,
        "corrections": 2,
    }
    assert [row["reader"] for row in result["readers"]] == ["r1", "r2", "r3", "r4", "r5"]
    assert [row["assigned"] for row in result["images"]] == [4, 4, 1]
    assert (row_of(result["readers"], "r5")["done"], row_of(result["readers"], "r5")["total"]) == (0, 0)


def test_pace_counts_days_of_universal_time() -> None:
    times = ["2026-11-20T23:59:59Z", "2026-11-21T00:30:00+01:00", "2026-11-21T00:00:00.000Z", "2026-11-23T09:00:00"]
    readings = [reading(f"r{i}", "a", "none", submitted_at=at) for i, at in enumerate(times)]
    assert overview_of(readings)["pace"] == [
        {"day": "2026-11-20", "submitted": 2},
        {"day": "2026-11-21", "submitted": 1},
        {"day": "2026-11-23", "submitted": 1},
    ]


def test_the_records_order_changes_nothing() -> None:
    readings = many(10)
    readers = [person(f"r{i:02}") for i in range(10)]
    expected = overview(plan_of(*"edcba"), readers, assigned_of(readings), readings, BEGUN)
    for seed in range(5):
        shuffled = random.Random(seed)
        lists: list[list[Any]] = [readers[:], assigned_of(readings), readings[:]]
        for records in lists:
            shuffled.shuffle(records)
        assert overview(plan_of(*"abcde"), *lists, BEGUN) == expected


def test_a_withdrawn_reader_leaves_nothing_behind() -> None:
    readers = [person("r1"), person("r2"), person("r3"), person("r4", "withdrawn")]
    result = overview(plan_of(), readers, assigned_of(SMALL), SMALL, BEGUN)
    rest = [item for item in SMALL if item.reader != "r4"]
    without = overview(plan_of(), readers[:3], assigned_of(rest), rest, BEGUN)
    assert {**result, "totals": None} == {**without, "totals": None}
    assert result["totals"] == {**without["totals"], "invited": 4, "withdrawn": 1}


def many(num_readers: int, per_reader: int = 5, seed: int = 0, **special: dict[str, Any]) -> list[Reading]:
    """Readings of `per_reader` images by alike readers r00, r01, ...; `special` replaces fields of one reader's."""
    rng = np.random.default_rng(seed)
    readings = []
    for number in range(num_readers):
        for image in "abcde"[:per_reader]:
            mask = np.zeros((1, 100), bool)
            begin, length = 20 + rng.integers(5), 30 + rng.integers(5)
            mask[0, begin : begin + length] = True
            fields = {"mask": mask, "active_seconds": float(rng.uniform(25, 35))} | special.get(f"r{number:02}", {})
            readings.append(reading(f"r{number:02}", image, "#", **fields))
    return readings


def span(begin: int, end: int) -> np.ndarray:
    mask = np.zeros((1, 100), bool)
    mask[0, begin:end] = True
    return mask


@pytest.mark.parametrize(
    ("special", "codes"),
    [
        ({"active_seconds": 2.0}, ["fast"]),
        ({"active_seconds": 0.0}, ["fast"]),
        ({"active_seconds": 900.0}, ["slow"]),
        ({"mask": span(0, 100)}, ["large", "disagrees"]),
        ({"mask": span(25, 27)}, ["small", "disagrees"]),
        ({"mask": span(25, 25)}, ["small", "disagrees"]),
        ({"mask": span(60, 92)}, ["disagrees"]),
        ({"mask": span(60, 61), "active_seconds": 1.0}, ["fast", "small", "disagrees"]),
        ({}, []),
    ],
)
def test_who_stands_out_and_why(special: dict[str, Any], codes: list[str]) -> None:
    rows = overview_of(many(10, r03=special), plan=plan_of(*"abcde"))["readers"]
    assert {row["reader"]: row["outlier"] for row in rows if row["outlier"]} == ({"r03": codes} if codes else {})


def test_a_robust_z_by_hand() -> None:
    # logarithms 0, 1, 2, 3, x: median 2; deviations 2, 1, 0, 1, x - 2: MAD 1; z = 0.6745 (x - 2) is 3.5 at x = 7.189
    for last, codes in ((7.18, []), (7.20, ["slow"])):
        readings = [
            reading(f"r{i}", image, "none", seconds=float(np.exp(value)))
            for i, value in enumerate([0.0, 1.0, 2.0, 3.0, last])
            for image in "abcde"
        ]
        rows = overview_of(readings, plan=plan_of(*"abcde"))["readers"]
        assert [row["outlier"] for row in rows] == [[], [], [], [], codes]


def test_nobody_stands_out_of_three_of_few_readings_or_of_equals() -> None:
    slow = {"active_seconds": 900.0}
    plan = plan_of(*"abcde")
    assert all(not row["outlier"] for row in overview_of(many(3, r01=slow), plan=plan)["readers"])
    assert all(not row["outlier"] for row in overview_of(many(10, 4, r01=slow), plan=plan)["readers"])
    equal = {f"r{i:02}": {"active_seconds": 30.0, "mask": span(20, 50)} for i in range(10)} | {"r01": slow}
    rows = overview_of(many(10, **equal), plan=plan)["readers"]
    assert "slow" not in row_of(rows, "r01")["outlier"]  # a MAD of 0 measures nothing


def test_readers_of_few_readings_are_not_compared_and_do_not_count() -> None:
    few = [item for item in many(8, r07={"active_seconds": 900.0}) if item.reader < "r03" or item.image != "e"]
    rows = overview_of(few, plan=plan_of(*"abcde"))["readers"]  # three of 5 readings, five of 4
    assert all(not row["outlier"] for row in rows)


def test_an_empty_study() -> None:
    result = overview(plan_of(), [], [], [], BEGUN)
    assert result["totals"] == dict.fromkeys(
        ("invited", "enrolled", "finished", "withdrawn", "tasks", "submitted", "cannot", "corrections"), 0
    )
    assert (result["readers"], result["pace"]) == ([], [])
    assert [(row["image"], row["assigned"], row["agreement"]) for row in result["images"]] == [
        ("a", 0, None),
        ("b", 0, None),
    ]
    assert result["agreement"] == {"mean": None, "pairs": 0}


def test_all_withdrawn() -> None:
    readers = [person(f"r{i}", "withdrawn") for i in range(1, 5)]
    result = overview(plan_of(), readers, assigned_of(SMALL), SMALL, BEGUN)
    empty = overview(plan_of(), [], [], [], BEGUN)
    assert result == {**empty, "totals": {**empty["totals"], "invited": 4, "withdrawn": 4}}


def test_the_overview_is_json() -> None:
    for result in (overview_of(SMALL), overview_of(many(10)), overview(plan_of(), [], [], [], BEGUN)):
        assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_status_of_a_small_study() -> None:
    to_do = Assigned(task="r4-c-0", reader="r4", image="a", kind="study", repeat=1)
    assert status_lines(overview_of(SMALL, to_do)) == [
        "study     2 images, 6 readers each, 14 readers planned, since 2026-11-20T08:00:00Z",
        "readers   4 invited, 4 enrolled, 3 finished, 0 withdrawn",
        "readings  8 of 9 (89%), 1 cannot judge, 0 corrections",
        "agreement 0.10 mean IoU of 8 pairs",
        "",
        "reader  profession  years  done  total  last seen  seconds  none share  area %  agreement  self  controls  "
        "outlier",
        "r1      student         2     2      2          -    30.00        0.50   50.00       0.08     -         -",
        "r2      student         2     2      2          -    30.00        0.50   50.00       0.08     -         -",
        "r3      student         2     2      2          -    30.00        0.50  100.00       0.10     -         -",
        "r4      student         2     2      3          -    30.00        0.00   50.00       0.17     -         -",
        "",
        "image  target  assigned  submitted  region  none  cannot  pairs  agreement",
        "a           6         4          4       2     1       1      3       0.11",
        "b           6         4          4       2     2       0      5       0.10",
        "",
        "day         submitted",
        "2026-11-20          8",
    ]


def test_status_of_nothing_and_of_outliers() -> None:
    lines = status_lines(overview(plan_of(), [], [], [], BEGUN))
    assert lines[2:4] == ["readings  0 of 0, 0 cannot judge, 0 corrections", "agreement - mean IoU of 0 pairs"]
    special = {"mask": span(60, 61), "active_seconds": 1.0}
    lines = status_lines(overview_of(many(10, r03=special), plan=plan_of(*"abcde")))
    assert next(line for line in lines if line.startswith("r03")).endswith("  fast, small, disagrees")


def test_a_reader_without_a_sign_for_a_week_and_with_images_left_is_stuck() -> None:
    now = datetime(2026, 11, 27, 12, tzinfo=UTC)
    seen = {"away": "2026-11-20T11:59:00.000Z", "here": "2026-11-20T12:01:00.000Z", "done": "2026-11-01T00:00:00.000Z"}
    readers = [replace(person(name), last_seen=at) for name, at in seen.items()] + [person("never")]
    readings = [reading(name, "a", "##..") for name in seen]
    left = [
        Assigned(task=f"{name}-b", reader=name, image="b", kind="study", repeat=0) for name in ("away", "here", "never")
    ]
    result = overview(plan_of(), readers, [*assigned_of(readings), *left], readings, BEGUN, now=now)
    assert {row["reader"]: row["outlier"] for row in result["readers"]} == {
        "away": ["stuck"], "here": [], "done": [], "never": [],
    }  # fmt: skip
