"""A Hugging Face image classifier, from the folder that save_pretrained wrote: config.json and model.safetensors."""

from torch import Tensor, nn
from transformers import AutoModelForImageClassification
from transformers.utils import ModelOutput

size, channels, mean, std, value_range = 224, 3, 0.5, 0.5, (0.0, 1.0)  # as in the folder's preprocessor_config.json


def load() -> nn.Module:
    # a folder, not a name on the hub: nothing is downloaded, and no code of the folder runs
    return AutoModelForImageClassification.from_pretrained("models/vit", local_files_only=True).eval()


def score(output: ModelOutput) -> Tensor:
    return output.logits[:, 1] - output.logits[:, 0]  # the order of the labels is id2label in config.json
