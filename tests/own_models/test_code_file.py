"""A code file becomes Parts; every refusal by its message."""

from __future__ import annotations

import sys
import warnings
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
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
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a folder of its own; what the test imports from it, such as its own train.py, is unloaded afterwards."""
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def parts(text: str, weights: str = "") -> Parts:
    Path("models/ours.py").write_text(text)
    return load_parts(CodeModel(code="models/ours.py", weights=weights))


def plain_network() -> nn.Module:
    space: dict[str, object] = {}
    exec(NETWORK, space)
    return space["load"]()  # type: ignore[operator]


def images(count: int = 3, side: int = 32) -> torch.Tensor:
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(1)).expand(-1, 3, -1, -1)


def refusal(text: str, weights: str = "") -> str:
    with pytest.raises(StudyError) as refused:
        parts(text, weights)
    return str(refused.value)


def test_the_logits_are_the_plain_network_s() -> None:
    ours = parts(NETWORK + DECLARED)
    expected = plain_network()((images()[:, :1] - 0.5) / 0.25)[:, 0]
    assert torch.allclose(ours.to_logit(ours.network(ours.to_input(images()))), expected, rtol=0, atol=1e-6)
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
    assert torch.allclose(taken, (films[:, :1] - 0.5) / 0.25, rtol=0, atol=1e-6)
    assert not taken.requires_grad
    assert not ours.is_differentiable
    assert ours.facts["size"] is None


def test_preprocess_may_be_the_transforms_of_torchvision() -> None:
    """An object, not a function; it resizes and crops by itself."""
    transforms = (
        "from torchvision.transforms._presets import ImageClassification\n"
        "preprocess = ImageClassification(crop_size=16)\n"
    )
    taken = parts(NETWORK + transforms).to_input(images())
    assert taken.shape == (3, 3, 16, 16)
    with pytest.raises(StudyError, match=r"models/ours\.py: .* \(in ImageClassification\(\)\)"):
        parts(NETWORK + transforms).to_input(torch.zeros(2, 2, 2, 2, 2, 2))


def test_score_evidence_and_tokens_are_read() -> None:
    more = 'evidence = "0"\ntokens = {"prefix": 1, "grid": (2, 3)}\ndef score(output):\n    return -output[:, 0]\n'
    ours = parts(NETWORK + DECLARED + more)
    assert (ours.evidence, ours.tokens) == ("0", Tokens(prefix=1, grid=(2, 3)))
    output = torch.tensor([[1.0], [2.0]])
    assert ours.to_logit(output).tolist() == [-1, -2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DECLARED, "load: missing; define load(), which returns the network"),
        (
            DECLARED + "def get_model(): pass",
            "load: missing; define load(), which returns the network; is get_model meant?",
        ),
        (NETWORK, "the network's input: missing; define preprocess(images_uint8), or size, channels, mean, std and"),
        (NETWORK + "def preproces(x): pass", "value_range; is preproces meant?"),
        (NETWORK + "def transform(x): pass", "value_range; is transform meant?"),
        (
            NETWORK + DECLARED.replace("std", "sdt"),
            "std: missing, as size, channels, mean, value_range are given; is sdt",
        ),
        (
            NETWORK + DECLARED.replace("value_range", "range"),
            "value_range: missing, as size, channels, mean, std are given",
        ),
        (NETWORK + DECLARED.replace("value_range", "range"), "is range meant?"),
        (NETWORK + "size = 3\nmean = 0.5\n", "channels: missing, as size, mean are given"),
        (
            NETWORK + DECLARED + "def preprocess(x): pass",
            "preprocess and size, channels, mean, std, value_range: both say",
        ),
        (NETWORK + DECLARED + "size = 3.5", "size: expected a whole number of pixels, or rows and columns, got 3.5"),
        (
            NETWORK + DECLARED + "size = (3, 4, 5)",
            "size: expected a whole number of pixels, or rows and columns, got (3,",
        ),
        (NETWORK + DECLARED + "size = True", "size: expected a whole number of pixels"),
        (NETWORK + DECLARED + "channels = 2", "channels: expected 1 or 3, got 2"),
        (NETWORK + DECLARED + "mean = [0.1, 0.2]", "mean: has 2 numbers, but channels is 1"),
        (
            NETWORK + DECLARED + "mean = 'imagenet'",
            "mean: expected a number or a list of one per channel, got 'imagenet'",
        ),
        (NETWORK + DECLARED + "mean = float('nan')", "mean: expected a number or a list of one per channel, got nan"),
        (NETWORK + DECLARED + "std = 0", "std: expected numbers above 0, got 0"),
        (NETWORK + DECLARED + "value_range = (1, 0)", "value_range: expected the lower number first, got (1, 0)"),
        (NETWORK + DECLARED + "value_range = 255", "value_range: expected two numbers, what black and white become"),
        (NETWORK + DECLARED + "score = 1", "score: expected a function, got 1"),
        (NETWORK + DECLARED + "def scores(x): pass", "score: not defined; is scores meant?, or rename it"),
        (NETWORK + DECLARED + "evidense = '0'", "evidence: not defined; is evidense meant?"),
        (
            NETWORK + DECLARED + "evidence = 3",
            "evidence: expected the name of a module of the network, such as 'layer4'",
        ),
        (
            NETWORK + DECLARED + "tokens = {'prefix': 1}",
            'tokens: expected {"prefix": 1, "grid": (14, 14)}, tokens before',
        ),
        (NETWORK + DECLARED + "tokens = {'prefix': -1, 'grid': (2, 2)}", "got {'prefix': -1, 'grid': (2, 2)}"),
        ("load = 3\nsize = 3\nscore = 4\n", "models/ours.py: 6 problems"),
    ],
)
def test_what_is_missing_or_wrong_is_listed(text: str, message: str) -> None:
    assert message in refusal(text)


def test_other_names_are_the_user_s_own() -> None:
    more = "from statistics import median as meant\nimport json as loads\nsizes_of_batches = [1]\nlearning_rate = 1\n"
    assert parts(more + NETWORK + DECLARED + "def scoring_of_radiologists(): pass\n")


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("None", "load() returned None; end it with `return network`"),
        ("nn.Identity", "load() returned the class Identity; return a network of it, Identity(...)"),
        ("{'a': torch.zeros(1)}", "load() returned a dict, not a network; build the network, then load_weights("),
        ("lambda x: x", "load() returned a function, expected a torch.nn.Module"),
        ("nn.Linear(1, 1, device='meta')", "2 tensors on the device meta, without values (weight, bias, ...)"),
    ],
)
def test_load_that_returns_something_else(returned: str, message: str) -> None:
    assert message in refusal(f"import torch\nfrom torch import nn\n{DECLARED}\ndef load():\n    return {returned}\n")


def test_errors_in_the_user_s_lines_name_file_and_line() -> None:
    Path("models/bodies.py").write_text("def body(width):\n    return 1 / width\n")
    text = DECLARED.strip() + "\nfrom bodies import body\ndef load():\n    return body(0)\n"
    assert refusal(text) == "models/bodies.py, line 2: ZeroDivisionError: division by zero (in load())"
    Path("models/bodies.py").write_text("import torch\ndef body(width):\n    return torch.zeros(2) @ torch.zeros(3)\n")
    assert refusal(text).startswith("models/bodies.py, line 3: RuntimeError: ")
    assert refusal("import torch\nx = 3\nraise SystemExit(3)").startswith(
        "models/ours.py, line 3: SystemExit: 3 (while it"
    )
    assert refusal("x = 1\nif True\n    y = 2") == "models/ours.py, line 2: expected ':'"
    assert refusal("import nonesuch_package").endswith("; pip install the package of nonesuch_package")
    with pytest.raises(StudyError) as refused:
        parts(text)
    assert isinstance(refused.value.__cause__, RuntimeError)


def test_a_missing_file_names_those_beside_it() -> None:
    Path("models/our.py").touch()
    with pytest.raises(
        StudyError, match=r"models/ours\.py: not there; there are models/our\.py; `sightline model new ours`"
    ):
        load_parts(CodeModel(code="models/ours.py"))


def test_files_beside_it_can_be_imported_and_installed_packages_come_first() -> None:
    """`train` is also a stage of Sightline, `json` a package of Python's; another model has another `widths`."""
    before = list(sys.path), list(sys.meta_path)
    Path("models/widths.py").write_text("number = 3\n")
    Path("models/train.py").write_text("from widths import number\n")
    Path("models/json.py").write_text("raise ValueError\n")
    imports = "import json\nfrom train import number\nassert json.dumps\nassert number == 3\n"
    assert parts(imports + NETWORK + DECLARED, weights="models")
    Path("theirs").mkdir()
    Path("theirs/widths.py").write_text("number = 4\n")
    Path("theirs/ours.py").write_text("from widths import number\nassert number == 4\n" + NETWORK + DECLARED)
    assert load_parts(CodeModel(code="theirs/ours.py", weights="theirs"))
    assert (sys.path, sys.meta_path) == before


