"""Export from the store: the study's folder of annotations with its table of readings, COCO, and records.

Practice is never exported. No name or e-mail address is read here: annotators are pseudonyms.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Row

from sightline.annotate.findings import as_given
from sightline.annotate.images import Pictures
from sightline.annotate.store import Store
from sightline.experts.annotation_writer import write_folder
from sightline.formats.annotations import Annotation
from sightline.formats.rle import mask_of
from sightline.study.errors import StudyError
from sightline.study.files import read_csv, refuse_unwritable, written_whole

READINGS = (
    *("annotation", "image", "annotator", "profession", "years", "kind", "repeat", "answer", "confidence"),
    *("strokes", "active_seconds", "opened_at", "submitted_at", "received_at", "version", "height", "width"),
    *("image_sha256", "tool_version", "mask"),
)


WHERE_USED = ("finding", "comment")
"""Further columns of readings.csv, each where an answer has one: a study without findings has one row per answer."""


def annotation_name(answer: Row[Any]) -> str:
    """The name of an answer's annotation: image, reader, and r2 for the second reading of the image."""
    return f"{answer.image}.{answer.reader}" + (f".r{answer.repeat + 1}" if answer.repeat else "")


def mask_of_answer(answer: Row[Any]) -> np.ndarray | None:
    """The mask, bool H x W in image pixels; all false for `none`, None for `cannot`."""
    if answer.answer == "cannot":
        return None
    if answer.counts is None:
        return np.zeros((answer.height, answer.width), bool)
    return mask_of(json.loads(answer.counts), answer.height, answer.width)


def rows_of(store: Store, kind: str) -> Iterator[Annotation]:
    """The newest answers to the tasks of one kind, less those of `cannot`, as annotations of the study's folder.

    One for each finding that the study names, with the number of its place in the name, or one alone. `repeat` says
    which are first readings, which alone vote. `created_at` is when the task was first answered, by the server's clock,
    which may step back.
    """
    first = {row.task: row.received_at for row in store.submissions(only_newest=False) if row.version == 1}
    profession = {row.reader: row.profession or "" for row in store.readers()}
    for answer in store.submissions():
        whole = mask_of_answer(answer)
        if answer.kind != kind or whole is None:
            continue
        name, given = annotation_name(answer), as_given(answer.findings)
        parts: list[tuple[str, str, np.ndarray]] = [
            (f"{name}.f{place}", one.finding, one.mask(answer.height, answer.width))
            for place, one in enumerate(given, start=1)
        ] or [(name, "", whole)]
        for annotation, finding, mask in parts:
            yield Annotation(
                annotation=annotation,
                image=answer.image,
                annotator=answer.reader,
                profession=profession[answer.reader],
                created_at=first[answer.task],
                repeat=answer.repeat,
                mask=mask,
                drawn="region",
                finding=finding,
            )


def readings_table(store: Store, sha256: dict[str, str]) -> pd.DataFrame:
    """One row per answered task, controls and `cannot` included, practice left out; columns READINGS and WHERE_USED.

    Where the study names findings, one row for each of them, and one with an empty finding for `cannot`. `mask` names a
    file in masks/, or in controls/masks/ for controls; it is empty for `cannot`.
    """
    readers = {row.reader: row for row in store.readers()}
    lines = []
    for answer in store.submissions():
        if answer.kind == "practice":
            continue
        who = readers[answer.reader]
        events = store.events(answer.task)[: answer.num_events]
        name, given = annotation_name(answer), as_given(answer.findings)
        parts: list[tuple[str, str, str, int | None]] = [
            (f"{name}.f{place}", one.finding, one.answer, one.confidence) for place, one in enumerate(given, start=1)
        ] or [(name, "", answer.answer, answer.confidence)]
        strokes = [event for event in events if event["kind"] == "stroke"]
        lines += [
            {
                "annotation": annotation,
                "image": answer.image,
                "annotator": answer.reader,
                "profession": who.profession,
                "years": who.years,
                "kind": answer.kind,
                "repeat": answer.repeat,
                "answer": said,
                "confidence": confidence,
                "strokes": sum(event.get("finding", "") == finding for event in strokes),
                "active_seconds": answer.active_seconds,
                "opened_at": answer.opened_at,
                "submitted_at": answer.submitted_at,
                "received_at": answer.received_at,
                "version": answer.version,
                "height": answer.height,
                "width": answer.width,
                "image_sha256": sha256.get(answer.image, ""),
                "tool_version": answer.tool_version,
                "mask": "" if answer.answer == "cannot" else f"{annotation}.png",
                "finding": finding,
                "comment": answer.comment or "",
            }
            for annotation, finding, said, confidence in parts
        ]
    used = [column for column in WHERE_USED if any(line[column] for line in lines)]
    frame = pd.DataFrame(lines, columns=[*READINGS, *used]).sort_values(["image", "annotation"], ignore_index=True)
    return frame.astype({"confidence": "Int64", "years": "Int64"})


