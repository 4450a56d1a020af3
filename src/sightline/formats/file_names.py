"""Which image another tool's file means: by a path, an address, a storage link, or the name of an upload."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from urllib.parse import unquote

from sightline.names import SUFFIXES, stem_of

UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-(.+)")  # Label Studio puts 8 digits before an uploaded file's name
STORAGE_LINK = re.compile(r"[?&]d=(.+)", re.DOTALL)  # Label Studio's /data/local-files/?d=<path>


def image_at(address: str, known: Collection[str] | None = None) -> str:
    """The stem of the image at `address`: a path, a URL or a storage link.

    `#`, `?`, `&`, `%` and `+` may belong to a file's name or to an address, so that there can be several readings. The
    first one that is among `known` stems is taken, then the first one that is known without the 8 digits of an upload,
    then the first. A file's name is never cut at a `#` or `?` before its suffix: `scan#2.png` is not `scan`.
    """
    stems = [stem_of(path) for path in _readings(address)]
    if known is not None:
        bare = [match[1] for stem in stems if (match := UPLOAD_PREFIX.fullmatch(stem))]
        stems = [stem for stem in (*stems, *bare) if stem in known] or stems
    return stems[0]


def looks_like_image(address: str) -> bool:
    """Whether a reading of the address ends in an image format's suffix."""
    return any(map(_has_suffix, _readings(address)))


def _has_suffix(path: str) -> bool:
    return PurePosixPath(path.replace("\\", "/")).suffix.lower() in SUFFIXES


def _readings(address: str) -> list[str]:
    """The paths that an address can mean, the likeliest first; one at least."""
    paths = list(_paths(address))
    return [path for path in paths if _has_suffix(path)] or paths


def _paths(address: str) -> Iterator[str]:
    link = STORAGE_LINK.search(address)
    if link:  # newer versions of Label Studio quote the path, older ones do not
        first = link[1].partition("&")[0]
        yield from (unquote(link[1]), link[1], unquote(first), unquote(first.replace("+", " ")))
        return
    before = re.split(r"[?#]", address, maxsplit=1)[0]
    if address.startswith(("http://", "https://")):
        yield from (unquote(before), before, unquote(address), address)
        return
    yield from (unquote(address), address) if address.startswith("/") else (address, unquote(address))
    if _has_suffix(before):
        yield from (before, unquote(before))
