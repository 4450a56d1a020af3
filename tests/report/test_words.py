"""Words from the data: digits by the interval, singulars, names, lungs or body, the consensus rule, external films."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sightline.inputs import lungs_facts
from sightline.report import chart, digits, external, ladder_answer, published_answer, shortcut, tables, words
from sightline.study.models import ExternalMaps, Network

MINUS = "\N{MINUS SIGN}"
NET = Network(arch="alexnet", init="scratch", head="gap")


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (40, 52, 1, 0),  # 12 points: whole points
        (40.1, 40.9, 1, 1),  # 0.8: one decimal
        (89, 94, 1, 0),  # 5: a fifth of it is one point
        (100 * 0.89, 100 * 0.94, 1, 0),  # the same, after a multiplication
        (89.1, 94, 1, 1),  # 4.9: a fifth is less than a point
        (0.30, 0.38, 3, 2),  # 0.08: a fifth is 0.016
        (0.300, 0.304, 3, 3),
        (0.300, 0.304, 2, 2),  # never more than `most`
        (-300, 500, 2, 0),  # never tens
        (7, 7, 2, 2),  # no width
        (math.nan, 7, 1, 1),  # no interval
        (-math.inf, 7, 1, 1),
    ],
)
def test_digits_are_those_that_the_interval_supports(low: float, high: float, most: int, expected: int) -> None:
    assert digits.decimals(low, high, most) == expected


def test_rounding_moves_an_end_by_a_tenth_of_the_width_at_most() -> None:
    rng = np.random.default_rng(0)
    for low, width in zip(rng.normal(0, 50, 500), 10 ** rng.uniform(-0.3, 2, 500), strict=True):
        places = digits.decimals(low, low + width, 9)
        assert abs(round(low, places) - low) <= width / 10 + 1e-12
        assert places == 0 or 10.0 ** (1 - places) > width / 5 - 1e-9  # one digit fewer would be too coarse


def test_a_value_is_printed_with_the_digits_of_its_interval() -> None:
    assert digits.with_ends(0.1234, 0.06, 0.18, 1, factor=100, unit="%") == "12% [6, 18]"
    assert digits.with_ends(0.1234, 0.121, 0.129, 1, factor=100, unit="%") == "12.3% [12.1, 12.9]"
    assert digits.with_ends(0.062, -0.031, 0.09, 1, factor=100, sign="+") == f"+6 [{MINUS}3, 9]"
    assert digits.with_ends(-0.002, -0.1, 0.1, 1, factor=100, sign="+") == f"0 [{MINUS}10, 10]"
    assert digits.with_ends(0.7, math.nan, 0.9, 2) == "0.70"
    assert digits.with_ends(math.nan, 0.1, 0.9, 2) == "–"
    assert digits.below("12% [6, 18]") == "12%\n[6, 18]"
    assert tables.shown_interval(53.21, 40, 60) == "53.2\n[40.0, 60.0]"  # Tables 1 to 4 keep the paper's digits


def test_one_thing_is_singular() -> None:
    assert words.counted(1, "image") == "1 image"
    assert words.counted(0, "reader") == "0 readers"
    assert words.counted(1234, "patient") == "1,234 patients"
    assert words.counted(2, "study", "studies") == "2 studies"
    assert words.counted(math.nan, "pair") == "– pairs"


def test_models_are_named_until_they_are_too_many() -> None:
    assert words.named(["a"], 1) == "a"
    assert words.named(["a", "b", "c"], 9) == "a, b and c"
    assert words.named(list("abcdefg"), 9) == "7 of 9 models"
    assert words.listed(["a", "b", "c"], "or") == "a, b or c"


def test_lungs_or_the_estimated_body_with_its_share() -> None:
    masks = np.zeros((2, 10, 10), bool)
    masks[0] = True
    masks[1, :, :7] = True
    facts = lungs_facts(masks, "body")
    assert facts == {
        "lungs": "the estimated body (85% of the film), as there are no lung masks",
        "lungs_kind": "body",
        "lungs_share": 0.85,
    }
    assert words.anatomy(facts) == "the estimated body (85% of the film)"
    assert words.baseline_words("lungs", facts) == "the estimated body"
    assert words.baseline_words("random_in_lungs", facts) == "random blobs in the estimated body"
    known = lungs_facts(masks, "masks")
    assert (words.anatomy(known), words.baseline_words("lungs", known)) == ("the lungs", "both lungs")
    assert known["lungs"] == "the lung masks given"
    assert math.isnan(lungs_facts(masks[:0], "body")["lungs_share"])


def meter(**sign: Any) -> dict[str, Any]:
    counts = {"num_positive": 12, "num_negative": 11, "excess": 0.2, "excess_negative": 0.1, "excess_p": 0.001}
    places = {"concentration": 0.9, "concentration_negative": 0.1, "concentration_p": 0.001, "row": 0.1, "col": 0.1}
    return {"images": 1, "shares": {}, "uniform": {}, "suspicion": counts | places | sign}


def section(found: dict[str, Any]) -> str:
    study: Any = SimpleNamespace(shortcut=found, models={"a": NET})
    return "".join(shortcut.shortcut(study))


def test_without_lungs_no_model_is_flagged_and_the_section_says_why() -> None:
    flag = {"a": {"gradcam": meter(is_flagged=True, can_tell=True)}}
    known = {"lungs": "the lung masks given", "lungs_kind": "masks", "models": flag}
    assert "Flagged: a. On images called positive" in section(known)
    assert "Measured on 1 test image, annotated or not; lungs: the lung masks given." in section(known)
    unknown = {**lungs_facts(np.ones((1, 4, 4), bool), "body"), "models": flag}
    page = section(unknown)
    assert "Flagged" not in page
    assert (
        "No model is flagged or cleared: this study has no lung masks, and the estimated body (100% of the film)"
        in page
    )
    assert "outside the lungs" not in page
    assert "90%" in page  # the numbers stay


def test_the_flag_is_that_of_the_models_one_method() -> None:
    """Grad-CAM, else CAM: the other method's flag counts for nothing."""

    def page(**flags: bool) -> str:
        by_method = {name: meter(is_flagged=flag, can_tell=True) for name, flag in flags.items()}
        return section({"lungs_kind": "masks", "models": {"a": by_method}})

    assert "Not flagged: a." in page(gradcam=False, cam=True)
    assert "Flagged: a. On images" in page(gradcam=True, cam=False)
    assert "has no results" in section({})


