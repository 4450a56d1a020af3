"""Each row of the table of verdicts, and what may never be said."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from sightline.judging.decision import Evidence, decided
from sightline.judging.sentences import sentence

NAN = float("nan")
YES = Evidence(
    control_low=0.1,
    control_over_anatomy_low=0.05,
    power=0.9,
    least_power=0.8,
    p=0.001,
    low=0.05,
    high_90=0.2,
    alpha=0.05,
    over_anatomy_low=0.02,
    bar=0.04,
    near_expert_low=0.01,
    is_over_chance=True,
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("as_expert", "")),
        ({"near_expert_low": -0.01}, ("looks", "")),
        ({"near_expert_low": NAN}, ("looks", "")),
        ({"over_anatomy_low": NAN}, ("as_expert", "")),
        ({"over_anatomy_low": 0.0}, ("undecided", "own_anatomy")),
        ({"over_anatomy_low": 0.0, "high_90": 0.03}, ("prior", "")),
        ({"over_anatomy_low": 0.0, "high_90": 0.03, "is_over_chance": False}, ("elsewhere", "")),
        ({"high_90": 0.03}, ("as_expert", "")),
        ({"p": 0.2, "high_90": 0.03}, ("prior", "")),
        ({"p": 0.2, "high_90": 0.03, "is_over_chance": False}, ("elsewhere", "")),
        ({"p": 0.2, "high_90": 0.05}, ("undecided", "between")),
        ({"p": 0.2, "high_90": NAN}, ("undecided", "between")),
        ({"power": 0.79}, ("cannot_tell", "low_power")),
        ({"power": NAN}, ("cannot_tell", "low_power")),
        ({"control_low": 0.0}, ("cannot_tell", "control_fails")),
        ({"control_over_anatomy_low": -0.01}, ("cannot_tell", "control_is_anatomy")),
        ({"control_low": NAN}, ("cannot_tell", "too_few")),
        ({"p": NAN}, ("cannot_tell", "too_few")),
        ({"is_family": True}, ("as_expert", "")),
        ({"is_family": True, "low": -0.01, "high_90": 0.3}, ("undecided", "between")),
    ],
)
def test_each_row(changes: dict[str, float | bool], expected: tuple[str, str]) -> None:
    assert decided(replace(YES, **changes)) == expected  # type: ignore[arg-type]


def test_no_yes_and_no_no_where_the_positive_control_fails() -> None:
    for control_low, p, high_90, near in product((-0.1, 0.0, NAN), (0.0, 0.5), (-1.0, 1.0), (-1.0, 1.0)):
        word, _ = decided(replace(YES, control_low=control_low, p=p, high_90=high_90, near_expert_low=near))
        assert word == "cannot_tell"


@pytest.mark.parametrize(("anatomy", "verb"), [("lungs", "do"), ("estimated body", "does")])
def test_sentences_name_the_anatomy_that_the_study_has(anatomy: str, verb: str) -> None:
    mean = {"value": 0.2, "low": 0.1, "high": 0.3}
    entry = {
        "verdict": "undecided", "reason": "own_anatomy", "grid": "image", "place": 1.0, "power": 0.9,
        "images_needed": None,
        "contrast": {"rank": {"own": 0.3, "row": 0.1, "col": 0.1} | mean},
        "expert": mean, "ceiling": mean, "anatomy": mean, "over_anatomy": mean,
    }  # fmt: skip
    text = sentence("a", entry, "rank", True, 0.25, False, anatomy, 14)
    assert f"no better than the patient's own {anatomy} {verb} (difference 20 [10, 30] points)" in text
    unable = entry | {"verdict": "cannot_tell", "reason": "control_is_anatomy"}
    text = sentence("a", unable, "rank", True, 0.25, False, anatomy, 14)
    assert f"cannot be told from the patient's own {anatomy} (contrast" in text


@pytest.mark.parametrize(("readers", "is_said"), [(2, True), (4, True), (5, False), (14, False)])
def test_few_readers_speak_for_themselves_alone(readers: int, is_said: bool) -> None:
    mean = {"value": 0.2, "low": 0.1, "high": 0.3}
    entry = {
        "verdict": "as_expert", "reason": "", "grid": "image", "place": 1.0, "power": 0.9, "images_needed": None,
        "contrast": {"rank": {"own": 0.3, "row": 0.1, "col": 0.1} | mean}, "expert": mean, "ceiling": mean,
        "over_anatomy": mean,
    }  # fmt: skip
    text = sentence("a", entry, "rank", True, 0.25, False, "lungs", readers)
    assert text.startswith("a looks where the experts look, as well as an expert: ")
    assert (
        text.endswith(
            f" That is beside these {readers} readers: so few cannot show how far other experts would differ."
        )
        == is_said
    )
    looks = sentence("a", entry | {"verdict": "looks"}, "rank", True, 0.25, False, "lungs", readers)
    assert "other experts" not in looks
