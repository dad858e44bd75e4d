"""DNS of the domains of From: SPF, DKIM, DMARC, and that answers and bounces arrive."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from mailrunner.sending.doctor.dmarc import DmarcFound
from mailrunner.sending.doctor.dns_lookup import DnsAnswer, DnsState
from mailrunner.sending.doctor.facts import DomainFound, Facts, Unanswered
from mailrunner.sending.doctor.finding import Finding, Level
from mailrunner.sending.doctor.provider_dns import FREEMAIL, SPF_INCLUDE
from mailrunner.sending.doctor.spf import MOST_LOOKUPS, MOST_VOID, SpfFound

_UNKNOWN = "no name server answered"
# DER of an RSA key of 1,024 bits has 162 octets, of 2,048 bits 294 (RFC 8017 appendix A.1.1).
_SHORTEST, _ADVISED = 150, 280


def domain_checks(facts: Facts) -> Iterator[Finding]:
    """All checks for each domain of From."""
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
    yield from _spf(domain, found.spf, SPF_INCLUDE.get(facts.account.preset.family, ""))
    yield from _dkim(domain, found)
    yield from _dmarc(domain, found.dmarc)
    yield from _alignment(facts, domain)
    yield from _mx(domain, found)


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


def _dkim(domain: str, found: DomainFound) -> Iterator[Finding]:
    if not found.selectors:
        yield Finding("dkim", Level.UNKNOWN, f"which DKIM selector signs for {domain} is not known")
        return
    held = {selector: a for selector, a in found.selectors.items() if a.state is DnsState.FOUND}
    if not held and any(answer.state is DnsState.UNANSWERED for answer in found.selectors.values()):
        yield Finding("dkim", Level.UNKNOWN, f"DKIM of {domain} is not known", _UNKNOWN)
    elif not held:
        names = ", ".join(f"{selector}._domainkey.{domain}" for selector in found.selectors)
        yield Finding(
            "dkim",
            Level.WARNING,
            f"no DKIM key of the provider was found for {domain}",
            f"asked for {names}",
            "switch DKIM on at the provider and add the records that it shows",
        )
    for selector, answer in held.items():
        yield _key(f"{selector}._domainkey.{domain}", answer)


def _key(name: str, answer: DnsAnswer) -> Finding:
    pairs = (part.partition("=") for part in "".join(answer.values[:1]).split(";"))
    tags = {key.strip().casefold(): "".join(value.split()) for key, _, value in pairs}
    try:
        octets = len(base64.b64decode(tags.get("p", ""), validate=True))
    except binascii.Error:
        return Finding(
            "dkim", Level.FAULT, f"{name} holds no key that can be read", answer.values[0], "add it anew"
        )
    if octets == 0:
        return Finding(
            "dkim", Level.FAULT, f"the key at {name} is revoked or missing", remedy="add the provider's"
        )
    if tags.get("k", "rsa").casefold() == "rsa" and octets < _SHORTEST:
        return Finding(
            "dkim", Level.FAULT, f"the key at {name} is too short", remedy="make one of 2,048 bits"
        )
    if tags.get("k", "rsa").casefold() == "rsa" and octets < _ADVISED:
        return Finding("dkim", Level.INFO, f"the key at {name} has 1,024 bits; 2,048 are better")
    return Finding("dkim", Level.OK, f"there is a DKIM key at {name}")


def _dmarc(domain: str, found: DmarcFound) -> Iterator[Finding]:
    if found.is_unanswered:
        yield Finding("dmarc", Level.UNKNOWN, f"DMARC of {domain} is not known", _UNKNOWN)
    elif not found.at:
        yield Finding(
            "dmarc",
            Level.WARNING,
            f"{domain} has no DMARC record, which Google, Yahoo and Microsoft ask of bulk senders",
            remedy=f'add a TXT record at _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:you@{domain}"',
        )
    elif found.records > 1:
        what = f"_dmarc.{found.at} has {found.records} records, which counts as none"
        yield Finding("dmarc", Level.FAULT, what, found.text, "leave one")
    elif found.tags.get("p", "").casefold() not in ("none", "quarantine", "reject"):
        yield Finding(
            "dmarc", Level.FAULT, f"DMARC at {found.at} has no valid policy", found.text, "write p=none"
        )
    else:
        yield Finding("dmarc", Level.OK, f"DMARC of {domain}: {found.policy(domain)}", found.text)
        if "rua" not in found.tags:
            yield Finding("dmarc", Level.INFO, f"DMARC at {found.at} names no address for reports (rua)")


def _alignment(facts: Facts, domain: str) -> Iterator[Finding]:
    """A mailbox provider signs for the domain of its user."""
    user = facts.account.user.rpartition("@")[2].casefold()
    if user and user != domain and facts.account.preset.family in SPF_INCLUDE and user in FREEMAIL:
        yield Finding(
            "dmarc",
            Level.FAULT,
            f"From is of {domain}, but {facts.account.user} sends: SPF and DKIM are then of "
            f"{user}, and DMARC fails",
            remedy=f"send through an account of {domain}, or set From to the account",
        )


def _mx(domain: str, found: DomainFound) -> Iterator[Finding]:
    if found.mx.state is DnsState.UNANSWERED:
        yield Finding("mx", Level.UNKNOWN, f"MX of {domain} is not known", _UNKNOWN)
    elif found.mx.values == ("",):
        yield Finding(
            "mx", Level.FAULT, f"{domain} says that it takes no mail (null MX)", remedy="add an MX record"
        )
    elif found.mx.state is DnsState.FOUND:
        yield Finding(
            "mx", Level.OK, f"answers and bounces to {domain} have a server", ", ".join(found.mx.values)
        )
    elif found.address.state is DnsState.NOTHING:
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
