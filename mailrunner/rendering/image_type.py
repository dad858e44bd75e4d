"""What kind of image a file's content is, whatever the file is called.

The kinds are those that mail programs show.  An image is told by its first bytes; an SVG, which is text,
by its first element.
"""

from __future__ import annotations

import re

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
