"""The secret with which identifiers of patients and studies are hashed; it lies beside the films and nowhere else."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from sightline.study.errors import StudyError

SALT_FILE = ".sightline-salt"
VARIABLE = "SIGHTLINE_SALT"
SHORTEST = 16  # characters; with a salt that can be guessed, all hospital numbers can be tried
HASH_DIGITS = 16


def film_salt(root: str | Path) -> bytes:
    """The salt of the films below `root`: SIGHTLINE_SALT, else the content of `root`/.sightline-salt.

    The file is made at first use, of 32 random bytes in hexadecimal digits, readable by its owner alone. StudyError
    where it cannot be read or made, and where either salt has fewer than 16 characters.
    """
    path = Path(root) / SALT_FILE
    text = os.environ.get(VARIABLE, "").strip()
    source = VARIABLE if text else str(path)
    if not text:
        try:
            text = _made(path) if not path.exists() else path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not plain text"
            raise StudyError(
                f"{path}: the salt of the films' patients cannot be kept there ({reason}); set {VARIABLE} to a secret "
                f"text of at least {SHORTEST} characters, the same for every run"
            ) from None
    if len(text) < SHORTEST:
        raise StudyError(f"{source}: a salt of {len(text)} characters; at least {SHORTEST}")
    return text.encode()


def salted(salt: bytes, kind: str, identifier: str) -> str:
    """HMAC-SHA256 of an identifier of this kind, its first 16 hexadecimal digits; '' for an identifier of blanks.

    Equal identifiers of one kind give equal digits, those of different kinds do not.
    """
    text = identifier.strip()
    return _digest(salt, kind, text).hex()[:HASH_DIGITS] if text else ""


def secret_day(salt: bytes, identifier: str, day: int) -> int:
    """The day on a secret calendar of this identifier: differences within it are kept, dates are not."""
    return day + int.from_bytes(_digest(salt, "days", identifier.strip())[:4]) % 1_000_000


def _digest(salt: bytes, kind: str, text: str) -> bytes:
    return hmac.new(salt, f"{kind}:{text}".encode(), hashlib.sha256).digest()


def _made(path: Path) -> str:
    """Writes a new salt, unless another process was faster, and reads what lies there.

    The file gets its name once it is whole, by a link, so that no process reads half a salt; a file system without
    links gets it at once.
    """
    text = secrets.token_hex(32) + "\n"
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    _write_new(beside, text)
    try:
        os.link(beside, path)
    except FileExistsError:
        pass  # the other process's salt counts
    except OSError:
        with contextlib.suppress(FileExistsError):
            _write_new(path, text)
    finally:
        beside.unlink()
    return path.read_text(encoding="ascii").strip()


def _write_new(path: Path, text: str) -> None:
    """Writes a file that its owner alone may read; FileExistsError where there is one."""
    with open(path, "x", encoding="ascii", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
