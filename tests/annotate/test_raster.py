"""Drawings become masks: strokes.py and rle.py by hand and by slower loops, and the page's raster.js equal to them."""

from __future__ import annotations

import functools
import http.server
import itertools
import re
import shutil
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sightline.annotate
from sightline.formats.rle import counts_of, mask_of
from sightline.formats.strokes import Stroke, drawn_mask, effective_strokes

PAGE = Path(sightline.annotate.__file__).parent / "page"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SIZES = ((1, 1), (1, 9), (12, 7), (40, 33), (64, 96))  # height, width
LOGS_PER_SIZE = 48
EXACT = {"point": 1, "box": 2, "ellipse": 2}  # number of points


def stroke(points: list[float], tool: str = "brush", mode: str = "add", radius: float = 1.0) -> dict[str, Any]:
    return {"kind": "stroke", "tool": tool, "mode": mode, "radius": radius, "points": points}


def mask_after(events: list[dict[str, Any]], height: int, width: int) -> np.ndarray:
    return drawn_mask(effective_strokes(events), height, width)


def picture(mask: np.ndarray) -> list[str]:
    return ["".join(".#"[int(pixel)] for pixel in row) for row in mask]


# By hand


def test_a_disc_of_radius_1_at_a_pixel_centre_is_a_plus() -> None:
    mask = mask_after([stroke([2.5, 2.5], radius=1.0)], 5, 5)
    assert picture(mask) == [".....", "..#..", ".###.", "..#..", "....."]


def test_a_brush_line_has_round_ends() -> None:
    mask = mask_after([stroke([1.5, 2.5, 4.5, 2.5], radius=1.0)], 5, 7)
    assert picture(mask) == [".......", ".####..", "######.", ".####..", "......."]


def test_a_brush_that_touches_no_pixel_centre_marks_nothing() -> None:
    assert not mask_after([stroke([2.0, 2.0], radius=0.5)], 4, 4).any()


def test_a_brush_beyond_the_border_marks_what_is_inside() -> None:
    assert picture(mask_after([stroke([0.0, 0.0], radius=1.0)], 3, 3)) == ["#..", "...", "..."]


@pytest.mark.parametrize("tool", ["outline", "polygon"])
def test_a_rectangle_along_pixel_sides_marks_the_pixels_inside(tool: str) -> None:
    mask = mask_after([stroke([1, 1, 4, 1, 4, 3, 1, 3], tool=tool)], 4, 5)
    assert picture(mask) == [".....", ".###.", ".###.", "....."]


def test_a_pixel_centre_on_an_edge_counts_for_left_and_upper_edges_alone() -> None:
    mask = mask_after([stroke([1.5, 1.5, 3.5, 1.5, 3.5, 3.5, 1.5, 3.5], tool="polygon")], 5, 5)
    assert picture(mask) == [".....", ".##..", ".##..", ".....", "....."]


def test_two_regions_with_a_common_edge_share_no_pixel_and_leave_none_out() -> None:
    left = mask_after([stroke([0, 0, 3.5, 0, 1.5, 6, 0, 6], tool="polygon")], 6, 6)
    right = mask_after([stroke([3.5, 0, 6, 0, 6, 6, 1.5, 6], tool="polygon")], 6, 6)
    assert not (left & right).any()
    assert (left | right).all()


def test_a_figure_of_eight_is_filled_in_both_loops() -> None:
    mask = mask_after([stroke([0, 0, 6, 6, 6, 0, 0, 6], tool="outline")], 6, 6)
    assert mask[2:4, 0].all()
    assert mask[2:4, 5].all()
    assert not mask[0, 2:4].any()


def test_a_loop_drawn_over_itself_has_no_hole() -> None:
    square = [1, 1, 7, 1, 7, 7, 1, 7]
    inner = [1, 1, 5, 1, 5, 5, 1, 5]  # the same way round: winding 2 inside
    once = mask_after([stroke([float(v) for v in square], tool="outline")], 8, 8)
    assert np.array_equal(mask_after([stroke([float(v) for v in square + inner], tool="outline")], 8, 8), once)


def test_fewer_than_3_points_go_round_nothing() -> None:
    assert not mask_after([stroke([1, 1, 4, 4], tool="outline")], 5, 5).any()


def test_removing_takes_marks_away_and_only_its_own() -> None:
    everything = stroke([0, 0, 5, 0, 5, 5, 0, 5], tool="outline")
    mask = mask_after([everything, stroke([2.5, 2.5], mode="remove")], 5, 5)
    assert picture(mask) == ["#####", "##.##", "#...#", "##.##", "#####"]


# Undo, redo, clear

