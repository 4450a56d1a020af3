"""The experts' page in a real browser: enrol, draw, undo, zoom, submit, crash, resume, finish, export.

The X-rays of these tests are dark with two light spots. Where these appear on the screen says, whatever the page
believes, which screen point is which image point; so that a drawn shape can be held against the stored mask pixel by
pixel.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightline.annotate.export import mask_of_answer
from sightline.annotate.store import Store
from studies import ROOT, sightline, stage, study

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
playwright = pytest.importorskip("playwright.sync_api", reason="the page is tested in a browser by Playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the page is not tested in a browser")

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
HEIGHT, WIDTH = 600, 640
LIGHT = ((280, 300), (320, 340))  # row, column of the middles of the two light spots, 3 x 3 pixels each
STRINGS = ROOT / "src/sightline/annotate/page/strings"
WORDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(STRINGS.glob("*.json"))}


@dataclass
class Site:
    """A served study."""

    folder: Path
    store: Path
    port: int
    server: subprocess.Popen[str] | None = None
    admin: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        return {**os.environ, "SIGHTLINE_STORE": str(self.store), "PYTHONPATH": str(ROOT / "src")}

    def command(self, *words: str) -> str:
        done = sightline(self.folder, "annotate", *words, SIGHTLINE_STORE=str(self.store))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *options: str) -> None:
        line = [sys.executable, "-m", "sightline.cli", "annotate", "serve", "--port", str(self.port), *options]
        self.server = subprocess.Popen(
            line, cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url, timeout=1).close()
                break
            assert self.server.poll() is None, self.server.stdout and self.server.stdout.read()
            time.sleep(0.1)

    def stop(self, how: int = signal.SIGTERM) -> None:
        assert self.server is not None
        self.server.send_signal(how)
        self.server.wait(20)

    def invite(self) -> tuple[str, str]:
        reader, link = self.command("invite", "--url", self.url).strip().split("\t")
        return reader, link

    def answers(self, reader: str) -> list[Any]:
        store = Store(f"sqlite:///{self.store}")
        found = [row for row in store.submissions() if row.reader == reader]
        store.close()
        return found

    def log(self, task: str) -> list[dict]:
        store = Store(f"sqlite:///{self.store}")
        events = store.events(task)
        store.close()
        return events

    def first_log(self, reader: str) -> list[dict]:
        store = Store(f"sqlite:///{self.store}")
        task = store.tasks_of(reader)[0].task
        store.close()
        return self.log(task)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    pixels = np.full((HEIGHT, WIDTH), 30, np.uint8)
    for row, col in LIGHT:
        pixels[row - 1 : row + 2, col - 1 : col + 2] = 255
    made = 0
    for part, count in (("train", 8), ("test", 4)):
        for name in ("NORMAL", "PNEUMONIA"):
            (folder / "raw" / part / name).mkdir(parents=True)
            for number in range(count):
                shade = pixels.copy()
                shade[0, made] = 29  # no two files are alike
                made += 1
                Image.fromarray(shade).save(folder / "raw" / part / name / f"{part}-{name}-{number}.png")
    study(
        folder, data__source="folder", data__root="raw", data__val_share=0.5, annotate__images=2, annotate__readers=3,
        annotate__readers_per_image=3, annotate__repeats=0.5, annotate__controls=0.5, annotate__practice=1,
        data__few_levels="accept",
    )  # fmt: skip
    done = stage("prepare", folder)
    assert done.returncode == 0, done.stderr
    site = Site(folder, tmp_path_factory.mktemp("store") / "store.sqlite", free_port())
    site.start("--new")
    yield site
    site.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright.expect.set_options(timeout=20_000)  # a machine that tests may be a slow one
    with playwright.sync_playwright() as running:
        yield running.chromium


@pytest.fixture(scope="module")
def browser(chromium: Any) -> Iterator[Any]:
    opened = chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield opened
    opened.close()


@dataclass
class Desk:
    """The page of one reader, and how its screen lies over the image."""

    page: Any
    language: str
    strangers: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def words(self, key: str, **values: object) -> str:
        text = WORDS[self.language][key].replace("{finding}", WORDS[self.language]["finding"])
        return re.sub(r"\{(\w+)\}", lambda found: str(values[found[1]]), text)

    def watch(self, url: str) -> None:
        self.page.on("request", lambda sent: None if sent.url.startswith(url) else self.strangers.append(sent.url))
        self.page.on("console", lambda told: self.complaints.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def enrol(self, link: str, pin: str = "") -> None:
        """From the invite's link to the first image."""
        page = self.page
        page.goto(link)
        page.locator("#start").wait_for()
        assert "invite" not in page.url  # a link that is copied or photographed gives nothing away
        if page.locator("html").get_attribute("lang") != self.language:
            page.select_option("#language", self.language)
        playwright.expect(page.locator("h1")).to_have_text(self.words("welcome.title"))
        page.click("#start")
        page.check("#consent")
        page.click("#continue")
        page.fill("#name", "Ada Bianchi")
        page.select_option("#profession", "radiologist")
        page.fill("#years", "7")
        page.fill("#pin", pin)
        page.click("#continue")
        self.go_on()

    def go_on(self) -> None:
        """Through whatever explains, to the desk."""
        canvas, onward = self.page.locator("canvas[role=application]"), self.page.locator("main #continue, #continue")
        for _ in range(6):
            canvas.or_(onward.first).first.wait_for()
            if canvas.count():
                return
            onward.first.click()
            self.page.wait_for_timeout(100)
        canvas.wait_for()

    def calibrate(self) -> None:
        """Measures from a picture of the screen where the two light spots are."""
        self.page.mouse.move(2, 2)  # takes the brush's ring off the image
        self.press("m")  # and the marks
        self.page.wait_for_timeout(150)
        box = self.page.locator("canvas[role=application]").bounding_box()
        shot = Image.open(BytesIO(self.page.screenshot(clip=box, scale="css"))).convert("L")
        light = np.clip(np.asarray(shot, float) - 60, 0, None)  # weights: a pixel may lie over several of the screen
        light[-140:, :140] = 0  # where the overview lies while the image is zoomed
        for edge in (light[:5], light[-5:], light[:, :5], light[:, -5:]):
            edge[:] = 0  # the ring of the focus
        self.press("m")
        rows, cols = np.nonzero(light)
        half = (rows.min() + rows.max() + 1) / 2
        centres = []
        for part in (rows < half, rows >= half):
            weight = light[rows[part], cols[part]]
            centres.append([np.average(axis[part], weights=weight) + 0.5 for axis in (rows, cols)])
        self.scale = (centres[1][0] - centres[0][0]) / (LIGHT[1][0] - LIGHT[0][0])
        self.left = box["x"] + centres[0][1] - self.scale * (LIGHT[0][1] + 0.5)
        self.top = box["y"] + centres[0][0] - self.scale * (LIGHT[0][0] + 0.5)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Screen point of an image point."""
        return self.left + self.scale * x, self.top + self.scale * y

    def drag(self, corners: list[tuple[float, float]], lift: bool = True) -> None:
        mouse = self.page.mouse
        mouse.move(*self.at(*corners[0]))
        mouse.down()
        for corner in [*corners[1:], corners[0]]:
            mouse.move(*self.at(*corner), steps=3)
        if lift:
            mouse.up()

    def rectangle(self, left: int, top: int, right: int, bottom: int, lift: bool = True) -> np.ndarray:
        """Outlines whole pixels by mouse; the mask that this must give."""
        self.drag([(left, top), (right, top), (right, bottom), (left, bottom)], lift)
        return rectangle(left, top, right, bottom)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def saved(self) -> None:
        playwright.expect(self.page.locator("#saved-state")).to_have_attribute("data-state", "saved", timeout=10_000)

    def submit(self, confidence: int = 4) -> None:
        """Answers with the region and waits for what comes next."""
        self.page.check(f"#confidence-{confidence}", force=True)
        self.answer(lambda: self.page.click("#answer-region"))

    def answer(self, give: Callable[[], None]) -> None:
        """Gives an answer; practice then ends with a word on the drawing, to be closed."""
        with self.page.expect_response(lambda sent: sent.url.endswith("/api/tasks/next")):
            give()
        self.page.wait_for_timeout(400)
        dialog = self.page.locator("#dialog-yes")
        if dialog.count() and dialog.is_visible():
            dialog.click()
        self.page.wait_for_timeout(200)


def rectangle(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


@contextlib.contextmanager
def reading(browser: Any, site: Site, language: str = "en", **context: Any) -> Iterator[Desk]:
    """A new browser profile; whatever asks another host or breaks the page's policy fails the test."""
    context.setdefault("viewport", {"width": 1440, "height": 900})
    opened = browser.new_context(locale=language, **context)
    desk = Desk(opened.new_page(), language)
    desk.watch(site.url)
    yield desk
    opened.close()
    assert desk.strangers == []
    assert [told for told in desk.complaints if "ERR_INTERNET_DISCONNECTED" not in told] == []


