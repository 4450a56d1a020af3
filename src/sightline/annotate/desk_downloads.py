"""What the coordinator downloads: the export as a ZIP file, and a checked backup of the store."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from pathlib import Path

from sightline.annotate.backup import back_up
from sightline.annotate.export import export_folder
from sightline.annotate.images import Pictures
from sightline.annotate.log import COLUMNS
from sightline.annotate.store import Store


def export_zip(store: Store, pictures: Pictures) -> bytes:
    """A ZIP file of what `sightline annotate export` writes, and log.csv; it names nobody.

    StudyError if no study image has an answer.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "annotations"
        export_folder(store, pictures, folder, replace=False)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    file.write(path, path.relative_to(folder))
            file.writestr("log.csv", log_csv(store))
    return packed.getvalue()


def log_csv(store: Store) -> str:
    """The whole log as CSV, newest line first."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    lines.writerows(store.log_lines(None))
    return text.getvalue()


def backup_bytes(store: Path) -> bytes:
    """A checked copy of the store in SQLite at `store`, with the names in it; see `backup.back_up`."""
    with tempfile.TemporaryDirectory() as made:  # which no other user of this machine may read
        copy = Path(made) / "store.sqlite"
        back_up(store, copy)
        return copy.read_bytes()
