"""The state of campaigns and accounts as lines of text, from their JSON objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.text import Text

from mailrunner.cli.bars import Drawing
from mailrunner.cli.output import local
from mailrunner.clock import clock_difference
from mailrunner.model.number_and_noun import counted

_MARGIN = " " * 8  # as wide as a percentage


def status_lines(
    campaigns: Sequence[Mapping[str, Any]],
    accounts: Iterable[Mapping[str, Any]],
    drawing: Drawing,
    machines: Sequence[Mapping[str, Any]] = (),
) -> Iterator[str | Text]:
    """What `status` shows: every campaign, the accounts (without campaigns the paused ones), machines."""
    if not campaigns:
        yield "No campaign was begun yet. To begin one: mailrunner run CAMPAIGN"
    for place, found in enumerate(campaigns):
        yield from _apart(drawing) if place else ()
        yield from campaign_lines(found, drawing)
    for account in accounts:
        if account["paused_until"] or campaigns:
            yield from _apart(drawing)
            yield from account_lines(account, drawing)
    if len(machines) > 1:
        yield from _apart(drawing)
        yield from map(machine_line, machines)


def machine_line(machine: Mapping[str, Any]) -> str:
    """One machine: when it was seen last, its clock where it is wrong, what it sends."""
    sends = f", sends {', '.join(machine['sends'])}" if machine["sends"] else ""
    differs = clock_difference(machine["clock_ahead_seconds"])
    clock = f", its clock {differs}" if differs else ""
    return f"machine {machine['host']} ({machine['folder']}), seen {_shown(machine['seen_at'])}{clock}{sends}"


def campaign_lines(found: Mapping[str, Any], drawing: Drawing) -> Iterator[str | Text]:
    """One campaign: its state and counts, the reason, and when it goes on or ended."""
    yield campaign_line(found)
    counts, total = found["counts"], found["total"]
    to_send = counts["queued"] + counts["in_flight"]
    if drawn := drawing.bar(counts["sent"], total - counts["sent"] - to_send, total):
        left = f"  {to_send:,} left" if to_send else ""
        yield Text.assemble(_percent(total - to_send, total), drawn, left)
    if found["reason"] and found["state"] != "running":
        yield f"  {found['reason']}"
    if found["resume_at"] and found["state"] == "waiting":
        yield f"  goes on {_shown(found['resume_at'])}"
    if to_send and found["state"] in ("ready", "running", "waiting"):
        yield f"  will be finished about {_shown(found['finish_at'])}"
    elif found["finish_at"] and found["state"] in ("finished", "cancelled"):
        yield f"  ended {_shown(found['finish_at'])}"


def campaign_line(found: Mapping[str, Any]) -> str:
    """The state of one campaign and its counts."""
    counts = found["counts"]
    numbers = ", ".join(
        f"{counts[name]:,} {name.replace('_', ' ')}"
        for name in ("in_flight", "failed", "in_doubt", "suppressed", "skipped")
        if counts[name]
    )
    line = f"{found['campaign']}: {found['state']}, {counts['sent']:,} of {found['total']:,} sent"
    return line + (f", {numbers}" if numbers else "")


def account_lines(
    account: Mapping[str, Any], drawing: Drawing, *, returns: bool = False
) -> Iterator[str | Text]:
    """One account: its pause, for each limit what is used and left, and with `returns` which slots return."""
    paused = f", paused until {_shown(account['paused_until'])}" if account["paused_until"] else ""
    reason = f": {account['reason']}" if account["reason"] else ""
    yield f"account {account['name']}{paused}{reason}"
    for limit in account["limits"]:
        yield from _limit_lines(limit, drawing)
        if returns:
            yield from _return_lines(limit, drawing)
    if account["reserve"]:
        reserved = counted(account["reserve"], "message")
        yield f"  {reserved} a day reserved for what you send yourself"


def learned_lines(account: Mapping[str, Any]) -> Iterator[str]:
    """What was learned of the account by trying, with its date; nothing of one that was never tried."""
    if account["learned"]:
        yield "  learned:"
    for fact in account["learned"]:
        yield f"  {'·' if fact['holds'] else '!'} {_shown(fact['at'])}: {fact['what']}"


def _limit_lines(limit: Mapping[str, Any], drawing: Drawing) -> Iterator[str | Text]:
    used, room = limit["used"], limit["left"]
    left = "no limit" if room is None else f"{room:,} left"
    then = f", the next slot {_shown(limit['next_slot_at'])}" if limit["next_slot_at"] else ""
    yield f"  {limit['limit']:<12} {used:,} used, {left}{then}"
    if room is not None and (drawn := drawing.bar(used, 0, used + room)):
        yield Text.assemble(_percent(used, used + room), drawn)


def _return_lines(limit: Mapping[str, Any], drawing: Drawing) -> Iterator[str | Text]:
    """The slots that come back in the next 24 hours: in words, and where something is drawn as a line."""
    returns = limit["returns"]
    if returns is None:
        return
    slots, begin = returns["slots"], datetime.fromisoformat(returns["from"])
    step = timedelta(seconds=returns["every_seconds"])
    times = [f"{(begin + step * cell).astimezone():%H:%M}" for cell in range(len(slots) + 1)]
    most = max(range(len(slots)), key=slots.__getitem__)
    some = "" if slots[most] == sum(slots) else f", the most ({slots[most]:,})"
    told = counted(sum(slots), "slot comes", "slots come")
    yield f"  {told} back in the next 24 hours{some} from {times[most]} to {times[most + 1]}"
    if drawn := drawing.sparkline(slots):
        yield Text.assemble(_MARGIN, drawn)
        quarter = drawing.cells // 4
        yield _MARGIN + "".join(f"{time:<{quarter}}" for time in times[:: len(slots) // 4]).rstrip()


def _apart(drawing: Drawing) -> tuple[str, ...]:
    """An empty line where there are bars, which need room."""
    return ("",) if drawing.cells else ()


def _percent(part: int, whole: int) -> str:
    return f"  {100 * part // whole:>3} % "


def _shown(moment: str | None) -> str:
    return local(datetime.fromisoformat(moment) if moment else None)
