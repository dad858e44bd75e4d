"""The state of campaigns and accounts as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mailrunner.cli.bars import terminal_bar
from mailrunner.cli.context import CommandContext
from mailrunner.cli.output import local
from mailrunner.model.counted import counted

if TYPE_CHECKING:
    from mailrunner.model.quota import Room
    from mailrunner.sending.handles.status import AccountStatus, CampaignStatus


def print_campaign(context: CommandContext, found: CampaignStatus) -> None:
    """One campaign: its state and counts, the reason, and when it goes on or ended."""
    counts = found.counts
    numbers = ", ".join(
        f"{number:,} {name.replace('_', ' ')}"
        for name, number in counts.as_dict().items()
        if number and name not in ("queued", "sent")
    )
    line = f"{found.campaign}: {found.state}, {counts.sent:,} of {found.total:,} sent"
    context.result(line + (f", {numbers}" if numbers else ""))
    if drawn := terminal_bar(counts.sent, found.total):
        context.result(f"  {drawn}")
    if found.reason and found.state != "running":
        context.result(f"  {found.reason}")
    if found.resume_at and found.state == "waiting":
        context.result(f"  goes on {local(found.resume_at)}")
    if counts.open and found.state in ("ready", "running", "waiting"):
        context.result(f"  will be finished about {local(found.finish_at)}")
    elif found.finish_at and found.state in ("finished", "cancelled"):
        context.result(f"  ended {local(found.finish_at)}")


def print_accounts(context: CommandContext, accounts: Iterable[AccountStatus]) -> None:
    """Each account: its pause, and for each limit what is used and left."""
    for account in accounts:
        paused = f", paused until {local(account.paused_until)}" if account.paused_until else ""
        reason = f": {account.reason}" if account.reason else ""
        context.result(f"account {account.name}{paused}{reason}")
        for room in account.limits:
            _print_room(context, room)
        if account.reserve:
            reserved = counted(account.reserve, "message")
            context.result(f"  {reserved} a day reserved for what you send yourself")


def _print_room(context: CommandContext, room: Room) -> None:
    left = "no limit" if room.left is None else f"{room.left:,} left"
    then = f", the next slot {local(room.next_slot_at)}" if room.next_slot_at else ""
    context.result(f"  {room.limit!s:<12} {room.used:,} used, {left}{then}")
    if room.left is not None and (drawn := terminal_bar(room.used, room.used + room.left)):
        context.result(f"  {'':<12} {drawn}")
