"""Mails that came back, with tokens of a delivery filled in.

tokens = Tokens(signer, number)
raw = sample("gmail_no_such_user", tokens, recipient="bo@example.net")
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mailrunner.model.tokens import BOUNCE, MESSAGE, UNSUBSCRIBE, TokenSigner

FOLDER = Path(__file__).parent
NO_TOKEN = "a" * 32


@dataclass(frozen=True)
class Tokens:
    """What a delivery's message carried."""

    signer: TokenSigner
    number: int

    def of(self, purpose: str) -> str:
        return self.signer.token(purpose, self.number)

    @property
    def unsubscribe(self) -> str:
        return self.of(UNSUBSCRIBE)

    @property
    def message(self) -> str:
        return self.of(MESSAGE)


def names(prefix: str = "") -> list[str]:
    """The samples written for these tests."""
    return sorted(path.stem for path in FOLDER.glob(f"{prefix}*.eml"))


def sample(name: str, tokens: Tokens | None, recipient: str = "bo@example.org") -> bytes:
    """The mail `name`, about the delivery of `tokens`; without them it carries tokens of no delivery."""
    text = (FOLDER / f"{name}.eml").read_text(encoding="utf-8")
    known = {
        "recipient": recipient,
        "message": tokens.of(MESSAGE) if tokens else NO_TOKEN,
        "message2": NO_TOKEN,
        "delivery": tokens.of(MESSAGE) if tokens else NO_TOKEN,
        "bounce": tokens.of(BOUNCE) if tokens else NO_TOKEN,
    }
    for word, value in known.items():
        text = text.replace("{" + word + "}", value)
    return text.replace("\n", "\r\n").encode()


def letter(
    body: str = "", *, subject: str = "Hello", sender: str = "Bo <bo@example.org>", **fields: str
) -> bytes:
    """An ordinary mail; further fields by name, with "_" for "-"."""
    head = {"From": sender, "To": "ana@example.org", "Subject": subject, "Message-ID": "<1@mx.example.net>"}
    head |= {name.replace("_", "-"): value for name, value in fields.items()}
    head |= {"MIME-Version": "1.0", "Content-Type": head.get("Content-Type", "text/plain; charset=utf-8")}
    lines = "".join(f"{name}: {value}\n" for name, value in head.items())
    return f"{lines}\n{body}\n".replace("\n", "\r\n").encode()
