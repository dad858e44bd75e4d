"""Campaign files: one message to one list.

    project, campaign, account = load(folder, "spring", os.environ)

A campaign that loads has no unknown key, no value of a wrong kind, one way to name its people, and
every template and fixed attachment in its place.  All that is wrong is reported at once, with what is
wrong in mailrunner.toml.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailrunner.campaign.tables import CampaignTable, Kind, MessageSpec, RecipientsSpec, SendSpec, campaign_id
from mailrunner.config.account import Account
from mailrunner.config.database_url import absolute_database
from mailrunner.config.paths import is_file, relative_name
from mailrunner.config.project import PROJECT_FILE, Project, read_project
from mailrunner.config.toml_file import dotted, in_file, read
from mailrunner.config.toml_table import validate
from mailrunner.config.variables import expand, unexplained
from mailrunner.errors import Problem, UserError, alternatives, did_you_mean
from mailrunner.model.suppression import list_key

__all__ = [
    "Campaign",
    "MessageSpec",
    "RecipientsSpec",
    "SendSpec",
    "find_campaign",
    "list_key",
    "load",
    "load_campaign",
]

_SOURCES = ("csv", "xlsx", "parquet", "sql")
_ONLY_WITH = {"sheet": "xlsx", "encoding": "csv", "delimiter": "csv", "database": "sql"}
_IS_TEMPLATE = re.compile(r"\{[{%]")
_IS_CONTROL = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One campaign file, read.  `list_name` is "" where none is named, as transactional mail may."""

    id: str
    file: Path
    account: str
    list_name: str
    kind: Kind
    message: MessageSpec
    recipients: RecipientsSpec
    send: SendSpec

    @property
    def list_key(self) -> str:
        """The key under which people are off this list; see `suppression.list_key`."""
        return list_key(self.list_name)


def find_campaign(project: Project, name: str) -> Path:
    """The file of the campaign `name`, a path or an id.

    Raise UserError if there is none, or if two files have one id.
    """
    by_id = _files_by_id(project)
    path = _file_named(project, name)
    wanted = name if path is None else _id_of(path)
    files = by_id.get(wanted, [])
    if path is not None and all(path.resolve() != file.resolve() for file in files):
        files = [path, *files]
    if len(files) > 1:
        names = " and ".join(relative_name(file, project.folder) for file in files)
        raise UserError(
            Problem(f'{names} both have the id "{wanted}"', hint='give one of them another id = "…"')
        )
    if not files:
        raise UserError(
            Problem(f'there is no campaign "{name}"', hint=_nearest_campaign(project, name, by_id))
        )
    return files[0]


def _nearest_campaign(project: Project, name: str, by_id: Mapping[str, list[Path]]) -> str:
    for known, (file, *_) in by_id.items():
        if name in (file.stem, file.name):
            return f'{relative_name(file, project.folder)} has the id "{known}"'
    return did_you_mean(Path(name).stem, by_id) or "create one with: mailrunner new " + (name or "NAME")


def _file_named(project: Project, name: str) -> Path | None:
    """The file, if `name` is a path: from the working directory, the project or its campaigns."""
    if "/" not in name and os.sep not in name and not name.endswith(".toml"):
        return None
    file = name if name.endswith(".toml") else f"{name}.toml"
    places = (Path.cwd(), project.folder, project.campaigns_dir)
    return next((place / file for place in places if is_file(place / file)), None)


def _files_by_id(project: Project) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(project.campaigns_dir.glob("*.toml")):
        found.setdefault(_id_of(path), []).append(path)
    return found


def _id_of(path: Path) -> str:
    """The file's id; its stem where it names none or cannot be read, which loading it will report."""
    try:
        stated = read(path, path.name).get("id")
    except UserError:
        return path.stem
    return stated if isinstance(stated, str) else path.stem


def load_campaign(project: Project, path: Path) -> Campaign:
    """Read a campaign file; raise UserError that carries all that is wrong with it."""
    campaign, account, problems = _survey(project, path)
    if account and account not in project.account_names:
        problems.append(_unknown_account(project, account, path))
    return _sound(campaign, problems)


def load(project_folder: Path, name: str, environ: Mapping[str, str]) -> tuple[Project, Campaign, Account]:
    """Read the project, one of its campaigns and its account; UserError carries all their problems."""
    project, problems = read_project(project_folder, environ)
    try:
        path = find_campaign(project, name)
    except UserError as error:
        raise UserError(*problems, *error.problems) from None
    campaign, account, faults = _survey(project, path)
    if account in project.account_names:
        problems.extend(project.unset_variables.get(account, ()))
    elif account and (project.account_names or not problems):  # else no account could be read
        problems.append(_unknown_account(project, account, path))
    sound = _sound(campaign, [*problems, *faults])
    return project, sound, project.account(sound.account)


