"""A message from the mailbox: its fields, its parts and its text, whatever state they are in.  Pure.

Nothing in here follows a link or trusts a label: charsets that do not exist, dates that are none and
encodings that are broken give less text, never an error.  What is made to exhaust a parser (parts
in parts in parts) is refused by `InboundMessage.read`.
"""

from __future__ import annotations

import codecs
import html
import re
from binascii import a2b_base64, a2b_qp
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser, Parser
from email.policy import compat32
from email.utils import parsedate_to_datetime

LONGEST = 256 * 1024  # octets of a message that are read: every report has what matters before that
_MOST_BOUNDARIES = 40
_MOST_PARTS = 100
_LONGEST_FIELD = 4000
_SIGN = r"[^\s<>()\[\]\"',;:]"
# From the beginning of a word: a long one without an @ would else be read from each of its signs on.
_ADDRESS = re.compile(rf"(?<!{_SIGN}){_SIGN}+@{_SIGN}+")
# Codecs that are no charsets of mail; some take a time that grows with the square of the text.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})

_NOT_SHOWN = re.compile(r"<(style|script|head|blockquote)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h\d)\b[^>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,2000}>")
# Where a reply's own text ends: a line that introduces what is quoted, in the languages of phrases.py.
_QUOTE_BEGINS = re.compile(
    r"^\s*(?:-{2,}.{0,60}-{2,}\s*|_{8,}\s*|-- ?|"
    r"(?:On|Am|Le|El|Il|Em|Op|Den|Pe|Dnia|W dniu|În|La data)\b.{0,200}(?::|：)\s*|"
    r"(?:From|Von|De|Da|Van|Od|Från|Fra|差出人|发件人)\s?(?::|：).*)$",
    re.IGNORECASE,
)


class UnreadableError(ValueError):
    """This message cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One message, parsed as far as it can be."""

    message: Message

    @classmethod
    def read(cls, raw: bytes) -> InboundMessage:
        """Parse the first `LONGEST` octets; raise UnreadableError for what is built to exhaust a parser."""
        raw = raw[:LONGEST]
        if raw.lower().count(b"boundary=") > _MOST_BOUNDARIES:
            raise UnreadableError("it has too many parts")
        try:
            return cls(BytesParser(policy=compat32).parsebytes(raw))
        except RecursionError:
            raise UnreadableError("its parts lie too deep") from None

    def field(self, name: str) -> str:
        """The first field of that name on one line, encoded words read; "" where there is none."""
        return next(iter(self.fields(name)), "")

    def fields(self, name: str) -> list[str]:
        """All fields of that name, topmost first."""
        return [_decoded_field(value) for value in raw_values(self.message, name)[:20]]

    def addresses(self, *names: str) -> list[str]:
        """Every address in the fields of these names, as it is written."""
        return [found for name in names for field in self.fields(name) for found in addresses_in(field)]

    @property
    def sender(self) -> str:
        """The address in From, or ""; another one that stands in the name beside it is not meant."""
        written = self.field("From")
        bracketed = written[max(written.rfind("<"), 0) :]
        return next(iter(addresses_in(bracketed) or addresses_in(written)), "")

    @property
    def date(self) -> datetime | None:
        """The time in Date, in UTC; None where that is no date."""
        try:
            moment = parsedate_to_datetime(self.field("Date"))
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            return None

    def parts(self, *types: str) -> list[Message]:
        """The parts of these content types, outermost first; all without a type."""
        found = []
        for number, part in enumerate(self.message.walk()):
            if number == _MOST_PARTS:
                break
            if not types or part.get_content_type() in types:
                found.append(part)
        return found

    @property
    def text(self) -> str:
        """The text as a mail program shows it: of the first plain part, or else of the first HTML part."""
        for kind in ("text/plain", "text/html"):
            for part in self.parts(kind):
                content = text_of(part)
                if content.strip():
                    return content if kind == "text/plain" else html_text(content)
        return ""

    @property
    def own_words(self) -> str:
        """The text without what it quotes and without the signature."""
        lines = []
        for line in self.text.splitlines():
            if _QUOTE_BEGINS.match(line[:400]):
                break
            if not line.lstrip().startswith(">"):
                lines.append(line.strip())
        return "\n".join(lines).strip()


def raw_values(message: Message, name: str) -> list[str]:
    """The values of all fields of that name as they stand, topmost first, read as UTF-8 (RFC 6532).

    The library itself replaces each octet beyond ASCII.
    """
    values = [str(value) for key, value in message.raw_items() if key.casefold() == name.casefold()]
    return [value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for value in values]


def text_of(part: Message) -> str:
    """The content of a part as text; what does not fit its charset is replaced."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    return _without_surrogates(content.decode(_charset(part), "replace"))


def status_blocks(part: Message) -> list[Message]:
    """The groups of fields in a message/delivery-status, or in a message/global-delivery-status (RFC 6533).

    The second is parsed as a message by the library, its first group as the header, the rest as the body;
    it may be encoded, and its fields are UTF-8.
    """
    inner = part.get_payload()
    if not isinstance(inner, list):
        return []
    if part.get_content_type() == "message/delivery-status":
        return [block for block in inner if isinstance(block, Message)]
    raw = b"".join(one.as_bytes() for one in inner if isinstance(one, Message)).lstrip(b"\r\n")
    with suppress(ValueError):
        raw = _decoded(raw, str(part.get("Content-Transfer-Encoding", "")).strip().casefold())
    groups = re.split(r"\n\s*\n", raw.decode("utf-8", "replace").replace("\r\n", "\n"))
    return [Parser(policy=compat32).parsestr(group, True) for group in groups[:_MOST_PARTS] if group.strip()]


def _decoded(raw: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return a2b_base64(raw)
    return a2b_qp(raw) if encoding == "quoted-printable" else raw


def html_text(markup: str) -> str:
    """The text of HTML, a line for each block; quoted blocks are left out."""
    text = _BREAK.sub("\n", _NOT_SHOWN.sub(" ", markup))
    return html.unescape(_TAG.sub(" ", text))


def addresses_in(text: str) -> list[str]:
    """What looks like an address in one line of text."""
    return [found.strip(".") for found in _ADDRESS.findall(text[:_LONGEST_FIELD])]


def _charset(part: Message) -> str:
    try:
        name = codecs.lookup(part.get_content_charset("utf-8")).name
        b" ".decode(name, "replace")  # LookupError for codecs that make no text ("hex")
    except (LookupError, ValueError, TypeError):
        return "latin-1"
    return "latin-1" if name.replace("-", "_") in _NO_CHARSETS else name


def _decoded_field(value: object) -> str:
    """A field's value on one line, its encoded words (RFC 2047) read where they can be."""
    text = str(value)[:_LONGEST_FIELD]
    if "=?" in text:
        with suppress(MessageError, LookupError, ValueError, AssertionError):
            text = str(make_header(decode_header(text)))
    return " ".join(_without_surrogates(text).replace("\N{REPLACEMENT CHARACTER}", "?").split())


def _without_surrogates(text: str) -> str:
    """Text without halves of characters (surrogates), which UTF-7 can spell and nothing can print."""
    return text.encode("utf-8", "replace").decode()
