"""mailrunner.toml: the ledger's address, how people unsubscribe, the lists, the accounts, provider events.

    project = load_project(find_project(Path.cwd(), None), os.environ)
    account = project.account("gmail")

Mistakes of the file are reported all at once.  A variable that is not set in the environment (or in
the `.env` beside the file) is a mistake only for who needs it: one account's does not hold up another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from mailrunner.config.account import Account, AccountTable, Secret, complete
from mailrunner.config.events import EventSettings, EventsTable, event_settings
from mailrunner.config.toml_file import (
    Keys,
    Table,
    did_you_mean,
    dotted,
    expand,
    in_file,
    read,
    unexplained,
    validate,
)
from mailrunner.errors import Problem, UserError
from mailrunner.model.mailbox_address import check_address
from mailrunner.model.suppression import list_key

FILE = "mailrunner.toml"
DEFAULT_DATABASE = "sqlite:///data/mailrunner.db"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SQLITE = re.compile(r"(sqlite(?:\+\w+)?://)(?:/([^?]*))?(\?.*)?", re.DOTALL)
# As SQLAlchemy reads it: everything up to the first @ may be the password, slashes too.
_URL = re.compile(r"[\w+]+://(?:[^:/?@]*(?::(?P<password>[^@]*))?@)?(?P<host>[^/?]*)")
_HOST = re.compile(r"(?:\[[^\]@]*\]|[^:@]*)(?::\d+)?")
_LIST_ID = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")  # RFC 2919 §2, without the rarer characters


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if (
        not parts.hostname
        or parts.query
        or parts.fragment
        or not text.isascii()
        or re.search(r"[\s<>,]", text)
    ):
        raise ValueError(f'"{text}" is not a web address; write e.g. "https://news.example.org"')
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f'"{text}" must begin with https://; mail programs follow no other (RFC 8058 §3.1)')
    return text.rstrip("/")


def _ledger_address(text: str) -> str:
    """Refuse what the ledger cannot live in; the text may hold a password and is not repeated."""
    if not re.match(r"(sqlite|postgresql)(\+\w+)?://", text):
        raise ValueError(
            f'is not the address of a ledger; write e.g. "{DEFAULT_DATABASE}" or "postgresql+psycopg://user@host/name"'
        )
    sqlite = _SQLITE.fullmatch(text)
    if sqlite and sqlite[2] in (None, "", ":memory:"):
        raise ValueError(f'a ledger in memory forgets who was mailed; write e.g. "{DEFAULT_DATABASE}"')
    url = _URL.match(text)
    if url and not _HOST.fullmatch(url["host"]):
        raise ValueError("names no server; write user:password@host:5432/name, an @ in the password as %40")
    return text


def _listed(text: str) -> str:
    if not list_key(text):
        raise ValueError(f'"{text}" names no list; it needs a letter or a digit')
    return text


def _list_id(text: str) -> str:
    if not _LIST_ID.fullmatch(text):
        raise ValueError(
            f'"{text}" is not a list id; write it like a domain, e.g. "news.example.org" (RFC 2919)'
        )
    return text


ListName = Annotated[str, AfterValidator(_listed)]


class UnsubscribeTable(Table):
    """[unsubscribe]."""

    base_url: Annotated[str, AfterValidator(_web_address)] | None = Field(
        None,
        description="Where `mailrunner serve` answers one-click requests (RFC 8058), an https address; "
        "else by mail only.",
    )
    mailto: Annotated[str, AfterValidator(check_address)] | None = Field(
        None, description="Where people write to unsubscribe; by default the account's own address."
    )
    secret: Secret | None = Field(
        None,
        description="Signs the links; by default made once and kept in the ledger. All ever used stay valid.",
    )


class ListTable(Table):
    """One list that people subscribe to."""

    list_id: Annotated[str, AfterValidator(_list_id)] | None = Field(
        None,
        description="The List-Id header (RFC 2919); by default made from the name and the sender's domain.",
    )
    formerly: Annotated[tuple[ListName, ...], Field(strict=False)] = Field(
        (), description="Earlier names: who has left one of them has left this list."
    )


class ProjectTable(Table):
    """mailrunner.toml."""

    database: Annotated[str, AfterValidator(_ledger_address)] = Field(
        DEFAULT_DATABASE,
        description="The ledger: sqlite:///… (relative to this file) or postgresql+psycopg://…",
    )
    unsubscribe: UnsubscribeTable = Field(
        default_factory=UnsubscribeTable, description="How people leave a list."
    )
    lists: dict[str, ListTable] = Field(default_factory=dict, description="Lists by name.")
    accounts: dict[str, AccountTable] = Field(default_factory=dict, description="Sending identities by name.")
    events: EventsTable = Field(
        default_factory=EventsTable,
        description="Providers that post events to `mailrunner serve`, and how they prove who they are.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe:
    """How people leave a list: by https where there is a `base_url` (no slash at its end), and by mail."""

    base_url: str | None = None
    mailto: str | None = None
    secret: SecretStr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSettings:
    """What is set for one list; `formerly` holds keys of lists (see `suppression.list_key`)."""

    list_id: str | None = None
    formerly: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One mailrunner.toml, read.  `lists` is by the key of a list; `environ` fills ${VARIABLES}.

    What lacks a variable is in `unready`: accounts by name, `events.PROVIDER`.
    """

    folder: Path
    database_url: str = field(repr=False)
    unsubscribe: Unsubscribe
    lists: dict[str, ListSettings]
    account_names: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    accounts: Mapping[str, Account] = field(repr=False)
    events: Mapping[str, EventSettings] = field(repr=False)
    unready: Mapping[str, tuple[Problem, ...]] = field(repr=False)

    @property
    def file(self) -> Path:
        return self.folder / FILE

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
            raise UserError(Problem(f'there is no account "{name}"', FILE, "accounts", hint))
        UserError.collect(self.unready.get(name, ()))
        return self.accounts[name]

    def event_settings(self) -> Mapping[str, EventSettings]:
        """How providers prove their events; UserError if a variable that one needs is not set."""
        mine = (name for name in self.unready if name == "events" or name.startswith("events."))
        UserError.collect(problem for name in mine for problem in self.unready[name])
        return self.events

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown: passwords of accounts and of the ledger, what signs links and events."""
        found = [secret for account in self.accounts.values() for secret in account.secrets()]
        found += [secret for settings in self.events.values() for secret in settings.secrets()]
        if self.unsubscribe.secret:
            found.append(self.unsubscribe.secret.get_secret_value())
        return tuple(dict.fromkeys((*found, *url_secrets(self.database_url))))


def url_secrets(url: str) -> tuple[str, ...]:
    """The password in a database URL, as it is written there and as it is meant."""
    found = _URL.match(url)
    password = (found["password"] if found else "") or ""
    return tuple(dict.fromkeys(text for text in (password, unquote(password)) if text))


def absolute_database(url: str, folder: Path) -> str:
    """Make the path of an SQLite URL absolute, from `folder`; leave all other URLs as they are."""
    found = _SQLITE.fullmatch(url)
    if not found or not found[2] or found[2] == ":memory:" or found[2].startswith("file:"):
        return url
    return f"{found[1]}/{(folder / found[2]).as_posix()}{found[3] or ''}"


def find_project(start: Path, explicit: Path | None) -> Path:
    """The folder of mailrunner.toml: `explicit` (folder or file) or `start` and above; else UserError."""
    if explicit is not None:
        folder = (explicit.parent if explicit.name == FILE else explicit).absolute()
        if not (folder / FILE).is_file():
            hint = f"create one with: mailrunner init {explicit}"
            raise UserError(Problem(f"there is no {FILE} in {folder}", hint=hint))
        return folder
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    hint = "create a project with: mailrunner init, or name one with --project DIR"
    raise UserError(Problem(f"there is no {FILE} in {start} or above", hint=hint))


def load_project(folder: Path, environ: Mapping[str, str]) -> Project:
    """Read mailrunner.toml and .env; raise UserError that carries all that is wrong with them."""
    project, problems = survey_project(folder, environ)
    UserError.collect(problems)
    return project


def survey_project(folder: Path, environ: Mapping[str, str]) -> tuple[Project, list[Problem]]:
    """Read as much of the project as can be read; return it with all that is wrong."""
    folder = folder.absolute()
    known, problems = _environment(folder, environ)
    try:
        table, missing = expand(read(folder / FILE, FILE), known)
    except UserError as error:
        table, missing = {}, {}
        problems.extend(error.problems)
    accounts = table.pop("accounts", {})
    events, faults, unready = event_settings(table.pop("events", {}), missing, FILE)
    problems.extend(in_file(FILE, faults))
    project, faults = _project(folder, table, missing)
    problems.extend(in_file(FILE, faults))
    if not isinstance(accounts, dict) or not all(isinstance(entry, dict) for entry in accounts.values()):
        problems.append(Problem("must be tables, as in [accounts.gmail]", FILE, "accounts"))
        accounts = {}
    ready: dict[str, Account] = {}
    for name, entry in accounts.items():
        account, faults, waiting = _account(name, entry, missing, folder)
        problems.extend(in_file(FILE, faults))
        if waiting:
            unready[name] = tuple(in_file(FILE, waiting))
        elif account:
            ready[name] = account
    return replace(
        project,
        environ=known,
        account_names=tuple(accounts),
        accounts=ready,
        events=events,
        unready=unready,
    ), problems


def _environment(folder: Path, environ: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """The variables of .env and of the environment, which wins."""
    from io import StringIO

    from dotenv.parser import parse_stream

    file = folder / ".env"
    if not file.is_file():
        return dict(environ), []
    try:
        bindings = list(parse_stream(StringIO(file.read_text("utf-8-sig"))))
    except (OSError, UnicodeDecodeError):
        return dict(environ), [
            Problem("cannot be read", ".env", hint="save it as UTF-8 text that you may read")
        ]
    hint = 'write NAME=value, or NAME="value" where the value has blanks or a #'
    problems = [
        Problem(f"line {b.original.line} is not understood", ".env", hint=hint) for b in bindings if b.error
    ]
    # Values are taken as they stand: a password may well contain a "$".
    written = {b.key: b.value for b in bindings if b.key and b.value is not None}
    return {**written, **environ}, problems


def _project(folder: Path, table: Any, missing: Mapping[Keys, Problem]) -> tuple[Project, list[Problem]]:
    """Everything but the accounts and the events."""
    read_table, faults = validate(ProjectTable, table)
    waiting = {keys: problem for keys, problem in missing.items() if keys[0] not in ("accounts", "events")}
    faults = [*waiting.values(), *unexplained(faults, waiting)]
    found = read_table or ProjectTable()
    lists, clashes = _lists(found.lists)
    project = Project(
        folder=folder,
        database_url=absolute_database(found.database, folder),
        unsubscribe=Unsubscribe(**dict(found.unsubscribe)),
        lists=lists,
        account_names=(),
        environ={},
        accounts={},
        events={},
        unready={},
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


def _account(
    name: str, entry: dict[str, Any], missing: Mapping[Keys, Problem], folder: Path
) -> tuple[Account | None, list[Problem], list[Problem]]:
    """The account, what is wrong with its table, and what is wrong only once somebody needs it."""
    at: Keys = ("accounts", name)
    waiting = {keys: problem for keys, problem in missing.items() if keys[:2] == at}
    table, faults = validate(AccountTable, entry, at)
    faults = list(unexplained(faults, waiting))
    # Without the value of a password everything else can still be judged; without a host it cannot.
    if table is None or any(keys[2] != "password" for keys in waiting):
        return None, faults, list(waiting.values())
    account, contradictions = complete(name, table, folder)
    faults += [replace(problem, key=f"{dotted(at)}.{problem.key}") for problem in contradictions]
    return account, faults, list(waiting.values())
