"""The rules by which a reply is judged: first by its text, then by its codes, last by class and stage.

The enhanced codes follow RFC 3463 and the IANA registry, the reply codes RFC 5321 §4.2, RFC 4954 §6,
RFC 7504 and RFC 7505.  Texts come from `mailrunner.replies.texts`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailrunner.model.outcome import Action, Scope, Stage
from mailrunner.replies.suppression_guard import is_about_us, may_suppress
from mailrunner.replies.text_rule import LATE, TOO_BIG, TOO_MANY_RECIPIENTS, UNWRITABLE, WITH_CONTENT, Rule
from mailrunner.replies.texts import TEXTS

_SCOPES = {
    Action.RETRY: Scope.RECIPIENT,
    Action.SUPPRESS: Scope.RECIPIENT,
    Action.FAIL: Scope.RECIPIENT,
    Action.QUOTA: Scope.ACCOUNT,
    Action.AUTH: Scope.CREDENTIALS,
    Action.STOP: Scope.CAMPAIGN,
    Action.RECONNECT: Scope.CONNECTION,
}


@dataclass(frozen=True, slots=True)
class ReplyVerdict:
    """The action on an answer that is not a yes, and why in a few words.

    `retry_after` or `retry_at` is set where the server's text names a wait or an instant.
    `at_once` is true for a stop that needs no second opinion (the sender, its authentication, TLS,
    the protocol, relaying); a verdict on content is counted first.  `worded` tells that words and
    not the code decided, `plain` that they can only mean that the mailbox does not exist.
    """

    action: Action
    says: str
    scope: Scope
    at_once: bool = False
    worded: bool = False
    plain: bool = False
    retry_after: timedelta | None = None
    retry_at: datetime | None = None


# What the enhanced code says where the text said nothing, by subject and detail; the class comes from
# the reply code, as servers do not always make the two agree.
_DEAD = Action.SUPPRESS, "the server says this address does not exist"
_CLOSED = Action.SUPPRESS, "the server says this mailbox is closed"
_OWN_MAILBOX_FULL = Action.STOP, "the sending account's own mailbox is full"
_FULL = Action.RETRY, "the recipient's mailbox is full"
_BIG = Action.FAIL, TOO_BIG
_SENDER_REFUSED = Action.STOP, "the server refuses this sender"
_LOOP = Action.FAIL, "the message goes round in circles"
_OWN_FAULT = Action.STOP, "the server calls our SMTP or the message malformed"
_BUSY = Action.RETRY, "the server cannot take it for now"
_LOST = Action.RECONNECT, "the connection was lost"
_POLICY = Action.STOP, "the server's policy refuses this message"

_ENHANCED_5 = {
    "1.1": _DEAD,
    "1.2": _DEAD,
    "1.3": _DEAD,
    "1.6": _DEAD,
    "1.7": _SENDER_REFUSED,
    "1.8": _SENDER_REFUSED,
    "1.10": _DEAD,
    "2.1": _CLOSED,
    "2.2": _FULL,
    "2.3": _BIG,
    "3.1": _BUSY,
    "3.4": _BIG,
    "4.2": _LOST,
    "4.4": _DEAD,
    "4.6": _LOOP,
    "4.14": _LOOP,
    "5.3": (Action.FAIL, TOO_MANY_RECIPIENTS),
    "6.7": (Action.FAIL, UNWRITABLE),
}
_ENHANCED_4 = {
    "1.7": _SENDER_REFUSED,
    "1.8": _SENDER_REFUSED,
    "4.2": _LOST,
    "5.0": _OWN_FAULT,
}
_SUBJECTS_5 = {"5": _OWN_FAULT, "6": _OWN_FAULT, "7": _POLICY}
_ABOUT_RECIPIENT = (_DEAD, _CLOSED, _FULL, _LOOP)
_QUOTA_CODES = frozenset({"5.4.5", "5.1.90", "5.7.232", "5.7.233", "5.7.705"})

_NEEDS_AUTH = Action.AUTH, "the server wants other credentials, or a permission they lack"
_NEEDS_TLS = Action.STOP, "the server insists on TLS"
_NO_MAIL = Action.STOP, "the server takes no mail from us"
_CODES = {
    500: _OWN_FAULT,
    501: _OWN_FAULT,
    502: _OWN_FAULT,
    503: (Action.RECONNECT, "the dialogue got out of step"),
    504: _OWN_FAULT,
    521: _NO_MAIL,
    523: _NEEDS_TLS,
    530: _NEEDS_AUTH,
    534: _NEEDS_AUTH,
    535: _NEEDS_AUTH,
    538: _NEEDS_TLS,
    552: _FULL,  # RFC 5321 §4.5.3.1.10: old servers also mean "too many recipients"
    555: _OWN_FAULT,
    556: _DEAD,
}
_STAGES_5 = {
    Stage.CONNECT: _NO_MAIL,
    Stage.MAIL: _SENDER_REFUSED,
    Stage.RCPT: (Action.FAIL, "the server refuses this recipient"),
    Stage.DATA: _POLICY,
    Stage.EOD: _POLICY,
}

# A submission service answers about the account; the recipient's own server answers later, by a bounce.
_SUBMISSION = frozenset(
    {"gmail", "google-workspace", "google-relay", "microsoft365", "outlook", "yahoo", "zoho", "icloud"}
    | {"fastmail", "ses", "sendgrid", "mailgun", "postmark", "mandrill", "brevo"}
)
_PASSWORD = re.compile(r"could not authenticate|credential|password|user ?name|invalid|incorrect|disabled")
_NAMES_RECIPIENT = re.compile(r"^\W*@|\b(?:recipient|user|mailbox|account)\b")


def judge(stage: Stage, code: int, enhanced: str, said: str, provider: str) -> ReplyVerdict:
    """Judge an answer whose text is already lower-case, with "@" for addresses."""
    family = str(code)[0] if code // 100 in (4, 5) else "?"
    if enhanced in _QUOTA_CODES:
        return _verdict(Action.QUOTA, "the account's sending quota is used up")
    rule = _by_text(stage, family, enhanced, said)
    action, says = (rule.action, rule.says) if rule else _by_code(stage, code, family, enhanced, said)
    if not rule and action is Action.SUPPRESS and not _may_suppress_by_code(stage, enhanced, said):
        action, says = _STAGES_5[Stage.RCPT]
    if stage is Stage.EOD and provider in _SUBMISSION and (action, says) == _FULL:
        action, says = _OWN_MAILBOX_FULL
    verdict = _weighed(stage, action, says, rule, about_us=_is_about_the_run(stage, code, enhanced, said))
    return replace(verdict, worded=rule is not None, plain=rule is not None and rule.plain)


def _may_suppress_by_code(stage: Stage, enhanced: str, said: str) -> bool:
    """Whether a code without telling words may suppress.

    It may not where the words may be about us, nor in an answer to the content that names no recipient.
    """
    names_none = stage in WITH_CONTENT and bool(said) and not _NAMES_RECIPIENT.search(said)
    return not names_none and not is_about_us(enhanced, said)


def _weighed(stage: Stage, action: Action, says: str, rule: Rule | None, *, about_us: bool) -> ReplyVerdict:
    """Say what scope a retry has, and whether a stop needs a second opinion."""
    if action is Action.RETRY:
        if rule and rule.run is not None:
            about_us = rule.run
        return _retry(stage, says, about_us=about_us)
    counted = rule.counted if rule else says == _POLICY[1] and stage in LATE
    return _verdict(action, says, at_once=action is Action.STOP and not counted)


def _by_text(stage: Stage, family: str, enhanced: str, said: str) -> Rule | None:
    """The first row that applies; those that suppress are passed over where the reply may be about us."""
    return next(
        (
            rule
            for rule in TEXTS
            if rule.applies(stage, family, enhanced, said)
            and (rule.action is not Action.SUPPRESS or may_suppress(enhanced, said, plain=rule.plain))
        ),
        None,
    )


def _verdict(action: Action, says: str, *, at_once: bool = False) -> ReplyVerdict:
    return ReplyVerdict(action, says, _SCOPES[action], at_once)


def _retry(stage: Stage, says: str, *, about_us: bool) -> ReplyVerdict:
    """Tell what a retry concerns; before there is a recipient it cannot be one."""
    if stage in (Stage.CONNECT, Stage.AUTH):
        return _verdict(Action.RECONNECT, says)
    if stage is Stage.MAIL or about_us:
        return ReplyVerdict(Action.RETRY, says, Scope.ACCOUNT)
    return _verdict(Action.RETRY, says)


def _is_about_the_run(stage: Stage, code: int, enhanced: str, said: str) -> bool:
    """421 closes on every recipient, x.7.x is policy, towards the sender unless a recipient is named.

    4.3.1 is a system that is full (RFC 3463 §3.4), unless it is this message that fills it.
    """
    of_all = enhanced.startswith("4.7.") or (enhanced == "4.3.1" and stage is not Stage.EOD)
    return code == 421 or (of_all and not _NAMES_RECIPIENT.search(said))


def _by_code(stage: Stage, code: int, family: str, enhanced: str, said: str) -> tuple[Action, str]:
    if family == "?":
        return Action.RECONNECT, "the server's answer cannot be read"
    if stage is Stage.AUTH:
        return _at_login(code, family, said)
    detail = enhanced.partition(".")[2]
    if code == 421 and not said.strip():
        return _LOST
    if family == "4":
        return _ENHANCED_4.get(detail, _BUSY)
    found = _ENHANCED_5.get(detail) or _CODES.get(code) or _SUBJECTS_5.get(detail.partition(".")[0])
    # Whatever says that something is full was read by now: a 552 to the content is of the content.
    of_content = code == 552 and not detail and bool(said) and stage in WITH_CONTENT
    of_address = stage is Stage.RCPT and _is_of_argument(code, detail, said)
    if not found or of_content or of_address or (stage not in LATE and found in _ABOUT_RECIPIENT):
        return _STAGES_5.get(stage, _POLICY)
    return found


def _is_of_argument(code: int, detail: str, said: str) -> bool:
    """Whether a code of the protocol, in answer to an address, is of the address: RFC 5321 §4.3.2.

    501 is of the argument; servers that make up their codes (502 to 505) name the recipient they mean.
    """
    if detail in _ENHANCED_5:
        return False
    unspecific = not detail or detail.startswith("1.")
    of_recipient = bool(_NAMES_RECIPIENT.search(said)) and not is_about_us(detail, said)
    return unspecific and (code == 501 or (500 < code < 506 and of_recipient))


def _at_login(code: int, family: str, said: str) -> tuple[Action, str]:
    """Judge an answer to AUTH (RFC 4954 §6): a 4xx passes, unless it speaks of the credentials."""
    if code == 538:
        return _NEEDS_TLS
    if "identity change" in said or "bad sequence" in said:
        return _CODES[503]
    if family == "4" and code != 432 and ("temporar" in said or not _PASSWORD.search(said)):
        return Action.RECONNECT, "the server cannot check the credentials for now"
    return Action.AUTH, "the server does not accept the credentials"
