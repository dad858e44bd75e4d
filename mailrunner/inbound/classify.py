"""The classifier: what a mail in the account's mailbox says of our own messages, if anything.

    classifier = MessageClassifier(signer=…, identity="google/ana@gmail.com", domains=(…,), pause=…)
    classifier.may_concern(header)      # cheap: whether the body is worth fetching
    classifier.understand(raw)          # an InboundEvent, or None for mail that is not about ours

Anyone can send mail that looks like a bounce, so what suppresses an address must name a delivery by a
token that only its message had: the VERP address, the Message-ID or X-Mailrunner-Delivery of the
returned message, the unsubscribe token.  A report that names an address alone is put before the user.
Quoted text, and References beyond the last, tie nothing: the bounce of a recipient's *answer* to a
newsletter quotes the newsletter, too.  Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from mailrunner.inbound import dsn, phrases
from mailrunner.inbound.complaints import Complaint, complaint, erasure_by_subject
from mailrunner.inbound.dsn import BounceReport
from mailrunner.inbound.message import InboundMessage, UnreadableError
from mailrunner.model.inbound_event import EventKind, InboundEvent
from mailrunner.model.tokens import BOUNCE, MESSAGE, UNSUBSCRIBE, TokenSigner

SOURCE = "inbox"
# From where a provider's own notices come, by its family of servers; the mailbox's server must vouch for it.
PROVIDER_DOMAINS = {
    "google": ("googlemail.com", "gmail.com", "google.com"),
    "yahoo": ("yahoo.com", "yahoo-inc.com", "yahooinc.com"),
}

_TOKEN = re.compile(r"(?<![a-z0-9])([a-z2-7]{32})(?![a-z0-9])", re.IGNORECASE)
_LEAVE = re.compile(r"^\W*unsubscribe\b[\s:=]*(.*)$", re.DOTALL | re.IGNORECASE)
# Of one line: blanks that could be line ends would be gone over again from each empty line, for hours.
_LEAVE_LINE = re.compile(
    r"^[> \t\"'*]*(?:\w+[ \t]?:[ \t]*)?unsubscribe[ \t]+([a-z2-7]{32})[ \t\r\"'*.]*$",
    re.IGNORECASE | re.MULTILINE,
)
# What a sender can write into a result of RFC 8601: comments, quoted strings.
_SAID_BY_SENDER = re.compile(r'"(?:[^"\\]|\\.)*"|\([^()]*\)')
_RECIPIENT_FIELDS = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To")
_EXCERPT = 300  # characters of the sender's own words that are kept


class UnprovedNoticeError(UnreadableError):
    """A notice that would pause the account, without a proof that the provider wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageClassifier:
    """Knows our tokens, and whose mailbox this is.

    `identity` is the account's, `domains` are those from which its provider writes, `pause` is how
    long the account sends nothing after a notice that its cap is reached.
    """

    signer: TokenSigner
    identity: str
    domains: tuple[str, ...] = ()
    pause: timedelta = timedelta(hours=24)

    def may_concern(self, header: bytes) -> bool:
        """Whether a mail with this header could be about our messages; private mail is not opened.

        Raises UnreadableError.
        """
        mail = _read(header)
        return (
            _is_report(mail)
            or phrases.asks_by_subject(mail.field("Subject"))
            or erasure_by_subject(mail.field("Subject"))
            or self._requested(mail) is not None
            or self._tie(mail) is not None
        )

    def understand(self, raw: bytes) -> InboundEvent | None:
        """What the mail says; None where that concerns none of our messages, or that cannot be told.

        Raises UnreadableError.
        """
        mail = _read(raw)
        try:
            return self._fact(mail)
        except UnreadableError:
            raise
        except Exception as error:
            # Parsers meet everything that was ever sent; one mail must not keep the others from being read.
            raise UnreadableError(f"it is malformed ({type(error).__name__})") from error

    def _fact(self, mail: InboundMessage) -> InboundEvent | None:
        number = self._requested(mail)
        if number is not None:
            return _fact_of(mail, kind=EventKind.UNSUBSCRIBED, delivery=number)
        if _is_report(mail):
            return self._reported(mail)
        if _is_automatic(mail):
            number = self._tie(mail)
            return None if number is None else _auto_reply(mail, number)
        return self._asked(mail)

    def _reported(self, mail: InboundMessage) -> InboundEvent | None:
        said = dsn.feedback(mail) or dsn.delivery_status(mail)
        if said is None and not dsn.is_structured(mail):
            said = dsn.odd_bounce(mail) or dsn.notice(mail)
        if said is None:
            return self._answer_by_program(mail)
        number = self._tie(mail)
        if said.kind is EventKind.LIMIT_REACHED:
            return self._limit(mail, said, number)
        if number is None:
            return _doubtful(mail, said)
        return _fact_of(mail, said, kind=said.kind, delivery=number)

    def _answer_by_program(self, mail: InboundMessage) -> InboundEvent | None:
        number = self._tie(mail) if _is_automatic(mail) else None
        return None if number is None or dsn.is_delivery_status(mail) else _auto_reply(mail, number)

    def _limit(self, mail: InboundMessage, said: BounceReport, number: int | None) -> InboundEvent | None:
        """A notice stops the account for a day, so only the provider's own word is enough for it.

        Whoever got a message of ours has its token, and could write a notice about it.  Where it is not
        known from where the provider writes, nothing proves it: UnprovedNoticeError puts it before the
        operator.
        """
        if self._is_from_provider(mail):
            return _fact_of(
                mail, said, kind=said.kind, delivery=number, identity=self.identity, pause=self.pause
            )
        if number is not None and not self.domains:
            raise UnprovedNoticeError(
                "it says that the account's limit is reached, and nothing proves that the provider wrote it; "
                "if it is true, the server itself will refuse messages, and that pauses the account"
            )
        return None

    def _asked(self, mail: InboundMessage) -> InboundEvent | None:
        """A recipient's own words, to leave or to complain: a proposal for the user, never more."""
        if mail.field("List-Id"):
            return None
        subject, words = mail.field("Subject"), mail.own_words
        number = self._tie(mail)
        if not mail.sender:
            return None
        complains = _complaint(subject, words if number is not None else "")
        asks = phrases.asks_to_leave if number is not None else _by_subject
        if complains is None and not asks(subject, words):
            return None
        excerpt = " ".join((words or subject).split())
        detail = f"{complains}: {excerpt}" if complains else excerpt
        return _fact_of(
            mail, kind=EventKind.ASKED, delivery=number, address=mail.sender, detail=detail[:_EXCERPT]
        )

    def _requested(self, mail: InboundMessage) -> int | None:
        """The delivery whose unsubscribe token the mail was sent to give back."""
        subject = re.sub(r"^(?:\s*\w{1,6}(?:\[\d+\])?\s*[:：])+", "", mail.field("Subject"))
        candidates = [found[1] for field in mail.addresses(*_RECIPIENT_FIELDS) for found in _tagged(field)]
        leaves = _LEAVE.match(subject)
        if leaves:
            candidates.append(re.sub(r"[^A-Za-z2-7]", "", leaves[1])[:32])
        if leaves or phrases.asks_by_subject(subject):
            candidates += _LEAVE_LINE.findall(_all_text(mail))
        return self._number(UNSUBSCRIBE, candidates)

    def _tie(self, mail: InboundMessage) -> int | None:
        """The delivery that the mail is about, told by a token of ours."""
        to = [found[1] for address in mail.addresses(*_RECIPIENT_FIELDS) for found in _tagged(address)]
        number = self._number(BOUNCE, to)
        if number is not None:
            return number
        returned = dsn.returned_fields(mail) if _is_report(mail) else None
        if returned is not None:
            own = InboundMessage(returned)
            return _first_of(
                self._number(MESSAGE, _tokens(own.field("X-Mailrunner-Delivery"))),
                self._number(MESSAGE, _tokens(own.field("Message-ID"))),
            )
        last = mail.field("References").split(" ")[-1]
        return self._number(MESSAGE, _tokens(f"{mail.field('In-Reply-To')} {last}"))

    def _number(self, purpose: str, tokens: Iterable[str]) -> int | None:
        found = (self.signer.number(purpose, token) for token in list(tokens)[:20])
        return next((number for number in found if number is not None), None)

    def _is_from_provider(self, mail: InboundMessage) -> bool:
        """Whether the receiving server itself vouches (RFC 8601) that the account's provider wrote this."""
        domain = mail.sender.rpartition("@")[2].casefold()
        vouched = mail.field("Authentication-Results").casefold()  # the topmost, by the mailbox's own server
        results = [one.strip() for one in _SAID_BY_SENDER.sub(" ", vouched).split(";")[1:]]
        about = [one for one in results if one.startswith("dmarc")]
        passed = rf"dmarc\s?=\s?pass\s(?:.*\s)?header\.from=@?{re.escape(domain)}(?:\s.*)?"
        is_theirs = domain in self.domains and dsn.is_daemon(mail.sender)  # anyone may write from gmail.com
        return is_theirs and len(about) == 1 and re.fullmatch(passed, about[0]) is not None


