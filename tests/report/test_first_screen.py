"""The first screen: its numbers come from the metrics, its axis is common, and it fits a screen in Chromium."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports import EXTERNAL, NETWORKS, fabricate, page_of, verdict_metrics, words_of, written
from sightline.report import glossary, scale, strip, verdict
from sightline.report.first_screen import first_screen, headline, limits_of
from sightline.report.scale import Place
from sightline.report.verdict_table import Names, Subject
from sightline.study.files import write_json
from studies import ROOT

WORDS = {"honest": "looks", "cheat": "elsewhere", "coarse": "cannot_tell"}
READERS = Names(experts="simulated readers", expert="a reader", external="on films without the marker")
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="


def mean(value: float, half: float = 0.02) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def judged(words: dict[str, str] = WORDS) -> dict[str, Any]:
    contrasts = {name: 0.1 + 0.05 * number for number, name in enumerate(words)}
    metrics = verdict_metrics({name: ("gradcam", value) for name, value in contrasts.items()}, words)
    return metrics | {"candidates": {name: by_method["gradcam"] for name, by_method in metrics["models"].items()}}


def subjects(verdicts: dict[str, Any]) -> list[Subject]:
    films = [(PIXEL, f"map {number}") for number in range(3)]
    return [
        Subject(name=name, sees=["sees the film"], judged=entry, accuracy=mean(0.9), films=films)
        for name, entry in verdicts["candidates"].items()
    ]  # fmt: skip


def said(parts: list[str]) -> str:
    return words_of(" ".join(parts))


# ------------------------------------------------------------------------------------------------------------ words


def test_the_cheat_is_seen_in_its_row_and_in_the_sentence() -> None:
    verdicts = judged()
    honest, cheat, coarse = subjects(verdicts)
    cheat = replace(cheat, accuracy=mean(1.0, 0.0), external=mean(0.507), sign="shortcut: at the marker on 98%")
    honest = replace(honest, external=mean(0.88))
    html = first_screen([honest, cheat, coarse], verdicts, READERS, ["A limit."])
    words = said(html)
    assert "honest looks where the simulated readers look. cheat looks elsewhere." in words
    assert "The accuracy of cheat falls from 100% to 51% on films without the marker." in words
    assert "No looks elsewhere shortcut: at the marker on 98%" in words
    assert "88% on films without the marker" in words
    words = said(first_screen([honest, cheat], verdicts, READERS, []))
    assert "cheat looks elsewhere. Its accuracy falls from 100% to 51% on films without the marker." in words
    assert not honest.falls  # 0.88 to 0.92: its interval meets that of its accuracy
    assert not coarse.falls  # no external films
    row = " ".join(html).split('class="name">cheat')[1]
    assert '<span class="why sign"><b>51%</b>' in row


def test_what_the_study_can_tell_is_three_sentences_at_most() -> None:
    verdicts = judged()
    limits = limits_of(verdicts, READERS, "Synthetic.")
    assert limits == [
        "Judged on 48 images of 47 patients, marked by 14 simulated readers. A map half as good as a reader would be "
        "found in 91% of such studies.",
        "About 137 images would decide about coarse.",
        "Synthetic.",
    ]
    verdicts["controls"]["7x7"] = verdicts["controls"]["4x4"] | {"power": 0.5}
    assert "found in 91% (4 x 4 cells) and 50% (7 x 7 cells) of" in " ".join(limits_of(verdicts, Names())[0].split())
    alone = verdicts | {"images": 1, "patients": 1, "readers": 0, "controls": {}}
    assert limits_of(alone, Names())[0] == "Judged on 1 image of 1 patient."
    assert limits_of({}, Names()) == []


def test_controls_stand_on_the_axis_in_units_of_a_left_out_expert() -> None:
    verdicts = judged({"a": "looks"})
    verdicts["controls"]["4x4"]["experts_prior"] = {"kind": "negative", **mean(0.0234, 0.0117)}
    verdicts["candidates"]["a"]["untrained"] = mean(-0.0117, 0.0)
    html = " ".join(first_screen(subjects(verdicts), verdicts, Names(), []))
    labels = re.findall(r'aria-label="place ([^"]*), on a scale from 0, blind to the patient, to 1, an expert"', html)
    # of the fabricated expert's contrast, 0.234 with 0.04 either way, and the model's 0.1
    assert "above 0: 4 x 4 cells" in " ".join(words_of(html).split())  # the prior, all of whose interval is above 0
    assert "above 0: a" not in html
    assert labels == ["0.43 [0.23, 0.63]", "1.00 [0.83, 1.17]", "0.10 [0.05, 0.15]", "−0.05 [−0.05, −0.05]"]


def test_without_experts_1_is_the_region_itself_and_without_a_verdict_nothing_is_drawn() -> None:
    verdicts = judged({"a": "looks"}) | {"readers": 0}
    html = " ".join(first_screen(subjects(verdicts), verdicts, Names(), []))
    assert "to 1, the region itself" in html
    assert "left out" not in html
    nothing = [Subject(name="a", sees=[], judged={}, accuracy=mean(0.9))]
    html = " ".join(first_screen(nothing, {}, Names(), [], lead="The question stays open."))
    assert "The question stays open." in html
    assert "No verdict" in html
    assert "a scale from" not in html
    assert headline(nothing, Names()) == "No verdict on a."


def test_an_unknown_place_is_no_number() -> None:
    verdicts = judged({"a": "cannot_tell"})
    verdicts["candidates"]["a"] |= {"place": None, "place_low": None, "place_high": None}
    verdicts["controls"]["4x4"]["expert"] = {"kind": "positive", **mean(-0.01)}
    words = said(first_screen(subjects(verdicts), verdicts, Names(), []))
    assert "no scale" in words
    assert "nan" not in words
    assert "left out" not in words  # its contrast is not above 0, so nothing has a place


# ------------------------------------------------------------------------------------------------------ axis, films


def test_the_axis_holds_0_1_and_all_places_within_limits() -> None:
    axis = scale.axis_of([Place(value=0.5, low=-0.3, high=1.4), Place(value=math.nan, low=math.nan, high=math.nan)])
    assert (axis.low, axis.high) == pytest.approx((-0.33, 1.43))
    assert axis.at(-0.33) == "0.00%"
    assert axis.at(0.55) == "50.00%"
    assert axis.at(9) == "100.00%"
    far = scale.axis_of([Place(value=0.5, low=-7, high=9)])
    assert (far.low, far.high) == (scale.LEAST, scale.MOST)
    assert scale.number_words(Place(value=-0.001, low=-0.2, high=0.1)) == "0.00 [−0.20, 0.10]"


def test_films_are_those_at_the_quartiles_of_the_mean_iou() -> None:
    scores = pd.DataFrame({"image": list("abcdefghi") * 2, "iou": [*range(9), *range(9)]})
    assert strip.quartile_images(scores) == ["g", "e", "c"]
    assert strip.quartile_images(scores[scores["image"] == "d"]) == ["d"]
    assert strip.quartile_images(scores[scores["image"].isin(["a", "b"])]) == ["b", "a"]
    assert strip.quartile_images(scores.assign(iou=math.nan)) == []


def test_the_glossary_has_the_words_of_the_docs() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    in_docs = {term.strip(): meaning.strip() for term, meaning in rows}
    assert {term: in_docs.get(term) for term in glossary.TERMS} == glossary.TERMS
    used = words_of(glossary.glossary("<p>Its IoU, and the experts&#x27; prior.</p>"))
    assert used.startswith("experts' prior ")
    assert "IoU intersection over union" in used
    assert "threshold" not in used
    assert glossary.glossary("<p>nothing</p>") == ""


# ------------------------------------------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = Path("/usr/bin/chromium")
        try:
            browser = playwright.chromium.launch(executable_path=str(chromium) if chromium.is_file() else None)
        except sync_api.Error as error:
            pytest.skip(f"no browser: {error}")
        yield browser
        browser.close()


MEASURE = """() => {
  const first = document.querySelector('main img, main svg, header svg');
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const words = [];
  for (let node; (node = walk.nextNode());) {
    if (first && !(node.compareDocumentPosition(first) & Node.DOCUMENT_POSITION_FOLLOWING)) break;
    words.push(...node.data.split(/\\s+/).filter(Boolean));
  }
  const box = query => [...document.querySelectorAll(query)].map(found => found.getBoundingClientRect());
  return {
    words: words.length, bottom: Math.max(...box('.verdicts, .limits').map(own => own.bottom)),
    models: document.querySelectorAll('.verdicts .name').length, wide: document.documentElement.scrollWidth,
    zeros: [...new Set(box('.verdicts tbody .zero').map(own => Math.round(own.left)))].length,
    films: box('.verdicts .strip img').map(own => own.width),
  };
}"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom study of three models, one of them a cheat, with external films."""
    root = tmp_path_factory.mktemp("study")
    models = NETWORKS | EXTERNAL
    fabricate(root, models)
    methods = {name: entry.get("method", "gradcam") for name, entry in models.items()}
    words = dict(zip(models, ("looks", "elsewhere", "undecided"), strict=True))
    contrasts = dict(zip(models, ((method, 0.12) for method in methods.values()), strict=True))
    write_json(root / "metrics/verdict.json", verdict_metrics(contrasts, words))
    classification = json.loads((root / "metrics/classification.json").read_text())
    classification["alexnet-scratch-fc"]["external"] = {"images": 40, "accuracy": mean(0.51, 0.1)}
    write_json(root / "metrics/classification.json", classification)
    with pytest.MonkeyPatch.context() as patch:
        written(root, patch)
    return root / "plots/report.html"


