"""A study that names findings: answered one by one, exported, read back, and voted on one by one or united."""

from __future__ import annotations

import io
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML

from pages import SQUARE, Page, Served, answer_of, serve, step, stroke
from sightline.annotate.companions import read_companions
from sightline.annotate.export import export_folder, export_records, mask_of_answer, readings_table, rows_of
from sightline.annotate.findings import as_given, finding_names
from sightline.annotate.images import Params, study_index, study_plan
from sightline.annotate.imports import import_files
from sightline.experts.annotation_reader import read_annotations
from sightline.experts.annotation_writer import write_folder
from sightline.experts.finding_agreement import finding_agreements
from sightline.formats.annotations import Annotation, ImportOptions
from sightline.formats.coco import coco_document
from sightline.formats.rle import counts_of
from sightline.formats.strokes import drawn_mask, effective_strokes
from sightline.scoring.regions_in import Asked, read_regions
from sightline.study.errors import StudyError
from sightline.study.files import read_csv, write_json
from sightline.study.parameters import read_params
from studies import change

FINDINGS = ("effusion", "nodule")
FAR = [40.0, 40.0, 50.0, 40.0, 50.0, 50.0, 40.0, 50.0]


@pytest.fixture
def two(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """A study of two findings, with comments."""
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "params.yaml").write_text((prepared / "params.yaml").read_text())
    (folder / "data").symlink_to(prepared / "data")
    section = YAML().load(folder / "params.yaml")["annotate"]
    change(folder, annotate=dict(section) | {"findings": "effusion, nodule", "comments": True, "practice": 0})
    monkeypatch.chdir(folder)
    return serve(folder, f"sqlite:///{tmp_path}/store.sqlite")


def about(events: list[dict], finding: str, side: int = 64, **changes: Any) -> dict:
    """The answer about a finding that these events draw."""
    strokes = [one for one in effective_strokes(events) if one.finding == finding]
    mask = drawn_mask(strokes, side, side)
    shown = {"size": [side, side], "counts": counts_of(mask)} if mask.any() else None
    return {
        "finding": finding, "answer": "region" if shown else "none", "confidence": 3, "mask": shown, **changes,
    }  # fmt: skip


def answered(page: Page, task: dict, events: list[dict], **changes: Any) -> Any:
    findings = [about(events, name) for name in FINDINGS]
    answer = "region" if any(one["mask"] for one in findings) else "none"
    body = answer_of(events, 64, 64) | {"mask": None, "confidence": None, "answer": answer, "findings": findings}
    return page.send("POST", f"/api/tasks/{task['task']}/submission", body | {"id": str(uuid.uuid4())} | changes)


def drawn(page: Page, task: dict, *shapes: tuple[str, list[float]]) -> list[dict]:
    events = [stroke(seq, points) | {"finding": finding} for seq, (finding, points) in enumerate(shapes)]
    if events:
        assert page.draw(task, events).status_code == 200
    return events


def read_by(two: Served) -> None:
    """One reader answers all tasks: both findings, one, none, cannot, and both again."""
    _, page = two.reader()
    plans = [
        (("effusion", SQUARE), ("nodule", FAR)),
        (("nodule", FAR),),
        (),
        None,
    ]
    place = 0
    while (task := page.next())["task"] is not None:
        plan = plans[place] if place < len(plans) else (("effusion", SQUARE),)
        place += 1
        if plan is None:
            sent = answered(page, task, [], answer="cannot", findings=[], comment="rotated")
        else:
            sent = answered(page, task, drawn(page, task, *plan), comment=" two marks \n" if place == 1 else None)
        assert sent.status_code == 200, sent.text


