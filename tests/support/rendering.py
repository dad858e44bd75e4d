"""A project to render, the fields of a message, and other parsers than ours to read the message back."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.message import Message as OldMessage
from pathlib import Path
from typing import Any, Literal

from mailrunner.rendering import Message, MessageFields, Renderer
from tests.support.projects import Project

NOW = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
TOP = PNG + b"another"
URL = "https://news.example.org/u/" + "k" * 120
MAILTO = "mailto:unsubscribe@example.org?subject=unsubscribe%20" + "k" * 32


FILES: dict[str, str | bytes] = {
    "templates/spring.html": '<p>Hi {{ first_name }}</p><a href="{{ unsubscribe_url }}">leave</a>',
    "templates/spring.txt": "Hi {{ first_name }}\n{{ unsubscribe_url }}\n",
    "templates/logo.png": PNG,
    "templates/images/top.png": TOP,
    "data/programme.pdf": PNG * 9,
    "data/tickets/7.txt": "One\nTwo\r\n.\nThree é",
    ".env": "PASSWORD=canary",
}


@dataclass(frozen=True)
class Spec:
    """A [message] table."""

    from_: str = "Ana Pop <ana@example.org>"
    reply_to: str | None = None
    subject: str = "{{ first_name }}, spring is here"
    html: str | None = "spring.html"
    text: str | None = None
    markdown: str | None = None
    mjml: str | None = None
    frame: str | None = None
    locale: str | None = None
    locale_column: str | None = None
    postal_address: str | None = "Club, 1 Park Street, Cluj"
    attachments: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)


FIELDS = MessageFields(
    address="bob@example.net",
    name="Bob Stone",
    context={"first_name": "Bob", "row": {"first_name": "Bob"}, "recipient": {"address": "bob@example.net"}},
    message_id="<abc@example.org>",
    delivery_token="abc",
    unsubscribe_url=URL,
    list_unsubscribe=(URL, MAILTO),
    one_click=True,
    return_path="ana@example.org",
)


def project_in(folder: Path) -> Path:
    """A project to render: its templates and files, without mailrunner.toml and campaign file."""
    return Project(folder).put_all(FILES).folder


def renderer(
    folder: Path,
    spec: Spec,
    kind: Literal["bulk", "transactional"] = "bulk",
    list_name: str = "Club news",
    *,
    strict_inlining: bool = False,
) -> Renderer:
    return Renderer(
        folder=folder,
        templates_dir=folder / "templates",
        spec=spec,
        kind=kind,
        campaign_id="spring",
        list_name=list_name,
        list_id=f"{list_name} <club-news.example.org>",
        strict_inlining=strict_inlining,
    )


def fields_for(**columns: object) -> MessageFields:
    return replace(FIELDS, context={**FIELDS.context, **columns})


def modern(message: Message) -> EmailMessage:
    parsed = email.message_from_bytes(message.data, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert_well_formed(parsed)
    return parsed


def old(message: Message) -> OldMessage:
    parsed: OldMessage = email.message_from_bytes(message.data, policy=email.policy.compat32)
    assert_well_formed(parsed)
    return parsed


def assert_well_formed(parsed: OldMessage) -> None:
    for part in parsed.walk():
        assert part.defects == []


def assert_clean_on_the_wire(data: bytes) -> None:
    """7 bit, CRLF only, body lines of 76, no NUL, and nothing that needs dot-stuffing."""
    assert data.isascii()
    assert data.endswith(b"\r\n")
    assert b"\0" not in data
    lines = data.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    body = lines[lines.index(b"") :]
    assert max(map(len, lines)) <= 998
    assert max(len(line) for line in body if not line.startswith(b"Content-")) <= 76
    assert not any(line.startswith(b".") for line in lines)


def tree(part: OldMessage) -> Any:
    if part.is_multipart():
        children = part.get_payload()
        assert isinstance(children, list)
        return {part.get_content_type(): [tree(child) for child in children if isinstance(child, OldMessage)]}
    return part.get_content_type()


def as_read(message: Message) -> tuple[object, ...]:
    """The message as a reader has it, whatever line breaks its encoding put where."""
    parts = [(part.items(), part.get_payload(decode=True)) for part in modern(message).walk()]
    shown = (message.sender, message.recipient, message.smtputf8, message.subject, message.html, message.text)
    return shown, parts


def fields(message: Message) -> list[str]:
    return [name for name, _ in old(message).raw_items()]
