"""The identity of a sending account: the key of its quota, its pauses and its stops.

It is the provider's own account, by whatever way messages go there: SMTP and API of one account are one, two
accounts of one provider are two.  A key is never part of it, only a digest.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from mailrunner.config.api_presets import ApiPreset, api_preset
from mailrunner.config.providers import Preset, by_host

_PERSONAL_GOOGLE = ("gmail.com", "googlemail.com")
_SES_HOST = re.compile(r"email-smtp(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IdentityFacts:
    """The facts that tell an account's identity; `api_key`, `region` and `domain` are "" for SMTP.

    `password` is SMTP's or "", `name` the account's key `identity` or "".
    """

    preset: Preset
    is_api: bool
    host: str
    port: int
    user: str
    password: str
    name: str
    api_key: str
    region: str
    domain: str

    @property
    def identity(self) -> str:
        """The identity as it is now."""
        known = self.preset if self.is_api else by_host(self.host)
        if self.name:
            return f"{_family(known) or self._server}/{self.name.casefold()}"
        api = api_preset(known.name) if known else None
        own = self._of_service(api) if known and api else ""
        return own or self.former

    @property
    def former(self) -> str:
        """The identity in ledgers of before 0.2.0: host and port, or family and user."""
        if self.is_api:
            return f"{_family(self.preset)}/{one_spelling(self.preset.user or self.user, self.preset.family)}"
        if not self.user:
            return f"{self._server}:{self.port}"
        known = by_host(self.host)
        family = (known.family if known else "") or self._server
        return f"{family}/{one_spelling(self.user, family)}"

    @property
    def _server(self) -> str:
        return self.host.casefold().rstrip(".")

    def _of_service(self, api: ApiPreset) -> str:
        """The identity at a provider with an API; "" where nothing tells it."""
        user, key = self.user.casefold(), self.api_key or self.password
        by = api.identity
        if by == "domain":
            domain = self.domain or user.rpartition("@")[2]
            return f"{api.name}/{domain.casefold()}" if domain else ""
        if by == "region/key":
            found = _SES_HOST.fullmatch(self._server)
            region = self.region or (found[1] if found else "")
            owner = self.api_key.casefold() or user
            return f"{api.name}/{region}/{key_digest(owner)}" if region and owner else ""
        if by == "key" and (owner := self.api_key.casefold() or user):
            return f"{api.name}/{key_digest(owner)}"
        if by == "password" or (by == "digest" and self.is_api and not user):
            return f"{api.name}/{key_digest(key)}" if key else ""
        if self.is_api and user:
            return f"{_family(self.preset)}/{one_spelling(self.user, self.preset.family)}"
        return ""


def key_digest(key: str) -> str:
    """Twelve hexadecimal digits that tell keys apart and give none away."""
    text = key.strip().casefold().encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=6, person=b"mailrunner key").hexdigest()


def is_personal_google(user: str) -> bool:
    """Say whether a user is a personal Google account, which may send less than one of Workspace."""
    return user.strip().casefold().rpartition("@")[2] in _PERSONAL_GOOGLE


def _family(known: Preset | None) -> str:
    return (known.family or known.name) if known else ""


def one_spelling(user: str, family: str) -> str:
    """The user casefolded; for personal Google accounts, which ignore dots and plus-tags, without them."""
    user = user.strip().casefold()
    local, _, domain = user.rpartition("@") if "@" in user else (user, "", "gmail.com")
    if family != "google" or domain not in _PERSONAL_GOOGLE:
        return user
    return f"{local.partition('+')[0].replace('.', '')}@gmail.com"
