"""The keys of `[accounts.NAME.oauth]`, and what each value must be."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from mailrunner.config.toml_table import Secret, Table

Flow = Literal["browser", "device", "service-account", "client-credentials"]

_TENANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_CLIENT_ID = re.compile(r"[!-~]{1,500}")  # RFC 6749 appendix A.1, without blanks


def _tenant(text: str) -> str:
    if not _TENANT.fullmatch(text):
        raise ValueError(
            f'"{text}" is no tenant; write its id or domain, or "organizations", "consumers", "common"'
        )
    return text


def _client_id(text: str) -> str:
    if not _CLIENT_ID.fullmatch(text.strip()):
        raise ValueError("is no client id; copy it from the page of your app, see docs/login.md")
    return text.strip()


def _server(text: str) -> str:
    url = urlsplit(text)
    if not url.hostname or url.username or url.query or url.fragment or url.scheme not in ("https", "http"):
        raise ValueError(f'"{text}" is no address of a server; write e.g. https://login.microsoftonline.us')
    if url.scheme == "http" and not _is_loopback(url.hostname):
        raise ValueError(f'"{text}" would send tokens unencrypted; write https://…')
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    """True for an IP address of this machine; a name could be looked up as another one's."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class OAuthTable(Table):
    """[accounts.NAME.oauth]: your own app at the provider, and how its tokens are got."""

    client_id: Annotated[str, AfterValidator(_client_id)] | None = Field(
        None, description="The id of your own app at Google or Microsoft; see docs/login.md."
    )
    client_secret: Secret | None = Field(
        None, description='Its secret, where it has one, best as "${VARIABLE}".'
    )
    tenant: Annotated[str, AfterValidator(_tenant)] | None = Field(
        None, description='Microsoft: "organizations", "consumers", "common", or the id of your tenant.'
    )
    flow: Flow = Field(
        "browser",
        description='"browser" or "device" (Microsoft): a user logs in once; "service-account" (Google '
        'Workspace) or "client-credentials" (Microsoft): the administrator allows it, and no user does.',
    )
    key_file: str | None = Field(
        None, description="The JSON key of a Google service account; the path starts at this folder."
    )
    refresh_token: Secret | None = Field(
        None, description="Instead of `mailrunner login`, for machines that keep no files."
    )
    url: Annotated[str, AfterValidator(_server)] | None = Field(
        None, description="Another authorization server, such as a national cloud's; https, or loopback."
    )
