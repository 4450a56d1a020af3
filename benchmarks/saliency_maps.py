"""CAM and Grad-CAM, images per second: ours against one forward pass and against the saliency libraries.

Ours is one call that gives Grad-CAM and, with a gap head, also CAM, at the exact layer. The limit is one forward pass
of the same float32 network without gradients, in the same layout, with a batch of 16. Each peer gives only Grad-CAM
(captum and pytorch-grad-cam have no CAM), in its own process and as its documentation shows, with PyTorch's default
layout and allocator. Before anything is timed, maps are compared, torchcam's CAM included. The networks' last layer
gets the sign that leaves ReLU something to compare. pytorch-grad-cam does more than the others: it upsamples.
Run: python benchmarks/saliency_maps.py [<arch>-<head> ...]
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from safetensors.torch import load_file, save_file

from measure import Row, finish, in_turn, rate_row, timed
from peer_process import PeerProcess, serve
from sightline.networks.architectures import Classifier, build_network
from sightline.networks.device import saliency_machine
from sightline.saliency.cam import saliency_maps

SIDE, BATCH, COMPARED = 224, 16, 4  # COMPARED: the first images of a batch, whose maps are compared
ROUNDS = {"alexnet": 7, "googlenet": 3, "resnet50": 3, "vgg16": 2}
GPU_ROUNDS, GPU_TIMES = 5, 20  # a batch takes milliseconds there
VARIANTS = ("alexnet-gap", "googlenet-gap", "resnet50-gap", "vgg16-gap")
SLOW = "pytorch-grad-cam"
PEERS = ("captum", "torchcam", SLOW)
MUST_LIMIT, MUST_PEER, EQUAL = 0.95, 1.25, 1e-5
FORWARD = "one forward pass"


def main() -> None:
    if sys.argv[1:2] == ["--peers"]:
        return serve_peers(*sys.argv[2].split("-"), Path(sys.argv[3]))
    rows: list[Row] = []
    for variant in sys.argv[1:] or VARIANTS:
        rows += compare(*variant.split("-"))
    finish(rows)
    return None


def compare(arch: str, head: str) -> list[Row]:
    """The rows of one variant: limit, peers, equality."""
    machine = saliency_machine()
    is_gpu = machine.device.type == "cuda"
    sync, times, rounds = (torch.cuda.synchronize, GPU_TIMES, GPU_ROUNDS) if is_gpu else (lambda: None, 1, ROUNDS[arch])
    network = machine.placed(made(arch, head))
    images = pictures().to(machine.device, memory_format=machine.layout)

    def forward() -> None:
        with torch.inference_mode():
            network(images)

    with (
        tempfile.TemporaryDirectory() as name,
        PeerProcess(Path(__file__), "--peers", f"{arch}-{head}", name) as peers,
    ):
        peers.run("maps")
        theirs = load_file(Path(name) / "maps.safetensors")
        differences = compared(saliency_maps(network, arch, images[:COMPARED], "exact"), theirs)
        functions = {"ours": timed(lambda: saliency_maps(network, arch, images, "exact"), sync, times)}
        functions |= {FORWARD: timed(forward, sync, times)}
        functions |= {peer: partial(peers.run, peer) for peer in PEERS}
        slow = {name: functions[name] for name in ("ours", SLOW)}
        once = in_turn(slow, 1, warmups=0)  # so much slower that one run is enough
        fast = {name: run for name, run in functions.items() if name != SLOW}
        seconds = in_turn(fast, rounds, warmups=0)
    kinds = "CAM and Grad-CAM" if head == "gap" else "Grad-CAM"
    what = f"{kinds}, {arch}-{head}, {machine.device.type}, float32, batch {BATCH}"
    must = MUST_LIMIT if head == "gap" else None  # fc: a backward pass reads its 57 million weights again
    rows = [rate_row(what, "images/s", BATCH, seconds, FORWARD, must)]
    must = MUST_PEER if head == "gap" else None
    rows += [rate_row(what, "images/s", BATCH, once if peer == SLOW else seconds, peer, must) for peer in PEERS]
    ratios = ", ".join(f"{row.against} {row.ratio:.3f}" for row in rows)
    print(f"{arch}-{head}: {ratios}; differences {differences}", file=sys.stderr, flush=True)
    worst = max(differences.values())
    equal = Row(
        what=f"maps of {arch}-{head}: largest difference, of a map of height 1",
        unit="",
        ours=worst,
        against=", ".join(differences),
        must=f"<= {EQUAL:g}",
        met=worst <= EQUAL,
    )
    return [*rows, equal]


def made(arch: str, head: str) -> Classifier:
    """The untrained network, with the sign of its last layer such that most of a map is positive.

    Batch norm gets the statistics of a batch, without which an untrained network's features vanish.
    """
    network = build_network(arch, head, seed=0)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        for norm in norms:
            norm.momentum = 1.0
        if norms:
            network.train()(pictures()[:4])
        network.eval()
        if head == "gap":
            network.last_linear.weight.abs_()
        elif saliency_maps(network, arch, pictures()[:2], "exact")["gradcam"].mean() < 0:
            network.last_linear.weight.neg_()
    return network


def pictures() -> Tensor:
    """A batch of noise."""
    return torch.rand(BATCH, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def compared(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> dict[str, float]:
    """Peer -> largest difference as a share of the peer's largest value, with our maps in the peer's form."""
    from pytorch_grad_cam.utils.image import scale_cam_image

    raw = ours["gradcam"].cpu()
    # the form of pytorch-grad-cam: ReLU, min-max and upsampling by its own function, then min-max again
    once = scale_cam_image(raw.relu().numpy(), (SIDE, SIDE))
    finished = torch.from_numpy(scale_cam_image(once.clip(0)))
    expected = {"captum": raw, "torchcam": raw.relu(), "pytorch-grad-cam": finished}
    if "cam" in ours:
        expected["torchcam CAM"] = ours["cam"].cpu()
    return {peer: ((expected[peer] - theirs[peer]).abs().max() / theirs[peer].abs().max()).item() for peer in expected}


class Columns(nn.Module):
    """The network with output B x 1, as the peers expect."""

    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Logits, B x 1."""
        return self.network(images_B3HW)[:, None]


