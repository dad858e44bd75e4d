"""Asks everything about an account at once, waits for a few seconds, and runs the checks on what was found.

What has not answered by then is left behind in its thread (see `opening_threads`): no name server and no
firewall can hold the command up.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from mailrunner.clock import Clock
from mailrunner.config.account import Account
from mailrunner.errors import UserError
from mailrunner.model.outcome import Outcome
from mailrunner.sending.account_transports import transports_for
from mailrunner.sending.doctor import dmarc, dns_lookup, spf
from mailrunner.sending.doctor.account_quota import quota_check
from mailrunner.sending.doctor.bulk_rules import rules_table
from mailrunner.sending.doctor.clock_skew import clock_check
from mailrunner.sending.doctor.dns_lookup import Ask, DnsAnswer
from mailrunner.sending.doctor.facts import (
    ClickFound,
    DomainFound,
    Facts,
    QuotaFound,
    ServerFound,
    Unanswered,
)
from mailrunner.sending.doctor.finding import Finding, Level
from mailrunner.sending.doctor.one_click import click_check
from mailrunner.sending.doctor.own_relay import relay_check
from mailrunner.sending.doctor.ports import HTTPS_PORT, MAIL_PORTS, name_check, port_check
from mailrunner.sending.doctor.provider_dns import DKIM_SELECTORS
from mailrunner.sending.doctor.sender_domain import domain_checks
from mailrunner.sending.doctor.server import login_check, tls_check
from mailrunner.sending.opening_threads import OpeningThreads
from mailrunner.transports import network
from mailrunner.transports.smtp.probe import certificate_end, probe

IN_ALL = 12.0  # seconds for all answers; the command ends within 15
_PER_ANSWER = 5.0
_MOST_THREADS = 64
_LONGEST_TEXT = 600  # characters
_TIME_SERVERS = ("https://www.google.com/generate_204", "https://www.microsoft.com/")
_CHECKS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    name_check,
    port_check,
    tls_check,
    login_check,
    quota_check,
    domain_checks,
    relay_check,
    click_check,
    clock_check,
)


@dataclass(kw_only=True)
class Examination:
    """Of one account.  `from_domains` are its campaigns'; `click_url` unsubscribes a test; None for none.

    Questions go out when it is made; `findings` waits for the answers.
    """

    account: Account
    clock: Clock
    from_domains: tuple[str, ...]
    click_url: str | None
    ask: Ask = dns_lookup.ask
    time_servers: tuple[str, ...] = field(default_factory=lambda: _TIME_SERVERS)
    _asked: dict[tuple[str, object], Future[object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._threads = OpeningThreads(_MOST_THREADS)
        account = self.account
        self._begin("addresses", "", lambda: _addresses(account.host))
        others = () if account.is_local or account.api else (*MAIL_PORTS, HTTPS_PORT)
        for port in {account.port, *others}:
            self._begin("port", port, partial(_port, account.host, port))
        self._begin("server", "", lambda: _api(account, self.clock) if account.api else _server(account))
        self._begin("login", "", lambda: _login(account, self.clock))
        if account.api and account.preset.name == "ses":
            self._begin("quota", "", lambda: _quota(account, self.clock))
        for domain in self.from_domains:
            self._begin("domain", domain, partial(_domain, domain, account, self.ask))
        if account.preset.name == "smtp" and not account.api and not account.is_local:
            self._begin("reverse", "", lambda: _reverse(account.host, self.ask))
        if self.click_url:
            self._begin("click", "", lambda: _click(self.click_url or ""))
        for url in self.time_servers:
            self._begin("ahead", urlsplit(url).hostname, partial(_ahead, url, self.clock))

    def findings(self, seconds: float = IN_ALL) -> list[Finding]:
        """What was found within so many seconds, in the order in which it is to be set right."""
        wait(self._asked.values(), timeout=seconds)
        facts = self._facts(self.clock.now())
        found = [on_lines(finding) for check in _CHECKS for finding in check(facts)]
        return [*found, *rules_table(found)]

    def _begin(self, part: str, key: object, function: Callable[[], object]) -> None:
        self._asked[part, key] = self._threads.submit(function)

    def _facts(self, now: datetime) -> Facts:
        reverse = self._one("reverse", {})
        return Facts(
            account=self.account,
            now=now,
            addresses=self._one("addresses", ()),
            ports=self._many("port"),
            server=self._one("server", ServerFound()),
            login=self._one("login", None),
            quota=self._one("quota", None),
            domains=self._many("domain"),
            reverse={"the server": reverse} if isinstance(reverse, Unanswered) else reverse,
            click=self._one("click", None),
            ahead=self._many("ahead"),
        )

    def _one(self, part: str, missing: Any) -> Any:
        """The answer of a part; `missing` where it was not asked for."""
        future = self._asked.get((part, ""))
        return missing if future is None else _answer(future)

    def _many(self, part: str) -> dict[Any, Any]:
        """The answers of a part that is asked for by key."""
        return {key: _answer(future) for (name, key), future in self._asked.items() if name == part}


def on_lines(finding: Finding) -> Finding:
    """The finding with each text on one line of bounded length: records and replies are others' words."""
    what, evidence, remedy = (
        "".join(each if each.isprintable() else " " for each in text[:_LONGEST_TEXT])
        for text in (finding.what, finding.evidence, finding.remedy)
    )
    return replace(finding, what=what, evidence=evidence, remedy=remedy)


