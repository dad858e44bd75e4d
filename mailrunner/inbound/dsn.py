"""Delivery status notifications: bounces, delays and complaints that a mail server reports.  Pure.

    RFC 3464   delivery status notifications: each recipient's action, status and the remote server's words
    RFC 5965   feedback reports (ARF): a reader pressed "this is spam"
    the rest   what older servers write for people, recognised by flufl.bounce

A server's words are judged by `mailrunner.inbound.bounce_reason`: a full mailbox, a refusal of the
content or of the sender are no reason to suppress a recipient for ever.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from email.policy import compat32
from email.utils import getaddresses

from mailrunner.inbound.bounce_reason import BounceReason, first_enhanced, reason_of
from mailrunner.inbound.message import InboundMessage, addresses_in, raw_values, status_blocks, text_of
from mailrunner.inbound.phrases import says_spent, says_undelivered
from mailrunner.inbound.transcript import about, answered, reason_in
from mailrunner.model.inbound_event import EventKind
from mailrunner.model.outcome import Action

_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_RETURNED_TYPES = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
)
_DAEMON = re.compile(
    r"^(?:mailer[-_.]?daemon|mail[-_.]?daemon|mdaemon|postmaster|mail[. ]?delivery[. ]?(?:system|subsystem)|"
    r"bounces?|microsoftexchange[0-9a-f]+)(?:\+[^@]*)?@",
    re.IGNORECASE,
)
_ACTIONS = {
    "delayed": EventKind.DELAYED,
    "delivered": EventKind.DELIVERED,
    "relayed": EventKind.DELIVERED,  # accepted; nothing more will be reported
    "expanded": EventKind.DELIVERED,
}
_FEEDBACK = {
    "abuse": EventKind.COMPLAINED,
    "fraud": EventKind.COMPLAINED,
    "opt-out": EventKind.UNSUBSCRIBED,
    "opt-out-list": EventKind.UNSUBSCRIBED,
}
# The mildest first: where a list or a forwarder reports several addresses, one that got it is enough.
_MILDEST = (
    *(EventKind.DELIVERED, EventKind.DELAYED, EventKind.LIMIT_REACHED),
    *(EventKind.REFUSED, EventKind.SOFT_BOUNCED, EventKind.BOUNCED),
)
_LONGEST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceReport:
    """The report on one message: `address` as the reporter wrote it, the remote server's code and words."""

    kind: EventKind
    address: str = ""
    code: int | None = None
    enhanced_code: str = ""
    words: str = ""


def is_from_daemon(mail: InboundMessage) -> bool:
    """Whether a mail server wrote this by itself, to go by its From or by what only servers set."""
    named = mail.field("From").replace("<>", "").strip('" ')  # "MAILER-DAEMON <>": the null sender
    return is_daemon(mail.sender or f"{named}@") or bool(mail.field("X-Failed-Recipients"))


def is_daemon(address: str) -> bool:
    """Whether an address is one from which mail servers write, and which no recipient can have."""
    return _DAEMON.match(address) is not None


def feedback(mail: InboundMessage) -> BounceReport | None:
    """Read a feedback report; None for any other mail and for kinds that mean no complaint."""
    for part in mail.parts("message/feedback-report"):
        fields = _first(part)
        if fields is None:
            continue
        kind = _FEEDBACK.get(str(fields.get("Feedback-Type", "")).strip().casefold())
        named = addresses_in(str(fields.get("Original-Rcpt-To", "")))
        if kind is not None:
            words = str(fields.get("User-Agent", ""))[:100]
            return BounceReport(kind=kind, address=next(iter(named), ""), words=" ".join(words.split()))
    return None


def delivery_status(mail: InboundMessage) -> BounceReport | None:
    """Read a delivery status notification; None for any other mail."""
    blocks = [block for part in mail.parts(*_STATUS_TYPES) for block in status_blocks(part)]
    alone = sum(_value(block, "Action").casefold() == "failed" for block in blocks) == 1
    return mildest(report for block in blocks if (report := _of_recipient(block, mail.text, alone=alone)))


def is_delivery_status(mail: InboundMessage) -> bool:
    """Whether the mail is such a notification, also one that cannot be understood."""
    return bool(mail.parts(*_STATUS_TYPES))


def is_structured(mail: InboundMessage) -> bool:
    """Whether the mail says by its structure what it is: nothing else may then be read into its words.

    A receipt (RFC 8098) is one, but for servers that refuse in that form ("automatically rejected").
    """
    receipt = mail.parts("message/disposition-notification") and not is_from_daemon(mail)
    return bool(is_delivery_status(mail) or mail.parts("message/feedback-report") or receipt)


def odd_bounce(mail: InboundMessage) -> BounceReport | None:
    """Read a bounce that follows no standard; ask only of what a mail server wrote by itself.

    flufl.bounce finds the address; what is said of it is judged here, as a full mailbox is no dead one.
    """
    passing, lasting = _failures(mail)
    words = _intro(mail)
    found = next(iter(sorted(lasting | passing)), b"").decode("ascii", "replace")
    address = found or _only_address(mail, words)
    if not address:
        return None
    said = reason_in(about(_own_text(mail), address), address)[:_LONGEST] or words
    if passing and not lasting:
        return BounceReport(kind=EventKind.DELAYED, address=address, words=said)
    alone = len(lasting | passing) < 2  # then all of the text is about this address
    reason = _told(mail, address, said, *([words] if alone else ()))
    return _report(address, reason, own=True, words=said)


def _told(mail: InboundMessage, address: str, *texts: str) -> BounceReason:
    """The reason by the first of the texts that tells one, else by the first of all."""
    reasons = [
        reason_of(text, status="5.0.0", context=mail.text, addresses=(address,), remote=False)
        for text in texts
    ]
    return next((reason for reason in reasons if reason.told), reasons[0])


