"""How long one save takes on the experts' page under load, and whether `kill -9` of its server loses or doubles one.

Many readers at once draw one stroke per second on a study's films, save each, and submit every 20 or so. In
the middle the server is killed and, 2 s later, started again. At the end the store is compared with what the readers
drew, event by event and mask by mask; the exit code is 1 if anything is lost, doubled or wrong. Only the process is
killed: whether a commit outlives the machine depends on the database's fsync, which costs time here too if the store
lies on a disk (TMPDIR says where).

A reader is a thread with one http.client connection. All drawings and masks are made before the load begins, and the
server has the limits it ships with. Readers and server share the cores, so the readers should use little of them:
a request costs them 0.3 ms of CPU; with asyncio and httpx2 it cost 1.7 ms. Linux only: CPU and memory are read from
/proc.

Run: python benchmarks/annotate_load.py [--readers 30 --seconds 120] [--store URL] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from ruamel.yaml import YAML
from sqlalchemy import select

from annotate_readers import FEWEST, Reader, planned_drawings
from sightline.annotate import schema
from sightline.study.files import rounded, write_json

ROOT = Path(__file__).parents[1]
IMAGES = 20
AWAY = 2.0  # seconds between the kill and the new start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--readers", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=120, help="seconds of drawing, one stroke per second")
    parser.add_argument("--kills", type=int, default=1, help="kills of the server, evenly spaced; 1: at half time")
    parser.add_argument("--height", type=int, default=2500, help="of a film in pixels")
    parser.add_argument("--width", type=int, default=2000)
    parser.add_argument("--bits", type=int, default=16, choices=(8, 12, 16), help="of a film")
    parser.add_argument("--store", help="SQLAlchemy URL of an empty store; default: a new SQLite file")
    parser.add_argument("--json", help="file for the figures")
    options = parser.parse_args()
    if not 0 < options.seconds <= IMAGES * FEWEST:
        parser.error(f"--seconds: from 1 to {IMAGES * FEWEST}, else the readers run out of images")
    with tempfile.TemporaryDirectory(prefix="sightline-load-") as name:
        folder, load_before = Path(name), os.getloadavg()[0]
        url = options.store or f"sqlite:///{folder}/store.sqlite"
        server = Server(folder, url)
        make_study(folder, options.readers, options.height, options.width, options.bits)
        tokens = [
            line.partition("#invite=")[2] for line in server.call("invite", "--new", "--count", str(options.readers))
        ]
        size = options.height, options.width
        drawings = [planned_drawings(number, options.seconds, *size) for number in range(options.readers)]
        readers = [
            Reader(server.port, token, number, drawings[number], options.seconds) for number, token in enumerate(tokens)
        ]
        try:
            server.start()
            clients_cpu, away = read(server, readers, options.seconds, options.kills)
        finally:
            server.close()
        faults = compared(url, readers)
        log = server.log.read_text()
    faults["refused as out of step"] = sum("out_of_step" in reader.refusal for reader in readers)
    faults["readers who gave up"] = sum(bool(reader.refusal) for reader in readers)
    figures = timings(readers) | faults
    figures["seconds without a server"] = away
    figures["server: CPU seconds, its start left out"] = server.cpu
    figures["server: peak resident memory, MB"] = server.peak
    figures["readers: CPU seconds"] = clients_cpu
    print("\n".join(f"{name:<48}{value:>12,.8g}" for name, value in rounded(figures).items()))
    print("\n".join([*(reader.refusal for reader in readers if reader.refusal), log[-4000:]]).strip())
    if options.json:
        settings = {
            "readers": options.readers,
            "seconds": options.seconds,
            "kills": options.kills,
            "height": options.height,
            "width": options.width,
            "bits": options.bits,
        }
        settings |= {"store": url.partition(":")[0], "load_average_before": load_before}
        write_json(options.json, {"figures": figures, "asked": settings, **machine()})
    sys.exit(1 if any(faults.values()) else 0)


def make_study(folder: Path, readers: int, height: int, width: int, bits: int) -> None:
    """A study in `folder` with noisy PNG films of `bits` bits, of which `readers` readers read each of IMAGES."""
    yaml, rng = YAML(), np.random.default_rng(0)
    params = yaml.load(ROOT / "profiles/smoke.yaml")
    params["data"].update(source="folder", root="raw", val_share=0.5)
    shade = np.linspace(0.2, 0.8, width) * np.linspace(0.5, 1, height)[:, None]
    for part, count in (("train", 8), ("test", IMAGES)):
        for name in (params["data"]["negative"], params["data"]["positive"]):
            place = folder / "raw" / part / name
            place.mkdir(parents=True)
            for number in range(count):
                levels = (2**bits - 1) * (shade + rng.uniform(-0.05, 0.05, shade.shape))
                film = Image.fromarray(np.rint(levels).astype(np.uint8 if bits == 8 else np.uint16))
                film.save(place / f"{part}-{name}-{number}.png", compress_level=1)
    params["annotate"].update(images=IMAGES, readers=readers, readers_per_image=readers)
    yaml.dump(params, folder / "params.yaml")
    subprocess.run([sys.executable, ROOT / "src/prepare.py"], cwd=folder, check=True, stdout=subprocess.DEVNULL)


class Server:
    """`sightline annotate serve` in its own process, which can be killed and started again on its port."""

    def __init__(self, folder: Path, store: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.log = folder / "server.log"
        self.cpu = 0.0
        """CPU seconds of all its processes, without their start-up."""
        self.peak = 0.0
        """Largest resident memory of any of them, MB."""
        self._command = [sys.executable, "-m", "sightline.cli", "annotate"]
        self._where: dict[str, Any] = {"cwd": folder, "env": {**os.environ, "SIGHTLINE_STORE": store}}

    def call(self, *arguments: str) -> list[str]:
        """The lines that another command of the page prints."""
        done = subprocess.run(
            [*self._command, *arguments], **self._where, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout.splitlines()

    def start(self) -> None:
        """Returns when the server accepts connections."""
        with self.log.open("ab") as log:
            command = [*self._command, "serve", "--port", str(self.port)]
            self._process = subprocess.Popen(command, **self._where, stdout=subprocess.DEVNULL, stderr=log)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                if self._process.poll() is not None:
                    sys.exit(f"the server did not start:\n{self.log.read_text()[-4000:]}")
                time.sleep(0.05)
        self.cpu -= self._cpu()

    def end(self, by: signal.Signals) -> None:
        """Ends the process by a signal and adds up its CPU time and memory."""
        self.cpu += self._cpu()
        status = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        peak = next(line for line in status if line.startswith("VmHWM"))
        self.peak = max(self.peak, int(peak.split()[1]) * 1024 / 1e6)
        self._process.send_signal(by)
        self._process.wait()

    def close(self) -> None:
        """Ends the process if it still runs."""
        self._process.kill()
        self._process.wait()

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read(server: Server, readers: list[Reader], seconds: int, kills: int) -> tuple[float, float]:
    """Lets the readers draw to the end; returns their CPU seconds and the seconds without a server."""
    for reader in readers:
        reader.sign_in()
    cpu_before, away = time.process_time(), 0.0
    for reader in readers:
        reader.start()
    start = time.monotonic()
    for number in range(1, kills + 1):
        time.sleep(max(0, start + seconds * number / (kills + 1) - time.monotonic()))
        server.end(signal.SIGKILL)
        killed_at = time.monotonic()
        time.sleep(AWAY)
        server.start()
        away += time.monotonic() - killed_at
    for reader in readers:
        reader.join()
    server.end(signal.SIGTERM)
    return time.process_time() - cpu_before, away


def timings(readers: list[Reader]) -> dict[str, float]:
    """What was saved, how long each confirmed request took in milliseconds, and how many tries got no answer."""
    figures: dict[str, float] = {"events": sum(len(reader.confirmed) for reader in readers)}
    for name in ("saves", "submissions"):
        took = 1000 * np.array([seconds for reader in readers for seconds in getattr(reader, name)])
        figures[name] = len(took)
        if not len(took):
            continue
        shares = {"median": 0.5, "95th percentile": 0.95, "99th percentile": 0.99, "longest": 1.0}
        figures |= {f"{name}: {share}, ms": float(np.quantile(took, at)) for share, at in shares.items()}
    failures = sum((reader.failures for reader in readers), Counter())
    figures |= {f"tried again after {name}": count for name, count in sorted(failures.items())}
    longest = max((seconds for reader in readers for seconds in reader.waits), default=0.0)
    return figures | {"longest from a stroke to its confirmation, s": longest}


def compared(url: str, readers: list[Reader]) -> dict[str, int]:
    """How many events and submissions in the store differ from what was sent, by fault; all 0 if all is well.

    The tables are read directly, not by the store's queries.
    """
    engine = schema.opened(url)
    with engine.connect() as db:
        events = db.execute(select(schema.drawing).order_by(schema.drawing.c.task, schema.drawing.c.seq)).all()
        answers = db.execute(select(schema.submission)).all()
    engine.dispose()
    drawn = {event["id"]: (task, event) for reader in readers for task, log in reader.drawn.items() for event in log}
    sent = {name: answer for reader in readers for name, answer in reader.answered.items()}
    confirmed = {name for reader in readers for name in reader.confirmed}
    confirmed |= {name for name, answer in sent.items() if "version" in answer}
    stored = Counter(row.id for row in (*events, *answers))
    wrong = sum(row.id in drawn and not _is_as_drawn(row, *drawn[row.id]) for row in events)
    wrong += sum(row.id in sent and not _is_as_sent(row, sent[row.id]) for row in answers)
    lengths = Counter(row.task for row in events)
    last = {row.task: row.seq for row in events}
    return {
        "lost": len(confirmed - set(stored)),
        "doubled": sum(stored.values()) - len(stored),
        "never sent": len(set(stored) - set(drawn) - set(sent)),
        "never confirmed": len((set(drawn) | set(sent)) - confirmed),
        "in another form or place": wrong,
        "drawings with a gap": sum(lengths[task] != seq + 1 for task, seq in last.items()),
    }


def _is_as_drawn(row: Any, task: str, event: dict[str, Any]) -> bool:
    kept = json.loads(row.content)
    kept["at"], at = (datetime.fromisoformat(moment) for moment in (kept["at"], event["at"]))
    return (row.task, row.seq) == (task, event["seq"]) and kept == {**event, "at": at}


def _is_as_sent(row: Any, answer: dict[str, Any]) -> bool:
    mask = answer["mask"] and {"size": [row.height, row.width], "counts": json.loads(row.counts or "null")}
    same = ("task", "answer", "confidence", "num_events", "active_seconds")
    times = ("opened_at", "submitted_at")
    return (
        mask == answer["mask"]
        and row.version == 1
        and (row.counts is None) == (answer["mask"] is None)
        and all(getattr(row, name) == answer[name] for name in same)
        and all(datetime.fromisoformat(getattr(row, name)) == datetime.fromisoformat(answer[name]) for name in times)
    )


def machine() -> dict[str, Any]:
    """Date, machine and versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    packages = ("fastapi", "numpy", "pydantic", "sqlalchemy", "starlette", "uvicorn")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), ""),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


if __name__ == "__main__":
    main()
