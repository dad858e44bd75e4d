"""DNS of the domains of From: SPF, DKIM, DMARC, and that answers and bounces arrive."""

from __future__ import annotations

from collections.abc import Iterator

from mailrunner.sending.doctor.dkim_records import provider_keys
from mailrunner.sending.doctor.dmarc_policy import alignment_findings, policy_findings
from mailrunner.sending.doctor.dns_lookup import DnsAnswer, DnsState
from mailrunner.sending.doctor.facts import DomainFound, Facts, Unanswered
from mailrunner.sending.doctor.finding import Finding, Level
from mailrunner.sending.doctor.provider_dns import FREEMAIL, SPF_INCLUDE
from mailrunner.sending.doctor.spf import MOST_LOOKUPS, MOST_VOID, SpfFound

_UNKNOWN = "no name server answered"


def domain_checks(facts: Facts) -> Iterator[Finding]:
    """All checks for each domain of From, and those for the domain of the bounce address."""
    if isinstance(facts.own_keys, Unanswered):
        yield Finding("dkim", Level.UNKNOWN, "the DKIM keys of this account were not compared with DNS")
    else:
        yield from facts.own_keys or ()
    for domain, bounce in facts.bounces.items():
        if isinstance(bounce, Unanswered):
            yield Finding("mx", Level.UNKNOWN, f"DNS of {domain} was not answered", bounce.reason)
            continue
        yield from _spf(domain, bounce.spf, SPF_INCLUDE.get(facts.account.preset.family, ""))
        yield from _mx(domain, bounce.mx, bounce.address)
    if not facts.domains:
        yield Finding(
            "domain",
            Level.UNKNOWN,
            "no campaign of this account names a From address, so no domain was looked at",
        )
    for domain, found in facts.domains.items():
        if isinstance(found, Unanswered):
            yield Finding("domain", Level.UNKNOWN, f"DNS of {domain} was not answered", found.reason)
        elif (owner := FREEMAIL.get(domain)) and owner != facts.account.preset.family:
            yield Finding(
                "dmarc",
                Level.FAULT,
                f"From is an address of {domain}, but the message does not go through its "
                "provider: receivers will refuse it",
                remedy=f"send from an address of your own domain, or through the account at {domain}",
            )
        elif not owner:
            yield from _checked(facts, domain, found)


def _checked(facts: Facts, domain: str, found: DomainFound) -> Iterator[Finding]:
    # SPF is asked of the bounce address's domain (RFC 7208 §2.4), so its provider has to stand there.
    include = "" if facts.bounces else SPF_INCLUDE.get(facts.account.preset.family, "")
    yield from _spf(domain, found.spf, include)
    if facts.account.dkim is None:
        yield from provider_keys(domain, found)
    yield from policy_findings(domain, found.dmarc)
    yield from _alignment(facts, domain, found)
    yield from _mx(domain, found.mx, found.address)


def _spf(domain: str, found: SpfFound, include: str) -> Iterator[Finding]:
    if found.is_unanswered:
        yield Finding("spf", Level.UNKNOWN, f"SPF of {domain} is not known", _UNKNOWN)
        return
    problems = list(_spf_problems(domain, found, include))
    yield from problems
    if not problems:
        evidence = f"{found.text} ({found.lookups} look-ups)"
        yield Finding("spf", Level.OK, f"SPF of {domain} is sound", evidence)


def _spf_problems(domain: str, found: SpfFound, include: str) -> Iterator[Finding]:
    example = f"v=spf1 include:{include or 'PROVIDER'} ~all"
    if found.records == 0:
        level = Level.FAULT if include else Level.WARNING
        yield Finding(
            "spf", level, f"{domain} has no SPF record", remedy=f"add a TXT record at {domain}: {example}"
        )
        return
    if found.records > 1:
        yield Finding(
            "spf",
            Level.FAULT,
            f"{domain} has {found.records} SPF records, which counts as none",
            found.text,
            "join them into one",
        )
        return
    if found.lookups > MOST_LOOKUPS:
        yield Finding(
            "spf",
            Level.FAULT,
            f"SPF of {domain} needs more than {MOST_LOOKUPS} look-ups, which fails it",
            found.text,
            "remove include: of services that are not used any more",
        )
    if len(found.void) > MOST_VOID:
        yield Finding(
            "spf",
            Level.FAULT,
            f"SPF of {domain} asks for more than {MOST_VOID} names that do not exist, which fails it",
            ", ".join(found.void),
            "remove them",
        )
    for problem in found.problems:
        yield Finding(
            "spf", Level.FAULT, f"SPF of {domain}: {problem}", found.text, "correct or remove that part"
        )
    if found.ends_with == "+":
        yield Finding(
            "spf", Level.FAULT, f"SPF of {domain} lets everything through", found.text, "write ~all"
        )
    if include and include not in found.includes and found.lookups <= MOST_LOOKUPS:
        yield Finding(
            "spf",
            Level.FAULT,
            f"SPF of {domain} does not name this account's provider",
            found.text,
            f"add include:{include} before the last part",
        )


def _alignment(facts: Facts, domain: str, found: DomainFound) -> Iterator[Finding]:
    """A mailbox provider signs for the domain of its user; its users cannot change that."""
    user = facts.account.user.rpartition("@")[2].casefold()
    if user == domain or user not in FREEMAIL:
        yield from alignment_findings(facts.account.name, domain, found.alignment)
        return
    yield Finding(
        "alignment",
        Level.FAULT,
        f"From is of {domain}, but {facts.account.user} sends: SPF and DKIM are then of "
        f"{user}, and DMARC fails",
        remedy=f"send through an account of {domain}, or set From to the account",
    )


def _mx(domain: str, mx: DnsAnswer, address: DnsAnswer) -> Iterator[Finding]:
    if mx.state is DnsState.UNANSWERED:
        yield Finding("mx", Level.UNKNOWN, f"MX of {domain} is not known", _UNKNOWN)
    elif mx.values == ("",):
        yield Finding(
            "mx", Level.FAULT, f"{domain} says that it takes no mail (null MX)", remedy="add an MX record"
        )
    elif mx.state is DnsState.FOUND:
        yield Finding("mx", Level.OK, f"answers and bounces to {domain} have a server", ", ".join(mx.values))
    elif address.state is DnsState.NOTHING:
        yield Finding(
            "mx",
            Level.FAULT,
            f"{domain} takes no mail: bounces are lost, and some receivers refuse its messages",
            remedy="add an MX record, or use a From address that takes mail",
        )
    else:
        yield Finding(
            "mx", Level.WARNING, f"{domain} has no MX record, only an address", remedy="add an MX record"
        )
