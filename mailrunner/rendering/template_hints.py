"""Hints for a template that cannot be read: mostly an editor's work and not its author's."""

from __future__ import annotations

import re

from mailrunner.errors import Problem
from mailrunner.rendering.template_names import RESERVED

_FIELD = re.compile(r"\{[{%](?:(?![}%]\}).)*(?:[}%]\})?", re.DOTALL)
_SPLIT = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:[lrb]d?quo|quot|laquo|raquo|nbsp|#\d+);|[“”„‟‘’‚«»\u00a0]|%20")
_NAME = re.compile(r"\{\{[-+]?\s*([^\W\d_][\w]*(?:[ \-./][\w]+)+)\s*[-+]?\}\}")
_LONGEST = 60
_READINGS = ("cp1252", "cp1250", "cp1251", "mac-roman", "shift_jis", "gb18030")


def syntax_hint(message: str, source: str, line: int) -> str:
    """The next step after an error of Jinja's on a line of a template; "" where the message says it."""
    if "comment" in message.lower():
        return 'in CSS write "{ #": to a template "{#" begins a comment'
    for found in _FIELD.finditer(source):
        first = source.count("\n", 0, found.start()) + 1
        if not first <= line <= first + found[0].count("\n"):
            continue
        if _SPLIT.search(found[0]):
            shown = " ".join(found[0].split())[:_LONGEST]
            return f"your editor has split or quoted the field {shown}; mailrunner import FILE joins it again"
        name = _NAME.match(found[0])
        if name and name[1].partition(".")[0] not in RESERVED:
            return f'a column with blanks or signs in its name is written row["{name[1]}"]'
    return ""


def not_utf8(octets: bytes, label: str) -> Problem:
    """The problem of a template in another encoding: its line, and how it reads in the likely one."""
    text = octets.decode("utf-8", "replace")
    place = text.find("\ufffd")
    line = text.count("\n", 0, place) + 1
    hint = "save it as UTF-8, or let mailrunner import FILE do it"
    if octets.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Problem("is UTF-16 and not UTF-8", label, hint=hint)
    wrong = octets.split(b"\n")[line - 1]
    for name in _READINGS:
        try:
            words = wrong.decode(name).split()
        except UnicodeDecodeError:
            continue
        word = next((word for word in words if not word.isascii()), "")[:40]
        return Problem(f"line {line} is not UTF-8", label, hint=f'it looks like {name} ("{word}"): {hint}')
    return Problem(f"line {line} is not UTF-8", label, hint=hint)