def _only_address(mail: InboundMessage, words: str) -> str:
    """The address that a server says it could not deliver to, where it names no other; else "".

    Of those that write in HTML alone, or in their own language, flufl.bounce finds none.
    """
    own = {one.casefold() for one in (*mail.addresses("To", "Delivered-To", "Cc"), mail.sender)}
    named = {one.casefold() for one in addresses_in(words)} - own
    named = {one for one in named if not is_daemon(one)}
    return named.pop() if len(named) == 1 and says_undelivered(f"{mail.field('Subject')} {words}") else ""


def _failures(mail: InboundMessage) -> tuple[frozenset[bytes], frozenset[bytes]]:
    """The addresses that failed for now, and for good, as flufl.bounce finds them.

    Its detectors fail, and log that as an error of the program, where a mail has no sender or a field with
    octets of no charset; so it is given plain fields and a sender of our own.
    """
    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").disabled = True
    plain = copy(mail.message)
    fields = [(name, str(value)) for name, value in plain.items()]
    for name, _ in fields:
        del plain[name]  # of the copy alone
    for name, value in fields:
        plain[name] = value
    try:
        if not getaddresses([plain.get("From", "")]):
            del plain["From"]
            plain["From"] = "unknown@invalid"
        passing, lasting = all_failures(plain)
    except Exception:  # of one detector for one program of the last century: it is none of that program's
        return frozenset(), frozenset()
    return frozenset(passing), frozenset(lasting)


def notice(mail: InboundMessage) -> BounceReport | None:
    """Read a server's notice that the account may send no more for now."""
    words = f"{mail.field('Subject')} {_intro(mail)}"
    return BounceReport(kind=EventKind.LIMIT_REACHED, words=words[:_LONGEST]) if says_spent(words) else None


def returned_fields(mail: InboundMessage) -> Message | None:
    """The header of the message that came back; None where it was not enclosed.

    Older servers put it below their own text, where the first Message-ID line is its own.
    """
    for part in mail.parts(*_RETURNED_TYPES):
        fields = _first(part)
        return fields if fields is not None else Parser(policy=compat32).parsestr(text_of(part), True)
    lines = [found[0].strip() for found in _OWN_LINES.finditer(mail.text)]
    return Parser(policy=compat32).parsestr("\n".join(lines), True) if lines else None


_OWN_LINES = re.compile(r"^[> \t]*(?:Message-ID|X-Mailrunner-Delivery):[^\n]{1,300}$", re.MULTILINE | re.I)


def mildest(reports: Iterable[BounceReport]) -> BounceReport | None:
    """The report that is the least grave, as a recipient got the message, or may still get it."""
    return min(reports, key=lambda report: _MILDEST.index(report.kind), default=None)


def _first(part: Message) -> Message | None:
    """The message that a message/… part encloses."""
    inner = part.get_payload()
    return inner[0] if isinstance(inner, list) and inner and isinstance(inner[0], Message) else None


def _of_recipient(block: Message, text: str, *, alone: bool) -> BounceReport | None:
    """One recipient's fields (RFC 3464 §2.3); None for those of the message as a whole.

    `text` is the part for people, `alone` says that no other recipient failed: then all of it is about
    this one.
    """
    action = _value(block, "Action").casefold().split(" ")[0]
    addresses = [*map(_named, (_value(block, "Original-Recipient"), _value(block, "Final-Recipient")))]
    address = next(filter(None, addresses), "")
    status, words = _value(block, "Status"), re.sub(r"^[\w-]+\s*;\s*", "", _value(block, "Diagnostic-Code"))
    if action in _ACTIONS:
        return BounceReport(
            kind=_ACTIONS[action],
            address=address,
            enhanced_code=first_enhanced(status),
            words=words[:_LONGEST],
        )
    if action != "failed":
        return None
    paragraphs = next(filter(None, (about(text, name) for name in addresses)), "")
    told = words or next(filter(None, (reason_in(paragraphs, name) for name in addresses if name)), "")
    context = paragraphs if answered(paragraphs) or not alone else text
    own = not _value(block, "Remote-MTA")
    reason = reason_of(told, status=status, context=context, addresses=addresses, remote=not own)
    return _report(address, reason, own=own, words=told)


def _named(field: str) -> str:
    """The address in a recipient field; characters beyond ASCII may be spelt (RFC 6533 §3)."""
    spelt = re.sub(r"\\x\{([0-9A-Fa-f]{2,6})\}", _character, field)
    return next(iter(addresses_in(spelt)), "")


def _character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "?"


def _report(address: str, reason: BounceReason, *, own: bool, words: str) -> BounceReport:
    """What a refusal means; `own` says that the account's own server speaks, not a remote one."""
    spent = own and (reason.action is Action.QUOTA or says_spent(words))
    return BounceReport(
        kind=EventKind.LIMIT_REACHED if spent else reason.kind,
        address=address,
        code=reason.code,
        enhanced_code=reason.enhanced_code,
        words=reason.words,
    )


def _intro(mail: InboundMessage) -> str:
    """A server's own words on one line."""
    return " ".join(_own_text(mail).split())[:_LONGEST]


def _own_text(mail: InboundMessage) -> str:
    """A server's own text, before the message that it returns; a line may be drawn under a heading."""
    return re.split(
        r"^(?:-{2,}.*\w.*|(?<!\S\n)(?<!\S\r\n)-{2,}\W*$|Return-Path:.*|Received:.*|Message-ID:.*)$",
        mail.text,
        maxsplit=1,
        flags=re.MULTILINE | re.I,
    )[0]


def _value(block: Message, name: str) -> str:
    return " ".join(next(iter(raw_values(block, name)), "")[:4000].split())
