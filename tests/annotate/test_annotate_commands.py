"""The commands of the experts' page as a user types them, what they export, and which images they choose and show."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from pages import Page, Served, exported, links, run, said, serve, serving, step, stroke
from sightline import cli
from sightline.annotate.assignment import PlannedTask, planned_tasks
from sightline.annotate.images import Annotate, Data, Params, Pictures, study_index, study_plan
from sightline.experts.annotation_writer import append_to_folder
from sightline.formats.annotations import Annotation
from sightline.formats.rle import mask_of
from sightline.formats.strokes import drawn_mask, effective_strokes
from sightline.images.decode import decoded
from sightline.study.errors import StudyError
from sightline.study.parameters import read_params
from studies import ROOT, study

READERS = 2
NAMES = ("Zoë Özdemir", "Łukasz Quux-Brown")
EMAILS = ("zoe.oezdemir@hospital.example", "quux@klinik.example")
INVITED = ("Invitee Aleph", "Invitee Beth")


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The error of a command that refused, for a user and not for a programmer."""
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def box(left: int, top: int, right: int, bottom: int) -> list[float]:
    """An outline whose region is rows top to bottom and columns left to right, the last ones left out."""
    return [float(n) for n in (left, top, right, top, right, bottom, left, bottom)]


def box_mask(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((64, 64), bool)
    mask[top:bottom, left:right] = True
    return mask


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What one reader answered to one task, by hand."""

    reader: str
    item: PlannedTask
    answer: str
    mask: np.ndarray | None
    """None for `cannot`."""
    versions: int

    @property
    def name(self) -> str:
        return f"{self.item.image}.{self.reader}" + (".r2" if self.item.repeat else "")


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A store in which two readers have answered everything."""

    store: Path
    drawn: list[Drawn]

    def of(self, kind: str) -> list[Drawn]:
        return [item for item in self.drawn if item.item.kind == kind]


def answer_all(served: Served, reader: str, slot: int, page: Page) -> list[Drawn]:
    """Answers every task: a box at a place of its own; the fifth task cannot be judged, the seventh has no region, and
    controls have none but for the first; the fourth is corrected, after an undone stroke."""
    drawn = []
    first_control = True
    for number, item in enumerate(planned_tasks(served.plan, slot), start=1):
        task = page.next()
        assert task["number"] == number
        corners = (5 + number, 8 + 3 * slot, 30 + number, 40)
        events = [stroke(0, box(1, 1, 60, 60)), step(1, "undo"), stroke(2, box(*corners))]
        answer, mask, versions = "region", box_mask(*corners), 1
        if number == 5:
            answer, mask = "cannot", None
        elif number == 7 or (item.kind == "control" and not first_control):
            answer, mask = "none", np.zeros((64, 64), bool)
        first_control = first_control and item.kind != "control"
        assert page.draw(task, events).status_code == 200
        if answer == "region":
            assert page.submit(task, events).status_code == 200
        else:
            confidence = None if answer == "cannot" else 5
            assert page.submit(task, events, answer=answer, mask=None, confidence=confidence).status_code == 200
        if number == 4:
            more = [*events, stroke(3, box(50, 50, 55, 58))]
            page.draw(task, more[3:])
            assert page.submit(task, more, base_version=1, answer="region").status_code == 200
            answer, mask, versions = "region", box_mask(*corners) | box_mask(50, 50, 55, 58), 2
        drawn.append(Drawn(reader=reader, item=item, answer=answer, mask=mask, versions=versions))
    assert page.next() == {"task": None}
    return drawn


@pytest.fixture(scope="module")
def filled(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    store = tmp_path_factory.mktemp("filled") / "store.sqlite"
    tokens = links(said(run(prepared, store, "invite", "--new", *INVITED)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(prepared)
        served = serve(prepared, f"sqlite:///{store}")
        drawn = []
        for slot, (reader, token) in enumerate(tokens.items()):
            page = Page(served.client)
            assert page.knock(token).status_code == 200
            assert page.enrol(name=NAMES[slot], email=EMAILS[slot], years=3 + slot).status_code == 200
            drawn += answer_all(served, reader, slot, page)
        served.store.close()
    return Filled(store=store, drawn=drawn)


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """A study's folder of the test's own."""
    return Path(shutil.copytree(prepared, tmp_path / "study"))


@pytest.fixture
def own(filled: Filled, tmp_path: Path) -> Filled:
    """The filled store, to be changed."""
    return replace(filled, store=Path(shutil.copy(filled.store, tmp_path / "own.sqlite")))


# invite, status, people


def test_invite_prints_a_link_a_reader(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    lines = said(run(folder, store, "invite", "--new", "Ada B", "Carlo", "--url", "https://x.example/")).splitlines()
    pattern = r"(r-[a-z2-9]{6})\t(.+)\thttps://x\.example/#invite=([\w-]{22})"
    found = [re.fullmatch(pattern, line) for line in lines]
    assert all(found), lines
    assert [match[2] for match in found if match] == ["Ada B", "Carlo"]
    many = said(run(folder, store, "invite", "--count", "3")).splitlines()
    assert [
        bool(re.fullmatch(r"r-[a-z2-9]{6}\thttp://127\.0\.0\.1:8000/#invite=[\w-]{22}", line)) for line in many
    ] == [True] * 3
    tokens = links("\n".join([*lines, *many]))
    assert len(set(tokens)) == len(set(tokens.values())) == 5
    people = [line.split("\t") for line in said(run(folder, store, "people")).splitlines()]
    assert {row[0]: row[1] for row in people} == {
        name: {0: "Ada B", 1: "Carlo"}.get(place, "-") for place, name in enumerate(tokens)
    }
    assert oct(store.stat().st_mode & 0o777) == "0o600"
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("s.sqlite*"))
    assert not any(token.encode() in raw for token in tokens.values())


def test_a_renewed_link_replaces_the_old_one(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "s.sqlite"
    ((reader, old),) = links(said(run(folder, store, "invite", "--new"))).items()
    renewed = links(said(run(folder, store, "invite", "--renew", reader)))
    assert list(renewed) == [reader]
    monkeypatch.chdir(folder)
    page = Page(serve(folder, f"sqlite:///{store}").client)
    assert page.knock(old).status_code == 401
    assert page.knock(renewed[reader]).json()["reader"] == reader


def test_status_counts_what_was_done(filled: Filled, folder: Path) -> None:
    text = said(run(folder, filled.store, "status"))
    counted = [item for item in filled.drawn if item.item.kind != "practice"]
    num_cannot = sum(item.answer == "cannot" for item in counted)
    assert re.search(r"^study +4 images, 3 readers each, 4 readers planned, since 20", text, re.M)
    assert re.search(r"^readers +2 invited, 2 enrolled, 2 finished, 0 withdrawn$", text, re.M)
    assert f"{len(counted)} of {len(counted)} (100%), {num_cannot} cannot judge, 2 corrections" in text
    assert num_cannot == 2
    for secret in (*NAMES, *EMAILS, *INVITED):
        assert secret not in text


# refusals


def test_refusals_are_one_line_that_says_what_to_do(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process: a second each would be spent on imports alone."""
    monkeypatch.chdir(folder)
    said(run(folder, tmp_path / "s.sqlite", "invite", "--new"))
    monkeypatch.setenv("SIGHTLINE_STORE", str(tmp_path / "s.sqlite"))
    for arguments, words in (
        (["export"], "nothing to export: no reader has answered a study image yet"),
        (["export", "--format", "folder", "--replace"], "nothing to export"),
        (["withdraw", "r-nobody"], "no reader 'r-nobody'; sightline annotate status lists them"),
        (["invite", "--renew", "r-nobody"], "no reader 'r-nobody'"),
        (["invite", "--count", "0"], "--count N"),
        (["invite", "--count", "2", "Ada"], "--count N"),
        (["serve", "--host", "0.0.0.0"], "--host 0.0.0.0: give --url"),
        (["serve", "--tls-cert", "c.pem"], "--tls-cert and --tls-key: give both or neither"),
        (["serve", "--tls-key", "k.pem"], "--tls-cert and --tls-key: give both or neither"),
        (["serve", "--new"], "holds a study already; leave --new out"),
        (["invite", "--new"], "holds a study already; leave --new out"),
        (["serve", "--backup-every", "0"], "--backup-every: expected minutes from 1 to 10,080"),
        (["serve", "--backup-every", "nan"], "--backup-every: expected minutes from 1 to 10,080"),
    ):
        monkeypatch.setattr(sys, "argv", ["sightline", "annotate", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert stopped.value.code == 1
        out, error = capsys.readouterr()
        assert out == ""
        assert error.startswith("error: ")
        assert words in error, (arguments, error)
        assert len(error.splitlines()) == 1
    assert not (folder / "data/annotations").exists()


def test_the_store_may_not_lie_in_a_repository(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "repository/.git").mkdir(parents=True)
    (tmp_path / "worktree").mkdir()
    (tmp_path / "worktree/.git").write_text("gitdir: elsewhere")
    for place in ("repository", "worktree"):
        for form in ("{}", "sqlite:///{}"):
            error = refusal(run(folder, form.format(tmp_path / place / "deep/store.sqlite"), "status"))
            assert f"lies in the repository {tmp_path / place}" in error
            assert not (tmp_path / place / "deep").exists()


def test_a_store_keeps_to_its_study(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    said(run(folder, store, "invite", "--new"))
    text = (folder / "params.yaml").read_text()
    (folder / "params.yaml").write_text(text.replace("seed: 0", "seed: 1"))
    error = refusal(run(folder, store, "invite"))
    assert "was begun with another study" in error
    assert "seed" in error
    (folder / "params.yaml").write_text(text.replace("readers_per_image: 3", "readers_per_image: 2"))
    assert "readers_per_image differ" in refusal(run(folder, store, "invite"))
    (folder / "params.yaml").write_text(text)
    index = (folder / "data/prepared/index.csv").read_text()
    shown = study_names(folder)[0]
    row = next(line for line in index.splitlines() if line.startswith(shown))
    changed = index.replace(row, row[:-4] + ("0000" if row[-4:] != "0000" else "1111"))
    (folder / "data/prepared/index.csv").write_text(changed)
    assert "sha256 differ" in refusal(run(folder, store, "invite"))
    (folder / "data/prepared/index.csv").write_text(index)
    assert re.search(r"^readers +1 invited", said(run(folder, store, "status")), re.M)


def study_names(folder: Path) -> list[str]:
    index = pd.read_csv(folder / "data/prepared/index.csv", dtype={"image": str})
    return list(study_plan(read_params(Params, folder / "params.yaml"), index).images)


def test_an_unprepared_study_says_so(tmp_path: Path) -> None:
    folder = study(tmp_path / "study")
    assert "data/prepared/index.csv" in refusal(run(folder, tmp_path / "s.sqlite", "status"))


# serve


def status_of(url: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_serve_answers_and_stops_when_asked(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    with serving(folder, store, "--new") as (server, url):
        code, page = status_of(f"{url}/")
        assert code == 200
        assert "<script" in page
        assert status_of(f"{url}/api/session")[0] == 401
        assert status_of(f"{url}/", Host="evil.example")[0] == 400
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=20)
    assert server.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in err
    assert f"readers open their personal links at {url}" in out
    secret = re.search(rf"admin: {url}/admin#secret=([\w-]{{22}})", out)
    assert secret
    assert secret[1].encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("s.sqlite*"))
    with serving(folder, store, "--new-admin-secret", "--backup-every", "60") as (server, url):
        server.send_signal(signal.SIGINT)
        out, _ = server.communicate(timeout=20)
    assert len(list(tmp_path.glob("s.backup-20*.sqlite"))) == 1
    again = re.search(r"#secret=([\w-]{22})", out)
    assert again
    assert again[1] != secret[1]


def test_a_stopped_store_is_one_file(folder: Path, tmp_path: Path) -> None:
    """What is copied for a backup is whole."""
    with serving(folder, tmp_path / "s.sqlite", "--new") as (server, _):
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)
    assert [path.name for path in tmp_path.glob("s.sqlite*")] == ["s.sqlite"]


# export


@dataclass(frozen=True, kw_only=True)
class Exports:
    """A study's folder in which everything has been exported, and what `export` said of annotations."""

    folder: Path
    text: str


@pytest.fixture(scope="module")
def exports(filled: Filled, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Exports:
    folder = Path(shutil.copytree(prepared, tmp_path_factory.mktemp("exports") / "study"))
    text = exported(folder, filled.store)
    exported(folder, filled.store, "--format", "coco", "--finding", "opacity")
    exported(folder, filled.store, "--format", "records")
    return Exports(folder=folder, text=text)


def read_mask(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.mode == "L"
        pixels = np.asarray(picture)
    assert set(np.unique(pixels)) <= {0, 255}
    return pixels == 255


def test_the_folder_holds_one_mask_a_reader_image_and_repeat(filled: Filled, exports: Exports) -> None:
    text, place = exports.text, exports.folder / "data/annotations"
    with open(place / "annotations.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["annotation", "image", "annotator", "profession", "mask", "created_at", "repeat", "drawn"]
    assert {row[7] for row in rows[1:]} == {"region"}
    assert all(row[6] == str(int(row[0].endswith(".r2"))) for row in rows[1:])
    wanted = sorted((d for d in filled.of("study") if d.answer != "cannot"), key=lambda d: (d.item.image, d.name))
    assert [row[:5] for row in rows[1:]] == [
        [d.name, d.item.image, d.reader, "radiologist", f"{d.name}.png"] for d in wanted
    ]
    assert sorted(path.name for path in (place / "masks").iterdir()) == sorted(f"{d.name}.png" for d in wanted)
    for d in wanted:
        np.testing.assert_array_equal(read_mask(place / "masks" / f"{d.name}.png"), d.mask, err_msg=d.name)
    repeats = sum(d.item.repeat for d in wanted)
    assert repeats > 0
    regions = sum(d.answer == "region" for d in wanted)
    assert f"{len(wanted)} annotations ({regions} with a region, {repeats} hidden repeats)" in text
    assert "by 2 annotators" in text
    assert "consensus.folder: data/annotations" in text


def test_practice_stays_and_controls_are_apart(filled: Filled, exports: Exports) -> None:
    place = exports.folder / "data/annotations"
    controls = [d for d in filled.of("control") if d.answer != "cannot"]
    table = pd.read_csv(place / "controls/annotations.csv", dtype=str)
    assert sorted(table.annotation) == sorted(d.name for d in controls)
    for d in controls:
        np.testing.assert_array_equal(read_mask(place / "controls/masks" / f"{d.name}.png"), d.mask)
    main = pd.read_csv(place / "annotations.csv", dtype=str)
    assert not set(main.annotation) & set(table.annotation)
    readings = pd.read_csv(place / "readings.csv", dtype=str, keep_default_na=False).set_index("annotation")
    assert sorted(readings.index) == sorted(d.name for d in filled.drawn if d.item.kind != "practice")
    for d in filled.drawn:
        if d.item.kind == "practice":
            continue
        row = readings.loc[d.name]
        assert (row.kind, row.answer, row["repeat"]) == (d.item.kind, d.answer, str(d.item.repeat))
        assert row.version == str(d.versions)
        assert row["mask"] == ("" if d.answer == "cannot" else f"{d.name}.png")
        assert row.strokes == ("3" if d.versions == 2 else "2")
    practice = {d.item.image for d in filled.of("practice")}
    assert practice
    assert not any(path.name.startswith(image) for path in place.rglob("*") for image in practice)
    cannot = [d for d in filled.drawn if d.answer == "cannot" and d.item.kind != "practice"]
    assert cannot
    for path in place.rglob("*"):
        assert not any(path.name == f"{d.name}.png" for d in cannot)


def test_an_export_is_the_same_twice_and_nothing_else_is_overwritten(
    filled: Filled, exports: Exports, folder: Path, tmp_path: Path
) -> None:
    once = contents(exports.folder / "data/annotations")
    for _ in range(2):
        exported(folder, filled.store)
        assert contents(folder / "data/annotations") == once
    other = tmp_path / "other"
    (other / "masks").mkdir(parents=True)
    (other / "annotations.csv").write_text("annotation,image,annotator,profession,mask,created_at\n")
    assert "say --replace" in refusal(run(folder, filled.store, "export", "--to", str(other)))
    exported(folder, filled.store, "--to", str(other), "--replace")
    assert contents(other) == once
    append_to_folder(other, [imported_row()])  # as an import beside the export does
    both = contents(other)
    told = refusal(run(folder, filled.store, "export", "--to", str(other)))
    assert "holds 1 imported annotations beside an earlier export" in told
    assert contents(other) == both
    exported(folder, filled.store, "--to", str(other), "--replace")
    assert contents(other) == once


def imported_row() -> Annotation:
    return Annotation(
        annotation="x-annotator01", image="x", annotator="annotator01", profession="", created_at="",
        mask=np.ones((4, 6), bool), drawn="region",
    )  # fmt: skip


def contents(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
def test_coco_is_read_back_by_its_own_tools(filled: Filled, exports: Exports) -> None:
    path = exports.folder / "annotations.coco.json"
    coco = COCO(str(path))
    assert [category["name"] for category in coco.loadCats(coco.getCatIds())] == ["opacity"]
    wanted = {d.name: d for d in filled.of("study") if d.answer == "region"}
    found = coco.loadAnns(coco.getAnnIds())
    assert sorted(item["attributes"]["annotation"] for item in found) == sorted(wanted)
    for item in found:
        d = wanted[item["attributes"]["annotation"]]
        np.testing.assert_array_equal(coco.annToMask(item).astype(bool), d.mask)
        assert item["attributes"]["repeat"] == d.item.repeat
        assert d.mask is not None
        assert item["area"] == d.mask.sum() == coco_mask.area(item["segmentation"])
        assert coco.imgs[item["image_id"]]["file_name"] == f"{d.item.image}.png"
    none = [entry["annotation"] for entry in json.loads(path.read_text())["info"]["no_region"]]
    assert sorted(none) == sorted(d.name for d in filled.of("study") if d.answer == "none")


def test_records_hold_what_was_drawn(filled: Filled, exports: Exports) -> None:
    """Replaying a record's strokes gives its mask; corrected answers, controls and `cannot` are there, practice not."""
    lines = (exports.folder / "records.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    counted = [d for d in filled.drawn if d.item.kind != "practice"]
    assert len(records) == sum(d.versions for d in counted)
    newest = {(r["image"], r["reader"], r["repeat"]): r for r in sorted(records, key=lambda r: r["version"])}
    index = pd.read_csv(exports.folder / "data/prepared/index.csv", dtype=str).set_index("image")
    for d in counted:
        record = newest[d.item.image, d.reader, d.item.repeat]
        assert (record["kind"], record["answer"], record["version"]) == (d.item.kind, d.answer, d.versions)
        assert record["image_sha256"] == index.sha256[d.item.image]
        assert record["size"] == [64, 64]
        assert record["tool_version"]
        if d.answer == "region":
            mask = mask_of(record["mask"], *record["size"])
            np.testing.assert_array_equal(mask, d.mask)
            np.testing.assert_array_equal(mask, drawn_mask(effective_strokes(record["strokes"]), 64, 64))
        else:
            assert record["mask"] is None
    for record in records:
        for key in ("opened_at", "submitted_at", "received_at"):
            assert pd.Timestamp(record[key]).tzinfo is not None


def test_nobodys_name_is_in_what_is_exported(filled: Filled, exports: Exports) -> None:
    folder = exports.folder
    places = [folder / "data/annotations", folder / "annotations.coco.json", folder / "records.jsonl"]
    files = [path for place in places for path in ([place] if place.is_file() else place.rglob("*")) if path.is_file()]
    assert len(files) > 10
    raw = b"\n".join(path.read_bytes() for path in files).lower()
    everyone = (*NAMES, *EMAILS, *INVITED)
    for text in (*everyone, *(word for name in everyone for word in re.split(r"[ @-]", name))):
        for form in (text, json.dumps(text)[1:-1]):
            for code in ("utf-8", "utf-16-le"):
                assert form.lower().encode(code) not in raw, text
    people = said(run(folder, filled.store, "people"))
    assert all(text in people for text in everyone)


# withdraw


def test_git_sees_nothing_that_is_exported(exports: Exports, tmp_path: Path) -> None:
    """With the checkout's .gitignore, `git add -A` takes no annotation, no reading and no record of a reader."""
    folder = Path(shutil.copytree(exports.folder, tmp_path / "study"))
    for name in (".gitignore", "data/annotations/README.md"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "data/.annotations.partial/masks").mkdir(parents=True)  # what a killed export leaves
    (folder / "data/.annotations.partial/masks/a.png").touch()
    assert (folder / "records.jsonl").is_file()
    assert (folder / "data/annotations/controls/masks").is_dir()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    seen = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert set(seen.stdout.split()) == {".gitignore", "data/annotations/README.md", "params.yaml"}


def test_who_withdraws_is_out_of_the_next_export(own: Filled, folder: Path) -> None:
    exported(folder, own.store)
    gone, stays = dict.fromkeys(d.reader for d in own.drawn)
    place = folder / "data/annotations"
    assert any(gone in name for name in contents(place))
    assert f"{gone}: all data deleted" in said(run(folder, own.store, "withdraw", gone))
    exported(folder, own.store)
    kept = contents(place)
    assert not any(gone in name or gone.encode() in data for name, data in kept.items())
    assert sorted(pd.read_csv(place / "annotations.csv", dtype=str).annotation) == sorted(
        d.name for d in own.of("study") if d.reader == stays and d.answer != "cannot"
    )
    assert NAMES[0] not in said(run(folder, own.store, "people"))
    raw = b"".join(path.read_bytes() for path in own.store.parent.glob("own.sqlite*"))
    assert EMAILS[0].encode() not in raw
    assert EMAILS[1].encode() in raw
    assert "no reader" in refusal(run(folder, own.store, "withdraw", gone))
    assert "no reader" in refusal(run(folder, own.store, "invite", "--renew", gone))


def test_controls_of_who_withdrew_do_not_stay(own: Filled, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nobody else has read a control yet."""
    gone, stays = dict.fromkeys(d.reader for d in own.drawn)
    exported(folder, own.store)
    said(run(folder, own.store, "withdraw", gone))
    said(run(folder, own.store, "withdraw", stays))
    ((reader, token),) = links(said(run(folder, own.store, "invite"))).items()
    monkeypatch.chdir(folder)
    served = serve(folder, f"sqlite:///{own.store}")
    page = Page(served.client)
    page.knock(token)
    page.enrol()
    kinds = {row.task: row.kind for row in served.store.tasks()}
    while kinds[(task := page.next())["task"]] != "study":
        page.submit(task, [], answer="cannot", mask=None, confidence=None)
    page.submit(task, [], answer="none", mask=None)
    served.store.close()
    exported(folder, own.store)
    kept = contents(folder / "data/annotations")
    assert any(reader in name for name in kept)
    assert not any(who in name or who.encode() in data for who in (gone, stays) for name, data in kept.items())


def test_when_all_withdrew_the_export_does_not_stay(own: Filled, folder: Path) -> None:
    exported(folder, own.store)
    readers = list(dict.fromkeys(d.reader for d in own.drawn))
    for reader in readers:
        said(run(folder, own.store, "withdraw", reader))
    error = refusal(run(folder, own.store, "export"))
    kept = contents(folder / "data/annotations")
    assert "delete" in error or not any(reader in name for reader in readers for name in kept)


# the images: which they are


def params_of(folder: Path, **changes: Any) -> Params:
    params = read_params(Params, folder / "params.yaml")
    return replace(params, annotate=replace(params.annotate, **changes))


def index_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "data/prepared/index.csv", dtype={"image": str})


def test_the_draw_is_of_the_right_images(prepared: Path) -> None:
    index = index_of(prepared)
    plan = study_plan(params_of(prepared), index)
    rows = index.set_index("image")
    assert [len(plan.images), len(plan.controls), len(plan.practice)] == [4, 2, 1]
    for names, split, label in ((plan.images, "test", 1), (plan.controls, "test", 0), (plan.practice, "val", 1)):
        assert {(rows.split[name], rows.label[name]) for name in names} == {(split, label)}
    assert (plan.readers, plan.readers_per_image, plan.repeat_share, plan.control_share) == (4, 3, 0.5, 0.5)
    everything = study_plan(params_of(prepared, images=0), index)
    assert sorted(everything.images) == sorted(index.image[(index.split == "test") & (index.label == 1)])


def test_the_draw_is_by_seed_and_not_by_order(prepared: Path) -> None:
    index = index_of(prepared)
    params = params_of(prepared)
    plan = study_plan(params, index)
    for seed in range(3):
        assert study_plan(params, index.sample(frac=1, random_state=seed)) == plan
    assert study_plan(replace(params, seed=1), index).images != plan.images


def test_too_few_images_are_all_told(prepared: Path) -> None:
    index = index_of(prepared)
    with pytest.raises(StudyError) as caught:
        study_plan(params_of(prepared, images=21, controls=1.0, practice=99), index)
    num_val = ((index.split == "val") & (index.label == 1)).sum()
    assert str(caught.value).splitlines() == [
        "params.yaml: too few images for the experts' page; lower these, or add images",
        "  annotate.images: 21 wanted, the study has 20",
        f"  annotate.practice: 99 wanted, the study has {num_val}",
    ]
    with pytest.raises(StudyError, match=r"annotate\.controls: 20 wanted, the study has 5"):
        study_plan(params_of(prepared, images=20, controls=1.0), index[(index.label == 1) | (index.index % 8 == 0)])
    with pytest.raises(StudyError, match="no positive test image"):
        study_plan(params_of(prepared, images=0, controls=0.0, practice=0), index[index.label == 0])


def test_without_validation_images_practice_is_of_unused_test_images(prepared: Path) -> None:
    index = index_of(prepared)
    test = index[index.split == "test"]
    plan = study_plan(params_of(prepared, practice=16), test)
    assert not set(plan.practice) & {*plan.images, *plan.controls}
    assert {*plan.practice, *plan.images} == set(test.image[test.label == 1])
    with pytest.raises(StudyError, match=r"annotate\.practice: 17 wanted, the study has 16"):
        study_plan(params_of(prepared, practice=17), test)


def test_a_list_names_the_images(prepared: Path, tmp_path: Path) -> None:
    index = index_of(prepared)
    names = sorted(index.image[index.split == "test"])[:5]  # either label: the list decides
    path = tmp_path / "list.txt"
    path.write_text("\n".join([f" {names[2]} ", "", names[0], names[4]]) + "\n")
    plan = study_plan(params_of(prepared, image_list=str(path), images=999), index)
    assert plan.images == (names[2], names[0], names[4])
    assert not set(plan.controls) & set(plan.images)
    training = index.image[index.split == "train"].iloc[0]
    path.write_text(f"{names[0]}\nstranger\n{training}\n{names[1]}\n{names[0]}\n")
    with pytest.raises(StudyError) as caught:
        study_plan(params_of(prepared, image_list=str(path)), index)
    assert caught.value.cases == [
        f"{path}: 'stranger' is not a test image of the study",
        f"{path}: {training!r} is not a test image of the study",
        f"{path}: {names[0]!r} is listed twice",
    ]
    path.write_text(" \n")
    with pytest.raises(StudyError, match="names no image"):
        study_plan(params_of(prepared, image_list=str(path)), index)
    with pytest.raises(StudyError, match=r"nowhere\.txt: not readable"):
        study_plan(params_of(prepared, image_list=str(tmp_path / "nowhere.txt")), index)


@pytest.mark.parametrize(
    "change",
    [
        {"images": -1}, {"practice": -1}, {"readers_per_image": 0}, {"readers_per_image": 5}, {"repeats": 1.1},
        {"controls": -0.1}, {"findings": "nodule, Nodule"}, {"findings": "nodule,,effusion"},
    ],
)  # fmt: skip
def test_parameters_that_cannot_be(change: dict[str, Any]) -> None:
    good = {
        "images": 4, "image_list": "", "readers": 4, "readers_per_image": 3, "repeats": 0.5, "controls": 0.5,
        "practice": 1, "contact": "", "findings": "", "comments": False, "companions": "",
    }  # fmt: skip
    Annotate(**good)
    with pytest.raises(ValueError, match=next(iter(change))):
        Annotate(**{**good, **change})


# the images: as they are shown


def data_of(root: Path, color: bool = False, high_depth: str = "full") -> Data:
    return Data(
        source="folder", root=str(root), negative="NORMAL", positive="PNEUMONIA", height=64, width=64, split="patient",
        val_share=0.1, patient_pattern="", color=color, high_depth=high_depth,
    )  # fmt: skip


def index_from(paths: list[Path]) -> pd.DataFrame:
    return pd.DataFrame(
        {"image": [p.stem for p in paths], "split": "test", "label": 1, "source": list(map(str, paths)), "sha256": "0"}
    )


def picture_files(root: Path) -> dict[str, tuple[Path, tuple[int, int]]]:
    """Files of every kind that readers meet, by name, with their upright height and width."""
    root.mkdir()
    rng = np.random.default_rng(5)
    gray = rng.integers(0, 256, (70, 90), dtype=np.uint8)
    files = {}

    def add(name: str, picture: Image.Image, size: tuple[int, int], **more: Any) -> None:
        picture.save(root / name, **more)
        files[Path(name).stem] = (root / name, size)

    add("gray.png", Image.fromarray(gray), (70, 90))
    add("color.png", Image.fromarray(rng.integers(0, 256, (50, 40, 3), dtype=np.uint8)), (50, 40))
    add("sixteen.png", Image.fromarray(rng.integers(0, 65536, (33, 44)).astype(np.uint16)), (33, 44))
    add("twelve.png", Image.fromarray(rng.integers(0, 4096, (33, 44)).astype(np.uint16)), (33, 44))
    for turn, size in ((3, (70, 90)), (6, (90, 70)), (8, (90, 70)), (5, (90, 70))):
        exif = Image.Exif()
        exif[0x0112] = turn
        add(f"turned{turn}.jpg", Image.fromarray(gray), size, exif=exif, quality=95)
    add("palette.png", Image.fromarray(gray).convert("P"), (70, 90))
    add("clear.png", Image.fromarray(np.dstack([gray] * 4)), (70, 90))
    return files


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("high_depth", ["full", "image"])
def test_pictures_are_shown_as_the_study_decodes_them(tmp_path: Path, color: bool, high_depth: str) -> None:
    """Upright, eight bits, at the file's own size and not the study's."""
    files = picture_files(tmp_path / "raw")
    data = data_of(tmp_path / "raw", color, high_depth)
    pictures = Pictures(data, index_from([path for path, _ in files.values()]))
    for name, (path, size) in files.items():
        assert pictures.size(name) == size, name
        png = pictures.png(name)
        assert png.startswith(b"\x89PNG")
        shown = np.asarray(Image.open(io.BytesIO(png)))
        assert shown.dtype == np.uint8
        assert shown.shape == (*size, 3) if color else size
        np.testing.assert_array_equal(shown, decoded(path, *size, color, data.high_depth), err_msg=name)


def test_pixels_are_where_they_were(tmp_path: Path) -> None:
    """By hand: one bright pixel, upright, and turned by a quarter as its file says."""
    (tmp_path / "raw").mkdir()
    pixels = np.zeros((3, 5), np.uint8)
    pixels[0, 4] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter clockwise: row 0, column 4 comes to row 4, column 2
    Image.fromarray(pixels).save(tmp_path / "raw/plain.png")
    Image.fromarray(pixels).save(tmp_path / "raw/turned.png", exif=exif)
    wide = np.array([[0, 65535], [257 * 7, 32768]], np.uint16)
    Image.fromarray(wide).save(tmp_path / "raw/wide.png")
    pictures = Pictures(data_of(tmp_path / "raw"), index_from(sorted((tmp_path / "raw").iterdir())))
    shown = {name: np.asarray(Image.open(io.BytesIO(pictures.png(name)))) for name in ("plain", "turned", "wide")}
    assert np.argwhere(shown["plain"]).tolist() == [[0, 4]]
    assert shown["turned"].shape == (5, 3)
    assert np.argwhere(shown["turned"]).tolist() == [[4, 2]]
    assert shown["wide"].tolist() == [[0, 255], [7, 128]]


def test_a_picture_that_is_gone_or_broken_is_named(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    good, broken = tmp_path / "raw/good.png", tmp_path / "raw/broken.png"
    Image.effect_noise((200, 200), 80).save(good)
    broken.write_bytes(good.read_bytes()[:5000])
    paths = [good, broken, tmp_path / "raw/gone.png"]
    pictures = Pictures(data_of(tmp_path / "raw"), index_from(paths))
    with pytest.raises(StudyError, match=r"gone\.png: image 'gone' is missing or broken; put it back"):
        pictures.size("gone")
    with pytest.raises(StudyError, match=r"broken\.png: "):
        pictures.png("broken")


def test_phantom_pictures_are_the_prepared_ones(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(prepared)
    index = study_index()
    pictures = Pictures(read_params(Params).data, index)
    images = np.load("data/prepared/images.npy")
    for row in (0, 70, len(index) - 1):
        shown = np.asarray(Image.open(io.BytesIO(pictures.png(index.image[row]))))
        np.testing.assert_array_equal(shown, images[row])
        assert pictures.size(index.image[row]) == (64, 64)
