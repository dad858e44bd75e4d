"""The keys of mailrunner.toml, and what each value must be.

Each value is checked by itself here; `project` checks how they fit together.
"""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from mailrunner.config.account_table import AccountTable
from mailrunner.config.database_url import DEFAULT_DATABASE, ledger_url
from mailrunner.config.events import EventsTable
from mailrunner.config.toml_table import Secret, Table, text_as
from mailrunner.model.mailbox_address import check_address
from mailrunner.model.schedule import duration
from mailrunner.model.suppression import list_key

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
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


def _list_name(text: str) -> str:
    if not list_key(text):
        raise ValueError(f'"{text}" names no list; it needs a letter or a digit')
    return text


def _list_id(text: str) -> str:
    if not _LIST_ID.fullmatch(text):
        raise ValueError(
            f'"{text}" is not a list id; write it like a domain, e.g. "news.example.org" (RFC 2919)'
        )
    return text


def _as_list(value: object) -> object:
    """One target as a list of one."""
    return [value] if isinstance(value, str) else value


def _hook_target(text: str) -> str:
    """A command, an address to post to, or one to write to; ValueError for what is none of them."""
    target = text.strip()
    if target.casefold().startswith("mailto:"):
        return f"mailto:{check_address(target[len('mailto:') :])}"
    if re.match(r"https?://", target, re.IGNORECASE):
        parts = urlsplit(target)
        if not parts.hostname or not target.isascii() or re.search(r"\s", target):
            raise ValueError('is not a web address; write e.g. "https://hooks.example.org/mail"')
        if parts.scheme.casefold() != "https" and parts.hostname not in _LOOPBACK:
            raise ValueError("must begin with https://, as it gets what servers say of recipients")
        return target
    try:
        words = shlex.split(target)
    except ValueError as error:
        raise ValueError(f"is no command: {error}; put quotation marks around words with blanks") from None
    if not words or "\0" in target:
        raise ValueError('is empty; write a command, an https address or "mailto:you@example.org"')
    return target


HookTarget = Annotated[str, AfterValidator(_hook_target)]
ListName = Annotated[str, AfterValidator(_list_name)]


class UnsubscribeTable(Table):
    """[unsubscribe]."""

    base_url: Annotated[str, AfterValidator(_web_address)] | None = Field(
        None,
        description="Where `mailrunner serve` answers one-click requests (RFC 8058), an https address; "
        "without it recipients can unsubscribe by mail only.",
    )
    mailto: Annotated[str, AfterValidator(check_address)] | None = Field(
        None, description="Where recipients write to unsubscribe; by default the account's own address."
    )
    secret: Secret | None = Field(
        None,
        description="Signs unsubscribe links; by default made once, in the ledger. All ever used stay valid.",
    )
    logo: str | None = Field(
        None,
        min_length=1,
        description="An image in the project's folder (PNG, JPEG, GIF or WebP, at most 256 KB) that "
        "`mailrunner serve` shows on its pages.",
    )


class DashboardTable(Table):
    """[dashboard]."""

    password: Secret | None = Field(
        None,
        description="Lets users into `mailrunner dashboard` where it does not listen on loopback, and "
        "programs that read /metrics (Authorization: Bearer).",
    )


class ListTable(Table):
    """[lists.NAME]: one list that recipients subscribe to."""

    list_id: Annotated[str, AfterValidator(_list_id)] | None = Field(
        None,
        description="The List-Id header (RFC 2919); by default made from the name and the sender's domain.",
    )
    formerly: Annotated[tuple[ListName, ...], Field(strict=False)] = Field(
        (), description="Earlier names: an unsubscription from one of them counts for this list too."
    )


def _ledger_timeout(text: str) -> timedelta:
    """Shorter than the time after which a run is taken for dead."""
    found = duration(text)
    if not timedelta(seconds=2) <= found <= timedelta(minutes=1):
        raise ValueError('is at least "2s" and at most "60s"; the default is "10s"')
    return found


LedgerTimeout = Annotated[
    timedelta,
    PlainValidator(text_as(_ledger_timeout)),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+\s*[sm]\s*$", "default": "10s"}),
]


class LedgerTable(Table):
    """[ledger]."""

    timeout: LedgerTimeout | None = Field(
        None,
        description="How long a machine that has fallen silent may keep the others waiting at a ledger in "
        'PostgreSQL; "10s" by default. More for a line that is often interrupted.',
    )
    failover: Literal["ask", "synchronous"] = Field(
        "ask",
        description="What a run does where a standby of the PostgreSQL server was promoted: stop until "
        '`--same-ledger` is typed ("ask"), or go on, as the standby is synchronous and never behind '
        '("synchronous").',
    )


Term = Annotated[
    timedelta,
    PlainValidator(text_as(duration)),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+\s*[smhd]\s*$", "default": "5m"}),
]


class WorkersTable(Table):
    """[workers]."""

    shares: int = Field(2, ge=1, le=64, description="How many shares of each campaign are worked at once.")
    term: Term = Field(
        default_factory=lambda: timedelta(minutes=5),
        description="How long a worker stays with one campaign before another has its turn.",
    )
    db_schema: str = Field(
        "mailrunner_jobs",
        alias="schema",
        pattern=r"^[a-z_][a-z0-9_]{0,62}$",
        description="The schema of the queue's tables in the ledger's database.",
    )


class ProjectTable(Table):
    """mailrunner.toml."""

    database: Annotated[str, AfterValidator(ledger_url)] = Field(
        DEFAULT_DATABASE,
        description="The ledger: sqlite:///… (relative to this file) or postgresql+psycopg://…",
    )
    ledger: LedgerTable = Field(default_factory=LedgerTable, description="How the ledger's database is kept.")
    workers: WorkersTable = Field(
        default_factory=WorkersTable, description="How `mailrunner work` shares campaigns out."
    )
    unsubscribe: UnsubscribeTable = Field(
        default_factory=UnsubscribeTable, description="How recipients leave a list."
    )
    dashboard: DashboardTable = Field(
        default_factory=DashboardTable, description="The way into the dashboard."
    )
    on_event: Annotated[tuple[HookTarget, ...], BeforeValidator(_as_list), Field(strict=False)] = Field(
        (),
        description="What is told of a stop, a pause, an end, messages in doubt, complaints: a command, an "
        'https address, "mailto:you@example.org", or a list of these.',
    )
    lists: dict[str, ListTable] = Field(default_factory=dict, description="Lists by name.")
    accounts: dict[str, AccountTable] = Field(default_factory=dict, description="Sending identities by name.")
    events: EventsTable = Field(
        default_factory=EventsTable,
        description="Providers that post events to `mailrunner serve`, and how each is authenticated.",
    )