@pytest.mark.parametrize(("language", "zoom"), [("en", 4), ("it", 1)])
def test_the_mask_is_the_drawn_shape_pixel_by_pixel(browser: Any, site: Site, language: str, zoom: int) -> None:
    reader, link = site.invite()
    with reading(browser, site, language) as desk:
        desk.enrol(link)
        assert desk.page.locator("html").get_attribute("lang") == language
        playwright.expect(desk.page.locator("#answer-none")).to_contain_text(desk.words("answer.none"))
        desk.press("o", "1")  # the outline; one image pixel on one screen pixel
        desk.calibrate()
        assert desk.scale == pytest.approx(1, abs=0.02)
        for _ in range({1: 0, 4: 40}[zoom]):
            if desk.scale >= 4:
                break
            desk.page.mouse.move(*desk.at(320.5, 300.5))
            desk.page.mouse.wheel(0, -100)
            desk.page.wait_for_timeout(100)  # a wheel is handled later than it is turned
            before = desk.at(320.5, 300.5)
            desk.calibrate()
            assert desk.at(320.5, 300.5) == pytest.approx(before, abs=1.0)  # zooms at the pointer
        assert desk.scale >= zoom * 0.98
        expected = desk.rectangle(290, 270, 345, 331)
        desk.press("x")  # outlines now remove
        expected &= ~desk.rectangle(300, 280, 310, 300)
        desk.press("x")
        desk.saved()
        desk.submit()
        (answer,) = site.answers(reader)
        np.testing.assert_array_equal(mask_of_answer(answer), expected)
        assert (answer.answer, answer.confidence, answer.kind) == ("region", 4, "practice")


