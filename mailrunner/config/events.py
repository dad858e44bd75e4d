"""[events.PROVIDER]: how the events that a provider posts to `mailrunner serve` are authenticated.

    https://USER:PASSWORD@news.example.org/events/postmark

Every provider can be given an address with a user and a password in it (HTTP basic authentication);
Mailgun and, if asked to, SendGrid sign what they send, and so does SNS, through which SES posts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, model_validator

from mailrunner.config.toml_file import Keys, dotted
from mailrunner.config.toml_table import Secret, Table, validate
from mailrunner.errors import Problem

_TOPIC = re.compile(r"arn:aws[\w-]*:sns:[\w-]+:\d{12}:[\w.-]+")


def _basic_auth(secret: SecretStr) -> SecretStr:
    user, colon, password = secret.get_secret_value().partition(":")
    if not (user and colon and password):
        raise ValueError('must be the user and the password of the address, written as "user:password"')
    return secret


def _topic(text: str) -> str:
    if not _TOPIC.fullmatch(text):
        raise ValueError(f'"{text}" is no SNS topic; write e.g. "arn:aws:sns:eu-west-1:123456789012:bounces"')
    return text


def _public_key(text: str) -> str:
    body = re.sub(r"-----[A-Z ]+-----|\s", "", text)
    if not re.fullmatch(r"[A-Za-z0-9+/]{80,}={0,2}", body):
        raise ValueError(
            "is no public key; copy the verification key from SendGrid's page of the event webhook"
        )
    return body


def _not_empty(topics: tuple[str, ...]) -> tuple[str, ...]:
    if not topics:
        raise ValueError("names no topic, so that anyone could post events")
    return topics


Topics = Annotated[tuple[Annotated[str, AfterValidator(_topic)], ...], AfterValidator(_not_empty)]
BasicAuth = Annotated[Secret, AfterValidator(_basic_auth)]


class BasicTable(Table):
    """A provider that does not sign: it posts to an address with a user and a password."""

    secret: BasicAuth = Field(
        description='"user:password", as in https://user:password@host/events/PROVIDER.'
    )


class MailgunTable(Table):
    """Mailgun signs each event."""

    secret: Secret = Field(description="The HTTP webhook signing key, from Mailgun's page on API security.")


class SendGridTable(Table):
    """SendGrid signs its events if it is asked to."""

    secret: BasicAuth | None = Field(
        None, description='"user:password", as in https://user:password@host/events/sendgrid.'
    )
    public_key: Annotated[str, AfterValidator(_public_key)] | None = Field(
        None, description="The verification key of the signed event webhook."
    )

    @model_validator(mode="after")
    def _authenticated(self) -> SendGridTable:
        if self.secret is None and self.public_key is None:
            raise ValueError('anyone could post events; set public_key, or secret = "user:password"')
        return self


class SesTable(Table):
    """SES posts through SNS, which signs for every owner of a topic: `topics` names our own."""

    topics: Annotated[Topics, Field(strict=False)] = Field(
        description="The ARNs of the SNS topics to which SES publishes."
    )
    secret: BasicAuth | None = Field(
        None, description='Checked too if set: "user:password", as in https://user:password@host/events/ses.'
    )


class EventsTable(Table):
    """[events]."""

    ses: SesTable | None = Field(None, description="Amazon SES, through SNS.")
    mailgun: MailgunTable | None = Field(None, description="Mailgun.")
    postmark: BasicTable | None = Field(None, description="Postmark.")
    sendgrid: SendGridTable | None = Field(None, description="SendGrid's event webhook.")
    brevo: BasicTable | None = Field(None, description="Brevo's transactional webhook.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """The proofs that tell one provider's events from forged ones; a field that is not set is not checked.

    `login` is "user:password", `signing_key` Mailgun's, `public_key` SendGrid's (base64 of the DER),
    `topics` the SNS topics of SES.
    """

    login: SecretStr | None = None
    signing_key: SecretStr | None = None
    public_key: str | None = None
    topics: tuple[str, ...] = ()

    def secrets(self) -> tuple[str, ...]:
        """The login, its password and the signing key, which no output may show."""
        known = [secret.get_secret_value() for secret in (self.login, self.signing_key) if secret]
        password = known[0].partition(":")[2] if self.login else ""
        return tuple(text for text in (*known, password) if text)


def event_settings(
    table: Any, missing: Mapping[Keys, Problem], label: str
) -> tuple[dict[str, EventSettings], list[Problem], dict[str, tuple[Problem, ...]]]:
    """Read [events]; return the settings by provider, the problems, and the variables not set, by dotted key.

    A variable that is not set does not hinder sending: it is a problem for `serve` alone.
    """
    unset = {keys: problem for keys, problem in missing.items() if keys[0] == "events"}
    names = {keys[1] for keys in unset if len(keys) > 1}
    if isinstance(table, dict):
        table = {name: entry for name, entry in table.items() if name not in names}
    checked, problems = validate(EventsTable, table, ("events",))
    given = checked or EventsTable()
    settings = {name: _settings(name, entry) for name, entry in given if entry is not None}
    unset_variables: dict[str, tuple[Problem, ...]] = {}
    for keys, problem in unset.items():
        key = dotted(keys[:2])
        unset_variables[key] = (*unset_variables.get(key, ()), replace(problem, file=label))
    return settings, problems, unset_variables


def _settings(name: str, table: Any) -> EventSettings:
    given = dict(table)
    secret = given.pop("secret", None)
    return EventSettings(**given, **{"signing_key" if name == "mailgun" else "login": secret})
