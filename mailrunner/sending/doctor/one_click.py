"""The one-click address (RFC 8058): POST unsubscribes without a redirect, GET changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from mailrunner.sending.doctor.facts import ClickFound, Facts, Unanswered
from mailrunner.sending.doctor.finding import Finding, Level

_CHECK = "one-click"


def click_check(facts: Facts) -> Iterator[Finding]:
    """`[unsubscribe] base_url` answers as mailbox providers want it."""
    found = facts.click
    if found is None:
        yield Finding(
            _CHECK,
            Level.WARNING,
            "there is no [unsubscribe] base_url: recipients cannot leave by one click, which "
            "Google and Yahoo ask of bulk senders",
            remedy="docs/unsubscribe.md says how to set it up",
        )
    elif isinstance(found, Unanswered):
        yield Finding(_CHECK, Level.UNKNOWN, "the one-click address did not answer in time", found.reason)
    elif found.reason:
        remedy = "is `mailrunner serve` running, and the address right?"
        yield Finding(_CHECK, Level.FAULT, f"{found.url} cannot be reached", found.reason, remedy)
    elif found.post != 200:
        redirects = 300 <= found.post < 400
        what = "redirects" if redirects else f"answers {found.post}"
        remedy = (
            "let it answer at this very address" if redirects else "look at the log of `mailrunner serve`"
        )
        yield Finding(
            _CHECK, Level.FAULT, f"a click (POST) at {found.url} {what} instead of 200", remedy=remedy
        )
    else:
        yield Finding(
            _CHECK,
            Level.OK,
            "a click (POST) is answered with 200",
            f"GET is answered with {found.get}; that it is reached from outside is not proved by this",
        )
    if found and not isinstance(found, Unanswered) and not found.reason:
        yield from _page_findings(found)


def _page_findings(found: ClickFound) -> Iterator[Finding]:
    """The page behind the link, and that the address is one which mailbox providers use."""
    if not 200 <= found.get < 300:
        what = f"the page behind the link for recipients (GET) at {found.url} answers {found.get}"
        remedy = "recipients who follow the link see that: look at the log of `mailrunner serve`"
        yield Finding(_CHECK, Level.FAULT, what, remedy=remedy)
    elif not found.asks:
        what = (
            f"the page behind the link (GET) at {found.url} has no button: opening it may unsubscribe "
            "by itself, and mail scanners open every link"
        )
        remedy = "let GET change nothing, and ask with a form (RFC 8058 §3.1); `mailrunner serve` does"
        yield Finding(_CHECK, Level.WARNING, what, remedy=remedy)
    if not found.url.startswith("https://"):
        what = "the one-click address is not https, so no mailbox provider will use it"
        yield Finding(
            _CHECK, Level.FAULT, what, found.url, "put it behind TLS, and write https:// in base_url"
        )