def _read(raw: bytes) -> InboundMessage:
    try:
        return InboundMessage.read(raw)
    except UnreadableError:
        raise
    except Exception as error:  # see MessageClassifier.understand
        raise UnreadableError(f"it is malformed ({type(error).__name__})") from error


def _is_report(mail: InboundMessage) -> bool:
    kind = mail.message.get_content_type()
    return (
        kind == "multipart/report"
        or dsn.is_from_daemon(mail)
        or (mail.field("Return-Path") == "<>" and not _is_automatic(mail))
    )


def _is_automatic(mail: InboundMessage) -> bool:
    """Whether a program answered (RFC 3834), or says so in one of the older ways."""
    automatic = mail.field("Auto-Submitted").casefold().partition(";")[0].strip()
    marks = ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Autogenerated")
    return (
        automatic not in ("", "no")
        or any(mail.field(name) for name in marks)
        or mail.field("Precedence").casefold() in ("auto_reply", "auto-reply")
        or phrases.says_absent(mail.field("Subject"))
    )


def _complaint(subject: str, words: str) -> Complaint | None:
    return Complaint.ERASURE if erasure_by_subject(subject) else complaint(words)


def _by_subject(subject: str, _words: str) -> bool:
    return phrases.asks_by_subject(subject)


def _doubtful(mail: InboundMessage, said: BounceReport) -> InboundEvent | None:
    """A report that names nothing but an address proves no delivery: a grave one waits for a decision."""
    if said.kind not in (EventKind.BOUNCED, EventKind.COMPLAINED, EventKind.UNSUBSCRIBED) or not said.address:
        return None
    words = f"{mail.sender or 'a mail server'} reports: {said.kind} ({said.words})"[:_EXCERPT]
    return _fact_of(mail, kind=EventKind.ASKED, address=said.address, detail=words)