def serve_peers(arch: str, head: str, folder: Path) -> None:
    """Serves each peer's Grad-CAM of the batch, and `maps`, which writes the maps of all peers."""
    from captum.attr import LayerGradCam
    from pytorch_grad_cam import GradCAM as PytorchGradCam
    from torchcam.methods import CAM, GradCAM

    device = torch.device(os.environ.get("SIGHTLINE_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu"))
    torch.backends.cudnn.allow_tf32 = False  # float32 means float32
    sync, times = (torch.cuda.synchronize, GPU_TIMES) if device.type == "cuda" else (lambda: None, 1)
    network, images = made(arch, head).to(device), pictures().to(device)
    columns = Columns(network).eval()
    captum = LayerGradCam(columns, network.backbone)

    def by_captum(images: Tensor) -> Tensor:
        return captum.attribute(images, target=0).squeeze(1).detach()

    def by_torchcam(images: Tensor) -> Tensor:
        with GradCAM(columns, "network.backbone") as extractor:
            return extractor(0, columns(images), normalized=False)[0].detach()

    def by_pytorch_grad_cam(images: Tensor) -> Tensor:
        targets = [lambda row: row[0]] * len(images)
        with PytorchGradCam(columns, target_layers=[network.backbone]) as extractor:
            return torch.from_numpy(extractor(input_tensor=images, targets=targets))

    def torchcam_cam(images: Tensor) -> Tensor:
        last = f"network.head.{len(network.head) - 1}"
        with CAM(columns, "network.backbone", fc_layer=last) as extractor, torch.no_grad():
            columns(images)
            return extractor(0, normalized=False)[0]

    makers: dict[str, Callable[[Tensor], Tensor]] = dict(
        zip(PEERS, (by_captum, by_torchcam, by_pytorch_grad_cam), strict=True)
    )

    def write_maps() -> float:
        # compared in our layout: other kernels round differently, which after 50 layers shows in the fifth digit
        layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        network.to(memory_format=layout)  # type: ignore[call-overload]
        extra = {"torchcam CAM": torchcam_cam} if head == "gap" else {}
        maps = {name: make(images[:COMPARED]).cpu().contiguous() for name, make in {**makers, **extra}.items()}
        save_file(maps, folder / "maps.safetensors")
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        return 0.0

    serve({"maps": write_maps, **{name: timed(partial(make, images), sync, times) for name, make in makers.items()}})


if __name__ == "__main__":
    main()
