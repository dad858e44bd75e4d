"""Lint of a message that can be sent: remarks on what is doubtful, never refusals.

    remarks         of one message, cheap enough for a million
    page            of what the messages of one shape have in common
    placeholders    fields of other systems that are still there
    contrast        texts that are hard to read

Pure: looks at one rendered message.  Sources of the figures: Gmail clips HTML above about 102 KB and
hides the unsubscribe link in what is cut off; most receivers refuse more than 25 MB.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from urllib.parse import unquote, urlsplit

from mailrunner.rendering.lint.page import page_remarks
from mailrunner.rendering.lint.remark import Remark

__all__ = ["GMAIL_CLIPS", "RECEIVERS_REFUSE", "Remark", "page_remarks", "remarks"]

GMAIL_CLIPS = 102 * 1024
RECEIVERS_REFUSE = 25 * 1024 * 1024

_TAG = re.compile(r"<(img|a)\b((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-zA-Z-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))")
_HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)
_SCHEMES = ("http", "https", "mailto", "tel", "sms", "cid", "data")

_CID = "cid:"


def remarks(
    html: str | None, subject: str, size: int, images: Collection[str] | None = None
) -> Iterator[Remark]:
    """Look at one message; `size` in octets as it goes over the wire.

    `images` are the inline images that go with it, by the name behind `cid:`, None where that is not known.
    """
    if size > RECEIVERS_REFUSE:
        yield Remark("larger than the 25 MB that most mailboxes take", f"{size / 1048576:.1f} MB")
    if len(subject) > 200:
        yield Remark("the subject is very long", subject[:60] + "…")
    if html is None:
        return
    weight = len(html.encode("utf-8", "replace"))
    if weight > GMAIL_CLIPS:
        yield Remark(
            "the HTML is larger than 102 KB: Gmail clips it and hides the unsubscribe link",
            f"{weight / 1024:.0f} KB",
        )
    for tag, raw in _TAG.findall(_HIDDEN.sub("", html)):
        attributes = {
            name.lower(): double or single or bare for name, double, single, bare in _ATTRIBUTE.findall(raw)
        }
        yield from (_image if tag.lower() == "img" else _link)(attributes)
        yield from _dangling(attributes.get("src", ""), images)


def _image(attributes: dict[str, str]) -> Iterator[Remark]:
    source = attributes.get("src", "")
    if "alt" not in attributes:
        yield Remark("an image has no alt text", source)
    if source.lower().startswith("http:"):
        yield Remark("an image is fetched by http: and not https:, which many readers block", source)
    elif source.lower().startswith("data:"):
        yield Remark("an image is a data: address, which Gmail and Outlook do not show", source[:40] + "…")
    elif not source:
        yield Remark("an image has no src")
    elif not _is_url(source):
        yield Remark("an image's src is neither a URL nor cid:, so no reader can show it", _as_cid(source))


def _dangling(source: str, images: Collection[str] | None) -> Iterator[Remark]:
    """A name that a value brought along, or that the template does not write in one piece."""
    name = unquote(source.strip()[len(_CID) :])
    if images is not None and source.strip().lower().startswith(_CID) and name not in images:
        yield Remark("an image's cid: names no image that goes with the message", source)


def _link(attributes: dict[str, str]) -> Iterator[Remark]:
    target = attributes.get("href")
    if target is None or target.startswith("#"):
        return
    if not _is_url(target):
        yield Remark("a link is no URL", _nearer(target) or "(empty)")


def _as_cid(source: str) -> str:
    """A file as it is written to go inside the message."""
    if re.fullmatch(r"(?:\./)?[\w@+./-]+\.(?:png|jpe?g|gif|webp|bmp|svg)", source, re.IGNORECASE | re.ASCII):
        return f'{source}; to send the file with the message write src="cid:{source.removeprefix("./")}"'
    return source


def _nearer(target: str) -> str:
    """The address with what is most likely missing."""
    if re.fullmatch(r"(?:[\w-]+\.)+[a-z]{2,}(?:[/?#].*)?", target.strip(), re.IGNORECASE):
        return f"{target}, is it https://{target.strip()}?"
    if re.fullmatch(r"[^\s@/]+@[^\s@/]+", target.strip()):
        return f"{target}, is it mailto:{target.strip()}?"
    return target


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return False
    if parts.scheme.lower() not in _SCHEMES or " " in text.strip():
        return False
    return bool(parts.netloc) if parts.scheme.lower() in ("http", "https") else bool(parts.path)
