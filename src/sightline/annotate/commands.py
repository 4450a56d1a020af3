"""The commands below `sightline annotate`: each opens the store, does one thing and prints lines or a table.

sightline annotate serve [--host --port --url --tls-cert --tls-key] [--new-admin-secret]
sightline annotate invite [NAME ...] [--count N] [--url URL]; sightline annotate invite --renew READER
sightline annotate status
sightline annotate people
sightline annotate export [--to FOLDER] [--format folder|coco|records] [--replace]
sightline annotate withdraw READER
sightline annotate import [FORMAT] FILE ... [--to FOLDER] [--reader NAME] [--finding NAME ...] [...]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from sqlalchemy import make_url
from sqlalchemy.exc import DatabaseError

from sightline.annotate.assignment import Plan, planned_tasks
from sightline.annotate.export import export_folder, export_records, rows_of
from sightline.annotate.images import Params, Pictures, study_index, study_plan
from sightline.annotate.import_command import add_import, import_
from sightline.annotate.live import live_overview
from sightline.annotate.server import TOOL_VERSION, create_app
from sightline.annotate.status import status_lines
from sightline.annotate.store import Store
from sightline.formats.coco import coco_document
from sightline.study.errors import StudyError
from sightline.study.files import write_json
from sightline.study.parameters import read_params

FOLDER = "data/annotations"
PORT = 8000
NEXT_STEPS = "set consensus.source: annotations and consensus.folder: {folder}; then dvc repro"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands to the parser of `sightline annotate`; the chosen one is the argument `run`."""
    commands = parser.add_subparsers(dest="annotate_command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    def url(to: argparse.ArgumentParser, default: str | None) -> None:
        to.add_argument("--url", default=default, help="address under which readers reach the page")

    serve_parser = command("serve", serve, "serve the page to readers until stopped")
    serve_parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all (default 127.0.0.1)"
    )
    serve_parser.add_argument("--port", type=int, default=PORT, help=f"port to listen on (default {PORT})")
    serve_parser.add_argument(
        "--tls-cert", metavar="FILE", help="certificate file; with --tls-key, serves the page over TLS"
    )
    serve_parser.add_argument("--tls-key", metavar="FILE", help="key file")
    serve_parser.add_argument(
        "--new-admin-secret", action="store_true", help="replace the admin's link and end the admin's sessions"
    )
    url(serve_parser, None)
    invite_parser = command("invite", invite, "print a personal link for each new reader")
    invite_parser.add_argument("names", nargs="*", help="whom to invite, for your own records; never exported")
    invite_parser.add_argument("--count", type=int, help="number of readers, without names")
    invite_parser.add_argument("--renew", metavar="READER", help="a new link for a reader who lost the old one")
    url(invite_parser, f"http://127.0.0.1:{PORT}")
    command("status", status, "print coverage, pace and agreement")
    command("people", people, "print the names behind the pseudonyms; keep them to yourself")
    export_parser = command("export", export, "write the annotations so far, for the pipeline")
    export_parser.add_argument("--to", help=f"folder to write (default {FOLDER}); for coco and records, a file")
    export_parser.add_argument(
        "--format", choices=("folder", "coco", "records"), default="folder", help="default folder"
    )
    export_parser.add_argument("--finding", default="pneumonia", help="name of the COCO category (default pneumonia)")
    export_parser.add_argument(
        "--replace", action="store_true", help="replace annotations that are not an earlier export"
    )
    withdraw_parser = command("withdraw", withdraw, "delete all data of a reader who withdraws")
    withdraw_parser.add_argument("reader", help="pseudonym, as printed by status")
    add_import(command("import", import_, "add other tools' files of annotations to the study's"), FOLDER, NEXT_STEPS)


def store_url() -> str:
    """SQLAlchemy's URL of the store: SIGHTLINE_STORE (a URL or a file), else a file in the user's data folder.

    The store holds names, so a file inside a Git repository is refused.
    """
    setting = os.environ.get("SIGHTLINE_STORE") or ""
    if "://" in setting and not setting.startswith("sqlite"):
        return setting
    study = Path.cwd()
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "sightline"
    default = data / f"{study.name}-{hashlib.sha256(str(study).encode()).hexdigest()[:8]}.sqlite"
    path = Path(setting.removeprefix("sqlite:///") or default).resolve()
    repository = next((folder for folder in path.parents if (folder / ".git").exists()), None)
    if repository is not None:
        raise StudyError(
            f"SIGHTLINE_STORE={path}: lies in the repository {repository}; the store holds readers' names: name a "
            "file outside it"
        )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        os.close(
            os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
        )  # holds names: no other user of this machine may read it
    return f"sqlite:///{path}"


def opened_study() -> tuple[Store, Params, Plan, str, Pictures]:
    """The store of the study in this folder, its parameters and plan, when it was begun, and its images.

    A new store is begun with the plan. StudyError if the store was begun with a different plan: the images that readers
    were given must not change.
    """
    params, index = read_params(Params), study_index()
    plan = study_plan(params, index)
    pictures = Pictures(params.data, index)
    shown = (*plan.images, *plan.controls, *plan.practice)
    content = {**asdict(plan), "sha256": {image: pictures.sha256[image] for image in shown}}
    url = make_url(store_url())
    place = url.render_as_string(hide_password=True)
    try:
        store = Store(url.render_as_string(hide_password=False))
        begun = store.begun_plan()
    except ModuleNotFoundError as error:
        raise StudyError(f"{place}: the package {error.name} is missing; pip install 'sightline[postgres]'") from None
    except DatabaseError as error:
        raise StudyError(f"{place}: the store does not answer ({error.orig}); see SIGHTLINE_STORE") from None
    if begun is None:
        store.begin(content)
        begun = store.begun_plan() or {}
    was = {key: tuple(value) if isinstance(value, list) else value for key, value in begun.items()}
    changed = [key for key, value in content.items() if was.get(key) != value]
    if changed:
        raise StudyError(
            f"{place}: was begun with another study ({', '.join(changed)} differ); restore params.yaml and images, or "
            "name another store in SIGHTLINE_STORE"
        )
    return store, params, plan, begun["made_at"], pictures


