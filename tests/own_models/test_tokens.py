"""Transformers: the tokens that enter the last attention, prefix tokens off, in modules and in exported programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer

from own_networks import films, own_parts
from sightline.own_models.layout import Layout
from sightline.own_models.network import OwnNetwork
from sightline.own_models.opening import opened
from sightline.own_models.parts import Tokens
from sightline.own_models.tokens import token_layout
from sightline.saliency.cam import features_and_gradient, layer_output
from sightline.study.errors import StudyError

SLOW_EXPORT = pytest.mark.slow  # an export takes seconds, and another one is tested


def built(make: Callable[[], nn.Module]) -> nn.Module:
    """The network with random weights from a fixed seed, in its linear layers large ones, so that attention matters."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = make()
        for module in network.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.3)
    return network.eval()


def vit(size: int = 32) -> nn.Module:
    return built(
        lambda: VisionTransformer(
            image_size=size, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=1
        )
    )


def timm_vit(kind: str = "VisionTransformer", **options: Any) -> nn.Module:
    timm = pytest.importorskip("timm")
    deit = timm.models.deit.VisionTransformerDistilled
    maker = deit if kind == "distilled" else timm.models.vision_transformer.VisionTransformer
    sizes = {"patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2, "num_classes": 1}
    return built(lambda: maker(**({"img_size": 32} | sizes | options)))


def by_hand(network: nn.Module, module: str, images: Tensor) -> tuple[Tensor, Tensor]:
    """The tokens that enter `module`, and the logits' gradient there."""
    kept: list[Tensor] = []

    def before(_module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any]) -> Any:
        tokens = args[0] if args else kwargs["hidden_states"]
        kept.append(tokens.detach().clone().requires_grad_())
        same = tuple(kept[0] if part is tokens else part for part in args)
        return same, {name: kept[0] if part is tokens else part for name, part in kwargs.items()}

    with torch.enable_grad():
        handle = network.get_submodule(module).register_forward_pre_hook(before, with_kwargs=True)
        output = network((images - 0.5) / 0.25)
        handle.remove()
        (gradient,) = torch.autograd.grad(getattr(output, "logits", output).sum(), kept)
    return kept[0].detach(), gradient


def checked(network: nn.Module, module: str, prefix: int, images: Tensor, grid: tuple[int, int], **parts: Any) -> None:
    """Evidence, gradient and logits are those of a hook on `module`, whose name and prefix are found."""
    own = opened(own_parts(network, **parts), images)
    assert own.place is not None
    assert (own.place.module, own.place.grid) == (module, grid)
    assert own.place.layout == Layout(axes="BNK", prefix=prefix, grid=grid)
    features, gradient = features_and_gradient(own, "backbone", images)
    tokens, expected = by_hand(network, module, images)
    torch.testing.assert_close(features, tokens[:, prefix:].transpose(1, 2).unflatten(2, grid))
    torch.testing.assert_close(gradient, expected[:, prefix:].transpose(1, 2).unflatten(2, grid), atol=1e-6, rtol=1e-4)
    assert gradient.abs().max() > 1e-4
    with torch.no_grad():
        logits = own.parts.to_logit(network((images - 0.5) / 0.25))
        torch.testing.assert_close(own(images), logits, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(own(images[:1]), logits[:1], atol=1e-5, rtol=1e-4)


def test_torchvision_vit() -> None:
    """nn.MultiheadAttention's fused path hides nothing, with gradients or without."""
    checked(vit(), "encoder.layers.encoder_layer_1.self_attention", 1, films(), (4, 4))


@pytest.mark.parametrize(
    ("options", "prefix"),
    [
        ({}, 1),
        ({"kind": "distilled"}, 2),
        ({"reg_tokens": 4}, 5),
        ({"global_pool": "avg"}, 1),
        ({"global_pool": "avg", "class_token": False}, 0),
    ],
)
def test_timm_vit(options: dict[str, Any], prefix: int) -> None:
    checked(timm_vit(**options), "blocks.1.attn", prefix, films(), (4, 4))


def test_films_that_are_not_square() -> None:
    checked(timm_vit(img_size=(32, 48)), "blocks.1.attn", 1, films(3, 32, 48), (4, 6))


@pytest.mark.slow  # transformers takes seconds to import
def test_hugging_face_vit() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        image_size=32, patch_size=8, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        num_labels=1,
    )  # fmt: skip
    network = built(lambda: transformers.ViTForImageClassification(config))
    own = opened(own_parts(network, to_logit=lambda output: output.logits[:, 0]), films())
    assert own.place is not None
    checked(network, own.place.module, 1, films(), (4, 4), to_logit=lambda output: output.logits[:, 0])


def test_after_the_last_block_the_gradient_is_zero_and_declaring_it_is_refused() -> None:
    with pytest.raises(StudyError, match=r"output of blocks\.1 is exactly zero; where the logit reads a class token"):
        opened(own_parts(timm_vit(), evidence="blocks.1"), films())


def test_a_declared_module_of_tokens() -> None:
    network, images = timm_vit(), films()
    own = opened(own_parts(network, evidence="blocks.1.norm1"), images)
    found = opened(own_parts(network), images)
    assert torch.equal(layer_output(own, "backbone", images), layer_output(found, "backbone", images))
    same = opened(own_parts(network, evidence="blocks.1.norm1", tokens=Tokens(prefix=1, grid=(4, 4))), images)
    assert torch.equal(layer_output(same, "backbone", images), layer_output(found, "backbone", images))
    with pytest.raises(StudyError, match="17 tokens enter, not the declared prefix 2 and grid of 4 x 4"):
        opened(own_parts(network, tokens=Tokens(prefix=2, grid=(4, 4))), images)


