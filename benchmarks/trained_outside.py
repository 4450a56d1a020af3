"""A densenet121 trained without Sightline, as a hospital or a student would, saved in the four usual ways.

Nothing of Sightline is imported: this is the other side of `own_model_proof.py`, which brings the four files in.
Films of 224 pixels, gray repeated in three channels, ImageNet's mean and standard deviation; from scratch, with
bfloat16 where the processor has it. Written to the folder: `weights.pt` (a state dict), `lightning.ckpt` (keys behind
`model.`), `model.pt2`, `model.onnx`, `test.csv` (the test films and their probabilities), `maps.npz`
(pytorch-grad-cam's maps of the films that a list names, before min-max and upsampling) and `training.json`.

Run: python benchmarks/trained_outside.py <images> <list of films with regions> <folder>
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CLASSES = ("NORMAL", "PNEUMONIA")
SIDE, BATCH = 224, 32


class WithReLU(nn.Module):
    """torchvision's densenet121 with its functional ReLU as a module, which pytorch-grad-cam can name."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.features, self.relu, self.classifier = network.features, nn.ReLU(), network.classifier

    def forward(self, images_B3HW: Tensor) -> Tensor:
        return self.classifier(self.relu(self.features(images_B3HW)).mean(dim=(2, 3)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("regions", type=Path, help="text file, one film's name per line; they are test films")
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", type=int, default=500, help="training films of each class")
    parser.add_argument("--test", type=int, default=100, help="test films of each class")
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with_regions = arguments.regions.read_text().split()
    train = chosen(arguments.images / "train", arguments.train, [])
    test = chosen(arguments.images / "test", arguments.test, with_regions)

    torch.manual_seed(0)
    network = torchvision.models.densenet121(num_classes=1)
    started = time.perf_counter()
    losses = fit(network, *read(train), arguments.epochs)
    seconds = time.perf_counter() - started
    network.eval()
    save(network, arguments.out)

    images_N3HW, labels_N = read(test)
    probabilities_N = predict(network, images_N3HW)
    with (arguments.out / "test.csv").open("w", newline="") as file:
        rows = zip(test, labels_N.int().tolist(), probabilities_N.tolist(), strict=True)
        csv.writer(file).writerows([("image", "label", "probability"), *((path.stem, *rest) for path, *rest in rows)])
    places = [number for number, path in enumerate(test) if path.stem in with_regions]
    maps = {
        layer: grad_cam(network, layer, images_N3HW[places])
        for layer in ("relu", "norm5")  # the pooled tensor, and the module that tutorials name
    }
    np.savez(arguments.out / "maps.npz", image=[test[place].stem for place in places], **maps)
    accuracy = float(((probabilities_N >= 0.5) == labels_N.bool()).float().mean())
    told = {"train": len(train), "test": len(test), "seconds": round(seconds), "losses": losses, "accuracy": accuracy}
    (arguments.out / "training.json").write_text(json.dumps(told, indent=2) + "\n")
    print(json.dumps(told))


def chosen(folder: Path, count: int, wanted: list[str]) -> list[Path]:
    """`count` films of each class, evenly over the sorted names, the wanted ones among them."""
    paths = []
    for name in CLASSES:
        films = sorted((folder / name).glob("*.jpeg"))
        first = [path for path in films if path.stem in wanted]
        others = [path for path in films if path.stem not in wanted]
        places = np.linspace(0, len(others) - 1, min(count, len(films)) - len(first)).astype(int)
        paths += sorted(first + [others[place] for place in places])
    return paths


def read(paths: list[Path]) -> tuple[Tensor, Tensor]:
    """Images, float32 N x 3 x H x W, normalised; labels, float32 N."""
    grays = [Image.open(path).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR) for path in paths]
    images_NHW = torch.from_numpy(np.stack([np.asarray(gray) for gray in grays])).float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    labels = torch.tensor([float(path.parent.name == CLASSES[1]) for path in paths])
    return (images_NHW[:, None].expand(-1, 3, -1, -1) - mean) / std, labels


def fit(network: nn.Module, images_N3HW: Tensor, labels_N: Tensor, epochs: int) -> list[float]:
    """Trains in place; the mean loss of each epoch."""
    network.train().to(memory_format=torch.channels_last)
    steps = epochs * -(-len(labels_N) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    losses = []
    for epoch in range(epochs):
        total = 0.0
        for picked in torch.randperm(len(labels_N)).split(BATCH):
            images = images_N3HW[picked].contiguous(memory_format=torch.channels_last)
            flipped = torch.where((torch.rand(len(picked)) < 0.5).view(-1, 1, 1, 1), images.flip(3), images)
            with torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported()):
                logits = network(flipped)[:, 0]
            loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), labels_N[picked])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(picked)
        losses.append(total / len(labels_N))
        print(f"epoch {epoch + 1}: loss {losses[-1]:.3f}", flush=True)
    return losses


def save(network: nn.Module, folder: Path) -> None:
    """The trained network as a state dict, a checkpoint as Lightning writes it, a .pt2 and an ONNX file."""
    network.to(memory_format=torch.contiguous_format)
    weights = network.state_dict()
    torch.save(weights, folder / "weights.pt")
    checkpoint = {
        "epoch": 3,
        "global_step": 96,
        "pytorch-lightning_version": "2.6.0",
        "state_dict": {f"model.{name}": values for name, values in weights.items()},
        "hyper_parameters": {"arch": "densenet121", "learning_rate": 2e-3, "mean": MEAN, "std": STD},
    }
    torch.save(checkpoint, folder / "lightning.ckpt")
    example = (torch.zeros(2, 3, SIDE, SIDE),)
    sizes = ({0: torch.export.Dim("batch")},)
    torch.export.save(torch.export.export(network, example, dynamic_shapes=sizes), folder / "model.pt2")
    torch.onnx.export(network, example, folder / "model.onnx", dynamo=True, dynamic_shapes=sizes, external_data=False)


@torch.no_grad()
def predict(network: nn.Module, images_N3HW: Tensor) -> Tensor:
    """Probabilities of pneumonia, float32 N."""
    return torch.cat([network(images)[:, 0].sigmoid() for images in images_N3HW.split(BATCH)])


def grad_cam(network: nn.Module, layer: str, images_N3HW: Tensor) -> np.ndarray:
    """pytorch-grad-cam's weighted sum at a layer, N x h x w, before its ReLU, min-max and upsampling."""
    wrapped = WithReLU(network).eval() if layer == "relu" else network
    target_layer = wrapped.relu if layer == "relu" else network.features.norm5
    raw: list[np.ndarray] = []

    class Raw(GradCAM):
        def get_cam_image(self, *arguments: object) -> np.ndarray:
            raw.append(super().get_cam_image(*arguments))
            return raw[-1]

    with Raw(model=wrapped, target_layers=[target_layer]) as cam:
        for images in images_N3HW.split(8):
            cam(input_tensor=images, targets=[ClassifierOutputTarget(0)] * len(images))
    return np.concatenate(raw)


if __name__ == "__main__":
    main()
