"""An account's access to its provider's HTTP API, and the problems of its keys for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from mailrunner.config.api_presets import ApiPreset, api_preset, api_preset_names
from mailrunner.config.api_table import ApiKeys
from mailrunner.config.providers import Preset
from mailrunner.errors import Problem

_OWN_KEYS = ("key", "secret", "region", "stream", "domain", "url", "proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAccess:
    """`url` is scheme and host; `key`, `secret` and `proxy` are None, the others "", where there is none."""

    preset: ApiPreset
    url: str
    key: SecretStr | None
    secret: SecretStr | None
    region: str
    stream: str
    domain: str
    proxy: SecretStr | None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def is_encrypted(self) -> bool:
        return urlsplit(self.url).scheme == "https"

    def secrets(self) -> list[SecretStr]:
        """What no output may show, the password of the proxy among it."""
        found = [secret for secret in (self.key, self.secret) if secret]
        password = urlsplit(self.proxy.get_secret_value()).password if self.proxy else None
        return [*found, *([self.proxy, SecretStr(unquote(password))] if self.proxy and password else [])]


def complete_api(table: ApiKeys, provider: str) -> ApiAccess | None:
    """The access of an account with `via = "api"`; None without it, or where its provider has no API here."""
    known = api_preset(provider)
    if table.via != "api" or known is None:
        return None
    region, stream = table.region or "", table.stream or ""
    by_stream = "stream" in known.takes and bool(known.regions)
    return ApiAccess(
        preset=known,
        url=table.url or known.endpoint(stream if by_stream else region),
        key=table.key,
        secret=table.secret,
        region=region,
        stream=stream,
        domain=table.domain or "",
        proxy=table.proxy,
    )


def api_problems(table: ApiKeys, preset: Preset, user: str, *, has_token: bool) -> Iterator[Problem]:
    """What is wrong with the keys for an API; `has_token`: the account logs in by OAuth."""
    if table.via != "api":
        for key in _OWN_KEYS:
            if getattr(table, key) is not None:
                yield Problem(
                    f"{key} means nothing for SMTP", key=key, hint='write via = "api", or remove it'
                )
        return
    known, title = api_preset(preset.name), preset.title
    if known is None:
        hint = f"remove via, or use one of: {', '.join(api_preset_names())}"
        yield Problem(f"mailrunner knows no HTTP API of {title}", key="via", hint=hint)
        return
    yield from _missing(table, known, title, {"user": bool(user), "token": has_token})
    yield from _meaningless(table, known, title)


def _missing(table: ApiKeys, known: ApiPreset, title: str, has: dict[str, bool]) -> Iterator[Problem]:
    has |= {key: getattr(table, key) is not None for key in ("key", "secret", "region", "domain")}
    has["token"] = has["token"] or has["key"]
    for need in known.needs:
        if has[need]:
            continue
        key = "key" if need == "token" else need
        hint = f"{title}'s API needs it"
        if need == "token":
            hint = f'{title}\'s API needs a token: write login = "oauth", as docs/login.md says'
        yield Problem("this key is missing", key=key, hint=hint)


def _meaningless(table: ApiKeys, known: ApiPreset, title: str) -> Iterator[Problem]:
    for key in ("secret", "region", "stream", "domain"):
        if getattr(table, key) is not None and key not in (*known.needs, *known.takes):
            yield Problem(f"{key} means nothing to {title}'s API", key=key, hint="remove it")
    places = {"region": table.region} if "region" in known.takes else {"stream": table.stream}
    for key, value in places.items():
        if value is not None and known.regions and value not in known.regions:
            hint = f"write one of: {', '.join(known.regions)}"
            yield Problem(f'{title} has no {key} "{value}"', key=key, hint=hint)
