"""A Keras 3 model that ends in a sigmoid, from a .keras file, on the torch backend."""

import os

os.environ["KERAS_BACKEND"] = "torch"  # before the import, which reads it

import keras
from torch import Tensor, nn


def load() -> nn.Module:
    return keras.models.load_model("models/classifier.keras").eval()  # with torch behind it, the model is a module


def preprocess(images_uint8: Tensor) -> Tensor:
    return images_uint8.permute(0, 2, 3, 1) / 255  # channels last


def score(output: Tensor) -> Tensor:
    return output[:, 0].logit(eps=1e-7)  # undoes the sigmoid
