"""A whole study with simulated readers: invited by command, served over HTTP, exported, and through the pipeline.

The readers see what the page sees: an image's pixels, from which they know where its lesion is, and never its name.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML
from scipy import ndimage
from scipy.spatial import ConvexHull

from pages import Page, environment, exported, links, run, said, serve, serving, step, stroke
from sightline.annotate.assignment import Plan, PlannedTask, planned_tasks
from sightline.annotate.images import Params, study_plan
from sightline.annotate.live import live_overview
from sightline.formats.strokes import drawn_mask, effective_strokes
from sightline.study.parameters import read_params
from studies import ROOT, change, dvc, has_dvc, stage, stages_run, study

pytest.importorskip("httpx2", reason="the readers speak HTTP by httpx2")
import httpx2 as httpx

READERS = 4
PROFESSIONS = ("radiologist", "radiologist", "student", "pneumologist")
CANNOT = 3
"""Slot of the reader who cannot judge one image."""
BLIND = 2
"""Slot of the reader who sees no region in one image."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """One task as its reader answered it."""

    slot: int
    item: PlannedTask
    answer: str
    mask: np.ndarray
    """bool 64 x 64, empty for `none` and `cannot`."""
    versions: int


@dataclass(kw_only=True)
class Whole:
    """A study in which all but one reading has been done."""

    folder: Path
    store: Path
    tokens: dict[str, str]
    """Invite token by pseudonym, in the order of slots."""
    reads: list[Read] = field(default_factory=list)
    overview: dict[str, Any] = field(default_factory=dict)


class Eyes:
    """What a reader knows: the lesion of an image, by the image's pixels."""

    def __init__(self, folder: Path) -> None:
        images = np.load(folder / "data/prepared/images.npy")
        index = pd.read_csv(folder / "data/prepared/index.csv", dtype={"image": str})
        self.name = {images[row].tobytes(): image for row, image in enumerate(index.image)}
        truth = np.load(folder / "data/prepared/truth.npz")
        self.lesion = dict(zip(truth["images"].tolist(), truth["lesions"], strict=True))

    def image(self, png: bytes) -> str:
        return self.name[np.asarray(Image.open(io.BytesIO(png))).tobytes()]

    def outlines(self, image: str, shift: tuple[float, float]) -> list[list[float]]:
        """One outline round each part of the lesion, its hull, moved by `shift` (x, y) pixels."""
        parts, count = ndimage.label(self.lesion.get(image, np.zeros((64, 64), bool)), np.ones((3, 3)))
        outlines = []
        for part in range(1, count + 1):
            pixels = np.argwhere(parts == part)
            corners = np.concatenate([np.add(pixels, (row, col)) for row in (0, 1) for col in (0, 1)])
            hull = corners[ConvexHull(corners).vertices][:, ::-1] + shift
            outlines.append(np.clip(hull, 0, 64).ravel().tolist())
        return outlines


def habits(plan: Plan) -> tuple[str, str]:
    """The image that `CANNOT` cannot judge, which is not repeated, and the one in which `BLIND` sees nothing."""
    tasks = {slot: [item for item in planned_tasks(plan, slot) if item.kind == "study"] for slot in (CANNOT, BLIND)}
    times = Counter(item.image for item in tasks[CANNOT])
    once = sorted(image for image, count in times.items() if count == 1)[0]
    return once, sorted(item.image for item in tasks[BLIND] if item.image != once)[0]


