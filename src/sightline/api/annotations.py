"""Experts' annotations: files read, readers' agreement, one region of several masks. R readers, H W a mask's grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from sightline.api.arrays import ArrayLike, Names, array_of, is_path
from sightline.api.expected import a_name, a_number, a_path, a_size, a_whole_number, names, numbers, one_of, refuse
from sightline.api.marks import Annotations, marks_of
from sightline.experts.annotation_reader import annotation_table, readings_in
from sightline.experts.consensus import ConsensusRule, consensus_mask
from sightline.experts.drawn_reliability import DrawnReliability, drawn_reliability
from sightline.experts.findings import findings_in, united_drawings
from sightline.experts.sheets import reading_on_grid, refuse_wrong
from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.fields import nearest_name
from sightline.formats.readers import FORMATS, read_files
from sightline.images.film_size import film_size
from sightline.names import image_name
from sightline.scoring.regions_in import is_annotation_folder
from sightline.study.errors import StudyError


def read_annotations(
    path: str | PathLike[str],
    format: str | None = None,
    *,
    finding: str | Sequence[str] | None = None,
    reader: str = "unnamed",
    image_size: tuple[int, int] | None = None,
) -> Annotations:
    """The annotations in a file or folder: COCO, CVAT, Label Studio, DICOM SEG, PNG masks and others (docs/formats.md).

    `format`: a name of that page; None: recognised. A folder with Sightline's own annotations.csv is read too.
    `finding`: those that count, several together; None: all together. `reader`: who drew what names nobody.
    `image_size`: (rows, columns) of the images, for files that do not say.

    Raises StudyError with all problems of the files.

    >>> import numpy as np, sightline, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "masks.npz")
    ...     np.savez(path, film1=np.eye(4, dtype=bool), film2=np.zeros((4, 4), bool))
    ...     sightline.read_annotations(path).to_frame()[["image", "pixels"]].values.tolist()
    [['film1', 4], ['film2', 0]]
    """
    refuse(
        a_path("path", path),
        "" if format is None else one_of("format", format, sorted(FORMATS)),
        names("finding", finding),
        a_name("reader", reader),
        "" if image_size is None else a_size("image_size", image_size),
    )
    chosen = [finding] if isinstance(finding, str) else None if finding is None else list(finding)
    if is_annotation_folder(Path(path)) and format is None:
        return _own_folder(Path(path), chosen)
    options = ImportOptions(labels=chosen, annotator=reader, size=image_size)
    contents = read_files([Path(path)], options, format)
    unknown = [name for name in chosen or () if name not in contents.labels]
    problems = [*contents.problems, *(f"finding {name}{nearest_name(name, contents.labels)}" for name in unknown)]
    if problems:
        raise StudyError(f"{path}: annotations that cannot be read", problems)
    return _annotations(contents)


def _annotations(contents: FileContents) -> Annotations:
    return Annotations(
        drawings=united_drawings(contents.drawings), findings=sorted(contents.labels), notes=list(contents.notes)
    )


def _own_folder(folder: Path, findings: list[str] | None) -> Annotations:
    """The readings of annotations.csv, each on its own mask's grid: strokes become the regions that they stand for."""
    table = annotation_table(folder)
    images = sorted({image_name(image) for image in table["image"]})
    index = pd.DataFrame({"image": images, "split": "test", "source": None})  # no film to compare sizes with
    firsts, readings = readings_in(folder, index, "auto", findings or ())
    drawings: list[Drawing] = []
    problems: list[str] = []
    whites: dict[str, int] = {}
    for record, sheets in zip(firsts.to_dict("records"), readings, strict=True):
        size = None if sheets[0].path is None else film_size(sheets[0].path)
        reading = reading_on_grid(sheets, size or (1, 1))
        problems += reading.problems
        whites |= reading.whites
        fields = {name: record[name] for name in ("image", "annotator", "created_at", "repeat", "profession")}
        drawings.append(Drawing.of(reading.mask_HW, source=f"annotation {record['annotation']}", **fields))
    refuse_wrong(folder, problems, whites)
    return Annotations(drawings=drawings, findings=findings_in(table))


