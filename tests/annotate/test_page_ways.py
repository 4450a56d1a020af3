"""The ways through the page before and beside the drawing: by keyboard, on narrow screens, behind a slow server."""

from __future__ import annotations

import re
from typing import Any

import pytest
from test_annotate_page import CHROMIUM, Site, browser, chromium, playwright, reading, site  # noqa: F401

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the page is not tested in a browser")

WIDTHS = (320, 390, 400, 480, 640)
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"
ACTIONS = (
    "[...document.querySelectorAll('.actions button')].map(node => [node.id, node.getBoundingClientRect().toJSON()])"
)
UNDER_24 = """[...document.querySelectorAll('main button')]
  .map(node => [node.textContent, node.getBoundingClientRect()])
  .filter(([, { width, height }]) => width < 24 || height < 24).map(([text]) => text)"""


def fits(page: Any, screen: str) -> None:
    """Nothing makes the page scroll sideways, and the buttons are tabbed through in the order in which they lie."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 850})
        assert page.evaluate(TOO_WIDE) <= 0, f"{screen}, {width} px: {page.evaluate(TOO_WIDE)} px too wide"
        lie = [(round(box["top"]), box["left"]) for _, box in page.evaluate(ACTIONS)]
        assert lie == sorted(lie), f"{screen}, {width} px: {page.evaluate(ACTIONS)}"


@pytest.mark.parametrize("language", ["en", "it"])
def test_the_way_to_the_first_image_fits_a_phone_and_a_keyboard(browser: Any, site: Site, language: str) -> None:  # noqa: F811
    _, link = site.invite()
    with reading(browser, site, language, viewport={"width": 400, "height": 850}) as desk:
        page = desk.page
        page.goto(link)
        page.locator("#start").wait_for()
        fits(page, "welcome")
        page.click("#start")
        fits(page, "consent")
        page.focus("#consent")
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # the next stop goes on, and does not delete the invitation
        playwright.expect(page.locator("h1")).to_have_text(desk.words("enrolment.title"))
        fits(page, "about you")


def test_a_withdrawal_is_sent_once_however_slow_the_server(browser: Any, site: Site) -> None:  # noqa: F811
    _, link = site.invite()
    with reading(browser, site) as desk:
        page = desk.page
        page.goto(link)
        page.click("#start")
        held: list[Any] = []
        page.route("**/api/withdrawal", lambda route: held.append(route))
        page.click("#decline")
        page.fill("#withdraw-word", desk.words("withdraw.word"))
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        page.locator("#withdraw-confirm").click(force=True)
        playwright.expect(page.locator("#withdraw-confirm")).to_have_attribute("aria-disabled", "true")
        page.wait_for_timeout(100)
        assert len(held) == 1
        held[0].continue_()
        playwright.expect(page.locator("h1")).to_have_text(desk.words("withdrawn.title"))


@pytest.mark.slow  # 32 s, of which the server takes 30 to begin or to end: to be found out
def test_the_admin_page_names_months_and_sorts_by_no_buttons(browser: Any, site: Site) -> None:  # noqa: F811
    site.stop()
    site.start("--new-admin-secret")
    assert site.server is not None
    assert site.server.stdout is not None
    link = [site.server.stdout.readline() for _ in range(2)][1].split()[1]
    with reading(browser, site) as desk:
        page = desk.page
        page.goto(link)
        page.locator("#access tbody tr").first.wait_for()
        assert page.locator("#access thead th").last.locator("button").count() == 0
        assert page.locator("#access thead button").count() == page.locator("#access thead th").count() - 1
        moment = page.locator("#access tbody tr").first.locator("td").nth(2).inner_text()
        assert re.match(r"[A-Z][a-z]{2} \d{1,2}, \d{4}, ", moment), moment
        assert page.evaluate(UNDER_24) == []
