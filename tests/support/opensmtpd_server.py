"""Debian's OpenSMTPD; what it knows and how it is used stands in `mail_servers`.

Its queue, socket and programs for mailboxes are where it was compiled to look for them: so one runs at a
time on a machine, and it hands everything on to `next_hop`, a scripted server, whose record counts.
"""

from __future__ import annotations

import fcntl
import re
import shutil
from pathlib import Path
from types import TracebackType

import pytest

from tests.support.mail_servers import MailServer

_CONFIG = """
{settings}
listen on 127.0.0.1 port {port} hostname mail.example.org
action "out" relay host smtp://127.0.0.1:{next_hop}
match from any for domain "example.org" ! rcpt-to regex "^gone" action "out"
"""
_QUEUE = Path("/var/spool/smtpd/queue")
_LOCK = Path("/tmp/mailrunner-opensmtpd.lock")


class OpenSmtpd(MailServer):
    """Its daemon in the foreground; `settings` are lines at the head of smtpd.conf."""

    program, package = "smtpd", "opensmtpd"

    def __enter__(self) -> OpenSmtpd:
        self._lock = _LOCK.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._lock.close()

    def prepare(self) -> None:
        if Path("/etc/smtpd.conf").exists():
            pytest.skip("this user may not disturb the OpenSMTPD of this machine, whose queue it would use")
        # What the one before did not hand on would be handed on by this one.
        for message in _QUEUE.glob("*/*"):
            shutil.rmtree(message, ignore_errors=True)
        self._config = self.folder / "smtpd.conf"
        self._config.write_text(
            _CONFIG.format(port=self.port, next_hop=self.next_hop, settings=self.settings)
        )

    def command(self) -> list[str]:
        return [self.path, "-d", "-f", str(self._config)]

    def is_idle(self) -> bool:
        return self._taken() <= set(re.findall(r' evpid=(\w+) .* result="Ok"', self.log()))

    def number(self) -> int:
        return len(self._taken())

    def _taken(self) -> set[str]:
        return set(re.findall(r" smtp envelope evpid=(\w+) ", self.log()))
