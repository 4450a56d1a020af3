"""The card of an export: strict keys, and outputs to logits by hand-computed values."""

from __future__ import annotations

import itertools
import math
import random
from pathlib import Path

import pytest
import torch

from sightline.own_models.card import Card, card_logits, read_card
from sightline.own_models.declared import DeclaredInput
from sightline.study.errors import StudyError

GOOD = {
    "size": "224", "channels": "3", "mean": "[0.485, 0.456, 0.406]", "std": "[0.229, 0.224, 0.225]",
    "value_range": "[0, 1]", "output": "logit",
}  # fmt: skip


def card(folder: Path, **changes: str | None) -> Card:
    path = folder / "ours.yaml"
    lines = {**GOOD, **changes}
    path.write_text("".join(f"{name}: {value}\n" for name, value in lines.items() if value is not None))
    return read_card(path)


def refusal(folder: Path, **changes: str | None) -> str:
    with pytest.raises(StudyError) as refused:
        card(folder, **changes)
    return str(refused.value)


def test_a_card_is_read(tmp_path: Path) -> None:
    read = card(tmp_path)
    assert read.input.size == (224, 224)
    assert read.input.mean == (0.485, 0.456, 0.406)
    assert read.facts == {
        "size": [224, 224], "channels": 3, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
        "value_range": [0.0, 1.0], "output": "logit", "label": None,
    }  # fmt: skip
    read = card(tmp_path, size="[320, 256]", mean="0.5", channels="1", std="1e-1", label="b", labels="[a, b, c]")
    assert (read.input.size, read.input.mean, read.input.std, read.label) == ((320, 256), (0.5,), (0.1,), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": None}, "size: missing"),
        ({"sise": "3"}, "sise: unknown; did you mean size?"),
        ({"range": "[0, 1]"}, "range: unknown; did you mean value_range?"),
        ({"size": "224.0"}, "size: expected a whole number of pixels, or rows and columns, got 224.0"),
        ({"size": "[224]"}, "size: expected a whole number of pixels, or rows and columns, got [224]"),
        ({"size": "0"}, "size: expected a whole number of pixels"),
        ({"channels": "4"}, "channels: expected 1 or 3, got 4"),
        ({"channels": "'3'"}, "channels: expected 1 or 3, got '3'"),
        ({"channels": None}, "channels: missing"),
        ({"mean": "[0.5]"}, "mean: has 1 numbers, but channels is 3"),
        ({"mean": "[a, b, c]"}, "mean: expected a number or a list of one per channel, got ['a', 'b', 'c']"),
        ({"std": "[0.2, 0, 0.2]"}, "std: expected numbers above 0, got [0.2, 0, 0.2]"),
        ({"value_range": "[1, 0]"}, "value_range: expected the lower number first, got [1, 0]"),
        ({"value_range": "1"}, "value_range: expected two numbers"),
        (
            {"output": "logits"},
            "output: expected one of logit, probability, softmax, got 'logits'; did you mean logit?",
        ),
        ({"output": "[logit]"}, "output: expected one of logit, probability, softmax, got ['logit']"),
        ({"label": "-1"}, "label: expected a column's number, from 0, got -1"),
        ({"label": "true"}, "label: expected a column's number, from 0, got True"),
        ({"label": "pneumonia"}, "label: 'pneumonia' is a name; give the column's number, or all names in order"),
        ({"label": "pneumona", "labels": "[normal, pneumonia]"}, "is not among labels; did you mean pneumonia?"),
        ({"labels": "[a, a]"}, "labels: expected a list of different names"),
        ({"size": None, "mean": "x", "colour": "1"}, "3 wrong keys"),
    ],
)
def test_wrong_cards(tmp_path: Path, changes: dict[str, str | None], message: str) -> None:
    assert message in refusal(tmp_path, **changes)


