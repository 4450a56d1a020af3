"""What a file is by its bytes, whatever its name says: a download that failed, a pickle, an archive of weights, ..."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

from sightline.study.damaged import DAMAGED
from sightline.study.errors import StudyError

Kind = Literal["torch", "torchscript", "pt2", "safetensors", "pickle", "other"]
BEGINNINGS = {  # what is never a network or weights that can be read here -> what it is, and the way out
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; fetch it with `git lfs pull`",
    b"outs:": "a DVC file, not the file itself; fetch it with `dvc pull` and name the file without .dvc",
    b"\x89HDF": "an HDF5 file (Keras weights?); load it in Keras on the torch backend, in a code file's load()",
    b"\x1f\x8b": "compressed (gzip); unpack it first",
    b"BZh": "compressed (bzip2); unpack it first",
    b"\xfd7zXZ": "compressed (xz); unpack it first",
}


def kind_of(path: str | Path) -> Kind:
    """What the file is; `other` where it is nothing that is known here, such as ONNX, which has no mark.

    StudyError where it is missing, empty, a folder, cut off, a web page, a Git LFS pointer or compressed.
    """
    path = Path(path)
    if path.is_dir():
        raise StudyError(f"{path}: is a folder; name the file in it")
    if not path.is_file():
        raise StudyError(f"{path}: not there{_beside(path)}; paths are relative to the study's folder")
    with open(path, "rb") as file:
        start = file.read(64)
    if not start:
        raise StudyError(f"{path}: is empty; download or copy it again")
    for beginning, what in BEGINNINGS.items():
        if start.startswith(beginning):
            raise StudyError(f"{path}: is {what}")
    if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"<!", b"<html", b"<HTML", b"<?xml")):
        raise StudyError(f"{path}: is a web page, not the file; the download failed, perhaps for lack of a login")
    if start.startswith(b"PK"):
        return _archive(path)
    length = int.from_bytes(start[:8], "little")
    if start[8:9] == b"{" and 2 <= length < 10**8:
        return "safetensors"
    return "pickle" if start[:1] == b"\x80" and start[1] in range(2, 6) else "other"


def _archive(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.partition("/")[2] or name for name in archive.namelist()]
    except DAMAGED:
        raise StudyError(f"{path}: is cut off or damaged; copy or download it again") from None
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        return "torchscript"
    if "archive_format" in names or "serialized_exported_program.json" in archive.namelist():
        return "pt2"
    return "torch" if "data.pkl" in names else "other"


def _beside(path: Path) -> str:
    """`; there are ...`: the files of the same folder and ending."""
    if not path.parent.is_dir():
        return f", nor is the folder {path.parent}"
    files = sorted(str(file) for file in path.parent.iterdir() if file.suffix == path.suffix)
    return f"; there are {', '.join(files[:5])}" if files else ""
