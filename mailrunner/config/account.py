"""One `[accounts.NAME]`: a preset, what the person wrote over it, and what contradicts what.

`AccountTable` is what stands in the file, `Account` what sending needs.  Passwords are `SecretStr`
from the file to the socket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PlainValidator, SecretStr, WithJsonSchema

from mailrunner.config.providers import Preset, Tls, by_host, preset, preset_names, tls_of_port
from mailrunner.config.toml_file import Table, did_you_mean, is_file, text_as
from mailrunner.errors import Problem
from mailrunner.model.mailbox_address import check_address
from mailrunner.model.quota import Limit, merge
from mailrunner.model.schedule import zone

_IMAP_PORTS: dict[int, Tls] = {993: "implicit", 143: "starttls"}  # RFC 8314 §3.2
_PORTS_OF_TLS: dict[Tls, int] = {"implicit": 465, "starttls": 587}
_NOT_A_HOST = re.compile(r"[\s/@]|^[^:]*:[^:]*$")  # an IPv6 address has more than one colon
_PERSONAL_GOOGLE = ("gmail.com", "googlemail.com")


def _known_provider(text: str) -> str:
    if text not in preset_names():
        raise ValueError(
            f'there is no provider "{text}"; {did_you_mean(text, preset_names()) or _PROVIDER_HINT}'
        )
    return text


_PROVIDER_HINT = 'write provider = "smtp" with host and port for any other server'


def _bare_host(text: str) -> str:
    if not text or _NOT_A_HOST.search(text):
        raise ValueError(
            f'"{text}" is not the name of a server; write the name alone, the port goes into port'
        )
    return text


def _not_empty(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("is empty; remove the line or fill it in")
    return secret


def _tokened(text: str) -> str:
    if text.partition("@")[0].count("{token}") != 1:
        raise ValueError("must have {token} once before the @; write e.g. bounce+{token}@example.org")
    check_address(text.replace("{token}", "a"))
    return text


def _all_providers(schema: dict[str, Any]) -> None:
    schema["enum"] = list(preset_names())


Host = Annotated[str, AfterValidator(_bare_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
Secret = Annotated[SecretStr, AfterValidator(_not_empty)]
Zone = Annotated[
    ZoneInfo, PlainValidator(text_as(zone)), WithJsonSchema({"type": "string", "default": "UTC"})
]
OneLimit = Annotated[
    Limit,
    PlainValidator(text_as(Limit.parse)),
    WithJsonSchema({"type": "string", "examples": ["500/24h", "14/second", "300/day", "unlimited/24h"]}),
]


class ImapTable(Table):
    """Where sent mail and bounces are looked up."""

    host: Host | None = Field(None, description="The IMAP server; presets know theirs.")
    port: Port | None = Field(None, description="Its port; 993 unless you say otherwise.")
    tls: Tls | None = Field(
        None, description="How the connection is encrypted; follows from port 993 or 143."
    )
    user: str | None = Field(None, description="The IMAP user; the account's own unless you say otherwise.")
    password: Secret | None = Field(None, description="The IMAP password; the account's own by default.")


class AccountTable(Table):
    """One sending identity."""

    provider: Annotated[str, AfterValidator(_known_provider)] = Field(
        description='A preset that knows host, port and limits; "smtp" for any other server.',
        json_schema_extra=_all_providers,
    )
    host: Host | None = Field(None, description="The SMTP server; presets know theirs.")
    port: Port | None = Field(None, description="Its port: 587 for STARTTLS, 465 for implicit TLS.")
    tls: Tls | None = Field(
        None, description="How the connection is encrypted; follows from port 465 or 587."
    )
    user: str | None = Field(None, description="Who logs in; for mailboxes the full address.")
    password: Secret | None = Field(
        None, description='Its password, best as "${VARIABLE}" from the environment or the .env file.'
    )
    limits: Annotated[tuple[OneLimit, ...], Field(strict=False)] = Field(
        (), description="Recipients a window; each replaces the preset's of the same window or is added."
    )
    reserve: int = Field(0, ge=0, description="Room for your own mail, taken off windows of a day or longer.")
    timezone: Zone = Field(
        default_factory=lambda: ZoneInfo("UTC"),
        description='Where the days of a limit such as "300/day" begin.',
    )
    connections: int | None = Field(None, ge=1, le=1000, description="How many at once; presets know theirs.")
    messages_per_connection: int | None = Field(None, ge=1, description="Then the connection is made anew.")
    in_flight: int = Field(
        1,
        ge=1,
        le=100,
        description="Messages that may be unanswered on one connection, where the server takes chunks "
        "(RFC 3030); so many are in doubt if it breaks.",
    )
    timeout: int = Field(300, ge=1, description="Seconds to wait for a command's answer (RFC 5321 §4.5.3.2).")
    ca_file: str | None = Field(None, description="Trust this authority instead of the system's: a PEM file.")
    return_path: Annotated[str, AfterValidator(_tokened)] | None = Field(
        None, description="Where bounces go, one address a message: bounce+{token}@example.org."
    )
    imap: ImapTable | None = Field(None, description="Where sent mail and bounces are looked up.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Imap:
    """An IMAP mailbox and how to log in to it; it trusts the account's `ca_file`."""

    host: str
    port: int
    tls: Tls
    user: str
    password: SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One sending identity, complete.  `provider` is what the file says, `preset` what was recognised."""

    name: str
    provider: str
    preset: Preset
    host: str
    port: int
    tls: Tls
    user: str
    password: SecretStr | None
    limits: tuple[Limit, ...]
    reserve: int
    timezone: ZoneInfo
    connections: int
    messages_per_connection: int | None
    in_flight: int
    timeout: int
    ca_file: Path | None
    return_path: str | None
    imap: Imap | None

    @property
    def identity(self) -> str:
        """What quota and pauses belong to: the same for every way of writing one mailbox."""
        host = self.host.casefold().rstrip(".")
        if not self.user:
            return f"{host}:{self.port}"
        known = by_host(host)
        family = (known.family if known else "") or host
        return f"{family}/{_one_spelling(self.user, family)}"

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine, which seldom asks for a login."""
        return _is_loopback(self.host)

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        kept = (self.password, self.imap.password if self.imap else None)
        return tuple(dict.fromkeys(secret.get_secret_value() for secret in kept if secret))


