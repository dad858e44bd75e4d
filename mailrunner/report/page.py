"""The report as one page to read, print or send to the board: no script, nothing from elsewhere."""

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

MOST_ROWS = 2_000  # a table; more would be neither read nor printed, and the other formats have them
_MOST_CAUSES = 12
_WORDS = {
    "sent": "sent",
    "failed": "failed",
    "in_doubt": "in doubt",
    "suppressed": "suppressed",
    "skipped": "skipped",
    "queued": "still to send",
    "in_flight": "being sent",
}
_CAME_BACK = {  # in a word, and what it means
    EventKind.BOUNCED: ("bounced", "taken by the server, and sent back later"),
    EventKind.REFUSED: ("refused later", "sent back for the sender's or the content's sake"),
    EventKind.SOFT_BOUNCED: ("not delivered this time", "a full mailbox, or a host that is away"),
    EventKind.COMPLAINED: ("complained", "marked it as spam"),
    EventKind.UNSUBSCRIBED: ("unsubscribed", "by its link, or by mail"),
}
_NOT_GOT = (State.FAILED, State.IN_DOUBT, State.SUPPRESSED, State.SKIPPED)
_OF_STATE = {State.CLAIMED: "in_flight", State.SENDING: "in_flight"}


class StateShare(NamedTuple):
    """One number of the summary: its key in `Counts`, its word, the number, its part of all in percent."""

    key: str
    word: str
    number: int
    percent: float


class CameBack(NamedTuple):
    """What came back: in a word, what it means, and after how many messages."""

    word: str
    meaning: str
    number: int


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above the numbers."""

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
        came_back=_came_back(reading.inbound_counts()),
        causes=reading.causes(*_NOT_GOT, most=_MOST_CAUSES),
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
        "back": _back,
        "word": _WORDS.get,
        "why": _why,
    }
    return environment.from_string(files(__package__).joinpath("page.html").read_text("utf-8"))


def _shares(counts: Counts) -> list[StateShare]:
    numbers = counts.as_dict()
    return [
        StateShare(key, word, numbers[key], 100 * numbers[key] / counts.total)
        for key, word in _WORDS.items()
        if numbers[key]
    ]


def _came_back(numbers: Mapping[EventKind, int]) -> list[CameBack]:
    return [CameBack(*words, numbers[kind]) for kind, words in _CAME_BACK.items() if numbers.get(kind)]


def _state(state: State) -> str:
    """The key of a state among the numbers of the summary."""
    return _OF_STATE.get(state, state.value)


def _why(reason: str) -> str:
    """A reason in words; the ledger keeps this one as a mark that programs look for."""
    return "no longer on the list" if reason == LEFT_LIST else reason


def _answer(row: ReportRow) -> str:
    """The server's own words, code first; nothing where the reason has said them."""
    if row.reply and row.reply in row.reason:
        return ""
    return " ".join(str(part) for part in (row.code, row.enhanced_code, row.reply) if part)


def _back(row: ReportRow) -> str:
    """What came back after it was sent, in a word; of a bounce the reason tells."""
    return (
        _CAME_BACK[EventKind(row.came_back)][0]
        if row.came_back not in ("", EventKind.BOUNCED, EventKind.REFUSED)
        else ""
    )


def _local(moment: datetime | None) -> str:
    return f"{moment.astimezone():%d %b %Y, %H:%M}" if moment else ""


def _zone(moment: datetime) -> str:
    return f"{moment.astimezone():%Z}"