def _answer(future: Future[object]) -> object:
    if not future.done():
        return Unanswered()
    error = future.exception()
    return Unanswered(_reason(error)) if error else future.result()


def _reason(error: BaseException) -> str:
    """The kind of an error, in words that hold no data."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(error) if isinstance(error, UserError) else type(error).__name__


# -- The questions


def _addresses(host: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(sockaddr[0]) for _, sockaddr in network.resolve(host, 0)))


def _port(host: str, port: int) -> str:
    try:
        network.connect(network.resolve(host, port), _PER_ANSWER).close()
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silent"
    except OSError:
        return "unreachable"
    return "open"


def _server(account: Account) -> ServerFound:
    found = probe(
        host=account.host,
        port=account.port,
        tls=account.tls,
        ca_file=account.ca_file,
        timeout=_PER_ANSWER,
    )
    return ServerFound(found.refusal, found.certificate_ends, found.greeting_name)


def _api(account: Account, clock: Clock) -> ServerFound:
    """An HTTP API, reached as messages reach it: by the proxy, where there is one."""
    from mailrunner.sending.api_transport import ApiConnections

    assert account.api  # noqa: S101 - asked for such an account alone
    reached = ApiConnections.of(replace(account, timeout=int(_PER_ANSWER)), account.api, clock).reach.open()
    if isinstance(reached, Outcome):
        return ServerFound(refusal=reached.reason)
    with reached:
        certificate = reached.getpeercert() if isinstance(reached, ssl.SSLSocket) else None
    return ServerFound(certificate_ends=certificate_end(certificate))


def _login(account: Account, clock: Clock) -> Outcome | None:
    transport = transports_for(replace(account, timeout=int(_PER_ANSWER)), clock)()
    try:
        return transport.open()
    finally:
        transport.close()


def _quota(account: Account, clock: Clock) -> QuotaFound:
    """Amazon SES's GetAccount; no other API tells an account's limits by a sending key."""
    from mailrunner.sending.api_transport import ApiConnections
    from mailrunner.transports.apis.ses import SesApi

    assert account.api  # noqa: S101 - asked for such an account alone
    connections = ApiConnections.of(account, account.api, clock)
    api, call = connections.api, connections.caller(_PER_ANSWER)
    assert isinstance(api, SesApi)  # noqa: S101 - the preset's
    try:
        told = api.read_quota(call(api.quota_request(clock.now())))
    finally:
        call.close()
    return QuotaFound(told.limits, told.sent)


def _domain(domain: str, account: Account, ask: Ask) -> DomainFound:
    selectors = DKIM_SELECTORS.get(account.preset.family, ())
    return DomainFound(
        spf=spf.examine(domain, ask),
        dmarc=dmarc.examine(domain, ask),
        mx=ask(domain, "MX"),
        address=ask(domain, "A"),
        selectors={selector: ask(f"{selector}._domainkey.{domain}", "TXT") for selector in selectors},
    )


def _reverse(host: str, ask: Ask) -> dict[str, tuple[DnsAnswer, bool]]:
    found = {}
    for address in _addresses(host):
        answer = ask(dns_lookup.reverse_name(address), "PTR")
        kind = "AAAA" if ":" in address else "A"
        leads_back = any(address in ask(name, kind).values for name in answer.values)
        found[address] = (answer, leads_back)
    return found


def _click(url: str) -> ClickFound:
    """POST as a mailbox provider does (RFC 8058 §3.2), then GET; no redirect is followed."""
    try:
        post, _ = _request("POST", url, b"List-Unsubscribe=One-Click")
        get, _ = _request("GET", url)
    except (OSError, http.client.HTTPException) as error:
        return ClickFound(_shown(url), reason=_reason(error))
    return ClickFound(_shown(url), post, get)


def _shown(url: str) -> str:
    """The address without its token, which is a genuine one."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"


def _ahead(url: str, clock: Clock) -> timedelta:
    _, date = _request("HEAD", url)
    return clock.now() - parsedate_to_datetime(date)


def _request(method: str, url: str, body: bytes | None = None) -> tuple[int, str]:
    """Status and Date of an answer."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=_PER_ANSWER, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=_PER_ANSWER)
    )
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    try:
        connection.request(
            method, f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}", body, headers
        )
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Date", "")
    finally:
        connection.close()


def worst(findings: list[Finding]) -> Level:
    """FAULT, WARNING, or OK for everything less."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.FAULT, Level.WARNING) if level in levels), Level.OK)
