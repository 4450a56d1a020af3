"""The design's exact properties over many sizes and seeds, and each list's order, repeats and controls."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from sightline.annotate.assignment import (
    Plan,
    PlannedTask,
    block_design,
    least_spread,
    planned_tasks,
    shared_images,
)

SIZES = [
    *[(1, 1, 1), (1, 5, 3), (2, 2, 1), (3, 2, 2), (5, 3, 2), (5, 8, 2), (10, 4, 4), (11, 7, 5), (17, 6, 1)],
    *[(50, 14, 6), (50, 20, 4), (60, 9, 7), (97, 13, 5)],
]
BIBDS = [(7, 7, 3, 1), (12, 9, 3, 1), (13, 13, 4, 1), (10, 6, 3, 2), (26, 13, 3, 1), (30, 10, 3, 2), (14, 8, 4, 3)]


def plan_of(num_images: int = 50, readers: int = 14, per_image: int = 6, **others: Any) -> Plan:
    fields = {
        "seed": 3,
        "images": tuple(f"image{i:03}" for i in range(num_images)),
        "controls": tuple(f"normal{i:02}" for i in range(10)),
        "practice": ("practice_b", "practice_a"),
        "readers": readers,
        "readers_per_image": per_image,
        "repeat_share": 0.1,
        "control_share": 0.2,
    }
    return Plan(**(fields | others))


def images_of(tasks: list[PlannedTask], kind: str, repeat: int = 0) -> list[str]:
    return [task.image for task in tasks if task.kind == kind and task.repeat == repeat]


@pytest.mark.parametrize(("num_images", "num_readers", "per_image"), SIZES)
@pytest.mark.parametrize("seed", [0, 1, 20])
def test_each_image_has_its_readers_and_loads_differ_by_one_at_most(
    num_images: int, num_readers: int, per_image: int, seed: int
) -> None:
    design_RN = block_design(seed, num_images, num_readers, per_image)
    assert design_RN.shape == (num_readers, num_images)
    assert (design_RN.sum(axis=0) == per_image).all()
    assert np.ptp(design_RN.sum(axis=1)) <= 1
    assert shared_images(design_RN).sum() == num_images * per_image * (per_image - 1) // 2


@pytest.mark.parametrize(("num_images", "num_readers", "per_image", "shared"), BIBDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_balanced_design_is_found_where_one_exists(
    num_images: int, num_readers: int, per_image: int, shared: int, seed: int
) -> None:
    assert least_spread(num_images, num_readers, per_image) == 0
    assert set(shared_images(block_design(seed, num_images, num_readers, per_image)).tolist()) == {shared}


@pytest.mark.parametrize(
    ("num_images", "num_readers", "per_image", "shared"),
    [(50, 14, 6, {8, 9}), (50, 20, 4, {1, 2}), (200, 30, 5, {4, 5}), (500, 40, 6, {9, 10})],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_two_readers_share_as_nearly_the_same_number_of_images_as_can_be(
    num_images: int, num_readers: int, per_image: int, shared: set[int], seed: int
) -> None:
    assert set(shared_images(block_design(seed, num_images, num_readers, per_image)).tolist()) == shared


def test_no_design_is_called_balanced_that_cannot_be() -> None:
    # Bruck and Ryser: the counts of (22, 22, 7) are whole, yet there is none
    assert least_spread(22, 22, 7) == 0
    assert np.ptp(shared_images(block_design(0, 22, 22, 7))) > 0


@pytest.mark.parametrize(("sizes", "spread"), [((50, 14, 6), 1), ((50, 14, 9), 2), ((9, 5, 1), 0), ((9, 5, 5), 0)])
def test_the_least_spread_is_what_unequal_loads_force(sizes: tuple[int, int, int], spread: int) -> None:
    # 50 x 9 readings are 32 or 33 a reader: 33 * 8 / 13 = 20.3 shared images on average, 32 * 8 / 13 = 19.7
    assert least_spread(*sizes) == spread
    assert np.ptp(shared_images(block_design(0, *sizes))) == spread


@pytest.mark.parametrize("sizes", SIZES)
def test_no_design_beats_the_least_spread(sizes: tuple[int, int, int]) -> None:
    shared = shared_images(block_design(5, *sizes))
    assert not len(shared) or np.ptp(shared) >= least_spread(*sizes)


def test_shared_images_by_hand() -> None:
    assigned_RN = np.array([[1, 1, 0, 1], [1, 0, 1, 1], [0, 1, 1, 0]], bool)
    assert shared_images(assigned_RN).tolist() == [2, 1, 1]


def test_another_seed_is_another_design_and_the_same_seed_the_same() -> None:
    assert not np.array_equal(block_design(0, 50, 14, 6), block_design(1, 50, 14, 6))
    first = planned_tasks(plan_of(), 4)
    block_design.cache_clear()
    assert planned_tasks(plan_of(), 4) == first
    assert planned_tasks(plan_of(seed=4), 4) != first


def test_every_slot_has_its_row_of_the_design() -> None:
    plan = plan_of()
    lists = [planned_tasks(plan, slot) for slot in range(plan.readers)]
    readers_of = Counter(image for tasks in lists for image in images_of(tasks, "study"))
    assert set(readers_of) == set(plan.images)
    assert set(readers_of.values()) == {6}
    assert {len(images_of(tasks, "study")) for tasks in lists} == {21, 22}
    shared = {len(set(images_of(a, "study")) & set(images_of(b, "study"))) for a, b in combinations(lists, 2)}
    assert shared == {8, 9}


def test_practice_comes_first_and_each_reader_has_an_order_of_their_own() -> None:
    lists = [planned_tasks(plan_of(per_image=14), slot) for slot in range(14)]
    for tasks in lists:
        assert tasks[:2] == [PlannedTask(image=f"practice_{x}", kind="practice", repeat=0) for x in "ba"]
        assert all(task.kind != "practice" for task in tasks[2:])
    assert len({tuple(images_of(tasks, "study")) for tasks in lists}) == 14


def test_counts_of_repeats_and_controls() -> None:
    for slot in range(14):
        tasks = planned_tasks(plan_of(), slot)
        num_study = len(images_of(tasks, "study"))
        assert len(images_of(tasks, "study", 1)) == round(0.1 * num_study) == 2
        assert len(images_of(tasks, "control")) == round(0.2 * num_study) == 4
        assert len(tasks) == 2 + num_study + 2 + 4


@pytest.mark.parametrize("repeat_share", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("control_share", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("num_images", [2, 3, 4, 7, 20])
def test_repeats_come_half_a_list_later_never_twice_and_only_of_study_images(
    repeat_share: float, control_share: float, num_images: int
) -> None:
    for seed in range(10):
        plan = plan_of(num_images, 3, 3, seed=seed, repeat_share=repeat_share, control_share=control_share)
        tasks = planned_tasks(plan, 1)[2:]
        assert len({(task.image, task.repeat) for task in tasks}) == len(tasks)
        assert {task.kind for task in tasks if task.repeat} <= {"study"}
        place = {(task.image, task.repeat): number for number, task in enumerate(tasks)}
        gaps = [place[image, 1] - place[image, 0] for image in images_of(tasks, "study", 1)]
        assert len(gaps) == round(repeat_share * num_images)
        assert all(gap >= max(len(tasks) / 2, 2) for gap in gaps)


def test_a_single_image_is_not_repeated_since_the_repeat_would_be_adjacent() -> None:
    alone = plan_of(1, 2, 2, repeat_share=1.0, control_share=0.0)
    assert [task.repeat for task in planned_tasks(alone, 0)[2:]] == [0]
    beside_a_control = replace(alone, control_share=1.0)
    assert [(task.kind, task.repeat) for task in planned_tasks(beside_a_control, 0)[2:]] == [
        ("study", 0),
        ("control", 0),
        ("study", 1),
    ]


def test_repeats_and_controls_stand_at_changing_places() -> None:
    plan = plan_of(20, 5, 5)
    repeats, controls = Counter[int](), Counter[int]()
    for seed in range(100):
        for number, task in enumerate(planned_tasks(replace(plan, seed=seed), 0)[2:]):
            repeats[number] += task.repeat
            controls[number] += task.kind == "control"
    assert sorted(repeats)[0] == 0
    assert [number for number, count in sorted(repeats.items()) if count] == list(range(13, 26))
    assert [number for number, count in sorted(controls.items()) if count] == list(range(26))


@pytest.mark.parametrize("num_controls", [1, 3, 4, 9, 10, 57])
@pytest.mark.parametrize("seed", [0, 7])
def test_controls_are_used_evenly_and_never_twice_by_a_reader(num_controls: int, seed: int) -> None:
    pool = tuple(f"normal{i}" for i in range(num_controls))
    plan = plan_of(seed=seed, controls=pool)
    uses = Counter(dict.fromkeys(pool, 0))
    for slot in range(18):  # four beyond the plan
        controls = images_of(planned_tasks(plan, slot), "control")
        assert len(set(controls)) == len(controls) == min(4, num_controls)
        uses.update(controls)
        assert max(uses.values()) - min(uses.values()) <= 1


def test_no_controls_to_draw_from() -> None:
    assert images_of(planned_tasks(plan_of(controls=()), 0), "control") == []


def test_an_extra_reader_gets_what_is_read_least() -> None:
    plan = plan_of()  # ceil(50 * 6 / 14) = 22
    coverage = dict.fromkeys(plan.images, 6) | dict.fromkeys(plan.images[10:20], 4)
    coverage |= dict.fromkeys(plan.images[40:45], 5)
    del coverage[plan.images[0]]  # nobody has it
    chosen = images_of(planned_tasks(plan, 14, coverage), "study")
    assert len(chosen) == len(set(chosen)) == 22
    assert {plan.images[0], *plan.images[10:20], *plan.images[40:45]} <= set(chosen)
    assert planned_tasks(plan, 14, coverage) == planned_tasks(plan, 14, dict(reversed(coverage.items())))
    assert set(images_of(planned_tasks(plan, 15, coverage), "study")) != set(chosen)  # ties are the slot's own


def test_extra_readers_even_out_the_coverage_one_after_another() -> None:
    plan = plan_of()
    coverage = Counter(dict.fromkeys(plan.images, 6))
    for slot in range(14, 30):
        coverage.update(images_of(planned_tasks(plan, slot, coverage), "study"))
        assert max(coverage.values()) - min(coverage.values()) <= 1


def test_coverage_does_not_move_a_planned_list() -> None:
    assert planned_tasks(plan_of(), 3, {"image000": 40}) == planned_tasks(plan_of(), 3)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"seed": -1}, "seed: -1 is negative"),
        ({"images": ()}, "images: none given"),
        ({"images": ("a", "b", "a")}, "images: a named more than once"),
        ({"controls": ("n", "n")}, "controls: n named more than once"),
        ({"controls": ("image001",)}, "controls: image001 also among images"),
        ({"practice": ("image001",)}, "practice: image001 also among images"),
        ({"practice": ("normal01",)}, "practice: normal01 also among controls"),
        ({"readers": 0}, "readers: 0, expected 1 or more"),
        ({"per_image": 0}, "readers_per_image: 0, expected 1 or more"),
        ({"per_image": 15}, "readers_per_image: 15 is more than the 14 readers"),
        ({"repeat_share": 1.1}, "repeat_share: 1.1 is outside [0, 1]"),
        ({"control_share": float("nan")}, "control_share: nan is outside [0, 1]"),
    ],
)
def test_plans_that_cannot_be_carried_out(fields: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError) as refused:
        plan_of(**fields)
    assert str(refused.value) == line


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ValueError) as refused:
        plan_of(seed=-2, repeat_share=-0.5, per_image=20)
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == [
        "seed",
        "readers_per_image",
        "repeat_share",
    ]


def test_a_slot_is_not_negative() -> None:
    with pytest.raises(ValueError, match="slot: -1"):
        planned_tasks(plan_of(), -1)