UNDO, REDO, CLEAR = ({"kind": kind} for kind in ("undo", "redo", "clear"))
A, B, C = (stroke([float(n), 0.0]) for n in range(3))


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ([], []),
        ([A, B], [A, B]),
        ([A, B, UNDO], [A]),
        ([A, B, UNDO, REDO], [A, B]),
        ([A, B, UNDO, UNDO, REDO], [A]),
        ([A, B, UNDO, C, REDO], [A, C]),
        ([A, CLEAR], []),
        ([A, CLEAR, B], [B]),
        ([A, B, CLEAR, UNDO], [A, B]),
        ([A, B, CLEAR, UNDO, REDO], []),
        ([A, B, UNDO, CLEAR, REDO, UNDO], [A]),
        ([A, CLEAR, B, UNDO, UNDO, UNDO, REDO], [A]),
        ([UNDO, REDO, A, UNDO, UNDO, REDO, REDO], [A]),
    ],
)
def test_what_counts_after_undo_redo_and_clear(events: list[dict[str, Any]], left: list[dict[str, Any]]) -> None:
    assert [one.points for one in effective_strokes(events)] == [one["points"] for one in left]


def test_another_kind_of_event_is_refused() -> None:
    with pytest.raises(ValueError, match="event kind 'scribble': expected stroke, clear, undo or redo"):
        effective_strokes([{"kind": "scribble"}])


# Run lengths


def test_run_lengths_go_down_the_columns_and_begin_outside() -> None:
    mask = np.array([[0, 1, 1], [0, 1, 0]], bool)
    assert counts_of(mask) == [2, 3, 1]
    assert counts_of(~mask) == [0, 2, 3, 1]


@pytest.mark.parametrize("fill", [False, True])
def test_run_lengths_of_an_empty_and_a_full_mask(fill: bool) -> None:
    mask = np.full((3, 4), fill)
    assert counts_of(mask) == ([0, 12] if fill else [12])
    assert np.array_equal(mask_of(counts_of(mask), 3, 4), mask)


def test_run_lengths_come_back_as_the_same_mask() -> None:
    rng = np.random.default_rng(5)
    for height, width in SIZES:
        mask = rng.random((height, width)) < 0.4
        assert np.array_equal(mask_of(counts_of(mask), height, width), mask)


def test_run_lengths_that_do_not_fill_the_image_are_refused() -> None:
    with pytest.raises(ValueError, match="run lengths sum to 11, the image has 3 x 4 = 12 pixels"):
        mask_of([5, 6], 3, 4)
    with pytest.raises(ValueError, match="whole numbers, 0 or more"):
        mask_of([13, -1], 3, 4)


# Against a loop over pixels, and in the browser


def random_points(rng: np.random.Generator, height: int, width: int, count: int) -> list[float]:
    """Eighths of pixels, some on the border, some repeated, some level with the one before: what hands and mice do."""
    points: list[tuple[float, float]] = []
    for _ in range(count):
        x, y = (rng.integers(0, 8 * side + 1) / 8 for side in (width, height))
        kind = rng.integers(0, 8)
        if kind == 0:
            x, y = float(rng.choice([0, width])), y
        elif kind == 1:
            x, y = x, float(rng.choice([0, height]))
        elif kind == 2:  # through pixel centres
            x, y = np.floor(min(x, width - 0.5)) + 0.5, np.floor(min(y, height - 0.5)) + 0.5
        elif kind == 3 and points:
            x, y = points[-1]
        elif kind == 4 and points:
            y = points[-1][1]
        points.append((float(x), float(y)))
    return [value for point in points for value in point]


def random_log(rng: np.random.Generator, height: int, width: int) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for _ in range(rng.integers(1, 14)):
        kind = rng.choice(["stroke"] * 6 + ["undo", "undo", "redo", "clear"])
        if kind != "stroke":
            events.append({"kind": str(kind)})
            continue
        tool = str(rng.choice(["brush", "outline", "polygon", *EXACT]))
        count = EXACT.get(tool) or (int(rng.integers(1, 9)) if tool == "brush" else int(rng.integers(3, 40)))
        radius = float(rng.choice([0.5, 0.625, 1.0, 1.5, 2.5, 4.125, 9.0, 31.875, 512.0]))
        mode = str(rng.choice(["add", "add", "remove"]))
        events.append(stroke(random_points(rng, height, width, count), tool=tool, mode=mode, radius=radius))
    return events


