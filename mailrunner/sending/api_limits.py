"""The limits that a provider's API tells of an account (Amazon SES: GetAccount), read now and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mailrunner.config.account import Account
from mailrunner.model.learned_fact import QUOTA_FACT, LearnedFact, told_sentence
from mailrunner.model.quota import Limit
from mailrunner.sending.api_transport import ApiConnections
from mailrunner.store import Ledger
from mailrunner.transports.apis import ApiUnavailableError
from mailrunner.transports.apis.ses import SesApi

_DAY = "24h"
_TIMEOUT = 20.0  # seconds: it stands before the first message
_LATER_TIMEOUT = 5  # seconds: the run's lease is not renewed meanwhile
_AGAIN = timedelta(hours=1)


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
    holds where it is the lower one.  What others sent through the account in the last day is taken off.
    What is told is kept with the account.
    """
    if account.api is None:
        return account, ""
    connections = ApiConnections.of(account, account.api, ledger.clock)
    api = connections.api
    if not isinstance(api, SesApi):
        return account, ""
    call = connections.caller(min(account.timeout, _TIMEOUT))
    try:
        told = api.read_quota(call(api.quota_request(ledger.clock.now())))
    except ApiUnavailableError as error:
        return account, f"the account's limits cannot be read, so those of mailrunner.toml hold: {error}"
    finally:
        call.close()
    if not told.limits:
        return account, (
            f"{account.preset.title} does not tell this key the account's limits (ses:GetAccount), so those "
            "of mailrunner.toml hold"
        )
    fact = LearnedFact(QUOTA_FACT, True, told_sentence(told.limits), ledger.clock.now())
    ledger.accounts.learn(account.identity, [fact])
    limits = [_without_others(limit, told.sent, account, ledger) for limit in told.limits]
    return replace(account, limits=lowered(account.limits, limits, account.preset.limits)), ""


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


def _without_others(limit: Limit, sent: int, account: Account, ledger: Ledger) -> Limit:
    """The day's limit less what others sent: the provider counts more than this ledger does."""
    if limit.window != _DAY or limit.number is None:
        return limit
    [room] = ledger.accounts.rooms(account.identity, limits=[limit], reserve=0, zone=account.timezone)
    ours = limit.number - (room.left or 0)
    others = max(0, sent - ours)
    return Limit.parse(f"{max(1, limit.number - others)}/{_DAY}") if others else limit
