"""Charts as plain numbers: buckets of time, bars, and the sentence that tells what they show.

`charts.html` draws each as SVG, with the same numbers in a table: for the report and the dashboard.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from mailrunner.clock import rfc3339

_MOST_BARS, _FEWEST_BARS = 100, 16
_BUCKETS = (
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=7),
    timedelta(days=28),
)
_WORDS = ("quarter of an hour", "hour", "6 hours", "day", "week", "4 weeks")
WIDTH, HEIGHT = 720.0, 120.0


class ChartSeries(NamedTuple):
    """One kind of number in a chart: its label, and the class that gives its colour and pattern."""

    label: str
    style: str


class Bar(NamedTuple):
    """One part of a bar as a rectangle."""

    x: float
    y: float
    width: float
    height: float
    style: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Stacked bars over time: `values[i]` are the numbers of each of `series` at `moments[i]`."""

    title: str
    series: Sequence[ChartSeries]
    moments: Sequence[datetime]
    values: Sequence[Sequence[int]]
    bucket: str
    zone: tzinfo
    limit: int | None = None  # drawn as a line across the bars

    @property
    def highest(self) -> int:
        """The highest bar, or the limit where that is higher."""
        return max(*map(sum, self.values), self.limit or 0)

    @property
    def sentence(self) -> str:
        """What the chart shows, for those who do not see it."""
        totals = [sum(row[place] for row in self.values) for place in range(len(self.series))]
        told = ", ".join(f"{n:,} {one.label}" for n, one in zip(totals, self.series, strict=True))
        most = max(map(sum, self.values))
        limit = f"; the limit is {self.limit:,}" if self.limit else ""
        return f"{self.title}: {told}; at most {most:,} in {self.article} {self.bucket}{limit}"

    @property
    def article(self) -> str:
        """What stands before the words of the bucket: "a day", "an hour", but "6 hours"."""
        return {"hour": "an", "6 hours": "any", "4 weeks": "any"}.get(self.bucket, "a")

    @property
    def limit_at(self) -> float | None:
        """The height of the limit's line in the frame."""
        return HEIGHT * (1 - self.limit / self.highest) if self.limit else None

    @property
    def bars(self) -> Iterator[Bar]:
        """The rectangles, in a frame of 720 by 120."""
        step = WIDTH / len(self.values)
        scale = HEIGHT / (self.highest or 1)
        for place, row in enumerate(self.values):
            top = HEIGHT
            for number, one in zip(row, self.series, strict=True):
                if number:
                    height = max(number * scale, 1.5)
                    top = max(0.0, top - height)
                    title = f"{self.label(place)}: {number:,} {one.label}"
                    yield Bar(round(place * step, 2), round(top, 2), round(step * 0.84, 2), round(height, 2),
                              one.style, title)  # fmt: skip

    @property
    def rows(self) -> Iterator[tuple[str, str, Sequence[int]]]:
        """The table: moment in RFC 3339, its words, the numbers; times in which nothing was are left out."""
        for place, row in enumerate(self.values):
            if any(row):
                yield rfc3339(self.moments[place]) or "", self.label(place), row

    def label(self, place: int) -> str:
        """The words of a moment, in the zone of the chart where the bucket is less than a day."""
        moment = self.moments[place]
        if self.bucket in ("day", "week", "4 weeks"):
            return f"{moment:%a %d %b %Y}"  # a day of the zone that it was counted in
        return f"{moment.astimezone(self.zone):%a %d %b %H:%M}"


def over_time(
    title: str,
    series: Sequence[ChartSeries],
    points: Iterable[tuple[datetime, int, int]],
    *,
    zone: tzinfo,
    least: timedelta = _BUCKETS[0],
) -> Chart | None:
    """A chart of points (moment, place in `series`, number), in at most a hundred bars; None for none."""
    found = list(points)
    if not found:
        return None
    first, last = min(point[0] for point in found), max(point[0] for point in found)
    bucket, word = next(
        ((size, word) for size, word in zip(_BUCKETS, _WORDS, strict=True)
         if size >= least and (last - first) / size < _MOST_BARS),
        (_BUCKETS[-1], _WORDS[-1]),
    )  # fmt: skip
    start = _floor(first, bucket)
    rows: dict[int, list[int]] = defaultdict(lambda: [0] * len(series))
    for moment, place, number in found:
        rows[(moment - start) // bucket][place] += number
    newest = max(rows)
    shown = range(newest - min(max(newest + 1, _FEWEST_BARS), _MOST_BARS) + 1, newest + 1)
    return Chart(
        title=title,
        series=series,
        moments=[start + bucket * n for n in shown],
        values=[rows[n] if n in rows else [0] * len(series) for n in shown],
        bucket=word,
        zone=zone,
    )


def _floor(moment: datetime, bucket: timedelta) -> datetime:
    since = moment - moment.replace(hour=0, minute=0, second=0, microsecond=0)
    day = moment - since
    return day if bucket >= timedelta(days=1) else day + since // bucket * bucket
