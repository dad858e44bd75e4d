"""Asks everything about an account at once, waits for a few seconds, and runs the checks on what was found.

What has not answered by then is left behind in its thread (see `opening_threads`): no name server and no
firewall can hold the command up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from mailrunner.clock import Clock
from mailrunner.config.account import Account
from mailrunner.sending.doctor import dns_lookup, questions
from mailrunner.sending.doctor.account_quota import quota_check
from mailrunner.sending.doctor.clock_skew import clock_check
from mailrunner.sending.doctor.dns_lookup import Ask
from mailrunner.sending.doctor.facts import Facts, ServerFound, Unanswered
from mailrunner.sending.doctor.finding import Finding, Level
from mailrunner.sending.doctor.one_click import click_check
from mailrunner.sending.doctor.own_keys import own_key_findings
from mailrunner.sending.doctor.own_relay import relay_check
from mailrunner.sending.doctor.ports import HTTPS_PORT, MAIL_PORTS, name_check, port_check
from mailrunner.sending.doctor.sender_domain import domain_checks
from mailrunner.sending.doctor.server import login_check, tls_check
from mailrunner.sending.opening_threads import OpeningThreads

_MOST_THREADS = 64
_LONGEST_TEXT = 600  # characters
_TIME_SERVERS = ("https://www.google.com/generate_204", "https://www.microsoft.com/")
_OTHER_SERVERS = ("smtp.gmail.com", "smtp.mail.yahoo.com")
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
    """Of one account.  `from_domains` are its campaigns'; `click_url` makes an address that unsubscribes a
    test, None for none, and may wait.

    `bounce_domain` is that of `return_path`, "" without one.  `other_servers` are known to answer at the
    ports for submission: where one does not, it is this network that lets nothing out.
    Questions go out when it is made; `findings` waits for the answers until `until`, an instant of
    `time.monotonic` which the examinations of several accounts share.
    """

    account: Account
    clock: Clock
    from_domains: tuple[str, ...]
    click_url: Callable[[], str] | None
    until: float
    ask: Ask = dns_lookup.ask
    bounce_domain: str = ""
    time_servers: tuple[str, ...] = field(default_factory=lambda: _TIME_SERVERS)
    other_servers: tuple[str, ...] = field(default_factory=lambda: _OTHER_SERVERS)
    _asked: dict[tuple[str, object], Future[object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._threads = OpeningThreads(_MOST_THREADS)
        account, ask = self.account, self.ask
        self._begin("addresses", "", lambda: questions.addresses(account.host))
        self._begin_ports()
        if account.api:
            self._begin("server", "", lambda: questions.api(account, self.clock))
        else:
            to_ask = ask if self._is_own_relay else None
            self._begin("server", "", lambda: questions.server(account, to_ask))
        self._begin("login", "", lambda: questions.login(account, self.clock))
        if account.api:
            self._begin("quota", "", lambda: questions.quota(account, self.clock))
        if settings := account.dkim:
            self._begin("keys", "", lambda: own_key_findings(settings, ask))
        self._begin_domains()
        if self._is_own_relay:
            self._begin("reverse", "", lambda: questions.reverse(account.host, ask))
        if click_url := self.click_url:
            self._begin("click", "", lambda: questions.click(click_url()))
        for url in self.time_servers:
            self._begin("ahead", urlsplit(url).hostname, partial(questions.ahead, url, self.clock))

    @property
    def _is_own_relay(self) -> bool:
        account = self.account
        return account.preset.name == "smtp" and not account.api and not account.is_local

    def _begin_ports(self) -> None:
        """The account's port and the others, directly and by the proxy; the same port elsewhere."""
        account = self.account
        is_alone = account.is_local or account.api
        for port in {account.port, *(() if is_alone else (*MAIL_PORTS, HTTPS_PORT))}:
            self._begin("port", port, partial(questions.port, account.host, port))
            self._begin("proxied", port, partial(questions.by_proxy, account, port))
        other = next((host for host in self.other_servers if host != account.host), "")
        if other and not is_alone:
            self._begin("elsewhere", "", lambda: questions.port(other, account.port))

    def _begin_domains(self) -> None:
        for domain in self.from_domains:
            self._begin("domain", domain, partial(questions.domain, domain, self.account, self.ask))
        if self.bounce_domain and self.bounce_domain not in self.from_domains:
            domain = self.bounce_domain
            self._begin("bounce", domain, lambda: questions.bounce(domain, self.ask))

    def findings(self) -> list[Finding]:
        """What was found in time, in the order in which it is to be set right."""
        wait(self._asked.values(), timeout=max(0.0, self.until - time.monotonic()))
        facts = self._facts(self.clock.now())
        return [on_lines(finding) for check in _CHECKS for finding in check(facts)]

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
            bounces=self._many("bounce"),
            own_keys=self._one("keys", None),
            proxied=self._proxied(),
            elsewhere=self._elsewhere(),
        )

    def _proxied(self) -> dict[int, str]:
        found = self._many("proxied")
        return {port: state for port, state in found.items() if isinstance(state, str) and state != "none"}

    def _elsewhere(self) -> str:
        found = self._one("elsewhere", "")
        return "silent" if isinstance(found, Unanswered) else found

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
    return Unanswered(questions.reason_of(error)) if error else future.result()


def worst(findings: list[Finding]) -> Level:
    """FAULT, WARNING, or OK for everything less."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.FAULT, Level.WARNING) if level in levels), Level.OK)