@pytest.mark.parametrize(("rows", "cols"), [(32, 32), (32, 64)])
def test_swin_is_pooled_and_exact(rows: int, cols: int) -> None:
    """Attention comes before the pooling: the evidence is the pooled map, rows and columns not swapped."""
    network = built(
        lambda: SwinTransformer(
            patch_size=[4, 4], embed_dim=12, depths=[1, 1], num_heads=[2, 2], window_size=[4, 4], num_classes=1
        )
    )
    images = films(3, rows, cols)
    own = opened(own_parts(network), images)
    assert own.place is not None
    assert (own.place.channels, *own.place.grid) == (24, rows // 8, cols // 8)
    assert own.exactness is not None
    assert own.exactness.is_cam_exact


def test_timm_swin_has_channels_last() -> None:
    timm = pytest.importorskip("timm")
    network = built(
        lambda: timm.models.swin_transformer.SwinTransformer(
            img_size=(32, 64), patch_size=4, embed_dim=12, depths=(1, 1), num_heads=(2, 2), window_size=4, num_classes=1
        )
    )
    own = opened(own_parts(network), films(3, 32, 64))
    assert own.place is not None
    assert (own.place.layout.axes, own.place.channels, own.place.grid) == ("BhwK", 24, (4, 8))
    weights_K = own.cam_weights
    assert weights_K is not None
    torch.testing.assert_close(weights_K, network.head.fc.weight[0].detach())


def test_a_mixer_has_no_attention_and_its_last_tokens_are_found() -> None:
    """Not the patches' embedding, which is the only map with rows and columns."""
    timm = pytest.importorskip("timm")
    mixer = timm.models.mlp_mixer.MlpMixer
    network = built(lambda: mixer(img_size=32, patch_size=8, embed_dim=16, num_blocks=1, num_classes=1))
    own, kept = opened(own_parts(network), films()), []
    network.norm.register_forward_hook(lambda _m, _i, out: kept.append(out))
    features = layer_output(own, "backbone", films())
    torch.testing.assert_close(features, kept[0].transpose(1, 2).unflatten(2, (4, 4)))
    assert own.exactness is not None
    assert own.exactness.is_cam_exact


class SequenceFirst(nn.Module):
    """PyTorch's own encoder layers with the sequence on the first axis, and the mean over the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 16, 8, stride=8)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32), 2, enable_nested_tensor=False)
        self.last = nn.Linear(16, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.encoder(self.embed(images).flatten(2).permute(2, 0, 1)).mean(0))


def test_encoder_layers_with_the_sequence_first() -> None:
    own = opened(own_parts(built(SequenceFirst)), films(3, 32, 48))
    assert own.place is not None
    assert own.place.module == "encoder.layers.1.self_attn"
    assert own.place.layout == Layout(axes="NBK", prefix=0, grid=(4, 6))


EXPORTED = [
    pytest.param(vit, id="torchvision", marks=SLOW_EXPORT),
    pytest.param(lambda: built(SequenceFirst), id="sequence first, which a residual passes by"),
    pytest.param(timm_vit, id="timm", marks=SLOW_EXPORT),
    pytest.param(lambda: timm_vit("distilled"), id="distilled", marks=SLOW_EXPORT),
]


@pytest.mark.parametrize("make", EXPORTED)
def test_an_exported_transformer_has_the_same_tokens_and_gradients(make: Callable[[], nn.Module]) -> None:
    network, images = make(), films()
    batch = {0: torch.export.Dim("batch")}
    program = torch.export.export(network, (torch.zeros(2, 3, 32, 32),), dynamic_shapes=(batch,)).module()
    own, exported = opened(own_parts(network), images), opened(own_parts(program, facts={"kind": "pt2"}), images)
    assert own.place is not None
    assert exported.place is not None, exported.no_evidence
    assert exported.place.how == "operator"
    assert exported.place.grid == own.place.grid
    expected, found = (features_and_gradient(each, "backbone", images) for each in (own, exported))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-3)
    assert exported(images[:1]).shape == (1,)


def test_how_tokens_lie_is_never_guessed() -> None:
    """197 tokens of a square film are 14 x 14 and a class token; 17 may be 4 x 4 and 1, or 3 x 3 and 8."""
    square = 0.0
    assert token_layout(torch.zeros(3, 197, 8), 3, [], square, None) == Layout(axes="BNK", prefix=1, grid=(14, 14))
    assert token_layout(torch.zeros(197, 3, 8), 3, [], square, None).axes == "NBK"
    assert token_layout(torch.zeros(3, 17, 8), 3, [(4, 4)], square, None).prefix == 1
    with pytest.raises(StudyError, match=r"17 tokens .* cannot be told .*fit: 1 and 4 x 4, 8 and 3 x 3\)"):
        token_layout(torch.zeros(3, 17, 8), 3, [], square, None)
    with pytest.raises(StudyError, match=r"fit: none\); declare tokens = \{\"prefix\""):
        token_layout(torch.zeros(3, 47, 8), 3, [], square, None)


def test_no_module_is_left_with_hooks() -> None:
    network = vit()
    own = opened(own_parts(network), films())
    own(films())
    assert isinstance(own, OwnNetwork)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in own.modules())
