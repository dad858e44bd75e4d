"""The page of messages names messages that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import mailrunner

ROOT = Path(__file__).parents[2]
PACKAGE = Path(mailrunner.__file__).parent
PAGE = ROOT / "docs/errors.md"

# Put together from parts, or the text of a library or server.
COMPOSED = {
    "unknown key … did you mean",
    "the variable … is not set",
    "the row … has N cells instead of M",
    "the cell has 2 addresses",
    "given up after … tries, the last of which ended the connection",
    "the list has … new and … edited rows",
    "this is Mailchimp's subscribed contacts",
    "does not appear to be an IPv4 or IPv6 address",
    "no such host",
    "… gives account … no token: …",
    "is not sent: it is …",
    "is not sent: it is the ledger, or belongs to it",
    "the attachment … gives the whole project to choose from",
    "Client host rejected: Access denied",
    "the account is paused: … limit …",
    'the mail "…" was left alone: …',
    "CSS: … of … messages from … plans; the others took longer: …",
}


def indexed_messages() -> list[str]:
    """The messages in `code` in the first column of the page's tables."""
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    found = {message for row in rows for message in re.findall(r"`([^`]+)`", row.split(" | ")[0])}
    return sorted(found - COMPOSED)


@cache
def texts_of_the_code() -> str:
    """Every string of the code, one a line, with … for what is put into it."""
    found = []
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values]
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


@pytest.mark.parametrize("message", indexed_messages())
def test_every_message_of_the_page_exists(message: str) -> None:
    pattern = ".*?".join(
        re.escape(part.strip()) for part in re.split(r"…|\b[NM]\b|\b\d+%?", message) if part.strip()
    )
    assert re.search(pattern, texts_of_the_code()), message
