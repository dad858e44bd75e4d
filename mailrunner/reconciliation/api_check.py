"""Reconciliation by the provider's API: asks whether it took the messages in doubt.

Nothing is changed, neither at the provider nor in the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailrunner.model.in_doubt import SAME_TIME, LookupEvidence, Resolution, resolve
from mailrunner.model.tokens import TokenSigner, message_id
from mailrunner.store import CampaignRecord, Ledger
from mailrunner.store.manual_actions import InDoubtDelivery
from mailrunner.transports.apis import AskableApi, AskedMessage, Call

_NEIGHBOURS = 3  # look-ups cost the provider's rate


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCheck:
    """Checks a campaign's deliveries in doubt as `SentFolderCheck` does, by asking `api` through `call`.

    `title` is the provider's name as it is shown, `signer` the ledger's.
    """

    ledger: Ledger
    record: CampaignRecord
    title: str
    signer: TokenSigner
    api: AskableApi
    call: Call
    _known: dict[int, bool] = field(default_factory=dict)

    def resolutions(self, doubts: Sequence[InDoubtDelivery]) -> list[tuple[InDoubtDelivery, Resolution]]:
        """Each delivery with what the provider's log proves of it; raises ApiUnavailableError."""
        now = self.ledger.now()  # before the search: what is logged later is found by the next one
        return [(doubt, resolve(self._evidence(doubt), now=now)) for doubt in doubts]

    def _evidence(self, doubt: InDoubtDelivery) -> LookupEvidence:
        found = self._is_known(doubt)
        decisions = self.ledger.manual_actions
        return LookupEvidence(
            folder=self.api.place if found else "",
            attempted_at=doubt.last_attempt_at,
            provider=self.title,
            files_submissions=True,
            keeps_message_id=True,  # the search is by our delivery's token, or by what we know that it keeps
            sender_lives=not found and decisions.is_sender_suspended(doubt),
            trash_searched=self.api.is_complete,
            neighbour_found=not found and self._has_neighbour(doubt),
            log=self.api.place,
        )

    def _has_neighbour(self, doubt: InDoubtDelivery) -> bool:
        decisions = self.ledger.manual_actions
        nearest = decisions.sent_nearby(self.record.no, doubt, within=SAME_TIME, most=_NEIGHBOURS)
        return any(self._is_sent_known(number, doubt) for number in nearest)

    def _is_sent_known(self, number: int, doubt: InDoubtDelivery) -> bool:
        """True where the log has a delivery that was sent; asked once only."""
        if number not in self._known:
            address = self.ledger.deliveries.address(number)
            self._known[number] = bool(address) and self._asked(number, address, doubt)
        return self._known[number]

    def _is_known(self, doubt: InDoubtDelivery) -> bool:
        return self._asked(doubt.id, doubt.address, doubt)

    def _asked(self, number: int, address: str, doubt: InDoubtDelivery) -> bool:
        identity = message_id(self.signer, number, self.record.message_domain)
        token = identity[1:].partition("@")[0]
        at = doubt.last_attempt_at - SAME_TIME if doubt.last_attempt_at else None
        return self.api.ask(self.call, AskedMessage(identity, address, token, at))