def test_each_finding_is_answered_and_checked_against_its_own_strokes(two: Served) -> None:
    _, page = two.reader()
    task = page.next()
    assert (task["findings"], task["given"], task["asks_comment"]) == (list(FINDINGS), [], True)
    for finding in (None, "cardiomegaly"):
        refused = page.draw(task, [stroke(0, SQUARE) | ({} if finding is None else {"finding": finding})])
        assert (refused.status_code, "effusion, nodule" in refused.json()["detail"]["message"]) == (422, True)
    events = drawn(page, task, ("effusion", SQUARE), ("nodule", FAR))
    effusion, nodule = (about(events, name) for name in FINDINGS)
    wrong = [
        {"findings": [nodule, effusion]},
        {"findings": [effusion]},
        {"findings": []},
        {"findings": [effusion, nodule], "answer": "none"},
        {"findings": [effusion, nodule], "confidence": 3},
        {"findings": [effusion, nodule | {"confidence": None}]},
        {"findings": [effusion, nodule | {"mask": None}]},
        {"answer": "region", "findings": [], "mask": effusion["mask"], "confidence": 3},
        {"comment": "x" * 2001},
        {"comment": "\x00"},
    ]
    for changes in wrong:
        assert answered(page, task, events, **changes).status_code == 422, changes
    swapped = [effusion | {"mask": nodule["mask"]}, nodule | {"mask": effusion["mask"]}]
    assert answered(page, task, events, findings=swapped).json()["detail"]["code"] == "out_of_step"
    unsaid = [effusion, nodule | {"mask": None, "answer": "none"}]
    assert answered(page, task, events, findings=unsaid).json()["detail"]["code"] == "out_of_step"
    assert answered(page, task, events, comment="  tube in place ").status_code == 200
    again = page.send("GET", f"/api/tasks/{task['task']}").json()
    assert again["given"] == [{"finding": name, "answer": "region", "confidence": 3} for name in FINDINGS]
    assert (again["answer"], again["confidence"], again["comment"]) == ("region", None, "tube in place")
    assert [event["finding"] for event in again["events"]] == list(FINDINGS)
    undone = [*events, step(2, "undo")]
    assert page.draw(task, undone[2:]).status_code == 200
    corrected = answered(page, task, undone, base_version=1, comment=None)
    assert corrected.status_code == 200, corrected.text
    assert [one["answer"] for one in page.send("GET", f"/api/tasks/{task['task']}").json()["given"]] == [
        "region",
        "none",
    ]


def test_a_study_without_findings_takes_none(served: Served) -> None:
    _, page = served.reader()
    task = page.next()
    assert (task["findings"], task["asks_comment"]) == ([], False)
    refused = page.draw(task, [stroke(0, SQUARE) | {"finding": "nodule"}])
    assert "names no findings" in refused.json()["detail"]["message"]
    events = [stroke(0, SQUARE)]
    assert page.draw(task, events).status_code == 200
    assert served.store.events(task["task"]) == [events[0] | {"at": served.store.events(task["task"])[0]["at"]}]
    findings = [about([stroke(0, SQUARE) | {"finding": "nodule"}], "nodule")]
    assert page.submit(task, events, findings=findings, mask=None, confidence=None).status_code == 422
    assert page.submit(task, events, comment="words").status_code == 422
    assert page.submit(task, events).status_code == 200
    table = readings_table(served.store, {})
    assert not {"finding", "comment"} & set(table.columns)


