"""A campaign file that is to send another template: `html = "…"` set in its text, comments and all kept."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from mailrunner.errors import Problem, UserError

_KEYS = ("html", "markdown", "mjml", "frame", "text")
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_MESSAGE = re.compile(r"^[ \t]*\[message\][^\n]*\n", re.MULTILINE)


def with_html(path: Path, label: str, name: str) -> bytes:
    """The campaign file at `path` with `name` as its HTML template, whose text part is made from it.

    Raise UserError where the file is written in a way that cannot be edited.
    """
    text = path.read_text("utf-8-sig")
    edited = _edited(text, name)
    before, after = _parsed(text), _parsed(edited)
    message = before.get("message") if before else None
    if before is None or after is None or not isinstance(message, dict):
        raise _cannot(label, name)
    others = {key: value for key, value in message.items() if key not in _KEYS}
    if after != {**before, "message": {**others, "html": name}}:
        raise _cannot(label, name)
    return edited.encode()


def _cannot(label: str, name: str) -> UserError:
    hint = f'write html = "{name}" in [message] by hand, and take out text, markdown and mjml'
    return UserError(Problem("is written in a way that cannot be edited", label, hint=hint))


def _edited(text: str, name: str) -> str:
    found = _MESSAGE.search(text)
    if not found:
        return text
    following = _TABLE.search(text, found.end())
    end = following.start() if following else len(text)
    own = text[found.end() : end]
    line = re.compile(
        rf"""^[ \t]*(?:{"|".join(_KEYS)})[ \t]*=[ \t]*(?:"[^"\n]*"|'[^'\n]*')[ \t]*(?:#.*)?\n""", re.MULTILINE
    )
    first = line.search(own)
    place = first.start() if first else 0
    new = f'html = "{name}"\n'
    return text[: found.end()] + line.sub("", own[:place]) + new + line.sub("", own[place:]) + text[end:]


def _parsed(text: str) -> dict[str, object] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
