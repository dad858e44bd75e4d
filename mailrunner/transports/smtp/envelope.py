"""A message's envelope: whether it can go this way, and the commands that carry it."""

from __future__ import annotations

import re

from mailrunner.transports import Capabilities, Envelope

# What would end the path, the command or the line, and halves of characters that have no UTF-8.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f<>\ud800-\udfff]")


def mail(message: Envelope, able: Capabilities) -> bytes:
    """The MAIL command, with the parameters for what the server announced (RFC 1870, 6152, 6531)."""
    size = f" SIZE={len(message.data)}" if able.size is not None else ""
    body = " BODY=8BITMIME" if able.eightbitmime and not message.data.isascii() else ""
    utf8 = " SMTPUTF8" if _needs_smtputf8(message) else ""
    return f"MAIL FROM:<{message.sender}>{size}{body}{utf8}\r\n".encode()


def rcpt(message: Envelope) -> bytes:
    """The RCPT command."""
    return f"RCPT TO:<{message.recipient}>\r\n".encode()


def unsafe(message: Envelope) -> str | None:
    """Name an address that would say more to the server than an address."""
    if not message.recipient:
        return "there is no address to send to"
    for address in (message.sender, message.recipient):
        if _UNSAFE.search(address):
            return f"{address!r} holds a character that no address may hold"
    return None


def too_much(message: Envelope, able: Capabilities, host: str) -> str | None:
    """Say what about `message` the server has announced not to take."""
    if able.size is not None and len(message.data) > able.size:
        return f"the message has {len(message.data):,} bytes; {host} takes {able.size:,} at most"
    if _needs_smtputf8(message) and not able.smtputf8:
        return f"the address needs SMTPUTF8 (RFC 6531), which {host} does not offer"
    if not able.eightbitmime and not message.data.isascii():
        return f"the message has 8-bit text, which {host} does not take"
    return None


def _needs_smtputf8(message: Envelope) -> bool:
    return message.smtputf8 or not (message.sender + message.recipient).isascii()
