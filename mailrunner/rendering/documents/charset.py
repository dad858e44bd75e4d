"""The text of an HTML file: by its byte order mark, what it says itself, UTF-8, or as Windows writes it."""

from __future__ import annotations

import codecs
import re

_DECLARED = re.compile(rb"""<meta[^>]*?charset\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)
_META = re.compile(r"""<meta\s[^>]*?charset\s*=[^>]*>""", re.IGNORECASE)
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_UTF8 = '<meta charset="utf-8">'


def decoded(octets: bytes) -> tuple[str, str]:
    """The text and the name of its encoding: as declared, UTF-8, or cp1252, which takes all that is left."""
    for mark, name in _BOMS.items():
        if octets.startswith(mark):
            return octets[len(mark) :].decode(name, "replace"), name.removesuffix("-le").removesuffix("-be")
    declared = _DECLARED.search(octets[:4096])
    named = [declared[1].decode("ascii", "replace").lower()] if declared else []
    # The HTML standard reads latin-1 as cp1252 (WHATWG Encoding, labels).
    tried = ["cp1252" if name in ("iso-8859-1", "latin1") else name for name in named]
    for name in (*tried, "utf-8"):
        try:
            return octets.decode(name), codecs.lookup(name).name
        except (UnicodeDecodeError, LookupError):
            continue
    return octets.decode("cp1252", "replace"), "cp1252"


def declared_as_utf8(html: str) -> str:
    """The document with UTF-8 as its only declared encoding."""
    html = _META.sub("", html)
    head = re.search(r"<head[^>]*>", html, re.IGNORECASE)
    if head:
        return f"{html[: head.end()]}\n{_UTF8}{html[head.end() :]}"
    return f"{_UTF8}\n{html}"
