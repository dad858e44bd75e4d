"""Media types of files: of an attachment by its name, of an image by its content.

The kinds of image are those that mail programs show.  An image is told by its first bytes, whatever the file
is called; an SVG, which is text, by its first element.
"""

from __future__ import annotations

import mimetypes
import re

# A file's type must not depend on the machine's own tables; these are missing from Python's for 3.11.
_TYPES = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".epub": "application/epub+zip",
    ".pkpass": "application/vnd.apple.pkpass",
    ".ics": "text/calendar",
    ".md": "text/markdown",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
}
_SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), media_type)
    for pattern, media_type in (
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF....WEBP", "image/webp"),
        (rb"BM....\x00\x00\x00\x00", "image/bmp"),
        (rb"\x00\x00\x01\x00[\x01-\xff]\x00", "image/vnd.microsoft.icon"),
        (rb"....ftypavi[fs]", "image/avif"),
        (rb"....ftyp(?:hei[cx]|mif1)", "image/heic"),
    )
)
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--(?:[^-]|-(?!->))*-->\s*|<!DOCTYPE svg[^>\[]*>\s*)*"
    rb"<svg[\s>]"
)


def image_type(octets: bytes) -> str | None:
    """Return the media type of an image, None where the content is none."""
    for pattern, media_type in _SIGNATURES:
        if pattern.match(octets):
            return media_type
    return "image/svg+xml" if _SVG.match(octets[:4096]) else None


def media_type_of(name: str) -> str:
    """Return the media type of an attachment by its name, "application/octet-stream" where it tells none."""
    table = mimetypes.MimeTypes()
    for suffix, media_type in _TYPES.items():
        table.add_type(media_type, suffix)
    kind, compression = table.guess_type(name)
    if compression:
        return {"gzip": "application/gzip", "bzip2": "application/x-bzip2"}.get(
            compression, "application/octet-stream"
        )
    # RFC 2046 §5.2.1: message/* may not be base64, and neither may multipart/*.
    if kind is None or kind.startswith(("message/", "multipart/")):
        return "application/octet-stream"
    return kind
