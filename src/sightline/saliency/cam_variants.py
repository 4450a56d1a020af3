"""Grad-CAM and its variants on the feature grid: raw, signed, batched.

Shapes: B images, K channels, H W image grid, h w feature grid. Methods that need only a feature map and the logit's
gradient take these two, so that one forward and one backward pass (`cam.features_and_gradient`) serve all of them.
Each map is float32 B x h x w, before any ReLU, upsampling or min-max. A feature map or a gradient of zeros gives a map
of zeros, which is flat; a NaN affects the map of its image only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sightline.saliency.cam import features_and_gradient, layer_output, weighted_sum
from sightline.saliency.perturbation import Score, forward_scores


def gradcam(features_BKhw: Tensor, gradient_BKhw: Tensor) -> Tensor:
    """sum_k mean_ij(g_kij) A_k: Grad-CAM (Selvaraju et al. 2017, eqs. 1 and 2)."""
    return weighted_sum(features_BKhw, gradient_BKhw.mean(dim=(2, 3)))


def gradcam_plus_plus(features_BKhw: Tensor, gradient_BKhw: Tensor) -> Tensor:
    """sum_k w_k A_k with w_k = sum_ij alpha_kij ReLU(g_kij): Grad-CAM++ (Chattopadhay et al. 2018, eqs. 5, 7, 19).

    The class score is Y = exp(S), S the logit, and g = dS/dA. Then dY/dA = exp(S) g, and where S is piecewise linear in
    A the second and third derivatives are exp(S) g^2 and exp(S) g^3, so that eq. 19 becomes
    alpha_kij = g^2 / (2 g^2 + (sum_ab A_kab) g^3) = 1 / (2 + g sum_ab A_kab).
    The short form avoids cubes of small numbers. Only g > 0 counts (the ReLU); an alpha whose denominator is 0,
    possible only with negative features, is 0.
    Paper: w_k also has the factor exp(S). It is one positive number per image, which min-max cancels, and it overflows
    above S = 88; we leave it out. Peer: pytorch-grad-cam leaves it out too, and adds 1e-6 to 2 g^2 + sum(A) g^3, which
    matters where g is below 0.01; captum has no Grad-CAM++.
    """
    features, gradient = features_BKhw.float(), gradient_BKhw.float()
    denominator = 2 + gradient * features.sum(dim=(2, 3), keepdim=True)
    alpha = torch.where(denominator == 0, 0, 1 / denominator)
    return weighted_sum(features, (alpha * gradient.relu()).sum(dim=(2, 3)))


def layercam(features_BKhw: Tensor, gradient_BKhw: Tensor) -> Tensor:
    """sum_k ReLU(g_k) A_k, cell by cell: LayerCAM (Jiang et al. 2021, eqs. 6 and 7)."""
    return (gradient_BKhw.float().relu() * features_BKhw.float()).sum(dim=1)


def hirescam(features_BKhw: Tensor, gradient_BKhw: Tensor) -> Tensor:
    """sum_k g_k A_k, cell by cell: HiResCAM (Draelos & Carin 2020, eq. 3). With a gap head it is Grad-CAM.

    Where only linear layers follow the feature map, the map's sum is the logit less the bias.
    """
    return (gradient_BKhw.float() * features_BKhw.float()).sum(dim=1)


def eigencam(features_BKhw: Tensor, gradient_BKhw: Tensor | None = None, centred: bool = True) -> Tensor:
    """Each cell's coordinate on the first principal component of the K-vectors of its image's h * w cells.

    Eigen-CAM (Muhammad & Yeasin 2020). The logit is not involved: the gradient is ignored, and the map is the same for
    each class. The sign is the one for which the inner product, over the cells, of the map and the features' sum over
    channels is positive; if that is 0, the one that makes the first entry of largest absolute value positive. If the
    two largest singular values are equal, the component is undetermined.
    Paper: the features are used as they are (`centred=False`). Peer: pytorch-grad-cam subtracts each channel's mean
    over the cells first, as principal components require, but leaves the sign to LAPACK.
    """
    del gradient_BKhw
    batch, _, height, width = features_BKhw.shape
    cells_BPK = features_BKhw.flatten(2).transpose(1, 2).double()
    if centred:
        cells_BPK = cells_BPK - cells_BPK.mean(dim=1, keepdim=True)
    finite_B = cells_BPK.isfinite().all(dim=(1, 2))  # one NaN would make LAPACK refuse the whole batch
    left_BPR, size_BR, _ = torch.linalg.svd(torch.where(finite_B[:, None, None], cells_BPK, 0), full_matrices=False)
    maps_BP = left_BPR[:, :, 0] * size_BR[:, :1]
    along_B = (maps_BP * cells_BPK.sum(dim=2)).sum(dim=1)
    largest_B = maps_BP.gather(1, maps_BP.abs().argmax(dim=1, keepdim=True)).squeeze(1)
    noise_B = 1e-12 * size_BR[:, 0] ** 2
    sign_B = torch.where(along_B.abs() > noise_B, along_B, largest_B).sign()
    maps_BP = torch.where(finite_B[:, None], maps_BP * sign_B[:, None], torch.nan)
    return maps_BP.reshape(batch, height, width).float()


FROM_GRADIENT: dict[str, Callable[..., Tensor]] = {
    "gradcam": gradcam,
    "gradcam_plus_plus": gradcam_plus_plus,
    "layercam": layercam,
    "hirescam": hirescam,
    "eigencam": eigencam,
}


def family_maps(
    network: nn.Module, images_B3HW: Tensor, names: Iterable[str] = tuple(FROM_GRADIENT), layer: str = "backbone"
) -> dict[str, Tensor]:
    """Name -> float32 B x h x w, for names of FROM_GRADIENT, from one forward and one backward pass.

    `layer` is a module's name; `backbone` is the exact layer, whose output the head pools. The network must be in eval
    mode; its weights get no gradient.
    """
    features, gradient = features_and_gradient(network, layer, images_B3HW)
    return {name: FROM_GRADIENT[name](features, gradient) for name in names}


@torch.no_grad()
def scorecam(
    network: nn.Module, images_B3HW: Tensor, layer: str = "backbone", score: Score = "probability", chunk: int = 64
) -> Tensor:
    """float32 B x h x w: sum_k w_k A_k, w_k the class score of the image seen through channel k: Score-CAM.

    Wang et al. 2020. Each channel is upsampled to the image grid (bilinear, half-pixel centres), scaled to [0, 1] by
    its minimum and maximum, and multiplied with the image: black where the channel is lowest. `chunk` masked images
    pass the network at once; no gradient is needed.
    `probability`: w_k is the sigmoid of the logit, the softmax over the classes (0, logit), as in the authors' code.
    `logit`: w_k is the softmax of the logits over the channels, as in the paper's Algorithm 1, where the black image's
    score cancels, and in pytorch-grad-cam (which upsamples with align_corners=True). With large logits one channel
    takes all the weight.
    A flat channel has no mask and weighs 0, as in the authors' code; it could add only a constant.
    """
    features_BKhw = layer_output(network, layer, images_B3HW)
    batch, channels = features_BKhw.shape[:2]
    features_Nhw = features_BKhw.flatten(0, 1)  # N = B * K, image by image
    low_N, high_N = features_Nhw.amin(dim=(1, 2)), features_Nhw.amax(dim=(1, 2))
    scores_N = torch.zeros_like(low_N)
    rows_n = torch.nonzero(high_N > low_N).squeeze(1)
    for part in rows_n.split(chunk):
        masks = F.interpolate(
            features_Nhw[part, None], size=images_B3HW.shape[2:], mode="bilinear", align_corners=False
        )
        low, high = masks.amin(dim=(2, 3), keepdim=True), masks.amax(dim=(2, 3), keepdim=True)
        masks = torch.where(high > low, (masks - low) / (high - low), 0)
        scores_N[part] = forward_scores(network, images_B3HW[part // channels] * masks, score).to(scores_N.dtype)
    scores_BK, usable_BK = scores_N.view(batch, channels), (high_N > low_N).view(batch, channels)
    if score == "logit":
        weights_BK = scores_BK.masked_fill(~usable_BK, -torch.inf).softmax(dim=1).nan_to_num(nan=0.0)
    else:
        weights_BK = scores_BK
    return weighted_sum(features_BKhw, weights_BK)