def distance_squared(x: float, y: float, start: tuple[float, float], end: tuple[float, float]) -> float:
    """From a point to a segment, through the nearest point on it."""
    ux, uy = end[0] - start[0], end[1] - start[1]
    length = ux * ux + uy * uy
    share = 0.0 if length == 0 else min(1.0, max(0.0, ((x - start[0]) * ux + (y - start[1]) * uy) / length))
    return (x - start[0] - share * ux) ** 2 + (y - start[1] - share * uy) ** 2


def test_the_brush_marks_the_pixels_within_its_radius() -> None:
    rng = np.random.default_rng(11)
    for _ in range(60):
        height, width = int(rng.integers(1, 14)), int(rng.integers(1, 14))
        flat = random_points(rng, height, width, int(rng.integers(1, 5)))
        points = list(zip(flat[::2], flat[1::2], strict=True))
        radius = float(rng.choice([0.5, 1.0, 2.375, 6.0, 40.0]))
        mask = drawn_mask([Stroke(tool="brush", mode="add", radius=radius, points=flat)], height, width)
        segments = list(zip(points, points[1:] or points, strict=False))
        for row, col in np.ndindex(height, width):
            nearest = min(distance_squared(col + 0.5, row + 0.5, *segment) for segment in segments)
            if abs(nearest - radius * radius) > 1e-9:  # exactly on the rim the quotient of this loop decides nothing
                assert mask[row, col] == (nearest < radius * radius)


def winding(x: float, y: float, points: list[tuple[float, float]]) -> int | None:
    """How often a closed curve goes round a point, by the angle that it sees; None on the curve itself."""
    turned = 0.0
    for start, end in zip(points, [*points[1:], points[0]], strict=True):
        if distance_squared(x, y, start, end) < 1e-18:
            return None
        a, b = complex(start[0] - x, start[1] - y), complex(end[0] - x, end[1] - y)
        turned += np.angle(b / a)
    return round(turned / (2 * np.pi))


@pytest.mark.parametrize("tool", ["outline", "polygon"])
def test_a_region_is_where_the_curve_winds(tool: str) -> None:
    rng = np.random.default_rng(12)
    for _ in range(60):
        height, width = int(rng.integers(1, 14)), int(rng.integers(1, 14))
        flat = random_points(rng, height, width, int(rng.integers(3, 16)))
        points = list(zip(flat[::2], flat[1::2], strict=True))
        mask = drawn_mask([Stroke(tool=tool, mode="add", radius=0.0, points=flat)], height, width)  # type: ignore[arg-type]
        for row, col in np.ndindex(height, width):
            times = winding(col + 0.5, row + 0.5, points)
            if times is not None:
                assert mask[row, col] == (times != 0)


def test_a_point_marks_its_pixel_or_a_disc_about_it() -> None:
    assert picture(mask_after([stroke([1.0, 2.875], "point", radius=0.5)], 4, 3)) == ["...", "...", ".#.", "..."]
    assert picture(mask_after([stroke([3.0, 4.0], "point", radius=0.5)], 4, 3)) == ["...", "...", "...", "..#"]
    assert picture(mask_after([stroke([2.0, 2.0], "point", radius=1.0)], 5, 5)) == [
        ".....", "..#..", ".###.", "..#..", ".....",
    ]  # fmt: skip


def test_a_box_marks_the_centres_between_its_corners_in_any_order() -> None:
    for points in ([0.5, 1.0, 3.5, 2.5], [3.5, 2.5, 0.5, 1.0], [0.5, 2.5, 3.5, 1.0]):  # left side inside, right outside
        assert picture(mask_after([stroke(points, "box")], 4, 5)) == [".....", "###..", ".....", "....."]
    assert not mask_after([stroke([0.5, 1.0, 0.5, 3.0], "box")], 4, 5).any()


def test_an_ellipse_marks_the_centres_within_it() -> None:
    assert picture(mask_after([stroke([5.0, 0.0, 0.0, 3.0], "ellipse")], 3, 6)) == [".###..", "#####.", ".###.."]
    assert mask_after([stroke([0.0, 0.0, 1.0, 1.0], "ellipse")], 1, 1).all()
    assert not mask_after([stroke([0.0, 1.0, 4.0, 1.0], "ellipse")], 4, 4).any()


