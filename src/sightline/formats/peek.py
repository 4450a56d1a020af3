"""A first look into a file of annotations, from which its format is recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sightline.formats.fields import read_json
from sightline.study.errors import StudyError
from sightline.study.files import csv_columns

MOST_NAMES = 1000  # files of a folder that are looked at
HEAD = 65_536  # bytes of a file in which an XML document's root element and a text's kind are looked for


@dataclass(frozen=True)
class Peek:
    """What a file or folder looks like; each property is read when it is first asked for."""

    path: Path

    @cached_property
    def names(self) -> list[str]:
        """Names in a folder, sorted, hidden ones left out; [] for a file."""
        if not self.path.is_dir():
            return []
        try:
            return sorted(part.name for part in self.path.iterdir() if not part.name.startswith("."))[:MOST_NAMES]
        except OSError as error:
            raise StudyError(f"{self.path}: could not be read ({error.strerror})") from None

    @cached_property
    def suffix(self) -> str:
        """In lower case; "" for a folder."""
        return "" if self.path.is_dir() else self.path.suffix.lower()

    @cached_property
    def columns(self) -> list[str]:
        """The columns of a .csv file as `study.files.read_csv` names them; [] for anything else."""
        return csv_columns(self.path) if self.suffix == ".csv" else []

    @cached_property
    def document(self) -> Any:
        """The document of a .json file; None for anything else. StudyError if it is not JSON."""
        return read_json(self.path) if self.suffix == ".json" else None

    @cached_property
    def head(self) -> bytes:
        """The first HEAD bytes of a file; b"" for a folder. StudyError if it cannot be read."""
        if self.path.is_dir():
            return b""
        try:
            with open(self.path, "rb") as file:
                return file.read(HEAD)
        except OSError as error:
            raise StudyError(f"{self.path}: could not be read ({error.strerror})") from None

    @cached_property
    def root(self) -> str:
        """Name of the root element of a .xml file; "" for anything else and for what is not XML."""
        if self.suffix != ".xml":
            return ""
        first = re.search(rb"<([A-Za-z_][\w.-]*)", self.head)  # no parser: a document type could name entities
        return first.group(1).decode("ascii", "replace") if first else ""

    @cached_property
    def is_dicom(self) -> bool:
        """Whether it is a DICOM file, by the letters after its preamble."""
        return self.head[128:132] == b"DICM"
