"""What the server sends of a film, and of which tasks: samples without loss, and no film before its time."""

from __future__ import annotations

import io
import json
import threading
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from sightline.annotate.sent_films import KeptFilms, SentFilm, sent_pixels, sent_samples
from sightline.images.samples import Samples

if TYPE_CHECKING:
    from pages import Page, Served

WINDOWS = dict.fromkeys(("own", "lung", "bone", "whole"), (0.0, 100.0))


def unpacked(sent: SentFilm) -> np.ndarray:
    """uint16 H x W by the format's description, pixel by pixel."""
    height, width = sent.facts["height"], sent.facts["width"]
    content = zlib.decompress(sent.content)[sent.facts["white"] + 1 if sent.facts["has_gray"] else 0 :]
    assert len(content) == 2 * height * width
    film = [[0] * width for _ in range(height)]
    for top in range(0, height, 64):
        rows = min(64, height - top)
        band = content[2 * top * width : 2 * (top + rows) * width]
        for place in range(rows * width):
            row, col = top + place // width, place % width
            folded = band[place] << 8 | band[place + rows * width]
            residual = -(folded + 1 >> 1) if folded & 1 else folded >> 1
            above, left = film[row - 1][col] if row else 0, film[row][col - 1] if col else 0
            film[row][col] = ((above + left >> 1) + residual) % 2**16
    return np.array(film, np.uint16)


@pytest.mark.parametrize("shape", [(1, 1), (64, 3), (65, 7), (130, 20)])
@pytest.mark.parametrize("largest", [4095, 65535])
def test_samples_arrive_as_they_are(shape: tuple[int, int], largest: int) -> None:
    rng = np.random.default_rng(0)
    for films in (rng.integers(0, largest + 1, shape), largest * rng.integers(0, 2, shape), np.full(shape, largest)):
        samples = films.astype(np.uint16)
        sent = sent_samples(Samples(samples_HW=samples, white=largest, windows=WINDOWS, states_window=False))
        np.testing.assert_array_equal(unpacked(sent), samples)
        assert json.loads(sent.header) == json.loads(json.dumps(sent.facts))


def test_a_look_that_no_window_gives_precedes_the_samples() -> None:
    gray = np.arange(301, dtype=np.uint16).astype(np.uint8)
    samples = np.full((3, 4), 300, np.uint16)
    sent = sent_samples(Samples(samples_HW=samples, white=300, windows=WINDOWS, states_window=True, gray_L=gray))
    assert zlib.decompress(sent.content)[:301] == gray.tobytes()
    np.testing.assert_array_equal(unpacked(sent), samples)


def test_eight_bits_and_colours_are_sent_as_png_and_shown_as_they_are() -> None:
    pixels = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    for film in (pixels, pixels[..., 0]):
        sent = sent_pixels(film)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(sent.content))), film)
        assert sent.media_type == "image/png"
        assert sent.facts["windows"]["own"] == [0, 255]


def test_kept_films_are_made_once_and_stay_within_their_room() -> None:
    made: list[str] = []

    def make(image: str) -> SentFilm:
        made.append(image)
        return SentFilm(b"x" * 40, "image/png", {})

    kept = KeptFilms(make, 100)
    threads = [threading.Thread(target=kept.film, args=("a",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["a"]
    for image in ("b", "a", "c", "a", "b"):
        kept.film(image)
    assert made == ["a", "b", "c", "b"]  # c put out b, which had not been asked for since a


def names(page: Page) -> list[str]:
    return [task["task"] for task in page.send("GET", "/api/progress").json()["tasks"]]


def test_only_the_next_film_and_the_two_after_it_are_sent_and_that_makes_nothing_final(served: Served) -> None:
    from pages import SQUARE, answer_of, stroke

    reader, page = served.reader()
    tasks = names(page)
    for number in range(4):
        codes = [page.send("GET", f"/api/tasks/{name}/image").status_code for name in tasks]
        assert codes == [200] * (number + 3) + [404] * (len(tasks) - number - 3)
        body = {"events": [stroke(0, SQUARE)]}
        codes = [page.send("POST", f"/api/tasks/{name}/events", body).status_code for name in tasks[number + 1 :]]
        assert codes == [404] * (len(tasks) - number - 1)  # what was fetched ahead cannot be drawn on
        answer = {**answer_of([], 64, 64), "answer": "none", "mask": None}
        assert page.send("POST", f"/api/tasks/{tasks[number + 1]}/submission", answer).status_code == 404
        refused = page.send("GET", f"/api/tasks/{tasks[-1]}/image").json()
        assert refused["detail"]["code"] == "no_task"
        task = page.next()
        events = [stroke(0, SQUARE)]
        page.draw(task, events)
        assert page.submit(task, events).status_code == 200
    rows = served.store.tasks_of(reader)
    again = next(row for row in rows if row.repeat)
    first = next(row for row in rows if row.image == again.image and not row.repeat)
    while (task := page.next())["number"] < again.number - 1:
        page.draw(task, events)
        page.submit(task, events)
    film = page.send("GET", f"/api/tasks/{again.task}/image")
    assert (film.status_code, film.headers["cache-control"]) == (200, "no-store")
    assert served.store.is_final(first.task) is False
    assert json.loads(film.headers["x-film"])["windows"]["own"] == [0, 255]
    assert set(json.loads(film.headers["x-film"])) == {
        "height", "width", "white", "windows", "states_window", "is_padded", "has_gray",
    }  # fmt: skip
    page.draw(task, events)
    page.submit(task, events)
    assert served.store.is_final(first.task) is True  # its second reading is now the next image
