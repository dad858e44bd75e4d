"""Deliveries in doubt, asked for at their account's provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from mailrunner.config.account import Account
from mailrunner.errors import Problem, UserError
from mailrunner.model.in_doubt import Resolution
from mailrunner.model.tokens import TokenSigner
from mailrunner.reconciliation.api_check import ApiCheck
from mailrunner.sending.api_transport import ApiConnections
from mailrunner.store import CampaignRecord, Ledger
from mailrunner.store.manual_actions import InDoubtDelivery
from mailrunner.transports.apis import ApiUnavailableError, AskableApi


def ask_provider(
    account: Account,
    doubts: Sequence[InDoubtDelivery],
    *,
    ledger: Ledger,
    record: CampaignRecord,
    signer: TokenSigner,
    timeout: float,
) -> list[tuple[InDoubtDelivery, Resolution]]:
    """Each delivery with what the provider's log proves of it; `timeout` seconds for each answer.

    Raises UserError for an account without an API, or whose API cannot be asked, and ApiUnavailableError.
    """
    by_hand = f"decide by hand: mailrunner resolve {record.id} --sent ADDRESS…, or --resend ADDRESS…"
    place = f"accounts.{account.name}.via"
    if account.api is None:
        raise UserError(Problem("this account has no HTTP API that could be asked", key=place, hint=by_hand))
    connections = ApiConnections.of(account, account.api, ledger.clock)
    if not getattr(connections.api, "place", ""):
        sentence = f"{account.preset.title}'s API cannot be asked whether it took a message"
        raise UserError(Problem(sentence, key=place, hint=by_hand))
    if blocked := connections.bearer.prepare():
        raise ApiUnavailableError(blocked.reason)
    call = connections.caller(min(account.timeout, timeout))
    try:
        return ApiCheck(
            ledger=ledger,
            record=record,
            title=account.preset.title,
            signer=signer,
            api=cast("AskableApi", connections.api),
            call=call,
        ).resolutions(doubts)
    finally:
        call.close()
