"""One account: `[accounts.NAME]` completed from its provider's preset; everything that sending needs.

Secrets are `SecretStr` from the file to the socket.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from mailrunner.config.account_table import AccountTable, ImapTable
from mailrunner.config.api_access import ApiAccess, complete_api
from mailrunner.config.api_table import is_loopback
from mailrunner.config.dkim_table import DkimSettings, complete_dkim
from mailrunner.config.identity import IdentityFacts, is_personal_google
from mailrunner.config.oauth import OAuthSettings, complete_oauth
from mailrunner.config.providers import Login, Preset, Tls, by_host, preset, tls_of_port
from mailrunner.model.quota import Limit, merge

IMAP_PORTS: dict[int, Tls] = {993: "implicit", 143: "starttls"}  # RFC 8314 §3.2
_PORTS_OF_TLS: dict[Tls, int] = {"implicit": 465, "starttls": 587}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imap:
    """An IMAP mailbox and its login; the account's `ca_file` counts for its server too.

    `oauth`: log in by its token instead of `password`, which is empty.
    """

    host: str
    port: int
    tls: Tls
    user: str
    password: SecretStr
    oauth: OAuthSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One sending identity, complete.  `oauth` is set where it logs in by token, and has no `password`.

    `api` is set where messages go to the provider's HTTP API; `host` and `port` are then those of the
    API, and `tls` is as its address says.
    `provider` is the name in the file, `preset` the provider recognised by name or host.  `port` 0 and
    `host` "" stand only in an account that has problems.  `timeout` is in seconds.
    """

    name: str
    provider: str
    preset: Preset
    host: str
    port: int
    tls: Tls
    user: str
    password: SecretStr | None
    oauth: OAuthSettings | None
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
    dkim: DkimSettings | None = None
    api: ApiAccess | None = None
    identity_name: str = ""

    @property
    def identity(self) -> str:
        """The key of quota and pauses: the same for every spelling of one account, and every way to it."""
        return self._identity.identity

    @property
    def former_and_present(self) -> tuple[str, str]:
        """`former_identity` and `identity`."""
        return self.former_identity, self.identity

    @property
    def former_identity(self) -> str:
        """The identity by which ledgers of before 0.2.0 know this account, perhaps with others."""
        return self._identity.former

    @property
    def _identity(self) -> IdentityFacts:
        api = self.api
        return IdentityFacts(
            preset=self.preset,
            is_api=api is not None,
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password.get_secret_value() if self.password else "",
            name=self.identity_name,
            api_key=api.key.get_secret_value() if api and api.key else "",
            region=api.region if api else "",
            domain=api.domain if api else "",
        )

    @property
    def is_local(self) -> bool:
        """True where the server is on this machine; such a server seldom asks for a login."""
        return is_loopback(self.host)

    @property
    def logs_in(self) -> bool:
        """True where the account has a login; without one the user only tells whose quota it is."""
        return self.password is not None or self.oauth is not None

    def secrets(self) -> tuple[str, ...]:
        """The secrets of the file, which no output may show."""
        kept = [self.password, self.imap.password if self.imap else None]
        kept += self.oauth.secrets() if self.oauth else ()
        kept += self.api.secrets() if self.api else ()
        return tuple(dict.fromkeys(secret.get_secret_value() for secret in kept if secret))


def complete(name: str, table: AccountTable, folder: Path) -> Account:
    """The account: the keys of its table, and the preset's values where the table has none.

    It may be used only where `account_checks.contradictions` finds no problem; paths start at `folder`.
    """
    chosen = _recognised(table)
    api = complete_api(table, chosen.name)
    host = api.host if api else table.host or chosen.host
    port = api.port if api else table.port or _usual_port(table, chosen)
    user = (table.user or ("" if api else chosen.user)).strip()
    password = _without_blanks(table.password) if chosen.app_password else table.password
    oauth = _oauth(name, table, chosen, user, folder)
    known = chosen if api or chosen.serves(host) else preset("smtp")
    return Account(
        name=name,
        provider=table.provider,
        preset=chosen,
        host=host,
        port=port,
        tls=_api_tls(api) if api else _tls(table, chosen, host, port),
        user=user,
        password=None if oauth else password,
        oauth=oauth,
        limits=merge(merge(chosen.limits, api.preset.limits if api else ()), table.limits),
        reserve=table.reserve,
        timezone=table.timezone,
        connections=table.connections or (api.preset.connections if api else chosen.connections),
        messages_per_connection=table.messages_per_connection or chosen.messages_per_connection,
        in_flight=table.in_flight,
        timeout=table.timeout,
        ca_file=folder / table.ca_file if table.ca_file else None,
        return_path=table.return_path,
        dkim=complete_dkim(table.dkim, folder),
        imap=_imap(table.imap, known, user, oauth or password),
        api=api,
        identity_name=table.identity or "",
    )


def _api_tls(api: ApiAccess) -> Tls:
    return "implicit" if api.is_encrypted else "none"


def _tls(table: AccountTable, chosen: Preset, host: str, port: int) -> Tls:
    own = chosen.tls if port == chosen.port and chosen.serves(host) else tls_of_port(port)
    return table.tls or own or "none"


def _recognised(table: AccountTable) -> Preset:
    """The preset named or, for plain "smtp", the one whose server `host` is."""
    named = preset(table.provider)
    if table.provider != "smtp" or not table.host:
        return named
    found = by_host(table.host) or named
    if found.family == "google" and not is_personal_google(table.user or ""):
        return preset("google-workspace")
    return found


def _usual_port(table: AccountTable, chosen: Preset) -> int:
    if chosen.port and table.tls in (None, chosen.tls):
        return chosen.port
    return _PORTS_OF_TLS.get(table.tls, 0) if table.tls and chosen.port else 0


def _without_blanks(secret: SecretStr | None) -> SecretStr | None:
    return SecretStr("".join(secret.get_secret_value().split())) if secret else None


def login_of(table: AccountTable, chosen: Preset) -> Login:
    """How the account logs in: as the file says, else by what the preset takes."""
    return table.login or ("oauth" if chosen.login == "oauth" else "password")


def _oauth(name: str, table: AccountTable, chosen: Preset, user: str, folder: Path) -> OAuthSettings | None:
    """The settings for tokens; None without a table for them, or where another login is wanted."""
    if login_of(table, chosen) != "oauth" or chosen.oauth == "" or table.oauth is None:
        return None
    return complete_oauth(
        table.oauth,
        account=name,
        provider=chosen.oauth,
        user=user,
        is_personal=chosen.name == "outlook" or (chosen.oauth == "google" and is_personal_google(user)),
        for_api=table.via == "api",
        folder=folder,
    )


def _imap(
    table: ImapTable | None, known: Preset, user: str, login: SecretStr | OAuthSettings | None
) -> Imap | None:
    """The mailbox of `table`, else the preset's; None where there is neither, or no login for it.

    `login` is the account's own; a password in `table` goes before it.
    """
    own = table or ImapTable()
    oauth = login if isinstance(login, OAuthSettings) and own.password is None else None
    takes_it = oauth is not None or known.imap_login == "password"
    host = own.host or (known.imap_host if takes_it else "")
    secret = own.password or (login if isinstance(login, SecretStr) else None)
    if not host or (secret is None and oauth is None):
        return None
    if known.app_password and own.password:
        secret = _without_blanks(own.password) or secret
    port = own.port or known.imap_port
    return Imap(
        host=host,
        port=port,
        tls=own.tls or IMAP_PORTS.get(port, "none"),
        user=(own.user or user).strip(),
        password=secret or SecretStr(""),
        oauth=oauth,
    )
