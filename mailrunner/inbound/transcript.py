"""The command, of ours or of a server on the way, that a bounce's words answer.  Pure.

Servers tell it in the part that is written for people:

    Postfix    <bo@x>: host mx.x[192.0.2.9] said: 550 … (in reply to RCPT TO command)
    Exim       SMTP error from remote mail server after MAIL FROM:<ana@y> SIZE=2000: 550 …
    sendmail   >>> MAIL From:<ana@y> / <<< 550 …
    qmail      192.0.2.9 does not like recipient. / Connected to 192.0.2.9 but sender was rejected.
"""

from __future__ import annotations

import re

from mailrunner.model.outcome import Stage

_LONGEST = 4000  # characters of the part for people that are looked at

_COMMANDS = (
    (Stage.MAIL, r"mail from"),
    (Stage.RCPT, r"rcpt to"),
    (Stage.EOD, r"end of data|\. \(end"),
    (Stage.DATA, r"data|bdat"),
    (Stage.AUTH, r"auth"),
    (Stage.CONNECT, r"helo|ehlo|lhlo|starttls|initial connection|initial server greeting|connect"),
)
_SAYS_COMMAND = (
    re.compile(r"\(in reply to (?:the )?([\w. ]{1,40}?)(?: command)?\)", re.IGNORECASE),
    re.compile(r"\(while (?:receiving|performing) the (initial server greeting|ehlo|helo)", re.IGNORECASE),
    re.compile(
        r"\bafter (?:pipelined |sending )?(mail from|rcpt to|end of data|data|bdat|starttls|ehlo|helo|auth|"
        r"initial connection)\b",
        re.IGNORECASE,
    ),
    re.compile(r"\bin response to (?:the )?(mail from|rcpt to|end of data|data|ehlo|helo)\b", re.IGNORECASE),
)
# A transcript of sendmail; ">>> DATA" tells nothing, since with PIPELINING the answer may be to RCPT.
_TRANSCRIPT = re.compile(r"^>>> *(mail from|rcpt to)\b[^\n]*\n<<< *[45]\d\d", re.IGNORECASE | re.MULTILINE)
_PHRASES = (
    (Stage.MAIL, re.compile(r"\bbut sender was rejected|does not like (?:the )?sender", re.IGNORECASE)),
    (Stage.RCPT, re.compile(r"does not like (?:the )?recipient", re.IGNORECASE)),
    (Stage.EOD, re.compile(r"\bfailed (?:on data|after i sent the message)", re.IGNORECASE)),
    (Stage.CONNECT, re.compile(r"\bbut (?:greeting|my name was)\b.{0,12}(?:failed|rejected)", re.IGNORECASE)),
)


def answered(text: str) -> Stage | None:
    """The stage of the dialogue in which the words were said; None where that is not told."""
    text = text[:_LONGEST]
    spaced = " ".join(text.split())
    commands = [found[1] for pattern in _SAYS_COMMAND if (found := pattern.search(spaced))]
    commands += _TRANSCRIPT.findall(text)[-1:]
    if commands:
        return next((stage for stage, name in _COMMANDS if re.match(name, commands[0], re.IGNORECASE)), None)
    return next((stage for stage, phrase in _PHRASES if phrase.search(spaced)), None)


def about(text: str, address: str) -> str:
    """The paragraphs of the part for people that name this address; "" where none does."""
    if not address:
        return ""
    paragraphs = re.split(r"\n[ \t]*\n", text[:_LONGEST].replace("\r\n", "\n"))
    return "\n".join(one for one in paragraphs if address.casefold() in one.casefold())


def reason_in(paragraphs: str, address: str) -> str:
    """What stands behind the address: Exim writes its reason there and nowhere else."""
    _, named, rest = paragraphs.casefold().partition(address.casefold())
    return " ".join(paragraphs[-len(rest) :].split()).lstrip(">:) ") if named and rest else ""
