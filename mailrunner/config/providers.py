"""Provider presets: the host and port of each provider, its login, its limits and its habits.

They are read from `data/providers.toml`, where each figure has its source and how sure it is.  They are
defaults: an account may override them, and a server's reply overrides them all.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from mailrunner.model.quota import Limit
from mailrunner.model.schedule import duration

Tls = Literal["implicit", "starttls", "none"]
Login = Literal["password", "oauth", "none"]
Certainty = Literal["documented", "reported", "guess", ""]
AuthorizationServer = Literal["google", "microsoft", ""]

IMPLICIT_TLS_PORT, SUBMISSION_PORT = 465, 587  # RFC 8314 §3.3, RFC 6409 §3.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One provider.  `login` "none" means that user and password are optional; `imap_login` is IMAP's.

    `limits_from` tells how sure the limits are: read in the provider's own pages (documented), told by
    others (reported), or the most cautious figure of several (guess); "" without limits.

    `oauth` names the owner of the authorization server of its mailboxes ("": none that is known).

    `family` names the servers that share their mailboxes, and so their quota; "" where each host
    has its own.  `user` is set where every customer logs in with the same word.  Passwords of
    a preset with `app_password` are shown in groups, whose blanks are not part of them.
    """

    name: str
    title: str
    family: str
    hosts: tuple[str, ...]
    host: str
    port: int
    tls: Tls
    limits: tuple[Limit, ...]
    limits_from: Certainty
    login: Login
    oauth: AuthorizationServer
    user: str
    app_password: bool
    files_submissions: bool
    keeps_message_id: bool
    from_rewritten: bool
    connections: int
    messages_per_connection: int | None
    quota_pause: timedelta
    throttle_pause: timedelta
    imap_host: str
    imap_port: int
    imap_login: Login
    note: str
    sources: tuple[str, ...]

    def serves(self, host: str) -> bool:
        """Say whether `host` is one of this provider's servers."""
        return any(fnmatchcase(host.casefold().rstrip("."), pattern) for pattern in self.hosts)


def preset(name: str) -> Preset:
    """The preset of that exact name; KeyError if there is none."""
    return _presets()[name]


def preset_names() -> tuple[str, ...]:
    """All names, in the order of the file: mailbox providers, then mailing services, then "smtp"."""
    return tuple(_presets())


def by_host(host: str) -> Preset | None:
    """The first preset that has the server `host`, in upper or lower case; None if none has it.

    An address of this machine tells nothing: a bridge may listen there, or anything else.
    """
    remote = (found for found in _presets().values() if not found.host.startswith("127."))
    return next((found for found in remote if found.serves(host)), None)


def tls_of_port(port: int) -> Tls | None:
    """The TLS mode that port 465 or 587 implies; None for all others."""
    by_port: dict[int, Tls] = {IMPLICIT_TLS_PORT: "implicit", SUBMISSION_PORT: "starttls"}
    return by_port.get(port)


@cache
def _presets() -> dict[str, Preset]:
    text = files("mailrunner").joinpath("data/providers.toml").read_text("utf-8")
    return {name: _preset(name, table) for name, table in tomllib.loads(text).items()}


def _preset(name: str, table: dict[str, Any]) -> Preset:
    optional = {
        "user": "",
        "limits_from": "",
        "oauth": "",
        "app_password": False,
        "from_rewritten": False,
        "imap_host": "",
        "imap_port": 993,
        "imap_login": "password",
    }
    read = {
        "hosts": tuple(table["hosts"]),
        "tls": table.get("tls") or tls_of_port(table["port"]) or "none",
        "limits": tuple(map(Limit.parse, table["limits"])),
        "quota_pause": duration(table["quota_pause"]),
        "throttle_pause": duration(table["throttle_pause"]),
        "sources": tuple(table["sources"]),
    }
    return Preset(name=name, **{**optional, **table, **read})
