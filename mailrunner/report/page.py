"""The report as one HTML page to read, print or send to the board: no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any, NamedTuple, TextIO

from mailrunner.model.delivery import Counts, State
from mailrunner.model.inbound_event import EventKind
from mailrunner.store import CampaignRecord
from mailrunner.store.report_rows import Reading, ReportRow
from mailrunner.store.snapshot import LEFT_LIST

MOST_ROWS = 2_000  # of each table; the other formats have all rows
_MOST_CAUSES = 12
_LABELS = {
    "sent": "sent",
    "failed": "failed",
    "in_doubt": "in doubt",
    "suppressed": "suppressed",
    "skipped": "skipped",
    "queued": "still to send",
    "in_flight": "being sent",
}
_REPORTED = {  # label and meaning
    EventKind.BOUNCED: ("bounced", "accepted by the server, and bounced later"),
    EventKind.REFUSED: ("refused later", "bounced because of the sender or the content"),
    EventKind.SOFT_BOUNCED: ("not delivered this time", "a full mailbox, or a server that cannot be reached"),
    EventKind.COMPLAINED: ("complained", "marked as spam"),
    EventKind.UNSUBSCRIBED: ("unsubscribed", "by the link, or by e-mail"),
}
_NOT_SENT = (State.FAILED, State.IN_DOUBT, State.SUPPRESSED, State.SKIPPED)
_OF_STATE = {State.CLAIMED: "in_flight", State.SENDING: "in_flight"}


class StateShare(NamedTuple):
    """One number of the summary: its key in `Counts`, its label, the number, its share in percent."""

    key: str
    label: str
    number: int
    percent: float


class EventCount(NamedTuple):
    """One kind of inbound event: its label, its meaning, and the number of deliveries."""

    label: str
    meaning: str
    number: int


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of the page."""

    campaign: str
    list_name: str
    account: str
    begun: datetime | None
    finished: datetime | None

    @classmethod
    def of(cls, campaign_id: str, record: CampaignRecord | None) -> Heading:
        """The heading of a campaign; of one that was never run, its id alone."""
        if record is None:
            return cls(campaign_id, "", "", None, None)
        finished = record.finished_at
        return cls(record.id, record.list_name, record.account_name, record.created_at, finished)


def write_page(reading: Reading, out: TextIO, *, heading: Heading, now: datetime) -> None:
    """Write the page.  Times are in this machine's time zone."""
    counts = reading.counts()
    template = _template()
    for piece in template.generate(
        heading=heading,
        now=now,
        counts=counts,
        shares=_shares(counts),
        reported=_reported(reading.inbound_counts()),
        causes=reading.causes(*_NOT_SENT, most=_MOST_CAUSES),
        failed=reading.rows(State.FAILED, most=MOST_ROWS),
        in_doubt=reading.rows(State.IN_DOUBT, most=MOST_ROWS),
        rows=reading.rows(most=MOST_ROWS),
        most=MOST_ROWS,
    ):
        out.write(piece)


def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    # Blocks are trimmed so that a table of 2,000 rows is not mostly blank lines.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "local": _local,
        "zone": _zone,
        "state": _state,
        "answer": _answer,
        "event": _event,
        "label": _LABELS.get,
        "why": _why,
    }
    return environment.from_string(files(__package__).joinpath("page.html").read_text("utf-8"))


def _shares(counts: Counts) -> list[StateShare]:
    numbers = counts.as_dict()
    return [
        StateShare(key, label, numbers[key], 100 * numbers[key] / counts.total)
        for key, label in _LABELS.items()
        if numbers[key]
    ]


def _reported(numbers: Mapping[EventKind, int]) -> list[EventCount]:
    return [EventCount(*texts, numbers[kind]) for kind, texts in _REPORTED.items() if numbers.get(kind)]


def _state(state: State) -> str:
    """The key of a state among the numbers of the summary."""
    return _OF_STATE.get(state, state.value)


def _why(reason: str) -> str:
    """A reason as the page shows it; LEFT_LIST is a constant in the ledger."""
    return "no longer on the list" if reason == LEFT_LIST else reason


def _answer(row: ReportRow) -> str:
    """The server's reply, code first; empty where the reason has it."""
    if row.reply and row.reply in row.reason:
        return ""
    return " ".join(str(part) for part in (row.code, row.enhanced_code, row.reply) if part)


def _event(row: ReportRow) -> str:
    """The label of the inbound event; empty for bounces, whose text is in the reason."""
    return (
        _REPORTED[EventKind(row.came_back)][0]
        if row.came_back not in ("", EventKind.BOUNCED, EventKind.REFUSED)
        else ""
    )


def _local(moment: datetime | None) -> str:
    return f"{moment.astimezone():%d %b %Y, %H:%M}" if moment else ""


def _zone(moment: datetime) -> str:
    return f"{moment.astimezone():%Z}"