def _one_spelling(user: str, family: str) -> str:
    """The user casefolded; for personal Google accounts, which ignore dots and plus-tags, without them."""
    user = user.strip().casefold()
    local, _, domain = user.rpartition("@") if "@" in user else (user, "", "gmail.com")
    if family != "google" or domain not in _PERSONAL_GOOGLE:
        return user
    return f"{local.partition('+')[0].replace('.', '')}@gmail.com"


def complete(name: str, table: AccountTable, folder: Path) -> tuple[Account, list[Problem]]:
    """Fill the table up from its preset; return the account and what contradicts what, by key.

    The account is good for use only where there are no problems.
    """
    chosen = _recognised(table)
    host = table.host or chosen.host
    port = table.port or _usual_port(table, chosen)
    tls = table.tls or (chosen.tls if port == chosen.port and chosen.serves(host) else tls_of_port(port))
    user = (table.user or chosen.user).strip()
    password = _without_blanks(table.password) if chosen.app_password else table.password
    account = Account(
        name=name,
        provider=table.provider,
        preset=chosen,
        host=host,
        port=port,
        tls=tls or "none",
        user=user,
        password=password,
        limits=merge(chosen.limits, table.limits),
        reserve=table.reserve,
        timezone=table.timezone,
        connections=table.connections or chosen.connections,
        messages_per_connection=table.messages_per_connection or chosen.messages_per_connection,
        in_flight=table.in_flight,
        timeout=table.timeout,
        ca_file=folder / table.ca_file if table.ca_file else None,
        return_path=table.return_path,
        imap=_imap(table.imap, chosen if chosen.serves(host) else preset("smtp"), user, password),
    )
    checks = (_host_problems, _wire_problems, _login_problems, _imap_problems, _other_problems)
    return account, [problem for check in checks for problem in check(account, table)]


def _recognised(table: AccountTable) -> Preset:
    """The preset named or, for plain "smtp", the one whose server `host` is."""
    named = preset(table.provider)
    if table.provider != "smtp" or not table.host:
        return named
    found = by_host(table.host) or named
    if found.family == "google" and not _is_personal(table.user or ""):
        return preset("google-workspace")
    return found


def _is_personal(user: str) -> bool:
    return user.strip().casefold().rpartition("@")[2] in _PERSONAL_GOOGLE


def _usual_port(table: AccountTable, chosen: Preset) -> int:
    if chosen.port and table.tls in (None, chosen.tls):
        return chosen.port
    return _PORTS_OF_TLS.get(table.tls, 0) if table.tls and chosen.port else 0


def _without_blanks(secret: SecretStr | None) -> SecretStr | None:
    return SecretStr("".join(secret.get_secret_value().split())) if secret else None


