"""The verdict in the report: how many of each, in words; what stands where a number is missing."""

from __future__ import annotations

import re

import pytest

from reports import verdict_metrics
from sightline.judging import compared_maps, decision
from sightline.report import verdict
from sightline.study.models import ExternalMaps, Network

GAP = Network(arch="alexnet", init="scratch", head="gap")


def judged(words: dict[str, str]) -> dict:
    models = {name: ("gradcam", 0.1 + 0.01 * number) for number, name in enumerate(words)}
    return verdict.of_study(verdict_metrics(models, words), dict.fromkeys(words, GAP))


def test_every_verdict_and_control_has_words() -> None:
    assert set(verdict.WORDS) == set(decision.WORDS)
    assert {"expert", compared_maps.REGION, compared_maps.ANATOMY, compared_maps.PRIOR, compared_maps.GAUSSIAN} == set(
        verdict.CONTROLS
    )


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ({"a": "looks"}, "a looks where the experts look."),
        ({"a": "looks", "b": "looks"}, "a and b look where the experts look."),
        (
            {"a": "as_expert", "b": "elsewhere", "c": "elsewhere", "d": "cannot_tell"},
            "a looks where the experts look, as well as an expert. b and c look elsewhere. "
            "This study cannot tell about d.",
        ),
        ({"a": "undecided"}, "Undecided: a."),
        ({"a": "cannot_tell", "b": "cannot_tell"}, "This study cannot tell about a and b."),
        ({"a": "prior", "b": "undecided"}, "a looks where disease usually is, not where it is in this patient. "
         "Undecided: b."),
    ],
)  # fmt: skip
def test_the_headline_names_the_models_and_the_section_has_their_sentences(words: dict[str, str], first: str) -> None:
    assert verdict.headline(words) == first
    _, basis, sentences, *_ = verdict.parts(judged(words))
    assert all(f"Sentence on {name}: {word}." in sentences for name, word in words.items())
    assert "48 images of 47 patients" in basis
    assert ("Holm" in basis) == (len(words) > 1)


def test_many_models_are_counted_in_one_sentence() -> None:
    words = ["as_expert", "looks", "prior", "elsewhere", "elsewhere", "undecided", "cannot_tell", ""]
    assert verdict.headline(dict(zip("abcdefgh", words, strict=True)), "simulated readers") == (
        "Of 8 models: 2 look where the simulated readers look (1 as well as one of them); 1 where disease usually "
        "is, not where it is in this patient; 2 elsewhere; 1 undecided; about 1 this study cannot tell; "
        "1 without a verdict."
    )
    assert verdict.headline(dict.fromkeys("abcdef", "elsewhere")) == "Of 6 models: 6 elsewhere."


def test_a_model_is_judged_by_its_primary_method() -> None:
    metrics = verdict_metrics({"a": ("cam", 0.1)})
    metrics["models"]["a"]["gradcam"] = metrics["models"]["a"]["cam"] | {"verdict": "prior"}
    assert verdict.of_study(metrics, {"a": GAP})["candidates"]["a"]["verdict"] == "prior"
    assert verdict.of_study({}, {"a": GAP}) == {}


def test_parts_show_numbers_and_leave_out_what_is_not_known() -> None:
    results = judged({"a": "looks", "b": "cannot_tell"})
    entry = results["candidates"]["b"]
    entry["place"] = entry["place_low"] = entry["place_high"] = None
    entry["contrast"]["rank"] |= {"low": None, "high": None, "p": None, "p_holm": None}
    html = "".join(verdict.parts(results, {"a": GAP, "b": ExternalMaps(maps="x", method="lime")}))
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    assert "nan" not in words.lower()
    assert "137" in words
    assert "+10 [6, 14]" in words
    assert "a left-out expert" in words
    (nothing,) = verdict.parts({})
    assert "metrics/verdict.json is missing or empty" in nothing


def test_results_of_the_core_can_be_shown_as_they_are() -> None:
    results = judged({"a": "looks"})
    assert len(verdict.parts(results)) == len(verdict.parts(results, {"a": GAP})) == 8
