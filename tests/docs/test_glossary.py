"""The retired words of docs/glossary.md stand neither in the code nor in help texts and documents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mailrunner

ROOT = Path(__file__).parents[2]
PACKAGE = Path(mailrunner.__file__).parent
GLOSSARY = ROOT / "docs" / "glossary.md"

# Where a retired word is another one, or cannot be changed: (file, what stands there, why).
ALLOWED = (
    ("*", r"\bletters?( and|,| or a) digits?", "of the alphabet"),
    ("*", r"\bletters? (a to z|beyond|without)\b", "of the alphabet"),
    ("*", r"\b(one|two|four|few|all|other|half a|to the|address's) letters?\b", "of the alphabet"),
    ("*", r"\bletters as they are\b|\b_LETTERS\b", "of the alphabet"),
    ("*", r"letter-spacing|first-letter", "CSS"),
    ("mailrunner/model/quota.py", r"\bletter\b", "the unit of a duration: 24h"),
    ("mailrunner/data/providers.toml", r"\btrial\b", "a provider's trial account"),
    ("*", r"your-list-and-your-letter", "the name of a page, called as its readers look for it"),
    ("docs/your-list-and-your-letter.md", r"Your letter|your letter", "the title of that page"),
    ("docs/decisions.md", r"clerk, courier, postbox", "the entry about the retired words"),
    ("*", r"\bnobody@example\.org\b", "an address"),
    ("mailrunner/store/event_effects.py", r"\"of nobody\"", "a value in ledgers"),
    ("mailrunner/data/project/templates/newsletter.html", r"\bsome(body small|one to show)\b", "its story"),
    ("docs/reliability.md", r"`enrolled`", "the name of a step in the measured table"),
)

RETIRED = re.compile(r"`([a-z ]+)`")


def retired() -> list[str]:
    """The words in the first column of the glossary's second table."""
    table = GLOSSARY.read_text(encoding="utf-8").split("## Retired words")[1]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [word for cell in rows for word in RETIRED.findall(cell)]


def texts() -> Iterator[tuple[str, str]]:
    """All that is searched, each by its name: the package with its data, and the documents."""
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in {".py", ".toml", ".html", ".json"} and "migrations" not in path.parts:
            yield str(path.relative_to(PACKAGE.parent)), path.read_text(encoding="utf-8")
    for path in [*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*.md"))]:
        if path != GLOSSARY:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def words_of(name: str, text: str) -> str:
    """The text with identifiers split into their words, line by line, without what is allowed."""
    for place, pattern, _ in ALLOWED:
        if place in ("*", name):
            text = re.sub(pattern, "", text, flags=re.MULTILINE)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("_", " ")


def hits(word: str) -> list[str]:
    """file:line of each place where a retired word stands, also broken over two lines."""
    pattern = re.compile(rf"\b{word}s?\b".replace(" ", r"[\s#]+"), re.IGNORECASE)
    return [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}"
        for name, text in WORDS
        for match in pattern.finditer(text)
    ]


TEXTS = tuple(texts())
WORDS = tuple((name, words_of(name, text)) for name, text in TEXTS)


@pytest.mark.parametrize("word", retired())
def test_a_retired_word_stands_nowhere(word: str) -> None:
    assert hits(word) == []


def test_tests_name_recipients_and_users_as_such() -> None:
    """Names and docstrings of tests are held to the pronouns alone: other words have more senses there."""
    pronouns = {word for word in retired() if word in ("whom", "somebody", "nobody", "everybody", "anybody")}
    assert len(pronouns) == 5
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                said = f"{getattr(node, 'name', '')} {ast.get_docstring(node)}".lower()
                if pronouns & set(re.findall("[a-z]+", said)):
                    found.append(f"{path.relative_to(ROOT)}: {said}")
    assert found == []


def test_the_list_of_retired_words_is_read() -> None:
    assert {"clerk", "said no", "mending"} <= set(retired())


def test_what_is_allowed_is_still_there() -> None:
    """An exception whose place is gone hides the next one."""
    for place, pattern, why in ALLOWED:
        found = [name for name, text in TEXTS if place in ("*", name) and re.search(pattern, text, re.M)]
        assert found, f"{place}: {pattern} ({why})"


def test_a_word_of_the_glossary_has_one_line() -> None:
    rows = [line for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("| **")]
    assert len(rows) >= 30
    assert all(row.count("|") == 5 for row in rows)
