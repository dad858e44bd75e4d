"""A caught message, taken apart: any octets are a message, whatever is wrong with them."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message
from urllib.parse import unquote

from mailrunner.preview.message_view import header_text

_CID = re.compile(r"""cid:([^"'\s<>)&]+)""", re.IGNORECASE)
_IMAGE = re.compile(r"image/[a-z0-9.+-]+")
_MOST_PARTS = 200
_LONGEST_SHOWN = 5_000_000  # characters of HTML


@dataclass(frozen=True, slots=True)
class MessageParts:
    """The parts of a message that are shown: `html` as sent, `images` its inline images as data: URIs."""

    subject: str
    message_id: str
    list_id: str
    headers: tuple[tuple[str, str], ...]
    html: str
    images: Mapping[str, str]
    text: str
    attachments: tuple[tuple[str, str, int], ...]  # name, media type, octets

    @classmethod
    def of(cls, data: bytes) -> MessageParts:
        """Take octets apart; raises nothing."""
        parsed = message_from_bytes(data, policy=policy.compat32)
        parts = [part for _, part in zip(range(_MOST_PARTS), parsed.walk(), strict=False)]
        parts = [part for part in parts if not part.is_multipart()]
        attached = [part for part in parts if part.get_content_disposition() == "attachment"]
        html = next(
            (_text(p) for p in parts if p not in attached and p.get_content_type() == "text/html"), ""
        )
        text = next(
            (_text(p) for p in parts if p not in attached and p.get_content_type() == "text/plain"), ""
        )
        headers = tuple((name, header_text(str(value))) for name, value in parsed.items())
        named = {name.lower(): value for name, value in reversed(headers)}
        return cls(
            subject=named.get("subject", ""),
            message_id=named.get("message-id", ""),
            list_id=named.get("list-id", ""),
            headers=headers,
            html=html[:_LONGEST_SHOWN],
            images=_images(parts),
            text=text,
            attachments=tuple((_filename(p), p.get_content_type(), len(_octets(p))) for p in attached),
        )

    def header(self, name: str) -> str:
        """The first header of that name, unfolded; "" for none."""
        return next((value for own, value in self.headers if own.lower() == name.lower()), "")

    def with_images(self, html: str) -> str:
        """HTML of this message with its inline images in it."""
        return _CID.sub(lambda found: self.images.get(unquote(found[1]), found[0]), html)


def _octets(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: Message) -> str:
    try:
        return _octets(part).decode(part.get_content_charset() or "utf-8", "replace")
    except (LookupError, ValueError):
        return _octets(part).decode("utf-8", "replace")


def _filename(part: Message) -> str:
    try:
        return header_text(part.get_filename() or "")
    except (LookupError, ValueError, TypeError):
        return ""


def _images(parts: list[Message]) -> dict[str, str]:
    """The inline images by their Content-IDs, which are looked up, and name no file."""
    images = {}
    for part in parts:
        if part["Content-ID"] and _IMAGE.fullmatch(part.get_content_type()):
            encoded = base64.b64encode(_octets(part)).decode()
            images[str(part["Content-ID"]).strip().strip("<>")] = (
                f"data:{part.get_content_type()};base64,{encoded}"
            )
    return images
