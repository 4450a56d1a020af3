"""Exported files with a card: .pt2, TorchScript and ONNX compute what the plain network does; refusals by message."""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sightline.own_models.loading import load_parts
from sightline.own_models.parts import Parts
from sightline.own_models.pt2_archive import refuse_unsafe
from sightline.study.errors import StudyError
from sightline.study.files import sha256_of
from sightline.study.models import ExportedModel

CARD = "size: 16\nchannels: 1\nmean: 0.5\nstd: 0.25\nvalue_range: [0, 1]\noutput: logit\n"


def plain_network(num_outputs: int = 1) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Dropout(), nn.Linear(4, num_outputs)).eval()


def exported(network: nn.Module, path: Path, batch: int = 2, is_free: bool = True) -> Path:
    shapes = ({0: torch.export.Dim("batch")},) if is_free else None
    torch.export.save(torch.export.export(network, (torch.zeros(batch, 1, 16, 16),), dynamic_shapes=shapes), path)
    return path


@pytest.fixture(scope="session")
def pt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(plain_network(), tmp_path_factory.mktemp("pt2") / "ours.pt2")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "ours.yaml").write_text(CARD)
    return tmp_path / "ours.yaml"


def parts(path: Path, card: Path) -> Parts:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # TorchScript's notices of its end are kept from users
        return load_parts(ExportedModel(export=str(path), card=str(card)))


def refusal(path: Path, card: Path) -> str:
    with pytest.raises(StudyError) as refused:
        parts(path, card)
    return str(refused.value)


def check(ours: Parts, network: nn.Module) -> None:
    """Logits of one and of several images equal the plain network's."""
    for count in (1, 3):
        films = torch.rand(count, 1, 16, 16, generator=torch.Generator().manual_seed(1)).expand(-1, 3, -1, -1)
        logits = ours.to_logit(ours.network(ours.to_input(films)))
        assert torch.allclose(logits, network((films[:, :1] - 0.5) / 0.25)[:, 0], rtol=0, atol=1e-6)


def test_a_pt2_equals_its_network_and_gradients_flow(pt2: Path, card: Path) -> None:
    ours = parts(pt2, card)
    check(ours, plain_network())
    images = torch.rand(2, 1, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(ours.network(images).sum(), images)
    (expected,) = torch.autograd.grad(plain_network()(images).sum(), images)
    assert torch.allclose(gradient, expected, rtol=0, atol=1e-6)
    assert (ours.gradients, ours.is_differentiable, ours.evidence) == ("features", True, "")
    assert ours.facts["kind"] == "pt2"
    assert ours.facts["num_parameters"] == 4 * 9 + 4 + 8 + 5
    assert ours.facts["files"] == {str(pt2): sha256_of(pt2), str(card): sha256_of(card)}
    json.dumps(ours.facts, allow_nan=False)


def test_a_pt2_that_does_not_fit_its_card(pt2: Path, card: Path) -> None:
    card.write_text(CARD.replace("channels: 1", "channels: 3").replace("size: 16", "size: [32, 16]"))
    message = refusal(pt2, card)
    assert "takes 1 channels, the card says channels: 3" in message
    assert "takes 16 x 16 pixels, the card says size: [32, 16]" in message
    assert (
        "export it again: torch.export.save(torch.export.export(network.eval(), (torch.zeros(2, 3, 32, 16),)" in message
    )


def test_a_fixed_batch_size_and_train_mode_are_refused_with_the_line_that_exports(tmp_path: Path, card: Path) -> None:
    """The line that the error prints is run, and what it writes is accepted."""
    network = plain_network()
    path = exported(network.train(), tmp_path / "ours.pt2", batch=1, is_free=False)
    message = refusal(path, card)
    assert 'was exported for a fixed batch size of 1; give dynamic_shapes=({0: torch.export.Dim("batch")},)' in message
    assert "was exported in train mode (batch_norm.default); use network.eval() before the export" in message
    exec(message.partition("export it again: ")[2], {"torch": torch, "network": network})
    network.eval()
    check(parts(path, card), network)


def changed(pt2: Path, folder: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """The archive with entries changed by a function of their name and bytes."""
    path = folder / "changed.pt2"
    with zipfile.ZipFile(pt2) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, change(name.partition("/")[2], source.read(name)))
    return path


def in_program(**replaced: Any) -> Callable[[str, bytes], bytes]:
    """Replaces the first text under a key in the program."""

    def change(name: str, contents: bytes) -> bytes:
        text = contents.decode() if name == "models/model.json" else ""
        for key, value in replaced.items():
            text = re.sub(rf'"{key}": "[^"]*"', f'"{key}": {json.dumps(value)}', text, count=1)
        return text.encode() or contents

    return change


def with_guard(name: str, contents: bytes) -> bytes:
    if name != "models/model.json":
        return contents
    program = json.loads(contents)
    program["guards_code"].append("__import__('os').system('true') == 0")
    return json.dumps(program).encode()


class Payload:
    """Stands for anything that a pickle may build."""


def with_pickled_inputs(name: str, contents: bytes) -> bytes:
    if not name.startswith("data/sample_inputs/"):
        return contents
    path = Path("payload.pt")
    torch.save(((Payload(),), {}), path)
    return path.read_bytes()


def with_pickled_weight(name: str, contents: bytes) -> bytes:
    return contents.replace(b'"use_pickle": false', b'"use_pickle": true', 1) if "weights_config" in name else contents


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_pickled_weight, "0.weight: a pickled tensor"),
        (with_pickled_inputs, "data/sample_inputs/model.pt: a pickle that needs test_exports.Payload"),
        (with_guard, "evaluates __import__('os').system('true') == 0"),
        (in_program(expr_str="__import__('os').system('true')"), "evaluates __import__('os').system('true')"),
        (in_program(expr_str="Symbol('s31', positive=True).__class__"), "evaluates Symbol('s31'"),
        (in_program(target="torch.os.system"), "calls torch.os.system"),
        (in_program(name="x=__import__('os')"), "names a value x=__import__('os')"),
    ],
)
def test_what_would_run_code_is_refused_before_it_is_loaded(
    pt2: Path, card: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[str, bytes], bytes], message: str
) -> None:
    monkeypatch.chdir(card.parent)
    monkeypatch.setattr(torch.export, "load", lambda *_: pytest.fail("was loaded"))
    refused = refusal(changed(pt2, card.parent, change), card)
    assert "refused, since loading it could run code" in refused
    assert message in refused


