"""SASL by bearer token: XOAUTH2 (developers.google.com/workspace/gmail/imap/xoauth2-protocol), OAUTHBEARER.

A refusal is a challenge with JSON that says why; the client answers it, and then gets the error itself
(RFC 7628 §3.2.3).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection

MECHANISMS = ("XOAUTH2", "OAUTHBEARER")  # Microsoft has only the first, Google and dovecot have both
_LONGEST = 100  # characters of a word of the challenge that are shown


def chosen(offered: Collection[str]) -> str | None:
    """The mechanism to use of those that the server offers; None where it has neither."""
    return next((each for each in MECHANISMS if each in offered), None)


def initial_response(mechanism: str, *, user: str, token: str, host: str, port: int) -> bytes:
    """What the client says first, before base64."""
    if mechanism == "XOAUTH2":
        return f"user={user}\1auth=Bearer {token}\1\1".encode()
    name = user.replace("=", "=3D").replace(",", "=2C")  # RFC 5801 §4
    return f"n,a={name},\1host={host}\1port={port}\1auth=Bearer {token}\1\1".encode()


def answer_to_refusal(mechanism: str) -> bytes:
    """What the client says to the challenge of a refusal, before base64."""
    return b"" if mechanism == "XOAUTH2" else b"\1"


def refusal_words(challenge: bytes) -> str:
    """The error in the challenge of a refusal, whether still in base64 or not; "" where it names none.

    The words are the server's: printable, and of bounded length.
    """
    try:
        text = (
            challenge if challenge.lstrip().startswith(b"{") else base64.b64decode(challenge, validate=True)
        )
        told = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        return ""
    if not isinstance(told, dict):
        return ""
    words = (f"{key} {_word(told[key])}" for key in ("status", "scope") if isinstance(told.get(key), str))
    return ", ".join(words)


def _word(text: str) -> str:
    return "".join(each for each in text if each.isprintable())[:_LONGEST]
