"""Which store a command opens, and when it refuses: nothing is begun unless the user says so."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import DatabaseError

from sightline.annotate.assignment import Plan
from sightline.annotate.backup import has_log, is_database, is_empty, set_aside
from sightline.annotate.images import Params, Pictures, study_index, study_plan
from sightline.annotate.schema import VERSION
from sightline.annotate.store import Store
from sightline.annotate.versions import NoTables, OtherVersion
from sightline.study.errors import StudyError
from sightline.study.extras import missing_package
from sightline.study.parameters import read_params


def store_url() -> URL:
    """SQLAlchemy's URL of the store: SIGHTLINE_STORE (a URL or a file), else a file in the user's data folder.

    The store holds names, so a file inside a Git repository is refused. Nothing is created.
    """
    setting = os.environ.get("SIGHTLINE_STORE") or ""
    if "://" in setting and not setting.startswith("sqlite"):
        return make_url(setting)
    study = Path.cwd()
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "sightline"
    default = data / f"{study.name}-{hashlib.sha256(str(study).encode()).hexdigest()[:8]}.sqlite"
    path = Path(setting.removeprefix("sqlite:///") or default).resolve()
    refuse_repository(path, f"SIGHTLINE_STORE={path}")
    return make_url(f"sqlite:///{path}")


def refuse_repository(path: Path, what: str) -> None:
    """StudyError if `path` lies in a Git repository; `what` names it in the message."""
    repository = next((folder for folder in path.resolve().parents if (folder / ".git").exists()), None)
    if repository is not None:
        raise StudyError(
            f"{what}: lies in the repository {repository}; the store holds readers' names: name a file outside it"
        )


def store_file(url: URL) -> Path | None:
    """The store's file; None for a database elsewhere."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def opened_study(new: bool = False) -> tuple[Store, Params, Plan, str, Pictures]:
    """The store of the study in this folder, its parameters and plan, when it was begun, and its images.

    With `new`, a store is begun with the plan. StudyError if there is none and `new` is false, if there is one and
    `new` is true, if its tables are of another version, and if it was begun with a different plan: the images that
    readers were given must not change.
    """
    params, index = read_params(Params), study_index()
    plan = study_plan(params, index)
    pictures = Pictures(params.data, index)
    shown = (*plan.images, *plan.controls, *plan.practice)
    content = {**asdict(plan), "sha256": {image: pictures.sha256[image] for image in shown}}
    if params.annotate.finding_names:
        content["findings"] = params.annotate.finding_names
    url = store_url()
    store, begun = _opened(url, content, new)
    was = {key: tuple(value) if isinstance(value, list) else value for key, value in begun.items()}
    changed = [key for key in {**content, **was} if key != "made_at" and was.get(key) != content.get(key)]
    if changed:
        store.close()
        raise StudyError(
            f"{place_of(url)}: was begun with another study ({', '.join(changed)} differ); restore params.yaml and "
            "images, or name another store in SIGHTLINE_STORE"
        )
    return store, params, plan, begun["made_at"], pictures


def place_of(url: URL) -> str:
    """The store as messages name it, without a password."""
    return url.render_as_string(hide_password=True)


@contextmanager
def store_problems(url: URL) -> Iterator[None]:
    """StudyError, one line, where the store does not answer, is of another version, or has no study."""
    try:
        yield
    except (ModuleNotFoundError, DatabaseError) as error:
        raise _no_answer(url, error) from None
    except OtherVersion as error:
        raise _other_version(url, error) from None
    except NoTables:
        raise no_study(url) from None


def _no_answer(url: URL, error: DatabaseError | ModuleNotFoundError) -> StudyError:
    """Why the database cannot be used, in one line."""
    if isinstance(error, ModuleNotFoundError):
        return StudyError(f"{place_of(url)}: {missing_package(error.name or 'psycopg')}")
    return StudyError(f"{place_of(url)}: the store does not answer ({error.orig}); see SIGHTLINE_STORE")


def _other_version(url: URL, error: OtherVersion) -> StudyError:
    """What to do about tables of another version, in one line."""
    if error.version > VERSION:
        remedy = f"this Sightline knows version {VERSION}: update it, or restore an older backup"
    else:
        remedy = f"this Sightline needs version {VERSION}: stop the server and run sightline annotate upgrade"
    return StudyError(f"{place_of(url)}: a store of version {error.version}; {remedy}")


def no_study(url: URL) -> StudyError:
    """That no study has been begun in the store, and what to do, in one line."""
    log = ""
    file = store_file(url)
    if file is not None and is_empty(file) and has_log(file):
        log = f", but the write-ahead log {file.name}-wal lies beside it, perhaps of a store that was copied in part"
    return StudyError(
        f"{place_of(url)}: no study has been begun here{log}; see SIGHTLINE_STORE, bring a backup back with sightline "
        "annotate restore FILE, or begin a study with --new"
    )


def _opened(url: URL, content: dict[str, Any], new: bool) -> tuple[Store, dict[str, Any]]:
    """The store and the plan with which it was begun."""
    file = store_file(url)
    if file is not None and is_empty(file):  # SQLite would delete a log beside it
        if not new:
            raise no_study(url)
        _make_room(file)
    elif file is not None and not is_database(file):
        raise StudyError(f"{file}: is not a store; bring a backup back with sightline annotate restore FILE")
    with store_problems(url):
        store = Store(url.render_as_string(hide_password=False), new=new)
        begun = store.begun_plan()
    if begun is not None and not new:
        return store, begun
    if begun is None and new:
        store.begin(content)
        return store, store.begun_plan() or {}
    store.close()
    if begun is None:
        raise no_study(url)
    raise StudyError(f"{place_of(url)}: holds a study already; leave --new out, or name another store")


def _make_room(file: Path) -> None:
    """Makes an empty file for a new store; a log of an earlier one is kept under a dated name."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = set_aside(file, "before-new")
    if aside is not None:
        print(f"{file}-wal: kept as {aside}-wal")
    if not file.exists():
        os.close(
            os.open(file, os.O_CREAT | os.O_WRONLY, 0o600)
        )  # holds names: no other user of this machine may read it
