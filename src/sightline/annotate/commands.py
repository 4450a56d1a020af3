"""The commands below `sightline annotate`: each opens the store, does one thing and prints lines or a table.

sightline annotate serve [--host --port --url --tls-cert --tls-key] [--new-admin-secret]
    [--new] [--backup-every MINUTES] [--lock-after MINUTES] [--session-days DAYS] [--trust-proxy ADDRESS ...]
sightline annotate invite [NAME ...] [--count N] [--url URL] [--valid-days DAYS] [--new]
sightline annotate invite --renew READER [--url URL] [--valid-days DAYS]; sightline annotate revoke READER
sightline annotate status
sightline annotate people
sightline annotate log
sightline annotate export [--to FOLDER] [--format folder|coco|records] [--replace]
sightline annotate withdraw READER
sightline annotate backup FILE [--replace]; sightline annotate restore FILE; sightline annotate upgrade
sightline annotate import [FORMAT] FILE ... [--to FOLDER] [--reader NAME] [--finding NAME ...] [...]
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from sightline.annotate.adjudication import disputed
from sightline.annotate.admin_desk_routes import Desk
from sightline.annotate.assignment import planned_tasks
from sightline.annotate.backup_command import add_backup_commands
from sightline.annotate.backup_rotation import DailyBackups
from sightline.annotate.companions import read_companions
from sightline.annotate.desk_downloads import log_csv
from sightline.annotate.export import export_folder, export_records, rows_of
from sightline.annotate.health import Health
from sightline.annotate.import_command import add_import, import_
from sightline.annotate.live import empty_votes_in, live_overview
from sightline.annotate.opening import opened_study, store_file, store_url
from sightline.annotate.server import TOOL_VERSION, create_app
from sightline.annotate.status import status_lines
from sightline.annotate.stay_options import add_link_option, add_stay_options, link_lasts, proxy_settings, stay_of
from sightline.formats.coco import coco_document
from sightline.study.errors import StudyError
from sightline.study.files import write_json
from sightline.subcommands import add_subcommand

FOLDER = "data/annotations"
PORT = 8000
MAX_MINUTES = 10_080  # between two backups: a week
EXAMPLES: dict[str, tuple[str, ...]] = {
    "serve": (
        "sightline annotate serve --new --backup-every 60",
        "sightline annotate serve --host 0.0.0.0 --url https://films.example.org",
    ),
    "invite": ("sightline annotate invite --count 3", "sightline annotate invite --renew annotator02"),
    "status": ("sightline annotate status",),
    "adjudicate": ("sightline annotate adjudicate --dry-run",),
    "people": ("sightline annotate people",),
    "log": ("sightline annotate log",),
    "export": ("sightline annotate export", "sightline annotate export --format coco --to experts.json"),
    "backup": ("sightline annotate backup ~/backups/study.sqlite",),
    "restore": ("sightline annotate restore ~/backups/study.sqlite",),
    "upgrade": ("sightline annotate upgrade",),
    "revoke": ("sightline annotate revoke annotator02",),
    "withdraw": ("sightline annotate withdraw annotator02",),
    "import": (
        "sightline annotate import job11.xml job12.xml",
        'sightline annotate import boxes.csv --finding "Lung Opacity" --images films/',
    ),
}
NEXT_STEPS = "set consensus.source: annotations and consensus.folder: {folder}; then dvc repro"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands to the parser of `sightline annotate`; the chosen one is the argument `run`."""
    commands = parser.add_subparsers(dest="annotate_command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        added = add_subcommand(commands, name, text, EXAMPLES[name])
        added.set_defaults(run=run)
        return added

    def url(to: argparse.ArgumentParser, default: str | None) -> None:
        to.add_argument("--url", default=default, help="address under which readers reach the page")

    def new(to: argparse.ArgumentParser) -> None:
        to.add_argument("--new", action="store_true", help="begin a study: required once, refused for a store with one")

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
    serve_parser.add_argument(
        "--backup-every", type=float, metavar="MINUTES", help="back the store up beside it: a file per day, 7 kept"
    )
    add_stay_options(serve_parser)
    new(serve_parser)
    url(serve_parser, None)
    invite_parser = command("invite", invite, "print a personal link for each new reader")
    invite_parser.add_argument("names", nargs="*", help="whom to invite, for your own records; never exported")
    invite_parser.add_argument("--count", type=int, help="number of readers, without names")
    invite_parser.add_argument(
        "--renew", metavar="READER", help="a new link for a reader whose old one is lost or has expired"
    )
    add_link_option(invite_parser)
    new(invite_parser)
    url(invite_parser, f"http://127.0.0.1:{PORT}")
    command("status", status, "print coverage, pace and agreement")
    adjudicate_parser = command("adjudicate", adjudicate, "begin a second round on the images with most disagreement")
    adjudicate_parser.add_argument("--dry-run", action="store_true", help="list the images, and begin nothing")
    command("people", people, "print the names behind the pseudonyms; keep them to yourself")
    command("log", log, "print the log as CSV: sign-ins, invitations, revocations, withdrawals, exports, backups")
    export_parser = command("export", export, "write the annotations so far, for the pipeline")
    export_parser.add_argument("--to", help=f"folder to write (default {FOLDER}); for coco and records, a file")
    export_parser.add_argument(
        "--format", choices=("folder", "coco", "records"), default="folder", help="default folder"
    )
    export_parser.add_argument("--finding", default="pneumonia", help="name of the COCO category (default pneumonia)")
    export_parser.add_argument(
        "--replace", action="store_true", help="replace annotations that are not an earlier export"
    )
    add_backup_commands(command)
    revoke_parser = command("revoke", revoke, "end a reader's link and sessions; invite --renew makes a new link")
    revoke_parser.add_argument("reader", help="pseudonym, as printed by status")
    withdraw_parser = command("withdraw", withdraw, "delete all data of a reader who withdraws")
    withdraw_parser.add_argument("reader", help="pseudonym, as printed by status")
    add_import(command("import", import_, "add other tools' files of annotations to the study's"), FOLDER, NEXT_STEPS)


def serve(arguments: argparse.Namespace) -> None:
    """Serves the page until stopped."""
    is_tls = bool(arguments.tls_cert and arguments.tls_key)
    if bool(arguments.tls_cert) != bool(arguments.tls_key):
        raise StudyError("--tls-cert and --tls-key: give both or neither")
    is_local = arguments.host in ("127.0.0.1", "localhost", "::1")
    if not is_local and not arguments.url:
        raise StudyError(f"--host {arguments.host}: give --url, the address under which readers reach the page")
    backup_every = arguments.backup_every
    if backup_every is not None and not 1 <= backup_every <= MAX_MINUTES:
        raise StudyError(f"--backup-every: expected minutes from 1 to {MAX_MINUTES:,}")
    stay, proxies = stay_of(arguments), proxy_settings(arguments)
    file = store_file(store_url())
    if backup_every is not None and file is None:
        raise StudyError("--backup-every: only for a store in SQLite; back PostgreSQL up with pg_dump")
    url = (arguments.url or f"{'https' if is_tls else 'http'}://{arguments.host}:{arguments.port}").rstrip("/")
    store, params, plan, begun_at, pictures = opened_study(arguments.new)
    health = Health(file and file.parent)
    grid = params.data.height, params.data.width
    for image in (*plan.images, *plan.controls, *plan.practice):
        pictures.size(image)  # a missing image stops the server now, not a reader later
    companions = read_companions(params.annotate.companions, params.data, pictures.sha256)
    is_https = urlsplit(url).scheme == "https"
    app = create_app(
        store,
        pictures,
        live_overview(store, plan, begun_at, grid, empty_votes=empty_votes_in()),
        contact=params.annotate.contact,
        is_https=is_https,
        hosts={urlsplit(url).hostname or "", "127.0.0.1", "localhost", "[::1]"},
        health=health,
        desk=Desk(plan, file, params.annotate.adjudicate_below),
        stay=stay,
        findings=params.annotate.finding_names,
        asks_comment=params.annotate.comments,
        companions=companions,
        shows_others=params.annotate.adjudicate_outlines,
    )
    secret = store.admin_secret(renew=arguments.new_admin_secret)
    print(f"Sightline {TOOL_VERSION}: {len(plan.images)} images; readers open their personal links at {url}")
    print(f"admin: {url}/admin" + (f"#secret={secret}  (kept hashed: note it now)" if secret else ""), flush=True)
    if not is_https and not is_local:
        print("warning: without TLS, links and drawings can be read in transit", flush=True)
    # uvicorn raises the signal again once it has stopped; without a handler the process would end with the store open
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    backups = DailyBackups(file, backup_every, health) if file and backup_every is not None else None
    if backups:
        backups.start()
    try:
        uvicorn.run(
            app,
            host=arguments.host,
            port=arguments.port,
            ssl_certfile=arguments.tls_cert,
            ssl_keyfile=arguments.tls_key,
            log_level="warning",
            server_header=False,
            **proxies,
        )
    finally:
        if backups:
            backups.stop()
        store.close()


def invite(arguments: argparse.Namespace) -> None:
    """Prints one link per line, after the pseudonym and the name."""
    if arguments.count is not None and (arguments.names or arguments.count < 1):
        raise StudyError("invite: give names or --count N (1 or more), not both")
    lasts = link_lasts(arguments)
    store, _, plan, _, _ = opened_study(arguments.new)
    url = arguments.url.rstrip("/")
    if arguments.renew:
        token = store.renew_invite(arguments.renew, lasts)
        if token is None:
            raise StudyError(f"invite: no reader {arguments.renew!r}; sightline annotate status lists them")
        print(f"{arguments.renew}\t{url}/#invite={token}")
        return
    for name in arguments.names or [""] * (arguments.count or 1):
        pseudonym, token = store.invite(name, lambda slot, coverage: planned_tasks(plan, slot, coverage), lasts)
        print("\t".join([pseudonym, *([name] if name else []), f"{url}/#invite={token}"]))


def status(arguments: argparse.Namespace) -> None:  # noqa: ARG001
    """Prints coverage, pace and agreement."""
    store, params, plan, begun_at, _ = opened_study()
    grid = params.data.height, params.data.width
    now = live_overview(store, plan, begun_at, grid, empty_votes=empty_votes_in())
    print("\n".join(status_lines(now())))


def adjudicate(arguments: argparse.Namespace) -> None:
    """Begins a second round, or lists its images."""
    store, params, plan, begun_at, _ = opened_study()
    grid = params.data.height, params.data.width
    below = params.annotate.adjudicate_below
    images = disputed(live_overview(store, plan, begun_at, grid, empty_votes=empty_votes_in())(), below)
    print("\n".join([f"{len(images)} images with all first readings and a mean IoU below {below:g}", *images]))
    if not arguments.dry_run:
        new = store.begin_round(images)
        print(f"{len(new)} new readings of {len({reader for reader, _ in new})} readers, after all others")


def people(arguments: argparse.Namespace) -> None:  # noqa: ARG001
    """Prints pseudonym, name in the invitation, name and e-mail at enrolment, tab-separated."""
    store, *_ = opened_study()
    for row in store.people():
        print("\t".join(value or "-" for value in row))


def log(arguments: argparse.Namespace) -> None:  # noqa: ARG001
    """Prints the log as CSV, newest line first; it names nobody."""
    store, *_ = opened_study()
    print(log_csv(store), end="")


def export(arguments: argparse.Namespace) -> None:
    """Writes annotations, COCO or records, and prints what was left out."""
    store, _, _, _, pictures = opened_study()
    if arguments.format == "records":
        path = Path(arguments.to or "records.jsonl")
        count = export_records(store, pictures, path)
        store.note("admin", "export", "records")
        print(f"{path}: {count} answers with strokes, corrections and controls")
        return
    if arguments.format == "coco":
        path = Path(arguments.to or "annotations.coco.json")
        document = coco_document(list(rows_of(store, "study")), arguments.finding)
        write_json(path, document)
        store.note("admin", "export", "coco")
        print(f"{path}: {len(document['annotations'])} regions on {len(document['images'])} images")
        return
    folder = Path(arguments.to or FOLDER)
    counts = export_folder(store, pictures, folder, arguments.replace)
    store.note("admin", "export", "folder")
    print(
        f"{folder}: {counts['annotations']} annotations ({counts['regions']} with a region, {counts['repeats']} "
        f"hidden repeats) of {counts['images']} images by {counts['annotators']} annotators; {counts['controls']} "
        f"of normal controls in controls/; {counts['cannot']} answers “cannot judge”, in readings.csv only"
    )
    print(NEXT_STEPS.format(folder=folder))


def revoke(arguments: argparse.Namespace) -> None:
    """Ends a reader's link and sessions."""
    store, *_ = opened_study()
    ended = store.revoke(arguments.reader)
    if ended is None:
        raise StudyError(f"revoke: no reader {arguments.reader!r}; sightline annotate status lists them")
    plural = "" if ended == 1 else "s"
    print(f"{arguments.reader}: the link has ended, and {ended} session{plural}; nothing is deleted")


def withdraw(arguments: argparse.Namespace) -> None:
    """Deletes a reader's data."""
    store, *_ = opened_study()
    if not store.withdraw(arguments.reader, by="admin"):
        raise StudyError(f"withdraw: no reader {arguments.reader!r}; sightline annotate status lists them")
    print(f"{arguments.reader}: all data deleted; export again to remove the annotations from {FOLDER}")