def test_exact_shapes_follow_their_inequalities_in_fractions() -> None:
    rng = np.random.default_rng(13)
    for _ in range(80):
        height, width = int(rng.integers(1, 16)), int(rng.integers(1, 16))
        tool, radius = str(rng.choice(list(EXACT))), float(rng.choice([0.5, 1.0, 2.375, 6.0, 40.0]))
        flat = random_points(rng, height, width, EXACT[tool])
        mask = mask_after([stroke(flat, tool, radius=radius)], height, width)
        x, y = ([Fraction(value) for value in flat[axis::2]] for axis in (0, 1))
        half = Fraction(1, 2)
        for row, col in np.ndindex(height, width):
            at_x, at_y = col + half, row + half
            if tool == "point":
                middle = [min(int(v), side - 1) + half for v, side in ((x[0], width), (y[0], height))]
                inside = (at_x - middle[0]) ** 2 + (at_y - middle[1]) ** 2 <= Fraction(radius) ** 2
            elif tool == "box":
                inside = min(x) <= at_x < max(x) and min(y) <= at_y < max(y)
            else:
                a, b = (max(x) - min(x)) / 2, (max(y) - min(y)) / 2
                shares = [((at_x - sum(x) / 2) / a) ** 2, ((at_y - sum(y) / 2) / b) ** 2] if a and b else [2]
                inside = sum(shares) <= 1
            assert mask[row, col] == inside


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}  # noqa: RUF012

    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>raster</title>")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the tests' output is theirs."""


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Any]:
    """A blank page of a headless browser that can import the drawing page's modules from its own origin."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    if BROWSER is None:
        pytest.skip("no chromium, chromium-browser or google-chrome on PATH")
    handler = functools.partial(QuietHandler, directory=str(PAGE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=flags)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        yield page
        browser.close()
    server.shutdown()
    server.server_close()


REPLAY = """async (logs) => {
  const { countsOf, drawnMask, effectiveStrokes } = await import("/raster.js");
  const { Drawing } = await import("/drawing.js");
  return logs.map(({ height, width, events }) => {
    const mask = drawnMask(effectiveStrokes(events), height, width);
    const drawing = new Drawing(height, width, events);
    return { counts: countsOf(mask, height, width), drawn: drawing.encoded(), pixels: drawing.pixels };
  });
}"""


@pytest.fixture(scope="module")
def logs() -> list[dict[str, Any]]:
    rng = np.random.default_rng(20)
    return [
        {"height": height, "width": width, "events": random_log(rng, height, width)}
        for height, width in SIZES
        for _ in range(LOGS_PER_SIZE)
    ]


def test_the_page_marks_the_same_pixels(browser_page: Any, logs: list[dict[str, Any]]) -> None:
    marked = 0
    for log, page in zip(logs, browser_page.evaluate(REPLAY, logs), strict=True):
        mask = mask_after(log["events"], log["height"], log["width"])
        assert page["counts"] == counts_of(mask), log
        assert page["drawn"] == {"size": [log["height"], log["width"]], "counts": counts_of(mask)}, log
        assert page["pixels"] == mask.sum(), log
        marked += bool(mask.any())
    assert marked > len(logs) / 3  # the logs do draw something


def test_the_page_marks_the_same_pixels_on_a_large_image(browser_page: Any) -> None:
    rng = np.random.default_rng(21)
    height, width = 1500, 1300
    spiral = [
        round(8 * (centre + (20 + turn * 9) * wave(turn))) / 8
        for turn in np.linspace(0, 60, 1500)
        for centre, wave in ((650, np.cos), (750, np.sin))
    ]
    events = [stroke([float(v) for v in spiral], tool="outline"), stroke([float(v) for v in spiral[::-1]], radius=6.5)]
    events += [e for _ in range(4) for e in random_log(rng, height, width) if e["kind"] == "stroke"]
    events += [
        stroke([1.125, 3.0, 1299.875, 1498.625], "ellipse", "remove"),
        stroke([0.0, 0.0, 1300.0, 1499.125], "ellipse"),
    ]
    [page] = browser_page.evaluate(REPLAY, [{"height": height, "width": width, "events": events}])
    assert page["counts"] == counts_of(mask_after(events, height, width))


def test_the_page_steps_back_and_forth_as_the_log_says(browser_page: Any) -> None:
    """Appends to a drawing event by event; after each, the mask kept up to date is the mask replayed from the log."""
    rng = np.random.default_rng(22)
    script = """async ({ height, width, steps }) => {
      const { Drawing } = await import("/drawing.js");
      const drawing = new Drawing(height, width);
      const masks = [];
      for (const step of steps) {
        if (step.kind === "stroke") drawing.stroke(step);
        else drawing[step.kind]();
        masks.push({ ...drawing.encoded(), pixels: drawing.pixels, num: drawing.events.length });
      }
      return { masks, events: drawing.events };
    }"""
    steps = [event for _ in range(25) for event in random_log(rng, 40, 33)]
    steps.append({"kind": "undo"})
    page = browser_page.evaluate(script, {"height": 40, "width": 33, "steps": steps})
    events = page["events"]
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert len({event["id"] for event in events}) == len(events)
    for step in page["masks"]:
        mask = mask_after(events[: step["num"]], 40, 33)
        assert step["counts"] == counts_of(mask)
        assert step["pixels"] == mask.sum()


def test_ids_are_uuids_without_a_secure_context_too(browser_page: Any) -> None:
    script = """async () => {
      const { uuid } = await import("/drawing.js");
      const withIt = uuid();
      Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true });
      const withoutIt = [uuid(), uuid()];
      delete crypto.randomUUID;
      return [withIt, ...withoutIt];
    }"""
    ids = browser_page.evaluate(script)
    version_4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert len(set(ids)) == 3
    assert all(re.fullmatch(version_4, one) for one in ids)


PEN = """async ({ tool, moves, height, width }) => {
  const { Pen } = await import("/pen.js");
  const pen = new Pen({ tool, mode: "add", radius: 3.3 }, height, width);
  for (const [x, y] of moves) pen.add({ x, y });
  return pen.strokes();
}"""


def test_the_pen_rounds_clamps_thins_and_ends_where_it_was_lifted(browser_page: Any) -> None:
    moves = [[-3, 2.06], [0.1, 2.1], [4.19, 2.0], [4.3, 2.0]]
    pen = browser_page.evaluate(PEN, {"tool": "brush", "moves": moves, "height": 8, "width": 9})
    assert pen == [{"tool": "brush", "mode": "add", "radius": 3.25, "points": [0, 2, 4.25, 2]}]
    moves = [[4, 4], [4.15, 4], [90, 90]]  # the second is too near to say anything new
    pen = browser_page.evaluate(PEN, {"tool": "brush", "moves": moves, "height": 8, "width": 9})
    assert [one["points"] for one in pen] == [[4, 4, 9, 8]]
    moves = [[4, 4], [4.13, 4]]  # but it is where the pen was lifted
    pen = browser_page.evaluate(PEN, {"tool": "brush", "moves": moves, "height": 8, "width": 9})
    assert [one["points"] for one in pen] == [[4, 4, 4.125, 4]]


@pytest.mark.parametrize(
    ("num_points", "parts"), [(10_000, [20_000]), (10_001, [20_000, 4]), (25_000, [20_000, 20_000, 10_004])]
)
def test_a_long_brush_stroke_is_split_without_a_gap(browser_page: Any, num_points: int, parts: list[int]) -> None:
    moves = [[i % 100, i // 100] for i in range(num_points)]
    pen = browser_page.evaluate(PEN, {"tool": "brush", "moves": moves, "height": 300, "width": 100})
    assert [len(one["points"]) for one in pen] == parts
    for before, after in itertools.pairwise(pen):
        assert before["points"][-2:] == after["points"][:2]
    assert pen[-1]["points"][-2:] == moves[-1]


def test_a_long_outline_stays_one_stroke_and_a_short_one_is_none(browser_page: Any) -> None:
    moves = [[i % 100, i // 100] for i in range(25_000)]
    [outline] = browser_page.evaluate(PEN, {"tool": "outline", "moves": moves, "height": 300, "width": 100})
    assert len(outline["points"]) == 12_500
    assert browser_page.evaluate(PEN, {"tool": "outline", "moves": moves[:2], "height": 300, "width": 100}) == []


SAMPLED = """async ({ counts, height, width, rows, cols }) => {
  const { borderOf, sampledMask } = await import("/sampled_mask.js");
  const mask = sampledMask(counts, height, width, rows, cols);
  return { mask: [...mask], border: borderOf(mask, rows, cols) };
}"""


def test_the_coordinator_sees_the_masks_that_are_stored(browser_page: Any) -> None:
    """At the film's own size pixel by pixel; on a smaller grid the pixel at the middle of each cell."""
    mask_HW = np.random.default_rng(0).random((30, 44)) < 0.5
    sent = {"counts": counts_of(mask_HW), "height": 30, "width": 44}
    whole = browser_page.evaluate(SAMPLED, {**sent, "rows": 30, "cols": 44})
    np.testing.assert_array_equal(np.reshape(whole["mask"], (30, 44)), mask_HW)
    inside = np.pad(mask_HW, 1)
    is_border = mask_HW & ~(inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:])
    assert whole["border"] == np.flatnonzero(is_border).tolist()
    small = browser_page.evaluate(SAMPLED, {**sent, "rows": 15, "cols": 11})
    np.testing.assert_array_equal(np.reshape(small["mask"], (15, 11)), mask_HW[1::2, 2::4])
    empty = browser_page.evaluate(SAMPLED, {**sent, "counts": [30 * 44], "rows": 15, "cols": 11})
    assert not any(empty["mask"])
