"""The page under a reader's hands, in a real browser: keys, tools, brush, a missing confidence, offline, small screens.

One reader walks through all of it on one page, because opening a page costs more than any of these checks.
"""

from __future__ import annotations

from typing import Any

import pytest
from test_annotate_page import CHROMIUM, Desk, Site, browser, chromium, playwright, reading, site  # noqa: F401

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the page is not tested in a browser")

SIZES = {"phone": (390, 844), "phone on its side": (844, 390), "tablet": (820, 1180), "desk": (1440, 900)}
SMALLEST = 40  # CSS pixels of a target, on every screen

# Of every control of the reading screen: what is wrong with it once it is scrolled into sight.
CONTROLS = """smallest => [...document.querySelectorAll(
    "#header select, #header button, .desk-toolbar button, .desk-toolbar input, .level, .answer, .step")]
  .filter(node => !node.closest("[hidden], #sign-out")).flatMap(node => { // a phone signs out by the menu
    node.scrollIntoView({ block: "nearest", inline: "nearest" });
    const name = node.id || node.dataset.action || node.textContent;
    const { left, top, right, bottom, width, height } = node.getBoundingClientRect();
    if (width < smallest || height < smallest) return [`${name}: ${width} x ${height}`];
    const isSeen = left > -1 && top > -1 && right < innerWidth + 1 && bottom < innerHeight + 1;
    if (!isSeen) return [`${name}: out of sight at ${left}, ${top}`];
    const above = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    return node.contains(above) ? [] : [`${name}: covered by ${above?.className}`];
  })"""


def place(desk: Desk) -> tuple[float, float, float]:
    """Where the image lies on the desk: left, top, CSS pixels per image pixel."""
    shown = desk.page.locator("canvas[role=application]").evaluate("node => ({ ...node.dataset })")
    return float(shown["left"]), float(shown["top"]), float(shown["scale"])


def middle(desk: Desk, dx: float = 0) -> tuple[float, float]:
    box = desk.page.locator("canvas[role=application]").bounding_box()
    return box["x"] + box["width"] / 2 + dx, box["y"] + box["height"] / 2


def pressed(desk: Desk) -> set[str]:
    """The tool and the modes that are on; not how the image is shown."""
    shown = ".desk-group-tools [aria-pressed=true], :is([data-action=remove], [data-action=window])[aria-pressed=true]"
    return set(desk.page.eval_on_selector_all(shown, "nodes => nodes.map(n => n.dataset.action)"))


def level(desk: Desk) -> Any:
    return desk.page.evaluate("document.querySelector('[name=confidence]:checked')?.value ?? null")


def brush_keeps_its_size_on_the_screen(desk: Desk, events: Any) -> None:
    for _ in range(2):
        desk.page.mouse.click(*middle(desk))
        desk.press("+", "+", "+", "+")
    desk.saved()
    (_, _, scale), (fitted, near) = place(desk), [event["radius"] for event in events()]
    assert fitted == pytest.approx(near * 1.25**4, abs=0.2)  # an eighth of a pixel, and the zoom between them
    assert near * scale / 1.25**4 == pytest.approx(11.3, abs=0.4)
    desk.press("0")


def arrows_move_the_image_whatever_has_the_focus(desk: Desk) -> None:
    for target in ("#confidence-2", "#answer-none", "[data-action=outline]", "#language"):
        left = place(desk)[0]
        desk.page.focus(target)
        desk.press("ArrowRight")
        moved = 0 if target == "#language" else 80  # a list keeps its own arrows
        desk.page.wait_for_timeout(30)
        assert left - place(desk)[0] == pytest.approx(moved, abs=0.5), target
        assert level(desk) is None
        desk.press("ArrowLeft")
    before, value = place(desk), desk.page.input_value("#desk-level")
    desk.page.focus("#desk-level")
    desk.press("ArrowRight")
    assert place(desk) == before
    assert int(desk.page.input_value("#desk-level")) == int(value) + 1


def a_missing_confidence_chooses_nothing(desk: Desk) -> None:
    desk.page.focus("canvas[role=application]")
    desk.press("Enter")
    playwright.expect(desk.page.locator("#notice")).to_have_text(desk.words("reading.confidence_missing"))
    assert level(desk) is None
    assert desk.page.evaluate("document.activeElement.className") == "confidence asked"
    scale = place(desk)[2]
    desk.press("ArrowRight", "ArrowDown")
    assert level(desk) is None
    desk.press("3")
    assert (level(desk), place(desk)[2]) == ("3", scale)
    playwright.expect(desk.page.locator("#notice")).to_be_empty()
    desk.press("Shift+Digit4")
    assert level(desk) == "4"


