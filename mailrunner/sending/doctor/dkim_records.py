"""DKIM of a domain of From: the keys that its provider is known to use."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from mailrunner.sending.doctor.dns_lookup import DnsAnswer, DnsState
from mailrunner.sending.doctor.facts import DomainFound
from mailrunner.sending.doctor.finding import Finding, Level

# DER of an RSA key of 1,024 bits has 162 octets, of 2,048 bits 294 (RFC 8017 appendix A.1.1).
_SHORTEST, _ADVISED = 150, 280


def provider_keys(domain: str, found: DomainFound) -> Iterator[Finding]:
    """A finding for each key that is there, or for none."""
    if not found.selectors:
        yield Finding("dkim", Level.UNKNOWN, f"which DKIM selector signs for {domain} is not known")
        return
    held = {selector: a for selector, a in found.selectors.items() if a.state is DnsState.FOUND}
    if not held and any(answer.state is DnsState.UNANSWERED for answer in found.selectors.values()):
        yield Finding("dkim", Level.UNKNOWN, f"DKIM of {domain} is not known", "no name server answered")
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
