"""Deep films in a real browser: every level reaches the reader's eye, in its place, and the next films are there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pages import links, run, said, serving
from sightline.annotate.page_files import consent_texts
from studies import stage, study

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
playwright = pytest.importorskip("playwright.sync_api", reason="the page is tested in a browser by Playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the page is not tested in a browser")

HEIGHT, WIDTH = 64, 96
RAMP = (np.arange(HEIGHT * WIDTH) * 2 // 3).astype(np.uint16).reshape(HEIGHT, WIDTH)  # every level of 12 bits
ENROL = """async ([version]) => {
  const session = await (await fetch('/api/session')).json();
  const body = {name: 'Ada Bianchi', email: null, profession: 'radiologist', years: 7, language: 'en',
    consent_version: version, consent: true};
  const headers = {'Content-Type': 'application/json', 'X-CSRF-Token': session.csrf};
  return (await fetch('/api/enrolment', {method: 'POST', headers, body: JSON.stringify(body)})).status;
}"""
SHOWN = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const canvas = document.querySelector('.desk-base');
  const { left, top, scale } = document.querySelector('canvas[role=application]').dataset;
  const k = devicePixelRatio;
  const [x, y] = [Math.round(left * k), Math.round(top * k)];
  const [width, height] = [%d, %d].map((side) => Math.round(side * scale * k));
  const { data } = canvas.getContext('2d').getImageData(x, y, width, height);
  done({ width, height, gray: Array.from({ length: width * height }, (_, i) => data[4 * i]) });
})))"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, str]]:
    """A served study of 12-bit films; its folder, its store and its address."""
    folder = tmp_path_factory.mktemp("site")
    made = 0
    for part, count in (("train", 8), ("test", 4)):
        for name in ("NORMAL", "PNEUMONIA"):
            (folder / "raw" / part / name).mkdir(parents=True)
            for number in range(count):
                film = RAMP.copy()
                film[0, made] = 4095  # no two files are alike
                made += 1
                Image.fromarray(film).save(folder / "raw" / part / name / f"{part}-{name}-{number}.png")
    study(
        folder, data__source="folder", data__root="raw", data__val_share=0.5, annotate__images=2, annotate__readers=3,
        annotate__readers_per_image=3, annotate__repeats=0.5, annotate__controls=0.5, annotate__practice=1,
    )  # fmt: skip
    done = stage("prepare", folder)
    assert done.returncode == 0, done.stderr
    store = tmp_path_factory.mktemp("store") / "store.sqlite"
    with serving(folder, store, "--new") as (_, url):
        yield folder, store, url


@pytest.fixture(scope="module")
def desk(site: tuple[Path, Path, str]) -> Iterator[Any]:
    """One reader's page for all tests: at the first film, 1:1; its answers with films are in `films`."""
    folder, store, url = site
    (token,) = links(said(run(folder, store, "invite", "--count", "1", "--url", url))).values()
    with playwright.sync_playwright() as running:
        arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        browser = running.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(locale="en", viewport={"width": 1440, "height": 900})
        page.films, complaints = [], []
        page.on("response", lambda sent: page.films.append(sent) if sent.url.endswith("/image") else None)
        page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{url}/#invite={token}")
        page.locator("#start").wait_for()
        assert page.evaluate(ENROL, [consent_texts()["en"]["version"]]) == 200
        page.reload()
        canvas = page.locator("canvas[role=application]")
        for _ in range(3):
            canvas.or_(page.locator("#continue").first).first.wait_for()
            if canvas.count():
                break
            page.locator("#continue").first.click()
        canvas.wait_for()
        page.keyboard.press("1")
        yield page
        browser.close()
        assert complaints == []


def shown(page: Any) -> np.ndarray:
    """uint8: the film as it is on the canvas, one value per screen pixel."""
    seen = page.evaluate(SHOWN % (WIDTH, HEIGHT))
    return np.array(seen["gray"], np.uint8).reshape(seen["height"], seen["width"])


def through(black: float, white: float) -> np.ndarray:
    return np.rint(255 * ((RAMP.astype(float) - black) / (white - black)).clip(0, 1)).astype(np.uint8)