def the_hand_moves_with_one_finger_and_draws_nothing(desk: Desk, events: Any) -> None:
    count, (left, top, _) = len(events()), place(desk)
    touch = desk.page.context.new_cdp_session(desk.page)

    def finger(kind: str, *points: tuple[float, float]) -> None:
        dots = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": dots})

    desk.page.click("[data-action=hand]")
    assert pressed(desk) == {"hand"}
    finger("touchStart", middle(desk))
    for dx in (20, 50):
        finger("touchMove", middle(desk, dx))
    finger("touchEnd")
    desk.page.wait_for_timeout(50)
    assert place(desk)[:2] == pytest.approx((left + 50, top), abs=0.5)
    desk.saved()
    assert len(events()) == count


def offline_says_offline(desk: Desk) -> None:
    page = desk.page
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(100)
    seen = place(desk)
    saved, connection = page.locator("#saved-state"), page.locator("#connection")
    page.context.set_offline(True)
    playwright.expect(connection).to_have_text(desk.words("frame.offline"))
    playwright.expect(saved).to_have_text(desk.words("saved.offline_idle"))
    page.mouse.click(*middle(desk))
    playwright.expect(saved).to_have_text(desk.words("saved.offline"))
    assert place(desk) == seen  # longer words must not move the image under the pen, on a phone either
    page.select_option("#language", "it")
    desk.language = "it"
    playwright.expect(saved).to_have_text(desk.words("saved.offline"))
    playwright.expect(page.locator("#question")).to_have_text(desk.words("reading.question"))
    playwright.expect(page.locator("[data-action=undo]")).to_have_attribute("aria-disabled", "false")
    page.focus("canvas[role=application]")  # the list of languages keeps its keys
    desk.press("Shift+Digit2", "Enter")
    playwright.expect(page.locator("#notice")).to_have_text(desk.words("reading.not_sent"))
    page.context.set_offline(False)
    desk.saved()
    playwright.expect(connection).to_be_empty()
    page.context.set_offline(True)
    page.click("#previous")
    playwright.expect(page.locator("#desk-room")).to_have_text(desk.words("reading.offline"))
    page.context.set_offline(False)
    page.locator("canvas[role=application]").wait_for()  # by itself
    playwright.expect(page.locator("#progress-text")).to_have_text(desk.words("reading.title", number=1, total=5))


def test_a_reader_at_work(browser: Any, site: Site) -> None:  # noqa: F811
    reader, link = site.invite()

    def events() -> list[dict]:
        return site.first_log(reader)

    with reading(browser, site, "en", has_touch=True) as desk:
        desk.enrol(link)
        brush_keeps_its_size_on_the_screen(desk, events)
        arrows_move_the_image_whatever_has_the_focus(desk)
        a_missing_confidence_chooses_nothing(desk)
        the_hand_moves_with_one_finger_and_draws_nothing(desk, events)
        desk.press("]", "e", "h", "w")  # a larger brush, the eraser, and the window mode over the hand
        assert pressed(desk) == {"eraser", "remove", "window"}
        size = desk.page.input_value("#desk-size")
        desk.submit(4)
        desk.go_on()
        assert pressed(desk) == {"brush"}  # a new image begins with drawing
        assert desk.page.input_value("#desk-size") == size
        offline_says_offline(desk)
        chosen = "en"
        for _ in range(40):
            chosen = desk.page.evaluate("async () => (await (await fetch('/api/session')).json()).language")
            if chosen == "it":
                break
            desk.page.wait_for_timeout(250)
        assert chosen == "it"  # chosen offline, sent once the connection was back
        for name, (width, height) in SIZES.items():
            desk.page.set_viewport_size({"width": width, "height": height})
            desk.page.wait_for_timeout(100)
            wrong = desk.page.evaluate(CONTROLS, SMALLEST)
            assert wrong == [], f"{name}: {wrong}"
            image = desk.page.locator("canvas[role=application]").bounding_box()
            if name == "phone on its side":
                assert image["height"] == height
                assert image["width"] > width / 2
                assert desk.page.locator(".desk-toolbar").bounding_box()["x"] >= image["x"] + image["width"]