def test_a_one_sided_p_of_1_makes_nothing_worse_than_its_baseline() -> None:
    found = {"a": {"gradcam": meter(is_flagged=False, can_tell=True, excess_p=1.0, excess=-0.3)}}
    page = section({"lungs": "the lung masks given", "models": found})
    assert "Not flagged: a." in page
    assert "have no more of it than the others" in page
    values = {"images": 5, "iou": 0.01, "random_iou": 0.06, "pointing": 0.0, "chance_pointing": 0.09}
    verdicts = published_answer.verdicts({"a": {"gradcam": values | {"p_pointing_exact": 1.0}}}, {}, {}, {"a": NET})
    text = " ".join(published_answer.answer(verdicts, {}, {}, "experts"))
    assert "No evidence that" in text
    assert not any(word in text for word in ("worse", "less often", "fewer"))
    over = {"atlas": {"value": -0.2, "low": -0.4, "high": 0.1, "family_low": -0.5, "family_high": 0.2}}
    ladder = {"primary": "ap", "images": 1, "baselines": {"atlas": {"ap": 0.3}}, "models": {
        "a": {"gradcam": {"ap": {"value": 0.1, "low": 0, "high": 0.4, "lift": -0.2, "best_baseline": "atlas",
                                 "over": over}}}}}  # fmt: skip
    standings = ladder_answer.standings(ladder, {}, {"a": NET})
    assert ladder_answer.answer(standings, ladder)[0] == "No evidence that a scores higher than every baseline."
    assert "Grad-CAM on 1 image, by" in ladder_answer.basis(standings, ladder, {})