def agreement(annotations: Annotations | Mapping[Any, Any] | str | PathLike[str]) -> DrawnReliability:
    """How far readers agree, on presence and on place apart, with 95% intervals (docs/reliability.md).

    `annotations`: of `read_annotations`, a path that it reads, or a dictionary by image of R x H x W or
    {reader: H x W}; an empty mask is a reading that marks nothing. Images with one reader are left out; each image
    counts as a patient of its own.

    >>> import numpy as np, sightline
    >>> left, right = np.tri(4, dtype=bool), np.tri(4, k=-1, dtype=bool)
    >>> found = sightline.agreement({"film1": {"ann": left, "bob": right}, "film2": {"ann": left, "bob": left}})
    >>> round(found.place.iou.value, 3)
    0.8
    """
    if is_path(annotations):
        refuse(a_path("annotations", annotations))
        annotations = read_annotations(annotations)  # type: ignore[arg-type]
    if not isinstance(annotations, Annotations):
        annotations = Annotations(drawings=_drawings(annotations), findings=())  # type: ignore[arg-type]
    finding = annotations.findings[0] if len(annotations.findings) == 1 else "any finding"
    try:
        return drawn_reliability(finding, annotations.drawings)
    except StudyError as error:
        problem = str(error).partition("\n")[0].replace("--image-size", "image_size of read_annotations")
        raise StudyError(problem, error.cases) from None


def _drawings(by_image: Mapping[Any, Any]) -> list[Drawing]:
    problems: list[str] = []
    marks = marks_of(by_image, Names(None, problems), problems)
    if problems:
        raise StudyError("annotations that cannot be compared", problems)
    return [
        Drawing.of(mask, image=image, annotator=reader, created_at="", source=reader)
        for image, of_image in marks.items()
        for reader, mask in of_image.items()
    ]


def consensus(
    masks: Mapping[Any, ArrayLike] | ArrayLike,
    rule: ConsensusRule = "mean",
    *,
    min_share: float = 0.5,
    min_count: int = 2,
    weights: Sequence[float] | None = None,
) -> Any:
    """The region that readers agree on: bool H x W, or of masks by image such regions by image.

    `masks`: of one image R x H x W, a list of R masks or {reader: H x W}; or a dictionary by image of these, or what
    `read_annotations` returns. `rule`: mean (pixels that at least `min_share` of the readers mark), at_least
    (`min_count` readers), union, intersection, staple, or weighted (`weights`, one for each reader in their order).
    Definitions: docs/metrics.md#consensus.

    >>> import numpy as np, sightline
    >>> sightline.consensus([np.tri(3), np.eye(3), np.eye(3)]).astype(int).tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    """
    refuse(
        one_of("rule", rule, get_args(ConsensusRule)),
        a_number("min_share", min_share),
        a_whole_number("min_count", min_count),
        "" if weights is None else numbers("weights", weights),
    )
    if isinstance(masks, Annotations):
        masks = masks.masks
    if isinstance(masks, Mapping) and any(_is_stack(value) for value in masks.values()):
        return {
            image: consensus(value, rule, min_share=min_share, min_count=min_count, weights=weights)
            for image, value in masks.items()
        }
    problems: list[str] = []
    of_image = marks_of({"image": masks}, Names(None, problems), problems)["image"]
    if len({mask.shape for mask in of_image.values()}) > 1:
        problems.append(f"masks of different sizes: {', '.join(str(mask.shape) for mask in of_image.values())}")
    if not of_image and not problems:
        problems.append("no mask")
    if problems:
        raise StudyError("masks without a consensus", problems)
    weights_R = None if weights is None else np.asarray(weights, float)
    try:
        return consensus_mask(np.stack(list(of_image.values())), rule, min_share, min_count, weights_R)
    except ValueError as error:
        raise StudyError(str(error).replace("weights_R", "weights")) from None


def _is_stack(value: Any) -> bool:
    """Whether it is the masks of an image rather than one reader's mask."""
    return isinstance(value, Mapping) or array_of(value).ndim == 3
