"""What one device draws while another does: in a real browser, two devices of one reader, one of them offline.

One reader goes through all of it, because opening a page costs more than any of these checks.
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


def branches(site: Site) -> list[tuple[str, int]]:  # noqa: F811
    """State and number of events of each branch in the store, in order of arrival."""
    with closing(sqlite3.connect(site.store)) as db:
        rows = db.execute("SELECT state, content FROM branch ORDER BY received_at").fetchall()
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


def test_two_devices_lose_nothing_and_an_open_polygon_stays(browser: Any, site: Site) -> None:  # noqa: F811
    reader, link = site.invite()
    with reading(browser, site) as one, reading(browser, site) as other:
        one.enrol(link)
        outline(one)
        one.page.context.set_offline(True)
        expected = one.rectangle(200, 200, 260, 240) | one.rectangle(300, 350, 330, 380)
        playwright.expect(one.page.locator("#saved-state")).to_have_attribute("data-state", "offline")
        other.page.goto(link)
        other.go_on()
        outline(other)
        expected |= other.rectangle(400, 100, 420, 130)
        other.saved()
        one.page.context.set_offline(False)

        notices(one, 1)  # the strokes are in the store, and no longer on the device alone
        assert branches(site) == [("kept", 2)]
        playwright.expect(one.page.locator("#notice")).to_contain_text(one.words("sync.overtaken"))
        assert one.page.evaluate(LEFT) == 0
        assert len(site.first_log(reader)) == 1

        other.page.reload()  # on the other device
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
        assert branches(site) == [("brought_back", 2)]
        assert len(site.first_log(reader)) == 3

        one.page.click(".branch-discard")  # decided already: the page shows what is so
        with one.page.expect_response(lambda answer: answer.request.method == "GET" and "/api/tasks/" in answer.url):
            one.page.click("#dialog-yes")
        one.page.wait_for_timeout(300)
        one.go_on()
        notices(one, 0)
        one.press("o", "1")
        one.page.context.set_offline(True)
        one.rectangle(100, 100, 120, 120)
        playwright.expect(one.page.locator("#saved-state")).to_have_attribute("data-state", "offline")
        other.press("o", "1")
        expected |= other.rectangle(500, 500, 520, 520)
        other.saved()
        page = reopened(one, site)
        one.go_on()
        notices(one, 1)
        playwright.expect(page.locator("#notice")).to_contain_text(one.words("sync.aside"))
        assert branches(site) == [("brought_back", 2), ("kept", 1)]
        assert page.evaluate(LEFT) == 0
        page.click(".branch-discard")
        page.click("#dialog-yes")
        notices(one, 0)
        assert branches(site) == [("brought_back", 2), ("discarded", 1)]

        one.press("o", "1")
        page.context.set_offline(True)
        one.rectangle(100, 100, 120, 120)
        playwright.expect(page.locator("#saved-state")).to_have_attribute("data-state", "offline")
        expected |= other.rectangle(20, 500, 40, 520)
        other.saved()
        other.submit()  # the first device would never open this image again by itself
        np.testing.assert_array_equal(mask_of_answer(site.answers(reader)[0]), expected)
        page = reopened(one, site)
        one.go_on()
        playwright.expect(page.locator("#progress-text")).to_have_text(one.words("reading.title", number=2, total=5))
        page.wait_for_function(f"async () => (await ({LEFT})()) === 0")  # sent in the background
        assert branches(site) == [("brought_back", 2), ("discarded", 1), ("kept", 1)]
        page.click("#menu")
        page.click("#menu-images")
        playwright.expect(page.locator("[data-number='1']")).to_contain_text(one.words("images.set_aside"))
        page.click("[data-number='1']")
        one.go_on()
        notices(one, 1)
        page.click("#next")
        page.wait_for_timeout(300)
        one.go_on()
        one.press("1", "p")
        for corner in ((200, 200), (260, 200), (260, 240)):
            page.mouse.click(*one.at(*corner))
        for leave in (
            lambda: page.select_option("#language", "it"),
            lambda: page.select_option("#language", "en"),
            page.reload,
            lambda: (page.click("#menu"), page.click("#menu-instructions")),
            lambda: (page.click("#previous"), page.wait_for_timeout(300), page.click("#next")),
        ):
            leave()
            one.go_on()
            playwright.expect(page.locator(".desk-stage [data-action=close]")).to_be_visible()
        page.keyboard.press("1")  # the same place; the polygon's first corner is light, so nothing can be measured now
        page.mouse.click(*one.at(200, 240))
        one.press("Enter")
        one.saved()
        assert page.evaluate(LEFT) == 0
        one.submit()
        np.testing.assert_array_equal(mask_of_answer(site.answers(reader)[1]), rectangle(200, 200, 260, 240))
        for desk in (one, other):
            desk.complaints = [told for told in desk.complaints if "409" not in told and "404" not in told]
