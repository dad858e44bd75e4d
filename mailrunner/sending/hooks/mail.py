"""A message to oneself: through the account of the campaign, within its limits."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import Path

from mailrunner.campaign.campaign_file import load_campaign
from mailrunner.model.terminal_text import one_line
from mailrunner.rendering import Message
from mailrunner.rendering.segments import SegmentedText
from mailrunner.sending.counted_send import CountedSend
from mailrunner.sending.hooks.channels import Channel, HookError
from mailrunner.sending.hooks.events import HookEvent
from mailrunner.sending.prepared_campaign import PreparedCampaign
from mailrunner.store import Ledger


def mail_channel(folder: Path, open_ledger: Callable[[], Ledger]) -> Callable[[str], Channel]:
    """What mails an event to an address; `open_ledger` opens a ledger of its own, as another thread asks."""

    def to(address: str) -> Channel:
        def mail(event: HookEvent, payload: str) -> None:
            with open_ledger() as ledger:
                record = ledger.campaigns.find(event.campaign)
                file = str(folder / record.file) if record else event.campaign
                prepared = PreparedCampaign.prepare(
                    *load_campaign(folder, file, os.environ), fresh_list=False, open_ledger=open_ledger
                )
                message = _message(prepared.from_address, address, event, payload, ledger.clock.now())
                outcome = CountedSend(prepared, ledger).send(message)
            if outcome.kind != "sent":
                raise HookError(outcome.reason)

        return mail

    return to


def _message(sender: str, address: str, event: HookEvent, payload: str, now: datetime) -> Message:
    """A message in plain text, with the event's JSON below it."""
    made = EmailMessage(policy=SMTP.clone(max_line_length=78))
    made["From"], made["To"] = sender, address
    made["Subject"] = one_line(f"[mailrunner] {event.text}")[:200]
    made["Date"], made["Message-ID"] = format_datetime(now), make_msgid(domain=sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5
    made.set_content(f"{event.text}\n\n{payload}\n", cte="base64")
    return Message(
        sender=sender,
        recipient=address,
        data=made.as_bytes(),
        smtputf8=not (sender + address).isascii(),
        has_leading_dots=False,
        subject=str(made["Subject"]),
        html_segments=None,
        text_segments=SegmentedText((event.text,)),
        head=made.as_bytes().partition(b"\r\n\r\n")[0],
    )
