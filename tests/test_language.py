"""The glossary has each term once, and the phrases of its second list stand nowhere that people read."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").exists())
GLOSSARY = ROOT / "docs/glossary.md"
CHECKED = (
    *("*.md", "docs/**/*.md", "docs/**/*.ipynb", "data/*/README.md", ".github/ISSUE_TEMPLATE/*.md", "CITATION.cff"),
    *("params.yaml", "profiles/*.yaml", "dvc.yaml"),
    *("src/**/*.py", "src/**/*.js", "src/**/*.html", "src/**/en.json"),
)
LEAST_TERMS = 30
# Between two words of a phrase: a line's end with the marks of comments and of adjacent strings around it, or spaces.
BETWEEN = r"""(?:[ \t]*["']?[ \t]*\n[ \t]*(?:[fr]?["']|#|//|\*|>)?[ \t]*|[ \t]+)"""


def checked_files() -> list[Path]:
    """All but the glossary, which has to name what it bans; sorted."""
    return sorted({path for pattern in CHECKED for path in ROOT.glob(pattern)} - {GLOSSARY})


def section(heading: str) -> str:
    """The glossary's text below a heading of the second level."""
    parts = re.split(r"^## (.+)\n", GLOSSARY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]


def terms() -> list[str]:
    """The first column of the glossary's table, less its header and rule."""
    rows = [line for line in section("Terms").splitlines() if line.startswith("|")]
    return [row.split("|")[1].strip() for row in rows[2:]]


def banned_patterns() -> dict[str, re.Pattern[str]]:
    """By what the glossary writes between backquotes: a phrase, or a regular expression between slashes."""
    text = re.sub(r"\n {2,}", " ", section("Phrases not to write"))
    classes = re.findall(r"^- ([A-Z]+)( \(any word but these\))?: (.+)$", text, flags=re.MULTILINE)
    patterns = {}
    for names in re.findall(r"^- (`.+`) → .+$", text, flags=re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", names):
            is_regex = name.startswith("/") and name.endswith("/")
            expression = name[1:-1] if is_regex else rf"\b{name}\b"
            for word, is_negated, listed in classes:
                alternatives = "|".join(item.strip("`") for item in listed.split(", "))
                expression = expression.replace(
                    word, rf"(?!(?:{alternatives})\b)[\w-]+" if is_negated else f"(?:{alternatives})"
                )
            patterns[name] = re.compile(expression.replace(" ", BETWEEN), re.IGNORECASE)
    return patterns


def occurrences(text: str, patterns: dict[str, re.Pattern[str]]) -> list[tuple[int, str]]:
    """First line and words of each banned phrase, in order; where two patterns end at one place the first counts."""
    matches: dict[int, re.Match[str]] = {}
    for pattern in patterns.values():
        for match in pattern.finditer(text):
            matches.setdefault(match.end(), match)
    return [
        (text.count("\n", 0, match.start()) + 1, re.sub(BETWEEN, " ", match.group()))
        for _, match in sorted(matches.items())
    ]


def test_no_banned_phrase_occurs() -> None:
    patterns = banned_patterns()
    found = {
        path.relative_to(ROOT): occurrences(path.read_text(encoding="utf-8"), patterns) for path in checked_files()
    }
    cases = [f"{path}:{line}: {words!r}" for path, places in found.items() for line, words in places]
    assert not cases, f"{len(cases)} phrases that docs/glossary.md bans:\n" + "\n".join(cases)


def test_every_kind_of_file_is_checked() -> None:
    empty = [pattern for pattern in CHECKED if not any(ROOT.glob(pattern))]
    assert not empty, f"no file matches {empty}: has it moved?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A reader is told of it.", ["is told"]),
        ("Readers are\n# told.", ["are told"]),
        ('    "What is "\n    f"told is printed."', ["is told"]),
        (" * onZoom is\n *   told", ["is told"]),
        ("10 masks an image", ["10 masks an image"]),
        ("one white-on-black PNG an image, named", ["one white-on-black PNG an image"]),
        ("random maps an image, each cut", ["maps an image"]),
        ("6 an image: 8 or 9 shared images a pair).", ["6 an image", "9 shared images a pair"]),
        ("a file a machine", ["a file a machine"]),
        ("drawn twice an image.", ["twice an image"]),
        ("No threshold has a part in it", ["has a part in"]),
        ("Whoever reads it anew", ["Whoever", "anew"]),
    ],
)
def test_a_planted_phrase_is_found(text: str, expected: list[str]) -> None:
    assert [words for _, words in occurrences(text, banned_patterns())] == expected


def test_every_phrase_of_the_list_is_found_in_itself() -> None:
    patterns = banned_patterns()
    phrases = [name for name in patterns if not name.startswith("/")]
    assert len(phrases) >= 12
    assert all(patterns[name].search(f"x {name} y") for name in phrases)


def test_the_first_line_of_a_phrase_is_named() -> None:
    assert occurrences("one\ntwo came\nout\n", banned_patterns()) == [(2, "came out")]


@pytest.mark.parametrize(
    "text",
    [
        "10 masks per image; each image has several masks; a map of one image",
        "One gives the other an image that only the first has.",
        "Below 0 a map says less of this patient; how many valid annotations an image has",
        "0 up to 1. A map of 1.2 How a map is cut",
        "The two cannot be told apart; it has told the server; the office hangs onto it",
        "Once a session ends, a reader may return; one image and a mask; two of a patient",
        "30 strokes a second, several times a day",
    ],
)
def test_plain_english_passes(text: str) -> None:
    assert occurrences(text, banned_patterns()) == []


def test_the_glossary_has_its_terms_once() -> None:
    counts = Counter(term.lower() for term in terms())
    assert len(counts) >= LEAST_TERMS
    assert [term for term, count in counts.items() if count > 1] == []
    assert "" not in counts
    assert sum(line.startswith("| ---") for line in section("Terms").splitlines()) == 1  # one table