def _auto_reply(mail: InboundMessage, number: int) -> InboundEvent:
    return _fact_of(
        mail,
        kind=EventKind.AUTO_REPLIED,
        delivery=number,
        address=mail.sender,
        detail=mail.field("Subject")[:_EXCERPT],
    )


def _fact_of(
    mail: InboundMessage, said: BounceReport | None = None, *, kind: EventKind, **known: Any
) -> InboundEvent:
    """A fact with what the report said; what is `known` otherwise beats it."""
    told = said or BounceReport(kind=kind)
    fact = InboundEvent(
        kind=kind,
        source=SOURCE,
        address=told.address,
        happened_at=mail.date,
        code=told.code,
        enhanced_code=told.enhanced_code,
        detail=told.words,
    )
    fact = replace(fact, **known)
    return replace(fact, fingerprint=_fingerprint(mail, fact))


def _fingerprint(mail: InboundMessage, fact: InboundEvent) -> str:
    """Equal for the same mail, also in another mailbox: its Message-ID and what it says of which address.

    There are servers that give all their reports one Message-ID, and some that give none.
    """
    name = mail.field("Message-ID")
    if not name:
        return hashlib.sha256(mail.message.as_bytes()).hexdigest()
    content = (SOURCE, name, mail.sender, mail.field("Date"), fact.kind, str(fact.delivery))
    return hashlib.sha256("\0".join(content).encode("utf-8", "surrogatepass")).hexdigest()


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _tagged(address: str) -> Iterable[re.Match[str]]:
    return _TOKEN.finditer(address.rpartition("@")[0])


def _all_text(mail: InboundMessage) -> str:
    """The text, with the subject of a mail that was forwarded as an attachment."""
    forwarded = [str(part.get("Subject", "")) for part in mail.parts()[1:]]
    return "\n".join([mail.text, *forwarded])


def _first_of(*numbers: int | None) -> int | None:
    return next((number for number in numbers if number is not None), None)
