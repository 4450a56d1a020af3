"""What one device draws while another does: in a real browser, two devices of one reader, one of them offline.

One reader goes through as much as possible, because opening a page costs more than any of these checks.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from test_annotate_page import (  # noqa: F401
    CHROMIUM,
    LEFT,
    Desk,
    Site,
    browser,
    chromium,
    playwright,
    reading,
    rectangle,
    site,
)

from sightline.annotate.export import mask_of_answer

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the page is not tested in a browser")

BLUE = """() => { // pixels of the top layer in the colour of set-aside strokes
  const canvas = document.querySelector("canvas[role=application]");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) count += data[i] === 76 && data[i + 1] === 201 && data[i + 2] === 240;
  return count;
}"""


def branches(site: Site, reader: str) -> list[tuple[str, int]]:  # noqa: F811
    """State and number of events of each of a reader's branches in the store, in order of arrival."""
    query = "SELECT state, content FROM branch JOIN task USING (task) WHERE reader = ? ORDER BY received_at"
    with closing(sqlite3.connect(site.store)) as db:
        rows = db.execute(query, (reader,)).fetchall()
    return [(state, len(json.loads(content))) for state, content in rows]


def notices(desk: Desk, count: int) -> None:
    playwright.expect(desk.page.locator("#branches .branch")).to_have_count(count)


def outline(desk: Desk) -> None:
    desk.press("o", "1")
    desk.calibrate()


def reopened(desk: Desk, site: Site) -> Any:  # noqa: F811
    """The page is closed before the network comes back, and opened again."""
    page = desk.page.context.new_page()
    desk.page.close()
    desk.page.context.set_offline(False)
    desk.page = page
    desk.watch(site.url)
    page.goto(site.url)
    return page


def offline_stroke(desk: Desk) -> None:
    """A stroke that only the device has."""
    desk.press("o", "1")
    desk.page.context.set_offline(True)
    desk.rectangle(100, 100, 120, 120)
    playwright.expect(desk.page.locator("#saved-state")).to_have_text(desk.words("saved.offline"))


def a_polygon_stays_open(desk: Desk) -> None:
    """Three corners on an empty image, however the reader leaves it and comes back; then the fourth."""
    page = desk.page
    desk.press("1", "p")
    for corner in ((200, 200), (260, 200), (260, 240)):
        page.mouse.click(*desk.at(*corner))
    for leave in (
        lambda: page.select_option("#language", "it"),
        lambda: page.select_option("#language", "en"),
        page.reload,
        lambda: (page.click("#menu"), page.click("#menu-instructions")),
        lambda: (page.click("#previous"), page.wait_for_timeout(300), page.click("#next")),
    ):
        leave()
        desk.go_on()
        playwright.expect(page.locator(".desk-stage [data-action=close]")).to_be_visible()
    desk.press("1")  # the same place; the polygon's first corner is light, so nothing can be measured now
    page.mouse.click(*desk.at(200, 240))
    desk.press("Enter")
    desk.saved()
    assert page.evaluate(LEFT) == 0


def test_two_devices_lose_nothing_and_an_open_polygon_stays(browser: Any, site: Site) -> None:  # noqa: F811
    """Strokes of the device that was offline are brought back on the other one."""
    reader, link = site.invite()
    with reading(browser, site) as one, reading(browser, site) as other:
        one.enrol(link)
        outline(one)
        one.page.context.set_offline(True)
        expected = one.rectangle(200, 200, 260, 240) | one.rectangle(300, 350, 330, 380)
        playwright.expect(one.page.locator("#saved-state")).to_have_text(one.words("saved.offline"))
        other.page.goto(link)
        other.go_on()
        outline(other)
        expected |= other.rectangle(400, 100, 420, 130)
        other.saved()
        one.page.context.set_offline(False)
        notices(one, 1)  # the strokes are in the store, and no longer on the device alone
        assert branches(site, reader) == [("kept", 2)]
        playwright.expect(one.page.locator("#notice")).to_contain_text(one.words("sync.overtaken"))
        assert one.page.evaluate(LEFT) == 0
        assert len(site.first_log(reader)) == 1

        other.page.reload()
        other.go_on()
        notices(other, 1)
        show = other.page.locator(".branch-show")
        assert other.page.evaluate(BLUE) == 0
        show.click()
        playwright.expect(show).to_have_attribute("aria-pressed", "true")
        other.page.wait_for_timeout(150)
        assert other.page.evaluate(BLUE) > 100
        other.page.click(".branch-back")
        notices(other, 0)
        assert branches(site, reader) == [("brought_back", 2)]
        assert len(site.first_log(reader)) == 3

        one.page.click(".branch-discard")  # decided already: the page shows what is so
        with one.page.expect_response(lambda answer: answer.request.method == "GET" and "/api/tasks/" in answer.url):
            one.page.click("#dialog-yes")
        notices(one, 0)
        other.submit()
        np.testing.assert_array_equal(mask_of_answer(site.answers(reader)[0]), expected)
        other.go_on()
        a_polygon_stays_open(other)
        other.submit()
        np.testing.assert_array_equal(mask_of_answer(site.answers(reader)[1]), rectangle(200, 200, 260, 240))
        one.complaints = [told for told in one.complaints if "409" not in told and "404" not in told]


