"""Scores and verdicts of saliency maps in memory or in files, by the same way as `sightline score`.

N images, C channels, R readers, H W a grid of pixels, which may differ between maps, regions and films.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sightline.api.arguments import Call, Given, as_text
from sightline.api.scores import Scores
from sightline.api.verdicts import Verdict, verdicts_of
from sightline.scoring.gather import gather
from sightline.scoring.request import Cleanup, Frame, Primary, Settings
from sightline.scoring.scored_study import judge_study, score_study


def score(
    maps: Any,
    regions: Any,
    *,
    images: Any = None,
    patients: Any = None,
    lungs: Any = None,
    names: Sequence[object] | None = None,
    threshold: float = 0.5,
    primary: Primary = "rank",
    margin: float = 0.25,
    frame: Frame = "image",
    grid: tuple[int, int] | None = None,
    finding: str | Sequence[str] | None = None,
    format: str | None = None,
    seed: int = 0,
    size: tuple[int, int] | None = None,
    image_size: tuple[int, int] | str | None = None,
    cleanup: Cleanup = "auto",
) -> Scores:
    """Scores saliency maps against experts' regions, and says whether they look where the experts look.

    `maps`: one model's, or a dictionary of several models' by name. One model's maps are an array N x H x W or
    N x C x H x W (channels are summed, as captum's attributions are), a list of N arrays, a dictionary by image of
    H x W, or a path as `sightline score` takes it: a folder of PNG or NPY, or an NPZ. They may be signed and of any
    range and size; what is negative counts as 0.

    `regions`: an array N x H x W, or N x R x H x W for R readers; a dictionary by image of H x W, R x H x W or
    {reader: H x W}; what `read_annotations` returns; or the path or paths of files in any format that it reads. An
    empty mask says that the reader marked nothing.

    `images`, `lungs`: films and lung masks, each a folder, an array N x H x W or a dictionary by image. Films are
    uint8, uint16 (white is a film's largest value) or numbers in [0, 1]. Without them baselines and controls know less,
    and the page has no films.

    `patients`: who each image is of: a list or column in the order of the images, a dictionary by image or a Series
    whose index names the images, a table of image and patient (a path that ends in .csv), or a pattern whose group,
    matched in the name, is the patient. None: each image is a patient of its own, and intervals are too short if it is
    not.

    `names`: of the rows of arrays, 0000, 0001, ... by default. All arguments are joined by the images' names, never by
    their order; .png and folders in a name do not count. Maps and masks show the whole image, whatever their size.

    The settings have the names and the meaning of the command's options; `grid` and `size` are (rows, columns).

    Raises StudyError, with everything that is wrong with the arguments at once.

    >>> import sightline
    >>> study = sightline.phantom(8, seed=1, size=(64, 64))
    >>> maps = {"truth": study.truth, "lungs": {name: mask.astype(float) for name, mask in study.lungs.items()}}
    >>> scores = sightline.score(maps, study.regions, images=study.images, lungs=study.lungs)
    >>> scores.verdict["lungs"].answer
    'Cannot tell'
    >>> float(scores.summary().loc[("truth", "mass"), "value"].round(2))
    0.48
    """
    given = Given(
        maps=maps, regions=regions, images=images, patients=patients, lungs=lungs, names=names, finding=finding
    )
    settings = Settings(
        threshold=threshold, primary=primary, margin=margin, frame=frame, grid=grid, format=format, seed=seed,
        size=size, image_size=_by(image_size), cleanup=cleanup,
    )  # fmt: skip
    call = Call(given, settings)
    with call.errors_in_words():
        found = score_study(call.request, as_text(given, settings))
    notes = [call.in_words(note) for note in found.origin.notes]
    found = replace(found, origin=replace(found.origin, notes=notes), summary={**found.summary, "notes": notes})
    return Scores(found, call)


def verdict(
    maps: Any,
    regions: Any,
    *,
    images: Any = None,
    patients: Any = None,
    lungs: Any = None,
    names: Sequence[object] | None = None,
    primary: Primary = "rank",
    margin: float = 0.25,
    frame: Frame = "image",
    grid: tuple[int, int] | None = None,
    finding: str | Sequence[str] | None = None,
    format: str | None = None,
    seed: int = 0,
) -> dict[str, Verdict]:
    """The verdict on each model, as `score(...).verdict`, without the other scores: in about a third of the time.

    The arguments are those of `score`.

    >>> import sightline
    >>> study = sightline.phantom(8, seed=1, size=(64, 64))
    >>> print(sightline.verdict(study.truth, study.regions)["model"].key)
    cannot_tell
    """
    given = Given(
        maps=maps, regions=regions, images=images, patients=patients, lungs=lungs, names=names, finding=finding
    )
    call = Call(given, Settings(primary=primary, margin=margin, frame=frame, grid=grid, format=format, seed=seed))
    with call.errors_in_words():
        study, _ = gather(call.request)
        found = judge_study(study, call.request)
    return verdicts_of(found.candidates, primary)


def _by(size: tuple[int, int] | str | None) -> str | None:
    """ROWSxCOLS; what is neither, as text, which reading it refuses."""
    return "x".join(map(str, size)) if isinstance(size, tuple | list) else size if size is None else str(size)
