"""The rules of Google, Yahoo and Microsoft for bulk senders, as far as the other findings answer them.

Sources: support.google.com/a/answer/81126, senders.yahooinc.com/best-practices,
techcommunity.microsoft.com "Outlook's new requirements for high-volume senders".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailrunner.sending.doctor.finding import Finding, Level

# A rule, whose it is, and the checks that answer it; none where only the receiver can know.
_RULES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("SPF and DKIM for the domain of From", "Google, Yahoo, Microsoft", ("spf", "dkim")),
    ("a DMARC record, and From aligned with it", "Google, Yahoo, Microsoft", ("dmarc",)),
    ("unsubscribing with one click", "Google, Yahoo", ("one-click",)),
    ("From and bounce addresses that take mail", "Yahoo, Microsoft", ("mx",)),
    ("TLS for the transmission", "Google", ("tls",)),
    ("fewer than 3 complaints in a thousand (look at Google's Postmaster Tools)", "Google, Yahoo", ()),
)


def rules_table(findings: Iterable[Finding]) -> Iterator[Finding]:
    """One line for each rule: met, not met, or not to be known."""
    levels: dict[str, set[Level]] = {}
    for finding in findings:
        levels.setdefault(finding.check, set()).add(finding.level)
    for rule, owners, checks in _RULES:
        yield Finding("bulk rules", Level.INFO, f"{_answer(levels, checks)}: {rule} ({owners})")


def _answer(levels: dict[str, set[Level]], checks: tuple[str, ...]) -> str:
    seen = [levels.get(check, {Level.UNKNOWN}) for check in checks]
    if any(each & {Level.FAULT, Level.WARNING} for each in seen):
        return "not met"
    if not seen or any(Level.OK not in each for each in seen):
        return "cannot be known"
    return "met"
