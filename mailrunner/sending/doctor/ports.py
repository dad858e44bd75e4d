"""The server's name and its ports: blocked here, or refused there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mailrunner.config.api_presets import api_preset
from mailrunner.sending.doctor.facts import Facts, ServerFound, Unanswered
from mailrunner.sending.doctor.finding import Finding, Level

MAIL_PORTS = (25, 465, 587, 2525)
HTTPS_PORT = 443
_NO_WAY = ("silent", "unreachable")


def name_check(facts: Facts) -> Iterator[Finding]:
    """The server's name can be looked up, here or by the proxy."""
    host = facts.account.host
    if not isinstance(facts.addresses, Unanswered):
        yield Finding("name", Level.OK, f"{host} has an address", ", ".join(facts.addresses))
    elif _is_reached(facts):
        yield Finding("name", Level.OK, f"{host} is reached by the proxy")
    elif "open" in facts.proxied.values():
        what = f"the name {host} is known to the proxy alone: this network looks up no names"
        yield Finding("name", Level.FAULT, what, facts.addresses.reason, "see what stands at port below")
    else:
        yield Finding(
            "name",
            Level.FAULT,
            f"the name {host} could not be looked up",
            facts.addresses.reason,
            "is this machine online? else correct host in mailrunner.toml",
        )


def port_check(facts: Facts) -> Iterator[Finding]:
    """The account's port can be reached, and if not, another one."""
    if _is_reached(facts):
        way = "by the proxy" if "open" in facts.proxied.values() else "directly"
        yield Finding("port", Level.OK, f"{facts.account.host} is reached {way}")
        return
    if isinstance(facts.addresses, Unanswered) and "open" not in facts.proxied.values():
        return
    states = {port: "silent" if isinstance(s, Unanswered) else s for port, s in facts.ports.items()}
    wanted, seen = facts.account.port, _seen(states, facts.proxied)
    if states.get(wanted) == "open":
        yield Finding("port", Level.OK, f"port {wanted} is open", seen)
        return
    what = _closed(facts, wanted, states)
    yield Finding("port", Level.FAULT, what, seen, _remedy(facts, wanted, states))


def _is_reached(facts: Facts) -> bool:
    """True for an HTTP API that was reached, perhaps by a proxy: its port is then no matter."""
    found = facts.server
    return facts.account.api is not None and isinstance(found, ServerFound) and not found.refusal


def _seen(states: Mapping[int, str], proxied: Mapping[int, str]) -> str:
    direct = ", ".join(f"{port} {state}" for port, state in sorted(states.items()))
    by_proxy = ", ".join(f"{port} {state}" for port, state in sorted(proxied.items()))
    return f"{direct}; by the proxy {by_proxy}" if by_proxy else direct


def _closed(facts: Facts, wanted: int, states: Mapping[int, str]) -> str:
    """Which side keeps the port closed, as far as another way or another server tells."""
    where, state = f"port {wanted} of {facts.account.host}", states.get(wanted)
    if facts.proxied.get(wanted) == "open":
        return f"{where} is blocked here: it is reached by the proxy, which mail does not go through"
    if state == "refused" and facts.elsewhere == "refused":
        return f"{where} is refused, and so is that port of another server: this network lets it not out"
    if state == "refused":
        return f"{where} refuses connections: the server was reached, and does not listen there"
    if facts.elsewhere == "open":
        return f"{where} does not answer, though this network lets the port out: the server drops it"
    mail = [each for port, each in states.items() if port != HTTPS_PORT]
    if facts.elsewhere in _NO_WAY or (len(mail) > 1 and all(each in _NO_WAY for each in mail)):
        return f"{where} is blocked here: no other port or server for mail answers this network either"
    return f"{where} does not answer: it is blocked here, or the server drops it"


def _remedy(facts: Facts, wanted: int, states: Mapping[int, str]) -> str:
    if others := [port for port in (587, 465, 2525) if states.get(port) == "open" and port != wanted]:
        tls = "implicit" if others[0] == 465 else "starttls"
        return f'set port = {others[0]} and tls = "{tls}"'
    is_there = states.get(wanted) == "refused" and facts.elsewhere != "refused"
    if is_there and facts.proxied.get(wanted) != "open":
        return "ask the provider for the port, and set it"
    if facts.account.api is None and api_preset(facts.account.preset.name):
        return f'send by the HTTP API of {facts.account.preset.title}: via = "api" (docs/providers.md)'
    return "ask the owner of this network or host to open port 587, or send from another one"
