"""`sightline model new` writes files that work once their marked lines are edited, and never overwrites."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from sightline.model_command.command import add_arguments
from sightline.own_models.card import read_card
from sightline.own_models.loading import load_parts
from sightline.study.errors import StudyError
from sightline.study.models import CodeModel, ExportedModel, Models
from sightline.study.parameters import read_params
from studies import sightline

NETWORK = "torchvision.models.densenet121(num_classes=1)"
TINY = "torchvision.models.DenseNet(growth_rate=4, block_config=(2, 2), num_init_features=4, num_classes=1)"


def tiny() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.DenseNet(growth_rate=4, block_config=(2, 2), num_init_features=4, num_classes=1).eval()


def test_the_code_file_works_after_its_three_edits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = sightline(tmp_path, "model", "new", "ours")
    assert done.returncode == 0, done.stderr
    assert "  ours: {code: models/ours.py, weights: models/ours.pt}\n" in done.stdout
    assert "sightline model check ours" in done.stdout
    monkeypatch.chdir(tmp_path)
    file = Path("models/ours.py")
    assert file.read_text().count("EDIT") == 4  # three lines, and the sentence that says so
    file.write_text(file.read_text().replace(NETWORK, TINY).replace("size = 224", "size = 32"))
    torch.save(
        {"state_dict": {f"model.{name}": value for name, value in tiny().state_dict().items()}}, "models/ours.pt"
    )
    ours = load_parts(CodeModel(code="models/ours.py", weights="models/ours.pt"))
    films = torch.rand(2, 1, 32, 32).expand(-1, 3, -1, -1)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = tiny()((films - mean.view(3, 1, 1)) / std.view(3, 1, 1))[:, 0]
    assert torch.allclose(ours.to_logit(ours.network(ours.to_input(films))), expected, rtol=0, atol=1e-6)


def test_the_optional_lines_of_the_code_file_work_uncommented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run("new", "ours")
    file = Path("models/ours.py")
    head, marker, tail = file.read_text().partition("# Only if the network returns")
    lines = [line.removeprefix("# ") for line in tail.splitlines()[1:] if not line.startswith("# Only")]
    optional = "\n".join("" if line == "#" else line for line in lines)
    load = head.replace(NETWORK, "torch.nn.Identity()").replace("    load_weights(", "    # ")
    file.write_text(f"{load}{marker}\n{optional}")
    ours = load_parts(CodeModel(code="models/ours.py"))
    assert ours.evidence == "features.norm5"
    assert ours.tokens is not None
    assert ours.to_logit(torch.tensor([[1.0, 3.0]])).tolist() == [2]
    head, _, tail = load.partition("size = 224")
    preprocess = tail.partition("# def preprocess")[2].partition("\n\n")[0].replace("\n# ", "\n")
    file.write_text(f"{head}def preprocess{preprocess}\n")
    assert not load_parts(CodeModel(code="models/ours.py")).is_differentiable


def test_the_card_is_read_and_its_export_line_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run("new", "ours", "--export")
    card = read_card("models/ours.yaml")
    assert (card.input.size, card.output, card.label) == ((224, 224), "logit", None)
    text = Path("models/ours.yaml").read_text()
    assert sum(not line.startswith("#") for line in text.splitlines()) == 6
    lines = [line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   ")]
    calls: list[object] = []
    monkeypatch.setattr(torch.export, "export", lambda *arguments, **options: calls.append((arguments, options)))
    monkeypatch.setattr(torch.export, "save", lambda _, path: calls.append(path))
    exec("\n".join(lines), {"torch": torch, "network": tiny()})
    assert calls[1] == "models/ours.pt2"
    Path("models/ours.yaml").write_text(text.replace("# label: 1", "label: 1"))
    assert read_card("models/ours.yaml").label == 1


def run(*words: str) -> None:
    """The command without the rest of the command line."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    arguments = parser.parse_args(words)
    arguments.run(arguments)


def test_the_printed_lines_are_entries_of_params_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run("new", "ours")
    run("new", "theirs", "--export")
    run("new", "third", "--folder", "nets/new")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    Path("params.yaml").write_text("models:\n" + "\n".join(lines) + "\n")
    assert read_params(Models).models == {
        "ours": CodeModel(code="models/ours.py", weights="models/ours.pt"),
        "theirs": ExportedModel(export="models/theirs.pt2", card="models/theirs.yaml"),
        "third": CodeModel(code="nets/new/third.py", weights="nets/new/third.pt"),
    }


def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    Path("models/ours.py").write_text("mine")
    with pytest.raises(StudyError, match=r"models/ours\.py: is there already; choose another name, or delete it"):
        run("new", "ours")
    assert Path("models/ours.py").read_text() == "mine"
    with pytest.raises(StudyError, match="a model's name has letters, digits, - and _ only"):
        run("new", "../ours")
    with pytest.raises(StudyError, match=r"models/ours\.py: is a file; name a folder"):
        run("new", "other", "--folder", "models/ours.py")
