"""The page of a study that names findings, in a browser: each marked with a tool of its own, rated, and told apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_annotate_page import CHROMIUM, HEIGHT, LIGHT, WIDTH, Site, free_port, playwright, reading, rectangle
from test_annotate_page import browser as browser
from test_annotate_page import chromium as chromium

from sightline.annotate.findings import as_given
from sightline.formats.strokes import drawn_mask, effective_strokes
from studies import stage, study

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the page is not tested in a browser")


@pytest.fixture(scope="module")
def findings_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("findings")
    pixels = np.full((HEIGHT, WIDTH), 30, np.uint8)
    for row, col in LIGHT:
        pixels[row - 1 : row + 2, col - 1 : col + 2] = 255
    for place, (part, name) in enumerate(
        [(part, name) for part in ("train", "test") for name in ("NORMAL", "PNEUMONIA")]
    ):
        (folder / "raw" / part / name).mkdir(parents=True)
        for number in range(4):
            pixels[0, 4 * place + number] = 29  # no two files are alike
            Image.fromarray(pixels).save(folder / "raw" / part / name / f"{part}-{name}-{number}.png")
    wide = np.full((HEIGHT // 2, WIDTH), 90, np.uint8)
    Image.fromarray(wide).save(folder / "raw" / "side.png")
    rows = "".join(f"test-PNEUMONIA-{number},side.png,lateral\n" for number in range(4))
    (folder / "raw" / "beside.csv").write_text(f"image,companion,kind\n{rows}")
    study(
        folder, data__source="folder", data__root="raw", data__val_share=0.5, annotate__images=2, annotate__readers=2,
        annotate__readers_per_image=2, annotate__repeats=0.0, annotate__controls=0.0, annotate__practice=1,
        annotate__findings="pleural effusion, nodule", annotate__comments=True,
        annotate__companions="raw/beside.csv", data__few_levels="accept",
    )  # fmt: skip
    done = stage("prepare", folder)
    assert done.returncode == 0, done.stderr
    site = Site(folder, tmp_path_factory.mktemp("store") / "store.sqlite", free_port())
    site.start("--new")
    yield site
    site.stop()


def across(desk: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drags from corner to corner."""
    mouse = desk.page.mouse
    mouse.move(*desk.at(*start))
    mouse.down()
    mouse.move(*desk.at(*end), steps=3)
    mouse.up()


