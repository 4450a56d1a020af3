"""The 12 variants are torchvision's architectures with the paper's heads; ImageNet weights are checked and fitted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from torchvision import models

from sightline.networks import imagenet
from sightline.networks.architectures import Classifier, GlobalAveragePool, build_network, num_parameters
from sightline.networks.imagenet import imagenet_weights
from sightline.study.errors import StudyError
from sightline.study.files import sha256_of

VARIANTS = [("alexnet", "fc"), ("alexnet", "gap"), ("vgg16", "gap"), ("googlenet", "gap"), ("resnet50", "gap")]
VARIANTS += [("resnet18", "gap"), ("squeezenet1_1", "gap")]


# Of networks freshly built from seed 0: the modules' names and classes; the state dictionary's names, shapes and bits.
# Computed when these seven were the only architectures, which further ones must not change.
FRESH = {
    ("alexnet", "fc"): ("241eaa7b1ee68a70", "f5c8df9d77188827"),
    ("alexnet", "gap"): ("a415d7c9b2aa3a1d", "34654c038bd5909f"),
    ("vgg16", "gap"): ("c9ba2c640c513249", "c6f69098b3193804"),
    ("googlenet", "gap"): ("84de9d0f2490fdcd", "65be5758703c5a3d"),
    ("resnet50", "gap"): ("647d32dda7303174", "05b1f6f1bffcc26e"),
    ("resnet18", "gap"): ("5b89d585d3ce48bb", "b3c0758aeb2f7e14"),
    ("squeezenet1_1", "gap"): ("ba9486fe90b1cde7", "9c9eeda6fe701a4b"),
}
# of numbers drawn as the initialisations draw them; other kernels than those that made FRESH give other bits
KERNELS = "3a22175bb735d53d"


def digest(*parts: str | bytes) -> str:
    sha256 = hashlib.sha256()
    for part in parts:
        sha256.update(part if isinstance(part, bytes) else part.encode())
    return sha256.hexdigest()[:16]


def drawn_here() -> str:
    generator = torch.Generator().manual_seed(0)
    draws = [torch.empty(1000).normal_(generator=generator), torch.empty(1000).uniform_(-1, 1, generator=generator)]
    draws.append(torch.nn.init.trunc_normal_(torch.empty(1000), a=-2, b=2, generator=generator))
    return digest(*(draw.numpy().tobytes() for draw in draws))


def fresh(network: Classifier) -> tuple[str, str]:
    """As FRESH has it."""
    state = network.state_dict().items()
    parts = [part for name, tensor in state for part in (f"{name} {list(tensor.shape)}", tensor.numpy().tobytes())]
    return digest(*(f"{name} {type(module).__name__}" for name, module in network.named_modules())), digest(*parts)


@pytest.mark.parametrize(
    ("arch", "head", "millions", "grid"),
    # the paper's column "params" and the feature maps at 224 px; GoogLeNet's auxiliary heads (12M) are off
    [
        ("alexnet", "fc", 57.0, (256, 6, 6)),
        ("alexnet", "gap", 2.5, (256, 6, 6)),
        ("vgg16", "gap", 14.7, (512, 7, 7)),
        ("googlenet", "gap", 5.6, (1024, 7, 7)),
        ("resnet50", "gap", 23.5, (2048, 7, 7)),
        ("resnet18", "gap", 11.2, (512, 7, 7)),
        ("squeezenet1_1", "gap", 0.72, (512, 13, 13)),
    ],
)
def test_parameter_counts_and_feature_maps(arch: str, head: str, millions: float, grid: tuple[int, int, int]) -> None:
    network = build_network(arch, head, seed=0).eval()
    modules, bits = fresh(network)
    assert (modules, bits if drawn_here() == KERNELS else FRESH[arch, head][1]) == FRESH[arch, head]
    assert num_parameters(network) / 1e6 == pytest.approx(millions, abs=0.06)
    with torch.inference_mode():
        features = network.backbone(torch.zeros(1, 3, 224, 224))
        assert features.shape[1:] == grid
        assert network(torch.zeros(2, 3, 224, 224)).shape == (2,)


def test_vgg16_with_its_own_classifier_has_134_million() -> None:
    with torch.device("meta"):
        whole = models.vgg16(weights=None)
    own = sum(p.numel() for p in whole.parameters()) - 4097 * 1000 + 4097
    assert own / 1e6 == pytest.approx(134.3, abs=0.05)


@pytest.mark.parametrize(("arch", "head"), VARIANTS)
def test_forward_equals_torchvision_with_the_head_in_place(arch: str, head: str) -> None:
    options = {"googlenet": {"aux_logits": False, "init_weights": False}, "vgg16": {"init_weights": False}}
    torch.manual_seed(1)
    whole = getattr(models, arch)(weights=None, **options.get(arch, {})).eval()
    network = build_network(arch, head, seed=0, pretrained=whole.state_dict()).eval()
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    last = network.last_linear
    if head == "fc":
        whole.classifier[-1] = last
    elif arch in ("googlenet", "resnet50", "resnet18"):
        whole.fc = last
    elif arch == "squeezenet1_1":
        whole.classifier = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), last)
    else:
        whole.avgpool = torch.nn.AdaptiveAvgPool2d(1)
        whole.classifier = last
    with torch.inference_mode():
        torch.testing.assert_close(network(images), whole(images)[:, 0], atol=1e-5, rtol=1e-5)


def test_initialisation_depends_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    one = build_network("alexnet", "gap", seed=3).state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(2)
    two, three = (build_network("alexnet", "gap", seed=seed).state_dict() for seed in (3, 4))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["backbone.0.weight"], three["backbone.0.weight"])


def test_global_average_pool_is_torchs() -> None:
    features = torch.rand(2, 5, 3, 4)
    pooled = torch.nn.functional.adaptive_avg_pool2d(features, 1).flatten(1)
    torch.testing.assert_close(GlobalAveragePool()(features), pooled)


@pytest.fixture(scope="module")
def made_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AlexNet weights made here, under a name that carries their hash as torchvision's names do; not to be changed."""
    path = tmp_path_factory.mktemp("weights") / "made.pth"
    torch.manual_seed(7)
    torch.save(models.alexnet(weights=None).state_dict(), path)
    return path.rename(path.with_name(f"alexnet-made-{sha256_of(path)[:8]}.pth"))


