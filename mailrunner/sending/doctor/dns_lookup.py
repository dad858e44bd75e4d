"""Questions to name servers by dnspython: found, not there, or not answered; never an exception."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

_PER_QUESTION = 3.0  # seconds


class DnsState(StrEnum):
    FOUND = "found"
    NOTHING = "nothing"  # neither such a name nor such a record
    UNANSWERED = "unanswered"  # no name server answers, or they fail


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """`values`: of TXT the whole text, of MX the host ("" for a null MX), of A the address."""

    state: DnsState
    values: tuple[str, ...] = ()


Ask = Callable[[str, str], DnsAnswer]


def ask(name: str, kind: str) -> DnsAnswer:
    """Ask the machine's resolver for the records of a kind ("TXT", "MX", "A", "AAAA", "PTR")."""
    import dns.exception
    import dns.resolver

    try:
        found = dns.resolver.get_default_resolver().resolve(
            name, kind, lifetime=_PER_QUESTION, search=False, raise_on_no_answer=True
        )
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return DnsAnswer(DnsState.NOTHING)
    except (dns.exception.DNSException, OSError, UnicodeError, ValueError):
        return DnsAnswer(DnsState.UNANSWERED)
    return DnsAnswer(DnsState.FOUND, tuple(_text(kind, record) for record in found))


def reverse_name(address: str) -> str:
    """The name under which the PTR record of an IP address stands."""
    import dns.reversename

    return dns.reversename.from_address(address).to_text()


def _text(kind: str, record: object) -> str:
    if kind == "TXT":
        return b"".join(getattr(record, "strings", ())).decode("utf-8", "replace")
    named = getattr(record, "exchange", None) or getattr(record, "target", None) or record
    return str(named).rstrip(".").casefold()
