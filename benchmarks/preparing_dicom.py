"""prepare on DICOM films, per second: the stage's reading of files against pydicom's bare decoding on all cores.

Ours is `write_decoded` as in benchmarks/preparing.py, with facts, hashing of patients and the search for text at the
border. The limit is `dcmread(path).pixel_array`, thrown away, in one process per core. The film is pydicom-data's chest
RG1 (1,955 x 1,841 pixels, 15 bits), uncompressed and in the compressions that archives use.
Run: python benchmarks/preparing_dicom.py
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import gdcm
import pydicom
from pydicom.data import get_testdata_file
from pydicom.uid import JPEGLSLossless, RLELossless

from measure import ROOT, finish, in_turn, num_cores, rate_row, timed
from sightline.images.folder import ImageFile
from sightline.images.pixel_file import write_decoded
from sightline.stages import prepare
from sightline.study.parameters import read_params

COUNTS = {"uncompressed": 60, "RLE": 24, "JPEG lossless": 24, "JPEG-LS": 24, "JPEG 2000 lossless": 8}
ROUNDS = 3
MUST = {name: 0.8 for name in COUNTS if name != "uncompressed"}  # a film that needs no decoding takes 4 ms in all


def main() -> None:
    data = read_params(prepare.Params, ROOT / "profiles/paper.yaml").data
    os.environ["SIGHTLINE_SALT"] = "a salt for measuring alone"
    rows = []
    for name, count in COUNTS.items():
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            content = encoded(name, Path(folder) / "one.dcm")
            paths = [Path(folder) / f"{number}.dcm" for number in range(count)]
            for path in paths:
                path.write_bytes(content)
            files = [ImageFile(path.stem, "test", 0, path) for path in paths]
            ours = timed(partial(write_decoded, Path("images.npy"), files, data))
            limit = timed(partial(decode_all, paths))
            seconds = in_turn({"ours": ours, "bare decoding": limit}, ROUNDS)
        what = f"prepare, 1,841 x 1,955 DICOM, {name}, {num_cores()} processes"
        rows.append(rate_row(what, "films/s", count, seconds, "bare decoding", MUST.get(name)))
    finish(rows)


def encoded(name: str, path: Path) -> bytes:
    """The chest as a file in this encoding."""
    source = get_testdata_file("RG1_J2KR.dcm" if name == "JPEG 2000 lossless" else "RG1_UNCR.dcm", download=False)
    if name in ("uncompressed", "JPEG 2000 lossless"):
        return Path(source).read_bytes()
    if name == "JPEG lossless":
        return jpeg_lossless(source, path)
    dataset = pydicom.dcmread(source)
    dataset.compress(RLELossless if name == "RLE" else JPEGLSLossless)
    dataset.save_as(path)
    return path.read_bytes()


def jpeg_lossless(source: str, path: Path) -> bytes:
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    if not reader.Read():
        raise RuntimeError(f"gdcm cannot read {source}")
    change.SetInput(reader.GetImage())
    if not change.Change():
        raise RuntimeError(f"gdcm cannot compress {source}")
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    if not writer.Write():
        raise RuntimeError(f"gdcm cannot write {path}")
    return path.read_bytes()


def decode_all(paths: list[Path]) -> None:
    with ProcessPoolExecutor(num_cores()) as pool:
        for _ in pool.map(decode, paths, chunksize=4):
            pass


def decode(path: Path) -> None:
    pydicom.dcmread(path).pixel_array  # noqa: B018


if __name__ == "__main__":
    main()