@pytest.fixture
def weights_file(made_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """These weights in the folder that the environment names."""
    path = tmp_path / made_weights.name
    path.hardlink_to(made_weights)
    monkeypatch.setitem(imagenet.URLS, "alexnet", f"https://weights.invalid/models/{path.name}")
    monkeypatch.setenv("SIGHTLINE_WEIGHTS", str(tmp_path))
    return path


@pytest.mark.parametrize("head", ["fc", "gap"])
def test_weights_from_a_folder_reach_the_backbone(weights_file: Path, head: str) -> None:
    stored = torch.load(weights_file, weights_only=True)
    network = build_network("alexnet", head, seed=0, pretrained=imagenet_weights("alexnet"))
    assert torch.equal(network.state_dict()["backbone.0.weight"], stored["features.0.weight"])
    if head == "fc":
        assert torch.equal(network.state_dict()["head.3.weight"], stored["classifier.1.weight"])


def test_absent_weights_say_which_file_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_WEIGHTS", str(tmp_path))
    with pytest.raises(StudyError, match=rf"no resnet50-0676ba61.pth in {tmp_path}; download https://.* put it there"):
        imagenet_weights("resnet50")


def test_offline_says_which_file_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGHTLINE_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setitem(imagenet.URLS, "vgg16", (tmp_path / "nowhere" / "vgg16-397923af.pth").as_uri())
    with pytest.raises(StudyError, match=r"not here and could not be downloaded .* put vgg16-397923af.pth from"):
        imagenet_weights("vgg16")
    assert not list(tmp_path.rglob("*.pth"))


def test_a_download_is_kept_and_hash_checked(
    weights_file: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("torch")
    monkeypatch.delenv("SIGHTLINE_WEIGHTS")
    monkeypatch.setenv("TORCH_HOME", str(home))
    monkeypatch.setitem(imagenet.URLS, "alexnet", weights_file.as_uri())
    assert set(imagenet_weights("alexnet")) == set(torch.load(weights_file, weights_only=True))
    assert (home / "hub/checkpoints" / weights_file.name).exists()


def test_another_files_bytes_are_refused(weights_file: Path) -> None:
    content = weights_file.read_bytes()
    weights_file.unlink()
    weights_file.write_bytes(content + b"x")
    with pytest.raises(StudyError, match=r"its SHA-256 begins with [0-9a-f]{8}, not [0-9a-f]{8}"):
        imagenet_weights("alexnet")


def test_weights_of_another_architecture_are_refused(weights_file: Path) -> None:
    stored = torch.load(weights_file, weights_only=True)
    with pytest.raises(StudyError, match="the ImageNet weights do not fit resnet18"):
        build_network("resnet18", "gap", seed=0, pretrained=stored, source="the ImageNet weights")


def test_names_and_hashes_are_torchvisions() -> None:
    for arch, name in (
        ("alexnet", "AlexNet"),
        ("vgg16", "VGG16"),
        ("googlenet", "GoogLeNet"),
        ("resnet50", "ResNet50"),
        ("resnet18", "ResNet18"),
        ("squeezenet1_1", "SqueezeNet1_1"),
    ):
        assert imagenet.URLS[arch] == getattr(models, f"{name}_Weights").IMAGENET1K_V1.url
