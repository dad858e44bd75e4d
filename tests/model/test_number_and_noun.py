"""Numbers before a noun, and that no sentence of the package puts one there by hand."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import mailrunner
from mailrunner.model.number_and_noun import counted

PACKAGE = Path(mailrunner.__file__).parent

# Nouns that stand behind numbers which are never 1, each in the module where that is so.
NEVER_ONE = {
    "cli/scheduling/entries.py",  # a bound of the code
    "cli/demo_project.py",  # messages of which a recipient got more than one
    "config/jinja_sandbox/work_meter.py",  # a bound of the code
    "inbound/imap_client.py",  # a bound of the code
    "model/circuit_breaker.py",  # at least `_ENOUGH` answers
    "recipients/parquet.py",  # two counts that differ
    "recipients/source.py",  # columns of one name: two at least
    "sending/hooks/channels.py",  # a bound of the code
    "sending/hooks/delivery.py",  # a bound of the code
    "sending/link_check.py",  # bounds of the code
    "rendering/compiled_template.py",  # a bound of the code
    "clock.py",  # clocks that differ by more than `_CLOCKS_AGREE` seconds
    "transports/smtp/session_outcome.py",  # the size of a message
    "transports/smtp/stream.py",  # bounds of the code
    "web/dashboard/app.py",  # a bound of the code
    "web/connections.py",  # bounds of the code
}
NOUNS = (
    "address(es)?|bytes|cells|characters|columns|connections|days|deliveries|entries|lines|links|messages|octets|"
    "plans|recipients|rows|seconds|tables|tries"
)
COUNT = re.compile(rf"\0 (more |of the |of its |of these )?({NOUNS})\b")


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (2, ("row",), "2 rows"),
        (1_200, ("row",), "1,200 rows"),
        (1, ("entry", "entries"), "1 entry"),
        (12, ("entry", "entries"), "12 entries"),
        (1, ("is subscribed", "are subscribed"), "1 is subscribed"),
    ],
)
def test_a_number_stands_before_its_noun(number: int, nouns: tuple[str, ...], text: str) -> None:
    assert counted(number, *nouns) == text


def hand_made(path: Path) -> list[int]:
    """The lines of f-strings in which a value stands right before a noun in the plural."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.JoinedStr)
        and COUNT.search("".join(p.value if isinstance(p, ast.Constant) else "\0" for p in node.values))  # type: ignore[misc]
    ]


def test_no_sentence_puts_a_number_before_a_plural_by_hand() -> None:
    found = {path.relative_to(PACKAGE).as_posix(): hand_made(path) for path in PACKAGE.rglob("*.py")}
    found = {name: lines for name, lines in found.items() if lines}
    assert set(found) - NEVER_ONE == set(), found
    assert NEVER_ONE - set(found) == set(), "an exception whose place is gone"
