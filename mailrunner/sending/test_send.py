"""A test message: one row's message to an address of one's own, marked, counted, not recorded as sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from secrets import randbits

from mailrunner.clock import Clock
from mailrunner.errors import Problem, RowError, UserError
from mailrunner.model.address import normalise
from mailrunner.model.outcome import Outcome, OutcomeKind, Scope
from mailrunner.model.tokens import TokenSigner
from mailrunner.model.wait_reason import Wait
from mailrunner.recipients.reader import RecipientRow
from mailrunner.rendering import Message
from mailrunner.sending.prepared_campaign import TEST_MARK, MessageFactory, PreparedCampaign
from mailrunner.sending.run import transport_of
from mailrunner.store import Ledger, Run
from mailrunner.store.schema import CAMPAIGN_SHIFT


class SendTest:
    """Sends tests of one job.

    Their numbers are random and of no campaign: the links are genuine and say that this was a test.
    """

    def __init__(self, job: PreparedCampaign, ledger: Ledger, *, clock: Clock, row: str | None) -> None:
        """`row` is the address of the row to show; without it, the first that can be mailed."""
        self._job, self._ledger, self._clock = job, ledger, clock
        self._entry = self._chosen(row)
        secret = job.project.unsubscribe.secret
        secrets = ledger.signing_keys(secret.get_secret_value() if secret else None)
        self._setup = job.setup_digest(secrets[-1])
        self._letters = MessageFactory(
            job, columns=job.people.columns, signer=TokenSigner(secrets), domain=job.message_domain
        )

    @property
    def shown(self) -> str:
        """The address of the row that is shown."""
        return self._entry.address

    def send(self, address: str) -> Outcome:
        """Send one test to `address`, taking a slot of the account's quota."""
        message = self._message(address)
        run = Run.begin(self._ledger.database)
        try:
            return self._counted(message, run)
        finally:
            run.end()

    def _counted(self, message: Message, run: Run) -> Outcome:
        account = self._job.account
        known, token = self._ledger.accounts.ensure(account.identity), run.next_token()
        if self._setup in known.refused:
            return Outcome(OutcomeKind.REFUSED, Scope.CREDENTIALS, known.refused[self._setup], offered=False)
        number = known.no
        hold = self._ledger.accounts.begin_test(
            number, token=token, limits=account.limits, reserve=account.reserve, zone=account.timezone
        )
        if hold is not None:
            return Outcome(OutcomeKind.DEFERRED, Scope.ACCOUNT, _no_slot(hold), offered=False)
        transport = transport_of(self._job)
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
        entry = self._entry
        try:
            # Below 2**CAMPAIGN_SHIFT is campaign 0, that of tests.
            number = randbits(CAMPAIGN_SHIFT)
            letter = self._letters.letter(number, entry.address, entry.values, TEST_MARK)
            message = self._job.renderer.render(letter, self._clock.now())
        except RowError as error:
            raise UserError(
                Problem(
                    str(error), self._job.source.label, f"row {entry.row}", "choose another row with --as"
                )
            ) from error
        return replace(message, recipient=address, smtputf8=message.smtputf8 or not address.isascii())

    def _chosen(self, row: str | None) -> RecipientRow:
        wanted = None
        if row is not None:
            try:
                wanted = normalise(row).key
            except ValueError as error:
                raise UserError(Problem(str(error), key="--as")) from error
        for entry in self._usable():
            if wanted in (None, entry.key):
                return entry
        raise UserError(
            Problem(
                f"{self._job.source.label} has no row for {row}" if row else "no row can be mailed",
                hint="give --as an address that stands in the list",
            )
        )

    def _usable(self) -> Iterator[RecipientRow]:
        for chunk in self._job.people.chunks():
            yield from (entry for entry in chunk if entry.key is not None and not entry.problem)


def _no_slot(hold: Wait) -> str:
    until = f" until {hold.until:%Y-%m-%d %H:%M} UTC" if hold.until else ""
    return f"the account has no slot left{until}: {hold.sentence or hold.why}"
