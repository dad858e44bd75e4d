"""The state of campaigns and accounts as text, from their JSON objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from mailrunner.cli.bars import terminal_bar
from mailrunner.cli.context import CommandContext
from mailrunner.cli.output import local
from mailrunner.model.counted import counted


def print_campaign(context: CommandContext, found: dict[str, Any]) -> None:
    """One campaign: its state and counts, the reason, and when it goes on or ended."""
    counts, total = found["counts"], found["total"]
    numbers = ", ".join(
        f"{counts[name]:,} {name.replace('_', ' ')}"
        for name in ("in_flight", "failed", "in_doubt", "suppressed", "skipped")
        if counts[name]
    )
    line = f"{found['campaign']}: {found['state']}, {counts['sent']:,} of {total:,} sent"
    context.result(line + (f", {numbers}" if numbers else ""))
    if drawn := terminal_bar(counts["sent"], total):
        context.result(f"  {drawn}")
    if found["reason"] and found["state"] != "running":
        context.result(f"  {found['reason']}")
    if found["resume_at"] and found["state"] == "waiting":
        context.result(f"  goes on {_shown(found['resume_at'])}")
    if (counts["queued"] or counts["in_flight"]) and found["state"] in ("ready", "running", "waiting"):
        context.result(f"  will be finished about {_shown(found['finish_at'])}")
    elif found["finish_at"] and found["state"] in ("finished", "cancelled"):
        context.result(f"  ended {_shown(found['finish_at'])}")


def print_machines(context: CommandContext, machines: Sequence[dict[str, Any]]) -> None:
    """Each machine, where there are several."""
    for machine in machines if len(machines) > 1 else ():
        sends = f", sends {', '.join(machine['sends'])}" if machine["sends"] else ""
        context.result(
            f"machine {machine['host']} ({machine['folder']}), seen {_shown(machine['seen_at'])}{sends}"
        )


def print_accounts(context: CommandContext, accounts: Iterable[dict[str, Any]]) -> None:
    """Each account: its pause, and for each limit what is used and left."""
    for account in accounts:
        paused = f", paused until {_shown(account['paused_until'])}" if account["paused_until"] else ""
        reason = f": {account['reason']}" if account["reason"] else ""
        context.result(f"account {account['name']}{paused}{reason}")
        for limit in account["limits"]:
            left = "no limit" if limit["left"] is None else f"{limit['left']:,} left"
            then = f", the next slot {_shown(limit['next_slot_at'])}" if limit["next_slot_at"] else ""
            context.result(f"  {limit['limit']:<12} {limit['used']:,} used, {left}{then}")
            room = limit["left"]
            if room is not None and (drawn := terminal_bar(limit["used"], limit["used"] + room)):
                context.result(f"  {'':<12} {drawn}")
        if account["reserve"]:
            reserved = counted(account["reserve"], "message")
            context.result(f"  {reserved} a day reserved for what you send yourself")


def _shown(moment: str | None) -> str:
    return local(datetime.fromisoformat(moment) if moment else None)
