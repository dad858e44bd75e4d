"""Makes the message of one delivery from what the ledger kept of its row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mailrunner.errors import Problem, RowError, UserError
from mailrunner.model.address import normalise
from mailrunner.model.mailbox_address import mailboxes
from mailrunner.model.tokens import (
    BOUNCE,
    UNSUBSCRIBE,
    TokenSigner,
    message_id,
    unsubscribe_mailto,
    unsubscribe_url,
)
from mailrunner.model.variants import variant_of
from mailrunner.recipients.reader import RowReader
from mailrunner.rendering import Message, MessageFields
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.store import Delivery

if TYPE_CHECKING:
    from mailrunner.config.dkim_table import DkimSettings
    from mailrunner.rendering.dkim import DkimSigner

TEST_PREFIX = "[TEST] "


class MessageFactory:
    """Makes messages for runs, previews and tests.

    `columns` are those of the stored rows; a row stored before a column was added is padded.  `domain`
    is that of the Message-IDs.
    """

    def __init__(
        self, prepared: PreparedCampaign, *, columns: Sequence[str], signer: TokenSigner, domain: str
    ) -> None:
        try:
            self._reader = RowReader(columns, prepared.campaign.recipients)
        except KeyError as error:
            raise UserError(
                Problem(
                    f"the snapshot of the list has no column {error}",
                    file=str(prepared.campaign.file),
                    hint="use --refresh --accept-changes to read the list again",
                )
            ) from error
        self._width = len(columns)
        self._renderer, self._signer, self._domain = prepared.renderer, signer, domain
        # What is the same for all messages is worked out once: tokens need no quoting, and stand at the end.
        base = prepared.project.unsubscribe.base_url
        self._one_click = base is not None
        self._unsubscribe_uris = [unsubscribe_url(base, "")] if base else []
        self._unsubscribe_uris.append(unsubscribe_mailto(_mailto(prepared), ""))
        self._return_path = prepared.account.return_path or prepared.from_address
        self._campaign_id, self._variants = prepared.campaign.id, tuple(prepared.campaign.variants)
        self._dkim = dkim_signer(prepared.account.dkim) if prepared.account.dkim else None

    def message(self, delivery: Delivery, now: datetime) -> Message:
        """The message of one claimed delivery; raises RowError where its row cannot become one."""
        message = self._renderer.render(self.fields(delivery.id, delivery.address, delivery.values), now)
        return self.signed(message, now) if self._dkim else message

    def signed(self, message: Message, now: datetime) -> Message:
        """The message with a signature of each DKIM key that the account has."""
        return self._dkim.sign(message, now) if self._dkim else message

    def message_id(self, delivery: Delivery) -> str:
        """The Message-ID of `delivery`: the same at every attempt, stored nowhere."""
        return message_id(self._signer, delivery.id, self._domain)

    def fields(self, number: int, address: str, values: Sequence[str], prefix: str = "") -> MessageFields:
        """The fields particular to delivery `number`; `prefix` marks the subject of a test."""
        cells = values if len(values) == self._width else (*values, *[""] * (self._width - len(values)))
        try:
            normalised = normalise(address)
        except ValueError as error:
            raise RowError(str(error)) from error
        token = self._signer.token(UNSUBSCRIBE, number)
        uris = tuple([uri + token for uri in self._unsubscribe_uris])
        name = message_id(self._signer, number, self._domain)
        return_path = self._return_path
        if "{token}" in return_path:
            return_path = return_path.replace("{token}", self._signer.token(BOUNCE, number))
        return MessageFields(
            address=normalised.wire,
            name=self._reader.name(cells),
            context=self._reader.context(cells),
            message_id=name,
            delivery_token=name[1:].partition("@")[0],
            unsubscribe_url=uris[0],
            list_unsubscribe=uris,
            one_click=self._one_click,
            return_path=return_path,
            subject_prefix=prefix,
            variant=variant_of(normalised.key, self._variants, self._campaign_id) if self._variants else "",
        )


def dkim_signer(settings: DkimSettings) -> DkimSigner:
    """Read the keys; UserError where one is of no use."""
    from mailrunner.rendering.dkim import DkimSigner, load_key

    return DkimSigner(tuple(load_key(settings.domain, selector, file) for selector, file in settings.keys))


def _mailto(prepared: PreparedCampaign) -> str:
    """The address of unsubscribe requests by mail: as configured, else the account, reply_to, From."""
    reply_to = prepared.campaign.message.reply_to
    candidates = (
        prepared.project.unsubscribe.mailto,
        prepared.account.user if "@" in prepared.account.user else None,
        mailboxes(reply_to)[0].address if reply_to else "",
        prepared.from_address,
    )
    return next(address for address in candidates if address)