def test_half_or_more_of_two_is_their_union() -> None:
    rule = {"source": "annotations", "rule": "mean", "min_share": 0.5, "min_count": 3}
    assert words.consensus_words(rule, "experts") == (
        "The consensus is what half or more of an image's experts marked; of two, that is their union."
    )
    assert "60% or more of an image's experts marked; of two, that is their intersection." in words.consensus_words(
        rule | {"min_share": 0.6}, "experts"
    )
    assert "3 or more of an image's experts" in words.consensus_words(rule | {"rule": "at_least"}, "experts")
    assert "their union" in words.consensus_words(rule | {"rule": "union"}, "experts")
    assert "union" not in words.consensus_words(rule | {"rule": "weighted"}, "experts")
    assert words.consensus_words(rule | {"source": "masks"}, "experts") == ""


def test_a_network_that_sees_the_lungs_alone_is_named_so() -> None:
    assert words.sees(replace(NET, input="lungs")) == "sees the lungs alone"
    assert words.sees(NET) == ""
    assert words.sees(ExternalMaps(maps="", method="lime")) == ""


def film_study(accuracy: list[float], elsewhere: list[float]) -> Any:
    def ends(values: list[float]) -> dict[str, float]:
        return dict(zip(("value", "low", "high"), values, strict=True))

    other = {"images": 1, "accuracy": ends(elsewhere), "auroc": ends([0.6, 0.5, 0.7])}
    found = {"net": {"accuracy": ends(accuracy), "auroc": ends([1, 1, 1]), "external": other}}
    params = {"phantom": {"shortcut": 1.0}}
    return SimpleNamespace(
        models={"net": NET, "other": NET}, classification=found, is_phantom=True, params=params
    )  # fmt: skip


def test_external_films_are_said_to_differ_only_where_the_intervals_do_not_meet() -> None:
    study = film_study([1.0, 0.99, 1.0], [0.5, 0.43, 0.57])
    assert external.external_models(study) == ["net"]
    (text,) = external.external_sentences(study)
    assert text == (
        "On films of another hospital, which carry no marker, results differ by more than the intervals: net (accuracy "
        "falls from 100% to 50%, AUROC falls from 100% to 60%)."
    )
    page = external.external_table(study)
    assert "of 1 image of films of another hospital" in page
    for cell in ("100.0<br><small>[99.0, 100.0]", "50<br><small>[43, 57]", "60<br><small>[50, 70]"):
        assert cell in page, cell
    near = film_study([0.9, 0.85, 0.94], [0.85, 0.8, 0.9])
    assert external.external_sentences(near)[0].endswith("intervals: net (AUROC falls from 100% to 60%).")
    near.classification["net"]["auroc"] = near.classification["net"]["external"]["auroc"]
    (text,) = external.external_sentences(near)
    assert text.endswith("no marker, for net the intervals meet those on the test films.")
    study.is_phantom = False
    assert external.external_sentences(study)[0].startswith("On external films, results differ")
    del study.classification["net"]["external"]
    assert external.external_sentences(study) == []
    assert "net 100% and 50%" in external.external_chart(film_study([1.0, 0.99, 1.0], [0.5, 0.43, 0.57]))


def test_the_same_architecture_looks_different_where_it_sees_something_else() -> None:
    squeezenet = Network(arch="squeezenet1_1", init="scratch", head="gap")
    models = {
        "lungs": replace(squeezenet, input="lungs"), "film": squeezenet, "alexnet": replace(NET, input="lungs"),
        "resnet18": replace(squeezenet, arch="resnet18"), "resnet50": replace(squeezenet, arch="resnet50"),
    }  # fmt: skip
    look = chart.looks(models)
    assert len({style["color"] for style in look.values()}) == 5
    assert len({style["marker"] for style in look.values()}) == 5  # also apart in grey
    alone = chart.looks({"film": squeezenet})
    assert alone["film"]["color"] == look["lungs"]["color"]  # an architecture has its own colour where that is free
