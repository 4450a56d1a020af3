"""Takes the pictures of docs/annotation.md: a phantom study with simulated readers, in Chromium.

Run: python docs/annotate_screenshots.py    (needs the packages of `make setup` and a Chromium)
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from ruamel.yaml import YAML

from sightline.annotate.answers import Submitted
from sightline.annotate.page_files import consent_texts
from sightline.annotate.store import Store
from sightline.formats.rle import counts_of
from sightline.formats.strokes import drawn_mask, effective_strokes

ROOT = Path(__file__).parents[1]
PORT, SIDE = 8741, 512
URL = f"http://127.0.0.1:{PORT}"
AT = "2026-11-23T10:00:00.000Z"
OPACITY = [(0.26, 0.21), (0.21, 0.30), (0.20, 0.41), (0.29, 0.46), (0.37, 0.43), (0.39, 0.32), (0.34, 0.22)]
PROFESSIONS = ("student", "student", "resident", "physician", "student", "radiologist", "pneumologist")


def main() -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "study"
        prepare(folder)
        environment = {**os.environ, "SIGHTLINE_STORE": f"{name}/store.sqlite"}
        command = [sys.executable, "-m", "sightline.cli", "annotate"]

        def output_of(*words: str) -> list[str]:
            done = subprocess.run([*command, *words], cwd=folder, env=environment, check=True, capture_output=True)
            return done.stdout.decode().splitlines()

        links = dict(line.split("\t") for line in output_of("invite", "--new", "--count", "8", "--url", URL))
        fill(f"sqlite:///{name}/store.sqlite", list(links)[:7], folder)
        line = [*command, "serve", "--port", str(PORT)]
        server = subprocess.Popen(line, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen(URL, timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            assert server.stdout
            admin = [server.stdout.readline() for _ in range(2)][1].split()[1]
            with sync_playwright() as running:
                browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                desktop = {"viewport": {"width": 1440, "height": 900}}
                page = browser.new_context(locale="en", **desktop).new_page()  # type: ignore[arg-type]
                page.goto(list(links.values())[7])
                page.locator("#start").wait_for()
                shoot(page, "welcome")
                enrol(page)
                draw(page, OPACITY)
                shoot(page, "desktop")
                phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 1.5}
                page = browser.new_context(locale="it", **phone).new_page()  # type: ignore[arg-type]
                page.goto(list(links.values())[7])
                page.locator("canvas[role=application]").wait_for()
                page.wait_for_timeout(500)
                shoot(page, "phone")
                page = browser.new_context(locale="en", **desktop).new_page()  # type: ignore[arg-type]
                page.goto(admin)
                page.locator("#readers tbody tr").first.wait_for()
                shoot(page, "admin")
                page.locator("#images tbody th button").first.click()
                page.locator("dialog.answers .answers-readers label").nth(2).wait_for()
                page.locator("dialog.answers img").evaluate("image => image.decode()")
                shoot(page, "answers")
                browser.close()
        finally:
            server.terminate()
            server.wait()


def prepare(folder: Path) -> None:
    """A phantom study with larger images than the shipped one."""
    yaml = YAML()
    params = yaml.load(ROOT / "profiles/smoke.yaml")
    params["data"].update(height=SIDE, width=SIDE)
    params["annotate"].update(
        images=12, readers=8, readers_per_image=5, repeats=0.2, controls=0.25, practice=2, contact="Dr Anna Verdi"
    )
    folder.mkdir()
    yaml.dump(params, folder / "params.yaml")
    subprocess.run([sys.executable, ROOT / "src/prepare.py"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def fill(url: str, readers: list[str], folder: Path) -> None:
    """Readers at different points of their lists, each outlining the lesions a little imprecisely."""
    store, truth = Store(url), np.load(folder / "data/prepared/truth.npz")
    lesions = dict(zip(truth["images"].tolist(), truth["lesions"], strict=True))
    consent = consent_texts()["en"]
    for number, reader in enumerate(readers):
        rng = np.random.default_rng(number)
        facts = {"profession": PROFESSIONS[number], "years": int(rng.integers(0, 20)), "language": "it"}
        store.enrol(reader, "Simulated Reader", None, facts, consent)
        tasks = store.tasks_of(reader)
        for task in tasks[: len(tasks) - 2 * number]:
            lesion = lesions.get(task.image, np.zeros((SIDE, SIDE), bool))
            events = [outline(rng, lesion)] if lesion.any() else []
            mask = drawn_mask(effective_strokes(events), SIDE, SIDE)
            if events:
                store.save_events(task.task, events)
            counts = json.dumps(counts_of(mask)) if mask.any() else None
            answer = Submitted(
                id=str(uuid.uuid4()),
                base_version=0,
                answer="region" if mask.any() else "none",
                confidence=int(rng.integers(2, 6)),
                num_events=len(events),
                height=SIDE,
                width=SIDE,
                counts=counts,
                opened_at=AT,
                submitted_at=AT,
                active_seconds=float(rng.gamma(6, 7)),
                tool_version="0.1.0",
            )
            store.submit(task.task, answer)
    store.close()


def outline(rng: np.random.Generator, lesion: np.ndarray) -> dict:
    rows, cols = np.nonzero(lesion)
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    reach = rng.uniform(1.4, 2.1)
    x = cols.mean() + rng.normal(0, 14) + reach * cols.std() * np.cos(angles)
    y = rows.mean() + rng.normal(0, 14) + reach * rows.std() * np.sin(angles)
    points = np.clip(np.stack([x, y], axis=1), 0, SIDE).round(3).ravel().tolist()
    return {
        "id": str(uuid.uuid4()), "seq": 0, "at": AT, "kind": "stroke", "tool": "outline", "mode": "add", "radius": 8.0,
        "points": points,
    }  # fmt: skip


def enrol(page: Page) -> None:
    page.click("#start")
    page.check("#consent")
    page.click("#continue")
    page.fill("#name", "Ada Bianchi")
    page.select_option("#profession", "radiologist")
    page.fill("#years", "9")
    page.click("#continue")
    canvas, onward = page.locator("canvas[role=application]"), page.locator("#continue")
    while not canvas.count():
        onward.first.click()
        canvas.or_(onward).first.wait_for()
        page.wait_for_timeout(200)


def draw(page: Page, corners: list[tuple[float, float]]) -> None:
    """Outlines points given as shares of the image, by mouse."""
    page.keyboard.press("o")
    canvas = page.locator("canvas[role=application]")
    box, lies = canvas.bounding_box(), canvas.evaluate("node => ({...node.dataset})")
    assert box
    side = SIDE * float(lies["scale"])
    left, top = box["x"] + float(lies["left"]), box["y"] + float(lies["top"])
    at = [(left + x * side, top + y * side) for x, y in corners]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=8)
    page.mouse.up()
    page.check("#confidence-4", force=True)
    page.wait_for_timeout(600)


def shoot(page: Page, name: str) -> None:
    page.wait_for_timeout(400)
    path = ROOT / "docs/annotation" / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)  # half the bytes
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