def _imap(table: ImapTable | None, known: Preset, user: str, password: SecretStr | None) -> Imap | None:
    """The mailbox spelled out, else the preset's; None where there is neither, or no way to log in."""
    own = table or ImapTable()
    host, secret = own.host or known.imap_host, own.password or password
    if not host or secret is None:
        return None
    if known.app_password and own.password:
        secret = _without_blanks(own.password) or secret
    port = own.port or known.imap_port
    return Imap(
        host=host,
        port=port,
        tls=own.tls or _IMAP_PORTS.get(port, "none"),
        user=(own.user or user).strip(),
        password=secret,
    )


def _host_problems(account: Account, table: AccountTable) -> Iterator[Problem]:
    if not account.host:
        yield Problem("this key is missing", key="host", hint='provider = "smtp" needs host and port')
    if not account.port:
        yield Problem("this key is missing", key="port", hint="587 for STARTTLS, 465 for implicit TLS")
    owner = by_host(account.host)
    if owner and not account.preset.serves(account.host):
        yield Problem(
            f"{account.host} is a server of {owner.title}, not of {account.preset.title}",
            key="host",
            hint=f'write provider = "{owner.name}", or remove host',
        )


def _wire_problems(account: Account, table: AccountTable) -> Iterator[Problem]:
    if not account.host or not account.port:
        return
    meant = tls_of_port(account.port)
    if table.tls is None and meant is None and account.port != account.preset.port:
        yield Problem(
            "this key is missing",
            key="tls",
            hint=f'port {account.port} does not tell; write tls = "starttls", "implicit" or "none"',
        )
    elif meant and account.tls != meant:
        yield Problem(
            f'tls = "{account.tls}" contradicts port {account.port}',
            key="tls",
            hint=f'port {account.port} means tls = "{meant}"; for another way name another port',
        )
    elif account.tls == "none" and account.password and not _is_loopback(account.host):
        yield Problem(
            f'tls = "none" would send the password to {account.host} for everyone on the way to read',
            key="tls",
            hint='write tls = "starttls" or "implicit", or leave user and password out',
        )


def _login_problems(account: Account, table: AccountTable) -> Iterator[Problem]:
    at_home = account.preset.serves(account.host)
    if at_home and account.preset.login == "password" and not account.user:
        yield Problem(
            "this key is missing", key="user", hint=f"{account.preset.title} asks everyone to log in"
        )
    elif account.password and not account.user:
        yield Problem("there is a password but no user", key="user", hint="add user, or remove password")
    # A loopback server seldom asks for a login; the user then only says whose cap it is.
    asked = account.preset.login != "oauth" and not _is_loopback(account.host)
    if account.user and account.password is None and asked:
        yield Problem("there is a user but no password", key="password", hint=account.preset.note)
    if at_home and account.preset.name == "google-workspace" and _is_personal(account.user):
        yield Problem(
            f"{account.user} is a personal account, which may send less than a Workspace account",
            key="provider",
            hint='write provider = "gmail"',
        )


def _imap_problems(account: Account, table: AccountTable) -> Iterator[Problem]:
    if table.imap is None:
        return
    if account.imap is None:
        missing = "host" if not table.imap.host else "password"
        yield Problem(
            "this key is missing", key=f"imap.{missing}", hint="an IMAP login needs host, user and password"
        )
        return
    imap = account.imap
    if not imap.user:
        yield Problem(
            "this key is missing", key="imap.user", hint="neither the account nor imap names a user"
        )
    if table.imap.tls is None and imap.port not in _IMAP_PORTS:
        hint = f'port {imap.port} does not tell; write tls = "implicit", "starttls" or "none"'
        yield Problem("this key is missing", key="imap.tls", hint=hint)
    elif imap.tls == "none" and not _is_loopback(imap.host):
        yield Problem(
            f'tls = "none" would send the password to {imap.host} for everyone on the way to read',
            key="imap.tls",
            hint='write tls = "implicit" or "starttls"',
        )


def _other_problems(account: Account, table: AccountTable) -> Iterator[Problem]:
    if account.ca_file and not is_file(account.ca_file):
        yield Problem(
            f'there is no file "{table.ca_file}"',
            key="ca_file",
            hint="the path starts at mailrunner.toml's folder",
        )
    for limit in account.limits:
        if limit.usable(account.reserve) == 0:
            hint = f"make it smaller than {limit.number}"
            yield Problem(
                f"a reserve of {account.reserve} leaves nothing of {limit}", key="reserve", hint=hint
            )


def _is_loopback(host: str) -> bool:
    if host.casefold().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
