"""One connection's side of the protocol, as the scripted server speaks it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import ssl
import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.smtp_script import Answer, Cut, usual

if TYPE_CHECKING:
    from tests.support.smtp_server import SmtpServer


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that the server took upon itself."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes = field(repr=False)
    connection: int

    @property
    def recipient(self) -> str:
        return self.recipients[0]

    @property
    def message_id(self) -> str:
        return self.header("Message-ID")

    @property
    def delivery(self) -> str:
        return self.header("X-Mailrunner-Delivery")

    def header(self, name: str) -> str:
        """The first word of a header field, "" without it."""
        head = self.data.partition(b"\r\n\r\n")[0]
        match = re.search(rb"(?im)^" + name.encode() + rb":\s*(\S+)", head)
        return match[1].decode("utf-8", "replace") if match else ""

    def as_json(self) -> str:
        named = {
            "sender": self.sender,
            "recipients": self.recipients,
            "recipient": self.recipient,
            "message_id": self.message_id,
            "delivery": self.delivery,
            "sha256": hashlib.sha256(self.data).hexdigest(),
            "size": len(self.data),
            "connection": self.connection,
        }
        return json.dumps(named)


@dataclass(frozen=True, slots=True)
class Login:
    mechanism: str
    user: str
    password: str
    succeeded: bool
    connection: int


class Dialogue:
    """One connection's side of the protocol, in its own thread."""

    def __init__(self, server: SmtpServer, sock: socket.socket, number: int) -> None:
        self.server, self.sock, self.number = server, sock, number
        self.reached: Counter[str] = Counter()
        self.sender: str | None = None
        self.recipients: list[str] = []
        self._buffer = bytearray()
        self._replies = bytearray()
        self._message = bytearray()
        self._logged_in = server.auth is None and server.bearer is None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        try:
            if self.server.tls == "implicit":
                self._encrypt()
            self._say("connect", 220, "test.invalid ESMTP")
            while True:
                self._obey(self._line())
        except Cut as order:
            with suppress(OSError):
                self.flush()
                if order.reset:
                    self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # the client hung up, or refused our certificate
        finally:
            self.sock.close()

    def flush(self) -> None:
        """Send the answers that are held back."""
        if self._replies:
            self.sock.sendall(self._replies)
            self._replies.clear()

    @property
    def is_ahead(self) -> bool:
        """Has the client sent more than what is being answered?"""
        return bool(self._buffer)

    def drop_ahead(self) -> bool:
        """Forget what the client has sent beyond what is being answered; was that anything?"""
        was_ahead = self.is_ahead
        self._buffer.clear()
        return was_ahead

    def accept(self) -> int:
        """Take the message at hand."""
        message = Accepted(self.sender or "", tuple(self.recipients), bytes(self._message), self.number)
        return self.server.keep(message)

    def _obey(self, line: str) -> None:
        self.server.commands.append(line)
        verb, _, argument = line.partition(" ")
        handler = self._HANDLERS.get(verb.upper())
        if handler is None:
            self._write(usual(500, f"5.5.2 what is {verb[:20]}?"))
        else:
            handler(self, argument)

    def _ehlo(self, _: str) -> None:
        lines = ["test.invalid", *self.server.extensions]
        encrypted = isinstance(self.sock, ssl.SSLSocket)
        if self.server.tls == "starttls" and not encrypted:
            lines.append("STARTTLS")
        elif self.server.auth or self.server.bearer:
            lines.append(f"AUTH {self.server.mechanisms}")
        self._forget()
        self._say("ehlo", 250, *lines)

    def _helo(self, _: str) -> None:
        self._forget()
        self._say("ehlo", 250, "test.invalid")

    def _starttls(self, _: str) -> None:
        if self._say("starttls", 220, "2.0.0 go ahead"):
            self.flush()
            self._buffer.clear()
            self._encrypt()

    def _auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if mechanism == "PLAIN":
            _, user, password = _unbase64(initial or self._ask("")).split("\0")
        elif mechanism in ("XOAUTH2", "OAUTHBEARER"):
            user, password = self._token_of(mechanism, _unbase64(initial))
        else:
            user = _unbase64(self._ask("VXNlcm5hbWU6"))
            password = _unbase64(self._ask("UGFzc3dvcmQ6"))
        if self.server.bearer:
            right = self.server.bearer(user, password)
        else:
            right = (user, password) == self.server.auth
        if not right and self.server.bearer:  # the reason first, then the refusal (RFC 7628 §3.2.3)
            challenge = b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}'
            answer_to_it = self._ask(base64.b64encode(challenge).decode())
            assert answer_to_it == {"XOAUTH2": "", "OAUTHBEARER": "AQ=="}[mechanism]
        code, text = (235, "2.7.0 welcome") if right else (535, "5.7.8 Username and Password not accepted")
        answer = self.server.scripted("auth", self) or usual(code, text)
        self._logged_in = right and answer.effective
        self.server.logins.append(Login(mechanism, user, password, self._logged_in, self.number))
        self._write(answer)

    def _token_of(self, mechanism: str, initial: str) -> tuple[str, str]:
        """User and token, taken apart by the letter of the protocol."""
        if mechanism == "XOAUTH2":
            match = re.fullmatch("user=([^\1]+)\1auth=Bearer ([!-~]+)\1\1", initial)
        else:
            match = re.fullmatch(
                "n,a=([^,\1]+),\1host=[^\1]+\1port=[0-9]+\1auth=Bearer ([!-~]+)\1\1", initial
            )
        assert match, "no initial response of this mechanism"
        return match[1].replace("=2C", ",").replace("=3D", "="), match[2]

    def _mail(self, argument: str) -> None:
        self._forget()
        match = re.fullmatch(r"(?i:FROM):<(.*?)>(.*)", argument)
        if not self._logged_in:
            self._write(usual(530, "5.7.0 Authentication Required"))
        elif not match:
            self._write(usual(501, "5.5.4 MAIL FROM:<address>"))
        elif too_large := self._over_size(match[2]):
            self._write(usual(552, f"5.3.4 {too_large}"))
        elif self._say("mail", 250, "2.1.0 ok"):
            self.sender = match[1]

    def _over_size(self, parameters: str) -> str:
        limit = re.search(r"\bSIZE (\d+)", "\n".join(self.server.extensions))
        size = re.search(r"\bSIZE=(\d+)", parameters)
        return "too large" if limit and size and int(size[1]) > int(limit[1]) else ""

    def _rcpt(self, argument: str) -> None:
        match = re.fullmatch(r"(?i:TO):<(.*?)>.*", argument)
        if self.sender is None or not match:
            self._write(usual(503 if match else 501, "5.5.1 RCPT TO:<address> after MAIL"))
            return
        self.recipients.append(match[1])
        if not self._say("rcpt", 250, "2.1.5 ok"):
            self.recipients.pop()

    def _data(self, _: str) -> None:
        usually = (354, "go ahead") if self.recipients else (503, "5.5.1 RCPT first")
        if self._say("data", *usually):
            self.flush()
            while not self._buffer:
                self._receive()
            is_refused = self._interject()
            self._message = self._read_message()
            if not is_refused:
                self._decide()

    def _bdat(self, argument: str) -> None:
        size, _, last = argument.partition(" ")
        refusal = None if self.recipients else usual(503, "5.5.1 RCPT first")
        if answer := self.server.scripted("data", self) or refusal:
            self._exactly(int(size))
            self._write(answer)
            return
        while int(size) and not self._buffer:
            self._receive()
        is_refused = self._interject()
        self._message += self._exactly(int(size))
        if is_refused:
            self._forget()
        elif last:
            self._decide()
        else:
            self._write(usual(250, "2.0.0 chunk taken"))

    def _decide(self) -> None:
        answer = self.server.scripted("eod", self)
        if not self.recipients:
            answer = usual(554, "5.5.1 no valid recipients")
        if answer is None or answer.effective:
            number = self.accept()
            answer = answer or usual(250, f"2.0.0 Ok: queued as {number:08X}")
        self._forget()
        self._write(answer)

    def _interject(self) -> bool:
        """Answer before the message is complete, if a rule wants it; the message is then not taken."""
        answer = self.server.scripted("body", self)
        if answer:
            self._write(answer)
            self.flush()
        return answer is not None

    def _rset(self, _: str) -> None:
        self._forget()
        self._say("rset", 250, "2.0.0 ok")

    def _noop(self, _: str) -> None:
        self._write(usual(250, "2.0.0 ok"))

    def _quit(self, _: str) -> None:
        self._say("quit", 221, "2.0.0 bye")

    _HANDLERS = {  # noqa: RUF012 - never written to
        "EHLO": _ehlo,
        "HELO": _helo,
        "STARTTLS": _starttls,
        "AUTH": _auth,
        "MAIL": _mail,
        "RCPT": _rcpt,
        "DATA": _data,
        "BDAT": _bdat,
        "RSET": _rset,
        "NOOP": _noop,
        "QUIT": _quit,
    }

    def _forget(self) -> None:
        self.sender, self.recipients, self._message = None, [], bytearray()

    # -- The wire

    def _say(self, stage: str, code: int, *lines: str) -> bool:
        """Answer as a rule wants it or else with this; say whether the command takes effect."""
        answer = self.server.scripted(stage, self) or usual(code, *lines)
        self._write(answer)
        return answer.effective

    def _ask(self, challenge: str) -> str:
        self._write(Answer(f"334 {challenge}\r\n".encode(), effective=False))
        return self._line()

    def _write(self, answer: Answer) -> None:
        """Answers to a pipelined group go out together (RFC 2920 §3.2)."""
        self._replies += answer.wire
        if answer.closes:
            raise Cut
        if not self._buffer:
            self.flush()

    def _line(self) -> str:
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._receive()
        line = self._buffer[:end].decode("utf-8", "replace")
        del self._buffer[: end + 2]
        return line

    def _read_message(self) -> bytearray:
        """Everything up to the line with a lone dot, without the doubled dots."""
        read = bytearray(b"\r\n")  # so that a dot on the first line stands after a line end as well
        while True:
            searched = max(0, len(read) - 4)
            read += self._buffer
            self._buffer.clear()
            if (end := read.find(b"\r\n.\r\n", searched)) >= 0:
                self._buffer += read[end + 5 :]
                return read[: end + 2].replace(b"\r\n..", b"\r\n.")[2:]
            self._receive()

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._receive()
        chunk = bytes(self._buffer[:size])
        del self._buffer[:size]
        return chunk

    def _receive(self) -> None:
        self.flush()
        received = self.sock.recv(262144)
        if not received:
            raise ConnectionError
        self._buffer += received

    def _encrypt(self) -> None:
        assert self.server.context
        self.server.scripted("handshake", self)
        self.sock = self.server.context.wrap_socket(self.sock, server_side=True)


def _unbase64(text: str) -> str:
    return base64.b64decode(text).decode()
