"""What zipfile, json and numpy raise on a damaged array or archive, wherever the damaged bytes lie."""

from __future__ import annotations

import struct
import zipfile
import zlib

DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, AttributeError, EOFError, KeyError, MemoryError, NotImplementedError,
    OSError, OverflowError, RecursionError, RuntimeError, SyntaxError, TypeError, ValueError,
)  # fmt: skip