def assert_shown(page: Any, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(shown(page)[1:], expected[1:])  # row 0 holds the pixel that tells the films apart


LOOKS = """async () => {
  const { lookupTable, lookOf } = await import('/page/xray.js');
  const { Unpacker, reductions } = await import('/page/unpack.js');
  const windows = { own: [1, 5], whole: [0, 5] };
  const film = { white: 5, gray: Uint8Array.of(9, 8, 7, 6, 5, 250), is_padded: false, windows };
  const tables = [
    lookupTable(lookOf(film, 'own'), film),
    lookupTable({ ...lookOf(film, 'own'), inverted: true }, film),
    lookupTable(lookOf(film, 'whole'), film),
    lookupTable({ ...lookOf(film, 'whole'), inverted: true }, { ...film, is_padded: true }),
    lookupTable({ level: -10, window: 2, inverted: false, preset: null }, { ...film, is_padded: true }),
  ].map((table) => [...table]);
  const cut = new Unpacker({ height: 2, width: 2, white: 9, has_gray: false });
  cut.push(Uint8Array.of(0, 0, 0));
  const problems = [() => cut.end(), () => cut.push(new Uint8Array(6))].map((run) => {
    try { run(); return ''; } catch (error) { return error.message; }
  });
  const steps = reductions(Uint16Array.from({ length: 301 * 2 }, (_, i) => i), 2, 301);
  const reduced = steps.map(({ values, height, width }) => [height, width, values[0], values.at(-1)]);
  return { tables, problems, reduced };
}"""


def test_lookups_and_reductions_by_hand(desk: Any) -> None:
    made = desk.evaluate(LOOKS)
    assert made["tables"] == [
        [9, 8, 7, 6, 5, 250],
        [246, 247, 248, 249, 250, 5],
        [0, 51, 102, 153, 204, 255],
        [255, 204, 153, 102, 51, 0],
        [0, 255, 255, 255, 255, 255],
    ]
    assert made["problems"] == ["a film with fewer samples than pixels", "a film with more samples than pixels"]
    assert made["reduced"] == [[2, 301, 0, 601], [1, 151, 151, 451]]


COLOURED = """async () => {
  const { lookOf, openXray } = await import('/page/xray.js');
  const drawn = new OffscreenCanvas(3, 2);
  const context = drawn.getContext('2d');
  context.fillStyle = 'rgb(200, 100, 50)';
  context.fillRect(0, 0, 3, 2);
  context.fillStyle = 'rgb(0, 0, 255)';
  context.fillRect(2, 1, 1, 1);
  const content = await (await drawn.convertToBlob({ type: 'image/png' })).arrayBuffer();
  const facts = { height: 2, width: 3, white: 255, windows: { own: [0, 255], whole: [50, 200] }, is_padded: false };
  const worker = new Worker('/page/film_worker.js', { type: 'module' });
  const ask = (sent) => new Promise((done) => {
    worker.onmessage = ({ data }) => done(data);
    worker.postMessage(sent);
  });
  const made = await ask({ content, type: 'image/png', facts });
  const wrong = await ask({ content, type: 'image/png', facts: { ...facts, width: 4 } });
  const broken = await ask({ content, type: 'application/x-film-samples', facts });
  const film = { steps: null, bitmap: null, gray: null, ...facts, ...made };
  const xray = openXray(film);
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [8, 6];
  const shown = (look) => {
    xray.show(look);
    canvas.width = 8;
    xray.paint(canvas.getContext('2d'), { left: 1, top: 1, scale: 2, isSmooth: false });
    const at = (x, y) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data];
    return [at(0, 0), at(1, 1), at(4, 3), at(5, 3), at(7, 5)];
  };
  const looks = [lookOf(film, 'own'), { ...lookOf(film, 'whole'), inverted: true }].map(shown);
  return { looks, wrong: wrong.failure, isBroken: Boolean(broken.failure) };
}"""


def test_a_film_in_colours_and_what_is_no_film(desk: Any) -> None:
    made = desk.evaluate(COLOURED)
    nothing = [0, 0, 0, 0]
    as_it_is = [nothing, [200, 100, 50, 255], [200, 100, 50, 255], [0, 0, 255, 255], nothing]
    through_whole = [nothing, [0, 170, 255, 255], [0, 170, 255, 255], [255, 255, 0, 255], nothing]
    assert made["looks"] == [as_it_is, through_whole]
    assert made["wrong"] == "a film of another size than it says"
    assert made["isBroken"]


def test_every_level_of_a_deep_film_is_seen_in_its_place(desk: Any) -> None:
    film = RAMP.copy()
    film[0, 0] = 4095
    counts = np.bincount(film.ravel())
    shares = np.cumsum(counts) / counts.sum()
    low, high = np.searchsorted(shares, 0.01), np.searchsorted(shares, 0.99)
    assert_shown(desk, through(low, high))  # a film without a window: its first to its 99th percentile
    desk.keyboard.press("w")
    canvas = desk.locator("canvas[role=application]").bounding_box()
    middle = canvas["x"] + canvas["width"] / 2, canvas["y"] + canvas["height"] / 2
    seen = []
    for left, up in ((-240, -250), (0, -250), (0, 250), (0, 250)):  # narrow, then towards black, back, and to white
        desk.mouse.move(*middle)
        desk.mouse.down()
        for part in range(1, 6):
            desk.mouse.move(middle[0] + left * part / 5, middle[1] + up * part / 5)
            seen.append(shown(desk)[1:].ravel())
        desk.mouse.up()
    levels = RAMP[1:].ravel()
    distinguished = np.unique(np.stack(seen), axis=1).shape[1]
    assert distinguished >= 1000, distinguished
    first = np.unique(levels, return_index=True)[1]
    for look in seen:  # no level is shown darker than one below it
        assert (np.diff(look[first].astype(int)) >= 0).all()
    desk.keyboard.press("w", delay=20)
    desk.keyboard.press("r")
    desk.keyboard.press("1")
    assert_shown(desk, through(low, high))


def test_windows_smoothing_another_screen_and_the_films_to_come(desk: Any) -> None:
    """One page through all of it: what each button shows, and what is fetched when."""
    film = RAMP.copy()
    film[0, 0] = 4095
    ordered = np.sort(film.ravel())
    at = {share: float(ordered[int(np.ceil(share / 100 * ordered.size)) - 1]) for share in (1, 40, 70, 99, 99.9)}
    windows = {"lung": (at[1], at[70]), "bone": (at[40], at[99.9]), "whole": (0, 4095), "own": (at[1], at[99])}
    for number, (name, window) in enumerate(windows.items()):
        button = desk.locator(f"[data-action=window_{name}]")
        desk.keyboard.press("6789"[["own", "lung", "bone", "whole"].index(name)]) if number % 2 else button.click()
        playwright.expect(button).to_have_attribute("aria-pressed", "true")
        assert_shown(desk, through(*window))
    desk.keyboard.press("i")
    np.testing.assert_array_equal(shown(desk)[1:], 255 - through(*windows["own"])[1:])
    desk.locator("[data-slider=level]").fill("4000")
    assert desk.locator("[data-slider=window]").get_attribute("max") == "8192"
    playwright.expect(desk.locator("[data-action=window_own]")).to_have_attribute("aria-pressed", "false")
    desk.keyboard.press("r")

    desk.keyboard.press("1")
    for _ in range(7):
        desk.keyboard.press("+")
    desk.wait_for_timeout(100)
    own = through(*windows["own"])
    enlarged = shown(desk)
    rows = (np.arange(enlarged.shape[0]) + 0.5) * HEIGHT / enlarged.shape[0]
    cols = (np.arange(enlarged.shape[1]) + 0.5) * WIDTH / enlarged.shape[1]
    squares = own[rows.astype(int)][:, cols.astype(int)]
    middle = np.ix_((np.abs(rows % 1 - 0.5) < 0.4) & (rows > 1), np.abs(cols % 1 - 0.5) < 0.4)
    np.testing.assert_array_equal(enlarged[middle], squares[middle])
    desk.keyboard.press("s")
    playwright.expect(desk.locator("[data-action=smooth]")).to_have_attribute("aria-pressed", "true")
    smooth = shown(desk).astype(float)
    right, below = np.minimum(cols - 0.5, WIDTH - 1), np.minimum(rows - 0.5, HEIGHT - 1)
    inside = np.ix_((rows > 2) & (rows < HEIGHT - 1), (cols > 1) & (cols < WIDTH - 1))
    a, b = right.clip(0).astype(int), below.clip(0).astype(int)
    across, down = right - a, (below - b)[:, None]
    levels = RAMP.astype(float)
    upper = levels[b][:, a] * (1 - across) + levels[b][:, np.minimum(a + 1, WIDTH - 1)] * across
    b = np.minimum(b + 1, HEIGHT - 1)
    lower = levels[b][:, a] * (1 - across) + levels[b][:, np.minimum(a + 1, WIDTH - 1)] * across
    black, white = windows["own"]
    expected = 255 * ((upper * (1 - down) + lower * down - black) / (white - black)).clip(0, 1)
    assert np.abs(smooth - expected)[inside].max() <= 1
    desk.keyboard.press("s")

    devices = desk.context.new_cdp_session(desk)
    for ratio, scheme in ((2, "dark"), (1, "light")):  # emulated screens change no media query by themselves
        metrics = {"width": 1440, "height": 900, "deviceScaleFactor": ratio, "mobile": False}
        devices.send("Emulation.setDeviceMetricsOverride", metrics)
        desk.emulate_media(color_scheme=scheme)
        sharp = "(k) => [...document.querySelectorAll('.desk-layer')].every((c) => c.width === k * c.clientWidth)"
        desk.wait_for_function(sharp, arg=ratio, timeout=5000)

    tasks = [place["task"] for place in desk.evaluate("async () => (await fetch('/api/progress')).json()")["tasks"]]
    desk.wait_for_timeout(200)
    assert [sent.url.split("/")[-2] for sent in desk.films] == tasks[:3]
    assert all(sent.headers["cache-control"] == "no-store" for sent in desk.films)
    desk.keyboard.press("c")
    desk.locator("#dialog-yes").click()
    desk.locator("#continue").first.click()  # between practice and the study; the old canvas may still be there before
    playwright.expect(desk.locator("#progress-text")).to_contain_text("2")
    desk.wait_for_timeout(500)
    assert [sent.url.split("/")[-2] for sent in desk.films] == tasks[:4]  # the second film was there
