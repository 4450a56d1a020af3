"""What `sightline score` reads, row by row from files: equal to what was written, in other processes too."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sightline.chunks import Kept
from sightline.experts.consensus import consensus_mask, left_out_consensus, pixel_share
from sightline.packed_masks import PackedGroups, PackedMasks, is_empty, packed, row_bytes
from sightline.rows_on_disk import RowFile, RowWriter
from sightline.scoring.consensus_in import Others, Shares, consensus_masks
from sightline.scoring.maps_in import read_maps
from sightline.scoring.npz_rows import Npz
from sightline.scoring.work import Work
from sightline.study.errors import StudyError

GRID = (9, 13)  # 117 pixels: the last byte of a row is not full


@pytest.fixture
def masks(tmp_path: Path) -> tuple[np.ndarray, PackedMasks]:
    """Six masks, the fourth empty, in memory and on disk."""
    masks_MHW = np.random.default_rng(3).random((6, *GRID)) > 0.5
    masks_MHW[3] = False
    path = tmp_path / "masks.rows"
    with RowWriter(path, row_bytes(GRID)) as rows:
        for mask_HW in masks_MHW:
            rows.add(packed(mask_HW))
    return masks_MHW, PackedMasks(RowFile(path, row_bytes(GRID)), GRID, range(6))


def test_masks_come_back_row_by_row_and_from_another_process(masks: tuple[np.ndarray, PackedMasks]) -> None:
    masks_MHW, on_disk = masks
    assert len(on_disk) == 6
    assert on_disk.shape == (6, *GRID)
    assert on_disk[:0].shape == (0, *GRID)
    for one in (on_disk, pickle.loads(pickle.dumps(on_disk))):
        np.testing.assert_array_equal([*one], masks_MHW)
        assert one[np.int64(2)].dtype == bool
        np.testing.assert_array_equal(one[-1], masks_MHW[-1])
        np.testing.assert_array_equal(one.rows([4, 0]), masks_MHW[[4, 0]])
        np.testing.assert_array_equal([*one[1:5:2]], masks_MHW[1:5:2])
        assert one.rows([]).shape == (0, *GRID)
    with pytest.raises(IndexError):
        on_disk[6]
    assert [is_empty(packed(mask_HW)) for mask_HW in masks_MHW] == [False, False, False, True, False, False]


def test_rows_of_another_length_and_a_file_cut_short_are_refused(tmp_path: Path) -> None:
    with RowWriter(tmp_path / "x", 4) as rows:
        rows.add(b"1234")
        with pytest.raises(ValueError, match="a row of 3 bytes, expected 4"):
            rows.add(b"123")
    assert RowFile(tmp_path / "x", 3, start=1).read(0) == b"234"
    with pytest.raises(OSError, match="ends before its row 1"):
        RowFile(tmp_path / "x", 4).read(1)


def test_groups_and_what_follows_from_them(tmp_path: Path, masks: tuple[np.ndarray, PackedMasks]) -> None:
    masks_MHW, on_disk = masks
    groups = PackedGroups(on_disk, [3, 0, 1, 2])
    expected = [masks_MHW[:3], masks_MHW[:0], masks_MHW[3:4], masks_MHW[4:]]
    agreed, empty = consensus_masks(groups, Work(Kept(tmp_path / "work", "")))
    assert empty == [1, 2]
    fields = (
        (groups, lambda masks_RHW: masks_RHW), (agreed, consensus_mask),
        (Shares(groups), pixel_share), (Others(groups), left_out_consensus),
    )  # fmt: skip
    for field, of_masks in fields:
        assert len(field) == 4
        for row, masks_RHW in enumerate(expected):
            for one in (field, pickle.loads(pickle.dumps(field))):
                assert one[row].dtype == of_masks(masks_RHW).dtype
                np.testing.assert_array_equal(one[row], of_masks(masks_RHW))
                np.testing.assert_array_equal(one[row : row + 1][0], of_masks(masks_RHW))
        np.testing.assert_array_equal(field[::-3][1], of_masks(expected[0]))


@pytest.mark.parametrize("kind", ["stored", "compressed", "by columns"])
def test_a_stack_in_an_npz_is_read_by_rows(tmp_path: Path, kind: str) -> None:
    values = np.random.default_rng(4).normal(size=(5, 4, 3)).astype(np.float32)
    values[2, 0, 0] = np.nan
    save = np.savez if kind == "stored" else np.savez_compressed
    save(tmp_path / "maps.npz", images=list("abcde"), cam=np.asfortranarray(values) if kind == "by columns" else values)
    problems: list[str] = []
    work = Work(Kept(tmp_path / "work", ""))
    by_method, strangers = read_maps(tmp_path / "maps.npz", problems, work)
    assert problems == [f"{tmp_path}/maps.npz, cam of c: 1 values that are NaN or infinite"]
    assert not strangers
    assert [path.name for path in work.folder.glob("*.rows")] == ([] if kind == "stored" else ["maps1.rows"])
    maps = by_method["cam"].of(["e", "a", "d"])
    assert maps.shapes == [(4, 3)] * 3
    for one in (maps, pickle.loads(pickle.dumps(maps))):
        np.testing.assert_array_equal([*one], values[[4, 0, 3]])
        assert one[0].dtype == np.float64
        np.testing.assert_array_equal(one[1:][1], values[3])


def test_arrays_and_files_named_by_image_are_read_when_asked(tmp_path: Path) -> None:
    arrays = {"a": np.eye(3), "b.png": np.full((2, 5), 7, np.uint8)}
    np.savez(tmp_path / "maps.npz", **arrays)
    (tmp_path / "cam").mkdir()
    for name, values in arrays.items():
        np.save(tmp_path / "cam" / f"{name.removesuffix('.png')}.npy", values)
    for path in (tmp_path / "maps.npz", tmp_path / "cam"):
        problems: list[str] = []
        maps = read_maps(path, problems, Work())[0][""].of(["b", "a"])
        assert problems == []
        for one in (maps, pickle.loads(pickle.dumps(maps))):
            assert one.shapes == [(2, 5), (3, 3)]
            np.testing.assert_array_equal(one[1], np.eye(3))
            np.testing.assert_array_equal(one[0], np.full((2, 5), 7.0))


def test_a_damaged_npz_is_one_line_wherever_the_damage_is(tmp_path: Path) -> None:
    path = tmp_path / "maps.npz"
    np.savez(path, images=list("ab"), cam=np.arange(24.0).reshape(2, 3, 4))
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("cam.npy").header_offset + 300  # a value of the second map: the checksum tells
    content[place] ^= 1
    path.write_bytes(content)
    for damaged in (bytes(content), bytes(content[:200]), b"no archive"):
        path.write_bytes(damaged)
        with pytest.raises(StudyError, match=f"{path}: not a readable NPZ"):
            read_maps(path, [], Work())
    np.savez(path, images=list("ab"), cam=np.array([None, None]))
    with pytest.raises(StudyError, match="not a readable NPZ"):
        Npz(path).array("cam")


def test_a_temporary_folder_goes_with_what_is_in_it(tmp_path: Path) -> None:
    work = Work()
    path = work.file("x")
    assert (path.name, work.file("x").name) == ("x1.rows", "x2.rows")
    with RowWriter(path, 1) as rows:
        rows.add(b"1")
    file = RowFile(path, 1, keeps=work)
    folder = work.folder
    del work
    assert file.read(0) == b"1"
    del file
    assert not folder.exists()
    assert Work(Kept(tmp_path / "own", "")).folder.is_dir()


def test_a_fork_opens_an_npz_for_itself(tmp_path: Path) -> None:
    """Forks that share their parent's open file move each other's place in it."""
    np.savez(tmp_path / "maps.npz", a=np.eye(3), b=np.ones((2, 2)))
    npz = Npz(tmp_path / "maps.npz")
    npz.array("a")
    parents, npz._process = npz._opened, -1  # as in a fork, whose process number is another
    np.testing.assert_array_equal(npz.array("b"), np.ones((2, 2)))
    assert npz._opened is not parents