def _sound(campaign: Campaign | None, problems: Iterable[Problem]) -> Campaign:
    UserError.collect(problems)
    if campaign is None:  # a file that cannot be read has a problem
        raise AssertionError("a campaign without problems was not read")
    return campaign


def _unknown_account(project: Project, name: str, path: Path) -> Problem:
    hint = did_you_mean(name, project.account_names) or f"add a table [accounts.{name}] there"
    file = relative_name(path, project.folder)
    return Problem(f'there is no account "{name}" in {PROJECT_FILE}', file, "account", hint)


def _survey(project: Project, path: Path) -> tuple[Campaign | None, str, list[Problem]]:
    """What can be read of the file, the name of its account, and all that is wrong."""
    label = relative_name(path, project.folder)
    try:
        table, missing = expand(read(path, label), project.environ)
    except UserError as error:
        return None, "", list(error.problems)
    found, faults = validate(CampaignTable, table)
    problems = [*missing.values(), *unexplained(faults, missing), *_contradictions(project, path, table)]
    account = table.get("account")
    campaign = _campaign(project, path, found) if found else None
    return campaign, account if isinstance(account, str) else "", list(in_file(label, problems))


def _campaign(project: Project, path: Path, table: CampaignTable) -> Campaign:
    recipients = table.recipients
    if recipients.database:
        database = absolute_database(recipients.database, project.folder)
        recipients = recipients.model_copy(update={"database": database})
    return Campaign(
        id=table.id or path.stem,
        file=path,
        account=table.account,
        list_name=(table.list_ or "").strip(),
        kind=table.kind,
        message=table.message,
        recipients=recipients,
        send=table.send,
    )


def _contradictions(project: Project, path: Path, table: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong between keys and with the files they name.

    Looks at the table as it is written, so that one wrong value does not hide another.
    """
    if "id" not in table:
        yield from _stem_problems(path)
    if table.get("kind", "bulk") == "bulk" and "list" not in table:
        hint = 'name what people can unsubscribe from, e.g. list = "Club news"'
        yield Problem("bulk mail needs a list", key="list", hint=hint)
    if isinstance(message := table.get("message"), dict):
        yield from _message_problems(project, message)
    if isinstance(recipients := table.get("recipients"), dict):
        yield from _recipients_problems(recipients)


def _stem_problems(path: Path) -> Iterator[Problem]:
    try:
        campaign_id(path.stem)
    except ValueError:
        hint = 'rename it, or write an id of letters, digits, "-", "_" and "."'
        yield Problem(f'the file\'s name, "{path.stem}", cannot be an id', key="id", hint=hint)


def _message_problems(project: Project, message: Mapping[str, Any]) -> Iterator[Problem]:
    if "html" not in message and "text" not in message:
        hint = 'write html = "…" or text = "…", a file in templates/'
        yield Problem("there is no template", key="message.html", hint=hint)
    for key in ("html", "text"):
        if isinstance(name := message.get(key), str) and name.strip():
            yield from _file_problems(project.templates_dir, name, f"message.{key}", "templates/")
    attachments = message.get("attachments")
    for number, name in enumerate(attachments if isinstance(attachments, list) else ()):
        if isinstance(name, str) and name.strip():
            key = dotted(("message", "attachments", number))
            yield from _file_problems(project.folder, name, key, "the project's folder")


def _file_problems(base: Path, name: str, key: str, place: str) -> Iterator[Problem]:
    """A file that must be there, below `base`; of a path that is a template only the fixed part is judged."""
    if _IS_CONTROL.search(name):
        return  # said already: the value must be one line
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
        found = (
            f"there is {alternatives(sources, last='and')}" if sources else 'write e.g. csv = "data/list.csv"'
        )
        yield Problem(message, key="recipients", hint=found)
    for key, source in _ONLY_WITH.items():
        if key in recipients and sources and source not in sources:
            yield Problem(f"goes only with {source}", key=f"recipients.{key}", hint="remove it")
    if "sql" in sources and "database" not in recipients:
        hint = 'write e.g. database = "${CRM_URL}"'
        yield Problem("a query needs a database", key="recipients.database", hint=hint)
