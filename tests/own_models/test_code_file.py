"""A code file becomes Parts; every refusal by its message."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from sightline.own_models.loading import load_parts
from sightline.own_models.parts import Parts, Tokens
from sightline.study.errors import StudyError
from sightline.study.models import CodeModel

NETWORK = """
import torch
from torch import nn

def load():
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(4, 1)).eval()
"""
DECLARED = """
size = 32
channels = 1
mean = 0.5
std = 0.25
value_range = (0, 1)
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()


def parts(text: str, weights: str = "") -> Parts:
    Path("models/ours.py").write_text(text)
    return load_parts(CodeModel(code="models/ours.py", weights=weights))


def plain_network() -> nn.Module:
    space: dict[str, object] = {}
    exec(NETWORK, space)
    return space["load"]()  # type: ignore[operator]


def images(count: int = 3, side: int = 32) -> torch.Tensor:
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(1)).expand(-1, 3, -1, -1)


def refusal(text: str) -> str:
    with pytest.raises(StudyError) as refused:
        parts(text)
    return str(refused.value)


def test_the_logits_are_the_plain_network_s() -> None:
    ours = parts(NETWORK + DECLARED)
    expected = plain_network()((images()[:, :1] - 0.5) / 0.25)[:, 0]
    torch.testing.assert_close(ours.to_logit(ours.network(ours.to_input(images()))), expected, rtol=0, atol=1e-6)
    assert (ours.is_differentiable, ours.gradients, ours.evidence, ours.tokens) == (True, "features", "", None)
    assert ours.facts["kind"] == "code"
    assert ours.facts["size"] == [32, 32]
    assert ours.facts["num_parameters"] == 4 * 9 + 4 + 8 + 5
    assert list(ours.facts["files"]) == ["models/ours.py"]


def test_preprocess_takes_whole_numbers_and_has_no_gradient() -> None:
    ours = parts(
        NETWORK + "def preprocess(images_uint8):\n    return (images_uint8[:, :1].float() / 255 - 0.5) / 0.25\n"
    )
    films = (torch.arange(256).float() / 255).view(1, 1, 16, 16).expand(-1, 3, -1, -1).contiguous()
    taken = ours.to_input(films.requires_grad_())
    torch.testing.assert_close(taken, (films[:, :1] - 0.5) / 0.25, rtol=0, atol=1e-6)
    assert not taken.requires_grad
    assert not ours.is_differentiable
    assert ours.facts["size"] is None


def test_score_evidence_and_tokens_are_read() -> None:
    more = 'evidence = "0"\ntokens = {"prefix": 1, "grid": (2, 3)}\ndef score(output):\n    return -output[:, 0]\n'
    ours = parts(NETWORK + DECLARED + more)
    assert (ours.evidence, ours.tokens) == ("0", Tokens(prefix=1, grid=(2, 3)))
    output = torch.tensor([[1.0], [2.0]])
    assert ours.to_logit(output).tolist() == [-1, -2]
