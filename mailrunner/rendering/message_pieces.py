"""A message as its pieces: mailboxes, subject, header fields, texts, files; for APIs that take fields.

They are those of which the bytes were made; no finished message is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes
from functools import cached_property

from mailrunner.model.mailbox_address import MailboxAddress
from mailrunner.rendering.mime import Message, Part

# What an API has fields of its own for, and what is the message's and not its structure's.
_OWN_FIELDS = frozenset({"from", "to", "reply-to", "subject", "date", "message-id"})
_TO = re.compile(rb"(?<=\r\n)To: [^\r\n]*(?:\r\n[ \t][^\r\n]*)*")


class MessagePieces:
    """The pieces of one message, and its bytes; `to` names its recipient, who may be another in a test."""

    def __init__(self, message: Message) -> None:
        if message.mailboxes is None:
            raise ValueError("the message was made without its mailboxes")
        self._message = message
        self.from_, addressee, self.reply_to = message.mailboxes
        is_same = addressee.address == message.recipient
        self.to = addressee if is_same else MailboxAddress("", message.recipient)
        self.subject, self.delivery_token = message.subject, message.delivery_token
        self.sender, self.recipient = message.sender, message.recipient
        self.data, self.smtputf8 = message.data, message.smtputf8

    @property
    def html(self) -> str | None:
        """The HTML as it was encoded, None where there is only text."""
        return self._message.html

    @property
    def text(self) -> str:
        """The text part as it was encoded."""
        return self._message.text

    @cached_property
    def _fields(self) -> list[tuple[str, str]]:
        unfolded = re.sub(rb"\r\n(?=[ \t])", b"", self._message.head).decode("utf-8", "replace")
        pairs = (line.partition(": ") for line in unfolded.split("\r\n"))
        return [(name, value) for name, _, value in pairs]

    @property
    def message_id(self) -> str:
        """With its angle brackets."""
        return next((value for name, value in self._fields if name.lower() == "message-id"), "")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All other header fields, unfolded, as they are encoded: in ASCII."""
        return [(name, value) for name, value in self._fields if name.lower() not in _OWN_FIELDS]

    @property
    def files(self) -> list[FilePiece]:
        """Images inside the text, then attachments."""
        return list(map(FilePiece, self._message.files))

    def addressed(self) -> bytes:
        """The bytes of the message, `recipient` alone in its field To."""
        message = self._message
        if message.mailboxes and message.mailboxes[1].address == message.recipient:
            return message.data
        head = _TO.sub(b"To: " + message.recipient.encode(), message.head, count=1)
        return head + message.data[len(message.head) :]


class FilePiece:
    """An image or attachment, as its MIME part was encoded."""

    def __init__(self, part: Part) -> None:
        self._part = part
        fields = message_from_bytes(part.fields)
        self.name = fields.get_filename() or "file"
        self.media_type = fields.get_content_type()
        self.content_id = (fields["Content-ID"] or "").strip("<>")

    @property
    def content(self) -> str:
        """Its base64, without line breaks."""
        return b"".join(_lines(self._part)).decode("ascii")


def _lines(part: Part) -> Iterator[bytes]:
    for chunk in part.body:
        yield chunk.replace(b"\r\n", b"")