def test_files_that_it_imports_have_to_be_named() -> None:
    """Also a package, and a file that load() alone imports; each time that it is loaded."""
    Path("models/bodies").mkdir()
    Path("models/bodies/__init__.py").write_text("from bodies.dense import number\n")
    Path("models/bodies/dense.py").write_text("number = 3\n")
    Path("models/widths.py").write_text("number = 3\n")
    text = (
        "from bodies import number\n"
        + NETWORK
        + DECLARED
        + "inner = load\ndef load():\n    import widths\n    return inner()\n"
    )
    for _ in range(2):
        message = refusal(text).splitlines()
        assert "add weights: models, a folder that holds all it reads" in message[0]
        assert message[1:] == ["  models/bodies", "  models/widths.py"]
    files = parts(text, weights="models").facts["files"]
    assert list(files) == ["models/ours.py", "models/bodies/__init__.py", "models/bodies/dense.py", "models/widths.py"]


def test_a_file_named_as_a_package_can_import_the_package() -> None:
    Path("models/safetensors.py").write_text("import safetensors\nassert safetensors.safe_open\n" + NETWORK + DECLARED)
    assert load_parts(CodeModel(code="models/safetensors.py"))


COMPILED = """
class Compiled(nn.Module):  # as torch.compile wraps; the real one takes seconds to import
    def __init__(self, network):
        super().__init__()
        self._orig_mod = network
"""
WRAPPED = "\ninner = load\ndef load():\n    network = inner()\n"


