"""The reverse DNS of an own relay, which receivers look at; a provider's is the provider's."""

from __future__ import annotations

from collections.abc import Iterator

from mailrunner.sending.doctor.dns_lookup import DnsState
from mailrunner.sending.doctor.facts import Facts, ServerFound, Unanswered
from mailrunner.sending.doctor.finding import Finding, Level


def relay_check(facts: Facts) -> Iterator[Finding]:
    """PTR, and that the name leads back; the name that the server gives itself."""
    for address, found in facts.reverse.items():
        if isinstance(found, Unanswered) or found[0].state is DnsState.UNANSWERED:
            yield Finding("relay", Level.UNKNOWN, f"the reverse DNS of {address} is not known")
            continue
        answer, leads_back = found
        if answer.state is DnsState.NOTHING:
            yield Finding(
                "relay",
                Level.WARNING,
                f"{address} has no reverse DNS (PTR): large receivers refuse its mail",
                remedy="if messages leave from that address, ask the owner of the address for a PTR record",
            )
        elif not leads_back:
            yield Finding(
                "relay",
                Level.WARNING,
                f"the reverse DNS of {address} does not lead back to it",
                answer.values[0],
                f"give {answer.values[0]} the address {address}",
            )
        else:
            yield Finding("relay", Level.OK, f"the reverse DNS of {address} is in order", answer.values[0])
    if facts.reverse and isinstance(facts.server, ServerFound) and not facts.server.refusal:
        yield _greeting(facts.server)


def _greeting(found: ServerFound) -> Finding:
    """The name that the server gives itself, which is mostly that of its own EHLO (RFC 5321 §4.1.1.1)."""
    name, answer = found.greeting_name, found.greeting_address
    if "." not in name:
        what = f"the server calls itself {name or 'nothing'}, which is no full name"
        return Finding("relay", Level.WARNING, what, remedy="give it the name that its address has in DNS")
    if answer is None or answer.state is DnsState.UNANSWERED:
        return Finding(
            "relay", Level.UNKNOWN, f"whether {name}, as the server calls itself, exists is not known"
        )
    if answer.state is DnsState.NOTHING:
        what = f"the server calls itself {name}, which has no address in DNS"
        return Finding("relay", Level.WARNING, what, remedy="give it the name that its address has in DNS")
    return Finding("relay", Level.OK, f"the server calls itself {name}", ", ".join(answer.values))
