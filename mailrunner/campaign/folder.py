"""The campaign files of a project, taken together: their ids, lists and files, sound or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailrunner.config.database_url import absolute_database
from mailrunner.config.project import Project
from mailrunner.config.toml_file import read
from mailrunner.errors import UserError
from mailrunner.model.suppression import list_key

_LISTS = ("csv", "xlsx", "parquet")
# In a file that cannot be read as TOML.
_NAMED_LIST = re.compile(rf"""\b(?:{"|".join(_LISTS)})["']?\s*=\s*(?:"([^"\n]+)"|'([^'\n]+)')""")
_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?")


def tables(project: Project) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every campaign file that can be read, and what stands in it."""
    for path in sorted(project.campaigns_dir.glob("*.toml")):
        try:
            yield path, read(path, path.name)
        except UserError:  # the command that uses the file tells
            continue


def ids(project: Project) -> set[str]:
    """The ids of all campaigns."""
    return {str(table.get("id", path.stem)) for path, table in tables(project)}


def list_names(project: Project) -> dict[str, str]:
    """The lists that campaigns are for, by key."""
    names = [table.get("list") for _, table in tables(project)]
    return {list_key(name): name for name in names if isinstance(name, str) and list_key(name)}


def recipient_files(project: Project) -> dict[Path, str]:
    """The recipient files that campaigns name, each with the id of the first campaign that names it."""
    found: dict[Path, str] = {}
    for path, table in tables(project):
        recipients = table.get("recipients")
        for kind in _LISTS:
            name = recipients.get(kind) if isinstance(recipients, dict) else None
            for file in _resolved(project, name):
                found.setdefault(file, str(table.get("id", path.stem)))
    return found


def private_files(project: Project) -> dict[Path, str]:
    """The files with recipients or secrets that the settings and the campaigns name, and what each is."""
    found = dict.fromkeys(_unread_lists(project), "a list of recipients")
    found |= dict.fromkeys(recipient_files(project), "a list of recipients")
    for _, table in tables(project):
        recipients = table.get("recipients")
        url = recipients.get("database") if isinstance(recipients, dict) else None
        found |= dict.fromkeys(_sqlite_file(project, url), "a database that a campaign names")
    return found | dict.fromkeys(_sqlite_file(project, project.database_url), "the ledger")


def _unread_lists(project: Project) -> Iterator[Path]:
    """The lists that stand in a campaign file, also in one with a slip in its syntax."""
    for path in sorted(project.campaigns_dir.glob("*.toml")):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for double, single in _NAMED_LIST.findall(text):
            yield from _resolved(project, double or single)


def _resolved(project: Project, name: object) -> Iterator[Path]:
    """The file of this name; nothing for a value that names none (a number, a NUL, a loop of links)."""
    try:
        file = (project.folder / name).resolve() if isinstance(name, str) else None
    except (OSError, ValueError, RuntimeError):
        return
    if file is not None:
        yield file


def _sqlite_file(project: Project, url: object) -> Iterator[Path]:
    """The file behind an SQLite address; nothing where it is another, or a variable."""
    address = absolute_database(url, project.folder) if isinstance(url, str) else ""
    if found := _SQLITE.fullmatch(address):
        yield from _resolved(project, found[1])
