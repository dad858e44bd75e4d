"""The MIME message: header fields, and a tree of parts that are already encoded.

    mixed( alternative( text, related( html, images ), invitations ), attachments )

Levels with a single child are left out.  Everything is 7-bit and bytes from the start, so that what is
the same for all recipients (an image, an attachment, the fixed text of a newsletter) is encoded once; a
body is a list of such chunks, which are joined a single time, when the message is complete.  No line of a
body begins with a dot.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from mailrunner.errors import RowError
from mailrunner.model.mailbox_address import MailboxAddress
from mailrunner.rendering import quoted_printable
from mailrunner.rendering.segments import SegmentedText

_CRLF = b"\r\n"
_BLANK_LINE = b"\r\n\r\n"  # ends the line of the last field too
_COLUMNS = 76
_METHOD = re.compile(rb"; method=([A-Z-]+)")


@dataclass(frozen=True, slots=True)
class MessageFields:
    """The values that are particular to one delivery.

    `address` is the address as it is mailed to, `name` the display name in To or "".  `context` is
    what the templates see of the row: its columns, and `row` and `recipient`.  `unsubscribe_url` is
    what `{{ unsubscribe_url }}` gives; `list_unsubscribe` are the URIs of the header field, https
    first; `one_click` adds List-Unsubscribe-Post where one of them is https (RFC 8058).
    `return_path` is the envelope sender.  `subject_prefix` marks a test ("[TEST] "),
    `variant` is the name of the recipient's variant, or "".
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
    variant: str = ""


class Part(NamedTuple):
    """An encoded MIME entity: its own header fields (no blank line, no last CRLF) and its body, in chunks."""

    fields: bytes
    body: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready for the wire: `data` is complete, with CRLF, and not yet dot-stuffed.

    `has_leading_dots` says whether some line of `data` begins with a dot; where none does there is
    nothing to stuff (RFC 5321 §4.5.2), and a renderer's messages have none.  What a reader sees is
    kept in pieces, which the messages of one shape share: a run never looks at it.  `images` are the
    names of its inline images.

    `head` is the header fields with which `data` begins, without the last line end; `files` are the
    images and attachments; `mailboxes` are From, To and Reply-To (None: it has none).  An API that takes
    fields is given these pieces.
    """

    sender: str
    recipient: str
    data: bytes
    smtputf8: bool
    has_leading_dots: bool
    subject: str
    html_segments: SegmentedText | None
    text_segments: SegmentedText
    images: tuple[str, ...] = ()
    head: bytes = b""
    files: tuple[Part, ...] = ()
    mailboxes: tuple[MailboxAddress, MailboxAddress, MailboxAddress | None] | None = None
    delivery_token: str = ""

    @property
    def html(self) -> str | None:
        """The HTML as it was encoded, None where there is only text; joined at every call."""
        return self.html_segments and self.html_segments.text

    @property
    def text(self) -> str:
        """The text part as it was encoded; joined at every call."""
        return self.text_segments.text

    @property
    def size(self) -> int:
        """Octets, as counted by the SIZE extension (RFC 1870)."""
        return len(self.data)


def text_part(text: str, subtype: str) -> Part:
    """A text/plain or text/html part; quoted-printable, or base64 where that is shorter (RFC 2045 §6).

    Its lines end with CRLF, the last one too.  Raises RowError for a lone surrogate.
    """
    try:
        octets = quoted_printable.octets_of(text)
    except UnicodeEncodeError:
        raise half_a_character(subtype) from None
    if quoted_printable.is_foreign(octets):
        return Part(_text_fields(subtype, "base64"), [base64_lines(octets)])
    return Part(QUOTED_FIELDS[subtype], [quoted_printable.whole(octets)])


def half_a_character(subtype: str) -> RowError:
    """The error for a text that has no encoding."""
    return RowError(f"the {subtype} contains half a character (a lone surrogate)")


def base64_lines(octets: bytes) -> bytes:
    """Encode in lines of 76 columns."""
    line = binascii.b2a_base64(octets, newline=False)
    return _CRLF.join(line[i : i + _COLUMNS] for i in range(0, len(line), _COLUMNS))


def multipart(kind: str, parts: Sequence[Part], *, parameters: str = "") -> Part:
    """Join parts.

    The boundary may be the same in every message: "=_" occurs neither in quoted-printable nor in
    base64, so no body can hold it, and no level's boundary begins with another's.
    """
    frame = _frame(kind, parameters)
    body: list[bytes] = []
    delimiter = frame.first
    for part in parts:
        body += (delimiter, part.fields, _BLANK_LINE)
        body += part.body
        delimiter = frame.between
    body.append(frame.last)
    return Part(frame.fields, body)


def compose(
    head: bytes,
    text: Part,
    html: Part | None,
    images: Sequence[Part] = (),
    attachments: Sequence[Part] = (),
    *,
    invitations: Sequence[Part] = (),
) -> bytes:
    """Put header fields (no last CRLF) before the tree of the module's docstring; the message ends with CRLF.

    The least rich version stands first (RFC 2046 §5.1.4).
    """
    versions = [text]
    if html is not None:
        if images:
            html = multipart("related", [html, *images], parameters='; type="text/html"')
        versions.append(html)
    versions += invitations
    body = multipart("alternative", versions) if len(versions) > 1 else text
    if attachments:
        body = multipart("mixed", [body, *attachments])
    chunks = [head, b"\r\nMIME-Version: 1.0\r\n", body.fields, _BLANK_LINE, *body.body]
    if not chunks[-1].endswith(_CRLF):
        chunks.append(_CRLF)
    return b"".join(chunks)


def as_invitation(attachment: Part) -> Part | None:
    """An attached invitation as a version of the message, as which Outlook and Gmail ask for an answer.

    None for what asks for none: a calendar that is only published (RFC 5546 §1.4), and every other file.
    """
    fields = attachment.fields.split(_CRLF)
    found = _METHOD.search(fields[0])
    if not fields[0].startswith(b"Content-Type: text/calendar") or found is None or found[1] == b"PUBLISH":
        return None
    kept = [field for field in fields if not field.startswith(b"Content-Disposition")]
    return Part(_CRLF.join(kept), attachment.body)


@lru_cache
def around_versions(text_fields: bytes, html_fields: bytes) -> tuple[bytes, bytes, bytes]:
    """The bytes before, between and behind the bodies of text and HTML, where these are the whole message.

    What `compose` gives, for all messages whose two parts have these header fields.
    """
    hole = b"\0"  # stands in no header field
    whole = compose(b"", Part(text_fields, [hole]), Part(html_fields, [hole]))
    before, between, behind = whole.split(hole)
    return before, between, behind


class _Frame(NamedTuple):
    """The lines that a multipart level puts around its parts (RFC 2046 §5.1.1)."""

    fields: bytes
    first: bytes
    between: bytes
    last: bytes


@lru_cache
def _frame(kind: str, parameters: str) -> _Frame:
    boundary = f"=_{kind}_mailrunner"
    fields = f'Content-Type: multipart/{kind}; boundary="{boundary}"{parameters}'
    lines = (fields, f"--{boundary}\r\n", f"\r\n--{boundary}\r\n", f"\r\n--{boundary}--\r\n")
    return _Frame(*(line.encode("ascii") for line in lines))


def _text_fields(subtype: str, encoding: str) -> bytes:
    fields = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}"
    return fields.encode("ascii")


QUOTED_FIELDS = {subtype: _text_fields(subtype, "quoted-printable") for subtype in ("plain", "html")}
"""The header fields of a text part whose body is quoted-printable already."""
