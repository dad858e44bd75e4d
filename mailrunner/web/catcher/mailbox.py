"""Messages that an earlier server wrote into a folder, as the demonstration does."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parseaddr
from pathlib import Path

from mailrunner.web.catcher.messages import Arrival
from mailrunner.web.catcher.view import MessageParts


def arrivals(folder: Path) -> Iterator[Arrival]:
    """Each .eml of a folder in the order of the names; recipient and sender are those of its headers."""
    for file in sorted(folder.glob("*.eml")):
        data = file.read_bytes()
        parts = MessageParts.of(data)
        sender, recipient = (parseaddr(parts.header(name))[1] for name in ("From", "To"))
        yield Arrival(sender, recipient, parts.subject, parts.message_id, parts.list_id, "", data)
