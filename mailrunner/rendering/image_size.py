"""Width and height of an image in pixels, from its first bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple


class ImageSize(NamedTuple):
    """Pixels."""

    width: int
    height: int


def image_size(octets: bytes) -> ImageSize | None:
    """The size of a PNG, GIF, JPEG, WebP or BMP; None for any other content."""
    for signature, read in _READERS.items():
        if octets.startswith(signature):
            try:
                return read(octets)
            except (struct.error, IndexError):
                return None
    return None


def _png(octets: bytes) -> ImageSize:
    return ImageSize(*struct.unpack(">II", octets[16:24]))


def _gif(octets: bytes) -> ImageSize:
    return ImageSize(*struct.unpack("<HH", octets[6:10]))


def _bmp(octets: bytes) -> ImageSize:
    width, height = struct.unpack("<ii", octets[18:26])
    return ImageSize(width, abs(height))


def _jpeg(octets: bytes) -> ImageSize | None:
    """The frame header (ITU-T T.81, B.2.2), the first of the segments SOF0 to SOF15 but for DHT, JPG, DAC."""
    place = 2
    while place + 9 < len(octets):
        if octets[place] != 0xFF:
            return None
        marker = octets[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", octets[place + 5 : place + 9])
            return ImageSize(width, height)
        if marker == 0xFF or 0xD0 <= marker <= 0xD8:
            place += 1 if marker == 0xFF else 2
            continue
        place += 2 + int(struct.unpack(">H", octets[place + 2 : place + 4])[0])
    return None


def _webp(octets: bytes) -> ImageSize | None:
    """RFC 9649 §2: lossy, lossless and extended files."""
    kind = octets[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", octets[26:30])
        return ImageSize(width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        bits = int.from_bytes(octets[21:25], "little")
        return ImageSize((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X":
        width, height = (int.from_bytes(octets[at : at + 3], "little") for at in (24, 27))
        return ImageSize(width + 1, height + 1)
    return None


_READERS: dict[bytes, Callable[[bytes], ImageSize | None]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"GIF8": _gif,
    b"\xff\xd8\xff": _jpeg,
    b"RIFF": _webp,
    b"BM": _bmp,
}