def test_exports_keep_findings_apart_and_come_back_through_import(two: Served, tmp_path: Path) -> None:
    read_by(two)
    folder = tmp_path / "annotations"
    export_folder(two.store, two.pictures, folder, replace=False)
    table = read_csv(folder / "annotations.csv", {"annotation": str, "finding": str, "repeat": str})
    assert list(table.columns)[-3:] == ["repeat", "drawn", "finding"]
    assert set(table.finding) == set(FINDINGS)
    assert table.annotation.str.extract(r"\.f(\d)$")[0].map({"1": "effusion", "2": "nodule"}).equals(table.finding)
    answers = read_csv(folder / "readings.csv", {"finding": str, "comment": str})
    assert list(answers.columns)[-2:] == ["finding", "comment"]
    assert sorted(answers.comment[answers.comment != ""].unique()) == ["rotated", "two marks"]
    cannot = answers[answers.answer == "cannot"]
    assert (len(cannot), cannot.finding.tolist()) == (1, [""])
    records = tmp_path / "records.jsonl"
    export_records(two.store, two.pictures, records)
    assert '"comment": "two marks"' in records.read_text()

    document = coco_document(list(rows_of(two.store, "study")), "pneumonia")
    assert [one["name"] for one in document["categories"]] == list(FINDINGS)
    write_json(tmp_path / "coco.json", document)
    back = tmp_path / "back"
    import_files([tmp_path / "coco.json"], back, ImportOptions())
    columns = ["image", "finding", "repeat", "created_at"]
    came = read_csv(back / "annotations.csv", dict.fromkeys([*columns, "mask"], str))
    assert len(came) == len(table)
    for row in came.itertuples():
        there = table[(table[columns] == [getattr(row, name) for name in columns]).all(axis=1)]
        assert len(there) == 1
        assert (folder / "masks" / there["mask"].iloc[0]).read_bytes() == (back / "masks" / row.mask).read_bytes()
    one = tmp_path / "one"
    import_files([tmp_path / "coco.json"], one, ImportOptions(labels=["nodule"]))
    assert set(read_csv(one / "annotations.csv", {"finding": str}).finding) == {"nodule"}

    index = pd.DataFrame({"image": sorted(set(table.image)), "split": "test", "source": "phantom:0"})
    whole, united = read_annotations(folder, index, (64, 64))
    parts = {name: read_annotations(folder, index, (64, 64), findings=[name]) for name in FINDINGS}
    for _, alone in parts.values():
        assert len(alone) == len(united)
    np.testing.assert_array_equal(united, parts["effusion"][1] | parts["nodule"][1])
    assert whole.is_answer.all()
    stored = {
        (row.image, row.repeat): row
        for row in two.store.submissions()
        if row.kind == "study" and row.answer != "cannot"
    }
    assert len(whole) == len(stored)
    with pytest.raises(StudyError, match="no row is of finding 'mass'; it has effusion, nodule"):
        read_annotations(folder, index, (64, 64), findings=["mass"])
    for source in (folder, tmp_path / "coco.json"):
        images = frozenset(table.image)
        with pytest.raises(StudyError, match="say with --finding which to take: effusion, nodule"):
            read_regions([source], Asked(images=images), [])
        problems: list[str] = []
        both = read_regions([source], Asked(images=images, grid=(64, 64), findings=FINDINGS), problems)
        only = read_regions([source], Asked(images=images, grid=(64, 64), findings=["nodule"]), problems)
        assert problems == []
        first = [row for row in stored.values() if row.repeat == 0]
        nodules = [row for row in first if as_given(row.findings)[1].answer == "region"]
        area = [sum(int(masks.sum()) for masks in regions.readers) for regions in (only, both)]
        assert area[0] == 100 * len(nodules)
        assert area[1] == sum(int(mask_of_answer(row).sum()) for row in first)


def test_a_companion_is_shown_to_the_reader_of_its_image_alone(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prepared)
    params, index = read_params(Params), study_index()
    plan = study_plan(params, index)
    films, beside = tmp_path / "films", tmp_path / "films/beside.csv"
    films.mkdir()
    Image.fromarray(np.full((30, 50), 77, np.uint8)).save(films / "old.png")
    lines = [f"{image},old.png,prior" for image in plan.images[:2]]
    beside.write_text("\n".join(["image,companion,kind", *lines]))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(prepared / "data")
    (tmp_path / "params.yaml").write_text((prepared / "params.yaml").read_text())
    section = YAML().load(tmp_path / "params.yaml")["annotate"]
    change(tmp_path, annotate=dict(section) | {"companions": "films/beside.csv"})
    served = serve(tmp_path, f"sqlite:///{tmp_path}/store.sqlite")
    pages = [served.reader() for _ in range(2)]
    for name, page in pages:
        later = [task.task for task in served.store.tasks_of(name) if task.image in plan.images[:2]][-1]
        assert page.send("GET", f"/api/tasks/{later}/companion").status_code == 404  # its turn has not come
        for task in served.store.tasks_of(name):
            told = page.send("GET", f"/api/tasks/{task.task}").json()["companion"]
            film = page.send("GET", f"/api/tasks/{task.task}/companion")
            height, width = served.pictures.size(task.image)
            body = answer_of([], height, width, answer="cannot", mask=None, confidence=None)
            assert page.send("POST", f"/api/tasks/{task.task}/submission", body).status_code == 200
            if task.image not in plan.images[:2]:
                assert (told, film.status_code) == (None, 404)
                continue
            address = f"/api/tasks/{task.task}/companion"
            assert told == {"image": address, "kind": "prior", "width": 50, "height": 30}
            assert (np.asarray(Image.open(io.BytesIO(film.content))) == 77).all()
            assert film.headers["cache-control"] == "no-store"
            others = [page for other, page in pages if other != name]
            assert others[0].send("GET", address).status_code == 404
            assert Page(served.client).send("GET", address).status_code == 401

    (films / "text.png").write_text("no film")
    rows = ["stranger,old.png,prior", f"{plan.images[0]},old.png,", f"{plan.images[0]},text.png,before",
            f"{plan.images[1]},../beside.csv,other"]  # fmt: skip
    beside.write_text("\n".join(["image,companion,kind", *rows]))
    with pytest.raises(StudyError) as caught:
        read_companions("films/beside.csv", params.data, served.pictures.sha256)
    assert [line.partition("row ")[2] for line in caught.value.cases] == [
        "2: image 'stranger' is not one of the study's",
        f"4: a second companion of image {plan.images[0]!r}; keep one",
        "4: kind 'before', expected prior, lateral, other",
        "4: companion 'text.png' is missing or no film",
        "5: companion '../beside.csv' must name a file below films",
    ]
    with pytest.raises(StudyError, match=r"annotate\.companions"):
        read_companions("films/none.csv", params.data, served.pictures.sha256)


