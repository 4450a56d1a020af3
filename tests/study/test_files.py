"""Whole files or none, and the same bytes for the same values."""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.study import files
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import (
    read_csv,
    read_json,
    read_npz,
    refuse_unwritable,
    sha256_of,
    write_csv,
    write_json,
    write_npz,
    written_whole,
)
from studies import sightline


def write_and_fail(path: Path, error: Exception) -> None:
    with written_whole(path) as beside:
        beside.write_text("half")
        raise error


def test_an_error_leaves_the_old_file_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "a" / "result.csv"
    write_csv(path, pd.DataFrame({"x": [1]}))
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="boom"):
        write_and_fail(path, RuntimeError("boom"))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["result.csv"]


def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"x.json: could not be written \(No space left on device\); free the disk"):
        write_and_fail(tmp_path / "x.json", OSError(errno.ENOSPC, "No space left on device"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.EACCES, "Permission denied"), (errno.EROFS, "Read-only file system")]
)
def test_where_writing_is_not_allowed_nobody_is_advised_to_free_the_disk(
    tmp_path: Path, number: int, reason: str
) -> None:
    with pytest.raises(StudyError) as raised:
        write_and_fail(tmp_path / "x.json", OSError(number, reason))
    assert str(raised.value) == f"{tmp_path / 'x.json'}: could not be written ({reason})"


@pytest.mark.parametrize("path", ["results.txt/x.json", "results.txt/sub/x.json"])
def test_a_file_in_a_folders_place_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "results.txt").write_text("mine")
    with pytest.raises(StudyError, match=r"results.txt: is a file; name a folder$"):
        write_json(tmp_path / path, {})
    with pytest.raises(StudyError, match=r"results.txt: is a file; name a folder$"):
        refuse_unwritable((tmp_path / path).parent)
    assert (tmp_path / "results.txt").read_text() == "mine"


def test_a_folder_is_tried_before_it_is_needed_and_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_unwritable(tmp_path / "new" / "below")
    assert list(tmp_path.iterdir()) == []

    def denied(**_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files, "TemporaryFile", denied)
    with pytest.raises(StudyError, match=r"below: could not be written \(Permission denied\)$"):
        refuse_unwritable(tmp_path / "new" / "below")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "out"), "error: out: Permission denied\n"),
        (FileExistsError(errno.EEXIST, "File exists", "out"), "error: out: File exists\n"),
        (OSError(errno.ENOSPC, "No space left", "out"), "error: out: No space left; free the disk and run again\n"),
    ],
)
def test_what_the_system_refuses_is_one_line_of_any_stage(
    error: OSError, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(SystemExit) as left:
        run_stage(fails)
    assert left.value.code == 1
    assert capsys.readouterr().err == line


def test_other_errors_of_the_system_keep_their_traceback() -> None:
    def fails() -> None:
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset")

    with pytest.raises(ConnectionResetError):
        run_stage(fails)


def test_what_a_killed_run_left_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".x.json.partial").write_text("half of something")
    write_json(tmp_path / "x.json", {"a": 1})
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


def test_json_is_sorted_rounded_and_valid(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": np.float32(0.1), "a": {"y": float("nan"), "x": 1 / 3}, "c": np.int64(2)})
    text = (tmp_path / "x.json").read_text()
    assert json.loads(text) == {"a": {"x": 0.333333, "y": None}, "b": 0.1, "c": 2}
    assert text.index('"a"') < text.index('"b"')


def test_npz_gives_the_same_bytes_and_no_pickle(tmp_path: Path) -> None:
    arrays = {"images": np.array(["a", "bb"]), "x": np.arange(6.0).reshape(2, 3)}
    for name in ("one", "two"):
        write_npz(tmp_path / f"{name}.npz", **arrays)
    assert sha256_of(tmp_path / "one.npz") == sha256_of(tmp_path / "two.npz")
    assert read_npz(tmp_path / "one.npz")["images"].tolist() == ["a", "bb"]
    with pytest.raises(ValueError):
        write_npz(tmp_path / "three.npz", bad=np.array([{}]))


def test_any_damaged_byte_of_an_npz_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    write_npz(path, x=np.arange(3.0), images=np.array(["a", "bb"]))
    whole = path.read_bytes()
    refused = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            read_npz(path)
        except StudyError as error:
            refused += 1
            assert str(path) in str(error)  # noqa: PT017  either way is right
    assert refused > len(whole) / 2


def test_broken_npz_and_csv_are_named(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 truncated")
    with pytest.raises(StudyError, match=r"x\.npz: "):
        read_npz(tmp_path / "x.npz")
    with pytest.raises(StudyError, match="not there"):
        read_npz(tmp_path / "y.npz")
    (tmp_path / "x.csv").write_text("image,label\na,1\nb,1.5\nc,\n")
    with pytest.raises(StudyError) as caught:
        read_csv(tmp_path / "x.csv", {"image": str, "label": int})
    assert [case.split(": ")[0] for case in caught.value.cases] == [f"{tmp_path}/x.csv, row {row}" for row in (3, 4)]
    with pytest.raises(StudyError, match="lacks columns split"):
        read_csv(tmp_path / "x.csv", {"split": str})


def test_text_stays_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("image,patient,label\n0012,NA,1\nnull,,0\n")
    frame = read_csv(tmp_path / "x.csv", {"image": str, "patient": str, "label": int})
    assert frame.image.tolist() == ["0012", "null"]
    assert frame.patient.tolist() == ["NA", ""]
    assert frame.label.tolist() == [1, 0]


def test_read_json_takes_an_object_and_nothing_else(tmp_path):
    path = tmp_path / "metrics.json"
    with pytest.raises(StudyError, match=r"metrics\.json: not there; run the stage that writes it"):
        read_json(path)
    path.write_text('{"a": [1, null]}')
    assert read_json(path) == {"a": [1, None]}
    for text, words in (("{", "not readable as JSON"), ("[1]", "expected an object of names, got list")):
        path.write_text(text)
        with pytest.raises(StudyError, match=words):
            read_json(path)


@pytest.mark.parametrize("words", ["score NAME masks", "score maps NAME", "reliability NAME", "new NAME"])
def test_a_name_longer_than_the_system_takes_is_one_line(words: str, tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "maps/film.png")
    done = sightline(tmp_path, *words.replace("NAME", "x" * 300).split())
    assert done.returncode == 1
    assert re.fullmatch(r"error: .*x{300}.*: File name too long\n", done.stderr)
