"""Contradictions within one campaign file: between its keys, and with the files they name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mailrunner.campaign.tables import campaign_id
from mailrunner.config.paths import is_file
from mailrunner.config.project import Project
from mailrunner.config.toml_file import dotted
from mailrunner.errors import Problem, alternatives, did_you_mean

_SOURCES = ("csv", "xlsx", "parquet", "sql", "from_campaign", "program")
_ONLY_WITH = {
    "sheet": ("xlsx",),
    "hidden": ("xlsx",),
    "header_row": ("csv", "xlsx"),
    "encoding": ("csv",),
    "delimiter": ("csv",),
    "database": ("sql",),
    "who": ("from_campaign",),
}
_BODIES = ("html", "markdown", "mjml")
_KEY_OF_FORMAT = {".md": "markdown", ".markdown": "markdown", ".mdown": "markdown", ".mjml": "mjml"}
_FORMATS = {"text": "text", "markdown": "Markdown", "mjml": "MJML"}
_IMPORTED = frozenset(
    {".docx", ".doc", ".odt", ".rtf", ".pdf", ".zip", ".eml", ".mht", ".mhtml", ".pages", ".oft", ".msg"}
)
_IS_TEMPLATE = re.compile(r"\{[{%]")
_IS_CONTROL = re.compile(r"[\x00-\x1f]")


def contradictions(project: Project, path: Path, table: Mapping[str, Any]) -> Iterator[Problem]:
    """The problems between the keys of the campaign file at `path`, and of the files they name.

    `table` is the file as it is written, not as validated: one wrong value does not hide another problem.
    """
    if "id" not in table:
        yield from _stem_problems(path)
    if table.get("kind", "bulk") == "bulk" and "list" not in table:
        hint = 'name what recipients can unsubscribe from, e.g. list = "Club news"'
        yield Problem("bulk mail needs a list", key="list", hint=hint)
    if isinstance(message := table.get("message"), dict):
        yield from _message_problems(project, message, table.get("variants"))
    if isinstance(recipients := table.get("recipients"), dict):
        yield from _recipients_problems(recipients)
        if recipients.get("from_campaign") == table.get("id", path.stem):
            hint = "name an earlier campaign"
            yield Problem("is this campaign itself", key="recipients.from_campaign", hint=hint)


def _stem_problems(path: Path) -> Iterator[Problem]:
    try:
        campaign_id(path.stem)
    except ValueError:
        hint = 'rename it, or write an id of letters, digits, "-", "_" and "."'
        yield Problem(f'the file\'s name, "{path.stem}", cannot be an id', key="id", hint=hint)


def _message_problems(project: Project, message: Mapping[str, Any], variants: object) -> Iterator[Problem]:
    yield from _body_problems(message)
    yield from _subject_problems(message, variants)
    for key in ("html", "text", "markdown", "mjml", "frame"):
        name = message.get(key)
        if not isinstance(name, str) or not name.strip():
            continue
        if wrong := _wrong_format(key, name):
            yield wrong
        else:
            yield from _file_problems(project.templates_dir, name, f"message.{key}", "templates/")
    attachments = message.get("attachments")
    for number, name in enumerate(attachments if isinstance(attachments, list) else ()):
        if isinstance(name, str) and name.strip():
            key = dotted(("message", "attachments", number))
            yield from _file_problems(project.folder, name, key, "the project's folder")


def _body_problems(message: Mapping[str, Any]) -> Iterator[Problem]:
    """The keys that name the templates: which of them are missing, and which do not go together."""
    bodies = [key for key in _BODIES if key in message]
    if not bodies and "text" not in message:
        hint = 'write html = "…", markdown = "…" or text = "…", a file in templates/'
        yield Problem("there is no template", key="message.html", hint=hint)
    if len(bodies) > 1:
        sentence = f"{alternatives(bodies, last='and')} do not go together"
        yield Problem(sentence, key="message", hint="a message has one of them; take the others out")
    if "frame" in message and "markdown" not in message:
        yield Problem("goes only with markdown", key="message.frame", hint="remove it")


def _subject_problems(message: Mapping[str, Any], variants: object) -> Iterator[Problem]:
    if not isinstance(variants, dict) or not variants:
        if "subject" not in message and "markdown" not in message:
            hint = 'write e.g. subject = "The season begins"'
            yield Problem("is missing", key="message.subject", hint=hint)
        return
    if "subject" in message:
        hint = "move it into a variant, or take the variants out"
        yield Problem("does not go together with [variants]", key="message.subject", hint=hint)
    if len(variants) == 1:
        hint = "a comparison needs two; write [variants.a] and [variants.b]"
        yield Problem("there is one variant alone", key="variants", hint=hint)


def _wrong_format(key: str, name: str) -> Problem | None:
    """The problem of a file whose name says that it is of another format than its key."""
    suffix = Path(name).suffix.lower()
    if key in ("html", "text", "frame") and suffix in _KEY_OF_FORMAT:
        hint = f'write {_KEY_OF_FORMAT[suffix]} = "{name}"'
    elif key in ("markdown", "mjml") and suffix in (".html", ".htm"):
        hint = f'write html = "{name}"'
    elif key in ("markdown", "mjml") and _KEY_OF_FORMAT.get(suffix, key) != key:
        hint = f'write {_KEY_OF_FORMAT[suffix]} = "{name}"'
    elif suffix in _IMPORTED:
        hint = f"make a template of it: mailrunner import {name}"
    else:
        return None
    return Problem(f'"{name}" is no {_FORMATS.get(key, "HTML")}', key=f"message.{key}", hint=hint)


def _file_problems(base: Path, name: str, key: str, place: str) -> Iterator[Problem]:
    """A file that must exist below `base`; of a path with columns only the part before them is checked."""
    if _IS_CONTROL.search(name):
        return  # reported already: the value must be one line
    path = base / name
    fixed = base / _IS_TEMPLATE.split(name)[0]
    if not fixed.resolve().is_relative_to(base.resolve()):
        yield Problem(f'"{name}" lies outside {place}', key=key, hint=f"copy the file into {place}")
    elif not _IS_TEMPLATE.search(name) and not is_file(path):
        hint = did_you_mean(name, _files_near(base, path))
        yield Problem(f'there is no file "{name}" in {place}', key=key, hint=hint)


def _files_near(base: Path, path: Path) -> list[str]:
    folder = path.parent if path.parent.is_dir() else base
    return sorted(file.relative_to(base).as_posix() for file in folder.iterdir() if file.is_file())


def _recipients_problems(recipients: Mapping[str, Any]) -> Iterator[Problem]:
    sources = [key for key in _SOURCES if key in recipients]
    if len(sources) != 1:
        message = f"exactly one of {alternatives(_SOURCES, last='and')} must be there"
        hint = (
            f"there is {alternatives(sources, last='and')}" if sources else 'write e.g. csv = "data/list.csv"'
        )
        yield Problem(message, key="recipients", hint=hint)
    for key, fitting in _ONLY_WITH.items():
        if key in recipients and sources and not set(fitting) & set(sources):
            message = f"goes only with {' or '.join(fitting)}"
            yield Problem(message, key=f"recipients.{key}", hint="remove it")
    if "sql" in sources and "database" not in recipients:
        hint = 'write e.g. database = "${CRM_URL}"'
        yield Problem("a query needs a database", key="recipients.database", hint=hint)