@pytest.mark.slow  # two devices in a browser, each opened more than once, 8 s; the fast test has what differs most
def test_a_page_that_closes_before_the_network_comes_back_loses_nothing(browser: Any, site: Site) -> None:  # noqa: F811
    """What it holds is set aside at the next visit: of the image that opens, and of one answered elsewhere since."""
    reader, link = site.invite()
    with reading(browser, site) as one, reading(browser, site) as other:
        one.enrol(link)
        outline(one)
        offline_stroke(one)
        other.page.goto(link)
        other.go_on()
        outline(other)
        expected = other.rectangle(500, 500, 520, 520)
        other.saved()
        page = reopened(one, site)
        one.go_on()
        notices(one, 1)
        playwright.expect(page.locator("#notice")).to_contain_text(one.words("sync.aside"))
        assert branches(site, reader) == [("kept", 1)]
        assert page.evaluate(LEFT) == 0
        page.click(".branch-discard")
        page.click("#dialog-yes")
        notices(one, 0)
        assert branches(site, reader) == [("discarded", 1)]

        offline_stroke(one)
        expected |= other.rectangle(20, 500, 40, 520)
        other.saved()
        other.submit()  # the first device would never open this image again by itself
        np.testing.assert_array_equal(mask_of_answer(site.answers(reader)[0]), expected)
        page = reopened(one, site)
        one.go_on()
        playwright.expect(page.locator("#progress-text")).to_have_text(one.words("reading.title", number=2, total=5))
        page.wait_for_function(f"async () => (await ({LEFT})()) === 0")  # sent in the background
        assert branches(site, reader) == [("discarded", 1), ("kept", 1)]
        page.click("#menu")
        page.click("#menu-images")
        playwright.expect(page.locator("[data-number='1']")).to_contain_text(one.words("images.set_aside"))
        page.click("[data-number='1']")
        one.go_on()
        notices(one, 1)
        one.complaints = [told for told in one.complaints if "409" not in told]


BOXES = """() => Object.fromEntries([...document.querySelectorAll(".level input, .answer, .step")].map((node) => {
  const { x, y } = node.getBoundingClientRect();
  return [node.id, [Math.round(x), Math.round(y)]];
}))"""


def held(desk: Desk, address: str) -> list[Any]:
    """Requests to an address, which the server does not get before the test continues them."""
    waiting: list[Any] = []
    desk.page.route(address, lambda route: waiting.append(route))  # a bound method is none to Playwright
    return waiting


def until_one_waits(desk: Desk, waiting: list[Any]) -> None:
    for _ in range(200):
        if waiting:
            return
        desk.page.wait_for_timeout(20)
    raise AssertionError("no request came")


def test_what_is_given_while_a_conflict_is_settled_stays(browser: Any, site: Site) -> None:  # noqa: F811
    """A stroke in progress, and a tick: no answer of the server takes them away or moves what is pressed next."""
    reader, link = site.invite()
    with reading(browser, site) as one, reading(browser, site) as other:
        one.enrol(link)
        outline(one)
        other.page.goto(link)
        other.go_on()
        outline(other)
        expected = other.rectangle(200, 200, 260, 240)
        other.saved()

        events, branch = held(one, "**/events"), held(one, "**/branches")
        one.rectangle(300, 350, 330, 380)  # overtaken
        until_one_waits(one, events)
        one.drag([(400, 100), (420, 100), (420, 130), (400, 130)], lift=False)
        expected |= rectangle(400, 100, 420, 130)
        one.page.unroute("**/events")
        events[0].continue_()
        playwright.expect(one.page.locator("#notice")).to_contain_text(one.words("sync.overtaken"))
        until_one_waits(one, branch)
        one.page.mouse.up()
        one.saved()
        before = one.page.evaluate(BOXES)
        one.page.check("#confidence-4", force=True)
        for route in branch:
            route.continue_()
        notices(one, 1)
        assert one.page.evaluate(BOXES) == before  # a click on its way meets what the reader saw
        assert one.page.is_checked("#confidence-4")

        answer = held(one, "**/submission")
        one.page.click("#answer-region")
        until_one_waits(one, answer)
        one.press("Shift+1", "Control+z")
        one.rectangle(20, 500, 40, 520)
        assert one.page.locator(".confidence").evaluate("(node) => node.inert")
        one.answer(answer[0].continue_)
        (given,) = site.answers(reader)
        np.testing.assert_array_equal(mask_of_answer(given), expected)
        assert given.confidence == 4
        assert len(site.first_log(reader)) == 2
        one.complaints = [told for told in one.complaints if "409" not in told]


@pytest.mark.slow  # two pages in a browser, 6 s
def test_a_conflict_of_two_answers_keeps_what_the_reader_chose(browser: Any, site: Site) -> None:  # noqa: F811
    """The other device's answer is in; what this one has chosen stays on the page, to be sent again or changed."""
    _, link = site.invite()
    with reading(browser, site) as one, reading(browser, site) as other:
        one.enrol(link)
        other.page.goto(link)
        other.go_on()
        one.page.check("#confidence-2", force=True)
        other.page.check("#confidence-5", force=True)
        other.answer(lambda: other.page.click("#answer-none"))
        one.page.click("#answer-none")
        playwright.expect(one.page.locator("#notice")).to_contain_text(one.words("sync.conflict"))
        playwright.expect(one.page.locator("#answer-none")).to_have_attribute("aria-disabled", "false")
        assert one.page.is_checked("#confidence-2")
        one.complaints = [told for told in one.complaints if "409" not in told]