def test_wrappers_are_taken_off() -> None:
    wrapped = "    return nn.DataParallel(Compiled(nn.DataParallel(network)))"
    ours = parts(NETWORK + DECLARED + COMPILED + WRAPPED + wrapped)
    assert isinstance(ours.network, nn.Sequential)
    assert ours.facts["unwrapped"] == ["DataParallel", "torch.compile"]
    ours = parts(NETWORK + DECLARED + WRAPPED + "    return nn.Sequential(nn.DataParallel(network))")
    assert isinstance(ours.network[0], nn.Sequential)  # type: ignore[index]


@pytest.mark.slow  # torch.compile takes seconds to import
def test_the_wrapper_of_torch_compile_is_taken_off() -> None:
    ours = parts(NETWORK + DECLARED + WRAPPED + "    return torch.compile(network)")
    assert isinstance(ours.network, nn.Sequential)


def test_train_mode_and_other_types_of_weights_are_corrected_and_recorded() -> None:
    ours = parts(NETWORK + DECLARED)
    assert (ours.facts["was_in_train_mode"], ours.facts["converted_from"]) == (False, [])
    ours = parts(NETWORK + DECLARED + WRAPPED + "    return network.train().half()")
    assert not any(module.training for module in ours.network.modules())
    assert (ours.facts["was_in_train_mode"], ours.facts["converted_from"]) == (True, ["float16"])
    expected = plain_network().half().float()((images()[:, :1] - 0.5) / 0.25)[:, 0]
    assert torch.allclose(ours.to_logit(ours.network(ours.to_input(images()))), expected, rtol=0, atol=1e-6)
    ours = parts(NETWORK + DECLARED + WRAPPED + "    network[0].to(torch.bfloat16)\n    return network.double()")
    assert ours.facts["converted_from"] == ["float64"]


