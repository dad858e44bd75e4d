"""Messages of deliveries, rendered again from their rows as they were stored."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailrunner.cli.context import CommandContext
    from mailrunner.rendering.mime import Message
    from mailrunner.store import CampaignRecord
    from mailrunner.store.browsing import ListedDelivery
    from mailrunner.web.dashboard.page_parts import ShownMessage


class CampaignAgain:
    """One campaign's messages, as `preview` makes them: no link in them belongs to a delivery.

    Raises UserError where the campaign's files cannot make a message any more.
    """

    def __init__(self, context: CommandContext, record: CampaignRecord) -> None:
        from mailrunner.model.tokens import TokenSigner
        from mailrunner.sending.message_factory import MessageFactory

        self._prepared = context.prepare(record.file, fresh_list=False)
        signer = TokenSigner((secrets.token_bytes(32),))
        columns, domain = record.columns, record.message_domain
        self._factory = MessageFactory(self._prepared, columns=columns, signer=signer, domain=domain)

    def message(self, address: str, values: Sequence[str], moment: datetime) -> Message:
        """The message of one row, as of `moment`; raises RowError where the row cannot make one."""
        fields = self._factory.fields(secrets.randbelow(2**62), address, values)
        return self._prepared.renderer.render(fields, moment)


class MessageAgain:
    """Renders the message of any delivery again, for the dashboard."""

    def __init__(self, context: CommandContext) -> None:
        self._context = context

    def show(self, record: CampaignRecord, one: ListedDelivery, values: Sequence[str]) -> ShownMessage:
        """The message; raises MailrunnerError where the campaign's files or the row cannot make one."""
        from mailrunner.preview.message_view import MessageView

        moment = one.finished_at or self._context.clock.now()
        return MessageView.of(CampaignAgain(self._context, record).message(one.address or "", values, moment))
