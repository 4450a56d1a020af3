"""The page's JavaScript modules: every import resolves to a file and one of its exports, and there are no circles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sightline.annotate

PAGE = Path(sightline.annotate.__file__).parent / "page"
# Statements start a line; JSDoc types, such as import("./boxes.js").Box, are inside comments and do not.
FROM = re.compile(r'^(?:import|export)\s*(?:\{([^}]*)\}\s*from\s*)?"([^"]+)";', re.MULTILINE)
STATEMENT = re.compile(r"^(?:import\b|export\s*(?:\*|\{[^}]*\}\s*from\b)).*", re.MULTILINE)
DYNAMIC = re.compile(r"^(?!\s*(?:\*|/\*|//)).*\bimport\s*\(.*", re.MULTILINE)
EXPORT = re.compile(r"^export\s+(?:async\s+)?(?:function\*?|class|const|let)\s+(\w+)", re.MULTILINE)
EXPORT_LIST = re.compile(r"^export\s*\{([^}]*)\}", re.MULTILINE)


def imports(path: Path) -> dict[str, set[str]]:
    """The names that a module imports, by file; an empty set where a file is imported for its effect alone."""
    names: dict[str, set[str]] = {}
    for listed, file in FROM.findall(path.read_text(encoding="utf-8")):
        names.setdefault(file, set()).update(re.findall(r"(\w+)(?:\s+as\s+\w+)?", listed))
    return names


def exports(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    listed = [item.strip() for block in EXPORT_LIST.findall(text) for item in block.split(",")]
    return {*EXPORT.findall(text), *(re.split(r"\s+as\s+", item)[-1] for item in listed if item)}


def circles(folder: Path) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others; sorted names, each group once."""
    graph = {path.name: {file.removeprefix("./") for file in imports(path)} for path in folder.glob("*.js")}
    reached: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        stack = [*graph[start]]
        while stack:
            name = stack.pop()
            if name not in seen:
                seen.add(name)
                stack.extend(graph.get(name, ()))
        reached[start] = seen
    groups = {frozenset(b for b in reached[a] if a in reached.get(b, ())) for a in graph}
    return sorted(sorted(group) for group in groups if group)


def problems(path: Path) -> list[str]:
    """What is wrong with a module's imports. They must be static, of names in braces, from files in the same folder."""
    text = path.read_text(encoding="utf-8")
    wrong = [f"{path.name}: dynamic import: {line.strip()}" for line in DYNAMIC.findall(text)]
    if len(STATEMENT.findall(text)) != len(FROM.findall(text)):
        wrong.append(f"{path.name}: an import that is not of names in braces: {STATEMENT.findall(text)}")
    for file, names in imports(path).items():
        source = path.parent / file
        if not file.startswith("./") or not source.is_file():
            wrong.append(f"{path.name}: {file}: no such file of the page")
        elif names - exports(source):
            wrong.append(f"{path.name}: {file} does not export {', '.join(sorted(names - exports(source)))}")
    return wrong


def write(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text, encoding="utf-8")
    return folder


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert len(list(PAGE.glob("*.js"))) > 20
    assert circles(PAGE) == [], "modules that import each other: " + "; ".join(map(", ".join, circles(PAGE)))


@pytest.mark.parametrize("path", sorted(PAGE.glob("*.js")), ids=lambda path: path.name)
def test_every_imported_name_is_exported_by_the_file_it_comes_from(path: Path) -> None:
    assert problems(path) == []


def test_the_pages_load_modules_that_exist() -> None:
    for page in ("index.html", "admin.html"):
        (script,) = re.findall(r'<script type="module" src="/page/([^"]+)">', (PAGE / page).read_text(encoding="utf-8"))
        assert (PAGE / script).is_file()


def test_planted_circles_are_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        main='import { a } from "./a.js";\n',
        a='import { b } from "./b.js";\nexport const a = 1;\n',
        b='import {\n  c as d,\n  e,\n} from "./c.js";\nexport function b() {}\n',
        c='export { a } from "./a.js";\nexport const c = 1;\nexport class e {}\n',
        leaf="export const leaf = 1;\n",
        itself='import "./itself.js";\n',
    )
    assert circles(tmp_path) == [["a.js", "b.js", "c.js"], ["itself.js"]]
    assert imports(tmp_path / "b.js") == {"./c.js": {"c", "e"}}
    assert exports(tmp_path / "c.js") == {"a", "c", "e"}


def test_two_planted_circles_are_two_groups(tmp_path: Path) -> None:
    write(
        tmp_path,
        a='import { b } from "./b.js";\nimport { c } from "./c.js";\n',
        b='import { a } from "./a.js";\n',
        c='import { d } from "./d.js";\n',
        d='import { c } from "./c.js";\n',
    )
    assert circles(tmp_path) == [["a.js", "b.js"], ["c.js", "d.js"]]


def test_planted_problems_are_named(tmp_path: Path) -> None:
    write(
        tmp_path,
        a='import { b, c } from "./b.js";\nimport { d } from "./d.js";\n',
        b="export function b() {}\nfunction c() {}\n",
        late='async function load() {\n  const { b } = await import("./b.js");\n}\n',
        whole='import * as b from "./b.js";\n',
        default='import b from "./b.js";\n',
        far='import { b } from "https://example.org/b.js";\n',
    )
    by_module = {name: problems(tmp_path / f"{name}.js") for name in ("a", "b", "late", "whole", "default", "far")}
    assert by_module["a"] == ["a.js: ./b.js does not export c", "a.js: ./d.js: no such file of the page"]
    assert by_module["b"] == []
    assert by_module["late"] == ['late.js: dynamic import: const { b } = await import("./b.js");']
    assert by_module["whole"] == [
        "whole.js: an import that is not of names in braces: ['import * as b from \"./b.js\";']"
    ]
    assert len(by_module["default"]) == 1
    assert by_module["far"] == ["far.js: https://example.org/b.js: no such file of the page"]


def test_a_type_in_a_comment_is_no_import(tmp_path: Path) -> None:
    path = tmp_path / "a.js"
    path.write_text('/** @param {import("./b.js").Box} box */\n// import { b } from "./b.js";\n * import("./b.js")\n')
    assert imports(path) == {}
    assert problems(path) == []
