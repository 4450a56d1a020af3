"""Disk space and DVC's cache as the doctor sees them: links are tried for real, and nothing is left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sightline.doctor import places
from sightline.doctor.finding import Finding, at_home
from studies import has_dvc


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_free_space_is_that_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = shutil.disk_usage(tmp_path)
    for free, state in ((places.LOW, "ok"), (places.LOW - 1, "low")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: used._replace(free=free))
        found = places.space("this folder", tmp_path)
        assert found.state == state
        assert found.found.endswith(", 5.0 GB free")


def test_a_folder_that_cannot_be_written_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    found = places.space("temporary folder", tmp_path)
    assert found.state == "broken"
    assert found.advice == "no file can be written there (Read-only file system): name another with TMPDIR"


def test_outside_a_study_there_is_no_cache_and_nothing_broken(tmp_path: Path) -> None:
    found = by_name(places.places(tmp_path))
    assert found["DVC cache"].found == "none"
    assert "no study" in found["DVC cache"].advice
    assert "links to the cache" not in found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text("[core]\n    analytics = false\n    no_scm = true\n")
    return folder


@has_dvc
def test_a_shared_cache_and_its_links(repository: Path, tmp_path: Path) -> None:
    shared = tmp_path / "cache"
    shared.mkdir()
    with (repository / ".dvc" / "config.local").open("w") as file:
        file.write(f"[cache]\n    dir = {shared}\n    type = hardlink,copy\n")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    found = by_name(places.cache(repository))
    assert found["DVC cache"].found == f"{at_home(shared)}, shared"
    links = found["links to the cache"]
    assert "hardlink" in links.found.split(" work; ")[0].split(", ")  # one disk
    assert links.found.endswith("DVC tries hardlink, copy")
    assert links.advice == ""
    assert sorted(path.name for path in tmp_path.rglob("*") if path.parent.name != "tmp") == before


@has_dvc
def test_a_cache_of_its_own_that_is_copied_from(repository: Path) -> None:
    with (repository / ".dvc" / "config").open("a") as file:
        file.write("[cache]\n    type = copy\n")
    found = by_name(places.cache(repository))
    assert found["DVC cache"].found.endswith("/.dvc/cache, not made yet")
    assert "twice" in found["links to the cache"].advice


@has_dvc
def test_a_cache_that_may_not_be_written_is_broken(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    (found,) = places.cache(repository)
    assert found.state == "broken"
    assert "dvc cache dir --local" in found.advice


@has_dvc
def test_a_broken_configuration_is_reported(repository: Path) -> None:
    (repository / ".dvc" / "config").write_text("[cache\n")
    (found,) = places.cache(repository)
    assert (found.name, found.state) == ("DVC cache", "broken")


@pytest.mark.parametrize("kind", ["hardlink", "symlink"])
def test_links_are_tried_and_nothing_is_left(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert places.link_works(kind, tmp_path, tmp_path)
    assert list(tmp_path.iterdir()) == []

    def refused(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link" if kind == "hardlink" else "symlink", refused)
    assert not places.link_works(kind, tmp_path, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_copies_that_share_blocks_are_those_that_cp_makes(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    done = subprocess.run(["cp", "--reflink=always", tmp_path / "a", tmp_path / "b"], capture_output=True)
    assert places.link_works("reflink", tmp_path, tmp_path) == (done.returncode == 0)
