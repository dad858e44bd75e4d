"""Asking an account's Sent folder about deliveries in doubt: gathers the evidence, lets it be judged.

    with SentFolder.open(…) as folder:
        verdicts = Inquiry(ledger=…, record=…, preset=…, signer=…, folder=folder).verdicts(doubts)

Nothing is changed, neither in the mailbox nor in the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailrunner.config.providers import Preset
from mailrunner.model.in_doubt import SAME_TIME, LookupEvidence, Resolution, resolve
from mailrunner.model.tokens import TokenSigner, message_id
from mailrunner.reconciliation.sent_folder import SentFolder
from mailrunner.store import CampaignRecord, Ledger
from mailrunner.store.manual_actions import InDoubtDelivery

_NEIGHBOURS = 5  # a few may have been deleted by hand; many that are not there say enough


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFolderCheck:
    """One look at a campaign's doubts; `preset` is of the account that sent them, `signer` the ledger's."""

    ledger: Ledger
    record: CampaignRecord
    preset: Preset
    signer: TokenSigner
    folder: SentFolder
    _known: dict[int, bool] = field(default_factory=dict)

    def verdicts(self, doubts: Sequence[InDoubtDelivery]) -> list[tuple[InDoubtDelivery, Resolution]]:
        """What the folder proves of each delivery; raises ServerAwayError."""
        now = self.ledger.now()  # before the look: what arrives later is found by the next one
        places = self.folder.where([self._message_id(doubt.id) for doubt in doubts])
        evidence = [self._evidence(doubt, places.get(self._message_id(doubt.id), "")) for doubt in doubts]
        return [(doubt, resolve(seen, now=now)) for doubt, seen in zip(doubts, evidence, strict=True)]

    def _evidence(self, doubt: InDoubtDelivery, place: str) -> LookupEvidence:
        decisions = self.ledger.manual_actions
        return LookupEvidence(
            folder=place,
            attempted_at=doubt.last_attempt_at,
            provider=self.preset.title,
            files_submissions=self.preset.files_submissions,
            keeps_message_id=self.preset.keeps_message_id,
            sender_lives=not place and decisions.is_sender_suspended(doubt),
            trash_searched=self.folder.has_trash,
            neighbour_found=not place and self._has_neighbour(doubt),
        )

    def _has_neighbour(self, doubt: InDoubtDelivery) -> bool:
        decisions = self.ledger.manual_actions
        nearest = decisions.sent_nearby(self.record.no, doubt, within=SAME_TIME, most=_NEIGHBOURS)
        return any(map(self._is_filed, nearest))

    def _is_filed(self, number: int) -> bool:
        """Whether a delivery that was sent lies in the Sent folder; asked once only."""
        if number not in self._known:
            self._known[number] = bool(self.folder.where([self._message_id(number)], trash=False))
        return self._known[number]

    def _message_id(self, number: int) -> str:
        return message_id(self.signer, number, self.record.message_domain)
