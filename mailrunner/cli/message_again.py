"""The message of a delivery, rendered again for the dashboard from the row as it was stored."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailrunner.cli.context import CommandContext
    from mailrunner.store import CampaignRecord
    from mailrunner.store.browsing import ListedDelivery
    from mailrunner.web.dashboard.desk import ShownMessage


class MessageAgain:
    """Renders the messages of deliveries again, as `preview` does: no link in them belongs to a delivery."""

    def __init__(self, context: CommandContext) -> None:
        self._context = context

    def show(self, record: CampaignRecord, one: ListedDelivery, values: Sequence[str]) -> ShownMessage:
        """The message; raises MailrunnerError where the campaign's files or the row cannot make one."""
        from mailrunner.model.tokens import TokenSigner
        from mailrunner.preview.message_view import MessageView
        from mailrunner.sending.message_factory import MessageFactory

        prepared = self._context.prepare(record.file)
        signer = TokenSigner((secrets.token_bytes(32),))
        columns, domain = record.columns, record.message_domain
        factory = MessageFactory(prepared, columns=columns, signer=signer, domain=domain)
        fields = factory.fields(secrets.randbelow(2**62), one.address or "", values)
        moment = one.finished_at or self._context.clock.now()
        return MessageView.of(prepared.renderer.render(fields, moment))
