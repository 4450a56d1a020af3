"""Weights into a user's network: all or none, prefixes off, pickles refused, files that are none recognised."""

from __future__ import annotations

import argparse
import collections
import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from sightline.networks.pickle_names import names_needed
from sightline.own_models.loading import load_parts
from sightline.own_models.weights import load_weights
from sightline.study.errors import StudyError
from sightline.study.models import CodeModel


def tiny(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    body = nn.Sequential(
        collections.OrderedDict(conv=nn.Conv2d(1, 2, 3), norm=nn.BatchNorm2d(2), pool=nn.AdaptiveAvgPool2d(1))
    )
    return nn.Sequential(collections.OrderedDict(features=body, flat=nn.Flatten(), head=nn.Linear(2, 1)))


def equal(one: nn.Module, two: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def refusal(path: Path, network: nn.Module | None = None, **options: object) -> str:
    network = network or tiny(1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(StudyError) as refused:
        load_weights(network, path, **options)  # type: ignore[arg-type]
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())  # nothing loaded
    return str(refused.value)


@pytest.fixture
def trained() -> nn.Sequential:
    return tiny(5)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "model.module.", "module.model.module."])
def test_prefixes_come_off(tmp_path: Path, trained: nn.Module, prefix: str) -> None:
    path = tmp_path / "ours.pt"
    torch.save({f"{prefix}{name}": value for name, value in trained.state_dict().items()}, path)
    assert equal(load_weights(tiny(1), path), trained)


def test_a_prefix_that_the_network_has_stays(tmp_path: Path, trained: nn.Module) -> None:
    path = tmp_path / "ours.pt"
    wrapped = nn.ModuleDict({"model": trained, "other": nn.Linear(1, 1)})
    torch.save({f"module.{name}": value for name, value in wrapped.state_dict().items()}, path)
    assert equal(load_weights(nn.ModuleDict({"model": tiny(1), "other": nn.Linear(1, 1)}), path), wrapped)


def test_a_prefix_that_the_network_alone_has_is_added(tmp_path: Path, trained: nn.Module) -> None:
    torch.save(trained.state_dict(), tmp_path / "ours.pt")
    assert equal(load_weights(nn.ModuleDict({"model": tiny(1)}), tmp_path / "ours.pt"), trained)


@pytest.mark.parametrize("entry", ["state_dict", "model_state_dict", "model", "net", "ema"])
def test_checkpoints_of_the_usual_kinds(tmp_path: Path, trained: nn.Module, entry: str) -> None:
    path = tmp_path / "ours.ckpt"
    torch.save({"epoch": 3, entry: trained.state_dict(), "optimizer": {"state": {}, "param_groups": []}}, path)
    assert equal(load_weights(tiny(1), path), trained)


