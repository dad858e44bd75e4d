"""The keys of `[accounts.NAME]`, and what each value must be."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from mailrunner.config.api_table import ApiKeys
from mailrunner.config.dkim_table import DkimTable
from mailrunner.config.oauth_table import OAuthTable
from mailrunner.config.providers import Tls, preset_names
from mailrunner.config.toml_table import Secret, Table, text_as
from mailrunner.errors import did_you_mean
from mailrunner.model.mailbox_address import check_address
from mailrunner.model.quota import Limit
from mailrunner.model.schedule import zone

_PROVIDER_HINT = 'write provider = "smtp" with host and port for any other server'
_NOT_A_HOST = re.compile(r"[\s/@]|^[^:]*:[^:]*$")  # an IPv6 address has more than one colon


def _known_provider(text: str) -> str:
    if text not in preset_names():
        raise ValueError(
            f'there is no provider "{text}"; {did_you_mean(text, preset_names()) or _PROVIDER_HINT}'
        )
    return text


def _bare_host(text: str) -> str:
    if not text or _NOT_A_HOST.search(text):
        raise ValueError(
            f'"{text}" is not the name of a server; write the name alone, the port goes into port'
        )
    return text


def _return_path(text: str) -> str:
    if text.partition("@")[0].count("{token}") != 1:
        raise ValueError("must have {token} once before the @; write e.g. bounce+{token}@example.org")
    check_address(text.replace("{token}", "a"))
    return text


def _all_providers(schema: dict[str, Any]) -> None:
    schema["enum"] = list(preset_names())


Host = Annotated[str, AfterValidator(_bare_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
Zone = Annotated[
    ZoneInfo, PlainValidator(text_as(zone)), WithJsonSchema({"type": "string", "default": "UTC"})
]
LimitText = Annotated[
    Limit,
    PlainValidator(text_as(Limit.parse)),
    WithJsonSchema({"type": "string", "examples": ["500/24h", "14/second", "300/day", "unlimited/24h"]}),
]


class ImapTable(Table):
    """[accounts.NAME.imap]: where sent messages and bounces are looked up."""

    host: Host | None = Field(None, description="The IMAP server; presets know theirs.")
    port: Port | None = Field(None, description="Its port; 993 unless you say otherwise.")
    tls: Tls | None = Field(
        None, description="How the connection is encrypted; follows from port 993 or 143."
    )
    user: str | None = Field(None, description="The IMAP user; the account's own unless you say otherwise.")
    password: Secret | None = Field(None, description="The IMAP password; the account's own by default.")


class AccountTable(ApiKeys):
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
    user: str | None = Field(None, description="The SMTP user; for mailboxes the full address.")
    password: Secret | None = Field(
        None, description='Its password, best as "${VARIABLE}" from the environment or the .env file.'
    )
    login: Literal["password", "oauth"] | None = Field(
        None,
        description='"oauth": by a token, as `mailrunner login` gets it; "password" unless the preset '
        "takes no password.",
    )
    limits: Annotated[tuple[LimitText, ...], Field(strict=False)] = Field(
        (),
        description="Recipients per window; each replaces the preset's of the same window or is added.",
    )
    reserve: int = Field(
        0, ge=0, description="Recipients kept free for your own mail in every window of a day or longer."
    )
    timezone: Zone = Field(
        default_factory=lambda: ZoneInfo("UTC"),
        description='Where the days of a limit such as "300/day" begin.',
    )
    connections: int | None = Field(
        None, ge=1, le=1000, description="How many connections at once; presets know theirs."
    )
    messages_per_connection: int | None = Field(
        None, ge=1, description="After so many messages the connection is made anew."
    )
    in_flight: int = Field(
        1,
        ge=1,
        le=100,
        description="Messages in flight on one connection, where the server supports CHUNKING "
        "(RFC 3030); so many are in doubt if it breaks.",
    )
    timeout: int = Field(
        300, ge=1, description="Seconds to wait for the reply to a command (RFC 5321 §4.5.3.2)."
    )
    ca_file: str | None = Field(
        None, description="Trust this certificate authority instead of the system's: a PEM file."
    )
    return_path: Annotated[str, AfterValidator(_return_path)] | None = Field(
        None, description="Where bounces go, one address per message: bounce+{token}@example.org."
    )
    imap: ImapTable | None = Field(None, description="Where sent messages and bounces are looked up.")
    dkim: DkimTable | None = Field(None, description="DKIM signing, for an own relay.")
    oauth: OAuthTable | None = Field(None, description='How tokens are got, for login = "oauth".')
