"""Presence, place and readers with themselves: by hand, against krippendorff and loops, and by simulation."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sightline.experts.agreement import iou_matrix
from sightline.experts.intra_reader import intra_reader_agreement
from sightline.experts.place import NO_PAIR as NO_PLACE
from sightline.experts.place import place_agreement
from sightline.experts.presence import NO_PAIR, Presence, presence_agreement
from sightline.experts.readings import Readings, readings_of, stored_readings

SIDE = 8


def annotated(rows: list[tuple[str, str, int]], answers: tuple[int, ...] = ()) -> tuple[Readings, np.ndarray]:
    """Readings of (image, annotator, side of a square from the corner; 0 is empty) in order of time, and all masks."""
    masks = np.zeros((len(rows), SIDE, SIDE), bool)
    for mask_HW, (_, _, side) in zip(masks, rows, strict=True):
        mask_HW[:side, :side] = True
    table = pd.DataFrame(
        {
            "annotation": [f"a{number}" for number in range(len(rows))],
            "image": [image for image, _, _ in rows],
            "annotator": [annotator for _, annotator, _ in rows],
            "created_at": [f"2025-01-01T00:00:{number:02}" for number in range(len(rows))],
        }
    )
    return readings_of(table, masks, np.isin(np.arange(len(rows)), answers)), masks


def votes(rows: list[tuple[str, str, int]]) -> Readings:
    return annotated(rows)[0]


def presence(rows: list[tuple[str, str, int]]) -> Presence:
    readings = votes(rows)
    return presence_agreement(readings, readings.images)


def test_presence_by_hand() -> None:
    # one: mark, mark, none: 1 of 3 pairs agree; two: none, none: 1; three: mark alone: no pair
    found = presence(
        [("one", "a", 3), ("one", "b", 4), ("one", "c", 0), ("two", "a", 0), ("two", "b", 0), ("three", "c", 2)]
    )
    assert found.agreement.value == pytest.approx((1 / 3 + 1) / 2)
    assert found.marked_share == pytest.approx(2 / 5)
    assert (found.num_readings, found.num_empty, found.num_pairs, found.num_images) == (6, 3, 4, 2)
    assert found.num_annotators == 3
    # disagreement 2 * 2 * 1 / 2 = 2 of 5 judgements; by chance 2 * 2 * 3 / (5 * 4)
    assert found.alpha.value == pytest.approx(1 - (2 / 5) / (12 / 20))
    assert found.agreement.note == "no interval: fewer than 3 patients (2)"


def study(seed: int, num_images: int = 12, num_readers: int = 6) -> list[tuple[str, str, int]]:
    rng = np.random.default_rng(seed)
    hard = rng.random(num_images)
    return [
        (f"image{image:02}", f"reader{reader}", int(rng.integers(1, 6)) if rng.random() < hard[image] else 0)
        for image, reader in product(range(num_images), range(num_readers))
        if rng.random() < 0.6
    ]


@pytest.mark.parametrize("seed", range(10))
def test_alpha_is_krippendorffs(seed: int) -> None:
    krippendorff = pytest.importorskip("krippendorff")
    rows = study(seed)
    values = pd.DataFrame(rows, columns=["image", "annotator", "side"]).pivot(index="annotator", columns="image")
    data = values["side"].map(lambda side: side if np.isnan(side) else float(side > 0)).to_numpy()
    expected = krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
    assert presence(rows).alpha.value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_presence_and_place_equal_loops(seed: int) -> None:
    """Pairs, then images, then patients, of whom some have two images."""
    rows = study(seed)
    readings, masks = annotated(rows)
    patient_of = {image: f"patient{number // 2}" for number, image in enumerate(sorted({row[0] for row in rows}))}
    patients = np.array([patient_of[image] for image in readings.images])
    iou = iou_matrix(masks, masks)
    agree: dict[str, dict[str, list[float]]] = {}
    overlap: dict[str, dict[str, list[float]]] = {}
    for one, other in combinations(range(len(rows)), 2):
        image = rows[one][0]
        if image == rows[other][0]:
            marked = rows[one][2] > 0, rows[other][2] > 0
            agree.setdefault(patient_of[image], {}).setdefault(image, []).append(marked[0] == marked[1])
            if all(marked):
                overlap.setdefault(patient_of[image], {}).setdefault(image, []).append(iou[one, other])

    def mean(by_patient: dict[str, dict[str, list[float]]]) -> float:
        return float(
            np.mean([np.mean([np.mean(values) for values in images.values()]) for images in by_patient.values()])
        )

    found = presence_agreement(readings, patients)
    assert found.agreement.value == pytest.approx(mean(agree))
    names, image_A = np.unique(readings.images, return_inverse=True)
    chosen = readings.place_rows(readings.annotations)
    place = place_agreement(
        masks[chosen], image_A[chosen], readings.annotators[chosen], np.array([patient_of[image] for image in names])
    )
    assert place.iou.value == pytest.approx(mean(overlap))
    assert place.num_pairs == sum(len(values) for images in overlap.values() for values in images.values())
    for item in (found.agreement, found.alpha, place.iou):
        assert item.low < item.value < item.high
        assert item.over_annotators


def test_the_order_of_readers_and_images_does_not_matter() -> None:
    rows = study(3)
    renamed = [(f"z{image}"[::-1], f"q{annotator}"[::-1], side) for image, annotator, side in rows[::-1]]
    one: Any = presence(rows)
    other: Any = presence(renamed)
    for name in ("agreement", "alpha"):
        for key, value in vars(getattr(one, name)).items():
            assert value == pytest.approx(getattr(getattr(other, name), key), abs=1e-12)


@pytest.mark.parametrize(
    ("rows", "agreement", "note", "alpha_note"),
    [
        ([("one", "a", 2)], np.nan, NO_PAIR, NO_PAIR),  # one reader
        ([("one", "a", 2), ("two", "b", 2)], np.nan, NO_PAIR, NO_PAIR),  # readers who never overlap
        ([("one", "a", 2), ("one", "b", 0)], 0, *["no interval: fewer than 3 patients (1)"] * 2),
        (
            [(image, who, 0) for image in ("one", "two", "three") for who in "ab"], 1,
            "no interval: the same whichever of the patients is left out", "no reading marks anything",
        ),
        (
            [(image, who, 2) for image in ("one", "two", "three") for who in "ab"], 1,
            "no interval: the same whichever of the patients is left out", "every reading marks something",
        ),
    ],
)  # fmt: skip
def test_presence_at_its_edges(rows: list[tuple[str, str, int]], agreement: float, note: str, alpha_note: str) -> None:
    found = presence(rows)
    np.testing.assert_equal(found.agreement.value, agreement)
    assert np.isnan([found.agreement.low, found.alpha.low]).all()
    assert (found.agreement.note, found.alpha.note) == (note, alpha_note)


def test_place_without_a_pair() -> None:
    masks = np.ones((2, SIDE, SIDE), bool)
    for images, annotators in (([0, 1], ["a", "b"]), ([0, 0], ["a", "a"])):
        found = place_agreement(masks, np.array(images), np.array(annotators), np.array(["p", "q"]))
        assert np.isnan(found.iou.value)
        assert (found.iou.note, found.num_pairs, found.num_images, found.num_annotators) == (NO_PLACE, 0, 0, 0)
    nothing = place_agreement(masks[:0], np.zeros(0, int), np.zeros(0, str), np.zeros(0, str))
    assert nothing.iou.note == NO_PLACE


def test_two_readers_hold_for_these_two_only() -> None:
    rows = [("one", "a", 2), ("one", "b", 4), ("two", "a", 3), ("two", "b", 4), ("three", "a", 2), ("three", "b", 2)]
    readings, masks = annotated(rows)
    found = place_agreement(masks, np.array([0, 0, 1, 1, 2, 2]), readings.annotators, np.arange(3)).iou
    assert found.value == pytest.approx((4 / 16 + 9 / 16 + 1) / 3)
    assert (found.over_annotators, found.note) == (False, "the interval holds for these readers only")
    assert 0 < found.low < found.value < found.high < 1


def test_an_empty_sheet_beside_a_drawing_is_a_false_start_unless_it_is_an_answer() -> None:
    rows = [("one", "a", 0), ("one", "a", 3), ("one", "b", 0), ("one", "b", 0), ("two", "a", 0)]
    readings = votes(rows)
    assert readings.annotations.tolist() == ["a1", "a2", "a4"]
    assert readings.is_marked.tolist() == [True, False, False]
    assert readings.is_first.all()
    answered, _ = annotated(rows, answers=(0, 1, 2, 3, 4))
    assert answered.annotations.tolist() == ["a0", "a1", "a2", "a3", "a4"]
    assert answered.first.tolist() == [0, 0, 2, 2, 4]
    np.testing.assert_array_equal(answered.self_iou, [np.nan, 0, np.nan, np.nan, np.nan])
    assert answered.place_rows(np.array(["a1", "a4"])).tolist() == []  # a1 marks, but is a repeat


def test_readings_are_stored_whole_and_missing_ones_are_the_rows() -> None:
    readings, masks = annotated([("one", "a", 2), ("one", "b", 0), ("two", "a", 3)])
    for name, values in vars(stored_readings(readings.arrays())).items():
        np.testing.assert_array_equal(values, getattr(readings, name))
    old = {"annotations": readings.annotations, "images": readings.images, "annotators": readings.annotators}
    again = stored_readings({**old, "masks": masks})
    assert again.is_marked.tolist() == [True, False, True]
    assert again.is_first.all()


def test_no_repeats_give_nothing() -> None:
    assert intra_reader_agreement(votes([("one", "a", 2), ("one", "b", 2), ("two", "a", 0)])) == {}


def test_intra_reader_agreement_by_hand() -> None:
    # a: marks twice (IoU 4 / 9) and marks, then not; b: neither time, and marks twice (IoU 1)
    rows = [
        ("one", "a", 2), ("two", "a", 2), ("one", "a", 3), ("two", "a", 0),
        ("one", "b", 0), ("two", "b", 4), ("one", "b", 0), ("two", "b", 4), ("three", "c", 1),
    ]  # fmt: skip
    found = intra_reader_agreement(annotated(rows, answers=tuple(range(9)))[0])
    assert found["presence"]["value"] == pytest.approx(3 / 4)
    assert found["iou"]["value"] == pytest.approx((4 / 9 + 1) / 2)
    assert found["presence"]["note"] == "no interval: fewer than 3 readers (2)"
    assert (found["repeats"], found["both_marked"], found["both_empty"], found["annotators"]) == (4, 2, 1, 2)
    assert found["readers"]["a"] == {"repeats": 2, "presence": 0.5, "both_marked": 1, "iou": pytest.approx(4 / 9)}
    assert found["readers"]["b"] == {"repeats": 2, "presence": 1.0, "both_marked": 1, "iou": 1.0}


def test_intra_reader_interval_leaves_out_readers_with_all_their_repeats() -> None:
    rows = [(f"i{n}", who, side) for n in range(2) for who, side in zip("abcd", (2, 3, 4, 5), strict=True)]
    rows += [(f"i{n}", who, side) for n in range(2) for who, side in zip("abcd", (3, 3, 5, 7), strict=True)]
    found = intra_reader_agreement(votes(rows))
    values = np.array([4 / 9, 1, 16 / 25, 25 / 49])
    mean, error = values.mean(), values.std(ddof=1) / 2
    half = 3.182446 * error / (mean * (1 - mean))  # t with 3 degrees of freedom
    assert found["iou"]["value"] == pytest.approx(mean)
    low = found["iou"]["low"]
    assert np.log(low / (1 - low)) == pytest.approx(np.log(mean / (1 - mean)) - half, abs=1e-5)
    assert found["presence"]["value"] == 1
    assert np.isnan(found["presence"]["low"])


def binary_study(rng: np.random.Generator, reader_sd: float) -> Presence:
    """50 images, each read by 5.6 of 14 readers: marked where image + leniency + luck is above -1 (71% marked)."""
    read = rng.random((50, 14)) < 5.6 / 14
    level = rng.normal(0, 1, (50, 1)) + rng.normal(0, reader_sd, 14) + rng.normal(0, 1, (50, 14))
    image_n, reader_n = np.nonzero(read)
    names = image_n.astype(str)
    readings = Readings(
        annotations=np.arange(len(names)).astype(str), images=names, annotators=reader_n.astype(str),
        is_marked=level[image_n, reader_n] > -1, first=np.arange(len(names)), self_iou=np.full(len(names), np.nan),
    )  # fmt: skip
    return presence_agreement(readings, names)


def truth(reader_sd: float) -> tuple[float, float]:
    """Share of pairs that agree and alpha, of two readers of the population."""
    rng = np.random.default_rng(7)
    image = rng.normal(0, 1, 2_000_000)
    one, other = (image + rng.normal(0, np.sqrt(1 + reader_sd**2), len(image)) > -1 for _ in range(2))
    marked = (one.mean() + other.mean()) / 2
    return float((one == other).mean()), float(1 - (one != other).mean() / (2 * marked * (1 - marked)))


def held(reader_sd: float, studies: int) -> tuple[float, float]:
    rng = np.random.default_rng(1)
    agreement, alpha = truth(reader_sd)
    count = np.zeros(2)
    for _ in range(studies):
        found = binary_study(rng, reader_sd)
        count += [
            found.agreement.low <= agreement <= found.agreement.high,
            found.alpha.low <= alpha <= found.alpha.high,
        ]
    return float(count[0] / studies), float(count[1] / studies)


def test_presence_intervals_cover() -> None:
    assert min(held(0.5, 100)) >= 0.88


@pytest.mark.slow  # 2,000 studies per spread
@pytest.mark.parametrize("reader_sd", [0.0, 0.5, 1.0])
def test_presence_intervals_hold_the_truth(reader_sd: float) -> None:
    agreement, alpha = held(reader_sd, 2000)
    print(f"\nreader SD {reader_sd}: agreement {agreement:.3f}, alpha {alpha:.3f}")
    assert 0.93 <= agreement <= 0.975
    assert 0.93 <= alpha <= 0.975
