"""Test sends: one row's message to the user's own address, marked, counted, not recorded as sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from secrets import randbits

from mailrunner.clock import utc_minute
from mailrunner.errors import Problem, RowError, UserError
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.model.wait_reason import Wait
from mailrunner.model.written_address import read_address
from mailrunner.recipients.reader import RecipientRow
from mailrunner.rendering import Message
from mailrunner.sending.account_transports import transports_for
from mailrunner.sending.message_factory import TEST_PREFIX, MessageFactory
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.sending.signing_keys import token_signer
from mailrunner.store import Ledger, Run
from mailrunner.store.schema import CAMPAIGN_SHIFT


class SendTest:
    """Sends test messages of one prepared campaign.

    Their numbers are random and of no campaign: the links are genuine and tell that this was a test.
    """

    def __init__(self, prepared: PreparedCampaign, ledger: Ledger, *, row: str | None) -> None:
        """`row` is the address of the row to show; without it, the first that can be mailed.

        `data` are the octets of the last message that was made.
        """
        self.data = b""
        self._prepared, self._ledger = prepared, ledger
        self._row = self._chosen(row)
        signer = token_signer(prepared.project, ledger)
        self._setup = prepared.setup_digest(signer.secrets[-1])
        self._factory = MessageFactory(
            prepared,
            columns=prepared.recipients.columns,
            signer=signer,
            domain=prepared.message_domain,
        )

    @property
    def shown(self) -> str:
        """The address of the row that is shown."""
        return self._row.address

    def send(self, address: str) -> Outcome:
        """Send one test to `address`, taking a slot of the account's quota."""
        message = self._message(address)
        self.data = message.data
        run = Run.begin(self._ledger.database)
        try:
            return self._counted(message, run)
        finally:
            run.end()

    def _counted(self, message: Message, run: Run) -> Outcome:
        account = self._prepared.account
        known, token = self._ledger.accounts.ensure(account.identity), run.next_token()
        if self._setup in known.refused:
            return Outcome(OutcomeKind.REFUSED, Scope.CREDENTIALS, known.refused[self._setup], offered=False)
        number = known.no
        wait = self._ledger.accounts.begin_test(
            number, token=token, limits=account.limits, reserve=account.reserve, zone=account.timezone
        )
        if wait is not None:
            return Outcome(OutcomeKind.DEFERRED, Scope.ACCOUNT, _no_slot(wait), offered=False)
        transport = transports_for(self._prepared.account, self._ledger.clock)()
        try:
            outcome = transport.open() or transport.send(message)
        finally:
            transport.close()
        # Were it not for this line, the end of the run would count the slot as used.
        self._ledger.accounts.end_test(number, token=token, answered=outcome.offered)
        if outcome.scope is Scope.CREDENTIALS:
            self._ledger.accounts.stop(number, reason=outcome.reason, digest=self._setup)
        return outcome

    def _message(self, address: str) -> Message:
        row, now = self._row, self._ledger.clock.now()
        try:
            # Below 2**CAMPAIGN_SHIFT is campaign 0, that of tests.
            number = randbits(CAMPAIGN_SHIFT)
            fields = self._factory.fields(number, row.address, row.values, TEST_PREFIX)
            message = self._factory.signed(self._prepared.renderer.render(fields, now), now)
        except RowError as error:
            raise UserError(
                Problem(
                    str(error), self._prepared.source.label, f"row {row.row}", "choose another row with --as"
                )
            ) from error
        return replace(message, recipient=address, smtputf8=message.smtputf8 or not address.isascii())

    def _chosen(self, row: str | None) -> RecipientRow:
        wanted = None
        if row is not None:
            try:
                wanted = read_address(row).address.key
            except ValueError as error:
                raise UserError(Problem(str(error), key="--as")) from error
        for found in self._usable():
            if wanted in (None, found.key):
                return found
        raise UserError(
            Problem(
                f"{self._prepared.source.label} has no row for {row}" if row else "no row can be mailed",
                hint="give --as an address that stands in the list",
            )
        )

    def _usable(self) -> Iterator[RecipientRow]:
        for chunk in self._prepared.recipients.chunks():
            yield from (row for row in chunk if row.key is not None and not row.problem)


def _no_slot(wait: Wait) -> str:
    until = f" until {utc_minute(wait.until)}" if wait.until else ""
    return f"the account has no slot left{until}: {wait.detail or wait.reason}"
