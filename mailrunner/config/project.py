"""mailrunner.toml: finding it and reading it.

    project = load_project(find_project(Path.cwd(), None), os.environ)
    account = project.account("gmail")

All problems of the file are reported at once.  A variable that is not set, in the environment or in the
`.env` beside the file, is a problem only for the account or provider that needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from mailrunner.config.account import Account, complete
from mailrunner.config.account_checks import contradictions
from mailrunner.config.account_table import AccountTable
from mailrunner.config.database_url import absolute_database, url_secrets, with_timeout
from mailrunner.config.events import EventSettings, event_settings
from mailrunner.config.project_tables import ListTable, ProjectTable
from mailrunner.config.toml_file import Keys, dotted, in_file, read
from mailrunner.config.toml_table import validate
from mailrunner.config.variables import expand, read_variables, unexplained
from mailrunner.errors import Problem, UserError, did_you_mean
from mailrunner.model.suppression import list_key

PROJECT_FILE = "mailrunner.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe:
    """The ways to leave a list: by mail, and by https if there is a `base_url` (no slash at its end).

    `logo` is the name of an image in the project's folder, for the pages.
    """

    base_url: str | None = None
    mailto: str | None = None
    secret: SecretStr | None = None
    logo: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSettings:
    """The settings of one list; `formerly` holds keys of lists (see `suppression.list_key`)."""

    list_id: str | None = None
    formerly: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """`shares` of each campaign are worked at once, over all machines, each for `term` at most.

    `schema` is where their queue's tables are, in the ledger's database.
    """

    shares: int
    term: timedelta
    schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One mailrunner.toml, read.  `lists` is by the key of a list; `environ` fills ${VARIABLES}.

    `account_names` are all of the file; `accounts` only those whose variables are set.  The variables that
    are not set are in `unset_variables`: for accounts by name, for providers by `events.PROVIDER`.
    """

    folder: Path
    database_url: str = field(repr=False)
    failover: str  # "ask" or "synchronous"
    workers: WorkerSettings
    unsubscribe: Unsubscribe
    dashboard_password: SecretStr | None
    lists: dict[str, ListSettings]
    account_names: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    accounts: Mapping[str, Account] = field(repr=False)
    events: Mapping[str, EventSettings] = field(repr=False)
    unset_variables: Mapping[str, tuple[Problem, ...]] = field(repr=False)
    on_event: tuple[str, ...] = field(default=(), repr=False)

    @property
    def file(self) -> Path:
        return self.folder / PROJECT_FILE

    @property
    def templates_dir(self) -> Path:
        return self.folder / "templates"

    @property
    def campaigns_dir(self) -> Path:
        return self.folder / "campaigns"

    def account(self, name: str) -> Account:
        """The account of that name; UserError if there is none or a variable that it needs is not set."""
        if name not in self.account_names:
            hint = did_you_mean(name, self.account_names) or f"add a table [accounts.{name}]"
            raise UserError(Problem(f'there is no account "{name}"', PROJECT_FILE, "accounts", hint))
        UserError.collect(self.unset_variables.get(name, ()))
        return self.accounts[name]

    def event_settings(self) -> Mapping[str, EventSettings]:
        """How each provider's events are authenticated; UserError if a variable that one needs is not set."""
        places = (place for place in self.unset_variables if place == "events" or place.startswith("events."))
        UserError.collect(problem for place in places for problem in self.unset_variables[place])
        return self.events

    def secrets(self) -> tuple[str, ...]:
        """All that no output may show: the passwords of accounts and ledger, and every signing key."""
        found = [secret for account in self.accounts.values() for secret in account.secrets()]
        found += [secret for settings in self.events.values() for secret in settings.secrets()]
        given = (self.unsubscribe.secret, self.dashboard_password)
        found += [secret.get_secret_value() for secret in given if secret]
        found += [target for target in self.on_event if "://" in target]
        return tuple(dict.fromkeys((*found, *url_secrets(self.database_url))))


def find_project(start: Path, explicit: Path | None) -> Path:
    """The folder of mailrunner.toml: `explicit` (folder or file) or `start` and above; else UserError."""
    if explicit is not None:
        folder = (explicit.parent if explicit.name == PROJECT_FILE else explicit).absolute()
        if not (folder / PROJECT_FILE).is_file():
            hint = f"create one with: mailrunner init {explicit}"
            raise UserError(Problem(f"there is no {PROJECT_FILE} in {folder}", hint=hint))
        return folder
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    hint = "create a project with: mailrunner init, or name one with --project DIR"
    raise UserError(Problem(f"there is no {PROJECT_FILE} in {start} or above", hint=hint))


def load_project(folder: Path, environ: Mapping[str, str]) -> Project:
    """Read mailrunner.toml and .env; raise UserError that carries all their problems."""
    project, problems = read_project(folder, environ)
    UserError.collect(problems)
    return project


