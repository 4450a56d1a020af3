"""The recipes of docs/models, run as a user runs them: small random networks of the frameworks' own classes, saved by
the frameworks' own means, opened from a study's folder; logits, evidence and Grad-CAM against the frameworks' modules.
The one change is the size, 64 pixels in place of 224, for speed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from sightline.own_models.network import OwnNetwork
from sightline.own_models.opening import open_own
from sightline.saliency.cam import saliency_maps
from sightline.study.models import CodeModel
from studies import ROOT

SIDE = 64
RECIPES = ROOT / "docs" / "models"
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


@pytest.fixture(scope="module")
def films_uint8() -> Tensor:
    """Two gray films, 64 pixels, no row like a column."""
    noise = torch.rand(2, 1, 9, 5, generator=torch.Generator().manual_seed(0))
    smooth = interpolate(noise, (SIDE, SIDE), mode="bicubic", align_corners=False).clamp(0, 1)
    return (smooth * 255).round().to(torch.uint8).repeat(1, 3, 1, 1)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study's folder with all recipes in it, which is the working directory."""
    (tmp_path / "models").mkdir()
    for path in RECIPES.glob("*.py"):
        (tmp_path / "models" / path.name).write_text(path.read_text().replace("= 224,", f"= {SIDE},"))
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    return tmp_path


def settled(network: nn.Module, inputs: Tensor) -> nn.Module:
    """In eval mode, with batch norms that have seen the inputs in one step of training."""
    with torch.no_grad():
        network.train()(inputs)
    return network.eval()


def opened_recipe(name: str, weights: str, films_uint8: Tensor) -> OwnNetwork:
    return open_own(CodeModel(code=f"models/{name}.py", weights=weights), films_uint8 / 255)


def assert_equal_to(
    own: OwnNetwork, films_uint8: Tensor, features: Tensor, rest: Callable[[Tensor], Tensor], logits: Tensor
) -> None:
    """Logits to 1e-5; Grad-CAM to 1e-5 of the sum of |w A| over channels, which is what float32 rounds.

    `features`: B x K x h x w; `rest` takes them to logits.
    """
    images = films_uint8 / 255
    with torch.no_grad():
        torch.testing.assert_close(own(images), logits.detach(), atol=1e-5, rtol=1e-5)
        assert logits.std() > 1e-3  # or any two networks would agree
    seen = features.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(rest(seen).sum(), seen)
    products = (gradient.mean(dim=(2, 3), keepdim=True) * seen).detach()
    maps = saliency_maps(own, "", images, "exact")["gradcam"]
    assert products.any()
    torch.testing.assert_close(maps, products.sum(dim=1), atol=1e-5 * products.abs().sum(dim=1).max().item(), rtol=0)


def test_each_recipe_is_short_and_on_the_page() -> None:
    page = (ROOT / "docs" / "own-models.md").read_text()
    paths = sorted(RECIPES.glob("*.py"))
    assert len(paths) == 7
    for path in paths:
        assert f"(models/{path.name})" in page
        code = [
            line for line in path.read_text().partition('"""\n')[2].splitlines() if line and line.lstrip()[0] != "#"
        ]
        assert len([line for line in code if not line.startswith(("import", "from"))]) <= 14, path.name


def test_torchvision(study: Path, films_uint8: Tensor) -> None:
    inputs = (films_uint8 / 255 - MEAN) / STD
    network = settled(torchvision.models.resnet18(num_classes=2), inputs)
    torch.save(network.state_dict(), study / "models/resnet18.pt")
    own = opened_recipe("torchvision_resnet", "models/resnet18.pt", films_uint8)
    both = network(inputs)
    features = nn.Sequential(*list(network.children())[:-2])(inputs)
    assert features.shape[2:] == (2, 2)

    def rest(features: Tensor) -> Tensor:
        logits = network.fc(features.mean(dim=(2, 3)))
        return logits[:, 1] - logits[:, 0]

    assert_equal_to(own, films_uint8, features, rest, both[:, 1] - both[:, 0])
    # the difference's sigmoid is the softmax's probability
    torch.testing.assert_close(own(films_uint8 / 255).sigmoid(), both.softmax(1)[:, 1])


