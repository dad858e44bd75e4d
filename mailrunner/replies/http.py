"""Answers of HTTP APIs: which action is right, and what it concerns; judged like replies of SMTP.

`classify` judges by the tables of `mailrunner.replies.http_table`, `outcome` says what an answer means for
the delivery.  What concerns the message alone is decided by words before the status, as providers borrow
statuses: SendGrid says 401 where credits are used up.  Pure, and nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from mailrunner.model.outcome import Action, Outcome, OutcomeKind, Reply, Scope, Stage
from mailrunner.replies.http_rule import HttpRule
from mailrunner.replies.http_table import COMMON, CONNECT, PROVIDERS, REFUSED, TOKEN
from mailrunner.replies.waits import LONGEST_NAMED, named_time, named_wait

_LONGEST = 1000  # characters of a text that are kept
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:]+@[^\s<>()\[\]\"',;:]+")
_HOURLY = re.compile(r"(?<!\d )(?<!\d-)hour(?:ly)?")
_SCOPES = {
    Action.RETRY: Scope.ACCOUNT,
    Action.SUPPRESS: Scope.RECIPIENT,
    Action.FAIL: Scope.RECIPIENT,
    Action.QUOTA: Scope.ACCOUNT,
    Action.AUTH: Scope.CREDENTIALS,
    Action.STOP: Scope.CAMPAIGN,
    Action.RECONNECT: Scope.CONNECTION,
    Action.IN_DOUBT: Scope.RECIPIENT,
    Action.SENT_AND_QUOTA: Scope.RECIPIENT,
}
_SHORTEST_QUOTA = timedelta(minutes=1)
_DEFERRED = frozenset({Action.RETRY, Action.QUOTA, Action.RECONNECT})
_UNKNOWN = HttpRule(Action.IN_DOUBT, "the provider's answer cannot be understood")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """An API's answer, read by the module of its provider.

    `provider` as in the tables ("gmail-api"), `name` the provider's name of the error or "", `text` its
    words.  `taken`: it says that it took this very message, by `provider_id`; None where that cannot be
    read from it.  `early`: it came before the message was wholly written.  `wait` is what Retry-After asks
    for, `rate_wait` when the window of a rate begins anew: that says nothing of a quota or a fault.
    """

    provider: str
    status: int
    name: str = ""
    text: str = ""
    taken: bool | None = False
    provider_id: str = ""
    early: bool = False
    wait: timedelta | None = None
    rate_wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class HttpVerdict:
    """The action on an answer, and why in a few words; `at_once` as in `Outcome`."""

    action: Action
    says: str
    scope: Scope
    at_once: bool


def classify(provider: str, status: int, name: str, text: str, stage: Stage | str = Stage.API) -> HttpVerdict:
    """Judge an answer that is no plain yes."""
    said = _ADDRESS.sub("@", " ".join(text[:_LONGEST].casefold().replace("’", "'").split()))
    known = name.casefold()
    rule = next(
        (each for each in _table(Stage(stage)) if each.applies(provider, status, known, said)), _UNKNOWN
    )
    at_once = rule.action is Action.STOP and not rule.counted
    return HttpVerdict(rule.action, rule.says, _scope(rule, status), at_once)


def outcome(reply: HttpReply, now: datetime | None = None) -> Outcome:
    """Say what `reply` means for the delivery that it answers; `now` is for instants that it names."""
    reply = _tidied(reply)
    verdict = classify(reply.provider, reply.status, reply.name, reply.text)
    told = Reply(Stage.API, reply.status, reply.name, reply.text)
    if reply.taken and not reply.early:
        return _taken(reply, told, verdict)
    action, says = _as_far_as_written(reply, verdict)
    kind = _kind(action)
    return Outcome(
        kind,
        _SCOPES[action] if action is not verdict.action else verdict.scope,
        f"{says}: {told}",
        told,
        retry_after=_wait(reply, action, now)
        if action in _DEFERRED or kind is OutcomeKind.IN_DOUBT
        else None,
        suppress=action is Action.SUPPRESS,
        at_once=verdict.at_once,
        quota=action is Action.QUOTA,
    )


def connect_outcome(status: int, text: str) -> Outcome:
    """Say what a proxy's refusal of CONNECT means; nothing was offered."""
    verdict = classify("proxy", status, "", text, Stage.CONNECT)
    told = Reply(Stage.CONNECT, status, "", _tidy(text))
    kind = _kind(verdict.action)
    return Outcome(
        kind, verdict.scope, f"{verdict.says} ({told})", told, at_once=verdict.at_once, offered=False
    )


