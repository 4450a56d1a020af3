"""Every argument of every public function given something of a wrong type: one error in the argument's words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sightline

MASK = np.tri(8, 12, dtype=bool)
FILMS = {name: np.full((8, 12), value, np.uint8) for name, value in (("a1", 3), ("a2", 200))}
MAPS, MASKS = dict.fromkeys(FILMS, MASK * 1.0), dict.fromkeys(FILMS, MASK)
OBJECT, LONG = object(), "x" * 300
JUNK: tuple[Any, ...] = (
    3,
    float("nan"),
    -1,
    "a",
    LONG,
    "nul\0",
    b"bytes",
    [],
    [3],
    {},
    {"a1": None},
    {3: "a"},
    OBJECT,
    None,
)


def film(folder: Path) -> Path:
    path = folder / "film.png"
    Image.new("L", (12, 8), 128).save(path)
    return path


def masks(folder: Path) -> Path:
    path = folder / "masks.npz"
    np.savez(path, **MASKS)  # type: ignore[arg-type]
    return path


def network(_: Path) -> Any:
    from torch import nn

    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))


def model(folder: Path) -> Any:
    return sightline.load_model(network(folder), channels=1)


Made = Callable[[Path], Any]
CALLS: dict[str, dict[str, Made]] = {
    "score": {"maps": lambda _: MAPS, "regions": lambda _: MASKS},
    "verdict": {"maps": lambda _: MAPS, "regions": lambda _: MASKS},
    "read_annotations": {"path": masks},
    "agreement": {"annotations": lambda _: {name: {"ann": MASK, "bob": ~MASK} for name in FILMS}},
    "consensus": {"masks": lambda _: [MASK, MASK]},
    "read_film": {"path": film},
    "phantom": {"n": lambda _: 1},
    "load_model": {"model": network, "channels": lambda _: 1},
    "explain": {"model": model, "images": lambda _: FILMS},
    "check_model": {"model": model, "images": lambda _: FILMS, "labels": lambda _: {"a1": 0, "a2": 1}},
}
ARGUMENTS = [(name, argument) for name in CALLS for argument in inspect.signature(getattr(sightline, name)).parameters]


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_an_argument_of_another_type_is_an_error_that_names_it(name: str, argument: str, tmp_path: Path) -> None:
    """Or it is taken, where it means something; nothing from the depths comes out."""
    wrong = []
    given = {key: made(tmp_path) for key, made in CALLS[name].items()}
    for junk in JUNK:
        try:
            getattr(sightline, name)(**given | {argument: junk})
        except sightline.StudyError as error:
            words = str(error)
            if not re.search(rf"\b{argument}\b", words) and str(junk) not in words and repr(junk) not in words:
                wrong.append(f"{junk!r}: does not name the argument: {words}")
        except Exception as error:
            wrong.append(f"{junk!r}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sightline.read_film(3), "path: expected a path, got int"),  # type: ignore[arg-type]
        (lambda: sightline.read_film("\0"), r"path: '\x00' cannot be a path; it holds a null character"),
        (lambda: sightline.read_annotations(b"a"), "path: expected a path, got bytes"),  # type: ignore[arg-type]
        (lambda: sightline.read_annotations("a", finding=3), "finding: expected a name or several, got 3"),  # type: ignore[arg-type]
        (
            lambda: sightline.read_annotations("a", finding=(name for name in "ab")),  # type: ignore[arg-type]
            "finding: expected a name or several, got <generator object",
        ),
        (lambda: sightline.consensus([MASK], min_share="a"), "min_share: expected a number, got 'a'"),  # type: ignore[arg-type]
        (lambda: sightline.explain("a", FILMS, seed=-1), "seed: expected a whole number, 0 or more, got -1"),
        (
            lambda: sightline.score({"x" * 300: MASK * 1.0}, {"x" * 300: MASK}, images={"x" * 300: FILMS["a1"]}),
            "maps: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx... has 300 bytes; an image's name has at most 243",
        ),
        (
            lambda: sightline.explain("a" * 300, FILMS),
            "model: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... cannot be a path; a name has at most 255 bytes, it 300",
        ),
        (lambda: sightline.phantom(0, readers=0), "n: expected a whole number, 1 or more, got 0"),
    ],
)
def test_the_words_say_what_is_expected(call: Callable[[], object], words: str) -> None:
    with pytest.raises(sightline.StudyError) as raised:
        call()
    assert words in str(raised.value)