def serve(arguments: argparse.Namespace) -> None:
    """Serves the page until stopped."""
    is_tls = bool(arguments.tls_cert and arguments.tls_key)
    if bool(arguments.tls_cert) != bool(arguments.tls_key):
        raise StudyError("--tls-cert and --tls-key: give both or neither")
    is_local = arguments.host in ("127.0.0.1", "localhost", "::1")
    if not is_local and not arguments.url:
        raise StudyError(f"--host {arguments.host}: give --url, the address under which readers reach the page")
    url = (arguments.url or f"{'https' if is_tls else 'http'}://{arguments.host}:{arguments.port}").rstrip("/")
    store, params, plan, begun_at, pictures = opened_study()
    grid = params.data.height, params.data.width
    for image in (*plan.images, *plan.controls, *plan.practice):
        pictures.size(image)  # a missing image stops the server now, not a reader later
    is_https = urlsplit(url).scheme == "https"
    app = create_app(
        store,
        pictures,
        live_overview(store, plan, begun_at, grid),
        contact=params.annotate.contact,
        is_https=is_https,
        hosts={urlsplit(url).hostname or "", "127.0.0.1", "localhost", "[::1]"},
    )
    secret = store.admin_secret(renew=arguments.new_admin_secret)
    print(f"Sightline {TOOL_VERSION}: {len(plan.images)} images; readers open their personal links at {url}")
    print(f"admin: {url}/admin" + (f"#secret={secret}  (kept hashed: note it now)" if secret else ""), flush=True)
    if not is_https and not is_local:
        print("warning: without TLS, links and drawings can be read in transit", flush=True)
    # uvicorn raises the signal again once it has stopped; without a handler the process would end with the store open
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.run(
            app,
            host=arguments.host,
            port=arguments.port,
            ssl_certfile=arguments.tls_cert,
            ssl_keyfile=arguments.tls_key,
            log_level="warning",
            server_header=False,
        )
    finally:
        store.close()


def invite(arguments: argparse.Namespace) -> None:
    """Prints one link per line, after the pseudonym and the name."""
    if arguments.count is not None and (arguments.names or arguments.count < 1):
        raise StudyError("invite: give names or --count N (1 or more), not both")
    store, _, plan, _, _ = opened_study()
    url = arguments.url.rstrip("/")
    if arguments.renew:
        token = store.renew_invite(arguments.renew)
        if token is None:
            raise StudyError(f"invite: no reader {arguments.renew!r}; sightline annotate status lists them")
        print(f"{arguments.renew}\t{url}/#invite={token}")
        return
    for name in arguments.names or [""] * (arguments.count or 1):
        pseudonym, token = store.invite(name, lambda slot, coverage: planned_tasks(plan, slot, coverage))
        print("\t".join([pseudonym, *([name] if name else []), f"{url}/#invite={token}"]))


def status(arguments: argparse.Namespace) -> None:  # noqa: ARG001
    """Prints coverage, pace and agreement."""
    store, params, plan, begun_at, _ = opened_study()
    print("\n".join(status_lines(live_overview(store, plan, begun_at, (params.data.height, params.data.width))())))


def people(arguments: argparse.Namespace) -> None:  # noqa: ARG001
    """Prints pseudonym, name in the invitation, name and e-mail at enrolment, tab-separated."""
    store, *_ = opened_study()
    for row in store.people():
        print("\t".join(value or "-" for value in row))


def export(arguments: argparse.Namespace) -> None:
    """Writes annotations, COCO or records, and prints what was left out."""
    store, _, _, _, pictures = opened_study()
    if arguments.format == "records":
        path = Path(arguments.to or "records.jsonl")
        print(f"{path}: {export_records(store, pictures, path)} answers with strokes, corrections and controls")
        return
    if arguments.format == "coco":
        path = Path(arguments.to or "annotations.coco.json")
        document = coco_document(list(rows_of(store, "study")), arguments.finding)
        write_json(path, document)
        print(f"{path}: {len(document['annotations'])} regions on {len(document['images'])} images")
        return
    folder = Path(arguments.to or FOLDER)
    counts = export_folder(store, pictures, folder, arguments.replace)
    print(
        f"{folder}: {counts['annotations']} annotations ({counts['regions']} with a region, {counts['repeats']} "
        f"hidden repeats) of {counts['images']} images by {counts['annotators']} annotators; {counts['controls']} "
        f"of normal controls in controls/; {counts['cannot']} answers “cannot judge”, in readings.csv only"
    )
    print(NEXT_STEPS.format(folder=folder))


def withdraw(arguments: argparse.Namespace) -> None:
    """Deletes a reader's data."""
    store, *_ = opened_study()
    if not store.withdraw(arguments.reader):
        raise StudyError(f"withdraw: no reader {arguments.reader!r}; sightline annotate status lists them")
    print(f"{arguments.reader}: all data deleted; export again to remove the annotations from {FOLDER}")
