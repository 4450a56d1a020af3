"""The image files of a `folder` study: train/<CLASS>/*, test/<CLASS>/* and external/<CLASS>/*."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from sightline.counts import counted
from sightline.images.decode import FILM_SUFFIXES
from sightline.names import stem_of
from sightline.study.errors import StudyError

PARTS = ("train", "test", "external")


class ImageFile(NamedTuple):
    image: str  # file stem, unique in the study
    part: str  # train, test or external, the folder it lies in; a table also says val
    label: int  # 0 or 1
    path: Path


def folder_files(root: str | Path, negative: str, positive: str) -> list[ImageFile]:
    """All images below `root`, sorted by part, label and name; hidden files are ignored.

    Other class folders and the folder `val` of Kaggle's edition are not read (the paper drops its 16 images). A study
    of finished maps or models has no `train`, only test images; `external` holds another hospital's, perhaps of one
    class. Missing or empty class folders, files that are no films by name (`decode.FILM_SUFFIXES`; a DICOM file may
    have any name), and two images with the same name are a StudyError that lists all of them.
    """
    root = Path(root)
    parts = [part for part in PARTS if (root / part).is_dir()]
    if "test" not in parts:
        raise StudyError(f"{root}: no folder test; expected {root}/test/{positive} and {root}/test/{negative}")
    problems: list[str] = []
    files: list[ImageFile] = []
    for part in parts:
        for label, name in enumerate((negative, positive)):
            folder = root / part / name
            if not folder.is_dir():
                # a study of finished maps may hold only the images that experts marked, all positive
                other = root / part / (positive, negative)[label]
                may_lack = other.is_dir() if part == "external" else "train" not in parts and label == 0
                if not may_lack:
                    problems.append(f"{folder}: no such folder; data.negative and data.positive name the class folders")
                continue
            paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
            wrong = [path for path in paths if not is_film(path)]
            problems += [
                f"{path}: neither PNG, JPEG nor DICOM by name; take it out of the class folder" for path in wrong
            ]
            kept = [path for path in paths if path not in set(wrong)]
            if not kept:
                problems.append(f"{folder}: no images in this class")
            files += [ImageFile(stem_of(path.name), part, label, path) for path in kept]
    same: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        same[file.image].append(file.path)
    problems += [
        f"{' and '.join(map(str, paths))}: two images of one name" for paths in same.values() if len(paths) > 1
    ]
    if problems:
        raise StudyError(
            f"{root}: {counted(len(problems), 'problem')} with the images; correct them and run again", problems
        )
    return files


def is_film(path: Path) -> bool:
    """By its name, or by a DICOM file's mark: archives name such files as they like, often without a suffix."""
    if not path.is_file():
        return False
    if path.suffix.lower() in FILM_SUFFIXES:
        return True
    with open(path, "rb") as file:
        return file.read(132)[128:] == b"DICM"
