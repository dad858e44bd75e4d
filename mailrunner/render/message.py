"""The MIME message: header fields, and a tree of parts that are already encoded.

    mixed( alternative( text, related( html, images ) ), attachments )

Levels with a single child are left out.  Everything is 7-bit and bytes from the start, so that a
part which is the same for everyone (an image, an attachment) is encoded once and only copied after.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mailrunner.errors import RowError

_CRLF = b"\r\n"
_COLUMNS = 76
_ASCII = bytes(range(128))


@dataclass(frozen=True, slots=True)
class Letter:
    """What is particular to one delivery.

    `address` is the address as it is mailed to, `name` the display name in To or "".  `context` is
    what the templates see of the row: its columns, and `row` and `recipient`.  `unsubscribe_url` is
    what `{{ unsubscribe_url }}` gives; `list_unsubscribe` are the URIs of the header field, https
    first; `one_click` adds List-Unsubscribe-Post where one of them is https (RFC 8058).
    `return_path` is the envelope sender.  `subject_prefix` marks a test ("[TEST] ").
    """

    address: str
    name: str
    context: Mapping[str, object]
    message_id: str
    delivery_token: str
    unsubscribe_url: str
    list_unsubscribe: tuple[str, ...]
    one_click: bool
    return_path: str
    subject_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready for the wire: `data` is complete, with CRLF, and not yet dot-stuffed."""

    sender: str
    recipient: str
    data: bytes
    smtputf8: bool
    subject: str
    html: str | None
    text: str

    @property
    def size(self) -> int:
        """Octets, as counted by the SIZE extension (RFC 1870)."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class Part:
    """An encoded MIME entity: its own header fields (no blank line, no last CRLF) and its body."""

    fields: bytes
    body: bytes

    def __bytes__(self) -> bytes:
        return self.fields + _CRLF + _CRLF + self.body


def text_part(text: str, subtype: str) -> Part:
    """A text/plain or text/html part; quoted-printable, or base64 where that is shorter (RFC 2045 §6).

    Its last line is ended, as `b2a_qp` breaks lines with whatever the text breaks them with.
    """
    try:
        octets = re.sub(r"\r\n?|\n", "\r\n", text.rstrip("\r\n") + "\n").encode("utf-8")
    except UnicodeEncodeError:
        raise RowError(f"the {subtype} contains half a character (a lone surrogate)") from None
    foreign = len(octets.translate(None, _ASCII))
    encoding, body = (
        (b"base64", base64_lines(octets))
        if foreign * 6 > len(octets)
        else (b"quoted-printable", binascii.b2a_qp(octets, istext=True))
    )
    kind = b"Content-Type: text/" + subtype.encode("ascii") + b"; charset=utf-8"
    return Part(kind + _CRLF + b"Content-Transfer-Encoding: " + encoding, body)


def base64_lines(octets: bytes) -> bytes:
    """Encode in lines of 76 columns."""
    line = binascii.b2a_base64(octets, newline=False)
    return _CRLF.join(line[i : i + _COLUMNS] for i in range(0, len(line), _COLUMNS))


def multipart(kind: str, parts: Sequence[Part], *, parameters: str = "") -> Part:
    """Join parts; one part alone needs no level around it.

    The boundary may be the same in every message: "=_" occurs neither in quoted-printable nor in
    base64, so no body can hold it, and no level's boundary begins with another's.
    """
    if len(parts) == 1:
        return parts[0]
    boundary = f"=_{kind}_mailrunner"
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"{parameters}'
    between = f"\r\n--{boundary}\r\n".encode("ascii")
    body = between.join([b"", *map(bytes, parts)])[2:] + f"\r\n--{boundary}--\r\n".encode("ascii")
    return Part(head.encode("ascii"), body)


def body_tree(text: Part, html: Part | None, images: Sequence[Part], attachments: Sequence[Part]) -> Part:
    """The tree of the module's docstring: least rich first (RFC 2046 §5.1.4)."""
    versions = [text]
    if html is not None:
        versions.append(multipart("related", [html, *images], parameters='; type="text/html"'))
    return multipart("mixed", [multipart("alternative", versions), *attachments])


def compose(fields: Iterable[bytes], body: Part) -> bytes:
    """Put header fields before a body; the message ends with CRLF."""
    data = _CRLF.join([*fields, b"MIME-Version: 1.0", bytes(body)])
    return data if data.endswith(_CRLF) else data + _CRLF