def test_timm(study: Path, films_uint8: Tensor) -> None:
    timm = pytest.importorskip("timm")
    inputs = films_uint8[:, :1] / 255 * 2 - 1
    network = settled(timm.create_model("tf_efficientnet_lite0", in_chans=1, num_classes=1), inputs)
    assert timm.data.resolve_model_data_config(network)["std"] == (0.5, 0.5, 0.5)  # what the recipe declares
    save_file(network.state_dict(), study / "models/efficientnet.safetensors")
    own = opened_recipe("timm_model", "models/efficientnet.safetensors", films_uint8)
    features = network.forward_features(inputs)
    assert features.shape[2:] == (2, 2)
    rest = lambda features: network.forward_head(features)[:, 0]  # noqa: E731
    assert_equal_to(own, films_uint8, features, rest, network(inputs)[:, 0])


def test_torchxrayvision(study: Path, films_uint8: Tensor) -> None:
    models = pytest.importorskip("torchxrayvision").models
    inputs = (films_uint8[:, :1] / 255 * 2 - 1) * 1024  # torchxrayvision.utils.normalize
    network = settled(models.DenseNet(weights=None), inputs)
    points = torch.linspace(0.1, 0.9, 18)
    points[3] = torch.nan  # of a finding that the published model does not know
    network.op_threshs = points  # as its constructor does with published weights
    place = network.targets.index("Pneumonia")
    with torch.no_grad():
        mean = network.classifier(network.features2(inputs))[:, place].mean()
        network.classifier.bias[place] += points[place].logit() - mean  # one film on each side of the point
    torch.save(network.state_dict(), study / "models/xrv.pt")
    own = opened_recipe("torchxrayvision_densenet", "models/xrv.pt", films_uint8)

    bent = network(inputs)[:, place].detach().double()  # probabilities, bent so that the operating point is 0.5
    point = points[place].double()
    straight = torch.where(bent < 0.5, bent * 2 * point, 1 - (1 - bent) * 2 * (1 - point))
    logits = own(films_uint8 / 255).detach()
    assert (bent > 0.5).tolist() == (logits > 0).tolist() in ([True, False], [False, True])
    torch.testing.assert_close(logits.double(), straight.logit() - point.logit(), atol=1e-5, rtol=1e-4)

    features = relu(network.features(inputs))
    rest = lambda features: network.classifier(features.mean(dim=(2, 3)))[:, place] - points[place].logit()  # noqa: E731
    assert_equal_to(own, films_uint8, features, rest, rest(features))


def test_a_checkpoint_like_lightnings(study: Path, films_uint8: Tensor) -> None:
    inputs = (films_uint8 / 255 - MEAN) / STD
    network = settled(torchvision.models.densenet121(num_classes=1), inputs)
    weights = {f"net.{name}": value for name, value in network.state_dict().items()}
    hyper_parameters = {"arch": "densenet121", "learning_rate": 1e-3, "betas": (0.9, 0.95)}
    torch.save({"epoch": 3, "state_dict": weights, "hyper_parameters": hyper_parameters}, study / "models/last.ckpt")
    own = opened_recipe("lightning_checkpoint", "models/last.ckpt", films_uint8)
    features = relu(network.features(inputs))
    rest = lambda features: network.classifier(features.mean(dim=(2, 3)))[:, 0]  # noqa: E731
    assert_equal_to(own, films_uint8, features, rest, network(inputs)[:, 0])


@pytest.mark.slow  # importing pytorch_lightning takes 3.4 s of processor time
def test_a_checkpoint_of_lightnings_trainer(study: Path, films_uint8: Tensor) -> None:
    lightning = pytest.importorskip("pytorch_lightning")

    class Module(lightning.LightningModule):
        def __init__(self, learning_rate: float) -> None:  # noqa: ARG002
            super().__init__()
            self.save_hyperparameters()
            self.net = torchvision.models.densenet121(num_classes=1)

    module = Module(1e-3)
    trainer = lightning.Trainer(accelerator="cpu", logger=False, default_root_dir=study, enable_progress_bar=False)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(study / "models/last.ckpt")
    own = opened_recipe("lightning_checkpoint", "models/last.ckpt", films_uint8)
    inputs = (films_uint8 / 255 - MEAN) / STD
    with torch.no_grad():
        torch.testing.assert_close(own(films_uint8 / 255), module.net.eval()(inputs)[:, 0], atol=1e-5, rtol=1e-5)


