"""The reason of a bounce: `mailrunner.replies` judges its words, the stage says which side they concern.

The words of a bounce may be an answer to MAIL FROM, "domain does not exist" then means ours.  Where
the stage is not known, nothing that could concern the sender suppresses a recipient.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailrunner.inbound.transcript import answered
from mailrunner.model.inbound_event import EventKind
from mailrunner.model.outcome import Action, Scope, Stage
from mailrunner.replies import ReplyVerdict, classify, is_about_us, parse
from mailrunner.replies.text_rule import NOT_THE_MAILBOX

_CODE = re.compile(r"(?<![\d.])([45]\d\d)(?=[ \-#](?:[^\d]|[45]\.\d))")
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![.\d])")
_OF_RECIPIENT = re.compile(r"5\.(?:1\.(?:1|6|10)|2\.\d+|4\.1)")  # RFC 3463 §3.2, §3.3; 5.4.1 is Exchange's
_MAILBOX = re.compile(
    r"\b(?:user|mailbox|mail box|recipient|account|inbox|addressee|rcpt|alias|customer|person|destinataire|"
    r"utilisateur|bo[iî]te|usuario|buz[oó]n|destinatario|benutzer|postfach|empf\w+|utente|casella|usu[aá]rio)"
    r"|user(?:unknown|notfound)|(?:recip\w*|exrecip\w*)notfound|nosuchuser"
)
# sendmail: "550 5.1.2 <bo@x>... Host unknown (Name server: x: host not found)"
_NO_DOMAIN = re.compile(r"\b(?:host|domain)\b.{0,40}\b(?:unknown|not found)", re.IGNORECASE)
_DOMAIN = re.compile(r"\b(?:domain|host|dns|mx)\b")
# Whoever refuses the sender or the content says nothing of the mailbox.  As a soft bounce it would count, and
# a week of a broken DKIM signature would suppress every address at that provider.
_KINDS = {
    Action.SUPPRESS: EventKind.BOUNCED,
    Action.STOP: EventKind.REFUSED,
    Action.AUTH: EventKind.REFUSED,
    Action.QUOTA: EventKind.REFUSED,
}


@dataclass(frozen=True, slots=True)
class BounceReason:
    """The words judged: `kind` is one of BOUNCED, SOFT_BOUNCED, REFUSED; `code` None where none was named.

    `action` is what the words would mean as a reply.  `certain` is false for what may concern us.
    `words` begins with the meaning, `told` is false where neither words nor an enhanced code gave one.
    """

    kind: EventKind
    action: Action
    code: int | None
    enhanced_code: str
    words: str
    certain: bool
    told: bool


def reason_of(
    words: str, *, status: str, context: str = "", addresses: Sequence[str] = (), remote: bool = True
) -> BounceReason:
    """Judge what a server said of a message.

    `status` is the Status field (RFC 3464 §2.3.4) or "", `context` the part for people that tells the
    stage, `addresses` are the recipient's, `remote` is false where the reporting server itself
    speaks and answers no command.
    """
    named = _CODE.search(words)
    stated = first_enhanced(status)
    code = int(named[1]) if named else 450 if stated.startswith("4") else 550
    # A reply of several lines comes as one: "550-5.1.1 … 550-5.1.1 … 550 5.1.1 …".
    spoken = re.sub(rf"(?<!\d){code}[ -]", "\n", words[named.start() :]) if named else words
    reply = parse(Stage.RCPT, code, spoken)
    enhanced = reply.enhanced or first_enhanced(spoken) or stated
    stage = answered(words) or answered(context)
    if stage is None and not (named or remote):
        stage = Stage.RCPT
    verdict = _verdict(stage, code, enhanced, reply.text)
    kind = _kind(verdict)
    if stage is None and kind is EventKind.BOUNCED:
        told = "\n".join((reply.text, *filter(_NO_DOMAIN.search, context.splitlines())))
        kind = _unplaced(verdict, enhanced, told, addresses)
    return BounceReason(
        kind=kind,
        action=verdict.action,
        code=code if named else None,
        enhanced_code=enhanced,
        words=f"{verdict.says}: {reply.text}"[:1000].rstrip(": "),
        certain=not is_about_us(enhanced, reply.text.casefold()),
        told=verdict.worded or enhanced not in ("", "4.0.0", "5.0.0"),
    )


def first_enhanced(text: str) -> str:
    """The first enhanced code in a text, or ""."""
    found = _ENHANCED.search(text)
    return found[1] if found else ""


def _verdict(stage: Stage | None, code: int, enhanced: str, text: str) -> ReplyVerdict:
    """The verdict; without a stage, words on the content count as an answer to the message."""
    verdict = classify(stage or Stage.RCPT, code, enhanced, text)
    if stage is None and verdict.action is Action.FAIL:
        of_message = classify(Stage.EOD, code, enhanced, text)
        return of_message if of_message.worded and of_message.action is Action.STOP else verdict
    return verdict


def _kind(verdict: ReplyVerdict) -> EventKind:
    """A wait that concerns the account, and what the message is to blame for, count against no recipient."""
    paced = verdict.action is Action.RETRY and verdict.scope is Scope.ACCOUNT
    if paced or verdict.says in NOT_THE_MAILBOX:
        return EventKind.REFUSED
    return _KINDS.get(verdict.action, EventKind.SOFT_BOUNCED)


def _unplaced(verdict: ReplyVerdict, enhanced: str, text: str, addresses: Sequence[str]) -> EventKind:
    """The kind of event for words of an unknown stage that would suppress as an answer to RCPT."""
    said = text.casefold()
    domains = (address.rpartition("@")[2] for address in addresses)
    if any(name.casefold() in said for name in (*addresses, *domains) if name):
        return EventKind.BOUNCED
    names_mailbox = bool(_MAILBOX.search(said))
    if _DOMAIN.search(said) and not names_mailbox:
        return EventKind.REFUSED
    if _OF_RECIPIENT.fullmatch(enhanced) or (verdict.plain and names_mailbox):
        return EventKind.BOUNCED
    return EventKind.SOFT_BOUNCED if names_mailbox else EventKind.REFUSED
