"""A message as its recipient will see it: parsed from its bytes, with warnings about its content.

No warning stops a message; they are what a careful reader would notice.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import message_from_string, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import unquote

from mailrunner.model.mistyped_domain import suggestion
from mailrunner.rendering import Message
from mailrunner.rendering.lint import Remark, remarks

_CID = re.compile(r"""cid:([^"'\s<>)&]+)""", re.IGNORECASE)
_ENCODED_WORD = r"=\?[^?\s]+\?[bq]\?[^?]*\?="  # RFC 2047, section 2
_ENCODED_WORDS = re.compile(rf"{_ENCODED_WORD}(?:\s*{_ENCODED_WORD})*", re.IGNORECASE)
_LEFT_OVER = re.compile(r"\{\{|\}\}|\{%|%\}")
_TURNING = re.compile("[\u202d\u202e]")  # directional overrides (UAX #9, §2.2)
_EMPTY_CELL = re.compile(r"\b(?:None(?! of)|NaN|nan|NaT)\b")  # how Python and pandas spell an empty cell


class ShownAttachment(NamedTuple):
    """An attachment; `size` in octets."""

    name: str
    kind: str
    size: int


class ShownLink(NamedTuple):
    """A link of the HTML and its text."""

    text: str
    target: str


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message, parsed.

    `html` is as sent, but with its inline images in it as data: URIs, so that it can be shown alone.
    """

    sender: str
    recipient: str
    subject: str
    size: int
    html: str | None
    text: str
    attachments: tuple[ShownAttachment, ...]
    links: tuple[ShownLink, ...]
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, message: Message) -> MessageView:
        """Parse a message."""
        # As text: the header of a message that needs SMTPUTF8 holds letters as they are (RFC 6532).
        parsed = message_from_string(message.data.decode("utf-8", "replace"), policy=policy.default)
        assert isinstance(parsed, EmailMessage)  # noqa: S101 - what this policy makes
        raw = {name.lower(): str(value) for name, value in parsed.raw_items()}
        return cls(
            sender=header_text(raw.get("from", "")),
            recipient=header_text(raw.get("to", "")),
            subject=header_text(raw.get("subject", "")),
            size=message.size,
            html=None if message.html is None else _with_images(message.html, _images(parsed)),
            text=message.text,
            attachments=tuple(_attachments(parsed)),
            links=tuple(_Links(message.html or "").found),
            warnings=tuple(dict.fromkeys(map(told, all_remarks(message)))),
        )


def header_text(raw: str) -> str:
    """The text of a header's value, as a mail program shows it; what is wrong in it stays as it is.

    A name that is longer than one encoded word goes on in the next without a blank (RFC 2047 §6.2), which
    the address fields of `email.policy.default` put there.
    """
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", raw)
    unfolded = unfolded.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _ENCODED_WORDS.sub(lambda found: _decoded(found[0]), unfolded)


def _decoded(words: str) -> str:
    try:
        return str(make_header(decode_header(words)))
    except (LookupError, ValueError):  # an unknown charset, or broken base64
        return words


class _Links(HTMLParser):
    """The links of a piece of HTML; the text of an image is its alternative text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[ShownLink] = []
        self._target: str | None = None
        self._text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and "href" in given:
            self._target, self._text = (given["href"] or "").strip(), []
        elif tag == "img":
            self._text.append(given.get("alt") or "")

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._target is not None:
            self.found.append(ShownLink(" ".join(" ".join(self._text).split()), self._target))
            self._target = None


def _attachments(parsed: EmailMessage) -> Iterator[ShownAttachment]:
    for part in parsed.walk():
        if part.get_content_disposition() == "attachment":
            yield ShownAttachment(part.get_filename() or "", part.get_content_type(), len(_octets(part)))


def _images(parsed: EmailMessage) -> dict[str, str]:
    """The inline images by their Content-ID, as data: URIs."""
    return {
        str(part["Content-ID"]).strip().strip("<>"): "data:{};base64,{}".format(
            part.get_content_type(), base64.b64encode(_octets(part)).decode("ascii")
        )
        for part in parsed.walk()
        if part["Content-ID"]
    }


def _octets(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _with_images(html: str, images: Mapping[str, str]) -> str:
    return _CID.sub(lambda found: images.get(unquote(found[1]), found[0]), html)


def all_remarks(message: Message) -> Iterator[Remark]:
    """The remarks on one message, whatever others of its shape have."""
    yield from doubts(message)
    yield from remarks(message.html, message.subject, message.size)


def doubts(message: Message) -> Iterator[Remark]:
    """What a reader of a single message would notice, beside the remarks of `check`."""
    domain = message.recipient.rpartition("@")[2]
    if meant := suggestion(domain):
        yield Remark("the address looks mistyped", f"it ends in {domain}; is {meant} meant?")
    for part, text in (("subject", message.subject), ("text", message.text)):
        if found := _LEFT_OVER.search(text):
            yield Remark(f"a placeholder is in the {part}", f'"{found[0]}"; was it not filled in?')
        if _TURNING.search(text):
            detail = "as forged names and file names have it"
            yield Remark(f"the {part} has an invisible character that turns words round", detail)
        if found := _EMPTY_CELL.search(text):
            yield Remark(f"the {part} may show an empty cell", f'the word "{found[0]}" is in it')


def told(remark: Remark) -> str:
    """A remark as one sentence."""
    return f"{remark.kind}: {remark.detail}" if remark.detail else remark.kind