def test_undo_redo_clear_and_a_correction(browser: Any, site: Site) -> None:
    reader, link = site.invite()
    with reading(browser, site) as desk:
        desk.enrol(link)
        desk.press("o", "1")
        desk.calibrate()
        first = desk.rectangle(200, 200, 260, 240)
        second = desk.rectangle(300, 350, 330, 380)
        desk.press("Control+z", "Control+z", "Control+Shift+z")  # the first stands again
        desk.page.click("[data-action=clear]")
        desk.page.click("[data-action=undo]")
        desk.saved()
        task = site.first_log(reader)
        assert [event["kind"] for event in task] == ["stroke", "stroke", "undo", "undo", "redo", "clear", "undo"]
        desk.submit()
        np.testing.assert_array_equal(mask_of_answer(site.answers(reader)[0]), first)
        desk.go_on()
        desk.page.click("#previous")
        playwright.expect(desk.page.locator("#progress-text")).to_contain_text("1")
        desk.page.locator("canvas[role=application]").wait_for()
        desk.press("1")
        desk.calibrate()
        second = desk.rectangle(300, 350, 330, 380)
        desk.saved()
        desk.submit(2)
        (answer,) = site.answers(reader)
        assert (answer.version, answer.confidence) == (2, 2)
        np.testing.assert_array_equal(mask_of_answer(answer), first | second)


def test_touch_draws_and_two_fingers_do_not(browser: Any, site: Site) -> None:
    """A phone: one finger outlines; two zoom, and leave no stroke behind."""
    reader, link = site.invite()
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with reading(browser, site, "it", **phone) as desk:
        desk.enrol(link)
        touch = desk.page.context.new_cdp_session(desk.page)

        def fingers(kind: str, *points: tuple[float, float]) -> None:
            dots = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": dots})

        desk.page.tap("[data-action=outline]")
        desk.page.wait_for_timeout(200)
        desk.calibrate()
        middle = desk.at(320, 300)
        fingers("touchStart", middle)
        fingers("touchStart", middle, (middle[0] + 40, middle[1] + 40))
        for spread in range(40, 140, 10):
            fingers("touchMove", (middle[0] - spread / 4, middle[1]), (middle[0] + spread, middle[1] + spread))
        fingers("touchEnd")
        before = desk.scale
        desk.calibrate()
        assert desk.scale > 1.3 * before
        corners = [(295, 275), (330, 275), (330, 310), (295, 310), (295, 275)]
        fingers("touchStart", desk.at(*corners[0]))
        for (x0, y0), (x1, y1) in pairwise(corners):
            for part in (0.25, 0.5, 0.75, 1):
                fingers("touchMove", desk.at(x0 + part * (x1 - x0), y0 + part * (y1 - y0)))
        fingers("touchEnd")
        desk.saved()
        (event,) = site.first_log(reader)
        assert event["tool"] == "outline"
        desk.submit()
        mask = mask_of_answer(site.answers(reader)[0])
        # a screen pixel is over 1/3 of an image pixel here: a border may lie a pixel off, the inside may not
        assert mask is not None
        assert mask[276:309, 296:329].all()
        assert not (mask & ~rectangle(294, 274, 331, 311)).any()