# dark is slow: the same page in other colours, 7 s
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_one_screen_holds_the_verdicts_in_a_browser(browser: Any, page_file: Path, scheme: Any) -> None:
    tab = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    heard: list[str] = []
    tab.on("console", lambda message: heard.append(message.text))
    tab.on("pageerror", lambda error: heard.append(str(error)))
    tab.on("request", lambda request: heard.append(request.url) if not request.url.startswith("data:") else None)
    tab.goto(page_file.as_uri())
    found = tab.evaluate(MEASURE)
    assert heard == [page_file.as_uri()]
    assert found["models"] == 3
    assert found["bottom"] <= 900
    assert found["words"] <= 120
    assert found["zeros"] == 1  # one axis over all rows
    assert min(found["films"]) > 60
    tab.set_viewport_size({"width": 390, "height": 844})
    narrow = tab.evaluate(MEASURE)
    assert narrow["wide"] <= 390
    assert min(narrow["films"]) > 60
    tab.emulate_media(media="print")
    assert not tab.locator("nav").is_visible()
    assert tab.locator("details:visible").count() == 0  # all are folded
    assert tab.get_by_text("Folded details are not printed").is_visible()
    tab.evaluate("document.querySelector('details').open = true")
    assert tab.locator("details:visible").count() == 1
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    tab.close()


def test_the_study_page_says_what_the_metrics_say(page_file: Path) -> None:
    words = words_of(page_of(page_file.parents[1]))
    assert "51% on external films" in words
    assert "resnet50-imagenet-gap looks where the simulated readers look. alexnet-scratch-fc looks elsewhere." in words
    assert verdict.WORDS["undecided"].capitalize() in words
