"""The report for a terminal: numbers and reasons on one screen."""

from __future__ import annotations

from collections.abc import Iterator

from mailrunner.model.number_and_noun import counted
from mailrunner.report.page import percent, reason_shown
from mailrunner.report.summary import Summary

_MOST_REASONS, _MOST_DOMAINS = 12, 8


def short_report(summary: Summary) -> Iterator[str]:
    """The lines, without one that has nothing to tell."""
    counts, campaign = summary.counts, summary.heading.campaign
    if not counts.total:
        yield f"{campaign}: nothing was sent yet. To begin: mailrunner run {campaign}"
        return
    yield f"{campaign}: {counts.sent:,} of {counted(counts.total, 'row')} of the list sent"
    for name, number in counts.as_dict().items():
        if number:
            yield f"  {number:>9,}  {name.replace('_', ' '):<11} {percent(number, counts.total):>7}"
    yield from _titled("Not sent", _reasons(summary))
    yield from _titled("Failed by domain", _domains(summary))
    yield from _titled("Reported after sending", _events(summary))
    yield from _titled("By variant", _variants(summary))
    yield ""
    yield f"The page:  mailrunner report {campaign} --out {campaign}.html"
    yield f"Every row: mailrunner report {campaign} --format csv"


def _titled(title: str, lines: Iterator[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield from ("", title, *found)


def _reasons(summary: Summary) -> Iterator[str]:
    for one in summary.reasons[:_MOST_REASONS]:
        yield f"  {one.number:>9,}  {reason_shown(one.reason) or one.state.value.replace('_', ' ')}"
    more = summary.reasons[_MOST_REASONS:]
    if more:
        yield f"  {sum(one.number for one in more):>9,}  {counted(len(more), 'other reason')}"


def _domains(summary: Summary) -> Iterator[str]:
    for one in [domain for domain in summary.domains if domain.failed][:_MOST_DOMAINS]:
        tried = one.sent + one.failed + one.in_doubt
        yield f"  {one.failed:>9,}  of {tried:,} to {one.domain}, {percent(one.failed, tried)}"


def _variants(summary: Summary) -> Iterator[str]:
    for one in summary.variants:
        counts = one.counts
        events = "".join(f", {number:,} {kind.replace('_', ' ')}" for kind, number in one.events.items())
        yield f"  {counts.sent:>9,}  of {counts.total:,} got {one.variant}, {counts.failed:,} failed{events}"


def _events(summary: Summary) -> Iterator[str]:
    for one in summary.events:
        limit = f"  ({one.limit.words})" if one.limit and one.level != "below" else ""
        yield f"  {one.number:>9,}  {one.label}, {percent(one.percent)}{limit}"
