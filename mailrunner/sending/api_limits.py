"""The limits that a provider's API tells of an account, read now and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from mailrunner.clock import Clock
from mailrunner.config.account import Account
from mailrunner.model.learned_fact import LearnedFact
from mailrunner.model.quota import Limit
from mailrunner.model.told_quota import QUOTA_FACT, Remaining, ToldQuota
from mailrunner.sending.api_transport import ApiConnections
from mailrunner.store import Ledger
from mailrunner.transports.apis import ApiUnavailableError, TellingApi

_DAY = "24h"
_TIMEOUT = 20.0  # seconds: it stands before the first message
_LATER_TIMEOUT = 5  # seconds: the run's lease is not renewed meanwhile
_AGAIN = timedelta(hours=1)
_PLENTY = 10**12  # recipients


@dataclass(slots=True)
class ToldLimits:
    """Reads the limits of one run's account, which is as mailrunner.toml has it."""

    account: Account
    ledger: Ledger
    _read_at: datetime | None = field(init=False, default=None)
    _quota_answers: int = field(init=False, default=0)

    def begin(self) -> tuple[Account, str]:
        """The account with its limits lowered, and a notice or "": see `with_told_limits`."""
        account, notice = with_told_limits(self.account, self.ledger)
        if account is not self.account:
            self._read_at = self.ledger.clock.now()
        return account, notice

    def again(self, quota_answers: int) -> Account | None:
        """The account anew where an hour has passed, or more answers say that the quota is used up.

        None where neither is so, where the provider tells no limits, and where it does not answer now.
        """
        now = self.ledger.clock.now()
        if self._read_at is None or (now - self._read_at < _AGAIN and quota_answers <= self._quota_answers):
            return None
        self._read_at, self._quota_answers = now, quota_answers
        hasty = replace(self.account, timeout=min(self.account.timeout, _LATER_TIMEOUT))
        account, notice = with_told_limits(hasty, self.ledger)
        return None if notice else account


def with_told_limits(account: Account, ledger: Ledger) -> tuple[Account, str]:
    """Return the account with its limits lowered to those that its provider tells, and a notice or "".

    A limit of the preset, which is no more than a guess, gives way to what is told; one of mailrunner.toml
    holds where it is the lower one.  What others sent through the account is taken off.  What is told is
    kept with the account.
    """
    try:
        told = ask_quota(account, ledger.clock, _TIMEOUT)
    except ApiUnavailableError as error:
        # A key that may do no more than send is well chosen, where there is a limit to keep to.
        has_limit = any(limit.number and limit.is_long for limit in account.limits)
        sentence = f"the account's limits cannot be read, so those of mailrunner.toml hold: {error}"
        return account, "" if has_limit else sentence
    if told is None or not (told.limits or told.remaining):
        return account, ""
    fact = LearnedFact(QUOTA_FACT, True, told.sentence, ledger.clock.now())
    ledger.accounts.learn(account.identity, [fact])
    limits = [_without_others(limit, told.sent, account, ledger) for limit in told.limits]
    limits += [_until_used(each, account, ledger) for each in told.remaining if not each.is_charged]
    return replace(account, limits=lowered(account.limits, limits, account.preset.limits)), ""


def ask_quota(account: Account, clock: Clock, timeout: float) -> ToldQuota | None:
    """What an account's provider tells of its limits; None where it has no way to tell them.

    Raises ApiUnavailableError where it does not answer now, or does not tell this key.
    """
    if account.api is None:
        return None
    connections = ApiConnections.of(account, account.api, clock)
    if not getattr(connections.api, "quota_right", ""):
        return None
    api = cast("TellingApi", connections.api)
    call = connections.caller(min(account.timeout, timeout))
    try:
        told = api.read_quota(call(api.quota_request(clock.now())))
    finally:
        call.close()
    if told is None:
        raise ApiUnavailableError(
            f"{account.preset.title} does not tell this key the account's limits ({api.quota_right})"
        )
    return told


def lowered(own: Sequence[Limit], told: Sequence[Limit], guessed: Sequence[Limit]) -> tuple[Limit, ...]:
    """The lower limit of each window; those of `guessed` give way."""
    by_window = {limit.window: limit for limit in told}
    for limit in own:
        other = by_window.get(limit.window)
        if other is None or (limit not in guessed and _is_lower(limit, other)):
            by_window[limit.window] = limit
    return tuple(by_window.values())


def _is_lower(limit: Limit, other: Limit) -> bool:
    return limit.number is not None and (other.number is None or limit.number < other.number)


def _without_others(limit: Limit, sent: int | None, account: Account, ledger: Ledger) -> Limit:
    """The day's limit less what others sent: the provider counts more than this ledger does."""
    if limit.window != _DAY or limit.number is None or sent is None:
        return limit
    others = max(0, sent - _ours(_DAY, account, ledger))
    return Limit.parse(f"{max(1, limit.number - others)}/{_DAY}") if others else limit


def _until_used(remaining: Remaining, account: Account, ledger: Ledger) -> Limit:
    """The limit that lets so many more through: the provider's own month may begin on another day."""
    ours = _ours(remaining.window, account, ledger)
    return Limit.parse(f"{max(1, ours + remaining.left)}/{remaining.window}")


def _ours(window: str, account: Account, ledger: Ledger) -> int:
    """How many recipients this ledger counts in a window."""
    limit = Limit.parse(f"{_PLENTY}/{window}")
    [room] = ledger.accounts.rooms(account.identity, limits=[limit], reserve=0, zone=account.timezone)
    return _PLENTY - (room.left or 0)