def test_files_that_are_no_card(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    with pytest.raises(StudyError, match="not there; `sightline model new NAME --export` writes a card"):
        read_card(path)
    for text, message in {
        "": "expected a mapping of size",
        "- size": "expected a mapping of size",
        "size: [": "not readable as YAML",
        "size: 3\nsize: 4": "not readable as YAML",
        "a: !!python/object/apply:os.system [ls]": "not readable as YAML",
    }.items():
        path.write_text(text)
        with pytest.raises(StudyError, match=message):
            read_card(path)
    path.write_bytes(b"\xff\xfe\x00\x01\x02")
    with pytest.raises(StudyError, match=r"ours\.yaml"):
        read_card(path)


def test_mutated_cards_are_read_or_refused_in_words(tmp_path: Path) -> None:
    generator = random.Random(0)
    text = "".join(f"{name}: {value}\n" for name, value in GOOD.items())
    path = tmp_path / "ours.yaml"
    for _ in range(60):
        place = generator.randrange(len(text))
        path.write_text(text[:place] + generator.choice("[]{}:,'\"#&*!|>%@0-.\n\t x") + text[place + 1 :])
        try:
            assert isinstance(read_card(path), Card)
        except StudyError as error:
            assert str(path) in str(error)  # noqa: PT017  either way is right


def logits(folder: Path, returned: object, **changes: str) -> list[float]:
    result = card_logits(card(folder, **changes), returned)
    assert result.dtype == torch.float32
    return result.tolist()


def test_outputs_become_logits(tmp_path: Path) -> None:
    rows = torch.tensor([[1.0, 3.0, 2.0], [0.0, 0.0, 0.0]])
    assert logits(tmp_path, rows[:, 1]) == [3, 0]
    assert logits(tmp_path, rows[:, 1:2].half()) == [3, 0]
    assert logits(tmp_path, rows, label="2") == [2, 0]
    assert logits(tmp_path, (rows,), label="0") == [1, 0]
    assert logits(tmp_path, {"out": rows}, label="c", labels="[a, b, c]") == [2, 0]
    by_hand = [3 - math.log(math.exp(1) + math.exp(2)), -math.log(2)]
    assert logits(tmp_path, rows, output="softmax", label="1") == pytest.approx(by_hand, abs=1e-6)
    probability = rows.softmax(1)[:, 1]  # the logit of softmax's probability is the same
    assert logits(tmp_path, probability, output="probability") == pytest.approx(by_hand, abs=1e-5)
    assert logits(tmp_path, rows[:, :2], output="softmax", label="1") == [2, 0]


def test_probabilities_stay_finite(tmp_path: Path) -> None:
    values = logits(tmp_path, torch.tensor([0.0, 0.5, 1.0, 0.75]), output="probability")
    assert values == pytest.approx([-15.942385, 0, 15.942385, math.log(3)], abs=1e-5)
    p = torch.tensor([0.25], requires_grad=True)
    (gradient,) = torch.autograd.grad(card_logits(card(tmp_path, output="probability"), p).sum(), p)
    assert gradient.item() == pytest.approx(1 / (0.25 * 0.75))


@pytest.mark.parametrize(
    ("output", "changes", "message"),
    [
        (
            torch.zeros(2, 3),
            {},
            "label: missing; the network returns 3 columns, give the positive class as a number from 0",
        ),
        (torch.zeros(2, 3), {"label": "3"}, "label: 3, but the network returns 3 columns, 0 to 2"),
        (torch.zeros(2, 1), {"label": "1"}, "label: 1, but the network returns one column, 0"),
        (torch.zeros(2, 3), {"label": "a", "labels": "[a, b]"}, "labels: has 2 names, the network returns 3 columns"),
        (torch.zeros(2, 1), {"output": "softmax"}, "softmax needs several columns, the network returns one; use logit"),
        (
            torch.tensor([0.5, -0.1]),
            {"output": "probability"},
            "the network returns values from -0.1 to 0.5; use logit",
        ),
        (torch.tensor([0.5, 1.5]), {"output": "probability"}, "values from 0.5 to 1.5"),
        (
            torch.zeros(2, 3, 4),
            {},
            "returns a tensor 2 x 3 x 4 (float32), expected a float tensor of one row per image",
        ),
        ((torch.zeros(2), torch.zeros(2)), {}, "returns a tuple of 0: a tensor 2 (float32), 1: a tensor 2 (float32)"),
        (torch.zeros(2).long(), {}, "a tensor 2 (int64)"),
    ],
)
def test_outputs_that_do_not_fit(tmp_path: Path, output: object, changes: dict[str, str], message: str) -> None:
    with pytest.raises(StudyError) as refused:
        card_logits(card(tmp_path, **changes), output)
    assert message in str(refused.value)


def declared(**changes: object) -> DeclaredInput:
    plain = {"size": (2, 2), "channels": 3, "mean": (0.0,), "std": (1.0,), "value_range": (0.0, 1.0)}
    return DeclaredInput(**{**plain, **changes})  # type: ignore[arg-type]


def test_films_become_inputs_by_hand_computed_values() -> None:
    films = torch.tensor([[0.0, 0.5], [0.25, 1.0]]).expand(1, 3, 2, 2)
    assert torch.equal(declared()(films), films)
    hounsfield = declared(channels=1, value_range=(-1024.0, 1024.0))(films)
    assert hounsfield.tolist() == [[[[-1024, 0], [-512, 1024]]]]
    imagenet = declared(mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 1.0))(films)
    assert imagenet[0, :, 0, 1].tolist() == [0.0, 1.0, 0.5]


