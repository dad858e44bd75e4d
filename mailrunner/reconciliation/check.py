"""Reconciliation: looks deliveries in doubt up in the account's Sent folder, and says what that proves.

    with SentFolder.open(…) as folder:
        check = SentFolderCheck(ledger=…, record=…, preset=…, signer=…, folder=folder)
        for doubt, resolution in check.resolutions(doubts): …

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

_NEIGHBOURS = 5  # a few may have been deleted by hand; five that are not there are evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFolderCheck:
    """Checks a campaign's deliveries in doubt.

    `preset` is that of the account which sent them, `signer` the ledger's.
    """

    ledger: Ledger
    record: CampaignRecord
    preset: Preset
    signer: TokenSigner
    folder: SentFolder
    _filed: dict[int, bool] = field(default_factory=dict)

    def resolutions(self, doubts: Sequence[InDoubtDelivery]) -> list[tuple[InDoubtDelivery, Resolution]]:
        """Each delivery with what the folder proves of it; raises ImapUnavailableError."""
        now = self.ledger.now()  # before the search: what is filed later is found by the next one
        message_ids = [self._message_id(doubt.id) for doubt in doubts]
        located = self.folder.locate(message_ids)
        return [
            (doubt, resolve(self._evidence(doubt, located.get(message_id, "")), now=now))
            for doubt, message_id in zip(doubts, message_ids, strict=True)
        ]

    def _evidence(self, doubt: InDoubtDelivery, folder: str) -> LookupEvidence:
        decisions = self.ledger.manual_actions
        return LookupEvidence(
            folder=folder,
            attempted_at=doubt.last_attempt_at,
            provider=self.preset.title,
            files_submissions=self.preset.files_submissions,
            keeps_message_id=self.preset.keeps_message_id,
            sender_lives=not folder and decisions.is_sender_suspended(doubt),
            trash_searched=self.folder.has_trash,
            neighbour_found=not folder and self._has_neighbour(doubt),
        )

    def _has_neighbour(self, doubt: InDoubtDelivery) -> bool:
        decisions = self.ledger.manual_actions
        nearest = decisions.sent_nearby(self.record.no, doubt, within=SAME_TIME, most=_NEIGHBOURS)
        return any(map(self._is_filed, nearest))

    def _is_filed(self, number: int) -> bool:
        """True where the message of a delivery that was sent is in the Sent folder; searched once only."""
        if number not in self._filed:
            self._filed[number] = bool(self.folder.locate([self._message_id(number)], trash=False))
        return self._filed[number]

    def _message_id(self, number: int) -> str:
        return message_id(self.signer, number, self.record.message_domain)