def export_folder(store: Store, pictures: Pictures, folder: Path, replace: bool) -> dict[str, int]:
    """Writes annotations.csv, masks/ and readings.csv, and those of the controls to controls/; returns counts by name.

    An earlier export is replaced, annotations of another origin only with `replace`. StudyError, and nothing written,
    if no study image has an answer; an earlier export is then deleted, because all its readers have withdrawn.
    """
    refuse_unwritable(folder)
    others = 0 if replace else _num_beside_export(folder)
    if others:
        raise StudyError(
            f"{folder}: holds {others} imported annotations beside an earlier export; name another folder with --to, "
            "or say --replace to drop them"
        )
    table = readings_table(store, pictures.sha256)
    study = table[(table.kind == "study") & (table.answer != "cannot")]
    if study.empty and (folder / "readings.csv").exists():
        for name in ("masks", "controls"):
            shutil.rmtree(folder / name, ignore_errors=True)
        for name in ("annotations.csv", "readings.csv"):
            (folder / name).unlink(missing_ok=True)
        raise StudyError(f"{folder}: all readers have withdrawn; the earlier export is deleted")
    if study.empty:
        raise StudyError("nothing to export: no reader has answered a study image yet; see sightline annotate status")
    replace = replace or (folder / "readings.csv").exists()
    written = write_folder(folder, rows_of(store, "study"), table, replace=replace)
    controls = table[(table.kind == "control") & (table.answer != "cannot")]
    if len(controls):
        write_folder(folder / "controls", rows_of(store, "control"), replace=replace)
    elif (folder / "controls").is_dir():
        shutil.rmtree(folder / "controls")  # of readers who have withdrawn
    return {
        "annotations": written,
        "regions": int((study.answer == "region").sum()),
        "repeats": int((study.repeat > 0).sum()),
        "controls": len(controls),
        "cannot": int((table.answer == "cannot").sum()),
        "annotators": study.annotator.nunique(),
        "images": study.image.nunique(),
    }


def _num_beside_export(folder: Path) -> int:
    """The number of annotations in the folder that its readings.csv does not have; 0 where there is none."""
    if not (folder / "readings.csv").exists() or not (folder / "annotations.csv").exists():
        return 0
    answers = read_csv(folder / "readings.csv", {"annotation": str})["annotation"]
    return int((~read_csv(folder / "annotations.csv", {"annotation": str})["annotation"].isin(answers)).sum())


def export_records(store: Store, pictures: Pictures, path: Path) -> int:
    """Writes every answer, also corrected ones and controls, as one JSON object per line; returns the number of lines.

    Keys: image, image_sha256, reader, kind, repeat, version, answer, confidence, strokes (the whole log of events, in
    image pixels), mask (COCO run lengths or null), size, tool_version, three times and active_seconds; findings, each
    with answer, confidence and run lengths, and comment where the answer has them.
    """
    answers = [answer for answer in store.submissions(only_newest=False) if answer.kind != "practice"]
    with written_whole(path) as beside, open(beside, "w", encoding="utf-8") as file:
        for answer in answers:
            record = {
                "image": answer.image,
                "image_sha256": pictures.sha256.get(answer.image, ""),
                "reader": answer.reader,
                "kind": answer.kind,
                "repeat": answer.repeat,
                "version": answer.version,
                "answer": answer.answer,
                "confidence": answer.confidence,
                "strokes": store.events(answer.task)[: answer.num_events],
                "mask": json.loads(answer.counts) if answer.counts else None,
                "size": [answer.height, answer.width],
                "tool_version": answer.tool_version,
                "opened_at": answer.opened_at,
                "submitted_at": answer.submitted_at,
                "received_at": answer.received_at,
                "active_seconds": answer.active_seconds,
            }
            if answer.findings:
                record["findings"] = json.loads(answer.findings)
            if answer.comment:
                record["comment"] = answer.comment
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return len(answers)