def read(page: Page, eyes: Eyes, slot: int, item: PlannedTask, plan: Plan) -> Read:
    """Answers the next task by the reader's habit, with a shift of its own, in eighths of a pixel."""
    unjudged, unseen = habits(plan)
    task = page.next()
    image = eyes.image(page.send("GET", task["image"]).content)
    assert image == item.image  # the order is the plan's
    rng = np.random.default_rng([slot, item.repeat, *image.encode()])
    shift = tuple(rng.integers(-8, 9, 2) / 8)
    events = [stroke(seq, points) for seq, points in enumerate(eyes.outlines(image, shift))]
    for event in events:  # one at a time, as they are drawn
        assert page.draw(task, [event]).json() == {"saved": event["seq"] + 1}
    empty = np.zeros((64, 64), bool)
    if slot == CANNOT and image == unjudged:
        assert page.submit(task, events, answer="cannot", mask=None, confidence=None).status_code == 200
        return Read(slot=slot, item=item, answer="cannot", mask=empty, versions=1)
    if not events or (slot == BLIND and image == unseen):
        if events:
            events.append(step(len(events), "clear"))
            page.draw(task, events[-1:])
        assert page.submit(task, events, answer="none", mask=None, confidence=2).status_code == 200
        return Read(slot=slot, item=item, answer="none", mask=empty, versions=1)
    assert page.submit(task, events).status_code == 200
    versions = 1
    if (slot + task["number"]) % 4 == 0:
        more = stroke(len(events), [32.0, 32.0, 33.0, 33.0], tool="brush", radius=1.5)
        page.draw(task, [more])
        events.append(more)
        assert page.submit(task, events, base_version=1, confidence=5).json()["version"] == 2
        versions = 2
    mask = drawn_mask(effective_strokes(events), 64, 64)
    return Read(slot=slot, item=item, answer="region", mask=mask, versions=versions)


def plan_of(folder: Path) -> Plan:
    index = pd.read_csv(folder / "data/prepared/index.csv", dtype={"image": str})
    return study_plan(read_params(Params, folder / "params.yaml"), index)


@contextmanager
def served(folder: Path, store: Path) -> Iterator[tuple[httpx.Client, str]]:
    """An HTTP client of the served page, and the admin's secret, "" if it is an old one; stopped by SIGTERM."""
    with serving(folder, store) as (server, url):
        assert server.stdout is not None
        secret = re.search(r"#secret=(\S+)", server.stdout.readline() + server.stdout.readline())
        with httpx.Client(base_url=url, timeout=30) as client:
            yield client, secret[1] if secret else ""
        server.send_signal(signal.SIGTERM)
        _, err = server.communicate(timeout=20)
        assert "Traceback" not in err


def left_for_later(plan: Plan) -> int:
    """How many tasks the first reader does at first: all before the last image that is new to that reader."""
    tasks = planned_tasks(plan, 0)
    return max(place for place, item in enumerate(tasks) if item.kind == "study" and not item.repeat)


