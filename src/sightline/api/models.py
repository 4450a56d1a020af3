"""Classifiers opened, and their saliency maps. N films, H W their grid, h w a map's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from sightline.api.arrays import Names, is_path
from sightline.api.expected import a_name, a_path, a_whole_number, refuse
from sightline.api.written_cases import written_films
from sightline.explaining.command import explained
from sightline.explaining.films import films_in
from sightline.explaining.opening import Model, model_at, model_in_memory
from sightline.images.film_files import film_sizes
from sightline.networks.device import saliency_machine
from sightline.saliency.methods import method_named
from sightline.scoring.request import one_error
from sightline.scoring.work import Work
from sightline.study.errors import StudyError


def load_model(
    model: str | PathLike[str] | nn.Module,
    card: str | PathLike[str] | None = None,
    *,
    size: int | tuple[int, int] | None = None,
    channels: int = 3,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    value_range: tuple[float, float] = (0.0, 1.0),
    score: Callable[[Any], Tensor] | None = None,
    evidence: str = "",
) -> Model:
    """A classifier for `explain`: a file as `sightline explain` takes it, or a network in memory.

    A file: .safetensors that Sightline trained, .py of your own, or with its `card` an export (docs/own-models.md).
    Such a .py runs as code, with your rights.

    A network: how films become its input, as in a .py of your own: values to `value_range`, resized to `size` (None: as
    the films are), then `mean` and `std` by channel. `score`: the network's output -> one logit for each film, for
    networks with several outputs: `lambda output: output[:, 1] - output[:, 0]`. `evidence`: the module whose output the
    maps are read from; it is found where it is not named. The network itself is not changed.

    >>> import sightline, torch
    >>> network = torch.nn.Sequential(
    ...     torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
    ...     torch.nn.Linear(4, 1),
    ... )
    >>> sightline.load_model(network, channels=1, mean=0.5, std=0.25, size=64).size
    (64, 64)
    """
    if not isinstance(model, nn.Module):
        if not is_path(model):
            raise StudyError(f"model: expected a path or a torch.nn.Module, got {type(model).__name__}")
        refuse(a_path("model", model), "" if card is None else a_path("card", card))
        return model_at(Path(model), None if card is None else Path(card))
    if card is not None:
        raise StudyError("card: belongs to an exported file; of a network in memory give size, channels, mean and std")
    declared = {"channels": channels, "mean": mean, "std": std, "value_range": value_range}
    return model_in_memory(model, size, declared, score, evidence)


def explain(
    model: Model | nn.Module | str | PathLike[str],
    images: Any,
    method: str = "gradcam",
    *,
    names: Sequence[object] | None = None,
    seed: int = 0,
) -> Any:
    """Raw maps, float32 h x w with sign: a dictionary by image for `score`; of an array N x H x W an array N x h x w.

    `model`: of `load_model`, or what it opens without further arguments. `images`: a folder of films, a dictionary by
    image, or an array N x H x W: uint8, uint16 or numbers in [0, 1]. `method`: gradcam, cam, integrated_gradients, ...;
    an unknown one is an error that lists all. `names`: of an array's rows; the maps are then a dictionary. `seed`: of
    methods with random numbers. StudyError where a method needs what the network lacks.

    >>> import sightline, torch
    >>> _ = torch.manual_seed(0)
    >>> network = torch.nn.Sequential(
    ...     torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
    ...     torch.nn.Linear(4, 1),
    ... )
    >>> model = sightline.load_model(network, channels=1, size=64)
    >>> maps = sightline.explain(model, sightline.phantom(2, seed=0).images)
    >>> sorted(maps), maps["phantom00000"].shape
    (['phantom00000', 'phantom00001'], (62, 62))
    """
    refuse(a_name("method", method), a_whole_number("seed", seed))
    method_named(method)
    opened = model if isinstance(model, Model) else load_model(model)
    order, films_N, own_order = films_for(opened, images, names)
    maps, _ = explained(opened, films_N, order, [method], False, seed, saliency_machine())
    by_image = dict(zip(order, maps[method], strict=True))
    if is_path(images) or isinstance(images, Mapping) or names is not None:
        return by_image if is_path(images) else {name: by_image[name] for name in own_order or order}
    return np.stack([by_image[name] for name in own_order or order])


def films_for(
    model: Model, images: Any, names: Sequence[object] | None
) -> tuple[list[str], np.ndarray, list[str] | None]:
    """The films' names, sorted; the films as the model saw such, uint8 N x H x W; the names as the caller orders them.

    The last is None of a folder. StudyError with all that is wrong with the arguments.
    """
    problems: list[str] = []
    work, known = Work(), Names(names, problems)
    folder = written_films(images, known, work.folder, problems)
    known.check()
    if not (problems or images is None or is_path(images) or known.order):
        problems.append("images: there is none")
    if problems or folder is None:
        raise one_error(problems or ["images: None; expected a folder, a dictionary by image or an array"], "argument")
    order, films_N = films_in(folder, model.size or _common_size(folder), bool(model.color))
    if known.order is not None and set(known.order) != set(order):
        raise StudyError("names: they are of an array's rows, and other images were given by name; leave names out")
    return order, films_N, known.order


def _common_size(folder: Path) -> tuple[int, int]:
    """The films' one size."""
    sizes = set(film_sizes(folder).values())
    if len(sizes) != 1:
        raise StudyError(f"images: of {len(sizes)} sizes, and the model does not say which it saw; load it with size=")
    return sizes.pop()
