"""Random streams by name: independent, repeatable, and no name used twice."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from sightline.statistics.streams import stream, stream_seed

SRC = Path(__file__).parents[2] / "src"


def names_of(source: str) -> list[tuple[str, str]]:
    """Stage and use of each call of `stream` and `stream_seed`, which must be written out."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("stream", "stream_seed"):
            stage, use = node.args[1:3]
            assert isinstance(stage, ast.Constant), ast.unparse(node)
            assert isinstance(use, ast.Constant), ast.unparse(node)
            names.append((str(stage.value), str(use.value)))
    return names


def repeated(names: list[tuple[str, str]]) -> set[tuple[str, str]]:
    return {name for name in names if names.count(name) > 1}


def test_no_two_uses_share_a_name() -> None:
    names = [name for path in sorted(SRC.rglob("*.py")) for name in names_of(path.read_text())]
    assert len(names) > 25
    assert repeated(names) == set()
    planted = names_of('stream(seed, "align", "flips")\nstream_seed(seed, "align", "flips", epoch)\n')
    assert repeated(planted) == {("align", "flips")}


def test_outside_the_page_all_draws_come_from_named_streams() -> None:
    """The page keeps the numbered streams of its plans: a running study's order of films must survive an upgrade."""
    makers = ("np.random.default_rng(", "np.random.seed(", "random.Random(")
    others = {
        path.relative_to(SRC).as_posix()
        for path in SRC.rglob("*.py")
        if any(maker in path.read_text() for maker in makers)
    }
    page = {"sightline/annotate/assignment.py", "sightline/annotate/images.py"}
    assert others == {"sightline/statistics/streams.py", *page}


def test_the_same_name_gives_the_same_draws_and_another_name_others() -> None:
    draws = stream(0, "align", "random maps", "image1").random(4)
    np.testing.assert_array_equal(draws, stream(0, "align", "random maps", "image1").random(4))
    others = [
        stream(1, "align", "random maps", "image1"),
        stream(0, "align", "random maps", "image2"),
        stream(0, "align", "random maps"),
        stream(0, "random maps", "align", "image1"),
        stream(0, "alignrandom maps", "image1"),
    ]
    assert all(not np.array_equal(draws, other.random(4)) for other in others)
    assert not np.array_equal(stream(0, "a", "b", 1).random(4), stream(0, "a", "b", "1").random(4))


def test_streams_are_uncorrelated() -> None:
    """Two thousand names: mean and neighbours' correlation within five standard errors of independent draws."""
    draws = np.array([stream(0, "test", "image", number).random(50) for number in range(2000)])
    assert abs(draws.mean() - 0.5) < 5 * np.sqrt(1 / 12 / draws.size)
    centred = draws - 0.5
    correlation = 12 * (centred[1:] * centred[:-1]).mean()
    assert abs(correlation) < 5 / np.sqrt(centred[1:].size)


def test_a_seed_for_pytorch() -> None:
    seeds = [stream_seed(0, "train", "dropout", epoch) for epoch in range(100)]
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seeds[0] == stream_seed(0, "train", "dropout", 0)


@pytest.mark.parametrize(("seed", "name"), [(-1, ("a", "b")), (0, ())])
def test_a_negative_seed_and_an_empty_name_are_refused(seed: int, name: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="a seed of 0 or more and a name"):
        stream(seed, *name)