def test_a_killed_browser_and_another_device_resume_mid_image(
    chromium: Any, browser: Any, site: Site, tmp_path: Path
) -> None:
    """Chromium dies by SIGKILL with the pen down: finished strokes are there, the half one is not, also elsewhere."""
    reader, link = site.invite()
    profile = tmp_path / "profile"

    def open_profile() -> Any:
        return chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=ARGUMENTS, locale="en", viewport={"width": 1440, "height": 900}
        )

    context = open_profile()
    desk = Desk(context.pages[0], "en")
    desk.enrol(link)
    desk.press("o", "1")
    desk.calibrate()
    expected = desk.rectangle(200, 200, 260, 240)
    desk.saved()
    desk.rectangle(300, 350, 330, 380, lift=False)
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                if str(profile).encode() in (folder / "cmdline").read_bytes():
                    os.kill(int(folder.name), signal.SIGKILL)
    with contextlib.suppress(playwright.Error):
        context.close()
    assert len(site.first_log(reader)) == 1
    elsewhere = browser.new_context(locale="en", viewport={"width": 1440, "height": 900})
    page = elsewhere.new_page()
    again = Desk(page, "en")
    page.goto(link)
    again.go_on()
    again.press("o", "1")
    again.calibrate()
    expected |= again.rectangle(400, 100, 420, 130)
    again.saved()
    elsewhere.close()
    for lock in profile.glob("Singleton*"):
        lock.unlink()
    context = open_profile()
    desk = Desk(context.pages[0], "en")
    context.pages[0].goto(link)
    desk.go_on()
    desk.saved()
    desk.submit()
    np.testing.assert_array_equal(mask_of_answer(site.answers(reader)[0]), expected)
    context.close()


def test_offline_strokes_wait_on_the_device_and_arrive(browser: Any, site: Site) -> None:
    reader, link = site.invite()
    with reading(browser, site) as desk:
        desk.enrol(link)
        desk.press("o", "1")
        desk.calibrate()
        desk.page.context.set_offline(True)
        expected = desk.rectangle(200, 200, 260, 240)
        expected |= desk.rectangle(300, 350, 330, 380)
        playwright.expect(desk.page.locator("#saved-state")).to_have_attribute("data-state", "offline")
        assert site.first_log(reader) == []
        page = desk.page.context.new_page()
        desk.page.close()  # the page goes before the network comes back
        desk.page.context.set_offline(False)
        desk.page = page
        desk.watch(site.url)
        page.goto(site.url)
        desk.go_on()
        desk.saved()
        assert len(site.first_log(reader)) == 2
        desk.submit()
        np.testing.assert_array_equal(mask_of_answer(site.answers(reader)[0]), expected)


def test_the_server_dies_and_comes_back_without_a_stroke_lost(browser: Any, site: Site) -> None:
    reader, link = site.invite()
    with reading(browser, site) as desk:
        desk.enrol(link)
        desk.press("o", "1")
        desk.calibrate()
        expected = desk.rectangle(200, 200, 260, 240)
        desk.saved()
        site.stop(signal.SIGKILL)
        expected |= desk.rectangle(300, 350, 330, 380)
        playwright.expect(desk.page.locator("#saved-state")).to_have_attribute("data-state", "offline")
        site.start()
        desk.saved()
        desk.submit()
        np.testing.assert_array_equal(mask_of_answer(site.answers(reader)[0]), expected)
        desk.complaints = [told for told in desk.complaints if "Failed to load resource" not in told]


