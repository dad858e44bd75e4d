"""The report as one HTML page to read, print or send to the board: no script, nothing fetched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from importlib.resources import files
from typing import Any, NamedTuple, TextIO

from mailrunner.model.delivery import Counts, State
from mailrunner.model.inbound_event import EventKind
from mailrunner.model.number_and_noun import counted
from mailrunner.report.charts import Chart, ChartSeries, over_time
from mailrunner.report.message_kinds import MessageKinds
from mailrunner.report.rates import LABELS
from mailrunner.report.summary import Summary
from mailrunner.store.report_numbers import DomainCount
from mailrunner.store.report_rows import Reading, ReportRow
from mailrunner.store.snapshot import LEFT_LIST

MOST_ROWS = 2_000  # of each table; the other formats have all rows
_MOST_CAUSES, _MOST_DOMAINS = 50, 15
_LABELS = {
    "sent": "sent",
    "failed": "failed",
    "in_doubt": "in doubt",
    "suppressed": "suppressed",
    "skipped": "skipped",
    "queued": "still to send",
    "in_flight": "being sent",
}
_OF_STATE = {State.CLAIMED: "in_flight", State.SENDING: "in_flight"}
_TRIED = (ChartSeries("sent", "sent"), ChartSeries("failed", "failed"), ChartSeries("in doubt", "in_doubt"))
_TRIED_PLACES = {State.SENT: 0, State.FAILED: 1, State.IN_DOUBT: 2}
_REPORTED = (
    ChartSeries("unsubscribed", "suppressed"),
    ChartSeries("bounced", "failed"),
    ChartSeries("complained", "in_doubt"),
)
_REPORTED_PLACES = {
    EventKind.UNSUBSCRIBED: 0,
    EventKind.BOUNCED: 1,
    EventKind.REFUSED: 1,
    EventKind.COMPLAINED: 2,
}
_USED = (ChartSeries("this campaign", "sent"), ChartSeries("others of the account", "queued"))


class StateShare(NamedTuple):
    """One number of the summary: its key in `Counts`, its label, the number, its share in percent."""

    key: str
    label: str
    number: int
    percent: float


def write_page(
    reading: Reading, out: TextIO, *, summary: Summary, now: datetime, kinds: MessageKinds | None = None
) -> None:
    """Write the page.  Times are in this machine's time zone."""
    counts = summary.counts
    template = _template()
    for piece in template.generate(
        heading=summary.heading,
        now=now,
        counts=counts,
        shares=_shares(counts),
        plan=_plan(summary),
        charts=[chart for chart in _charts(summary, now.astimezone().tzinfo or UTC) if chart],
        kinds=kinds,
        reported=summary.events,
        variants=summary.variants,
        causes=summary.reasons[:_MOST_CAUSES],
        other_causes=summary.reasons[_MOST_CAUSES:],
        domains=summary.domains[:_MOST_DOMAINS],
        other_domains=_together(summary.domains[_MOST_DOMAINS:]),
        failed=reading.rows(State.FAILED, most=MOST_ROWS),
        in_doubt=reading.rows(State.IN_DOUBT, most=MOST_ROWS),
        rows=reading.rows(most=MOST_ROWS),
        most=MOST_ROWS,
    ):
        out.write(piece)


def _template() -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    # Blocks are trimmed so that a table of 2,000 rows is not mostly blank lines.
    environment = Environment(
        loader=FunctionLoader(lambda name: files(__package__).joinpath(name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "local": _local,
        "zone": _zone,
        "state": _state,
        "answer": _answer,
        "event": _event,
        "label": _LABELS.get,
        "why": reason_shown,
        "n": "{:,}".format,
        "percent": percent,
        "counted": lambda number, one, several="": counted(number, one, several),
    }
    return environment.get_template("page.html")


def _shares(counts: Counts) -> list[StateShare]:
    numbers = counts.as_dict()
    return [
        StateShare(key, label, numbers[key], 100 * numbers[key] / counts.total)
        for key, label in _LABELS.items()
        if numbers[key]
    ]


def _plan(summary: Summary) -> str:
    """The planned end beside the real one, as a sentence; "" where either is not known."""
    planned, ended = summary.heading.planned, summary.heading.finished
    if planned is None:
        return ""
    told = f"By its limits and sending hours alone it would have ended {_local(planned)}"
    if ended is None:
        return f"{told}; it has not ended yet."
    late = ended - planned
    if abs(late) < timedelta(minutes=1):
        return f"{told}, and so it did."
    return f"{told}; it ended {_duration(abs(late))} {'later' if late > timedelta() else 'earlier'}."


def _duration(time: timedelta) -> str:
    minutes = round(time.total_seconds() / 60)
    if minutes < 120:
        return counted(minutes, "minute")
    return counted(round(minutes / 60), "hour") if minutes < 48 * 60 else counted(time.days, "day")


def _charts(summary: Summary, zone: tzinfo) -> list[Chart | None]:
    tried = [(one.quarter, _TRIED_PLACES[one.state], one.number) for one in summary.answered]
    back = [
        (one.day, _REPORTED_PLACES[one.kind], one.number)
        for one in summary.returned
        if one.kind in _REPORTED_PLACES
    ]
    return [
        over_time("Sent over time", _TRIED, tried, zone=zone),
        _quota(summary),
        over_time("Bounces, complaints, unsubscribes", _REPORTED, back, zone=zone, least=timedelta(days=1)),
    ]


def _quota(summary: Summary) -> Chart | None:
    """What the account sent by day, of which this campaign is a part."""
    if not summary.quota:
        return None
    zone = summary.heading.zone
    return Chart(
        title=f"Quota of {summary.heading.account} by day, {zone}",
        series=_USED,
        moments=[datetime(one.day.year, one.day.month, one.day.day, tzinfo=zone) for one in summary.quota],
        values=[(one.campaign, max(one.account - one.campaign, 0)) for one in summary.quota],
        bucket="day",
        zone=zone,
        limit=summary.heading.day_limit,
    )


def _together(domains: Sequence[DomainCount]) -> DomainCount | None:
    """Many domains as one line; None for none."""
    if not domains:
        return None
    sums: Counter[str] = Counter()
    for one in domains:
        sums.update(number=one.number, sent=one.sent, failed=one.failed, in_doubt=one.in_doubt)
    return DomainCount(counted(len(domains), "other domain"), **{k: sums[k] for k in DomainCount._fields[1:]})


def percent(part: float, whole: float = 100.0) -> str:
    """A share with as many digits as tell something: "0.04 %", "12.5 %"."""
    value = 100 * part / whole if whole else 0.0
    return f"{value:.2f} %" if 0 < value < 1 else f"{value:.1f} %"


def _state(state: State) -> str:
    """The key of a state among the numbers of the summary."""
    return _OF_STATE.get(state, state.value)


def reason_shown(reason: str) -> str:
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
        LABELS[EventKind(row.came_back)][0]
        if row.came_back not in ("", EventKind.BOUNCED, EventKind.REFUSED)
        else ""
    )


def _local(moment: datetime | None) -> str:
    return f"{moment.astimezone():%d %b %Y, %H:%M}" if moment else ""


def _zone(moment: datetime) -> str:
    return f"{moment.astimezone():%Z}"