def read_project(folder: Path, environ: Mapping[str, str]) -> tuple[Project, list[Problem]]:
    """Read as much of the project as can be read; return it with all its problems."""
    folder = folder.absolute()
    variables, problems = read_variables(folder, environ)
    try:
        table, missing = expand(read(folder / PROJECT_FILE, PROJECT_FILE), variables)
    except UserError as error:
        table, missing = {}, {}
        problems.extend(error.problems)
    tables, misplaced = _account_tables(table.pop("accounts", {}))
    events, faults, unset_variables = event_settings(table.pop("events", {}), missing, PROJECT_FILE)
    problems.extend(in_file(PROJECT_FILE, faults))
    project, faults = _project(folder, table, missing)
    problems.extend(in_file(PROJECT_FILE, (*faults, *misplaced)))
    accounts, faults, unset = _accounts(tables, missing, folder)
    problems.extend(in_file(PROJECT_FILE, faults))
    return replace(
        project,
        environ=variables,
        account_names=tuple(tables),
        accounts=accounts,
        events=events,
        unset_variables={**unset_variables, **unset},
    ), problems


def _project(folder: Path, table: Any, missing: Mapping[Keys, Problem]) -> tuple[Project, list[Problem]]:
    """Everything but the accounts and the events."""
    checked, faults = validate(ProjectTable, table)
    unset = {keys: problem for keys, problem in missing.items() if keys[0] not in ("accounts", "events")}
    faults = [*unset.values(), *unexplained(faults, unset)]
    given = checked or ProjectTable()
    lists, clashes = _lists(given.lists)
    project = Project(
        folder=folder,
        failover=given.ledger.failover,
        workers=WorkerSettings(
            shares=given.workers.shares, term=given.workers.term, schema=given.workers.db_schema
        ),
        database_url=with_timeout(absolute_database(given.database, folder), given.ledger.timeout),
        unsubscribe=Unsubscribe(**dict(given.unsubscribe)),
        dashboard_password=given.dashboard.password,
        lists=lists,
        account_names=(),
        environ={},
        accounts={},
        events={},
        unset_variables={},
        on_event=given.on_event,
    )
    return project, [*faults, *clashes]


def _lists(tables: Mapping[str, ListTable]) -> tuple[dict[str, ListSettings], list[Problem]]:
    lists: dict[str, ListSettings] = {}
    problems = []
    for name, table in tables.items():
        key = list_key(name)
        if not key or key in lists:
            message = "is the same list as another" if key else "names no list"
            problems.append(Problem(message, key=dotted(("lists", name)), hint="give it another name"))
        formerly = tuple(dict.fromkeys(list_key(former) for former in table.formerly))
        lists[key] = ListSettings(list_id=table.list_id, formerly=formerly)
    return lists, problems


def _account_tables(accounts: Any) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """The tables [accounts.NAME] by name; none of them, and a problem, where one is not a table."""
    if isinstance(accounts, dict) and all(isinstance(table, dict) for table in accounts.values()):
        return accounts, []
    return {}, [Problem("must be tables, as in [accounts.gmail]", key="accounts")]


def _accounts(
    tables: Mapping[str, dict[str, Any]], missing: Mapping[Keys, Problem], folder: Path
) -> tuple[dict[str, Account], list[Problem], dict[str, tuple[Problem, ...]]]:
    """The accounts by name, their problems, and by name the variables that are not set."""
    accounts: dict[str, Account] = {}
    problems: list[Problem] = []
    unset_variables: dict[str, tuple[Problem, ...]] = {}
    for name, table in tables.items():
        unset = {keys: problem for keys, problem in missing.items() if keys[:2] == ("accounts", name)}
        account, faults = _account(name, table, unset, folder)
        problems += faults
        if unset:
            unset_variables[name] = tuple(in_file(PROJECT_FILE, unset.values()))
        elif account:
            accounts[name] = account
    return accounts, problems, unset_variables


def _account(
    name: str, table: dict[str, Any], unset: Mapping[Keys, Problem], folder: Path
) -> tuple[Account | None, list[Problem]]:
    """The account, if it can be read, and the problems of its table besides variables that are not set."""
    at: Keys = ("accounts", name)
    checked, faults = validate(AccountTable, table, at)
    problems = list(unexplained(faults, unset))
    # Without the value of a password everything else can still be checked; without a host it cannot.
    if checked is None or any(keys[2] != "password" for keys in unset):
        return None, problems
    account = complete(name, checked, folder)
    wrong = {problem.key for problem in problems}  # a value that cannot be read is not missing as well
    found = (
        replace(problem, key=f"{dotted(at)}.{problem.key}")
        for problem in contradictions(account, checked, folder)
    )
    problems += [problem for problem in found if problem.key not in wrong]
    return account, problems