def asked_waits(headers: Mapping[str, str], now: datetime) -> tuple[timedelta | None, timedelta | None]:
    """`HttpReply.wait` and `rate_wait` by the header fields; None where they name none that can be meant.

    Retry-After is seconds or a date (RFC 9110 §10.2.3); SendGrid's X-RateLimit-Reset is in seconds since
    1970, Resend's ratelimit-reset in seconds from now, MailerSend's x-apiquota-reset is ISO 8601.
    """
    asked = [_field_wait(headers.get(name, ""), now) for name in ("retry-after", "x-apiquota-reset")]
    rates = [_field_wait(headers.get(name, ""), now) for name in ("ratelimit-reset", "x-ratelimit-reset")]
    return next(filter(None, asked), None), next(filter(None, rates), None)


def _field_wait(value: str, now: datetime) -> timedelta | None:
    value = value.strip()
    try:
        if re.fullmatch(r"\d{1,12}(?:\.\d{1,6})?", value):
            number = float(value) or 1.0  # at once: but not in the same moment
            wait = timedelta(seconds=number) if number < 1e9 else datetime.fromtimestamp(number, UTC) - now
        elif value[:1].isdigit():
            at = datetime.fromisoformat(value)
            wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
        elif value:
            wait = parsedate_to_datetime(value).astimezone(UTC) - now
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return wait if timedelta(0) < wait <= LONGEST_NAMED else None


def _table(stage: Stage) -> tuple[HttpRule, ...]:
    if stage is Stage.CONNECT:
        return CONNECT
    return TOKEN if stage is Stage.TOKEN else (*PROVIDERS, *REFUSED, *COMMON)


def _scope(rule: HttpRule, status: int) -> Scope:
    return (
        Scope.RECIPIENT if rule.action is Action.RETRY and status in (409, 423, 424) else _SCOPES[rule.action]
    )


def _taken(reply: HttpReply, told: Reply, verdict: HttpVerdict) -> Outcome:
    quota = verdict.action is Action.SENT_AND_QUOTA
    reason = f"{verdict.says}: {told}" if quota else f"accepted: {told}"
    return Outcome(
        OutcomeKind.SENT, Scope.RECIPIENT, reason, told, provider_id=reply.provider_id, quota=quota
    )


def _as_far_as_written(reply: HttpReply, verdict: HttpVerdict) -> tuple[Action, str]:
    """The verdict, with what is known of how much of the message the provider can have."""
    if reply.early and reply.status < 300:
        return Action.IN_DOUBT, "the provider said yes before it had the whole message"
    if reply.early and verdict.action is Action.IN_DOUBT:
        return Action.RECONNECT, "the provider had a fault before it had the whole message"
    if reply.taken is None and reply.status < 300:
        return Action.IN_DOUBT, _UNKNOWN.says
    return verdict.action, verdict.says


def _kind(action: Action) -> OutcomeKind:
    if action is Action.IN_DOUBT:
        return OutcomeKind.IN_DOUBT
    return OutcomeKind.DEFERRED if action in _DEFERRED else OutcomeKind.REFUSED


def _wait(reply: HttpReply, action: Action, now: datetime | None) -> timedelta | None:
    """The wait that is asked for: by a header field, by an instant in the text, or by a span."""
    # A quota that is used up is not there again in seconds, whatever the rate's fields say.
    if reply.wait is not None and (action is not Action.QUOTA or reply.wait >= _SHORTEST_QUOTA):
        return reply.wait
    if action is Action.RETRY and reply.rate_wait is not None:
        return reply.rate_wait
    if now and (at := named_time(reply.text)):
        return at - now if timedelta(0) < at - now <= LONGEST_NAMED else None
    if (wait := named_wait(reply.text)) is not None:
        return wait
    is_hourly = _HOURLY.search(f"{reply.name} {reply.text}".casefold())
    return timedelta(hours=1) if action is Action.QUOTA and is_hourly else None


def _tidied(reply: HttpReply) -> HttpReply:
    return HttpReply(
        provider=reply.provider,
        status=reply.status,
        name=_tidy(reply.name)[:200],
        text=_tidy(reply.text),
        taken=reply.taken,
        provider_id=_tidy(reply.provider_id)[:255],
        early=reply.early,
        wait=reply.wait,
        rate_wait=reply.rate_wait,
    )


def _tidy(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text[: 4 * _LONGEST]).split())[:_LONGEST].rstrip()