PREPROCESS = [
    ("images_uint8.float()[:2]", "a tensor 2 x 3 x 32 x 32 (float32), expected as many images as it was given, 3"),
    ("images_uint8", "a tensor 3 x 3 x 32 x 32 (uint8), expected a float tensor; use .float() / 255"),
    ("images_uint8.float().mean(1)", "a tensor 3 x 32 x 32 (float32), expected 3 x channels x rows x columns"),
    ("images_uint8.float() / 0", "a tensor 3 x 3 x 32 x 32 (float32), with values that are not finite"),
    ("images_uint8.numpy()", "a ndarray, expected a tensor"),
    (
        "{'pixel_values': images_uint8}",
        "a dict of pixel_values: a tensor 3 x 3 x 32 x 32 (uint8), expected a tensor; return",
    ),
]


@pytest.mark.parametrize(("returned", "message"), PREPROCESS)
def test_preprocess_that_returns_something_else(returned: str, message: str) -> None:
    ours = parts(NETWORK + f"def preprocess(images_uint8):\n    return {returned}\n")
    with pytest.raises(StudyError) as refused:
        ours.to_input(images())
    assert f"preprocess returned {message}" in str(refused.value)


@dataclass
class Output:
    logits: torch.Tensor
    loss: None = None


Pair = namedtuple("Pair", "y features")
TWO = torch.zeros(3, 2)


@pytest.mark.parametrize(
    ("output", "shown", "line"),
    [
        (TWO, "a tensor 3 x 2 (float32)", "return output[:, 1] - output[:, 0]"),
        (torch.zeros(3, 14), "a tensor 3 x 14 (float32)", "return output[:, k]  # label k of 14"),
        (torch.zeros(3, 1, 4, 4), "a tensor 3 x 1 x 4 x 4 (float32)", "flatten(2).mean(2)[:, k]"),
        (Output(logits=TWO), "an Output of logits: a tensor 3 x 2 (float32), loss: NoneType",
         "return output.logits[:, 1] - output.logits[:, 0]"),
        ((TWO[:, :1], TWO), "a tuple of 0: a tensor 3 x 1 (float32), 1: a tensor 3 x 2", "return output[0][:, 0]"),
        (Pair(TWO[:, 0], TWO), "a Pair of y: a tensor 3 (float32), features", "return output.y.float()"),
        ({"features": TWO, "out": TWO[:, :1]}, "a dict of features: a tensor", "return output['out'][:, 0]"),
        (3, "an int", "a tensor of one logit per image"),
    ],
)  # fmt: skip
def test_outputs_that_are_not_one_logit_show_the_score_to_write(output: object, shown: str, line: str) -> None:
    with pytest.raises(StudyError) as refused:
        parts(NETWORK + DECLARED).to_logit(output)
    assert f"models/ours.py: the network returns {shown}" in str(refused.value)
    assert line in str(refused.value)
    assert "def score(output):" in str(refused.value)


def test_a_squeezed_output_of_one_image_is_its_logit() -> None:
    to_logit = parts(NETWORK + DECLARED).to_logit
    assert to_logit(torch.tensor(0.5)).tolist() == [0.5]
    assert to_logit(torch.tensor([[0.5], [1.0]]).half()).dtype == torch.float32


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("output", "score returned a tensor 3 x 1 (float32), expected a float tensor of one logit per image"),
        ("output[:, 0] > 0", "score returned a tensor 3 (bool)"),
        ("output.tolist()", "score returned a list"),
        ("output[:, 0].detach()", "score cuts the gradient off; use tensors of PyTorch only"),
        ("output.nonesuch", "models/ours.py, line 16: AttributeError: 'Tensor' object has no attribute 'nonesuch'"),
    ],
)
def test_scores_that_cannot_be_used(returned: str, message: str) -> None:
    ours = parts(NETWORK + DECLARED + f"def score(output):\n    return {returned}\n")
    output = ours.network(ours.to_input(images()))
    with pytest.raises(StudyError) as refused:
        ours.to_logit(output)
    assert message in str(refused.value)


def test_a_scripted_network_has_gradients_of_the_input_alone() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = parts(NETWORK + DECLARED + WRAPPED + "    return torch.jit.trace(network, torch.zeros(1, 1, 32, 32))")
    assert ours.gradients == "input"
