"""Mail servers that are not ours, from Debian, each on a free loopback port and in a folder of its own.

    with Exim() as server:
        ...                             # talk to 127.0.0.1, server.port
        assert server.accepted()["ana@example.org"] == 1

All know the domain example.org: `gone…` has no mailbox there, which is said at RCPT; `later…` is taken and
handed on to `next_hop`, a port on loopback; every other has a mailbox.  Mail for other domains is
refused.  They are started as root, as their daemons change users.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.parser import BytesHeaderParser
from pathlib import Path
from types import TracebackType

import pytest

from tests.support.patience import PATIENCE
from tests.support.ports import free_port

# Where `.ci/run` unpacks those that cannot be installed beside each other.
_UNPACKED = Path(__file__).parents[2] / "build" / "mta"
_PATH = os.pathsep.join(["/usr/sbin", os.environ.get("PATH", ""), str(_UNPACKED / "usr/sbin")])


class MailServer(ABC):
    """Listens from `with` to its end; `settings` are lines for the end of its configuration."""

    host = "127.0.0.1"
    program: str
    package: str

    def __init__(self, *, next_hop: int = 9, settings: str = "") -> None:
        self.next_hop, self.settings = next_hop, settings

    def __enter__(self) -> MailServer:
        self.path = found(self.program, self.package)
        self.folder = Path(tempfile.mkdtemp(prefix="mailrunner-mta-"))
        self.folder.chmod(0o755)  # its daemons are other users
        self.port = free_port()
        self.output = self.folder / "output"
        self.prepare()
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        try:
            self._wait(self._listens, "it does not listen")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        if self._process.returncode != 0:
            self._end_children()
        shutil.rmtree(self.folder, ignore_errors=True)

    def accepted(self) -> Counter[str]:
        """How many messages it took for each address of example.org but `later…`: its own record."""
        headers = [BytesHeaderParser().parsebytes(raw) for raw in self.raw_mails()]
        return Counter(str(each["Delivered-To"] or each["Envelope-To"]) for each in headers)

    def raw_mails(self) -> list[bytes]:
        """All that lies in the mailboxes, once nothing is on its way any more."""
        self._wait(self.is_idle, "its queue does not become empty")
        return [path.read_bytes() for path in self._files()]

    def has(self, number: int) -> None:
        """Wait until it took so many messages, whatever else is on its way."""
        self._wait(lambda: self.number() >= number, f"it does not take {number} messages")

    def number(self) -> int:
        """How many messages it took so far."""
        return len(list(self._files()))

    @abstractmethod
    def prepare(self) -> None:
        """Write its configuration."""

    @abstractmethod
    def command(self) -> list[str]:
        """What starts it, in the foreground."""

    @abstractmethod
    def is_idle(self) -> bool:
        """Say whether nothing is on its way."""

    def log(self) -> str:
        """What it wrote to its log."""
        return self.output.read_text(errors="replace")

    def _files(self) -> Iterator[Path]:
        return (self.folder / "mail" / "box" / "new").glob("*")

    def _listens(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=PATIENCE).close()
        except OSError:
            return False
        return True

    def _wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        """Look until it is so: what another program does can be had by looking alone."""
        until = time.monotonic() + PATIENCE
        while not condition():
            if self._process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"{type(self).__name__}: {otherwise}:\n{self.log()[-3000:]}")
            time.sleep(0.02)

    def _end_children(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def found(program: str, package: str) -> str:
    """The path of a server; a machine without it skips these tests, but CI fails."""
    path = shutil.which(program, path=_PATH)
    if path is None:
        pytest.skip(f"{program} is not installed: {package} (see .ci/run)")
    if os.geteuid() != 0:
        pytest.skip(f"this user may not start {program}, whose daemons change users")
    return path
