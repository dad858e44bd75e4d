"""One message, to look at: what its recipient would see, and its bytes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailrunner.errors import Problem, RowError, UserError
from mailrunner.model.address import normalise
from mailrunner.model.tokens import TokenSigner
from mailrunner.recipients.reader import RecipientRow
from mailrunner.rendering.lint import remarks
from mailrunner.sending.message_factory import MessageFactory
from mailrunner.sending.prepared_campaign import PreparedCampaign

RowChoice = int | str | Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewMessage:
    """One message: `data` is all of it, with CRLF; `html` is None for a message of text alone.

    `warnings` are remarks on its content, as `check` makes them.
    """

    recipient: str
    subject: str
    html: str | None
    text: str
    data: bytes = field(repr=False)
    warnings: tuple[str, ...] = ()


def show_message(prepared: PreparedCampaign, choice: int | str | None, now: datetime) -> PreviewMessage:
    """The message of the row of that number or address, dated `now`; None: the first that has an address.

    Ids and tokens are random, so that nothing in it leads to a real delivery.
    """
    row = _chosen(prepared, choice)
    factory = MessageFactory(
        prepared,
        columns=prepared.recipients.columns,
        signer=TokenSigner((secrets.token_bytes(32),)),
        domain=prepared.message_domain,
    )
    try:
        if row.problem:
            raise RowError(row.problem)
        fields = factory.fields(secrets.randbelow(2**62), row.address, row.values)
        message = factory.signed(prepared.renderer.render(fields, now), now)
    except RowError as error:
        raise UserError(Problem(str(error), prepared.source.label, f"row {row.row}")) from None
    found = remarks(message.html, message.subject, message.size, message.images)
    return PreviewMessage(
        recipient=message.recipient,
        subject=message.subject,
        html=message.html,
        text=message.text,
        data=message.data,
        warnings=tuple(f"{kind}: {detail}" if detail else kind for kind, detail in found),
    )


def _chosen(prepared: PreparedCampaign, choice: int | str | None) -> RecipientRow:
    matches, what = _test(choice)
    for chunk in prepared.recipients.chunks():
        for row in chunk:
            if matches(row):
                return row
    hint = "`where` may leave it out" if prepared.recipients.filtered else ""
    raise UserError(Problem(f"{prepared.source.label} has no row {what}", prepared.file, "recipients", hint))


def _test(choice: int | str | None) -> tuple[Callable[[RecipientRow], bool], str]:
    """Which row is meant, and words for it."""
    if choice is None:
        return lambda row: row.key is not None, "with an address"
    if isinstance(choice, int):
        return lambda row: row.row == choice, f"of number {choice}"
    try:
        key = normalise(choice).key
    except ValueError as error:
        raise UserError(Problem(str(error), key=f'"{choice}"')) from None
    return lambda row: row.key == key, f"for {choice}"