@pytest.mark.slow  # two pages in a browser, 13 s; what the server says is tested without one
@pytest.mark.parametrize("language", ["en", "it"])
def test_a_full_disk_is_told_and_no_stroke_lost(browser: Any, site: Site, language: str) -> None:
    """What the server answers then is in test_server_errors.py; here, what the reader sees of it."""
    reader, link = site.invite()
    refusal = {"detail": {"code": "disk_full", "message": "the server's disk is full"}}
    with reading(browser, site, language) as desk:
        desk.enrol(link)
        desk.press("o", "1")
        desk.calibrate()
        desk.page.route("**/api/tasks/*/*", lambda sent: sent.fulfill(status=507, json=refusal))
        expected = desk.rectangle(200, 200, 260, 240) | desk.rectangle(300, 350, 330, 380)
        saved = desk.page.locator("#saved-state")
        playwright.expect(saved).to_have_text(desk.words("saved.full"))
        desk.press("Shift+Digit3", "Enter")
        playwright.expect(desk.page.locator("#notice")).to_have_text(desk.words("reading.disk_full"))
        assert site.answers(reader) == []
        desk.page.unroute("**/api/tasks/*/*")
        desk.saved()
        desk.submit()
        np.testing.assert_array_equal(mask_of_answer(site.answers(reader)[0]), expected)
        desk.complaints = [told for told in desk.complaints if "507" not in told]


def test_two_tabs_do_not_mix(browser: Any, site: Site) -> None:
    """Who draws second on the same image is told, and sees what is saved."""
    reader, link = site.invite()
    with reading(browser, site) as desk:
        desk.enrol(link)
        other = Desk(desk.page.context.new_page(), "en")
        other.page.goto(site.url)
        other.go_on()
        for tab in (desk, other):
            tab.page.bring_to_front()
            tab.press("o", "1")
            tab.calibrate()
        expected = other.rectangle(200, 200, 260, 240)
        other.saved()
        desk.page.bring_to_front()
        desk.rectangle(300, 350, 330, 380)
        playwright.expect(desk.page.locator("#notice")).to_contain_text(desk.words("sync.overtaken"))
        desk.saved()  # the conflict is settled
        desk.submit()
        np.testing.assert_array_equal(mask_of_answer(site.answers(reader)[0]), expected)
        desk.complaints = [told for told in desk.complaints if "409" not in told]


LEFT = """async () => {
  const database = await new Promise((done) => (indexedDB.open("sightline").onsuccess = (e) => done(e.target.result)));
  const request = database.transaction("events").objectStore("events").getAll();
  return new Promise((done) => (request.onsuccess = () => done(request.result.length)));
}"""


