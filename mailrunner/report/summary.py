"""The numbers of a report, for the page, for JSON and for the terminal alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, NamedTuple

from mailrunner.clock import rfc3339
from mailrunner.model.delivery import Counts, State
from mailrunner.report.rates import EventCount, event_counts
from mailrunner.report.variants import VariantCount, variant_counts
from mailrunner.store import CampaignRecord
from mailrunner.store.report_numbers import AnsweredCount, DomainCount, InboundDay
from mailrunner.store.report_rows import Cause, Reading

NOT_SENT = (State.FAILED, State.IN_DOUBT, State.SUPPRESSED, State.SKIPPED)
_MOST_REASONS = 1_000  # all of them, but for a server that writes another sentence for every recipient
_MOST_DAYS = 60  # the ledger keeps an account's use for seventy
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The subject of a report.

    `subject`, `sender`, `planned` and `day_limit` are from the files as they are now; empty or None where
    these cannot be read.  `planned` is the end by limits and hours alone, `zone` that of the account.
    """

    campaign: str
    zone: tzinfo
    list_name: str = ""
    account: str = ""
    subject: str = ""
    sender: str = ""
    begun: datetime | None = None
    finished: datetime | None = None
    planned: datetime | None = None
    day_limit: int | None = None


class QuotaDay(NamedTuple):
    """One day of the account's zone: messages of this campaign, and of the account in all."""

    day: date
    campaign: int
    account: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All numbers of a campaign, of one instant."""

    heading: Heading
    counts: Counts
    reasons: Sequence[Cause]
    answered: Sequence[AnsweredCount]
    domains: Sequence[DomainCount]
    events: Sequence[EventCount]
    returned: Sequence[InboundDay]
    quota: Sequence[QuotaDay]
    variants: Sequence[VariantCount] = ()

    @classmethod
    def of(cls, reading: Reading, heading: Heading, record: CampaignRecord | None) -> Summary:
        """Read the numbers."""
        counts, numbers = reading.counts(), reading.numbers
        answered = numbers.answered()
        return cls(
            heading=heading,
            counts=counts,
            reasons=reading.causes(*NOT_SENT, most=_MOST_REASONS),
            answered=answered,
            domains=numbers.domains(),
            events=event_counts(reading.inbound_counts(), counts),
            returned=numbers.returned(),
            quota=_quota(reading, record, answered, heading.zone) if record and answered else (),
            variants=variant_counts(reading, record),
        )

    def as_json(self) -> dict[str, Any]:
        """The head of the JSON report; moments are RFC 3339 in UTC, shares in percent."""
        heading = self.heading
        return {
            "campaign": heading.campaign,
            "counts": self.counts.as_dict(),
            "total": self.counts.total,
            "list": heading.list_name,
            "account": heading.account,
            "subject": heading.subject,
            "from": heading.sender,
            "begun_at": rfc3339(heading.begun),
            "planned_finish_at": rfc3339(heading.planned),
            "finished_at": rfc3339(heading.finished),
            "reasons": [{"state": one.state.value, "reason": one.reason, "number": one.number}
                        for one in self.reasons],
            "over_time": [{"from": rfc3339(one.quarter), "state": one.state.value, "number": one.number}
                          for one in self.answered],
            "domains": [one._asdict() for one in self.domains],
            "events": [_event_json(one) for one in self.events],
            "events_by_day": [{"day": str(one.day.date()), "event": one.kind.value, "number": one.number}
                              for one in self.returned],
            "quota_by_day": [{"day": str(one.day), "campaign": one.campaign, "account": one.account,
                              "limit": heading.day_limit} for one in self.quota],
            "variants": [one.as_json() for one in self.variants],
        }  # fmt: skip


def _event_json(one: EventCount) -> dict[str, Any]:
    limit = one.limit
    return {
        "event": one.kind.value,
        "number": one.number,
        "percent": round(one.percent, 4),
        "notice_percent": limit.notice if limit else None,
        "act_percent": limit.act if limit else None,
    }


def _quota(
    reading: Reading, record: CampaignRecord, answered: Sequence[AnsweredCount], zone: tzinfo
) -> list[QuotaDay]:
    """The days on which the campaign was sent, the newest sixty of them."""
    last = answered[-1].quarter.astimezone(zone).date()
    first = max(answered[0].quarter.astimezone(zone).date(), last - _DAY * (_MOST_DAYS - 1))
    days = [first + _DAY * n for n in range((last - first).days + 1)]
    own = dict.fromkeys(days, 0)
    for one in answered:
        day = one.quarter.astimezone(zone).date()
        if day in own:
            own[day] += one.number
    midnights = [datetime.combine(day, time(), zone) for day in [*days, last + _DAY]]
    used = reading.numbers.account_use(record.account_no, midnights)
    return [QuotaDay(day, own[day], number) for day, number in zip(days, used, strict=True)]
