"""The keys of `[accounts.NAME]` that concern an HTTP API, and what each value must be."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from mailrunner.config.toml_table import Secret, Table

_REGION = re.compile(r"[a-z0-9-]{1,32}")
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?")


def is_loopback(host: str) -> bool:
    """Say whether a host name or IP address means this machine."""
    if host.casefold().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _endpoint(text: str) -> str:
    parts = urlsplit(text.rstrip("/"))
    try:
        port_is_one = parts.port is None or parts.port > 0
    except ValueError:
        port_is_one = False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_one:
        raise ValueError('must be an address such as "https://api.example.org"')
    if parts.path or parts.query or parts.fragment or parts.username:
        raise ValueError("must be scheme and host alone, without a path or a login")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("would send the key unencrypted; write https (http is for this machine alone)")
    return text.rstrip("/")


def _proxy(secret: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(secret.get_secret_value())
        is_one = parts.scheme == "http" and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # its words quote the password
        is_one = False
    if not is_one or parts.path.strip("/") or parts.query or parts.fragment:
        sentence = 'must be an address such as "http://USER:PASSWORD@proxy.example.org:3128", '
        raise ValueError(sentence + "in a password %2F for /, %3F for ?, %23 for #, %40 for @")
    return secret


def _matching(pattern: re.Pattern[str], sentence: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(sentence)
        return text

    return AfterValidator(check)


def _header_value(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\x21-\x7e]+", secret.get_secret_value().strip()):
        raise ValueError("has blanks or characters outside ASCII, which no key has")
    return SecretStr(secret.get_secret_value().strip())


Key = Annotated[Secret, AfterValidator(_header_value)]


class ApiKeys(Table):
    """Keys that mean something with `via = "api"`; `identity` with any."""

    via: Literal["smtp", "api"] = Field(
        "smtp", description='"api": hand messages to the provider\'s HTTP API, where SMTP ports are closed.'
    )
    key: Key | None = Field(
        None, description="The API key, the access key's id at Amazon SES; best as ${VARIABLE}."
    )
    secret: Key | None = Field(None, description="The second half of the key, at Amazon SES and Mailjet.")
    region: Annotated[str, _matching(_REGION, 'must be a region such as "eu-west-1" or "eu"')] | None = Field(
        None, description='The provider\'s region: "eu-west-1" at Amazon SES, "eu" at Mailgun and others.'
    )
    stream: Annotated[str, _matching(_PLAIN, "must be the plain name of a stream")] | None = Field(
        None,
        description="Message stream (Postmark, Mailtrap), configuration set (SES), subaccount (Mandrill).",
    )
    domain: Annotated[str, _matching(_DOMAIN, "must be a domain, in ASCII")] | None = Field(
        None, description="The sending domain at Mailgun."
    )
    url: Annotated[str, AfterValidator(_endpoint)] | None = Field(
        None, description="Another endpoint: a gateway, or a server for tests; https unless on this machine."
    )
    proxy: Annotated[Secret, AfterValidator(_proxy)] | None = Field(
        None, description="The HTTP proxy to go through; without it HTTPS_PROXY and NO_PROXY count."
    )
    identity: Annotated[str, _matching(_PLAIN, "must be a short plain name")] | None = Field(
        None,
        description="A name for the sending account at the provider, where several accounts here, or SMTP "
        "and API, share its quota.",
    )
