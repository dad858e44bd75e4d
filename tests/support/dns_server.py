"""A name server of the tests' own on loopback: what is planted, and faults.

with DnsServer({("club.org", "TXT"): ['"v=spf1 ~all"']}) as server:
    server.use(monkeypatch)         # dnspython's default resolver asks it
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest


class DnsServer:
    """Answers by UDP; `zone` is by name and kind, `dead` answers nothing, `failing` says SERVFAIL."""

    def __init__(
        self,
        zone: Mapping[tuple[str, str], Sequence[str]] | None = None,
        *,
        dead: bool = False,
        failing: bool = False,
    ) -> None:
        self.zone, self.dead, self.failing = dict(zone or {}), dead, failing
        self.asked: list[tuple[str, str]] = []

    def __enter__(self) -> DnsServer:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let dnspython ask this server alone."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._socket.getsockname()[1]
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)

    def _serve(self) -> None:
        while True:
            octets, client = self._socket.recvfrom(4096)
            if not octets:
                return
            if not self.dead:
                self._socket.sendto(self._answer(dns.message.from_wire(octets)).to_wire(), client)

    def _answer(self, asked: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(asked)
        answer.flags |= dns.flags.RA
        [question] = asked.question
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif values := self.zone.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *values))
        elif not any(planted == name or planted.endswith(f".{name}") for planted, _ in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
