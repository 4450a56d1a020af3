"""The page with large films in Chromium: milliseconds a frame, memory, and the time to the next film on a slow line.

    python benchmarks/annotate_films.py [--height 3000 --width 3000 --films 6 --window 1440x900 --ratio 1 --mbit 5]

Makes a study of noisy 12-bit films, serves it, and drives the reader's page: drags of window and level, of the image,
and zooms, each step timed from the change until it is painted; then answers film after film. Memory is the
proportional set size of the page's process, with and without what it shares with others.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from pages import links, run, said, serving
from sightline.annotate.page_files import consent_texts
from studies import stage, study

ENROL = """async ([version]) => {
  const session = await (await fetch('/api/session')).json();
  const body = {name: 'Ada Bianchi', email: null, profession: 'radiologist', years: 7, language: 'en',
    consent_version: version, consent: true};
  const headers = {'Content-Type': 'application/json', 'X-CSRF-Token': session.csrf};
  return (await fetch('/api/enrolment', {method: 'POST', headers, body: JSON.stringify(body)})).status;
}"""
# Each step's work: from the event that changes the view to the end of the frame that paints it.
FRAMES = """([kind, count]) => new Promise((done) => {
  const canvas = document.querySelector('canvas[role=application]');
  const box = canvas.getBoundingClientRect();
  const at = (x, y) => ({ clientX: box.left + box.width / 2 + x, clientY: box.top + box.height / 2 + y, pointerId: 9,
    bubbles: true, pointerType: 'mouse', isPrimary: true });
  const button = { pan: { button: 2, buttons: 2 }, window: { button: 0, buttons: 1 } }[kind] ?? {};
  const times = [];
  let step = 0;
  canvas.setPointerCapture = () => {};
  if (kind !== 'zoom') canvas.dispatchEvent(new PointerEvent('pointerdown', { ...at(0, 0), ...button }));
  const next = () => {
    step += 1;
    if (step > count) {
      if (kind !== 'zoom') canvas.dispatchEvent(new PointerEvent('pointerup', { ...at(0, 0), button: button.button }));
      return done(times);
    }
    const start = performance.now();
    const there = at(3 * step, 2 * step);
    if (kind === 'zoom') {
      canvas.dispatchEvent(new WheelEvent('wheel', { ...there, deltaY: step % 20 < 10 ? -40 : 40, cancelable: true }));
    } else canvas.dispatchEvent(new PointerEvent('pointermove', { ...there, ...button, button: -1 }));
    const handled = performance.now() - start;
    requestAnimationFrame((begun) => { times.push(handled + performance.now() - begun); setTimeout(next, 30); });
  };
  next();
})"""


def films(folder: Path, height: int, width: int, count: int) -> None:
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    smooth = 2000 + 1500 * np.sin(7 * rows) * np.cos(9 * cols)
    for part, many in (("train", 4), ("test", count)):
        for name in ("NORMAL", "PNEUMONIA"):
            (folder / "raw" / part / name).mkdir(parents=True)
            for number in range(many if name == "PNEUMONIA" else 3):
                noisy = (smooth + rng.normal(0, 8, smooth.shape)).clip(0, 4095).astype(np.uint16)
                path = folder / "raw" / part / name / f"{part}-{name}-{number}.png"
                Image.fromarray(noisy).save(path, compress_level=1)


def memory() -> tuple[float, float]:
    """Proportional and unique set size of the page's process, MB."""
    best = (0.0, 0.0)
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        try:
            if b"--type=renderer" not in (process / "cmdline").read_bytes():
                continue
            lines = (process / "smaps_rollup").read_text().splitlines()[1:]
        except OSError:
            continue
        sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
        best = max(best, (sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"]))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("height", 3000), ("width", 3000), ("films", 6)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--window", default="1440x900")
    parser.add_argument("--ratio", type=float, default=1.0)
    parser.add_argument("--mbit", type=float, default=5.0)
    parser.add_argument("--read-seconds", type=float, default=45.0, help="time a reader spends on a film")
    arguments = parser.parse_args()
    folder, store = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp()) / "store.sqlite"
    try:
        measure(folder, store, arguments)
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(store.parent)


def measure(folder: Path, store: Path, arguments: argparse.Namespace) -> None:
    films(folder, arguments.height, arguments.width, arguments.films)
    study(
        folder, data__source="folder", data__root="raw", data__val_share=0.5, annotate__images=arguments.films,
        annotate__readers=1, annotate__readers_per_image=1, annotate__repeats=0.0, annotate__controls=0.0,
        annotate__practice=0,
    )  # fmt: skip
    done = stage("prepare", folder)
    assert done.returncode == 0, done.stderr
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    width, height = map(int, arguments.window.split("x"))
    with serving(folder, store, "--new") as (_, url), sync_playwright() as running:
        (token,) = links(said(run(folder, store, "invite", "--count", "1", "--url", url))).values()
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(
            locale="en", viewport={"width": width, "height": height}, device_scale_factor=arguments.ratio
        )
        page.goto(f"{url}/#invite={token}")
        page.locator("#start").wait_for()
        assert page.evaluate(ENROL, [consent_texts()["en"]["version"]]) == 200
        page.reload()
        canvas = page.locator("canvas[role=application]")
        while not canvas.count():
            canvas.or_(page.locator("#continue").first).first.wait_for()
            if not canvas.count():
                page.locator("#continue").first.click()
                page.wait_for_timeout(200)
        page.wait_for_timeout(4000)
        print(f"films of {arguments.height} x {arguments.width}, window {arguments.window} at {arguments.ratio}")
        for zoom in ("0", "1"):
            page.keyboard.press(zoom)
            for kind in ("window", "pan", "zoom"):
                if kind == "window":
                    page.keyboard.press("w", delay=20)
                times = page.evaluate(FRAMES, [kind, 40])
                if kind == "window":
                    page.keyboard.press("w", delay=20)
                at = "fitted" if zoom == "0" else "one to one"
                print(f"{at}, {kind}: median {np.median(times):.1f} ms, slowest {max(times):.1f} ms")
        print("memory, MB (PSS, unique): {:.0f}, {:.0f}".format(*memory()))
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        rate = arguments.mbit * 1e6 / 8
        line = {"offline": False, "latency": 30, "downloadThroughput": rate, "uploadThroughput": rate}
        network.send("Network.emulateNetworkConditions", line)
        for number in range(2, arguments.films + 1):
            page.wait_for_timeout(1000 * arguments.read_seconds)
            begun = time.perf_counter()
            page.keyboard.press("c")
            page.wait_for_function(
                "(n) => document.querySelector('#progress-text')?.textContent.match(new RegExp(`\\\\b${n} `)) "
                "&& document.querySelector('canvas[role=application]')", arg=number,
            )  # fmt: skip
            took = time.perf_counter() - begun
            print("film {}: after {:.2f} s; memory, MB: {:.0f}, {:.0f}".format(number, took, *memory()), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
