"""The pictures of a document as inline images: files beside the template, named by `cid:`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import posixpath
import re
import unicodedata
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_to_bytes

from mailrunner.rendering.documents.markup import MarkupPiece, attribute, with_attributes
from mailrunner.rendering.documents.source import DocumentSource
from mailrunner.rendering.image_size import image_size
from mailrunner.rendering.media_types import image_type

WIDEST = 600  # pixels: the width of a message
_SUFFIXES = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/bmp": "bmp",
    "image/svg+xml": "svg",
    "image/vnd.microsoft.icon": "ico",
    "image/avif": "avif",
    "image/heic": "heic",
}
_URL = re.compile(r"""\burl\(\s*(["']?|&quot;)(.*?)\1\s*\)""", re.IGNORECASE | re.DOTALL)
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+)?((?:;[^,;]*)*),(.*)", re.IGNORECASE | re.DOTALL)
_REMOTE = re.compile(r"(?:https?:|cid:|mailto:|tel:|#|\{|//)", re.IGNORECASE)


@dataclass
class Pictures:
    """Takes over the pictures of one document; `folder` is where they will lie, below templates/."""

    source: DocumentSource
    folder: str
    files: dict[str, bytes] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    unshown: set[str] = field(default_factory=set)
    _names: dict[str, str] = field(default_factory=dict)

    def taken(self, piece: MarkupPiece) -> MarkupPiece:
        """The piece with each picture in it named by `cid:`."""
        if piece.kind == "sheet":
            return piece._replace(text=self._in_style(piece.text))
        if piece.kind != "tag":
            return piece
        is_picture = piece.name in ("img", "v:imagedata", "v:fill", "input")
        text = with_attributes(piece.text, lambda name, value: self._attribute(name, value, is_picture))
        return piece._replace(text=self._sized(text) if piece.name == "img" else text)

    def _attribute(self, name: str, value: str, is_picture: bool) -> str | None:
        if name == "style":
            return self._in_style(value) if "url(" in value.lower() else None
        if name == "background" or (name == "src" and is_picture):
            return self._named(value)
        return None

    def _in_style(self, css: str) -> str:
        def named(found: re.Match[str]) -> str:
            name = self._named(found[2].strip())
            return found[0] if name is None else f"url({name})"

        return _URL.sub(named, css)

    def _named(self, address: str) -> str | None:
        """`cid:` and the name of a picture; None for one that stays where it is."""
        address = address.strip()
        if not address or (_REMOTE.match(address) and not address.startswith("cid:")):
            return None
        content = _of_data(address) if address[:5].lower() == "data:" else self.source.picture(address)
        if content is None:
            if not address.startswith("cid:"):
                self.missing.add(address[:80])
            return None
        kind = image_type(content)
        if kind is None:
            self.unshown.add(posixpath.basename(address)[:80])
            return None
        return f"cid:{self.folder}/{self._file(address, content, _SUFFIXES[kind])}"

    def _file(self, address: str, content: bytes, suffix: str) -> str:
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self._names:
            stem = "" if address[:5].lower() == "data:" else _plain(address)
            stem = stem or f"picture-{len(self.files) + 1}"
            taken = {posixpath.splitext(name)[0] for name in self.files}
            stem = stem if stem not in taken else f"{stem}-{len(self.files) + 1}"
            self._names[digest] = f"{stem}.{suffix}"
            self.files[self._names[digest]] = content
        return self._names[digest]

    def _sized(self, tag: str) -> str:
        """An `img` with its width, which Outlook needs; a document that says one keeps it."""
        source = attribute(tag, "src") or ""
        style = attribute(tag, "style") or ""
        content = self.files.get(posixpath.basename(source))
        size = image_size(content) if content and source.startswith("cid:") else None
        if size is None or attribute(tag, "width") or re.search(r"(?:^|[;\s])width\s*:", style):
            return tag
        opening = re.match(r"<[\w:]+", tag)
        return f'{opening[0]} width="{min(size.width, WIDEST)}"{tag[opening.end() :]}' if opening else tag


def _of_data(address: str) -> bytes | None:
    """The content of a `data:` address (RFC 2397)."""
    found = _DATA.fullmatch(address)
    if found is None:
        return None
    try:
        if "base64" in found[2].lower():
            return base64.b64decode("".join(unquote(found[3]).split()), validate=False)
        return unquote_to_bytes(found[3])
    except (binascii.Error, ValueError):
        return None


def _plain(address: str) -> str:
    """The name of a file without its folder and ending, of letters a to z, digits, `-` and `_`."""
    name = posixpath.splitext(posixpath.basename(unquote(address).replace("\\", "/")))[0]
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "-", ascii_name).strip("-")[:60].lower()
