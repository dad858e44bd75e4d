"""Test sends: one row's message to the user's own address, marked, counted, not recorded as sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from secrets import randbits

from mailrunner.errors import Problem, RowError, UserError
from mailrunner.model.outcome import Outcome
from mailrunner.model.written_address import read_address
from mailrunner.recipients.reader import RecipientRow
from mailrunner.rendering import Message
from mailrunner.sending.counted_send import CountedSend
from mailrunner.sending.link_signer import token_signer
from mailrunner.sending.message_factory import TEST_PREFIX, MessageFactory
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.store import Ledger
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
        self._sender = CountedSend(prepared, ledger)
        self._factory = MessageFactory(
            prepared,
            columns=prepared.recipients.columns,
            signer=token_signer(prepared.project, ledger),
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
        return self._sender.send(message)

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
