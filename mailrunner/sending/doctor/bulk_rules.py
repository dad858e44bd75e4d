"""The rules of Google, Yahoo and Microsoft for bulk senders, as far as the other findings answer them.

Sources: support.google.com/a/answer/81126, senders.yahooinc.com/best-practices,
techcommunity.microsoft.com "Outlook's new requirements for high-volume senders".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mailrunner.sending.doctor.finding import Finding, Level

_G, _Y, _M = "Google", "Yahoo", "Microsoft"
_BAD = frozenset({Level.FAULT, Level.WARNING})
_RULES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    # The rule, whose it is, and the checks or facts that answer it: none where only the receiver can know.
    ("an SPF record", (_G, _Y, _M), ("spf",)),
    ("DKIM for the domain of From", (_G, _Y, _M), ("dkim",)),
    ("a DMARC record", (_G, _Y, _M), ("dmarc",)),
    ("SPF or DKIM agrees with From", (_G, _Y, _M), ("alignment",)),
    ("unsubscribing with one click", (_G, _Y), ("one-click",)),
    ("the fields for one click are signed", (_G, _Y), ("dkim-signature",)),
    ("a name for the sending address, and back", (_G, _Y), ("relay",)),
    ("TLS for the transmission", (_G,), ("tls",)),
    ("From and bounce addresses that take mail", (_Y, _M), ("mx",)),
    ("fewer than 3 complaints in a thousand (look at Google's Postmaster Tools)", (_G, _Y), ()),
)


class RuleAnswer(NamedTuple):
    """One rule; `answer` is "met", "not met" or "cannot be known"."""

    rule: str
    owners: tuple[str, ...]
    answer: str


def rules_table(findings: Iterable[Finding]) -> list[RuleAnswer]:
    """The answer for each rule, by what was found and what was learned before."""
    levels: dict[str, set[Level]] = {}
    for finding in findings:
        for name in {finding.check, finding.fact} - {""}:
            levels.setdefault(name, set()).add(_as_ok(finding))
    return [RuleAnswer(rule, owners, _answer(levels, checks)) for rule, owners, checks in _RULES]


def _as_ok(finding: Finding) -> Level:
    """What was learned before and holds is as good as what was found now."""
    return Level.OK if finding.fact and finding.level is Level.INFO else finding.level


def _answer(levels: dict[str, set[Level]], checks: tuple[str, ...]) -> str:
    seen = [levels.get(check, {Level.UNKNOWN}) for check in checks]
    if any(each & _BAD for each in seen):
        return "not met"
    return "met" if seen and all(Level.OK in each for each in seen) else "cannot be known"