@pytest.mark.slow  # 8 s on an idle machine: six visits of one browser
def test_an_idle_page_locks_and_the_vault_keeps_what_it_has(browser: Any, site: Site) -> None:
    """Locked with an unsent stroke; reopened by PIN after a reload; a new consent; signed out; withdrawn elsewhere."""
    reader, link = site.invite()
    with reading(browser, site) as desk:
        page = desk.page
        page.clock.install()
        desk.enrol(link, pin="4711")
        playwright.expect(page.locator("#who")).to_have_text(desk.words("frame.reader", reader=reader))
        image = page.evaluate("async () => (await (await fetch('/api/tasks/next')).json()).image")
        desk.press("o", "1")
        desk.calibrate()
        page.clock.fast_forward("20:00")
        expected = desk.rectangle(200, 200, 260, 240)
        page.clock.fast_forward("20:00")  # 40 minutes, but never 30 without a sign
        desk.saved()
        page.context.set_offline(True)
        expected |= desk.rectangle(300, 350, 330, 380)
        playwright.expect(page.locator("#saved-state")).to_have_attribute("data-state", "offline")
        page.evaluate("() => (window.held = [...document.querySelectorAll('canvas')])")
        page.clock.fast_forward("31:00")
        playwright.expect(page.locator("h1")).to_have_text(desk.words("locked.title"))
        assert page.evaluate("() => held.length > 0 && held.every((canvas) => canvas.width * canvas.height === 0)")
        assert page.locator("main canvas, main img, dialog").count() == 0
        playwright.expect(page.locator("#who")).to_contain_text(reader)  # whose page it is
        assert page.evaluate(LEFT) == 1
        with page.expect_response(lambda sent: sent.url.endswith("/session/lock")):
            page.context.set_offline(False)  # only now the server learns of the lock
        assert page.evaluate("async (at) => (await fetch(at)).status", image) == 423
        assert len(site.first_log(reader)) == 1
        page.reload()
        page.fill("#pin", "0815")
        page.click("#pin-open")
        playwright.expect(page.locator("#pin-problem")).to_have_text(desk.words("locked.wrong"))
        page.select_option("#language", "it")
        page.fill("#pin", "4711")
        page.click("#pin-open")
        page.select_option("#language", "en")
        desk.go_on()
        desk.saved()
        assert len(site.first_log(reader)) == 2
        assert page.evaluate(LEFT) == 0
        with contextlib.closing(sqlite3.connect(site.store)) as db, db:
            db.execute("UPDATE reader SET consent_version = '2000-01' WHERE reader = ?", [reader])
        desk.press("o", "1")
        desk.calibrate()
        expected |= desk.rectangle(400, 400, 430, 430)
        playwright.expect(page.locator("h1")).to_have_text(desk.words("reconsent.title"))
        assert page.locator("canvas").count() == 0
        page.click("#accept")
        playwright.expect(page.locator("#consent-problem")).to_have_text(desk.words("reconsent.missing"))
        page.check("#consent")
        page.click("#accept")
        desk.go_on()
        desk.saved()
        desk.submit()
        np.testing.assert_array_equal(mask_of_answer(site.answers(reader)[0]), expected)

        page.click("#sign-out")
        playwright.expect(page.locator("h1")).to_have_text(desk.words("nowhere.title"))
        assert page.evaluate("async (at) => (await fetch(at)).status", image) == 401  # not from the browser's cache
        page.go_back()
        assert page.locator("canvas").count() == 0

        page.goto(link)
        desk.go_on()
        desk.press("o", "1")
        desk.calibrate()
        page.context.set_offline(True)
        desk.rectangle(100, 100, 160, 140)
        page.wait_for_timeout(100)
        assert page.evaluate(LEFT) == 1
        site.command("withdraw", reader)
        page.context.set_offline(False)
        playwright.expect(page.locator("h1")).to_have_text(desk.words("withdrawn.title"))
        page.wait_for_timeout(100)
        assert page.evaluate(LEFT) == 0
        desk.complaints = [told for told in desk.complaints if not re.search("status of (401|403|409|423)", told)]


def test_to_the_end_in_italian_and_out(browser: Any, site: Site, tmp_path: Path) -> None:
    """Region, none and cannot judge by keyboard; thanks at the end; exported, the masks are what was drawn."""
    reader, link = site.invite()
    drawn = {}
    with reading(browser, site, "it") as desk:
        desk.enrol(link)
        progress = desk.page.evaluate("async () => (await fetch('/api/progress')).json()")
        for number in range(progress["total"]):
            desk.go_on()
            playwright.expect(desk.page.locator("#progress-text")).to_have_text(
                desk.words("reading.title", number=number + 1, total=progress["total"])
            )
            keys = ["Shift+Digit3", "Enter"]
            if number == 1:  # the first after practice
                keys = ["c"]
            elif number == 2:
                keys = ["Shift+Digit5", "n"]
            else:
                desk.press("o", "1")
                desk.calibrate()
                drawn[number] = desk.rectangle(100 + 10 * number, 200, 200, 240 + number)
            desk.answer(lambda keys=keys: desk.press(*keys))  # type: ignore[misc]
        playwright.expect(desk.page.locator("h1")).to_have_text(desk.words("done.title"))
        answers = site.answers(reader)
        twice = next(row.image for row in answers if row.repeat)
        first = next(number for number, row in enumerate(answers, start=1) if row.image == twice and not row.repeat)
        desk.page.click("#review")
        desk.page.click(f"[data-number='{first}']")
        desk.go_on()
        playwright.expect(desk.page.locator("#notice")).to_have_text(desk.words("reading.final"))
        desk.press("o", "1")
        desk.calibrate()
        desk.rectangle(300, 300, 340, 340)  # moves the image, and marks nothing
        desk.press("Control+z", "Shift+Digit1", "Enter")
        playwright.expect(desk.page.locator("#notice")).to_have_text(desk.words("reading.final"))
        assert [(row.version, row.counts) for row in site.answers(reader)] == [(1, row.counts) for row in answers]
        assert len(site.log(answers[first - 1].task)) == answers[first - 1].num_events
        desk.page.screenshot(path=tmp_path / "final.png")
    assert [row.answer for row in answers[:3]] == ["region", "cannot", "none"]
    assert [row.confidence for row in answers[:4]] == [3, None, 5, 3]
    site.command("export", "--to", str(tmp_path / "out"))
    for number, row in enumerate(answers):  # in the order in which they were shown
        name = f"{row.image}.{reader}" + (f".r{row.repeat + 1}" if row.repeat else "")
        path = tmp_path / "out" / ("controls/masks" if row.kind == "control" else "masks") / f"{name}.png"
        if row.answer == "cannot" or row.kind == "practice":
            assert not path.exists()
            continue
        mask = np.asarray(Image.open(path))
        assert set(np.unique(mask)) <= {0, 255}
        np.testing.assert_array_equal(mask == 255, drawn.get(number, np.zeros((HEIGHT, WIDTH), bool)))
    assert len(answers) == progress["total"]
    assert len(drawn) >= 3
    text = (tmp_path / "out/readings.csv").read_text()
    assert "practice" not in text
    assert "Bianchi" not in text