def test_compiled_code_in_an_archive_is_refused(pt2: Path, card: Path) -> None:
    path = changed(pt2, card.parent, lambda _, contents: contents)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("ours/data/aotinductor/model/model.so", b"\x7fELF")
    assert "data/aotinductor/model/model.so: compiled code" in refusal(path, card)


def test_operators_and_formats_of_another_pytorch(pt2: Path, card: Path) -> None:
    unknown = changed(pt2, card.parent, in_program(target="torch.ops.theirs.convolve.default"))
    message = refusal(unknown, card)
    assert "uses operators that are not known here: theirs::convolve" in message
    newer = changed(pt2, card.parent, lambda name, contents: b"99" if name == "archive_version" else contents)
    assert f"not loaded by PyTorch {torch.__version__}" in refusal(newer, card)


def test_archives_that_are_cut_off_or_damaged(pt2: Path, card: Path) -> None:
    whole = pt2.read_bytes()
    path = card.parent / "cut.pt2"
    for part in range(12):
        path.write_bytes(whole[: len(whole) * part // 12])
        assert str(path) in refusal(path, card)
    contents, end = whole.index(b"PK\x01\x02"), whole.rindex(b"PK\x05\x06")  # the table of contents
    for place in [*range(0, contents, contents // 40), *range(contents, end, 7), *range(end, len(whole))]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            refuse_unsafe(path)
        except StudyError as error:
            assert str(path) in str(error)  # noqa: PT017  either way is right
    path.write_text("hello")
    assert "is no exported program; write it by torch.export.save(" in refusal(path, card)


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "ours.ts"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(plain_network(), torch.zeros(2, 1, 16, 16)).save(str(path))
    return path


@pytest.mark.parametrize("ending", [".ts", ".torchscript", ".pt", ".pth"])
def test_torchscript_has_gradients_of_the_input(script: Path, card: Path, ending: str) -> None:
    path = card.with_suffix(ending)
    path.write_bytes(script.read_bytes())
    ours = parts(path, card)
    check(ours, plain_network())
    assert (ours.gradients, ours.facts["kind"], ours.facts["num_parameters"]) == ("input", "torchscript", 53)


def test_weights_and_pickled_networks_are_no_exports(card: Path, pt2: Path, script: Path) -> None:
    path = card.with_suffix(".pt")
    torch.save(plain_network().state_dict(), path)
    message = refusal(path, card)
    assert "is weights or a pickled network, which do not say how to compute; three ways in:" in message
    assert f"{{code: models/ours.py, weights: {path}}}" in message
    torch.save(plain_network(), path)
    assert "three ways in" in refusal(path, card)
    path.write_bytes(pt2.read_bytes())
    assert "is an exported program; name it .pt2" in refusal(path, card)
    path.write_bytes(script.read_bytes()[:-200])
    assert "is cut off or damaged" in refusal(path, card)
    assert "an export ends in .pt2, .onnx, .ts" in refusal(card.with_suffix(".h5"), card)


def onnx_file(path: Path, batch: int | str = "batch", outputs: tuple[str, ...] = ("y",), kind: str = "FLOAT") -> Path:
    """The mean of the image by 2, plus 1: a network small enough for onnx.helper."""
    onnx = pytest.importorskip("onnx")
    make, number = onnx.helper, getattr(onnx.TensorProto, kind)
    two, one = (make.make_tensor(name, number, [1], [value]) for name, value in (("two", 2), ("one", 1)))
    nodes = [
        make.make_node("GlobalAveragePool", ["x"], ["pooled"]), make.make_node("Flatten", ["pooled"], ["flat"]),
        make.make_node("Mul", ["flat", "two"], ["product"]),
        *(make.make_node("Add", ["product", "one"], [name]) for name in outputs),
    ]  # fmt: skip
    graph = make.make_graph(
        nodes, "ours", [make.make_tensor_value_info("x", number, [batch, 1, 16, 16])],
        [make.make_tensor_value_info(name, number, [batch, 1]) for name in outputs], [two, one],
    )  # fmt: skip
    opset = [make.make_opsetid("", 17)]
    path.write_bytes(make.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())
    return path


class Mean(nn.Module):
    """What `onnx_file` computes."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3)) * 2 + 1


@pytest.mark.parametrize("batch", ["batch", 1])
def test_onnx_equals_its_network_one_image_at_a_time_or_many(card: Path, batch: int | str) -> None:
    pytest.importorskip("onnxruntime")
    ours = parts(onnx_file(card.with_suffix(".onnx"), batch), card)
    check(ours, Mean())
    assert (ours.gradients, ours.facts["kind"], ours.facts["num_parameters"]) == ("none", "onnx", None)
    assert not ours.network(torch.zeros(1, 1, 16, 16, requires_grad=True)).requires_grad


def test_onnx_in_float16_and_with_several_outputs(card: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = card.with_suffix(".onnx")
    half = parts(onnx_file(path, kind="FLOAT16"), card)
    assert half.network(torch.full((2, 1, 16, 16), 0.5)).tolist() == [[2.0], [2.0]]
    check(parts(onnx_file(path, outputs=("features", "logits")), card), Mean())
    message = refusal(onnx_file(path, outputs=("a", "b")), card)
    assert (
        'has outputs a, b; export the logits alone, or name them output (torch.onnx.export(..., output_names=["out'
        in message
    )


def test_onnx_files_that_do_not_fit(card: Path, pt2: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    path = onnx_file(card.with_suffix(".onnx"), batch=4)
    card.write_text(CARD.replace("channels: 1", "channels: 3"))
    message = refusal(path, card)
    assert "takes 1 x 16 x 16 (channels, rows, columns), the card says 3 x 16 x 16" in message
    assert "was exported for a fixed batch size of 4" in message
    path.write_bytes(path.read_bytes()[:100])
    assert "not loaded by onnxruntime" in refusal(path, card)
    path.write_bytes(pt2.read_bytes())
    assert "is no ONNX file" in refusal(path, card)
    model = onnx.load_from_string(onnx_file(path).read_bytes())
    tensor = model.graph.initializer[0]
    tensor.raw_data = b"\x00\x00\x00\x40"
    onnx.external_data_helper.set_external_data(tensor, location="ours.onnx.data")
    path.write_bytes(model.SerializeToString())
    assert "keeps its weights in another file, ours.onnx.data, which DVC would not see change" in refusal(path, card)
