"""The questions of the doctor: each is asked in a thread of its own, and may take some seconds."""

from __future__ import annotations

import http.client
import ssl
import time
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from mailrunner.clock import Clock
from mailrunner.config.account import Account
from mailrunner.errors import MailrunnerError
from mailrunner.model.outcome import Outcome, Scope
from mailrunner.model.told_quota import ToldQuota
from mailrunner.sending.account_transports import transports_for
from mailrunner.sending.doctor import dmarc, dns_lookup, spf
from mailrunner.sending.doctor.dns_lookup import Ask, DnsAnswer, DnsState
from mailrunner.sending.doctor.facts import (
    Alignment,
    BounceFound,
    ClickFound,
    DomainFound,
    ServerFound,
)
from mailrunner.sending.doctor.provider_dns import DKIM_SELECTORS, SIGNS_FOR_ITS_USERS
from mailrunner.sending.opening_threads import OpeningThreads
from mailrunner.transports import network
from mailrunner.transports.apis import ApiUnavailableError
from mailrunner.transports.smtp.probe import certificate_end, probe

PER_ANSWER = 5.0  # seconds
_AT_ONCE = 12
_LONGEST_PAGE = 1 << 18  # octets


def reason_of(error: BaseException) -> str:
    """The kind of an error, in words that hold no data."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) if isinstance(error, MailrunnerError | ApiUnavailableError) else type(error).__name__


def addresses(host: str) -> tuple[str, ...]:
    """The addresses of a host."""
    return tuple(dict.fromkeys(str(sockaddr[0]) for _, sockaddr in network.resolve(host, 0)))


def port(host: str, port: int) -> str:
    """The state of a port: see `Facts.ports`."""
    try:
        network.connect(network.resolve(host, port), PER_ANSWER).close()
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silent"
    except OSError:
        return "unreachable"
    return "open"


def by_proxy(account: Account, port: int) -> str:
    """The same port by the proxy, "none" where there is none; see `Facts.proxied`."""
    from mailrunner.transports.http.proxy import ProxyFailedError, proxy_for

    own = account.api.proxy.get_secret_value() if account.api and account.api.proxy else ""
    proxy = proxy_for(account.host, port, own)
    if proxy is None:
        return "none"
    until = time.monotonic() + PER_ANSWER
    try:
        sock = network.connect(network.resolve(proxy.host, proxy.port), PER_ANSWER, until=until)
    except OSError:
        return "away"
    with sock:
        try:
            status, _ = proxy.connect(sock, account.host, port, until)
        except ProxyFailedError:
            return "failed"
    if 200 <= status < 300:
        return "open"
    return "failed" if status >= 500 else "forbidden"


def server(account: Account, ask: Ask | None) -> ServerFound:
    """A session without a login; `ask` is for the name by which the server greets, None not to."""
    found = probe(
        host=account.host,
        port=account.port,
        tls=account.tls,
        ca_file=account.ca_file,
        timeout=PER_ANSWER,
    )
    address = None
    if ask and "." in found.greeting_name:
        address = ask(found.greeting_name, "A")
        address = ask(found.greeting_name, "AAAA") if address.state is DnsState.NOTHING else address
    return ServerFound(found.refusal, found.is_away, found.certificate_ends, found.greeting_name, address)


def api(account: Account, clock: Clock) -> ServerFound:
    """An HTTP API, reached as messages reach it: by the proxy, where there is one."""
    from mailrunner.sending.api_transport import ApiConnections

    assert account.api  # noqa: S101 - asked for such an account alone
    reached = ApiConnections.of(replace(account, timeout=int(PER_ANSWER)), account.api, clock).reach.open()
    if isinstance(reached, Outcome):
        return ServerFound(reached.reason, is_away=reached.scope is Scope.CONNECTION)
    with reached:
        certificate = reached.getpeercert() if isinstance(reached, ssl.SSLSocket) else None
    return ServerFound(certificate_ends=certificate_end(certificate))


def login(account: Account, clock: Clock) -> Outcome | None:
    """Why the account is not let in; None where it is. Raises ApiUnavailableError."""
    if account.api:
        from mailrunner.sending.api_transport import ApiConnections

        return ApiConnections.of(account, account.api, clock).try_key(PER_ANSWER)
    transport = transports_for(replace(account, timeout=int(PER_ANSWER)), clock)()
    try:
        return transport.open()
    finally:
        transport.close()


def quota(account: Account, clock: Clock) -> ToldQuota | None:
    """What the provider's API tells of the account's limits; None where it has no way to."""
    from mailrunner.sending.api_limits import ask_quota

    return ask_quota(account, clock, PER_ANSWER)


def domain(domain: str, account: Account, ask: Ask) -> DomainFound:
    """DNS of a domain of From."""
    at_once = OpeningThreads(_AT_ONCE)  # as a name server that is away costs seconds for each question
    found_spf = at_once.submit(spf.examine, domain, ask)
    mx, address = at_once.submit(ask, domain, "MX"), at_once.submit(ask, domain, "A")
    names = {each: f"{each}._domainkey.{domain}" for each in DKIM_SELECTORS.get(account.preset.family, ())}
    keys = {selector: at_once.submit(ask, name, "TXT") for selector, name in names.items()}
    policy = dmarc.examine(domain, ask)
    strict = policy.tags.get("adkim", "").casefold() == "s"
    return DomainFound(
        spf=found_spf.result(),
        dmarc=policy,
        alignment=alignment(domain, account, ask, strict=strict) if policy.organization else None,
        mx=mx.result(),
        address=address.result(),
        selectors={selector: key.result() for selector, key in keys.items()},
    )


def alignment(domain: str, account: Account, ask: Ask, *, strict: bool) -> Alignment | None:
    """Whether who signs for the account agrees with From; None where that cannot be told from here."""
    signer = account.dkim.domain if account.dkim else account.user.rpartition("@")[2].casefold()
    if not signer or (account.dkim is None and account.preset.family not in SIGNS_FOR_ITS_USERS):
        return None
    agrees = dmarc.is_aligned(signer, domain, ask, strict=strict)
    return Alignment(signer, agrees, account.dkim is not None)


def bounce(domain: str, ask: Ask) -> BounceFound:
    """DNS of the domain of the bounce address."""
    return BounceFound(spf.examine(domain, ask), ask(domain, "MX"), ask(domain, "A"))


def reverse(host: str, ask: Ask) -> dict[str, tuple[DnsAnswer, bool]]:
    """For each address of a host the answer for its name, and whether that leads back."""
    found = {}
    for address in addresses(host):
        answer = ask(dns_lookup.reverse_name(address), "PTR")
        kind = "AAAA" if ":" in address else "A"
        leads_back = any(address in ask(name, kind).values for name in answer.values)
        found[address] = (answer, leads_back)
    return found


def click(url: str) -> ClickFound:
    """POST as a mailbox provider does (RFC 8058 §3.2), then GET; no redirect is followed."""
    try:
        post, _, _ = _request("POST", url, b"List-Unsubscribe=One-Click")
        get, _, page = _request("GET", url)
    except (OSError, http.client.HTTPException) as error:
        return ClickFound(_shown(url), reason=reason_of(error))
    return ClickFound(_shown(url), post, get, asks=b"<form" in page.lower())


def _shown(url: str) -> str:
    """The address without its token, which is a genuine one."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"


def ahead(url: str, clock: Clock) -> timedelta:
    """How far this machine's clock is ahead of a web server's."""
    _, date, _ = _request("HEAD", url)
    return clock.now() - parsedate_to_datetime(date)


def _request(method: str, url: str, body: bytes | None = None) -> tuple[int, str, bytes]:
    """Status, Date, and the beginning of the body of an answer."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=PER_ANSWER, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=PER_ANSWER)
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    try:
        connection.request(
            method, f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}", body, headers
        )
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Date", ""), answer.read(_LONGEST_PAGE)
    finally:
        connection.close()
