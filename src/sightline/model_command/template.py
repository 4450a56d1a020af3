"""What `sightline model new` writes: a code file and a card to fill in."""

from __future__ import annotations

CODE = '''\
"""The classifier {name}. Sightline imports this file and runs it, with your rights, like any script of yours.

Edit the three lines marked EDIT, then: sightline model check {name}. More examples: docs/own-models.md
"""

import torch
import torchvision

from sightline.own_models.weights import load_weights


def load() -> torch.nn.Module:
    network = torchvision.models.densenet121(num_classes=1)  # EDIT 1: your architecture, built as it was trained
    load_weights(network, "{weights}")  # EDIT 2: your file (.safetensors, state_dict or Lightning checkpoint)
    return network.eval()


# EDIT 3: what the network was trained on. A film's black is 0 and its white 1 before this.
size = 224  # rows and columns, or (rows, columns)
channels = 3  # 1 (gray) or 3 (gray, three times)
value_range = (0, 1)  # what black and white become: (0, 255), (-1024, 1024), ...
mean = [0.485, 0.456, 0.406]  # subtracted after that; one number, or one per channel
std = [0.229, 0.224, 0.225]  # divides after that

# In place of these five, a function (maps by input gradients are then not possible):
#
# def preprocess(images_uint8):  # uint8, images x 3 x rows x columns of the study
#     return images_uint8.float() / 255

# Only if the network returns anything but one logit per image:
#
# def score(output):
#     return output[:, 1] - output[:, 0]  # two classes, the second is the positive one
#     return output[:, 7]                 # label 7 of several, as a logit
#     return torch.logit(output[:, 0], eps=1e-7)  # a probability
#     return output.logits[:, 0]          # Hugging Face

# Only if `sightline model check` finds another layer, or for a transformer whose tokens it cannot place:
#
# evidence = "features.norm5"  # the module whose output the maps are computed from
# tokens = {{"prefix": 1, "grid": (14, 14)}}  # tokens before the patches (class token); rows and columns of patches
'''

CARD = """\
size: 224 # rows and columns that the network takes, or [rows, columns]
channels: 3 # 1 (gray) or 3 (gray, three times)
mean: [0.485, 0.456, 0.406] # subtracted from each channel, after value_range
std: [0.229, 0.224, 0.225] # divides after that
value_range: [0, 1] # what black and white become before mean and std
output: logit # logit, probability, or softmax (logits of classes that exclude each other)
# label: 1 # column of the positive class, from 0; only where the network returns several columns
#
# The file, written where the network was trained, for any batch size:
#   program = torch.export.export(network.eval(), (torch.zeros(2, 3, 224, 224),),
#                                 dynamic_shapes=({{0: torch.export.Dim("batch")}},))
#   torch.export.save(program, "{export}")
"""
