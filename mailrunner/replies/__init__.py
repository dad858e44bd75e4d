"""Replies of mail servers: which of seven actions is right, and what it concerns.

`parse` tidies an answer, `classify` judges it by the tables of `mailrunner.replies.judging`, `outcome`
says what it means for a delivery.  Texts are judged before codes because servers borrow codes:
Gmail's daily limit is `550 5.4.5`, by its number a routing failure, and Mailgun's "not allowed to
send" is a `421`.

Pure, and nothing here raises on what a server may send.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

from mailrunner.model.outcome import Action, Outcome, OutcomeKind, Reply, Scope, Stage
from mailrunner.replies.judging import ReplyVerdict, judge
from mailrunner.replies.suppression_guard import is_about_us
from mailrunner.replies.waits import LONGEST_NAMED, named_time, named_wait

__all__ = ["ReplyVerdict", "classify", "is_about_us", "outcome", "parse", "provider_id"]

_LONGEST = 1000  # characters of a reply that are kept
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?![.\d])[ :-]*")
_ENHANCED_INSIDE = re.compile(r"#([245]\.\d{1,3}\.\d{1,3})(?![.\d])")  # qmail: "… (#5.1.1)"
_SIGN = r"[^\s<>()\[\]\"',;:]"
# From the beginning of a word: a long one without an @ would else be read from each of its signs on.
_ADDRESS = re.compile(rf"(?<!{_SIGN}){_SIGN}+@{_SIGN}+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_HOURLY = re.compile(r"(?<!\d )(?<!\d-)\bhour(?:ly)?\b|\blog[ -]?in")  # and no "24 hours"
_PASSING = frozenset({Action.RETRY, Action.QUOTA, Action.RECONNECT})

# How servers name the message they took, most telling first.
_IDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bqueued (?:mail for delivery )?(?:as|under|with id):? <?([^\s<>;,)]+)",
        r"\binternalid=(\w+)",
        r"\bid[=:] ?<?([^\s<>;,)]+)",
        r"(\S+) message accepted for delivery",
        r"^ok:? +(?:\d{9,11} +)?(\S*\w) *- *gsmtp",
        r"^ok:? +(\d+ qp \d+)",
        r"^ok:? +<?([\w.@+=/-]*\d[\w.@+=/-]*)>?",
    )
)


def classify(stage: Stage | str, code: int, enhanced: str, text: str, provider: str = "") -> ReplyVerdict:
    """Judge an answer that is not a yes.

    `enhanced` is the enhanced code ("5.1.1") or empty, `text` the rest, `provider` the name of the
    account's preset or empty.  `suppress` comes only from a reply to a recipient or to the message;
    a code that is neither 4xx nor 5xx asks for a fresh connection.
    """
    stage = Stage(stage)
    said = _ADDRESS.sub("@", " ".join(text[:_LONGEST].casefold().replace("’", "'").split()))
    if not enhanced and (inside := _ENHANCED.match(said) or _ENHANCED_INSIDE.search(said)):
        enhanced = inside[1]
    verdict = judge(stage, code, enhanced, said, provider)
    wait = named_wait(text)
    # An hourly quota, or too many log-ins, names its window: without this the account would sleep for a day.
    if wait is None and verdict.action is Action.QUOTA and _HOURLY.search(said):
        wait = timedelta(hours=1)
    if verdict.action not in _PASSING:
        return verdict
    return replace(verdict, retry_after=wait, retry_at=named_time(text))


def parse(stage: Stage | str, code: int, text: str | bytes) -> Reply:
    """Tidy an answer: take out the enhanced code, join the lines, cap the text at 1,000 characters.

    `text` is what the server said after the code, lines separated by newlines; every line may repeat
    the code or the enhanced code.  Bytes that are not UTF-8 and control characters are replaced.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    enhanced, lines = "", []
    for line in text.splitlines():
        rest = re.sub(rf"^{code:03d}[ -]", "", line.strip())
        if match := _ENHANCED.match(rest):
            enhanced = enhanced or match[1]
            rest = rest[match.end() :]
        lines.append(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", rest).strip())
    joined = " ".join(" ".join(lines).split())[:_LONGEST].rstrip()
    if not enhanced and (inside := _ENHANCED_INSIDE.search(joined)):
        enhanced = inside[1]
    return Reply(Stage(stage), code, enhanced, joined)


def outcome(reply: Reply, provider: str = "", now: datetime | None = None) -> Outcome:
    """Say what `reply` means for the delivery it answers.

    A 2xx to the final dot is a yes, whatever it says.  `provider` is the name of the account's preset;
    with `now`, an instant that the text names becomes a wait as well.
    """
    if reply.stage is Stage.EOD and 200 <= reply.code < 300:
        return Outcome(
            OutcomeKind.SENT,
            Scope.RECIPIENT,
            f"accepted: {reply}",
            reply,
            provider_id=provider_id(reply.text),
        )
    verdict = classify(reply.stage, reply.code, reply.enhanced, reply.text, provider)
    return Outcome(
        OutcomeKind.DEFERRED if verdict.action in _PASSING else OutcomeKind.REFUSED,
        verdict.scope,
        f"{verdict.says}: {reply}",
        reply,
        retry_after=_wait(verdict, now),
        suppress=verdict.action is Action.SUPPRESS,
        at_once=verdict.at_once,
        quota=verdict.action is Action.QUOTA,
        offered=reply.stage not in (Stage.CONNECT, Stage.AUTH),
    )


def provider_id(text: str) -> str:
    """The name by which the server knows the message, or ""."""
    for pattern in _IDS:
        if found := pattern.search(text):
            return found[1]
    return ""


def _wait(verdict: ReplyVerdict, now: datetime | None) -> timedelta | None:
    """The wait that the server asks for; nonsense such as a time in the next century is none."""
    if verdict.retry_at and now:
        wait = verdict.retry_at - now
        return wait if timedelta(0) < wait <= LONGEST_NAMED else None
    return verdict.retry_after
