"""The parts that every page of the dashboard is made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import NamedTuple, Protocol

from mailrunner.clock import rfc3339
from mailrunner.config.account import Account
from mailrunner.config.project import Project
from mailrunner.errors import Problem, UserError
from mailrunner.event_log import EventLog
from mailrunner.model.delivery import State
from mailrunner.model.inbound_event import EventKind
from mailrunner.store import AccountRecord, CampaignRecord, Ledger, Phase
from mailrunner.store.browsing import ListedDelivery
from mailrunner.store.private_file import make_folder, opener
from mailrunner.web.dashboard.statistics_keeper import StatisticsKeeper

_RATE_OVER = timedelta(minutes=5)
STATE_WORDS = {
    State.SENT: "sent",
    State.FAILED: "failed",
    State.IN_DOUBT: "in doubt",
    State.SUPPRESSED: "suppressed",
    State.SKIPPED: "skipped",
    State.QUEUED: "queued",
    State.CLAIMED: "in flight",
    State.SENDING: "in flight",
}
EVENT_WORDS = {
    EventKind.BOUNCED: "bounced",
    EventKind.SOFT_BOUNCED: "not delivered this time",
    EventKind.REFUSED: "refused later",
    EventKind.COMPLAINED: "complained",
    EventKind.UNSUBSCRIBED: "unsubscribed",
    EventKind.RESUBSCRIBED: "subscribed again",
    EventKind.ASKED: "asked to unsubscribe",
    EventKind.DELIVERED: "delivered",
    EventKind.DELAYED: "delayed",
    EventKind.AUTO_REPLIED: "replied automatically",
    EventKind.LIMIT_REACHED: "the account's limit is reached",
}


class ShownMessage(Protocol):
    """A message as it is shown: `html` has its inline images as data: URIs, None without an HTML part."""

    @property
    def sender(self) -> str: ...
    @property
    def recipient(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def html(self) -> str | None: ...
    @property
    def text(self) -> str: ...


# Renders a delivery's message again from its cells; raises MailrunnerError where that is not possible.
ShowMessage = Callable[[CampaignRecord, ListedDelivery, Sequence[str]], ShownMessage]


class AccountState(NamedTuple):
    """One account of mailrunner.toml, and its record if it was used."""

    account: Account
    record: AccountRecord | None
    paused_until: datetime | None
    reason: str


class UserAction(NamedTuple):
    """An action of a user of the dashboard; `about` is the campaign, or what was searched for."""

    at: datetime
    user: str
    action: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The ledger, the project, the statistics; `folder` is the project's `.mailrunner`."""

    ledger: Ledger
    project: Project
    keeper: StatisticsKeeper
    folder: Path
    zone: tzinfo
    log: EventLog
    show_message: ShowMessage

    def campaign(self, campaign_id: str) -> CampaignRecord:
        """A campaign by its id; raises UserError for none."""
        record = self.ledger.campaigns.find(campaign_id)
        if record is None or record.phase is Phase.LOADING:
            raise UserError(Problem(f"there is no campaign {campaign_id} in this ledger"))
        return record

    def state_of(self, record: CampaignRecord) -> str:
        """The state as `status` tells it: a campaign that was begun is running, waiting or stopped."""
        if record.phase is not Phase.BEGUN:
            return record.phase.value
        if self.ledger.deliveries.is_being_run(record.no):
            return "running"
        account = self.project.accounts.get(record.account_name)
        known = self.ledger.accounts.find(account.identity) if account else None
        return "stopped" if known and known.stop_reason else "waiting"

    def rate(self, record: CampaignRecord) -> float:
        """Messages a second over the last five minutes."""
        since = self.ledger.clock.now() - _RATE_OVER
        return self.ledger.browsing.number(record.no, State.SENT, since=since) / _RATE_OVER.total_seconds()

    def accounts(self) -> list[AccountState]:
        """The accounts whose tables are valid, in the order of mailrunner.toml."""
        found, now = [], self.ledger.clock.now()
        for account in self.project.accounts.values():
            record = self.ledger.accounts.find(account.identity)
            until = (
                record.paused_until if record and record.paused_until and record.paused_until > now else None
            )
            reason = (record.stop_reason or (record.pause_reason if until else "")) if record else ""
            found.append(AccountState(account, record, until, reason))
        return found

    def lists_of(self, record: CampaignRecord) -> set[str]:
        """The keys of the lists whose suppressions hold for a campaign."""
        known = self.project.lists.get(record.list_key)
        return {record.list_key, *(known.formerly if known else ())} - {""}

    # -- What users did here

    def note(self, user: str, action: str, **about: object) -> None:
        """Record an action: in the event log, and in the project's own record of them."""
        line = {"at": rfc3339(self.ledger.clock.now()), "user": user, "action": action, **about}
        self.log.dashboard_action(user, action, about)
        with suppress(OSError):
            make_folder(self._actions.parent)
            with open(self._actions, "a", encoding="utf-8", opener=opener) as stream:
                stream.write(json.dumps(line) + "\n")

    def actions(self, most: int) -> list[UserAction]:
        """The last actions, the newest first; what is no line of ours is left out."""
        try:
            with self._actions.open("rb") as stream:
                stream.seek(max(0, self._actions.stat().st_size - 64 * 1024))
                lines = stream.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return []
        found = []
        for line in reversed(lines[-most:]):
            with suppress(ValueError, KeyError, TypeError):
                kept = dict(json.loads(line))
                about = kept.get("campaign") or kept.get("text") or ""
                at = datetime.fromisoformat(kept["at"])
                found.append(UserAction(at, str(kept["user"]), str(kept["action"]), str(about)))
        return found

    @property
    def _actions(self) -> Path:
        return self.folder / "dashboard" / "actions.log"