def test_names_of_findings() -> None:
    assert finding_names(" ") == ()
    assert finding_names("pleural effusion , nodule") == ("pleural effusion", "nodule")
    for wrong in ("a,,b", "a,A", "a" * 61, "a,b\tc"):
        with pytest.raises(ValueError, match="findings: "):
            finding_names(wrong)


def test_other_tools_labels_are_kept_apart_if_asked(tmp_path: Path) -> None:
    """labelme names a label per shape: each becomes a finding; what nobody drew on an image was not seen there."""
    square = [[1, 1], [4, 1], [4, 4], [1, 4]]
    for image, labels in (("a", ["nodule", "effusion", "nodule"]), ("b", ["nodule"])):
        shapes = [{"label": label, "points": square, "shape_type": "polygon"} for label in labels]
        document = {"imagePath": f"{image}.png", "imageHeight": 8, "imageWidth": 8, "shapes": shapes}
        write_json(tmp_path / "files" / f"{image}.json", document)
    folder = tmp_path / "annotations"
    import_files([tmp_path / "files"], folder, ImportOptions(annotator="Ada"), format="labelme", apart=True)
    table = read_csv(folder / "annotations.csv", dict.fromkeys(["image", "finding", "mask"], str))
    areas = [int((np.asarray(Image.open(folder / "masks" / mask)) > 0).sum()) for mask in table["mask"]]
    assert sorted(zip(table.image, table.finding, areas, strict=True)) == [
        ("a", "effusion", 9), ("a", "nodule", 9), ("b", "effusion", 0), ("b", "nodule", 9),
    ]  # fmt: skip
    index = pd.DataFrame({"image": ["a", "b"], "split": "test", "source": "phantom:0"})
    assert read_annotations(folder, index, (8, 8))[1].sum(axis=(1, 2)).tolist() == [9, 9]
    options = ImportOptions(annotator="Ada", labels=["mass", "nodule"])
    with pytest.raises(StudyError) as caught:
        import_files([tmp_path / "files"], tmp_path / "other", options, format="labelme", apart=True)
    assert caught.value.cases == ["label 'mass' is not in the file; there are effusion, nodule"]


def test_agreement_on_each_finding(tmp_path: Path) -> None:
    """Two readers: on nodule 1 of 4 pixels shared and one image that both leave empty, on effusion one alone marks."""
    marks = [
        ("a", "r1", "nodule", 4), ("a", "r2", "nodule", 1), ("a", "r1", "effusion", 2), ("a", "r2", "effusion", 0),
        ("b", "r1", "nodule", 0), ("b", "r2", "nodule", 0),
    ]  # fmt: skip
    rows = [
        Annotation(
            annotation=f"{image}.{who}.{finding}", image=image, annotator=who, profession="", created_at="", repeat=0,
            mask=np.arange(64).reshape(8, 8) < marked, drawn="region", finding=finding,
        )
        for image, who, finding, marked in marks
    ]  # fmt: skip
    write_folder(tmp_path / "annotations", rows)
    index = pd.DataFrame({"image": ["a", "b"], "split": "test", "source": "phantom:0"})
    assert finding_agreements(tmp_path / "annotations", index, (8, 8), "auto") == {
        "findings": {
            "effusion": {"readings": 2, "marked": 1, "images": 1, "expert_expert_iou_percent": 0.0},
            "nodule": {"readings": 4, "marked": 2, "images": 1, "expert_expert_iou_percent": 25.0},
        }
    }
