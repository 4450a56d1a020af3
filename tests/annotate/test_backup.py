"""Backups of the page's store: taken while readers draw, compared row by row, restored, and rotated by day."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pages import SQUARE, Page, Served, run, said, serve, stroke
from sightline.annotate import backup
from sightline.annotate.backup import back_up, restore, rows_of
from sightline.annotate.backup_rotation import KEPT, DailyBackups, back_up_today
from sightline.annotate.health import Health
from sightline.study.errors import StudyError
from studies import ROOT

OLD = ROOT / "tests/annotate/store_version_1.sql"
READERS = 4
Rows = dict[str, list[tuple]]


def content(path: Path) -> Rows:
    """Every row of every table, sorted: what a comparison row by row compares."""
    with closing(sqlite3.connect(path)) as db:
        return {name: sorted(db.execute(f'SELECT * FROM "{name}"'), key=repr) for name in rows_of(db)}


def old_store(path: Path) -> Path:
    """A store with answers that needs no study beside it."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(OLD.read_text(encoding="utf-8"))
    return path


@pytest.fixture
def store(tmp_path: Path, served: Served) -> Path:
    served.invite()
    served.store.begin({"images": []})
    return tmp_path / "store.sqlite"


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A store that another connection has open, as a server has."""
    path = old_store(tmp_path / "held.sqlite")
    with closing(sqlite3.connect(path)) as server:
        server.execute("PRAGMA journal_mode = WAL")
        server.execute("SELECT count(*) FROM task").fetchone()
        yield path


def draw_all(page: Page, acknowledged: dict[str, set[str]], stop: threading.Event) -> None:
    """Draws and submits as fast as it can, and notes what the server has said it has."""
    while not stop.is_set() and (task := page.next())["task"] is not None:
        events = [stroke(seq, SQUARE) for seq in range(5)]
        for event in events:
            assert page.draw(task, [event]).status_code == 200
            acknowledged["event"].add(event["id"])
        assert page.submit(task, events).status_code == 200
        acknowledged["submission"].add(task["task"])


def test_a_backup_while_readers_draw_is_one_moment_of_the_store(store: Path, served: Served, tmp_path: Path) -> None:
    """What was acknowledged before the backup is in it; all that is in it is in the store at the end, row by row; and
    every answer in it has its strokes."""
    pages = []
    for _ in range(READERS):
        pages.append(Page(type(served.client)(served.client.app)))
        assert pages[-1].knock(served.invite()[1]).status_code == 200
        assert pages[-1].enrol().status_code == 200
    acknowledged: dict[str, set[str]] = {"event": set(), "submission": set()}
    stop = threading.Event()
    threads = [threading.Thread(target=draw_all, args=(page, acknowledged, stop)) for page in pages]
    for thread in threads:
        thread.start()
    taken = []
    while any(thread.is_alive() for thread in threads) and len(taken) < 8:
        before = {table: set(ids) for table, ids in acknowledged.items()}
        rows = back_up(store, tmp_path / f"backup-{len(taken)}.sqlite")
        taken.append((tmp_path / f"backup-{len(taken)}.sqlite", before, rows))
        stop.wait(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    served.store.close()
    last = content(store)
    assert acknowledged["event"] == {row[2] for row in last["event"]}
    assert acknowledged["submission"] == {row[1] for row in last["submission"]} != set()
    sizes = set()
    for path, before, rows in taken:
        kept = content(path)
        assert {table: len(lines) for table, lines in kept.items()} == rows
        assert before["event"] <= {row[2] for row in kept["event"]}
        assert before["submission"] <= {row[1] for row in kept["submission"]}
        for table in ("event", "submission", "task", "reader", "person", "plan", "store_version"):
            assert set(kept[table]) <= set(last[table]), table
        lengths = {task: sum(row[0] == task for row in kept["event"]) for task in {row[0] for row in kept["event"]}}
        assert all(lengths[row[1]] == 5 for row in kept["submission"])
        sizes.add(rows["event"])
    assert len(sizes) > 2  # some were taken while the readers drew
    final = tmp_path / "final.sqlite"
    back_up(store, final)
    assert content(final) == last


def test_a_backup_is_one_private_file_and_never_replaced_by_accident(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "kept" / "b.sqlite"
    first = back_up(store, target)
    assert first["reader"] == 1
    assert [path.name for path in target.parent.iterdir()] == ["b.sqlite"]
    assert oct(target.stat().st_mode & 0o777) == "0o600"
    content_before = target.read_bytes()
    with pytest.raises(StudyError, match="exists already; name another file, or replace it with --replace"):
        back_up(store, target)
    assert target.read_bytes() == content_before
    assert back_up(store, target, replace=True) == first
    with pytest.raises(StudyError, match="is the store itself"):
        back_up(store, store, replace=True)


def test_a_copy_that_fails_its_check_is_not_kept(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "b.sqlite"
    back_up(store, old)
    before = old.read_bytes()
    counts = iter([{"plan": 1, "event": 7}, {"plan": 1, "event": 6}])
    monkeypatch.setattr(backup, "rows_of", lambda _: next(counts))
    with pytest.raises(StudyError, match=r"failed its checks and was not kept \(event: 6 of 7 rows"):
        back_up(store, old, replace=True)
    assert old.read_bytes() == before
    assert not list(tmp_path.glob(".*partial"))


def test_a_damaged_store_is_not_backed_up(tmp_path: Path) -> None:
    path = old_store(tmp_path / "s.sqlite")
    whole = path.read_bytes()
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_event_2'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    path.write_bytes(whole[: (page - 1) * size] + bytes(size) + whole[page * size :])
    with pytest.raises(StudyError, match=r"failed its checks|could not be copied"):
        back_up(path, tmp_path / "b.sqlite")
    path.write_bytes(b"not a database at all, but long enough to be taken for one" * 40)
    with pytest.raises(StudyError, match="is not a store that can be read"):
        back_up(path, tmp_path / "b.sqlite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.sqlite"]


def test_a_restored_store_is_the_backup_and_the_old_one_stays(tmp_path: Path) -> None:
    store, kept = old_store(tmp_path / "s.sqlite"), tmp_path / "kept.sqlite"
    back_up(store, kept)
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE reader SET withdrawn_at = 'now' WHERE slot = 1")
        db.execute("DELETE FROM submission")
    changed, wanted = content(store), content(kept)
    done = restore(kept, store)
    assert content(store) == wanted
    assert done.aside is not None
    assert content(done.aside) == changed
    assert done.aside.name.startswith("s.before-restore-20")
    assert (done.version, done.rows["submission"]) == (1, 11)
    with closing(sqlite3.connect(kept)) as db:
        assert done.returned == [row[0] for row in db.execute("SELECT reader FROM reader WHERE slot = 1")]
    again = restore(kept, store)
    assert again.aside is not None
    assert again.aside != done.aside  # within the same second, too
    assert again.returned == []


def test_nothing_is_restored_over_a_store_that_is_open(held: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.sqlite"
    back_up(held, kept)
    names = sorted(path.name for path in tmp_path.iterdir())
    before = content(held)
    with pytest.raises(StudyError, match="a server or another command has the store open; stop it first"):
        restore(kept, held)
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert content(held) == before


def test_a_log_that_no_server_folded_is_kept_with_its_store(held: Path, tmp_path: Path) -> None:
    """After a power failure: the newest rows lie in the log alone. They are in what is set aside."""
    with closing(sqlite3.connect(held)) as db, db:
        db.execute("UPDATE plan SET made_at = 'in the log alone'")
    place = tmp_path / "crashed"
    place.mkdir()
    for end in ("", "-wal"):
        shutil.copy(f"{held}{end}", place / f"s.sqlite{end}")
    kept = tmp_path / "kept.sqlite"
    back_up(place / "s.sqlite", kept)
    assert content(kept)["plan"][0][1] == "in the log alone"
    done = restore(old_store(tmp_path / "other.sqlite"), place / "s.sqlite")
    assert done.aside is not None
    assert content(done.aside)["plan"][0][1] == "in the log alone"
    assert content(place / "s.sqlite")["plan"][0][1] != "in the log alone"


def test_a_damaged_store_can_be_replaced_and_stays_beside_it(tmp_path: Path) -> None:
    kept, store = old_store(tmp_path / "kept.sqlite"), tmp_path / "s.sqlite"
    store.write_bytes(b"damaged" * 1000)
    (tmp_path / "s.sqlite-wal").write_bytes(b"its log")
    done = restore(kept, store)
    assert done.aside is not None
    assert done.aside.read_bytes() == b"damaged" * 1000
    assert Path(f"{done.aside}-wal").read_bytes() == b"its log"
    assert content(store) == content(kept)


def test_what_is_no_backup_changes_nothing(tmp_path: Path) -> None:
    store = old_store(tmp_path / "s.sqlite")
    before = content(store)
    empty, text, other, newer = (tmp_path / name for name in ("empty", "text", "other", "newer"))
    empty.touch()
    text.write_text("reader,answer\n" * 100)
    with closing(sqlite3.connect(other)) as db, db:
        db.execute("CREATE TABLE plan (one)")
    old_store(newer)
    with closing(sqlite3.connect(newer)) as db, db:
        db.executescript("CREATE TABLE store_version (one, version); INSERT INTO store_version VALUES (1, 99)")
    for source, words in (
        (tmp_path / "absent", "does not exist"),
        (empty, "is empty"),
        (tmp_path, "is a folder"),
        (text, "is not a store that can be read"),
        (other, "holds no study"),
        (newer, r"written by a newer Sightline \(store version 99"),
        (store, "is the store itself"),
    ):
        with pytest.raises(StudyError, match=words) as refused:
            restore(source, store)
        assert len(str(refused.value).splitlines()) == 1
    assert content(store) == before
    assert not list(tmp_path.glob("s.before*"))
    assert not list(tmp_path.glob(".*partial"))


# the commands


def error_of(folder: Path, store: Path | str, *arguments: str) -> str:
    done = run(folder, store, *arguments)
    assert (done.returncode, done.stdout) == (1, ""), done.stdout
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_the_commands_back_up_and_restore(prepared: Path, tmp_path: Path) -> None:
    store, kept = tmp_path / "s.sqlite", tmp_path / "kept.sqlite"
    said(run(prepared, store, "invite", "--new", "--count", "2"))
    told = said(run(prepared, store, "backup", str(kept)))
    assert told.startswith(f"{kept}: 2 readers, ")
    assert told.endswith(" tasks, 0 answers, 0 drawing steps; checked\n")
    assert "exists already" in error_of(prepared, store, "backup", str(kept))
    said(run(prepared, store, "backup", str(kept), "--replace"))
    said(run(prepared, store, "invite"))
    assert "3 invited" in said(run(prepared, store, "status"))
    told = said(run(prepared, store, "restore", str(kept)))
    assert f"the store before it: {tmp_path}/s.before-restore-20" in told
    assert "2 invited" in said(run(prepared, store, "status"))
    (tmp_path / "repository/.git").mkdir(parents=True)
    assert "lies in the repository" in error_of(prepared, store, "backup", str(tmp_path / "repository/b.sqlite"))


def test_postgresql_is_backed_up_by_its_own_tool(prepared: Path, tmp_path: Path) -> None:
    url = "postgresql+psycopg://someone:word@localhost/nowhere"
    for arguments in (["backup", str(tmp_path / "b")], ["restore", str(tmp_path / "b")], ["upgrade"]):
        error = error_of(prepared, url, *arguments)
        assert "pg_dump" in error
        assert "word" not in error.replace("password", "")
    assert "pg_dump" in error_of(prepared, url, "serve", "--backup-every", "5")


@pytest.mark.parametrize("command", ["serve", "status"])
def test_nothing_is_begun_unless_asked(prepared: Path, tmp_path: Path, command: str) -> None:
    """A store that does not exist, is empty, is empty beside a log, or has tables and no study."""
    store = tmp_path / "s" / "s.sqlite"
    assert "no study has been begun here; see" in error_of(prepared, store, command)
    assert not store.parent.exists()
    store.parent.mkdir()
    store.touch()
    assert "no study has been begun here; see" in error_of(prepared, store, command)
    (store.parent / "s.sqlite-wal").write_bytes(b"answers of a store that was copied in part")
    error = error_of(prepared, store, command)
    assert "but the write-ahead log s.sqlite-wal lies beside it" in error
    assert "--new" in error
    assert (store.parent / "s.sqlite-wal").read_bytes() == b"answers of a store that was copied in part"
    assert store.stat().st_size == 0
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as db, db:
        db.executescript(OLD.read_text(encoding="utf-8"))
        db.executescript("DELETE FROM plan; CREATE TABLE store_version (one, version);")
        db.execute("INSERT INTO store_version VALUES (1, 2)")
    before = content(other)
    assert "no study has been begun here; see" in error_of(prepared, other, command)
    assert content(other) == before
    store.write_bytes(b"damaged" * 1000)
    assert "is not a store; bring a backup back with" in error_of(prepared, store, command)
    assert (store.parent / "s.sqlite-wal").read_bytes() == b"answers of a store that was copied in part"


def test_a_new_study_keeps_the_log_it_finds(prepared: Path, tmp_path: Path) -> None:
    store, log = tmp_path / "s.sqlite", tmp_path / "s.sqlite-wal"
    log.write_bytes(b"answers")
    told = said(run(prepared, store, "invite", "--new"))
    (aside,) = tmp_path.glob("s.before-new-*-wal")
    assert aside.read_bytes() == b"answers"
    assert f"{log}: kept as {aside}" in told
    assert "1 invited" in said(run(prepared, store, "status"))


# by the day


def test_one_backup_per_day_and_the_last_days_stay(store: Path, tmp_path: Path) -> None:
    mine = tmp_path / "store.backup-notes.sqlite"
    mine.write_text("not a backup of ours")
    first = datetime(2026, 11, 27, 23, 50, tzinfo=UTC)
    for day in range(KEPT + 3):
        for minutes in (0, 5):
            back_up_today(store, first + timedelta(days=day, minutes=minutes))
    names = sorted(path.name for path in tmp_path.glob("store.backup-2*"))
    assert len(names) == KEPT
    assert names[-1] == "store.backup-2026-12-06.sqlite"
    assert names[0] == "store.backup-2026-11-30.sqlite"
    assert mine.read_text() == "not a backup of ours"


def test_a_failed_backup_is_shown_and_the_next_one_made(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    health, made = Health(tmp_path), threading.Event()
    results = iter([StudyError("no room"), None])

    def sometimes(*_: object) -> Path:
        error = next(results, None)
        if error:
            raise error
        made.set()
        return tmp_path / "made.sqlite"

    monkeypatch.setattr("sightline.annotate.backup_rotation.back_up_today", sometimes)
    backups = DailyBackups(store, 0.001, health)
    backups.start()
    assert made.wait(10)
    backups.stop()
    assert "error: backup: no room" in capsys.readouterr().err
    report = health.report()["backup"]
    assert (report["file"], report["problem"]) == ("made.sqlite", None)
    health.not_backed_up("no room")
    report = health.report()["backup"]
    assert (report["file"], report["problem"]) == ("made.sqlite", "no room")


def test_the_admin_sees_the_backups(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(prepared)
    health = Health(tmp_path)
    served = serve(prepared, f"sqlite:///{tmp_path}/store.sqlite", health=health)
    served.store.begin({"images": []})
    admin = Page(served.client)
    secret = served.store.admin_secret(renew=False)
    admin.csrf = admin.send("POST", "/api/admin/session", {"secret": secret}).json()["csrf"]
    told = admin.send("GET", "/api/admin/overview").json()["server"]
    assert (told["disk_full_at"], told["backup"]) == (None, None)
    assert told["free_bytes"] == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    backups = DailyBackups(tmp_path / "store.sqlite", 60, health)
    backups.start()
    backups.stop()
    told = admin.send("GET", "/api/admin/overview").json()["server"]["backup"]
    assert told["file"] == f"store.backup-{told['at'][:10]}.sqlite"
    assert content(tmp_path / told["file"])["session"] == content(tmp_path / "store.sqlite")["session"]
