"""The server's name and its ports: blocked here, or refused there."""

from __future__ import annotations

from collections.abc import Iterator

from mailrunner.sending.doctor.facts import Facts, ServerFound, Unanswered
from mailrunner.sending.doctor.finding import Finding, Level

MAIL_PORTS = (25, 465, 587, 2525)
HTTPS_PORT = 443
_NO_WAY = ("silent", "unreachable")


def name_check(facts: Facts) -> Iterator[Finding]:
    """The server's name can be looked up."""
    host = facts.account.host
    if isinstance(facts.addresses, Unanswered) and _is_reached(facts):
        yield Finding("name", Level.OK, f"{host} is reached by the proxy")
    elif isinstance(facts.addresses, Unanswered):
        yield Finding(
            "name",
            Level.FAULT,
            f"the name {host} could not be looked up",
            facts.addresses.reason,
            "is this machine online? else correct host in mailrunner.toml",
        )
    else:
        yield Finding("name", Level.OK, f"{host} has an address", ", ".join(facts.addresses))


def port_check(facts: Facts) -> Iterator[Finding]:
    """The account's port can be reached, and if not, another one."""
    if isinstance(facts.addresses, Unanswered) or _is_reached(facts):
        return
    states = {port: "silent" if isinstance(s, Unanswered) else s for port, s in facts.ports.items()}
    wanted, seen = facts.account.port, ", ".join(f"{port} {state}" for port, state in sorted(states.items()))
    if states.get(wanted) == "open":
        yield Finding("port", Level.OK, f"port {wanted} is open", seen)
        return
    others = [port for port in (587, 465, 2525) if states.get(port) == "open" and port != wanted]
    yield Finding("port", Level.FAULT, _closed(facts, wanted, states), seen, _remedy(wanted, others, states))


def _is_reached(facts: Facts) -> bool:
    """True for an HTTP API that was reached, perhaps by a proxy: its port is then no matter."""
    found = facts.server
    return facts.account.api is not None and isinstance(found, ServerFound) and not found.refusal


def _closed(facts: Facts, wanted: int, states: dict[int, str]) -> str:
    where = f"port {wanted} of {facts.account.host}"
    if states.get(wanted) == "refused":
        return f"{where} refuses connections: the server was reached, and does not listen there"
    mail = [state for port, state in states.items() if port != HTTPS_PORT]
    if all(state in _NO_WAY for state in mail):
        return f"{where} does not answer, nor does any other port for mail: this network lets no mail out"
    return f"{where} does not answer: it is blocked here, or the server drops it"


def _remedy(wanted: int, others: list[int], states: dict[int, str]) -> str:
    if others:
        tls = "implicit" if others[0] == 465 else "starttls"
        return f'set port = {others[0]} and tls = "{tls}"'
    if states.get(wanted) == "refused":
        return "ask the provider for the port, and set it"
    return "ask the owner of this network or host to open port 587, or send from another one"