def test_findings_are_marked_rated_and_submitted_one_by_one(browser: Any, findings_site: Site) -> None:
    reader, link = findings_site.invite()
    with reading(browser, findings_site) as desk:
        page, expect = desk.page, playwright.expect
        desk.enrol(link)
        states = page.locator(".finding-state")
        expect(states).to_have_text([desk.words("findings.open")] * 2)
        expect(page.locator("#answer-none")).to_be_hidden()
        expect(page.locator("#question")).to_have_text(desk.words("findings.question"))
        desk.press("1")
        desk.calibrate()
        desk.press("q")  # the box
        across(desk, (200, 210), (260, 240))
        effusion = rectangle(200, 210, 260, 240)
        page.check("#confidence-5", force=True)
        expect(states.first).to_have_text(desk.words("findings.marked", level=5))
        page.click("#answer-region")  # the nodule is not answered yet: the page goes there and asks
        expect(page.locator("#finding-2")).to_be_checked()
        expect(page.locator(".confidence")).to_have_class("confidence asked")
        desk.press("l")  # the ellipse
        across(desk, (300, 340), (340, 360))
        desk.press("d")  # the point
        page.mouse.click(*desk.at(400.5, 300.5))
        desk.press("Control+z", "Control+Shift+z")
        page.check("#confidence-2", force=True)
        page.select_option("#language", "it")  # nothing is lost with the language
        page.click(".comment summary")
        page.locator("#comment").fill("drain in place")
        page.select_option("#language", "en")
        expect(page.locator("#comment")).to_have_value("drain in place")
        expect(states).to_have_text([desk.words("findings.marked", level=level) for level in (5, 2)])
        desk.saved()
        desk.answer(lambda: page.click("#answer-region"))
        (answer,) = findings_site.answers(reader)
        assert (answer.answer, answer.confidence, answer.comment) == ("region", None, "drain in place")
        given = as_given(answer.findings)
        assert [(one.finding, one.answer, one.confidence) for one in given] == [
            ("pleural effusion", "region", 5), ("nodule", "region", 2),
        ]  # fmt: skip
        np.testing.assert_array_equal(given[0].mask(HEIGHT, WIDTH), effusion)
        strokes = effective_strokes(findings_site.log(answer.task))
        assert [(one.tool, one.finding) for one in strokes] == [
            ("box", "pleural effusion"), ("ellipse", "nodule"), ("point", "nodule"),
        ]  # fmt: skip
        nodule = given[1].mask(HEIGHT, WIDTH)
        np.testing.assert_array_equal(nodule, drawn_mask(strokes[1:], HEIGHT, WIDTH))
        assert nodule[350, 320]
        assert nodule[300, 400]
        assert not nodule[341, 301]  # a corner of the ellipse's box
        # the next image has a lateral film beside it, which follows zoom and window; nothing is seen on either
        desk.go_on()
        expect(page.locator(".companion-head span")).to_have_text(desk.words("companion.lateral"))
        stage = page.locator(".companion-stage")
        canvas = page.locator(".desk-stage canvas[role=application]")
        expect(stage.locator("canvas").first).to_be_attached()
        first, fitted = float(canvas.get_attribute("data-scale")), float(stage.get_attribute("data-scale"))
        desk.press("+")
        desk.press("i")
        expect(stage).not_to_have_attribute("data-scale", str(fitted))
        assert float(canvas.get_attribute("data-scale")) == pytest.approx(1.25 * first)
        assert float(stage.get_attribute("data-scale")) == pytest.approx(1.25 * fitted)
        page.wait_for_timeout(200)
        middle = "c => c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data[0]"
        assert stage.locator(".desk-base").evaluate(middle) == 255 - 90  # inverted with the image
        page.click("#companion-link")
        desk.press("0")
        page.wait_for_timeout(200)
        assert float(stage.get_attribute("data-scale")) == pytest.approx(1.25 * fitted)  # no longer
        assert stage.locator(".desk-base").evaluate(middle) == 90
        box, other = stage.bounding_box(), canvas.bounding_box()
        page.mouse.move(box["x"] + 50, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + 90, box["y"] + 70, steps=3)
        page.mouse.up()  # moves the film and draws nothing
        assert other["x"] + other["width"] <= box["x"] + 1
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_timeout(200)
        box, other = stage.bounding_box(), canvas.bounding_box()
        assert other["y"] + other["height"] <= box["y"]  # below on a phone
        assert min(box["height"], other["height"]) >= 100
        page.set_viewport_size({"width": 1440, "height": 900})
        desk.press("i")
        expect(page.locator("#finding-1")).to_be_checked()
        expect(states).to_have_text([desk.words("findings.open")] * 2)
        expect(page.locator("#comment")).to_have_value("")
        for place in (1, 2):
            page.check(f"#finding-{place}", force=True)
            page.check("#confidence-4", force=True)
        desk.answer(lambda: page.click("#answer-region"))
        none = findings_site.answers(reader)[1]
        assert (none.answer, none.counts, none.comment) == ("none", None, None)
        assert [(one.answer, one.confidence, one.counts) for one in as_given(none.findings)] == [("none", 4, None)] * 2


def test_a_phone_reaches_every_finding(browser: Any, findings_site: Site, tmp_path: Path) -> None:
    _, link = findings_site.invite()
    with reading(browser, findings_site, viewport={"width": 390, "height": 844}, has_touch=True) as desk:
        desk.enrol(link)
        for place in (1, 2):
            desk.page.locator(f"#finding-{place}").scroll_into_view_if_needed()
            desk.page.check(f"#finding-{place}", force=True)
        desk.page.locator("#answer-region").scroll_into_view_if_needed()
        box = desk.page.locator("canvas[role=application]").bounding_box()
        assert box["height"] >= 250
        assert desk.page.evaluate("document.documentElement.scrollWidth") <= 390
        desk.page.screenshot(path=tmp_path / "phone.png")
