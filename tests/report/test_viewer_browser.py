"""The viewer in a real browser: threshold, sorting, filter, keys, mouse, touch, screens, print, films beside the page.

IoU and Dice that the page shows are held against the library's, from the same arrays.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.alignment.iou_and_pointing import iou, threshold_counts
from sightline.alignment.multiverse import dice
from sightline.maps import scaled_maps
from sightline.report import viewer as viewer_module
from sightline.report.gallery import film_rows, strip
from sightline.report.html import document
from sightline.report.viewer import Film, Mark, Viewer, assets, parts, viewer, write_beside

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
playwright = pytest.importorskip("playwright.sync_api", reason="the viewer is tested in a browser by Playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the viewer is not tested in a browser")

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
HEIGHT, WIDTH = 56, 40
MODELS = {"honest": "CAM", "cheat": "Grad-CAM"}
SCORES = {"contrast": "contrast", "iou": "IoU at 0.5"}
OUTCOMES = ("TP", "FN", "FP", "TN")


def made_films(count: int) -> list[Film]:
    """Films with regions, three readers and maps of two models; the last of them has no region, no readers, no map."""
    rng = np.random.default_rng(11)
    row, col = np.mgrid[:HEIGHT, :WIDTH]
    made = []
    for number in range(count):
        centre = rng.uniform(0.3, 0.7, 2) * (HEIGHT, WIDTH)
        away = np.hypot(row - centre[0], col - centre[1])
        region = away < 11
        maps = dict(zip(MODELS, scaled_maps(rng.random((2, 5, 4)), HEIGHT, WIDTH), strict=True))
        maps["cheat"] = maps["cheat"].astype(np.float64).round(2)  # many pixels exactly at a threshold
        is_last = number == count - 1
        marks = {
            model: Mark(
                outcome=OUTCOMES[(number + place) % 4],
                probability=float(rng.random()),
                scores={} if is_last else {"contrast": float(rng.normal()), "iou": _iou(maps[model], region, 0.5)},
            )
            for place, model in enumerate(MODELS)
        }
        readers = [(f"p{reader} (student)", away < 8 + 2 * reader) for reader in range(3)]
        made.append(
            Film(
                name=f"film-{number + 1}",
                pixels=np.clip(80 + 60 * np.cos(away / 9) + rng.normal(0, 9, away.shape), 0, 255).astype(np.uint8),
                consensus_HW=None if is_last else region,
                lungs_HW=abs(col - WIDTH / 2) > 4,
                readers=[] if is_last else readers,
                maps={} if is_last else maps,
                finding="pneumonia",
                agreement=np.nan if is_last else float(rng.random()),
                marks=marks,
            )
        )
    return made


def _iou(map_HW: np.ndarray, mask_HW: np.ndarray, threshold: float) -> float:
    pixels, shared = threshold_counts(map_HW[None], mask_HW[None], np.array([threshold]))
    return float(iou(shared, pixels, mask_HW.sum())[0, 0])


FILMS = made_films(9)


def shown_of(films: list[Film]) -> Viewer:
    shown = viewer(films, models=MODELS, scores=SCORES, threshold=0.5)
    assert shown is not None
    return shown


def written(folder: Path, shown: Viewer) -> str:
    """Address of a page with the viewer, written to `folder`."""
    still = strip(film_rows(FILMS[:2], dict.fromkeys(MODELS, "cam"), 0.5), 0.5)
    styles, scripts, policy = assets(shown)
    page = document(
        "A study", "Do they look where the experts look?", ["<p>An answer.</p>"],
        [("films", "Film by film", parts(shown, still))], "A footer.", styles, scripts, policy,
    )  # fmt: skip
    (folder / "report.html").write_text(page, encoding="utf-8")
    write_beside(folder / viewer_module.FOLDER, shown)
    return f"file://{folder}/report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("viewer"), shown_of(FILMS))


class Opened:
    """A page, what it asked for and what its console said."""

    def __init__(self, browser: Any, address: str, width: int = 1440, height: int = 900, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, **options)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.problems: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.goto(address)

    def names(self) -> list[str]:
        return self.page.locator(".viewer-name").all_inner_texts()

    def open(self, name: str) -> None:
        self.page.get_by_role("button", name=f"{name},").or_(self.page.get_by_role("button", name=f"{name}:")).click()
        self.page.wait_for_selector("dialog figure")

    def number(self, kind: str, place: int = 0) -> float | None:
        value = self.page.locator(f"data[data-kind={kind}]").nth(place).get_attribute("value")
        return float(value) if value else None

    def threshold(self, percent: int) -> None:
        self.page.get_by_role("slider", name="Threshold").fill(str(percent))

    def title(self) -> str:
        return self.page.locator("#viewer-title").inner_text()


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Opened]:
    """The page on a wide screen; it must ask for itself alone and leave the console empty."""
    page = Opened(browser, address)
    yield page
    assert {url for url in page.requests if not url.startswith(("data:", "blob:"))} == {address}
    assert page.problems == []
    page.context.close()


def test_the_threshold_gives_the_librarys_iou_and_dice_at_every_step(opened: Opened) -> None:
    film = FILMS[2]
    opened.open(film.name)
    opened.page.get_by_label("Beside it").select_option(label="cheat")
    opened.page.wait_for_selector("figure:nth-child(2) data[data-kind=iou]")
    for percent in (1, 30, 50, 57, 70, 100):
        opened.threshold(percent)
        for place, model in enumerate(MODELS):
            assert film.consensus_HW is not None
            expected = _iou(film.maps[model], film.consensus_HW, percent / 100)
            assert opened.number("iou", place) == expected, (percent, model)
            assert opened.number("dice", place) == pytest.approx(dice(np.array(expected)), abs=1e-15)
    text = opened.page.get_by_role("slider", name="Threshold").get_attribute("aria-valuetext")
    assert text == f"1.00; honest: {_words(film, 'honest')}; cheat: {_words(film, 'cheat')}"


def _words(film: Film, model: str) -> str:
    assert film.consensus_HW is not None
    value = _iou(film.maps[model], film.consensus_HW, 1.0)
    return f"IoU {value:.3f}, Dice {float(dice(np.array(value))):.3f}"


def test_films_are_sorted_and_filtered_by_model_and_outcome(opened: Opened) -> None:
    def value(film: Film, score: str, model: str) -> float:
        return film.agreement if score == "agreement" else film.marks[model].scores.get(score, np.nan)

    def sorted_names(score: str, model: str, sign: int) -> list[str]:
        known = [film for film in FILMS if not np.isnan(value(film, score, model))]
        unknown = [film.name for film in FILMS if np.isnan(value(film, score, model))]
        return [film.name for film in sorted(known, key=lambda film: sign * value(film, score, model))] + unknown

    assert opened.names() == sorted_names("contrast", "honest", -1)
    opened.page.get_by_label("Sort by").select_option("iou")
    assert opened.names() == sorted_names("iou", "honest", -1)
    opened.page.get_by_role("button", name="Highest first").click()
    assert opened.names() == sorted_names("iou", "honest", 1)
    opened.page.get_by_label("Map of").first.select_option(label="cheat (Grad-CAM)")
    assert opened.names() == sorted_names("iou", "cheat", 1)
    opened.page.get_by_label("Sort by").select_option("agreement")
    assert opened.names() == sorted_names("agreement", "cheat", -1)
    opened.page.get_by_label("Sort by").select_option("name")
    assert opened.names() == [f"film-{number}" for number in range(1, 10)]
    opened.page.get_by_role("button", name="FP").click()
    assert opened.names() == [film.name for film in FILMS if film.marks["cheat"].outcome == "FP"]
    assert "false positive" in opened.page.locator(".viewer-count").inner_text()
    opened.page.get_by_role("button", name="All", exact=True).click()
    opened.page.get_by_label("Sort by").select_option("outcome")
    kinds = [next(film for film in FILMS if film.name == name).marks["cheat"].outcome for name in opened.names()]
    assert kinds == sorted(kinds, key=OUTCOMES.index)


def test_everything_works_by_keyboard(opened: Opened) -> None:
    page = opened.page
    order = opened.names()
    page.locator(".viewer-film").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog figure")
    assert opened.title() == order[0]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert opened.title() == order[1]
    page.wait_for_selector("canvas[role=img][aria-label^=film-]")
    page.keyboard.press("]")
    page.keyboard.press("]")
    page.keyboard.press("[")
    assert page.locator("output").first.inner_text() == "0.51"
    before = page.locator("canvas[role=img]").screenshot()
    for key, name in {"r": "Each annotation", "l": "Lungs", "c": "Consensus", "m": "Map", "f": "Film"}.items():
        box = page.get_by_role("checkbox", name=name, exact=True)
        was = box.is_checked()
        page.keyboard.press(key)
        assert box.is_checked() != was, name
        after = page.locator("canvas[role=img]").screenshot()
        assert after != before, name
        before = after
    page.get_by_role("slider", name="Threshold").focus()
    page.keyboard.press("ArrowRight")  # a slider keeps its arrows
    assert page.locator("output").first.inner_text() == "0.52"
    assert opened.title() == order[1]
    page.keyboard.press("PageDown")
    assert opened.title() == order[2]
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    # the dialog's event `close`, on which the focus goes back, comes after the dialog has gone
    page.wait_for_function("name => document.activeElement.ariaLabel?.startsWith(name)", arg=f"{order[2]},")


def test_the_mouse_sets_window_and_level_and_two_clicks_reset_them(opened: Opened) -> None:
    page = opened.page
    opened.open("film-3")
    box = page.locator(".viewer-stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 100, y + 40, steps=3)
    page.mouse.up()
    slope, intercept = (float(page.locator("feFuncR").get_attribute(name)) for name in ("slope", "intercept"))
    assert slope == pytest.approx(255 / 205)  # half a level per pixel
    assert intercept == pytest.approx(0.5 - 148 / 205)
    assert page.get_by_role("slider", name="Window").input_value() == "205"
    page.mouse.dblclick(x, y)
    assert page.get_by_role("slider", name="Window").input_value() == "255"
    assert page.get_by_role("button", name="Reset").is_disabled()


def test_a_film_without_region_map_or_readers_says_so(opened: Opened) -> None:
    opened.open("film-9")
    assert opened.number("iou") is None
    assert "no map" in opened.page.locator("dialog figcaption").inner_text()
    assert opened.page.get_by_role("checkbox", name="Consensus").is_disabled()
    assert opened.page.get_by_role("checkbox", name="Each annotation").is_disabled()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_wide_and_narrow_screens_light_and_dark(
    browser: Any, address: str, width: int, height: int, scheme: str
) -> None:
    opened = Opened(browser, address, width, height, color_scheme=scheme)
    page = opened.page
    page.wait_for_selector("[data-drawn]")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    opened.open("film-1")
    page.get_by_label("Beside it").select_option(label="cheat")
    page.wait_for_selector("figure:nth-child(2)")
    assert page.evaluate("document.querySelector('dialog').scrollWidth") <= width
    for stage in page.locator(".viewer-stage").all():
        box = stage.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        assert box["width"] / box["height"] == pytest.approx(WIDTH / HEIGHT, rel=0.02)
        assert box["width"] > 150
    assert (
        page.get_by_role("slider", name="Threshold").bounding_box()["y"] < height
    )  # beside or below the film, without scrolling
    grey = page.evaluate(
        "getComputedStyle(document.querySelector('dialog')).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (max(grey) < 64) == (scheme == "dark")
    assert opened.problems == []
    opened.context.close()


def test_fingers_open_and_turn_films(browser: Any, address: str) -> None:
    opened = Opened(browser, address, 390, 844, has_touch=True, is_mobile=True)
    page, order = opened.page, opened.names()
    page.locator(".viewer-film").first.tap()
    page.wait_for_selector("dialog figure")
    box = page.locator(".viewer-stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = opened.context.new_cdp_session(page)

    def swipe(across: int, down: int) -> None:
        steps = [{"x": x + across * part / 5, "y": y + down * part / 5} for part in range(6)]
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [steps[0]]})
        for step in steps[1:]:
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [step]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe(-120, 5)
    assert opened.title() == order[1]
    swipe(120, 5)
    assert opened.title() == order[0]
    swipe(20, 0)
    assert opened.title() == order[0]  # too short
    assert page.get_by_role("slider", name="Window").input_value() == "255"
    page.get_by_role("button", name="Close").tap()
    assert not page.locator("dialog").is_visible()
    opened.context.close()


def test_without_a_script_the_page_shows_the_strip_and_the_table(browser: Any, address: str) -> None:
    opened = Opened(browser, address, java_script_enabled=False)
    assert not opened.page.locator("#viewer").is_visible()
    assert opened.page.locator(".viewer-still img").first.is_visible()
    opened.page.get_by_text("All 9 films as a table").click()
    assert opened.page.locator("table").get_by_text("film-9").is_visible()
    opened.context.close()


def test_on_paper_stands_the_strip(opened: Opened) -> None:
    assert not opened.page.locator(".viewer-still").is_visible()
    opened.page.emulate_media(media="print")
    assert opened.page.locator(".viewer-still img").first.is_visible()
    assert not opened.page.locator("#viewer").is_visible()


def test_films_beside_the_page_are_loaded_from_their_folder(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_module, "MOST_FILMS", 3)
    address = written(tmp_path, shown_of(FILMS))
    opened = Opened(browser, address)
    opened.open("film-8")
    film = FILMS[7]
    assert film.consensus_HW is not None
    assert opened.number("iou") == _iou(film.maps["honest"], film.consensus_HW, 0.5)
    asked = {url for url in opened.requests if not url.startswith(("data:", "blob:"))}
    assert asked <= {address, *(f"file://{tmp_path}/report/film-{number}.js" for number in range(3, 9))}
    assert opened.problems == []
    opened.context.close()
    (tmp_path / "report/film-7.js").unlink()
    opened = Opened(browser, address)
    opened.page.get_by_role("button", name="film-8,").click()
    opened.page.get_by_text("report/film-7.js cannot be read").last.wait_for()
    opened.context.close()


def test_a_page_of_200_films_is_drawn_in_two_seconds(browser: Any, tmp_path: Path) -> None:
    """Time of the page's own thread on a processor, which other programs on the machine do not lengthen."""
    rng = np.random.default_rng(0)
    row, col = np.mgrid[:224, :224]
    large = [
        Film(
            name=f"film-{number}",
            pixels=rng.integers(0, 128, (224, 224), dtype=np.uint8),  # noise of 7 bits: the page has room for 200
            consensus_HW=np.hypot(row - 90, col - 80) < 40,
            maps=dict(zip(MODELS, scaled_maps(rng.random((2, 13, 13)), 224, 224), strict=True)),
        )
        for number in range(5)
    ]
    shown = shown_of(large)
    films = [{**shown.films[number % 5], "name": f"film-{number}"} for number in range(200)]
    many = dataclasses.replace(shown, films=films, data=[shown.data[number % 5] for number in range(200)])
    address = written(tmp_path, many)
    opened = Opened(browser, "about:blank")
    session = opened.context.new_cdp_session(opened.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    opened.page.goto(address, wait_until="domcontentloaded", timeout=120_000)
    opened.page.evaluate("document.getElementById('films').scrollIntoView()")
    for place in range(1, 8):  # the first row
        drawn = f".viewer-grid li:nth-child({place})[data-drawn]"
        opened.page.wait_for_selector(drawn, state="attached", timeout=120_000)
    metrics = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
    assert many.inside == 200
    assert metrics["TaskDuration"] < 2
    opened.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, address: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    opened = Opened(browser, address, color_scheme=scheme)
    opened.page.wait_for_selector("[data-drawn]")
    found = [*axe.run(opened.page).response["violations"]]
    opened.open("film-2")
    opened.page.keyboard.press("r")
    found += axe.run(opened.page).response["violations"]
    serious = [(rule["id"], rule["nodes"][0]["html"]) for rule in found if rule["impact"] in ("serious", "critical")]
    assert serious == []
    opened.context.close()
