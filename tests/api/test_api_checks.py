"""check_model: the numbers and words of `sightline model check`, for films and labels in memory or in files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import nn

import sightline
from sightline.api.models import load_model

STUDY = sightline.phantom(6, seed=2, size=(64, 64), healthy=5)
NAMES = list(STUDY.images)


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.AvgPool2d(4), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 1),
    )  # fmt: skip


def model(net: nn.Module | None = None) -> object:
    return load_model(net or network(), channels=1, mean=0.5, size=64)


def test_auroc_is_that_of_scikit_learn_and_the_text_that_of_the_command():
    net = network()
    films = torch.from_numpy(np.stack(list(STUDY.images.values())))[:, None].float() / 255 - 0.5
    logits = net(films)[:, 0].detach().numpy()
    check = sightline.check_model(model(net), STUDY.images, STUDY.labels)
    auroc = roc_auc_score(list(STUDY.labels.values()), logits)
    assert check.results["classification"]["auroc"]["value"] == pytest.approx(auroc, abs=1e-6)
    assert [finding.check for finding in check.findings][:2] == ["finite", "repeat"]
    assert check.is_ready
    lines = repr(check).splitlines()
    assert lines[:2] == [
        "the model",
        f"  A network in memory, {sum(p.numel() for p in net.parameters()):,} parameters.",
    ]
    assert lines[-1].startswith("ready")
    assert net.training, "the caller's network is as it was"


def test_forms_of_films_and_labels_agree(tmp_path):
    expected = sightline.check_model(model(), STUDY.images, STUDY.labels).results
    labels = list(STUDY.labels.values())
    stack = np.stack(list(STUDY.images.values()))
    assert sightline.check_model(model(), stack, labels).results == expected
    assert sightline.check_model(model(), stack, torch.tensor(labels), names=NAMES).results == expected
    turned = dict(reversed(STUDY.images.items()))
    assert sightline.check_model(model(), turned, labels[::-1]).results == expected
    assert sightline.check_model(model(), turned, pd.Series(STUDY.labels)).results == expected
    for name, film in STUDY.images.items():
        Image.fromarray(film).save(tmp_path / f"{name}.png")
    by_file = {f"{name}.png": bool(label) for name, label in STUDY.labels.items()}
    assert sightline.check_model(model(), tmp_path, by_file).results == expected


def test_patients_widen_the_interval():
    alone = sightline.check_model(model(), STUDY.images, STUDY.labels).results["classification"]["accuracy"]
    pairs = {name: row // 2 for row, name in enumerate(NAMES)}
    paired = sightline.check_model(model(), STUDY.images, STUDY.labels, patients=pairs)
    assert paired.results["classification"]["accuracy"]["value"] == alone["value"]
    assert paired.results["classification"]["accuracy"] != alone


def test_a_network_that_gives_nan_is_not_ready():
    net = network()
    with torch.no_grad():
        net[7].bias.fill_(float("nan"))
    check = sightline.check_model(model(net), STUDY.images, STUDY.labels)
    assert not check.is_ready
    assert "NaN or infinite on 11 of 11 films" in repr(check)
    assert repr(check).splitlines()[-1].startswith("not ready: outputs that are not finite")


def test_what_is_refused(tmp_path):
    with pytest.raises(sightline.StudyError, match="labels: 2 for 11 images; expected one for each"):
        sightline.check_model(model(), STUDY.images, [0, 1])
    wrong = {**STUDY.labels, NAMES[3]: 7}
    del wrong[NAMES[5]]
    with pytest.raises(sightline.StudyError, match=f"labels: {NAMES[5]} has none") as raised:
        sightline.check_model(model(), STUDY.images, wrong)
    assert f"labels: {NAMES[3]} is 7; expected 1 or 0" in str(raised.value)
    Image.fromarray(STUDY.images[NAMES[0]]).save(tmp_path / "film.png")
    with pytest.raises(sightline.StudyError, match="labels: a list needs an order of images"):
        sightline.check_model(model(), tmp_path, [1])
    with pytest.raises(sightline.StudyError, match="images: None"):
        sightline.check_model(model(), None, [1])
