"""Verdicts, sentences and units made from the ladder's numbers: none of them claims more than the numbers do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from reports import BASELINES, ladder_metrics
from sightline.alignment.metrics import METRICS, table_order
from sightline.report import accuracy, choices, ladder_answer, ladder_figures, words
from sightline.statistics.ranking import FACTORS
from sightline.study.models import Entry, ExternalMaps, Network

GAP = Network(arch="resnet50", init="imagenet", head="gap")
LIME = ExternalMaps(maps="elsewhere", method="lime")


THREE = {"good": ("gradcam", 0.4), "same": ("gradcam", 0.31), "poor": ("gradcam", 0.2)}


def said(ladder: dict[str, Any], models: Mapping[str, Entry] | None = None) -> list[str]:
    entries = models or dict.fromkeys(ladder["models"], GAP)
    standings = ladder_answer.standings(ladder, {}, entries)
    return [
        *ladder_answer.answer(standings, ladder),
        ladder_answer.scale(standings, ladder, "experts"),
        ladder_answer.baselines(ladder, "experts"),
        ladder_answer.basis(standings, ladder, {"verdict": {"primary": "rank"}}),
    ]


def test_words_cover_every_metric_baseline_and_choice_and_know_the_better_side() -> None:
    assert {name for name in METRICS if words.measure(name).is_lower_better} == {"kl", "distance"}
    assert set(choices.FACTORS) == set(FACTORS)
    assert all(words.measure(name).meaning for name in METRICS)
    assert sorted(table_order()) == sorted(METRICS)


def test_values_and_lifts_in_their_units() -> None:
    assert words.in_units(0.1234, "mass") == "12.3%"
    assert words.in_units(0.1234, "ap") == "0.12"
    assert words.in_units(12.34, "distance") == "12.3"
    assert words.in_units(math.nan, "mass") == "–"
    assert words.in_units(-0.001, "nss") == "0.00"  # no sign before a zero, a true minus before the rest
    assert words.in_units(-1.25, "nss") == "\N{MINUS SIGN}1.25"
    assert words.lift_words(0.062, 0.031, 0.09, "mass") == "+6 [3, 9]"
    assert words.lift_words(-0.062, -0.09, math.nan, "mass") == "\N{MINUS SIGN}6.2"
    assert words.lift_words(-0.5, -1, 0.25, "ap") == "\N{MINUS SIGN}0.5 [\N{MINUS SIGN}1.0, 0.2]"
    assert words.lift_words(math.nan, 0, 1, "ap") == "–"
    assert words.in_units(0.5, "new") == "0.50"


def test_a_model_is_above_every_baseline_or_below_the_prior_by_the_widened_ends() -> None:
    ladder = ladder_metrics(THREE)
    frame = ladder_answer.standings(ladder, {}, dict.fromkeys(THREE, GAP)).set_index("model")
    assert frame["verdict"].to_dict() == {"good": "above", "same": "open", "poor": "below"}
    assert frame["baseline_value"].tolist() == [0.3] * 3
    over = ladder["models"]["good"]["gradcam"]["mass"]["over"]
    over["lungs"]["family_low"] = -0.001  # its own interval stays above 0
    again = ladder_answer.standings(ladder, {}, {"good": GAP})
    assert again["verdict"].tolist() == ["open"]
    ladder["models"]["good"]["gradcam"]["mass"]["best_baseline"] = "untrained"
    assert ladder_answer.standings(ladder, {}, {"good": GAP})["baseline_value"].tolist() == [0.12]


def test_the_first_sentence_counts_and_claims_no_more() -> None:
    def first(**values: float) -> str:
        return said(ladder_metrics({model: ("gradcam", value) for model, value in values.items()}))[0]

    goal = "higher than every baseline."
    assert first(a=0.4, b=0.3) == f"a scores {goal}"
    assert first(a=0.4, b=0.4, c=0.3) == f"a and b score {goal}"
    assert first(a=0.4, b=0.4) == f"a and b score {goal}"
    assert first(a=0.32, b=0.3) == f"No evidence that a or b scores {goal}"
    assert first(a=0.32) == f"No evidence that a scores {goal}"
    assert first(a=0.2, b=0.2) == "a and b score lower than the experts' prior."
    many = dict.fromkeys("abcdefgh", 0.4)
    assert first(**many, i=0.3) == f"8 of 9 models score {goal}"
    assert first(**dict.fromkeys("abcdefgh", 0.32)) == f"No evidence that any of the 8 models scores {goal}"
    assert first(a=0.28, b=0.3) == f"No evidence that a or b scores {goal}"  # below the prior, but not by its interval


def test_the_sentences_carry_the_numbers_and_what_they_rest_on() -> None:
    places = {"good": 0.8, "same": 0.4, "poor": -0.1}
    sentences = said(ladder_metrics(THREE, places=places))
    text = " ".join(sentences)
    assert "are 5 maps that know nothing of what the experts saw" in text  # four, and the untrained network
    assert "both lungs, the experts' prior, another patient's region and the same network untrained" in text
    assert "it has not seen this patient" in text
    assert "its relevance mass is 40.0%, that of its best baseline (the experts' prior) is 30.0%" in text
    assert "a difference of +10.0 points." in text  # chosen by these images: no interval, no p
    assert "Neither above every baseline nor below the experts' prior, as far as these images show: same." in sentences
    assert "Below the experts' prior: poor." in sentences
    assert "0 is the score of a region drawn on another patient (20.0%) and 1 the score of one of the experts" in text
    assert "against the others (45.0%); the highest model" in text
    assert "good, stands at 0.80 [0.60, 1.00]." in text
    assert "not better than a human" not in text
    assert "Grad-CAM on 5 images" in sentences[-1]
    assert "at 95%, widened so that they hold for all 3 models together" in sentences[-1]
    assert sentences[-1].endswith("All other measures of the ladder are exploratory.")
    assert "which ladder.primary names; the verdict is judged by relevance rank, which verdict.primary names" in text


@pytest.mark.parametrize(("primary", "told"), [("mass", "relevance mass"), ("ap", "relevance rank")])
def test_above_one_is_no_boast_and_a_graded_measure_is_replaced(primary: str, told: str) -> None:
    ladder = ladder_metrics({"a": ("lime", 0.4)}, places={"a": 1.3}, primary=primary)
    text = " ".join(said(ladder, {"a": LIME}))
    assert "a stands at 1.30 [1.10, 1.50]. That is not better than a human" in text
    assert f"On the human scale, by {told}, 0 is the score of a region" in text
    assert "lime on 5 images" in text


def test_below_zero_is_said_and_an_undefined_scale_too() -> None:
    ladder = ladder_metrics({"a": ("gradcam", 0.2)}, places={"a": -0.5})
    assert "\N{MINUS SIGN}0.50 [\N{MINUS SIGN}0.70, \N{MINUS SIGN}0.30]. Below 0, a map says less" in " ".join(
        said(ladder)
    )
    ladder["human_scale"]["mass"]["models"]["a"]["gradcam"] = {"value": None, "low": None, "high": None}
    assert "scores no higher than another" in " ".join(said(ladder))
    assert "there is no human scale" in " ".join(said(ladder_metrics({"a": ("gradcam", 0.2)})))


def test_a_score_that_is_undefined_leaves_no_standing() -> None:
    ladder = ladder_metrics(THREE)
    ladder["models"]["good"]["gradcam"]["mass"] = dict.fromkeys(ladder["models"]["good"]["gradcam"]["mass"])
    assert ladder_answer.standings(ladder, {}, dict.fromkeys(THREE, GAP))["model"].tolist() == ["same", "poor"]
    assert ladder_answer.standings({}, {}, {"a": GAP}).empty
    ladder["models"]["poor"]["gradcam"]["mass"] |= {"lift": None, "over": {"atlas": {"family_high": None}}}
    assert ladder_answer.standings(ladder, {}, {"poor": GAP})["verdict"].tolist() == ["open"]


def test_figures_show_every_model_and_baseline_and_stand_nan() -> None:
    ladder = ladder_metrics(THREE, places={"good": 1, "same": 0.5, "poor": 0})
    models = dict.fromkeys(THREE, GAP)
    frame = ladder_answer.standings(ladder, {}, models)
    drawn = ladder_figures.ladder_figure(frame, BASELINES | {"edges": math.nan}, 0.45, "mass", models)
    for name in (*THREE, "both lungs", "a uniform map", "a left-out expert", "relevance mass (%)"):
        assert f">{name}<" in drawn, name
    assert "the image's edges" not in drawn
    assert drawn.index(">the experts' prior<") < drawn.index(">a uniform map<")
    frame["untrained"] = math.nan
    assert "a left-out expert" not in ladder_figures.ladder_figure(frame, {}, math.nan, "distance", models)
    frame[["place_low", "place_high"]] = math.nan
    assert "another patient's region" in ladder_figures.scale_figure(frame, models).replace("&#x27;", "'")


def test_accuracy_and_alignment_are_judged_with_the_smallest_p() -> None:
    found = {"spearman": {"rho": 0.5, "p": 1.0, "smallest_p": 1 / 3, "n": 3}, "words": "average precision"}
    (text,) = accuracy.correlation(found)
    assert "Over these 3 models, accuracy and average precision show no clear relation" in text
    assert "correlation 0.50, p = 1.000; the smallest p that 3 models can reach is 0.333)" in text
    found["spearman"] = {"rho": -0.9, "p": 0.01, "smallest_p": 0.001, "n": 8}
    assert "move in opposite directions" in accuracy.correlation(found)[0]
    found["spearman"] = {"rho": math.nan, "p": math.nan, "smallest_p": math.nan, "n": 3}
    assert accuracy.correlation(found) == []


def test_the_leaders_claim_is_its_share_of_the_choices_that_have_both() -> None:
    shares = {"a > b": 0.6, "b > a": 0.4, "a > c": 1.0, "c > a": 0.0, "b > c": 1.0, "c > b": 0.0}
    pairs = {pair: {"share": share, "n": 40} for pair, share in shares.items()}
    (text,) = choices.leaders({"pairs": pairs, "models": ["c", "b", "a"], "specifications": 80})
    assert text == (
        "The ranking of the models depends heavily on how alignment is measured: in 40 combinations of reasonable "
        "choices, a ranks above the next model, b, in 60%."
    )
    assert choices.leaders({}) == []
