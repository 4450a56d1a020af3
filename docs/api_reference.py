"""The reference of the Python API, docs/api-reference.md, from the signatures and docstrings of `import sightline`.

Run after a change of a public name or its docstring: python docs/api_reference.py
tests/docs/test_reference_pages.py compares the page with the code.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from command_reference import plain
from parameter_reference import docstrings

import sightline
from sightline.experts.crosswise import Estimate
from sightline.experts.drawn_reliability import DrawnReliability
from sightline.experts.place import Place
from sightline.experts.presence import Presence
from sightline.explaining.opening import Model
from sightline.model_check.findings import Finding

PAGE = Path(__file__).with_name("api-reference.md")
# what public functions return, beside the classes that have a public name
RETURNED = (DrawnReliability, Presence, Place, Estimate, Finding, Model)
HIDDEN = {"Model": {"open", "parts"}}  # attributes that only Sightline uses
# attributes whose classes say nothing of them: a line in these files would make stages of a study stale
WORDS = {
    "finding": "Its name.",
    "high": "See `low`.",
    "num_pairs": "Readings by two readers of the same image.",
    "place": "Overlap of what they mark.",
    "presence": "Whether they mark anything.",
    "status": "ok, warning, fails or unknown.",
    "words": "What was seen, in a sentence.",
}
HEAD = """# Reference of the Python API

Written by `python docs/api_reference.py` from the code; `help(sightline.score)` in Python says the same. The tests run
each example. [The Python API](api.md) has a first example, what fits together, and what of this may change.

In the types, `Marks` is `dict[str, dict[str, np.ndarray]]`, masks by image and reader. `ArrayLike` is a NumPy array, a
torch tensor or nested lists; `Any` stands where the text lists several forms.
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole page: a section for each public function and class, then for each class that these return."""
    named = [(name, getattr(sightline, name)) for name in sightline.__all__]
    parts = [HEAD, "## Functions"]
    parts += [function(f"sightline.{name}", what) for name, what in named if not isinstance(what, type)]
    parts += ["## Classes", "Functions return all but the last; it is raised."]
    parts += [
        class_section(what) for _, what in sorted(named, key=lambda one: one[0] == "StudyError") if is_class(what)
    ]
    parts += ["## What further objects hold", "They have no public name: functions and attributes return them."]
    parts += [class_section(what) for what in RETURNED]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def is_class(what: Any) -> bool:
    return isinstance(what, type)


def function(name: str, what: Callable[..., Any], level: int = 3) -> str:
    """Heading, signature, docstring with its example as a block, and the choices of arguments that have some."""
    text, example = prose(what)
    return "\n\n".join([f"{'#' * level} {name}", signature(name, what), text, *choices(what), *example])


def signature(name: str, what: Callable[..., Any]) -> str:
    """`name` with its arguments, types and defaults, one argument per line where one line does not hold them all."""
    found = inspect.signature(what)
    words, is_keyword = [], False
    for argument in found.parameters.values():
        if argument.name == "self":
            continue
        if argument.kind is argument.KEYWORD_ONLY and not is_keyword:
            words.append("*")
            is_keyword = True
        default = "" if argument.default is argument.empty else f" = {argument.default!r}"
        words.append(f"{argument.name}: {argument.annotation}{default}")
    line = f"{name}({', '.join(words)}) -> {found.return_annotation}"
    if len(line) > 100:
        line = f"{name}(\n" + "".join(f"    {word},\n" for word in words) + f") -> {found.return_annotation}"
    return f"```python\n{line}\n```"


def choices(what: Callable[..., Any]) -> list[str]:
    """What the arguments may be whose type is a name for several texts, as a list."""
    known = inspect.unwrap(what).__globals__
    lines = []
    for argument in inspect.signature(what).parameters.values():
        kind = known.get(argument.annotation)
        if typing.get_origin(kind) is Literal:
            texts = ", ".join(f"`{text}`" for text in typing.get_args(kind))
            lines.append(f"- `{argument.name}`, {argument.annotation}: {texts}")
    return ["\n".join(lines)] if lines else []


def class_section(kind: type) -> str:
    """Heading, docstrings of the class and of an initialiser that it has written, attributes and methods of its own."""
    public = {name: part for name, part in vars(kind).items() if not name.startswith("_")}
    is_record = dataclasses.is_dataclass(kind)
    notes = docstrings(kind) if is_record else {}
    rows = [
        f"| `{field.name}` | {cell(notes.get(field.name) or WORDS[field.name])} | {shown(field.type)} |"
        for field in (dataclasses.fields(kind) if is_record else ())
        if field.name not in HIDDEN.get(kind.__name__, ())
    ]
    for name, part in public.items():
        getter = part.fget if isinstance(part, property) else getattr(part, "func", None)
        if getter is not None:
            rows.append(
                f"| `{name}` | {cell(inspect.getdoc(getter) or '')} | {shown(getter.__annotations__['return'])} |"
            )
    table = ["\n".join(["| attribute | meaning | type |", "| --- | --- | --- |", *rows])] if rows else []
    methods = [
        function(f"{kind.__name__}.{name}", part, level=4) for name, part in public.items() if inspect.isfunction(part)
    ]
    own = [] if is_record else [prose(kind.__init__)[0]]
    return "\n\n".join([f"### {kind.__name__}", prose(kind)[0], *own, *table, *methods])


def prose(what: Any) -> tuple[str, list[str]]:
    """The docstring's text, with links in place of the names of pages, and its example as a block, if it has one."""
    text, marker, example = (inspect.getdoc(what) or "").partition(">>> ")
    block = [f"```pycon\n{marker}{example.strip()}\n```"] if marker else []
    return linked(plain(text.strip()).replace("\\|", "|")), block


def cell(text: str) -> str:
    return linked(plain(" ".join(text.split())))


def linked(text: str) -> str:
    return re.sub(r"docs/([\w-]+\.md)(#[\w-]+)?", r"[\1](\1\2)", text)


def shown(annotation: Any) -> str:
    return f"`{annotation}`".replace("|", "\\|")


if __name__ == "__main__":
    main()
