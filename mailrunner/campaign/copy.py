"""A campaign file copied under another name, comments and all, with templates of its own.

The text is edited, not written anew, so that every comment stays; the copy is then parsed to check the edit.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from mailrunner.campaign.campaign_file import find_campaign
from mailrunner.config.paths import relative_name
from mailrunner.config.project import Project
from mailrunner.config.toml_file import read
from mailrunner.errors import Problem, UserError

_ID = re.compile(r"""^[ \t]*id[ \t]*=[ \t]*(?:"[^"\n]*"|'[^'\n]*')[ \t]*(?:#.*)?\n""", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


def files(project: Project, source: str, name: str) -> dict[str, bytes]:
    """The copy `name` of the campaign `source`, and its templates, by path in the project.

    Raise UserError where there is no such campaign, a template of it is missing, or the file is
    written in a way that cannot be edited.
    """
    path = find_campaign(project, source)
    label = relative_name(path, project.folder)
    table = read(path, label)
    message = table.get("message")
    renamed = _renamed(message, name) if isinstance(message, dict) else {}
    text = _edited(path.read_text("utf-8-sig"), renamed)
    if _parsed(text) != _expected(table, renamed):
        hint = f"copy {label} to campaigns/{name}.toml by hand, and take out its id"
        raise UserError(Problem("is written in a way that cannot be copied", label, hint=hint))
    contents = {f"campaigns/{name}.toml": text.encode()}
    for part, copy in renamed.items():
        contents[f"templates/{copy}"] = _template(project, table["message"][part], label, part)
    return contents


def _renamed(message: Mapping[str, Any], name: str) -> dict[str, str]:
    """By part ("html", "text") the name of the copy: in the same folder, as a template may include others."""
    renamed: dict[str, str] = {}
    for part in ("html", "text"):
        if isinstance(old := message.get(part), str):
            place = PurePosixPath(old)
            copy = place.with_name(name + place.suffix).as_posix()
            if copy in renamed.values():
                copy = place.with_name(f"{name}-{part}{place.suffix}").as_posix()
            renamed[part] = copy
    return renamed


def _edited(text: str, renamed: Mapping[str, str]) -> str:
    first = _TABLE.search(text)
    end = first.start() if first else len(text)
    text = _ID.sub("", text[:end], count=1) + text[end:]
    head, mark, rest = text.partition("[message]")
    following = _TABLE.search(rest)
    end = following.start() if following else len(rest)
    own, others = rest[:end], rest[end:]
    for part, copy in renamed.items():
        line = re.compile(rf"""^([ \t]*{part}[ \t]*=[ \t]*)(?:"[^"\n]*"|'[^'\n]*')""", re.MULTILINE)
        own = line.sub(lambda found, copy=copy: f'{found[1]}"{copy}"', own, count=1)  # type: ignore[misc]
    return head + mark + own + others


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _expected(table: dict[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    copy = {key: value for key, value in table.items() if key != "id"}
    return {**copy, "message": {**table["message"], **renamed}} if renamed else copy


def _template(project: Project, name: str, label: str, part: str) -> bytes:
    try:
        return (project.templates_dir / name).read_bytes()
    except OSError as error:
        place = f"templates/{name}"
        raise UserError(
            Problem(f"{place} cannot be read: {error.strerror}", label, f"message.{part}")
        ) from None