@pytest.mark.parametrize("value_range", [(0.0, 1.0), (0.0, 255.0), (-1024.0, 1024.0), (-1.0, 1.0)])
def test_gray_films_keep_their_bits_in_one_channel(value_range: tuple[float, float]) -> None:
    grays = torch.cat([torch.arange(256) / 255, torch.rand(4096, generator=torch.Generator().manual_seed(0))])
    films = grays.view(1, 1, 64, 68).expand(-1, 3, -1, -1)
    low, high = value_range
    expected = films[:, :1] * (high - low) + low
    assert torch.equal(declared(channels=1, size=(64, 68), value_range=value_range)(films), expected)


def test_colours_become_luma() -> None:
    films = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert declared(channels=1)(films).unique().tolist() == pytest.approx([0.299])


def test_other_sizes_are_resampled_with_antialiasing_and_gradients_flow() -> None:
    films = torch.rand(2, 1, 64, 48, generator=torch.Generator().manual_seed(0)).expand(-1, 3, -1, -1)
    resized = declared(size=(16, 16))(films)
    assert resized.shape == (2, 3, 16, 16)
    constant = declared(size=(16, 24))(torch.full((1, 3, 64, 48), 0.3))
    assert torch.allclose(constant, torch.full((1, 3, 16, 24), 0.3), atol=1e-6)
    checkers = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(16, 16).expand(1, 3, 32, 32)
    assert float((declared(size=(8, 8))(checkers) - 0.5).abs()[..., 1:-1, 1:-1].max()) < 0.02  # no aliasing
    leaf = films.clone().requires_grad_()
    declared(size=(16, 16), channels=1)(leaf).sum().backward()
    assert leaf.grad is not None
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    assert torch.allclose(leaf.grad, leaf.grad.sum(1, keepdim=True) * luma, atol=1e-6)


def test_size_and_order_of_a_batch_change_nothing() -> None:
    films = torch.rand(4, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    films[1] = films[1, :1]  # one gray film among colours
    to_input = declared(channels=1, size=(10, 10))
    for order in itertools.permutations(range(4), 2):
        assert torch.allclose(to_input(films[list(order)]), to_input(films)[list(order)], rtol=0, atol=1e-7)