def test_every_language_says_everything(site: Site) -> None:  # noqa: ARG001
    keys = {language: set(words) for language, words in WORDS.items()}
    assert set(keys) >= {"en", "it"}
    for language, words in WORDS.items():
        assert keys[language] == keys["en"], keys[language] ^ keys["en"]
        for key, text in words.items():
            assert text.strip(), (language, key)
            named = set(re.findall(r"\{(\w+)\}", text)) - {"finding"}
            assert named == set(re.findall(r"\{(\w+)\}", WORDS["en"][key])) - {"finding"}, (language, key)


def test_the_admin_sees_the_study(browser: Any, site: Site) -> None:
    site.stop()
    site.start("--new-admin-secret")
    assert site.server is not None
    assert site.server.stdout is not None
    link = [site.server.stdout.readline() for _ in range(2)][1].split()[1]
    with reading(browser, site) as desk:
        desk.page.goto(link)
        desk.page.locator("#readers tbody tr").first.wait_for()
        assert "secret" not in desk.page.url
        shown = desk.page.locator("main").inner_text()
        assert "test-PNEUMONIA" in shown
        assert "Bianchi" not in desk.page.content()
        walk_the_desk(desk.page)
        walk_the_answers(desk.page)


def walk_the_answers(page: Any) -> None:
    """Most disagreement first; an image opens with all answers, one by one, and the count; nothing can be changed."""
    cells = page.locator("#images tbody tr").evaluate_all("rows => rows.map((row) => row.lastChild.textContent)")
    known = [float(cell.replace(",", ".")) for cell in cells if cell != "–"]
    assert known == sorted(known)
    assert cells[: len(known)] == [cell for cell in cells if cell != "–"]  # images without a pair come last
    page.locator("#images tbody th button").first.click()
    page.locator("dialog.answers .answers-readers label").nth(1).wait_for()
    page.keyboard.press("Escape")
    playwright.expect(page.locator("dialog.answers")).to_have_count(0)


def walk_the_desk(page: Any) -> None:
    """Invites, renews, revokes and backs up; each shows its outcome and stands in the log."""
    page.on("dialog", lambda dialog: dialog.accept())
    newest = page.locator("#log tbody tr").first.locator("td")
    page.fill("#invite-name", "Dr Neri")
    page.click("#invite")
    first = page.locator("#new-link").input_value()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#invite=[\w-]{22}", first)
    playwright.expect(newest.nth(3)).to_have_text("invitation")
    reader = newest.nth(4).inner_text()
    row = page.locator("#access tbody tr", has_text=reader)
    row.locator("button", has_text="New link").click()
    playwright.expect(newest.nth(3)).to_have_text("new link")
    assert page.locator("#new-link").input_value() != first
    row.locator("button", has_text="Revoke").click()
    playwright.expect(newest.nth(3)).to_have_text("revocation")
    playwright.expect(row).to_contain_text("expired or revoked")
    with page.expect_download() as kept:
        page.click("#backup")
    assert Path(kept.value.path()).read_bytes().startswith(b"SQLite format 3")
    playwright.expect(newest.nth(3)).to_have_text("backup")
    assert "Neri" not in page.content()
