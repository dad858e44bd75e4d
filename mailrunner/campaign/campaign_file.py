"""Campaign files: finding one by id or path, and reading it.

    project, campaign, account = load_campaign(folder, "spring", os.environ)

A campaign that loads has no unknown key, no value of a wrong type, one source of recipients, and every
template and fixed attachment in its place.  All problems are reported at once, with those of mailrunner.toml.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailrunner.campaign.campaign_checks import contradictions
from mailrunner.campaign.tables import CampaignKind, CampaignTable, MessageSpec, RecipientsSpec, SendSpec
from mailrunner.config.account import Account
from mailrunner.config.database_url import absolute_database
from mailrunner.config.paths import is_file, relative_name
from mailrunner.config.project import PROJECT_FILE, Project, read_project
from mailrunner.config.toml_file import in_file, read
from mailrunner.config.toml_table import validate
from mailrunner.config.variables import expand, unexplained
from mailrunner.errors import Problem, UserError, did_you_mean
from mailrunner.model.suppression import list_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One campaign file, read.  `list_name` is "" where a transactional campaign names none.

    `variants` are subjects by the name of a variant; that of the first is the message's own.
    """

    id: str
    file: Path
    account: str
    list_name: str
    kind: CampaignKind
    message: MessageSpec
    recipients: RecipientsSpec
    send: SendSpec
    variants: Mapping[str, str] = field(default_factory=dict)

    @property
    def list_key(self) -> str:
        """The key of the list, under which recipients unsubscribe from it; see `suppression.list_key`."""
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


def load_campaign(
    project_folder: Path, name: str, environ: Mapping[str, str]
) -> tuple[Project, Campaign, Account]:
    """Read the project, its campaign `name` and that one's account; UserError carries all their problems."""
    project, problems = read_project(project_folder, environ)
    try:
        path = find_campaign(project, name)
    except UserError as error:
        raise UserError(*problems, *error.problems) from None
    return project, *read_campaign(project, path, problems)


def read_campaign(project: Project, path: Path, known: Iterable[Problem] = ()) -> tuple[Campaign, Account]:
    """Read a campaign's file and choose its account; UserError carries all problems, those `known` first."""
    problems = list(known)
    campaign, account, faults = _read_campaign(project, path)
    if account in project.account_names:
        problems.extend(project.unset_variables.get(account, ()))
    elif account and (project.account_names or not problems):  # else no account could be read
        problems.append(_unknown_account(project, account, path))
    campaign = _without_problems(campaign, (*problems, *faults))
    return campaign, project.account(campaign.account)


def _without_problems(campaign: Campaign | None, problems: Iterable[Problem]) -> Campaign:
    UserError.collect(problems)
    if campaign is None:  # a file that cannot be read has a problem
        raise AssertionError("a campaign without problems was not read")
    return campaign


def _unknown_account(project: Project, name: str, path: Path) -> Problem:
    hint = did_you_mean(name, project.account_names) or f"add a table [accounts.{name}] there"
    file = relative_name(path, project.folder)
    return Problem(f'there is no account "{name}" in {PROJECT_FILE}', file, "account", hint)


def _read_campaign(project: Project, path: Path) -> tuple[Campaign | None, str, list[Problem]]:
    """The campaign, if it can be read, the name of its account, and all problems of its file."""
    label = relative_name(path, project.folder)
    try:
        table, missing = expand(read(path, label), project.environ)
    except UserError as error:
        return None, "", list(error.problems)
    checked, faults = validate(CampaignTable, table)
    problems = [*missing.values(), *unexplained(faults, missing), *contradictions(project, path, table)]
    account = table.get("account")
    campaign = _campaign(project, path, checked) if checked else None
    return campaign, account if isinstance(account, str) else "", list(in_file(label, problems))


def _campaign(project: Project, path: Path, table: CampaignTable) -> Campaign:
    recipients = table.recipients
    if recipients.database:
        database = absolute_database(recipients.database, project.folder)
        recipients = recipients.model_copy(update={"database": database})
    variants = {name: variant.subject for name, variant in table.variants.items()}
    message = table.message
    if variants:  # which subject a recipient gets is decided later; where one is shown, it is the first
        message = message.model_copy(update={"subject": next(iter(variants.values()))})
    return Campaign(
        id=table.id or path.stem,
        file=path,
        account=table.account,
        list_name=(table.list_ or "").strip(),
        kind=table.kind,
        message=message,
        recipients=recipients,
        send=table.send,
        variants=variants,
    )
