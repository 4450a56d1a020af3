"""The broken copies that tests of readers use: the same for the same seed, and never the original."""

from __future__ import annotations

import copy

import numpy as np

from mutations import json_bytes, mutated_bytes, mutated_json

DOCUMENT = {"a": [1, 2.5, "text", None], "b": {"c": [[1, 2], [3, 4]], "d": True}}


def test_mutations_repeat_with_their_seed_and_leave_the_original() -> None:
    kept = copy.deepcopy(DOCUMENT)
    content = json_bytes(DOCUMENT)
    for seed in range(200):
        first, again = (json_bytes(mutated_json(DOCUMENT, np.random.default_rng(seed))) for _ in range(2))
        assert first == again
        assert mutated_bytes(content, np.random.default_rng(seed)) == mutated_bytes(
            content, np.random.default_rng(seed)
        )
    assert kept == DOCUMENT


def test_most_mutations_change_something() -> None:
    rng = np.random.default_rng(0)
    content = json_bytes(DOCUMENT)
    assert sum(json_bytes(mutated_json(DOCUMENT, rng)) != content for _ in range(500)) > 450
    assert sum(mutated_bytes(content, rng) != content for _ in range(500)) > 450
