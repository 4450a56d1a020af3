"""Names in a foreign file -> pseudonyms in the study's folder, beside those that it holds already.

Names are written nowhere. So a later import cannot know whether its anna is an earlier import's: its readers are new,
unless the user says that they are one of the folder's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from sightline.formats.fields import nearest_name
from sightline.study.errors import StudyError

PSEUDONYM = re.compile(r"annotator(\d+)")


def pseudonyms(names: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """annotator01, annotator02, ... for the names in sorted order, with as many digits as the last one needs.

    The numbers begin after the last one of the readers in `taken`. The names are written to no file; they can be
    matched by their order.
    """
    ordered = sorted(set(names))
    last = max((int(found[1]) for name in taken if (found := PSEUDONYM.fullmatch(name))), default=0)
    digits = max(2, len(str(last + len(ordered))))
    return {name: f"annotator{number:0{digits}}" for number, name in enumerate(ordered, start=last + 1)}


def named_readers(names: Collection[str], reader: str | None, taken: Collection[str]) -> dict[str, str]:
    """The pseudonym of each reader of an import, by the name in the file.

    `reader`: what the user calls the one who drew; also the name in the file of the drawings that name nobody. If it
    is one of the folder's readers (`taken`), the drawings are that reader's; otherwise all readers are new. Where the
    file names one reader, the user's word counts. StudyError where the file names several, since one name would make
    one reader of them, and where `reader` looks like a pseudonym that the folder lacks.
    """
    if reader is None:
        return pseudonyms(names, taken)
    others = sorted(set(names) - {reader})
    if reader not in names and len(others) > 1:
        raise StudyError(f"--reader {reader}: the file names {len(others)} readers, who would become one; leave it out")
    if reader not in taken and taken and PSEUDONYM.fullmatch(reader):
        raise StudyError(f"--reader {reader}: the folder has no reader of this pseudonym{nearest_name(reader, taken)}")
    if reader not in taken:
        return pseudonyms(names, taken)
    if reader not in names:
        return dict.fromkeys(others, reader)
    return {**pseudonyms(others, taken), reader: reader}
