"""Test messages to addresses of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mailrunner.errors import Problem, UserError
from mailrunner.model.outcome import Outcome
from mailrunner.model.written_address import read_address
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.sending.test_send import SendTest
from mailrunner.store import Ledger


class SentTest(NamedTuple):
    """The outcome of one test message to `address`, which shows the row with the address `shown`."""

    address: str
    shown: str
    outcome: Outcome


def send_tests(
    prepared: PreparedCampaign, ledger: Ledger, addresses: Sequence[str], *, row: str | None
) -> Iterator[SentTest]:
    """Send to each address in turn; UserError, before the first, for what is no address, or no row."""
    own = [_wire(text) for text in addresses]
    test = SendTest(prepared, ledger, row=row)
    for address in own:
        yield SentTest(address, test.shown, test.send(address))


def _wire(text: str) -> str:
    try:
        return read_address(text).address.wire
    except ValueError as error:
        raise UserError(Problem(str(error), key="--to", hint="write one address for each --to")) from error