def test_safetensors_and_the_format_before_zip(tmp_path: Path, trained: nn.Module) -> None:
    save_file({f"module.{name}": value for name, value in trained.state_dict().items()}, tmp_path / "ours.safetensors")
    assert equal(load_weights(tiny(1), tmp_path / "ours.safetensors"), trained)
    torch.save(trained.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert equal(load_weights(tiny(1), tmp_path / "old.pth"), trained)


def test_float16_weights_fit(tmp_path: Path, trained: nn.Module) -> None:
    torch.save(trained.half().state_dict(), tmp_path / "half.pt")
    network = load_weights(tiny(1), tmp_path / "half.pt")
    assert equal(network, trained.float())


def test_several_sets_of_weights_are_a_choice(tmp_path: Path, trained: nn.Module) -> None:
    path = tmp_path / "ours.pt"
    torch.save({"state_dict": tiny(2).state_dict(), "state_dict_ema": trained.state_dict()}, path)
    assert "to choose the first, write load_weights(network, path, entry='state_dict')" in refusal(path)
    assert equal(load_weights(tiny(1), path, entry="state_dict_ema"), trained)
    assert "no weights in its entry 'emma'; it has state_dict, state_dict_ema" in refusal(path, entry="emma")


def test_an_unusual_entry_is_named(tmp_path: Path, trained: nn.Module) -> None:
    torch.save({"generator": trained.state_dict()}, tmp_path / "ours.pt")
    assert "write load_weights(network, path, entry='generator')" in refusal(tmp_path / "ours.pt")
    torch.save({"epoch": 3}, tmp_path / "ours.pt")
    assert "no weights by name in it; its entries are epoch" in refusal(tmp_path / "ours.pt")


def test_names_that_do_not_fit_are_counted_and_named(tmp_path: Path, trained: nn.Module) -> None:
    stored = trained.state_dict()
    stored["features.conv1.weight"] = stored.pop("features.conv.weight")
    torch.save(stored, tmp_path / "ours.pt")
    message = refusal(tmp_path / "ours.pt")
    assert "does not fit the network Sequential; nothing was loaded" in message
    assert "1 of the file's 9 names are not in the network:" in message
    assert "features.conv1.weight; is it features.conv.weight?" in message
    assert "1 of the network's 9 names are not in the file:" in message


def test_another_prefix_is_proposed(tmp_path: Path, trained: nn.Module) -> None:
    path = tmp_path / "ours.pt"
    torch.save({f"net.backbone.{name}": value for name, value in trained.state_dict().items()}, path)
    message = refusal(path)
    assert "try prefixes=('module.', 'model.', 'net.backbone.')" in message
    assert "... and 5 more" in message
    assert equal(load_weights(tiny(1), path, prefixes=("net.backbone.",)), trained)


def test_what_a_checkpoint_has_beside_the_network_is_ignored_by_name_alone(tmp_path: Path, trained: nn.Module) -> None:
    path = tmp_path / "ours.pt"
    torch.save({**trained.state_dict(), "criterion.pos_weight": torch.ones(1)}, path)
    assert "add ignore=('criterion.',)" in refusal(path)
    assert equal(load_weights(tiny(1), path, ignore=("criterion.",)), trained)


def test_other_shapes_are_listed(tmp_path: Path, trained: nn.Module) -> None:
    stored = trained.state_dict() | {"head.weight": torch.zeros(14, 2), "head.bias": torch.zeros(14)}
    torch.save(stored, tmp_path / "ours.pt")
    message = refusal(tmp_path / "ours.pt")
    assert "2 weights of another shape:" in message
    assert "head.weight: 14 x 2 in the file, 1 x 2 in the network" in message


def test_two_names_for_one_weight(tmp_path: Path, trained: nn.Module) -> None:
    torch.save({**trained.state_dict(), "model.head.bias": torch.zeros(1)}, tmp_path / "ours.pt")
    assert "two weights for head.bias: head.bias and model.head.bias" in refusal(tmp_path / "ours.pt")


def test_old_densenet_names(tmp_path: Path) -> None:
    def layer(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return nn.ModuleDict({"denselayer1": nn.ModuleDict({"norm1": nn.BatchNorm2d(2), "conv1": nn.Conv2d(2, 2, 1)})})

    stored = {name.replace("norm1", "norm.1").replace("conv1", "conv.1"): value
              for name, value in layer(0).state_dict().items() if "num_batches" not in name}  # fmt: skip
    torch.save({"state_dict": {f"module.{name}": value for name, value in stored.items()}}, tmp_path / "chexnet.tar")
    assert equal(load_weights(layer(1), tmp_path / "chexnet.tar"), layer(0))


class Config:
    """Stands for OmegaConf's objects in a Lightning checkpoint."""


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_pickle_that_needs_code_is_refused_with_the_way_out(tmp_path: Path, trained: nn.Module, is_zip: bool) -> None:
    path = tmp_path / "ours.ckpt"
    contents = {"state_dict": trained.state_dict(), "hyper_parameters": {"config": Config()}}
    torch.save(contents, path, _use_new_zipfile_serialization=is_zip)
    message = refusal(path)
    assert "needs code to be loaded (test_weights.Config)" in message
    way_out = message.splitlines()[1:]
    assert way_out[2].strip() == f'torch.save(checkpoint["state_dict"], "{tmp_path}/ours-weights.pt")'
    exec("\n".join(line.strip() for line in way_out))  # the lines run as they are printed
    assert equal(load_weights(tiny(1), tmp_path / "ours-weights.pt"), trained)


def test_a_pickled_network_is_refused_with_the_way_out(tmp_path: Path, trained: nn.Module) -> None:
    path = tmp_path / "ours.pt"
    torch.save(trained, path)
    message = refusal(path)
    assert "torch.nn.modules.container.Sequential" in message
    exec("\n".join(line.strip() for line in message.splitlines()[1:]))
    assert equal(load_weights(tiny(1), tmp_path / "ours-weights.pt"), trained)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_nothing_in_a_pickle_runs(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "exploded",)  # type: ignore[return-value]

    torch.save({"state_dict": {"head.bias": Bomb()}}, tmp_path / "ours.pt")
    refusal(tmp_path / "ours.pt")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"head.bias": Bomb()}))
    refusal(tmp_path / "plain.pkl")
    assert names_needed(tmp_path / "plain.pkl")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>Sign in</html>", "is a web page, not the file; the download failed"),
        (b"\n<html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer, not the file itself"),
        (b"outs:\n- md5: 0\n", "is a DVC file"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
        (b"\x1f\x8b\x08\x00", "is compressed (gzip)"),
        (b"PK\x03\x04cut off", "is cut off or damaged"),
        (b"hello", "neither safetensors nor a file that torch.save wrote"),
    ],
)
def test_files_that_are_no_weights(tmp_path: Path, contents: bytes, message: str) -> None:
    path = tmp_path / "ours.pt"
    path.write_bytes(contents)
    assert message in refusal(path)