@pytest.mark.slow  # importing the models of transformers takes seconds of processor time
def test_hugging_face(study: Path, films_uint8: Tensor) -> None:
    transformers = pytest.importorskip("transformers")
    labels = {0: "normal", 1: "pneumonia"}
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=64, image_size=SIDE,
        patch_size=16, id2label=labels, label2id={name: number for number, name in labels.items()},
    )  # fmt: skip
    network = transformers.ViTForImageClassification(config).eval()
    for weight in network.parameters():  # its own random weights are so small that two films have one logit
        nn.init.normal_(weight, std=0.2)
    network.save_pretrained(study / "models/vit")
    assert json.loads((study / "models/vit/config.json").read_text())["id2label"] == {"0": "normal", "1": "pneumonia"}
    assert (study / "models/vit/model.safetensors").is_file()
    own = opened_recipe("huggingface_vit", "models/vit", films_uint8)

    inputs = films_uint8 / 255 * 2 - 1  # ViTImageProcessor's mean and std are 0.5
    tokens: list[Tensor] = []  # that enter the last attention: a class token and 4 x 4 patches
    layer = next(part for name, part in network.named_modules() if name.endswith("2.layernorm_before"))
    with_hook = layer.register_forward_hook(lambda _module, _inputs, output: tokens.append(output))
    both = network(inputs).logits
    with_hook.remove()
    logits = both[:, 1] - both[:, 0]
    (gradient,) = torch.autograd.grad(logits.sum(), tokens)
    weights = gradient[:, 1:].mean(dim=1, keepdim=True)
    by_hand = (weights * tokens[0][:, 1:]).sum(dim=2).detach().unflatten(1, (4, 4))
    images = films_uint8 / 255
    with torch.no_grad():
        torch.testing.assert_close(own(images), logits.detach(), atol=1e-5, rtol=1e-5)
    assert own.place is not None
    assert own.place.grid == (4, 4)
    assert (logits[0] - logits[1]).abs() > 1e-3
    maps = saliency_maps(own, "", images, "exact")["gradcam"]
    torch.testing.assert_close(maps, by_hand, atol=1e-5 * by_hand.abs().max().item(), rtol=0)


@pytest.mark.slow  # importing monai takes 5.7 s of processor time
def test_monai(study: Path, films_uint8: Tensor) -> None:
    monai = pytest.importorskip("monai")
    nets, transforms = pytest.importorskip("monai.networks.nets"), pytest.importorskip("monai.transforms")
    read = transforms.Compose(
        [transforms.LoadImage(image_only=True, ensure_channel_first=True), transforms.ScaleIntensity()]
    )
    paths = [study / f"film{number}.png" for number in range(2)]
    for path, film in zip(paths, films_uint8, strict=True):
        Image.fromarray(film[0].numpy()).save(path)
    inputs = torch.stack([read(path).as_tensor() for path in paths])
    assert monai.__version__
    upright = films_uint8[:, :1].float()
    low, high = upright.amin(dim=(2, 3), keepdim=True), upright.amax(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(inputs, ((upright - low) / (high - low)).mT)  # LoadImage swaps rows and columns

    network = settled(nets.DenseNet121(spatial_dims=2, in_channels=1, out_channels=2), inputs)
    torch.save(network.state_dict(), study / "models/densenet.pt")
    own = opened_recipe("monai_densenet", "models/densenet.pt", films_uint8)
    both = network(inputs)
    features = relu(network.features(inputs))

    def rest(features: Tensor) -> Tensor:
        logits = network.class_layers[1:](features)  # after the ReLU
        return logits[:, 1] - logits[:, 0]

    assert_equal_to(own, films_uint8, features.mT, lambda maps: rest(maps.mT), both[:, 1] - both[:, 0])


@pytest.mark.slow  # importing keras takes 2.4 s of processor time
def test_keras(study: Path, films_uint8: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras was imported before with another backend")
    keras.utils.set_random_seed(0)
    pixels = keras.Input((SIDE, SIDE, 3))
    features = keras.layers.Conv2D(8, 5, strides=4, activation="relu")(pixels)
    features = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(features)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    model = keras.Model(pixels, keras.layers.Dense(1, activation="sigmoid")(pooled))
    model.save(study / "models/classifier.keras")
    own = opened_recipe("keras_model", "models/classifier.keras", films_uint8)

    inputs = films_uint8.permute(0, 2, 3, 1) / 255
    logits = model(inputs)[:, 0].logit()
    weights, bias = (part.value for part in model.layers[-1].weights)
    features_BhwK = keras.Model(pixels, features)(inputs)
    assert features_BhwK.shape == (2, 8, 8, 6)
    rest = lambda features: (features.mean(dim=(2, 3)) @ weights + bias)[:, 0]  # noqa: E731
    assert_equal_to(own, films_uint8, features_BhwK.permute(0, 3, 1, 2), rest, logits)
    predicted = model.predict(inputs, verbose=0)[:, 0]
    np.testing.assert_allclose(own(films_uint8 / 255).sigmoid().detach(), predicted, atol=1e-6)
