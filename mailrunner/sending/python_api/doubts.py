"""Deliveries in doubt: shown, looked up in the Sent folder or at the provider, or decided by the user."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailrunner.config.project import Project
from mailrunner.errors import Problem, UserError
from mailrunner.model.delivery import State
from mailrunner.model.in_doubt import Lookup, Resolution
from mailrunner.model.tokens import TokenSigner, message_id
from mailrunner.sending.python_api.suppression_targets import address_keys
from mailrunner.store import CampaignRecord, Ledger, Phase
from mailrunner.store.manual_actions import InDoubtDelivery

_TIMEOUT = 60.0  # seconds: a user waits for the answer of the mailbox
_BY_OPERATOR = "recorded as sent by the operator"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message that the server may have taken; `tried_at` is the last attempt, None where unknown."""

    address: str
    tried_at: datetime | None
    message_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """The outcome of one delivery in doubt: SENT, QUEUED, SKIPPED (of a cancelled campaign) or IN_DOUBT.

    `look_again_at` is when a look may tell more; None where it will not.
    """

    address: str
    state: State
    reason: str = ""
    look_again_at: datetime | None = None


class DoubtDesk:
    """The deliveries of one campaign that are in doubt, in an open ledger.

    `campaign` is its id, `account` the account's name, `unsent` what a delivery becomes that was not sent.
    """

    def __init__(self, project: Project, ledger: Ledger, record: CampaignRecord, signer: TokenSigner) -> None:
        self._project, self._ledger, self._record, self._signer = project, ledger, record, signer
        self.campaign, self.account = record.id, record.account_name
        self.unsent = State.SKIPPED if record.phase is Phase.CANCELLED else State.QUEUED

    @property
    def is_asked_by_api(self) -> bool:
        """True where the account has an HTTP API and no mailbox; its table may be gone by now."""
        account = self._project.accounts.get(self.account)
        return account is not None and account.api is not None and account.imap is None

    def chosen(self, addresses: Collection[str]) -> list[InDoubtDelivery]:
        """Those of `addresses`, or all; raises UserError for an address that is not in doubt."""
        self._ledger.deliveries.recover()
        doubts = self._ledger.manual_actions.in_doubt(self._record.no)
        if not addresses:
            return doubts
        keys = address_keys(addresses)
        missing = keys - {doubt.key for doubt in doubts}
        UserError.collect(Problem(f"{key} is not in doubt in {self._record.id}") for key in sorted(missing))
        return [doubt for doubt in doubts if doubt.key in keys]

    def shown(self, doubts: Sequence[InDoubtDelivery]) -> tuple[Doubt, ...]:
        """As a user looks for them in a server's log."""
        domain = self._record.message_domain
        return tuple(
            Doubt(d.address, d.last_attempt_at, message_id(self._signer, d.id, domain), d.reason)
            for d in doubts
        )

    def record_as_sent(self, doubts: Sequence[InDoubtDelivery]) -> tuple[Resolved, ...]:
        """By the word of the user; only those that still were in doubt."""
        done = self._ledger.manual_actions.resolve_as_sent(doubts, reason=_BY_OPERATOR)
        return tuple(Resolved(doubt.address, State.SENT, _BY_OPERATOR) for doubt in done)

    def send_again(self, doubts: Sequence[InDoubtDelivery]) -> tuple[Resolved, ...]:
        """Queue those that still were in doubt, with the same Message-ID."""
        done = self._ledger.manual_actions.resolve_as_not_sent(self._record.no, doubts)
        return tuple(Resolved(doubt.address, self.unsent) for doubt in done)

    def by_sent_folder(self, doubts: Sequence[InDoubtDelivery]) -> tuple[Resolved, ...]:
        """Record what the account's Sent folder proves.

        Raises ImapUnavailableError or ImapLoginRefusedError, and records nothing then.
        """
        from mailrunner.reconciliation.check import SentFolderCheck
        from mailrunner.reconciliation.sent_folder import SentFolder

        account = self._project.account(self.account)
        if account.imap is None:
            raise self._without_imap()
        timeout = min(account.timeout, _TIMEOUT)
        with SentFolder.open(account.imap, ca_file=account.ca_file, timeout=timeout) as folder:
            found = SentFolderCheck(
                ledger=self._ledger,
                record=self._record,
                preset=account.preset,
                signer=self._signer,
                folder=folder,
            ).resolutions(doubts)
        return tuple(self._recorded(doubt, resolution) for doubt, resolution in found)

    def by_provider(self, doubts: Sequence[InDoubtDelivery]) -> tuple[Resolved, ...]:
        """Record what the provider's own log proves; raises ApiUnavailableError, and records nothing then."""
        from mailrunner.sending.api_lookup import ask_provider

        found = ask_provider(
            self._project.account(self.account),
            doubts,
            ledger=self._ledger,
            record=self._record,
            signer=self._signer,
            timeout=_TIMEOUT,
        )
        return tuple(self._recorded(doubt, resolution) for doubt, resolution in found)

    def _recorded(self, doubt: InDoubtDelivery, found: Resolution) -> Resolved:
        """Record a resolution; IN_DOUBT where it proves nothing, or could not be recorded."""
        actions = self._ledger.manual_actions
        if found.lookup is Lookup.FOUND:
            state, done = State.SENT, actions.resolve_as_sent([doubt], reason=found.reason)
        elif found.lookup is Lookup.ABSENT:
            state, done = self.unsent, actions.resolve_as_not_sent(self._record.no, [doubt])
        else:
            return Resolved(doubt.address, State.IN_DOUBT, found.reason, found.look_again_at)
        if done:
            return Resolved(doubt.address, state, found.reason, found.look_again_at)
        why = f"{found.reason}; nothing was changed, as it was resolved meanwhile or its row was purged"
        return Resolved(doubt.address, State.IN_DOUBT, why)

    def _without_imap(self) -> UserError:
        return UserError(
            Problem(
                "this account has no IMAP mailbox whose Sent folder could be asked",
                file=self._project.file.name,
                key=f"accounts.{self.account}.imap",
                hint='write imap = { host = "imap.example.org" }, with user and password where they differ '
                f"from the account's; or decide by hand: {by_hand(self.campaign)}",
            )
        )


def by_hand(campaign: str) -> str:
    """The commands by which a user decides."""
    return f"mailrunner resolve {campaign} --sent ADDRESS…, or --resend ADDRESS…"