def test_a_missing_file_names_those_beside_it(tmp_path: Path) -> None:
    (tmp_path / "theirs.pt").write_bytes(b"x")
    assert f"not there; there are {tmp_path}/theirs.pt" in refusal(tmp_path / "ours.pt")
    assert "is a folder" in refusal(tmp_path)
    assert f"nor is the folder {tmp_path}/none" in refusal(tmp_path / "none/ours.pt")


@pytest.mark.parametrize("name", ["ours.pt", "ours.safetensors"])
def test_cut_off_anywhere_it_is_refused_in_words(tmp_path: Path, trained: nn.Module, name: str) -> None:
    path = tmp_path / name
    if name.endswith(".pt"):
        torch.save(trained.state_dict(), path)
    else:
        save_file(trained.state_dict(), path)
    whole = path.read_bytes()
    for part in range(1, 20):
        path.write_bytes(whole[: len(whole) * part // 20])
        assert str(path) in refusal(path)
    rng = torch.Generator().manual_seed(0)
    for _ in range(30):  # flipped bytes: refused, or other numbers in the same network
        place = int(torch.randint(len(whole), (1,), generator=rng))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            load_weights(tiny(1), path)
        except StudyError as error:
            assert str(path) in str(error)  # noqa: PT017  either way is right


def test_a_torchscript_archive_is_no_weights(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ours/constants.pkl", b"")
        archive.writestr("ours/code/net.py", b"")
    (tmp_path / "ours.pt").write_bytes(buffer.getvalue())
    assert "is a TorchScript archive, not weights; bring it in as {export: " in refusal(tmp_path / "ours.pt")


def test_weights_that_the_entry_does_not_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    torch.save(nn.Conv2d(1, 1, 1).state_dict(), "models/ours.pt")
    Path("models/ours.py").write_text(
        "from torch import nn\nfrom sightline.own_models.weights import load_weights\n"
        "size, channels, mean, std, value_range = 8, 1, 0, 1, (0, 1)\n"
        "def load():\n    return load_weights(nn.Conv2d(1, 1, 1), 'models/ours.pt').eval()\n"
    )
    with pytest.raises(StudyError, match=r"add weights: models/ours\.pt"):
        load_parts(CodeModel(code="models/ours.py"))
    named = load_parts(CodeModel(code="models/ours.py", weights="models/ours.pt"))
    assert list(named.facts["files"]) == ["models/ours.py", "models/ours.pt"]
    by_folder = load_parts(CodeModel(code="models/ours.py", weights="models"))
    assert list(by_folder.facts["files"]) == ["models/ours.py", "models/ours.pt"]
    with pytest.raises(StudyError, match=r"models/other\.pt: not there; it is `weights` of"):
        load_parts(CodeModel(code="models/ours.py", weights="models/other.pt"))


def test_argparse_namespaces_are_the_common_case(tmp_path: Path, trained: nn.Module) -> None:
    torch.save({"args": argparse.Namespace(lr=0.1), "model": trained.state_dict()}, tmp_path / "ours.pth")
    message = refusal(tmp_path / "ours.pth")
    assert "argparse.Namespace" in message
    assert 'checkpoint["model"]' in message
