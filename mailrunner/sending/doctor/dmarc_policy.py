"""DMARC of a domain of From: its policy, and that a signer of the account agrees with it."""

from __future__ import annotations

from collections.abc import Iterator

from mailrunner.sending.doctor.dmarc import DmarcFound
from mailrunner.sending.doctor.facts import Alignment
from mailrunner.sending.doctor.finding import Finding, Level

_POLICIES = ("none", "quarantine", "reject")
_GONE = ("pct", "rf", "ri")  # tags of RFC 7489 that RFC 9989 does not know any more


def policy_findings(domain: str, found: DmarcFound) -> Iterator[Finding]:
    """What the record says, or that there is none."""
    if found.is_unanswered:
        yield Finding("dmarc", Level.UNKNOWN, f"DMARC of {domain} is not known", "no name server answered")
        return
    for name in found.doubled:
        what = f"_dmarc.{name} has more than one DMARC record, which counts as none"
        yield Finding("dmarc", Level.FAULT, what, remedy="leave one")
    if not found.at and not found.doubled:
        yield Finding(
            "dmarc",
            Level.WARNING,
            f"{domain} has no DMARC record, which Google, Yahoo and Microsoft ask of bulk senders",
            remedy=f'add a TXT record at _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:you@{domain}"',
        )
    elif found.at:
        yield from _record(domain, found)


def _record(domain: str, found: DmarcFound) -> Iterator[Finding]:
    if found.tags.get("p", "").casefold() not in _POLICIES:
        yield Finding(
            "dmarc", Level.FAULT, f"DMARC at {found.at} has no valid policy", found.text, "write p=none"
        )
        return
    above = "" if found.at == domain else f", from {found.at}"
    testing = ", one step weaker as it is in test (t=y)" if found.is_testing else ""
    what = f"DMARC of {domain}: {found.policy(domain)}{above}{testing}"
    yield Finding("dmarc", Level.OK, what, found.text)
    if "rua" not in found.tags:
        yield Finding("dmarc", Level.INFO, f"DMARC at {found.at} names no address for reports (rua)")
    if gone := [tag for tag in _GONE if tag in found.tags]:
        what = f"DMARC at {found.at} has {', '.join(gone)}, which receivers read no more (RFC 9989)"
        yield Finding("dmarc", Level.INFO, what, remedy="leave it out")


def alignment_findings(account: str, domain: str, found: Alignment | None) -> Iterator[Finding]:
    """That the domain which signs for the account agrees with that of From."""
    if found is None:
        return
    if found.is_aligned is None:
        yield Finding("alignment", Level.UNKNOWN, f"whether {found.signer} agrees with {domain} is not known")
    elif found.is_aligned:
        yield Finding("alignment", Level.OK, f"{found.signer}, which signs, agrees with {domain} of From")
    elif found.by_own_key:
        yield Finding(
            "alignment",
            Level.FAULT,
            f"the key of {found.signer} signs, but From is of {domain}: DMARC does not count it",
            remedy=f"set domain in [accounts.{account}.dkim] to {domain}",
        )
    else:
        yield Finding(
            "alignment",
            Level.WARNING,
            f"From is of {domain}, the account of {found.signer}: unless its provider signs for {domain} as "
            "well, DMARC fails",
            remedy=f"set {domain} up at the provider, or send from an address of {found.signer}",
        )