@pytest.fixture(scope="module")
def whole(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    place = tmp_path_factory.mktemp("whole")
    folder = Path(shutil.copytree(prepared, place / "study"))
    chosen(folder)  # before the page begins, whose overview follows the study's rule
    done = Whole(folder=folder, store=place / "store.sqlite", tokens={})
    done.tokens = links(said(run(folder, done.store, "invite", "--new", "--count", str(READERS))))
    plan, eyes = plan_of(folder), Eyes(folder)
    with served(folder, done.store) as (client, secret):
        for slot, (reader, token) in enumerate(done.tokens.items()):
            page = Page(client)
            assert page.knock(token).json()["reader"] == reader
            assert page.enrol(profession=PROFESSIONS[slot], years=slot).status_code == 200
            tasks = planned_tasks(plan, slot)[: left_for_later(plan) if slot == 0 else None]
            done.reads += [read(page, eyes, slot, item, plan) for item in tasks]
            assert page.send("GET", "/api/progress").json()["done"] == len(tasks)
        done.overview = overview(client, secret)
    return done


def overview(client: httpx.Client, secret: str) -> dict[str, Any]:
    admin = Page(client)
    assert admin.send("POST", "/api/admin/session", {"secret": secret}).status_code == 200
    return admin.send("GET", "/api/admin/overview").json()


def of_study(reads: list[Read]) -> list[Read]:
    return [item for item in reads if item.item.kind == "study" and item.answer != "cannot"]


def chosen(folder: Path) -> None:
    """params.yaml with the source that `export` names, regions as they are, and empty annotations that vote."""
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["consensus"].update(source="annotations", folder="data/annotations", cleanup="none", empty="votes")
    yaml.dump(params, folder / "params.yaml")


def hold_consensus(folder: Path, reads: list[Read], shown: dict[str, Any]) -> None:
    """What the stage consensus wrote, against the readings counted and merged by hand and the live overview."""
    counted = of_study(reads)
    firsts = [item for item in counted if not item.item.repeat]
    metrics = json.loads((folder / "metrics/consensus.json").read_text())
    assert metrics["annotations"] == len(counted)
    assert metrics["valid_annotations"] == len(firsts)
    assert metrics["repeats"] == len(counted) - len(firsts)
    assert metrics["annotators"] == READERS
    assert metrics["test_images"] == len({item.item.image for item in counted}) == 4
    professions = Counter(PROFESSIONS[item.slot] for item in firsts)
    assert {name: row["annotations"] for name, row in metrics["professions"].items()} == professions

    found = np.load(folder / "data/consensus.npz")
    truth = np.load(folder / "data/prepared/truth.npz")
    lesion = dict(zip(truth["images"].tolist(), truth["lesions"], strict=True))
    for image, region, count in zip(found["images"].tolist(), found["consensus"], found["count"], strict=True):
        masks = np.array([item.mask for item in firsts if item.item.image == image])
        assert count == len(masks)
        np.testing.assert_array_equal(region, 2 * masks.sum(axis=0) >= len(masks), err_msg=image)
        # a hull holds its lesion, and a majority of hulls moved by a pixel at most most of it
        assert (region & lesion[image]).sum() >= 0.8 * lesion[image].sum(), image
        assert (region & lesion[image]).sum() / (region | lesion[image]).sum() > 0.5, image

    table = pd.read_csv(folder / "plots/agreement.csv").set_index("image")
    live = {row["image"]: row for row in shown["images"]}
    assert set(live) == set(table.index)
    for image, row in live.items():
        assert row["agreement"] == pytest.approx(table.iou[image], abs=1e-6), image
        assert row["region"] + row["none"] == table.annotations[image]
    assert 100 * shown["agreement"]["mean"] == pytest.approx(metrics["expert_expert_iou_percent"], abs=1e-4)
    assert shown["totals"]["corrections"] == sum(item.versions - 1 for item in reads if item.item.kind != "practice")
    assert shown["totals"]["cannot"] == 1


def test_the_readings_are_the_consensus(whole: Whole, tmp_path: Path) -> None:
    plan = plan_of(whole.folder)
    every = [item for slot in range(READERS) for item in planned_tasks(plan, slot) if item.kind == "study"]
    # by hand: 4 images, 3 readers each; a reader has 3 and sees half of them, which is 2, again
    assert [sum(item.repeat == again for item in every) for again in (0, 1)] == [12, 8]
    folder = Path(shutil.copytree(whole.folder, tmp_path / "study"))
    exported(folder, whole.store)
    readings = pd.read_csv(folder / "data/annotations/readings.csv")
    assert len(readings) == sum(item.item.kind != "practice" for item in whole.reads)
    assert readings.answer.value_counts().to_dict() == Counter(
        item.answer for item in whole.reads if item.item.kind != "practice"
    )
    # all but the one that cannot be judged and what the first reader has left
    later = [item for item in planned_tasks(plan, 0)[left_for_later(plan) :] if item.kind == "study"]
    assert len(of_study(whole.reads)) == 20 - 1 - len(later)
    chosen(folder)
    done = stage("consensus", folder)
    assert done.returncode == 0, done.stderr
    hold_consensus(folder, whole.reads, whole.overview)


@pytest.mark.slow  # 50 s: DVC's reruns are tested in stages/test_pipeline.py, and here each stage by itself
@has_dvc
def test_dvc_takes_over_and_one_more_reading_reruns_what_it_touches(whole: Whole, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    for name in ("src", "profiles", "data/raw", "data/lungs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    dvc(folder, "init", "-q")
    study(folder)
    shutil.copytree(whole.folder / "data/prepared", folder / "data/prepared")
    store = Path(shutil.copy(whole.store, tmp_path / "store.sqlite"))  # outside of the repository
    exported(folder, store)

    # maps that are right: the lesions themselves
    (folder / "maps").mkdir()
    plan, eyes = plan_of(folder), Eyes(folder)
    for image, lesion in eyes.lesion.items():
        np.save(folder / f"maps/{image}.npy", lesion.astype(float))
    change(folder, models={"true": {"maps": "maps", "method": "cam"}})
    chosen(folder)
    sync = [sys.executable, "-m", "sightline.cli", "sync"]
    subprocess.run(sync, cwd=folder, env=environment(store), check=True, capture_output=True)
    after = {"consensus", "reliability", "align", "bootstrap", "ladder", "verdict", "compare", "families", "multiverse"}
    after |= {"report", "subgroups"}
    assert set(stages_run(dvc(folder, "repro"))) >= {"import-maps@true", *after}
    hold_consensus(folder, whole.reads, whole.overview)
    alignment = json.loads((folder / "metrics/alignment.json").read_text())["true"]["cam"]
    found = np.load(folder / "data/consensus.npz")
    lesions = [eyes.lesion[image] for image in found["images"].tolist()]
    ious = [(a & b).sum() / (a | b).sum() for a, b in zip(found["consensus"], lesions, strict=True)]
    inside = [(a & b).sum() / b.sum() for a, b in zip(found["consensus"], lesions, strict=True)]
    assert alignment["iou"] == pytest.approx(np.mean(ious), abs=1e-6)
    assert alignment["pointing"] == pytest.approx(np.mean(inside), abs=1e-6)  # any pixel of the lesion is its peak

    exported(folder, store)
    assert stages_run(dvc(folder, "repro")) == []

    # the first reader comes back on another device
    with served(folder, store) as (client, _):
        page = Page(client)
        assert page.knock(next(iter(whole.tokens.values()))).json()["enrolled"]
        more = read(page, eyes, 0, planned_tasks(plan, 0)[left_for_later(plan)], plan)
    assert (more.item.kind, more.item.repeat, more.answer) == ("study", 0, "region")
    exported(folder, store)
    assert set(stages_run(dvc(folder, "repro"))) == after
    metrics = json.loads((folder / "metrics/consensus.json").read_text())
    assert metrics["annotations"] == len(of_study([*whole.reads, more]))


def test_the_first_reading_is_final_once_its_second_has_come_up(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then it may be corrected; afterwards its answer is final, strokes are kept, and the second never votes."""
    folder = Path(shutil.copytree(prepared, tmp_path / "study"))
    monkeypatch.chdir(folder)
    store = tmp_path / "store.sqlite"
    ((reader, token),) = links(said(run(folder, store, "invite", "--new"))).items()
    here = serve(folder, f"sqlite:///{store}")
    page = Page(here.client)
    page.knock(token)
    page.enrol()
    tasks = planned_tasks(here.plan, 0)
    again = next(place for place, item in enumerate(tasks) if item.repeat)
    twice = tasks[again].image
    number = next(place for place, item in enumerate(tasks) if item.image == twice and not item.repeat)
    events = [stroke(0, [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0])]
    for _ in tasks[: again - 1]:
        page.submit(page.next(), [], answer="none", mask=None)
    names = [place["task"] for place in page.send("GET", "/api/progress").json()["tasks"]]

    def shown(place: int) -> dict[str, Any]:
        return page.send("GET", f"/api/tasks/{names[place]}").json()

    task = shown(number)
    assert task["final"] is False  # one more image comes before the second reading
    page.draw(task, events)
    assert page.submit(task, events, base_version=1).status_code == 200
    page.submit(page.next(), [], answer="none", mask=None)

    task = shown(number)
    assert task["final"] is True
    more = [*events, stroke(1, [40.0, 40.0, 50.0, 40.0, 50.0, 50.0, 40.0, 50.0])]
    assert page.draw(task, more[1:]).json() == {"saved": 2}  # what an offline device has drawn is not lost
    (drawn,) = shown(number)["events"]
    assert drawn["id"] == events[0]["id"]  # nor is it shown as part of the answer
    refused = page.submit(task, more, base_version=2)
    assert (refused.status_code, refused.json()["detail"]["code"]) == (409, "final")
    assert "can no longer be changed" in refused.json()["detail"]["message"]
    other = next(place for place in range(again) if tasks[place].image not in {t.image for t in tasks if t.repeat})
    assert shown(other)["final"] is False
    second = page.next()
    page.draw(second, more)
    assert page.submit(second, more).status_code == 200
    assert shown(again)["final"] is False  # the second reading itself may be corrected
    assert page.submit(shown(again), more, base_version=1).status_code == 200
    here.store.close()

    exported(folder, store)
    chosen(folder)
    done = stage("consensus", folder)
    assert done.returncode == 0, done.stderr
    used = np.load(folder / "data/annotations.npz")
    votes = dict(zip(used["annotations"].tolist(), used["masks"].sum(axis=(1, 2)).tolist(), strict=True))
    assert votes[f"{twice}.{reader}"] == 400
    assert f"{twice}.{reader}.r2" not in votes


@pytest.mark.parametrize("empty", ["votes", "dropped"])
def test_a_hidden_second_reading_never_votes(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: str
) -> None:
    """Not after "cannot judge", not after "none", not where the clock steps back; the overview agrees on the export."""
    folder = Path(shutil.copytree(prepared, tmp_path / "study"))
    monkeypatch.chdir(folder)
    clock = itertools.count(2_000_000_000, -3600)  # an hour back at each answer
    monkeypatch.setattr("sightline.annotate.store.moment", lambda: datetime.fromtimestamp(next(clock), UTC).isoformat())
    store = tmp_path / "store.sqlite"
    tokens = links(said(run(folder, store, "invite", "--new", "--count", str(READERS))))
    here = serve(folder, f"sqlite:///{store}")
    square = [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]
    firsts: dict[tuple[str, str], str] = {}
    read_again: list[str] = []  # the first answers to images that come again
    seconds = 0
    for slot, (reader, token) in enumerate(tokens.items()):
        page = Page(here.client)
        page.knock(token)
        page.enrol()
        answers = iter(["cannot", "none"] if slot % 2 else ["region", "none"])  # of images that come again
        tasks = planned_tasks(here.plan, slot)
        twice = {item.image for item in tasks if item.repeat}
        for item in tasks:
            first = item.image in twice and not item.repeat and item.kind == "study"
            answer = next(answers, "none") if first else "region"
            events = [stroke(0, [p + slot + 10 * item.repeat for p in square])]
            task = page.next()
            if answer == "region":
                page.draw(task, events)
                sent = page.submit(task, events)
            else:
                sent = page.submit(task, [], answer=answer, mask=None, confidence=None if answer == "cannot" else 2)
            assert sent.status_code == 200
            seconds += item.repeat
            read_again += [answer] if first else []
            if item.kind == "study" and not item.repeat:
                firsts[item.image, reader] = answer
    begun_at, votes_empty = "2026-01-01T00:00:00+00:00", empty == "votes"
    live = live_overview(here.store, here.plan, begun_at, (64, 64), empty_votes=votes_empty)()
    here.store.close()
    exported(folder, store)
    chosen(folder)
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["consensus"]["empty"] = empty
    yaml.dump(params, folder / "params.yaml")
    done = stage("consensus", folder)
    assert done.returncode == 0, done.stderr

    counts = {"region"} if empty == "dropped" else {"region", "none"}
    used = np.load(folder / "data/annotations.npz")
    assert seconds == 8
    assert set(used["annotations"].tolist()) == {f"{i}.{r}" for (i, r), said in firsts.items() if said in counts}
    assert not any(name.endswith(".r2") for name in used["annotations"].tolist())
    at = dict(zip(used["annotations"].tolist(), used["masks"], strict=True))
    assert all(mask[15, 15] for mask in at.values() if mask.any())  # the first reading's square, not the second's
    metrics = json.loads((folder / "metrics/consensus.json").read_text())
    assert metrics["valid_annotations"] == sum(said in counts for said in firsts.values())
    table = pd.read_csv(folder / "plots/agreement.csv").set_index("image")
    for row in live["images"]:
        assert row["region"] + (row["none"] if votes_empty else 0) == table.annotations.get(row["image"], 0)
    agreement = pd.Series({row["image"]: row["agreement"] for row in live["images"]}, dtype=float)  # NaN without a pair
    np.testing.assert_allclose(agreement[table.index], table.iou, atol=1e-6)
    assert 100 * live["agreement"]["mean"] == pytest.approx(metrics["expert_expert_iou_percent"], abs=1e-4)
    assert 0 < live["agreement"]["mean"] < 1
    # readers with themselves: the pooled number, and each reader's
    valid = votes_empty | used["reading_is_marked"]
    first = used["reading_first"]
    is_pair = (first != np.arange(len(first))) & valid & valid[first]
    assert metrics["repeats"] == is_pair.sum() == sum(said in counts for said in read_again)
    for row in live["readers"]:
        own = used["reading_self_iou"][is_pair & (used["reading_annotators"] == row["reader"])]
        mean = own[~np.isnan(own)].mean() if (~np.isnan(own)).any() else None
        assert row["self_agreement"] == (None if mean is None else pytest.approx(mean, abs=1e-6))
    assert metrics["presence"]["false_starts"] == 0
    assert sum(row["cannot"] for row in live["images"]) == sum(said == "cannot" for said in firsts.values()) > 0
